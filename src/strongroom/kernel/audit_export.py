"""The audit log for an auditor, who verifies it without our key (spec, "Export")."""

import json
from collections.abc import Callable, Iterator
from typing import Any, Literal

from strongroom.base.errors import NotFound
from strongroom.base.record import Severity, canonical_json

from .audit_format import (
    VERSION,
    Keys,
    boot_digest,
    line_hash,
    parse_personal,
    public_key,
    sign,
    timestamp,
)
from .audit_read import Reading, take
from .audit_verify import verify_reading

COLUMNS = ("seq", "time", "event", "run", "call", "parent", "op", "effects", "by", "resource",
           "outcome", "counts", "line")  # fmt: skip


def export(
    state_dir: str, format: Literal["json", "csv"], *, boot_id: str, now: Callable[[], float]
) -> Iterator[bytes]:
    """Yield the log in lines, line feed included, closed by a signed statement of where it ends.

    The statement says how many errors `verify` finds. As `csv` the cells are for reading (one that
    a spreadsheet would take for a formula has an apostrophe before it) and the column `line`
    for verifying. NotFound without a log, Unavailable if it cannot be read.
    """
    boot = boot_digest(boot_id)
    with take(state_dir, boot) as reading:
        if reading.keys is None or not any(reading.segments.values()):
            raise NotFound("there is no audit log, or its key is missing")
        found = verify_reading(reading, boot, None)
        problems = sum(problem.severity >= Severity.ERROR for problem in found)
        lines = _lines(reading, reading.keys, problems, now())
        yield from lines if format == "json" else _csv(reading, lines)


def export_key(state_dir: str, *, boot_id: str) -> bytes:
    """Return the 32 bytes of the Ed25519 public key that exports are signed with. NotFound."""
    with take(state_dir, boot_digest(boot_id)) as reading:
        if reading.keys is None:
            raise NotFound("there is no audit log, or its key is missing")
        return public_key(reading.keys)


def _lines(reading: Reading, keys: Keys, problems: int, seconds: float) -> Iterator[bytes]:
    head = reading.pin.head if reading.pin is not None else None
    last = b""
    for number in sorted(reading.segments):
        for line in reading.lines(number):
            if head is not None and number >= head.segment and line.offset >= head.at.size:
                break  # of a process that was killed: not pinned yet
            last = line.data
            yield last + b"\n"
    for _, data in reading.personal_lines():
        if parse_personal(data) is not None:
            yield canonical_json({**json.loads(data), "type": "audit.personal"}) + b"\n"
    statement: dict[str, Any] = {
        "v": VERSION, "type": "audit.export", "chain": keys.chain, "problems": problems,
        "seq": head.at.seq if head is not None else 0,
        "hash": head.at.hash if head is not None else line_hash(last),
        "time": timestamp(seconds),
    }  # fmt: skip
    yield canonical_json(sign(statement, keys)) + b"\n"


def _csv(reading: Reading, lines: Iterator[bytes]) -> Iterator[bytes]:
    import csv
    from io import StringIO

    values = {found.commit: found.value for found in reading.personal()}
    buffer = StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for line in lines:
        writer.writerow(_cells(line[:-1].decode("utf-8", "replace"), values))
        yield buffer.getvalue().encode("utf-8")
        buffer.seek(0)
        buffer.truncate()


def _cells(line: str, values: dict[str, str]) -> list[str]:
    try:
        item = json.loads(line)
    except (ValueError, RecursionError):
        item = {}
    if not isinstance(item, dict):
        item = {}
    item.setdefault("event", item.get("type", ""))
    return [*(_cell(item.get(name, ""), values) for name in COLUMNS[:-1]), line]


def _cell(value: Any, values: dict[str, str]) -> str:
    if isinstance(value, dict) and "commit" in value:
        value = values.get(str(value["commit"]), "")
    if isinstance(value, dict):
        value = " ".join(f"{name}={count}" for name, count in value.items())
    if isinstance(value, list):
        value = " ".join(map(str, value))
    text = str(value).encode("utf-8", "replace").decode("utf-8")
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
