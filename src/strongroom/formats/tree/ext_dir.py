"""Directories of ext2/3/4, read from front to back.

That is right for hash-tree directories too: their index blocks look like blocks with one empty
entry. Source: Linux Documentation/filesystems/ext4, "Directory Entries", "Checksums".
"""

from collections.abc import Generator, Iterable, Iterator, Mapping
from struct import Struct

from strongroom.base.crc32c import register
from strongroom.base.errors import Corrupt, Exhausted, Unsupported
from strongroom.base.limits import KIB, MIB
from strongroom.base.tree import Kind

from .ext_device import BlockSet, Device
from .ext_inode import (
    BLOCK_OFFSET,
    FLAG_ENCRYPT,
    FLAG_INLINE_DATA,
    Inode,
    inode_seed,
)
from .ext_map import block_map, single_run
from .ext_xattr import inline_tail

KIND_OF_FILE_TYPE: Mapping[int, Kind] = {
    1: "file",
    2: "dir",
    3: "char",
    4: "block",
    5: "fifo",
    6: "socket",
    7: "link",
}
"""`file_type` of an entry; 0, or no feature `filetype`, means that only the inode knows."""

_ENTRY = Struct("<IHBB")
_TAIL = Struct("<IHBBI")
_TAIL_TYPE = 0xDE
_CHUNK_BYTES = 64 * KIB
_ASKED_MAX = 3
_INDEXES_KEPT = 8
_COUNTERS_KEPT = 4096
_INDEXED_BYTES_MAX = 1 * MIB
_ENTRY_BYTES_MAX = 264
_DOTS = frozenset({b".", b".."})
_INLINE_PARENT = 4
"""An inline directory begins with its parent's inode number instead of "." and ".."."""

DirEntry = tuple[str, int, int]
"""(name, inode number, file type)."""


def entries(
    device: Device, inode: Inode, *, verify: bool = True, seen: BlockSet | None = None
) -> Iterator[DirEntry]:
    """Yield the live entries of a directory in stored order, without "." and "..".

    Damaged blocks are reported and left out. With `seen`, so are blocks that it has already: no
    block belongs to two directories. Raises Unsupported for an encrypted directory, Exhausted
    after `limits.directory_entries` entries.
    """
    _refuse_encrypted(inode)
    limit = device.ctx.limits.directory_entries
    count = 0
    for offset, chunk in _chunks(device, inode, seen):
        size = _block_size(device, inode, chunk)
        for start in range(0, len(chunk), size):
            if verify:
                _compare_checksum(device, inode, chunk[start : start + size], offset + start)
            count += yield from _block_entries(device, chunk, start, start + size, offset)
            if count > limit:
                raise Exhausted(f"directory inode {inode.number} has more than {limit} entries")


class Finder:
    """Looks names up in directories; keeps an index of those that are asked again and again."""

    __slots__ = ("_asked", "_device", "_indexes")

    def __init__(self, device: Device) -> None:
        self._device = device
        self._asked: dict[int, int] = {}
        self._indexes: dict[int, dict[str, int]] = {}

    def find(self, inode: Inode, name: str) -> int | None:
        """Return the inode number that a name has in a directory, None where there is none."""
        index = self._indexes.get(inode.number)
        if index is None:
            if self._is_worth_an_index(inode):
                index = {}
                for found, number, _ in entries(self._device, inode):
                    index.setdefault(found, number)  # of equal names the first, as `_search`
                if len(self._indexes) >= _INDEXES_KEPT:
                    self._indexes.clear()
                self._indexes[inode.number] = index
            else:
                return _search(self._device, inode, name)
        return index.get(name)

    def _is_worth_an_index(self, inode: Inode) -> bool:
        if len(self._asked) > _COUNTERS_KEPT:
            self._asked.clear()
        asked = self._asked[inode.number] = self._asked.get(inode.number, 0) + 1
        return asked > _ASKED_MAX and inode.size <= _INDEXED_BYTES_MAX


def _search(device: Device, inode: Inode, wanted: str) -> int | None:
    """Return what `find` does, by a search for the name's bytes: only blocks with them are parsed.

    Names that bytes cannot spell, with lone surrogates, are nowhere.
    """
    _refuse_encrypted(inode)
    name = wanted.encode("utf-8", "surrogateescape")
    for offset, chunk in _chunks(device, inode, None):
        size = _block_size(device, inode, chunk)
        at = chunk.find(name)
        while at >= 0:
            start = at // size * size
            for found, number, _ in _block_entries(device, chunk, start, start + size, offset):
                if found == wanted:
                    return number
            at = chunk.find(name, start + size)
    return None


def blocks(device: Device, inode: Inode) -> Iterator[tuple[int, bytes]]:
    """Yield (offset in the volume, content) of every block of a directory that is not inline."""
    size = device.block_size
    for offset, chunk in _chunks(device, inode, BlockSet()):
        for start in range(0, len(chunk), size):
            yield offset + start, chunk[start : start + size]


def _refuse_encrypted(inode: Inode) -> None:
    if inode.flags & FLAG_ENCRYPT:
        raise Unsupported(
            f"the names in directory inode {inode.number} are encrypted (ext4 feature encrypt)",
            hint="its key is in the guest's user session, never on the disk",
            reason="ext.encrypt",
        )


def _block_size(device: Device, inode: Inode, chunk: bytes) -> int:
    return len(chunk) if inode.flags & FLAG_INLINE_DATA else device.block_size


