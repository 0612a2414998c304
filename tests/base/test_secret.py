"""Secrets refuse every way out but reveal()."""

import copy
import json
import pickle
from collections.abc import Callable

import pytest

from strongroom.base.secret import Secret

CANARY = b"canary-4711"


@pytest.mark.parametrize(
    "way_out",
    [
        str,
        bytes,
        list,
        len,
        hash,
        pickle.dumps,
        copy.copy,
        copy.deepcopy,
        json.dumps,
        lambda s: f"{s}",
        lambda s: f"{s:>20}",
        lambda s: "%s" % s,  # noqa: UP031  the old operator is a way out too
        lambda s: s == Secret(CANARY),
        vars,
    ],
)
def test_a_secret_refuses(way_out: Callable[[Secret], object]) -> None:
    with pytest.raises(TypeError) as raised:
        way_out(Secret(CANARY))

    assert CANARY.decode() not in str(raised.value)


def test_its_repr_shows_nothing() -> None:
    assert repr(Secret(CANARY)) == "Secret(...)"
    assert CANARY.decode() not in repr([Secret(CANARY)])


def test_reveal_gives_the_bytes() -> None:
    assert Secret(CANARY).reveal() == CANARY
