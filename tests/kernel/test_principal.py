"""Grants: deny by default, and no narrowing ever widens."""

from hypothesis import given
from hypothesis import strategies as st

from strongroom.kernel.op import Effect
from strongroom.kernel.principal import EVERYTHING, Grant, Principal, allowed

OPS = ["guest.ls", "guest.cat", "vault.get", "disk.open"]
RESOURCES = ["/images/a.raw", "/images/b.raw", "aws/prod"]

effects = st.sampled_from(list(Effect))
grants = st.builds(
    Grant,
    op=st.sampled_from([*OPS, "guest.*", "*", "x"]),
    effects=st.sets(effects, min_size=1).map(lambda s: Effect(sum(e.value for e in s))),
    resource=st.sampled_from([*RESOURCES, "/images/*", "*"]),
    until_s=st.none() | st.sampled_from([50.0, 150.0]),
)
grant_sets = st.lists(grants, max_size=4).map(tuple)
principals = st.builds(
    Principal,
    id=st.just("p"),
    grants=grant_sets,
    behalf=st.none() | st.builds(Principal, id=st.just("q"), grants=grant_sets),
    within=st.lists(grant_sets, max_size=2).map(tuple),
)
questions = st.tuples(
    st.sampled_from(OPS),
    st.sets(effects, min_size=1).map(lambda s: Effect(sum(e.value for e in s))),
    st.sampled_from(RESOURCES),
    st.sampled_from([0.0, 100.0, 200.0]),
)


@given(principal=principals, narrowing=grant_sets, question=questions)
def test_attenuation_never_widens(
    principal: Principal, narrowing: tuple[Grant, ...], question: tuple[str, Effect, str, float]
) -> None:
    if allowed(principal.attenuate(narrowing), *question):
        assert allowed(principal, *question)
        assert allowed(Principal("n", grants=narrowing), *question)


@given(own=grant_sets, behalf=principals, question=questions)
def test_an_agent_never_has_more_than_the_one_it_acts_for(
    own: tuple[Grant, ...], behalf: Principal, question: tuple[str, Effect, str, float]
) -> None:
    if allowed(Principal("agent", "agent", own, behalf), *question):
        assert allowed(behalf, *question)
        assert allowed(Principal("a", grants=own), *question)


@given(principal=principals, question=questions)
def test_more_effects_are_never_easier(
    principal: Principal, question: tuple[str, Effect, str, float]
) -> None:
    op, _, resource, now_s = question
    if allowed(principal, op, ~Effect(0), resource, now_s):
        assert all(allowed(principal, op, e, resource, now_s) for e in Effect)


def test_nothing_is_allowed_without_a_grant() -> None:
    assert not allowed(Principal("nobody"), "guest.ls", Effect.READ, "x", 0)
    assert allowed(Principal("me", grants=(EVERYTHING,)), "guest.ls", ~Effect(0), "x", 0)


def test_a_grant_ends_at_its_time() -> None:
    brief = Principal("me", grants=(Grant("guest.*", Effect.READ, until_s=10.0),))

    assert allowed(brief, "guest.ls", Effect.READ, "x", 9.9)
    assert not allowed(brief, "guest.ls", Effect.READ, "x", 10.0)


def test_effects_may_come_from_several_grants() -> None:
    both = Principal("me", grants=(Grant("*", Effect.READ), Grant("*", Effect.WRITE)))

    assert allowed(both, "guest.ls", Effect.READ | Effect.WRITE, "x", 0)
