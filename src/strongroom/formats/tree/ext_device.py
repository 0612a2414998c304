"""The volume under an ext2/3/4 file system: checked block reads, block groups, places of inodes.

Source: Linux Documentation/filesystems/ext4, "Block Group Descriptors", "Meta Block Groups",
"Checksums".
"""

from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

from strongroom.base.crc32c import register
from strongroom.base.errors import Corrupt
from strongroom.base.format import OpenContext
from strongroom.base.record import Severity
from strongroom.base.source import Source

from .ext_super import (
    INCOMPAT_META_BG,
    RO_COMPAT_GDT_CSUM,
    SUPERBLOCK_OFFSET,
    Superblock,
)

GROUP_INODE_UNINIT = 0x1
GROUP_BLOCK_UNINIT = 0x2
_BACKUP_GROUPS_TRIED = 30
_TABLES_KEPT = 1 << 16

_DESC_32 = Struct("<IIIHHHHIHHHH")
_DESC_64 = Struct("<IIIHHHHIHH")
_U32 = Struct("<I")


class Group(NamedTuple):
    """One block group descriptor. Blocks are numbers inside the volume."""

    block_bitmap: int
    inode_bitmap: int
    inode_table: int
    flags: int
    itable_unused: int
    block_bitmap_checksum: int
    inode_bitmap_checksum: int


class BlockSet:
    """Numbers seen so far, as a sparse bitmap: a few bytes for each, however many there are."""

    PAGE = 4096

    __slots__ = ("_pages",)

    def __init__(self) -> None:
        self._pages: dict[int, int] = {}

    def claim(self, first: int, count: int = 1) -> bool:
        """Add `count` numbers from `first` on; False where one of them was there already."""
        page, inside = divmod(first, self.PAGE)
        if count == 1:
            bit, old = 1 << inside, self._pages.get(page, 0)
            self._pages[page] = old | bit
            return not old & bit
        fresh = True
        while count:
            page, inside = divmod(first, self.PAGE)
            here = min(count, self.PAGE - inside)
            mask = ((1 << here) - 1) << inside
            old = self._pages.get(page, 0)
            fresh = fresh and not old & mask
            self._pages[page] = old | mask
            first += here
            count -= here
        return fresh


