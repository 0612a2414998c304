"""A host folder with every kind of name, to compare our reading of it with that of other tools."""

import os
import socket
import stat
from pathlib import Path

STAMP_S = 1_700_000_000
"""The oldest time of change in the folder, 2023-11-14T22:13:20Z; each name is a second younger."""


def make_folder(root: Path) -> Path:
    """Fill a new folder `root` and return it: text, binary, sparse and empty files, hard links,
    symbolic links that lead inside, outside, nowhere and in a circle, odd names, odd modes; as
    root also devices and other owners.
    """
    root.mkdir(parents=True)
    _files(root)
    _links(root)
    _special(root)
    _modes(root)
    _times(root)
    return root


def _files(root: Path) -> None:
    for name in ("etc", "empty", "home/a/b/c", "logs", ".hidden/inside", "same"):
        (root / name).mkdir(parents=True)
    (root / "etc/hostname").write_text("sandbox\n")
    (root / "etc/passwd").write_text(
        "root:x:0:0:root:/root:/bin/sh\nagent:x:1000:1000::/home/agent:/bin/sh\n"
    )
    (root / "etc/.secret").write_text("hidden\n")
    (root / "empty-file").write_bytes(b"")
    (root / "no-newline").write_bytes(b"first\nsecond\nlast without end")
    (root / "logs/app.log").write_text("".join(f"{n} line of the log\n" for n in range(20_000)))
    (root / "binary").write_bytes(bytes(range(256)) * 300 + b"\0\0plain text inside\0" * 20)
    (root / "wide").write_bytes("Windows text, Größe".encode("utf-16le") + b"\xff\xff\x01")
    (root / "zeros").write_bytes(bytes(100_000))
    (root / "home/a/b/c/deep.txt").write_text("deep\n")
    for name in ("one", "two", "three"):
        (root / "same" / name).write_bytes(b"the same bytes " * 1000)
    (root / "same/near").write_bytes(b"the same bytes " * 999 + b"the other byte ")
    with (root / "sparse").open("wb") as file:
        file.write(b"begin")
        file.seek(8 << 20)
        file.write(b"middle")
        file.truncate(32 << 20)
    for odd in (b"name with space", b"line\nfeed", b"not-utf8-\xff\xfe", b"-dash", "ü".encode()):
        with open(os.fsencode(root / "home") + b"/" + odd, "wb") as out:
            out.write(b"odd name " + odd)


def _links(root: Path) -> None:
    os.link(root / "etc/hostname", root / "etc/hostname.hard")
    os.link(root / "etc/hostname", root / "home/hostname.hard")
    for name, target in (
        ("to-file", "etc/hostname"),
        ("to-dir", "etc"),
        ("absolute", "/etc/passwd"),
        ("dangling", "nowhere/at/all"),
        ("circle", "circle"),
        ("outside", "../../../../../../etc"),
    ):
        (root / name).symlink_to(target)
    (root / "home/up").symlink_to("../etc/passwd")
    os.symlink(b"odd-\xff", os.fsencode(root / "odd-target"))


def _special(root: Path) -> None:
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        here = os.open(".", os.O_RDONLY)
        os.chdir(root)  # the path of a socket has at most 107 bytes
        try:
            server.bind("socket")
        finally:
            os.fchdir(here)
            os.close(here)
    if os.geteuid() == 0:
        os.mknod(root / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
        os.mknod(root / "disk", stat.S_IFBLK | 0o660, os.makedev(8, 17))
        os.chown(root / "home/a", 1000, 1000)
        os.chown(root / "etc/passwd", 1000, 100)


def _modes(root: Path) -> None:
    (root / "etc/passwd").chmod(0o640)
    (root / "binary").chmod(0o4755)
    (root / "same").chmod(0o1777)
    (root / "same/one").chmod(0o2755)
    (root / "same/two").chmod(0o444)
    (root / "home/a").chmod(0o750)


def _times(root: Path) -> None:
    names = sorted(root.rglob("*"), key=lambda path: -len(path.parts))
    for number, path in enumerate([*names, root]):
        at_ns = (STAMP_S + number) * 1_000_000_000 + (number % 3) * 123_456_000
        os.utime(path, ns=(at_ns, at_ns), follow_symlinks=False)
