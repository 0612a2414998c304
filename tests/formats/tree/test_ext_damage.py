"""Damaged and hostile ext images: what can be read is read, the rest is told with its place."""

from pathlib import Path

import pytest

from strongroom.base.errors import Corrupt, Exhausted, NotFound, StrongroomError, Unsupported
from strongroom.base.limits import Limits
from strongroom.base.record import Severity
from strongroom.base.source import Memory
from strongroom.formats.tree.ext import EXT
from strongroom.formats.tree.ext_inode import BLOCK_OFFSET
from strongroom.testing.conformance.format import FormatConformance
from strongroom.testing.context import RecordingContext
from strongroom.testing.images import ext

from .damaged import ALL, CHECKED, CLASSIC, FRAGMENTS, SUPER, Disk, paths


class TestExtFormat(FormatConformance):
    @pytest.fixture
    def format(self):
        return EXT

    @pytest.fixture
    def image(self, images):
        return images[CHECKED]


class TestClassicFormat(TestExtFormat):
    @pytest.fixture
    def image(self, images):
        return images[CLASSIC]


def test_the_fixture_is_whole(disk):
    assert paths(disk.open()) == ALL
    assert not disk.rules


# --- the superblock -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("offset", "code", "value", "field"),
    [
        (0x38, "H", 0x1234, "magic"),
        (0x18, "I", 7, "log_block_size"),
        (0x18, "I", 0xFFFFFFFF, "log_block_size"),
        (0x28, "I", 0, "inodes_per_group"),
        (0x28, "I", 8193, "inodes_per_group"),
        (0x20, "I", 0, "blocks_per_group"),
        (0x20, "I", 1 << 31, "blocks_per_group"),
        (0x58, "H", 0, "inode_size"),
        (0x58, "H", 100, "inode_size"),
        (0x58, "H", 384, "inode_size"),
        (0x58, "H", 4096, "inode_size"),
        (0x14, "I", 2, "first_data_block"),
        (0xFE, "H", 65, "desc_size"),
        (0xFE, "H", 32, "desc_size"),
        (0xFE, "H", 2048, "desc_size"),
    ],
)
def test_a_superblock_that_contradicts_itself_is_corrupt_at_the_field(
    plain, offset, code, value, field
):
    plain.put(code, SUPER + offset, value)
    with pytest.raises(Corrupt, match=field) as caught:
        plain.open()
    assert caught.value.offset == SUPER + offset


def test_a_file_system_without_blocks_is_corrupt(plain):
    plain.put("I", SUPER + 4, 0)
    with pytest.raises(Corrupt, match="no block group"):
        plain.open()


def test_a_superblock_with_one_damaged_field_is_still_recognised(plain):
    plain.put("I", SUPER + 0x28, 0)
    assert EXT.probe(bytes(plain.content), len(plain.content))
    plain.put("I", SUPER + 0x18, 99)
    plain.put("H", SUPER + 0x58, 99)
    assert not EXT.probe(bytes(plain.content), len(plain.content))
    assert not EXT.probe(bytes(plain.content[:2000]), len(plain.content))


@pytest.mark.parametrize(
    ("offset", "bit", "name"),
    [
        (0x60, 0, "compression"),
        (0x60, 3, "journal_dev"),
        (0x60, 12, "dirdata"),
        (0x60, 21, "FEATURE_I21"),
        (0x60, 31, "FEATURE_I31"),
    ],
)
def test_an_incompatible_feature_that_is_not_read_is_named(plain, offset, bit, name):
    (old,) = (int.from_bytes(plain.content[SUPER + offset : SUPER + offset + 4], "little"),)
    plain.put("I", SUPER + offset, old | 1 << bit)
    with pytest.raises(Unsupported, match=name):
        plain.open()


def test_unknown_compatible_features_are_listed_and_ignored(plain):
    plain.put("I", SUPER + 0x5C, 1 << 30)
    tree = plain.open()
    assert "FEATURE_C30" in tree.facts.features
    assert paths(tree) == ALL


def test_ridiculous_counts_change_nothing_for_what_is_there(plain):
    plain.put("I", SUPER, 0xFFFFFFFF)
    plain.put("I", SUPER + 4, 0xFFFFFFFF)
    plain.put("I", SUPER + 0x150, 0xFFFF)
    tree = plain.open()
    assert paths(tree) == ALL
    assert plain.rules == ["ext.truncated"]
    assert len(list(tree.check())) < 10


