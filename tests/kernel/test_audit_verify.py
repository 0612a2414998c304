"""Each attack on the audit log is found, by its rule; 100 random instances of each."""

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from strongroom.base.errors import Unavailable
from strongroom.base.record import Severity, canonical_json
from strongroom.kernel.audit import AuditEvent, AuditLog
from strongroom.kernel.audit_format import Keys, derive, line_hash, seal
from strongroom.kernel.audit_personal import erase
from strongroom.kernel.audit_verify import Problem, verify
from tests.kernel.audit_history import (
    all_lines,
    errors,
    grow,
    open_log,
    problems,
    rules,
    segments,
)

INSTANCES = 100
SEGMENT_BYTES = 6000

Histories = list[tuple[Path, Path]]
Lines = list[list[bytes]]


class Case(NamedTuple):
    """A copy of an honest log to attack, an earlier copy of the same log, and dice."""

    state: Path
    earlier: Path
    rng: random.Random


Attack = Callable[[Case], Callable[[list[Problem]], bool]]
"""Does it, and returns how to tell whether it was found."""


@pytest.fixture(scope="module")
def histories(tmp_path_factory: pytest.TempPathFactory) -> Histories:
    """Return honest logs of 30 to 100 entries in one to eight segments, with an earlier copy."""
    made = []
    for seed in range(8):
        state, earlier = tmp_path_factory.mktemp("state"), tmp_path_factory.mktemp("earlier")
        log = open_log(state, segment_bytes=SEGMENT_BYTES if seed % 4 else 1 << 20)
        rng = random.Random(seed)
        grow(log, 20 + seed * 5, rng)
        shutil.copytree(state, earlier, dirs_exist_ok=True)
        grow(log, 10 + seed * 5, rng)
        made.append((state, earlier))
    return made


@pytest.fixture
def state(histories: Histories, tmp_path: Path) -> Path:
    """Return a copy of a log of several segments."""
    shutil.copytree(histories[1][0], tmp_path / "state")
    return tmp_path / "state"


def load(state: Path) -> Lines:
    return [path.read_bytes().splitlines(keepends=True) for path in segments(state)]


def store(state: Path, lines: Lines) -> None:
    for path, content in zip(segments(state), lines, strict=True):
        path.write_bytes(b"".join(content))


def places(lines: Lines) -> list[tuple[int, int]]:
    return [(n, m) for n, content in enumerate(lines) for m in range(len(content))]


def keys_of(state: Path) -> Keys:
    return derive((state / "audit" / "chain.key").read_bytes())


def is_at(problem: Problem, state: Path, place: tuple[int, int]) -> bool:
    return (problem.segment, problem.line) == (segments(state)[place[0]].name, place[1] + 1)


def flip_a_bit(case: Case) -> Callable[[list[Problem]], bool]:
    lines = load(case.state)
    n, m = place = case.rng.choice(places(lines))
    line = bytearray(lines[n][m])
    rule = "checkpoint" if b'"event":"checkpoint"' in line else "changed"
    line[case.rng.randrange(len(line))] ^= 1 << case.rng.randrange(8)
    lines[n][m] = bytes(line)
    store(case.state, lines)
    # a bit of the word `checkpoint` itself makes it another event
    return lambda found: found[0].rule in {rule, "changed"} and is_at(found[0], case.state, place)


def delete_an_entry(case: Case) -> Callable[[list[Problem]], bool]:
    lines = load(case.state)
    n, m = case.rng.choice(places(lines)[:-1])
    gone = json.loads(lines[n].pop(m))["seq"]
    store(case.state, lines)
    return lambda found: ("missing", gone) in {(p.rule, p.seq) for p in found}


def swap_two_entries(case: Case) -> Callable[[list[Problem]], bool]:
    lines = load(case.state)
    (a, i), (b, j) = case.rng.sample(places(lines), 2)
    lines[a][i], lines[b][j] = lines[b][j], lines[a][i]
    store(case.state, lines)
    return lambda found: "order" in {p.rule for p in found} <= {"order", "checkpoint"}


def cut_at_an_entry(case: Case) -> Callable[[list[Problem]], bool]:
    lines = load(case.state)
    kept = case.rng.choice(places(lines))
    for n, content in enumerate(lines):
        content[:] = content[: len(content) if n < kept[0] else kept[1] if n == kept[0] else 0]
    paths = segments(case.state)
    store(case.state, lines)
    if case.rng.random() < 0.5:
        for path, content in zip(paths, lines, strict=True):
            if not content:
                path.unlink()
    # further entries make it a gap where the pinned segment was still empty
    rules = {"cut", "missing"} if go_on(case) else {"cut"}
    return lambda found: bool(rules & {p.rule for p in found})


def go_on(case: Case) -> bool:
    """In half of the cases let the honest program append before anybody verifies."""
    if case.rng.random() < 0.5:
        return False
    grow(open_log(case.state), case.rng.randint(1, 4), case.rng)
    return True


def put_back_an_older_copy(case: Case) -> Callable[[list[Problem]], bool]:
    shutil.rmtree(case.state / "audit")
    shutil.copytree(case.earlier / "audit", case.state / "audit")
    go_on(case)
    return lambda found: "cut" in {p.rule for p in found}


def chain_again_without_the_key(case: Case) -> Callable[[list[Problem]], bool]:
    lines = load(case.state)
    chosen = places(lines)[case.rng.randrange(len(places(lines)) - 1) :]
    forged = Keys("", case.rng.randbytes(32), b"", b"")
    prev = ""
    for n, m in chosen:
        entry = json.loads(lines[n][m])
        mac = entry.pop("mac")
        if not prev:
            entry["op"] = "guest.nothing"
            prev = entry["prev"]
        line = seal({**entry, "prev": prev}, forged)
        if case.rng.random() < 0.5:
            line = line.replace(json.loads(line)["mac"].encode(), mac.encode())
        lines[n][m] = line + b"\n"
        prev = line_hash(line)
    store(case.state, lines)
    return lambda found: (
        found[0].rule in {"mac", "checkpoint"}
        and is_at(found[0], case.state, chosen[0])
        and len(found) >= len(chosen)
    )


def sign_a_checkpoint_as_somebody_else(case: Case) -> Callable[[list[Problem]], bool]:
    lines = load(case.state)
    n, m = case.rng.choice([(n, m) for n, m in places(lines) if b'"closes"' in lines[n][m]])
    entry = json.loads(lines[n][m])
    mac = entry.pop("mac")
    signer = Ed25519PrivateKey.from_private_bytes(case.rng.randbytes(32))
    del entry["signature"]
    if case.rng.random() < 0.5:
        entry["public_key"] = signer.public_key().public_bytes_raw().hex()
    line = seal(
        {**entry, "signature": signer.sign(canonical_json(entry)).hex()}, keys_of(case.state)
    )
    if case.rng.random() < 0.5:  # in the other half, by one who has got hold of the entry key
        line = line.replace(json.loads(line)["mac"].encode(), mac.encode())
    lines[n][m] = line + b"\n"
    store(case.state, lines)
    return lambda found: "checkpoint" in {p.rule for p in found if is_at(p, case.state, (n, m))}


def change_the_pin(case: Case) -> Callable[[list[Problem]], bool]:
    pin = case.state / "audit.head"
    blob = bytearray(pin.read_bytes())
    match case.rng.randrange(4):
        case 0:
            pin.unlink()
        case 1:
            pin.write_bytes((case.earlier / "audit.head").read_bytes())
        case 2:
            blob[case.rng.choice((0, 4096)) + case.rng.randrange(300)] ^= 1 << case.rng.randrange(7)
            pin.write_bytes(blob)
        case _:
            blob[0:512], blob[4096:4608] = blob[4096:4608], blob[0:512]
            pin.write_bytes(blob)
    go_on(case)
    return lambda found: "pin" in {p.rule for p in found}


def change_a_personal_value(case: Case) -> Callable[[list[Problem]], bool]:
    side = case.state / "audit" / "personal.jsonl"
    lines = side.read_bytes().splitlines(keepends=True)
    chosen = case.rng.randrange(len(lines))
    line = json.loads(lines[chosen])
    lines[chosen] = canonical_json({**line, "value": f"{line['value']}x"}) + b"\n"
    side.write_bytes(b"".join(lines))
    expected = {"personal.changed", "personal.missing"}
    return lambda found: (
        {p.rule for p in found} == expected and chosen + 1 in {p.line for p in found}
    )


