"""Names inside disks: list them, look at them closely."""

from binascii import b2a_base64
from collections.abc import Iterator
from itertools import islice
from typing import ClassVar

from strongroom.base.errors import NotFound
from strongroom.base.locator import Locator
from strongroom.base.record import Finding, Record, rfc3339
from strongroom.base.tree import Stat, resolve
from strongroom.kernel.call import Context
from strongroom.kernel.op import op

from .below import (
    UNREADABLE,
    at_least,
    each,
    list_directory,
    named,
    report,
    reported,
    walk_sorted,
)
from .place import Place, place


class FileEntry(Record):
    """One name in a file system. A link is described itself, not what it leads to.

    `kind` is file, dir, link, char, block, fifo, socket or unknown; `mode` the twelve permission
    bits in octal, such as "0644"; `mtime` RFC 3339 in UTC; `target` what a link holds.
    """

    type: ClassVar[str] = "entry"

    kind: str
    mode: str
    uid: int
    gid: int
    size_bytes: int
    mtime: str | None = None
    path: str
    target: str | None = None


class FileStat(FileEntry):
    """All that is known of one name. Times are RFC 3339 in UTC, absent where not stored.

    `rdev` is MAJOR:MINOR of a device; `xattrs` maps full names to base64 of their values.
    """

    type: ClassVar[str] = "stat"

    ino: int
    nlink: int
    atime: str | None = None
    ctime: str | None = None
    crtime: str | None = None
    rdev: str | None = None
    xattrs: dict[str, str] | None = None


@op("guest.ls", since="0.1", aliases=("list", "ll"))
def ls(
    ctx: Context,
    disk: Locator,
    path: str = "/",
    *,
    recursive: bool = False,
    all: bool = False,
    limit: int | None = None,
) -> Iterator[FileEntry | Finding]:
    """List a directory inside a disk, in order of the names' bytes.

    A link to a directory lists what it leads to; any other path shows that one name.

    Args:
        disk: The image or folder, or a locator such as disk.qcow2::p2::/etc.
        path: The directory, or one name.
        recursive: Descend into directories.
        all: Show names that begin with a dot, too.
        limit: Stop after this many entries.

    Examples:
        guestkit ls disk.qcow2 /etc
        guestkit ls disk.qcow2::p2 / --recursive --json
    """
    at_least("--limit", limit, 0)
    spot = place(ctx, disk, path)
    yield from reported(
        spot.guest.problems, islice(_list(spot, recursive=recursive, hidden=all), limit)
    )


def _list(spot: Place, *, recursive: bool, hidden: bool) -> Iterator[FileEntry]:
    tree = spot.tree
    start = _directory(spot)
    if start is None:
        own = resolve(tree, spot.path, follow_last=False)
        yield entry(spot, own, tree.stat(own))
    else:
        list_ = walk_sorted if recursive else list_directory
        for path, stat in list_(spot, start, hidden=hidden):
            yield entry(spot, path, stat)


def _directory(spot: Place) -> str | None:
    """Return the directory that the path leads to, links followed; None for anything else."""
    try:
        real = resolve(spot.tree, spot.path)
        return real if spot.tree.stat(real).kind == "dir" else None
    except NotFound:
        return None


@op("guest.stat", since="0.1", aliases=("lstat",))
def stat(
    ctx: Context, disk: Locator, paths: tuple[str, ...] = (), *, follow: bool = False
) -> Iterator[FileStat | Finding]:
    """Show all that is known of names inside a disk: all times, owner, links, attributes.

    Args:
        disk: The image or folder, or a locator such as disk.qcow2::/etc/hostname.
        paths: The names; that of the locator where there are none.
        follow: Describe what a link leads to, not the link.

    Examples:
        guestkit stat disk.qcow2 /etc/hostname /etc/mtab
        guestkit stat disk.qcow2::/etc/mtab --follow --json
    """
    spot = place(ctx, disk, "/" if paths else None)

    def one(path: str) -> Iterator[FileStat]:
        real = resolve(spot.tree, path, follow_last=follow)
        yield _stat(spot, real, spot.tree.stat(real))

    yield from reported(spot.guest.problems, each(spot, named(spot, paths), one))


def _stat(spot: Place, path: str, stat: Stat) -> FileStat:
    known = entry(spot, path, stat)
    return FileStat(
        at=known.at,
        kind=known.kind,
        mode=known.mode,
        uid=known.uid,
        gid=known.gid,
        size_bytes=known.size_bytes,
        mtime=known.mtime,
        path=path,
        target=known.target,
        ino=stat.ino,
        nlink=stat.nlink,
        atime=rfc3339(stat.atime_ns),
        ctime=rfc3339(stat.ctime_ns),
        crtime=rfc3339(stat.crtime_ns),
        rdev=None if stat.rdev is None else f"{stat.rdev[0]}:{stat.rdev[1]}",
        xattrs=_xattrs(spot, path),
    )


def _xattrs(spot: Place, path: str) -> dict[str, str] | None:
    try:
        xattrs = spot.tree.xattrs(path)
    except UNREADABLE as e:
        report(spot.guest, path, e)
        return None
    values = sorted(xattrs.items())
    return {name: b2a_base64(v, newline=False).decode("ascii") for name, v in values} or None


def entry(spot: Place, path: str, stat: Stat) -> FileEntry:
    """Return the Record of one name; a link whose target cannot be read is reported."""
    return FileEntry(
        at=spot.guest.locate(path),
        kind=stat.kind,
        mode=f"{stat.mode:04o}",
        uid=stat.uid,
        gid=stat.gid,
        size_bytes=stat.size,
        mtime=rfc3339(stat.mtime_ns),
        path=path,
        target=_target(spot, path) if stat.kind == "link" else None,
    )


def _target(spot: Place, path: str) -> str | None:
    try:
        return spot.tree.readlink(path)
    except UNREADABLE as e:
        report(spot.guest, path, e)
        return None
