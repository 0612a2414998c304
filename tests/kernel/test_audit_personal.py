"""Erasing a person: value and salt are gone everywhere, and the log still verifies."""

import json
import random
from pathlib import Path

import pytest

from strongroom.kernel.audit import AuditEvent
from strongroom.kernel.audit_personal import erase
from strongroom.kernel.audit_query import Filter, query
from tests.kernel.audit_history import all_lines, grow, open_log, problems


def everything(state: Path) -> bytes:
    return b"".join(path.read_bytes() for path in state.rglob("*") if path.is_file())


def test_an_erased_value_is_nowhere_and_the_log_verifies(tmp_path: Path):
    log = open_log(tmp_path, segment_bytes=3000)
    grow(log, 40, random.Random(1))
    assert list(query(str(tmp_path), Filter(by="alice"), boot_id="boot 1"))

    count = erase(log, "alice")

    assert count > 0
    # "carol for alice" is another value
    assert b'"alice"' not in everything(tmp_path)
    assert b'"carol for alice"' in everything(tmp_path)
    assert problems(tmp_path) == []
    assert list(query(str(tmp_path), Filter(by="alice"), boot_id="boot 1")) == []
    assert b"alice\0" not in everything(tmp_path)
    last = json.loads(all_lines(tmp_path)[-1])
    assert (last["event"], len(last["commits"])) == ("erased", count)


def test_an_erased_value_that_appears_again_is_recorded_anew(tmp_path: Path):
    log, other = open_log(tmp_path), open_log(tmp_path)
    event = AuditEvent("intent", "a.b", "run", by="alice")
    log.append(event, durable=False)
    other.append(event, durable=False)

    assert erase(log, "alice") == 2
    other.append(event, durable=False)

    assert [e["by"] for e in query(str(tmp_path), Filter(by="alice"), boot_id="b")] == ["alice"]
    assert problems(tmp_path) == []


def test_erasing_what_is_not_there_writes_nothing(tmp_path: Path):
    log = open_log(tmp_path)
    grow(log, 2, random.Random(1))

    assert erase(log, "mallory") == 0
    assert len(all_lines(tmp_path)) == 2


def test_many_commitments_are_listed_in_several_entries(tmp_path: Path):
    log = open_log(tmp_path)
    for run in range(501):
        log.append(AuditEvent("intent", "a.b", str(run), by="alice"), durable=False)

    assert erase(log, "alice") == 501

    erased = [json.loads(line).get("commits", []) for line in all_lines(tmp_path)]
    assert [len(commits) for commits in erased if commits] == [500, 1]
    assert problems(tmp_path) == []


@pytest.mark.parametrize("value", ["caf\udce9", "x" * 100_000])
def test_odd_and_long_values_are_erased_too(tmp_path: Path, value: str):
    log = open_log(tmp_path)
    log.append(AuditEvent("intent", "a.b", by=value), durable=False)

    assert erase(log, value) == 1
    assert (tmp_path / "audit" / "personal.jsonl").read_bytes() == b""


def test_the_log_goes_on_after_an_erasure(tmp_path: Path):
    log = open_log(tmp_path)
    grow(log, 5, random.Random(1))
    erase(log, "bob")
    grow(log, 5, random.Random(2))
    grow(open_log(tmp_path, boot="boot 2"), 5, random.Random(3))

    assert problems(tmp_path, "boot 2") == []


def test_what_a_killed_erasure_left_is_removed(tmp_path: Path):
    log = open_log(tmp_path)
    grow(log, 5, random.Random(1))
    part = tmp_path / "audit" / "personal.jsonl.77.00ff.part"
    part.write_bytes((tmp_path / "audit" / "personal.jsonl").read_bytes())

    erase(log, "alice")

    assert not part.exists()
