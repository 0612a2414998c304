import os
import pty
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from tests.surfaces.cli.conftest import PROGRAMS, Cli

from strongroom.base.locator import Locator
from strongroom.base.record import Finding, Record, Severity
from strongroom.surfaces.cli.table import Table
from strongroom.surfaces.cli.terminal import (
    Screen,
    fit,
    human_size,
    pad,
    relative_time,
    text_width,
    wrap,
)
from strongroom.surfaces.cli.text import write_block

PIPE = Screen()
TTY = Screen(tty=True, width=40)
COLOUR = Screen(tty=True, width=80, colour=True)
HERE = Locator("disk.raw")


class Thing(Record):
    type: ClassVar[str] = "thing"

    name: str
    size_bytes: int = 0
    ready: bool = False
    tags: tuple[str, ...] = ()
    changed_at: str | None = None


class Other(Record):
    type: ClassVar[str] = "other"

    word: str


def table(records: list[Any], screen: Screen) -> str:
    lines: list[str] = []
    Table("test.op", lines.append, screen).write(iter(records))
    return "".join(lines)


def test_a_pipe_gets_rows_only_with_plain_numbers_in_columns():
    rows = [Thing(at=HERE, name="a", size_bytes=2048), Thing(at=HERE, name="long", size_bytes=1)]

    assert table(rows, PIPE) == "a     2048\nlong     1\n"


def test_a_terminal_gets_a_header_and_sizes_for_people():
    rows = [Thing(at=HERE, name="a", size_bytes=2048), Thing(at=HERE, name="long", size_bytes=1)]

    assert table(rows, TTY) == "name     size\na     2.0 KiB\nlong      1 B\n"


def test_a_column_that_holds_nothing_is_left_out_and_an_empty_cell_is_a_dash():
    rows = [Thing(at=HERE, name="a", tags=("x", "y")), Thing(at=HERE, name="b", ready=True)]

    assert table(rows, PIPE) == "a  0  no   x, y\nb  0  yes  -\n"


def test_the_types_of_a_short_answer_stand_in_tables_of_their_own():
    rows = [Thing(at=HERE, name="a"), Other(at=HERE, word="w"), Thing(at=HERE, name="b")]

    assert table(rows, PIPE) == "a  0\nb  0\n\nw\n"


def test_a_long_answer_streams_after_its_first_rows():
    seen: list[str] = []

    def records() -> Iterator[Record]:
        for number in range(1000):
            yield Thing(at=HERE, name=f"n{number}")
        assert len(seen) > 900
        yield Other(at=HERE, word="last")

    Table("test.op", seen.append, PIPE).write(records())

    assert seen[-1] == "last\n"
    assert len("".join(seen).splitlines()) == 1002


def test_no_line_is_wider_than_the_terminal():
    rows = [Thing(at=HERE, name="x" * 500, tags=("y" * 500,), size_bytes=2**60)] * 3
    rows.append(Thing(at=HERE, name="\u4e2d" * 100))

    for width in (20, 40, 79, 200):
        for line in table(rows, Screen(tty=True, width=width)).splitlines():
            assert text_width(line) <= width


def test_a_path_keeps_its_end_and_is_narrowed_last():
    class Place(Record):
        type: ClassVar[str] = "place"

        digest: str
        path: str

    path = "/usr/share/doc/libssl3/changelog.gz"
    rows = [Place(at=HERE, digest="0" * 64, path=path)] * 2

    assert path in table(rows, Screen(tty=True, width=60))
    for line in table(rows, Screen(tty=True, width=36)).splitlines()[1:]:
        assert line.endswith("changelog.gz")


def test_a_terminal_names_the_tables_of_an_answer_that_has_more_than_one():
    rows = [Thing(at=HERE, name="a"), Other(at=HERE, word="w"), Other(at=HERE, word="v")]

    assert table(rows, TTY) == "thing\nname  size\na      0 B\n\nother\nw\nv\n"


