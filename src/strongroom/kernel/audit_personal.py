"""Erasing a person from the audit log, which stays verifiable (spec, "Personal fields")."""

import os
from collections.abc import Iterator

from .audit import AuditLog
from .audit_format import AuditEvent, parse_personal, storable
from .audit_read import Reading, look
from .audit_writer import Writer
from .store import delete_database, replace_atomically, unwritable

COMMITS_PER_ENTRY = 500


def erase(log: AuditLog, value: str) -> int:
    """Forget a personal value wherever it stands; return how many commitments lost it. Unavailable.

    The `erased` entries are on disk before the first value is gone. If it is interrupted between
    the two, a second call finishes it.
    """
    data = storable(value)
    with log.writer(essential=True) as writer:
        try:
            return _erase(writer, data.decode("utf-8", "surrogateescape"))
        except OSError as e:
            raise unwritable(e, log.place.personal_path) from e


def _erase(writer: Writer, value: str) -> int:
    log = writer.place
    for name in os.listdir(log.dir):
        if name.startswith("personal.jsonl.") and name.endswith(".part"):
            os.unlink(os.path.join(log.dir, name))  # an erasure was killed: it holds values too
    with look(log.state_dir, log.boot, b"") as reading:
        commits = [found.commit for found in reading.personal() if found.value == value]
        if not commits:
            return 0
        for start in range(0, len(commits), COMMITS_PER_ENTRY):
            part = commits[start : start + COMMITS_PER_ENTRY]
            writer.write(AuditEvent("erased", detail={"commits": part}), durable=True)
        replace_atomically(log.personal_path, _without(reading, value))
    delete_database(os.path.join(log.dir, "index.db"))
    at = writer.head.at._replace(personal=os.stat(log.personal_path).st_size)
    writer.pin(writer.head._replace(at=at, durable=at, erased=at.seq), durable=True)
    return len(commits)


def _without(reading: Reading, value: str) -> Iterator[bytes]:
    for _, line in reading.personal_lines():
        found = parse_personal(line)
        if found is None or not found.whole or found.value != value:
            yield line
