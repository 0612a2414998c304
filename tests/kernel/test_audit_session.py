"""What calls say: intent, outcome, and one entry for many reads."""

import json
from pathlib import Path
from typing import Any

import pytest

from strongroom.kernel.audit import AuditLog, AuditSession
from tests.kernel.audit_history import all_lines, problems


class Minute:
    """A clock that stands until it is set, in minutes."""

    def __init__(self) -> None:
        self.minutes = 29_833_333.0

    def __call__(self) -> float:
        return self.minutes * 60


@pytest.fixture
def clock() -> Minute:
    return Minute()


@pytest.fixture
def log(tmp_path: Path, clock: Minute) -> AuditLog:
    return AuditLog(tmp_path, now=clock, boot_id="boot 1")


@pytest.fixture
def session(log: AuditLog) -> AuditSession:
    return log.session("run 1")


def read(session: AuditSession, call: int, *, op: str = "guest.ls", by: str = "alice") -> None:
    ticket = session.intent(op, ["read"], by, f"disk{call}", call=call, durable=False)
    session.outcome(ticket, "ok", records=2)


def entries(state: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in all_lines(state)]


def story(state: Path) -> list[tuple[str, str, int]]:
    """Return event, op, and the call's number or how many calls were folded."""
    return [
        (e["event"], e["op"], e["counts"]["calls"] if e["event"] == "fold" else e["call"])
        for e in entries(state)
    ]


def test_a_call_has_its_intent_and_its_outcome(session: AuditSession, tmp_path: Path):
    ticket = session.intent(
        "vault.get", ["reveal"], "alice", "github", call=2, parent=1, durable=True
    )
    assert story(tmp_path) == [("intent", "vault.get", 2)]

    session.outcome(ticket, "denied.grant")

    intent, outcome = entries(tmp_path)
    assert (intent["run"], intent["parent"], intent["effects"]) == ("run 1", 1, ["reveal"])
    assert (outcome["run"], outcome["call"], outcome["parent"]) == ("run 1", 2, 1)
    assert outcome["outcome"] == "denied.grant"
    assert not {"by", "resource", "effects", "counts"} & set(outcome)


def test_reads_after_the_first_fold_into_one_counted_entry(session: AuditSession, tmp_path: Path):
    for call in range(1, 101):
        read(session, call)
    session.close()

    assert story(tmp_path) == [
        ("intent", "guest.ls", 1), ("outcome", "guest.ls", 1), ("fold", "guest.ls", 99),
    ]  # fmt: skip
    fold = entries(tmp_path)[-1]
    assert fold["outcomes"] == {"ok": 99}
    assert fold["counts"] == {"calls": 99, "records": 198}
    assert (fold["effects"], fold["run"], set(fold["by"])) == (["read"], "run 1", {"commit"})
    assert fold["since"].endswith(":00.000Z")


def test_each_minute_begins_with_a_whole_entry(
    session: AuditSession, tmp_path: Path, clock: Minute
):
    for call in range(1, 4):
        read(session, call)
    clock.minutes += 1
    for call in range(4, 6):
        read(session, call)
    clock.minutes += 2
    read(session, 6)
    session.close()

    assert story(tmp_path) == [
        ("intent", "guest.ls", 1), ("outcome", "guest.ls", 1),
        ("fold", "guest.ls", 2), ("intent", "guest.ls", 4), ("outcome", "guest.ls", 4),
        ("fold", "guest.ls", 1), ("intent", "guest.ls", 6), ("outcome", "guest.ls", 6),
    ]  # fmt: skip


def test_other_ops_principals_and_runs_are_not_folded_together(
    log: AuditLog, session: AuditSession, tmp_path: Path
):
    other = log.session("run 2")
    for call in (1, 2):
        read(session, call)
        read(session, call, op="guest.cat")
        read(session, call, by="bob")
        read(other, call)
    session.close()
    other.close()

    events = [event for event, _, _ in story(tmp_path)]
    assert (events.count("intent"), events.count("fold")) == (4, 4)
    assert problems(tmp_path) == []


def test_what_is_not_a_mere_read_is_never_folded(session: AuditSession, tmp_path: Path):
    for call in range(5):
        ticket = session.intent("vault.use", ["use"], "a", "x", call=call + 1, durable=True)
        session.outcome(ticket, "ok")
    session.close()

    assert len(entries(tmp_path)) == 10


def test_a_folded_stream_that_ends_in_another_minute_is_counted(
    session: AuditSession, tmp_path: Path, clock: Minute
):
    read(session, 1)
    ticket = session.intent("guest.ls", ["read"], "alice", "d", call=2, durable=False)
    clock.minutes += 5
    read(session, 3)
    session.outcome(ticket, "abandoned")
    session.close()

    folds = [e for e in entries(tmp_path) if e["event"] == "fold"]
    assert sum(fold["counts"]["calls"] for fold in folds) == 1
    assert [fold["outcomes"] for fold in folds] == [{}, {"abandoned": 1}]
    assert [e["call"] for e in entries(tmp_path) if e["event"] == "intent"] == [1, 3]


def test_an_outcome_of_an_earlier_minute_does_not_stand_for_the_first_call(
    session: AuditSession, tmp_path: Path, clock: Minute
):
    read(session, 1)
    ticket = session.intent("guest.ls", ["read"], "alice", "d", call=2, durable=False)
    session.close()
    clock.minutes += 1
    session.outcome(ticket, "ok")
    read(session, 3)
    session.close()

    assert [e["call"] for e in entries(tmp_path) if e["event"] == "intent"] == [1, 3]


def test_closing_twice_writes_once(session: AuditSession, tmp_path: Path):
    read(session, 1)
    read(session, 2)
    session.close()
    session.close()

    assert len(entries(tmp_path)) == 3


def test_a_job_names_the_intent_that_started_it(
    log: AuditLog, session: AuditSession, tmp_path: Path
):
    ticket = session.intent("job.add", ["execute"], "alice", "", call=1, durable=True)
    head = log.head()
    assert head is not None
    job = log.session("run 2", parent=f"{head.chain}/{ticket.seq}")
    job.intent("guest.inspect", ["read"], "alice", "d", call=1, durable=False)

    assert entries(tmp_path)[-1]["parent"] == f"{head.chain}/1"
