"""Recipes: root file systems of small guests as trees, and as folders that mke2fs -d can take.

Each is what its distribution writes, cut down to what inspection reads. Programs are no more than
the header that says their machine. `debian` has every fault that an analyzer warns of.
"""

import sqlite3
import struct
from collections.abc import Mapping
from pathlib import Path

from strongroom.apps.guest.guest import Guest
from strongroom.base.limits import DEFAULT_LIMITS, Limits
from strongroom.base.locator import Locator
from strongroom.base.tree import Node, Virtual

MACHINE_ID = "0123456789abcdef0123456789abcdef"
ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIGr1vWnGmAqJxQ1yYpWc0FZyv0q8gUQXn3m8b7r0xkD"
"""A public key of the right form; nobody has its private half."""

X86_64, AARCH64 = 62, 183
"""e_machine of the ELF header."""


def program(machine: int = X86_64) -> Node:
    """Return an executable that is nothing but its 64-bit little-endian ELF header."""
    ident = b"\x7fELF\2\1\1" + bytes(9)
    return Node(ident + struct.pack("<HHI", 3, machine, 1) + bytes(40), mode=0o755)


def kernel(release: str) -> Node:
    """Return an x86 kernel image that is nothing but its setup header and its release."""
    image = bytearray(4096)
    image[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", image, 0x20E, 0x400)
    image[0x600:0x700] = f"{release} (builder) #1 SMP".encode().ljust(0x100, b"\0")
    return Node(bytes(image))


def text(content: str, mode: int = 0o644) -> Node:
    """Return a text file."""
    return Node(content.encode("utf-8", "surrogateescape"), mode=mode)


def link(target: str) -> Node:
    """Return a symbolic link."""
    return Node(target=target, mode=0o777)


def debian() -> dict[str, Node]:
    """Return a Debian 12 with merged /usr: dpkg, systemd, ifupdown, GRUB, and careless accounts."""
    return {
        **_merged_usr(),
        **_debian_accounts(),
        **_debian_ssh(),
        **_debian_services(),
        **_debian_boot(),
        "/etc/os-release": link("../usr/lib/os-release"),
        "/usr/lib/os-release": text(
            'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\n'
            'VERSION_ID="12"\nVERSION="12 (bookworm)"\nVERSION_CODENAME=bookworm\nID=debian\n'
        ),
        "/etc/debian_version": text("12.7\n"),
        "/etc/hostname": text("web1\n"),
        "/etc/machine-id": text(f"{MACHINE_ID}\n"),
        "/var/lib/dpkg/arch": text("amd64\n"),
        "/var/lib/dpkg/status": text(
            _dpkg("adduser", "3.134", "all")
            + _dpkg("libssl3", "3.0.15-1~deb12u1", "amd64", source="openssl")
            + _dpkg("old-tool", "1:2-3", "amd64", status="deinstall ok config-files")
        ),
        "/etc/network/interfaces": text(
            "source /etc/network/interfaces.d/*\nauto lo\niface lo inet loopback\n"
        ),
        "/etc/network/interfaces.d/ens3": text(
            "allow-hotplug ens3\niface ens3 inet static\n    address 192.0.2.10/24\n"
            "    gateway 192.0.2.1\n    dns-nameservers 192.0.2.53\n"
            "iface ens3 inet6 static\n    address 2001:db8::10/64\n"
        ),
        "/etc/resolv.conf": text("search example.org\nnameserver 192.0.2.53\n"),
        "/etc/crontab": text(
            "SHELL=/bin/sh\n17 *\t* * *\troot\tcd / && run-parts /etc/cron.hourly\n"
        ),
        "/etc/cron.d/e2scrub": text("30 3 * * 0 root /sbin/e2scrub_all\n"),
        "/etc/cron.daily/logrotate": text("#!/bin/sh\n", mode=0o755),
        "/etc/cron.daily/.placeholder": text(""),
        "/var/spool/cron/crontabs/ada": text("@daily backup --all\n", mode=0o600),
        "/etc/timezone": text("Europe/Berlin\n"),
        "/etc/localtime": link("/usr/share/zoneinfo/Europe/Berlin"),
        "/etc/default/locale": text('LANG="de_DE.UTF-8"\nLC_TIME=C.UTF-8\n'),
        "/etc/default/keyboard": text('XKBMODEL="pc105"\nXKBLAYOUT="de"\n'),
        "/etc/adjtime": text("0.0 0 0.0\n0\nUTC\n"),
    }


def _merged_usr() -> dict[str, Node]:
    links = {f"/{name}": link(f"usr/{name}") for name in ("bin", "sbin", "lib")}
    return {**links, "/usr/bin/dash": program(), "/usr/bin/sh": link("dash")}


def _dpkg(
    name: str, version: str, arch: str, *, source: str = "", status: str = "install ok installed"
) -> str:
    return (
        f"Package: {name}\nStatus: {status}\nPriority: optional\nSection: admin\n"
        f"Installed-Size: 686\nMaintainer: Someone <someone@example.org>\nArchitecture: {arch}\n"
        + (f"Source: {source}\n" if source else "")
        + f"Version: {version}\nDescription: a package\n It has a longer text.\n\n"
    )


def _debian_accounts() -> dict[str, Node]:
    return {
        "/etc/passwd": text(
            "root:x:0:0:root:/root:/bin/bash\n"
            "daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n"
            "ada:x:1000:1000:Ada,,,:/home/ada:/bin/bash\n"
            "eve:x:1001:1001::/home/eve:/bin/sh\n"
            "toor:x:0:0:also root:/root:/bin/sh\n"
        ),
        "/etc/shadow": text(
            "root:*:19500:0:99999:7:::\n"
            "daemon:*:19500:0:99999:7:::\n"
            "ada:$y$j9T$saltsaltsalt$hashhashhash:19600:0:99999:7::20000:\n"
            "eve::19500:0:99999:7:::\n"
            "toor:!$1$salt$hashhashhash:19500:0:99999:7:::\n",
            mode=0o640,
        ),
        "/etc/group": text("root:x:0:\nsudo:x:27:ada\nada:x:1000:\neve:x:1001:\n"),
        "/etc/sudoers": text(
            "Defaults\tenv_reset\nroot\tALL=(ALL:ALL) ALL\n%sudo\tALL=(ALL:ALL) ALL\n"
            "@includedir /etc/sudoers.d\n",
            mode=0o440,
        ),
        "/etc/sudoers.d/90-eve": text("eve ALL=(ALL) NOPASSWD:ALL\n", mode=0o440),
        "/etc/sudoers.d/README": text("# a comment\n", mode=0o440),
        "/home/ada/.ssh/authorized_keys": text(f'from="192.0.2.*" {ED25519} ada@laptop\n', 0o600),
    }


def _debian_ssh() -> dict[str, Node]:
    return {
        "/etc/ssh/sshd_config": text(
            "Include /etc/ssh/sshd_config.d/*.conf\nPermitRootLogin no\nUsePAM yes\n"
            "Match User git\n    PasswordAuthentication no\n"
        ),
        "/etc/ssh/sshd_config.d/50-root.conf": text("PermitRootLogin yes\n"),
        "/etc/ssh/ssh_host_ed25519_key.pub": text(f"{ED25519} root@web1\n"),
    }


def _debian_services() -> dict[str, Node]:
    units, etc = "/usr/lib/systemd/system", "/etc/systemd/system"
    install = "[Install]\nWantedBy=multi-user.target\n"
    return {
        f"{units}/ssh.service": text(
            "[Unit]\nDescription=OpenBSD Secure Shell server\n[Service]\n"
            f"ExecStart=/usr/sbin/sshd -D $SSHD_OPTS\n{install}Alias=sshd.service\n"
        ),
        f"{etc}/sshd.service": link("/lib/systemd/system/ssh.service"),
        f"{etc}/multi-user.target.wants/ssh.service": link("/lib/systemd/system/ssh.service"),
        f"{etc}/ssh.service.d/user.conf": text("[Service]\nUser=sshd\n"),
        f"{units}/backup.timer": text(
            "[Timer]\nOnCalendar=*-*-* 02:00\nOnBootSec=5min\n[Install]\nWantedBy=timers.target\n"
        ),
        f"{units}/backup.service": text("[Service]\nExecStart=-/usr/bin/backup\n"),
        f"{etc}/timers.target.wants/backup.timer": link("/lib/systemd/system/backup.timer"),
        f"{units}/echo.socket": text(
            "[Socket]\nListenStream=7\nAccept=yes\n[Install]\nWantedBy=sockets.target\n"
        ),
        f"{units}/getty@.service": text(
            "[Service]\nExecStart=/sbin/agetty %I\n[Install]\nWantedBy=getty.target\n"
            "DefaultInstance=tty1\n"
        ),
        f"{etc}/getty.target.wants/getty@tty1.service": link("/lib/systemd/system/getty@.service"),
        f"{etc}/apport.service": link("/dev/null"),
        f"{etc}/multi-user.target.wants/gone.service": link("/lib/systemd/system/gone.service"),
        "/etc/init.d/legacy": text(
            "#!/bin/sh\n### BEGIN INIT INFO\n# Short-Description: An old daemon\n"
            "### END INIT INFO\n",
            mode=0o755,
        ),
        "/etc/rc2.d/S01legacy": link("../init.d/legacy"),
        "/etc/init.d/ssh": text("#!/bin/sh\n", mode=0o755),
    }


def _debian_boot() -> dict[str, Node]:
    release = "6.1.0-26-amd64"
    return {
        f"/boot/vmlinuz-{release}": kernel(release),
        f"/boot/initrd.img-{release}": Node(b"initrd"),
        "/vmlinuz": link(f"boot/vmlinuz-{release}"),
        f"/usr/lib/modules/{release}/modules.dep": text(""),
        "/usr/lib/modules/6.1.0-20-amd64/modules.dep": text(""),
        "/boot/grub/grub.cfg": text(
            'set default="0"\nset timeout=5\n'
            "menuentry 'Debian GNU/Linux' $menuentry_id_option 'gnulinux-simple' {\n"
            f"\tlinux\t/boot/vmlinuz-{release} root=UUID=1234 ro quiet\n"
            f"\tinitrd\t/boot/initrd.img-{release}\n}}\n"
        ),
        "/etc/fstab": text(
            "# <file system> <mount point> <type> <options> <dump> <pass>\n"
            "/dev/vda1 / ext4 errors=remount-ro 0 1\nUUID=5678 none swap sw 0 0\nbroken\n"
        ),
    }


def alpine() -> dict[str, Node]:
    """Return an Alpine Linux: apk, OpenRC, BusyBox cron, extlinux, doas."""
    return {
        "/bin/busybox": program(AARCH64),
        "/bin/sh": link("/bin/busybox"),
        "/etc/os-release": text(
            'NAME="Alpine Linux"\nID=alpine\nVERSION_ID=3.20.3\nPRETTY_NAME="Alpine Linux v3.20"\n'
        ),
        "/etc/alpine-release": text("3.20.3\n"),
        "/etc/hostname": text("localhost\n"),
        "/lib/apk/db/installed": text(
            "C:Q1abc=\nP:musl\nV:1.2.5-r0\nA:aarch64\nS:400000\nI:650000\nT:the musl c library\n"
            "U:https://musl.libc.org/\nL:MIT\no:musl\nm:Someone <s@example.org>\nF:lib\nR:a\n\n"
            "C:Q1def=\nP:busybox-binsh\nV:1.36.1-r29\nA:aarch64\nI:8192\no:busybox\n\n"
        ),
        "/etc/passwd": text(
            "root:x:0:0:root:/root:/bin/ash\nada:x:1000:1000::/home/ada:/bin/ash\n"
        ),
        "/etc/shadow": text("root:::0:::::\nada:!:19600:0:99999:7:::\n", mode=0o640),
        "/etc/group": text("root:x:0:root\nwheel:x:10:root,ada\nada:x:1000:\n"),
        "/etc/doas.d/wheel.conf": text("permit persist :wheel\n"),
        "/etc/init.d/sshd": text(
            '#!/sbin/openrc-run\ndescription="OpenBSD Secure Shell server"\n'
            'command="/usr/sbin/sshd"\ncommand_args="-D"\n',
            mode=0o755,
        ),
        "/etc/init.d/chronyd": text("#!/sbin/openrc-run\ncommand=/usr/sbin/chronyd\n", mode=0o755),
        "/etc/init.d/functions.sh": link("/lib/rc/sh/functions.sh"),
        "/etc/runlevels/default/sshd": link("/etc/init.d/sshd"),
        "/etc/runlevels/boot/gone": link("/etc/init.d/gone"),
        "/etc/network/interfaces": text(
            "auto lo\niface lo inet loopback\n\nauto eth0\niface eth0 inet dhcp\n"
        ),
        "/etc/crontabs/root": text("0 2 * * * run-parts /etc/periodic/daily\n", mode=0o600),
        "/etc/periodic/daily/clean": text("#!/bin/sh\n", mode=0o755),
        "/boot/vmlinuz-virt": kernel("6.6.56-0-virt"),
        "/boot/initramfs-virt": Node(b"initramfs"),
        "/lib/modules/6.6.56-0-virt/modules.dep": text(""),
        "/boot/extlinux.conf": text(
            "DEFAULT virt\nTIMEOUT 10\nLABEL virt\n  MENU LABEL Linux virt\n  LINUX vmlinuz-virt\n"
            "  INITRD initramfs-virt\n  APPEND root=UUID=1 modules=ext4 quiet\n"
        ),
        "/etc/fstab": text("UUID=1\t/\text4\trw,relatime\t0 1\n"),
        "/etc/localtime": Node(b"TZif2" + bytes(40) + b"\nCET-1CEST,M3.5.0,M10.5.0/3\n"),
        "/etc/profile.d/locale.sh": text("export LANG=C.UTF-8\n"),
    }


def fedora() -> dict[str, Node]:
    """Return a Fedora: rpm in SQLite form, NetworkManager, Boot Loader Specification entries."""
    release = "6.8.5-301.fc40.x86_64"
    machine = f"{MACHINE_ID}-{release}"
    return {
        **_merged_usr(),
        "/etc/os-release": link("../usr/lib/os-release"),
        "/usr/lib/os-release": text(
            'NAME="Fedora Linux"\nVERSION="40 (Server Edition)"\nID=fedora\nVERSION_ID=40\n'
            'PRETTY_NAME="Fedora Linux 40 (Server Edition)"\nVARIANT_ID=server\n'
            "SUPPORT_END=2025-05-13\n"
        ),
        "/etc/hostname": text("fedora.example.org\n"),
        "/etc/machine-id": text("uninitialized\n"),
        "/var/lib/rpm": link("../../usr/lib/sysimage/rpm"),
        "/usr/lib/sysimage/rpm/rpmdb.sqlite": Node(
            rpm_database(
                {"name": "bash", "version": "5.2.26", "release": "3.fc40", "arch": "x86_64"},
                {
                    "name": "vim",
                    "version": "9.1",
                    "release": "1.fc40",
                    "arch": "x86_64",
                    "epoch": 2,
                },
                {"name": "gpg-pubkey", "version": "a15b79cc", "release": "63d04c2c"},
            )
        ),
        "/etc/passwd": text("root:x:0:0:Super User:/root:/bin/bash\n"),
        "/etc/group": text("root:x:0:\nwheel:x:10:\n"),
        "/etc/sudoers": text("User_Alias ADMINS = %wheel\nADMINS ALL=(ALL) ALL\n", mode=0o440),
        "/etc/NetworkManager/system-connections/ens3.nmconnection": text(
            "[connection]\nid=ens3\ntype=ethernet\ninterface-name=ens3\n\n[ipv4]\n"
            "address1=192.0.2.20/24,192.0.2.1\ndns=192.0.2.53;\nmethod=manual\n\n[ipv6]\n"
            "method=auto\n",
            mode=0o600,
        ),
        "/boot/grub2/grub.cfg": text('set default="${saved_entry}"\nset timeout=1\nblscfg\n'),
        "/boot/grub2/grubenv": text(f"# GRUB Environment Block\nsaved_entry={machine}\n####"),
        f"/boot/loader/entries/{machine}.conf": text(
            f"title Fedora Linux ({release})\nversion {release}\nlinux /vmlinuz-{release}\n"
            f"initrd /initramfs-{release}.img\noptions root=UUID=9 ro rhgb\n"
        ),
        f"/boot/vmlinuz-{release}": kernel(release),
        f"/boot/initramfs-{release}.img": Node(b"initramfs"),
        f"/usr/lib/modules/{release}/modules.dep": text(""),
        "/etc/fstab": text("UUID=9 / xfs defaults 0 0\n"),
        "/etc/locale.conf": text('LANG="en_US.UTF-8"\n'),
        "/etc/vconsole.conf": text('KEYMAP="us"\n'),
        "/etc/localtime": link("../usr/share/zoneinfo/America/New_York"),
    }


def arch() -> dict[str, Node]:
    """Return an Arch Linux: pacman, systemd-networkd, systemd-boot; a rolling release."""
    local = "/var/lib/pacman/local"
    return {
        **_merged_usr(),
        "/etc/os-release": text('NAME="Arch Linux"\nPRETTY_NAME="Arch Linux"\nID=arch\n'),
        "/etc/hostname": text("arch\n"),
        f"{local}/ALPM_DB_VERSION": text("9\n"),
        f"{local}/linux-6.11.5.arch1-1/desc": text(
            "%NAME%\nlinux\n\n%VERSION%\n6.11.5.arch1-1\n\n%BASE%\nlinux\n\n%ARCH%\nx86_64\n\n"
            "%INSTALLDATE%\n1730000000\n\n%SIZE%\n140000000\n\n%LICENSE%\nGPL-2.0-only\n\n"
        ),
        f"{local}/broken-1-1/desc": text("%NAME%\nbroken\n"),
        "/etc/passwd": text("root:x:0:0::/root:/usr/bin/bash\n"),
        "/etc/shadow": text("root::19000::::::\n", mode=0o600),
        "/etc/systemd/network/20-wired.network": text(
            "[Match]\nName=en*\n\n[Network]\nDHCP=yes\nDNS=192.0.2.53\n"
        ),
        "/boot/loader/loader.conf": text("default arch.conf\ntimeout 3\n"),
        "/boot/loader/entries/arch.conf": text(
            "title Arch Linux\nlinux /vmlinuz-linux\ninitrd /initramfs-linux.img\n"
            "options root=PARTUUID=7 rw\n"
        ),
        "/boot/vmlinuz-linux": kernel("6.11.5-arch1-1"),
        "/boot/initramfs-linux.img": Node(b"initramfs"),
        "/usr/lib/modules/6.11.5-arch1-1/modules.dep": text(""),
        "/etc/fstab": text("PARTUUID=7 / ext4 rw,relatime 0 1\n"),
    }


GUESTS = {"debian": debian, "alpine": alpine, "fedora": fedora, "arch": arch}
"""The recipes by name."""


def in_memory(
    nodes: Mapping[str, Node] | Mapping[str, Node | bytes], limits: Limits = DEFAULT_LIMITS
) -> Guest:
    """Return a Guest whose tree is in memory; its addresses have the origin "guest"."""
    tree = Virtual(dict(nodes))
    return Guest(tree, lambda path: Locator("guest", (path,)), limits)


def write_folder(nodes: Mapping[str, Node], root: Path) -> Path:
    """Write a guest below a new folder, for mke2fs -d, and return it; owners are left out."""
    root.mkdir(parents=True)
    for path, node in nodes.items():
        target = root / path.lstrip("/")
        if node.target is not None:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(node.target)
    for path, node in nodes.items():
        target = root / path.lstrip("/")
        if isinstance(node.content, bytes):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(node.content)
            target.chmod(node.mode)
    return root


_RPM_TAGS = {"name": 1000, "version": 1001, "release": 1002, "epoch": 1003, "arch": 1022}
_RPM_INT32, _RPM_STRING = 4, 6


def rpm_database(*packages: Mapping[str, str | int]) -> bytes:
    """Return an rpmdb.sqlite with a header for each package: the tables that rpm 4.18 reads."""
    with sqlite3.connect(":memory:") as connection:
        connection.execute(
            "CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)"
        )
        for package in packages:
            connection.execute("INSERT INTO Packages (blob) VALUES (?)", (rpm_header(package),))
        connection.commit()
        content = connection.serialize()
    connection.close()
    return content


def rpm_header(values: Mapping[str, str | int]) -> bytes:
    """Return an rpm header with a tag for each value, as a database stores it."""
    index, data = [], b""
    for name, value in values.items():
        if isinstance(value, int):
            data += bytes(-len(data) % 4)
            index.append((_RPM_TAGS[name], _RPM_INT32, len(data), 1))
            data += struct.pack(">I", value)
        else:
            index.append((_RPM_TAGS[name], _RPM_STRING, len(data), 1))
            data += value.encode() + b"\0"
    entries = b"".join(struct.pack(">iIiI", *entry) for entry in index)
    return struct.pack(">II", len(index), len(data)) + entries + data
