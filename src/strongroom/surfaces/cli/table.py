"""Tables: streams of records as aligned rows, each type in a table of its own."""

import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from strongroom.base.record import Finding, Record

from .styles import BLOCKS, HEADINGS, LINES, PATHS, fields_of
from .terminal import Screen, fit, fit_path, pad, text_width
from .text import COLUMN_MIN, GAP, Write, cell, is_size, label_of, place_of, write_block

BATCH = 256
"""Rows looked at before a table's columns get their widths; the rest streams."""
WAIT_S = 0.5
"""How long rows are kept back for that."""
BLOCK_FIELDS = 9
"""A record with more filled fields is a block where it is the only one of its type."""
EMPTY = "-"
"""What stands in a cell without a value, so that columns can be told apart in a pipe."""


class Column(NamedTuple):
    """One column of a table, in columns of the screen."""

    name: str
    right: bool
    width: int


class Table:
    """Writes records as they come; one object for one answer."""

    def __init__(self, op_name: str, write: Write, screen: Screen) -> None:
        self._op = op_name
        self._write = write
        self._screen = screen
        self._last: type[Record] | None = None
        self._headed = False
        self._layouts: dict[type[Record], list[Column]] = {}

    def write(self, records: Iterable[Record]) -> None:
        """Write all records: the first ones by type, the rest in the order in which they come.

        A terminal gets a header and no line wider than itself; a pipe gets every row whole.
        """
        stream = iter(records)
        first = next(stream, None)
        if first is None:
            return
        stream = chain((first,), stream)
        if (self._op, first.type) in LINES:
            self._one_by_one(stream)
            return
        batch: list[Record] = []
        try:
            _fill(batch, stream)
        finally:  # what came before a failure is shown, too
            kinds = list(dict.fromkeys(type(record) for record in batch))
            self._headed |= len(kinds) > 1
            for kind in kinds:
                self._run(kind, [record for record in batch if type(record) is kind])
        self._one_by_one(stream)

    def _one_by_one(self, stream: Iterator[Record]) -> None:
        for record in stream:
            style = LINES.get((self._op, record.type))
            if style is not None:
                line = style(record, self._screen)
                if line is not None:
                    self._write(line + "\n")
            elif type(record) is self._last and type(record) in self._layouts:
                self._row(self._layouts[type(record)], record)
            else:
                self._run(type(record), [record])

    def _run(self, kind: type[Record], records: Sequence[Record]) -> None:
        """Write records of one type below one another, set off from what came before."""
        if self._last is not None:
            self._write("\n")
            self._headed = True
        self._last = kind
        columns = self._layouts.get(kind) or _columns(kind, records, self._screen)
        if kind.type in BLOCKS or (len(records) == 1 and len(columns) > BLOCK_FIELDS):
            for number, record in enumerate(records):
                if number:
                    self._write("\n")
                write_block(record, self._write, self._screen)
            return
        self._layouts[kind] = columns
        if self._screen.tty and self._headed:
            heading = HEADINGS.get(kind.type, kind.type.replace("_", " "))
            self._write(self._screen.paint("bold", heading) + "\n")
        if self._screen.tty and len(columns) > 1:
            names = [label_of(column.name) for column in columns]
            self._write(self._screen.paint("dim", _line(names, columns, self._screen)) + "\n")
        for record in records:
            self._row(columns, record)

    def _row(self, columns: list[Column], record: Record) -> None:
        self._write(_line(_cells(record, columns, self._screen), columns, self._screen) + "\n")


def _fill(batch: list[Record], stream: Iterator[Record]) -> None:
    until = time.monotonic() + WAIT_S
    for record in stream:
        batch.append(record)
        if len(batch) >= BATCH or time.monotonic() > until:
            return


def _columns(kind: type[Record], records: Sequence[Record], screen: Screen) -> list[Column]:
    """Return the columns that hold something, `at` where nothing else tells rows apart."""
    names = [name for name in fields_of(kind) if any(_is_filled(getattr(r, name)) for r in records)]
    if issubclass(kind, Finding) or not names:
        names.append("at")
    columns = [Column(name, _is_number(records, name), 0) for name in names]
    rows = [_cells(record, columns, screen) for record in records]
    heads = [text_width(label_of(name)) if screen.tty and len(names) > 1 else 0 for name in names]
    widths = [max(head, *(text_width(row[i]) for row in rows)) for i, head in enumerate(heads)]
    text = [i for i, column in enumerate(columns) if not column.right]
    _narrow(widths, [i for i in text if columns[i].name not in PATHS], screen)
    _narrow(widths, text, screen)
    return [column._replace(width=width) for column, width in zip(columns, widths, strict=True)]


def _narrow(widths: list[int], flexible: list[int], screen: Screen) -> None:
    """Take from the widest columns of text until a row fits the screen."""
    spare = screen.width - len(GAP) * (len(widths) - 1)
    while screen.width and flexible and sum(widths) > spare:
        widest = max(flexible, key=lambda i: widths[i])
        if widths[widest] <= COLUMN_MIN:
            break
        widths[widest] -= 1


def _is_filled(value: object) -> bool:
    return value is not False and value not in (None, "", ())


def _is_number(records: Sequence[Record], name: str) -> bool:
    values = [getattr(record, name) for record in records]
    return is_size(name) or all(
        value is None or (isinstance(value, int) and not isinstance(value, bool))
        for value in values
    )


def _cells(record: Record, columns: list[Column], screen: Screen) -> list[str]:
    return [
        screen.clean(place_of(record))
        if column.name == "at"
        else cell(column.name, getattr(record, column.name), screen) or EMPTY
        for column in columns
    ]


def _line(row: list[str], columns: list[Column], screen: Screen) -> str:
    """Return a row in its columns, on a terminal cut to them and to its width."""
    cells = [
        pad(_fitted(text, column) if screen.width else text, column.width, right=column.right)
        for text, column in zip(row, columns, strict=True)
    ]
    line = GAP.join(cells).rstrip()
    return fit(line, screen.width) if screen.width else line


def _fitted(text: str, column: Column) -> str:
    return (fit_path if column.name in PATHS else fit)(text, column.width)
