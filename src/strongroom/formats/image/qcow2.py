"""qcow2, versions 2 and 3: QEMU's disk image with clusters, snapshots and backing files.

From the qcow2 specification (QEMU, docs/interop/qcow2.txt).
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from strongroom.base.errors import Corrupt, NotFound, Unsupported
from strongroom.base.format import ImageFacts, Magic, OpenContext, Snapshot
from strongroom.base.layout import Layout
from strongroom.base.limits import MIB, Limits
from strongroom.base.record import Severity
from strongroom.base.source import Extent, Source, read_exactly

from .codec import inflate, unzstd
from .qcow2_table import Disk, Geometry, Storage, Table, big_endian

MAGIC = b"QFI\xfb"
CLUSTER_BITS = range(9, 22)
CLUSTER_BITS_EXTENDED = range(14, 22)
L1_BYTES_MAX = 32 * MIB
BACKING_NAME_MAX = 1023
REFCOUNT_ORDER_MAX = 6
SNAPSHOTS_MAX = 65536
SNAPSHOT_EXTRA_MAX = 1024
SNAPSHOT_TABLE_BYTES_MAX = 16 * MIB
DEFLATE_WINDOW_BITS = -12
"""Raw Deflate with a 4 KiB window ("Compressed Clusters Descriptor")."""

DIRTY, CORRUPT, EXTERNAL, COMPRESSION_TYPE, EXTENDED_L2 = range(5)
INCOMPATIBLE = ("dirty", "corrupt", "external-data-file", "compression-type", "extended-l2")
COMPATIBLE = ("lazy-refcounts",)
AUTOCLEAR = ("bitmaps", "raw-external-data")
RAW_EXTERNAL = 1

END, BACKING_FORMAT, FEATURE_NAMES, DATA_FILE = 0, 0xE2792ACA, 0x6803F857, 0x44415441
COMPRESSIONS = ("zlib", "zstd")


class Header(NamedTuple):
    """The fields of both versions, offsets 0 to 71."""

    magic: bytes
    version: int
    backing_file_offset: int
    backing_file_size: int
    cluster_bits: int
    size: int
    crypt_method: int
    l1_size: int
    l1_table_offset: int
    refcount_table_offset: int
    refcount_table_clusters: int
    nb_snapshots: int
    snapshots_offset: int


class Version3(NamedTuple):
    """The fields that version 3 adds, offsets 72 to 103."""

    incompatible_features: int = 0
    compatible_features: int = 0
    autoclear_features: int = 0
    refcount_order: int = 4
    header_length: int = 72


class SnapshotHeader(NamedTuple):
    """The fixed part of an entry of the snapshot table, offsets 0 to 39."""

    l1_table_offset: int
    l1_size: int
    id_str_size: int
    name_size: int
    date_sec: int
    date_nsec: int
    vm_clock_nsec: int
    vm_state_size: int
    extra_data_size: int


HEADER = Layout("qcow2", Header, ">4sIQIIQIIQQIIQ")
VERSION3 = Layout("qcow2", Version3, ">QQQII")
SNAPSHOT = Layout("qcow2", SnapshotHeader, ">QIHHIIQII")


class Start(NamedTuple):
    """The header cluster, read and judged."""

    header: Header
    version3: Version3
    compression: str
    extensions: Mapping[int, bytes]
    backing_name: str

    @property
    def geometry(self) -> Geometry:
        """What decides how the tables are read."""
        incompatible = self.version3.incompatible_features
        return Geometry(
            self.header.version,
            self.header.cluster_bits,
            extended_l2=bool(incompatible >> EXTENDED_L2 & 1),
            external=bool(incompatible >> EXTERNAL & 1),
            raw_external=bool(self.version3.autoclear_features >> RAW_EXTERNAL & 1),
        )


class SnapshotEntry(NamedTuple):
    """One entry of the snapshot table."""

    snapshot: Snapshot
    l1_table_offset: int
    l1_size: int
    at: int
    """Where the entry stands in the image file."""


class Qcow2:
    """An opened qcow2 image: the active disk, and the internal snapshots by name."""

    def __init__(
        self, source: Source, data: Source, backing: Source | None, start: Start, ctx: OpenContext
    ) -> None:
        self._source = source
        self._start = start
        self._limits = ctx.limits
        decompress = unzstd() if start.compression == "zstd" else inflate(DEFLATE_WINDOW_BITS)
        self._storage = Storage(source, data, backing, start.geometry, decompress)
        header = start.header
        l1 = self._read_l1(header.l1_table_offset, header.l1_size, header.size, at=36)
        if len(l1.entries) < _l1_needed(start.geometry, header.size):
            ctx.problem(
                "qcow2.l1",
                f"the L1 table maps only a part of the disk: {len(l1.entries)} entries",
                offset=HEADER.offset("l1_size"),
                severity=Severity.ERROR,
            )
        self._disk = Disk(self._storage, l1, header.size)

    @property
    def size(self) -> int:
        return self._disk.size

    def read_at(self, offset: int, length: int, /) -> bytes:
        """Return `length` bytes of the active disk; Corrupt where a cluster cannot be read."""
        return self._disk.read_at(offset, length)

    def extents(self, offset: int, length: int, /) -> Iterator[Extent]:
        """Yield what the tables say is stored, through the whole backing chain."""
        return self._disk.extents(offset, length)

    def identity(self) -> str | None:
        """Return the keys of all files of the chain, or None where one has none."""
        return self._disk.identity()

    @property
    def facts(self) -> ImageFacts:
        """Return what the header says."""
        header, version3 = self._start.header, self._start.version3
        return ImageFacts(
            "qcow2",
            variant=f"v{header.version}",
            compression=self._start.compression,
            cluster_size=1 << header.cluster_bits,
            backing=self._start.backing_name,
            features=(
                *_named(version3.incompatible_features, INCOMPATIBLE),
                *_named(version3.compatible_features, COMPATIBLE),
                *_named(version3.autoclear_features, AUTOCLEAR),
            ),
        )

    def snapshots(self) -> Sequence[Snapshot]:
        """Return the internal snapshots, oldest first; Corrupt where their table is not one."""
        return sorted((e.snapshot for e in self._entries), key=lambda s: s.created_ns)

    def snapshot(self, name: str, /) -> Source:
        """Return the disk of a snapshot; an id goes before a name, as in qemu-img. NotFound."""
        by_name = [entry for entry in self._entries if entry.snapshot.name == name]
        for entry in [e for e in self._entries if e.snapshot.id == name] + by_name:
            size = entry.snapshot.size
            l1 = self._read_l1(entry.l1_table_offset, entry.l1_size, size, at=entry.at)
            return Disk(self._storage, l1, size)
        raise NotFound(f"the image has no snapshot {name}")

    def _read_l1(self, offset: int, entries: int, size: int, *, at: int) -> Table:
        """Read as much of an L1 table as the disk needs; `at` is where the file says its size."""
        limit = min(L1_BYTES_MAX, self._limits.table_bytes)
        if entries * 8 > limit:
            raise Corrupt("qcow2", at, f"l1_size {entries} exceeds {limit // 8}", reason="l1")
        needed = min(entries, _l1_needed(self._start.geometry, size))
        if offset & (self._start.geometry.cluster_size - 1):
            raise Corrupt("qcow2", at, f"L1 table at {offset:#x} is not aligned", reason="l1")
        if needed and offset + 8 > self._source.size:
            raise Corrupt("qcow2", at, f"L1 table at {offset:#x} is outside the file", reason="l1")
        return Table(offset, big_endian(self._source.read_at(offset, needed * 8)))

    @cached_property
    def _entries(self) -> tuple[SnapshotEntry, ...]:
        return tuple(read_snapshots(self._source, self._start.header, self._limits))


class _Qcow2Format:
    name = "qcow2"
    magics = (Magic(0, MAGIC),)

    def probe(self, head: bytes, size: int, /) -> bool:  # noqa: ARG002  # the protocol's shape
        """Say whether the magic stands at the beginning; versions are `open`'s matter."""
        return head.startswith(MAGIC)

    def open(self, source: Source, ctx: OpenContext, /) -> Qcow2:
        """Return the disk.

        Corrupt for a header or L1 table that is not one, Unsupported for version 1, encryption
        and unknown incompatible feature bits, and what `ctx` says of the files it stands on.
        """
        start = read_start(source)
        version3 = start.version3
        for bit, rule in ((DIRTY, "qcow2.dirty"), (CORRUPT, "qcow2.corrupt")):
            if version3.incompatible_features >> bit & 1:
                ctx.problem(
                    rule,
                    f"the image is marked {INCOMPATIBLE[bit]}: its reference counts may be wrong",
                    offset=72,
                    severity=Severity.WARNING if bit == DIRTY else Severity.ERROR,
                )
        data = source
        if start.geometry.external:
            data = ctx.sibling(_data_file_name(start))
        backing = None
        if start.backing_name:
            kind = start.extensions.get(BACKING_FORMAT, b"").decode("ascii", "replace")
            backing = ctx.backing(start.backing_name, kind or None)
        return Qcow2(source, data, backing, start, ctx)


