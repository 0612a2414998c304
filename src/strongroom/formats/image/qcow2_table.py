"""The cluster mapping of a qcow2 image: L1 and L2 tables, subclusters, compressed clusters.

From the qcow2 specification (QEMU, docs/interop/qcow2.txt), "Cluster mapping", "Extended L2
Entries" and "Compressed Clusters Descriptor".
"""

import sys
from array import array
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from strongroom.base.errors import Corrupt
from strongroom.base.limits import MIB
from strongroom.base.source import Extent, Source, clamp, coalesce, extents, identity, read_exactly

from .codec import Decompress

OFFSET = 0x00FF_FFFF_FFFF_FE00
COPIED = 1 << 63
COMPRESSED = 1 << 62
ZERO = 1
LOW_HALF = 0xFFFF_FFFF
SUBCLUSTERS = 32
UNIFORM = (0, LOW_HALF, LOW_HALF << SUBCLUSTERS)
"""The bitmaps of a cluster that is all unallocated, all stored, or all zeros."""

L2_CACHE_BYTES = 4 * MIB
CLUSTER_CACHE_BYTES = 8 * MIB
BATCH_BYTES = 4 * MIB
"""How many compressed bytes are read, and then decoded, at once."""

DATA, ZEROS, BACKING, PACKED, BAD = range(5)
"""What stands behind a run: stored bytes, zeros, the backing file, one compressed cluster, or an
entry that the specification does not allow."""


class Geometry(NamedTuple):
    """What of the header decides how the tables are read."""

    version: int
    cluster_bits: int
    extended_l2: bool = False
    external: bool = False
    raw_external: bool = False

    @property
    def cluster_size(self) -> int:
        """The bytes of a cluster."""
        return 1 << self.cluster_bits

    @property
    def l2_bits(self) -> int:
        """The base-2 logarithm of how many clusters one L2 table maps."""
        return self.cluster_bits - (4 if self.extended_l2 else 3)


class Run(NamedTuple):
    """Guest bytes that stand behind each other. `host` is an offset, for PACKED the L2 entry."""

    kind: int
    host: int
    guest: int
    length: int


class Table(NamedTuple):
    """An L1 table: its entries as far as they are there, and where it stands in the file."""

    offset: int
    entries: "array[int]"


class Storage(NamedTuple):
    """What every table of one image shares. `data` is `image` where no data file is named."""

    image: Source
    data: Source
    backing: Source | None
    geometry: Geometry
    decompress: Decompress


