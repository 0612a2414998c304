"""Export: files and trees out of disks, into a folder of this machine or as a tar stream."""

from collections.abc import Iterator, Mapping
from os.path import commonpath, isdir, realpath
from os.path import join as host_join
from os.path import split as host_split
from pathlib import Path
from typing import ClassVar, NamedTuple

from strongroom.base.errors import StrongroomError, Unsupported, Usage
from strongroom.base.locator import Locator
from strongroom.base.record import Finding, Record
from strongroom.base.tree import Stat, basename, parent, resolve
from strongroom.kernel.call import Context
from strongroom.kernel.op import Effect, op
from strongroom.kernel.origin import FolderTree
from strongroom.kernel.session import Progress

from .below import (
    DAMAGE,
    UNREADABLE,
    Allowance,
    HardLinks,
    Opened,
    exact,
    report,
    reported,
    walk_sorted,
)
from .content import chunks, stored_runs
from .hostfolder import HostFolder, Keep
from .place import Place, place

POWERFUL_XATTRS = ("security.capability",)
"""Attributes that give a program rights, as setuid does; kept with the owner only."""


class Extracted(Record):
    """A file, directory or link that was written to this machine; `dest` is its path here.

    `hard_link` is the path, in the disk, of the file that it is another name of.
    """

    type: ClassVar[str] = "extracted"

    kind: str
    size_bytes: int
    path: str
    dest: str
    hard_link: str | None = None


class Skipped(Record):
    """A name that was not written to this machine, and why."""

    type: ClassVar[str] = "skipped"

    kind: str
    path: str
    reason: str


class Extraction(Record):
    """What an extraction wrote in all; `skipped` counts devices, pipes, sockets and damage."""

    type: ClassVar[str] = "extraction"

    files: int
    directories: int
    links: int
    skipped: int
    size_bytes: int
    dest: str


class Choices(NamedTuple):
    """What an extraction may replace, and what it keeps."""

    force: bool
    preserve: bool
    xattrs: bool


@op(
    "guest.extract",
    since="0.1",
    effects=Effect.READ | Effect.WRITE,
    aliases=("get", "download", "copy-out"),
)
def extract(
    ctx: Context,
    disk: Locator,
    path: str,
    dest: Path,
    *,
    force: bool = False,
    preserve: bool = False,
    xattrs: bool = False,
) -> Iterator[Extracted | Skipped | Extraction | Finding]:
    """Copy a file, or a directory with all below it, out of a disk to this machine.

    Each file appears whole or not at all. Links are made as links and never followed here; devices,
    pipes and sockets are left out; hard links stay links, holes stay holes, times are kept.

    Args:
        disk: The image or folder, or a locator such as disk.qcow2::p2.
        path: The file or directory; a link is followed inside the disk.
        dest: A folder to put it into, or what to call it where there is none of that name.
        force: Replace files and links that are there already, never directories.
        preserve: Keep owners, and setuid, setgid and sticky bits; takes root.
        xattrs: Keep extended attributes.

    Examples:
        guestkit extract disk.qcow2 /etc/passwd .
        guestkit get disk.qcow2::p2 /var/log logs --xattrs
    """
    spot = place(ctx, disk, path)
    real = resolve(spot.tree, spot.path)
    stat = spot.tree.stat(real)
    if stat.kind not in ("file", "dir"):
        raise Usage(f"{path} is no regular file or directory ({stat.kind})", reason="not_file")
    _refuse_inside(spot, real, dest)
    work = _Work(ctx, spot, Choices(force, preserve, xattrs))
    name = exact(basename(spot.path))
    steps = (_extract_file if stat.kind == "file" else _extract_tree)(work, real, str(dest), name)
    yield from reported(spot.guest.problems, steps)


def _refuse_inside(spot: Place, real: str, dest: Path) -> None:
    """Refuse to copy a folder of this machine into itself: it would grow while it is read."""
    if isinstance(spot.tree, FolderTree):
        source = realpath(spot.tree.path + real)
        if commonpath((source, realpath(dest))) == source:
            raise Usage(f"{dest} lies inside what is copied", reason="inside")


