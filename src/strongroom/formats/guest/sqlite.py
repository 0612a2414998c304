"""A bounded reader of SQLite 3 databases: tables, row by row (the Database File Format page).

Reads rows in rowid order from the table b-trees alone: no indexes, no SQL. Faults are reported
with the byte offset of their page, and reading goes on with the next page.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from itertools import pairwise
from struct import Struct
from typing import NamedTuple

from strongroom.base.errors import Corrupt, NotFound, Unsupported
from strongroom.base.source import Source, read_exactly

MAGIC = b"SQLite format 3\0"

DEPTH_MAX = 20
"""Levels of a b-tree: 2**32 pages need no more than SQLite's own BTCURSOR_MAX_DEPTH of 20."""

PAYLOAD_MAX = 64 << 20
"""Bytes of one row that is kept; a larger one is a fault."""

COLUMNS_MAX = 2000
"""SQLITE_MAX_COLUMN's default."""

FAULTS_MAX = 1000
"""Faults of one table after which the rest of it is left unread."""

_WINDOW = 1 << 18
_WINDOWS_MAX = 32

_TABLE_LEAF = 0x0D
_TABLE_INTERIOR = 0x05
_HEADER_BYTES = 100
_ENCODINGS = {0: "utf-8", 1: "utf-8", 2: "utf-16-le", 3: "utf-16-be"}

Value = None | int | float | str | bytes
"""What a column holds."""

Report = Callable[[int, str], None]
"""Told of a fault: where its page begins in the file, and what is wrong."""

_U16 = Struct(">H")
_U32 = Struct(">I")
_F64 = Struct(">d")


class Row(NamedTuple):
    """One row of a table. A column that is an alias of the rowid is stored as None."""

    rowid: int
    values: tuple[Value, ...]


class Table(NamedTuple):
    """One table of the schema."""

    name: str
    root: int
    sql: str


class _Cell(NamedTuple):
    rowid: int
    size: int
    local: bytes
    overflow: int


class Database:
    """An open database. Raises Corrupt for what is no SQLite 3 database at all."""

    def __init__(self, source: Source, report: Report) -> None:
        header = read_exactly(source, 0, _HEADER_BYTES)
        if header is None or not header.startswith(MAGIC):
            raise Corrupt("sqlite", 0, "no SQLite 3 header", reason="header")
        size = _U16.unpack_from(header, 16)[0]
        self.page_size: int = 65536 if size == 1 else size
        if self.page_size < 512 or self.page_size & (self.page_size - 1):
            raise Corrupt("sqlite", 16, f"page size {self.page_size}", reason="header")
        self._usable = self.page_size - header[20]
        if self._usable < 480:
            raise Corrupt("sqlite", 20, f"{header[20]} bytes reserved a page", reason="header")
        encoding = _U32.unpack_from(header, 56)[0]
        if encoding not in _ENCODINGS:
            raise Unsupported(f"sqlite text encoding {encoding}", reason="sqlite.encoding")
        self._encoding = _ENCODINGS[encoding]
        self._source = source
        self._report = report
        self._faults = 0
        self._windows: OrderedDict[int, bytes] = OrderedDict()
        self.pages = (source.size + self.page_size - 1) // self.page_size

    def tables(self) -> Iterator[Table]:
        """Yield the tables of the schema (the table at page 1), without views and indexes."""
        for row in self.rows(1):
            if len(row.values) < 5:
                self._fault(0, "a schema row has fewer than 5 columns")
                continue
            kind, name, _, root, sql = row.values[:5]
            if kind == "table" and isinstance(name, str) and isinstance(root, int) and root:
                yield Table(name, root, sql if isinstance(sql, str) else "")

    def table(self, name: str) -> Table:
        """Return a table by name, case ignored; NotFound."""
        for table in self.tables():
            if table.name.lower() == name.lower():
                return table
        raise NotFound(f"the database has no table {name}")

    def rows(self, root: int) -> Iterator[Row]:
        """Yield the rows of the table whose b-tree begins at page `root`, in stored order.

        No page is visited twice, so the work is linear in the file's size whatever it says.
        """
        seen: set[int] = set()
        todo = [(root, 1)]
        self._faults = 0
        while todo and self._faults <= FAULTS_MAX:
            page, depth = todo.pop()
            offset = (page - 1) * self.page_size
            if not 1 <= page <= self.pages or page in seen or depth > DEPTH_MAX:
                self._fault(max(offset, 0), f"page {page} is out of range or part of a loop")
                continue
            seen.add(page)
            content = self._page(page)
            start = _HEADER_BYTES if page == 1 else 0
            kind = content[start] if content else 0
            if kind == _TABLE_LEAF:
                yield from self._leaf(content, start, offset, seen)
            elif kind == _TABLE_INTERIOR:
                children = self._children(content, start, offset)
                todo += [(child, depth + 1) for child in reversed(children)]
            else:
                self._fault(offset, f"page {page} is no table page (type {kind})")

    def _fault(self, offset: int, message: str) -> None:
        self._faults += 1
        if self._faults == FAULTS_MAX:
            message = "too many faults, the rest of the table is left unread"
        if self._faults <= FAULTS_MAX:
            self._report(offset, message)

    def _page(self, page: int) -> bytes:
        """Return a whole page, padded with zeros where the file ends inside it."""
        at = (page - 1) * self.page_size
        index, inside = divmod(at, _WINDOW)
        window = self._windows.get(index)
        if window is None:
            window = self._source.read_at(index * _WINDOW, _WINDOW)
            self._windows[index] = window
            if len(self._windows) > _WINDOWS_MAX:
                self._windows.popitem(last=False)
        return window[inside : inside + self.page_size].ljust(self.page_size, b"\0")

    def _pointers(self, content: bytes, start: int, header: int, offset: int) -> tuple[int, ...]:
        """Return the cell pointers of a page that point inside it."""
        count = _U16.unpack_from(content, start + 3)[0]
        first = start + header
        if first + 2 * count > self._usable:
            self._fault(offset, f"{count} cells do not fit the page")
            return ()
        pointers: tuple[int, ...] = Struct(f">{count}H").unpack_from(content, first)
        lowest, highest = first + 2 * count, self._usable - 4
        sound = tuple(p for p in dict.fromkeys(pointers) if lowest <= p <= highest)
        if len(sound) != count:
            self._fault(offset, f"{count - len(sound)} cell pointers are wrong")
        return sound

    def _children(self, content: bytes, start: int, offset: int) -> list[int]:
        pointers = self._pointers(content, start, 12, offset)
        children = [_U32.unpack_from(content, p)[0] for p in pointers]
        return [*children, _U32.unpack_from(content, start + 8)[0]]

    def _leaf(self, content: bytes, start: int, offset: int, seen: set[int]) -> Iterator[Row]:
        for pointer in self._pointers(content, start, 8, offset):
            cell = self._cell(content, pointer)
            if cell is None:
                self._fault(offset + pointer, "a cell does not fit its page")
                continue
            payload = cell.local
            if cell.size > len(payload):
                rest = self._overflow(cell, seen)
                if rest is None:
                    self._fault(offset + pointer, f"the overflow of row {cell.rowid} is broken")
                    continue
                payload += rest
            values = decode_row(payload, self._encoding)
            if values is None:
                self._fault(offset + pointer, f"row {cell.rowid} is malformed")
                continue
            yield Row(cell.rowid, values)

    def _cell(self, content: bytes, at: int) -> _Cell | None:
        """Return a table leaf cell: payload size, rowid, payload, overflow page (section 1.6)."""
        size, at = varint(content, at)
        rowid, at = varint(content, at)
        if at > self._usable or not 0 <= size <= PAYLOAD_MAX:
            return None
        highest = self._usable - 35
        if size <= highest:
            local = size
        else:
            least = (self._usable - 12) * 32 // 255 - 23
            local = least + (size - least) % (self._usable - 4)
            local = local if local <= highest else least
        end = at + local
        if end + (4 if local < size else 0) > self._usable:
            return None
        overflow = _U32.unpack_from(content, end)[0] if local < size else 0
        return _Cell(rowid, size, content[at:end], overflow)

    def _overflow(self, cell: _Cell, seen: set[int]) -> bytes | None:
        """Return what a chain of overflow pages holds of a cell; None where the chain breaks."""
        left = cell.size - len(cell.local)
        page = cell.overflow
        chunks = []
        while left > 0:
            if not 1 <= page <= self.pages or page in seen:
                return None
            seen.add(page)
            content = self._page(page)
            chunk = content[4 : min(4 + left, self._usable)]
            chunks.append(chunk)
            left -= len(chunk)
            page = _U32.unpack_from(content, 0)[0]
        return b"".join(chunks)


