"""Output: what an op returned, in the format that was asked for, on standard output."""

import sys
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from strongroom.base.errors import Usage
from strongroom.base.record import Finding, Record, Severity
from strongroom.kernel.op import Op
from strongroom.kernel.registry import Registry

from .args import Settings
from .progress import ProgressLine
from .stdout import flush, put, put_bytes
from .terminal import Screen, screen_of
from .text import Write, finding_line, write_block

FLUSH_S = 0.2


class Sink:
    """Standard output for one answer: the progress line out of the way, nothing kept back long."""

    def __init__(self, line: ProgressLine) -> None:
        self._line = line
        self._due = 0.0

    def write(self, text: str) -> None:
        """Write text; the first at once, then what came in FLUSH_S together."""
        self._line.erase()
        put(text)
        now = time.monotonic()
        if now >= self._due:
            flush()
            self._due = now + FLUSH_S


class Channel(NamedTuple):
    """Where the answer of one op goes, and how."""

    op: Op
    registry: Registry
    settings: Settings
    screen: Screen
    line: ProgressLine
    write: Write


class Tally:
    """Watches the records on their way out for what makes the answer a no."""

    def __init__(self, fail_on: str | None) -> None:
        self._fail_on = Severity[fail_on.upper()] if fail_on else None
        self.no = False

    def watch(self, records: Iterator[Any]) -> Iterator[Any]:
        """Pass all on; a finding severe enough, or a record whose `ok` is false, makes it a no."""
        for record in records:
            if isinstance(record, Finding) and self._fail_on is not None:
                self.no |= record.severity >= self._fail_on
            self.no |= getattr(record, "ok", None) is False
            yield record


def write_result(result: Any, channel: Channel) -> bool:
    """Write what an op returned; return whether the answer is yes."""
    tally = Tally(channel.settings.fail_on)
    if result is None:
        return True
    if isinstance(result, bytes):
        _write_stream(iter((result,)), channel, tally)
    elif isinstance(result, Record):
        _write_one(next(tally.watch(iter((result,)))), channel)
    else:
        _write_stream(result, channel, tally)
    return not tally.no


def _write_stream(stream: Iterator[Any], channel: Channel, tally: Tally) -> None:
    if "bytes" in channel.op.results:
        _write_bytes(tally.watch(stream), channel)
    else:
        _write_records(tally.watch(stream), channel)


def _write_bytes(stream: Iterator[Any], channel: Channel) -> None:
    """Pass raw content on as it is; what an op finds on the way is a remark.

    Usage for what is no text, on a terminal: its bytes would be taken as commands.
    """
    for content in _aside(stream, channel):
        channel.line.erase()
        if channel.screen.tty and b"\0" in content:
            raise Usage(
                "this is no text, and standard output is a terminal",
                hint="send it to a file with > FILE, or look at it with `guestkit hexdump`",
                reason="binary",
            )
        put_bytes(content)


def _write_one(record: Record, channel: Channel) -> None:
    if channel.settings.output == "text":
        write_block(record, channel.write, channel.screen)
    else:
        _write_records(iter((record,)), channel)


def _write_records(records: Iterator[Record], channel: Channel) -> None:
    if channel.settings.output == "text":
        _write_text(records, channel)
        return
    from . import machine

    if channel.settings.output == "json":
        machine.write_json(records, channel.write)
    elif channel.settings.output == "yaml":
        machine.write_yaml(records, channel.write)
    else:
        columns = _columns(channel.op, channel.registry)
        shown = channel.screen.clean if channel.screen.tty else str
        machine.write_csv(records, channel.write, columns, shown)


def _write_text(records: Iterator[Record], channel: Channel) -> None:
    if channel.op.name == "guest.inspect":
        from .report import write_report

        write_report(records, channel.write, channel.screen, time.monotonic)
        return
    if channel.op.results != ("finding",):
        records = _aside(records, channel)
    from .table import Table

    Table(channel.op.name, channel.write, channel.screen).write(records)


def _aside(records: Iterator[Any], channel: Channel) -> Iterator[Any]:
    """Pass on all but findings, which are remarks on standard error here."""
    screen = screen_of(sys.stderr, colour=not channel.settings.no_color)
    for record in records:
        if not isinstance(record, Finding):
            yield record
        elif not channel.settings.quiet:
            channel.line.erase()
            sys.stderr.write(finding_line(record, screen) + "\n")


def _columns(op: Op, registry: Registry) -> list[str] | None:
    """Return the CSV columns of what an op may yield, None where it may be any Record.

    Its code is imported for that: the index knows the types by name only.
    """
    if "record" in op.results:
        return None
    from typing import get_args, get_type_hints

    from .machine import csv_columns

    returned = get_type_hints(registry.function(op))["return"]
    kinds = get_args(returned)[0] if op.stream else returned
    return csv_columns(get_args(kinds) or (kinds,))