class Device:
    """Blocks of one volume, by number; knows where each inode stands and where damage goes.

    Reading keeps no position, so any number of threads may use one Device.
    """

    __slots__ = ("_reported", "_tables", "block_size", "ctx", "source", "superblock")

    def __init__(self, source: Source, superblock: Superblock, ctx: OpenContext) -> None:
        self.source = source
        self.superblock = superblock
        self.block_size = superblock.block_size
        self.ctx = ctx
        self._tables: dict[int, int] = {}
        self._reported: set[tuple[str, int | None]] = set()

    def report(
        self, rule: str, message: str, offset: int | None, severity: Severity = Severity.WARNING
    ) -> None:
        """Report damage, once for each rule and offset."""
        key = (rule, offset)
        if key not in self._reported and len(self._reported) <= self.ctx.limits.problems:
            self._reported.add(key)
            self.ctx.problem(rule, message, offset=offset, severity=severity)

    def read_blocks(self, block: int, count: int = 1) -> bytes:
        """Return `count` whole blocks; Corrupt where they do not all lie inside the volume."""
        return self.read_bytes(block * self.block_size, count * self.block_size)

    def read_bytes(self, offset: int, length: int) -> bytes:
        """Return exactly `length` bytes; Corrupt where they do not all lie inside the volume."""
        if offset + length > self.superblock.blocks_count * self.block_size:
            raise Corrupt("ext", offset, "block outside the volume", reason="range")
        content = self.source.read_at(offset, length) if offset < self.source.size else b""
        if len(content) < length:
            raise Corrupt("ext", offset, "block behind the end of the image", reason="truncated")
        return content

    def inode_offset(self, number: int) -> int:
        """Return the byte at which an inode stands; Corrupt for a number that cannot exist."""
        superblock = self.superblock
        if not 0 < number <= superblock.inodes_count:
            raise Corrupt("ext", None, f"inode {number} does not exist", reason="inode")
        group, index = divmod(number - 1, superblock.raw.inodes_per_group)
        return self.inode_table(group) * self.block_size + index * superblock.inode_size

    def inode_table(self, group: int) -> int:
        """Return the first block of a group's inode table."""
        table = self._tables.get(group)
        if table is None:
            table = self.group(group).inode_table
            if len(self._tables) >= _TABLES_KEPT:
                self._tables.clear()
            self._tables[group] = table
        return table

    def group(self, group: int) -> Group:
        """Return a group's descriptor, from a backup where the first copy is damaged (reported)."""
        places = self._descriptor_offsets(group)
        first = next(places)
        content = self.source.read_at(first, self.superblock.desc_size)
        flaw = self._flaw(group, content)
        if flaw is None:
            return self._parse(content)
        for place in places:
            backup = self.source.read_at(place, self.superblock.desc_size)
            if self._flaw(group, backup) is None:
                self.report("ext.group", f"group {group}: {flaw}; its backup is used", first)
                return self._parse(backup)
        parsed = self._parse(content.ljust(self.superblock.desc_size, b"\0"))
        if not self._holds_table(parsed):
            raise Corrupt("ext", first, f"group {group}: {flaw}", reason="group")
        self.report("ext.group", f"group {group}: {flaw}", first)
        return parsed

    def descriptor_flaw(self, group: int) -> tuple[int, str] | None:
        """Return (offset, what is wrong) of a group's first descriptor, None where it is right."""
        first = next(self._descriptor_offsets(group))
        flaw = self._flaw(group, self.source.read_at(first, self.superblock.desc_size))
        return None if flaw is None else (first, flaw)

    def _descriptor_offsets(self, group: int) -> Iterator[int]:
        """Yield where a group's descriptor stands, then where its backups do, in bytes."""
        superblock = self.superblock
        size = self.block_size
        per_block = size // superblock.desc_size
        index, slot = divmod(group, per_block)
        inside = slot * superblock.desc_size
        home = SUPERBLOCK_OFFSET // size
        if superblock.incompat & INCOMPAT_META_BG and index >= superblock.raw.first_meta_bg:
            first = index * per_block
            for holder in (first, first + 1, first + per_block - 1):
                start = superblock.group_start(holder) if holder else home
                yield (start + superblock.has_super(holder)) * size + inside
            return
        yield (home + 1 + index) * size + inside
        for holder in range(1, min(superblock.group_count, _BACKUP_GROUPS_TRIED)):
            if superblock.has_super(holder):
                yield (superblock.group_start(holder) + 1 + index) * size + inside

    def _flaw(self, group: int, content: bytes) -> str | None:
        if len(content) < self.superblock.desc_size:
            return "the descriptor lies behind the end of the image"
        if not self._holds_table(self._parse(content)):
            return "the inode table lies outside the volume"
        stored = int.from_bytes(content[0x1E:0x20], "little")
        number = _U32.pack(group)
        if self.superblock.has_checksums:
            body = number + content[:0x1E] + b"\0\0" + content[0x20:]
            computed = register(body, self.superblock.checksum_seed) & 0xFFFF
        elif self.superblock.ro_compat & RO_COMPAT_GDT_CSUM:
            body = self.superblock.raw.uuid + number + content[:0x1E] + content[0x20:]
            computed = crc16(body)
        else:
            return None
        return None if computed == stored else "the descriptor's checksum is wrong"

    def _holds_table(self, group: Group) -> bool:
        raw = self.superblock.raw
        blocks = -(-raw.inodes_per_group * self.superblock.inode_size // self.block_size)
        return 0 < group.inode_table <= self.superblock.blocks_count - blocks

    def _parse(self, content: bytes) -> Group:
        lo = _DESC_32.unpack_from(content)
        hi = _DESC_64.unpack_from(content, 32) if len(content) >= 64 else (0,) * 10
        return Group(
            block_bitmap=lo[0] | hi[0] << 32,
            inode_bitmap=lo[1] | hi[1] << 32,
            inode_table=lo[2] | hi[2] << 32,
            flags=lo[6],
            itable_unused=lo[10] | hi[6] << 16,
            block_bitmap_checksum=lo[8] | hi[8] << 16,
            inode_bitmap_checksum=lo[9] | hi[9] << 16,
        )


def crc16(content: bytes) -> int:
    """Return the CRC-16/ANSI (0x8005, reflected, all ones first) that `uninit_bg` keeps."""
    value = 0xFFFF
    for byte in content:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0xA001 if value & 1 else 0)
    return value
