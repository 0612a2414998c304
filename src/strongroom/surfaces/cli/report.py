"""The report of an inspection: what the machine is, then what it has, then what to look at."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from strongroom.base.record import Finding, Record, Severity

from .terminal import Screen, fit, fit_path, human_size, pad, text_width, wrap
from .text import place_of

Write = Callable[[str], object]

FINDINGS_SHOWN = 20
INDENT = "  "
LABEL_WIDTH = 10
PEOPLE_SHOWN = 6
"""Names listed before the rest is counted."""
COUNTED = (Severity.NOTICE, Severity.WARNING, Severity.ERROR)
"""Severities whose words have a plural."""
SYSTEM_UID_MAX = 999
"""Accounts below 1000 belong to the system (Debian policy 9.2.2; login.defs UID_MIN)."""


class Report(NamedTuple):
    """The records of one inspection by type, in their order."""

    records: Mapping[str, list[Any]]
    took_s: float

    def of(self, kind: str) -> list[Any]:
        """Return the records of a type."""
        return self.records.get(kind, [])


class Fact(NamedTuple):
    """One line of the report: a label, what is said, and the command that shows more."""

    label: str
    text: str
    more: str = ""


def write_report(
    records: Iterable[Record], write: Write, screen: Screen, clock: Callable[[], float]
) -> None:
    """Write the report of what `guest.inspect` yields; `clock` is in seconds."""
    began = clock()
    kinds: dict[str, list[Any]] = {}
    try:
        for record in records:
            kinds.setdefault(record.type, []).append(record)
    finally:  # what came before a failure is shown, too
        if kinds:
            for line in render(Report(kinds, clock() - began), screen):
                write(line + "\n")


def render(report: Report, screen: Screen) -> Iterator[str]:
    """Yield the lines of a report, none wider than the screen."""
    yield _head(report, screen)
    facts = list(_facts(report))
    findings = sorted(report.of("finding"), key=lambda f: -f.severity)
    if facts:
        yield ""
        yield from _aligned(facts, screen)
    if findings:
        yield ""
        yield from _findings(findings, screen)


def _head(report: Report, screen: Screen) -> str:
    """Return the first line: the answer, the disks it comes from, the time it took."""
    systems = report.of("os")
    names = [_system_name(system) for system in systems] or ["no operating system found"]
    title = screen.clean(" + ".join(names))
    took = f"{report.took_s:.2f} s" if screen.tty else ""
    disks = screen.clean("; ".join(_disk_name(disk) for disk in report.of("disk")))
    room = screen.width - text_width(took) - 2 if took else screen.width
    if screen.width:
        title = fit(title, room)
        disks = fit(disks, max(0, room - text_width(title) - 2))
    left = screen.paint("bold", title) + (f"  {disks}" if disks else "")
    if not took:
        return left
    used = text_width(title) + (2 + text_width(disks) if disks else 0)
    return left + " " * (screen.width - used - text_width(took)) + screen.paint("dim", took)


def _system_name(system: Any) -> str:
    name = system.pretty_name or f"{system.id} {system.version}".strip() or system.family
    return f"{name} ({system.arch})" if system.arch else name


def _disk_name(disk: Any) -> str:
    name = disk.at.origin.rpartition("/")[2]
    kind = disk.format + (f" {disk.variant}" if disk.variant else "")
    compression = f" ({disk.compression})" if disk.compression else ""
    return f"{name}, {human_size(disk.size_bytes)}, {kind}{compression}"


def _facts(report: Report) -> Iterator[Fact]:
    disk = _first_disk(report)
    for system in report.of("os"):
        if system.hostname:
            yield Fact("host", system.hostname)
    yield from _storage(report)
    yield from _software(report, disk)
    yield from _people(report, disk)
    yield from _services(report, disk)
    yield from _network(report, disk)
    yield from _boot(report)
    findings = report.of("finding")
    if findings:
        yield Fact("findings", _severities(findings), "")


def _first_disk(report: Report) -> str:
    """Return the disks as a next command names them."""
    origins = dict.fromkeys(disk.at.origin for disk in report.of("disk"))
    if not origins:
        records = [r for rows in report.records.values() for r in rows]
        origins = dict.fromkeys(record.at.origin for record in records[:1])
    from shlex import quote

    return " ".join(quote(origin) for origin in origins)


def _storage(report: Report) -> Iterator[Fact]:
    labels = _mount_points(report)
    for volume in report.of("filesystem"):
        step = volume.at.steps[-1] if volume.at.steps else ""
        name = f'{volume.fs_type} "{volume.label}"' if volume.label else volume.fs_type
        space = ""
        if volume.size_bytes is not None and volume.free_bytes is not None:
            free, size = human_size(volume.free_bytes), human_size(volume.size_bytes)
            space = f", {free} free of {size}"
        unclean = ", not unmounted cleanly" if volume.clean is False else ""
        where = f", {step}" if step else ""
        yield Fact(labels.get(_key(volume), "volume"), name + space + where + unclean)


def _mount_points(report: Report) -> dict[str, str]:
    """Return what each file system is mounted as, by its UUID or label, as fstab names them."""
    volumes = report.of("filesystem")
    points: dict[str, str] = {}
    for mount in report.of("mount"):
        kind, _, value = mount.device.partition("=")
        for volume in volumes:
            named = {"UUID": volume.uuid, "LABEL": volume.label}.get(kind.upper())
            if named and named == value.strip('"'):
                points[_key(volume)] = "root" if mount.point == "/" else mount.point
    if len(volumes) == 1 and report.of("os"):
        points.setdefault(_key(volumes[0]), "root")
    return points


def _key(volume: Any) -> str:
    return str(volume.at)


def _software(report: Report, disk: str) -> Iterator[Fact]:
    packages = report.of("package")
    if packages:
        managers = ", ".join(sorted({p.manager for p in packages}))
        yield Fact("packages", f"{len(packages)} ({managers})", f"guestkit packages {disk}")


def _people(report: Report, disk: str) -> Iterator[Fact]:
    users = report.of("user")
    if not users:
        return
    people = [u.name for u in users if u.uid == 0 or (u.uid > SYSTEM_UID_MAX and u.can_log_in)]
    shown = ", ".join(people[:PEOPLE_SHOWN])
    rest = f" and {len(people) - PEOPLE_SHOWN} more" if len(people) > PEOPLE_SHOWN else ""
    can = sum(1 for u in users if u.can_log_in and u.password in ("set", "empty"))
    entry = f"; {can} can log in with a password" if can else ""
    yield Fact("users", f"{shown}{rest}{entry}", f"guestkit users {disk}")


def _services(report: Report, disk: str) -> Iterator[Fact]:
    services = report.of("service")
    if services:
        enabled = sum(1 for s in services if s.enabled)
        managers = ", ".join(sorted({s.manager for s in services}))
        text = f"{enabled} of {len(services)} enabled ({managers})"
        yield Fact("services", text, f"guestkit services {disk}")
    jobs = report.of("cron")
    if jobs:
        yield Fact("cron", f"{len(jobs)} jobs" if len(jobs) > 1 else "1 job")


def _network(report: Report, disk: str) -> Iterator[Fact]:
    interfaces = [i for i in report.of("interface") if i.method != "loopback" and i.name != "lo"]
    if interfaces:
        text = ", ".join(
            " ".join([i.name, i.method, *i.addresses[:1]]) for i in interfaces[:PEOPLE_SHOWN]
        )
        yield Fact("network", text, f"guestkit network {disk}")


def _boot(report: Report) -> Iterator[Fact]:
    kernels = report.of("kernel")
    if kernels:
        versions = ", ".join(k.version for k in kernels[:3])
        rest = f" and {len(kernels) - 3} more" if len(kernels) > 3 else ""
        loaders = ", ".join(b.name for b in report.of("bootloader"))
        yield Fact("kernel", versions + rest + (f" ({loaders})" if loaders else ""))
    zones = [s.value for s in report.of("setting") if s.name == "timezone"]
    if zones:
        yield Fact("time zone", ", ".join(zones))


def _severities(findings: list[Finding]) -> str:
    counts = [(s, sum(1 for f in findings if f.severity == s)) for s in reversed(Severity)]
    return ", ".join(
        f"{count} {severity}{'s' if count > 1 and severity in COUNTED else ''}"
        for severity, count in counts
        if count
    )


def _aligned(facts: list[Fact], screen: Screen) -> Iterator[str]:
    """Yield the facts with their labels and next commands in columns."""
    texts = [screen.clean(fact.text) for fact in facts]
    labels = [screen.clean(fact.label) for fact in facts]
    width = max(LABEL_WIDTH - 2, *(min(text_width(label), 24) for label in labels)) + 2
    middle = max((text_width(t) for t, f in zip(texts, facts, strict=True) if f.more), default=0)
    longest = max((text_width(fact.more) for fact in facts), default=0)
    beside = not screen.width or width + middle + longest + 6 <= screen.width
    for label, text, fact in zip(labels, texts, facts, strict=True):
        left = INDENT + screen.paint("dim", pad(fit(label, width - 2), width))
        if fact.more and beside:
            yield f"{left}{pad(text, middle)}    {screen.paint('dim', screen.clean(fact.more))}"
        else:
            room = screen.width - width - len(INDENT)
            yield left + (fit(text, room) if screen.width else text)


def _findings(findings: list[Any], screen: Screen) -> Iterator[str]:
    """Yield the gravest findings: severity, rule, message, place."""
    shown = findings[:FINDINGS_SHOWN]
    rows = [
        (str(f.severity), f.rule, screen.clean(f.message), screen.clean(place_of(f))) for f in shown
    ]
    widths = [max(text_width(row[i]) for row in rows) for i in range(4)]
    room = screen.width - len(INDENT) - widths[0] - widths[1] - 6
    if not screen.width or widths[2] + widths[3] <= room:
        yield from (_beside(row, widths, screen) for row in rows)
    else:
        for row in rows:
            yield from _below(row, widths[0], screen)
    if len(findings) > len(shown):
        yield f"{INDENT}and {len(findings) - len(shown)} more: --json lists all"


def _beside(row: tuple[str, str, str, str], widths: list[int], screen: Screen) -> str:
    """Return a finding as one line in columns."""
    severity, rule, message, place = row
    cells = [
        screen.paint(severity, pad(severity, widths[0])),
        pad(rule, widths[1]),
        pad(message, widths[2]),
        screen.paint("dim", place),
    ]
    return INDENT + "  ".join(cells).rstrip()


def _below(row: tuple[str, str, str, str], width: int, screen: Screen) -> Iterator[str]:
    """Yield a finding as lines: what it says below its rule, where columns do not fit."""
    severity, rule, message, place = row
    yield f"{INDENT}{screen.paint(severity, pad(severity, width))}  {rule}"
    indent = " " * (len(INDENT) + width + 2)
    for line in wrap(message, screen.width, indent):
        yield fit(line, screen.width)
    yield indent + screen.paint("dim", fit_path(place, max(1, screen.width - len(indent))))
