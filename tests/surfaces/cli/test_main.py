import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.surfaces.cli.conftest import PROGRAMS, Cli

ROWS = "row0     0\nrow1  1536\nrow2  3072\n"

SAME = [
    ("strongroom", "sample", "rows", "d"),
    ("strongroom", "sample", "list", "d"),
    ("strongroom", "sample.rows", "d"),
    ("strongroom", "sample", "rows", "d", "--count", "3"),
    ("strongroom", "sample", "rows", "--count=3", "d"),
    ("strongroom", "sample", "rows", "d", "--count", "3", "/etc"),
    ("strongroom", "--quiet", "sample", "rows", "d"),
    ("strongroom", "sample", "-q", "rows", "d"),
    ("strongroom", "-o", "text", "sample", "--no-color", "rows", "--", "d"),
    ("guestkit", "sample.rows", "d"),
    ("kimi-vault", "sample.rows", "d"),
]


@pytest.mark.parametrize("argv", SAME, ids=" ".join)
def test_an_op_answers_alike_under_every_way_to_call_it(cli: Cli, argv: tuple[str, ...]):
    assert cli(*argv) == (0, ROWS, "")


WRONG = {
    ("strongroom", "smaple"): ("strongroom has no command 'smaple'", "`strongroom sample`"),
    ("strongroom", "sample", "rws"): ("has no command 'rws'", "`strongroom sample rows`"),
    ("strongroom", "rows"): ("has no command 'rows'", "`strongroom sample rows`"),
    ("strongroom", "explian"): ("has no command 'explian'", "`strongroom explain`"),
    ("kyro", "."): ("kyro has no command '.'", "docs/roadmap.md"),
    ("strongroom", "sample", "rows", "d", "--cuont", "1"): ("unknown flag --cuont", "--count"),
    ("strongroom", "sample", "rows", "d", "--coun", "1"): ("unknown flag --coun", "--count"),
    ("strongroom", "--jsn", "sample", "rows", "d"): ("unknown flag --jsn", "--json"),
    ("strongroom", "sample", "rows", "d", "-x"): ("unknown flag -x", "--help"),
    ("strongroom", "sample", "rows"): ("needs DISK", "--help"),
    ("strongroom", "sample", "rows", "d", "/", "more"): ("'more' is too much", "--help"),
    ("strongroom", "sample", "rows", "d", "--count"): ("--count needs a value", "--help"),
    ("strongroom", "sample", "rows", "d", "--count", "few"): (
        "--count takes a number, not 'few'",
        "--help",
    ),
    ("strongroom", "sample", "rows", "d", "--kind", "odd"): ("--kind takes one of plain", "--help"),
    ("strongroom", "sample", "rows", "d", "--no-sorted=1"): ("--no-sorted takes no value", "help"),
    ("strongroom", "sample", "rows", "d", "-o", "xml"): ("takes one of text, json", "--help"),
    ("strongroom", "sample", "raw", "-o", "json"): ("no form as json", ""),
    ("strongroom", "sample", "burn", "f"): ("sample.burn destroys", "--yes"),
    ("strongroom", "sample", "rows", "d", "--yes"): ("unknown flag --yes", ""),
    ("strongroom", "version", "now"): ("version takes fewer words", "strongroom version"),
    ("strongroom", "completion", "tcsh"): ("no completion for 'tcsh'", "zsh"),
}


@pytest.mark.parametrize("argv", WRONG, ids=" ".join)
def test_a_wrong_command_line_is_usage_with_the_way_out(cli: Cli, argv: tuple[str, ...]):
    message, hint = WRONG[argv]

    status, out, err = cli(*argv)

    lines = err.splitlines()
    assert (status, out) == (2, "")
    assert lines[0].startswith("error: ")
    assert message in lines[0]
    assert len(lines) <= 2
    assert hint in (lines[1] if len(lines) == 2 else "")


def test_a_foreseen_error_has_its_own_status_after_what_was_read(cli: Cli):
    status, out, err = cli("strongroom", "sample", "fail")

    assert status == 7
    assert out == "before  1\n"
    assert err == "error: sample at byte 512: a row is damaged\n"


def test_escape_codes_of_a_disk_do_not_reach_the_terminal_through_an_error(cli: Cli):
    status, _, err = cli("strongroom", "sample", "fail", "--denied")

    assert status == 4
    assert err == "error: the \\x1b[31mfile may not be read\nhint: ask its owner\n"


