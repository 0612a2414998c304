"""Settings: every key in one table; flag over environment over file over default.

The file is `config.toml` in the config folder. An administrator's `/etc/strongroom/config.toml` is
read before it; what stands there below `[locked]` nobody else may set to another value.
"""

import errno
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

from strongroom.base.errors import Unavailable, Usage
from strongroom.base.limits import DEFAULT_LIMITS, GIB, KIB, MIB, Limits

from .store import read_small

Value: TypeAlias = bool | int | str

SYSTEM_FILE = "/etc/strongroom/config.toml"
FILE_BYTES_MAX = MIB
TABLES_DEEP_MAX = 8
"""Tables in one another that are looked into; what is below has no setting's name."""
PREFIX = "STRONGROOM_"

ENVIRONMENT = {
    "STRONGROOM_HOME": "One folder for settings, state and cache, in place of the XDG folders.",
    "STRONGROOM_TEST_DATA": "Where the tests find real disks that are not in the repository.",
}
"""Variables that are no settings."""


class CacheSettings(NamedTuple):
    """The section `cache`."""

    enabled: bool
    max_bytes: int


class LogSettings(NamedTuple):
    """The section `log`."""

    level: str


class OutputSettings(NamedTuple):
    """The section `output`."""

    color: str


class Key(NamedTuple):
    """A setting that may be made; `choices` are the words allowed, empty for any number."""

    name: str
    default: Value
    doc: str
    choices: tuple[str, ...] = ()

    @property
    def variable(self) -> str:
        """Its name in the environment."""
        return PREFIX + self.name.upper().replace(".", "_")


_L = DEFAULT_LIMITS
KEYS = (
    Key("cache.enabled", True, "Keep the records of inspections for the next one."),
    Key("cache.max_bytes", GIB, "How much the cache may hold; what was used longest ago goes."),
    Key("limits.backing_depth", _L.backing_depth, "Images that one image may stand on."),
    Key("limits.config_bytes", _L.config_bytes, "Size of one settings file that is analyzed."),
    Key("limits.directory_entries", _L.directory_entries, "Entries read of one directory."),
    Key("limits.guest_bytes", _L.guest_bytes, "All that analyzers read whole of one guest."),
    Key("limits.nesting_depth", _L.nesting_depth, "How deep disks may lie inside disks."),
    Key("limits.problems", _L.problems, "Problems listed of one disk; others are counted."),
    Key("limits.table_bytes", _L.table_bytes, "Size of one metadata table held in memory."),
    Key("limits.text_bytes", _L.text_bytes, "Size of one file that an analyzer reads whole."),
    Key("limits.volumes", _L.volumes, "Partitions read of one disk."),
    Key(
        "log.level",
        "warning",
        "What is logged on standard error.",
        ("debug", "info", "warning", "error", "critical"),
    ),
    Key("output.color", "auto", "Colour: auto is on a terminal only.", ("auto", "always", "never")),
)
_BY_NAME = {key.name: key for key in KEYS}
_SECTIONS: Mapping[str, type[Any]] = {
    "cache": CacheSettings,
    "limits": Limits,
    "log": LogSettings,
    "output": OutputSettings,
}
_UNITS = {"": 1, "KIB": KIB, "MIB": MIB, "GIB": GIB}
_WORDS = {
    "1": True, "true": True, "yes": True, "on": True,
    "0": False, "false": False, "no": False, "off": False,
}  # fmt: skip


class Setting(NamedTuple):
    """A key's value and who set it: `default`, `environment NAME`, `file PATH:LINE` or `flag`."""

    name: str
    value: Value
    origin: str
    doc: str


class Config(NamedTuple):
    """All settings, typed, and where each came from."""

    cache: CacheSettings
    limits: Limits
    log: LogSettings
    output: OutputSettings
    settings: tuple[Setting, ...]

    def show(self) -> Iterator[Setting]:
        """Yield every setting by name."""
        return iter(self.settings)


class _Given(NamedTuple):
    """A value as somebody wrote it."""

    name: str
    value: Any
    origin: str


def load(
    config_dir: str,
    environ: Mapping[str, str],
    flags: Mapping[str, str] | None = None,
    *,
    system_file: str = SYSTEM_FILE,
) -> Config:
    """Read the settings. `flags` are values by key name, as text.

    Usage for a key or a STRONGROOM_ variable that does not exist, for a value that does not fit and
    for one that is locked to another. Unavailable for a file that is there but cannot be read.
    """
    managed, locked = _split_locked(_from_file(system_file))
    given = [
        *managed,
        *_from_file(os.path.join(config_dir, "config.toml")),
        *_from_environment(environ),
        *(_Given(name, value, "flag") for name, value in (flags or {}).items()),
    ]
    found = {key.name: Setting(key.name, key.default, "default", key.doc) for key in KEYS}
    held = {setting.name: setting for setting in map(_setting, locked)}
    found.update(held)
    for item in given:
        setting = _setting(item)
        lock = held.get(setting.name)
        if lock is None:
            found[setting.name] = setting
        elif lock.value != setting.value:
            raise Usage(
                f"{setting.name} is locked to {_text(lock.value)} by {lock.origin}",
                hint=f"take it out of {setting.origin}",
                reason="locked",
            )
    return _typed(found)