def test_a_cut_image_keeps_what_is_before_the_cut(disk):
    teeth = disk.blocks("/comb")
    cut = teeth[-100]
    del disk.content[cut:]
    tree = disk.open()
    assert "/file" in paths(tree)
    assert disk.rules[0] == "ext.truncated"
    comb = tree.open("/comb")
    assert comb.read_at(0, 5) == b"00000"
    with pytest.raises(Corrupt) as caught:
        comb.read_at((FRAGMENTS - 1) << 13, 5)
    assert caught.value.offset >= cut


@pytest.mark.parametrize("state", [2, 3])
def test_errors_that_the_kernel_noted_are_told(plain, state):
    plain.put("H", SUPER + 0x3A, state)
    tree = plain.open()
    assert not tree.facts.clean
    assert [(p.rule, p.severity) for p in plain.context.problems] == [
        ("ext.errors", Severity.NOTICE)
    ]


def test_a_journal_that_is_not_there_is_told(plain):
    (incompat,) = (int.from_bytes(plain.content[SUPER + 0x60 : SUPER + 0x64], "little"),)
    plain.put("I", SUPER + 0x60, incompat | 4)
    tree = plain.open()
    assert tree.facts.clean is False
    assert "needs_recovery" in tree.facts.features
    assert [(p.rule, p.severity) for p in plain.context.problems] == [
        ("ext.journal", Severity.WARNING)
    ]
    assert "changes are missing" in plain.context.problems[0].message
    assert paths(tree) == ALL


# --- groups and inodes --------------------------------------------------------------------------


@pytest.mark.parametrize("table", [0, 1 << 20, 0xFFFFFFFF])
def test_an_inode_table_outside_the_volume_is_corrupt(plain, table):
    plain.put("I", 2 * 1024 + 8, table)
    tree = plain.open()
    with pytest.raises(Corrupt, match="group 0") as caught:
        tree.stat("/file")
    assert caught.value.offset == 2 * 1024
    assert len(list(tree.check())) == 1


@pytest.mark.parametrize("number", [0xFFFFFFFF, 100_000, 129])
def test_an_entry_that_leads_to_no_inode_is_left_out(disk, number):
    disk.put("I", disk.entry("/file"), number)
    tree = disk.open()
    assert paths(tree) == ALL - {"/file"}
    assert disk.rules == ["ext.inode"]
    with pytest.raises(Corrupt, match="does not exist"):
        tree.stat("/file")
    assert "file" in {entry.name for entry in tree.scandir("/")}


def test_an_entry_that_leads_to_a_free_inode_is_left_out(disk):
    at = disk.inode("/file")
    disk.content[at : at + 128] = bytes(128)
    tree = disk.open()
    assert paths(tree) == ALL - {"/file"}
    assert [(p.rule, p.offset) for p in disk.context.problems] == [("ext.inode", at)]
    with pytest.raises(Corrupt, match="not in use"):
        tree.open("/file")


def test_a_root_that_is_no_directory_is_corrupt(disk):
    disk.put("H", disk._device.inode_offset(2), 0o100644)
    with pytest.raises(Corrupt, match="root"):
        list(disk.open().walk("/"))


def test_a_directory_that_holds_an_ancestor_is_walked_once(disk):
    disk.put("I", disk.entry("/d/e/deep"), disk.ino("/d"))
    disk.put("I", disk.entry("/file"), 2)
    tree = disk.open()
    assert paths(tree) == ALL
    assert disk.rules == ["ext.inode", "ext.inode"]
    assert tree.stat("/d/e/deep/e/deep/e").kind == "dir"


def test_two_directories_on_the_same_blocks_are_walked_once(disk):
    one, other = disk.inode("/d"), disk.inode("/d/e")
    disk.content[other + 40 : other + 100] = disk.content[one + 40 : one + 100]
    tree = disk.open()
    assert paths(tree) == ALL - {"/d/e/deep"}
    assert disk.rules == ["ext.directory"]


# --- directories --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "inside", "value"),
    [
        ("H", 4, 0),
        ("H", 4, 7),
        ("H", 4, 13),
        ("H", 4, 8),
        ("H", 4, 0xFFFC),
        ("H", 4, 0xFFFF),
        ("B", 6, 255),
    ],
)
def test_an_impossible_entry_ends_its_block_and_is_told(disk, code, inside, value):
    at = disk.entry("/d/other")
    disk.put(code, at + inside, value)
    tree = disk.open()
    assert {"/d", "/file", "/link"} <= paths(tree)
    assert [(p.rule, p.offset) for p in disk.context.problems] == [("ext.directory", at)]
    assert len(list(tree.scandir("/d"))) <= 2


