"""qcow2: damage and hostility end in one of the nine, at the byte that is at fault."""

import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.formats.image.conftest import open_container

from strongroom.base.errors import Corrupt, Denied, NotFound, StrongroomError, Unsupported
from strongroom.base.limits import DEFAULT_LIMITS
from strongroom.base.record import Severity
from strongroom.base.source import Extent, Memory, Source, extents, identity
from strongroom.formats.image.qcow2 import QCOW2, Qcow2
from strongroom.testing.context import RecordingContext
from strongroom.testing.images.containers import raw_view, run
from strongroom.testing.tools import need

CLUSTER = 65536
L1_AT, L2_AT, DATA_AT = 3 * CLUSTER, 4 * CLUSTER, 5 * CLUSTER
COPIED, COMPRESSED = 1 << 63, 1 << 62
NAMES = ("magic", "version", "backing_offset", "backing_size", "cluster_bits", "size", "crypt")
MORE = ("l1_size", "l1_offset", "refcounts", "refcount_clusters", "nb_snapshots", "snapshots")
V3 = ("incompatible", "compatible", "autoclear", "refcount_order", "header_length")
FIELDS = (*NAMES, *MORE, *V3)
VALID = {
    "magic": b"QFI\xfb",
    "version": 3,
    "backing_offset": 0,
    "backing_size": 0,
    "cluster_bits": 16,
    "size": 4 * CLUSTER,
    "crypt": 0,
    "l1_size": 1,
    "l1_offset": L1_AT,
    "refcounts": CLUSTER,
    "refcount_clusters": 1,
    "nb_snapshots": 0,
    "snapshots": 0,
    "incompatible": 0,
    "compatible": 0,
    "autoclear": 0,
    "refcount_order": 4,
    "header_length": 112,
}


def image(
    entries: tuple[int, ...] = (COPIED | DATA_AT,),
    data: bytes = b"d" * CLUSTER,
    extensions: bytes = b"",
    l1: int = COPIED | L2_AT,
    **fields: int | bytes,
) -> bytes:
    """Return an image of four clusters: header, L1 at 3, L2 at 4, data from 5 on."""
    values = [{**VALID, **fields}[name] for name in FIELDS]
    header = struct.pack(">4sIQIIQIIQQIIQQQQII", *values) + bytes(8) + extensions
    l2 = struct.pack(f">{len(entries)}Q", *entries)
    parts = [header.ljust(L1_AT, b"\0"), struct.pack(">Q", l1), l2]
    return parts[0] + parts[1].ljust(CLUSTER, b"\0") + parts[2].ljust(CLUSTER, b"\0") + data


def open_bytes(content: bytes, ctx: RecordingContext | None = None) -> Qcow2:
    return QCOW2.open(Memory(content), ctx or RecordingContext())


def test_the_hand_made_image_is_one_for_qemu_img_too(tmp_path: Path):
    need("qemu-img")
    path = tmp_path / "made.qcow2"
    path.write_bytes(image())

    view = raw_view(path, tmp_path / "view.raw").read_bytes()

    assert view == b"d" * CLUSTER + bytes(3 * CLUSTER)
    assert open_bytes(image()).read_at(0, 1 << 20) == view


@pytest.mark.parametrize(
    ("content", "error", "offset"),
    [
        (b"", Corrupt, 0),
        (b"QFI\xfb" + bytes(60), Corrupt, 0),
        (image()[:100], Corrupt, 72),
        (image(magic=b"QFI\xfa"), Corrupt, 0),
        (image(version=1), Unsupported, None),
        (image(version=4), Unsupported, None),
        (image(cluster_bits=8), Corrupt, 20),
        (image(cluster_bits=22), Corrupt, 20),
        (image(cluster_bits=0xFFFFFFFF), Corrupt, 20),
        (image(cluster_bits=13, incompatible=16), Corrupt, 20),
        (image(crypt=1), Unsupported, None),
        (image(crypt=2), Unsupported, None),
        (image(crypt=9), Unsupported, None),
        (image(refcount_order=7), Corrupt, 96),
        (image(header_length=72), Corrupt, 100),
        (image(header_length=0xFFFFFFFF), Corrupt, 100),
        (image(l1_size=0xFFFFFFFF), Corrupt, 36),
        (image(l1_offset=L1_AT + 8), Corrupt, 36),
        (image(l1_offset=1 << 40), Corrupt, 36),
        (image(l1_offset=0xFFFFFFFFFFFF0000), Corrupt, 36),
        (image(nb_snapshots=65537), Corrupt, 60),
        (image(backing_offset=200, backing_size=1024), Corrupt, 8),
        (image(backing_offset=CLUSTER - 4, backing_size=8), Corrupt, 8),
        (image(backing_offset=1 << 60, backing_size=8), Corrupt, 8),
        (image(extensions=struct.pack(">II", 0x1234, 0xFFFFFFFF)), Corrupt, 112),
        (image(extensions=struct.pack(">II", 0x1234, CLUSTER)), Corrupt, 112),
        (image(incompatible=4), Corrupt, 72),
        (image(incompatible=8) + b"", None, None),
    ],
)
def test_a_header_that_breaks_the_rules_is_refused(
    content: bytes, error: type[StrongroomError] | None, offset: int | None
):
    if error is None:
        assert open_bytes(content).facts.compression == "zlib"
        return
    with pytest.raises(error) as caught:
        open_bytes(content)
    assert getattr(caught.value, "offset", None) == offset


