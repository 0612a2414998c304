"""audit: what was done is found again, and what was done to the log is found out."""

import csv
import hashlib
import json
import re
import shutil
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from tests.apps.system.conftest import Cli

from strongroom.apps.system.auditing import AuditEntry, AuditVerified
from strongroom.base.errors import NotFound, Usage
from strongroom.base.record import Finding
from strongroom.kernel.audit_export import export_key
from strongroom.kernel.audit_personal import erase
from strongroom.kernel.call import Context
from strongroom.kernel.store import boot_id

SPEC = Path(__file__).parents[3] / "docs/spec/audit.md"


@pytest.fixture
def told(ctx: Context) -> Context:
    """A Context with some history: two reads, one of them in vain, and a write."""
    ctx.call("cache.stats")
    with pytest.raises(NotFound):
        list(ctx.call("config.show", name="cash"))
    ctx.call("cache.clear")
    return ctx


def query(ctx: Context, **given: Any) -> list[AuditEntry]:
    return list(ctx.call("audit.query", **given))


def tail(ctx: Context, lines: int) -> list[AuditEntry]:
    return list(ctx.call("audit.tail", lines=lines))


def verified(ctx: Context, head: str = "") -> tuple[list[Finding], AuditVerified]:
    *findings, answer = ctx.call("audit.verify", head=head)
    assert isinstance(answer, AuditVerified)
    return findings, answer


def segment(ctx: Context) -> Path:
    return Path(ctx.session.home.state_dir, "audit/000001.jsonl")


def flip(path: Path, near: bytes) -> None:
    content = bytearray(path.read_bytes())
    content[content.index(near)] ^= 1
    path.write_bytes(content)


def test_the_last_entries_come_in_order_and_end_with_the_question(told: Context) -> None:
    found = tail(told, 4)

    assert [(e.event, e.op, e.outcome) for e in found] == [
        ("outcome", "config.show", "not_found"),
        ("intent", "cache.clear", None),
        ("outcome", "cache.clear", "ok"),
        ("intent", "audit.tail", None),
    ]
    assert [e.seq for e in found] == [4, 5, 6, 7]
    assert [str(e.at) for e in found] == [f"audit::{e.seq}" for e in found]
    write = found[1]
    assert (write.effects, write.by, write.run, write.call) == (
        ("read", "write"),
        "tester",
        "test",
        3,
    )


@pytest.mark.parametrize(("lines", "count"), [(0, 0), (1, 1), (7, 7), (1000, 7)])
def test_as_many_entries_are_shown_as_asked_for(told: Context, lines: int, count: int) -> None:
    assert len(tail(told, lines)) == count


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, [1, 2, 3, 4, 5, 6, 7]),
        ({"op": "cache.*"}, [1, 2, 5, 6]),
        ({"op": "cache.clear"}, [5, 6]),
        ({"op": "*.?????"}, [1, 2, 5, 6, 7]),
        ({"by": "tester"}, [1, 3, 5, 7]),
        ({"by": "somebody"}, []),
        ({"resource": "c?sh"}, [3]),
        ({"resource": "cash", "event": "outcome"}, []),
        ({"run": "test"}, [1, 2, 3, 4, 5, 6, 7]),
        ({"run": "other"}, []),
        ({"outcome": "not_found"}, [4]),
        ({"event": "outcome"}, [2, 4, 6]),
        ({"limit": 2}, [1, 2]),
        ({"limit": 2, "newest": True}, [7, 6]),
        ({"since": "2026"}, [1, 2, 3, 4, 5, 6, 7]),
        ({"since": "2026-01-01T00:00:00.000Z"}, [1, 2, 3, 4, 5, 6, 7]),
        ({"since": "2026-01-01T00:00:01"}, []),
        ({"until": "2026-01-01"}, []),
        ({"until": "2026-01-02", "event": "outcome", "limit": 1}, [2]),
        ({"op": "' OR 1=1 --"}, []),
    ],
)
def test_entries_are_found_by_what_is_known_of_them(
    told: Context, given: dict[str, Any], found: list[int]
) -> None:
    assert [e.seq for e in query(told, **given)] == found


