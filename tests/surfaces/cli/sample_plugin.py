"""A plugin outside the tree, installed for the tests of the command line by its `installed`."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Literal

from strongroom.base.errors import Corrupt, Denied
from strongroom.base.locator import Locator
from strongroom.base.record import Finding, Record, Severity
from strongroom.kernel.call import Context
from strongroom.kernel.op import Effect, op
from strongroom.kernel.plugin import Collector
from strongroom.kernel.session import Progress

HERE = Locator("here")


class Row(Record):
    type: ClassVar[str] = "row"

    name: str
    size_bytes: int
    colours: tuple[str, ...] = ()
    modified: str | None = None


class Verdict(Record):
    type: ClassVar[str] = "verdict"

    ok: bool


@op("sample.rows", since="0.1", aliases=("list",))
def rows(
    ctx: Context,
    disk: Locator,
    path: str = "/",
    *,
    count: int = 3,
    kind: Literal["plain", "wide", "hostile"] = "plain",
    colour: tuple[str, ...] = (),
    sorted: bool = True,
    minimum: float | None = None,
) -> Iterator[Row]:
    """List rows of a sample.

    A second paragraph tells more.

    Args:
        disk: Where the rows are.
        path: Where to look.
        count: How many rows.
        kind: What they look like.
        colour: A colour each row has.
        sorted: Whether the rows are in order.
        minimum: The least there is.

    Examples:
        strongroom sample rows disk.raw
        strongroom sample rows disk.raw --count 2 --json
    """
    names = {"plain": "row", "wide": "w" * 300, "hostile": "\x1b]0;evil\x07\n\u202etxt\udcff"}
    for number in range(count):
        name = f"{names[kind]}{number}"
        yield Row(at=HERE / path, name=name, size_bytes=1536 * number, colours=colour)


@op("sample.one", since="0.1")
def one(ctx: Context, *, empty: bool = False) -> Row:
    """Show one row.

    Args:
        empty: Leave its colours out.
    """
    return Row(at=HERE, name="one", size_bytes=4096, colours=() if empty else ("red", "blue"))


@op("sample.burn", since="0.1", effects=Effect.DESTROY)
def burn(ctx: Context, path: Path) -> None:
    """Destroy a file.

    Args:
        path: The file.
    """
    path.unlink()


@op("sample.bug", since="0.1")
def bug(ctx: Context) -> None:
    """Fail as no one expected."""
    raise KeyError("colour")


@op("sample.fail", since="0.1")
def fail(ctx: Context, *, denied: bool = False) -> Iterator[Row]:
    """Yield a row, then fail with an error that is foreseen.

    Args:
        denied: Say that it is not allowed.
    """
    yield Row(at=HERE, name="before", size_bytes=1)
    if denied:
        raise Denied("the \x1b[31mfile may not be read", hint="ask its owner", reason="sample")
    raise Corrupt("sample", 512, "a row is damaged", reason="row")


@op("sample.wait", since="0.1")
def wait(ctx: Context, ready: Path) -> Iterator[Row]:
    """Say that it is ready through a named pipe, then wait.

    Args:
        ready: The named pipe.
    """
    yield Row(at=HERE, name="first", size_bytes=1)
    ctx.emit(Progress("waiting", 3, 12, "files"))
    ready.write_text("ready")
    time.sleep(60)


@op("sample.verdict", since="0.1")
def verdict(ctx: Context, *, ok: bool = False) -> Verdict:
    """Answer yes or no.

    Args:
        ok: The answer.
    """
    return Verdict(at=HERE, ok=ok)


@op("sample.findings", since="0.1")
def findings(ctx: Context) -> Iterator[Row | Finding]:
    """Yield a row and a finding."""
    yield Row(at=HERE, name="row", size_bytes=1)
    yield Finding(
        at=HERE / "/etc/x", line=3, rule="sample.loose", severity=Severity.WARNING, message="loose"
    )


@op("sample.raw", since="0.1")
def raw(ctx: Context, *, count: int = 1) -> Iterator[bytes | Finding]:
    """Write bytes that are no text.

    Args:
        count: How many times.
    """
    for _ in range(count):
        yield b"\x00\xff\x1b[0m\n"


def contribute(registry: Collector) -> None:
    """Register the ops of this file."""
    import sys

    registry.add_ops(sys.modules[__name__])
