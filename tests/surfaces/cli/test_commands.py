import ast
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.surfaces.cli.conftest import Cli

from strongroom import __version__
from strongroom.base.errors import NINE
from strongroom.surfaces.cli.codes import TABLE
from strongroom.surfaces.cli.commands import COMMANDS
from strongroom.surfaces.cli.explain import lookup
from strongroom.surfaces.cli.front import FRONTS

ROOT = Path(__file__).parents[3]

HELP = [
    ("strongroom", "sample", "rows", "--help"),
    ("strongroom", "sample", "--help", "rows"),
    ("strongroom", "--help", "sample", "rows"),
    ("strongroom", "help", "sample", "rows"),
    ("strongroom", "sample", "rows", "d", "-h"),
    ("strongroom", "sample", "list", "--help"),
]


@pytest.mark.parametrize("argv", HELP, ids=" ".join)
def test_help_begins_with_examples_however_it_is_asked_for(argv: tuple[str, ...], cli: Cli):
    status, out, err = cli(*argv)

    assert (status, err) == (0, "")
    assert out.startswith(
        "examples\n  strongroom sample rows disk.raw\n"
        "  strongroom sample rows disk.raw --count 2 --json\n\nList rows of a sample.\n\n"
        "A second paragraph tells more.\n\nusage\n  strongroom sample rows DISK [PATH] [flags]\n"
    )
    assert "  --kind plain|wide|hostile  What they look like (default plain).\n" in out
    assert "  --no-sorted                Whether the rows are in order.\n" in out
    assert "  --colour COLOUR            A colour each row has (may be repeated).\n" in out
    assert out.endswith("also: list\n")


@pytest.mark.parametrize("front", FRONTS, ids=lambda front: front.prog)
def test_each_program_has_help_under_its_own_name(front: object, cli: Cli):
    prog = getattr(front, "prog", "")
    status, out, err = cli(prog, "--help")

    assert (status, err) == (0, "")
    assert cli(prog) == (status, out, err)
    assert cli(prog, "help") == (status, out, err)
    assert prog in out
    for command in COMMANDS:
        assert (command.usage in out) is not command.hidden


def test_guestkit_is_the_guest_app_under_its_own_words(cli: Cli):
    own = cli("guestkit", "ls", "--help").out
    long = cli("strongroom", "guest", "ls", "--help").out

    assert "guestkit ls DISK [PATH] [flags]" in own
    assert long == own.replace("guestkit ls", "strongroom guest ls")


@pytest.mark.parametrize("prog", ["kimi-vault", "kyro"])
def test_an_app_without_commands_says_so_and_names_those_that_have_some(prog: str, cli: Cli):
    status, out, _ = cli(prog)

    assert status == 0
    assert "has no" in out
    assert "guest" in out

    status, _, err = cli(prog, "github.repos")

    assert status == 2
    assert "nor any other in this version" in err
    assert "docs/roadmap.md" in err


def test_version_says_what_is_installed(cli: Cli):
    facts = json.loads(cli("strongroom", "version", "--json").out)

    assert cli("strongroom", "version").out == f"strongroom {__version__}\n"
    assert facts["type"] == "version"
    assert facts["version"] == __version__
    assert facts["cryptography"]


def test_version_answers_to_the_flag_as_well(cli: Cli):
    assert cli("guestkit", "--version") == cli("guestkit", "version")
    assert cli("guestkit", "--version", "--json") == cli("guestkit", "version", "--json")


def test_where_names_the_files_of_an_op_and_they_exist(cli: Cli):
    lines = cli("strongroom", "where", "guest.ls", "--json", cwd=ROOT).out.splitlines()
    places = [json.loads(line) for line in lines]
    roles = {place["role"] for place in places}

    assert places[0]["role"] == "source"
    source = Path(places[0]["path"]).read_text().splitlines()
    assert source[places[0]["line"] - 1].startswith("def ls(")
    assert all(os.path.exists(place["path"]) for place in places)
    assert {"source", "test", "reference"} <= roles


WHERE = [
    ("guest", "ls"), ("ls",), ("qcow2",), ("packages",), ("audit.verify",), ("sample.rows",),
]  # fmt: skip


@pytest.mark.parametrize("words", WHERE, ids=" ".join)
def test_where_knows_ops_formats_analyzers_and_plugins(words: tuple[str, ...], cli: Cli):
    status, out, err = cli("strongroom", "where", *words)

    assert (status, err) == (0, "")
    assert re.match(r"source +\S+\.py:\d+\n", out)


SPECIFIED = {"guest.ls": "locator.md", "audit.verify": "audit.md", "qcow2": "locator.md"}


