"""A tar stream of what stands in a Tree: pax headers, sparse files in GNU's format 1.0.

Sources: POSIX.1-2017 "pax Interchange Format"; GNU tar manual, "Storing Sparse Files" (PAX format,
version 1.0), and its `SCHILY.xattr` keywords.
"""

from collections.abc import Iterator
from tarfile import (
    BLKTYPE,
    BLOCKSIZE,
    CHRTYPE,
    DIRTYPE,
    FIFOTYPE,
    LNKTYPE,
    PAX_FORMAT,
    RECORDSIZE,
    REGTYPE,
    SYMTYPE,
    TarInfo,
)
from typing import NamedTuple

from strongroom.base.errors import Exhausted, Unsupported
from strongroom.base.source import Source
from strongroom.base.tree import Stat, basename
from strongroom.kernel.call import Context
from strongroom.kernel.session import Progress

from .below import DAMAGE, UNREADABLE, Allowance, HardLinks, Opened, report, walk_sorted
from .content import CHUNK_BYTES, chunks, stored_runs
from .place import Place

HOLES_MIN = 64 << 10
"""A file with fewer bytes in holes is written whole."""
RUNS_MAX = 100_000
"""A file in more pieces is written whole: its map is held in memory."""
DEVICE_MAX = 8**7 - 1
"""What the seven octal digits of a device number hold."""
TYPES = {
    "file": REGTYPE,
    "dir": DIRTYPE,
    "link": SYMTYPE,
    "char": CHRTYPE,
    "block": BLKTYPE,
    "fifo": FIFOTYPE,
}


class Run(NamedTuple):
    """A stored piece of a file."""

    offset: int
    length: int


class _Archive:
    """One archive under way."""

    __slots__ = ("allowance", "ctx", "dense", "links", "spot", "start", "written", "xattrs")

    def __init__(self, ctx: Context, spot: Place, start: str, *, xattrs: bool, dense: bool) -> None:
        self.ctx = ctx
        self.spot = spot
        self.start = start
        self.xattrs = xattrs
        self.dense = dense
        self.allowance = Allowance(spot.layer)
        self.links = HardLinks(spot.tree)
        self.written = 0

    def name(self, path: str) -> str:
        """Return the name of a path in the archive: ./ and what stands below the start."""
        if path == self.start:
            return "."
        return "." + path[len(self.start.rstrip("/")) :]


def archive(ctx: Context, spot: Place, start: str, *, xattrs: bool, dense: bool) -> Iterator[bytes]:
    """Yield the archive of a directory and all below it, or of one file under its own name."""
    work = _Archive(ctx, spot, start, xattrs=xattrs, dense=dense)
    for block in _members(work):
        work.written += len(block)
        yield block
    # the end: two blocks of zeros, filled up to a record
    yield bytes(2 * BLOCKSIZE + -(work.written + 2 * BLOCKSIZE) % RECORDSIZE)


def _members(work: _Archive) -> Iterator[bytes]:
    stat = work.spot.tree.stat(work.start)
    if stat.kind != "dir":
        yield from _member(work, work.start, stat, basename(work.start))
        return
    yield from _member(work, work.start, stat, ".")
    for path, below in walk_sorted(work.spot, work.start):
        yield from _member(work, path, below, work.name(path))


def _member(work: _Archive, path: str, stat: Stat, name: str) -> Iterator[bytes]:
    """Yield one member; what a tar cannot hold or no one can read is reported and left out."""
    try:
        info = _info(work, path, stat, name)
        content = work.spot.tree.open(path) if stat.kind == "file" else None
    except UNREADABLE as e:
        report(work.spot.guest, path, e)
        return
    first = work.links.first(path, stat)
    if first is not None:
        info.type, info.linkname = LNKTYPE, work.name(first)
        yield _header(info)
    elif content is None:
        yield _header(info)
    else:
        runs = None if work.dense else _sparse_runs(work, path, content)
        try:
            work.allowance.take(path, sum(r.length for r in runs) if runs else content.size)
        except Exhausted as e:
            report(work.spot.guest, path, e)
            work.links.forget(path, stat)
            return
        yield from _file(work, info, Opened(path, content), runs)


