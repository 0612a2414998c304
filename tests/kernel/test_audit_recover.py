"""Honest histories verify: crashes at any point, power cuts, reboots, several writers."""

import json
import os
import random
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from strongroom.kernel.audit import AuditEvent
from strongroom.kernel.audit_personal import erase
from tests.kernel.audit_history import (
    all_lines,
    errors,
    grow,
    in_a_child,
    open_log,
    problems,
    rules,
    segments,
    some_event,
    watched,
)


def numbers(state: Path) -> list[int]:
    return [json.loads(line)["seq"] for line in all_lines(state)]


def notes(state: Path) -> list[dict[str, Any]]:
    entries = [json.loads(line) for line in all_lines(state)]
    return [note for entry in entries for note in entry.get("recovered", ())]


def die_after(calls: int) -> None:
    """Kill this process before its `calls`-th call of a C function from now on."""
    left = calls

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal left
        if event == "c_call":
            left -= 1
            if left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(count)


def append_until_killed(state: Path, seed: int, calls: int, segment_bytes: int) -> int:
    def work() -> None:
        rng = random.Random(seed)
        log = open_log(state, segment_bytes=segment_bytes)
        die_after(calls)
        for number in range(10_000):
            log.append(some_event(rng, number), durable=rng.random() < 0.3)

    return in_a_child(work)


@pytest.mark.parametrize("seed", range(40))
def test_processes_killed_at_any_point_leave_a_log_that_verifies(tmp_path: Path, seed: int):
    rng = random.Random(seed)
    for _ in range(4):
        children = [
            append_until_killed(tmp_path, rng.randrange(1 << 30), rng.randint(1, 1500), 3000)
            for _ in range(rng.randint(1, 3))
        ]
        for pid in children:
            _, status = os.waitpid(pid, 0)
            assert os.WTERMSIG(status) == signal.SIGKILL
        assert rules(tmp_path) <= {"torn"}

    grow(open_log(tmp_path, segment_bytes=3000), 5, rng)

    assert rules(tmp_path) <= {"torn"}
    assert numbers(tmp_path) == list(range(1, len(numbers(tmp_path)) + 1))


@pytest.mark.parametrize("seed", range(20))
def test_an_erasure_killed_at_any_point_is_finished_by_the_next(tmp_path: Path, seed: int):
    rng = random.Random(seed)
    grow(open_log(tmp_path), 12, rng)

    def work() -> None:
        log = open_log(tmp_path)
        die_after(rng.randint(1, 600))
        erase(log, "alice")

    os.waitpid(in_a_child(work), 0)
    assert rules(tmp_path) <= {"torn", "personal.kept"}

    erase(open_log(tmp_path), "alice")

    assert rules(tmp_path) <= {"torn"}
    side = (tmp_path / "audit" / "personal.jsonl").read_bytes()
    assert b'"alice"' not in side
    assert b'"bob"' in side
    assert not list((tmp_path / "audit").glob("*.part"))


def test_writers_at_the_same_time_make_one_chain(tmp_path: Path):
    def work() -> None:
        grow(open_log(tmp_path, segment_bytes=5000), 60, random.Random(os.getpid()), durable=0.1)

    children = [in_a_child(work) for _ in range(4)]
    states = [os.waitpid(pid, 0)[1] for pid in children]

    assert states == [0, 0, 0, 0]
    assert problems(tmp_path) == []
    assert len([e for e in map(json.loads, all_lines(tmp_path)) if e["event"] == "intent"]) == 240