@pytest.mark.parametrize("name", [b"o/her", b"../..", b"\0ther", b"oth\0r"])
def test_a_name_that_no_kernel_writes_is_left_out(disk, name):
    at = disk.entry("/d/other")
    disk.content[at + 8 : at + 13] = name
    tree = disk.open()
    assert paths(tree) == ALL - {"/d/other"}
    assert [(p.rule, p.offset) for p in disk.context.problems] == [("ext.directory", at)]


def test_deleted_entries_are_not_names(disk):
    disk.put("I", disk.entry("/d/other"), 0)
    tree = disk.open()
    assert paths(tree) == ALL - {"/d/other"}
    with pytest.raises(NotFound):
        tree.stat("/d/other")
    assert not disk.rules


def test_a_directory_block_outside_the_volume_is_told(disk):
    at = disk.inode("/d/e")
    if disk._whole._inode("/d/e").flags & 0x80000:
        disk.put("I", at + BLOCK_OFFSET + 12 + 8, 1 << 30)
    else:
        disk.put("I", at + BLOCK_OFFSET, 1 << 30)
    tree = disk.open()
    assert paths(tree) == ALL - {"/d/e/deep"}
    assert disk.rules == ["ext.directory"]
    assert disk.context.problems[0].offset == (1 << 30) * disk.size


def test_a_directory_of_an_absurd_size_ends_with_its_blocks(disk):
    disk.put("I", disk.inode("/d") + 4, 0xFFFFFC00)
    disk.put("I", disk.inode("/d") + 108, 0x0FFFFFFF)
    tree = disk.open()
    assert paths(tree) == ALL
    with pytest.raises(NotFound):
        tree.stat("/d/nothing")


def test_a_directory_over_the_limit_is_exhausted(disk):
    tree = disk.open(Limits(directory_entries=2))
    with pytest.raises(Exhausted):
        list(tree.scandir("/"))
    found = paths(tree)
    assert "/file" not in found or "ext.directory" in disk.rules


def test_a_deep_chain_of_directories_ends_at_the_limit(damage_folder):
    commands = "\n".join(f"mkdir n{n}\ncd n{n}" for n in range(530))
    image = ext.ext(
        damage_folder / "chain.raw", "-t ext4 -b 1024 -O ^has_journal -N 800", None, "2M"
    )
    ext.debugfs(image, commands)
    context = RecordingContext()
    tree = EXT.open(Memory(image.read_bytes()), context)
    walked = [path for path, _ in tree.walk("/")]
    assert max(path.count("/") for path in walked) == 512
    assert context.problems[0].rule == "ext.inode"
    assert "512 directories deep" in context.problems[0].message


# --- checksums ----------------------------------------------------------------------------------


def only_checksum(disk, offset):
    """Return the problems that reading everything finds; each must be at `offset`."""
    tree = disk.open()
    for path, stat in tree.walk("/"):
        tree.stat(path)
        tree.xattrs(path)
        if stat.kind == "dir":
            list(tree.scandir(path))
        if stat.kind == "file":
            source = tree.open(path)
            source.read_at(0, source.size)
    list(tree.scandir("/"))
    assert {problem.offset for problem in disk.context.problems} == {offset}
    damage = list(tree.check())
    assert {d.offset for d in damage} == {offset}
    assert {d.rule for d in damage} <= {"ext.checksum", "ext.group"}
    return disk.rules


def test_a_changed_inode_is_told_and_read(checked):
    at = checked.inode("/file")
    checked.put("H", at + 2, 1234)
    assert only_checksum(checked, at) == ["ext.checksum"]
    assert checked.open().stat("/file").uid == 1234


def test_a_changed_directory_block_is_told_and_read(checked):
    at = checked.blocks("/d/e")[0]
    entry = checked.entry("/d/e/deep")
    checked.content[entry + 8 : entry + 12] = b"DEEP"
    assert only_checksum(checked, at) == ["ext.checksum"]


def test_a_changed_extent_block_is_told_and_read(checked):
    root = checked.inode("/comb") + BLOCK_OFFSET
    child = int.from_bytes(checked.content[root + 16 : root + 20], "little") * 1024
    checked.content[child + 9] ^= 1  # eh_generation: covered, but not read
    assert only_checksum(checked, child) == ["ext.checksum"]


def test_a_changed_group_descriptor_is_told_and_read(checked):
    checked.content[2 * 1024 + 16] ^= 1  # bg_used_dirs_count
    assert only_checksum(checked, 2 * 1024) == ["ext.group"]


@pytest.mark.parametrize("field", [0, 4])
def test_a_changed_bitmap_is_found_by_check(checked, field):
    block = int.from_bytes(checked.content[2048 + field : 2052 + field], "little")
    checked.content[block * 1024 + 15] ^= 1
    assert [damage.offset for damage in checked.open().check()] == [block * 1024]