def _typed(found: Mapping[str, Setting]) -> Config:
    sections: dict[str, dict[str, Value]] = {name: {} for name in _SECTIONS}
    for setting in found.values():
        section, _, field = setting.name.partition(".")
        sections[section][field] = setting.value
    made: dict[str, Any] = {name: kind(**sections[name]) for name, kind in _SECTIONS.items()}
    return Config(**made, settings=tuple(found[key.name] for key in KEYS))


def _setting(given: _Given) -> Setting:
    key = _BY_NAME.get(given.name)
    if key is None:
        raise _unknown(f"{given.origin}: there is no setting {given.name}", given.name, _BY_NAME)
    return Setting(key.name, _value(key, given), given.origin, key.doc)


def _value(key: Key, given: _Given) -> Value:
    value = given.value
    from_text = isinstance(value, str)
    if isinstance(key.default, bool):
        if from_text and not given.origin.startswith("file"):
            value = _WORDS.get(value.lower())
        if isinstance(value, bool):
            return value
        expected = "true or false"
    elif isinstance(key.default, int):
        if from_text:
            value = _number(value, with_unit=key.name.endswith("_bytes"))
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
        expected = "a whole number"
        if key.name.endswith("_bytes"):
            expected += " of bytes, or one with KiB, MiB or GiB"
    else:
        if value in key.choices:
            return str(value)
        expected = f"one of {', '.join(key.choices)}"
    raise Usage(f"{given.origin}: {key.name} is {expected}, not {_text(given.value)}")


def _number(text: str, *, with_unit: bool) -> int | None:
    match = re.fullmatch(r"(\d{1,18})\s*([A-Z]*)", text.strip(), re.ASCII | re.IGNORECASE)
    unit = _UNITS.get(match[2].upper()) if match else None
    if match is None or unit is None or (match[2] and not with_unit):
        return None
    return int(match[1]) * unit


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _unknown(message: str, name: str, known: Iterable[str]) -> Usage:
    from difflib import get_close_matches

    near = get_close_matches(name, sorted(known), n=1, cutoff=0.6)
    hint = f"did you mean {near[0]}?" if near else "`strongroom config show` lists the settings"
    return Usage(message, hint=hint, reason="config")


def _from_environment(environ: Mapping[str, str]) -> Iterator[_Given]:
    names = [name for name in environ if name.startswith(PREFIX)]
    if not names:
        return
    by_variable = {key.variable: key.name for key in KEYS}
    for variable in sorted(names):
        if variable in by_variable:
            origin = f"environment {variable}"
            yield _Given(by_variable[variable], environ[variable], origin)
        elif variable not in ENVIRONMENT:
            known = (*by_variable, *ENVIRONMENT)
            raise _unknown(f"the environment sets {variable}, which is unknown", variable, known)


def _from_file(path: str) -> list[_Given]:
    text = _read(path)
    if text is None:
        return []
    import tomllib

    try:
        tables = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as e:
        raise Usage(f"{path} is not TOML: {e}", reason="config") from e
    lines = _lines(text)
    return [
        _Given(name, value, f"file {path}:{lines[name]}" if name in lines else f"file {path}")
        for name, value in _flat(tables, "")
    ]


def _read(path: str) -> str | None:
    try:
        data = read_small(path, FILE_BYTES_MAX)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as e:
        if e.errno == errno.EFBIG:
            raise Usage(f"{path} is larger than {FILE_BYTES_MAX} bytes", reason="config") from e
        raise Unavailable(f"cannot read {path}: {e.strerror}", reason="config") from e
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as e:
        raise Usage(f"{path} is not UTF-8 at byte {e.start}", reason="config") from e


def _flat(table: Mapping[str, Any], above: str) -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, dict) and above.count(".") < TABLES_DEEP_MAX:
            yield from _flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def _lines(text: str) -> dict[str, int]:
    """Return the line, from 1, on which each key stands; TOML written across lines is left out."""
    table, lines = "", {}
    for number, line in enumerate(text.splitlines(), 1):
        if match := re.match(r"\s*\[([^\[\]]+)\]\s*(#|$)", line):
            table = _bare(match[1]) + "."
        elif match := re.match(r"""\s*([\w."' -]+?)\s*=""", line):
            lines[table + _bare(match[1])] = number
    return lines


def _bare(key: str) -> str:
    return re.sub(r"""["'\s]""", "", key)


def _split_locked(given: list[_Given]) -> tuple[list[_Given], list[_Given]]:
    free = [item for item in given if not item.name.startswith("locked.")]
    held = [item._replace(name=item.name[7:]) for item in given if item not in free]
    return free, held
