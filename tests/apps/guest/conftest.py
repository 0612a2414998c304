"""One machine for all tests of the guest app, and a Context over the app's own registry."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from strongroom.apps import guest
from strongroom.kernel.call import Context
from strongroom.testing.images import machines
from strongroom.testing.session import make_context
from strongroom.testing.tools import need

Make = Callable[..., Context]


@pytest.fixture(scope="session")
def built_machine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The raw disk of the machine; not to be changed."""
    need("mke2fs", "sfdisk", "debugfs")
    return machines.machine(tmp_path_factory.mktemp("machine"))


@pytest.fixture
def disk(built_machine: Path, tmp_path: Path) -> Path:
    """A copy of the machine's disk, in a folder of its own."""
    folder = tmp_path / "disks"
    folder.mkdir()
    return Path(shutil.copy(built_machine, folder / "machine.raw"))


@pytest.fixture
def ctx(tmp_path: Path) -> Context:
    """A Context for a person who may do everything."""
    return make_context(tmp_path / "home", guest.contribute)
