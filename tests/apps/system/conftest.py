"""A Context over the system app, and the program as people start it, both in the test's home."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from strongroom.apps import system
from strongroom.kernel.call import Context
from strongroom.testing.session import make_context

PROGRAM = Path(sys.executable).with_name("strongroom")


class Answer(NamedTuple):
    """What the program said."""

    status: int
    out: str
    err: str


Cli = Callable[..., Answer]


@pytest.fixture
def ctx(home: str) -> Context:
    """A Context for a person who may do everything, in the home that the program uses."""
    return make_context(Path(home), system.contribute)


@pytest.fixture
def cli(home: str, tmp_path: Path) -> Cli:
    """Run the program: `cli("audit", "tail")`."""

    def run(*words: str) -> Answer:
        done = subprocess.run(
            [str(PROGRAM), *words], cwd=tmp_path, capture_output=True, check=False, timeout=60
        )
        return Answer(done.returncode, done.stdout.decode(), done.stderr.decode())

    return run
