"""Writes the frozen audit logs. Run once for each new one; those that are there never change.

python -m tests.vectors.make_audit
"""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

from strongroom.kernel.audit import AuditEvent, AuditLog
from strongroom.kernel.audit_personal import erase
from strongroom.kernel.audit_verify import verify
from tests.kernel.audit_history import Clock

KEY = b"FROZEN: a key that is no secret."
VECTORS = Path(__file__).parent / "audit"


@contextmanager
def counted_salts() -> Iterator[None]:
    """Let salts be 1, 2, 3... for as long as it lasts."""
    numbers = count(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "urandom", lambda size: next(numbers).to_bytes(size, "big"))
        yield


def open_frozen(state: Path, clock: Clock, segment_bytes: int = 1 << 20) -> AuditLog:
    (state / "audit").mkdir(parents=True, exist_ok=True)
    (state / "audit" / "chain.key").write_bytes(KEY)
    return AuditLog(
        state, now=clock, boot_id="boot 1", segment_bytes=segment_bytes, reserve_bytes=1
    )


def write_calls(state: Path, clock: Clock) -> None:
    """Calls, folded ones, odd names, and an erasure."""
    with counted_salts():
        log = open_frozen(state, clock)
        session = log.session("run 1", parent=f"{'0' * 32}/7")
        for call in range(1, 6):
            ticket = session.intent(
                "guest.ls", ["read"], "alice", f"disk{call}", call=call, durable=False
            )
            session.outcome(ticket, "ok", records=3)
        ticket = session.intent(
            "vault.use", ["use"], "alice", "caf\udce9", call=6, parent=5, durable=True
        )
        session.outcome(ticket, "denied.grant")
        log.append(AuditEvent("intent", "a.b", "run 2", 1, by="bob"), durable=True)
        erase(log, "bob")
        session.close()


def write_segments(state: Path, clock: Clock) -> None:
    """Two segments, the first closed by its checkpoint."""
    with counted_salts():
        log = open_frozen(state, clock, segment_bytes=1200)
        for call in range(1, 8):
            log.append(AuditEvent("intent", "guest.ls", "run 1", call, by="alice"), durable=False)


def write_recovered(state: Path, clock: Clock) -> None:
    """A torn line that was cut off, and one that was not yet."""
    with counted_salts():
        log = open_frozen(state, clock)
        segment = state / "audit" / "000001.jsonl"
        for call in (1, 2):
            log.append(AuditEvent("intent", "guest.ls", "run 1", call, by="alice"), durable=False)
            with segment.open("ab") as file:
                file.write(b'{"torn":')


WRITERS: dict[str, Callable[[Path, Clock], None]] = {
    "v1-calls": write_calls,
    "v1-recovered": write_recovered,
    "v1-segments": write_segments,
}


def main() -> None:
    """Write the logs that are not there yet."""
    for name, write in WRITERS.items():
        state = VECTORS / name
        if state.exists():
            continue
        write(state, Clock())
        (state / "audit" / "reserve").unlink()
        lines = sum(len(path.read_bytes().splitlines()) for path in state.glob("audit/0*"))
        rules = [problem.rule for problem in verify(str(state), boot_id="boot 1")]
        expected = {"entries": lines, "rules": rules}
        (state / "expected.json").write_text(json.dumps(expected) + "\n")
        sys.stdout.write(f"{name} {expected}\n")


if __name__ == "__main__":
    main()
