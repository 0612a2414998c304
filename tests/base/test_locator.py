"""The locator specification's vectors, and its law."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.base.errors import Usage
from strongroom.base.locator import Locator, parse

SPEC = Path(__file__).parents[2] / "docs/spec/locator.md"

parts = st.text(alphabet=":%3A25/@p \udc80é", min_size=1, max_size=12)


@given(origin=parts, steps=st.lists(parts, max_size=4))
def test_parsing_what_was_formatted_gives_the_same_locator(origin: str, steps: list[str]) -> None:
    locator = Locator(origin, tuple(steps))

    assert parse(str(locator)) == locator


def test_the_vectors_of_the_specification_hold() -> None:
    table = SPEC.read_text().partition("## Vectors")[2]
    rows = re.findall(r"^\| `([^`]+)` \| `([^`]+)` \|(.*)\|$", table, re.MULTILINE)

    assert len(rows) == 6
    for text, origin, steps in rows:
        assert parse(text) == Locator(origin, tuple(re.findall(r"`([^`]+)`", steps)))


@pytest.mark.parametrize("text", ["", "::", "a::", "::a", "a::::b"])
def test_an_empty_part_is_refused(text: str) -> None:
    with pytest.raises(Usage):
        parse(text)


def test_a_path_is_appended_to_the_last_path_and_stops_at_the_root() -> None:
    assert str(parse("d.raw") / "etc") == "d.raw::/etc"
    assert str(parse("d.raw::p1") / "/etc") == "d.raw::p1::/etc"
    assert str(parse("d.raw::/etc") / "ssh/../../../x") == "d.raw::/x"


def test_the_container_is_what_the_path_stands_in() -> None:
    locator = parse("d.raw::p1::/etc")

    assert locator.path == "/etc"
    assert locator.container == parse("d.raw::p1")
    assert locator.container.path is None
    assert locator.container.container == parse("d.raw::p1")
