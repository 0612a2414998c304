"""The journal of ext3/4 replayed in memory: a view of the volume with every committed change.

Source: Linux Documentation/filesystems/ext4, "Journal (jbd2)". Everything in it is big-endian.
Fast commits are not replayed.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from struct import Struct
from typing import NamedTuple

from strongroom.base.crc32c import register
from strongroom.base.errors import Corrupt, Unsupported
from strongroom.base.layout import Layout
from strongroom.base.source import Source, clamp, identity

from .ext_device import Device
from .ext_file import open_content
from .ext_inode import read_inode

MAGIC = 0xC03B3998
_DESCRIPTOR, _COMMIT, _REVOKE = 1, 2, 5
_VERSION_1, _VERSION_2 = 3, 4
_INCOMPAT_64BIT = 0x2
_INCOMPAT_CSUM_V2 = 0x8
_INCOMPAT_CSUM_V3 = 0x10
_INCOMPAT_FAST_COMMIT = 0x20
_INCOMPAT_KNOWN = 0x3F
_TAG_ESCAPED, _TAG_SAME_UUID, _TAG_LAST = 1, 2, 8
_FAST_COMMIT_BLOCKS = 256
_SUPERBLOCK_BYTES = 1024
_CHECKSUM_OFFSET = 0xFC
_HEADER = Struct(">III")
_U32 = Struct(">I")


class JournalSuperblock(NamedTuple):
    """The fields of struct journal_superblock_s that a replay needs."""

    magic: int
    blocktype: int
    blocksize: int
    maxlen: int
    first: int
    sequence: int
    start: int
    feature_incompat: int
    uuid: bytes
    num_fc_blocks: int
    checksum: int


LAYOUT = Layout("ext", JournalSuperblock, ">II4xIIIII8xI4x16s20xI164xI")


class Logged(NamedTuple):
    """Where the journal holds a block: its log block, flags, and the checksum of its tag."""

    block: int
    flags: int
    sequence: int
    checksum: int


class Journal:
    """One journal, opened and checked, with what it holds."""

    __slots__ = ("_features", "_log", "_seed", "_size", "_tag", "superblock")

    def __init__(self, log: Source, block_size: int, blocks_max: int) -> None:
        self._log = log
        self._size = block_size
        content = log.read_at(0, _SUPERBLOCK_BYTES)
        self.superblock = superblock = LAYOUT.parse(content)
        self._features = superblock.feature_incompat if superblock.blocktype == _VERSION_2 else 0
        self._seed = register(superblock.uuid)
        if superblock.magic != MAGIC or superblock.blocktype not in {_VERSION_1, _VERSION_2}:
            raise Corrupt("ext", None, "the journal has no superblock", reason="journal")
        unknown = self._features & ~_INCOMPAT_KNOWN
        if unknown:
            raise Unsupported(f"the journal has the incompatible features {unknown:#x}")
        blocks = min(log.size // block_size, blocks_max)
        if superblock.blocksize != block_size or not self._is_possible(blocks):
            raise Corrupt("ext", None, "the journal's geometry is impossible", reason="journal")
        zeroed = content[:_CHECKSUM_OFFSET] + bytes(4) + content[_CHECKSUM_OFFSET + 4 :]
        if self.has_checksums and register(zeroed) != superblock.checksum:
            raise Corrupt("ext", None, "the journal's checksum is wrong", reason="journal")
        self._tag = self._tag_reader()

    @property
    def has_checksums(self) -> bool:
        return bool(self._features & (_INCOMPAT_CSUM_V2 | _INCOMPAT_CSUM_V3))

    @property
    def has_fast_commits(self) -> bool:
        return bool(self._features & _INCOMPAT_FAST_COMMIT)

    def _is_possible(self, blocks: int) -> bool:
        superblock = self.superblock
        in_log = superblock.first <= superblock.start < self._end or not superblock.start
        return superblock.maxlen <= blocks and 0 < superblock.first < self._end and in_log

    @property
    def _end(self) -> int:
        """The log block behind the last; behind it stand the fast commits."""
        if self.has_fast_commits:
            fast = self.superblock.num_fc_blocks or _FAST_COMMIT_BLOCKS
            return self.superblock.maxlen - fast
        return self.superblock.maxlen

    def read(self, block: int) -> bytes:
        """Return a log block; Corrupt where the journal's own file is damaged."""
        content = self._log.read_at(block * self._size, self._size)
        if len(content) < self._size:
            raise Corrupt("ext", None, "the journal is cut off", reason="journal")
        return content

    def replayed(self) -> dict[int, Logged]:
        """Return the blocks of the volume whose newest committed content is in the journal."""
        found: dict[int, Logged] = {}
        for tags, revoked in self._transactions():
            found.update(tags)
            for block in revoked:
                found.pop(block, None)
        return found

    def _transactions(self) -> Iterator[tuple[dict[int, Logged], list[int]]]:
        """Yield (blocks, revoked blocks) of each committed transaction, oldest first.

        The log ends at the first block that does not continue it, or is not intact.
        """
        superblock = self.superblock
        at, sequence = superblock.start, superblock.sequence
        tags: dict[int, Logged] = {}
        revoked: list[int] = []
        left = self._end if at else 0
        while left > 0:
            content = self.read(at)
            magic, type_, number = _HEADER.unpack_from(content)
            if magic != MAGIC or number != sequence or not self._is_intact(content, type_):
                return
            left -= 1
            at = self._after(at)
            if type_ == _DESCRIPTOR:
                for block, flags, checksum in self._tags(content):
                    tags[block] = Logged(at, flags, sequence, checksum)
                    at = self._after(at)
                    left -= 1
            elif type_ == _REVOKE:
                revoked += self._revoked(content)
            elif type_ == _COMMIT:
                yield tags, revoked
                tags, revoked = {}, []
                sequence = sequence + 1 & 0xFFFFFFFF
            else:
                return

    def _after(self, block: int) -> int:
        return block + 1 if block + 1 < self._end else self.superblock.first

    def _is_intact(self, content: bytes, type_: int) -> bool:
        """Say whether a block agrees with its checksum: in its tail, or in a commit's header."""
        if not self.has_checksums:
            return True
        place = 16 if type_ == _COMMIT else len(content) - 4
        zeroed = content[:place] + bytes(4) + content[place + 4 :]
        return register(zeroed, self._seed) == int.from_bytes(content[place : place + 4], "big")

    def _tags(self, content: bytes) -> Iterator[tuple[int, int, int]]:
        """Yield (block, flags, checksum) of each tag of a descriptor block."""
        unpack, size = self._tag
        at, end = _HEADER.size, len(content) - (4 if self.has_checksums else 0)
        while at + size <= end:
            block, flags, checksum = unpack(content, at)
            yield block, flags, checksum
            if flags & _TAG_LAST:
                return
            at += size + (0 if flags & _TAG_SAME_UUID else 16)

    def _tag_reader(self) -> tuple[Callable[[bytes, int], tuple[int, int, int]], int]:
        """Return the function that reads a tag, and a tag's size, for this journal's features."""
        features = self._features
        wide = bool(features & _INCOMPAT_64BIT)
        if features & _INCOMPAT_CSUM_V3:
            v3 = Struct(">IIII")

            def read_v3(content: bytes, at: int) -> tuple[int, int, int]:
                low, flags, high, checksum = v3.unpack_from(content, at)
                return low | (high << 32 if wide else 0), flags, checksum

            return read_v3, v3.size
        v2 = Struct(">IHHI" if wide else ">IHH")

        def read_v2(content: bytes, at: int) -> tuple[int, int, int]:
            low, checksum, flags, *high = v2.unpack_from(content, at)
            return low | (high[0] << 32 if high else 0), flags, checksum

        return read_v2, v2.size + (2 if features & _INCOMPAT_CSUM_V2 else 0)

    def _revoked(self, content: bytes) -> list[int]:
        """Return the blocks that a revoke block names; their earlier copies are void."""
        number = Struct(">Q" if self._features & _INCOMPAT_64BIT else ">I")
        used = min(int.from_bytes(content[12:16], "big"), len(content))
        count = max(0, used - 16) // number.size
        return [number.unpack_from(content, 16 + n * number.size)[0] for n in range(count)]

    def content(self, logged: Logged) -> bytes | None:
        """Return the block as it must be on the volume; None where it contradicts its tag."""
        content = self.read(logged.block)
        if self.has_checksums:
            computed = register(_U32.pack(logged.sequence) + content, self._seed)
            if not self._features & _INCOMPAT_CSUM_V3:
                computed &= 0xFFFF
            if computed != logged.checksum:
                return None
        return _U32.pack(MAGIC) + content[4:] if logged.flags & _TAG_ESCAPED else content


