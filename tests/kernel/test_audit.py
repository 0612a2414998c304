"""The log: what an entry says, who may read it, and what it costs."""

import json
import os
import random
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from strongroom.base.errors import Unavailable
from strongroom.kernel.audit import AuditEvent, AuditLog
from strongroom.kernel.audit_format import derive, line_hash
from tests.kernel.audit_history import (
    Clock,
    all_lines,
    grow,
    open_log,
    problems,
)

READ = AuditEvent("intent", "guest.ls", "r1", 1, effects=("read",), by="alice", resource="d.raw")


def test_an_entry_says_who_did_what_and_keeps_the_person_apart(tmp_path: Path):
    log = open_log(tmp_path)

    assert log.append(READ, durable=False) == 1

    (line,) = all_lines(tmp_path)
    entry = json.loads(line)
    keys = derive((tmp_path / "audit" / "chain.key").read_bytes())
    assert set(entry) == {
        "v", "type", "chain", "seq", "time", "prev", "mac", "event", "op", "run", "call",
        "effects", "by", "resource",
    }  # fmt: skip
    assert (entry["v"], entry["type"], entry["chain"]) == (1, "audit", keys.chain)
    assert (entry["event"], entry["op"], entry["effects"]) == ("intent", "guest.ls", ["read"])
    assert entry["time"] == "2026-09-21T14:13:21.500Z"
    assert set(entry["by"]) == {"commit"}
    assert b"alice" not in line
    assert b"alice" in (tmp_path / "audit" / "personal.jsonl").read_bytes()


def test_nothing_is_made_before_the_first_append(tmp_path: Path):
    log = open_log(tmp_path / "state")

    assert log.head() is None
    assert not (tmp_path / "state").exists()


def test_the_head_is_the_last_entry(tmp_path: Path):
    log = open_log(tmp_path)
    grow(log, 3, random.Random(1))

    head = log.head()

    assert head is not None
    assert (head.seq, head.hash) == (3, line_hash(all_lines(tmp_path)[-1]))


def test_everything_is_private_to_its_user(tmp_path: Path):
    previous = os.umask(0)
    grow(open_log(tmp_path / "state", segment_bytes=500), 4, random.Random(1))
    os.umask(previous)

    for path in (tmp_path / "state", *(tmp_path / "state").rglob("*")):
        expected = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == expected, path


def test_the_log_goes_on_where_another_instance_stopped(tmp_path: Path):
    one, other = open_log(tmp_path), open_log(tmp_path)

    for number in range(6):
        (one, other)[number % 2].append(READ, durable=False)

    assert [json.loads(line)["seq"] for line in all_lines(tmp_path)] == [1, 2, 3, 4, 5, 6]
    assert problems(tmp_path) == []


def test_a_state_folder_that_cannot_be_written_refuses_and_names_the_way_out(tmp_path: Path):
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(Unavailable) as caught:
        open_log(tmp_path / "file" / "state").append(READ, durable=False)

    assert "STRONGROOM_HOME" in str(caught.value.hint)


def test_threads_share_one_log(tmp_path: Path):
    from concurrent.futures import ThreadPoolExecutor

    log = open_log(tmp_path)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: log.append(READ._replace(call=n), durable=False), range(100)))

    assert problems(tmp_path) == []
    assert len(all_lines(tmp_path)) == 100


def test_a_child_of_a_process_that_has_logged_logs_too(tmp_path: Path):
    log = open_log(tmp_path)
    log.append(READ, durable=False)
    pid = os.fork()
    if pid == 0:
        try:
            log.append(READ, durable=False)
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    log.append(READ, durable=False)

    assert problems(tmp_path) == []
    assert len(all_lines(tmp_path)) == 3


def test_an_append_imports_nothing_heavy(tmp_path: Path):
    code = textwrap.dedent("""
        import sys, time
        from strongroom.kernel.audit import AuditLog
        log = AuditLog(sys.argv[1], now=time.time, boot_id="b")
        session = log.session("r")
        ticket = session.intent("a.b", ["read"], "alice", "x", call=1, durable=False)
        session.outcome(ticket, "ok")
        session.close()
        heavy = {"_hashlib", "cryptography", "sqlite3", "datetime", "uuid", "tempfile", "secrets",
                 "pathlib", "logging", "csv", "threading", "strongroom.kernel.audit_verify",
                 "strongroom.kernel.audit_query"}
        sys.exit(" ".join(heavy & set(sys.modules)) or 0)
    """)
    command = [sys.executable, "-I", "-c", code, str(tmp_path)]

    done = subprocess.run(command, check=False, capture_output=True, text=True, env={})

    assert (done.returncode, done.stderr.strip()) == (0, "")


def test_a_path_object_names_the_state_folder_as_well(tmp_path: Path):
    log = AuditLog(tmp_path, now=Clock(), boot_id="b")

    assert log.place.dir == str(tmp_path / "audit")