class Disk:
    """The virtual disk that one L1 table maps; the active one or an internal snapshot's."""

    def __init__(self, storage: Storage, l1: Table, size: int) -> None:
        self.size = size
        self._image, self._data, self._backing, self._geometry, self._decompress = storage
        self._l1 = l1
        cluster_size = self._geometry.cluster_size
        self._cluster_size = cluster_size
        self._data_end = -(-self._data.size // cluster_size) * cluster_size
        self._l2 = lru_cache(max(2, min(2048, L2_CACHE_BYTES // cluster_size)))(self._load_l2)
        self._cluster = lru_cache(max(2, min(2048, CLUSTER_CACHE_BYTES // cluster_size)))(
            self._load_cluster
        )

    def read_at(self, offset: int, length: int, /) -> bytes:
        """Return `length` bytes; fewer only at the end. Corrupt at the entry that is at fault."""
        length = clamp(self.size, offset, length)
        if 0 < length <= self._cluster_size:
            content = self._read_inside(offset, length)
            if content is not None:
                return content
        chunks: list[bytes] = []
        packed: list[Run] = []
        for run in self._runs(offset, offset + length):
            if run.kind == PACKED:
                packed.append(run)
                continue
            if packed:
                self._read_packed(packed, chunks)
                packed.clear()
            chunks.append(self._read_run(run))
        if packed:
            self._read_packed(packed, chunks)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def extents(self, offset: int, length: int, /) -> Iterator[Extent]:
        """Return what the tables say; what cannot be read is `data`, so that a read tells why."""
        return coalesce(self._pieces(offset, offset + clamp(self.size, offset, length)))

    def identity(self) -> str | None:
        """Return the keys of the files below and which table this is, or None without keys."""
        parts = [self._image, *([self._data] if self._data is not self._image else [])]
        parts += [] if self._backing is None else [self._backing]
        keys = [identity(part) for part in parts]
        known = [key for key in keys if key is not None]
        return f"qcow2:{self._l1.offset}({','.join(known)})" if len(known) == len(keys) else None

    # From guest offsets to runs

    def _pieces(self, offset: int, end: int) -> Iterator[Extent]:
        span_bits = self._geometry.l2_bits + self._geometry.cluster_bits
        # Each L2 table has a cluster of its own; more of them are one table mapped many times.
        tables = (self._image.size >> self._geometry.cluster_bits) + 1
        while offset < end:
            l1_index = offset >> span_bits
            stop = min(end, l1_index + 1 << span_bits)
            if l1_index >= len(self._l1.entries) or not tables:
                yield Extent(offset, end - offset, data=True)
                return
            if not self._entry(l1_index):
                stop = self._hole_end(l1_index, end)
            elif self._is_readable(l1_index):
                tables -= 1
            else:
                yield Extent(offset, stop - offset, data=True)
                offset = stop
                continue
            for run in self._runs(offset, stop):
                if run.kind == BACKING:
                    yield from self._backing_pieces(run)
                else:
                    yield Extent(run.guest, run.length, run.kind != ZEROS)
            offset = stop

    def _is_readable(self, l1_index: int) -> bool:
        try:
            return bool(self._l2(l1_index))
        except Corrupt:
            return False

    def _backing_pieces(self, run: Run) -> Iterator[Extent]:
        backing = self._backing
        end, at = run.guest + run.length, run.guest
        if backing is not None and backing.size > at:
            for extent in extents(backing, at, min(end, backing.size) - at):
                yield extent
                at = extent.offset + extent.length
        if at < end:
            yield Extent(at, end - at, data=False)

    def _entry(self, index: int) -> int:
        """Return an L1 entry; a missing one as 1, which no valid entry is."""
        entries = self._l1.entries
        return entries[index] & OFFSET if index < len(entries) else 1

    def _hole_end(self, l1_index: int, end: int) -> int:
        """Return where a run of absent L2 tables ends, at most `end`."""
        entries = self._l1.entries
        span_bits = self._geometry.l2_bits + self._geometry.cluster_bits
        last = min(len(entries), -(-end >> span_bits))
        mapped = next((i for i in range(l1_index + 1, last) if entries[i] & OFFSET), last)
        return min(end, mapped << span_bits)

    def _runs(self, offset: int, end: int) -> Iterator[Run]:
        """Yield the runs that cover a range, in order."""
        l2_bits, cluster_bits = self._geometry.l2_bits, self._geometry.cluster_bits
        span_bits = l2_bits + cluster_bits
        walk = self._extended if self._geometry.extended_l2 else self._standard
        while offset < end:
            l1_index = offset >> span_bits
            stop = min(end, l1_index + 1 << span_bits)
            if self._entry(l1_index):
                index = (offset >> cluster_bits) & ((1 << l2_bits) - 1)
                yield from walk(self._l2(l1_index), index, offset, stop)
            else:
                stop = self._hole_end(l1_index, end)
                yield Run(self._unallocated, 0, offset, stop - offset)
            offset = stop

    @property
    def _unallocated(self) -> int:
        return ZEROS if self._backing is None else BACKING

    def _standard(self, l2: "array[int]", index: int, guest: int, end: int) -> Iterator[Run]:
        cluster_size = self._cluster_size
        external = self._geometry.external
        mask = COMPRESSED | ZERO | OFFSET
        while guest < end:
            inside = guest & (cluster_size - 1)
            stop = guest - inside + cluster_size
            entry = l2[index]
            key = entry & mask
            index += 1
            if entry & COMPRESSED:
                yield Run(PACKED, entry, guest, min(stop, end) - guest)
            elif key & ZERO:
                kind = ZEROS if self._geometry.version > 2 else BAD
                yield Run(kind, 0, guest, min(stop, end) - guest)
            elif key or (external and entry & COPIED):
                # With an external data file, offset 0 is a place like any other.
                following = key + cluster_size
                while stop < end and l2[index] & mask == following:
                    following += cluster_size
                    stop += cluster_size
                    index += 1
                yield Run(DATA, key + inside, guest, min(stop, end) - guest)
            else:
                while stop < end and not l2[index] & (mask | COPIED):
                    stop += cluster_size
                    index += 1
                yield Run(self._unallocated, 0, guest, min(stop, end) - guest)
            guest = stop

    def _extended(self, l2: "array[int]", index: int, guest: int, end: int) -> Iterator[Run]:
        """Yield the runs of extended entries, each subcluster by its two bits."""
        cluster_size = self._cluster_size
        waiting = Run(ZEROS, 0, guest, 0)
        while guest < end:
            inside = guest & (cluster_size - 1)
            stop = min(end, guest - inside + cluster_size)
            entry, bitmap = l2[2 * index], l2[2 * index + 1]
            index += 1
            for run in self._subclusters(entry, bitmap, guest, inside, stop):
                if _continues(waiting, run):
                    waiting = waiting._replace(length=waiting.length + run.length)
                    continue
                if waiting.length:
                    yield waiting
                waiting = run
            guest = stop
        if waiting.length:
            yield waiting

    def _subclusters(
        self, entry: int, bitmap: int, guest: int, inside: int, stop: int
    ) -> Iterator[Run]:
        allocated, zero = bitmap & LOW_HALF, bitmap >> SUBCLUSTERS
        host = entry & OFFSET
        if entry & COMPRESSED:
            yield Run(PACKED, entry, guest, stop - guest)
            return
        stored = host or (self._geometry.external and entry & COPIED)
        if allocated & zero or (allocated and not stored):
            yield Run(BAD, 0, guest, stop - guest)
            return
        bits = self._geometry.cluster_bits - 5
        while guest < stop:
            number = inside >> bits
            last = number if bitmap not in UNIFORM else SUBCLUSTERS - 1
            count = min((last + 1 << bits) - inside, stop - guest)
            if zero >> number & 1:
                yield Run(ZEROS, 0, guest, count)
            elif allocated >> number & 1:
                yield Run(DATA, host + inside, guest, count)
            else:
                yield Run(self._unallocated, 0, guest, count)
            guest += count
            inside += count

    def _load_l2(self, l1_index: int) -> "array[int]":
        offset = self._entry(l1_index)
        at = self._l1.offset + 8 * l1_index
        if offset == 1:
            raise Corrupt("qcow2", at, "the L1 table ends before this entry", reason="l1")
        if offset & (self._cluster_size - 1):
            raise Corrupt("qcow2", at, f"L2 table at {offset:#x} is not aligned", reason="l1")
        if offset + self._cluster_size > self._image.size:
            raise Corrupt("qcow2", at, f"L2 table at {offset:#x} is outside the file", reason="l1")
        content = read_exactly(self._image, offset, self._cluster_size)
        if content is None:
            raise Corrupt("qcow2", at, f"L2 table at {offset:#x} ends early", reason="l1")
        return big_endian(content)

    # From runs to bytes

    def _read_inside(self, offset: int, length: int) -> bytes | None:
        """Return bytes of one sound, stored cluster; None for anything else.

        This is the read that file systems do all the time; it takes half as long this way.
        """
        _, cluster_bits, extended, external, _ = self._geometry
        l2_bits = cluster_bits - 3
        l1_index = offset >> cluster_bits + l2_bits
        if extended or external or not self._entry(l1_index):
            return None
        entry = self._l2(l1_index)[(offset >> cluster_bits) & ((1 << l2_bits) - 1)]
        host, low = entry & OFFSET, self._cluster_size - 1
        if entry & COMPRESSED or entry & ZERO or not host or host & low:
            return None
        inside = offset & low
        if inside + length > low + 1 or host + inside + length > self._data.size:
            return None
        return self._data.read_at(host + inside, length)

    def _read_run(self, run: Run) -> bytes:
        kind, host, guest, length = run
        if kind == ZEROS:
            return bytes(length)
        if kind == BACKING and self._backing is not None:
            inside = min(length, max(0, self._backing.size - guest))
            content = self._backing.read_at(guest, inside) if inside else b""
            return content if len(content) == length else content.ljust(length, b"\0")
        if kind == DATA:
            return self._read_data(host, guest, length)
        raise self._corrupt(guest, "the L2 entry has bits that exclude each other")

    def _read_data(self, host: int, guest: int, length: int) -> bytes:
        cluster_size = self._cluster_size
        if (host ^ guest) & (cluster_size - 1):
            raise self._corrupt(guest, f"cluster at {host:#x} is not aligned")
        if host + length > self._data_end:
            # Name the first cluster of the run that begins behind the end of the file.
            inside = max(0, self._data_end - host)
            raise self._corrupt(
                guest + inside, f"cluster at {host + inside:#x} is outside the file"
            )
        if self._geometry.raw_external and host != guest:
            raise self._corrupt(guest, f"cluster at {host:#x} of a raw data file belongs elsewhere")
        content = self._data.read_at(host, length)
        # The last cluster of a file may be cut where nothing was written behind.
        return content if len(content) == length else content.ljust(length, b"\0")

    def _read_packed(self, runs: list[Run], chunks: list[bytes]) -> None:
        """Append the content of compressed clusters; neighbours in the file are read at once."""
        cluster_size = self._cluster_size
        batch: list[tuple[Run, int, int]] = []
        for run in runs:
            if run.length < cluster_size:
                self._read_batch(batch, chunks)
                content = self._cluster(run.host, run.guest & -cluster_size)
                inside = run.guest & (cluster_size - 1)
                chunks.append(content[inside : inside + run.length])
                continue
            start, stop = self._span(run)
            if batch and not _is_near(batch, start, stop, cluster_size):
                self._read_batch(batch, chunks)
            batch.append((run, start, stop))
        self._read_batch(batch, chunks)

    def _read_batch(self, batch: list[tuple[Run, int, int]], chunks: list[bytes]) -> None:
        if not batch:
            return
        first = batch[0][1]
        content = memoryview(self._image.read_at(first, max(stop for *_, stop in batch) - first))
        for run, start, stop in batch:
            chunks.append(self._decode(content[start - first : stop - first], run.guest))
        batch.clear()

    def _load_cluster(self, entry: int, guest: int) -> bytes:
        start, stop = self._span(Run(PACKED, entry, guest, self._cluster_size))
        return self._decode(self._image.read_at(start, stop - start), guest)

    def _span(self, run: Run) -> tuple[int, int]:
        """Return where a compressed cluster begins and ends in the file.

        The descriptor counts the 512-byte sectors that the bytes touch, so that what follows the
        stream in its last sector belongs to something else.
        """
        if self._geometry.external:
            raise self._corrupt(run.guest, "a compressed cluster beside an external data file")
        bits = 62 - (self._geometry.cluster_bits - 8)
        descriptor = run.host & (COMPRESSED - 1)
        start = descriptor & ((1 << bits) - 1)
        stop = (start & ~511) + ((descriptor >> bits) + 1) * 512
        if start >= self._image.size:
            raise self._corrupt(run.guest, f"compressed cluster at {start:#x} is outside the file")
        return start, stop

    def _decode(self, content: bytes | memoryview, guest: int) -> bytes:
        try:
            cluster = self._decompress(content, self._cluster_size)
        except ValueError as e:
            raise self._corrupt(guest, f"compressed cluster does not decode: {e}") from e
        if len(cluster) != self._cluster_size:
            relation = "longer" if len(cluster) > self._cluster_size else "shorter"
            raise self._corrupt(guest, f"compressed cluster is {relation} than a cluster")
        return cluster

    def _corrupt(self, guest: int, message: str) -> Corrupt:
        """Return the error, at the offset of the L2 entry in the image file."""
        cluster = guest >> self._geometry.cluster_bits
        l1_index, l2_index = divmod(cluster, 1 << self._geometry.l2_bits)
        at = self._entry(l1_index) + l2_index * (16 if self._geometry.extended_l2 else 8)
        return Corrupt("qcow2", at, message, reason="l2")


def _is_near(batch: list[tuple[Run, int, int]], start: int, stop: int, gap: int) -> bool:
    """Say whether a compressed cluster is worth reading together with those before it."""
    _, last_start, last_stop = batch[-1]
    return last_start <= start <= last_stop + gap and stop - batch[0][1] <= BATCH_BYTES


def _continues(run: Run, following: Run) -> bool:
    if run.kind != following.kind or run.kind in (PACKED, BAD):
        return False
    return run.kind != DATA or run.host + run.length == following.host


def big_endian(content: bytes) -> "array[int]":
    """Return the 64-bit big-endian numbers in `content`; a last part of one is left out."""
    numbers = array("Q", content[: len(content) & ~7])
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers
