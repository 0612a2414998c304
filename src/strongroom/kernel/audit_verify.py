"""What was changed in the audit log, taken away or put there (spec, "What a verifier checks").

One pass, one line in memory at a time, plus the commitments of the personal file.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from strongroom.base.record import Severity

from .audit_format import (
    ZERO,
    Anchor,
    Head,
    Keys,
    boot_digest,
    claimed_prev,
    is_authentic,
    is_signed,
    line_hash,
    parse_personal,
    public_key,
    segment_name,
)
from .audit_read import Line, Reading, take

GAPS_MAX = 10_000
"""Gaps remembered at a time; a log with more is reported gap by gap as they are found."""


class Problem(NamedTuple):
    """Something wrong. `rule` is one of the spec's table; `line` counts from 1, 0 for none.

    From `Severity.ERROR` on it is what honest histories do not show.
    """

    rule: str
    severity: Severity
    message: str
    segment: str = ""
    line: int = 0
    seq: int = 0


class _Place(NamedTuple):
    """A line that is not authentic; whether the next one follows it decides how it is called."""

    line: Line
    hash: str


def verify(state_dir: str, *, boot_id: str, expect_head: Anchor | None = None) -> Iterator[Problem]:
    """Yield what is wrong with the log below `state_dir`, in the order of the log.

    `expect_head` is an entry known from elsewhere, which must be there. Missing entries come last.
    Nothing is yielded for a folder without a log. Unavailable if it cannot be read.
    """
    with take(state_dir, boot_digest(boot_id)) as reading:
        yield from verify_reading(reading, boot_digest(boot_id), expect_head)


def verify_reading(reading: Reading, boot: str, expect_head: Anchor | None) -> Iterator[Problem]:
    """Yield what is wrong with a log that was taken; `boot` is the digest of the boot id."""
    if reading.keys is None:
        if reading.segments or reading.pin is not None:
            yield _error("key", "chain.key is missing, nothing can be verified without it")
        elif expect_head is not None:
            yield _error("anchor", "there is no log", seq=expect_head.seq)
        return
    head = reading.pin.head if reading.pin is not None else None
    if head is None and _is_of_another(reading, reading.keys):
        yield _error("key", "chain.key is not the key of this log")
        return
    if head is None and any(reading.segments.values()):
        yield _error("pin", "audit.head is missing or not authentic")
    elif reading.pin is not None and head is not None and not reading.pin.sound:
        yield _error("pin", "a slot of audit.head is not authentic or not in step")
    commits = _Commits(reading, head, boot)
    yield from commits.check()
    chain = _Chain(reading.keys, head, boot, expect_head, commits.seen)
    yield from _segments(reading, head)
    for number in sorted(reading.segments):
        yield from _segment(reading, number, chain)
    yield from chain.end()
    yield from commits.end()


def _is_of_another(reading: Reading, keys: Keys) -> bool:
    for number in sorted(reading.segments)[:1]:
        for line in reading.lines(number):
            return b'"chain":"' in line.data and keys.chain.encode("ascii") not in line.data
    return False


def _segments(reading: Reading, head: Head | None) -> Iterator[Problem]:
    """Report files that are missing or that do not belong."""
    known = sorted(reading.segments)
    last = head.segment if head is not None else (known[-1] if known else 0)
    after = 0
    for number in [*(n for n in known if n <= last), last + 1]:
        if number > after + 1:
            names = " to ".join(dict.fromkeys((segment_name(after + 1), segment_name(number - 1))))
            yield _error("segment", f"missing: {names}", segment_name(after + 1))
        after = number
    for number in known:
        # a process that was killed may have made the next one, empty
        if number > last and (number > last + 1 or reading.segments[number]):
            yield _error("segment", "does not belong to the log", segment_name(number))


def _segment(reading: Reading, number: int, chain: "_Chain") -> Iterator[Problem]:
    last = None
    for line in reading.lines(number):
        last = line
        yield from chain.step(line)
    is_open = chain.head is None or number >= chain.head.segment
    if not is_open and last is not None and chain.closed != number:
        yield _error("checkpoint", "the segment is not closed", segment_name(number), last.number)


class _Chain:
    """What is known after each line: the highest number, its hash, and the gaps below it."""

    def __init__(
        self,
        keys: Keys,
        head: Head | None,
        boot: str,
        anchor: Anchor | None,
        seen: "Callable[[dict[str, Any]], Iterator[Problem]]",
    ) -> None:
        self.keys = keys
        self.head = head
        self.rebooted = head is not None and head.boot != boot
        self.anchor = anchor
        self.anchored = anchor is None
        self.seen = seen
        self.seq = 0
        self.hash = ZERO
        self.prev = ZERO
        self.closed = 0
        self.gaps: list[tuple[int, int]] = []
        self.bad: _Place | None = None
        self.bad_run = 0  # lines since the last authentic one
        self.stand_ins = 0  # those that stand for one entry each
        self.pinned_hash = ""
        self.public_key = b""

    def step(self, line: Line) -> Iterator[Problem]:
        """Take the next line."""
        digest = line_hash(line.data)
        if line.whole and is_authentic(line.data, self.keys):
            entry: dict[str, Any] = json.loads(line.data)
            yield from self._name_bad(entry["prev"])
            yield from self._place(line, entry, digest)
            yield from self._content(line, entry)
            self.bad_run = self.stand_ins = 0
        elif not line.whole and self._is_leftover(line):
            yield Problem(
                "torn", Severity.NOTICE, "a process was killed while writing",
                segment_name(line.segment), line.number,
            )  # fmt: skip
            return
        else:
            yield from self._name_bad(claimed_prev(line.data))
            self.bad = _Place(line, digest)
            self.bad_run += 1
            self.stand_ins += line.whole or self._ends_as_pinned(line)
        self.prev = digest

    def _is_leftover(self, line: Line) -> bool:
        head = self.head
        return (
            head is not None
            and line.segment == head.segment
            and line.offset >= head.at.size
            and len(line.data) > 0
        )

    def _ends_as_pinned(self, line: Line) -> bool:
        head = self.head
        return (
            head is not None
            and line.segment == head.segment
            and line.offset + len(line.data) == head.at.size
        )

    def _name_bad(self, prev: str) -> Iterator[Problem]:
        """Report the line that was not authentic, knowing what the next one says of it."""
        if self.bad is None:
            return
        (line, digest), self.bad = self.bad, None
        head = self.head
        if (
            self.rebooted
            and head is not None
            and line.segment == head.segment
            and line.offset >= head.durable.size
        ):
            yield _problem(line, "unsynced", "not as written, and not yet on disk before a reboot")
        elif b'"event":"checkpoint"' in line.data:
            yield _problem(line, "checkpoint", "the checkpoint is not as it was signed")
        elif prev == digest and line.whole:
            yield _problem(line, "mac", "the chain was computed again without the key")
        else:
            yield _problem(line, "changed", "not as it was written")

    def _place(self, line: Line, entry: dict[str, Any], digest: str) -> Iterator[Problem]:
        """Check number and link; remember them."""
        seq, prev = entry["seq"], entry["prev"]
        self._meet(seq, digest)
        if seq <= self.seq:
            known = self._fill(seq)
            yield _problem(
                line, "order", "stands in another place" if known else "stands twice", seq
            )
            return
        declared = max([self.seq, *(n.get("to", 0) for n in entry.get("recovered", ()))])
        if self.bad_run:
            pass  # reported already, and nobody can say how many entries the lines were
        elif seq > declared + 1:
            if len(self.gaps) < GAPS_MAX:
                self.gaps.append((declared + 1, seq - 1))
            else:
                yield _problem(line, "missing", f"{seq - 1 - declared} entries before it", seq)
        elif prev != (self.hash if declared == self.seq else self.prev):
            yield _problem(line, "link", "does not belong to the entry before it", seq)
        self.seq, self.hash = seq, digest

    def _meet(self, seq: int, digest: str) -> None:
        anchor = self.anchor
        if anchor is not None and (seq, digest) == (anchor.seq, anchor.hash):
            self.anchored = anchor.chain == self.keys.chain
        if self.head is not None and seq == self.head.at.seq:
            self.pinned_hash = digest

    def _fill(self, seq: int) -> bool:
        for n, (low, high) in enumerate(self.gaps):
            if low <= seq <= high:
                rest = [(low, seq - 1), (seq + 1, high)]
                self.gaps[n : n + 1] = [gap for gap in rest if gap[0] <= gap[1]]
                return True
        return False

    def _content(self, line: Line, entry: dict[str, Any]) -> Iterator[Problem]:
        event = entry["event"]
        if event == "checkpoint":
            self.public_key = self.public_key or public_key(self.keys)
            if is_signed(entry, self.public_key) and entry["closes"] == line.segment:
                self.closed = line.segment
            else:
                yield _problem(line, "checkpoint", "the signature is not valid", entry["seq"])
        elif event == "recovered":
            for note in entry["recovered"]:
                yield _recovered(line, note, entry["seq"])
        yield from self.seen(entry)

    def end(self) -> Iterator[Problem]:
        """Report what shows only at the end of the log."""
        head = self.head
        ends_as_pinned = head is not None and self.prev == head.at.hash
        yield from self._name_bad(self.prev if ends_as_pinned else "")
        for low, high in self.gaps:
            what = f"entry {low} is" if low == high else f"entries {low} to {high} are"
            yield _error("missing", f"{what} missing", seq=low)
        if head is not None:
            yield from self._against_pin(head)
        if not self.anchored and self.anchor is not None:
            message = "is not in this log: another log, or an older copy of it"
            yield _error("anchor", f"entry {self.anchor.seq} {message}", seq=self.anchor.seq)

    def _against_pin(self, head: Head) -> Iterator[Problem]:
        at = head.at
        if self.seq + self.stand_ins < at.seq:
            message = f"the log ends after entry {self.seq}, pinned is {at.seq}"
            if self.rebooted and self.seq >= head.durable.seq:
                message += "; the rest was not yet on disk before a reboot"
                yield Problem("unsynced", Severity.WARNING, message, seq=self.seq)
            else:
                yield _error("cut", f"{message}: a cut, or an older copy put back", seq=self.seq)
        elif not self.rebooted and self.seq > at.seq + 1:
            yield _error("pin", f"the pin is older than the log: {at.seq}", seq=self.seq)
        if self.pinned_hash and self.pinned_hash != at.hash:
            yield _error("link", "the pinned entry is another one", seq=at.seq)


class _Commits:
    """Personal values against their commitments. Memory: all commitments of the side file."""

    def __init__(self, reading: Reading, head: Head | None, boot: str) -> None:
        self.reading = reading
        self.size = head.at.personal if head is not None else 0
        self.unsynced = head.durable.seq if head is not None and head.boot != boot else None
        self.there: set[bytes] = set()
        self.erased: set[bytes] = set()
        self.missing: dict[bytes, int] = {}

    def check(self) -> Iterator[Problem]:
        """Read the side file."""
        for number, (offset, data) in enumerate(self.reading.personal_lines(), 1):
            found = parse_personal(data) if data.endswith(b"\n") else None
            if found is not None and found.whole:
                self.there.add(bytes.fromhex(found.commit))
            elif offset < self.size and self.unsynced is None:
                message = "a value does not match its commitment"
                yield _error("personal.changed", message, "personal.jsonl", number)

    def seen(self, entry: dict[str, Any]) -> Iterator[Problem]:
        """Take an authentic entry."""
        for value in entry.values():
            if isinstance(value, dict) and "commit" in value:
                commit = bytes.fromhex(value["commit"])
                if commit not in self.there and commit not in self.erased:
                    self.missing.setdefault(commit, entry["seq"])
        if entry["event"] == "erased":
            for text in entry["commits"]:
                commit = bytes.fromhex(text)
                self.erased.add(commit)
                self.missing.pop(commit, None)
                if commit in self.there:
                    message = "an erased value is still there; erase it again"
                    yield Problem("personal.kept", Severity.NOTICE, message, seq=entry["seq"])
        for note in entry.get("recovered", ()):
            if "personal_since" in note:
                since = note["personal_since"]
                self.missing = {c: seq for c, seq in self.missing.items() if seq <= since}

    def end(self) -> Iterator[Problem]:
        """Report the values that nothing accounts for."""
        for seq in self.missing.values():
            if self.unsynced is not None and seq > self.unsynced:
                message = "a personal value was not yet on disk before a reboot"
                yield Problem("unsynced", Severity.WARNING, message, seq=seq)
            else:
                yield _error("personal.missing", "a personal value is gone", seq=seq)


_RECOVERED = {
    "torn": (Severity.NOTICE, "{bytes} bytes of a killed process were cut off"),
    "unsynced": (Severity.WARNING, "a reboot lost what was not yet on disk"),
    "foreign": (Severity.ERROR, "{bytes} bytes that were not of this log were cut off"),
    "cut": (Severity.ERROR, "entries {from} to {to} had been taken away"),
    "pin": (Severity.ERROR, "the pin was missing, changed or old"),
}


def _recovered(line: Line, note: dict[str, Any], seq: int) -> Problem:
    severity, message = _RECOVERED[note["kind"]]
    name = segment_name(line.segment)
    return Problem(note["kind"], severity, message.format_map(note), name, line.number, seq)


def _problem(line: Line, rule: str, message: str, seq: int = 0) -> Problem:
    severity = Severity.WARNING if rule == "unsynced" else Severity.ERROR
    return Problem(rule, severity, message, segment_name(line.segment), line.number, seq)


def _error(rule: str, message: str, segment: str = "", line: int = 0, seq: int = 0) -> Problem:
    return Problem(rule, Severity.ERROR, message, segment, line, seq)
