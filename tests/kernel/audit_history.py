"""Honest histories of an audit log, with clocks, crashes and power cuts at hand."""

import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from strongroom.base.record import Severity
from strongroom.kernel.audit import AuditEvent, AuditLog
from strongroom.kernel.audit_verify import Problem, verify

PEOPLE = ("alice", "bob", "carol for alice")
SLOTS = ((0, 512), (4096, 4608))


class Clock:
    """Seconds since 1970 that go on by 1.5 each time somebody looks."""

    def __init__(self, seconds: float = 1_790_000_000.0) -> None:
        self.seconds = seconds

    def __call__(self) -> float:
        self.seconds += 1.5
        return self.seconds


def open_log(state: Path, *, boot: str = "boot 1", segment_bytes: int = 1 << 20) -> AuditLog:
    return AuditLog(
        state, now=Clock(), boot_id=boot, segment_bytes=segment_bytes, reserve_bytes=4096
    )


def some_event(rng: random.Random, number: int) -> AuditEvent:
    return AuditEvent(
        "intent",
        rng.choice(("guest.inspect", "guest.ls", "vault.get")),
        f"run{number // 7}",
        number,
        effects=("read",),
        by=rng.choice(PEOPLE),
        resource=f"disk{rng.randrange(5)}.qcow2::/etc",
    )


def grow(log: AuditLog, count: int, rng: random.Random, *, durable: float = 0.2) -> list[int]:
    """Append `count` entries, some of them durable; return the numbers of those that are."""
    promised = []
    for number in range(count):
        is_durable = rng.random() < durable
        seq = log.append(some_event(rng, number), durable=is_durable)
        if is_durable:
            promised.append(seq)
    return promised


def problems(state: Path, boot: str = "boot 1") -> list[Problem]:
    return list(verify(str(state), boot_id=boot))


def rules(state: Path, boot: str = "boot 1") -> set[str]:
    return {problem.rule for problem in problems(state, boot)}


def errors(state: Path, boot: str = "boot 1") -> list[Problem]:
    return [p for p in problems(state, boot) if p.severity >= Severity.ERROR]


def segments(state: Path) -> list[Path]:
    return sorted((state / "audit").glob("0*.jsonl"))


def all_lines(state: Path) -> list[bytes]:
    return [line for path in segments(state) for line in path.read_bytes().splitlines()]


def in_a_child(work: Callable[[], None]) -> int:
    """Run `work` in a child process; return its id. It never comes back into the test."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        work()
        status = 0
    finally:
        os._exit(status)


class Disk:
    """What a power cut leaves: of each file what fsync has seen, and of the rest some part."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.synced: dict[Path, bytes] = {}

    def saw_sync(self, fd: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{fd}"))
        if path.is_file():
            self.synced[path] = path.read_bytes()

    def power_cut(self, rng: random.Random) -> None:
        for path in self.state.rglob("*"):
            if not path.is_file() or path.name in ("chain.key", "reserve", "index.db"):
                continue
            now, sure = path.read_bytes(), self.synced.get(path, b"")
            if path.name == "audit.head":
                path.write_bytes(self._slots(now, sure, rng))
            else:
                assert now.startswith(sure), f"{path} is only appended to"
                path.write_bytes(self._tail(now, sure, rng))
        self.synced = {p: p.read_bytes() for p in self.state.rglob("*") if p.is_file()}

    @staticmethod
    def _slots(now: bytes, sure: bytes, rng: random.Random) -> bytes:
        if not sure:
            return now
        slots = bytearray(now)
        for start, end in SLOTS:
            if rng.random() < 0.5:
                slots[start:end] = sure[start:end]
        return bytes(slots)

    @staticmethod
    def _tail(now: bytes, sure: bytes, rng: random.Random) -> bytes:
        kept = now[: rng.randint(len(sure), len(now))]
        if rng.random() < 0.2:
            # some file systems bring the size to disk before the data
            return kept.ljust(len(now), b"\0")
        return kept


@contextmanager
def watched(state: Path) -> Iterator[Disk]:
    """Watch what reaches the disk."""
    disk = Disk(state)
    fsync = os.fsync

    def watching(fd: int) -> None:
        fsync(fd)
        disk.saw_sync(fd)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", watching)
        yield disk