@pytest.mark.parametrize("seed", range(60))
def test_after_a_power_cut_only_what_was_not_promised_may_be_missing(tmp_path: Path, seed: int):
    rng = random.Random(seed)
    promised: list[int] = []
    with watched(tmp_path) as disk:
        for boot in map(str, range(4)):
            log = open_log(tmp_path, boot=boot, segment_bytes=rng.choice((2500, 1 << 20)))
            promised += grow(log, rng.randint(0, 15), rng, durable=rng.choice((0, 0.1, 0.5)))
            disk.power_cut(rng)
            next_boot = str(int(boot) + 1)
            assert rules(tmp_path, next_boot) <= {"unsynced", "torn"}, boot
            assert set(promised) <= set(numbers_of_intact(tmp_path)), boot

    grow(open_log(tmp_path, boot="last"), 3, rng)

    assert rules(tmp_path, "last") <= {"unsynced"}
    assert set(promised) <= set(numbers(tmp_path))
    assert len(set(numbers(tmp_path))) == len(numbers(tmp_path))


def numbers_of_intact(state: Path) -> list[int]:
    found = []
    for line in all_lines(state):
        try:
            found.append(json.loads(line)["seq"])
        except ValueError:
            continue
    return found


def test_a_power_cut_that_took_entries_is_told_until_the_end(tmp_path: Path):
    log = open_log(tmp_path, boot="1")
    log.append(AuditEvent("intent", "a.b"), durable=True)
    log.append(AuditEvent("intent", "a.c"), durable=False)
    log.append(AuditEvent("intent", "a.d"), durable=False)
    segment = segments(tmp_path)[0]
    segment.write_bytes(b"".join(segment.read_bytes().splitlines(keepends=True)[:2]))

    assert [(p.rule, p.severity.name) for p in problems(tmp_path, "2")] == [("unsynced", "WARNING")]
    assert rules(tmp_path, "1") == {"cut"}

    open_log(tmp_path, boot="2").append(AuditEvent("intent", "a.e"), durable=False)

    assert rules(tmp_path, "2") == {"unsynced"}
    assert notes(tmp_path) == [{"kind": "unsynced", "from": 3, "to": 3}]
    assert numbers(tmp_path) == [1, 2, 4, 5]


def test_a_reboot_without_loss_is_not_worth_an_entry(tmp_path: Path):
    grow(open_log(tmp_path, boot="1"), 5, random.Random(1), durable=0)
    grow(open_log(tmp_path, boot="2"), 5, random.Random(2), durable=0)

    assert problems(tmp_path, "2") == []
    assert numbers(tmp_path) == list(range(1, 11))


def test_a_torn_last_line_is_cut_off_and_recorded(tmp_path: Path):
    log = open_log(tmp_path)
    grow(log, 3, random.Random(1))
    with segments(tmp_path)[0].open("ab") as file:
        file.write(b'{"torn":')

    assert rules(tmp_path) == {"torn"}

    grow(log, 1, random.Random(2))

    assert rules(tmp_path) == {"torn"}
    assert [(n["kind"], n["bytes"]) for n in notes(tmp_path)] == [("torn", 8)]
    assert numbers(tmp_path) == [1, 2, 3, 4, 5]


def test_an_entry_that_was_written_but_not_pinned_is_taken_over(tmp_path: Path):
    log = open_log(tmp_path)
    grow(log, 3, random.Random(1))
    pin = (tmp_path / "audit.head").read_bytes()
    grow(log, 1, random.Random(2))
    (tmp_path / "audit.head").write_bytes(pin)

    assert problems(tmp_path) == []

    grow(open_log(tmp_path), 2, random.Random(3))

    assert problems(tmp_path) == []
    assert numbers(tmp_path) == [1, 2, 3, 4, 5, 6]


def test_a_personal_value_without_an_entry_is_forgotten(tmp_path: Path):
    log = open_log(tmp_path)
    grow(log, 2, random.Random(1))
    side = tmp_path / "audit" / "personal.jsonl"
    before = side.read_bytes()
    side.write_bytes(before + b'{"commit":"00","salt":"00","value":"mallory"}\n')

    log.append(AuditEvent("intent", "a.b", by="dave"), durable=False)

    assert problems(tmp_path) == []
    assert b"mallory" not in side.read_bytes()
    assert side.read_bytes().startswith(before)