QCOW2 = _Qcow2Format()


def read_start(source: Source) -> Start:
    """Return the header, its extensions and the backing file's name; Corrupt or Unsupported."""
    content = source.read_at(0, 512)
    header = HEADER.parse(content)
    if header.magic != MAGIC:
        raise Corrupt("qcow2", 0, "the magic is not there", reason="magic")
    if header.version not in (2, 3):
        raise Unsupported(f"qcow2 version {header.version} is not read", reason="qcow2.version")
    version3 = VERSION3.parse(content, HEADER.size) if header.version > 2 else Version3()
    _check(header, version3)
    cluster = source.read_at(0, 1 << header.cluster_bits)
    extensions = read_extensions(cluster, header, version3)
    _check_features(version3, extensions)
    compression = 0
    if version3.incompatible_features >> COMPRESSION_TYPE & 1:
        compression = cluster[104] if version3.header_length > 104 and len(cluster) > 104 else 0
        if compression >= len(COMPRESSIONS):
            raise Unsupported(f"qcow2 compression type {compression}", reason="qcow2.compression")
    return Start(
        header, version3, COMPRESSIONS[compression], extensions, _backing_name(cluster, header)
    )


def _check(header: Header, version3: Version3) -> None:
    extended = version3.incompatible_features >> EXTENDED_L2 & 1
    sizes = CLUSTER_BITS_EXTENDED if extended else CLUSTER_BITS
    if header.cluster_bits not in sizes:
        message = f"cluster_bits {header.cluster_bits} is not in {sizes.start} to {sizes[-1]}"
        raise Corrupt("qcow2", HEADER.offset("cluster_bits"), message, reason="header")
    if version3.refcount_order > REFCOUNT_ORDER_MAX:
        message = f"refcount_order {version3.refcount_order} exceeds {REFCOUNT_ORDER_MAX}"
        raise Corrupt("qcow2", 96, message, reason="header")
    if header.version > 2 and not 104 <= version3.header_length <= 1 << header.cluster_bits:
        message = f"header_length {version3.header_length} is less than 104 or over a cluster"
        raise Corrupt("qcow2", 100, message, reason="header")
    if header.crypt_method:
        word = {1: "AES", 2: "LUKS"}.get(header.crypt_method, str(header.crypt_method))
        raise Unsupported(f"qcow2 encryption {word} is not read", reason="qcow2.encryption")
    if header.nb_snapshots > SNAPSHOTS_MAX:
        message = f"nb_snapshots {header.nb_snapshots} exceeds {SNAPSHOTS_MAX}"
        raise Corrupt("qcow2", HEADER.offset("nb_snapshots"), message, reason="header")


