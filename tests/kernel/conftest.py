"""A Context over the sample ops whose audit is a list."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest

from strongroom.kernel.call import CallId, Context
from strongroom.kernel.plugin import Collector
from strongroom.kernel.principal import EVERYTHING, Grant, Principal
from strongroom.kernel.registry import Registry
from strongroom.kernel.session import Session
from tests.kernel import sample_ops


class Entry(NamedTuple):
    """One intent and what became of it."""

    op: str
    effects: tuple[str, ...]
    by: str
    resource: str
    call: int
    parent: int
    durable: bool


@dataclass
class Recorder:
    """Takes what `call` audits, in order."""

    entries: list[Entry] = field(default_factory=list)
    outcomes: dict[int, str] = field(default_factory=dict)

    def intent(
        self,
        op: str,
        effects: list[str],
        by: str,
        resource: str,
        *,
        call: int,
        parent: int,
        durable: bool,
        essential: bool,
    ) -> int:
        self.entries.append(Entry(op, tuple(effects), by, resource, call, parent, durable))
        return len(self.entries) - 1

    def outcome(self, ticket: int, outcome: str) -> None:
        assert ticket not in self.outcomes, "an outcome is written once"
        self.outcomes[ticket] = outcome

    def story(self) -> list[tuple[str, str]]:
        return [(e.op, self.outcomes.get(n, "?")) for n, e in enumerate(self.entries)]


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def registry() -> Registry:
    collector = Collector("sample")
    collector.add_ops(sample_ops)
    return Registry(collector.ops, collector.contributions, [])


@pytest.fixture
def make_context(recorder: Recorder, registry: Registry) -> Callable[..., Context]:
    def make(
        grants: tuple[Grant, ...] = (EVERYTHING,),
        principal: Principal | None = None,
        **settings: Any,
    ) -> Context:
        absent: Any = None
        session = Session(
            home=absent,
            config=absent,
            registry=registry,
            audit=recorder,  # type: ignore[arg-type]  # the two methods that call() uses
            cache=absent,
            now=lambda: 1000.0,
            **settings,
        )
        return Context(session, principal or Principal("alice", grants=grants), CallId(0, 0))

    return make
