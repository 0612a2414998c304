"""The template: every file of it is filled in, is what its kind says, and passes our own checks.

That a plugin made of it works in every surface is held by `test_plugins.py`.
"""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from strongroom import __version__
from strongroom.apps.system.template import FILES
from strongroom.kernel.plugin import GROUP

ROOT = Path(__file__).parents[3]


def filled(text: str) -> str:
    return text.replace("{{name}}", "acme").replace("{{version}}", __version__)


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    """The folder of a plugin made of the template."""
    for path, text in FILES.items():
        target = tmp_path / "acme" / filled(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(filled(text), encoding="utf-8")
    return tmp_path / "acme"


@pytest.mark.parametrize("path", FILES)
def test_nothing_is_left_to_fill_in(path: str) -> None:
    assert "{{" not in filled(path) + filled(FILES[path])
    assert "acme" in filled(path) + filled(FILES[path])


@pytest.mark.parametrize("path", FILES)
def test_no_line_is_longer_than_ours(path: str) -> None:
    assert max(map(len, filled(FILES[path]).splitlines())) <= 100
    assert FILES[path].endswith("\n")


def test_the_project_names_the_function_that_registers_it(plugin: Path) -> None:
    project = tomllib.loads((plugin / "pyproject.toml").read_text())["project"]

    assert project["dependencies"] == [f"strongroom>={__version__}"]
    module, function = project["entry-points"][GROUP]["acme"].split(":")
    source = (plugin / "src" / module / "__init__.py").read_text()
    defined = {n.name for n in ast.parse(source).body if isinstance(n, ast.FunctionDef)}
    assert function in defined


@pytest.mark.parametrize("tool", [("ruff", "check"), ("ruff", "format", "--check"), ("mypy",)])
def test_its_code_passes_the_checks_that_ours_passes(plugin: Path, tool: tuple[str, ...]) -> None:
    config = {"ruff": "--config", "mypy": "--config-file"}[tool[0]]
    program = str(Path(sys.executable).with_name(tool[0]))
    done = subprocess.run(
        [program, *tool[1:], config, str(ROOT / "pyproject.toml"), "src"],
        cwd=plugin,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
