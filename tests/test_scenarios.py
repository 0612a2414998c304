import os
from pathlib import Path

import pytest

from strongroom.testing.scenario import matches, needs, run
from strongroom.testing.tools import need

ROOT = Path(__file__).parents[1]
FILES = sorted([*ROOT.glob("tests/scenarios/*.md"), *ROOT.glob("docs/guides/*.md")])


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_command_of_the_document_answers_as_it_says(path: Path, tmp_path: Path):
    promised = path.read_text(encoding="utf-8")
    need(*needs(promised))

    real = run(promised, tmp_path)

    if os.environ.get("UPDATE"):
        path.write_text(real, encoding="utf-8")
    assert real == promised


MATCHES = [
    ("same\n", "same\n", True),
    ("same\n", "other\n", False),
    ("took [..] s\n", "took 0.04 s\n", True),
    ("took [..] s\n", "took 0.04 ms\n", False),
    ("[..]\n", "one\ntwo\n", False),
    ("one\n[...]\nlast\n", "one\ntwo\nthree\nlast\n", True),
    ("one\n[...]\nlast\n", "one\nlast\n", True),
    ("one\n[...]\nlast\n", "one\n", False),
    ("a.c\n", "abc\n", False),
    ("", "", True),
]


@pytest.mark.parametrize(("expected", "output", "answer"), MATCHES)
def test_expected_output_may_leave_parts_open(expected: str, output: str, answer: bool):  # noqa: FBT001  a table's column
    assert matches(expected, output) is answer


def test_an_output_that_differs_is_shown_as_it_is(tmp_path: Path):
    document = "```console\n$ echo real; exit 3\npromised\n```\n"

    assert run(document, tmp_path) == "```console\n$ echo real; exit 3\nreal\n[exit 3]\n```\n"


def test_files_and_setup_come_before_the_commands_after_them(tmp_path: Path):
    document = (
        "```file:note.txt\nhello\n```\n<!-- setup\ncp note.txt copy.txt\n-->\n"
        "```console\n$ cat copy.txt\nhello\n```\n"
    )

    assert run(document, tmp_path) == document


def test_a_setup_that_fails_stops_the_scenario(tmp_path: Path):
    with pytest.raises(RuntimeError, match="no-such-file"):
        run("<!-- setup\ncat no-such-file\n-->\n", tmp_path)
