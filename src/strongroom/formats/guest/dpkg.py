"""The database of dpkg: deb822(5) paragraphs of /var/lib/dpkg/status and status.d.

Written for files of a megabyte: one pattern matches the fields in the order in which dpkg itself
writes them; a paragraph that someone else wrote is read line by line.
"""

import re
from typing import NamedTuple

from .lines import Fault, Faults, Parsed, number, paragraphs, quote

NOT_INSTALLED = "not-installed"
"""The state of a package that dpkg only remembers the name of; `dpkg-query -W` leaves it out."""


class DpkgPackage(NamedTuple):
    """One package. `offset` is where its paragraph begins, in bytes; `status` is its state, the
    third word of the field: "installed", "config-files", "half-installed".
    """

    line: int
    offset: int
    name: str
    version: str
    arch: str
    status: str
    source: str
    size_kib: int | None
    maintainer: str
    section: str
    summary: str


def parse_status(content: bytes) -> Parsed[DpkgPackage]:
    """Return the packages of a status file in file order, without those not installed.

    A file of status.d (distroless images) has no Status field; its packages are installed.
    """
    packages: list[DpkgPackage] = []
    faults = Faults()
    for line, start, end in paragraphs(content):
        package = _package(content, line, start, end)
        if isinstance(package, Fault):
            faults.add(*package)
        elif package.status != NOT_INSTALLED:
            packages.append(package)
    return Parsed(tuple(packages), faults.kept())


_DPKG_ORDER = re.compile(
    rb"Package: (.*)\n"
    rb"(?:Essential: .*\n)?(?:Protected: .*\n)?"
    rb"Status: (.*)\n"
    rb"(?:Priority: .*\n)?"
    rb"(?:Section: (.*)\n)?"
    rb"(?:Installed-Size: (.*)\n)?"
    rb"(?:Origin: .*\n)?"
    rb"(?:Maintainer: (.*)\n)?"
    rb"(?:Bugs: .*\n)?"
    rb"Architecture: (.*)\n"
    rb"(?:Multi-Arch: .*\n)?"
    rb"(?:Source: (.*)\n)?"
    rb"Version: (.*)"
)
"""dpkg's `fieldinfos`; what it writes after the version is of no interest but the description."""

_DESCRIPTION = b"\nDescription: "


def _package(content: bytes, line: int, start: int, end: int) -> DpkgPackage | Fault:
    match = _DPKG_ORDER.match(content, start, end)
    if match is None:
        return _package_by_lines(content[start:end], line, start)
    name, status, section, size, maintainer, arch, source, version = match.groups(b"")
    at = content.find(_DESCRIPTION, match.end(), end)
    summary = b""
    if at >= 0:
        at += len(_DESCRIPTION)
        stop = content.find(b"\n", at, end)
        summary = content[at : end if stop < 0 else stop]
    return DpkgPackage(
        line,
        start,
        _text(name),
        _text(version),
        _text(arch),
        _text(status.rpartition(b" ")[2]),
        _text(source.partition(b" ")[0]),
        number(_text(size)),
        _text(maintainer),
        _text(section),
        _text(summary),
    )


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape").rstrip()


def _package_by_lines(paragraph: bytes, line: int, offset: int) -> DpkgPackage | Fault:
    """Return the package of a paragraph whose fields stand in any order; names ignore case."""
    fields: dict[bytes, str] = {}
    for raw in paragraph.split(b"\n"):
        name, colon, value = raw.partition(b":")
        if colon and name[:1].isalpha():
            fields.setdefault(name.rstrip().lower(), _text(value.strip()))
    get = fields.get
    if not get(b"package"):
        return Fault(line, "a dpkg paragraph has no Package field")
    status = get(b"status", "installed").rpartition(" ")[2]
    if not get(b"version") and status in _VERSIONED:
        return Fault(line, f"{quote(fields[b'package'])} has no Version field")
    return DpkgPackage(
        line,
        offset,
        fields[b"package"],
        get(b"version", ""),
        get(b"architecture", ""),
        status,
        get(b"source", "").partition(" ")[0],
        number(get(b"installed-size", "")),
        get(b"maintainer", ""),
        get(b"section", ""),
        get(b"description", ""),
    )


_VERSIONED = frozenset({"installed", "unpacked", "half-configured", "triggers-pending"})
