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
    for line, offset, paragraph in paragraphs(content):
        package = _package(paragraph, line, offset)
        if isinstance(package, Fault):
            faults.add(*package)
        elif package.status != NOT_INSTALLED:
            packages.append(package)
    return Parsed(tuple(packages), faults.kept())


_DPKG_ORDER = re.compile(
    r"Package: (.*)\n"
    r"(?:Essential: .*\n)?(?:Protected: .*\n)?"
    r"Status: (.*)\n"
    r"(?:Priority: .*\n)?"
    r"(?:Section: (.*)\n)?"
    r"(?:Installed-Size: (.*)\n)?"
    r"(?:Origin: .*\n)?"
    r"(?:Maintainer: (.*)\n)?"
    r"(?:Bugs: .*\n)?"
    r"Architecture: (.*)\n"
    r"(?:Multi-Arch: .*\n)?"
    r"(?:Source: (.*)\n)?"
    r"Version: (.*)"
)
"""dpkg's `fieldinfos`; what it writes after the version is of no interest but the description."""

_DESCRIPTION = "\nDescription: "


def _package(paragraph: str, line: int, offset: int) -> DpkgPackage | Fault:
    match = _DPKG_ORDER.match(paragraph)
    if match is None:
        return _package_by_lines(paragraph, line, offset)
    name, status, section, size, maintainer, arch, source, version = match.groups("")
    _, _, description = paragraph.partition(_DESCRIPTION)
    return DpkgPackage(
        line,
        offset,
        name,
        version,
        arch,
        status.rpartition(" ")[2],
        source.partition(" ")[0],
        number(size),
        maintainer,
        section,
        description.partition("\n")[0],
    )


def _package_by_lines(paragraph: str, line: int, offset: int) -> DpkgPackage | Fault:
    """Return the package of a paragraph whose fields stand in any order; names ignore case."""
    fields: dict[str, str] = {}
    for raw in paragraph.split("\n"):
        name, colon, value = raw.partition(":")
        if colon and name[:1].isalpha():
            fields.setdefault(name.rstrip().lower(), value.strip())
    get = fields.get
    if not get("package"):
        return Fault(line, "a dpkg paragraph has no Package field")
    status = get("status", "installed").rpartition(" ")[2]
    if not get("version") and status in _VERSIONED:
        return Fault(line, f"{quote(fields['package'])} has no Version field")
    return DpkgPackage(
        line,
        offset,
        fields["package"],
        get("version", ""),
        get("architecture", ""),
        status,
        get("source", "").partition(" ")[0],
        number(get("installed-size", "")),
        get("maintainer", ""),
        get("section", ""),
        get("description", ""),
    )


_VERSIONED = frozenset({"installed", "unpacked", "half-configured", "triggers-pending"})
