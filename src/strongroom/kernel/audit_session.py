"""AuditSession: what the calls of one run say to the audit log, with repeated reads folded."""

from _thread import allocate_lock
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from .audit_format import Anchor, AuditEvent, timestamp


class Log(Protocol):
    """What a session needs of an AuditLog."""

    def now(self) -> float:
        """Return seconds since 1970."""
        ...

    def append(self, event: AuditEvent, *, durable: bool, essential: bool = False) -> int:
        """Write one entry."""
        ...

    def head(self) -> Anchor | None:
        """Return the last entry."""
        ...


class Ticket(NamedTuple):
    """What `intent` gives and `outcome` takes. `seq` is 0 where the call was folded."""

    seq: int
    call: int
    parent: int | str
    op: str
    by: str
    durable: bool
    essential: bool


class _Fold:
    """Calls of one op by one principal in one minute that have no entry of their own."""

    __slots__ = ("calls", "counts", "minute", "opened", "outcomes")

    def __init__(self, minute: int) -> None:
        self.minute = minute
        self.opened = False  # whether the minute's first call has its entry
        self.calls = 0
        self.outcomes: dict[str, int] = {}
        self.counts: dict[str, int] = {}


class AuditSession:
    """One run's entries. For several threads. `close` it: folded counts are written then.

    A call that is not `durable`, which means READ and nothing else, is folded if the same
    principal called the same op in the same minute before (spec, "Entries").
    """

    def __init__(self, log: Log, run: str, *, parent: str = "") -> None:
        self.log = log
        self.run = run
        self._parent = parent
        self._folds: dict[tuple[str, str], _Fold] = {}
        self._lock = allocate_lock()

    def intent(
        self,
        op: str,
        effects: Sequence[str],
        by: str,
        resource: str,
        *,
        call: int,
        parent: int = 0,
        durable: bool,
        essential: bool = False,
    ) -> Ticket:
        """Say what is about to be done; on disk before this returns if `durable`. Unavailable."""
        above = parent or self._parent
        ticket = Ticket(0, call, above, op, by, durable, essential)
        if not durable and self._is_folded(op, by):
            return ticket
        event = AuditEvent(
            "intent", op, self.run, call, above, tuple(effects), by=by, resource=resource
        )
        return ticket._replace(seq=self.log.append(event, durable=durable, essential=essential))

    def outcome(self, ticket: Ticket, outcome: str, **counts: int) -> None:
        """Say how it ended: `ok`, an error's code, `abandoned`, `interrupted`, `bug`."""
        if ticket.seq == 0:
            self._count(ticket, outcome, counts)
            return
        event = AuditEvent(
            "outcome", ticket.op, self.run, ticket.call, ticket.parent,
            outcome=outcome, counts=counts,
        )  # fmt: skip
        self.log.append(event, durable=ticket.durable, essential=ticket.essential)

    def close(self) -> None:
        """Write what is folded. The session may go on after it."""
        with self._lock:
            folds, self._folds = self._folds, {}
        for (op, by), fold in folds.items():
            self._write(op, by, fold)

    def _is_folded(self, op: str, by: str) -> bool:
        minute = int(self.log.now() // 60)
        with self._lock:
            past = {key: fold for key, fold in self._folds.items() if fold.minute != minute}
            for key in past:
                del self._folds[key]
            fold = self._folds.setdefault((op, by), _Fold(minute))
            folded, fold.opened = fold.opened, True
            fold.calls += folded
        for key, old in past.items():
            self._write(*key, old)
        return folded

    def _count(self, ticket: Ticket, outcome: str, counts: dict[str, int]) -> None:
        minute = int(self.log.now() // 60)
        with self._lock:
            fold = self._folds.setdefault((ticket.op, ticket.by), _Fold(minute))
            fold.outcomes[outcome] = fold.outcomes.get(outcome, 0) + 1
            for name, count in counts.items():
                fold.counts[name] = fold.counts.get(name, 0) + count

    def _write(self, op: str, by: str, fold: _Fold) -> None:
        if not fold.calls and not fold.outcomes:
            return
        detail = {"since": timestamp(fold.minute * 60), "outcomes": fold.outcomes}
        counts = {"calls": fold.calls, **fold.counts}
        event = AuditEvent(
            "fold", op, self.run, effects=("read",), by=by, counts=counts, detail=detail
        )
        self.log.append(event, durable=False)
