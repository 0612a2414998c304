"""A session: what all calls of one process share, and the numbers that tell them apart."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from strongroom.kernel.call import Context
from strongroom.kernel.session import Progress, Session

Make = Callable[..., Context]


def test_calls_are_numbered_from_one(make_context: Make) -> None:
    session = make_context().session

    assert [session.next_call() for _ in range(3)] == [1, 2, 3]


def test_two_sessions_count_for_themselves(make_context: Make) -> None:
    assert make_context().session.next_call() == 1
    assert make_context().session.next_call() == 1


def test_no_number_is_given_twice_to_several_threads(make_context: Make) -> None:
    session = make_context().session

    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(lambda _: session.next_call(), range(4000)))

    assert sorted(numbers) == list(range(1, 4001))


def test_a_context_of_a_call_shares_its_session(make_context: Make) -> None:
    ctx = make_context()
    nested = ctx.deeper()

    assert nested.session is ctx.session
    assert ctx.attenuate(()).session is ctx.session
    assert (nested.id, nested.deeper().id) == ((1, 0), (2, 1))


def test_what_nobody_asked_for_is_off(make_context: Make) -> None:
    session: Session = make_context().session

    session.emit(Progress("reading", 0, 0, "B"))
    assert session.allow_backing == ()
    assert not session.cancelled


def test_that_the_caller_has_gone_reaches_every_context(make_context: Make) -> None:
    ctx = make_context()
    nested = ctx.deeper().deeper()

    ctx.session.cancelled = True

    assert nested.cancelled
