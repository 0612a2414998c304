"""Text output: cells, a block of labels and values for one record, a line for a finding."""

from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any

from strongroom.base.limits import KIB
from strongroom.base.locator import Locator
from strongroom.base.record import Finding, Record

from .styles import HIDDEN, is_moment
from .terminal import Screen, fit, human_size, pad, relative_time

Write = Callable[[str], object]

GAP = "  "
_SIZES = ("bytes", "size")


def write_block(record: Record, write: Write, screen: Screen) -> None:
    """Write one record as a line a field: its label, then its value."""
    shown = [(name, value) for name, value in _values(record) if value not in (None, "", ())]
    width = max((len(label_of(name)) for name, _ in shown), default=0)
    for name, value in shown:
        label = screen.paint("dim", pad(label_of(name), width))
        room = screen.width - width - len(GAP)
        text = _exact_size(value) if is_size(name) else cell(name, value, screen)
        write(f"{label}{GAP}{fit(text, room) if screen.width else text}\n")


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
    """Return a field's name as a label: words, without its unit."""
    return name.removesuffix("_bytes").removesuffix("_at").replace("_", " ")


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