def take_a_personal_value_away(case: Case) -> Callable[[list[Problem]], bool]:
    side = case.state / "audit" / "personal.jsonl"
    lines = side.read_bytes().splitlines(keepends=True)
    del lines[case.rng.randrange(len(lines))]
    side.write_bytes(b"".join(lines))
    return lambda found: {p.rule for p in found} == {"personal.missing"}


def missed(histories: Histories, folder: Path, attack: Attack) -> list[tuple[int, list[str]]]:
    """Attack copies of the histories; return the instances that were not found as they should."""
    not_found = []
    for seed in range(INSTANCES):
        honest, earlier = histories[seed % len(histories)]
        state = folder / str(seed)
        shutil.copytree(honest, state)
        is_found = attack(Case(state, earlier, random.Random(seed)))
        found = errors(state)
        if not found or not is_found(found):
            not_found.append((seed, [p.rule for p in found]))
        shutil.rmtree(state)
    return not_found


def test_a_flipped_bit_is_found_at_its_line(histories: Histories, tmp_path: Path):
    assert missed(histories, tmp_path, flip_a_bit) == []


def test_a_deleted_entry_is_missing_by_its_number(histories: Histories, tmp_path: Path):
    assert missed(histories, tmp_path, delete_an_entry) == []


def test_two_entries_that_changed_places_are_out_of_order(histories: Histories, tmp_path: Path):
    assert missed(histories, tmp_path, swap_two_entries) == []


def test_a_cut_at_an_entry_boundary_is_found(histories: Histories, tmp_path: Path):
    assert missed(histories, tmp_path, cut_at_an_entry) == []


def test_an_older_copy_put_back_is_found_by_the_pin(histories: Histories, tmp_path: Path):
    assert missed(histories, tmp_path, put_back_an_older_copy) == []


def test_a_chain_computed_again_without_the_key_is_found(histories: Histories, tmp_path: Path):
    assert missed(histories, tmp_path, chain_again_without_the_key) == []


def test_a_checkpoint_signed_by_somebody_else_is_found(histories: Histories, tmp_path: Path):
    several = [(state, earlier) for state, earlier in histories if len(segments(state)) > 1]

    assert missed(several, tmp_path, sign_a_checkpoint_as_somebody_else) == []


def test_a_changed_pin_is_found(histories: Histories, tmp_path: Path):
    assert missed(histories, tmp_path, change_the_pin) == []


def test_a_changed_personal_value_is_found(histories: Histories, tmp_path: Path):
    assert missed(histories, tmp_path, change_a_personal_value) == []


def test_a_personal_value_taken_away_is_found(histories: Histories, tmp_path: Path):
    assert missed(histories, tmp_path, take_a_personal_value_away) == []


def test_an_honest_log_has_no_problems(histories: Histories):
    for state, _ in histories:
        assert problems(state) == []


def test_an_older_copy_put_back_with_its_pin_needs_an_anchor(
    histories: Histories,
):
    for state, earlier in histories:
        new, old = open_log(state).head(), open_log(earlier).head()

        assert problems(earlier) == []
        found = verify(str(earlier), boot_id="boot 1", expect_head=new)
        assert [p.rule for p in found] == ["anchor"]
        assert list(verify(str(state), boot_id="boot 1", expect_head=old)) == []


def replace_key(state: Path) -> None:
    (state / "audit" / "chain.key").write_bytes(b"k" * 32)


def remove_key(state: Path) -> None:
    (state / "audit" / "chain.key").unlink()


def add_segment(state: Path) -> None:
    (state / "audit" / "000077.jsonl").write_bytes(all_lines(state)[0] + b"\n")


def repeat_a_line(state: Path) -> None:
    path = segments(state)[0]
    first, *rest = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join((first, first, *rest)))


def unclose(state: Path) -> None:
    path = segments(state)[0]
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))


def insert_a_line_without_end(state: Path) -> None:
    path = segments(state)[0]
    path.write_bytes(b"x" * (3 << 20) + path.read_bytes())


