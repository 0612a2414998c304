"""Units of systemd as they lie on disk: systemd.unit(5), and the states of systemctl(1)."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from strongroom.base.record import Finding, Record, Severity
from strongroom.base.tree import basename, join, normalise, parent
from strongroom.formats.guest.keyfile import Setting, every, last, parse_unit

from ..guest import Guest
from ..records import Service
from .analysis import FILES_MAX, Document, document, problems

CONFIG = "/etc/systemd/system"
UNIT_DIRECTORIES = (
    CONFIG,
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
)
"""Where units are looked for, the first wins; what only exists while running is left out."""

KINDS = ("service", "timer", "socket", "path")

_DEPENDENCIES = (".wants", ".requires", ".upholds")
_INSTALL = ("WantedBy", "RequiredBy", "UpheldBy", "Alias")
_SCHEDULE = (
    "OnCalendar",
    "OnActiveSec",
    "OnBootSec",
    "OnStartupSec",
    "OnUnitActiveSec",
    "OnUnitInactiveSec",
)
_LISTEN = ("ListenStream", "ListenDatagram", "ListenSequentialPacket", "ListenFIFO")
_WATCH = ("PathExists", "PathExistsGlob", "PathChanged", "PathModified", "DirectoryNotEmpty")


class _UnitFile(NamedTuple):
    name: str
    path: str
    """Where it was found; a link perhaps."""
    real: str | None
    """Where that leads; None for a link that leads nowhere."""
    link: bool


class _Loaded(NamedTuple):
    name: str
    unit: _UnitFile
    settings: tuple[Setting, ...]
    aliases: tuple[str, ...]


class _Units:
    """Everything in the unit directories that bears on services.

    `drop_ins` maps unit names to directories of drop-ins, the most important first; `enabled` to
    the targets whose directory in /etc links to the unit, `wanted` to those of links that came
    with the units; `links` to the path of the first link that enables it. `enabled_templates` are
    the templates of which some instance is enabled.
    """

    __slots__ = (
        "directories", "drop_ins", "enabled", "enabled_templates", "files", "links", "wanted",
    )  # fmt: skip

    def __init__(self, directories: tuple[str, ...]) -> None:
        self.directories = directories
        self.files: dict[str, _UnitFile] = {}
        self.drop_ins: defaultdict[str, list[str]] = defaultdict(list)
        self.enabled: defaultdict[str, list[str]] = defaultdict(list)
        self.enabled_templates: set[str] = set()
        self.wanted: defaultdict[str, list[str]] = defaultdict(list)
        self.links: dict[str, str] = {}


def services(guest: Guest) -> Iterator[Record]:
    """Yield a Service for every unit of the KINDS, aliases folded into what they stand for."""
    units = _collect(guest)
    aliases: defaultdict[str, list[str]] = defaultdict(list)
    for unit in units.files.values():
        if _is_alias(unit):
            aliases[basename(unit.real or "")].append(unit.name)
    names = {name for name, unit in units.files.items() if not _is_alias(unit)}
    for name in sorted(names):
        yield from _unit_records(guest, units, units.files[name], name, aliases[name])
    known = names.union(*aliases.values())
    for name in sorted(set(units.enabled) - known):
        template = units.files.get(_template(name))
        if template is not None:
            yield from _unit_records(guest, units, template, name, ())
        elif _kind(name):
            yield _missing(guest, units, name)


def _collect(guest: Guest) -> _Units:
    found = [guest.resolve(directory) for directory in UNIT_DIRECTORIES]
    units = _Units(tuple(dict.fromkeys(path for path in found if path is not None)))
    config = guest.resolve(CONFIG)
    for directory in units.directories:
        for number, entry in enumerate(guest.scandir(directory)):
            if number >= FILES_MAX:
                break
            path = join(directory, entry.name)
            if entry.name.endswith(_DEPENDENCIES):
                target = entry.name.rpartition(".")[0]
                _collect_links(guest, units, path, target, enabling=directory == config)
            elif entry.name.endswith(".d"):
                units.drop_ins[entry.name[:-2]].append(path)
            elif _kind(entry.name) and entry.name not in units.files:
                link = entry.kind == "link"
                real = _leads_to(guest, path) if link else path
                units.files[entry.name] = _UnitFile(entry.name, path, real, link)
    return units


def _collect_links(
    guest: Guest, units: _Units, directory: str, target: str, *, enabling: bool
) -> None:
    names = units.enabled if enabling else units.wanted
    for number, entry in enumerate(guest.scandir(directory)):
        if number >= FILES_MAX:
            break
        if _kind(entry.name):
            names[entry.name].append(target)
            if enabling:
                units.enabled_templates.add(_template(entry.name))
                units.links.setdefault(entry.name, join(directory, entry.name))


def _leads_to(guest: Guest, path: str) -> str | None:
    """Return where a link leads. What it names need not exist: /dev is empty on a disk."""
    target = guest.readlink(path)
    if target is None:
        return None
    absolute = normalise(target if target.startswith("/") else join(parent(path), target))
    return absolute if absolute == "/dev/null" else guest.resolve(path)


def _kind(name: str) -> str:
    """Return which of the KINDS a unit's name says it is, "" for another."""
    stem, dot, suffix = name.rpartition(".")
    return suffix if stem and dot and suffix in KINDS else ""


