"""Criteria: what a user writes is read as find(1) and the documentation say, or refused."""

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.apps.guest.criteria import (
    parse_glob,
    parse_kinds,
    parse_moment,
    parse_permissions,
    parse_size,
    parse_size_bound,
)
from strongroom.base.errors import Usage

NOW_S = 1_767_225_600.25


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("4096", 4096),
        ("00010", 10),
        ("1K", 1 << 10),
        ("1k", 1 << 10),
        ("1KB", 1 << 10),
        ("1KiB", 1 << 10),
        ("10m", 10 << 20),
        ("3GiB", 3 << 30),
        ("2T", 2 << 40),
        ("7B", 7),
        ("999999999999999999", 10**18 - 1),
    ],
)
def test_a_size_is_bytes_or_a_unit_of_1024(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text",
    ["", " 1", "1 ", "-1", "1.5M", "1P", "K", "1KK", "0x10", "\N{SUPERSCRIPT TWO}", "9" * 19],
)
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(Usage) as raised:
        parse_size(text)
    assert raised.value.code == "usage.size"


@pytest.mark.parametrize(
    ("text", "held", "not_held"),
    [
        ("+10", [11, 10**9], [0, 9, 10]),
        ("-10", [0, 9], [10, 11]),
        ("10", [10], [9, 11]),
        ("+1K", [1025], [1024]),
        ("-0", [], [0, 1]),
        ("+0", [1], [0]),
    ],
)
def test_a_bound_is_more_less_or_exactly(text: str, held: list[int], not_held: list[int]) -> None:
    bound = parse_size_bound(text)

    assert all(bound.holds(size) for size in held)
    assert not any(bound.holds(size) for size in not_held)


@pytest.mark.parametrize("text", ["+", "-", "", "++1", "+-1", "=1", "+ 1"])
def test_what_is_no_bound_is_refused(text: str) -> None:
    with pytest.raises(Usage):
        parse_size_bound(text)


@pytest.mark.parametrize(
    ("text", "held", "not_held"),
    [
        ("644", [0o644], [0o4644, 0o645, 0]),
        ("0644", [0o644], [0o600]),
        ("-4000", [0o4755, 0o7777], [0o755, 0o2755]),
        ("-022", [0o022, 0o777], [0o020, 0o002]),
        ("/022", [0o020, 0o002], [0o755, 0]),
        ("/6000", [0o4000, 0o2000], [0o1777]),
        ("/0", [0, 0o777], []),
        ("-0", [0, 0o777], []),
        ("0", [0], [0o001]),
        ("7777", [0o7777], [0o777]),
    ],
)
def test_a_mode_is_exact_all_or_any_of_its_bits(
    text: str, held: list[int], not_held: list[int]
) -> None:
    permissions = parse_permissions(text)

    assert all(permissions.holds(mode) for mode in held)
    assert not any(permissions.holds(mode) for mode in not_held)


@pytest.mark.parametrize("text", ["", "8", "u+s", "+4000", "77777", "-", "/", "0o644", " 644"])
def test_what_is_no_mode_is_refused(text: str) -> None:
    with pytest.raises(Usage) as raised:
        parse_permissions(text)
    assert raised.value.code == "usage.mode"


def ns(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * 1_000_000_000  # type: ignore[arg-type,misc]  # year, month, ...


@pytest.mark.parametrize(
    ("text", "moment_ns"),
    [
        ("2026-01-31", ns(2026, 1, 31)),
        ("2026-01-31T10:00", ns(2026, 1, 31, 10)),
        ("2026-01-31 10:00:00", ns(2026, 1, 31, 10)),
        ("2026-01-31T10:00:00Z", ns(2026, 1, 31, 10)),
        ("2026-01-31T10:00:00+02:00", ns(2026, 1, 31, 8)),
        ("2026-01-31T10:00:00.000001Z", ns(2026, 1, 31, 10) + 1000),
        ("1969-12-31", ns(1969, 12, 31)),
        ("0001-01-01", -62_135_596_800_000_000_000),
        ("0s", int(NOW_S * 1e9)),
        ("1s", int(NOW_S * 1e9) - 10**9),
        ("2m", int(NOW_S * 1e9) - 120 * 10**9),
        ("3h", int(NOW_S * 1e9) - 10800 * 10**9),
        ("1d", int(NOW_S * 1e9) - 86400 * 10**9),
        ("2w", int(NOW_S * 1e9) - 14 * 86400 * 10**9),
    ],
)
def test_a_moment_is_a_date_a_time_or_an_age(text: str, moment_ns: int) -> None:
    assert parse_moment(text, NOW_S) == moment_ns


@pytest.mark.parametrize(
    "text",
    ["", "now", "yesterday", "2026-13-01", "7", "-7d", "7y", "1.5d", "10000-01-01", "9999999d"],
)
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(Usage) as raised:
        parse_moment(text, NOW_S)
    assert raised.value.code == "usage.date"


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("f", {"file"}),
        ("d", {"dir"}),
        ("f,l", {"file", "link"}),
        ("c,b,p,s", {"char", "block", "fifo", "socket"}),
        ("f,f", {"file"}),
    ],
)
def test_kinds_are_the_letters_of_find(text: str, kinds: set[str]) -> None:
    assert parse_kinds(text) == kinds


@pytest.mark.parametrize("text", ["", "x", "F", "f,", ",f", "fl", "f l", "file"])
def test_what_is_no_kind_is_refused(text: str) -> None:
    with pytest.raises(Usage) as raised:
        parse_kinds(text)
    assert raised.value.code == "usage.kind"


@pytest.mark.parametrize(
    ("pattern", "held", "not_held"),
    [
        ("*.log", [".log", "a.log", "a.b.log"], ["a.logs", "log", "A.LOG"]),
        ("a?c", ["abc", "a.c", "a\nc"], ["ac", "abbc"]),
        ("[a-c]x", ["ax", "cx"], ["dx", "x", "abx"]),
        ("[!a-c]x", ["dx"], ["ax"]),
        ("*", ["", ".hidden", "two\nlines", "\udcff"], []),
        ("a.b", ["a.b"], ["axb"]),
        ("(a|b)+", ["(a|b)+"], ["a", "ab"]),
        ("[", ["["], ["x"]),
        ("naïve*", ["naïve.txt"], ["naive"]),
    ],
)
def test_a_pattern_is_held_against_the_whole_name(
    pattern: str, held: list[str], not_held: list[str]
) -> None:
    matches = parse_glob(pattern)

    assert all(matches(name) for name in held)
    assert not any(matches(name) for name in not_held)


def test_a_pattern_may_take_capital_and_small_letters_for_the_same() -> None:
    assert parse_glob("HOST*", ignore_case=True)("hostname")
    assert parse_glob("grö?e", ignore_case=True)("GRÖSE")


@pytest.mark.parametrize("pattern", ["", "a/b", "/"])
def test_a_pattern_that_no_name_can_match_is_refused(pattern: str) -> None:
    with pytest.raises(Usage) as raised:
        parse_glob(pattern)
    assert raised.value.code == "usage.glob"


def test_a_pattern_made_to_stall_is_fast() -> None:
    assert not parse_glob("*a" * 200 + "b")("a" * 255)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    for read in (
        parse_size,
        parse_size_bound,
        parse_permissions,
        parse_kinds,
        parse_glob,
        lambda given: parse_moment(given, NOW_S),
    ):
        with suppress(Usage):
            read(text)


@given(st.integers(0, 10**18 - 1))
def test_a_size_in_bytes_is_read_back(size: int) -> None:
    assert parse_size(str(size)) == size
