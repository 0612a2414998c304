"""Which blocks of a file stand where: extent trees (ext4) and block maps (ext2, ext3).

Source: Linux Documentation/filesystems/ext4, "Extent Tree", "Direct/Indirect Block Addressing",
"Checksums".
"""

from bisect import bisect_right
from collections.abc import Iterator
from itertools import pairwise
from struct import Struct
from typing import NamedTuple, Protocol

from strongroom.base.crc32c import register
from strongroom.base.errors import Corrupt

from .ext_device import BlockSet, Device
from .ext_inode import BLOCK_OFFSET, FLAG_EXTENTS, Inode, inode_seed

EXTENT_MAGIC = 0xF30A
DEPTH_MAX = 5
"""The kernel's EXT4_MAX_EXTENT_DEPTH; it also bounds recursion here."""
WRITTEN_MAX = 32768
"""`ee_len` up to which an extent is written; beyond it, it is allocated and reads as zeros."""
LOGICAL_MAX = 1 << 32
_NODES_KEPT = 32
_DIRECT = 12

_HEADER = Struct("<HHHH4x")
_INDEX = Struct("<IIH2x")
_EXTENT = Struct("<IHHI")
_SINGLE = Struct("<HHHH4xIHHI")


class Run(NamedTuple):
    """Adjacent blocks of a file; `physical` is None where they are allocated but unwritten."""

    logical: int
    blocks: int
    physical: int | None


class BlockMap(Protocol):
    """The blocks of one file."""

    def runs(self, first: int, end: int, /) -> Iterator[Run]:
        """Yield the runs that touch the logical blocks [first, end), ascending; holes are left out.

        A run may reach past both ends. Raises Corrupt where the map itself is damaged; whether a
        run lies inside the volume is found out by reading it.
        """
        ...


def block_map(device: Device, inode: Inode, *, verify: bool = True) -> BlockMap:
    """Return the map of an inode's blocks; `verify` compares checksums of its index blocks."""
    if inode.flags & FLAG_EXTENTS:
        return ExtentTree(device, inode, verify=verify)
    return PointerMap(device, inode)


def single_run(inode: Inode) -> Run | None:
    """Return the one run that a small directory has, None where its map is anything else.

    Spares a walk the work of `block_map` for most directories.
    """
    if not inode.flags & FLAG_EXTENTS:
        return None
    magic, count, _, depth, logical, length, high, low = _SINGLE.unpack_from(
        inode.raw, BLOCK_OFFSET
    )
    if (magic, count, depth, logical) != (EXTENT_MAGIC, 1, 0, 0) or not 0 < length <= WRITTEN_MAX:
        return None
    return Run(0, length, low | high << 32)


class _Node(NamedTuple):
    """One node: leaf runs at depth 0, else (first logical block, child block) pairs."""

    depth: int
    runs: list[Run]
    children: list[tuple[int, int]]
    reach: tuple[int, int]
    """The first and last logical block that its entries name; (0, -1) in an empty node."""


class ExtentTree:
    """The extent tree of one inode. Keeps the last few nodes it parsed."""

    __slots__ = ("_device", "_inode", "_nodes", "_root", "_verify")

    def __init__(self, device: Device, inode: Inode, *, verify: bool) -> None:
        self._device = device
        self._inode = inode
        self._verify = verify and device.superblock.has_checksums
        self._nodes: dict[int, _Node] = {}
        self._root: _Node | None = None

    def runs(self, first: int, end: int, /) -> Iterator[Run]:
        """Yield the runs that touch [first, end)."""
        if self._root is None:
            offset = self._device.inode_offset(self._inode.number) + BLOCK_OFFSET
            self._root = parse_node(self._inode.block, offset, None)
        return self._descend(self._root, first, min(end, LOGICAL_MAX), 0, LOGICAL_MAX)

    def _descend(self, node: _Node, first: int, end: int, low: int, high: int) -> Iterator[Run]:
        """Yield a node's runs; all of them must lie in the range [low, high) that it covers."""
        begin, last = node.reach
        if begin <= last and (begin < low or last >= high):
            raise self._damaged(f"a node with blocks {begin} to {last} is out of its range")
        if not node.depth:
            start = max(0, bisect_right(node.runs, (first, LOGICAL_MAX)) - 1)
            for run in node.runs[start:]:
                if run.logical >= end:
                    return
                if run.logical + run.blocks > first:
                    yield run
            return
        children = node.children
        for at in range(max(0, bisect_right(children, (first, 1 << 64)) - 1), len(children)):
            key, block = children[at]
            if key >= end:
                return
            limit = children[at + 1][0] if at + 1 < len(children) else high
            yield from self._descend(self._child(block, node.depth - 1), first, end, key, limit)

    def _child(self, block: int, depth: int) -> _Node:
        node = self._nodes.get(block)
        if node is not None and node.depth == depth:
            return node
        offset = block * self._device.block_size
        content = self._device.read_blocks(block)
        node = parse_node(content, offset, depth)
        if self._verify:
            self._compare_checksum(content, offset)
        if len(self._nodes) >= _NODES_KEPT:
            self._nodes.clear()
        self._nodes[block] = node
        return node

    def _compare_checksum(self, content: bytes, offset: int) -> None:
        if not node_checksum_holds(content, inode_seed(self._device, self._inode)):
            number = self._inode.number
            self._device.report(
                "ext.checksum",
                f"the checksum of an extent block of inode {number} is wrong",
                offset,
            )

    def _damaged(self, message: str) -> Corrupt:
        offset = self._device.inode_offset(self._inode.number)
        return Corrupt("ext", offset, f"inode {self._inode.number}: {message}", reason="extent")