@pytest.mark.parametrize(
    ("attack", "expected"),
    [
        (replace_key, {"key"}),
        (remove_key, {"key"}),
        (add_segment, {"segment", "order"}),
        (repeat_a_line, {"order"}),
        (unclose, {"checkpoint", "missing"}),
        (insert_a_line_without_end, {"changed"}),
    ],
)
def test_a_single_attack_is_found_by_its_rules(
    state: Path, attack: Callable[[Path], None], expected: set[str]
):
    attack(state)

    assert rules(state) == expected


def test_lines_of_a_clone_of_the_log_do_not_belong(tmp_path: Path):
    one, other = tmp_path / "one", tmp_path / "other"
    grow(open_log(one), 5, random.Random(1))
    shutil.copytree(one, other)
    grow(open_log(one), 5, random.Random(2))
    grow(open_log(other), 5, random.Random(3))
    lines = load(one)
    lines[0][6] = load(other)[0][6]
    store(one, lines)

    assert "link" in rules(one)

    shutil.copy(segments(other)[0], segments(one)[0])

    assert "link" in rules(one)


def test_a_folder_without_a_log_has_no_problem_but_for_an_anchor(tmp_path: Path):
    log = open_log(tmp_path / "log")
    grow(log, 1, random.Random(1))

    assert problems(tmp_path / "nothing") == []
    found = verify(str(tmp_path / "nothing"), boot_id="b", expect_head=log.head())
    assert [p.rule for p in found] == ["anchor"]


def test_a_log_that_cannot_be_read_is_unavailable(tmp_path: Path):
    (tmp_path / "audit.head").mkdir()

    with pytest.raises(Unavailable):
        problems(tmp_path)


def test_an_erasure_that_was_interrupted_is_noticed(tmp_path: Path):
    log = open_log(tmp_path)
    log.append(AuditEvent("intent", "a.b", by="alice"), durable=True)
    commit = json.loads(all_lines(tmp_path)[0])["by"]["commit"]
    log.append(AuditEvent("erased", detail={"commits": [commit]}), durable=True)

    assert [(p.rule, p.severity) for p in problems(tmp_path)] == [
        ("personal.kept", Severity.NOTICE)
    ]

    assert erase(log, "alice") == 1
    assert problems(tmp_path) == []


class Story:
    """A log made step by step from what hypothesis draws."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.boot = 0
        self.log: AuditLog
        self.restart("restart")

    def restart(self, _step: str) -> None:
        self.log = open_log(self.state, boot=f"boot {self.boot}", segment_bytes=1500)

    def reboot(self, step: str) -> None:
        self.boot += 1
        self.restart(step)

    def append(self, step: str) -> None:
        durable = step == "durable"
        self.log.append(AuditEvent("intent", "a.b", "r", by=step), durable=durable)

    def erase(self, step: str) -> None:
        erase(self.log, step.removeprefix("erase "))

    def tear(self, _step: str) -> None:
        if found := segments(self.state):
            with found[-1].open("ab") as file:
                file.write(b'{"by":')

    def play(self, steps: list[str]) -> None:
        acts: dict[str, Callable[[str], Any]] = {
            "read": self.append, "durable": self.append, "restart": self.restart,
            "reboot": self.reboot, "tear": self.tear, "erase read": self.erase,
            "erase durable": self.erase,
        }  # fmt: skip
        for step in steps:
            acts[step](step)

    def problems(self) -> list[Problem]:
        return problems(self.state, f"boot {self.boot}")


steps = st.lists(
    st.sampled_from(
        ["read", "read", "durable", "restart", "reboot", "tear", "erase read", "erase durable"]
    ),
    max_size=15,
)


@given(steps)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_honestly_happens_the_log_verifies(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
):
    story = Story(tmp_path_factory.mktemp("story"))

    story.play(steps)

    assert {p.rule for p in story.problems()} <= {"torn", "unsynced"}


@given(steps, st.integers(0), st.integers(0, 7))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_bit_is_flipped_the_log_does_not_verify(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str], place: int, bit: int
):
    story = Story(tmp_path_factory.mktemp("story"))
    story.play([*steps, "durable"])
    files = [path for path in segments(story.state) if path.stat().st_size]
    chosen = files[place % len(files)]
    content = bytearray(chosen.read_bytes())
    content[place % len(content)] ^= 1 << bit
    chosen.write_bytes(content)

    assert any(p.severity >= Severity.ERROR for p in story.problems())
