"""Ops for the kernel's tests: what a plugin would contribute."""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Literal

from strongroom.base.errors import NotFound
from strongroom.base.locator import Locator
from strongroom.base.record import Record
from strongroom.kernel.call import Context
from strongroom.kernel.op import Effect, op


class Number(Record):
    """A number."""

    type: ClassVar[str] = "number"
    value: int


@op("sample.count", since="0.1", aliases=("numbers",))
def count(
    ctx: Context, at: Locator, upto: int = 3, *, fail_at: int | None = None
) -> Iterator[Number]:
    """Count.

    Counts from 1, one record each.

    Args:
        at: Where the numbers are said to be.
        upto: The last number.
        fail_at: Break
            off here.

    Examples:
        strongroom sample count here 5
    """
    for value in range(1, upto + 1):
        if value == fail_at:
            raise NotFound(f"number {value} is missing")
        yield Number(at=at, value=value)


@op("sample.write-down", since="0.1", effects=Effect.READ | Effect.WRITE)
def write_down(
    ctx: Context,
    words: tuple[str, ...] = (),
    *,
    mode: Literal["loud", "quiet"] = "quiet",
    to: Path | None = None,
    factor: float = 1.0,
    force: bool = False,
) -> Number:
    """Write words down.

    Args:
        words: What to write.
        mode: How.
        to: Where.
        factor: How much.
        force: Whether to insist.
    """
    return Number(at=Locator("words"), value=len(words))


@op("sample.nested", since="0.1")
def nested(ctx: Context, at: Locator, depth: int) -> Iterator[Number]:
    """Call itself.

    Args:
        at: Where.
        depth: How many times.
    """
    if depth:
        yield from ctx.call("sample.nested", at=at, depth=depth - 1)
    yield Number(at=at, value=depth)


@op("sample.bug", since="0.1")
def bug(ctx: Context) -> None:
    """Fail with what is none of the nine."""
    raise ZeroDivisionError


def not_an_op() -> None:
    """Do nothing."""
