"""VMDK: hand-made extents, descriptors and parents, sound, damaged and hostile."""

import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.formats.image.conftest import open_container

from strongroom.base.errors import Corrupt, Denied, NotFound, StrongroomError, Unsupported
from strongroom.base.limits import DEFAULT_LIMITS
from strongroom.base.source import Extent, Memory, Source, extents, identity
from strongroom.formats.image.vmdk import VMDK, Vmdk, parse_descriptor
from strongroom.testing.context import RecordingContext
from strongroom.testing.images.containers import raw_view, run
from strongroom.testing.tools import need

SECTOR = 512
GRAIN_SECTORS = 8
GRAIN = GRAIN_SECTORS * SECTOR
GTES = 512
GD_AT, RGD_AT, GT_AT, RGT_AT, DATA_AT = 20, 21, 24, 28, 32
"""In sectors; the grain table takes four."""
FIELDS = ("magic", "version", "flags", "capacity", "grain", "desc_at", "desc_size", "gtes")
MORE = ("rgd", "gd", "overhead", "unclean", "line_ends", "algorithm")
VALID = {
    "magic": b"KDMV",
    "version": 1,
    "flags": 3,
    "capacity": 8 * GRAIN_SECTORS,
    "grain": GRAIN_SECTORS,
    "desc_at": 0,
    "desc_size": 0,
    "gtes": GTES,
    "rgd": RGD_AT,
    "gd": GD_AT,
    "overhead": DATA_AT,
    "unclean": 0,
    "line_ends": b"\n \r\n",
    "algorithm": 0,
}
COMPRESSED = 3 << 16 | 3
GD_AT_END = (1 << 64) - 1


def header(**fields: int | bytes) -> bytes:
    values = [{**VALID, **fields}[name] for name in (*FIELDS, *MORE)]
    return struct.pack("<4sIIQQQQIQQQB4sH", *values).ljust(SECTOR, b"\0")


def describe(*lines: str, parent: str = "", cid: str = "12345678") -> bytes:
    text = ["# Disk DescriptorFile", "version=1", f"CID={cid}"]
    text += [f"parentCID={parent or 'ffffffff'}", 'createType="custom"', *lines, "#DDB", ""]
    return "\n".join(text).encode()


WHOLE = describe('RW 64 SPARSE "made.vmdk"')


def sparse(
    grains: tuple[int, ...] = (DATA_AT,),
    data: bytes = b"d" * GRAIN,
    gd: int = GT_AT,
    rgd: int = RGT_AT,
    descriptor: bytes = WHOLE,
    **fields: int | bytes,
) -> bytes:
    """Return a hosted sparse extent of eight grains; both grain tables hold `grains`."""
    if descriptor:
        fields = {"desc_at": 1, "desc_size": 18, **fields}
    gt = struct.pack(f"<{len(grains)}I", *grains).ljust(4 * GTES, b"\0")
    out = bytearray(header(**fields) + descriptor).ljust(GD_AT * SECTOR, b"\0")
    out += struct.pack("<I", gd).ljust(SECTOR, b"\0") + struct.pack("<I", rgd)
    out = out.ljust(GT_AT * SECTOR, b"\0") + gt
    out = out.ljust(RGT_AT * SECTOR, b"\0") + gt
    return bytes(out.ljust(DATA_AT * SECTOR, b"\0") + data)


def open_bytes(content: bytes, ctx: RecordingContext | None = None) -> Vmdk:
    return VMDK.open(Memory(content, "key"), ctx or RecordingContext())


