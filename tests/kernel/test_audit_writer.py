"""One append: on disk when promised, refused when it cannot be, whatever the disk does."""

import fcntl
import json
import os
import random
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import strongroom.kernel.audit_writer
import strongroom.kernel.store
from strongroom.base.errors import Unavailable
from strongroom.kernel.audit import AuditEvent
from strongroom.testing.tools import need
from tests.kernel.audit_history import (
    all_lines,
    grow,
    open_log,
    problems,
    segments,
    watched,
)

READ = AuditEvent("intent", "guest.ls", "r1", 1, effects=("read",), by="alice", resource="d.raw")


def test_a_durable_entry_is_on_disk_with_its_values_and_its_pin(tmp_path: Path):
    with watched(tmp_path) as disk:
        log = open_log(tmp_path)
        log.append(READ, durable=False)
        log.append(READ._replace(run="r2"), durable=True)

        for name in ("audit/000001.jsonl", "audit/personal.jsonl", "audit.head"):
            assert disk.synced[tmp_path / name] == (tmp_path / name).read_bytes(), name


def test_a_read_entry_costs_no_fsync(tmp_path: Path):
    log = open_log(tmp_path)
    log.append(READ, durable=True)
    with watched(tmp_path) as disk:
        for call in range(5):
            log.append(READ._replace(call=call, resource=f"disk {call}"), durable=False)

        assert disk.synced == {}


def test_a_full_segment_is_closed_by_a_checkpoint_and_followed_by_the_next(tmp_path: Path):
    grow(open_log(tmp_path, segment_bytes=1500), 12, random.Random(1))

    *closed, _open = segments(tmp_path)
    assert len(closed) > 1
    for number, path in enumerate(closed, 1):
        last = json.loads(path.read_bytes().splitlines()[-1])
        assert (last["event"], last["closes"]) == ("checkpoint", number)
        assert path.stat().st_size < 1500 + 2000
    assert problems(tmp_path) == []


def test_one_value_has_one_commitment_within_a_run_and_another_in_the_next(tmp_path: Path):
    log = open_log(tmp_path)
    for run in ("r1", "r1", "r2"):
        log.append(READ._replace(run=run), durable=False)

    one, same, other = (json.loads(line)["by"]["commit"] for line in all_lines(tmp_path))
    assert one == same != other


@pytest.mark.parametrize("value", ["caf\udce9", "\ud800", "x" * 100_000, "a\nb\0"])
def test_odd_and_long_values_are_kept_as_far_as_they_go(tmp_path: Path, value: str):
    open_log(tmp_path).append(AuditEvent("intent", "a.b", by=value), durable=False)

    assert problems(tmp_path) == []
    assert (tmp_path / "audit" / "personal.jsonl").stat().st_size < 60_000


def test_a_file_put_in_place_of_the_segment_is_noticed(tmp_path: Path):
    log = open_log(tmp_path)
    grow(log, 4, random.Random(1))
    segment = segments(tmp_path)[0]
    content = segment.read_bytes()
    segment.rename(tmp_path / "old")
    segment.write_bytes(content)

    grow(log, 1, random.Random(2))

    assert problems(tmp_path) == []
    assert len(all_lines(tmp_path)) == 5


def test_a_lost_key_stops_the_log_instead_of_starting_a_new_one(tmp_path: Path):
    grow(open_log(tmp_path), 2, random.Random(1))
    key = tmp_path / "audit" / "chain.key"
    for damage in (lambda: key.write_bytes(b"short"), key.unlink, (tmp_path / "audit.head").unlink):
        damage()

        with pytest.raises(Unavailable, match="lost its key"):
            open_log(tmp_path).append(READ, durable=False)

    assert len(all_lines(tmp_path)) == 2


def test_a_lock_that_is_never_released_ends_in_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    log = open_log(tmp_path)
    log.append(READ, durable=False)
    monkeypatch.setattr(strongroom.kernel.store, "LOCK_SECONDS", 0.01)
    with (tmp_path / "audit.head").open("rb") as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)

        with pytest.raises(Unavailable, match="another process holds"):
            log.append(READ, durable=False)

    assert log.append(READ, durable=False) == 2


