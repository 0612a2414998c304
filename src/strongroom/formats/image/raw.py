"""raw: the disk's bytes as they are, in one file or split over several."""

import re
from collections.abc import Iterator, Sequence

from strongroom.base.errors import NotFound, Unsupported
from strongroom.base.format import ImageFacts, Magic, OpenContext, Snapshot
from strongroom.base.source import Concat, Extent, Source, extents, identity

SPLIT_NAME = re.compile(r"(.+)\.(0+1)", re.DOTALL)
PARTS_MAX = 9999


class Raw:
    """A disk without a container. Holes and the content key are those of the file below."""

    def __init__(self, source: Source, variant: str = "") -> None:
        self._source = source
        self._variant = variant

    @property
    def size(self) -> int:
        return self._source.size

    def read_at(self, offset: int, length: int, /) -> bytes:
        """Return `length` bytes at `offset`; fewer only where the disk ends."""
        return self._source.read_at(offset, length)

    def extents(self, offset: int, length: int, /) -> Iterator[Extent]:
        """Yield what the file below knows of its holes."""
        return extents(self._source, offset, length)

    def identity(self) -> str | None:
        """Return the key of the file below."""
        return identity(self._source)

    @property
    def facts(self) -> ImageFacts:
        """Return the format, and "split" for one of several files."""
        return ImageFacts("raw", variant=self._variant)

    def snapshots(self) -> Sequence[Snapshot]:
        """Return nothing: raw has no snapshots."""
        return ()

    def snapshot(self, name: str, /) -> Source:
        """Raise NotFound: raw has no snapshots."""
        raise NotFound(f"a raw disk has no snapshot {name}")


class _RawFormat:
    name = "raw"
    magics: Sequence[Magic] = ()

    def probe(self, head: bytes, size: int, /) -> bool:  # noqa: ARG002  # the protocol's shape
        """Say yes: every Source is a raw disk, so this is asked last."""
        return True

    def open(self, source: Source, ctx: OpenContext, /) -> Raw:  # noqa: ARG002  # same
        """Return the disk."""
        return Raw(source)


RAW = _RawFormat()


def open_split(first: Source, name: str, ctx: OpenContext) -> Raw:
    """Return a raw disk that is split over `name`.001, .002 and so on; `first` is the .001.

    `name` is the file name of `first`; where it does not end in such a number, `first` is the whole
    disk. The parts end before the first number that `ctx.sibling` does not find; Denied passes
    through, and Unsupported is raised for more than PARTS_MAX parts.
    """
    match = SPLIT_NAME.fullmatch(name)
    if match is None:
        return Raw(first)
    stem, width = match[1], len(match[2])
    parts = [first]
    while True:
        number = len(parts) + 1
        if number > PARTS_MAX:
            raise Unsupported(f"{name} has more than {PARTS_MAX} parts", reason="raw.parts")
        try:
            parts.append(ctx.sibling(f"{stem}.{number:0{width}}"))
        except NotFound:
            break
    return Raw(Concat(parts) if len(parts) > 1 else first, "split" if len(parts) > 1 else "")