def grain(content: bytes, lba: int) -> bytes:
    stream = zlib.compress(content)
    return (struct.pack("<QI", lba, len(stream)) + stream).ljust(
        -(-(12 + len(stream)) // SECTOR) * SECTOR, b"\0"
    )


def view_of(content: bytes, folder: Path) -> bytes:
    """Return what qemu-img reads from the image, written into `folder`."""
    need("qemu-img")
    (folder / "made.vmdk").write_bytes(content)
    return raw_view(folder / "made.vmdk", folder / "view.raw").read_bytes()


EIGHT = 8 * GRAIN
PIECES = {
    "one grain": (sparse(), b"d" * GRAIN + bytes(7 * GRAIN)),
    "grains in a row and a gap": (
        sparse((DATA_AT, DATA_AT + 8, 0, DATA_AT + 8), b"1" * GRAIN + b"2" * GRAIN),
        b"1" * GRAIN + b"2" * GRAIN + bytes(GRAIN) + b"2" * GRAIN + bytes(4 * GRAIN),
    ),
    "a zeroed grain": (
        sparse((1, 1, DATA_AT), flags=7),
        bytes(2 * GRAIN) + b"d" * GRAIN + bytes(5 * GRAIN),
    ),
    "no grain table": (sparse(gd=0, rgd=0), bytes(EIGHT)),
    "a cut last grain": (sparse(data=b"d" * 700), b"d" * 700 + bytes(EIGHT - 700)),
}


@pytest.mark.parametrize("name", PIECES)
def test_a_sparse_extent_reads_as_qemu_img_reads_it(name: str, tmp_path: Path):
    content, expected = PIECES[name]
    disk = open_bytes(content)

    assert disk.read_at(0, disk.size) == expected
    assert view_of(content, tmp_path) == expected
    assert sum(e.length for e in extents(disk)) == EIGHT
    for extent in extents(disk):
        assert extent.data or not any(expected[extent.offset : extent.offset + extent.length])


def stream(kind: str) -> bytes:
    """Return a stream-optimized image: eight grains, then the footer with the directory's place."""
    packed, places = b"", []
    for n in range(8):
        places.append(DATA_AT + len(packed) // SECTOR)
        packed += grain(bytes([65 + n]) * GRAIN, n * GRAIN_SECTORS)
    body = sparse(tuple(places), packed, flags=COMPRESSED, algorithm=1, version=3)
    if kind == "header":
        return body
    marker = struct.pack("<QII", 1, 0, 3).ljust(SECTOR, b"\0")
    gd_offset = struct.pack("<Q", GD_AT_END)
    return body[:56] + gd_offset + body[64:] + marker + body[:SECTOR] + bytes(SECTOR)


@pytest.mark.parametrize("kind", ["header", "footer"])
def test_a_stream_finds_its_directory_in_the_header_or_the_footer(kind: str, tmp_path: Path):
    content = stream(kind)
    disk = open_bytes(content)
    expected = b"".join(bytes([65 + n]) * GRAIN for n in range(8))

    assert disk.read_at(0, EIGHT) == expected
    assert disk.read_at(GRAIN - 9, GRAIN + 20) == expected[GRAIN - 9 : 2 * GRAIN + 11]
    assert view_of(content, tmp_path) == expected
    assert disk.facts.compression == "deflate"


def packed(one: bytes) -> Vmdk:
    return open_bytes(sparse((DATA_AT,), one, flags=COMPRESSED, algorithm=1))


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (b"", "outside the file"),
        (b"\0" * 11, "outside the file"),
        (grain(b"x" * GRAIN, 8), "marker is that of sector 8"),
        (struct.pack("<QI", 0, 0xFFFFFFFF), "too long"),
        (struct.pack("<QI", 0, 100) + b"noise" * 20, "does not decode"),
        (grain(b"x" * (GRAIN - 1), 0), "shorter"),
        (grain(b"x" * (GRAIN + 1), 0), "longer"),
        (grain(b"x" * (1 << 22), 0), "longer"),
        (grain(b"x" * GRAIN, 0)[:20], "shorter"),
    ],
)
def test_a_bad_compressed_grain_is_corrupt_at_its_entry(one: bytes, words: str):
    disk = packed(one)
    for length in (GRAIN, 10):
        with pytest.raises(Corrupt, match=words) as caught:
            disk.read_at(0, length)
        assert caught.value.offset == GT_AT * SECTOR


def test_the_last_compressed_grain_may_end_with_the_disk():
    content = sparse((DATA_AT,), grain(b"x" * 1024, 0), flags=COMPRESSED, algorithm=1, capacity=2)
    assert open_bytes(content).read_at(0, GRAIN) == b"x" * 1024


