"""Asking the audit log: the last entries, and entries by who, what and when.

Queries go through `index.db`, which is brought up to date first and may be deleted at any time. An
erasure deletes it. Where it cannot be written the index is built in memory.
"""

import json
import os
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from strongroom.base.errors import Unavailable
from strongroom.base.limits import KIB

from .audit_format import (
    LINE_BYTES_MAX,
    Keys,
    boot_digest,
    is_authentic,
    line_hash,
    parse_personal,
    segment_name,
)
from .audit_read import Reading, take

if TYPE_CHECKING:
    from sqlite3 import Connection

Entry = dict[str, Any]

INDEX_VERSION = 1
BATCH = 1000
_SCHEMA = """
CREATE TABLE IF NOT EXISTS entry (
    segment INTEGER, place INTEGER, size INTEGER, time TEXT, event TEXT, op TEXT, run TEXT,
    outcome TEXT, "by" TEXT, resource TEXT, PRIMARY KEY (segment, place)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS entry_op ON entry (op);
CREATE INDEX IF NOT EXISTS entry_run ON entry (run);
CREATE INDEX IF NOT EXISTS entry_time ON entry (time);
CREATE INDEX IF NOT EXISTS entry_by ON entry ("by");
CREATE INDEX IF NOT EXISTS entry_resource ON entry (resource);
CREATE TABLE IF NOT EXISTS personal (hash TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS personal_value ON personal (value);
CREATE TABLE IF NOT EXISTS progress (segment INTEGER, place INTEGER, hash TEXT, personal INTEGER)
"""


class Filter(NamedTuple):
    """Which entries are wanted; "" is any.

    `op` and `resource` may hold `*` and `?`. `since` and `until` are RFC 3339 in UTC or the
    beginning of one, such as `2026-11-22`, and are compared as text; `until` is excluded. `limit` 0
    is none; `newest` gives the last ones first.
    """

    op: str = ""
    run: str = ""
    by: str = ""
    resource: str = ""
    event: str = ""
    outcome: str = ""
    since: str = ""
    until: str = ""
    limit: int = 0
    newest: bool = False


def query(state_dir: str, wanted: Filter, *, boot_id: str) -> Iterator[Entry]:
    """Yield the authentic entries that match, oldest first, personal values put in. Unavailable.

    A value that was erased stays a commitment. An outcome has no `by` and no `resource` of its own:
    it is found by run and op.
    """
    index = _open_index(state_dir)  # before the log: one that an erasure deletes is never refilled
    try:
        with take(state_dir, boot_digest(boot_id)) as reading:
            if (keys := _keys(reading)) is None:
                return
            index = _updated(index, reading, keys)
            yield from _found(reading, index, wanted)
    finally:
        if index is not None:
            index.close()


def tail(state_dir: str, count: int, *, boot_id: str) -> Iterator[Entry]:
    """Yield the last `count` authentic entries, oldest first, personal values put in. Unavailable.

    Reads from the end; needs no index.
    """
    with take(state_dir, boot_digest(boot_id)) as reading:
        if (keys := _keys(reading)) is None:
            return
        found: list[Entry] = []
        for line in _backwards(reading, sorted(reading.segments, reverse=True)):
            if len(found) >= count:
                break
            if is_authentic(line, keys):
                found.append(json.loads(line))
        values = _values(reading, {commit for entry in found for commit in _commits(entry)})
        for entry in reversed(found):
            yield _put_in(entry, values)


def _keys(reading: Reading) -> Keys | None:
    if reading.keys is None and reading.segments:
        raise Unavailable(
            "the audit log has lost its key", hint="`strongroom audit verify`", reason="audit.key"
        )
    return reading.keys


def _backwards(reading: Reading, segments: list[int]) -> Iterator[bytes]:
    for number in segments:
        path = os.path.join(reading.dir, segment_name(number))
        yield from _lines_backwards(path, reading.segments[number])


def _lines_backwards(path: str, size: int) -> Iterator[bytes]:
    """Yield the lines of a file's first `size` bytes, last first, up to one that is too long."""
    rest = b""
    try:
        with open(path, "rb") as file:
            while size > 0 and len(rest) <= LINE_BYTES_MAX:
                step = min(64 * KIB, size)
                size -= step
                file.seek(size)
                rest, *lines = (file.read(step) + rest).split(b"\n")
                yield from (line for line in reversed(lines) if line)
    except OSError as e:
        raise Unavailable(f"cannot read {path}: {e.strerror}", reason="audit.read") from e
    if size == 0 and rest:
        yield rest


def _commits(entry: Entry) -> Iterator[str]:
    for value in entry.values():
        if isinstance(value, dict) and "commit" in value:
            yield value["commit"]


def _values(reading: Reading, wanted: set[str]) -> dict[str, str]:
    """Return the values of commitments, looking from the end, where the last ones are."""
    values: dict[str, str] = {}
    path = os.path.join(reading.dir, "personal.jsonl")
    if not wanted or not reading.personal_size:
        return values
    for line in _lines_backwards(path, reading.personal_size):
        found = parse_personal(line)
        if found is not None and found.whole and found.commit in wanted:
            values[found.commit] = found.value
            if len(values) == len(wanted):
                break
    return values


def _put_in(entry: Entry, values: dict[str, str]) -> Entry:
    return {
        name: values.get(value["commit"], value)
        if isinstance(value, dict) and "commit" in value
        else value
        for name, value in entry.items()
    }


