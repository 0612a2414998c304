"""The package database of rpm 4.16 and later in its SQLite form: table Packages(hnum, blob)."""

from collections.abc import Iterator
from typing import NamedTuple

from strongroom.base.errors import Corrupt
from strongroom.base.source import Source

from . import rpmheader as tag
from .rpmheader import RpmHeader
from .sqlite import Database, Report


class RpmPackage(NamedTuple):
    """One package. `version` is [epoch:]version-release, as `rpm -q` with %{EVR} prints it.

    `arch` is "" for the keys that rpm stores as packages (gpg-pubkey). The size is in bytes, the
    time in seconds since 1970 UTC.
    """

    number: int
    name: str
    version: str
    arch: str
    source: str
    size: int | None
    vendor: str
    packager: str
    licence: str
    summary: str
    url: str
    installed_s: int | None
    module: str


def packages(source: Source, report: Report) -> Iterator[RpmPackage]:
    """Yield the packages of an rpmdb.sqlite in the order they were installed.

    Damage is told to `report` with its offset in bytes, and reading goes on. Raises Corrupt for
    what is no SQLite database, NotFound for one without packages.
    """
    database = Database(source, report)
    table = database.table("Packages")
    for row in database.rows(table.root):
        blob = row.values[1] if len(row.values) == 2 else None
        if not isinstance(blob, bytes):
            report((table.root - 1) * database.page_size, f"package {row.rowid} has no header")
            continue
        try:
            header = RpmHeader(blob)
        except Corrupt as e:
            report((table.root - 1) * database.page_size, f"package {row.rowid}: {e.message}")
            continue
        yield package(row.rowid, header)


def package(number: int, header: RpmHeader) -> RpmPackage:
    """Return what a header says of its package."""
    epoch = header.integer(tag.EPOCH)
    version = f"{header.text(tag.VERSION)}-{header.text(tag.RELEASE)}"
    size = header.integer(tag.LONGSIZE)
    return RpmPackage(
        number,
        header.text(tag.NAME),
        version if epoch is None else f"{epoch}:{version}",
        header.text(tag.ARCH),
        header.text(tag.SOURCERPM),
        header.integer(tag.SIZE) if size is None else size,
        header.text(tag.VENDOR),
        header.text(tag.PACKAGER),
        header.text(tag.LICENSE),
        header.text(tag.SUMMARY),
        header.text(tag.URL),
        header.integer(tag.INSTALLTIME),
        header.text(tag.MODULARITYLABEL),
    )
