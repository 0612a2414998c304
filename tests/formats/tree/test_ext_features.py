"""Features of ext that need an image of their own."""

import struct
import subprocess

import pytest

from strongroom.base.errors import Corrupt, Exhausted, NotFound, Unsupported
from strongroom.base.limits import Limits
from strongroom.base.record import Severity
from strongroom.base.source import Memory, identity
from strongroom.formats.tree.ext import EXT
from strongroom.formats.tree.ext_device import BlockSet, crc16
from strongroom.formats.tree.ext_dir import blocks
from strongroom.formats.tree.ext_inode import FLAG_INDEX
from strongroom.testing.context import RecordingContext
from strongroom.testing.images import ext
from strongroom.testing.tools import need, test_data, tool_path

from .oracles import Sleuth, digest

VALUE = bytes(range(256)) * 3


@pytest.fixture(scope="session")
def many(tmp_path_factory):
    """Return the function options -> image with a hash tree of many names."""
    need("mke2fs", "e2fsck")
    folder = tmp_path_factory.mktemp("many")
    tree = ext.many_names(folder / "tree")
    made: dict[str, object] = {}

    def make(options):
        if options not in made:
            image = ext.ext(folder / f"{len(made)}.raw", f"{options} -N 8192", tree, "40M")
            made[options] = ext.hashed(image)
        return made[options]

    return make


@pytest.fixture
def made(tmp_path):
    """Return the function (options, debugfs commands) -> image of a few files."""
    need("mke2fs", "debugfs")
    tree = tmp_path / "tree"
    (tree / "d").mkdir(parents=True)
    (tree / "d/below").write_bytes(b"below")
    (tree / "file").write_bytes(b"content" * 100)
    (tree / "plain").write_bytes(b"plain")
    (tree / "link").symlink_to("file")
    (tmp_path / "value").write_bytes(VALUE)

    def make(options, commands="", size="2M"):
        image = ext.ext(tmp_path / "image", options, tree, size)
        if commands:
            ext.debugfs(image, commands.replace("VALUE", str(tmp_path / "value")))
        return image

    return make


def walked(tree):
    return {path for path, _ in tree.walk("/")}