def test_an_unknown_feature_bit_is_named_by_the_images_own_table():
    names = struct.pack(">BB46s", 0, 7, b"time travel") + struct.pack(">BB46s", 1, 7, b"no")
    table = struct.pack(">II", 0x6803F857, len(names)) + names

    with pytest.raises(Unsupported, match=r"feature bit 7 \(time travel\) is not known"):
        open_bytes(image(incompatible=0x80, extensions=table))
    with pytest.raises(Unsupported, match="feature bit 5 is not known"):
        open_bytes(image(incompatible=0x20, extensions=table))


def test_an_unprintable_feature_name_is_left_out():
    names = struct.pack(">BB46s", 0, 7, b"\x1b[2J")
    table = struct.pack(">II", 0x6803F857, len(names)) + names
    with pytest.raises(Unsupported, match="feature bit 7 is not known"):
        open_bytes(image(incompatible=0x80, extensions=table))


def test_an_unknown_compression_is_unsupported():
    content = bytearray(image(incompatible=8))
    content[104] = 2
    with pytest.raises(Unsupported, match="compression type 2"):
        open_bytes(bytes(content))


@pytest.mark.parametrize(
    ("bit", "rule", "severity"),
    [(1, "qcow2.dirty", Severity.WARNING), (2, "qcow2.corrupt", Severity.ERROR)],
)
def test_a_marked_image_is_reported_and_read(bit: int, rule: str, severity: Severity):
    ctx = RecordingContext()

    disk = open_bytes(image(incompatible=bit), ctx)

    assert disk.read_at(0, 1) == b"d"
    assert [(p.rule, p.offset, p.severity) for p in ctx.problems] == [(rule, 72, severity)]
    assert disk.facts.features == (rule.removeprefix("qcow2."),)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("json:{}", NotFound),
        ("nbd:localhost:1", NotFound),
        ("/etc/shadow", Denied),
        ("../up.raw", Denied),
        ("gone", NotFound),
    ],
)
def test_a_backing_name_goes_to_the_context_as_it_is(
    name: str, error: type[StrongroomError], tmp_path: Path
):
    raw = name.encode()
    content = bytearray(image(backing_offset=512, backing_size=len(raw)))
    content[512 : 512 + len(raw)] = raw

    with pytest.raises(error, match=name[:4]):
        open_bytes(bytes(content), RecordingContext(tmp_path))


def on_backing(backing: bytes, *, kind: bytes = b"") -> Qcow2:
    extension = struct.pack(">II", 0xE2792ACA, len(kind)) + kind.ljust(8, b"\0") if kind else b""
    content = bytearray(image((0, 1), extensions=extension, backing_offset=512, backing_size=4))
    content[512:516] = b"base"
    ctx = RecordingContext({"base": Memory(backing, "base key")}, open_image=open_container)
    return QCOW2.open(Memory(bytes(content), "own key"), ctx)


def test_a_short_backing_file_is_followed_by_zeros():
    disk = on_backing(b"b" * (2 * CLUSTER + 100))

    assert disk.read_at(0, 1 << 20) == b"b" * CLUSTER + bytes(CLUSTER) + b"b" * 100 + bytes(
        2 * CLUSTER - 100
    )
    assert list(extents(disk)) == [
        Extent(0, CLUSTER, data=True),
        Extent(CLUSTER, CLUSTER, data=False),
        Extent(2 * CLUSTER, 100, data=True),
        Extent(2 * CLUSTER + 100, 2 * CLUSTER - 100, data=False),
    ]
    assert disk.facts.backing == "base"
    assert identity(disk) == f"qcow2:{L1_AT}(own key,base key)"


def test_the_backing_format_is_what_the_image_says():
    looks_like_qcow2 = image(data=b"x" * CLUSTER)

    assert on_backing(looks_like_qcow2, kind=b"raw").read_at(0, 4) == b"QFI\xfb"
    assert on_backing(looks_like_qcow2, kind=b"qcow2").read_at(0, 4) == b"xxxx"
    assert on_backing(looks_like_qcow2).read_at(0, 4) == b"xxxx"


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