def test_a_block_is_never_cut():
    lines: list[str] = []
    long = Thing(at=HERE, name="x" * 90, tags=("one two three", "four five six", "seven eight"))
    write_block(long, lines.append, TTY)

    assert "x" * 90 in "".join(lines)
    assert lines[-2:] == ["tags   one two three, four five six,\n", "       seven eight\n"]


def test_a_block_gives_a_moment_exactly_and_as_people_say_it():
    lines: list[str] = []
    write_block(Thing(at=HERE, name="a", changed_at="2020-01-02T03:04:05Z"), lines.append, TTY)

    assert lines[-1] == "changed  2020-01-02T03:04:05Z\n"


def test_a_pipe_gets_every_row_whole():
    assert "x" * 500 in table([Thing(at=HERE, name="x" * 500)] * 2, PIPE)


def test_colour_and_escape_codes_are_for_a_terminal_that_takes_them():
    finding = Finding(at=HERE, rule="r", severity=Severity.WARNING, message="m")

    assert "\x1b" in table([finding], COLOUR)
    assert "\x1b" not in table([finding], TTY)
    assert "\x1b" not in table([finding], PIPE)


def test_a_block_has_a_line_for_each_field_that_holds_something():
    lines: list[str] = []
    write_block(Thing(at=HERE, name="a", size_bytes=2048, tags=("x",)), lines.append, PIPE)

    assert lines == ["name   a\n", "size   2.0 KiB (2048 bytes)\n", "ready  no\n", "tags   x\n"]


HOSTILE = {
    "plain": "plain",
    "\x1b[31mred": "\\x1b[31mred",
    "a\nb\r\tc": "a\\nb\\r\\tc",
    "\x9b1m": "\\x9b1m",
    "\x7f": "\\x7f",
    "exe.\u202etxt": "exe.\\u202etxt",
    "\u2066x\u2069": "\\u2066x\\u2069",
    "\u2028": "\\u2028",
    "\u4e2d\u6587 \u00e9": "\u4e2d\u6587 \u00e9",
}


@pytest.mark.parametrize("text", HOSTILE)
def test_what_could_move_the_cursor_or_reorder_text_is_shown_as_what_it_is(text: str):
    assert PIPE.clean(text) == TTY.clean(text) == HOSTILE[text]


def test_bytes_that_are_not_utf_8_pass_a_pipe_and_are_named_on_a_terminal():
    assert PIPE.clean("a\udcffb") == "a\udcffb"
    assert TTY.clean("a\udcffb") == "a\\xffb"


