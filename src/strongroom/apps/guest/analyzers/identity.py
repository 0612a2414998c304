"""What the guest is: its distribution, machine, host name and machine id."""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from strongroom.base.record import Finding, Record
from strongroom.formats.guest.assignments import as_mapping, parse_assignments
from strongroom.formats.guest.elf import HEADER_BYTES, machine
from strongroom.formats.guest.lines import Fault, numbered, quote

from ..guest import Guest
from ..records import OperatingSystem
from .analysis import Analysis, Document, document, first_document, problem, problems

OS_RELEASE = ("/etc/os-release", "/usr/lib/os-release")
"""In the order that os-release(5) demands."""

PROGRAMS = (
    "/bin/sh",
    "/usr/bin/env",
    "/sbin/init",
    "/bin/busybox",
    "/lib/systemd/systemd",
    "/lib64/ld-linux-x86-64.so.2",
    "/lib/ld-linux-aarch64.so.1",
    "/lib/ld-musl-x86_64.so.1",
    "/lib/ld-musl-aarch64.so.1",
)
"""What any guest has one of, to read the machine from."""

_PACKAGE_ARCH = {
    "amd64": "x86_64",
    "arm64": "aarch64",
    "armel": "armv5tel",
    "armhf": "armv7l",
    "armv7": "armv7l",
    "i386": "i686",
    "x86": "i686",
    "ppc64el": "ppc64le",
}
"""Architectures as dpkg and apk name them, to the words of `uname -m`."""

_LOADERS = {
    "ld-linux-x86-64.so.2": "x86_64",
    "ld64.so.1": "s390x",
    "ld64.so.2": "ppc64le",
}
"""Dynamic loaders in /lib64 by the names that the psABI of each machine fixes. Looking there is a
quarter of the work of reading a program's header, for which /usr/bin is searched.
"""

_LEGACY = (
    ("/etc/redhat-release", "rhel"),
    ("/etc/SuSE-release", "suse"),
    ("/etc/alpine-release", "alpine"),
    ("/etc/arch-release", "arch"),
    ("/etc/debian_version", "debian"),
)
"""What says the distribution where os-release(5) is missing."""

_MACHINE_ID = re.compile(r"[0-9a-f]{32}")
_VERSION = re.compile(r"\d+(?:\.\d+)*")


class _Release(NamedTuple):
    source: Document
    values: Mapping[str, str]


def run(guest: Guest) -> Iterator[Record]:
    """Yield the one OperatingSystem; nothing where no file says what the guest is."""
    found = first_document(guest, OS_RELEASE)
    if found is not None:
        parsed = parse_assignments(found.text)
        yield from problems(found, "os-release", parsed.faults)
        release = _Release(found, as_mapping(parsed))
    else:
        legacy = _legacy(guest)
        if legacy is None:
            return
        release = legacy
    machine_id = _machine_id(guest)
    if isinstance(machine_id, Finding):
        yield machine_id
        machine_id = None
    yield _system(guest, release, machine_id)


def _system(guest: Guest, release: _Release, machine_id: str | None) -> OperatingSystem:
    get = release.values.get
    name, version = get("NAME", ""), get("VERSION_ID", "")
    pretty = get("PRETTY_NAME", "") or f"{name or get('ID', 'Linux')} {version}".strip()
    return OperatingSystem(
        at=release.source.at,
        id=get("ID", "linux").lower(),
        version=version,
        pretty_name=pretty,
        arch=_arch(guest),
        hostname=_hostname(guest),
        name=name,
        version_codename=get("VERSION_CODENAME") or get("UBUNTU_CODENAME") or None,
        release=_finer_release(guest, release),
        id_like=tuple(get("ID_LIKE", "").split()),
        variant=get("VARIANT_ID") or get("VARIANT") or get("IMAGE_ID") or None,
        machine_id=machine_id,
        support_end=get("SUPPORT_END") or None,
    )


def _legacy(guest: Guest) -> _Release | None:
    """Return what a file older than os-release(5) says, in its words."""
    for path, word in _LEGACY:
        found = document(guest, path)
        if found is None:
            continue
        line = _first_line(found.text)
        version = _VERSION.search(line)
        pretty = line if " " in line else f"{word} {line}".strip()
        values = {"ID": word, "PRETTY_NAME": pretty, "VERSION_ID": version[0] if version else ""}
        return _Release(found, values)
    return None


def _finer_release(guest: Guest, release: _Release) -> str | None:
    """Return a release such as "12.7" where os-release(5) has but "12"."""
    get = release.values.get
    if get("ID") == "debian":
        finer = _first_line(guest.read_text("/etc/debian_version") or "")
    else:
        match = _VERSION.match(get("VERSION", ""))
        finer = match[0] if match else ""
    return finer if finer != get("VERSION_ID", "") and finer else None


def _first_line(text: str) -> str:
    """Return the first line that is neither blank nor a comment."""
    for _, line in numbered(text):
        bare = line.strip()
        if bare and not bare.startswith("#"):
            return bare
    return ""


def _hostname(guest: Guest) -> str:
    for path in ("/etc/hostname", "/etc/HOSTNAME"):
        name = _first_line(guest.read_text(path) or "").rstrip(".")
        if name:
            return name
    for path, key in (("/etc/sysconfig/network", "HOSTNAME"), ("/etc/conf.d/hostname", "hostname")):
        text = guest.read_text(path)
        if text is not None:
            name = as_mapping(parse_assignments(text)).get(key, "")
            if name:
                return name
    return ""


def _arch(guest: Guest) -> str:
    for entry in guest.scandir("/lib64"):
        if entry.name in _LOADERS:
            return _LOADERS[entry.name]
    for path in PROGRAMS:
        found = machine(guest.read_head(path, HEADER_BYTES))
        if found is not None:
            return found
    for path in ("/var/lib/dpkg/arch", "/etc/apk/arch", "/lib/apk/arch"):
        word = _first_line(guest.read_text(path) or "")
        if word:
            return _PACKAGE_ARCH.get(word, word)
    for file in guest.files("/var/lib/dpkg/status.d"):
        match = re.search(r"^Architecture: (\S+)$", guest.read_text(file) or "", re.MULTILINE)
        if match and match[1] != "all":
            return _PACKAGE_ARCH.get(match[1], match[1])
    return ""


def _machine_id(guest: Guest) -> str | Finding | None:
    """Return the id; None where there is none or it is set at the first boot (machine-id(5))."""
    found = first_document(guest, ("/etc/machine-id", "/var/lib/dbus/machine-id"))
    if found is None:
        return None
    text = found.text.strip()
    if not text or text == "uninitialized":
        return None
    if _MACHINE_ID.fullmatch(text):
        return text
    return problem(found.at, "machine-id", Fault(1, f"{quote(text)} is no machine id"))


ANALYSIS = Analysis("identity", 1, (OperatingSystem, Finding), run)
