"""Plugins: what is listed, and that what `plugin new` writes is one, in every surface there is."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from strongroom.apps import system
from strongroom.apps.system.plugins import RESERVED
from strongroom.base.errors import Conflict, Unavailable, Usage
from strongroom.kernel.call import Context
from strongroom.surfaces.cli.commands import COMMANDS
from strongroom.testing.images.ext import ext
from strongroom.testing.session import make_context
from strongroom.testing.tools import need

PROGRAM = Path(sys.executable).with_name("strongroom")
PIP = ("-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index")
FILES = {
    "pyproject.toml",
    "README.md",
    "src/strongroom_acme/__init__.py",
    "src/strongroom_acme/ops.py",
    "tests/test_acme.py",
}


class Acme(NamedTuple):
    """The plugin that the program wrote, installed into a folder of its own."""

    folder: Path
    written: list[dict[str, Any]]
    environment: Mapping[str, str]
    tree: Path

    def run(self, *words: str, program: Path = PROGRAM, status: int = 0) -> str:
        return run(program, *words, environment=self.environment, status=status)

    def records(self, *words: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.run(*words, "--json").splitlines()]


def run(program: Path, *words: str, environment: Mapping[str, str], status: int = 0) -> str:
    done = subprocess.run(
        [str(program), *words],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout if not status else done.stderr


@pytest.fixture(scope="module")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Acme:
    """Write the plugin as a person does, install it as a person does, change nothing."""
    folder = tmp_path_factory.mktemp("acme")
    ours = ("STRONGROOM_", "PYTEST_", "PYTHONPATH")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(ours)},
        "STRONGROOM_HOME": str(folder / "home"),
        "PYTHONPATH": str(folder / "site"),
        "COLUMNS": "100",
    }
    written = run(
        PROGRAM, "plugin", "new", "acme", "--to", str(folder), "--json", environment=environment
    )
    python = Path(sys.executable)
    site = ("--target", str(folder / "site"))
    run(python, *PIP, *site, str(folder / "acme"), environment=environment)
    tree = folder / "tree"
    (tree / "etc/cron.d").mkdir(parents=True)
    (tree / "etc/hostname").write_text("web1\n")
    (tree / "etc/hosts").write_text("127.0.0.1 localhost\n")
    (tree / "etc/mtab").symlink_to("/proc/self/mounts")
    lines = [json.loads(line) for line in written.splitlines()]
    return Acme(folder, lines, environment, tree)


def test_the_template_is_written_and_each_file_named(acme: Acme) -> None:
    root = acme.folder / "acme"

    assert {str(Path(w["path"]).relative_to(root)) for w in acme.written} == FILES
    assert {w["type"] for w in acme.written} == {"written_file"}
    for record in acme.written:
        assert Path(record["path"]).stat().st_size == record["size_bytes"]
        assert "{{" not in Path(record["path"]).read_text(encoding="utf-8")


def test_the_list_has_the_plugin_with_its_op(acme: Acme) -> None:
    (record,) = [r for r in acme.records("plugin", "ls") if r["name"] == "acme"]

    assert record == {
        "type": "plugin",
        "at": "strongroom_acme:contribute",
        "name": "acme",
        "version": "0.1.0",
        "distribution": "strongroom-acme",
        "ops": ["acme.kinds"],
        "contributes": [],
    }


def test_help_shows_the_app_the_verb_and_the_command(acme: Acme) -> None:
    assert "\n  acme    Count the names below a path inside a disk by kind\n" in acme.run("--help")
    verbs = acme.run("acme", "--help")
    assert "\n  kinds  Count the names below a path inside a disk by kind\n" in verbs
    page = acme.run("acme", "kinds", "--help")
    assert page.startswith("examples\n  strongroom acme kinds disk.qcow2 /etc\n")
    assert "Where to look inside it (default /)." in page


def test_the_command_reads_a_folder(acme: Acme) -> None:
    records = acme.records("acme", "kinds", str(acme.tree), "/etc")

    assert [(r["type"], r["kind"], r["count"]) for r in records] == [
        ("acme_kind_count", "dir", 1),
        ("acme_kind_count", "file", 2),
        ("acme_kind_count", "link", 1),
    ]
    assert {r["at"] for r in records} == {f"{acme.tree}::/etc"}


def test_the_command_reads_a_disk_and_an_address_inside_it(acme: Acme, tmp_path: Path) -> None:
    need("mke2fs")
    disk = ext(tmp_path / "disk.raw", "-t ext4", acme.tree, "8M")

    counts = {r["kind"]: r["count"] for r in acme.records("acme", "kinds", str(disk))}
    assert counts == {"dir": 3, "file": 2, "link": 1}  # lost+found, etc and cron.d
    (record, *_) = acme.records("acme", "kinds", f"{disk}::/etc")
    assert (record["at"], record["kind"], record["count"]) == (f"{disk}::/etc", "dir", 1)


def test_wrong_words_are_refused_as_of_any_command(acme: Acme) -> None:
    assert "error: strongroom acme kinds needs DISK" in acme.run("acme", "kinds", status=2)
    assert "did you mean `strongroom acme kinds`?" in acme.run("acme", "kind", "x", status=2)
    assert acme.run("acme", "kinds", "gone", status=3) == "error: gone does not exist\n"


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("ac",), "acme\tCount the names below a path inside a disk by kind"),
        (("acme", "k"), "kinds\tCount the names below a path inside a disk by kind"),
        (("acme", "kinds", "{tree}", "/e"), "/etc/"),
        (("acme", "kinds", "{tree}::/etc/h"), "{tree}::/etc/hosts"),
        (("acme", "kinds", "{tree}", "--js"), "--json\tThe same as -o json: one object a line."),
        (("where", "acme."), "acme.kinds\tCount the names below a path inside a disk by kind"),
    ],
)
def test_a_tab_press_completes_it(acme: Acme, words: tuple[str, ...], offered: str) -> None:
    given = [word.format(tree=acme.tree) for word in words]
    lines = acme.run("__complete", "--", *given).splitlines()

    assert offered.format(tree=acme.tree) in lines


def test_its_reference_is_generated_from_it(acme: Acme) -> None:
    generate = ("-m", "strongroom.surfaces.gen.cli", "--plugin")
    page = acme.run(*generate, "acme", program=Path(sys.executable))

    assert page.startswith("# The plugin acme\n")
    assert "### acme.kinds\n\n```\nstrongroom acme kinds DISK [PATH] [flags]\n```\n" in page
    assert "```sh\nstrongroom acme kinds disk.qcow2 /etc\n```" in page
    assert "### acme_kind_count\n\nHow many names of one kind there are.\n" in page
    assert "| `count` | integer | yes |" in page
    said = acme.run(*generate, "acmé", program=Path(sys.executable), status=3)
    assert said.startswith("error: there is no plugin acmé\nhint: ")


def test_where_names_its_source(acme: Acme) -> None:
    source = acme.folder / "site/strongroom_acme/ops.py"
    (place, *_) = acme.records("where", "acme.kinds")

    assert (place["role"], place["path"]) == ("source", str(source))
    line = source.read_text(encoding="utf-8").splitlines()[place["line"] - 1]
    assert line.startswith("def kinds(")


def test_its_calls_and_those_nested_in_them_are_audited(acme: Acme) -> None:
    acme.run("acme", "kinds", str(acme.tree))
    (intent, outcome) = acme.records("audit", "query", "--op", "acme.*")[-2:]

    assert (intent["event"], intent["op"], intent["call"]) == ("intent", "acme.kinds", 1)
    assert (intent["resource"], outcome["outcome"]) == (str(acme.tree), "ok")
    run = acme.records("audit", "query", "--run", intent["run"], "--event", "intent")
    assert [(r["op"], r["call"], r.get("parent")) for r in run] == [
        ("acme.kinds", 1, None),
        ("guest.ls", 2, 1),
        ("disk.open", 3, 2),
    ]


def test_the_test_that_comes_with_it_passes(acme: Acme) -> None:
    words = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(acme.folder / "acme"))
    said = acme.run(*words, str(acme.folder / "acme/tests"), program=Path(sys.executable))

    assert "1 passed" in said


def test_its_name_is_taken_then(acme: Acme) -> None:
    said = acme.run("plugin", "new", "acme", "--to", str(acme.folder / "site"), status=8)

    assert said == "error: there is a plugin or an app acme already\n"


@pytest.fixture
def ctx(tmp_path: Path) -> Context:
    return make_context(tmp_path / "home", system.contribute)


def new(ctx: Context, name: str, to: Path) -> list[Any]:
    return list(ctx.call("plugin.new", name=name, to=to))


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Acme",
        "acme2",
        "a-b",
        "a_b",
        "a.b",
        "a b",
        "../a",
        "/a",
        "acmé",
        "\N{FULLWIDTH LATIN SMALL LETTER A}",
    ],
)
def test_what_is_no_name_is_refused(ctx: Context, tmp_path: Path, name: str) -> None:
    with pytest.raises(Usage, match="is no plugin name"):
        new(ctx, name, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


@pytest.mark.parametrize("name", ["vault", "guest", "ide", "system", "audit", "plugin", "help"])
def test_a_name_that_something_has_already_is_a_conflict(tmp_path: Path, name: str) -> None:
    with pytest.raises(Conflict):
        new(make_context(tmp_path / "home"), name, tmp_path)
    assert not (tmp_path / name).exists()


def test_every_word_that_the_program_takes_itself_is_reserved() -> None:
    assert {command.name for command in COMMANDS if not command.hidden} <= RESERVED


@pytest.mark.parametrize("make", [Path.mkdir, Path.touch, lambda path: path.symlink_to("gone")])
def test_what_is_there_already_is_left_as_it_is(
    ctx: Context, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "acme")
    before = (tmp_path / "acme").lstat()

    with pytest.raises(Conflict, match="exists already"):
        new(ctx, "acme", tmp_path)
    assert (tmp_path / "acme").lstat() == before


@pytest.mark.parametrize(
    ("name", "folder"),
    [("acme", "missing"), ("a" * 256, "."), ("a" * 250, ".")],  # the last fails when half is done
)
def test_a_folder_that_cannot_be_filled_is_not_begun(
    ctx: Context, tmp_path: Path, name: str, folder: str
) -> None:
    with pytest.raises(Unavailable):
        new(ctx, name, tmp_path / folder)
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_a_template_is_whole_even_if_no_one_reads_to_the_end(ctx: Context, tmp_path: Path) -> None:
    stream = ctx.call("plugin.new", name="acme", to=tmp_path)
    next(stream)
    stream.close()

    found = {str(p.relative_to(tmp_path / "acme")) for p in (tmp_path / "acme").rglob("*.*")}
    assert found == FILES


def test_the_list_has_the_apps_and_what_each_contributes(tmp_path: Path) -> None:
    records = {record.name: record for record in make_context(tmp_path).call("plugin.ls")}

    assert {"guest", "ide", "system", "vault"} <= set(records)
    assert "plugin.new" in records["system"].ops
    assert {"image:qcow2", "tree:ext", "volumes:gpt"} <= set(records["guest"].contributes)
    assert all(record.error is None for record in records.values())
