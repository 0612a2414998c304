"""For every test: a home of its own, the hypothesis profiles, and a record of opened files."""

import os
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from _pytest.assertion import _compare_sequence, truncate
from hypothesis import settings

settings.register_profile("ci", max_examples=50, derandomize=True, deadline=None)
settings.register_profile("deep", max_examples=5000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

# Under CI=true pytest prints the full difference of two values, line by line: minutes and
# megabytes for one image that differs. It has no option against that.
for _module in (_compare_sequence, truncate):
    _module.__dict__["running_on_ci"] = bool

_BESIDE = Path(__file__).parents[2] / "shared/data"
if _BESIDE.is_dir():  # real disks beside the checkout are used without asking
    os.environ.setdefault("STRONGROOM_TEST_DATA", str(_BESIDE))

_HOMES = count()
_RECORDS: list[list[str]] = []
_HOOKED: list[bool] = []


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> str:
    """Give the test a STRONGROOM_HOME of its own, not yet made, and no other setting."""
    for name in os.environ:
        if name.startswith("STRONGROOM_") and name != "STRONGROOM_TEST_DATA":
            monkeypatch.delenv(name)
    path = str(tmp_path_factory.getbasetemp() / f"home-{next(_HOMES)}")
    monkeypatch.setenv("STRONGROOM_HOME", path)
    return path


@pytest.fixture
def opened_files() -> Iterator[list[str]]:
    """Collect the path of every file or folder that this process opens while the test runs.

    The interpreter reports them (PEP 578), so nothing that Python code opens is missed: `open`,
    `os.open`, `os.scandir`, `os.listdir`, and the programs started.
    """
    if not _HOOKED:
        sys.addaudithook(_on_event)  # once: a hook cannot be removed
        _HOOKED.append(True)
    record: list[str] = []
    _RECORDS.append(record)
    yield record
    _RECORDS.remove(record)


def _on_event(event: str, args: tuple[object, ...]) -> None:
    if not _RECORDS or event not in {"open", "os.scandir", "os.listdir", "subprocess.Popen"}:
        return
    path = args[0]
    text = os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else str(path)
    for record in _RECORDS:
        record.append(text)
