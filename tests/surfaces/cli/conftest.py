"""The programs as people start them: processes of their own, with a plugin installed."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

PROGRAMS = Path(sys.executable).parent
ENTRY_POINTS = "[strongroom.plugins]\nsample = sample_plugin:contribute\n"


class Result(NamedTuple):
    """What a program answered."""

    status: int
    out: str
    err: str


Cli = Callable[..., Result]


@pytest.fixture(scope="session")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that holds the sample plugin as an installed distribution."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copy(Path(__file__).parent / "sample_plugin.py", folder)
    facts = folder / "sample-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: sample\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(ENTRY_POINTS)
    return folder


@pytest.fixture(scope="session")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home that the programs of all tests share, so that its index is made once."""
    return tmp_path_factory.mktemp("state")


@pytest.fixture
def environment(plugin: Path, state: Path) -> dict[str, str]:
    dropped = ("STRONGROOM_", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return {
        **kept,
        "PATH": f"{PROGRAMS}:{kept.get('PATH', '')}",
        "PYTHONPATH": str(plugin),
        "PYTHONPYCACHEPREFIX": str(state / "pycache"),
        "STRONGROOM_HOME": str(state),
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
    }


@pytest.fixture
def cli(environment: dict[str, str], tmp_path: Path) -> Cli:
    """Return a function that runs a program: `cli("guestkit", "ls", ...)`."""

    def run(*argv: str, env: Mapping[str, str] | None = None, cwd: Path = tmp_path) -> Result:
        done = subprocess.run(
            [str(PROGRAMS / argv[0]), *argv[1:]],
            env={**environment, **(env or {})},
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=30,
        )
        out = done.stdout.decode("utf-8", "surrogateescape")
        return Result(done.returncode, out, done.stderr.decode("utf-8", "surrogateescape"))

    return run
