"""Source: random-access bytes. Disks, partitions, decrypted volumes, files, HTTP ranges."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple, Protocol, cast, runtime_checkable


class Extent(NamedTuple):
    """A run of bytes that is stored (`data`) or reads as zeros without being stored."""

    offset: int
    length: int
    data: bool


class Source(Protocol):
    """Random-access bytes of a known size.

    Stateless, so any number of threads may read one Source at once. A Source may also have
    `extents(offset, length)` and `identity()`; ask through the functions of those names below.
    """

    @property
    def size(self) -> int:
        """Return the number of bytes."""
        ...

    def read_at(self, offset: int, length: int, /) -> bytes:
        """Return `length` bytes at `offset`; fewer only where the source ends."""
        ...


@runtime_checkable
class Sparse(Protocol):
    """A Source that knows which of its bytes are stored."""

    def extents(self, offset: int, length: int, /) -> Iterator[Extent]:
        """Yield adjacent, ascending extents that cover the range, cut at the source's end."""
        ...


@runtime_checkable
class Identified(Protocol):
    """A Source that can name its content cheaply."""

    def identity(self) -> str | None:
        """Return a key that changes whenever the content does, or None where there is none."""
        ...


def extents(source: Source, offset: int = 0, length: int | None = None) -> Iterator[Extent]:
    """Yield the extents of a range of any Source; one `data` extent where it cannot tell."""
    if length is None:
        length = source.size - offset
    length = clamp(source.size, offset, length)
    if not length:
        return
    if hasattr(source, "extents"):  # isinstance of a protocol costs as much as a small file
        yield from cast("Sparse", source).extents(offset, length)
    else:
        yield Extent(offset, length, data=True)


def coalesce(pieces: Iterable[Extent]) -> Iterator[Extent]:
    """Yield adjacent, ascending extents with neighbours of one kind as one; empty ones go."""
    waiting = Extent(0, 0, data=False)
    for piece in pieces:
        if piece.data == waiting.data and waiting.length:
            waiting = Extent(waiting.offset, waiting.length + piece.length, waiting.data)
        elif piece.length:
            if waiting.length:
                yield waiting
            waiting = piece
    if waiting.length:
        yield waiting


def identity(source: Source) -> str | None:
    """Return the content key of any Source, or None where it has none."""
    return source.identity() if isinstance(source, Identified) else None


def clamp(size: int, offset: int, length: int) -> int:
    """Return how many of `length` bytes at `offset` lie inside `size`; never negative."""
    if offset < 0:
        raise ValueError(f"negative offset {offset}")
    return max(0, min(length, size - offset))


class Memory:
    """Bytes that are already here."""

    __slots__ = ("_content", "_identity")

    def __init__(self, content: bytes, identity: str | None = None) -> None:
        self._content = content
        self._identity = identity

    @property
    def size(self) -> int:
        return len(self._content)

    def read_at(self, offset: int, length: int, /) -> bytes:
        """Return `length` bytes at `offset`; fewer only where the source ends."""
        return self._content[offset : offset + clamp(len(self._content), offset, length)]

    def identity(self) -> str | None:
        """Return the key given at construction."""
        return self._identity


class Slice:
    """A window on another Source, such as a partition of a disk.

    A window that reaches past its base ends where the base ends.
    """

    __slots__ = ("_base", "_size", "_start")

    def __init__(self, base: Source, start: int, size: int) -> None:
        self._base = base
        self._start = start
        self._size = clamp(base.size, start, size)

    @property
    def size(self) -> int:
        return self._size

    def read_at(self, offset: int, length: int, /) -> bytes:
        """Return `length` bytes at `offset`; fewer only where the window ends."""
        length = clamp(self._size, offset, length)
        return self._base.read_at(self._start + offset, length) if length else b""

    def extents(self, offset: int, length: int, /) -> Iterator[Extent]:
        """Yield the base's extents, moved into the window."""
        length = clamp(self._size, offset, length)
        for extent in extents(self._base, self._start + offset, length):
            yield extent._replace(offset=extent.offset - self._start)

    def identity(self) -> str | None:
        """Return the base's key with the window's place in it."""
        base = identity(self._base)
        return None if base is None else f"{base}[{self._start}+{self._size}]"


