"""Principal and Grant: who may do what. A person, a token, a program, an AI agent: one thing."""

from typing import NamedTuple

from .op import Effect


class Grant(NamedTuple):
    """Leave to call ops whose name matches `op`, with `effects`, on what matches `resource`.

    Patterns use `*` and `?` over the whole text. `until_s` is seconds since 1970, None for ever.
    """

    op: str
    effects: Effect
    resource: str = "*"
    until_s: float | None = None

    def covers(self, op: str, effect: Effect, resource: str, now_s: float) -> bool:
        """Say whether this grant alone lets one effect happen."""
        return (
            effect in self.effects
            and (self.until_s is None or now_s < self.until_s)
            and _matches(op, self.op)
            and _matches(resource, self.resource)
        )


EVERYTHING = Grant("*", Effect.ALL)


class Principal(NamedTuple):
    """Someone who calls. What it may do is the least of its own grants, of every `within`
    (narrowings, outermost first) and of the one on whose `behalf` it acts.
    """

    id: str
    kind: str = "person"
    """"person", "token", "program", "plugin" or "agent"."""
    grants: tuple[Grant, ...] = ()
    behalf: "Principal | None" = None
    within: tuple[tuple[Grant, ...], ...] = ()

    def attenuate(self, grants: tuple[Grant, ...]) -> "Principal":
        """Return the same principal held within `grants` as well; never wider than before."""
        return self._replace(within=(*self.within, grants))

    @property
    def chain(self) -> str:
        """The ids from this principal to the one it acts for, for the audit: `bot for alice`."""
        return self.id if self.behalf is None else f"{self.id} for {self.behalf.chain}"


def allowed(principal: Principal, op: str, effects: Effect, resource: str, now_s: float) -> bool:
    """Say whether `principal` may call `op` with all of `effects` on `resource` at `now_s`."""
    layers = (principal.grants, *principal.within)
    own = all(
        any(grant.covers(op, effect, resource, now_s) for grant in layer)
        for layer in layers
        for effect in Effect
        if effect in effects
    )
    if not own:
        return False
    behalf = principal.behalf
    return behalf is None or allowed(behalf, op, effects, resource, now_s)


def _matches(text: str, pattern: str) -> bool:
    if pattern in ("*", text):
        return True
    from fnmatch import fnmatchcase

    return fnmatchcase(text, pattern)