class _Work:
    """One extraction under way: what it reads, what was chosen, what it has done so far."""

    __slots__ = ("allowance", "choices", "counts", "ctx", "done", "links", "spot")

    def __init__(self, ctx: Context, spot: Place, choices: Choices) -> None:
        self.ctx = ctx
        self.spot = spot
        self.choices = choices
        self.allowance = Allowance(spot.layer)
        self.links = HardLinks(spot.tree)
        self.counts = {"file": 0, "dir": 0, "link": 0, "skipped": 0}
        self.done = 0

    def keep(self, path: str, stat: Stat) -> Keep:
        """Return what the copy of a name takes over."""
        owner = (stat.uid, stat.gid) if self.choices.preserve else None
        return Keep(stat.mode, stat.mtime_ns, stat.atime_ns, owner, self._xattrs(path, stat))

    def _xattrs(self, path: str, stat: Stat) -> Mapping[str, bytes]:
        if not self.choices.xattrs or stat.kind == "link":
            return {}
        try:
            found = self.spot.tree.xattrs(path)
        except UNREADABLE as e:
            report(self.spot.guest, path, e)
            return {}
        if self.choices.preserve:
            return found
        return {name: value for name, value in found.items() if name not in POWERFUL_XATTRS}

    def write(self, folder: HostFolder, name: bytes, file: Opened, stat: Stat) -> None:
        """Copy one file, with its holes."""
        lost = folder.write_file(
            name,
            file.content.size,
            self._pieces(file),
            self.keep(file.path, stat),
            force=self.choices.force,
        )
        self.lost(file.path, lost)

    def _pieces(self, file: Opened) -> Iterator[tuple[int, bytes]]:
        path, content = file
        for start, length in stored_runs(content):
            self.allowance.take(path, length)
            offset = start
            for chunk in chunks(self.ctx, content, start, length):
                yield offset, chunk
                offset += len(chunk)
                self.ctx.emit(Progress(path, offset, content.size, "B"))

    def lost(self, path: str, names: list[str]) -> None:
        """Report what the host could not keep of a file."""
        for name in names:
            error = Unsupported(f"{name} of {path} cannot be kept here", reason="host.keep")
            report(self.spot.guest, path, error)

    def extracted(
        self, path: str, stat: Stat, dest: str, hard_link: str | None = None
    ) -> Extracted:
        """Count a name that was written and return its Record."""
        self.counts[stat.kind] += 1
        if stat.kind == "file" and hard_link is None:
            self.done += stat.size
        return Extracted(
            at=self.spot.guest.locate(path),
            kind=stat.kind,
            size_bytes=stat.size,
            path=path,
            dest=dest,
            hard_link=hard_link,
        )

    def skipped(self, path: str, stat: Stat, reason: str) -> Skipped:
        """Count a name that was not written and return its Record."""
        self.counts["skipped"] += 1
        at = self.spot.guest.locate(path)
        return Skipped(at=at, kind=stat.kind, path=path, reason=reason)

    def summary(self, path: str, dest: str) -> Extraction:
        """Return what was done in all."""
        return Extraction(
            at=self.spot.guest.locate(path),
            files=self.counts["file"],
            directories=self.counts["dir"],
            links=self.counts["link"],
            skipped=self.counts["skipped"],
            size_bytes=self.done,
            dest=dest,
        )


Step = Extracted | Skipped | Extraction


def _extract_file(work: _Work, path: str, dest: str, name: bytes) -> Iterator[Step]:
    above, last = (dest, name) if isdir(dest) else _split(dest)
    stat = work.spot.tree.stat(path)
    content = work.spot.tree.open(path)
    folder = HostFolder.open(above)
    try:
        work.write(folder, last, Opened(path, content), stat)
    finally:
        folder.close()
    yield work.extracted(path, stat, _host_path(above, last))
    yield work.summary(path, dest)


def _split(dest: str) -> tuple[str, bytes]:
    """Return the folder and the name of a path that is not there yet."""
    above, last = host_split(dest.rstrip("/"))
    if last in ("", ".", ".."):
        raise Usage(f"{dest} is no name for a file")
    return above or ".", exact(last)


def _host_path(folder: str, name: bytes) -> str:
    return host_join(folder, name.decode("utf-8", "surrogateescape"))


class _Level(NamedTuple):
    """A directory that is being filled: its path in the disk and its folder here."""

    path: str
    folder: HostFolder


