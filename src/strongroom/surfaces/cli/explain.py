"""explain: what each error code means, why it happens and what to do about it."""

from typing import NamedTuple

from strongroom.base.errors import NINE, NotFound

from .commands import Invocation
from .front import suggest
from .terminal import Screen, wrap


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
        "usage.loop",
        "Symbolic links in the path lead in a circle, or through more than forty links.",
        "Follow them one by one with `guestkit stat`.",
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
        "An image says that the image behind it has a format that is not known here.",
        "Convert it with `qemu-img convert`; docs/roadmap.md lists the formats that will come.",
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
        "unsupported.ext.encrypt",
        "The directory or file is encrypted with fscrypt by the guest. Its key is in the session of"
        " a user of the guest, never on the disk.",
        "Read it in the running guest.",
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
        "conflict",
        "Someone else changed it first, or it exists already.",
        "Look at what is there now, then decide again.",
    ),
    Explanation(
        "exhausted",
        "A limit that protects this machine was reached: a size, a depth, a number.",
        "Ask for less, or for a part of it; the message names the limit.",
    ),
    Explanation(
        "exhausted.memory",
        "The process was given no more memory.",
        "Ask for less at once, or free memory.",
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
)


def explain(invocation: Invocation) -> int:
    """Write the explanation of one code or exit status, or the list of all codes."""
    screen = invocation.screen
    if not invocation.words:
        for known in TABLE:
            invocation.write(f"{known.code}\n")
        return 0
    code = invocation.words[0]
    entry = lookup(code)
    if entry is None:
        raise NotFound(
            f"there is no code {code!r}", hint=suggest(code, [e.code for e in TABLE]), reason="code"
        )
    invocation.write(_page(code, entry, screen))
    return 0


def lookup(code: str) -> Explanation | None:
    """Return the most exact explanation of a code, a `problem.` rule or an exit status."""
    if code.isascii() and code.isdigit():
        names = [error.name for error in NINE if error.exit_status == int(code)]
        code = names[0] if names else code
    words = code.removeprefix("problem.").split(".")
    while words:
        for entry in TABLE:
            if _matches(entry.code.split("."), words):
                return entry
        words.pop()
    return None


def _matches(pattern: list[str], words: list[str]) -> bool:
    return len(pattern) == len(words) and all(
        p in ("*", word) for p, word in zip(pattern, words, strict=True)
    )


def _page(code: str, entry: Explanation, screen: Screen) -> str:
    kind = next(error for error in NINE if error.name == entry.code.partition(".")[0])
    title = kind.name if code.isdigit() else code
    lines = [
        screen.paint("bold", screen.clean(title)) + f"  exit status {kind.exit_status}",
        "",
        *wrap(entry.cause, screen.width),
        "",
        *wrap(entry.way_out, screen.width),
    ]
    return "\n".join(lines) + "\n"
