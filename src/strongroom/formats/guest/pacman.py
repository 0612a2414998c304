"""The local database of pacman: one `desc` file a package, below /var/lib/pacman/local (alpm)."""

from typing import NamedTuple

from .lines import Fault, number, numbered


class PacmanPackage(NamedTuple):
    """One package; its size is in bytes, its times in seconds since 1970 UTC."""

    name: str
    version: str
    arch: str
    base: str
    size: int | None
    packager: str
    licence: str
    summary: str
    url: str
    installed_s: int | None


def parse_desc(text: str) -> PacmanPackage | Fault:
    """Return the package that a `desc` file describes: "%FIELD%" lines, each with its values."""
    fields: dict[str, str] = {}
    field = ""
    for _, raw in numbered(text):
        line = raw.strip()
        if len(line) > 2 and line.startswith("%") and line.endswith("%"):
            field = line
        elif line and field and field not in fields:
            fields[field] = line
    get = fields.get
    name, version = get("%NAME%", ""), get("%VERSION%", "")
    if not name or not version:
        return Fault(None, "a pacman package has no name or no version")
    return PacmanPackage(
        name,
        version,
        get("%ARCH%", ""),
        get("%BASE%", ""),
        number(get("%SIZE%", "")),
        get("%PACKAGER%", ""),
        get("%LICENSE%", ""),
        get("%DESC%", ""),
        get("%URL%", ""),
        number(get("%INSTALLDATE%", ""), 1 << 40),
    )