class Concat:
    """Several Sources end to end, such as the extents of a split image."""

    __slots__ = ("_ends", "_parts", "size")

    def __init__(self, parts: Sequence[Source]) -> None:
        self._parts = tuple(parts)
        self._ends = tuple(accumulate(part.size for part in self._parts))
        self.size = self._ends[-1] if self._ends else 0

    def read_at(self, offset: int, length: int, /) -> bytes:
        """Return `length` bytes at `offset`; fewer only where the last part ends."""
        chunks = [p.read_at(o, n) for p, o, n, _ in self._overlaps(offset, length)]
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def extents(self, offset: int, length: int, /) -> Iterator[Extent]:
        """Yield the parts' extents, moved to where each part begins."""
        for part, inner, count, start in self._overlaps(offset, length):
            for extent in extents(part, inner, count):
                yield extent._replace(offset=extent.offset + start)

    def identity(self) -> str | None:
        """Return the parts' keys joined, or None where one of them has none."""
        keys = [identity(part) for part in self._parts]
        known = [key for key in keys if key is not None]
        return "+".join(known) if len(known) == len(keys) else None

    def _overlaps(self, offset: int, length: int) -> Iterator[tuple[Source, int, int, int]]:
        """Yield (part, offset in it, length, where the part starts) over a range."""
        end = offset + clamp(self.size, offset, length)
        index = bisect_right(self._ends, offset)
        while offset < end:
            part = self._parts[index]
            start = self._ends[index] - part.size
            count = min(end, self._ends[index]) - offset
            if count:
                yield part, offset - start, count, start
            offset += count
            index += 1


class Overlay:
    """Changes over a Source that is never written: copy on write, in blocks, in memory.

    Writes past the end grow the view. Not for concurrent writers.
    """

    BLOCK = 4096

    __slots__ = ("_base", "_blocks", "_size")

    def __init__(self, base: Source) -> None:
        self._base = base
        self._blocks: dict[int, bytes] = {}
        self._size = base.size

    @property
    def size(self) -> int:
        return self._size

    def write_at(self, offset: int, content: bytes, /) -> None:
        """Replace the bytes at `offset`; the base keeps its own."""
        if offset < 0:
            raise ValueError(f"negative offset {offset}")
        self._size = max(self._size, offset + len(content))
        done = 0
        while done < len(content):
            index, inside = divmod(offset + done, self.BLOCK)
            count = min(self.BLOCK - inside, len(content) - done)
            block = bytearray(self._block(index))
            block[inside : inside + count] = content[done : done + count]
            self._blocks[index] = bytes(block)
            done += count

    def read_at(self, offset: int, length: int, /) -> bytes:
        """Return `length` bytes at `offset`, changed ones first; fewer only at the end."""
        length = clamp(self._size, offset, length)
        if not length:
            return b""
        first, last = offset // self.BLOCK, (offset + length - 1) // self.BLOCK
        if not any(index in self._blocks for index in range(first, last + 1)):
            return self._base.read_at(offset, length).ljust(length, b"\0")
        joined = b"".join(self._block(index) for index in range(first, last + 1))
        start = offset - first * self.BLOCK
        return joined[start : start + length]

    def identity(self) -> str | None:
        """Return the base's key while nothing is changed, None afterwards."""
        return None if self._blocks else identity(self._base)

    def _block(self, index: int) -> bytes:
        block = self._blocks.get(index)
        if block is None:
            start = index * self.BLOCK
            block = self._base.read_at(start, self.BLOCK) if start < self._base.size else b""
            block = block.ljust(self.BLOCK, b"\0")
        return block


def read_exactly(source: Source, offset: int, length: int) -> bytes | None:
    """Return exactly `length` bytes at `offset`, or None where the source ends before."""
    content = source.read_at(offset, length)
    return content if len(content) == length else None