# --- large directories --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        "-t ext4 -b 1024",
        "-t ext4 -b 4096",
        "-t ext3 -b 1024 -I 128",
        "-t ext4 -b 1024 -O large_dir,^metadata_csum",
    ],
)
def test_a_hash_tree_has_the_names_that_were_put_in(many, opened, options):
    image = many(options)
    disk = opened(image)
    assert disk.tree._inode("/many").flags & FLAG_INDEX
    names = [entry.name for entry in disk.tree.scandir("/many")]
    assert len(names) == len(set(names)) == ext.MANY
    assert names != sorted(names)
    for name in (names[0], names[-1], names[len(names) // 2], "name-00000-", "name-04999-"):
        if name in names:
            number = int(name.split("-")[1])
            assert disk.tree.open(f"/many/{name}").read_at(0, 9) == b"%d" % number
    assert len(walked(disk.tree)) == ext.MANY + 2
    assert not disk.problems
    assert not list(disk.tree.check())


def test_every_name_of_a_large_directory_is_found_by_itself(many, opened):
    disk = opened(many("-t ext4 -b 1024"))
    for entry in disk.tree.scandir("/many"):
        assert disk.tree.stat(f"/many/{entry.name}").ino == entry.ino
    for name in ("name-00000", "name", "ame-00000-", "name-05000-"):
        with pytest.raises(NotFound):
            disk.tree.stat(f"/many/{name}")


def test_an_index_block_that_changed_is_told(many, opened, tmp_path):
    image = many("-t ext4 -b 1024")
    whole = opened(image).tree
    device, inode = whole._device, whole._inode("/many")
    root = next(blocks(device, inode))[0]
    disk = opened(ext.damaged(image, tmp_path / "damaged", [root + 44]))
    assert len(list(disk.tree.scandir("/many"))) == ext.MANY
    assert [(p.rule, p.offset) for p in disk.problems] == [("ext.checksum", root)]


def test_many_directories_are_looked_up_without_keeping_them_all(many, opened):
    disk = opened(many("-t ext4 -b 4096"))
    for number in range(5000):
        with pytest.raises(NotFound):
            disk.tree.stat(f"/missing-{number}/x")
    assert len(disk.tree._directories) < 10


# --- backups ------------------------------------------------------------------------------------

SMALL_GROUPS = "-t ext4 -b 1024 -O ^resize_inode,^has_journal -N 2048"


@pytest.mark.parametrize(
    ("options", "offset", "length"),
    [
        (SMALL_GROUPS, 0x400, 1),
        (SMALL_GROUPS, 0x420, 4),
        (SMALL_GROUPS, 0x438, 2),
        (SMALL_GROUPS, 0x400, 1024),
        ("-t ext2 -b 1024", 0x428, 4),
        ("-t ext2 -b 4096 -g 2048", 0x418, 4),
        ("-t ext4 -b 4096 -g 2048", 0x478, 4),
        ("-t ext4 -b 1024 -O sparse_super2,^resize_inode", 0x400, 4),
        ("-t ext4 -b 1024 -O meta_bg,^resize_inode -g 1024", 0x478, 4),
    ],
)
def test_a_backup_serves_where_the_superblock_is_damaged(made, options, offset, length):
    image = made(options, size="40M")
    content = bytearray(image.read_bytes())
    expected = walked(EXT.open(Memory(bytes(content)), RecordingContext()))
    content[offset : offset + length] = b"\xff" * length
    context = RecordingContext()
    if "4096 -g 2048" in options and offset == 0x418:
        with pytest.raises(Corrupt):  # where group 1 begins is no longer known
            EXT.open(Memory(bytes(content)), context)
        return
    tree = EXT.open(Memory(bytes(content)), context)
    assert walked(tree) == expected
    assert [problem.rule for problem in context.problems] == ["ext.superblock"]
    assert "backup" in context.problems[0].message


@pytest.mark.parametrize(
    "options",
    [
        SMALL_GROUPS,
        "-t ext4 -b 1024 -O ^metadata_csum,uninit_bg -N 2048",
        "-t ext4 -b 1024 -O meta_bg,^resize_inode -g 1024 -N 4096",
        "-t ext4 -b 1024 -O ^64bit -N 2048",
        "-t ext2 -b 1024 -N 2048",
    ],
)
def test_a_backup_serves_where_group_descriptors_are_damaged(made, options):
    content = bytearray(made(options, size="40M").read_bytes())
    whole = EXT.open(Memory(bytes(content)), RecordingContext())
    expected = walked(whole)
    first = next(whole._device._descriptor_offsets(0))
    content[first : first + 1024] = b"\xff" * 1024
    context = RecordingContext()
    tree = EXT.open(Memory(bytes(content)), context)
    assert walked(tree) == expected
    assert {problem.rule for problem in context.problems} == {"ext.group"}
    assert context.problems[0].offset == first
    assert any(damage.offset == first for damage in tree.check())


def test_a_descriptor_with_a_wrong_checksum_everywhere_is_told_and_used(made):
    content = bytearray(made(SMALL_GROUPS, size="40M").read_bytes())
    whole = EXT.open(Memory(bytes(content)), RecordingContext())
    for offset in whole._device._descriptor_offsets(0):
        content[offset + 16] ^= 1
    context = RecordingContext()
    assert walked(EXT.open(Memory(bytes(content)), context)) == walked(whole)
    assert [problem.rule for problem in context.problems] == ["ext.group"]


def test_a_damaged_backup_is_found_by_check(made):
    content = bytearray(made(SMALL_GROUPS, size="40M").read_bytes())
    content[8193 * 1024 + 8] ^= 1
    content[3 * 8192 * 1024 + 1024 + 0x38] ^= 1
    damage = list(EXT.open(Memory(bytes(content)), RecordingContext()).check())
    assert [(d.rule, d.offset) for d in damage] == [
        ("ext.checksum", 8193 * 1024),
        ("ext.superblock", 3 * 8192 * 1024 + 1024 + 0x38),
    ]


# --- flags --------------------------------------------------------------------------------------


def test_what_is_encrypted_is_named_and_the_rest_is_read(made, opened):
    options = "-t ext4 -b 1024 -O encrypt"
    commands = "sif d flags 0x80800\nsif file flags 0x80800\nsif link flags 0x800"
    disk = opened(made(options, commands))
    assert walked(disk.tree) == {"/lost+found", "/d", "/file", "/link", "/plain"}
    assert [(p.rule, p.severity) for p in disk.problems] == [("ext.encrypted", Severity.NOTICE)]
    for ask in (
        lambda: list(disk.tree.scandir("/d")),
        lambda: disk.tree.stat("/d/below"),
        lambda: disk.tree.open("/file"),
        lambda: disk.tree.readlink("/link"),
    ):
        with pytest.raises(Unsupported, match="encrypt"):
            ask()
    assert disk.tree.stat("/d").kind == "dir"
    assert disk.tree.open("/plain").read_at(0, 9) == b"plain"


def test_verity_files_end_where_their_content_ends(made, opened):
    disk = opened(made("-t ext4 -b 1024 -O verity", "sif file flags 0x180000"))
    assert "verity" in disk.tree.facts.features
    assert disk.tree.open("/file").read_at(0, 1000) == b"content" * 100


def test_multiple_mount_protection_is_no_hindrance(made, opened):
    disk = opened(made("-t ext4 -b 1024 -O mmp"))
    assert "mmp" in disk.tree.facts.features
    assert "/d/below" in walked(disk.tree)


def test_a_file_system_of_many_terabytes_costs_nothing(tmp_path, opened):
    need("mke2fs")
    image = tmp_path / "huge"
    words = "mke2fs -F -q -t ext4 -E lazy_itable_init=1,lazy_journal_init=1 -O ^has_journal"
    subprocess.run([*words.split(), "-N", "100000", str(image), "4T"], env=tool_path(), check=True)
    disk = opened(image)
    assert disk.tree.facts.size == 4 << 40
    assert walked(disk.tree) == {"/lost+found"}


# --- attributes ---------------------------------------------------------------------------------

ACL = struct.pack(
    "<I" + "HHI" * 5,
    *(2, 1, 6, 0xFFFFFFFF, 2, 4, 1000, 4, 4, 0xFFFFFFFF, 16, 6, 0xFFFFFFFF, 32, 4, 0xFFFFFFFF),
)
"""user::rw-, user:1000:r--, group::r--, mask::rw-, other::r--, as getxattr(2) gives it."""


def test_acls_have_the_form_of_the_system_call(made, opened, tmp_path):
    (tmp_path / "acl").write_bytes(ACL)
    commands = f"ea_set -f {tmp_path}/acl file system.posix_acl_access"
    disk = opened(made("-t ext4 -b 1024", commands))
    assert disk.tree.xattrs("/file") == {"system.posix_acl_access": ACL}


def test_an_acl_of_an_unknown_version_is_given_as_stored(made, opened):
    image = made("-t ext4 -b 1024 -O ^metadata_csum", "ea_set file user.acl 12345678")
    content = bytearray(image.read_bytes())
    at = content.find(b"acl", content.find(b"\0\0\2\xea"))
    content[at - 15] = 2  # e_name_index of the entry before its name
    tree = EXT.open(Memory(bytes(content)), RecordingContext())
    assert tree.xattrs("/file") == {"system.posix_acl_accessacl": b"12345678"}


def test_a_value_in_many_blocks_of_its_own_inode_is_read(made):
    commands = "ea_set -f VALUE file user.first\nea_set -f VALUE file user.large"
    options = "-t ext4 -b 1024 -O ea_inode,^metadata_csum"
    content = bytearray(made(options, commands).read_bytes())
    tree = EXT.open(Memory(bytes(content)), RecordingContext())
    assert tree.xattrs("/file") == {"user.first": VALUE, "user.large": VALUE}
    at = next(
        content.find(name) - 16
        for name in (b"large", b"first")
        if content[content.find(name) - 12 : content.find(name) - 8] != bytes(4)
    )
    other = tree.stat("/file").ino
    struct.pack_into("<II", content, at + 4, other, 700)
    tree = EXT.open(Memory(bytes(content)), RecordingContext())
    assert b"content" * 100 in tree.xattrs("/file").values()
    struct.pack_into("<II", content, at + 4, other, 701)
    context = RecordingContext()
    tree = EXT.open(Memory(bytes(content)), context)
    assert len(tree.xattrs("/file")) <= 1
    assert [problem.rule for problem in context.problems] == ["ext.xattr"]
    struct.pack_into("<II", content, at + 4, other, 1 << 24)
    tree = EXT.open(Memory(bytes(content)), RecordingContext(limits=Limits(text_bytes=1 << 20)))
    with pytest.raises(Exhausted):
        tree.xattrs("/file")


@pytest.mark.parametrize(
    ("inside", "value"),
    [(0, b"\xff"), (2, b"\xff\xff"), (8, b"\xff\xff\xff\xff"), (4, b"\xff\xff\xff\xff")],
)
@pytest.mark.parametrize("size", ["short", "VALUE"])
def test_a_damaged_attribute_is_told_and_left_out(made, inside, value, size):
    """In the inode's body and in a block of its own."""
    put = "ea_set file user.a short" if size == "short" else "ea_set -f VALUE file user.a"
    content = bytearray(made("-t ext4 -b 1024 -O ^metadata_csum", put).read_bytes())
    tree = EXT.open(Memory(bytes(content)), RecordingContext())
    assert list(tree.xattrs("/file")) == ["user.a"]
    magic = b"\0\0\2\xea"
    if size == "short":
        at = content.find(magic, tree._device.inode_offset(tree.stat("/file").ino)) + 4
    else:
        at = tree._inode("/file").file_acl * 1024 + 32
    content[at + inside : at + inside + len(value)] = value
    context = RecordingContext()
    tree = EXT.open(Memory(bytes(content)), context)
    assert tree.xattrs("/file") == {}
    assert [problem.rule for problem in context.problems] == ["ext.xattr"]
    assert tree.open("/file").size == 700


@pytest.mark.parametrize("block", [0, 1 << 30])
def test_an_attribute_block_that_is_none_is_told(made, block):
    content = bytearray(made("-t ext4 -b 1024 -O ^metadata_csum").read_bytes())
    tree = EXT.open(Memory(bytes(content)), RecordingContext())
    at = tree._device.inode_offset(tree.stat("/file").ino)
    struct.pack_into("<I", content, at + 104, block or 1)
    context = RecordingContext()
    assert EXT.open(Memory(bytes(content)), context).xattrs("/file") == {}
    assert [problem.rule for problem in context.problems] == ["ext.xattr"]


def test_a_changed_attribute_block_is_told_and_found_by_check(made):
    content = bytearray(made("-t ext4 -b 1024", "ea_set -f VALUE file user.a").read_bytes())
    tree = EXT.open(Memory(bytes(content)), RecordingContext())
    at = tree._inode("/file").file_acl * 1024
    content[at + 1000] ^= 1
    context = RecordingContext()
    tree = EXT.open(Memory(bytes(content)), context)
    assert len(tree.xattrs("/file")["user.a"]) == len(VALUE)
    assert [(p.rule, p.offset) for p in context.problems] == [("ext.checksum", at)]
    assert [damage.offset for damage in tree.check()] == [at]
    struct.pack_into("<I", content, at, 0)
    struct.pack_into(
        "<I", content, tree._device.inode_offset(tree.stat("/file").ino) + 104, 1 << 30
    )
    assert EXT.open(Memory(bytes(content)), RecordingContext()).check()


# --- inline data --------------------------------------------------------------------------------


def inline_disk(made):
    content = bytearray(made("-t ext4 -b 1024 -I 256 -O inline_data,^metadata_csum").read_bytes())
    return content, EXT.open(Memory(bytes(content)), RecordingContext())


def test_inline_content_that_is_missing_is_corrupt(made):
    content, tree = inline_disk(made)
    at = tree._device.inode_offset(tree.stat("/plain").ino)
    struct.pack_into("<I", content, at + 4, 200)
    damaged = EXT.open(Memory(bytes(content)), RecordingContext())
    with pytest.raises(Corrupt, match="inline") as caught:
        damaged.open("/plain")
    assert caught.value.offset == at
    assert walked(damaged) == walked(tree)


def test_an_inline_directory_with_a_damaged_tail_keeps_its_front(made):
    content, tree = inline_disk(made)
    at = tree._device.inode_offset(tree.stat("/d").ino)
    entry = content.find(b"\0\0\2\xea", at) + 4
    assert entry - at < 256
    content[entry + 2 : entry + 4] = b"\xff\xff"
    context = RecordingContext()
    damaged = EXT.open(Memory(bytes(content)), context)
    assert walked(damaged) == walked(tree)
    assert [problem.rule for problem in context.problems] == ["ext.directory"]


# --- real data and small parts ------------------------------------------------------------------


def test_a_real_ext2_disk_is_read_as_the_sleuth_kit_reads_it(tmp_path, opened):
    need("qemu-img")
    image = tmp_path / "raw"
    original = test_data("disks", "ext2.qcow2")
    subprocess.run(["qemu-img", "convert", "-O", "raw", str(original), str(image)], check=True)
    disk = opened(image)
    theirs = Sleuth(image)
    found = dict(disk.tree.walk("/"))
    assert len(found) > 5
    for path, stat in found.items():
        seen = theirs.stat(stat.ino)
        assert (stat.uid, stat.gid, stat.size, stat.mtime_ns) == (
            seen.uid,
            seen.gid,
            seen.size,
            seen.mtime_ns,
        )
        if stat.kind == "file":
            assert digest(disk.tree.open(path)) == theirs.digest(stat.ino)
    assert disk.rules in ([], ["ext.errors"])


def test_the_identity_of_a_file_is_that_of_its_volume_with_its_inode(made):
    content = made("-t ext4 -b 1024").read_bytes()
    tree = EXT.open(Memory(content, "disk"), RecordingContext())
    assert identity(tree.open("/file")) == f"disk#{tree.stat('/file').ino}"
    assert identity(EXT.open(Memory(content), RecordingContext()).open("/file")) is None


def test_crc16_is_that_of_the_catalogue():
    assert crc16(b"123456789") == 0x4B37  # CRC-16/MODBUS: 0x8005, reflected, starting at 0xFFFF


def test_a_block_set_knows_what_it_has_seen():
    seen = BlockSet()
    assert seen.claim(4090, 10)
    assert not seen.claim(4099)
    assert seen.claim(4100, 1 << 16)
    assert not seen.claim(0, 4091)
    assert seen.claim(1 << 60)
