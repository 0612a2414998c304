"""The ext2/3/4 superblock: geometry, features, facts.

Source: Linux Documentation/filesystems/ext4, "Super Block"; names of features as dumpe2fs has them.
"""

from collections.abc import Iterator
from typing import NamedTuple

from strongroom.base.crc32c import register
from strongroom.base.errors import Corrupt, Unsupported
from strongroom.base.format import FileSystemFacts
from strongroom.base.layout import Layout

SUPERBLOCK_OFFSET = 1024
SUPERBLOCK_SIZE = 1024
MAGIC = 0xEF53
MAGIC_OFFSET = 1080
BLOCK_SIZE_MAX = 65536

COMPAT_HAS_JOURNAL = 0x4
COMPAT_SPARSE_SUPER2 = 0x200
INCOMPAT_COMPRESSION = 0x1
INCOMPAT_FILETYPE = 0x2
INCOMPAT_RECOVER = 0x4
INCOMPAT_JOURNAL_DEV = 0x8
INCOMPAT_META_BG = 0x10
INCOMPAT_64BIT = 0x80
INCOMPAT_CSUM_SEED = 0x2000
INCOMPAT_LARGEDIR = 0x4000
RO_COMPAT_SPARSE_SUPER = 0x1
RO_COMPAT_GDT_CSUM = 0x10
RO_COMPAT_BIGALLOC = 0x200
RO_COMPAT_METADATA_CSUM = 0x400
STATE_VALID = 0x1
STATE_ERRORS = 0x2

_COMPAT_NAMES = {
    0x1: "dir_prealloc",
    0x2: "imagic_inodes",
    0x4: "has_journal",
    0x8: "ext_attr",
    0x10: "resize_inode",
    0x20: "dir_index",
    0x40: "lazy_bg",
    0x80: "exclude_inode",
    0x100: "snapshot_bitmap",
    0x200: "sparse_super2",
    0x400: "fast_commit",
    0x800: "stable_inodes",
    0x1000: "orphan_file",
}
_INCOMPAT_NAMES = {
    0x1: "compression",
    0x2: "filetype",
    0x4: "needs_recovery",
    0x8: "journal_dev",
    0x10: "meta_bg",
    0x40: "extent",
    0x80: "64bit",
    0x100: "mmp",
    0x200: "flex_bg",
    0x400: "ea_inode",
    0x1000: "dirdata",
    0x2000: "metadata_csum_seed",
    0x4000: "large_dir",
    0x8000: "inline_data",
    0x10000: "encrypt",
    0x20000: "casefold",
}
_RO_COMPAT_NAMES = {
    0x1: "sparse_super",
    0x2: "large_file",
    0x4: "btree_dir",
    0x8: "huge_file",
    0x10: "uninit_bg",
    0x20: "dir_nlink",
    0x40: "extra_isize",
    0x80: "snapshot",
    0x100: "quota",
    0x200: "bigalloc",
    0x400: "metadata_csum",
    0x800: "replica",
    0x1000: "read-only",
    0x2000: "project",
    0x4000: "shared_blocks",
    0x8000: "verity",
    0x10000: "orphan_present",
}
_INCOMPAT_UNREADABLE = 0x1 | 0x8 | 0x1000
"""Incompatible features that are known and not read here."""
_DAMAGED_FIELDS_MAX = 2
_BACKUP_GROUPS_TRIED = 30
_EXT3_INCOMPAT = 0x2 | 0x4 | 0x10
_EXT3_RO_COMPAT = 0x1 | 0x2 | 0x4
"""All that an ext3 driver accepts; whatever has more is ext4 (as blkid tells them apart)."""


class RawSuperblock(NamedTuple):
    """The fields of struct ext4_super_block that reading needs."""

    inodes_count: int
    blocks_count_lo: int
    free_blocks_lo: int
    free_inodes: int
    first_data_block: int
    log_block_size: int
    log_cluster_size: int
    blocks_per_group: int
    clusters_per_group: int
    inodes_per_group: int
    magic: int
    state: int
    rev_level: int
    inode_size: int
    block_group_nr: int
    feature_compat: int
    feature_incompat: int
    feature_ro_compat: int
    uuid: bytes
    volume_name: bytes
    last_mounted: bytes
    journal_inum: int
    desc_size: int
    first_meta_bg: int
    blocks_count_hi: int
    free_blocks_hi: int
    backup_bg_0: int
    backup_bg_1: int
    checksum_seed: int
    checksum: int


