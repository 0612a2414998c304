"""A Context for tests: a real registry and real calls, with an audit that remembers in memory."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from strongroom.kernel.call import CallId, Context
from strongroom.kernel.plugin import Collector
from strongroom.kernel.principal import EVERYTHING, Grant, Principal
from strongroom.kernel.registry import Registry
from strongroom.kernel.session import Progress, Session

NOW_S = 1_767_225_600.0
"""What `ctx.now()` says unless a test says otherwise: 2026-01-01T00:00:00Z."""


class Intent(NamedTuple):
    """One call as it was announced."""

    op: str
    effects: tuple[str, ...]
    by: str
    resource: str


@dataclass
class MemoryAudit:
    """The two methods of an audit session that `call` uses; what they were told is kept."""

    intents: list[Intent] = field(default_factory=list)
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
        """Keep an intent and return its ticket."""
        del call, parent, durable, essential
        self.intents.append(Intent(op, tuple(effects), by, resource))
        return len(self.intents) - 1

    def outcome(self, ticket: int, outcome: str) -> None:
        """Keep an outcome; there is one for each ticket."""
        if ticket in self.outcomes:
            raise ValueError(f"call {ticket} ended twice")
        self.outcomes[ticket] = outcome

    def story(self) -> Iterator[tuple[str, str]]:
        """Yield each call in order with its outcome, "open" where it has none."""
        for ticket, intent in enumerate(self.intents):
            yield intent.op, self.outcomes.get(ticket, "open")


def make_context(
    home: Path,
    *contribute: Callable[[Collector], None],
    grants: tuple[Grant, ...] = (EVERYTHING,),
    audit: MemoryAudit | None = None,
    now_s: float = NOW_S,
    progress: list[Progress] | None = None,
) -> Context:
    """Return a Context over what the `contribute` functions register, for a person with `grants`.

    State would live below `home`. Progress is kept in the list given.
    """
    from strongroom.kernel.config import load
    from strongroom.kernel.store import find_home

    collector = Collector("test")
    for function in contribute:
        function(collector)
    found = find_home({"STRONGROOM_HOME": str(home)})
    no_cache: Any = None
    session = Session(
        home=found,
        config=load(found.config_dir, {}, system_file=str(home / "none.toml")),
        registry=Registry(collector.ops, collector.contributions, []),
        audit=audit or MemoryAudit(),
        cache=no_cache,
        now=lambda: now_s,
        emit=(progress if progress is not None else []).append,
    )
    return Context(session, Principal("tester", grants=grants), CallId(0, 0))


def guest_context(home: Path, **settings: Any) -> Context:
    """Return a Context over the guest app, with the settings of `make_context`."""
    from strongroom.apps import guest

    return make_context(home, guest.contribute, **settings)