def test_a_failed_fsync_refuses_the_call_and_the_log_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    log = open_log(tmp_path)
    log.append(READ, durable=True)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        for _ in range(3):
            with pytest.raises(Unavailable):
                log.append(READ, durable=True)

    log.append(READ, durable=True)

    assert problems(tmp_path) == []


def refuse(_fd: int) -> None:
    raise OSError(5, "input/output error")


FULL_DISK = """
    import os, sys, time
    from strongroom.base.errors import Unavailable
    from strongroom.kernel.audit import AuditEvent, AuditLog
    from strongroom.kernel.audit_verify import verify

    state, filler = sys.argv[1] + "/state", sys.argv[1] + "/filler"
    log = AuditLog(state, now=time.time, boot_id="b")
    event = AuditEvent("intent", "guest.ls", "r", by="alice", resource="d" * 200)
    log.append(event, durable=True)
    assert os.path.getsize(state + "/audit/reserve") == 1 << 20
    try:
        with open(filler, "wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
    except OSError as e:
        assert e.errno == 28, e

    refused = essential = 0
    for durable in (False, True) * 50:
        try:
            log.append(event._replace(run=str(refused)), durable=durable)
        except Unavailable as e:
            refused += 1
            assert e.code == "unavailable.full" and "STRONGROOM_HOME" in e.hint, e
    assert refused > 50, refused
    for number in range(200):
        log.append(event._replace(run=f"essential {number}"), durable=True, essential=True)
    assert not os.path.exists(state + "/audit/reserve")

    os.unlink(filler)
    log = AuditLog(state, now=time.time, boot_id="b")
    log.append(event, durable=True)
    assert os.path.getsize(state + "/audit/reserve") == 1 << 20
    found = list(verify(state, boot_id="b"))
    assert found == [], found
"""


def test_on_a_full_disk_essential_calls_go_on_with_the_reserve_and_others_are_refused(
    tmp_path: Path,
):
    need("unshare", "mount")
    namespace = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    script = tmp_path / "fill.py"
    script.write_text(textwrap.dedent(FULL_DISK))
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = 'mount -t tmpfs -o size=3m tmpfs "$1" || exit 77; exec "$2" "$3" "$1"'
    command = [*namespace, "sh", "-c", mount, "sh", str(disk), sys.executable, str(script)]

    done = subprocess.run(command, check=False, capture_output=True, text=True)

    if done.returncode in (1, 77) and "Traceback" not in done.stderr:
        need("a private mount namespace")
    assert done.returncode == 0, done.stderr


def test_append_returns_the_number_of_the_entry_also_where_it_fills_the_segment(tmp_path: Path):
    log = open_log(tmp_path, segment_bytes=900)

    promised = [log.append(READ._replace(call=call), durable=False) for call in range(1, 9)]

    found = [json.loads(line) for line in all_lines(tmp_path)]
    assert promised == [entry["seq"] for entry in found if entry["event"] == "intent"]
    assert len(found) > len(promised)


def test_a_pin_that_is_replaced_while_one_waits_for_it_is_opened_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    log = open_log(tmp_path)
    log.append(READ, durable=False)
    pin = tmp_path / "audit.head"
    lock = strongroom.kernel.store.lock
    calls: list[int] = []

    def restore_then_lock(fd: int, path: str) -> None:
        if not calls:
            content = pin.read_bytes()
            pin.unlink()
            pin.write_bytes(content)
        calls.append(fd)
        lock(fd, path)

    monkeypatch.setattr(strongroom.kernel.audit_writer, "lock", restore_then_lock)

    assert log.append(READ, durable=False) == 2
    assert len(calls) == 2
    assert problems(tmp_path) == []


def test_a_segment_that_cannot_be_closed_yet_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    log = open_log(tmp_path, segment_bytes=1)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        with pytest.raises(Unavailable):
            log.append(READ, durable=False)  # the pin of a new log needs it

    log.append(READ, durable=False)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        assert log.append(READ, durable=False) == 3

    log.append(READ, durable=False)
    assert problems(tmp_path) == []
