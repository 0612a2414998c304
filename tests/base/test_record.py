"""Records as JSON: stable, exact for odd names, canonical for hashing."""

import json
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.base.locator import parse
from strongroom.base.record import (
    Finding,
    Record,
    Severity,
    canonical_json,
    from_plain,
    json_line,
    to_plain,
)

AT = parse("d.raw::/etc/passwd")

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


class Sample(Record):
    type: ClassVar[str] = "sample"
    name: str
    note: str | None = None
    parts: tuple[str, ...] = ()


def test_type_and_place_come_first_and_absent_values_are_left_out() -> None:
    line = json_line(Sample(at=AT, name="x", parts=("a", "b")))

    assert line == '{"type":"sample","at":"d.raw::/etc/passwd","name":"x","parts":["a","b"]}'


def test_a_finding_carries_its_severity_as_a_word() -> None:
    finding = Finding(at=AT, line=3, rule="ssh.root-login", severity=Severity.WARNING, message="m")

    assert to_plain(finding)["severity"] == "warning"
    assert to_plain(finding)["line"] == 3
    assert Severity.NOTICE < Severity.WARNING < Severity.CRITICAL


def test_a_name_that_is_no_utf8_is_given_lossy_and_exact() -> None:
    plain = to_plain(Sample(at=AT, name=b"a\xffb".decode("utf-8", "surrogateescape")))

    assert plain["name"] == "a\ufffdb"
    assert plain["name_b64"] == "Yf9i"
    json.dumps(plain, ensure_ascii=False).encode("utf-8")


@given(json_values)
def test_canonical_json_depends_on_the_value_only(value: object) -> None:
    text = canonical_json(value)

    assert json.loads(text) == value
    assert canonical_json(json.loads(text)) == text


@pytest.mark.parametrize("value", [1.5, {"a": [1.0]}, {1: "x"}, "\ud800"])
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        canonical_json(value)


@given(name=st.text(alphabet="a\udcff:é"), parts=st.lists(st.text(max_size=3)).map(tuple))
def test_a_record_comes_back_from_its_json(name: str, parts: tuple[str, ...]) -> None:
    record = Sample(at=AT, line=3, name=name, parts=parts)

    assert from_plain(Sample, json.loads(json_line(record))) == record


def test_a_finding_comes_back_from_its_json() -> None:
    finding = Finding(at=AT, rule="a.b", severity=Severity.ERROR, message="m", hint="h")

    assert from_plain(Finding, to_plain(finding)) == finding