def _extract_tree(work: _Work, start: str, dest: str, name: bytes) -> Iterator[Step]:
    top = _top(work, start, dest, name)
    levels = [_Level(start, top)]
    closed = ""
    try:
        yield work.extracted(start, work.spot.tree.stat(start), top.path)
        for path, stat in walk_sorted(work.spot, start):
            if closed and path.startswith(closed):
                continue
            while levels[-1].path != parent(path):
                _leave(work, levels)
            folder, last = levels[-1].folder, exact(basename(path))
            try:
                if stat.kind == "dir":
                    keep = work.keep(path, stat)
                    below = folder.directory(last, keep, force=work.choices.force)
                    levels.append(_Level(path, below))
                    yield work.extracted(path, stat, below.path)
                else:
                    yield _extract_name(work, levels, path, stat)
            except DAMAGE as e:
                report(work.spot.guest, path, e)
                closed = path + "/" if stat.kind == "dir" else closed
                yield work.skipped(path, stat, e.message)
        while levels:
            _leave(work, levels)
    finally:
        for level in levels:
            level.folder.close()
    yield work.summary(start, top.path)


def _leave(work: _Work, levels: list[_Level]) -> None:
    """Close the innermost directory; it is full."""
    level = levels[-1]
    work.lost(level.path, level.folder.finish())
    levels.pop().folder.close()


def _top(work: _Work, start: str, dest: str, name: bytes) -> HostFolder:
    """Return the folder that the content of a directory goes into, made where it is missing."""
    keep = work.keep(start, work.spot.tree.stat(start))
    exists = isdir(dest)
    if exists and not name:  # the root of a file system has no name of its own
        return HostFolder.open(dest)
    above, last = (dest, name) if exists else _split(dest)
    outer = HostFolder.open(above)
    try:
        return outer.directory(last, keep, force=work.choices.force)
    finally:
        outer.close()


def _extract_name(work: _Work, levels: list[_Level], path: str, stat: Stat) -> Step:
    """Write one name that is no directory."""
    folder, name = levels[-1].folder, exact(basename(path))
    dest = _host_path(folder.path, name)
    force = work.choices.force
    if stat.kind not in ("file", "link"):
        return work.skipped(path, stat, f"a {stat.kind} is not made on this machine")
    first = work.links.first(path, stat) if stat.kind == "file" else None
    if first is not None and _hard_link(levels, name, first, force=force):
        return work.extracted(path, stat, dest, first)
    tree = work.spot.tree
    try:
        content = tree.open(path) if stat.kind == "file" else None
        target = exact(tree.readlink(path)) if stat.kind == "link" else b""
    except UNREADABLE as e:
        report(work.spot.guest, path, e)
        return work.skipped(path, stat, e.message)
    if content is None:
        work.lost(path, folder.link(name, target, work.keep(path, stat), force=force))
    else:
        work.write(folder, name, Opened(path, content), stat)
    return work.extracted(path, stat, dest)


def _hard_link(levels: list[_Level], name: bytes, first: str, *, force: bool) -> bool:
    """Make a name a link to the copy of a file met before; False where that is not there."""
    start = levels[0].path.rstrip("/")
    *names, last = exact(first[len(start) + 1 :]).split(b"/")
    try:
        source = levels[0].folder.below(names)
    except StrongroomError:
        return False
    try:
        return levels[-1].folder.hard_link(name, source, last, force=force)
    finally:
        source.close()


@op("guest.tar-out", since="0.1", aliases=("tar",))
def tar_out(
    ctx: Context, disk: Locator, path: str = "/", *, no_xattrs: bool = False, dense: bool = False
) -> Iterator[bytes | Finding]:
    """Write a directory inside a disk, with all below it, as a tar archive (POSIX pax format).

    Names, owners by number, modes, exact times, hard links, devices and extended attributes are
    kept; entries are sorted, so that the same content gives the same bytes. Of a damaged file what
    cannot be read is zeros.

    Args:
        disk: The image or folder, or a locator such as disk.qcow2::p2.
        path: The directory, or one file.
        no_xattrs: Leave out extended attributes.
        dense: Write holes as zeros, for programs that know no sparse files.

    Examples:
        guestkit tar-out disk.qcow2 /etc > etc.tar
        guestkit tar-out disk.qcow2::p2 / | tar -x --xattrs -C rescued
    """
    from .tarstream import archive

    spot = place(ctx, disk, path)
    start = resolve(spot.tree, spot.path)
    stream = archive(ctx, spot, start, xattrs=not no_xattrs, dense=dense)
    yield from reported(spot.guest.problems, stream)
