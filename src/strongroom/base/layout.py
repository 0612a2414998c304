"""Declarative on-disk structures: names, widths and offsets in one place."""

from struct import Struct
from typing import Generic, NamedTuple, TypeVar

from .errors import Corrupt

T = TypeVar("T", bound=NamedTuple)


class Layout(Generic[T]):
    """One structure of a format: a NamedTuple class and a `struct` code for each of its fields.

    `codes` begins with "<" or ">" and holds one code a field in order, such as `">4sIQ"`; "x"
    codes are padding and belong to no field.
    """

    __slots__ = ("_record", "_struct", "format", "size")

    def __init__(self, format: str, record: type[T], codes: str) -> None:
        self.format = format
        self._record = record
        self._struct = Struct(codes)
        self.size = self._struct.size
        if len(self._struct.unpack(bytes(self.size))) != len(record._fields):
            raise ValueError(f"{codes} does not give {record.__name__} one value a field")

    def parse(self, content: bytes, at: int = 0, *, base: int = 0) -> T:
        """Return the structure at `at` in `content`; Corrupt where `content` is too short.

        `base` is where `content` itself begins in the container, for the error's offset.
        """
        if at < 0 or at + self.size > len(content):
            raise Corrupt(
                self.format,
                base + at,
                f"{self._record.__name__} needs {self.size} bytes, {len(content) - at} left",
                reason="truncated",
            )
        return self._record._make(self._struct.unpack_from(content, at))

    def offset(self, field: str) -> int:
        """Return the byte offset of a field inside the structure, for a Corrupt that names it."""
        offsets = zip(self._record._fields, _field_offsets(self._struct.format), strict=True)
        return dict(offsets)[field]


def _field_offsets(codes: str) -> list[int]:
    import re

    order, body = codes[0], codes[1:]
    offsets, at = [], 0
    for count, code in re.findall(r"(\d*)([a-zA-Z?])", body):
        if code != "x":
            offsets.append(at)
        at += Struct(order + count + code).size
    return offsets
