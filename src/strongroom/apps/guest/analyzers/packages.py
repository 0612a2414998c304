"""What is installed, from the database of each package manager that the guest has."""

from collections.abc import Iterator

from strongroom.base.errors import Corrupt, NotFound, StrongroomError, Unsupported
from strongroom.base.locator import Locator
from strongroom.base.record import Finding, Record, Severity
from strongroom.formats.guest.apk import parse_installed
from strongroom.formats.guest.dpkg import parse_status
from strongroom.formats.guest.lines import Fault
from strongroom.formats.guest.pacman import parse_desc
from strongroom.formats.guest.rpmdb import RpmPackage
from strongroom.formats.guest.rpmdb import packages as rpm_packages

from ..guest import Guest
from ..records import Package
from .analysis import FILES_MAX, Analysis, document, paths_in, problem, time_text

DPKG_STATUS = "/var/lib/dpkg/status"
DPKG_STATUS_DIRECTORY = "/var/lib/dpkg/status.d"
"""One file a package, in distroless images."""

APK_INSTALLED = ("/lib/apk/db/installed", "/usr/lib/apk/db/installed")
PACMAN_LOCAL = "/var/lib/pacman/local"
RPM_DIRECTORIES = ("/usr/lib/sysimage/rpm", "/var/lib/rpm", "/usr/share/rpm")
_RPM_OTHER = {"Packages": "Berkeley DB", "Packages.db": "ndb"}


def run(guest: Guest) -> Iterator[Record]:
    """Yield a Package for each one that a database lists."""
    yield from _dpkg(guest)
    yield from _apk(guest)
    yield from _pacman(guest)
    yield from _rpm(guest)


def _dpkg(guest: Guest) -> Iterator[Record]:
    yield from _dpkg_file(guest, DPKG_STATUS)
    for path in paths_in(guest, DPKG_STATUS_DIRECTORY):
        if not path.endswith(".md5sums"):
            yield from _dpkg_file(guest, path)


def _dpkg_file(guest: Guest, path: str) -> Iterator[Record]:
    found = guest.read_real(path, size_max=guest.limits.text_bytes)
    if found is None:
        return
    at = guest.locate(found[0])
    parsed = parse_status(found[1])
    for fault in parsed.faults:
        yield problem(at, "dpkg", fault)
    for entry in parsed.entries:
        yield Package(
            at=at,
            line=entry.line,
            offset=entry.offset,
            name=entry.name,
            version=entry.version,
            arch=entry.arch,
            manager="dpkg",
            status=entry.status,
            source=entry.source or entry.name,
            size_bytes=None if entry.size_kib is None else entry.size_kib * 1024,
            maintainer=entry.maintainer or None,
            summary=entry.summary or None,
        )


def _apk(guest: Guest) -> Iterator[Record]:
    for path in _distinct(guest, APK_INSTALLED):
        content = guest.read_bytes(path)
        if content is None:
            continue
        at = guest.locate(path)
        parsed = parse_installed(content)
        for fault in parsed.faults:
            yield problem(at, "apk", fault)
        for entry in parsed.entries:
            yield Package(
                at=at,
                line=entry.line,
                offset=entry.offset,
                name=entry.name,
                version=entry.version,
                arch=entry.arch,
                manager="apk",
                source=entry.origin or entry.name,
                size_bytes=entry.size,
                maintainer=entry.maintainer or None,
                license=entry.licence or None,
                summary=entry.summary or None,
                homepage=entry.url or None,
            )


def _distinct(guest: Guest, paths: tuple[str, ...]) -> list[str]:
    """Return the paths that exist, links followed, each once."""
    found = [guest.resolve(path) for path in paths]
    return list(dict.fromkeys(path for path in found if path is not None))


def _pacman(guest: Guest) -> Iterator[Record]:
    for number, entry in enumerate(guest.scandir(PACMAN_LOCAL)):
        if number >= FILES_MAX:
            at = guest.locate(PACMAN_LOCAL)
            yield problem(at, "pacman", Fault(None, f"more than {FILES_MAX} packages"))
            return
        found = document(guest, f"{PACMAN_LOCAL}/{entry.name}/desc")
        if found is None:
            continue
        package = parse_desc(found.text)
        if isinstance(package, Fault):
            yield problem(found.at, "pacman", package)
            continue
        yield Package(
            at=found.at,
            name=package.name,
            version=package.version,
            arch=package.arch,
            manager="pacman",
            source=package.base or package.name,
            size_bytes=package.size,
            maintainer=package.packager or None,
            license=package.licence or None,
            summary=package.summary or None,
            homepage=package.url or None,
            installed_at=time_text(package.installed_s),
        )


def _rpm(guest: Guest) -> Iterator[Record]:
    for directory in _distinct(guest, RPM_DIRECTORIES):
        yield from _rpm_database(guest, f"{directory}/rpmdb.sqlite")
        for name, form in _RPM_OTHER.items():
            stat = guest.stat(f"{directory}/{name}")
            if stat is not None and stat.kind == "file":
                message = f"the rpm database is in {form} form, which is not read"
                yield problem(guest.locate(f"{directory}/{name}"), "rpmdb", Fault(None, message))


def _rpm_database(guest: Guest, path: str) -> Iterator[Record]:
    source = guest.open(path)
    if source is None:
        return
    at = guest.locate(path)
    damage: list[Finding] = []

    def report(offset: int, message: str) -> None:
        damage.append(_damage(at, offset, message))

    for suffix in ("-wal", "-journal"):
        stat = guest.stat(path + suffix)
        if stat is not None and stat.size > 0:
            message = f"{path}{suffix} holds changes that are not read"
            yield problem(guest.locate(path + suffix), "rpmdb.journal", Fault(None, message))
    try:
        for package in rpm_packages(source, report):
            yield _rpm_record(at, package)
    except (Corrupt, NotFound, Unsupported) as e:
        guest.report(path, _named(path, e))
    yield from damage


def _named(path: str, error: StrongroomError) -> StrongroomError:
    return (
        Corrupt("rpmdb", None, f"{path}: {error.message}") if error.name == "not_found" else error
    )


def _damage(at: Locator, offset: int, message: str) -> Finding:
    return Finding(
        at=at,
        offset=offset,
        rule="problem.rpmdb",
        severity=Severity.WARNING,
        message=message,
    )


def _rpm_record(at: Locator, package: RpmPackage) -> Package:
    return Package(
        at=at,
        name=package.name,
        version=package.version,
        arch=package.arch,
        manager="rpm",
        source=package.source or None,
        size_bytes=package.size,
        maintainer=package.packager or None,
        vendor=package.vendor or None,
        license=package.licence or None,
        summary=package.summary or None,
        homepage=package.url or None,
        installed_at=time_text(package.installed_s),
        module=package.module or None,
    )


ANALYSIS = Analysis("packages", 1, (Package, Finding), run)