def snapshot_entry(**fields: int) -> bytes:
    values = {"l1": L1_AT, "l1_size": 1, "id": 1, "name": 2, "extra": 16, **fields}
    head = (values["l1"], values["l1_size"], values["id"], values["name"], 5, 7, 0, 0)
    extra = struct.pack(">QQ", 0, fields.get("size", 2 * CLUSTER))[: values["extra"]]
    return struct.pack(">QIHHIIQII", *head, values["extra"]) + extra + b"1s1"


def with_snapshots(table: bytes, count: int = 1, at: int = DATA_AT) -> Qcow2:
    return open_bytes(image((0, L2_AT), table, nb_snapshots=count, snapshots=at))


def test_a_snapshot_has_its_own_size_and_one_without_it_the_disks():
    sized, plain = with_snapshots(snapshot_entry()), with_snapshots(snapshot_entry(extra=0))

    assert [(s.id, s.name, s.created_ns, s.size) for s in sized.snapshots()] == [
        ("1", "s1", 5_000_000_007, 2 * CLUSTER)
    ]
    assert sized.snapshot("s1").size == 2 * CLUSTER
    assert plain.snapshot("1").size == 4 * CLUSTER


@pytest.mark.parametrize(
    "disk",
    [
        with_snapshots(b""),
        with_snapshots(snapshot_entry(extra=1025)),
        with_snapshots(snapshot_entry(name=65535)),
        with_snapshots(snapshot_entry(), count=2),
        with_snapshots(snapshot_entry(), count=65536, at=1 << 60),
        with_snapshots(snapshot_entry(), at=(1 << 64) - 1),
    ],
)
def test_a_bad_snapshot_table_is_corrupt_and_the_disk_is_read(disk: Qcow2):
    assert disk.read_at(0, 10) == bytes(10)
    with pytest.raises(Corrupt):
        disk.snapshots()


@pytest.mark.parametrize(
    "fields", [{"l1": L1_AT + 8}, {"l1": 1 << 40}, {"l1_size": 0xFFFFFFFF}, {"size": (1 << 64) - 1}]
)
def test_a_snapshot_with_a_bad_l1_table_is_corrupt_there(fields: dict[str, int]):
    disk = with_snapshots(snapshot_entry(**fields))
    with pytest.raises(Corrupt) as caught:
        disk.snapshot("s1").read_at(1 << 50, 1)
    assert caught.value.offset in {DATA_AT, L1_AT + 8 * (1 << 50 >> 29)}


@given(st.binary(max_size=300), st.integers(0, 600))
def test_any_header_is_read_or_refused(noise: bytes, at: int):
    content = bytearray(image((DATA_AT, 1, 0, 0)))
    content[at : at + len(noise)] = noise
    try_all(bytes(content))


@given(
    st.lists(st.integers(0, (1 << 64) - 1), min_size=1, max_size=8), st.sampled_from([0, 4, 16, 24])
)
def test_any_l2_table_is_read_or_refused(entries: list[int], incompatible: int):
    try_all(image(tuple(entries), incompatible=incompatible))


def try_all(content: bytes) -> None:
    try:
        disk = open_bytes(content, RecordingContext({"side": Memory(b"s" * CLUSTER)}))
        total = sum(e.length for e in extents(disk, 0, 1 << 30))
        assert total == min(disk.size, 1 << 30)
        for index in range(4):
            read_or_corrupt(disk, index * CLUSTER)
    except StrongroomError:
        return


def read_or_corrupt(disk: Source, offset: int) -> None:
    try:
        disk.read_at(offset, CLUSTER)
    except Corrupt:
        return


@pytest.mark.parametrize("bits", [9, 12, 21])
@pytest.mark.parametrize("options", ["compat=1.1", "extended_l2=on"])
def test_every_cluster_size_reads_as_qemu_img_reads_it(bits: int, options: str, tmp_path: Path):
    need("qemu-img", "qemu-io")
    if "extended" in options:
        bits = max(bits, 14)
    option = f"{options},cluster_size={1 << bits}"
    run("qemu-img", "create", "-q", "-f", "qcow2", "-o", option, "d.qcow2", "20M", cwd=tmp_path)
    writes = [("write", "-P 1 0 10k"), ("write", "-P 2 3M 3M"), ("write -z", "4M 100k")]
    writes += [("write", "-P 3 20000k 5k"), ("discard", "5M 512k"), ("write", "-P 4 70k 512")]
    commands = [word for name, rest in writes for word in ("-c", f"{name} {rest}")]
    run("qemu-io", "-f", "qcow2", *commands, "d.qcow2", cwd=tmp_path)

    disk = open_bytes((tmp_path / "d.qcow2").read_bytes())

    view = raw_view(tmp_path / "d.qcow2", tmp_path / "view.raw").read_bytes()
    assert disk.read_at(0, disk.size) == view
    at = 0
    for extent in extents(disk):
        assert extent.offset == at
        at += extent.length
        assert extent.data or not any(view[extent.offset : at])
    assert at == disk.size