def _info(work: _Archive, path: str, stat: Stat, name: str) -> TarInfo:
    """Return the header of a name, without its content's size."""
    if stat.kind not in TYPES:
        raise Unsupported(f"a tar archive holds no {stat.kind}, such as {path}", reason="tar.kind")
    info = TarInfo(name)
    info.type = TYPES[stat.kind]
    info.mode = stat.mode
    info.uid, info.gid = stat.uid, stat.gid
    seconds, fraction = divmod(stat.mtime_ns, 1_000_000_000)
    info.mtime = seconds
    headers = _xattrs(work, path) if work.xattrs else {}
    if fraction and seconds >= 0:
        headers["mtime"] = f"{seconds}.{fraction:09}".rstrip("0")
    info.pax_headers = headers
    if stat.kind == "link":
        info.linkname = work.spot.tree.readlink(path)
    if stat.kind in ("char", "block"):
        info.devmajor, info.devminor = stat.rdev or (0, 0)
        if not (0 <= info.devmajor <= DEVICE_MAX and 0 <= info.devminor <= DEVICE_MAX):
            raise Unsupported(f"the device number of {path} is too large", reason="tar.device")
    return info


def _xattrs(work: _Archive, path: str) -> dict[str, str]:
    """Return the attributes of a name as pax headers."""
    headers = {}
    for name, value in sorted(work.spot.tree.xattrs(path).items()):
        if not name.isascii():
            odd = Unsupported(f"{path} has the attribute {name!r}", reason="tar.xattr")
            report(work.spot.guest, path, odd)
            continue
        # a keyword ends at its first "=": GNU tar writes it and "%" as URLs do
        keyword = "SCHILY.xattr." + name.replace("%", "%25").replace("=", "%3D")
        headers[keyword] = value.decode("utf-8", "surrogateescape")
    return headers


def _header(info: TarInfo) -> bytes:
    return info.tobuf(PAX_FORMAT, "utf-8", "surrogateescape")


def _file(work: _Archive, info: TarInfo, file: Opened, runs: list[Run] | None) -> Iterator[bytes]:
    """Yield the header and the content of a file, whole or in the runs that are stored of it."""
    path, content = file
    if runs is None:
        runs, lead = [Run(0, content.size)], b""
    else:
        lead = _sparse_map(runs)
        info.pax_headers = {
            **info.pax_headers,
            "GNU.sparse.major": "1",
            "GNU.sparse.minor": "0",
            "GNU.sparse.name": info.name,
            "GNU.sparse.realsize": str(content.size),
        }
        above, slash, last = info.name.rpartition("/")
        info.name = f"{above}{slash}GNUSparseFile.0/{last}"
    info.size = len(lead) + sum(run.length for run in runs)
    yield _header(info)
    if lead:
        yield lead
    for run in runs:
        yield from _content(work, path, content, run)
    yield bytes(-info.size % BLOCKSIZE)


def _content(work: _Archive, path: str, content: Source, run: Run) -> Iterator[bytes]:
    """Yield exactly `run.length` bytes; zeros from where the file cannot be read."""
    left = run.length
    try:
        for chunk in chunks(work.ctx, content, run.offset, run.length):
            yield chunk
            left -= len(chunk)
            work.ctx.emit(Progress(path, run.offset + run.length - left, content.size, "B"))
    except DAMAGE as e:
        report(work.spot.guest, path, e)
    while left:
        zeros = bytes(min(left, CHUNK_BYTES))
        yield zeros
        left -= len(zeros)


def _sparse_runs(work: _Archive, path: str, content: Source) -> list[Run] | None:
    """Return what is stored of a file, in whole blocks; None where it is better written whole.

    GNU tar reads each run from a block of its own, so all but the last are whole blocks. A run of
    no length at the end says where a hole at the end ends.
    """
    size = content.size
    runs: list[Run] = []
    try:
        for start, length in stored_runs(content):
            low = start - start % BLOCKSIZE
            high = min(size, start + length + -(start + length) % BLOCKSIZE)
            if runs and low <= runs[-1].offset + runs[-1].length:
                last = runs.pop()
                low = last.offset
            runs.append(Run(low, high - low))
            if len(runs) > RUNS_MAX:
                return None
    except DAMAGE as e:
        report(work.spot.guest, path, e)
        return None
    if size - sum(run.length for run in runs) < HOLES_MIN:
        return None
    if not runs or runs[-1].offset + runs[-1].length < size:
        runs.append(Run(size, 0))
    return runs


def _sparse_map(runs: list[Run]) -> bytes:
    numbers = [len(runs), *(number for run in runs for number in run)]
    text = "".join(f"{number}\n" for number in numbers).encode("ascii")
    return text + bytes(-len(text) % BLOCKSIZE)
