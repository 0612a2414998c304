"""Limits: every bound is a positive number, and a budget is spent once."""

import pytest

from strongroom.base.errors import Exhausted
from strongroom.base.limits import DEFAULT_LIMITS, Budget, Limits


@pytest.mark.parametrize("name", Limits._fields)
def test_a_bound_is_finite_and_leaves_room(name: str) -> None:
    assert 0 < getattr(DEFAULT_LIMITS, name) < 1 << 40


def test_one_bound_is_lowered_by_itself() -> None:
    lower = DEFAULT_LIMITS._replace(volumes=3)

    assert lower.volumes == 3
    assert lower._replace(volumes=DEFAULT_LIMITS.volumes) == DEFAULT_LIMITS


def test_a_budget_is_spent_to_the_last_unit_and_no_further() -> None:
    budget = Budget("records", 3)
    budget.spend()
    budget.spend(2)
    assert budget.left == 0
    budget.spend(0)

    with pytest.raises(Exhausted, match="the budget of records is spent"):
        budget.spend()


def test_more_than_is_left_is_refused_at_once() -> None:
    with pytest.raises(Exhausted):
        Budget("bytes", 10).spend(11)


def test_what_is_spent_stays_spent() -> None:
    budget = Budget("bytes", 1)
    with pytest.raises(Exhausted):
        budget.spend(5)
    with pytest.raises(Exhausted):
        budget.spend(1)
