"""What a test needs from the machine: external tools and real data, counted when missing."""

import os
import shutil
from pathlib import Path

import pytest


def need(*names: str) -> None:
    """Go on only where every tool is on PATH (or in /sbin); skip with the reason, fail under CI."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    missing = [name for name in names if shutil.which(name, path=path) is None]
    if not missing:
        return
    reason = f"needs {', '.join(missing)}"
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason}; nothing may be skipped under CI=true")
    pytest.skip(reason)


def test_data(*parts: str) -> Path:
    """Return a path inside the folder that STRONGROOM_TEST_DATA names; skip where it is absent."""
    root = os.environ.get("STRONGROOM_TEST_DATA")
    path = Path(root or "/nonexistent").joinpath(*parts)
    if not path.exists():
        pytest.skip(f"needs {'/'.join(parts)} below STRONGROOM_TEST_DATA")
    return path


test_data.__test__ = False  # type: ignore[attr-defined]  # its name must not make pytest collect it


def tool_path() -> dict[str, str]:
    """Return an environment in which the tools that Debian keeps in /sbin are found."""
    env = dict(os.environ)
    env["PATH"] = env.get("PATH", "") + ":/usr/sbin:/sbin"
    env["LC_ALL"] = "C.UTF-8"
    return env