SIZES = [
    (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (10 * 1024, "10 KiB"),
    (1024**2 - 1, "1.0 MiB"), (912261120, "870 MiB"), (3 * 1024**4, "3.0 TiB"),
    (2**70, "1024 EiB"),
]  # fmt: skip


@pytest.mark.parametrize(("size", "text"), SIZES)
def test_sizes_have_units_of_1024_and_at_most_four_digits(size: int, text: str):
    assert human_size(size) == text


NOW_S = 1_767_225_600.0
MOMENTS = [
    ("2025-12-31T23:59:30Z", "now"),
    ("2025-12-31T23:30:00Z", "30 min ago"),
    ("2025-12-31T20:00:00.123456789Z", "3 h ago"),
    ("2025-12-20T00:00:00Z", "12 d ago"),
    ("2024-12-20T00:00:00Z", "2024-12-20"),
    ("2099-12-20T00:00:00Z", "2099-12-20"),
    ("2025-12-20", "2025-12-20"),
    ("never", "never"),
]


@pytest.mark.parametrize(("moment", "text"), MOMENTS)
def test_moments_are_relative_while_they_are_near(moment: str, text: str):
    assert relative_time(moment, NOW_S) == text


def test_text_is_cut_padded_and_wrapped_by_the_columns_it_takes():
    assert fit("abcdef", 4) == "abc\u2026"
    assert fit("\u4e2d\u6587\u5b57", 4) == "\u4e2d\u2026"
    assert fit("abc", 0) == ""
    assert pad("\u4e2d", 4) == "\u4e2d  "
    assert pad("7", 3, right=True) == "  7"
    assert wrap("one two three", 8, "  ") == ["  one", "  two", "  three"]
    assert wrap("one two three", 0) == ["one two three"]


def on_terminal(command: list[str], environment: dict[str, str], cwd: Path) -> str:
    """Return what a program writes to a terminal of 60 columns."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command,
        env={**environment, "COLUMNS": "60", "TERM": "xterm"},
        cwd=cwd,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ):
        os.close(theirs)
        written = b""
        try:
            while piece := os.read(ours, 65536):
                written += piece
        except OSError:  # EIO: the other side is closed
            pass
    os.close(ours)
    return written.decode().replace("\r\n", "\n")


def test_a_real_terminal_gets_colour_unless_it_is_not_wanted(
    environment: dict[str, str], tmp_path: Path
):
    command = [str(PROGRAMS / "strongroom"), "sample", "findings"]

    assert "\x1b[33mwarning:\x1b[0m loose" in on_terminal(command, environment, tmp_path)
    for more in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        plain = on_terminal(command, {**environment, **more}, tmp_path)
        assert "warning: loose" in plain or "TERM" in more
    assert "\x1b" not in on_terminal(command, {**environment, "NO_COLOR": "1"}, tmp_path)
    assert "\x1b" not in on_terminal([*command, "--no-color"], environment, tmp_path)


def test_bytes_that_are_no_text_do_not_reach_a_terminal(
    environment: dict[str, str], tmp_path: Path
):
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "text").write_text("plain\n")
    (tmp_path / "tree" / "image").write_bytes(b"\x7fELF\0\x1b]0;evil\x07")
    cat = [str(PROGRAMS / "guestkit"), "cat", "tree"]

    assert on_terminal([*cat, "/text"], environment, tmp_path) == "plain\n"
    shown = on_terminal([*cat, "/image"], environment, tmp_path)
    assert "evil" not in shown
    assert "> FILE" in shown


def test_a_real_terminal_is_never_written_beyond_its_width(
    environment: dict[str, str], tmp_path: Path
):
    for words in ("sample rows d --kind wide", "--help", "sample rows --help", "explain 4"):
        command = [str(PROGRAMS / "strongroom"), *words.split()]
        written = on_terminal(command, {**environment, "NO_COLOR": "1"}, tmp_path)

        assert written
        assert max(len(line) for line in written.splitlines()) <= 60, words


def test_hostile_names_reach_no_terminal_and_leave_json_exact(
    cli: Cli, environment: dict[str, str], tmp_path: Path
):
    words = ["sample", "rows", "d", "--kind", "hostile", "--count", "1"]
    command = [str(PROGRAMS / "strongroom"), *words]

    shown = on_terminal(command, {**environment, "NO_COLOR": "1"}, tmp_path)
    piped = cli("strongroom", *words).out
    line = cli("strongroom", *words, "--json").out

    assert "\\x1b]0;evil\\x07\\n\\u202etxt\\xff0" in shown
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", shown)
    assert piped == "\\x1b]0;evil\\x07\\n\\u202etxt\udcff0  0\n"
    assert '"name":"\\u001b]0;evil\\u0007\\n' in line
    assert line.count("\n") == 1


def test_a_prompt_on_a_terminal_takes_only_a_yes(environment: dict[str, str], tmp_path: Path):
    victim = tmp_path / "victim"
    victim.touch()
    for answer, status in ((b"n\n", 2), (b"\n", 2), (b"y\n", 0)):
        ours, theirs = pty.openpty()
        with subprocess.Popen(
            [str(PROGRAMS / "strongroom"), "sample", "burn", "victim"],
            env=environment,
            cwd=tmp_path,
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=theirs,
        ) as process:
            os.close(theirs)
            os.write(ours, answer)
            assert process.wait(30) == status
            asked = os.read(ours, 65536).decode()
        os.close(ours)

        assert "Destroy a file: victim" in asked
        assert victim.exists() is (status != 0)
