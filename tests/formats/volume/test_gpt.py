import subprocess
from binascii import crc32

import pytest

from strongroom.base.errors import Corrupt
from strongroom.base.limits import Limits
from strongroom.base.source import Memory
from strongroom.formats.volume.gpt import ENTRY, GPT, HEADER, guid
from strongroom.formats.volume.mbr import MBR
from strongroom.testing.conformance.format import FormatConformance
from strongroom.testing.context import RecordingContext
from strongroom.testing.images import partitions
from strongroom.testing.tools import need, tool_path

SECTOR = 512
FLAG_WORDS = {
    "RequiredPartition": "required",
    "NoBlockIOProtocol": "no-block-io",
    "LegacyBIOSBootable": "legacy-boot",
    "59": "grow",
    "60": "read-only",
    "62": "hidden",
    "63": "no-auto",
}


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    need("sfdisk")
    return partitions.gpt(tmp_path_factory.mktemp("gpt"))


@pytest.fixture
def content(disk):
    return bytearray(disk.read_bytes())


class TestGpt(FormatConformance):
    @pytest.fixture
    def format(self):
        return GPT

    @pytest.fixture
    def image(self, content):
        return bytes(content)


def opened(content, limits=None):
    context = RecordingContext(limits=limits) if limits else RecordingContext()
    return GPT.open(Memory(bytes(content)), context), context.problems


def rules(problems):
    return [problem.rule for problem in problems]


def reseal(content, lba=1):
    """Make the checksums of one copy right again after a change."""
    at = lba * SECTOR
    header = HEADER.parse(bytes(content), at)
    start = header.partition_entry_lba * SECTOR
    entries = bytes(content[start : start + header.entries * header.entry_size])
    content[at + 88 : at + 92] = crc32(entries).to_bytes(4, "little")
    content[at + 16 : at + 20] = bytes(4)
    total = crc32(bytes(content[at : at + header.header_size]))
    content[at + 16 : at + 20] = total.to_bytes(4, "little")


def set_entry(content, index, field, value, lba=1):
    """Change one field of an entry, in one copy, with right checksums."""
    header = HEADER.parse(bytes(content), lba * SECTOR)
    at = header.partition_entry_lba * SECTOR + index * header.entry_size + ENTRY.offset(field)
    content[at : at + len(value)] = value
    reseal(content, lba)


def flags_of(attrs):
    words = attrs.replace("GUID:", "").replace(",", " ").split()
    return tuple(FLAG_WORDS[word] for word in words)


def test_every_partition_equals_what_sfdisk_says(disk, content):
    table = partitions.sfdisk_json(disk)
    volumes, problems = opened(content)
    assert not problems
    assert volumes.scheme == "gpt"
    assert volumes.uuid == table["id"].lower()
    seen = [
        (v.name, v.offset, v.source.size, v.type, v.uuid, v.label, v.flags) for v in volumes.volumes
    ]
    assert seen == [
        (
            f"p{part['node'].removeprefix(str(disk))}",
            part["start"] * SECTOR,
            part["size"] * SECTOR,
            part["type"].lower(),
            part["uuid"].lower(),
            part.get("name", ""),
            flags_of(part.get("attrs", "")),
        )
        for part in table["partitions"]
    ]