def varint(content: bytes, at: int) -> tuple[int, int]:
    """Return a variable-length integer and where it ends; a cut one reads as if zeros followed.

    One to nine bytes, big endian, seven bits each but for the ninth, which gives all eight; the
    64 bits are a two's complement number.
    """
    value = 0
    for index in range(8):
        byte = content[at + index] if at + index < len(content) else 0
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + index + 1
    byte = content[at + 8] if at + 8 < len(content) else 0
    value = value << 8 | byte
    return value - (1 << 64) if value >> 63 else value, at + 9


_INTEGER_BYTES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}


def decode_row(payload: bytes, encoding: str) -> tuple[Value, ...] | None:
    """Return the columns of a record (section 2.1), None where it is malformed."""
    end, at = varint(payload, 0)
    if not at <= end <= len(payload):
        return None
    types: list[int] = []
    while at < end:
        if len(types) >= COLUMNS_MAX:
            return None
        serial, at = varint(payload, at)
        types.append(serial)
    ends = [at]
    for serial in types:
        size = _stored_bytes(serial)
        if size < 0:
            return None
        ends.append(ends[-1] + size)
    if at != end or ends[-1] > len(payload):
        return None
    runs = zip(types, pairwise(ends), strict=True)
    return tuple(_column(serial, payload[a:b], encoding) for serial, (a, b) in runs)


def _stored_bytes(serial: int) -> int:
    """Return how many bytes a serial type takes, negative for one that is not in use."""
    if serial >= 12:
        return (serial - 12) // 2
    if serial in {0, 8, 9}:
        return 0
    return 8 if serial == 7 else _INTEGER_BYTES.get(serial, -1)


def _column(serial: int, stored: bytes, encoding: str) -> Value:
    if serial == 0:
        return None
    if serial in {8, 9}:
        return serial - 8
    if serial == 7:
        value: float = _F64.unpack(stored)[0]
        return value
    if serial < 12:
        return int.from_bytes(stored, "big", signed=True)
    if serial % 2 == 0:
        return stored
    errors = "surrogateescape" if encoding == "utf-8" else "replace"
    return stored.decode(encoding, errors)