def test_what_a_stranger_appended_is_cut_off_and_told(tmp_path: Path):
    log = open_log(tmp_path)
    grow(log, 3, random.Random(1))
    with segments(tmp_path)[0].open("ab") as file:
        file.write(all_lines(tmp_path)[0] + b"\n")

    assert rules(tmp_path) == {"order"}

    grow(log, 1, random.Random(2))

    assert rules(tmp_path) == {"foreign"}


def test_a_cut_stays_known_after_further_entries(tmp_path: Path):
    log = open_log(tmp_path)
    grow(log, 6, random.Random(1))
    segment = segments(tmp_path)[0]
    segment.write_bytes(b"".join(segment.read_bytes().splitlines(keepends=True)[:4]))

    grow(log, 1, random.Random(2))

    assert rules(tmp_path) >= {"cut"}
    assert notes(tmp_path) == [{"kind": "cut", "from": 5, "to": 6}]
    assert numbers(tmp_path) == [1, 2, 3, 4, 7, 8]


@pytest.mark.parametrize("count", range(10, 16))
def test_segments_that_were_taken_away_stay_known(tmp_path: Path, count: int):
    log = open_log(tmp_path, segment_bytes=2000)
    grow(log, count, random.Random(1))
    assert len(segments(tmp_path)) > 2
    segments(tmp_path)[-1].unlink()
    segments(tmp_path)[-1].unlink()

    grow(log, 1, random.Random(2))

    assert "segment" in rules(tmp_path)
    assert {"cut", "missing"} & rules(tmp_path)


@pytest.mark.parametrize("damage", ["delete", "empty", "slot 0", "slot 1", "both slots"])
def test_a_damaged_pin_is_made_anew_and_told(tmp_path: Path, damage: str):
    log = open_log(tmp_path)
    grow(log, 5, random.Random(1))
    pin = tmp_path / "audit.head"
    blob = bytearray(pin.read_bytes())
    if damage in ("slot 0", "both slots"):
        blob[20] ^= 1
    if damage in ("slot 1", "both slots"):
        blob[4116] ^= 1
    pin.write_bytes(b"" if damage == "empty" else blob)
    if damage == "delete":
        pin.unlink()

    assert "pin" in rules(tmp_path)

    grow(log, 2, random.Random(2))

    assert [p.rule for p in errors(tmp_path)] == ["pin"]
    assert {"kind": "pin"} in notes(tmp_path)
    assert b"alice" not in b"".join(all_lines(tmp_path))


def test_an_older_pin_is_told(tmp_path: Path):
    log = open_log(tmp_path)
    grow(log, 3, random.Random(1))
    pin = (tmp_path / "audit.head").read_bytes()
    grow(log, 3, random.Random(2))
    (tmp_path / "audit.head").write_bytes(pin)

    assert rules(tmp_path) == {"pin"}

    grow(open_log(tmp_path), 1, random.Random(3))

    assert rules(tmp_path) == {"pin"}
    assert notes(tmp_path) == [{"kind": "pin", "behind": 3}]


def test_a_crash_while_a_loss_is_recorded_does_not_hide_it(tmp_path: Path):
    log = open_log(tmp_path)
    grow(log, 6, random.Random(1))
    segment, pin = segments(tmp_path)[0], tmp_path / "audit.head"
    segment.write_bytes(b"".join(segment.read_bytes().splitlines(keepends=True)[:5]))
    old_pin = pin.read_bytes()
    grow(open_log(tmp_path), 1, random.Random(2))
    # as if it had died after the `recovered` entry, before the pin
    segment.write_bytes(b"".join(segment.read_bytes().splitlines(keepends=True)[:6]))
    pin.write_bytes(old_pin)

    grow(open_log(tmp_path), 1, random.Random(3))

    assert rules(tmp_path) == {"cut"}
    assert numbers(tmp_path) == [1, 2, 3, 4, 5, 7, 8]