def _check_features(version3: Version3, extensions: Mapping[int, bytes]) -> None:
    unknown = version3.incompatible_features >> len(INCOMPATIBLE)
    if unknown:
        bit = (unknown & -unknown).bit_length() - 1 + len(INCOMPATIBLE)
        name = _feature_name(extensions.get(FEATURE_NAMES, b""), bit)
        raise Unsupported(
            f"qcow2 incompatible feature bit {bit}{name} is not known", reason="qcow2.feature"
        )


def _feature_name(table: bytes, bit: int) -> str:
    """Return the name the image itself gives a bit ("Feature name table"), in brackets."""
    for at in range(0, len(table) - 47, 48):
        if table[at] == 0 and table[at + 1] == bit:
            name = table[at + 2 : at + 48].rstrip(b"\0").decode("ascii", "replace")
            return f" ({name})" if name.isprintable() else ""
    return ""


def read_extensions(cluster: bytes, header: Header, version3: Version3) -> Mapping[int, bytes]:
    """Return the header extensions by type; Corrupt where one reaches past their area.

    They stand between the header and the backing file's name, or the end of the first cluster.
    """
    found: dict[int, bytes] = {}
    end = min(header.backing_file_offset or len(cluster), len(cluster))
    at = version3.header_length
    while at + 8 <= end:
        kind = int.from_bytes(cluster[at : at + 4], "big")
        length = int.from_bytes(cluster[at + 4 : at + 8], "big")
        if kind == END:
            break
        if length > end - at - 8:
            message = f"header extension {kind:#x} of {length} bytes reaches past the header"
            raise Corrupt("qcow2", at, message, reason="extension")
        found[kind] = cluster[at + 8 : at + 8 + length]
        at += 8 + (length + 7 & ~7)
    return found


