"""Text output: aligned tables for streams of records, a block of labels and values for one."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from itertools import islice
from typing import Any, NamedTuple

from strongroom.base.locator import Locator
from strongroom.base.record import Finding, Record, Severity

from .terminal import Screen, fit, human_size, pad, text_width

Write = Callable[[str], object]

BATCH = 256
"""Rows looked at before a table's columns get their widths; the rest streams."""
GAP = "  "
COLUMN_MIN = 8
"""What a column keeps when a narrow terminal takes from it."""
_HIDDEN = frozenset({"at", "line", "offset"})
_SIZES = ("size", "bytes", "free", "used", "available")


class Column(NamedTuple):
    """One column of a table: where its cells come from and how they stand."""

    name: str
    right: bool
    size: bool


def write_table(records: Iterable[Record], write: Write, screen: Screen) -> int:
    """Write records as aligned rows, a table for each run of one type; return how many.

    A terminal gets a header and no line wider than itself; a pipe gets every row whole.
    """
    count = 0
    for batch, rest in _runs(iter(records)):
        columns = _columns(batch)
        rows = [_row(record, columns, screen) for record in batch]
        widths = _widths(columns, rows, screen)
        if screen.tty and len(columns) > 1:
            write(
                screen.paint("dim", _line([c.name for c in columns], columns, widths, screen))
                + "\n"
            )
        for row in rows:
            write(_line(row, columns, widths, screen) + "\n")
        count += len(rows)
        for record in rest:
            write(_line(_row(record, columns, screen), columns, widths, screen) + "\n")
            count += 1
    return count


def write_block(record: Record, write: Write, screen: Screen) -> None:
    """Write one record as a line a field: its label, then its value."""
    shown = [(name, value) for name, value in _values(record) if value not in (None, "", ())]
    width = max((len(label_of(name)) for name, _ in shown), default=0)
    for name, value in shown:
        label = screen.paint("dim", pad(label_of(name), width))
        room = screen.width - width - 2 if screen.width else 0
        text = cell(name, value, screen)
        write(f"{label}{GAP}{fit(text, room) if room > 0 else text}\n")


def finding_line(finding: Finding, screen: Screen) -> str:
    """Return a Finding as one line: severity, message, where it was seen."""
    severity = str(finding.severity)
    message = screen.clean(finding.message)
    place = screen.clean(place_of(finding))
    return f"{screen.paint(severity, severity)}: {message}{GAP}{screen.paint('dim', place)}"


def place_of(record: Record) -> str:
    """Return where a record was seen: the path with its line, else the locator and the offset."""
    where = record.at.path or str(record.at)
    if record.line is not None:
        return f"{where}:{record.line}"
    return where if record.offset is None else f"{where} byte {record.offset}"


def label_of(name: str) -> str:
    """Return a field's name as a label: words, without its unit."""
    return name.removesuffix("_bytes").removesuffix("_at").replace("_", " ")


def cell(name: str, value: Any, screen: Screen) -> str:
    """Return a field's value as text for people."""
    if value is None or value == ():
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Severity):
        return str(value)
    if isinstance(value, int):
        if name == "mode":
            return f"{value:04o}"
        return human_size(value) if screen.tty and _is_size(name) else str(value)
    if isinstance(value, str):
        return screen.clean(value)
    if isinstance(value, Locator):
        return screen.clean(str(value))
    if isinstance(value, tuple | list | frozenset):
        items = sorted(value) if isinstance(value, frozenset) else value
        return ", ".join(cell(name, item, screen) for item in items)
    if isinstance(value, dict):
        return ", ".join(f"{screen.clean(str(k))}={cell('', v, screen)}" for k, v in value.items())
    return screen.clean(str(value))


def _runs(records: Iterator[Record]) -> Iterator[tuple[list[Record], Iterator[Record]]]:
    """Yield each run of records of one class as its first batch and what follows of it."""
    ahead: list[Record] = list(islice(records, 1))

    def of_class(cls: type[Record]) -> Iterator[Record]:
        while ahead:
            if type(ahead[0]) is not cls:
                return
            yield ahead.pop()
            ahead.extend(islice(records, 1))

    while ahead:
        run = of_class(type(ahead[0]))
        batch = list(islice(run, BATCH))
        yield batch, run
        for _ in run:  # a consumer that stopped early leaves nothing behind
            pass


def _columns(batch: list[Record]) -> list[Column]:
    """Return the columns that hold something, and `at` where it is needed to tell rows apart."""
    first = batch[0]
    names = [field.name for field in fields(first)]
    shown = [
        name
        for name in names
        if name not in _HIDDEN
        and any(getattr(record, name) not in (None, "", ()) for record in batch)
    ]
    if isinstance(first, Finding) or not shown:
        shown.append("at")
    return [Column(name, _is_number(batch, name), _is_size(name)) for name in shown]


def _is_number(batch: list[Record], name: str) -> bool:
    values = (getattr(record, name) for record in batch)
    return all(v is None or (isinstance(v, int) and not isinstance(v, bool)) for v in values)


def _is_size(name: str) -> bool:
    return name.rpartition("_")[2] in _SIZES


def _values(record: Record) -> Iterator[tuple[str, Any]]:
    for field in fields(record):
        if field.name not in _HIDDEN:
            yield field.name, getattr(record, field.name)


def _row(record: Record, columns: list[Column], screen: Screen) -> list[str]:
    return [
        screen.clean(place_of(record))
        if column.name == "at"
        else cell(column.name, getattr(record, column.name), screen)
        for column in columns
    ]


def _widths(columns: list[Column], rows: list[list[str]], screen: Screen) -> list[int]:
    heads = [text_width(c.name) if screen.tty and len(columns) > 1 else 0 for c in columns]
    widths = [max(head, *(text_width(row[i]) for row in rows)) for i, head in enumerate(heads)]
    if not screen.width:
        return widths
    spare = screen.width - len(GAP) * (len(widths) - 1)
    flexible = [i for i, column in enumerate(columns) if not column.right] or [0]
    while sum(widths) > spare:
        widest = max(flexible, key=lambda i: widths[i])
        if widths[widest] <= COLUMN_MIN:
            break
        widths[widest] -= 1
    return widths


def _line(row: list[str], columns: list[Column], widths: list[int], screen: Screen) -> str:
    """Return a row in its columns, on a terminal cut to them and to its width."""
    cut = [fit(text, width) for text, width in zip(row, widths, strict=True)]
    cells = [
        pad(text, width, right=column.right)
        for text, column, width in zip(cut if screen.width else row, columns, widths, strict=True)
    ]
    line = GAP.join(cells).rstrip()
    return fit(line, screen.width) if screen.width else line
