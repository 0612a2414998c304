"""Bringing the audit log in order after a crash, a power cut or a stranger (spec, "Recovery").

Runs with the log locked, before the first append that finds files and pin apart. Whatever is
taken away or found missing becomes a `recovered` entry, except the one entry that a killed
process leaves unpinned.
"""

import json
import os
from typing import TYPE_CHECKING, Any, NamedTuple

from .audit_format import (
    LINE_BYTES_MAX,
    ZERO,
    AuditEvent,
    Head,
    Mark,
    is_authentic,
    line_hash,
    parse_personal,
)
from .audit_read import Reading, look
from .digest import sha256
from .store import sync_dir

if TYPE_CHECKING:
    from .audit_writer import Writer


class _Walk(NamedTuple):
    """The end of what is there: the last line taken, and what lies behind it.

    `entries` is how many were taken over, -1 where the chain could not be followed.
    """

    seq: int
    hash: str
    size: int
    rest: int
    rest_lines: bool
    rest_digest: str
    entries: int
    erased: int
    closed: bool
    commits: frozenset[str]


def settle(writer: "Writer", pinned: Head | None, *, sound: bool) -> None:
    """Set `writer.head` to where the next entry goes, with files and pin in order."""
    with look(writer.place.state_dir, writer.place.boot, b"") as reading:
        if pinned is not None:
            _repair(writer, pinned, reading, [] if sound else [{"kind": "pin"}])
            return
        pinned = _without_pin(writer, reading)
        if pinned is None:
            _begin(writer)
            return
        writer.blank_pin()
        _repair(writer, pinned, reading, [{"kind": "pin"}])
        writer.pin(writer.head, durable=True)  # the second slot


def _repair(writer: "Writer", pinned: Head, reading: Reading, notes: list[dict[str, Any]]) -> None:
    rebooted = pinned.boot != writer.place.boot
    start = pinned.durable if rebooted else pinned.at
    if not writer.created and _stands(writer, start):
        walk = _walk_from(writer, pinned.segment, start, reading)
    else:
        walk = _walk_all(writer, pinned.segment, reading)
    notes += _rest(walk, rebooted=rebooted)
    os.ftruncate(writer.segment_fd, walk.size)
    notes += _lost(walk, pinned, rebooted=rebooted)
    personal = reading.personal_size
    if rebooted:
        personal, gone = _personal_lost(writer, walk, pinned, reading)
        notes += gone
    elif walk.entries == 0:
        personal = pinned.at.personal
    at = Mark(max(walk.seq, pinned.at.seq), walk.hash, walk.size, personal)
    head = pinned._replace(at=at, boot=writer.place.boot, erased=max(walk.erased, pinned.erased))
    _finish(writer, head, notes, durable=rebooted, closed=walk.closed)


def _finish(
    writer: "Writer", head: Head, notes: list[dict[str, Any]], *, durable: bool, closed: bool
) -> None:
    writer.head = head
    if durable:
        writer.sync()
        writer.head = head = head._replace(durable=head.at)
    if closed:
        writer.next_segment()
    if notes:
        # pinned together with its entry, or a second crash would hide the loss
        writer.write(AuditEvent("recovered", detail={"recovered": notes}), durable=True)
    elif not closed:
        writer.pin(head, durable=durable)


def _begin(writer: "Writer") -> None:
    start = Mark(0, ZERO, 0, 0)
    writer.open_segment(1)
    writer.blank_pin()
    writer.pin(Head(0, writer.place.boot, 1, start, start, 0), durable=False)
    writer.pin(writer.head, durable=True)
    sync_dir(writer.place.dir)
    sync_dir(writer.place.state_dir)


def _without_pin(writer: "Writer", reading: Reading) -> Head | None:
    """Return a head at the end of the last segment that has lines, None where none has."""
    numbers = sorted(n for n, size in reading.segments.items() if size)
    if not numbers:
        return None
    writer.open_segment(numbers[-1])
    walk = _walk_all(writer, numbers[-1], reading)
    at = Mark(walk.seq, walk.hash, walk.size, reading.personal_size)
    return Head(0, writer.place.boot, numbers[-1], at, at, 0)