def _backing_name(cluster: bytes, header: Header) -> str:
    start, length = header.backing_file_offset, header.backing_file_size
    if not start or not length:
        return ""
    if length > BACKING_NAME_MAX or start + length > len(cluster):
        message = f"a backing file name of {length} bytes at {start:#x} is outside the header"
        raise Corrupt("qcow2", HEADER.offset("backing_file_offset"), message, reason="backing")
    return cluster[start : start + length].decode("utf-8", "surrogateescape")


def _data_file_name(start: Start) -> str:
    name = start.extensions.get(DATA_FILE, b"").rstrip(b"\0").decode("utf-8", "surrogateescape")
    if not name:
        raise Corrupt("qcow2", 72, "the external data file is not named", reason="data-file")
    return name


def _l1_needed(geometry: Geometry, size: int) -> int:
    return -(-size >> geometry.l2_bits + geometry.cluster_bits)


def _named(bits: int, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for bit, name in enumerate(names) if bits >> bit & 1)


def read_snapshots(source: Source, header: Header, limits: Limits) -> Iterator[SnapshotEntry]:
    """Yield the snapshot table ("Snapshots"); Corrupt where an entry does not fit the file."""
    at = header.snapshots_offset
    end = at + min(SNAPSHOT_TABLE_BYTES_MAX, limits.table_bytes)
    for _ in range(header.nb_snapshots):
        fixed = SNAPSHOT.parse(source.read_at(at, SNAPSHOT.size), base=at)
        extra, id_size, name_size = fixed.extra_data_size, fixed.id_str_size, fixed.name_size
        length = SNAPSHOT.size + extra + id_size + name_size
        if extra > SNAPSHOT_EXTRA_MAX or at + length > end:
            raise Corrupt("qcow2", at, "a snapshot entry is too long", reason="snapshot")
        entry = read_exactly(source, at, length)
        if entry is None:
            raise Corrupt("qcow2", at, "a snapshot entry is outside the file", reason="snapshot")
        # The second extra field is the disk's size at that time, where the entry has it.
        tail = SNAPSHOT.size + extra
        size = int.from_bytes(entry[48:56], "big") if extra >= 16 else header.size
        snapshot = Snapshot(
            id=entry[tail : tail + id_size].decode("utf-8", "surrogateescape"),
            name=entry[tail + id_size :].decode("utf-8", "surrogateescape"),
            created_ns=fixed.date_sec * 1_000_000_000 + fixed.date_nsec,
            size=size,
        )
        yield SnapshotEntry(snapshot, fixed.l1_table_offset, fixed.l1_size, at)
        at += length + 7 & ~7