@pytest.mark.parametrize(
    ("op", "given"),
    [
        ("audit.tail", {"lines": -1}),
        ("audit.query", {"limit": -1}),
        ("audit.query", {"since": "yesterday"}),
        ("audit.query", {"since": "2026-1-1"}),
        ("audit.query", {"since": "2026-01-01 10:00"}),
        ("audit.query", {"until": "\N{FULLWIDTH DIGIT TWO}026"}),
        ("audit.query", {"until": "*"}),
        ("audit.verify", {"head": "last week"}),
        ("audit.verify", {"head": "ab/1"}),
        ("audit.verify", {"head": "ab/one/cd"}),
        ("audit.verify", {"head": "ab/\N{SUPERSCRIPT TWO}/cd"}),
        ("audit.verify", {"head": "/1/cd"}),
        ("audit.verify", {"head": "ab/-1/cd"}),
        ("audit.verify", {"head": "ab/1/"}),
        ("audit.verify", {"head": f"ab/{'9' * 5000}/cd"}),
        ("audit.export", {"format": "xml"}),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(
    told: Context, op: str, given: dict[str, Any]
) -> None:
    with pytest.raises(Usage):
        list(told.call(op, **given))


def test_repeated_reads_are_counted_in_one_entry(ctx: Context) -> None:
    for _ in range(40):
        ctx.call("cache.stats")
    ctx.session.audit.close()
    (fold,) = query(ctx, event="fold")

    assert (fold.op, fold.by, fold.counts) == ("cache.stats", "tester", {"calls": 39})


def test_a_person_who_was_erased_is_named_no_more(told: Context) -> None:
    erase(told.session.audit.log, "tester")  # type: ignore[arg-type]  # an AuditLog, as make_context makes it
    found = query(told, op="cache.clear")

    assert [(e.event, e.by) for e in found] == [("intent", None), ("outcome", None)]
    assert query(told, by="tester")[-1].op == "audit.query"
    assert verified(told)[1].ok


def test_a_log_as_it_was_written_is_verified(told: Context) -> None:
    findings, answer = verified(told)

    assert (findings, answer.ok, answer.problems) == ([], True, 0)
    assert answer.head is not None
    chain, seq, digest = answer.head.split("/")
    last = segment(told).read_bytes().splitlines()[int(seq) - 1]
    assert (json.loads(last)["chain"], hashlib.sha256(last).hexdigest()) == (chain, digest)
    assert verified(told, f" {answer.head}\n")[1].ok


def test_a_changed_byte_is_named_with_its_line(told: Context) -> None:
    flip(segment(told), b"cache.clear")
    findings, answer = verified(told)

    assert not answer.ok
    assert answer.problems == len(findings)
    assert ("audit.changed", 5) in {(f.rule, f.line) for f in findings}
    assert str(findings[0].at).startswith("audit::000001")


def test_an_older_copy_of_everything_is_found_by_a_head_noted_elsewhere(
    told: Context, tmp_path: Path
) -> None:
    state = Path(told.session.home.state_dir)
    shutil.copytree(state, tmp_path / "copy")
    told.call("cache.clear")
    noted = verified(told)[1].head
    assert noted is not None
    assert verified(told, noted)[1].ok
    shutil.rmtree(state)
    shutil.copytree(tmp_path / "copy", state)

    assert verified(told)[1].ok, "log and pin agree: nothing inside says that they are old"
    findings, answer = verified(told, noted)
    assert not answer.ok
    assert "audit.anchor" in {f.rule for f in findings}


def exported(ctx: Context, **given: str) -> bytes:
    return b"".join(ctx.call("audit.export", **given))


def key_of(ctx: Context) -> bytes:
    return export_key(ctx.session.home.state_dir, boot_id=boot_id())


def test_an_export_ends_with_a_statement_that_the_published_key_signs(told: Context) -> None:
    statement = json.loads(exported(told).splitlines()[-1])
    signature = bytes.fromhex(statement.pop("signature"))
    signed = json.dumps(statement, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    key = Ed25519PublicKey.from_public_bytes(key_of(told))

    assert statement["public_key"] == key_of(told).hex()
    assert (statement["type"], statement["problems"], statement["seq"]) == ("audit.export", 0, 7)
    key.verify(signature, signed.encode())
    with pytest.raises(InvalidSignature):
        key.verify(signature, signed.replace('"seq":7', '"seq":6').encode())


def test_the_script_of_the_specification_verifies_what_the_program_exports(
    told: Context, cli: Cli, tmp_path: Path
) -> None:
    done = cli("audit", "export")
    assert done.status == 0
    script = re.findall(r"```python\n(.*?)```", SPEC.read_text(encoding="utf-8"), re.DOTALL)[-1]

    def auditor(content: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-c", script, key_of(told).hex()]
        return subprocess.run(command, input=content, capture_output=True, text=True, check=False)

    assert auditor(done.out).stdout == "7 entries are as they were written\n"
    assert auditor(done.out.replace('"cache.clear"', '"cache.stats"', 1)).returncode != 0


def test_an_export_of_a_damaged_log_says_so(told: Context) -> None:
    flip(segment(told), b"cache.clear")

    assert json.loads(exported(told).splitlines()[-1])["problems"] > 0


def test_csv_has_a_row_for_each_entry_with_the_values_in_words(told: Context) -> None:
    rows = list(csv.DictReader(StringIO(exported(told, format="csv").decode())))
    audited = [row for row in rows if json.loads(row["line"])["type"] == "audit"]

    assert [row["seq"] for row in audited] == [str(n) for n in range(1, 8)]
    assert audited[2]["resource"] == "cash"
    assert audited[4]["effects"] == "read write"
    assert {row["by"] for row in audited if row["event"] == "intent"} == {"tester"}
    assert [row["event"] for row in rows[7:]][-1] == "audit.export"


def test_the_program_exits_with_1_where_the_log_was_changed(told: Context, cli: Cli) -> None:
    good = cli("audit", "verify", "--json")
    assert good.status == 0
    answer = json.loads(good.out)
    assert (answer["type"], answer["ok"]) == ("audit_verified", True)
    head = answer["head"]
    assert cli("audit", "verify", "--head", head).status == 0

    flip(segment(told), b"cache.clear")
    bad = cli("audit", "verify", "--json")
    assert bad.status == 1
    *findings, answer = map(json.loads, bad.out.splitlines())
    assert (answer["ok"], answer["problems"]) == (False, len(findings))
    assert {finding["type"] for finding in findings} == {"finding"}


def test_the_program_refuses_what_is_no_head(cli: Cli) -> None:
    done = cli("audit", "verify", "--head", "x")

    assert done.status == 2
    assert done.err == "error: 'x' is no head\nhint: `audit verify` prints one: CHAIN/SEQ/HASH\n"


def test_the_program_shows_what_it_did(cli: Cli) -> None:
    assert cli("cache", "stats").status == 0
    assert cli("config", "show", "nothing").status == 3
    lines = [
        json.loads(line) for line in cli("audit", "tail", "--lines", "3", "--json").out.splitlines()
    ]

    assert [(e["event"], e["op"], e.get("outcome")) for e in lines] == [
        ("intent", "config.show", None),
        ("outcome", "config.show", "not_found"),
        ("intent", "audit.tail", None),
    ]
    found = cli("audit", "query", "--outcome", "not_found", "--json").out
    assert json.loads(found)["run"] == lines[0]["run"]
