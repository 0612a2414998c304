"""Hosted sparse extents of VMDK: grain directories, grain tables, compressed grains.

From VMware's "Virtual Disk Format 5.0", "Hosted Sparse Extents" and "Stream-Optimized Compressed
Sparse Extents".
"""

import sys
from array import array
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from strongroom.base.errors import Corrupt, Unsupported
from strongroom.base.format import OpenContext
from strongroom.base.layout import Layout
from strongroom.base.limits import MIB
from strongroom.base.record import Severity
from strongroom.base.source import Extent, Source, clamp, coalesce, extents, identity

from .codec import inflate

SECTOR = 512
MAGIC = b"KDMV"
VERSIONS = (1, 2, 3)
GRAIN_SECTORS_MAX = 1 << 15
"""16 MiB; the specification's default is 128 sectors."""
GTES_PER_GT_MAX = 512
GD_AT_END = 0xFFFF_FFFF_FFFF_FFFF
GTE_ZEROED = 1
DEFLATE = 1
ZLIB_WINDOW_BITS = 15
"""Grains are RFC 1950 streams."""

NEWLINE_TEST, REDUNDANT, ZEROED_GTE, COMPRESSED, MARKERS = 1, 2, 4, 1 << 16, 1 << 17
MARKER_BYTES = 12
LINE_ENDS = b"\n \r\n"

GT_CACHE_BYTES = 4 * MIB
GRAIN_CACHE_BYTES = 8 * MIB
BATCH_BYTES = 4 * MIB

DATA, ZEROS, PARENT = range(3)


class SparseExtentHeader(NamedTuple):
    """The header of a hosted sparse extent; offsets and sizes are in sectors."""

    magic: bytes
    version: int
    flags: int
    capacity: int
    grain_size: int
    descriptor_offset: int
    descriptor_size: int
    num_gtes_per_gt: int
    rgd_offset: int
    gd_offset: int
    over_head: int
    unclean_shutdown: int
    line_ends: bytes
    compress_algorithm: int


HEADER = Layout("vmdk", SparseExtentHeader, "<4sIIQQQQIQQQB4sH")


class Run(NamedTuple):
    """Guest bytes behind each other; `host` is the offset of the first grain's stored bytes."""

    kind: int
    host: int
    guest: int
    length: int