def test_a_bug_is_one_line_and_a_hint_and_status_70(cli: Cli):
    status, out, err = cli("strongroom", "sample", "bug")

    assert (status, out) == (70, "")
    assert err.splitlines()[0] == "error: this is a bug: KeyError: 'colour'"
    assert "--debug" in err.splitlines()[1]
    assert len(err.splitlines()) == 2


def test_debug_shows_where_a_bug_comes_from(cli: Cli):
    _, _, err = cli("strongroom", "sample", "bug", "--debug")

    assert "Traceback" in err
    assert "sample_plugin.py" in err


ANSWERS = {
    ("strongroom", "sample", "verdict"): 1,
    ("strongroom", "sample", "verdict", "--ok"): 0,
    ("strongroom", "sample", "findings"): 0,
    ("strongroom", "sample", "findings", "--fail-on", "error"): 0,
    ("strongroom", "sample", "findings", "--fail-on", "warning"): 1,
    ("strongroom", "sample", "findings", "--fail-on", "notice", "--json"): 1,
}


@pytest.mark.parametrize("argv", ANSWERS, ids=" ".join)
def test_the_status_is_1_where_the_answer_is_no(cli: Cli, argv: tuple[str, ...]):
    assert cli(*argv).status == ANSWERS[argv]


def test_findings_beside_other_records_are_remarks_in_text_and_records_in_json(cli: Cli):
    text = cli("strongroom", "sample", "findings")
    quiet = cli("strongroom", "sample", "findings", "--quiet")
    lines = cli("strongroom", "sample", "findings", "--json").out.splitlines()

    assert text == (0, "row  1\n", "warning: loose  /etc/x:3\n")
    assert quiet == (0, "row  1\n", "")
    assert [json.loads(line)["type"] for line in lines] == ["row", "finding"]


def test_what_destroys_is_done_with_yes_only(cli: Cli, tmp_path: Path):
    victim = tmp_path / "victim"
    victim.touch()

    assert cli("strongroom", "sample", "burn", "victim").status == 2
    assert victim.exists()
    assert cli("strongroom", "--yes", "sample", "burn", "victim") == (0, "", "")
    assert not victim.exists()


def test_every_call_is_audited_with_who_and_how_it_ended(cli: Cli, tmp_path: Path):
    home = tmp_path / "own"
    env = {"STRONGROOM_HOME": str(home)}

    cli("strongroom", "sample", "rows", "disk.raw", env=env)
    cli("strongroom", "sample", "bug", env=env)

    lines = (home / "state/audit/000001.jsonl").read_text().splitlines()
    story = [
        (e["event"], e["op"], e.get("outcome"))
        for e in map(json.loads, lines)
        if e["event"] in ("intent", "outcome")
    ]
    assert story == [
        ("intent", "sample.rows", None),
        ("outcome", "sample.rows", "ok"),
        ("intent", "sample.bug", None),
        ("outcome", "sample.bug", "bug"),
    ]
    values = (home / "state/audit/personal.jsonl").read_text()
    assert "disk.raw" in values


def test_the_log_names_the_files_that_were_asked_for_inside_a_disk(cli: Cli, tmp_path: Path):
    (tmp_path / "tree" / "etc").mkdir(parents=True)
    tree = str(tmp_path / "tree")

    cli("guestkit", "cat", tree, "/etc/shadow", "/etc/passwd")
    cli("guestkit", "ls", tree)

    found = cli("strongroom", "audit", "query", "--resource", "*shadow*", "--json").out
    assert [json.loads(line)["op"] for line in found.splitlines()][0] == "guest.cat"
    asked = json.loads(found.splitlines()[0])["resource"]
    assert asked == f"{tree}::/etc/shadow {tree}::/etc/passwd"
    listed = cli("strongroom", "audit", "query", "--op", "guest.ls", "--json").out
    assert json.loads(listed.splitlines()[0])["resource"] == tree


NEEDS_NO_STATE = [
    ("strongroom", "--help"),
    ("strongroom",),
    ("guestkit", "ls", "--help"),
    ("strongroom", "help", "sample", "rows"),
    ("strongroom", "version"),
    ("strongroom", "explain", "7"),
    ("strongroom", "completion", "bash"),
]


