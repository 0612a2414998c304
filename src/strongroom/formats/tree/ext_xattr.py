"""Extended attributes of ext2/3/4: in the inode, in a block, or in inodes of their own.

Source: Linux Documentation/filesystems/ext4, "Extended Attributes"; POSIX ACLs are given in the
form that getxattr(2) gives, linux/posix_acl_xattr.h.
"""

from collections.abc import Callable, Iterator
from struct import Struct, pack
from typing import NamedTuple

from strongroom.base.crc32c import register
from strongroom.base.errors import Corrupt, Exhausted

from .ext_device import Device
from .ext_inode import Inode

MAGIC = 0xEA020000
VALUE_MAX = 1 << 24
"""The kernel's EXT4_XATTR_SIZE_MAX."""
_BLOCK_HEADER = 32
_ENTRY = Struct("<BBHIII")
_U32 = Struct("<I")
_SYSTEM = 7
_ACLS = frozenset({2, 3})
_PREFIXES = {
    1: "user.",
    2: "system.posix_acl_access",
    3: "system.posix_acl_default",
    4: "trusted.",
    6: "security.",
    7: "system.",
    8: "system.richacl",
    10: "gnu.",
}
"""Name prefixes by `e_name_index`; 9, the encryption context, is never listed."""

ReadValue = Callable[[int, int], bytes]


class Attribute(NamedTuple):
    """One stored attribute; the value stands at `offset` of its area or in inode `value_inode`."""

    prefix: int
    name: bytes
    offset: int
    size: int
    value_inode: int


def xattrs(device: Device, inode: Inode, read_value: ReadValue) -> dict[str, bytes]:
    """Return all attributes by full name; damaged ones are reported and left out.

    `read_value(inode number, size)` reads a value that has an inode of its own. Raises Exhausted
    where the values are more than `limits.text_bytes` together.
    """
    found: dict[str, bytes] = {}
    left = device.ctx.limits.text_bytes
    for area, first, origin in _areas(device, inode):
        try:
            for attribute in _attributes(area, first, origin):
                prefix = _PREFIXES.get(attribute.prefix)
                if prefix is None or (attribute.prefix, attribute.name) == (_SYSTEM, b"data"):
                    continue
                left -= attribute.size
                if left < 0:
                    raise Exhausted(f"inode {inode.number} has too many bytes of attributes")
                name = prefix + attribute.name.decode("utf-8", "surrogateescape")
                value = _value(attribute, area, origin, read_value)
                found.setdefault(name, _posix(value) if attribute.prefix in _ACLS else value)
        except Corrupt as e:
            device.report("ext.xattr", f"inode {inode.number}: {e.detail}", e.offset)
    return found


def inline_tail(device: Device, inode: Inode) -> bytes:
    """Return what `system.data` holds: the inline content that `i_block` has no room for."""
    area, origin = _body(device, inode)
    for attribute in _attributes(area, 0, origin):
        if (attribute.prefix, attribute.name) == (_SYSTEM, b"data"):
            return area[attribute.offset : attribute.offset + attribute.size]
    return b""


def _areas(device: Device, inode: Inode) -> Iterator[tuple[bytes, int, int]]:
    """Yield (area, where its entries begin, its offset in the volume), inode body first."""
    area, origin = _body(device, inode)
    yield area, 0, origin
    if inode.file_acl:
        offset = inode.file_acl * device.block_size
        try:
            block = device.read_blocks(inode.file_acl)
        except Corrupt as e:
            device.report("ext.xattr", f"inode {inode.number}: {e.detail}", e.offset)
            return
        if _U32.unpack_from(block)[0] != MAGIC:
            device.report("ext.xattr", f"inode {inode.number}: no attribute block", offset)
            return
        if device.superblock.has_checksums and not block_checksum_holds(device, inode, block):
            device.report("ext.checksum", "the checksum of an attribute block is wrong", offset)
        yield block, _BLOCK_HEADER, offset


def _body(device: Device, inode: Inode) -> tuple[bytes, int]:
    """Return the attribute area behind an inode's fields and its offset; b"" where there is none.

    Offsets of values count from the first entry, behind the magic.
    """
    start = 128 + inode.extra_size
    raw = inode.raw
    if len(raw) == 128 or start + 4 > len(raw) or _U32.unpack_from(raw, start)[0] != MAGIC:
        return b"", 0
    return raw[start + 4 :], device.inode_offset(inode.number) + start + 4


def block_checksum_holds(device: Device, inode: Inode, block: bytes) -> bool:
    """Say whether an attribute block agrees with its checksum, which covers its own number."""
    number = inode.file_acl.to_bytes(8, "little")
    body = number + block[:16] + bytes(4) + block[20:]
    stored = int.from_bytes(block[16:20], "little")
    return register(body, device.superblock.checksum_seed) == stored


def _attributes(area: bytes, first: int, origin: int) -> Iterator[Attribute]:
    """Yield the entries of an area; Corrupt at the first that leaves it."""
    at = first
    while at + 4 <= len(area) and area[at : at + 4] != b"\0\0\0\0":
        if at + _ENTRY.size > len(area):
            raise Corrupt("ext", origin + at, "an attribute entry is cut off", reason="xattr")
        length, index, offset, inode, size, _ = _ENTRY.unpack_from(area, at)
        end = at + _ENTRY.size + length
        name = area[at + _ENTRY.size : end]
        inside = size <= VALUE_MAX if inode else offset + size <= len(area)
        if end > len(area) or not inside or b"\0" in name:
            raise Corrupt("ext", origin + at, "an attribute leaves its area", reason="xattr")
        yield Attribute(index, name, offset, size, inode)
        at = end + 3 & ~3


def _value(attribute: Attribute, area: bytes, origin: int, read_value: ReadValue) -> bytes:
    if not attribute.value_inode:
        return area[attribute.offset : attribute.offset + attribute.size]
    value = read_value(attribute.value_inode, attribute.size)
    if len(value) < attribute.size:
        raise Corrupt("ext", origin, "an attribute's inode is too short", reason="xattr")
    return value


def _posix(stored: bytes) -> bytes:
    """Return an ACL in the form of getxattr(2); as it is stored where it is not version 1.

    On disk entries are (tag, perm) and have an id only for named users (2) and groups (8).
    """
    if len(stored) < 4 or _U32.unpack_from(stored)[0] != 1:
        return stored
    out, at = [pack("<I", 2)], 4
    while at + 4 <= len(stored):
        tag = int.from_bytes(stored[at : at + 2], "little")
        wide = tag in (2, 8)
        id_ = stored[at + 4 : at + 8] if wide else b"\xff\xff\xff\xff"
        out.append(stored[at : at + 4] + id_)
        at += 8 if wide else 4
    return b"".join(out)
