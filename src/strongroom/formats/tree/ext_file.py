"""The content of one ext2/3/4 file as a Source."""

from collections.abc import Iterator

from strongroom.base.errors import Corrupt, Unsupported
from strongroom.base.source import Extent, Memory, Source, clamp, identity

from .ext_device import Device
from .ext_inode import FLAG_ENCRYPT, FLAG_INLINE_DATA, Inode, read_inode
from .ext_map import BlockMap, block_map
from .ext_xattr import inline_tail


class ExtFile:
    """A file's bytes through its block map; holes and unwritten blocks read as zeros.

    `read_at` raises Corrupt, with the offset in the volume, where the range is damaged; the rest
    of the file stays readable.
    """

    __slots__ = ("_device", "_map", "_number", "size")

    def __init__(self, device: Device, inode: Inode, blocks: BlockMap) -> None:
        self._device = device
        self._number = inode.number
        self._map = blocks
        self.size = inode.size

    def read_at(self, offset: int, length: int, /) -> bytes:
        """Return `length` bytes at `offset`; fewer only where the file ends."""
        length = clamp(self.size, offset, length)
        if not length:
            return b""
        pieces = []
        for start, count, place in self._pieces(offset, offset + length):
            del start
            pieces.append(bytes(count) if place is None else self._device.read_bytes(place, count))
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def extents(self, offset: int, length: int, /) -> Iterator[Extent]:
        """Yield adjacent extents; what is not stored on the volume is no data."""
        end = offset + clamp(self.size, offset, length)
        last: Extent | None = None
        for start, count, place in self._pieces(offset, end):
            data = place is not None
            if last is not None and last.data == data:
                last = last._replace(length=last.length + count)
                continue
            if last is not None:
                yield last
            last = Extent(start, count, data)
        if last is not None:
            yield last

    def identity(self) -> str | None:
        """Return the volume's key with the inode's number."""
        base = identity(self._device.source)
        return None if base is None else f"{base}#{self._number}"

    def _pieces(self, at: int, end: int) -> Iterator[tuple[int, int, int | None]]:
        """Yield (offset, length, byte in the volume or None for zeros) that cover [at, end)."""
        size = self._device.block_size
        if at >= end:
            return
        for logical, blocks, physical in self._map.runs(at // size, -(-end // size)):
            start = logical * size
            stop = min(end, start + blocks * size)
            if start > at:
                yield at, min(start, end) - at, None
                at = min(start, end)
            if stop > at:
                place = None if physical is None else physical * size + at - start
                yield at, stop - at, place
                at = stop
        if at < end:
            yield at, end - at, None


def open_content(device: Device, inode: Inode) -> Source:
    """Return the content of a file, directory or long link; Unsupported where it is encrypted."""
    if inode.flags & FLAG_ENCRYPT:
        raise Unsupported(
            f"inode {inode.number} is encrypted with the ext4 feature encrypt",
            hint="its key is in the guest's user session, never on the disk",
            reason="ext.encrypt",
        )
    if not inode.flags & FLAG_INLINE_DATA:
        return ExtFile(device, inode, block_map(device, inode))
    content = inode.block + inline_tail(device, inode)
    if inode.size > len(content):
        raise Corrupt(
            "ext",
            device.inode_offset(inode.number),
            f"inode {inode.number} has {inode.size} bytes inline, {len(content)} stored",
            reason="inline",
        )
    return Memory(content[: inode.size])


def read_value(device: Device, number: int, size: int) -> bytes:
    """Return the value of an attribute that has the inode `number` to itself."""
    inode = read_inode(device, number)
    return open_content(device, inode).read_at(0, size)
