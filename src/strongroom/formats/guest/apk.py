"""The database of apk-tools: lib/apk/db/installed, as apk-package(5) describes its index."""

from typing import NamedTuple

from .lines import Faults, Parsed, number, paragraphs


class ApkPackage(NamedTuple):
    """One package. `offset` is where its paragraph begins, in bytes; sizes are bytes."""

    line: int
    offset: int
    name: str
    version: str
    arch: str
    origin: str
    size: int | None
    maintainer: str
    licence: str
    summary: str
    url: str
    repository: str


def parse_installed(content: bytes) -> Parsed[ApkPackage]:
    """Return the packages of the installed database in file order.

    A paragraph has one-letter fields; the package's own come before the first directory ("F:").
    """
    packages: list[ApkPackage] = []
    faults = Faults()
    for line, offset, paragraph in paragraphs(content):
        head = paragraph.partition("\nF:")[0]
        fields = {raw[0]: raw[2:].strip() for raw in head.split("\n") if raw[1:2] == ":"}
        if fields.get("P") and fields.get("V"):
            packages.append(_package(line, offset, fields))
        else:
            faults.add(line, "an apk paragraph has no name or no version")
    return Parsed(tuple(packages), faults.kept())


def _package(line: int, offset: int, fields: dict[str, str]) -> ApkPackage:
    get = fields.get
    return ApkPackage(
        line,
        offset,
        fields["P"],
        fields["V"],
        get("A", ""),
        get("o", ""),
        number(get("I", "")),
        get("m", ""),
        get("L", ""),
        get("T", ""),
        get("U", ""),
        get("s", ""),
    )
