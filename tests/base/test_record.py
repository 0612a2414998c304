"""Records as JSON: stable, exact for odd names, canonical for hashing."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

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
    rfc3339,
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


@given(st.integers(-(10**20), 3 * 10**20))
def test_times_are_written_as_the_calendar_says(ns: int) -> None:
    seconds, fraction = divmod(ns, 10**9)
    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    except OverflowError:
        assert rfc3339(ns) is None
        return
    digits = f".{fraction:09}".rstrip("0") if fraction else ""
    assert rfc3339(ns) == f"{moment:%Y-%m-%dT%H:%M:%S}".rjust(19, "0") + digits + "Z"


def test_no_time_has_no_text() -> None:
    assert rfc3339(None) is None
    assert rfc3339(0) == "1970-01-01T00:00:00Z"


def test_records_are_frozen_and_know_their_fields() -> None:
    sample = Sample(at=AT, name="x")

    assert Sample.fields == ("at", "line", "offset", "name", "note", "parts")
    assert Sample.required == {"at", "name"}
    assert sample == Sample(at=AT, name="x", note=None)
    assert hash(sample) == hash(Sample(at=AT, name="x"))
    assert sample != Sample(at=AT, name="y")
    assert sample != "x"
    assert "name='x'" in repr(sample)
    with pytest.raises(AttributeError):
        sample.name = "y"  # type: ignore[misc]  # a wrong value is the point of the test
    with pytest.raises(AttributeError):
        del sample.name


@pytest.mark.parametrize("values", [{}, {"name": "x"}, {"at": AT, "name": "x", "nmae": "y"}])
def test_missing_and_unknown_fields_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="misses or does not know"):
        Sample(**values)
