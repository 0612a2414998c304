import subprocess

import pytest

from strongroom.base.errors import Corrupt
from strongroom.base.limits import Limits
from strongroom.base.source import Memory
from strongroom.formats.volume.mbr import MBR
from strongroom.testing.conformance.format import FormatConformance
from strongroom.testing.context import RecordingContext
from strongroom.testing.images import partitions
from strongroom.testing.tools import need, test_data, tool_path

SECTOR = 512


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    need("sfdisk")
    return partitions.mbr(tmp_path_factory.mktemp("mbr"))


@pytest.fixture
def content(disk):
    return bytearray(disk.read_bytes())


class TestMbr(FormatConformance):
    @pytest.fixture
    def format(self):
        return MBR

    @pytest.fixture
    def image(self, content):
        return bytes(content)


def opened(content, limits=None):
    context = RecordingContext(limits=limits) if limits else RecordingContext()
    return MBR.open(Memory(bytes(content)), context), context.problems


def rules(problems):
    return [problem.rule for problem in problems]


def entry(type_, start, sectors, status=0):
    return bytes([status, 0, 0, 0, type_, 0, 0, 0]) + b"".join(
        value.to_bytes(4, "little") for value in (start, sectors)
    )


def record(*entries: bytes):
    return bytes(446) + b"".join(entries).ljust(64, b"\0") + b"\x55\xaa"


def place(content, lba, sector):
    content[lba * SECTOR : (lba + 1) * SECTOR] = sector


def same_as_sfdisk(disk):
    table = partitions.sfdisk_json(disk)
    content = disk.read_bytes()
    assert MBR.probe(content[:0x11000], len(content))
    volumes, problems = opened(content)
    assert not problems
    assert volumes.scheme == "mbr"
    assert f"0x{volumes.uuid}" == table["id"]
    assert [
        (v.name, v.offset, v.source.size, int(v.type, 16), v.flags) for v in volumes.volumes
    ] == [
        (
            f"p{part['node'].removeprefix(str(disk))}",
            part["start"] * SECTOR,
            part["size"] * SECTOR,
            int(part["type"], 16),
            ("boot",) if part.get("bootable") else (),
        )
        for part in table["partitions"]
    ]
    return volumes


def test_primary_and_logical_partitions_equal_what_sfdisk_says(disk):
    volumes = same_as_sfdisk(disk)
    assert [v.name for v in volumes.volumes] == ["p1", "p2", "p4", "p5", "p6", "p7"]
    assert volumes.volumes[3].uuid == f"{partitions.DISK_ID}-05"


def test_a_long_chain_of_logical_partitions_is_followed(tmp_path):
    need("sfdisk")
    volumes = same_as_sfdisk(partitions.mbr_chain(tmp_path, 40))
    assert len(volumes.volumes) == 41
    assert volumes.volumes[-1].uuid.endswith("-2c")


def test_a_chain_that_comes_back_ends_and_is_reported(content):
    first = 4096
    place(content, first, record(entry(0x83, 64, 100), entry(5, 200, 300)))
    place(content, first + 200, record(entry(0x83, 64, 100), entry(5, 0, 300)))
    volumes, problems = opened(content)
    assert [v.name for v in volumes.volumes] == ["p1", "p2", "p4", "p5", "p6"]
    assert rules(problems) == ["mbr.ebr"]
    assert "comes back" in problems[0].message
    assert problems[0].offset == first * SECTOR


@pytest.mark.parametrize("following", [300, 1 << 31])
def test_a_chain_that_leads_nowhere_ends_and_is_reported(content, following):
    place(content, 4096, record(entry(0x83, 64, 100), entry(5, following, 300)))
    volumes, problems = opened(content)
    assert [v.name for v in volumes.volumes] == ["p1", "p2", "p4", "p5"]
    assert rules(problems) == ["mbr.ebr"]


def test_a_chain_ends_at_the_limit(content):
    volumes, problems = opened(content, Limits(volumes=2))
    assert [v.name for v in volumes.volumes] == ["p1", "p2", "p4", "p5", "p6"]
    assert rules(problems) == ["mbr.ebr"]


def test_partitions_outside_the_disk_are_reported_and_clipped():
    content = record(entry(0x83, 4, 100), entry(0x83, 1 << 31, 1 << 31)) + bytes(8 * SECTOR)
    volumes, problems = opened(content)
    assert [v.source.size for v in volumes.volumes] == [5 * SECTOR, 0]
    assert rules(problems) == ["mbr.range", "mbr.range"]
    assert [problem.offset for problem in problems] == [446, 462]


def test_partitions_that_overlap_are_reported():
    content = record(entry(0x83, 10, 50), entry(0x83, 40, 50)) + bytes(100 * SECTOR)
    volumes, problems = opened(content)
    assert len(volumes.volumes) == 2
    assert [(p.rule, p.message, p.offset) for p in problems] == [
        ("mbr.overlap", "p2 overlaps p1", 40 * SECTOR)
    ]


def test_a_disk_without_a_signature_has_no_partuuid():
    content = record(entry(0x83, 10, 50, status=0x80)) + bytes(100 * SECTOR)
    volumes, _ = opened(content)
    assert volumes.uuid == volumes.volumes[0].uuid == ""


@pytest.mark.parametrize("content", [b"", bytes(4096), record(), b"\xff" * 510])
def test_a_sector_without_a_table_is_corrupt(content):
    with pytest.raises(Corrupt):
        opened(content)


@pytest.mark.parametrize(
    ("sector", "expected"),
    [
        (record(entry(0x83, 1, 10)), True),
        (record(entry(0x83, 1, 10, status=0x80)), True),
        (record(), False),
        (record(entry(0x83, 1, 10, status=0x20)), False),
        (record(entry(0x83, 1, 10), entry(0, 0, 0, status=1)), False),
        (record(entry(0x83, 0, 10)), False),
        (record(entry(0x83, 1, 0)), False),
        (record(entry(0x83, 100, 10)), False),
        (record(entry(0xEE, 1, 10)), False),
        (record(entry(0x83, 1, 10))[:-2] + b"\0\0", False),
    ],
)
def test_only_a_table_that_makes_sense_is_one(sector, expected):
    content = sector + bytes(63 * SECTOR)
    assert MBR.probe(content, len(content)) is expected


@pytest.mark.parametrize(
    "command",
    [
        ["mkfs.vfat", "-C", "{}", "2048"],
        ["mkfs.vfat", "-F", "32", "-C", "{}", "40960"],
        ["mke2fs", "-q", "-F", "{}", "2M"],
    ],
)
def test_a_boot_sector_of_a_file_system_is_no_table(tmp_path, command):
    need(command[0])
    image = tmp_path / "image"
    words = [word.format(image) for word in command]
    subprocess.run(words, env=tool_path(), check=True, capture_output=True)
    content = image.read_bytes()
    assert not MBR.probe(content[:0x11000], len(content))


@pytest.mark.parametrize("name", ["NTFS    ", "EXFAT   "])
def test_a_boot_sector_of_windows_is_no_table_even_with_plausible_entries(name):
    content = bytearray(record(entry(0x83, 1, 10)) + bytes(63 * SECTOR))
    content[3:11] = name.encode()
    assert not MBR.probe(bytes(content), len(content))


def test_a_real_ntfs_volume_is_no_table(tmp_path):
    need("qemu-img")
    image = test_data("disks", "windows_volume.qcow2")
    raw = tmp_path / "raw"
    subprocess.run(["qemu-img", "convert", "-O", "raw", str(image), str(raw)], check=True)
    content = raw.read_bytes()
    assert not MBR.probe(content[:0x11000], len(content))
