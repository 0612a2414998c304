"""Every variant of ext2/3/4 against the folder it was made from, debugfs and The Sleuth Kit."""

import os
import stat as stat_module
import subprocess
from hashlib import sha256
from itertools import pairwise

import pytest

from strongroom.base.source import extents
from strongroom.base.tree import KIND_OF_MODE, S_IFMT, join
from strongroom.testing.conformance.tree import TreeConformance
from strongroom.testing.images import ext
from strongroom.testing.tools import tool_path

from .oracles import Sleuth, debugfs_stats, debugfs_xattrs, digest

TYPES = {"rev0": "ext2", "ext2": "ext2", "ext3": "ext3", "ext4": "ext4"}
EPOCH_BITS = {"/more/stamped"}
"""Times after 2038, which The Sleuth Kit reads without their epoch bits."""
ADDED = {
    "/more",
    "/more/tty",
    "/more/wide",
    "/more/pipe",
    "/more/stamped",
    "/more/preallocated",
    "/more/attributes",
}


@pytest.fixture(params=ext.VARIANTS)
def disk(request, variant, opened):
    return opened(variant(request.param))


class TestExt4(TreeConformance):
    OPTIONS = "-t ext4 -b 1024"

    @pytest.fixture
    def tree(self, sample, opened):
        return opened(sample(self.OPTIONS)).tree


class TestExt2(TestExt4):
    OPTIONS = "-t ext2 -b 1024 -I 128"


class TestExt4Inline(TestExt4):
    OPTIONS = "-t ext4 -b 1024 -I 256 -O inline_data"


def host_paths(root):
    """Yield (path inside, path on the host) of everything below a folder, names as bytes."""
    for directory, folders, files in os.walk(os.fsencode(root)):
        for name in folders + files:
            path = directory + b"/" + name
            yield os.fsdecode(path[len(os.fsencode(root)) :]), path


def test_every_name_is_there_and_none_but_those(disk, odd_tree):
    expected = {path for path, _ in host_paths(odd_tree)} | ADDED | {"/lost+found"}
    walked = [path for path, _ in disk.tree.walk("/")]
    assert set(walked) == expected
    assert len(walked) == len(expected)
    assert not disk.problems


def test_every_name_equals_the_host_file_it_was_made_from(disk, odd_tree):
    walked = dict(disk.tree.walk("/"))
    for path, host_path in host_paths(odd_tree):
        ours, host = walked[path], os.lstat(host_path)
        assert ours.kind == KIND_OF_MODE[stat_module.S_IFMT(host.st_mode)]
        assert ours.mode == stat_module.S_IMODE(host.st_mode), path
        assert (ours.uid, ours.gid) == (host.st_uid, host.st_gid)
        if ours.kind == "dir":
            continue
        assert (ours.size, ours.nlink) == (host.st_size, host.st_nlink), path
        if ours.kind == "link":
            assert os.fsencode(disk.tree.readlink(path)) == os.readlink(host_path)
        elif ours.kind == "file":
            with open(host_path, "rb") as file:
                content = file.read()
            assert digest(disk.tree.open(path)) == sha256(content).hexdigest(), path
    assert not disk.problems


def test_walk_stat_and_scandir_agree(disk):
    walked = dict(disk.tree.walk("/"))
    for path, stat in walked.items():
        assert disk.tree.stat(path) == stat
    for directory in ["/", *(path for path, stat in walked.items() if stat.kind == "dir")]:
        for entry in disk.tree.scandir(directory):
            stat = walked[join(directory, entry.name)]
            assert (entry.kind, entry.ino) == (stat.kind, stat.ino)
    assert not disk.problems


def test_every_stat_equals_that_of_debugfs(disk):
    walked = {stat.ino: stat for _, stat in disk.tree.walk("/")}
    theirs = debugfs_stats(disk.image, walked)
    for number, stat in walked.items():
        seen = theirs[number]
        assert (stat.mode, stat.uid, stat.gid, stat.size, stat.nlink) == (
            seen.mode,
            seen.uid,
            seen.gid,
            seen.size,
            seen.nlink,
        )
        assert (stat.mtime_ns, stat.atime_ns, stat.ctime_ns, stat.crtime_ns) == (
            seen.mtime_ns,
            seen.atime_ns,
            seen.ctime_ns,
            seen.crtime_ns,
        )
        assert stat.rdev == seen.rdev


TSK_CANNOT = {
    "ext4-inline-data",
    "ext4-inline-512",
    "ext4-64k",
    "ext4-meta-bg",
    "ext4-bigalloc",
    "ext4-bigalloc-4k",
}
"""Variants that The Sleuth Kit refuses or reads wrong."""
TSK_SLOW_BYTES = 8 << 20
"""It needs minutes for a larger sparse file with a block map."""