@pytest.mark.parametrize("argv", NEEDS_NO_STATE, ids=" ".join)
def test_what_is_no_call_works_without_any_state(cli: Cli, argv: tuple[str, ...]):
    status, out, err = cli(*argv, env={"STRONGROOM_HOME": "/dev/null/none"})

    assert (status, err) == (0, "")
    assert out


def test_a_call_without_a_writable_state_folder_is_unavailable(cli: Cli):
    status, out, err = cli("strongroom", "sample", "one", env={"STRONGROOM_HOME": "/dev/null/none"})

    assert (status, out) == (10, "")
    assert "hint: set STRONGROOM_HOME to a folder that you can write to" in err


def test_an_unknown_variable_or_setting_is_usage_with_a_suggestion(cli: Cli):
    status, _, err = cli("strongroom", "sample", "one", env={"STRONGROOM_LOG_LEVLE": "debug"})

    assert status == 2
    assert "did you mean STRONGROOM_LOG_LEVEL?" in err


def test_the_setting_for_colour_is_heeded(cli: Cli):
    always = {"STRONGROOM_OUTPUT_COLOR": "always"}
    one = ("strongroom", "sample", "one")

    assert "\x1b" in cli(*one, env=always).out
    assert "\x1b" not in cli(*one, "--no-color", env=always).out
    assert "\x1b" not in cli(*one).out


def test_logging_goes_to_standard_error_at_the_level_asked_for(cli: Cli):
    status, out, _ = cli("strongroom", "sample", "one", "--log-level", "debug", "--json")

    assert status == 0
    assert json.loads(out)["name"] == "one"


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_says_what_was_kept_and_is_audited(
    environment: dict[str, str], tmp_path: Path, signal_number: int
):
    pipe = tmp_path / "ready"
    os.mkfifo(pipe)
    env = {**environment, "STRONGROOM_HOME": str(tmp_path / "home")}
    command = [str(PROGRAMS / "strongroom"), "sample", "wait", "ready", "--json"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert pipe.read_text() == "ready"
        process.send_signal(signal_number)
        out, err = process.communicate(timeout=30)

    assert process.returncode == 130
    assert json.loads(out)["name"] == "first"
    assert err == "interrupted: waiting: 3 of 12 files, 25 %; nothing was changed\n"
    log = (tmp_path / "home/state/audit/000001.jsonl").read_text().splitlines()
    assert json.loads(log[-1])["outcome"] == "interrupted"


def test_an_interrupt_before_anything_began_says_nothing(environment: dict[str, str]):
    code = "import strongroom.__main__, os, signal; os.kill(os.getpid(), signal.SIGINT)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, check=False
    )

    assert done.returncode == -signal.SIGINT
    assert done.stderr == b""


def test_a_reader_that_has_gone_is_no_error(environment: dict[str, str], tmp_path: Path):
    command = (
        f"{PROGRAMS}/strongroom sample rows d --count 100000 | head -n 1; echo ${{PIPESTATUS[0]}}"
    )
    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True, check=True
    )

    assert done.stdout.split() == [b"row0", b"0", b"141"]
    assert done.stderr == b""


def test_a_full_disk_under_standard_output_is_unavailable(
    environment: dict[str, str], tmp_path: Path
):
    for argv in ("sample rows d", "sample rows d --json", "sample raw", "--help", "version"):
        command = f"{PROGRAMS}/strongroom {argv} > /dev/full"
        done = subprocess.run(
            ["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True, check=False
        )

        assert done.returncode == 10, argv
        assert done.stderr.startswith(b"error: standard output cannot be written: No space left")


CLOSED = [("<&-", 0, b"one"), ("2>&-", 0, b"one"), ("<&- 2>&-", 0, b"one"), (">&-", 2, b"")]


@pytest.mark.parametrize(("redirection", "status", "begins"), CLOSED)
def test_closed_descriptors_are_not_taken_by_files(
    redirection: str, status: int, begins: bytes, environment: dict[str, str], tmp_path: Path
):
    command = f"{PROGRAMS}/strongroom sample one -o csv --quiet {redirection}"
    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True, check=False
    )

    assert done.returncode == status
    assert (begins in done.stdout) is True
    assert (b"standard output is closed" in done.stderr) is (status == 2)


def test_raw_bytes_go_out_as_they_are(environment: dict[str, str], tmp_path: Path):
    done = subprocess.run(
        [str(PROGRAMS / "strongroom"), "sample", "raw", "--count", "2"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        check=True,
    )

    assert done.stdout == b"\x00\xff\x1b[0m\n" * 2
