import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.formats.guest.lines import (
    Fault,
    Faults,
    continued,
    number,
    numbered,
    paragraphs,
    quote,
)

LINES = {
    "": [],
    "a": [(1, "a")],
    "a\nb\n": [(1, "a"), (2, "b")],
    "a\r\n\r\nb": [(1, "a"), (2, ""), (3, "b")],
    "\n\n": [(1, ""), (2, "")],
    "a\x0bb\u2028c": [(1, "a\x0bb\u2028c")],
}


@pytest.mark.parametrize("text", LINES)
def test_lines_end_at_line_feeds_alone(text: str):
    assert list(numbered(text)) == LINES[text]


CONTINUED = {
    "a\\\nb\nc": [(1, "a b"), (3, "c")],
    "a\\\nb\\\nc\nd": [(1, "a b c"), (4, "d")],
    "a\\": [(1, "a")],
    "\\\n": [(1, "")],
}


@pytest.mark.parametrize("text", CONTINUED)
def test_a_backslash_at_the_end_joins_lines(text: str):
    assert list(continued(text)) == CONTINUED[text]


@given(st.text(alphabet="aé\udcff\n"))
def test_paragraphs_are_what_blank_lines_separate(text: str):
    content = text.encode("utf-8", "surrogateescape")
    found = list(paragraphs(content))

    assert [p.strip("\n") for _, _, p in found] == [
        p.strip("\n") for p in text.split("\n\n") if p.strip("\n")
    ]
    lines = text.split("\n")
    for line, offset, paragraph in found:
        assert content.startswith(paragraph.encode("utf-8", "surrogateescape"), offset)
        assert lines[line - 1] == paragraph.split("\n")[0]


NUMBERS = {
    "0": 0, "007": 7, "18446744073709551615": (1 << 64) - 1, "18446744073709551616": None,
    "": None, "-1": None, "+1": None, " 1": None, "1_0": None, "\u0661": None, "\u00b2": None,
    "9" * 5000: None,
}  # fmt: skip


@pytest.mark.parametrize("text", NUMBERS, ids=lambda text: text[:24])
def test_a_number_is_ascii_digits_within_its_bound(text: str):
    assert number(text) == NUMBERS[text]


def test_a_quotation_is_escaped_and_short():
    assert quote("a\nb") == "'a\\nb'"
    assert len(quote("x" * 1000)) < 70


def test_faults_are_bounded():
    faults = Faults()
    for line in range(1000):
        faults.add(line, "bad")

    assert len(faults.kept()) == 100
    assert faults.kept()[0] == Fault(0, "bad")
    assert faults.kept()[-1] == Fault(99, "more faults follow in this file")