class Replayed:
    """A volume with the blocks of its journal in their places."""

    __slots__ = ("_blocks", "_device", "_journal", "_order", "size")

    def __init__(self, device: Device, journal: Journal, blocks: dict[int, Logged]) -> None:
        self._device = device
        self._journal = journal
        self._blocks = blocks
        self._order = sorted(blocks)
        self.size = device.source.size

    def read_at(self, offset: int, length: int, /) -> bytes:
        """Return `length` bytes at `offset`; fewer only where the volume ends."""
        length = clamp(self.size, offset, length)
        size = self._device.block_size
        end = offset + length
        at = bisect_left(self._order, offset // size)
        stop = bisect_left(self._order, -(-end // size))
        if at == stop or not length:
            return self._device.source.read_at(offset, length)
        pieces, done = [], offset
        for block in self._order[at:stop]:
            start = max(offset, block * size)
            if start > done:
                pieces.append(self._device.source.read_at(done, start - done))
            done = min(end, block * size + size)
            pieces.append(self._block(block)[start - block * size : done - block * size])
        if done < end:
            pieces.append(self._device.source.read_at(done, end - done))
        return b"".join(pieces)

    def identity(self) -> str | None:
        """Return the volume's key, marked."""
        base = identity(self._device.source)
        return None if base is None else f"{base}+journal"

    def _block(self, block: int) -> bytes:
        content = self._journal.content(self._blocks[block])
        if content is None:
            size = self._device.block_size
            message = f"the journal's copy of block {block} is damaged, the old one is used"
            self._device.report("ext.journal", message, block * size)
            return self._device.source.read_at(block * size, size)
        return content


def open_journal(device: Device) -> Journal:
    """Return the journal of a file system.

    Raises Corrupt for a damaged one, Unsupported where it stands on another device.
    """
    number = device.superblock.raw.journal_inum
    if not number:
        raise Unsupported("the journal is on another device", reason="ext.journal_dev")
    log = open_content(device, read_inode(device, number))
    return Journal(log, device.block_size, device.superblock.blocks_count)