def test_a_disk_with_sectors_of_4096_bytes_is_read_as_fdisk_reads_it(tmp_path):
    need("fdisk")
    disk = partitions.gpt_4096(tmp_path)
    columns = "Start,End,Type-UUID,UUID"
    listing = subprocess.run(
        ["fdisk", "-b", "4096", "-l", "-o", columns, str(disk)],
        env=tool_path(),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    rows = [line.split() for line in listing.splitlines()[-2:]]
    content = disk.read_bytes()
    assert GPT.probe(content[:0x11000], len(content))
    volumes, problems = opened(content)
    assert not problems
    assert [v.name for v in volumes.volumes] == ["p1", "p3"]
    assert [(v.offset, v.offset + v.source.size, v.type, v.uuid) for v in volumes.volumes] == [
        (int(start) * 4096, (int(end) + 1) * 4096, type_.lower(), uuid.lower())
        for start, end, type_, uuid in rows
    ]
    damaged = bytearray(content)
    damaged[4096 + 60] ^= 1
    again, problems = opened(damaged)
    assert again == volumes._replace(volumes=again.volumes)
    assert rules(problems) == ["gpt.primary"]


@pytest.mark.parametrize(
    ("offset", "what"),
    [
        (SECTOR, "no GPT header"),
        (SECTOR + 16, "checksum"),
        (SECTOR + 56, "checksum"),
        (2 * SECTOR, "checksum of the entries"),
        (2 * SECTOR + 8 * 128 + 40, "checksum of the entries"),
    ],
)
def test_the_backup_is_used_where_the_primary_is_damaged(content, offset, what):
    whole, _ = opened(content)
    content[offset] ^= 0xFF
    volumes, problems = opened(content)
    assert [v._replace(source=None) for v in volumes.volumes] == [
        v._replace(source=None) for v in whole.volumes
    ]
    assert rules(problems) == ["gpt.primary"]
    assert what in problems[0].message
    assert problems[0].offset in range(SECTOR, 6 * SECTOR)


def test_a_wiped_primary_leaves_the_backup_at_the_end_of_the_disk(content):
    content[SECTOR : 34 * SECTOR] = bytes(33 * SECTOR)
    assert GPT.probe(bytes(content[:0x11000]), len(content))
    volumes, problems = opened(content)
    assert len(volumes.volumes) == 4
    assert rules(problems) == ["gpt.primary"]


def test_the_backup_is_found_where_the_primary_says_on_a_disk_that_has_grown(content):
    content += bytes(1 << 20)
    content[SECTOR + 20] ^= 1  # reserved, but under the checksum
    volumes, problems = opened(content)
    assert len(volumes.volumes) == 4
    assert rules(problems) == ["gpt.primary"]


def test_a_damaged_backup_is_reported_and_the_primary_used(content):
    content[-SECTOR] ^= 1
    volumes, problems = opened(content)
    assert len(volumes.volumes) == 4
    assert rules(problems) == ["gpt.backup"]


def test_two_copies_that_disagree_are_reported(content):
    set_entry(content, 0, "name", b"X\0")
    volumes, problems = opened(content)
    assert volumes.volumes[0].label == "XFI system"
    assert rules(problems) == ["gpt.backup"]
    assert "differ" in problems[0].message


def test_damage_to_both_copies_is_corrupt(content):
    content[SECTOR] ^= 1
    content[-SECTOR] ^= 1
    with pytest.raises(Corrupt, match="no GPT header"):
        opened(content)


def u64(value):
    return value.to_bytes(8, "little")


@pytest.mark.parametrize(
    ("field", "value", "rule", "size"),
    [
        ("last_lba", u64(2047), "gpt.range", 0),
        ("last_lba", u64(1 << 40), "gpt.range", 11 << 20),
        ("first_lba", u64(1 << 60), "gpt.range", 0),
        ("first_lba", u64(1), "gpt.range", (4095 - 0) * SECTOR),
        ("last_lba", u64(5000), "gpt.overlap", (5001 - 2048) * SECTOR),
    ],
)
def test_partitions_that_cannot_be_are_reported_and_clipped(content, field, value, rule, size):
    set_entry(content, 0, field, value)
    volumes, problems = opened(content)
    assert rule in rules(problems)
    assert volumes.volumes[0].source.size == size
    assert len(volumes.volumes) == 4


@pytest.mark.parametrize(
    ("offset", "value"),
    [(80, 0xFFFFFFFF), (80, 100_000), (84, 0), (84, 127), (84, 1 << 20), (12, 8), (12, 4000)],
)
def test_impossible_headers_are_refused_before_anything_is_allocated(content, offset, value):
    for lba in (1, len(content) // SECTOR - 1):
        at = lba * SECTOR
        content[at + offset : at + offset + 4] = value.to_bytes(4, "little")
        content[at + 16 : at + 20] = bytes(4)
        size = int.from_bytes(content[at + 12 : at + 16], "little")
        total = crc32(bytes(content[at : at + min(size, SECTOR)]))
        content[at + 16 : at + 20] = total.to_bytes(4, "little")
    with pytest.raises(Corrupt):
        opened(content)


def test_a_header_in_a_place_not_its_own_is_damaged(content):
    content[SECTOR : 2 * SECTOR] = content[-SECTOR:]
    _, problems = opened(content)
    assert rules(problems) == ["gpt.primary"]
    assert "belongs" in problems[0].message


def test_no_more_partitions_than_the_limit_are_read(content):
    volumes, problems = opened(content, Limits(volumes=2))
    assert [v.name for v in volumes.volumes] == ["p1", "p2"]
    assert rules(problems) == ["gpt.volumes"]


def test_names_are_utf_16(content):
    set_entry(content, 0, "name", "wörzel 𝄞\0rest".encode("utf-16-le"))
    set_entry(content, 1, "name", b"\x00\xd8")
    volumes, _ = opened(content)
    assert volumes.volumes[0].label == "wörzel 𝄞"
    assert volumes.volumes[1].label == "\ufffdörzel"


def test_unknown_attribute_bits_are_numbered(content):
    set_entry(content, 0, "attributes", u64(1 << 50 | 1))
    volumes, _ = opened(content)
    assert volumes.volumes[0].flags == ("required", "bit-50")


def test_a_guid_is_mixed_endian_and_lower_case():
    stored = bytes.fromhex("28732ac11ff8d211ba4b00a0c93ec93b")
    assert guid(stored) == "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"


def test_a_hybrid_mbr_leaves_the_disk_to_gpt(content):
    content[446 + 16 : 446 + 32] = bytes.fromhex("00000000 83000000 00080000 00080000")
    head, size = bytes(content[:0x11000]), len(content)
    assert GPT.probe(head, size)
    assert not MBR.probe(head, size)


def test_a_gpt_without_its_protective_mbr_is_read_where_no_mbr_contradicts(content):
    content[446:512] = bytes(66)
    assert GPT.probe(bytes(content[:0x11000]), len(content))
    content[446:462] = bytes.fromhex("00000000 83000000 00080000 00080000")
    content[510:512] = b"\x55\xaa"
    head, size = bytes(content[:0x11000]), len(content)
    assert not GPT.probe(head, size)
    assert MBR.probe(head, size)
