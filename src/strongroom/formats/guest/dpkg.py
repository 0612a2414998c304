"""The database of dpkg: deb822(5) paragraphs of /var/lib/dpkg/status and status.d.

Written for files of a megabyte: a paragraph's fields are found by substring search, since dpkg
writes every name in one spelling; a paragraph that someone else wrote is read line by line.
"""

from typing import NamedTuple

from .lines import Fault, Faults, Parsed, number, paragraphs

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
        package = _package(content[start:end], line, start)
        if isinstance(package, Fault):
            faults.add(*package)
        elif package.status != NOT_INSTALLED:
            packages.append(package)
    return Parsed(tuple(packages), faults.kept())


def _package(paragraph: bytes, line: int, offset: int) -> DpkgPackage | Fault:
    padded = b"\n" + paragraph + b"\n"
    if padded.find(b"\nPackage: ") < 0 or padded.find(b"\nVersion: ") < 0:
        padded = _respelled(paragraph)
    name = _field(padded, b"\nPackage: ")
    status = _field(padded, b"\nStatus: ")
    state = status.rpartition(" ")[2] if status else "installed"
    version = _field(padded, b"\nVersion: ")
    if not name:
        return Fault(line, "a dpkg paragraph has no Package field")
    if not version and state in {"installed", "unpacked", "half-configured"}:
        return Fault(line, f"the dpkg paragraph of {name[:80]!r} has no Version field")
    return DpkgPackage(
        line,
        offset,
        name,
        version,
        _field(padded, b"\nArchitecture: "),
        state,
        _field(padded, b"\nSource: ").partition(" ")[0],
        number(_field(padded, b"\nInstalled-Size: ")),
        _field(padded, b"\nMaintainer: "),
        _field(padded, b"\nSection: "),
        _field(padded, b"\nDescription: "),
    )


def _field(padded: bytes, marker: bytes) -> str:
    at = padded.find(marker)
    if at < 0:
        return ""
    at += len(marker)
    return padded[at : padded.find(b"\n", at)].decode("utf-8", "surrogateescape").strip()


_SPELLINGS = {
    name.lower(): name
    for name in (
        b"Package",
        b"Status",
        b"Version",
        b"Architecture",
        b"Source",
        b"Installed-Size",
        b"Maintainer",
        b"Section",
        b"Description",
    )
}


def _respelled(paragraph: bytes) -> bytes:
    """Return a paragraph in dpkg's own spelling: field names ignore case (deb822(5))."""
    lines = [b""]
    for raw in paragraph.split(b"\n"):
        name, colon, value = raw.partition(b":")
        known = _SPELLINGS.get(name.rstrip().lower()) if colon else None
        if known is not None:
            lines.append(known + b": " + value.strip())
    return b"\n".join([*lines, b""])