@pytest.mark.parametrize(
    ("content", "error", "offset"),
    [
        (b"", Corrupt, 0),
        (b"KDMV", Corrupt, 0),
        (header()[:70], Corrupt, 0),
        (b"KDMW" + header()[4:], Corrupt, 0),
        (sparse(version=4), Unsupported, None),
        (sparse(line_ends=b"\n \n\n"), Corrupt, 73),
        (sparse(flags=COMPRESSED, algorithm=2), Unsupported, None),
        (sparse(grain=0), Corrupt, 20),
        (sparse(grain=1 << 16), Corrupt, 20),
        (sparse(gtes=0), Corrupt, 44),
        (sparse(gtes=513), Corrupt, 44),
        (sparse(capacity=1 << 63), Corrupt, 12),
        (sparse(gd=0, rgd=0, flags=1) and sparse(gd=1 << 31)[:600], Corrupt, 56),
        (header(gd=GD_AT_END), Corrupt, 56),
        (header(gd=GD_AT_END).ljust(5000, b"\0"), Corrupt, 5000 - 1024),
        (sparse(descriptor=b"x", desc_size=1 << 20), Corrupt, 512),
        (b"COWD" + bytes(600), Unsupported, None),
        (b"# Disk DescriptorFile\n", Corrupt, None),
        (describe("parentFileNameHint=x", parent="1"), Corrupt, None),
        (describe('RW 5 FLAT "f" 0', parent="1"), Corrupt, None),
        (describe('RW 5 SESPARSE "f"'), Unsupported, None),
        (describe('RW 5 VMFSSPARSE "f"'), Unsupported, None),
        (describe('RW 5 VMFSRDM "f"'), Unsupported, None),
        (describe('RW 5 WARP "f"'), Corrupt, None),
        (describe('RW 5 SPARSE "f"'), NotFound, None),
        (describe('RW 5 FLAT "f" 0'), NotFound, None),
        (describe(f"RW {1 << 60} ZERO"), Corrupt, None),
        (describe("RW 99999999999999999999 ZERO"), Corrupt, None),
        (describe(*["RW 1 ZERO"] * 32769), Corrupt, None),
    ],
)
def test_what_breaks_the_rules_is_refused(
    content: bytes, error: type[StrongroomError], offset: int | None
):
    with pytest.raises(error) as caught:
        open_bytes(content)
    assert getattr(caught.value, "offset", None) == offset


def test_the_table_limit_of_the_context_holds():
    ctx = RecordingContext(limits=DEFAULT_LIMITS._replace(table_bytes=64))
    with pytest.raises(Corrupt, match="needs a grain directory of 20 entries"):
        open_bytes(sparse(capacity=20 * GTES * GRAIN_SECTORS), ctx)


def test_a_descriptor_too_long_to_be_one_is_refused():
    with pytest.raises(Corrupt, match="longer than"):
        open_bytes(describe().ljust((4 << 20) + 1, b" "))


def test_an_unclean_shutdown_is_reported():
    ctx = RecordingContext()
    assert open_bytes(sparse(unclean=1), ctx).read_at(0, 1) == b"d"
    assert [(p.rule, p.offset) for p in ctx.problems] == [("vmdk.unclean", 72)]


def test_the_redundant_directory_stands_in_for_the_first():
    lost = sparse(gd=1 << 30)
    assert open_bytes(lost).read_at(0, GRAIN) == b"d" * GRAIN

    ctx = RecordingContext()
    moved = header(gd=1 << 40) + sparse()[SECTOR:]
    assert open_bytes(moved, ctx).read_at(0, GRAIN) == b"d" * GRAIN
    assert [p.rule for p in ctx.problems] == ["vmdk.directory"]


def test_a_table_outside_the_file_is_corrupt_at_its_entry():
    disk = open_bytes(sparse(gd=1 << 30, rgd=1 << 30))

    with pytest.raises(Corrupt, match="grain table is outside") as caught:
        disk.read_at(0, 1)

    assert caught.value.offset == GD_AT * SECTOR
    assert list(extents(disk)) == [Extent(0, EIGHT, data=True)]


def test_a_directory_that_is_cut_is_read_as_far_as_it_goes():
    content = sparse(capacity=600 * GTES * GRAIN_SECTORS, flags=1, gd=0)
    ctx = RecordingContext()
    whole = content[: GD_AT * SECTOR] + bytes(1000)
    disk = open_bytes(whole, ctx)

    assert [p.rule for p in ctx.problems] == ["vmdk.directory"]
    assert disk.read_at(0, 9) == bytes(9)
    with pytest.raises(Corrupt):
        disk.read_at(disk.size - 1, 1)
    assert [e.data for e in extents(disk)] == [False, True]


def test_grains_outside_the_file_are_corrupt_where_the_first_begins():
    disk = open_bytes(sparse((DATA_AT, DATA_AT + 8, DATA_AT + 16), b"d" * (GRAIN + 100)))

    assert disk.read_at(0, 2 * GRAIN) == b"d" * (GRAIN + 100) + bytes(GRAIN - 100)
    for offset, length in ((0, 3 * GRAIN), (2 * GRAIN + 5, 1), (GRAIN + 50, 2 * GRAIN)):
        with pytest.raises(Corrupt, match="outside the file") as caught:
            disk.read_at(offset, length)
        assert caught.value.offset == GT_AT * SECTOR + 4 * 2