LAYOUT = Layout(
    "ext",
    RawSuperblock,
    "<II4xIIIIIIII12xHH16xI8xHHIII16s16s64s24xI26xH4xI72xI4xI240xII28xI392xI",
)


class Superblock(NamedTuple):
    """A superblock that holds together: every number has been checked against the others."""

    raw: RawSuperblock
    block_size: int
    blocks_count: int
    group_count: int
    inodes_count: int
    """How many inodes can exist; never more than the groups have room for."""
    inode_size: int
    desc_size: int
    compat: int
    incompat: int
    ro_compat: int
    checksum_seed: int
    checksum_ok: bool

    @property
    def has_checksums(self) -> bool:
        return bool(self.ro_compat & RO_COMPAT_METADATA_CSUM)

    @property
    def cluster_ratio(self) -> int:
        """How many blocks one bit of the block bitmap stands for."""
        if not self.ro_compat & RO_COMPAT_BIGALLOC:
            return 1
        return max(1, self.raw.blocks_per_group // self.raw.clusters_per_group)

    @property
    def clean(self) -> bool:
        """Whether it was unmounted cleanly, with no errors noted."""
        state = self.raw.state & (STATE_VALID | STATE_ERRORS)
        return state == STATE_VALID and not self.incompat & INCOMPAT_RECOVER

    def group_start(self, group: int) -> int:
        """Return the first block of a group."""
        return self.raw.first_data_block + group * self.raw.blocks_per_group

    def has_super(self, group: int) -> bool:
        """Say whether a group holds a copy of the superblock ("Super Block", sparse_super)."""
        if group == 0:
            return True
        if self.compat & COMPAT_SPARSE_SUPER2:
            return group in (self.raw.backup_bg_0, self.raw.backup_bg_1)
        if not self.ro_compat & RO_COMPAT_SPARSE_SUPER or group == 1:
            return True
        return any(_is_power(group, base) for base in (3, 5, 7))


def parse(content: bytes, offset: int) -> Superblock:
    """Return the superblock in the 1024 bytes `content` that stand at `offset` of the volume.

    Raises Corrupt for numbers that contradict each other.
    """
    raw = LAYOUT.parse(content, base=offset)
    _check(raw, offset)
    dynamic = raw.rev_level > 0
    compat, incompat, ro_compat = (
        (raw.feature_compat, raw.feature_incompat, raw.feature_ro_compat) if dynamic else (0, 0, 0)
    )
    wide = bool(incompat & INCOMPAT_64BIT)
    blocks = raw.blocks_count_lo | (raw.blocks_count_hi << 32 if wide else 0)
    groups = -(-(blocks - raw.first_data_block) // raw.blocks_per_group)
    if groups < 1:
        raise Corrupt("ext", offset + 4, f"{blocks} blocks make no block group", reason="geometry")
    seed = raw.checksum_seed if incompat & INCOMPAT_CSUM_SEED else register(raw.uuid)
    checked = ro_compat & RO_COMPAT_METADATA_CSUM
    return Superblock(
        raw=raw,
        block_size=1024 << raw.log_block_size,
        blocks_count=blocks,
        group_count=groups,
        inodes_count=min(raw.inodes_count, groups * raw.inodes_per_group),
        inode_size=raw.inode_size if dynamic else 128,
        desc_size=raw.desc_size if wide else 32,
        compat=compat,
        incompat=incompat,
        ro_compat=ro_compat,
        checksum_seed=seed,
        checksum_ok=not checked or register(content[:0x3FC]) == raw.checksum,
    )


def _check(raw: RawSuperblock, offset: int) -> None:
    for field in _impossible(raw):
        raise Corrupt(
            "ext",
            offset + LAYOUT.offset(field),
            f"{field} {getattr(raw, field)} is not possible",
            reason="superblock",
        )


def _impossible(raw: RawSuperblock) -> list[str]:
    """Return the names of the fields that no ext file system has such values in."""
    block_size = 1024 << min(raw.log_block_size, 31)
    ratio = 1 << max(0, min(raw.log_cluster_size, 31) - min(raw.log_block_size, 31))
    size = raw.inode_size if raw.rev_level else 128
    bigalloc = raw.feature_ro_compat & RO_COMPAT_BIGALLOC
    wide = raw.feature_incompat & INCOMPAT_64BIT
    checks = (
        ("magic", raw.magic == MAGIC),
        ("log_block_size", block_size <= BLOCK_SIZE_MAX),
        ("inode_size", 128 <= size <= block_size and not size & (size - 1)),
        ("inodes_per_group", 0 < raw.inodes_per_group <= 8 * block_size),
        ("blocks_per_group", 0 < raw.blocks_per_group <= 8 * block_size * ratio),
        ("clusters_per_group", not bigalloc or 0 < raw.clusters_per_group <= 8 * block_size),
        ("first_data_block", raw.first_data_block <= 1),
        ("desc_size", not wide or _is_desc_size(raw.desc_size)),
    )
    return [field for field, holds in checks if not holds]


def looks_like(content: bytes) -> bool:
    """Say whether 1024 bytes are a superblock, with room for one or two damaged fields."""
    if len(content) < LAYOUT.size:
        return False
    raw = LAYOUT.parse(content)
    return raw.magic == MAGIC and len(_impossible(raw)) <= _DAMAGED_FIELDS_MAX


def backup_offsets(damaged: Superblock | None) -> Iterator[int]:
    """Yield where backups of a superblock may stand, in bytes.

    First as its own geometry says where that can still be read, then as mke2fs places group 1
    for each block size.
    """
    if damaged is not None:
        for group in range(1, min(damaged.group_count, _BACKUP_GROUPS_TRIED)):
            if damaged.has_super(group):
                yield damaged.group_start(group) * damaged.block_size
    for shift in range(7):
        size = 1024 << shift
        yield 8 * size * size + (size if size == 1024 else 0)


def _is_desc_size(size: int) -> bool:
    return 64 <= size <= 1024 and not size & (size - 1)


def _is_power(number: int, base: int) -> bool:
    while number > 1 and number % base == 0:
        number //= base
    return number == 1


def refuse_unreadable(superblock: Superblock) -> None:
    """Raise Unsupported, naming the bits, for incompatible features that are not read here."""
    unread = superblock.incompat & (_INCOMPAT_UNREADABLE | ~sum(_INCOMPAT_NAMES))
    if unread:
        names = ", ".join(_names(unread, _INCOMPAT_NAMES, "I"))
        raise Unsupported(f"ext file systems with the feature {names}", reason="ext.feature")


def features(superblock: Superblock) -> tuple[str, ...]:
    """Return the names of all features, an unknown bit 21 of the second word as FEATURE_I21."""
    return (
        *_names(superblock.compat, _COMPAT_NAMES, "C"),
        *_names(superblock.incompat, _INCOMPAT_NAMES, "I"),
        *_names(superblock.ro_compat, _RO_COMPAT_NAMES, "R"),
    )


def _names(word: int, names: dict[int, str], letter: str) -> list[str]:
    bits = [bit for bit in range(32) if word >> bit & 1]
    return [names.get(1 << bit, f"FEATURE_{letter}{bit}") for bit in bits]


def facts(superblock: Superblock) -> FileSystemFacts:
    """Return what the superblock says; ext2, ext3 or ext4 is told by the features."""
    raw = superblock.raw
    if superblock.incompat & ~_EXT3_INCOMPAT or superblock.ro_compat & ~_EXT3_RO_COMPAT:
        type_ = "ext4"
    else:
        type_ = "ext3" if superblock.compat & COMPAT_HAS_JOURNAL else "ext2"
    wide = bool(superblock.incompat & INCOMPAT_64BIT)
    free = raw.free_blocks_lo | (raw.free_blocks_hi << 32 if wide else 0)
    digits = raw.uuid.hex()
    cuts = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
    return FileSystemFacts(
        type=type_,
        label=_text(raw.volume_name),
        uuid="-".join(cuts) if any(raw.uuid) else "",
        size=superblock.blocks_count * superblock.block_size,
        free=free * superblock.block_size,
        inodes=raw.inodes_count,
        inodes_free=raw.free_inodes,
        features=features(superblock),
        last_mounted=_text(raw.last_mounted),
        clean=superblock.clean,
    )


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "surrogateescape")
