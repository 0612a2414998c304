"""Every checksum of an ext4 file system, compared.

Source: Linux Documentation/filesystems/ext4, "Checksums".
"""

from collections.abc import Iterator
from typing import NamedTuple

from strongroom.base.crc32c import register
from strongroom.base.errors import Corrupt

from . import ext_dir, ext_map, ext_xattr
from .ext_device import (
    GROUP_BLOCK_UNINIT,
    GROUP_INODE_UNINIT,
    Device,
    Group,
)
from .ext_inode import (
    FLAG_EXTENTS,
    FLAG_INLINE_DATA,
    Inode,
    checksum_holds,
    inode_seed,
    parse_inode,
)
from .ext_super import SUPERBLOCK_OFFSET, SUPERBLOCK_SIZE, parse
from .ext_walk import InodeWindows


class Damage(NamedTuple):
    """One thing that does not agree with its checksum; `offset` is in bytes in the volume."""

    rule: str
    message: str
    offset: int | None


def check(device: Device) -> Iterator[Damage]:
    """Yield every structure that contradicts its checksum, group by group.

    Without the features `metadata_csum` and `uninit_bg` there is nothing to compare.
    """
    yield from _superblocks(device)
    superblock = device.superblock
    group_bytes = superblock.raw.blocks_per_group * device.block_size
    windows = InodeWindows(device)
    for number in range(min(superblock.group_count, device.source.size // group_bytes + 1)):
        flaw = device.descriptor_flaw(number)
        if flaw is not None:
            yield Damage("ext.group", f"group {number}: {flaw[1]}", flaw[0])
        if not superblock.has_checksums:
            continue
        try:
            group = device.group(number)
            yield from _bitmaps(device, number, group)
        except Corrupt as e:
            yield Damage("ext.group", e.detail, e.offset)
            continue
        yield from _inodes(device, windows, number, group)


def _superblocks(device: Device) -> Iterator[Damage]:
    superblock = device.superblock
    for group in range(superblock.group_count):
        start = superblock.group_start(group) * device.block_size
        offset = start if group else SUPERBLOCK_OFFSET
        if offset >= device.source.size:
            return
        if not superblock.has_super(group):
            continue
        try:
            holds = parse(device.source.read_at(offset, SUPERBLOCK_SIZE), offset).checksum_ok
        except Corrupt as e:
            yield Damage("ext.superblock", f"group {group}: {e.detail}", e.offset)
            continue
        if not holds:
            yield Damage("ext.checksum", f"the superblock of group {group} is damaged", offset)


def _bitmaps(device: Device, number: int, group: Group) -> Iterator[Damage]:
    superblock = device.superblock
    wide = superblock.desc_size >= 64
    clusters = superblock.raw.blocks_per_group // superblock.cluster_ratio
    for name, uninit, block, bits, stored in (
        ("block", GROUP_BLOCK_UNINIT, group.block_bitmap, clusters, group.block_bitmap_checksum),
        (
            "inode",
            GROUP_INODE_UNINIT,
            group.inode_bitmap,
            superblock.raw.inodes_per_group,
            group.inode_bitmap_checksum,
        ),
    ):
        if group.flags & uninit:
            continue
        computed = register(device.read_blocks(block)[: bits // 8], superblock.checksum_seed)
        if stored != (computed if wide else computed & 0xFFFF):
            offset = block * device.block_size
            yield Damage("ext.checksum", f"the {name} bitmap of group {number}", offset)


def _inodes(device: Device, windows: InodeWindows, number: int, group: Group) -> Iterator[Damage]:
    superblock = device.superblock
    if group.flags & GROUP_INODE_UNINIT:
        return
    first = number * superblock.raw.inodes_per_group + 1
    used = max(0, superblock.raw.inodes_per_group - group.itable_unused)
    at, end = first, min(first + used, superblock.inodes_count + 1)
    size = superblock.inode_size
    while at < end:
        try:
            low, high, table = windows.window(at)
        except Corrupt as e:
            yield Damage("ext.inode", e.detail, e.offset)
            return
        for inode_number in range(at, min(high, end)):
            raw = table[(inode_number - low) * size : (inode_number - low + 1) * size]
            if any(raw):
                yield from _inode(device, parse_inode(device, inode_number, raw))
        at = high


def _inode(device: Device, inode: Inode) -> Iterator[Damage]:
    if not checksum_holds(device, inode):
        offset = device.inode_offset(inode.number)
        yield Damage("ext.checksum", f"inode {inode.number}", offset)
    links = int.from_bytes(inode.raw[26:28], "little")
    if not links or inode.kind == "unknown":
        return
    try:
        for offset, what in _damaged_blocks(device, inode):
            yield Damage("ext.checksum", f"{what} of inode {inode.number}", offset)
    except Corrupt as e:
        yield Damage("ext.inode", f"inode {inode.number}: {e.detail}", e.offset)


def _damaged_blocks(device: Device, inode: Inode) -> Iterator[tuple[int, str]]:
    """Yield (offset, what it is) of each of an inode's own blocks that contradicts its checksum."""
    if inode.file_acl:
        block = device.read_blocks(inode.file_acl)
        if not ext_xattr.block_checksum_holds(device, inode, block):
            yield inode.file_acl * device.block_size, "attributes"
    if inode.kind not in ("file", "dir") or inode.flags & FLAG_INLINE_DATA:
        return
    seed = inode_seed(device, inode)
    if inode.flags & FLAG_EXTENTS:
        for offset, content in ext_map.nodes(device, inode):
            if not ext_map.node_checksum_holds(content, seed):
                yield offset, "extents"
    if inode.kind == "dir":
        for offset, content in ext_dir.blocks(device, inode):
            if not ext_dir.block_checksum_holds(content, seed):
                yield offset, "names"
