"""From a function to an op: what surfaces need, and what they could not carry."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from strongroom.base.errors import Usage
from strongroom.kernel.call import Context
from strongroom.kernel.describe import describe
from strongroom.kernel.op import Effect, Op, op
from strongroom.kernel.registry import Registry
from tests.kernel import sample_ops


def test_a_signature_and_its_docstring_are_the_whole_description(registry: Registry) -> None:
    count = registry.op("sample.count")

    assert (count.summary, count.doc) == ("Count", "Counts from 1, one record each.")
    assert count.examples == ("strongroom sample count here 5",)
    assert count.stream
    assert count.results == ("number",)
    assert [(p.name, p.type, p.positional, p.required, p.default) for p in count.params] == [
        ("at", "locator", True, True, None),
        ("upto", "int", True, False, 3),
        ("fail_at", "int", False, False, None),
    ]
    assert count.params[2].flag == "--fail-at"
    assert count.params[2].doc == "Break off here."
    assert (count.app, count.verb) == ("sample", "count")


def test_lists_choices_paths_and_effects_are_described(registry: Registry) -> None:
    write = registry.op("sample.write-down")
    params = {p.name: p for p in write.params}

    assert write.effects.words == ["read", "write"]
    assert not write.stream
    assert params["words"].many
    assert params["mode"].choices == ("loud", "quiet")
    assert params["to"].type == "path"
    assert params["factor"].type == "float"
    assert registry.op("sample.bug").results == ()


def test_the_registry_finds_the_code_again(registry: Registry) -> None:
    assert registry.function(registry.op("sample.count")) is sample_ops.count


def bad_variadic(ctx: Context, *names: str) -> None:
    """Take anything.

    Args:
        names: Any.
    """


def bad_type(ctx: Context, what: bytes) -> None:
    """Take bytes.

    Args:
        what: Them.
    """


def bad_undocumented(ctx: Context, what: str) -> None:
    """Take something."""


def bad_result(ctx: Context) -> Iterator[dict[str, Any]]:
    """Yield anything."""
    yield {}


def bad_silent(ctx: Context) -> None:
    pass


@pytest.mark.parametrize(
    "function", [bad_variadic, bad_type, bad_undocumented, bad_result, bad_silent]
)
def test_what_surfaces_could_not_carry_is_refused(function: Callable[..., Any]) -> None:
    marked = op("sample.bad", since="0.1")(function)

    with pytest.raises(Usage):
        describe(marked, marked.__op__, "sample")  # type: ignore[attr-defined]  # op() sets it


@pytest.mark.parametrize("name", ["guest", "guest.find_l", "Guest.ls", "guest.", ".ls", "g l.x"])
def test_a_name_that_mcp_or_a_shell_could_not_carry_is_refused(name: str) -> None:
    with pytest.raises(Usage):
        op(name, since="0.1")


def test_an_op_survives_the_index(registry: Registry) -> None:
    from strongroom.kernel.registry import _op_from, _op_row

    for one in registry.ops.values():
        assert isinstance(_op_from(_op_row(one)), Op)
        assert _op_from(_op_row(one)) == one
        assert isinstance(_op_from(_op_row(one)).effects, Effect)