def parse_node(content: bytes, offset: int, depth: int | None) -> _Node:
    """Return the extent node in `content`, which stands at `offset` of the volume.

    `depth` is what its parent expects, None for a root. Raises Corrupt for a node that is none,
    and for entries that are not ascending and apart.
    """
    magic, count, limit, found = _HEADER.unpack_from(content)
    room = (len(content) - _HEADER.size) // _EXTENT.size
    expected = found <= DEPTH_MAX if depth is None else found == depth
    if magic != EXTENT_MAGIC or not (found > 0) <= count <= limit <= room or not expected:
        raise Corrupt("ext", offset, "this is no extent node", reason="extent")
    body = memoryview(content)[_HEADER.size : _HEADER.size + count * _EXTENT.size]
    if found:
        children = [(key, low | high << 32) for key, low, high in _INDEX.iter_unpack(body)]
        if any(b[0] <= a[0] for a, b in pairwise(children)):
            raise Corrupt("ext", offset, "index entries are not ascending", reason="extent")
        return _Node(found, [], children, (children[0][0], children[-1][0]))
    runs, free = [], 0
    for logical, length, high, low in _EXTENT.iter_unpack(body):
        written = length <= WRITTEN_MAX
        blocks = length if written else length - WRITTEN_MAX
        if logical < free or not blocks:
            raise Corrupt("ext", offset, "extents overlap, descend or are empty", reason="extent")
        free = logical + blocks
        runs.append(Run(logical, blocks, low | high << 32 if written else None))
    return _Node(0, runs, [], (runs[0].logical, free - 1) if runs else (0, -1))


def nodes(device: Device, inode: Inode) -> Iterator[tuple[int, bytes]]:
    """Yield (offset in the volume, content) of every block of an inode's extent tree."""
    seen = BlockSet()
    todo = [parse_node(inode.block, device.inode_offset(inode.number) + BLOCK_OFFSET, None)]
    while todo:
        node = todo.pop()
        for _, block in node.children:
            offset = block * device.block_size
            if not seen.claim(block):
                raise Corrupt("ext", offset, "an extent block is used twice", reason="extent")
            content = device.read_blocks(block)
            yield offset, content
            todo.append(parse_node(content, offset, node.depth - 1))


def node_checksum_holds(content: bytes, seed: int) -> bool:
    """Say whether an extent block agrees with its tail, which stands behind room for `eh_max`."""
    limit = int.from_bytes(content[4:6], "little")
    tail = _HEADER.size + limit * _EXTENT.size
    stored = content[tail : tail + 4]
    return len(stored) == 4 and int.from_bytes(stored, "little") == register(content[:tail], seed)


class PointerMap:
    """Twelve direct pointers, then one, two and three levels of indirection."""

    __slots__ = ("_blocks", "_device", "_per_block", "_pointers", "_root")

    def __init__(self, device: Device, inode: Inode) -> None:
        self._device = device
        self._per_block = device.block_size // 4
        self._pointers = Struct(f"<{self._per_block}I")
        self._root = Struct("<15I").unpack(inode.block)
        self._blocks: dict[int, tuple[int, ...]] = {}

    def runs(self, first: int, end: int, /) -> Iterator[Run]:
        """Yield the runs that touch [first, end)."""
        yield from _joined(self._root[:_DIRECT], 0, first, end)
        seen = BlockSet()
        base = _DIRECT
        for level in (1, 2, 3):
            if base >= end:
                return
            span = self._per_block**level
            block = self._root[_DIRECT + level - 1]
            if block and base + span > first:
                for below, pointers in self._leaves(block, level, first - base, end - base, seen):
                    yield from _joined(pointers, base + below, first, end)
            base += span

    def _leaves(
        self, block: int, level: int, first: int, end: int, seen: BlockSet
    ) -> Iterator[tuple[int, tuple[int, ...]]]:
        """Yield (place of its first pointer, pointers) of the last level under an indirect block.

        Places count from this block's own first pointer, as `first` and `end` do.
        """
        if not seen.claim(block):
            offset = block * self._device.block_size
            raise Corrupt("ext", offset, "an indirect block is used twice", reason="map")
        pointers = self._read(block)
        if level == 1:
            yield 0, pointers
            return
        span = self._per_block ** (level - 1)
        for at in range(max(0, first // span), min(self._per_block, -(-end // span))):
            if pointers[at]:
                base = at * span
                for below, leaf in self._leaves(
                    pointers[at], level - 1, first - base, end - base, seen
                ):
                    yield base + below, leaf

    def _read(self, block: int) -> tuple[int, ...]:
        pointers = self._blocks.get(block)
        if pointers is None:
            pointers = self._pointers.unpack(self._device.read_blocks(block))
            if len(self._blocks) >= _NODES_KEPT:
                self._blocks.clear()
            self._blocks[block] = pointers
        return pointers


def _joined(pointers: tuple[int, ...], base: int, first: int, end: int) -> Iterator[Run]:
    """Yield the runs of consecutive pointers inside [first, end); zero is a hole."""
    at = max(0, first - base)
    stop = min(len(pointers), end - base)
    while at < stop:
        begin, physical = at, pointers[at]
        at += 1
        if not physical:
            continue
        while at < stop and pointers[at] == physical + at - begin:
            at += 1
        yield Run(base + begin, at - begin, physical)
