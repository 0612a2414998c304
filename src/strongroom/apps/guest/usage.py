"""Usage: where the space of a disk goes: by file system, by directory, by file, by copies."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from heapq import nlargest
from typing import ClassVar

from strongroom.base.errors import Exhausted
from strongroom.base.locator import Locator
from strongroom.base.record import Finding, Record
from strongroom.base.tree import Stat, parent, resolve
from strongroom.kernel.call import Context
from strongroom.kernel.op import op
from strongroom.kernel.session import Progress

from .below import (
    UNREADABLE,
    Allowance,
    HardLinks,
    at_least,
    exact,
    go_on,
    report,
    reported,
    walk_all,
)
from .content import digest_of, stored_runs
from .criteria import parse_size
from .mounts import Volume, file_systems, guests
from .names import FileEntry, entry
from .place import Place, place
from .place import disk as open_layer

DIRECTORIES_MAX = 1_000_000
"""Directories that `du` adds up at once."""
CANDIDATES_MAX = 1_000_000
"""Files whose paths `find-duplicates` remembers at once."""
TOP_MAX = 1_000_000
HEAD_BYTES = 4096
"""What of each file is compared first."""


class SpaceRecord(Record):
    """How full a file system is, by its superblock; what it does not store is absent."""

    type: ClassVar[str] = "space"

    fs_type: str
    size_bytes: int | None = None
    used_bytes: int | None = None
    free_bytes: int | None = None
    used_percent: int | None = None
    inodes: int | None = None
    inodes_free: int | None = None
    mounted_on: tuple[str, ...] = ()
    label: str | None = None


class DirectoryUsage(Record):
    """What the regular files and links below a directory take together, hard links counted once.

    `size_bytes` is the sum of their sizes, `stored_bytes` of that what is stored: without holes.
    Blocks of directories and the unused end of each last block are in neither.
    """

    type: ClassVar[str] = "usage"

    size_bytes: int
    stored_bytes: int | None = None
    files: int
    path: str


class Duplicate(Record):
    """One of several files with the same content; those of one `group` have one `sha256`."""

    type: ClassVar[str] = "duplicate"

    group: int
    copies: int
    size_bytes: int
    sha256: str
    path: str


@op("guest.df", since="0.1", aliases=("usage",))
def df(ctx: Context, disk: Locator) -> Iterator[SpaceRecord | Finding]:
    """Show how full the file systems of a disk are, by what their superblocks say.

    Args:
        disk: The image, or a locator such as disk.qcow2::p2.

    Examples:
        guestkit df disk.qcow2
        guestkit df disk.qcow2::p2 --json
    """
    layer = open_layer(ctx, disk)
    points: dict[Locator, list[str]] = {}
    for system in guests([layer]) if layer.volume is None else []:
        for point, volume in system.mounts:
            points.setdefault(volume.layer.at, []).append(point)
    volumes = file_systems([layer])
    rows = (_space(volume, points.get(volume.layer.at, [])) for volume in volumes)
    yield from reported(layer.findings, rows)


def _space(volume: Volume, points: list[str]) -> SpaceRecord:
    facts = volume.tree.facts
    used = None if facts.size is None or facts.free is None else facts.size - facts.free
    return SpaceRecord(
        at=volume.layer.at,
        fs_type=facts.type,
        size_bytes=facts.size,
        used_bytes=used,
        free_bytes=facts.free,
        used_percent=-(-100 * used // facts.size) if used is not None and facts.size else None,
        inodes=facts.inodes,
        inodes_free=facts.inodes_free,
        mounted_on=tuple(points),
        label=facts.label or None,
    )


@dataclass(slots=True)
class Tally:
    """What was added up for one directory so far."""

    files: int = 0
    size: int = 0
    stored: int = 0

    def add(self, other: "Tally") -> None:
        self.files += other.files
        self.size += other.size
        self.stored += other.stored


@dataclass(slots=True)
class Tallies:
    """The directories down to a depth, each with what stands in it and is not shown by itself."""

    start: str
    depth_max: int | None
    rows: dict[str, Tally] = field(default_factory=dict)

    def directory(self, path: str) -> None:
        """Begin to count a directory, where it is shown by itself; Exhausted for too many."""
        if self.depth_max is not None and self._depth(path) > self.depth_max:
            return
        if len(self.rows) >= DIRECTORIES_MAX:
            raise Exhausted(
                f"more than {DIRECTORIES_MAX} directories lie below {self.start}",
                hint="show fewer levels with --max-depth",
            )
        self.rows[path] = Tally()

    def of(self, path: str) -> Tally:
        """Return the tally that a file counts in."""
        above = parent(path)
        while above not in self.rows and above != self.start:
            above = parent(above)
        return self.rows[above]

    def totals(self) -> list[tuple[str, Tally]]:
        """Return every directory with all that stands below it, by path; counts only once."""
        order = sorted(self.rows, key=exact)
        for path in sorted(order, key=self._depth, reverse=True):
            if path != self.start:
                self.of(path).add(self.rows[path])
        return [(path, self.rows[path]) for path in order]

    def _depth(self, path: str) -> int:
        return 0 if path == self.start else path.count("/") - self.start.rstrip("/").count("/")


@op("guest.du", since="0.1", aliases=("disk-usage",))
def du(
    ctx: Context,
    disk: Locator,
    path: str = "/",
    *,
    max_depth: int | None = None,
    sizes_only: bool = False,
) -> Iterator[DirectoryUsage | Finding]:
    """Add up what the files below each directory inside a disk take.

    Args:
        disk: The image or folder, or a locator such as disk.qcow2::/var.
        path: The directory, or one file.
        max_depth: Show only so many levels, each with all that stands below it.
        sizes_only: Do not look how much of each file is stored: faster.

    Examples:
        guestkit du disk.qcow2 /var --max-depth 1
        guestkit disk-usage disk.qcow2 --sizes-only --json
    """
    at_least("--max-depth", max_depth, 0)
    spot = place(ctx, disk, path)
    yield from reported(spot.guest.problems, _usage(ctx, spot, max_depth, stored=not sizes_only))


def _usage(
    ctx: Context, spot: Place, depth_max: int | None, *, stored: bool
) -> Iterator[DirectoryUsage]:
    start = resolve(spot.tree, spot.path)
    tallies = Tallies(start, depth_max, {start: Tally()})
    first = spot.tree.stat(start)
    if first.kind == "dir":
        links = HardLinks(spot.tree)
        for path, stat in walk_all(spot, start):
            go_on(ctx)
            if stat.kind == "dir":
                tallies.directory(path)
            elif links.first(path, stat) is None:
                tallies.of(path).add(_one(spot, path, stat, stored=stored))
    else:
        tallies.rows[start] = _one(spot, start, first, stored=stored)
    for path, tally in tallies.totals():
        yield DirectoryUsage(
            at=spot.guest.locate(path),
            size_bytes=tally.size,
            stored_bytes=tally.stored if stored else None,
            files=tally.files,
            path=path,
        )


def _one(spot: Place, path: str, stat: Stat, *, stored: bool) -> Tally:
    if stat.kind != "file":
        return Tally(1, stat.size if stat.kind == "link" else 0)
    if not stored:
        return Tally(1, stat.size)
    try:
        runs = stored_runs(spot.tree.open(path))
        return Tally(1, stat.size, sum(length for _, length in runs))
    except UNREADABLE as e:
        report(spot.guest, path, e)
        return Tally(1, stat.size)


@op("guest.find-large", since="0.1")
def find_large(
    ctx: Context, disk: Locator, path: str = "/", *, top: int = 20, min_size: str = "0"
) -> Iterator[FileEntry | Finding]:
    """Find the largest files below a directory inside a disk, the largest first.

    Args:
        disk: The image or folder, or a locator such as disk.qcow2::/var.
        path: Where to look.
        top: How many.
        min_size: Only files of at least this size, such as 100M.

    Examples:
        guestkit find-large disk.qcow2 --top 10
        guestkit find-large disk.qcow2 /var --min-size 100M
    """
    at_least("--top", top, 1)
    spot = place(ctx, disk, path)
    least = parse_size(min_size)
    files = ((s.size, p, s) for p, s in _regular(ctx, spot) if s.size >= least)
    largest = _largest(spot, files, min(top, TOP_MAX))
    yield from reported(spot.guest.problems, largest)


def _largest(spot: Place, files: Iterator[tuple[int, str, Stat]], top: int) -> Iterator[FileEntry]:
    found = nlargest(top, files, key=lambda row: row[:2])
    for _, path, stat in sorted(found, key=lambda row: (-row[0], exact(row[1]))):
        yield entry(spot, path, stat)


def _regular(ctx: Context, spot: Place) -> Iterator[tuple[str, Stat]]:
    """Yield (path, stat) of each regular file, one of several names of the same file."""
    start = resolve(spot.tree, spot.path)
    stat = spot.tree.stat(start)
    if stat.kind == "file":
        yield start, stat
    if stat.kind != "dir":
        return
    links = HardLinks(spot.tree)
    for path, below in walk_all(spot, start):
        go_on(ctx)
        if below.kind == "file" and links.first(path, below) is None:
            yield path, below


@op("guest.find-duplicates", since="0.1")
def find_duplicates(
    ctx: Context, disk: Locator, path: str = "/", *, min_size: str = "1"
) -> Iterator[Duplicate | Finding]:
    """Find files with the same content below a directory inside a disk, the largest first.

    Names of one and the same file (hard links) are no duplicates.

    Args:
        disk: The image or folder, or a locator such as disk.qcow2::/usr.
        path: Where to look.
        min_size: Only files of at least this size, such as 1M.

    Examples:
        guestkit find-duplicates disk.qcow2 /usr --min-size 1M
    """
    spot = place(ctx, disk, path)
    yield from reported(spot.guest.problems, _duplicates(ctx, spot, parse_size(min_size)))


def _duplicates(ctx: Context, spot: Place, least: int) -> Iterator[Duplicate]:
    groups = _same_size(ctx, spot, least)
    total = sum(size * len(paths) for size, paths in groups)
    number, done, allowance = 0, 0, Allowance(spot.layer)
    for size, paths in groups:
        for likely in _grouped(spot, paths, lambda path: _head(spot, path)).values():
            if len(likely) < 2:
                continue
            same = _grouped(spot, likely, lambda path: _sha256(ctx, spot, path, allowance))
            for digest, copies in sorted(same.items()):
                if len(copies) < 2:
                    continue
                number += 1
                for path in sorted(copies, key=exact):
                    yield Duplicate(
                        at=spot.guest.locate(path),
                        group=number,
                        copies=len(copies),
                        size_bytes=size,
                        sha256=digest,
                        path=path,
                    )
        done += size * len(paths)
        ctx.emit(Progress("compared", done, total, "B"))


def _same_size(ctx: Context, spot: Place, least: int) -> list[tuple[int, list[str]]]:
    """Return the files that share their size with another, the largest first."""
    by_size: dict[int, list[str]] = {}
    files = ((path, stat) for path, stat in _regular(ctx, spot) if stat.size >= least)
    for count, (path, stat) in enumerate(files):
        if count >= CANDIDATES_MAX:
            raise Exhausted(
                f"more than {CANDIDATES_MAX} files are to be compared",
                hint="look at fewer with --min-size, or below one directory",
            )
        by_size.setdefault(stat.size, []).append(path)
    return sorted(((s, p) for s, p in by_size.items() if len(p) > 1), reverse=True)


def _grouped(spot: Place, paths: list[str], key_of: Callable[[str], str]) -> dict[str, list[str]]:
    """Return paths by a key of their content; what cannot be read is reported and left out."""
    groups: dict[str, list[str]] = {}
    for path in paths:
        try:
            groups.setdefault(key_of(path), []).append(path)
        except UNREADABLE as e:
            report(spot.guest, path, e)
    return groups


def _head(spot: Place, path: str) -> str:
    head = spot.tree.open(path).read_at(0, HEAD_BYTES)
    return hashlib.blake2b(head, digest_size=16).hexdigest()


def _sha256(ctx: Context, spot: Place, path: str, allowance: Allowance) -> str:
    content = spot.tree.open(path)
    allowance.take(path, content.size)
    return digest_of(ctx, content, "sha256")[1]
