"""Call: one principal invoking one op. The only door: authorise, audit, run."""

from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, NamedTuple, TypeVar

from strongroom.base.errors import Denied, Exhausted, NotFound, StrongroomError
from strongroom.base.limits import Budget
from strongroom.base.locator import Locator
from strongroom.base.source import Source
from strongroom.base.tree import Tree

from .op import Effect
from .principal import Grant, Principal, allowed
from .session import Progress, Session

T = TypeVar("T")

DEPTH_MAX = 32
"""How deep Calls nest: more is a loop."""


class CallId(NamedTuple):
    """A call's place in its run: its own number and its parent's, 0 for none."""

    number: int
    parent: int


class Context:
    """What an op is given: who calls, and the few doors to the world.

    A nested Call runs under the same run id with the caller's principal.
    """

    __slots__ = ("_depth", "_session", "budget", "id", "principal")

    def __init__(
        self, session: Session, principal: Principal, call_id: CallId, depth: int = 0
    ) -> None:
        self._session = session
        self._depth = depth
        self.principal = principal
        self.id = call_id
        self.budget = Budget("records", session.records_max)

    @property
    def session(self) -> Session:
        """The kernel's side of the process: registry, config, cache, audit."""
        return self._session

    @property
    def cancelled(self) -> bool:
        """Whether whoever waits for this call has gone; long loops ask."""
        return self._session.cancelled

    def now(self) -> float:
        """Return the time in seconds since 1970."""
        return self._session.now()

    def emit(self, progress: Progress) -> None:
        """Tell whoever waits how far the work is."""
        self._session.emit(progress)

    def attenuate(self, grants: tuple[Grant, ...]) -> "Context":
        """Return a Context whose principal is held within `grants` as well."""
        narrowed = self.principal.attenuate(grants)
        return Context(self._session, narrowed, self.id, self._depth)

    def call(self, name: str, /, **params: Any) -> Any:
        """Call an op with this Context's principal; see the function `call`."""
        return call(self, name, **params)

    def open(self, locator: Locator) -> Source | Tree:
        """Open any byte there is: a nested Call `disk.open`, judged by what it really does.

        Its resource, for grants and audit, names the host file by its real path: neither the
        working folder nor a link makes it look like another.
        """
        from .origin import real_path

        resource = str(locator._replace(origin=real_path(locator.origin)))
        return perform(
            self, "disk.open", Effect.READ, resource, lambda inner: _open(inner, locator)
        )

    def deeper(self) -> "Context":
        """Return the Context of a Call nested in this one."""
        if self._depth >= DEPTH_MAX:
            raise Exhausted(f"calls nest more than {DEPTH_MAX} deep")
        number = CallId(self._session.next_call(), self.id.number)
        return Context(self._session, self.principal, number, self._depth + 1)


def call(ctx: Context, name: str, /, **params: Any) -> Any:
    """Run the op `name` for `ctx.principal` and return what it returns.

    Parameters are checked first (Usage), then the principal's grants (Denied). The intent is
    audited before the op runs and the outcome after; for a stream once it is drained, has raised
    or was abandoned. A stream's records count against `ctx.budget` (Exhausted).
    """
    session = ctx.session
    op = session.registry.op(name)
    bound = op.bind(params)
    return perform(
        ctx,
        op.name,
        op.effects,
        op.resource(bound),
        lambda inner: session.registry.function(op)(inner, **bound),
        subject=op.subject(bound),
        essential=op.essential,
    )


def perform(
    ctx: Context,
    name: str,
    effects: Effect,
    resource: str,
    run: "Callable[[Context], T]",
    *,
    subject: str = "",
    essential: bool = False,
) -> T:
    """Authorise, audit and run one action that may not be an op, such as opening a disk.

    Grants cover `resource`; the log names `subject` where that says more.
    """
    inner = ctx.deeper()
    subject = subject or resource
    outcome = _Outcome(inner, name, effects, subject, essential=essential)
    if not allowed(ctx.principal, name, effects, resource, ctx.now()):
        outcome.write("denied")
        raise Denied(
            f"{ctx.principal.chain} may not {' and '.join(effects.words)} with {name}",
            hint=f"a grant of {name} on {resource or 'it'} is needed",
            reason="grant",
        )
    with outcome:
        result = run(inner)
        if isinstance(result, Iterator):
            outcome.postpone()
            return _drain(inner, result, outcome)  # type: ignore[return-value]  # an Iterator, as T is
    return result


class _Outcome:
    """Writes a call's intent when made and its outcome when left, unless postponed."""

    __slots__ = ("_postponed", "_session", "_ticket")

    def __init__(
        self, ctx: Context, name: str, effects: Effect, resource: str, *, essential: bool
    ) -> None:
        self._session = ctx.session
        self._postponed = False
        self._ticket = ctx.session.audit.intent(
            name,
            effects.words,
            ctx.principal.chain,
            resource,
            call=ctx.id.number,
            parent=ctx.id.parent,
            durable=bool(effects & Effect.DURABLE),
            essential=essential,
        )

    def postpone(self) -> None:
        """Leave the next exit without an outcome: the stream that was returned has its own."""
        self._postponed = True

    def resume(self) -> None:
        """Write the outcome at the next exit."""
        self._postponed = False

    def write(self, outcome: str) -> None:
        self._session.audit.outcome(self._ticket, outcome)

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if error is None and self._postponed:
            return
        self.write(_word(kind, error))


def _drain(ctx: Context, stream: Iterator[Any], outcome: _Outcome) -> Iterator[Any]:
    outcome.resume()
    with outcome:
        spend = ctx.budget.spend
        for item in stream:
            spend()
            yield item


def _word(kind: type[BaseException] | None, error: BaseException | None) -> str:
    if kind is None:
        return "ok"
    if isinstance(error, StrongroomError):
        return error.code
    if issubclass(kind, GeneratorExit):
        return "abandoned"
    return "interrupted" if issubclass(kind, KeyboardInterrupt) else "bug"


def _open(ctx: Context, locator: Locator) -> Source | Tree:
    from .origin import open_origin

    try:
        origin = open_origin(locator.origin, ctx.session.allow_backing)
    except NotFound:
        locator = _short_form(locator)
        origin = open_origin(locator.origin, ctx.session.allow_backing)
    for contribution in ctx.session.registry.contributions("opener"):
        opened: Source | Tree = contribution.load()(ctx, origin, locator)
        return opened
    return origin.content


def _short_form(locator: Locator) -> Locator:
    """Return `disk@name` as `disk::@name` (docs/spec/locator.md, "Short form")."""
    origin, _, snapshot = locator.origin.rpartition("@")
    if not origin or not snapshot or "/" in snapshot:
        return locator
    return Locator(origin, (f"@{snapshot}", *locator.steps))
