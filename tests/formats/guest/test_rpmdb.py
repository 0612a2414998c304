import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.base.errors import NotFound
from strongroom.base.source import Memory
from strongroom.formats.guest.rpmdb import packages
from strongroom.testing.tools import need

SPEC = (
    """\
Name: tiny
Version: 1.2~rc1
Release: 3%{?dist}
Epoch: 2
Summary: Eine winzige Größe
License: MIT
URL: https://example.org/
Vendor: Example
Packager: Ada <ada@example.org>
BuildArch: noarch
%description
x
%files
%package -n plain
Summary: Without much
%description -n plain
y
%files -n plain
%package many
Summary: With a header that overflows many pages
%description many
"""
    + "".join(f"line {n} of a long description\n" for n in range(3000))
    + "%files many\n"
)

SCHEMA_EPOCH = "Name: none\nVersion: 9\nRelease: 1\nSummary: No epoch\nLicense: MIT\n"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build tiny packages with rpmbuild, and a database of them with rpm."""
    need("rpm", "rpmbuild")
    folder = tmp_path_factory.mktemp("rpm")
    for name, text in (
        ("tiny", SPEC),
        ("none", SCHEMA_EPOCH + "BuildArch: noarch\n%description\nz\n%files\n"),
    ):
        spec = folder / f"{name}.spec"
        spec.write_text(text, encoding="utf-8")
        _run("rpmbuild", "-bb", "--quiet", "--define", f"_topdir {folder}/top", str(spec))
    built = sorted(map(str, folder.glob("top/RPMS/*/*.rpm")))
    db = folder / "db"
    db.mkdir()
    rpm = ["rpm", "--dbpath", str(db), "--define", "_db_backend sqlite"]
    _run(*rpm, "--initdb")
    _run(*rpm, "-i", "--justdb", "--nodeps", "--nosignature", "--force", *built)
    return db


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, check=True)
    return done.stdout.decode("utf-8", "surrogateescape")


def _raise(offset: int, message: str) -> None:
    raise AssertionError((offset, message))


def _ours(db: Path) -> Iterator[str]:
    for p in packages(Memory((db / "rpmdb.sqlite").read_bytes()), _raise):
        fields = (p.name, p.version, p.arch, p.source, p.size, p.vendor or "(none)")
        yield "|".join(map(str, (*fields, p.licence, p.summary, p.installed_s)))


def test_the_list_is_that_of_rpm(database: Path):
    form = (
        "%{NAME}|%{EVR}|%{ARCH}|%{SOURCERPM}|%{SIZE}|%{VENDOR}|%{LICENSE}|%{SUMMARY}|"
        "%{INSTALLTIME}\\n"
    )
    theirs = _run("rpm", "--dbpath", str(database), "-qa", "--qf", form)

    assert sorted(_ours(database)) == sorted(theirs.splitlines())
    assert len(theirs.splitlines()) == 4


def test_damage_costs_only_the_packages_it_touches(database: Path):
    sound = (database / "rpmdb.sqlite").read_bytes()
    at = sound.index(b"Eine winzige")
    content = bytearray(sound)
    page = at // 4096 * 4096
    content[page : page + 4096] = b"\xff" * 4096
    faults: list[int] = []

    found = list(packages(Memory(bytes(content)), lambda offset, _: faults.append(offset)))

    assert faults
    assert len(found) < 4


def test_a_database_of_something_else_is_not_found(tmp_path: Path):
    import sqlite3

    path = tmp_path / "d"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE other (a)")
    connection.close()

    with pytest.raises(NotFound):
        list(packages(Memory(path.read_bytes()), _raise))


def test_a_row_without_a_header_is_a_fault(tmp_path: Path):
    import sqlite3

    path = tmp_path / "d"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob BLOB)")
        connection.execute("INSERT INTO Packages VALUES (1, 'text'), (2, x'00')")
    connection.close()
    faults: list[str] = []

    assert list(packages(Memory(path.read_bytes()), lambda _, m: faults.append(m))) == []
    assert len(faults) == 2
