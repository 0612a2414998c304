import time
from collections.abc import Callable

import pytest

from strongroom.apps.guest.analyzers import ALL, analysis
from strongroom.apps.guest.analyzers.analysis import (
    date_text,
    document,
    documents,
    first_document,
    paths_in,
    problem,
    time_text,
)
from strongroom.base.limits import MIB, Limits
from strongroom.base.record import Finding, Record
from strongroom.base.tree import Node
from strongroom.formats.guest.lines import Fault
from strongroom.testing.images import guests
from strongroom.testing.images.guests import in_memory, link, text

GUEST: dict[str, Node | bytes] = {
    "/etc/link": link("../usr/real"),
    "/usr/real": b"text \xff",
    "/etc/d/b": b"2",
    "/etc/d/a.x": b"1",
    "/etc/d/sub/c": b"3",
    "/etc/lost": link("/nowhere"),
}


def test_a_document_is_addressed_where_it_really_is():
    found = document(in_memory(GUEST), "/etc/link")

    assert found is not None
    assert (found.path, str(found.at), found.text) == (
        "/usr/real",
        "guest::/usr/real",
        "text \udcff",
    )


@pytest.mark.parametrize("path", ["/none", "/etc/lost", "/etc/d"])
def test_what_is_no_readable_file_is_no_document(path: str):
    assert document(in_memory(GUEST), path) is None


def test_documents_of_a_directory_come_sorted():
    guest = in_memory(GUEST)

    assert [d.path for d in documents(guest, "/etc/d")] == ["/etc/d/a.x", "/etc/d/b"]
    assert [d.path for d in documents(guest, "/etc/d", suffix=".x")] == ["/etc/d/a.x"]
    assert list(documents(guest, "/none")) == []


def test_the_first_document_there_is_taken():
    found = first_document(in_memory(GUEST), ("/none", "/etc/d/b", "/usr/real"))

    assert found is not None
    assert found.path == "/etc/d/b"
    assert first_document(in_memory(GUEST), ("/none",)) is None


def test_a_directory_of_too_many_files_is_cut_with_a_problem(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(analysis, "FILES_MAX", 1)
    guest = in_memory(GUEST)

    assert paths_in(guest, "/etc/d") == ["/etc/d/a.x"]
    assert [p.rule for p in guest.problems] == ["problem.exhausted"]


def test_dates_and_times_are_rfc_3339_or_none():
    assert date_text(19500) == "2023-05-23"
    assert date_text(None) is None
    assert date_text(1 << 60) is None
    assert time_text(1730000000) == "2024-10-27T03:33:20Z"
    assert time_text(None) is None
    assert time_text(1 << 60) is None


def test_a_fault_becomes_a_finding_with_its_line():
    guest = in_memory({})
    finding = problem(guest.locate("/etc/x"), "area", Fault(3, "bad"))

    assert (finding.rule, finding.line, finding.message) == ("problem.area", 3, "bad")


@pytest.mark.parametrize("name", guests.GUESTS)
def test_an_analyzer_yields_only_what_it_says(name: str):
    guest = in_memory(guests.GUESTS[name]())

    for analyzer in ALL:
        records: list[Record] = list(analyzer.run(guest))
        assert {type(record) for record in records} <= set(analyzer.records), analyzer.name
    assert guest.problems == []


def test_an_empty_guest_yields_nothing():
    guest = in_memory({})

    assert [record for analyzer in ALL for record in analyzer.run(guest)] == []


def _broken(nodes: dict[str, Node], content: bytes) -> dict[str, Node]:
    return {
        path: node._replace(content=content) if node.target is None else node
        for path, node in nodes.items()
    }


RUBBISH = [
    b"",
    b"\xff" * 300,
    b"\0" * 300,
    b"\n\n[\n{x\n'\n\"\n=\n:::::::\n",
    b"a b c d e f g\n" * 50,
]


@pytest.mark.parametrize("content", RUBBISH)
@pytest.mark.parametrize("name", guests.GUESTS)
def test_a_guest_of_rubbish_yields_findings_and_no_error(name: str, content: bytes):
    guest = in_memory(_broken(guests.GUESTS[name](), content))

    for analyzer in ALL:
        for record in analyzer.run(guest):
            assert isinstance(record, Record)


@pytest.mark.parametrize("name", guests.GUESTS)
def test_a_guest_cut_anywhere_yields_findings_and_no_error(name: str):
    nodes = guests.GUESTS[name]()
    cut = {
        path: node._replace(content=node.content[: len(node.content) // 2])
        if isinstance(node.content, bytes)
        else node
        for path, node in nodes.items()
    }
    guest = in_memory(cut)

    found = [record for analyzer in ALL for record in analyzer.run(guest)]

    assert any(isinstance(r, Finding) and r.rule.startswith("problem.") for r in found) or (
        guest.problems
    )


def test_no_record_holds_a_password_hash():
    guest = in_memory(guests.debian())

    for analyzer in ALL:
        for record in analyzer.run(guest):
            assert "hashhash" not in repr(record)


HOSTILE: dict[str, Callable[[], dict[str, Node]]] = {
    "includes without end": lambda: {
        **{f"/etc/d/{n}": Node(b"") for n in range(5000)},
        "/etc/ssh/sshd_config": text("Include /etc/d/z*\n" * 50_000),
        "/etc/sudoers": text("#includedir /etc/d\n" * 50_000),
        "/etc/network/interfaces": text("source /etc/d/z*\n" * 50_000),
    },
    "accounts without end": lambda: {
        "/etc/passwd": text("a:x:1:1::/:\n" * 20_000),
        "/etc/group": text("".join(f"g{n}:x:{n}:a\n" for n in range(20_000))),
        "/etc/sudoers": text("ALL, !a ALL=ALL\n" * 20_000),
    },
    "drop-ins for each instance": lambda: {
        "/usr/lib/systemd/system/a@.service": text("[Service]\n"),
        **{f"/etc/systemd/system/a@.service.d/{n}.conf": Node(b"") for n in range(1500)},
        **{f"/etc/systemd/system/x.target.wants/a@{n}.service": link("/none") for n in range(1500)},
    },
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_guest_made_to_stall_costs_seconds(case: str):
    guest = in_memory(HOSTILE[case](), Limits(guest_bytes=32 * MIB))
    started = time.thread_time()

    for analyzer in ALL:
        for _ in analyzer.run(guest):
            pass

    assert time.thread_time() - started < 15
    assert len(guest.problems) <= 1