def test_a_sparse_disk_of_many_terabytes_is_mapped_at_once():
    tables = 1 << 22
    content = sparse(capacity=tables * GTES * GRAIN_SECTORS, flags=1, gd=0)
    wide = content[: GD_AT * SECTOR] + bytes(4 * tables)

    disk = open_bytes(wide)

    assert list(extents(disk)) == [Extent(0, tables * GTES * GRAIN, data=False)]
    assert disk.read_at(disk.size // 2, 100) == bytes(100)


def test_one_table_mapped_many_times_is_mapped_as_often_as_the_file_has_room():
    tables = 1 << 18
    content = sparse((DATA_AT, 0), capacity=tables * GTES * GRAIN_SECTORS, flags=1, gd=GT_AT)
    far = struct.pack("<Q", 1 << 10)
    wide = (content[:56] + far + content[64:]).ljust(SECTOR << 10, b"\0")
    disk = open_bytes(wide + struct.pack("<I", GT_AT) * tables)

    pieces = list(extents(disk))

    assert len(pieces) < 20_000
    assert sum(e.length for e in pieces) == disk.size


FILES = {"s.vmdk": sparse(), "f.raw": b"f" * 4096, "short.raw": b"s" * 700}


def described(*lines: str, ctx: RecordingContext | None = None) -> Vmdk:
    siblings: dict[str, Source] = {n: Memory(c, f"key {n}") for n, c in FILES.items()}
    return open_bytes(describe(*lines), ctx or RecordingContext(siblings))


def test_extents_stand_in_the_order_of_the_descriptor():
    disk = described(
        'RW 2 FLAT "f.raw" 1',
        "RW 3 ZERO",
        'RDONLY 64 SPARSE "s.vmdk"',
        'NOACCESS 1 VMFS "f.raw"',
        'rw 9 FLAT "gone" 0',
    )

    assert disk.read_at(0, disk.size) == (
        b"f" * 1024 + bytes(1536) + b"d" * GRAIN + bytes(7 * GRAIN) + b"f" * 512
    )
    assert disk.facts.variant == "custom"
    assert disk.facts.cluster_size == GRAIN
    assert [(e.offset, e.data) for e in extents(disk)] == [
        (0, True),
        (1024, False),
        (2560, True),
        (2560 + GRAIN, False),
        (2560 + EIGHT, True),
    ]
    assert identity(disk) == ("key f.raw[512+1024]+zeros(1536)+vmdk(key s.vmdk)+key f.raw[0+512]")


def test_a_short_flat_extent_is_reported_and_corrupt_behind_its_end():
    ctx = RecordingContext({"short.raw": Memory(FILES["short.raw"])})
    disk = described('RW 4 FLAT "short.raw" 0', 'RW 1 FLAT "short.raw" 100', ctx=ctx)

    assert disk.read_at(0, 700) == b"s" * 700
    for offset in (0, 700, 4 * SECTOR):
        with pytest.raises(Corrupt, match=r"flat extent short\.raw ends early"):
            disk.read_at(offset, 701)
    assert [p.rule for p in ctx.problems] == ["vmdk.flat", "vmdk.flat"]
    assert list(extents(disk)) == [Extent(0, 5 * SECTOR, data=True)]


def test_an_extent_of_another_size_than_described_is_reported():
    ctx = RecordingContext({"s.vmdk": Memory(sparse())})
    assert described('RW 63 SPARSE "s.vmdk"', ctx=ctx).size == EIGHT
    assert [p.rule for p in ctx.problems] == ["vmdk.extent"]


@pytest.mark.parametrize(
    ("content", "error"),
    [(b"COWD" + bytes(600), Unsupported), (b"QFI\xfb" + bytes(600), Corrupt), (b"", Corrupt)],
)
def test_a_sparse_extent_must_be_one(content: bytes, error: type[StrongroomError]):
    ctx = RecordingContext({"x": Memory(content)})
    with pytest.raises(error):
        described('RW 63 SPARSE "x"', ctx=ctx)


@pytest.mark.parametrize("name", ["/etc/shadow", "../x", "dir/x"])
def test_an_extents_name_goes_to_the_context_as_it_is(name: str, tmp_path: Path):
    with pytest.raises(Denied, match="outside"):
        described(f'RW 1 FLAT "{name}" 0', ctx=RecordingContext(tmp_path))


def test_a_child_shows_its_parent_where_it_stores_nothing():
    hint = 'parentFileNameHint="base.vmdk"'
    child = sparse((0, DATA_AT), b"c" * GRAIN, descriptor=describe(hint, parent="12345678"))
    base = sparse((DATA_AT, DATA_AT), b"b" * GRAIN, capacity=4 * 8, descriptor=describe())
    ctx = RecordingContext({"base.vmdk": Memory(base, "base")}, open_image=open_container)

    disk = open_bytes(child, ctx)

    assert disk.read_at(0, EIGHT) == b"b" * GRAIN + b"c" * GRAIN + bytes(6 * GRAIN)
    assert disk.facts.backing == "base.vmdk"
    assert [(e.length, e.data) for e in extents(disk)] == [(2 * GRAIN, True), (6 * GRAIN, False)]
    assert identity(disk) == "vmdk(key,vmdk(base))"
    assert ctx.problems == []


def test_a_parent_that_was_changed_is_reported():
    hint = 'parentFileNameHint="base.vmdk"'
    child = sparse(descriptor=describe(hint, parent="aaaaaaaa"))
    base = sparse(descriptor=describe(cid="bbbbbbbb"))
    ctx = RecordingContext({"base.vmdk": Memory(base)}, open_image=open_container)

    assert identity(open_bytes(child, ctx)) is None
    assert [p.rule for p in ctx.problems] == ["vmdk.parent"]


def test_the_extents_of_a_described_child_share_one_parent():
    first = sparse((0, DATA_AT), b"1" * GRAIN)
    lines = ('RW 64 SPARSE "1"', 'RW 64 SPARSE "2"', 'parentFileNameHint="base"')
    child = describe(*lines, parent="1")
    base = bytes([7]) * EIGHT + bytes([8]) * GRAIN
    siblings = {"1": Memory(first), "2": Memory(first), "base": Memory(base)}

    disk = open_bytes(child, RecordingContext(siblings))

    own = b"1" * GRAIN
    expected = base[:GRAIN] + own + base[2 * GRAIN : EIGHT] + base[EIGHT:] + own + bytes(6 * GRAIN)
    assert disk.read_at(0, disk.size) == expected


def test_a_chain_of_qemu_img_reads_as_qemu_img_reads_it(tmp_path: Path):
    need("qemu-img", "qemu-io")
    run("qemu-img", "create", "-q", "-f", "vmdk", "base.vmdk", "4M", cwd=tmp_path)
    run("qemu-io", "-f", "vmdk", "-c", "write -P 1 0 1M", "base.vmdk", cwd=tmp_path)
    backing = ("-b", "base.vmdk", "-F", "vmdk")
    run("qemu-img", "create", "-q", "-f", "vmdk", *backing, "top.vmdk", cwd=tmp_path)
    writes = ("-c", "write -P 2 500k 100k", "-c", "write -P 3 3M 64k")
    run("qemu-io", "-f", "vmdk", *writes, "top.vmdk", cwd=tmp_path)
    ctx = RecordingContext(tmp_path, open_image=open_container)

    disk = open_bytes((tmp_path / "top.vmdk").read_bytes(), ctx)

    view = raw_view(tmp_path / "top.vmdk", tmp_path / "view.raw").read_bytes()
    assert disk.read_at(0, disk.size) == view
    assert ctx.problems == []


def test_a_vmdk_has_no_snapshots():
    assert open_bytes(sparse()).snapshots() == ()
    with pytest.raises(NotFound):
        open_bytes(sparse()).snapshot("s")


def test_the_entries_of_a_descriptor_may_be_spaced_and_quoted():
    text = 'cid = AB\r\nparentCID=FFFFFFFF\r\n createType = "x y"\nCID=zz\n# RW 1 ZERO\nRW 1 ZERO\n'
    descriptor = parse_descriptor(text)

    assert descriptor[:4] == ("ab", "ffffffff", "x y", "")
    assert [tuple(e) for e in descriptor.extents] == [(1, "ZERO", "", 0)]


@given(st.text(max_size=300), st.binary(max_size=200), st.integers(0, 600))
def test_any_text_and_any_header_is_read_or_refused(text: str, noise: bytes, at: int):
    damaged = bytearray(sparse((DATA_AT, 1, 7)))
    damaged[at : at + len(noise)] = noise
    for content in (describe(*text.splitlines()), bytes(damaged)):
        try:
            disk = open_bytes(content)
            assert sum(e.length for e in extents(disk, 0, 1 << 24)) == min(disk.size, 1 << 24)
            disk.read_at(0, 1 << 16)
        except StrongroomError:
            continue


@given(
    st.lists(st.integers(0, (1 << 32) - 1), min_size=1, max_size=8),
    st.sampled_from([3, 7, COMPRESSED]),
)
def test_any_grain_table_is_read_or_refused(grains: list[int], flags: int):
    disk = open_bytes(sparse(tuple(grains), flags=flags, algorithm=1))
    for n in range(8):
        try:
            assert len(disk.read_at(n * GRAIN, GRAIN)) == GRAIN
        except Corrupt as e:
            assert e.offset == GT_AT * SECTOR + 4 * n  # noqa: PT017  # both ways are right here
