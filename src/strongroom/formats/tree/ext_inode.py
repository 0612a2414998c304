"""Inodes of ext2/3/4: one by number, and Stat values straight out of a piece of inode table.

Source: Linux Documentation/filesystems/ext4, "Index Nodes", "Inode Size", "Inode Timestamps".
"""

from collections.abc import Callable
from struct import Struct
from typing import NamedTuple

from strongroom.base.crc32c import register
from strongroom.base.errors import Corrupt
from strongroom.base.tree import KIND_OF_MODE, S_IFMT, Kind, Stat

from .ext_device import Device
from .ext_super import INCOMPAT_LARGEDIR

ROOT_INODE = 2
FLAG_ENCRYPT = 0x800
FLAG_INDEX = 0x1000
FLAG_EXTENTS = 0x80000
FLAG_INLINE_DATA = 0x10000000
BLOCK_OFFSET = 40
"""Where `i_block` stands: the block map, the extent tree's root, inline data, or a short link."""
BLOCK_SIZE = 60

_CLASSIC = Struct("<HHIiii4xHH4xI72xI8xHH4x")
_EXTENDED = Struct("<HHIiii4xHH4xI72xI8xHH4xH2xIIIiI")
_ALL_EXTRA_TIMES = 24
"""`i_extra_isize` from which on all four times have their extra bits, and `i_crtime` is there."""
_SECOND = 1_000_000_000
_EPOCH_BITS = 3
_U32 = Struct("<I")
_I32 = Struct("<i")
_TWO_U32 = Struct("<II")
_HAS_DEVICE_NUMBER = frozenset({0o020000, 0o060000})
_REGULAR = 0o100000
_REGULAR_ONLY = frozenset({_REGULAR})

StatAt = Callable[[bytes, int, int], Stat]


class Inode(NamedTuple):
    """One inode; `raw` is all of it as stored, `mode` has its type bits."""

    number: int
    raw: bytes
    mode: int
    size: int
    flags: int

    @property
    def kind(self) -> Kind:
        return KIND_OF_MODE.get(self.mode & S_IFMT, "unknown")

    @property
    def block(self) -> bytes:
        """The 60 bytes of `i_block`."""
        return self.raw[BLOCK_OFFSET : BLOCK_OFFSET + BLOCK_SIZE]

    @property
    def extra_size(self) -> int:
        """How many bytes beyond the first 128 are fields; what follows them are attributes."""
        if len(self.raw) == 128:
            return 0
        return min(int.from_bytes(self.raw[128:130], "little"), len(self.raw) - 128)

    @property
    def file_acl(self) -> int:
        """The block of extended attributes, 0 where there is none."""
        low, high = self.raw[104:108], self.raw[118:120]
        return int.from_bytes(low, "little") | int.from_bytes(high, "little") << 32


def read_inode(device: Device, number: int) -> Inode:
    """Return an inode; a wrong checksum is reported, Corrupt where it is not in use at all."""
    offset = device.inode_offset(number)
    size = device.superblock.inode_size
    raw = device.source.read_at(offset, size) if offset < device.source.size else b""
    if len(raw) < size:
        raise Corrupt("ext", offset, f"inode {number} is behind the end", reason="truncated")
    inode = parse_inode(device, number, raw)
    if not inode.mode:
        raise Corrupt("ext", offset, f"inode {number} is not in use", reason="inode")
    if device.superblock.has_checksums and not checksum_holds(device, inode):
        device.report("ext.checksum", f"the checksum of inode {number} is wrong", offset)
    return inode


def parse_inode(device: Device, number: int, raw: bytes) -> Inode:
    """Return the inode that `raw`, as long as this file system's inodes, holds."""
    fields = _CLASSIC.unpack_from(raw)
    mode, size, flags, high = fields[0], fields[2], fields[8], fields[9]
    if mode & S_IFMT == _REGULAR or device.superblock.incompat & INCOMPAT_LARGEDIR:
        size |= high << 32
    return Inode(number, raw, mode, size, flags)


def inode_seed(device: Device, inode: Inode) -> int:
    """Return the CRC register from which checksums of this inode's own blocks start."""
    body = _U32.pack(inode.number) + inode.raw[100:104]
    return register(body, device.superblock.checksum_seed)