def _template(name: str) -> str:
    """Return the template of an instance: "getty@.service" of "getty@tty1.service"."""
    stem, _, suffix = name.rpartition(".")
    prefix, at, _ = stem.partition("@")
    return f"{prefix}@.{suffix}" if at else name


def _is_alias(unit: _UnitFile) -> bool:
    if not unit.link or unit.real is None or unit.real == "/dev/null":
        return False
    # An instance that links to its own template is that instance, not another name for it.
    return basename(unit.real) not in {unit.name, _template(unit.name)}


def _unit_records(
    guest: Guest, units: _Units, unit: _UnitFile, name: str, aliases: Sequence[str]
) -> Iterator[Record]:
    """Yield the Service of a unit, or of the instance `name` of a template."""
    settings: list[Setting] = []
    source = None
    if unit.real is not None and unit.real != "/dev/null":
        source = document(guest, unit.real)
    if source is not None:
        parsed = parse_unit(source.text)
        yield from problems(source, "systemd", parsed.faults)
        settings += parsed.entries
        for drop_in in _drop_ins(guest, units, name):
            extra = parse_unit(drop_in.text)
            yield from problems(drop_in, "systemd", extra.faults)
            settings += extra.entries
    yield _service(guest, units, _Loaded(name, unit, tuple(settings), tuple(sorted(aliases))))


def _drop_ins(guest: Guest, units: _Units, name: str) -> Iterator[Document]:
    """Yield a unit's drop-ins by file name; of one name the most important directory's."""
    if name not in units.drop_ins and _template(name) not in units.drop_ins:
        return
    found: dict[str, str] = {}
    for owner in dict.fromkeys((name, _template(name))):
        for directory in units.drop_ins.get(owner, ()):
            for path in guest.files(directory, suffix=".conf"):
                found.setdefault(basename(path), path)
    for _, path in sorted(found.items()):
        source = document(guest, path)
        if source is not None:
            yield source


def _state(guest: Guest, units: _Units, loaded: _Loaded) -> str:
    name, unit, settings, aliases = loaded
    if unit.real is None:
        return "bad"
    if unit.real == "/dev/null" or _is_empty(guest, unit.real):
        return "masked"
    default = last(settings, "Install", "DefaultInstance")
    instance = name.replace("@.", f"@{default}.") if default else name
    if name in units.enabled or instance in units.enabled:
        return "enabled"
    if name in units.enabled_templates:
        return "indirect"
    if any(
        alias in units.enabled or units.files[alias].path.startswith(CONFIG + "/")
        for alias in aliases
    ):
        return "enabled"
    if unit.link and parent(unit.real) not in units.directories:
        return "linked"
    if any(every(settings, "Install", key) for key in _INSTALL):
        return "disabled"
    return "indirect" if every(settings, "Install", "Also") else "static"


def _is_empty(guest: Guest, path: str) -> bool:
    stat = guest.stat(path)
    return stat is not None and stat.kind == "file" and stat.size == 0


def _service(guest: Guest, units: _Units, loaded: _Loaded) -> Service:
    name, unit, settings, aliases = loaded
    kind = _kind(name)
    path = unit.path if unit.real in {None, "/dev/null"} else unit.real
    targets: list[str] = []
    for known in (name, *aliases):
        targets += [*units.enabled.get(known, ()), *units.wanted.get(known, ())]
    command = every(settings, "Service", "ExecStart")
    state = _state(guest, units, loaded)
    return Service(
        at=guest.locate(path or unit.path),
        name=name,
        enabled=state == "enabled",
        manager="systemd",
        kind=kind,
        state=state,
        unit=path,
        command=command[0].lstrip("@-:+!|") if command else None,
        user=last(settings, "Service", "User") or None,
        schedule=_schedule(settings) if kind == "timer" else None,
        activates=_activates(settings, name, kind),
        listens=_listens(settings, kind),
        wanted_by=tuple(dict.fromkeys(targets)),
        aliases=aliases,
        description=last(settings, "Unit", "Description") or None,
    )


def _schedule(settings: Sequence[Setting]) -> str | None:
    parts = [
        value if key == "OnCalendar" else f"{key}={value}"
        for key in _SCHEDULE
        for value in every(settings, "Timer", key)
    ]
    return "; ".join(parts) or None


def _activates(settings: Sequence[Setting], name: str, kind: str) -> str | None:
    if kind == "service":
        return None
    key = "Service" if kind == "socket" else "Unit"
    given = last(settings, kind.capitalize(), key)
    stem = name.rpartition(".")[0]
    # Accept=yes starts an instance for each connection (systemd.socket(5)).
    each = kind == "socket" and (last(settings, "Socket", "Accept") or "").lower() in {
        "1", "yes", "true", "on",
    }  # fmt: skip
    return given or f"{stem}@.service" if each else given or f"{stem}.service"


def _listens(settings: Sequence[Setting], kind: str) -> tuple[str, ...]:
    keys = {"socket": _LISTEN, "path": _WATCH}.get(kind, ())
    return tuple(value for key in keys for value in every(settings, kind.capitalize(), key))


def _missing(guest: Guest, units: _Units, name: str) -> Finding:
    path = units.links[name]
    return Finding(
        at=guest.locate(path),
        rule="service.missing-unit",
        severity=Severity.NOTICE,
        message=f"{name} is enabled but has no unit file",
    )