class SparseExtent:
    """One hosted sparse extent as a Source; what it does not store comes from `parent`."""

    def __init__(
        self,
        source: Source,
        header: SparseExtentHeader,
        directory: "GrainDirectory",
        parent: Source | None,
    ) -> None:
        self.size = header.capacity * SECTOR
        self._source = source
        self._header = header
        self._directory = directory
        self._parent = parent
        self.grain_bytes = header.grain_size * SECTOR
        self._zeroed = GTE_ZEROED if header.flags & ZEROED_GTE else 0
        self._decompress = inflate(ZLIB_WINDOW_BITS)
        grains = max(2, min(2048, GRAIN_CACHE_BYTES // self.grain_bytes))
        self._grain = lru_cache(grains)(self._load_grain)

    @property
    def compressed(self) -> bool:
        """Whether the grains are compressed."""
        return bool(self._header.flags & COMPRESSED)

    def read_at(self, offset: int, length: int, /) -> bytes:
        """Return `length` bytes; fewer only at the end. Corrupt at the entry that is at fault."""
        length = clamp(self.size, offset, length)
        chunks: list[bytes] = []
        packed: list[Run] = []
        for run in self._runs(offset, offset + length):
            if run.kind == DATA and self.compressed:
                packed.append(run)
                continue
            if packed:
                self._read_packed(packed, chunks)
                packed.clear()
            if run.kind == DATA:
                chunks.append(self._read_data(run))
            else:
                chunks.append(self._read_parent(run) if run.kind == PARENT else bytes(run.length))
        if packed:
            self._read_packed(packed, chunks)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def extents(self, offset: int, length: int, /) -> Iterator[Extent]:
        """Return what the tables say; what cannot be read is `data`, so that a read tells why."""
        return coalesce(self._pieces(offset, offset + clamp(self.size, offset, length)))

    def _pieces(self, offset: int, end: int) -> Iterator[Extent]:
        directory = self._directory
        tables = directory.tables_max
        while offset < end:
            index = offset // directory.span_bytes
            stop = min(end, directory.reach(index))
            if not tables or not directory.is_readable(index):
                stop = stop if tables else end
                yield Extent(offset, stop - offset, data=True)
                offset = stop
                continue
            tables -= 1
            for run in self._runs(offset, stop):
                if run.kind == PARENT:
                    yield from self._parent_pieces(run)
                else:
                    yield Extent(run.guest, run.length, run.kind == DATA)
            offset = stop

    def identity(self) -> str | None:
        """Return the keys of the file and of the parent, or None where one has none."""
        own = identity(self._source)
        if self._parent is None or own is None:
            return None if own is None else f"vmdk({own})"
        parent = identity(self._parent)
        return None if parent is None else f"vmdk({own},{parent})"

    def _parent_pieces(self, run: Run) -> Iterator[Extent]:
        at, end = run.guest, run.guest + run.length
        if self._parent is not None and at < self._parent.size:
            for extent in extents(self._parent, at, min(end, self._parent.size) - at):
                yield extent
                at = extent.offset + extent.length
        if at < end:
            yield Extent(at, end - at, data=False)

    def _runs(self, offset: int, end: int) -> Iterator[Run]:
        """Yield the runs that cover a range; neighbouring grains of one kind are one run."""
        span, grain_bytes = self._directory.span_bytes, self.grain_bytes
        absent = ZEROS if self._parent is None else PARENT
        step = 0 if self.compressed else self._header.grain_size
        while offset < end:
            index = offset // span
            table_end = min(end, self._directory.reach(index))
            table = self._directory.table(index)
            while offset < table_end:
                number = (offset - index * span) // grain_bytes
                inside = offset % grain_bytes
                entry = table[number] if table else 0
                stop = offset - inside + grain_bytes
                kind = absent if not entry else ZEROS if entry == self._zeroed else DATA
                host = entry * SECTOR + (0 if self.compressed else inside)
                if not table:
                    stop = table_end
                elif kind != DATA or step:
                    following = entry
                    while stop < table_end:
                        following += step if kind == DATA else 0
                        number += 1
                        if table[number] != following:
                            break
                        stop += grain_bytes
                stop = min(stop, table_end)
                yield Run(kind, host, offset, stop - offset)
                offset = stop

    def _read_parent(self, run: Run) -> bytes:
        parent = self._parent
        inside = 0 if parent is None else min(run.length, max(0, parent.size - run.guest))
        content = b"" if parent is None or not inside else parent.read_at(run.guest, inside)
        return content if len(content) == run.length else content.ljust(run.length, b"\0")

    def _read_data(self, run: Run) -> bytes:
        inside = run.guest % self.grain_bytes
        first = run.host - inside
        # Grains that begin in the file: the last of them may be cut where nothing was written.
        begun = -(-(self._source.size - first) // self.grain_bytes)
        readable = max(0, begun * self.grain_bytes - inside)
        if readable < run.length:
            raise self._corrupt(run.guest + readable, "the grain is outside the file")
        content = self._source.read_at(run.host, run.length)
        return content if len(content) == run.length else content.ljust(run.length, b"\0")

    def _read_packed(self, runs: list[Run], chunks: list[bytes]) -> None:
        """Append the content of compressed grains; neighbours in the file are read at once."""
        batch: list[Run] = []
        for run in runs:
            if run.length < self.grain_bytes:
                self._read_batch(batch, chunks)
                inside = run.guest % self.grain_bytes
                grain = self._grain(run.host, run.guest - inside)
                chunks.append(grain[inside : inside + run.length])
                continue
            if batch and not self._is_near(batch, run):
                self._read_batch(batch, chunks)
            batch.append(run)
        self._read_batch(batch, chunks)

    def _is_near(self, batch: list[Run], run: Run) -> bool:
        last = batch[-1].host
        near = last < run.host <= last + 2 * self.grain_bytes
        return near and run.host - batch[0].host < BATCH_BYTES

    def _read_batch(self, batch: list[Run], chunks: list[bytes]) -> None:
        if not batch:
            return
        first = batch[0].host
        # How long the last grain is stands in its marker only: take what a grain may need.
        length = batch[-1].host - first + self._stored_max
        content = memoryview(self._source.read_at(first, length))
        chunks += [self._decode(content[run.host - first :], run.guest) for run in batch]
        batch.clear()

    def _load_grain(self, host: int, guest: int) -> bytes:
        return self._decode(memoryview(self._source.read_at(host, self._stored_max)), guest)

    @property
    def _stored_max(self) -> int:
        """How many bytes a compressed grain may take: Deflate adds 5 bytes to each 16 KiB."""
        return self.grain_bytes + self.grain_bytes // 256 + SECTOR

    def _decode(self, content: memoryview, guest: int) -> bytes:
        """Return the grain behind a grain marker: the LBA, the size in bytes, the stream."""
        if len(content) < MARKER_BYTES:
            raise self._corrupt(guest, "the compressed grain is outside the file")
        lba = int.from_bytes(content[:8], "little")
        length = int.from_bytes(content[8:MARKER_BYTES], "little")
        if lba != guest // SECTOR:
            raise self._corrupt(guest, f"the grain marker is that of sector {lba}")
        if length > self._stored_max - MARKER_BYTES:
            raise self._corrupt(guest, f"a compressed grain of {length} bytes is too long")
        stream = content[MARKER_BYTES : MARKER_BYTES + length]
        try:
            grain = self._decompress(stream, self.grain_bytes)
        except ValueError as e:
            raise self._corrupt(guest, f"the compressed grain does not decode: {e}") from e
        if len(grain) != self.grain_bytes and guest + len(grain) != self.size:
            relation = "longer" if len(grain) > self.grain_bytes else "shorter"
            raise self._corrupt(guest, f"the compressed grain is {relation} than a grain")
        return grain

    def _corrupt(self, guest: int, message: str) -> Corrupt:
        """Return the error, at the offset of the grain table entry in the extent file."""
        at = self._directory.entry_offset(guest // self.grain_bytes)
        return Corrupt("vmdk", at, message, reason="grain")


class GrainDirectory:
    """The grain directory, the redundant one behind it, and the grain tables they lead to."""

    def __init__(
        self, source: Source, header: SparseExtentHeader, offset: int, redundant: int | None
    ) -> None:
        self.span_bytes = header.grain_size * header.num_gtes_per_gt * SECTOR
        self.entries = -(-header.capacity * SECTOR // self.span_bytes)
        self._source = source
        self._gtes = header.num_gtes_per_gt
        offsets = [offset] if redundant is None else [offset, redundant]
        self._copies = [(at, self._read(at, self.entries)) for at in offsets]
        tables = max(2, min(4096, GT_CACHE_BYTES // (self._gtes * 4)))
        self.table = lru_cache(tables)(self._load)

    @property
    def complete(self) -> bool:
        """Whether every entry of the first copy is there."""
        return len(self._copies[0][1]) == self.entries

    @property
    def tables_max(self) -> int:
        """How many tables and holes fit the file; more are one table mapped many times."""
        return 2 * (self._source.size // (4 * self._gtes)) + 2

    def reach(self, index: int) -> int:
        """Return where on the disk this table's grains end, or where the hole it begins ends."""
        entries = self._copies[0][1]
        if index >= len(entries):
            return self.entries * self.span_bytes
        if not entries[index]:
            following = range(index + 1, len(entries))
            index = next((i - 1 for i in following if entries[i]), len(entries) - 1)
        return (index + 1) * self.span_bytes

    def is_readable(self, index: int) -> bool:
        """Say whether `table` of this index raises nothing."""
        try:
            self.table(index)
        except Corrupt:
            return False
        return True

    def entry_offset(self, grain: int) -> int:
        """Return where the grain table entry of a grain stands in the file."""
        index, inside = divmod(grain, self._gtes)
        return self._place(index) + 4 * inside

    def _load(self, index: int) -> "array[int] | None":
        """Return a grain table, None where the directory has none; Corrupt where it is outside.

        The redundant copy answers where the first does not ("Grain Directory").
        """
        at = self._place(index)
        if not at:
            return None
        entries = self._read(at, self._gtes)
        if len(entries) < self._gtes:
            raise Corrupt("vmdk", at, "the grain table ends early", reason="directory")
        return entries

    def _place(self, index: int) -> int:
        for _, entries in self._copies:
            if index < len(entries):
                at = entries[index] * SECTOR
                if at + 4 * self._gtes <= self._source.size:
                    return at
        at = self._copies[0][0] + 4 * index
        raise Corrupt("vmdk", at, "the grain table is outside the file", reason="directory")

    def _read(self, offset: int, count: int) -> "array[int]":
        content = self._source.read_at(offset, 4 * count)
        numbers = array("I", content[: len(content) & ~3])
        if sys.byteorder == "big":
            numbers.byteswap()
        return numbers


def read_header(source: Source, offset: int = 0) -> SparseExtentHeader:
    """Return a sparse extent's header, judged; Corrupt or Unsupported."""
    header = HEADER.parse(source.read_at(offset, HEADER.size), base=offset)
    if header.magic != MAGIC:
        raise Corrupt("vmdk", offset, "the magic is not there", reason="magic")
    if header.version not in VERSIONS:
        raise Unsupported(f"vmdk version {header.version} is not read", reason="vmdk.version")
    if header.flags & NEWLINE_TEST and header.line_ends != LINE_ENDS:
        message = "the line ends in the header are changed: the file was transferred as text"
        raise Corrupt("vmdk", offset + HEADER.offset("line_ends"), message, reason="text")
    if header.flags & COMPRESSED and header.compress_algorithm != DEFLATE:
        message = f"vmdk compression algorithm {header.compress_algorithm} is not known"
        raise Unsupported(message, reason="vmdk.compression")
    _check(header, "grain_size", offset, 1, GRAIN_SECTORS_MAX)
    _check(header, "num_gtes_per_gt", offset, 1, GTES_PER_GT_MAX)
    return header


def _check(header: SparseExtentHeader, field: str, base: int, low: int, high: int) -> None:
    value = getattr(header, field)
    if not low <= value <= high:
        message = f"{field} {value} is not in {low} to {high}"
        raise Corrupt("vmdk", base + HEADER.offset(field), message, reason="header")


def open_sparse(source: Source, ctx: OpenContext, parent: Source | None) -> SparseExtent:
    """Return a hosted sparse extent; Corrupt where its directory is nowhere in the file.

    A stream-optimized one may have its directory at the end, in a footer that is a second header
    1024 bytes before the end of the file.
    """
    header = read_header(source)
    if header.gd_offset == GD_AT_END:
        if source.size < 2 * SECTOR + HEADER.size:
            raise Corrupt("vmdk", HEADER.offset("gd_offset"), "no room for the footer it names")
        header = read_header(source, source.size - 2 * SECTOR)
    entries = -(-header.capacity // (header.grain_size * header.num_gtes_per_gt))
    if entries * 4 > ctx.limits.table_bytes:
        message = f"capacity {header.capacity} needs a grain directory of {entries} entries"
        raise Corrupt("vmdk", HEADER.offset("capacity"), message, reason="directory")
    offsets = [header.gd_offset * SECTOR]
    if header.flags & REDUNDANT:
        offsets.append(header.rgd_offset * SECTOR)
    present = [at for at in offsets if at > 0 and at + 4 * entries <= source.size]
    if not present:
        present = [at for at in offsets if 0 < at < source.size]
    if not present:
        at = HEADER.offset("gd_offset")
        raise Corrupt("vmdk", at, "the grain directory is outside the file", reason="directory")
    if header.unclean_shutdown:
        at = HEADER.offset("unclean_shutdown")
        ctx.problem("vmdk.unclean", "the disk was not closed by its last writer", offset=at)
    directory = GrainDirectory(source, header, present[0], present[1] if present[1:] else None)
    if present[0] != offsets[0] or not directory.complete:
        message = "the grain directory is not whole; the redundant one is used where there is one"
        at = offsets[0]
        ctx.problem("vmdk.directory", message, offset=at, severity=Severity.ERROR)
    return SparseExtent(source, header, directory, parent)
