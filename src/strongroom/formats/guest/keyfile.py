"""Sections of `key=value`: systemd.syntax(7), and GLib key files as NetworkManager keeps them.

No fault repeats a line, which may be a passphrase.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from .lines import Faults, Parsed, numbered


class Setting(NamedTuple):
    """One `key=value` inside a section, as written."""

    line: int
    section: str
    key: str
    value: str


def parse_unit(text: str) -> Parsed[Setting]:
    """Return the settings of a systemd unit or configuration file in file order.

    A line that ends in a backslash goes on in the next, comment lines in between left out; "#" and
    ";" begin a comment only at the start of a line (systemd.syntax(7)).
    """
    return _parse(_unit_lines(text))


def parse_keyfile(text: str) -> Parsed[Setting]:
    """Return the settings of a GLib key file in file order: no continuation, "#" comments."""
    return _parse(numbered(text))


def _unit_lines(text: str) -> Iterator[tuple[int, str]]:
    parts: list[str] = []
    first = 0
    for at, line in numbered(text):
        if line.lstrip().startswith(("#", ";")):
            continue
        first = first or at
        if line.endswith("\\"):
            parts.append(line[:-1])
            continue
        yield first, " ".join([*parts, line]) if parts else line
        parts, first = [], 0
    if parts:
        yield first, " ".join(parts)


def _parse(lines: Iterable[tuple[int, str]]) -> Parsed[Setting]:
    settings: list[Setting] = []
    faults = Faults()
    section = ""
    for at, raw in lines:
        line = raw.strip()
        if not line or line.startswith(("#", ";")):
            continue
        if line.startswith("["):
            if line.endswith("]"):
                section = line[1:-1]
            else:
                faults.add(at, "the name of a section does not end")
            continue
        key, equals, value = line.partition("=")
        if not equals or not section:
            faults.add(at, "a line is no setting of a section")
            continue
        settings.append(Setting(at, section, key.rstrip(), value.lstrip()))
    return Parsed(tuple(settings), faults.kept())


def last(settings: Iterable[Setting], section: str, key: str) -> str | None:
    """Return the value that holds for a setting that is given once: the last; None without any."""
    found = None
    for setting in settings:
        if setting.key == key and setting.section == section:
            found = setting.value
    return found


def every(settings: Iterable[Setting], section: str, key: str) -> tuple[str, ...]:
    """Return the values of a setting that adds up; an empty one forgets those before it."""
    found: list[str] = []
    for setting in settings:
        if setting.key == key and setting.section == section:
            if setting.value:
                found.append(setting.value)
            else:
                found.clear()
    return tuple(found)
