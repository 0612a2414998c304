"""Damaged and hostile maps of an ext file's blocks: only what they damage is lost."""

import pytest

from strongroom.base.errors import Corrupt
from strongroom.base.source import extents
from strongroom.formats.tree.ext_inode import BLOCK_OFFSET

from .damaged import ALL, FRAGMENTS, paths


def extent_root(disk, path):
    return disk.inode(path) + BLOCK_OFFSET


@pytest.mark.parametrize(
    ("at", "code", "value"),
    [
        (0, "H", 0xF30B),
        (2, "H", 5),
        (4, "H", 40),
        (6, "H", 6),
        (6, "H", 0xFFFF),
    ],
)
def test_a_root_that_is_no_extent_node_is_corrupt_where_it_stands(plain, at, code, value):
    root = extent_root(plain, "/file")
    plain.put(code, root + at, value)
    if at == 2:
        plain.put("H", root + 4, 3)
    tree = plain.open()
    assert paths(tree) == ALL
    with pytest.raises(Corrupt, match="extent") as caught:
        tree.open("/file").read_at(0, 10)
    assert caught.value.offset == root


def test_an_extent_without_blocks_is_corrupt(plain):
    plain.put("H", extent_root(plain, "/file") + 12 + 4, 0)
    with pytest.raises(Corrupt, match="empty"):
        plain.open().open("/file").read_at(0, 10)


def test_an_extent_outside_the_volume_is_corrupt_only_where_it_is_read(plain):
    root = extent_root(plain, "/file")
    plain.put("H", root + 2, 2)
    plain.put("IHHI", root + 12, 0, 1, 0, plain.blocks("/file")[0] // 1024)
    plain.put("IHHI", root + 24, 1, 7, 0, 1 << 30)
    file = plain.open().open("/file")
    assert file.read_at(0, 1024) == b"content\n" * 128
    with pytest.raises(Corrupt) as caught:
        file.read_at(0, 1025)
    assert caught.value.offset == 1 << 40
    assert [extent.length for extent in extents(file)] == [8000]


@pytest.mark.parametrize("second", [(0, 1), (2, 1)])
def test_extents_that_overlap_or_descend_are_corrupt(plain, second):
    root = extent_root(plain, "/file")
    plain.put("H", root + 2, 2)
    plain.put("IHHI", root + 12, 2, 3, 0, 100)
    plain.put("IHHI", root + 24, second[0], second[1], 0, 200)
    with pytest.raises(Corrupt, match="overlap"):
        plain.open().open("/file").read_at(0, 10)


def test_an_index_that_leads_to_itself_is_corrupt(plain):
    """Every step down must be one level less, so a cycle cannot be."""
    root = extent_root(plain, "/comb")
    assert int.from_bytes(plain.content[root + 6 : root + 8], "little") == 2
    child = int.from_bytes(plain.content[root + 16 : root + 20], "little")
    plain.put("I", child * 1024 + 12 + 4, child)
    file = plain.open().open("/comb")
    with pytest.raises(Corrupt, match="no extent node") as caught:
        file.read_at(0, 5)
    assert caught.value.offset == child * 1024
    last = (FRAGMENTS - 1) << 13
    assert file.read_at(last, 5) == b"%05d" % (FRAGMENTS - 1)


def test_children_outside_their_parents_range_are_corrupt(plain):
    root = extent_root(plain, "/comb")
    child = int.from_bytes(plain.content[root + 16 : root + 20], "little")
    first, second = child * 1024 + 12, child * 1024 + 24
    plain.content[first + 4 : first + 10] = plain.content[second + 4 : second + 10]
    with pytest.raises(Corrupt, match="out of its range"):
        plain.open().open("/comb").read_at(0, 5)


def test_a_file_of_absurd_size_reads_as_zeros_behind_its_blocks(plain):
    at = plain.inode("/file")
    plain.put("I", at + 4, 0)
    plain.put("I", at + 108, 1 << 28)
    file = plain.open().open("/file")
    assert file.size == 1 << 60
    assert file.read_at(0, 8) == b"content\n"
    assert file.read_at(1 << 59, 4096) == bytes(4096)
    assert sum(extent.length for extent in extents(file)) == 1 << 60


def test_an_indirect_block_that_is_used_twice_is_corrupt(classic):
    at = classic.inode("/comb") + BLOCK_OFFSET
    double = int.from_bytes(classic.content[at + 4 * 13 : at + 4 * 14], "little")
    first = int.from_bytes(classic.content[double * 1024 : double * 1024 + 4], "little")
    for slot in range(256):
        classic.put("I", double * 1024 + 4 * slot, first)
    file = classic.open().open("/comb")
    with pytest.raises(Corrupt, match="used twice"):
        file.read_at(0, file.size)


def test_a_block_map_that_points_at_itself_everywhere_ends(classic):
    at = classic.inode("/comb")
    block = classic.blocks("/file")[0] // 1024
    for slot in range(256):
        classic.put("I", block * 1024 + 4 * slot, block)
    for slot in (12, 13, 14):
        classic.put("I", at + BLOCK_OFFSET + 4 * slot, block)
    classic.put("I", at + 4, 0xFFFFFFFF)
    with pytest.raises(Corrupt):
        list(extents(classic.open().open("/comb")))


def test_a_pointer_outside_the_volume_is_corrupt_only_where_it_is_read(classic):
    at = classic.inode("/file") + BLOCK_OFFSET
    classic.put("I", at + 4, 0xFFFFFFFF)
    file = classic.open().open("/file")
    assert file.read_at(0, 1024) == b"content\n" * 128
    assert file.read_at(2048, 8) == b"content\n"
    with pytest.raises(Corrupt) as caught:
        file.read_at(1024, 1)
    assert caught.value.offset == 0xFFFFFFFF * 1024


# --- links --------------------------------------------------------------------------------------


def test_a_link_longer_than_any_path_is_corrupt(disk):
    disk.put("I", disk.inode("/long") + 4, 1 << 20)
    with pytest.raises(Corrupt, match="link"):
        disk.open().readlink("/long")


def test_a_link_ends_at_its_first_nul(disk):
    disk.content[disk.inode("/link") + BLOCK_OFFSET + 1] = 0
    assert disk.open().readlink("/link") == "d"
