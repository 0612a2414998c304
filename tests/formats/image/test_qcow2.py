"""qcow2: headers, backing files and snapshots, damaged and hostile ones too."""

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.formats.image.conftest import open_container
from tests.formats.image.qcow2_images import CLUSTER, DATA_AT, L1_AT, L2_AT, image, open_bytes

from strongroom.base.errors import Corrupt, Denied, NotFound, StrongroomError, Unsupported
from strongroom.base.record import Severity
from strongroom.base.source import Extent, Memory, Source, extents, identity
from strongroom.formats.image.qcow2 import QCOW2, Qcow2
from strongroom.testing.context import RecordingContext
from strongroom.testing.images.containers import raw_view, run
from strongroom.testing.tools import need


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


@pytest.mark.parametrize("size", ["512", "4k", "2M"])
@pytest.mark.parametrize("method", ["zlib", "zstd"])
def test_packed_clusters_of_every_size_read_as_they_were(
    size: str, method: str, disk: Path, tmp_path: Path
):
    need("qemu-img")
    option = f"compression_type={method},cluster_size={size}"
    convert = ("qemu-img", "convert", "-c", "-O", "qcow2", "-o", option)
    run(*convert, str(disk), "d.qcow2", cwd=tmp_path)

    view = open_bytes((tmp_path / "d.qcow2").read_bytes())

    assert view.read_at(0, view.size) == disk.read_bytes()
    assert view.read_at(700_000, 1_000_000) == disk.read_bytes()[700_000:1_700_000]