@pytest.mark.parametrize("name", SPECIFIED)
def test_where_names_the_specification(name: str, cli: Cli):
    lines = cli("strongroom", "where", name).out.splitlines()

    assert any(line.startswith("spec") and SPECIFIED[name] in line for line in lines), lines


def test_where_of_nothing_known_has_a_suggestion(cli: Cli):
    status, out, err = cli("strongroom", "where", "guest.lss")

    assert (status, out) == (3, "")
    assert "did you mean guest.ls?" in err


def test_every_op_of_the_tree_is_tested_and_explained():
    from strongroom.kernel.registry import build_registry
    from strongroom.surfaces.cli.where import places_of

    registry, _ = build_registry()
    for op in registry.ops.values():
        roles = {place.role for place in places_of(op)}
        assert {"source", "reference"} <= roles, op.name
        assert roles & {"test", "scenario", "guide"}, op.name


EXPLAINED = {
    "denied.sibling": "denied.sibling",
    "corrupt.qcow2.truncated": "corrupt.*.truncated",
    "corrupt.qcow2.l1": "corrupt.qcow2",
    "problem.corrupt.ext.inode": "corrupt.ext",
    "corrupt.newformat.table": "corrupt",
    "unsupported.qcow2.feature": "unsupported.*.feature",
    "7": "corrupt",
    "usage": "usage",
    "10": "unavailable",
}


@pytest.mark.parametrize("code", EXPLAINED)
def test_a_code_is_explained_as_exactly_as_the_table_can(code: str):
    entry = lookup(code)

    assert entry is not None
    assert entry.code == EXPLAINED[code]


SAID_BY_MESSAGE = {"usage", "exhausted"}
"""Errors whose message names the word or limit at fault: what a code adds is optional."""


def _codes_in(source: Path) -> Iterator[str]:
    """Yield the codes of the errors that a source file makes, but for those put together."""
    names = {error.__name__: error.name for error in NINE}
    for node in ast.walk(ast.parse(source.read_text())):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        reasons = [k.value for k in node.keywords if k.arg == "reason"]
        words = [names.get(node.func.id), *([node.args[0]] if node.func.id == "Corrupt" else [])]
        literal = [w.value if isinstance(w, ast.Constant) else w for w in (*words, *reasons)]
        if reasons and all(isinstance(word, str) for word in literal):
            yield ".".join(map(str, literal))


def test_every_reason_in_the_code_is_explained():
    for source in sorted((ROOT / "src").rglob("*.py")):
        for code in _codes_in(source):
            entry = lookup(code)
            assert entry is not None, f"{source}: {code}"
            said_enough = "." in entry.code or entry.code in SAID_BY_MESSAGE
            assert said_enough, f"{source}: {code} is explained as {entry.code} only"


def test_all_nine_errors_are_explained_and_nothing_else():
    names = {error.name for error in NINE}

    assert names == {entry.code for entry in TABLE if "." not in entry.code}
    assert {entry.code.partition(".")[0] for entry in TABLE} == names
    assert len({entry.code for entry in TABLE}) == len(TABLE)


def _rules_in(source: Path) -> Iterator[str]:
    """Yield the rules of the findings that a source file makes, but for those put together."""
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Call):
            for keyword in node.keywords:
                if keyword.arg == "rule" and isinstance(keyword.value, ast.Constant):
                    yield str(keyword.value.value)


def test_every_rule_of_a_finding_is_explained(cli: Cli):
    rules = {r for f in (ROOT / "src/strongroom/apps").rglob("*.py") for r in _rules_in(f)}

    assert len(rules) > 8
    for rule in sorted(rules):
        entry = lookup(rule)
        assert entry is not None, rule
        assert entry.code == rule, f"{rule} is explained as {entry.code} only"
    status, out, _ = cli("strongroom", "explain", "ssh.root-login")
    assert status == 0
    assert out.startswith("ssh.root-login  finding\n")


def test_a_code_that_does_not_exist_has_a_suggestion(cli: Cli):
    status, _, err = cli("strongroom", "explain", "denied.siblng")
    assert status == 0

    status, _, err = cli("strongroom", "explain", "denyed")

    assert status == 3
    assert "did you mean denied?" in err


def test_demo_of_a_disk_that_is_not_there_says_so(cli: Cli):
    status, _, err = cli("strongroom", "demo", "none.qcow2")

    assert status == 3
    assert "none.qcow2 does not exist" in err


def test_demo_inspects_the_disk_that_it_is_given(cli: Cli, tmp_path: Path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").write_text('ID=demo\nPRETTY_NAME="Demo 1"\n')
    (tmp_path / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")

    status, out, err = cli("strongroom", "demo", ".")

    assert status == 0
    assert out.startswith("Demo 1")
    assert err.startswith("$ guestkit inspect .\n")