def test_a_superblock_with_a_wrong_checksum_and_no_backup_is_told_and_used(checked):
    checked.content[SUPER + 0x78] ^= 1
    tree = checked.open()
    assert paths(tree) == ALL
    assert checked.rules == ["ext.superblock"]
    assert [damage.rule for damage in tree.check()] == ["ext.checksum"]


def test_every_flipped_byte_of_metadata_is_found_by_check(checked):
    """One flip in each structure that a checksum covers, away from what holds the tree together."""
    inode = checked.inode("/comb")
    for offset in (SUPER + 0x88, inode + 8, inode + 0x90, checked.blocks("/")[0] + 20):
        damaged = Disk(checked.content)
        damaged.content[offset] ^= 0x10
        assert list(damaged.open().check()), offset


def test_check_goes_on_past_what_it_cannot_read(checked):
    root = checked.inode("/d/e") + BLOCK_OFFSET
    checked.put("H", root, 0)
    checked.put("I", checked.inode("/file") + 104, 1 << 30)
    damage = list(checked.open().check())
    assert {d.rule for d in damage} == {"ext.checksum", "ext.inode"}
    assert {root, 1 << 40} < {d.offset for d in damage}


def test_check_of_a_cut_image_tells_where_it_ends(checked):
    first = checked._device.inode_offset(1)
    del checked.content[first + 256 :]
    assert [d.rule for d in checked.open().check()][-1] == "ext.inode"
    del checked.content[3 * 1024 :]
    assert {d.rule for d in checked.open().check()} == {"ext.group"}


def test_a_directory_whose_first_block_is_unwritten_has_a_hole(plain):
    root = plain.inode("/d") + BLOCK_OFFSET
    plain.put("H", root + 12 + 4, 32769)
    tree = plain.open()
    assert paths(tree) == {p for p in ALL if not p.startswith("/d/")}
    assert [(p.rule, p.offset) for p in plain.context.problems] == [
        ("ext.directory", plain.inode("/d"))
    ]


def test_a_directory_that_runs_out_of_the_image_keeps_its_front(plain):
    """A long run is read at once, and block by block where that fails."""
    root = plain.inode("/d") + BLOCK_OFFSET
    plain.put("H", root + 12 + 4, 32000)
    plain.put("I", plain.inode("/d") + 4, 8000 * 1024)
    tree = plain.open()
    names = {entry.name for entry in tree.scandir("/d")}
    assert {"e", "other"} <= names
    assert len(plain.context.problems) <= plain.context.limits.problems + 1


def test_lookups_do_not_count_for_ever(plain):
    tree = plain.open()
    tree._finder._asked.update(dict.fromkeys(range(100, 5000), 1))
    with pytest.raises(NotFound):
        tree.stat("/d/missing")
    assert len(tree._finder._asked) < 10


def test_a_path_longer_than_any_is_not_kept(damage_folder):
    commands = "\n".join(f"mkdir {'n' * 250}\ncd {'n' * 250}" for _ in range(20))
    options = "-t ext4 -b 1024 -O ^has_journal -N 128"
    image = ext.ext(damage_folder / "names.raw", options, size="2M")
    ext.debugfs(image, commands)
    tree = EXT.open(Memory(image.read_bytes()), RecordingContext())
    path = ("/" + "n" * 250) * 20
    assert tree.stat(path).kind == "dir"
    assert max(map(len, tree._directories)) < 4100


def test_a_random_read_never_raises_anything_but_the_nine(checked):
    for offset in range(1024, 20 * 1024, 97):
        damaged = bytearray(checked.content)
        damaged[offset] ^= 0xFF
        try:
            tree = EXT.open(Memory(bytes(damaged)), RecordingContext())
            list(tree.walk("/"))
            list(tree.check())
        except StrongroomError:
            continue


def test_of_two_equal_names_the_first_is_found_however_often_it_is_asked_for(tmp_path: Path):
    root = tmp_path / "tree"
    root.mkdir()
    for name in ("first-one", "other-one"):
        (root / name).write_text(name)
    image = ext.ext(tmp_path / "equal.raw", "-t ext2 -b 1024", root, "1M")
    content = image.read_bytes()
    assert content.count(b"other-one") == 2  # its directory entry, and its content
    entry = content.index(b"other-one")
    renamed = content[:entry] + b"first-one" + content[entry + 9 :]
    tree = EXT.open(Memory(renamed), RecordingContext())

    assert [e.name for e in tree.scandir("/")].count("first-one") == 2
    first = next(e.ino for e in tree.scandir("/") if e.name == "first-one")
    assert {tree.stat("/first-one").ino for _ in range(20)} == {first}