def _open_index(state_dir: str) -> "Connection | None":
    from .store import open_database

    path = os.path.join(state_dir, "audit", "index.db")
    if not os.path.isdir(os.path.dirname(path)):
        return None
    try:
        return open_database(path, _SCHEMA, INDEX_VERSION)
    except Unavailable:
        return None  # a folder that cannot be written: slower, not less


def _updated(index: "Connection | None", reading: Reading, keys: Keys) -> "Connection":
    """Return the index with all that the log holds; one in memory where the file fails."""
    import sqlite3

    if index is not None:
        try:
            _update(index, reading, keys)
        except sqlite3.Error:
            index.close()  # full, locked, or damaged: slower, not less
        else:
            return index
    memory = sqlite3.connect(":memory:", isolation_level=None)
    memory.executescript(_SCHEMA)
    _update(memory, reading, keys)
    return memory


def _update(index: "Connection", reading: Reading, keys: Keys) -> None:
    """Take into the index what is new, all of it where the log is not the one indexed before."""
    with index:
        index.execute("BEGIN IMMEDIATE")
        segment, place, digest, personal = index.execute(
            "SELECT segment, place, hash, personal FROM progress"
        ).fetchone() or (1, 0, "", 0)
        if not _stands(reading, segment, place, digest):
            index.execute("DELETE FROM entry")
            segment, place, digest = 1, 0, ""
        if personal > reading.personal_size:
            index.execute("DELETE FROM personal")
            personal = 0
        at = _add_entries(index, reading, keys, (segment, place, digest))
        personal = _add_personal(index, reading, personal)
        index.execute("DELETE FROM progress")
        index.execute("INSERT INTO progress VALUES (?, ?, ?, ?)", (*at, personal))


def _stands(reading: Reading, segment: int, place: int, digest: str) -> bool:
    if place == 0:
        return digest == ""
    path = os.path.join(reading.dir, segment_name(segment))
    if place > reading.segments.get(segment, 0):
        return False
    return next((line_hash(line) for line in _lines_backwards(path, place)), "") == digest


def _add_entries(
    index: "Connection", reading: Reading, keys: Keys, at: tuple[int, int, str]
) -> tuple[int, int, str]:
    rows: list[tuple[Any, ...]] = []
    for segment in sorted(n for n in reading.segments if n >= at[0]):
        for line in reading.lines(segment, at[1] if segment == at[0] else 0):
            if not line.whole:
                break
            size = len(line.data)
            at = (segment, line.offset + size + 1, line_hash(line.data))
            if is_authentic(line.data, keys):
                rows.append(_row(segment, line.offset, size, json.loads(line.data)))
            if len(rows) >= BATCH:
                _insert(index, rows)
    _insert(index, rows)
    return at


def _insert(index: "Connection", rows: list[tuple[Any, ...]]) -> None:
    index.executemany("INSERT OR REPLACE INTO entry VALUES (?,?,?,?,?,?,?,?,?,?)", rows)
    rows.clear()


def _row(segment: int, place: int, size: int, entry: Entry) -> tuple[Any, ...]:
    plain = [entry.get(name, "") for name in ("time", "event", "op", "run", "outcome")]
    personal = [entry.get(name, {}).get("commit", "") for name in ("by", "resource")]
    return (segment, place, size, *plain, *personal)


def _add_personal(index: "Connection", reading: Reading, since: int) -> int:
    for offset, data in reading.personal_lines():
        if offset < since:
            continue
        found = parse_personal(data)
        if found is not None and found.whole:
            value = found.value.encode("utf-8", "replace").decode("utf-8")
            index.execute("INSERT OR REPLACE INTO personal VALUES (?, ?)", (found.commit, value))
        since = offset + len(data)
    return since


def _sql(wanted: Filter) -> tuple[str, list[str | int]]:
    of_value = "(SELECT hash FROM personal WHERE value"
    terms = {
        "op GLOB ?": wanted.op, "run = ?": wanted.run, "event = ?": wanted.event,
        "outcome = ?": wanted.outcome, "time >= ?": wanted.since, "time < ?": wanted.until,
        f'"by" IN {of_value} = ?)': wanted.by, f"resource IN {of_value} GLOB ?)": wanted.resource,
    }  # fmt: skip
    chosen = {term: value for term, value in terms.items() if value}
    where = f" WHERE {' AND '.join(chosen)}" if chosen else ""
    down = " DESC" if wanted.newest else ""
    limit = " LIMIT ?" if wanted.limit else ""
    order = f"ORDER BY segment{down}, place{down}{limit}"
    sql = f"SELECT segment, place, size FROM entry{where} {order}"  # noqa: S608  our own words only
    return sql, [*chosen.values(), *([wanted.limit] if wanted.limit else [])]


def _found(reading: Reading, index: "Connection", wanted: Filter) -> Iterator[Entry]:
    rows = index.execute(*_sql(wanted))
    try:
        for segment, places in groupby(rows, itemgetter(0)):
            with open(os.path.join(reading.dir, segment_name(segment)), "rb") as file:
                for _, place, size in places:
                    file.seek(place)
                    yield _resolve(json.loads(file.read(size)), index)
    except (OSError, ValueError) as e:
        raise Unavailable("the audit log was changed meanwhile", reason="audit.read") from e


def _resolve(entry: Entry, index: "Connection") -> Entry:
    values = {}
    for commit in _commits(entry):
        row = index.execute("SELECT value FROM personal WHERE hash = ?", (commit,)).fetchone()
        if row is not None:
            values[commit] = row[0]
    return _put_in(entry, values)