@pytest.mark.parametrize("name", sorted(set(ext.VARIANTS) - TSK_CANNOT))
def test_every_stat_and_content_equals_that_of_the_sleuth_kit(name, variant, opened):
    disk = opened(variant(name))
    theirs = Sleuth(disk.image)
    has_extents = "extent" in disk.tree.facts.features
    for path, stat in disk.tree.walk("/"):
        if stat.size > TSK_SLOW_BYTES and not has_extents:
            continue
        seen = theirs.stat(stat.ino)
        assert stat.mode == seen.mode & 0o7777, path
        assert (stat.uid, stat.gid, stat.size, stat.nlink) == (
            seen.uid,
            seen.gid,
            seen.size,
            seen.nlink,
        )
        if path not in EPOCH_BITS:
            assert (stat.mtime_ns, stat.atime_ns, stat.ctime_ns) == (
                seen.mtime_ns,
                seen.atime_ns,
                seen.ctime_ns,
            )
        if has_extents:
            assert stat.crtime_ns == seen.crtime_ns, path
        if stat.kind == "file":
            assert digest(disk.tree.open(path)) == theirs.digest(stat.ino), path


def test_devices_owners_and_times_that_debugfs_set_are_read(disk):
    tree = disk.tree
    assert (tree.stat("/more/tty").kind, tree.stat("/more/tty").rdev) == ("char", (5, 1))
    assert (tree.stat("/more/wide").kind, tree.stat("/more/wide").rdev) == ("block", (259, 60000))
    assert tree.stat("/more/pipe").kind == "fifo"
    stamped = tree.stat("/more/stamped")
    assert (stamped.uid, stamped.gid, stamped.mode) == (70001, 131073, 0o4755)
    assert stamped.ctime_ns == 1_650_000_000_000_000_000
    if stamped.crtime_ns is None:
        assert stamped.mtime_ns == 1_700_000_000_000_000_000
    else:
        assert stamped.mtime_ns == ((1_700_000_000 + (1 << 32)) * 10**9) + 125_000_000
        assert stamped.atime_ns == 1_600_000_000_000_000_001
        assert stamped.crtime_ns == 1_500_000_000_999_999_999


def test_attributes_are_those_that_debugfs_lists(disk):
    paths = ["/more/attributes", "/more/stamped"]
    names = debugfs_xattrs(disk.image, paths)
    for path in paths:
        assert set(disk.tree.xattrs(path)) == names[path] - {"system.data"}
    if names[paths[0]]:
        attributes = disk.tree.xattrs(paths[0])
        assert attributes["user.short"] == b"abc"
        assert attributes["user.empty"] == b""
        assert attributes["user.long"] == bytes(range(256)) * 3
        assert attributes["security.selinux"] == b"system_u:object_r:etc_t:s0"
        assert attributes["trusted.overlay"] == b"y"
        assert attributes.get("user.large", ext.LARGE) == ext.LARGE


def test_holes_and_unwritten_blocks_are_no_data(disk):
    for path, most in (("/sparse", 6 * (64 << 10)), ("/more/preallocated", 64 << 10)):
        file = disk.tree.open(path)
        found = list(extents(file))
        assert found[0].offset == 0
        assert sum(extent.length for extent in found) == file.size
        for one, other in pairwise(found):
            assert one.offset + one.length == other.offset
            assert one.data != other.data
        assert sum(extent.length for extent in found if extent.data) <= most
        for extent in found:
            content = file.read_at(extent.offset, extent.length)
            assert extent.data or not content.strip(b"\0")


def test_nothing_contradicts_its_checksum(disk):
    assert list(disk.tree.check()) == []


def test_the_facts_are_those_of_dumpe2fs(disk):
    done = subprocess.run(
        ["dumpe2fs", "-h", str(disk.image)],
        env=tool_path(),
        capture_output=True,
        text=True,
        check=True,
    )
    lines = (line.split(":", 1) for line in done.stdout.splitlines() if ":" in line)
    theirs = {key: value.strip() for key, value in lines}
    facts, size = disk.tree.facts, int(theirs["Block size"])
    features = theirs["Filesystem features"].replace("(none)", "").split()
    assert sorted(facts.features) == sorted(features)
    assert facts.uuid == theirs["Filesystem UUID"]
    assert facts.size == int(theirs["Block count"]) * size
    assert facts.free == int(theirs["Free blocks"]) * size
    assert facts.inodes == int(theirs["Inode count"])
    assert facts.inodes_free == int(theirs["Free inodes"])
    assert facts.clean is (theirs["Filesystem state"] == "clean")
    assert facts.type == TYPES[disk.image.stem.partition("-")[0]]


def test_a_kind_is_that_of_the_mode_for_every_inode(disk):
    for _, stat in disk.tree.walk("/"):
        assert stat.kind in KIND_OF_MODE.values()
        assert not stat.mode & S_IFMT
