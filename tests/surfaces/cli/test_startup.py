import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.surfaces.cli.conftest import PROGRAMS, Cli

DENIED = {
    "asyncio", "concurrent", "cryptography", "csv", "decimal", "difflib", "email", "http",
    "importlib.metadata", "importlib.resources", "ipaddress", "logging", "lzma", "multiprocessing",
    "pathlib", "pickle", "random", "rich", "shutil", "socket", "sqlite3", "ssl", "statistics",
    "subprocess", "tempfile", "textwrap", "threading", "tomllib", "traceback", "typing_extensions",
    "unicodedata", "unittest", "urllib", "uuid", "xml", "zipfile",
}  # fmt: skip
"""What costs start-up time and is not needed to answer the commands below."""
DENIED_OF_HELP = {"dataclasses", "inspect", "datetime", "hashlib", "hmac"}

COMMANDS = {
    "strongroom --help": DENIED | DENIED_OF_HELP,
    "guestkit ls --help": DENIED | DENIED_OF_HELP,
    "strongroom version": DENIED | DENIED_OF_HELP,
    "guestkit __complete -- c": DENIED | DENIED_OF_HELP,
    "guestkit ls . /": DENIED,
    "guestkit cat . /file": DENIED,
    "guestkit ls . / --json": DENIED,
    "strongroom sample rows d": DENIED - {"pathlib", "urllib", "ipaddress"},
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_imports_nothing_that_it_does_not_need(
    command: str, cli: Cli, environment: dict[str, str], tmp_path: Path
):
    (tmp_path / "file").write_text("content\n")
    program, *argv = command.split()
    cli("strongroom", "--help")  # the index is made
    done = subprocess.run(
        [sys.executable, "-X", "importtime", str(PROGRAMS / program), *argv],
        cwd=tmp_path,
        env={k: v for k, v in environment.items() if not k.startswith("COVERAGE")},
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {
        line.rpartition("|")[2].strip()
        for line in done.stderr.splitlines()
        if line.startswith("import time:")
    }

    assert "strongroom.surfaces.cli.main" in imported
    assert not {m for m in imported if any(f"{m}.".startswith(f"{d}.") for d in COMMANDS[command])}


def test_the_index_is_used_again_until_code_changes(cli: Cli, state: Path):
    cli("strongroom", "--help")
    index = state / "cache/index.json"
    written = os.stat(index).st_mtime_ns

    cli("strongroom", "--help")

    assert os.stat(index).st_mtime_ns == written
