"""qcow2: L1 and L2 tables, subclusters, compressed clusters and data files, hostile ones too."""

import struct
import tracemalloc
from collections.abc import Callable

import pytest
from tests.formats.image.qcow2_images import (
    CLUSTER,
    COMPRESSED,
    COPIED,
    DATA_AT,
    L1_AT,
    L2_AT,
    image,
    open_bytes,
)

from strongroom.base.errors import Corrupt
from strongroom.base.limits import DEFAULT_LIMITS
from strongroom.base.source import Extent, Memory, extents, identity
from strongroom.formats.image.qcow2 import QCOW2, Qcow2
from strongroom.testing.context import RecordingContext

ENTRY_FAULTS = {
    "unaligned": (DATA_AT + 512, "not aligned"),
    "outside": (1 << 40, "outside the file"),
    "just outside": (DATA_AT + CLUSTER, "outside the file"),
    "compressed outside": (COMPRESSED | 1 << 40, "outside the file"),
    "compressed noise": (COMPRESSED | DATA_AT, "does not decode"),
}


@pytest.mark.parametrize("fault", ENTRY_FAULTS)
@pytest.mark.parametrize("index", [0, 3])
def test_a_bad_entry_is_corrupt_at_its_place_and_the_rest_is_read(fault: str, index: int):
    entry, words = ENTRY_FAULTS[fault]
    entries = [DATA_AT] * 4
    entries[index] = entry

    disk = open_bytes(image(tuple(entries)))

    for other in {0, 1, 2, 3} - {index}:
        assert disk.read_at(other * CLUSTER, CLUSTER) == b"d" * CLUSTER
    for length in (CLUSTER, 100):
        with pytest.raises(Corrupt, match=words) as caught:
            disk.read_at(index * CLUSTER, length)
        assert caught.value.offset == L2_AT + 8 * index
        assert caught.value.code == "corrupt.qcow2.l2"
    assert sum(e.length for e in extents(disk) if e.data) == 4 * CLUSTER


def test_a_run_that_leaves_the_file_names_the_first_cluster_outside():
    entries = tuple(DATA_AT + n * CLUSTER for n in range(4))
    disk = open_bytes(image(entries, b"d" * CLUSTER + b"e" * 1000))

    with pytest.raises(Corrupt) as caught:
        disk.read_at(0, 4 * CLUSTER)

    assert caught.value.offset == L2_AT + 8 * 2
    # The last cluster of the file is cut: its tail was never written.
    assert disk.read_at(CLUSTER, CLUSTER) == b"e" * 1000 + bytes(CLUSTER - 1000)


@pytest.mark.parametrize(
    ("l1", "words"),
    [
        (L2_AT + 512, "not aligned"),
        (1 << 40, "outside the file"),
        (DATA_AT + CLUSTER, "outside the file"),
    ],
)
def test_a_bad_l1_entry_is_corrupt_at_its_place(l1: int, words: str):
    disk = open_bytes(image(l1=l1))

    with pytest.raises(Corrupt, match=words) as caught:
        disk.read_at(0, 1)

    assert caught.value.offset == L1_AT
    assert list(extents(disk)) == [Extent(0, 4 * CLUSTER, data=True)]


@pytest.mark.parametrize("l1", [L1_AT, L2_AT, 0, CLUSTER])
def test_tables_that_point_at_themselves_end(l1: int):
    disk = open_bytes(image((L2_AT, L1_AT, COMPRESSED | L2_AT, 0), l1=l1))
    for index in range(4):
        try:
            assert len(disk.read_at(index * CLUSTER, CLUSTER)) == CLUSTER
        except Corrupt as e:
            assert e.offset is not None  # noqa: PT017  # reading or refusing are both right here
    assert sum(e.length for e in extents(disk)) == 4 * CLUSTER


@pytest.mark.parametrize("l1_size", [1, 3])
def test_a_short_l1_table_is_reported_and_what_it_maps_is_read(l1_size: int):
    ctx = RecordingContext()
    span = CLUSTER * 8192
    disk = open_bytes(image(size=4 * span, l1_size=l1_size), ctx)

    assert disk.read_at(0, 4) == b"dddd"
    with pytest.raises(Corrupt, match="L1 table ends") as caught:
        disk.read_at(4 * span - 1, 1)
    assert caught.value.offset == L1_AT + 8 * 3
    assert [p.rule for p in ctx.problems] == ["qcow2.l1"]
    assert sum(e.length for e in extents(disk)) == 4 * span


