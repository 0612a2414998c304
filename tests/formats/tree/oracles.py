"""What debugfs and The Sleuth Kit read in an ext image, inode by inode."""

import re
from collections.abc import Iterable
from hashlib import sha256
from typing import NamedTuple

import pytsk3

from strongroom.testing.images.ext import debugfs

READ_BYTES = 1 << 20


class Seen(NamedTuple):
    """One inode as another tool sees it; times in nanoseconds, None where it does not say."""

    mode: int
    uid: int
    gid: int
    size: int
    nlink: int
    mtime_ns: int
    atime_ns: int
    ctime_ns: int
    crtime_ns: int | None
    rdev: tuple[int, int] | None = None


_FIELDS = re.compile(
    r"Inode: (?P<ino>\d+) +Type: (?P<type>[A-Za-z ]+?) +Mode: +(?P<mode>[0-7]+).*?"
    r"User: +(?P<uid>\d+) +Group: +(?P<gid>\d+).*?Size: (?P<size>\d+).*?"
    r"Links: (?P<links>\d+)",
    re.DOTALL,
)
_TIME = re.compile(r"^ ?(c|a|m|cr)time: 0x([0-9a-f]+)(?::([0-9a-f]+))? --", re.MULTILINE)
_DEVICE = re.compile(r"Device major/minor number: (\d+):(\d+)")


def debugfs_stats(image, numbers: Iterable[int]) -> dict[int, Seen]:
    """Return what `stat <N>` of debugfs says of many inodes."""
    output = debugfs(image, "\n".join(f"stat <{n}>" for n in numbers), write=False)
    seen = {}
    for text in re.split(r"^debugfs: stat <\d+>\n", output, flags=re.MULTILINE)[1:]:
        fields = _FIELDS.search(text)
        assert fields, text
        times = {name: _nanoseconds(low, extra) for name, low, extra in _TIME.findall(text)}
        device = _DEVICE.search(text)
        seen[int(fields["ino"])] = Seen(
            mode=int(fields["mode"], 8),
            uid=int(fields["uid"]),
            gid=int(fields["gid"]),
            size=int(fields["size"]),
            nlink=int(fields["links"]),
            mtime_ns=times["m"],
            atime_ns=times["a"],
            ctime_ns=times["c"],
            crtime_ns=times.get("cr") or None,
            rdev=(int(device[1]), int(device[2])) if device else None,
        )
    return seen


def _nanoseconds(low: str, extra: str) -> int:
    seconds = int(low, 16) - (int(low, 16) >> 31 << 32)
    more = int(extra or "0", 16)
    return (seconds + ((more & 3) << 32)) * 10**9 + (more >> 2)


class Sleuth:
    """The Sleuth Kit's view of one image."""

    def __init__(self, image):
        self._fs = pytsk3.FS_Info(pytsk3.Img_Info(str(image)))

    def stat(self, number: int) -> Seen:
        meta = self._fs.open_meta(inode=number).info.meta
        return Seen(
            mode=int(meta.mode),
            uid=meta.uid,
            gid=meta.gid,
            size=meta.size,
            nlink=meta.nlink,
            mtime_ns=meta.mtime * 10**9 + meta.mtime_nano,
            atime_ns=meta.atime * 10**9 + meta.atime_nano,
            ctime_ns=meta.ctime * 10**9 + meta.ctime_nano,
            crtime_ns=meta.crtime * 10**9 + meta.crtime_nano or None,
        )

    def digest(self, number: int) -> str:
        file = self._fs.open_meta(inode=number)
        total = sha256()
        for offset in range(0, file.info.meta.size, READ_BYTES):
            total.update(file.read_random(offset, min(READ_BYTES, file.info.meta.size - offset)))
        return total.hexdigest()


def digest(source) -> str:
    """Return the hash of all that one of our Sources reads as."""
    total = sha256()
    for offset in range(0, source.size, READ_BYTES):
        total.update(source.read_at(offset, READ_BYTES))
    return total.hexdigest()


def debugfs_xattrs(image, paths: Iterable[str]) -> dict[str, set[str]]:
    """Return the names of attributes that `ea_list` of debugfs prints for each path."""
    names = {}
    for path in paths:
        output = debugfs(image, f"ea_list {path}", write=False)
        names[path] = set(re.findall(r"^  (\S+) \(\d+\)", output, re.MULTILINE))
    return names
