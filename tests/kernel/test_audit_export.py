"""What an auditor gets, verified with nothing but the script in the specification."""

import csv
import json
import random
import re
import subprocess
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Literal

import pytest

from strongroom.base.errors import NotFound
from strongroom.kernel.audit import AuditEvent
from strongroom.kernel.audit_export import export, export_key
from strongroom.kernel.audit_personal import erase
from tests.kernel.audit_history import Clock, all_lines, grow, open_log, segments

SPEC = Path(__file__).parents[2] / "docs" / "spec" / "audit.md"


def exported(state: Path, format: Literal["json", "csv"] = "json") -> bytes:
    return b"".join(export(str(state), format, boot_id="boot 1", now=Clock()))


def audit(content: bytes, key: bytes) -> subprocess.CompletedProcess[bytes]:
    """Run the script of the specification over an export."""
    script = re.findall(r"```python\n(.*?)```", SPEC.read_text(encoding="utf-8"), re.DOTALL)[-1]
    command = [sys.executable, "-c", script, key.hex()]
    return subprocess.run(command, input=content, check=False, capture_output=True)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    log = open_log(tmp_path, segment_bytes=3000)
    grow(log, 20, random.Random(1))
    log.append(AuditEvent("intent", "a.b", by="caf\udce9", resource="=1+1"), durable=True)
    erase(log, "bob")
    return tmp_path


def key_of(state: Path) -> bytes:
    return export_key(str(state), boot_id="boot 1")


def test_an_auditor_verifies_an_export_without_the_secret(state: Path):
    done = audit(exported(state), key_of(state))

    assert done.returncode == 0, done.stderr.decode()
    count = len(all_lines(state))
    assert done.stdout.decode() == f"{count} entries are as they were written\n"


def flip(content: bytes) -> bytes:
    return content.replace(b"guest.ls", b"guest.rm", 1)


def drop(content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    return b"".join(lines[:4] + lines[5:])


def cut(content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    last = max(n for n, line in enumerate(lines) if b'"type":"audit"' in line)
    return b"".join(lines[:last] + lines[last + 1 :])


def rename(content: bytes) -> bytes:
    return content.replace(b'"value":"alice"', b'"value":"alicf"', 1)


def forge(content: bytes) -> bytes:
    return re.sub(rb'"problems":0', b'"problems":1', content)


@pytest.mark.parametrize("change", [flip, drop, cut, rename, forge])
def test_an_auditor_finds_a_changed_export(state: Path, change: Callable[[bytes], bytes]):
    content = exported(state)

    assert change(content) != content
    assert audit(change(content), key_of(state)).returncode == 1


def test_an_export_signed_with_another_key_is_refused(state: Path, tmp_path: Path):
    other = tmp_path / "other"
    grow(open_log(other), 1, random.Random(1))

    assert audit(exported(state), key_of(other)).returncode == 1


def test_an_export_of_a_log_with_errors_says_so_and_is_refused(state: Path):
    path = segments(state)[0]
    path.write_bytes(path.read_bytes().replace(b"guest.ls", b"guest.rm", 1))

    content = exported(state)

    assert json.loads(content.splitlines()[-1])["problems"] == 1
    assert audit(content, key_of(state)).returncode == 1


def test_an_entry_that_is_not_pinned_yet_is_left_out(state: Path):
    with segments(state)[-1].open("ab") as file:
        file.write(b'{"torn":')

    assert audit(exported(state), key_of(state)).returncode == 0


def test_erased_values_are_not_in_an_export(state: Path):
    content = exported(state)

    assert b'"bob"' not in content
    assert b'"alice"' in content


def test_csv_has_a_row_for_each_line_and_the_line_itself(state: Path):
    lines = exported(state).splitlines()
    rows = list(csv.DictReader(StringIO(exported(state, "csv").decode(), newline="")))

    assert len(rows) == len(lines)
    assert [row["line"].encode() for row in rows][:-1] == lines[:-1]
    assert rows[-1]["event"] == "audit.export"
    assert {row["by"] for row in rows} >= {"alice", "", "caf?"}
    assert rows[0]["effects"] == "read"


def test_a_cell_that_a_spreadsheet_would_compute_is_text(state: Path):
    rows = list(csv.DictReader(StringIO(exported(state, "csv").decode(), newline="")))

    assert "'=1+1" in {row["resource"] for row in rows}
    assert not any(row["resource"].startswith("=") for row in rows)


def test_a_csv_is_verified_by_its_lines(state: Path):
    rows = csv.DictReader(StringIO(exported(state, "csv").decode(), newline=""))
    content = "".join(f"{row['line']}\n" for row in rows).encode()

    assert audit(content, key_of(state)).returncode == 0


@pytest.mark.parametrize("line", [b"\xff\n", b"[]\n", b"no json\n"])
def test_csv_shows_damaged_lines_as_they_are(state: Path, line: bytes):
    path = segments(state)[0]
    path.write_bytes(line + path.read_bytes())

    rows = list(csv.DictReader(StringIO(exported(state, "csv").decode(), newline="")))

    assert rows[0]["line"] == line[:-1].decode("utf-8", "replace")


def test_without_a_log_there_is_nothing_to_export(tmp_path: Path):
    with pytest.raises(NotFound):
        exported(tmp_path)
    with pytest.raises(NotFound):
        key_of(tmp_path)