def test_a_cut_l1_table_is_read_as_far_as_it_goes():
    content = image(size=1 << 40, l1_size=2048, l1_offset=DATA_AT, data=bytes(16))
    disk = open_bytes(content, ctx := RecordingContext())

    assert disk.read_at(0, 10) == bytes(10)
    assert [p.rule for p in ctx.problems] == ["qcow2.l1"]
    assert list(extents(disk))[-1].data


def test_a_size_without_end_is_opened_in_no_time_and_memory():
    disk = open_bytes(image(size=(1 << 63) - 512))

    assert disk.size == (1 << 63) - 512
    assert list(extents(disk, 1 << 50, 1 << 60)) == [Extent(1 << 50, 1 << 60, data=True)]
    with pytest.raises(Corrupt):
        disk.read_at(1 << 60, 1 << 20)


def test_one_table_mapped_many_times_is_mapped_as_often_as_the_file_has_clusters():
    l1 = struct.pack(">Q", L2_AT) * (1 << 16)
    entries = tuple(DATA_AT if n % 2 else 0 for n in range(8192))
    disk = open_bytes(image(entries, l1, size=1 << 45, l1_size=1 << 16, l1_offset=DATA_AT))

    pieces = list(extents(disk))

    assert len(pieces) < 8192 * (7 + len(l1) // CLUSTER)
    assert sum(e.length for e in pieces) == disk.size
    assert pieces[-1].length > 1 << 44


def test_a_declared_table_is_never_allocated_before_it_is_there():
    tracemalloc.start()
    try:
        open_bytes(image(size=1 << 60, l1_size=(32 << 20) // 8))
        # 16 MiB are the step that the decoder frees at once, untouched.
        assert tracemalloc.get_traced_memory()[1] < 20 << 20
    finally:
        tracemalloc.stop()


def test_the_table_limit_of_the_context_holds():
    ctx = RecordingContext(limits=DEFAULT_LIMITS._replace(table_bytes=64))
    with pytest.raises(Corrupt, match="l1_size 9 exceeds 8"):
        open_bytes(image(l1_size=9), ctx)


def test_version_2_has_no_zero_flag():
    disk = open_bytes(image((DATA_AT | 1, DATA_AT), version=2))

    assert disk.read_at(CLUSTER, 1) == b"d"
    with pytest.raises(Corrupt, match="exclude each other"):
        disk.read_at(0, 1)


def deflate(content: bytes) -> bytes:
    import zlib

    packer = zlib.compressobj(wbits=-12)
    return packer.compress(content) + packer.flush()


def zstd(content: bytes) -> bytes:
    from backports import zstd as library

    return library.compress(content)


def packed_entry(at: int, length: int) -> int:
    sectors = (at % 512 + length - 1) // 512
    return COMPRESSED | sectors << 54 | at


PACKERS: dict[str, Callable[[bytes], bytes]] = {"zlib": deflate, "zstd": zstd}


def packed(kind: str, *streams: bytes) -> Qcow2:
    """Return an image whose clusters are these streams, one behind the other."""
    entries, at = [], DATA_AT
    for stream in streams:
        entries.append(packed_entry(at, len(stream)))
        at += len(stream)
    content = bytearray(image(tuple(entries), b"".join(streams), incompatible=8))
    content[104] = ("zlib", "zstd").index(kind)
    return open_bytes(bytes(content))


@pytest.mark.parametrize("kind", PACKERS)
def test_packed_clusters_stand_close_and_may_be_cut_behind_the_stream(kind: str):
    pack = PACKERS[kind]
    streams = [pack(bytes([n]) * CLUSTER) for n in range(1, 5)]

    disk = packed(kind, *streams)

    expected = b"".join(bytes([n]) * CLUSTER for n in range(1, 5))
    assert disk.read_at(0, 1 << 20) == expected
    assert disk.read_at(CLUSTER - 5, CLUSTER + 10) == expected[CLUSTER - 5 : 2 * CLUSTER + 5]


@pytest.mark.parametrize("kind", PACKERS)
@pytest.mark.parametrize(
    ("length", "words"),
    [(CLUSTER - 1, "shorter"), (0, "shorter"), (CLUSTER + 1, "longer"), (1 << 27, "longer")],
)
def test_a_packed_cluster_of_another_size_is_corrupt(kind: str, length: int, words: str):
    pack = PACKERS[kind]
    disk = packed(kind, pack(b"x" * CLUSTER), pack(bytes(length)))

    assert disk.read_at(0, CLUSTER) == b"x" * CLUSTER
    tracemalloc.start()
    try:
        with pytest.raises(Corrupt, match=f"{words} than a cluster") as caught:
            disk.read_at(CLUSTER, CLUSTER)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
    assert caught.value.offset == L2_AT + 8


def test_a_zstd_cluster_may_be_several_frames():
    halves = zstd(b"x" * 30_000) + zstd(b"y" * (CLUSTER - 30_000))
    disk = packed("zstd", halves, halves + zstd(b"behind"), zstd(b"") * 100)

    for index in (0, 1):
        cluster = disk.read_at(index * CLUSTER, CLUSTER)
        assert cluster == b"x" * 30_000 + b"y" * (CLUSTER - 30_000)
    with pytest.raises(Corrupt):
        disk.read_at(2 * CLUSTER, CLUSTER)


@pytest.mark.parametrize("kind", PACKERS)
def test_a_cut_stream_is_corrupt(kind: str):
    with pytest.raises(Corrupt):
        packed(kind, PACKERS[kind](bytes(range(256)) * 256)[:40]).read_at(0, 1)


def extended(entry: int, bitmap: int) -> Qcow2:
    return open_bytes(image((entry, bitmap), incompatible=16))


ALL = 0xFFFFFFFF
SUB = CLUSTER // 32


@pytest.mark.parametrize(
    ("entry", "bitmap", "expected"),
    [
        (DATA_AT, ALL, b"d" * CLUSTER),
        (DATA_AT, 0, bytes(CLUSTER)),
        (DATA_AT, ALL << 32, bytes(CLUSTER)),
        (0, ALL << 32, bytes(CLUSTER)),
        (DATA_AT, 0b110, bytes(SUB) + b"d" * 2 * SUB + bytes(29 * SUB)),
        (DATA_AT, 1 << 31, bytes(31 * SUB) + b"d" * SUB),
        (DATA_AT, 1 | 2 << 32, b"d" * SUB + bytes(31 * SUB)),
    ],
)
def test_a_subcluster_is_what_its_two_bits_say(entry: int, bitmap: int, expected: bytes):
    disk = extended(entry, bitmap)

    assert disk.read_at(0, CLUSTER) == expected
    assert disk.read_at(SUB - 7, SUB + 20) == expected[SUB - 7 : 2 * SUB + 13]


@pytest.mark.parametrize(("entry", "bitmap"), [(DATA_AT, 1 | 1 << 32), (0, 1)])
def test_bits_that_exclude_each_other_are_corrupt(entry: int, bitmap: int):
    with pytest.raises(Corrupt, match="exclude each other") as caught:
        extended(entry, bitmap).read_at(0, 1)
    assert caught.value.offset == L2_AT


def with_data_file(entries: tuple[int, ...], data: bytes, autoclear: int = 0) -> Qcow2:
    name = struct.pack(">II", 0x44415441, 4) + b"side\0\0\0\0"
    content = image(entries, extensions=name, incompatible=4, autoclear=autoclear)
    return QCOW2.open(Memory(content, "a"), RecordingContext({"side": Memory(data, "b")}))


def test_a_data_file_holds_clusters_at_any_offset_even_0():
    disk = with_data_file((COPIED, CLUSTER, 0), b"0" * CLUSTER + b"1" * CLUSTER)

    assert disk.read_at(0, 1 << 20) == b"0" * CLUSTER + b"1" * CLUSTER + bytes(2 * CLUSTER)
    assert identity(disk) == f"qcow2:{L1_AT}(a,b)"


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (COMPRESSED | DATA_AT, "beside an external data file"),
        (2 * CLUSTER, "belongs elsewhere"),
        (4 * CLUSTER, "outside the file"),
    ],
)
def test_a_raw_data_file_holds_plain_clusters_in_their_places(entry: int, words: str):
    disk = with_data_file((COPIED, entry), b"0" * 4 * CLUSTER, autoclear=2)

    assert disk.facts.features == ("external-data-file", "raw-external-data")
    with pytest.raises(Corrupt, match=words):
        disk.read_at(CLUSTER, CLUSTER)
