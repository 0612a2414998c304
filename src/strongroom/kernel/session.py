"""Session: one process's (later one connection's) use of the kernel; the composition root."""

from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .audit import AuditSession
    from .cache import RecordCache
    from .config import Config
    from .registry import Registry
    from .store import Home


class Progress(NamedTuple):
    """How far a long piece of work is; `total` 0 where it is not known. `unit` as "B", "files"."""

    what: str
    done: int
    total: int
    unit: str


def _ignore(progress: Progress) -> None:
    """Take progress that no one watches."""


class Session:
    """What every Context of a process shares. Surfaces make it; ops see it through `ctx`.

    `allow_backing` are directories, besides an image's own, in which files behind an image may
    lie; only the command line fills it. `now` returns seconds since 1970.
    """

    def __init__(
        self,
        *,
        home: "Home",
        config: "Config",
        registry: "Registry",
        audit: "AuditSession",
        cache: "RecordCache",
        now: Callable[[], float],
        emit: Callable[[Progress], None] = _ignore,
        allow_backing: tuple[str, ...] = (),
        records_max: int = 100_000_000,
    ) -> None:
        self.home = home
        self.config = config
        self.registry = registry
        self.audit = audit
        self.cache = cache
        self.now = now
        self.emit = emit
        self.allow_backing = allow_backing
        self.records_max = records_max
        self.cancelled = False
        self._calls = count(1)

    def next_call(self) -> int:
        """Return a number that no other call of this session has, from 1; for several threads."""
        return next(self._calls)
