"""Questions to the log: the same answers from the index, without it, and after any change."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.base.errors import Unavailable
from strongroom.kernel.audit import AuditEvent
from strongroom.kernel.audit_personal import erase
from strongroom.kernel.audit_query import Filter, query, tail
from tests.kernel.audit_history import all_lines, grow, open_log, segments


def ask(state: Path, **wanted: Any) -> list[int]:
    return [e["seq"] for e in query(str(state), Filter(**wanted), boot_id="boot 1")]


def last(state: Path, count: int) -> list[dict[str, Any]]:
    return list(tail(str(state), count, boot_id="boot 1"))


@pytest.fixture
def state(tmp_path: Path) -> Path:
    log = open_log(tmp_path, segment_bytes=4000)
    for number in range(1, 31):
        session = log.session(f"run {number % 3}")
        who, what = ("alice", "bob")[number % 2], ("guest.ls", "vault.get")[number % 5 == 0]
        ticket = session.intent(
            what, ["read"], who, f"disk{number}.raw", call=number, durable=False
        )
        session.outcome(ticket, "ok" if number % 7 else "not_found")
    return tmp_path


def matching(state: Path, test: Callable[[dict[str, Any]], bool]) -> list[int]:
    return [e["seq"] for e in map(json.loads, all_lines(state)) if test(e)]


@pytest.mark.parametrize(
    ("wanted", "test"),
    [
        ({}, bool),
        ({"op": "guest.ls"}, lambda e: e.get("op") == "guest.ls"),
        ({"op": "vault.*"}, lambda e: e.get("op", "").startswith("vault.")),
        ({"run": "run 1"}, lambda e: e.get("run") == "run 1"),
        ({"event": "checkpoint"}, lambda e: e["event"] == "checkpoint"),
        ({"outcome": "not_found"}, lambda e: e.get("outcome") == "not_found"),
        ({"by": "alice"}, lambda e: e["event"] == "intent" and e["call"] % 2 == 0),
        ({"resource": "disk7.raw"}, lambda e: e["event"] == "intent" and e["call"] == 7),
        ({"resource": "disk?.raw"}, lambda e: e["event"] == "intent" and e["call"] < 10),
        ({"by": "alice", "op": "vault.get"},
         lambda e: e["event"] == "intent" and e["call"] % 10 == 0),
        ({"by": "nobody"}, lambda e: "mac" not in e),
        ({"since": "2026-09-21T14:14"}, lambda e: e["time"] >= "2026-09-21T14:14"),
        ({"until": "2026-09-21T14:14"}, lambda e: e["time"] < "2026-09-21T14:14"),
    ],
)  # fmt: skip
def test_a_question_finds_the_entries_that_match(
    state: Path, wanted: dict[str, Any], test: Callable[[dict[str, Any]], bool]
):
    expected = matching(state, test)

    assert ask(state, **wanted) == expected
    assert ask(state, **wanted) == expected, "again, from the index"
    assert ask(state, **wanted, newest=True, limit=3) == expected[::-1][:3]


def test_personal_values_are_put_in(state: Path):
    (entry,) = query(str(state), Filter(resource="disk7.raw"), boot_id="boot 1")

    assert (entry["by"], entry["resource"]) == ("bob", "disk7.raw")


def test_an_erased_value_stays_a_commitment(state: Path):
    erase(open_log(state), "alice")

    entries = list(query(str(state), Filter(event="intent"), boot_id="boot 1"))

    assert {type(e["by"]) for e in entries if e["call"] % 2 == 0} == {dict}
    assert {e["by"] for e in entries if e["call"] % 2} == {"bob"}
    assert {type(e["by"]) for e in last(state, 40) if e.get("call") == 30 and "by" in e} == {dict}


def test_new_entries_are_found_through_an_index_that_exists(state: Path):
    before = ask(state)
    log = open_log(state, segment_bytes=4000)
    added = [
        log.append(AuditEvent("intent", "guest.cat", "r", n, by="eve"), durable=False)
        for n in range(20)
    ]

    assert set(ask(state, op="guest.cat")) == set(added)
    assert set(ask(state, by="eve")) == set(added)
    assert set(ask(state)) >= {*before, *added}


@pytest.mark.parametrize("damage", ["delete", "garbage", "folder"])
def test_the_index_may_be_lost_or_unusable(state: Path, damage: str):
    expected = ask(state, by="alice")
    index = state / "audit" / "index.db"
    index.unlink()
    if damage == "garbage":
        index.write_bytes(b"garbage" * 1000)
    if damage == "folder":
        index.mkdir()

    assert ask(state, by="alice") == expected


def test_an_index_of_another_log_is_not_believed(state: Path, tmp_path_factory: Any):
    ask(state)
    other = tmp_path_factory.mktemp("other")
    grow(open_log(other), 5, random.Random(1))
    (other / "audit" / "index.db").write_bytes((state / "audit" / "index.db").read_bytes())

    assert ask(other) == [1, 2, 3, 4, 5]
    assert ask(other, op="vault.get") == matching(other, lambda e: e["op"] == "vault.get")


def test_what_is_not_authentic_is_not_an_answer(state: Path):
    path = segments(state)[0]
    lines = path.read_bytes().splitlines(keepends=True)
    lines[1] = lines[1].replace(b'"ok"', b'"no"')
    path.write_bytes(b"".join(lines))

    assert 2 not in ask(state)
    assert {1, 3} <= set(ask(state))


def test_the_tail_is_the_last_entries_oldest_first(state: Path):
    everything = [json.loads(line)["seq"] for line in all_lines(state)]

    for count in (0, 1, 7, len(everything), len(everything) + 5):
        assert [e["seq"] for e in last(state, count)] == everything[-count or len(everything) :]
    assert [e["by"] for e in last(state, 5) if "by" in e][-1] == "alice"


def test_the_tail_leaves_out_what_is_torn(state: Path):
    whole = last(state, 1)
    with segments(state)[-1].open("ab") as file:
        file.write(b'{"torn":')

    assert last(state, 1) == whole


@given(st.lists(st.binary(min_size=1, max_size=50).filter(lambda b: b"\n" not in b), max_size=60))
def test_lines_read_backwards_are_the_lines(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]
):
    from strongroom.kernel.audit_query import _lines_backwards

    path = tmp_path_factory.mktemp("lines") / "file"
    path.write_bytes(b"".join(line * 3000 + b"\n" for line in lines))

    found = list(_lines_backwards(str(path), path.stat().st_size))

    assert found == [line * 3000 for line in reversed(lines)]


def test_a_folder_without_a_log_has_no_entries(tmp_path: Path):
    assert ask(tmp_path / "none") == []
    assert last(tmp_path / "none", 5) == []
    assert not (tmp_path / "none").exists()


def test_a_log_without_its_key_has_no_answers(state: Path):
    (state / "audit" / "chain.key").unlink()

    with pytest.raises(Unavailable, match="lost its key"):
        ask(state)
    with pytest.raises(Unavailable, match="lost its key"):
        last(state, 1)