def _chunks(device: Device, inode: Inode, seen: BlockSet | None) -> Iterator[tuple[int, bytes]]:
    """Yield (offset in the volume, bytes) of a directory, several blocks at once.

    Damage is reported; what is behind it follows where the block map allows.
    """
    if inode.flags & FLAG_INLINE_DATA:
        yield from _inline_chunks(device, inode)
        return
    size = device.block_size
    most = max(1, _CHUNK_BYTES // size)
    blocks = min(-(-inode.size // size), device.superblock.blocks_count)
    only = single_run(inode)
    if only is not None and blocks <= only.blocks and blocks <= most:
        yield from _claimed_chunk(device, inode, only.physical or 0, blocks, seen)
        return
    longest = device.ctx.limits.directory_entries * _ENTRY_BYTES_MAX // size
    read = 0
    try:
        for run in block_map(device, inode, verify=seen is None).runs(0, blocks):
            if run.physical is None:
                continue
            count = min(run.blocks, blocks - run.logical)
            for at in range(0, count, most):
                here = min(most, count - at)
                read += here
                if read > longest:
                    raise Exhausted(f"directory inode {inode.number} has {inode.size} bytes")
                yield from _claimed_chunk(device, inode, run.physical + at, here, seen)
        if read < blocks:  # the kernel, too, goes on after one: fs/ext4/dir.c
            offset = device.inode_offset(inode.number)
            _report(device, f"directory inode {inode.number} has holes where names were", offset)
    except Corrupt as e:
        _report(device, f"inode {inode.number}: {e.detail}", e.offset)


def _claimed_chunk(
    device: Device, inode: Inode, block: int, count: int, seen: BlockSet | None
) -> Iterable[tuple[int, bytes]]:
    """Return a run of blocks as one chunk, or what is left of it block by block."""
    if seen is not None and not seen.claim(block, count):
        _report(device, "a block belongs to two directories", block * device.block_size)
        return ()
    try:
        return ((block * device.block_size, device.read_blocks(block, count)),)
    except Corrupt as e:
        if count > 1:
            return _single_chunks(device, inode, block, count)
        _report(device, f"inode {inode.number}: {e.detail}", e.offset)
        return ()


def _single_chunks(
    device: Device, inode: Inode, block: int, count: int
) -> Iterator[tuple[int, bytes]]:
    for at in range(block, block + count):
        yield from _claimed_chunk(device, inode, at, 1, None)


def _inline_chunks(device: Device, inode: Inode) -> Iterator[tuple[int, bytes]]:
    offset = device.inode_offset(inode.number)
    yield offset + BLOCK_OFFSET + _INLINE_PARENT, inode.block[_INLINE_PARENT:]
    try:
        tail = inline_tail(device, inode)
    except Corrupt as e:
        _report(device, f"inode {inode.number}: {e.detail}", e.offset)
        return
    if tail:
        yield offset, tail


def _block_entries(
    device: Device, chunk: bytes, at: int, end: int, offset: int
) -> Generator[DirEntry, None, int]:
    """Yield the entries of one block, [at, end) in a chunk that stands at `offset`.

    Returns how many there were. The other hot loop of a walk.
    """
    unpack = _ENTRY.unpack_from
    last = end - 8
    count = 0
    while at <= last:
        number, record, length, type_ = unpack(chunk, at)
        after = at + record
        if length + 8 > record or after > end or record & 3:
            if record in (0, 0xFFFF) and end - at == 1 << 16:
                after = end  # 65536 does not fit its own field
            else:
                _report(device, f"an entry has the length {record}", offset + at)
                break
        if number:
            name = chunk[at + 8 : at + 8 + length]
            if name not in _DOTS:
                if not name or b"/" in name or b"\0" in name:
                    _report(device, f"{name!r} is no file name", offset + at)
                else:
                    count += 1
                    yield name.decode("utf-8", "surrogateescape"), number, type_
        at = after
    return count


def _report(device: Device, message: str, offset: int | None) -> None:
    device.report("ext.directory", message, offset)


def _compare_checksum(device: Device, inode: Inode, block: bytes, offset: int) -> None:
    if not device.superblock.has_checksums or inode.flags & FLAG_INLINE_DATA:
        return
    if not block_checksum_holds(block, inode_seed(device, inode)):
        device.report(
            "ext.checksum", f"the checksum of a block of directory {inode.number} is wrong", offset
        )


def block_checksum_holds(block: bytes, seed: int) -> bool:
    """Say whether a directory block, leaf or hash-tree node, agrees with its checksum."""
    number, record, length, type_, stored = _TAIL.unpack_from(block, len(block) - _TAIL.size)
    if (number, record, length, type_) == (0, _TAIL.size, 0, _TAIL_TYPE):
        return bool(stored == register(block[: -_TAIL.size], seed))
    start = _count_offset(block)
    if start is None:
        return False
    limit, count = Struct("<HH").unpack_from(block, start)
    tail = start + limit * 8
    if count > limit or tail + 8 > len(block):
        return False
    body = block[: start + count * 8] + block[tail : tail + 4] + bytes(4)
    return int.from_bytes(block[tail + 4 : tail + 8], "little") == register(body, seed)


def _count_offset(block: bytes) -> int | None:
    """Return where a hash-tree block keeps limit and count: 8 in a node, 32 in a root."""
    size = len(block) & 0xFFFF or 0xFFFF
    _, first, _, _ = _ENTRY.unpack_from(block)
    if first in (size, 0) and len(block) >= 16:
        return 8
    _, second, _, _ = _ENTRY.unpack_from(block, 12)
    if first == 12 and second == len(block) - 12 and block[24:28] == bytes(4) and block[29] == 8:
        return 32
    return None
