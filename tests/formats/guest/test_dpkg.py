import subprocess
from pathlib import Path

import pytest

from strongroom.formats.guest.dpkg import parse_status
from strongroom.testing.tools import need

STATUS = b"""\
Package: adduser
Status: install ok installed
Priority: important
Section: admin
Installed-Size: 686
Maintainer: Ad\xc3\xa9 <a@example.org>
Architecture: all
Multi-Arch: foreign
Source: adduser-src (3.1)
Version: 3.134
Description: add and remove users
 Version: not a field
 .
 more

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1:2~rc1-3+b1
Description: was here

Package: never
Status: unknown ok not-installed
Architecture: amd64


package:   odd
VERSION: 9
Status: install ok half-installed
Architecture: arm64
Source: x (1)
"""


def test_a_status_file_gives_every_package_dpkg_knows():
    parsed = parse_status(STATUS)

    assert parsed.faults == ()
    assert [(p.name, p.version, p.arch, p.status, p.source) for p in parsed.entries] == [
        ("adduser", "3.134", "all", "installed", "adduser-src"),
        ("gone", "1:2~rc1-3+b1", "amd64", "config-files", ""),
        ("odd", "9", "arm64", "half-installed", "x"),
    ]
    assert parsed.entries[0].maintainer == "Adé <a@example.org>"
    assert parsed.entries[0].size_kib == 686
    assert parsed.entries[0].summary == "add and remove users"


def test_a_package_says_where_its_paragraph_begins():
    lines = STATUS.split(b"\n")

    for package in parse_status(STATUS).entries:
        assert lines[package.line - 1].lower().startswith(b"package:")
        assert STATUS[package.offset :].lower().startswith(b"package:")


def test_a_paragraph_without_status_is_installed():
    (package,) = parse_status(b"Package: base-files\nVersion: 12\nArchitecture: amd64\n").entries

    assert (package.name, package.status) == ("base-files", "installed")


def test_a_broken_paragraph_is_a_fault_and_the_next_is_read():
    parsed = parse_status(
        b"Version: 1\nStatus: install ok installed\n\n"
        b"Package: a\nStatus: install ok installed\n\n"
        b"Package: b\nVersion: 1\nStatus: install ok installed\nArchitecture: all\n"
    )

    assert [p.name for p in parsed.entries] == ["b"]
    assert [f.line for f in parsed.faults] == [1, 4]


def test_text_that_is_no_utf8_is_kept():
    (package,) = parse_status(b"Package: a\nVersion: 1\nMaintainer: J\xf6rg\n").entries

    assert package.maintainer.encode("utf-8", "surrogateescape") == b"J\xf6rg"


def _dpkg_query(admindir: Path) -> list[str]:
    form = "${Package}\t${Version}\t${Architecture}\t${db:Status-Status}\t${source:Package}\n"
    done = subprocess.run(
        ["dpkg-query", f"--admindir={admindir}", "-W", "-f", form],
        capture_output=True,
        check=True,
    )
    return sorted(done.stdout.decode("utf-8", "surrogateescape").splitlines())


def _ours(content: bytes) -> list[str]:
    return sorted(
        f"{p.name}\t{p.version}\t{p.arch}\t{p.status}\t{p.source or p.name}"
        for p in parse_status(content).entries
    )


def test_the_list_is_that_of_dpkg_query(tmp_path: Path):
    need("dpkg-query")
    (tmp_path / "status").write_bytes(STATUS)
    for name in ("info", "updates"):
        (tmp_path / name).mkdir()

    assert _ours(STATUS) == _dpkg_query(tmp_path)


def test_the_machines_own_list_is_that_of_dpkg_query():
    need("dpkg-query")
    status = Path("/var/lib/dpkg/status")
    if not status.exists():
        pytest.skip("this machine has no dpkg database")

    assert _ours(status.read_bytes()) == _dpkg_query(status.parent)
