"""cache: what is remembered of inspections. Clearing it changes speed only."""

from collections.abc import Iterator
from typing import ClassVar

from strongroom.base.locator import Locator
from strongroom.base.record import Finding, Record, Severity
from strongroom.kernel.call import Context
from strongroom.kernel.op import Effect, op


class CacheRecord(Record):
    """What the cache holds and may hold."""

    type: ClassVar[str] = "cache"

    enabled: bool
    entries: int
    size_bytes: int
    max_bytes: int


class CacheCleared(Record):
    """How much was thrown away."""

    type: ClassVar[str] = "cache_cleared"

    entries: int


class CacheVerified(Record):
    """Whether every entry is as it was put; `ok` false makes the exit status 1."""

    type: ClassVar[str] = "cache_verified"

    ok: bool
    entries: int
    damaged: int


@op("cache.stats", since="0.1")
def stats(ctx: Context) -> CacheRecord:
    """Tell what the cache of inspections holds.

    Examples:
        strongroom cache stats --json
    """
    held = ctx.session.cache.stats()
    return CacheRecord(
        at=Locator(ctx.session.home.cache_dir),
        enabled=ctx.session.cache.enabled,
        entries=held.entries,
        size_bytes=held.size_bytes,
        max_bytes=held.max_bytes,
    )


@op("cache.clear", since="0.1", effects=Effect.READ | Effect.WRITE, essential=True)
def clear(ctx: Context) -> CacheCleared:
    """Forget every inspection; the next one reads the disks again.

    Examples:
        strongroom cache clear
    """
    return CacheCleared(at=Locator(ctx.session.home.cache_dir), entries=ctx.session.cache.clear())


@op("cache.verify", since="0.1")
def verify(ctx: Context) -> Iterator[Finding | CacheVerified]:
    """Check that every entry of the cache is as it was put.

    A damaged entry is never used; `cache clear` removes it.

    Examples:
        strongroom cache verify
    """
    cache = ctx.session.cache
    damaged = 0
    for problem in cache.verify():
        damaged += 1
        yield Finding(
            at=Locator(problem.path),
            rule="cache.damaged",
            severity=Severity.WARNING,
            message=problem.message,
            hint="remove it with `strongroom cache clear`",
        )
    yield CacheVerified(
        at=Locator(ctx.session.home.cache_dir),
        ok=not damaged,
        entries=cache.stats().entries,
        damaged=damaged,
    )