def _stands(writer: "Writer", mark: Mark) -> bool:
    """Tell whether the line that `mark` names ends where it says."""
    if mark.size > writer.segment_size():
        return False
    if mark.size == 0:
        return True
    start = max(0, mark.size - LINE_BYTES_MAX)
    data = os.pread(writer.segment_fd, mark.size - start, start)
    if not data.endswith(b"\n"):
        return False
    return line_hash(data[data.rfind(b"\n", 0, -1) + 1 : -1]) == mark.hash


def _walk_from(writer: "Writer", segment: int, start: Mark, reading: Reading) -> _Walk:
    """Follow the chain from a line that stands, up to the first one that is not of it."""
    seq, prev, size = start.seq, start.hash, start.size
    entries, erased, closed = 0, 0, False
    commits: set[str] = set()
    for line in reading.lines(segment, start.size):
        if closed or not line.whole or not is_authentic(line.data, writer.keys):
            break
        entry = json.loads(line.data)
        if entry["prev"] != prev or entry["seq"] != _next(seq, entry):
            break
        seq, prev, size = entry["seq"], line_hash(line.data), line.offset + len(line.data) + 1
        entries += 1
        erased = seq if entry["event"] == "erased" else erased
        closed = entry.get("closes") == segment
        commits.update(v["commit"] for v in entry.values() if isinstance(v, dict) and "commit" in v)
    rest = os.pread(writer.segment_fd, writer.segment_size() - size, size)
    return _Walk(
        seq, prev, size, len(rest), b"\n" in rest, sha256(rest).hexdigest(),
        entries, erased, closed, frozenset(commits),
    )  # fmt: skip


def _next(seq: int, entry: dict[str, Any]) -> int:
    """Return the number that an entry must have: one up, or behind the gap that it declares."""
    gaps: list[int] = [note.get("to", 0) for note in entry.get("recovered", ())]
    return max([seq, *gaps]) + 1


def _walk_all(writer: "Writer", segment: int, reading: Reading) -> _Walk:
    """Take every whole line of a segment as it is: what is wrong with them is for `verify`."""
    seq, size, closed, torn, prev = 0, 0, False, b"", ""
    for line in reading.lines(segment):
        if not line.whole:
            torn = line.data
            continue
        size, prev = line.offset + len(line.data) + 1, line_hash(line.data)
        closed = False
        if is_authentic(line.data, writer.keys):
            entry = json.loads(line.data)
            seq, closed = max(seq, entry["seq"]), entry.get("closes") == segment
    if not size and segment > 1:
        before = _walk_all(writer, segment - 1, reading)
        seq, prev = before.seq, before.hash
    digest = sha256(torn).hexdigest()
    return _Walk(
        seq, prev or ZERO, size, len(torn), False, digest, -1, 0, closed, frozenset()
    )  # fmt: skip


def _rest(walk: _Walk, *, rebooted: bool) -> list[dict[str, Any]]:
    if not walk.rest:
        return []
    kind = "unsynced" if rebooted else "foreign" if walk.rest_lines else "torn"
    return [{"kind": kind, "bytes": walk.rest, "sha256": walk.rest_digest}]


def _lost(walk: _Walk, pinned: Head, *, rebooted: bool) -> list[dict[str, Any]]:
    if walk.seq < pinned.at.seq:
        unsynced = rebooted and walk.seq >= pinned.durable.seq
        kind = "unsynced" if unsynced else "cut"
        return [{"kind": kind, "from": walk.seq + 1, "to": pinned.at.seq}]
    if not rebooted and walk.entries > 1:
        return [{"kind": "pin", "behind": walk.entries}]
    return []


def _personal_lost(
    writer: "Writer", walk: _Walk, pinned: Head, reading: Reading
) -> tuple[int, list[dict[str, Any]]]:
    """Cut off what a power cut left of the personal file; return its size and what to say."""
    missing = set(walk.commits)
    end = 0
    for offset, data in reading.personal_lines():
        found = parse_personal(data) if data.endswith(b"\n") else None
        if (found is None or not found.whole) and offset >= pinned.durable.personal:
            break
        if found is not None:
            missing.discard(found.commit)
        end = offset + len(data)
    if end < reading.personal_size:
        os.truncate(writer.place.personal_path, end)
    return end, [{"kind": "unsynced", "personal_since": pinned.durable.seq}] if missing else []
