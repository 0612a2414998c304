"""Text output: cells, a block of labels and values for one record, a line for a finding."""

from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any

from strongroom.base.limits import KIB
from strongroom.base.locator import Locator
from strongroom.base.record import Finding, Record

from .styles import HIDDEN, is_moment
from .terminal import Screen, human_size, pad, relative_time, text_width, wrap

Write = Callable[[str], object]

GAP = "  "
COLUMN_MIN = 8
"""What a column of text keeps where the terminal is narrow."""
_SIZES = ("bytes", "size")


def write_block(record: Record, write: Write, screen: Screen) -> None:
    """Write one record as a line a field: its label, then its value, whole.

    A value too long for the screen goes on in the lines below, and a word too long for a line is
    left to the terminal: what is cut here could be had nowhere else.
    """
    shown = [(name, value) for name, value in _values(record) if value not in (None, "", ())]
    width = max((len(label_of(name)) for name, _ in shown), default=0)
    room = max(COLUMN_MIN, screen.width - width - len(GAP)) if screen.width else 0
    for name, value in shown:
        text = _whole(name, value, screen)
        first, *more = [text] if text_width(text) <= room or not room else wrap(text, room)
        write(f"{screen.paint('dim', pad(label_of(name), width))}{GAP}{first}\n")
        for line in more:
            write(" " * (width + len(GAP)) + line + "\n")


def _whole(name: str, value: Any, screen: Screen) -> str:
    """Return a value that stands alone: a size and a moment both for people and exact."""
    if is_size(name):
        return _exact_size(value)
    text = cell(name, value, screen)
    if isinstance(value, str) and is_moment(name) and screen.tty:
        exact = screen.clean(value)
        return exact if exact.startswith(text) else f"{exact} ({text})"
    return text


def _exact_size(value: Any) -> str:
    return f"{human_size(value)} ({value} bytes)" if value >= KIB else f"{value} bytes"


def finding_line(finding: Finding, screen: Screen) -> str:
    """Return a Finding as one line: severity, message, where it was seen."""
    severity = str(finding.severity)
    message = screen.clean(finding.message)
    place = screen.clean(place_of(finding))
    label = screen.paint(severity, severity + ":")
    return f"{label} {message}{GAP}{screen.paint('dim', place)}"


def place_of(record: Record) -> str:
    """Return where a record was seen: the path with its line, else the locator and the offset."""
    where = record.at.path or str(record.at)
    if record.line is not None:
        return f"{where}:{record.line}"
    return where if record.offset is None else f"{where} byte {record.offset}"


def label_of(name: str) -> str:
    """Return a field's name as a label: words, without a unit that the values carry."""
    words = name.removesuffix("_bytes").removesuffix("_at").replace("_", " ")
    return f"{words.removesuffix(' percent')} %" if words.endswith(" percent") else words


def is_size(name: str) -> bool:
    """Say whether a field of that name holds a number of bytes."""
    return name.rpartition("_")[2] in _SIZES


def cell(name: str, value: Any, screen: Screen) -> str:
    """Return a field's value as text for people."""
    if value is None:
        return ""
    if isinstance(value, str):
        return screen.clean(relative_time(value) if screen.tty and is_moment(name) else value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Enum | Locator):
        return screen.clean(str(value))
    if isinstance(value, int):
        return human_size(value) if screen.tty and is_size(name) else str(value)
    if isinstance(value, tuple | list | frozenset):
        items = sorted(value) if isinstance(value, frozenset) else value
        return ", ".join(cell(name, item, screen) for item in items)
    if isinstance(value, dict):
        return ", ".join(f"{screen.clean(str(k))}={cell('', v, screen)}" for k, v in value.items())
    return screen.clean(str(value))


def _values(record: Record) -> Iterator[tuple[str, Any]]:
    for name in record.fields:
        if name not in HIDDEN:
            yield name, getattr(record, name)
