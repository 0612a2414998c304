"""What a walk of something very large keeps in memory, and how long it may take."""

import tracemalloc
from collections import deque
from struct import pack

import pytest

from strongroom.base.errors import Exhausted
from strongroom.base.limits import MIB, Limits
from strongroom.base.source import Memory
from strongroom.formats.tree.ext import EXT
from strongroom.testing.context import RecordingContext
from strongroom.testing.images import ext
from strongroom.testing.tools import need

ENTRIES = 20_000
BLOCK = 4096


def directory_content(count, number):
    """Return the blocks of a directory with many names of one inode."""
    blocks, block = [], b""
    for at in range(count):
        name = b"entry-%06d" % at
        entry = pack("<IHBB", number, 20, len(name), 1) + name
        if len(block) + 40 > BLOCK:
            blocks.append(block + pack("<IHBB", 0, BLOCK - len(block), 0, 0))
            block = b""
        block += entry
    blocks.append(block + pack("<IHBB", 0, BLOCK - len(block), 0, 0))
    return b"".join(part.ljust(BLOCK, b"\0") for part in blocks)


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """An image whose directory /huge has ENTRIES names: a file made a directory by its mode."""
    need("mke2fs")
    folder = tmp_path_factory.mktemp("large")
    (folder / "tree").mkdir()
    (folder / "tree/huge").write_bytes(directory_content(ENTRIES, 12))
    options = "-t ext4 -b 4096 -O ^metadata_csum,^has_journal -N 64"
    content = bytearray(ext.ext(folder / "image", options, folder / "tree", "2M").read_bytes())
    tree = EXT.open(Memory(bytes(content)), RecordingContext())
    at = tree._device.inode_offset(tree.stat("/huge").ino)
    content[at : at + 2] = pack("<H", 0o40755)
    leaf = tree.stat("/lost+found").ino
    whole = bytes(content).replace(b"\x0c\0\0\0\x14\0\x0c\x01", pack("<IHBB", leaf, 20, 12, 2))
    return Memory(whole)


def peak(work):
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_directory_of_many_names_is_streamed(large):
    tree = EXT.open(large, RecordingContext())
    found = []
    assert peak(lambda: found.append(sum(1 for _ in tree.scandir("/huge")))) < 2 * MIB
    assert found == [ENTRIES]


def test_a_walk_of_many_names_is_streamed(large):
    context = RecordingContext()
    tree = EXT.open(large, context)
    assert peak(lambda: deque(tree.walk("/"), 0)) < 2 * MIB
    assert sum(1 for _ in tree.walk("/")) == ENTRIES + 2
    assert {problem.rule for problem in context.problems} <= {"ext.inode"}


def test_lookups_in_a_large_directory_keep_no_index_of_it(large):
    tree = EXT.open(large, RecordingContext())

    def look():
        for number in range(0, ENTRIES, ENTRIES // 20):
            assert tree.stat(f"/huge/entry-{number:06d}").kind == "dir"

    assert peak(look) < 2 * MIB


def test_a_directory_over_the_limit_ends_there_and_the_walk_goes_on(large):
    context = RecordingContext(limits=Limits(directory_entries=1000))
    tree = EXT.open(large, context)
    with pytest.raises(Exhausted):
        deque(tree.scandir("/huge"), 0)
    paths = [path for path, _ in tree.walk("/")]
    assert 1000 <= len(paths) < 10_000
    assert "ext.directory" in {problem.rule for problem in context.problems}
