"""RPM headers as a package database stores them (RPM documentation, "Header format").

A blob is two 32-bit counts (index entries, data bytes), the index (tag, type, offset, count, all
big endian), and the data. It has neither lead nor magic.
"""

from struct import Struct

from strongroom.base.errors import Corrupt

INDEX_MAX = 65536
"""Entries of an index; rpm itself allows as many."""

STRINGS_MAX = 100_000
"""Strings of one array."""

NAME, VERSION, RELEASE, EPOCH, SUMMARY = 1000, 1001, 1002, 1003, 1004
INSTALLTIME, SIZE, VENDOR, LICENSE, PACKAGER = 1008, 1009, 1011, 1014, 1015
URL, ARCH, SOURCERPM, LONGSIZE, MODULARITYLABEL = 1020, 1022, 1044, 5009, 5096

_INT8, _INT16, _INT32, _INT64 = 2, 3, 4, 5
_STRING, _BIN, _STRING_ARRAY, _I18NSTRING = 6, 7, 8, 9
_CHAR = 1
_INTEGER_BYTES = {_CHAR: 1, _INT8: 1, _INT16: 2, _INT32: 4, _INT64: 8}

_INTRO = Struct(">II")
_ENTRY = Struct(">iIiI")


class RpmHeader:
    """One header. Values are read when asked for. Raises Corrupt where the counts do not fit."""

    __slots__ = ("_data", "_index")

    def __init__(self, blob: bytes) -> None:
        if len(blob) < _INTRO.size:
            raise Corrupt("rpmheader", 0, "fewer than 8 bytes", reason="truncated")
        entries, data_bytes = _INTRO.unpack_from(blob, 0)
        start = _INTRO.size + entries * _ENTRY.size
        if entries > INDEX_MAX or start + data_bytes > len(blob):
            raise Corrupt(
                "rpmheader",
                0,
                f"{entries} entries and {data_bytes} bytes of data do not fit {len(blob)} bytes",
                reason="truncated",
            )
        index = _ENTRY.iter_unpack(blob[_INTRO.size : start])
        self._index = {tag: (kind, offset, count) for tag, kind, offset, count in index}
        self._data = blob[start : start + data_bytes]

    def text(self, tag: int) -> str:
        """Return a string, the first of several; "" where there is none."""
        kind, offset, count = self._index.get(tag, (0, 0, 0))
        if kind not in {_STRING, _STRING_ARRAY, _I18NSTRING} or not count:
            return ""
        if not 0 <= offset < len(self._data):
            return ""
        end = self._data.find(b"\0", offset)
        stored = self._data[offset : len(self._data) if end < 0 else end]
        return stored.decode("utf-8", "surrogateescape")

    def texts(self, tag: int) -> tuple[str, ...]:
        """Return all strings of an array."""
        kind, offset, count = self._index.get(tag, (0, 0, 0))
        if kind not in {_STRING, _STRING_ARRAY, _I18NSTRING} or offset < 0:
            return ()
        count = min(count, STRINGS_MAX)
        stored = self._data[offset:].split(b"\0", count)[:count]
        return tuple(each.decode("utf-8", "surrogateescape") for each in stored)

    def integer(self, tag: int) -> int | None:
        """Return a number, the first of several; None where there is none."""
        kind, offset, count = self._index.get(tag, (0, 0, 0))
        size = _INTEGER_BYTES.get(kind, 0)
        if not size or not count or offset < 0 or offset + size > len(self._data):
            return None
        return int.from_bytes(self._data[offset : offset + size], "big")
