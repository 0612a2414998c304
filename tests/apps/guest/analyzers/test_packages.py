import struct
from collections.abc import Mapping

import pytest

from strongroom.apps.guest.analyzers import packages
from strongroom.apps.guest.records import Package
from strongroom.base.record import Finding, Record
from strongroom.base.tree import Node
from strongroom.testing.images.guests import GUESTS, in_memory, link, rpm_database, text

EXPECTED = {
    "debian": [
        ("dpkg", "adduser", "3.134", "all", "installed"),
        ("dpkg", "libssl3", "3.0.15-1~deb12u1", "amd64", "installed"),
        ("dpkg", "old-tool", "1:2-3", "amd64", "config-files"),
    ],
    "alpine": [
        ("apk", "musl", "1.2.5-r0", "aarch64", "installed"),
        ("apk", "busybox-binsh", "1.36.1-r29", "aarch64", "installed"),
    ],
    "fedora": [
        ("rpm", "bash", "5.2.26-3.fc40", "x86_64", "installed"),
        ("rpm", "vim", "2:9.1-1.fc40", "x86_64", "installed"),
        ("rpm", "gpg-pubkey", "a15b79cc-63d04c2c", "", "installed"),
    ],
    "arch": [("pacman", "linux", "6.11.5.arch1-1", "x86_64", "installed")],
}


def _run(nodes: Mapping[str, Node | bytes]) -> tuple[list[Package], list[Finding]]:
    guest = in_memory(nodes)
    found: list[Record] = list(packages.run(guest))
    return (
        [r for r in found if isinstance(r, Package)],
        [*(r for r in found if isinstance(r, Finding)), *guest.problems],
    )


@pytest.mark.parametrize("name", GUESTS)
def test_each_package_manager_is_read(name: str):
    found, _ = _run(GUESTS[name]())

    assert [(p.manager, p.name, p.version, p.arch, p.status) for p in found] == EXPECTED[name]


def test_a_package_says_what_it_was_built_from_and_how_large_it_is():
    _, openssl, _ = _run(GUESTS["debian"]())[0]

    assert (openssl.source, openssl.size_bytes, openssl.line) == ("openssl", 686 * 1024, 12)


def test_a_distroless_image_has_a_file_for_each_package():
    status = "/var/lib/dpkg/status.d"
    found, findings = _run(
        {
            f"{status}/base": text("Package: base-files\nVersion: 12\nArchitecture: amd64\n"),
            f"{status}/base.md5sums": text("d41d8cd98f00b204e9800998ecf8427e  etc/x\n"),
            f"{status}/tzdata": text("Package: tzdata\nVersion: 2024a\nArchitecture: all\n"),
            f"{status}/bad": text("Nothing: here\n"),
        }
    )

    assert [(p.name, p.version) for p in found] == [("base-files", "12"), ("tzdata", "2024a")]
    assert [f.rule for f in findings] == ["problem.dpkg"]


def test_one_database_under_two_names_is_read_once():
    nodes = {
        "/lib": link("usr/lib"),
        "/usr/lib/apk/db/installed": text("P:a\nV:1\n\nP:\n"),
    }

    found, findings = _run(nodes)

    assert [str(p.at) for p in found] == ["guest::/usr/lib/apk/db/installed"]
    assert [f.rule for f in findings] == ["problem.apk"]


def test_other_forms_of_the_rpm_database_are_named():
    found, findings = _run({"/var/lib/rpm/Packages": b"\0", "/usr/share/rpm/Packages.db": b"\0"})

    assert found == []
    assert [f.message for f in findings] == [
        "the rpm database is in Berkeley DB form, which is not read",
        "the rpm database is in ndb form, which is not read",
    ]


def test_a_journal_with_changes_is_a_problem():
    path = "/var/lib/rpm/rpmdb.sqlite"
    database = rpm_database({"name": "a", "version": "1", "release": "2"})
    found, findings = _run({path: database, f"{path}-wal": b"x", f"{path}-journal": b""})

    assert len(found) == 1
    assert [f.rule for f in findings] == ["problem.rpmdb.journal"]


DAMAGE = {
    b"no database": ["problem.corrupt.sqlite.header"],
    rpm_database()[:100] + bytes(4096): ["problem.rpmdb", "problem.corrupt.rpmdb"],
}


@pytest.mark.parametrize("number", range(len(DAMAGE)))
def test_a_damaged_rpm_database_is_a_problem(number: int):
    content = list(DAMAGE)[number]
    found, findings = _run({"/var/lib/rpm/rpmdb.sqlite": content})

    assert found == []
    assert sorted(f.rule for f in findings) == sorted(DAMAGE[content])


def test_damage_inside_the_rpm_database_has_an_offset():
    content = bytearray(rpm_database(*({"name": f"p{n}"} for n in range(3))))
    blob = content.rindex(struct.pack(">II", 1, 3))
    content[blob] = 0xFF

    found, findings = _run({"/var/lib/rpm/rpmdb.sqlite": bytes(content)})

    assert len(found) == 2
    assert [f.rule for f in findings] == ["problem.rpmdb"]
    assert findings[0].offset is not None


def test_too_many_packages_of_pacman_are_cut(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(packages, "FILES_MAX", 1)
    found, findings = _run(GUESTS["arch"]())

    assert found == []
    assert [f.message for f in findings] == ["more than 1 packages"]