def checksum_holds(device: Device, inode: Inode) -> bool:
    """Say whether an inode agrees with its checksum ("Checksums", inodes)."""
    raw = inode.raw
    stored = int.from_bytes(raw[124:126], "little")
    wide = inode.extra_size >= 4
    if wide:
        stored |= int.from_bytes(raw[130:132], "little") << 16
        body = raw[:124] + b"\0\0" + raw[126:130] + b"\0\0" + raw[132:]
    else:
        body = raw[:124] + b"\0\0" + raw[126:]
    computed = register(body, inode_seed(device, inode))
    return stored == (computed if wide else computed & 0xFFFF)


def stat_of(device: Device, inode: Inode) -> Stat:
    """Return the Stat of one inode."""
    return stat_reader(device)(inode.raw, 0, inode.number)


def stat_reader(device: Device) -> StatAt:
    """Return the function (inode table bytes, offset, number) -> Stat for this file system."""
    with_high_size = _REGULAR_ONLY
    if device.superblock.incompat & INCOMPAT_LARGEDIR:
        with_high_size = frozenset(KIND_OF_MODE)
    if device.superblock.inode_size == 128:
        return lambda table, at, number: _classic_stat(table, at, number, with_high_size)
    unpack, new, kinds = _EXTENDED.unpack_from, tuple.__new__, dict(KIND_OF_MODE)

    def stat_at(table: bytes, at: int, number: int) -> Stat:
        # The hot loop of every walk, hence no call but the two that unpack and make the tuple.
        (
            mode, uid, size, atime, ctime, mtime, gid, links, _, size_high, uid_high, gid_high,
            extra, ctime_x, mtime_x, atime_x, crtime, crtime_x,
        ) = unpack(table, at)  # fmt: skip
        if extra < _ALL_EXTRA_TIMES or (ctime_x | mtime_x | atime_x | crtime_x) & _EPOCH_BITS:
            return _classic_stat(table, at, number, with_high_size, extra)
        type_ = mode & S_IFMT
        if size_high and type_ in with_high_size:
            size |= size_high << 32
        return new(
            Stat,
            (
                kinds.get(type_, "unknown"),
                mode & 0o7777,
                uid | uid_high << 16,
                gid | gid_high << 16,
                size,
                number,
                links,
                mtime * _SECOND + (mtime_x >> 2),
                atime * _SECOND + (atime_x >> 2),
                ctime * _SECOND + (ctime_x >> 2),
                crtime * _SECOND + (crtime_x >> 2) if crtime else None,
                _device_number(table, at) if type_ in _HAS_DEVICE_NUMBER else None,
            ),
        )

    return stat_at


def _classic_stat(
    table: bytes, at: int, number: int, with_high_size: frozenset[int], extra: int = 0
) -> Stat:
    """Return the Stat of any inode, with the extra time fields that `extra` bytes have room for."""
    mode, uid, size, atime, ctime, mtime, gid, links, _, size_high, uid_high, gid_high = (
        _CLASSIC.unpack_from(table, at)
    )
    type_ = mode & S_IFMT
    if type_ in with_high_size:
        size |= size_high << 32

    def nanoseconds(seconds: int, offset: int) -> int:
        if extra < offset - 124:
            return seconds * _SECOND
        (more,) = _U32.unpack_from(table, at + offset)
        return int((seconds + ((more & _EPOCH_BITS) << 32)) * _SECOND + (more >> 2))

    crtime = _I32.unpack_from(table, at + 144)[0] if extra >= _ALL_EXTRA_TIMES else 0
    return Stat(
        KIND_OF_MODE.get(type_, "unknown"),
        mode & 0o7777,
        uid | uid_high << 16,
        gid | gid_high << 16,
        size,
        number,
        links,
        nanoseconds(mtime, 136),
        nanoseconds(atime, 140),
        nanoseconds(ctime, 132),
        nanoseconds(crtime, 148) if crtime else None,
        _device_number(table, at) if type_ in _HAS_DEVICE_NUMBER else None,
    )


def _device_number(table: bytes, at: int) -> tuple[int, int]:
    """Return (major, minor): 16 bits in the first word of `i_block`, else 32 in the second."""
    old, new = _TWO_U32.unpack_from(table, at + BLOCK_OFFSET)
    if old:
        return old >> 8 & 0xFF, old & 0xFF
    return new >> 8 & 0xFFF, new & 0xFF | new >> 12 & 0xFFF00
