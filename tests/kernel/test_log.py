"""Log lines: on the stream asked for, one line each, without any secret in any common form."""

import io
import logging
import subprocess
import sys
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.base.secret import Secret
from strongroom.kernel.log import MASK, Redactor, set_up, visible

VALUE = b"s3cret/p@ss word+\xc3\xa9"
secrets = st.binary(min_size=4, max_size=40)


def redactor_of(*values: bytes) -> Redactor:
    redactor = Redactor()
    for value in values:
        redactor.register(Secret(value))
    return redactor


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Log at DEBUG into a buffer, and put back the handlers of the test runner."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    set_up("debug", redactor_of(VALUE), stream)
    yield stream
    root.handlers[:], root.level = handlers, level


@pytest.mark.parametrize(
    "form",
    [
        VALUE.decode(),
        VALUE.decode("latin-1"),
        VALUE.hex(),
        VALUE.hex().upper(),
        VALUE.hex(":"),
        quote(VALUE),
        quote(VALUE, safe=""),
        quote_plus(VALUE),
        quote(VALUE, safe="").lower(),
        "".join(f"%{byte:02x}" for byte in VALUE),
        repr(VALUE)[2:-1],
    ],
)
def test_a_secret_is_masked_in_each_form(form: str):
    assert redactor_of(VALUE).redact(f"a={form}&b") == f"a={MASK}&b"


@given(secrets, st.binary(max_size=8), st.binary(max_size=8))
def test_base64_of_a_text_around_a_secret_does_not_show_it(value: bytes, head: bytes, tail: bytes):
    redactor = redactor_of(value)

    for encode in (b64encode, urlsafe_b64encode):
        text = encode(head + value + tail).decode("ascii")
        assert MASK in redactor.redact(text)


@given(st.lists(secrets, min_size=1, max_size=4), st.text())
def test_no_registered_value_is_left(values: list[bytes], around: str):
    text = around.join(value.decode("latin-1") for value in values)

    redacted = redactor_of(*values).redact(text)

    for value in values:
        assert value.decode("latin-1") not in redacted.replace(MASK, "\0") or value in MASK.encode()


def test_of_two_values_where_one_begins_the_other_nothing_is_left():
    assert redactor_of(b"password", b"password-long").redact("password-long") == MASK


def test_text_without_secrets_is_left_as_it_is():
    assert redactor_of(VALUE).redact("nothing here") == "nothing here"
    assert Redactor().redact("nothing here") == "nothing here"


def test_a_value_too_short_to_tell_apart_is_left_alone():
    assert redactor_of(b"abc").redact("abcabc") == "abcabc"


def test_a_line_has_time_level_and_name(lines: io.StringIO):
    logging.getLogger("strongroom.kernel").info("opened %s", "d.raw")

    line = lines.getvalue()
    assert line.endswith("Z INFO strongroom.kernel: opened d.raw\n")
    assert line[10] == "T"


def test_a_secret_in_arguments_and_tracebacks_is_masked(lines: io.StringIO):
    try:
        int(VALUE.decode() + "\x1b")
    except ValueError:
        logging.getLogger("t").exception("failed with %s and %r", VALUE.decode(), VALUE)

    assert "Traceback" in lines.getvalue()
    assert "s3cret" not in lines.getvalue()
    assert "\x1b" not in lines.getvalue()


def test_a_name_from_a_disk_cannot_write_a_line_of_its_own(lines: io.StringIO):
    logging.getLogger("t").warning("file %s", "a\n2026-01-01 ERROR root: fire\x1b[2J")

    assert lines.getvalue().count("\n") == 1
    assert "\x1b" not in lines.getvalue()


def test_lines_below_the_level_are_not_written(lines: io.StringIO):
    set_up("error", Redactor(), lines)

    logging.getLogger("t").warning("not this")

    assert lines.getvalue() == ""


@pytest.mark.parametrize(
    ("text", "shown"), [("plain é", "plain é"), ("a\nb", r"a\nb"), ("\x1b\udcff", r"\x1b\udcff")]
)
def test_control_characters_become_visible(text: str, shown: str):
    assert visible(text) == shown


def test_the_module_imports_no_logging_before_it_is_asked():
    code = "import sys, strongroom.kernel.log; sys.exit('logging' in sys.modules)"

    assert subprocess.run([sys.executable, "-I", "-c", code], check=False, env={}).returncode == 0
