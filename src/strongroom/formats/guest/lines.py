"""What text files in a guest have in common: numbered lines, and faults that reading survives."""

from collections.abc import Iterator
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")

FAULTS_MAX = 100
"""Faults kept of one file; the last one says that there are more."""

QUOTE_MAX = 60
"""Characters of a file's own text that a message repeats."""

PARAGRAPHS_MAX = 200_000
"""Paragraphs read of one database: more than any distribution has packages."""

DIGITS_MAX = 20
"""Digits of a number worth converting: 2**64 has 20."""


class Fault(NamedTuple):
    """One thing a parser passed over. `line` counts from 1, None where no line is at fault."""

    line: int | None
    message: str


class Parsed(NamedTuple, Generic[T]):
    """What a parser made of a whole file: its entries in file order, and what it passed over."""

    entries: tuple[T, ...]
    faults: tuple[Fault, ...] = ()


class Faults:
    """Faults of one file, at most FAULTS_MAX of them."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: list[Fault] = []

    def add(self, line: int | None, message: str) -> None:
        """Keep a fault; beyond FAULTS_MAX only that there are more."""
        if len(self._kept) < FAULTS_MAX - 1:
            self._kept.append(Fault(line, message))
        elif len(self._kept) < FAULTS_MAX:
            self._kept.append(Fault(line, "more faults follow in this file"))

    def kept(self) -> tuple[Fault, ...]:
        """Return what was kept, in the order it was added."""
        return tuple(self._kept)


def numbered(text: str) -> Iterator[tuple[int, str]]:
    """Yield (number, line) without the line ends, LF or CR LF; lazily, in linear time."""
    start, number, size = 0, 0, len(text)
    while start < size:
        end = text.find("\n", start)
        if end < 0:
            end = size
        number += 1
        line = text[start:end]
        yield number, line.removesuffix("\r")
        start = end + 1


def continued(text: str) -> Iterator[tuple[int, str]]:
    """Yield (number, line) with lines that end in a backslash joined to the next by a space.

    The number is that of the first line joined.
    """
    parts: list[str] = []
    first = 0
    for number, line in numbered(text):
        first = first or number
        if line.endswith("\\"):
            parts.append(line[:-1])
            continue
        yield first, " ".join([*parts, line]) if parts else line
        parts, first = [], 0
    if parts:
        yield first, " ".join(parts)


def paragraphs(content: bytes) -> Iterator[tuple[int, int, str]]:
    """Yield (line, offset, text) of the runs of lines that blank lines separate.

    `offset` is in bytes; text is UTF-8, other bytes by surrogateescape. At most PARAGRAPHS_MAX are
    looked at.
    """
    line, start = 1, 0
    for piece in content.split(b"\n\n", PARAGRAPHS_MAX)[:PARAGRAPHS_MAX]:
        paragraph = piece.lstrip(b"\n")
        blank = len(piece) - len(paragraph)
        if paragraph:
            yield line + blank, start + blank, paragraph.decode("utf-8", "surrogateescape")
        line += piece.count(b"\n") + 2
        start += len(piece) + 2


def quote(text: str) -> str:
    """Return a file's own text for a message: quoted, escaped, cut to QUOTE_MAX."""
    return repr(text) if len(text) <= QUOTE_MAX else repr(text[:QUOTE_MAX]) + "..."


def number(text: str, highest: int = (1 << 64) - 1) -> int | None:
    """Return a decimal number of ASCII digits, None for anything else or above `highest`."""
    if not text or len(text) > DIGITS_MAX or not (text.isascii() and text.isdigit()):
        return None
    value = int(text)
    return value if value <= highest else None
