"""cache: what is remembered of inspections is counted, checked and forgotten."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.apps.system.conftest import Cli

from strongroom.apps.system.caching import CacheRecord, CacheVerified
from strongroom.base.record import Finding, Severity
from strongroom.kernel.cache import cache_key
from strongroom.kernel.call import Context

KEYS = [cache_key("inspect", name) for name in ("one", "two", "three")]


@pytest.fixture
def filled(ctx: Context) -> Context:
    """A Context whose cache holds three inspections."""
    for key in KEYS:
        assert ctx.session.cache.put(key, ['{"type":"os"}', '{"type":"user"}'])
    return ctx


def file_of(ctx: Context, key: str) -> Path:
    return Path(ctx.session.home.cache_dir, "records", key[:2], key)


def stats(ctx: Context) -> CacheRecord:
    record: CacheRecord = ctx.call("cache.stats")
    return record


def verify(ctx: Context) -> tuple[list[Finding], CacheVerified]:
    *findings, answer = ctx.call("cache.verify")
    return findings, answer


def test_an_empty_cache_is_none_that_fails(ctx: Context) -> None:
    assert (stats(ctx).entries, stats(ctx).size_bytes) == (0, 0)
    findings, answer = verify(ctx)
    assert (findings, answer.ok, answer.entries) == ([], True, 0)
    assert ctx.call("cache.clear").entries == 0


def test_what_the_cache_holds_is_counted(filled: Context) -> None:
    record = stats(filled)

    assert (record.enabled, record.entries, record.max_bytes) == (True, 3, 1 << 30)
    assert record.size_bytes == sum(file_of(filled, key).stat().st_size for key in KEYS)
    assert str(record.at) == filled.session.home.cache_dir


def test_clearing_forgets_everything_and_says_how_much(filled: Context) -> None:
    assert filled.call("cache.clear").entries == 3
    assert stats(filled).entries == 0
    assert filled.session.cache.get(KEYS[0]) is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-1] + b"?",
        lambda content: content[:-5],
        lambda content: content + b"more\n",
        lambda content: content[:0],
        lambda content: content.replace(b"records 1", b"records 2"),
    ],
)
def test_a_damaged_entry_is_named_with_the_way_out(
    filled: Context, damage: Callable[[bytes], bytes]
) -> None:
    path = file_of(filled, KEYS[1])
    path.write_bytes(damage(path.read_bytes()))
    (finding,), answer = verify(filled)

    assert (answer.ok, answer.entries, answer.damaged) == (False, 3, 1)
    assert (str(finding.at), finding.rule) == (str(path), "cache.damaged")
    assert finding.severity == Severity.WARNING
    assert finding.hint == "remove it with `strongroom cache clear`"
    assert filled.session.cache.get(KEYS[1]) is None, "it is never used"
    assert filled.session.cache.get(KEYS[0]) is not None


def test_an_entry_under_the_name_of_another_is_damaged(filled: Context) -> None:
    path = file_of(filled, KEYS[1])
    path.write_bytes(file_of(filled, KEYS[0]).read_bytes())

    assert verify(filled)[1].damaged == 1


def test_the_program_exits_with_1_where_an_entry_is_damaged_until_it_is_cleared(
    filled: Context, cli: Cli
) -> None:
    assert cli("cache", "verify").status == 0

    path = file_of(filled, KEYS[2])
    path.write_bytes(path.read_bytes().replace(b"user", b"usur"))
    done = cli("cache", "verify", "--json")
    assert done.status == 1
    finding, answer = map(json.loads, done.out.splitlines())
    assert (finding["rule"], finding["at"]) == ("cache.damaged", str(path))
    assert (answer["type"], answer["ok"], answer["damaged"]) == ("cache_verified", False, 1)

    (cleared,) = map(json.loads, cli("cache", "clear", "--json").out.splitlines())
    assert (cleared["type"], cleared["entries"]) == ("cache_cleared", 3)
    assert cli("cache", "verify").status == 0
