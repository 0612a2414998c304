import pytest

from strongroom.apps.guest.analyzers import identity
from strongroom.apps.guest.records import OperatingSystem
from strongroom.base.record import Finding
from strongroom.base.tree import Node
from strongroom.testing.images.guests import (
    AARCH64,
    GUESTS,
    MACHINE_ID,
    in_memory,
    link,
    program,
    text,
)

EXPECTED = {
    "debian": ("debian", "12", "Debian GNU/Linux 12 (bookworm)", "x86_64", "web1", "12.7"),
    "alpine": ("alpine", "3.20.3", "Alpine Linux v3.20", "aarch64", "localhost", None),
    "fedora": (
        "fedora",
        "40",
        "Fedora Linux 40 (Server Edition)",
        "x86_64",
        "fedora.example.org",
        None,
    ),
    "arch": ("arch", "", "Arch Linux", "x86_64", "arch", None),
}


def _system(nodes: dict[str, Node]) -> OperatingSystem:
    (found,) = [r for r in identity.run(in_memory(nodes)) if isinstance(r, OperatingSystem)]
    return found


@pytest.mark.parametrize("name", GUESTS)
def test_a_distribution_is_told(name: str):
    found = _system(GUESTS[name]())

    assert (
        found.id, found.version, found.pretty_name, found.arch, found.hostname, found.release,
    ) == EXPECTED[name]  # fmt: skip
    assert found.family == "linux"


def test_the_record_points_at_the_file_behind_the_link():
    assert str(_system(GUESTS["debian"]()).at) == "guest::/usr/lib/os-release"


def test_variants_and_dates_of_fedora_are_kept():
    found = _system(GUESTS["fedora"]())

    assert (found.variant, found.support_end, found.machine_id) == ("server", "2025-05-13", None)


def test_the_machine_id_is_told_and_a_wrong_one_is_a_problem():
    release = {"/etc/os-release": text("ID=x\n")}

    assert _system(GUESTS["debian"]()).machine_id == MACHINE_ID
    good = _system({**release, "/var/lib/dbus/machine-id": text(MACHINE_ID)})
    assert good.machine_id == MACHINE_ID
    finding, system = identity.run(in_memory({**release, "/etc/machine-id": text("42\n")}))
    assert isinstance(finding, Finding)
    assert isinstance(system, OperatingSystem)
    assert (finding.rule, system.machine_id) == ("problem.machine-id", None)


LEGACY = {
    "/etc/redhat-release": (
        "CentOS release 6.10 (Final)\n",
        ("rhel", "6.10", "CentOS release 6.10 (Final)"),
    ),
    "/etc/SuSE-release": ("SUSE 11\nVERSION = 11\n", ("suse", "11", "SUSE 11")),
    "/etc/alpine-release": ("3.2.0\n", ("alpine", "3.2.0", "alpine 3.2.0")),
    "/etc/arch-release": ("", ("arch", "", "arch")),
    "/etc/debian_version": ("6.0.10\n", ("debian", "6.0.10", "debian 6.0.10")),
}


@pytest.mark.parametrize("path", LEGACY)
def test_a_guest_older_than_os_release_is_told_by_its_own_file(path: str):
    content, expected = LEGACY[path]
    found = _system({path: text(content)})

    assert (found.id, found.version, found.pretty_name) == expected


def test_a_release_file_with_faults_is_read_all_the_same():
    finding, system = identity.run(in_memory({"/etc/os-release": text("ID=x\nNAME='open\n")}))

    assert isinstance(finding, Finding)
    assert (finding.rule, finding.line) == ("problem.os-release", 2)
    assert isinstance(system, OperatingSystem)
    assert (system.id, system.pretty_name) == ("x", "x")


HOSTNAMES: dict[str, dict[str, Node]] = {
    "a": {"/etc/hostname": text("# comment\n\na.\n")},
    "b": {"/etc/HOSTNAME": text("b\n"), "/etc/hostname": text("\n")},
    "c": {"/etc/sysconfig/network": text("NETWORKING=yes\nHOSTNAME=c\n")},
    "d": {"/etc/conf.d/hostname": text('hostname="d"\n')},
    "": {"/etc/conf.d/hostname": text("# nothing\n")},
}


@pytest.mark.parametrize("name", HOSTNAMES)
def test_a_host_name_is_found_wherever_the_distribution_keeps_it(name: str):
    assert _system({"/etc/os-release": text("ID=x\n"), **HOSTNAMES[name]}).hostname == name


MACHINES: dict[str, dict[str, Node]] = {
    "aarch64": {"/bin": link("usr/bin"), "/usr/bin/sh": program(AARCH64)},
    "x86_64": {"/bin/sh": text("#!\n"), "/lib64/ld-linux-x86-64.so.2": program()},
    "armv7l": {"/etc/apk/arch": text("armv7\n")},
    "ppc64le": {"/var/lib/dpkg/arch": text("ppc64el\ni386\n")},
    "s390x": {
        "/var/lib/dpkg/status.d/a": text("Package: a\nArchitecture: all\n"),
        "/var/lib/dpkg/status.d/b": text("Package: b\nArchitecture: s390x\n"),
    },
    "": {"/bin/sh": link("/bin/sh")},
}


@pytest.mark.parametrize("machine", MACHINES)
def test_the_machine_comes_from_a_program_else_from_the_packages(machine: str):
    assert _system({"/etc/os-release": text("ID=x\n"), **MACHINES[machine]}).arch == machine
