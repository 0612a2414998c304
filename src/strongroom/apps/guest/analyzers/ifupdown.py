"""Interfaces of ifupdown and of BusyBox, which reads the same file: interfaces(5)."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from strongroom.base.record import Record
from strongroom.base.tree import basename, join, parent
from strongroom.formats.guest.address import with_prefix
from strongroom.formats.guest.interfaces import Automatic, Source, Stanza, parse_interfaces

from ..guest import Guest
from ..records import Interface
from .analysis import Document, document, paths_in, problems

INTERFACES = "/etc/network/interfaces"
INCLUDES_MAX = 1000
"""Files that are read, and places that name further ones."""

_DIRECTORY_NAME = re.compile(r"[a-zA-Z0-9_-]+")


class _Placed(NamedTuple):
    source: Document
    stanza: Stanza


def interfaces(guest: Guest) -> Iterator[Record]:
    """Yield an Interface for each name, its IPv4 and IPv6 stanzas taken together."""
    stanzas: defaultdict[str, list[_Placed]] = defaultdict(list)
    automatic: set[str] = set()
    todo, seen, places = [INTERFACES], set[str](), 0
    while todo and len(seen) < INCLUDES_MAX:
        source = document(guest, todo.pop())
        if source is None or source.path in seen:
            continue
        seen.add(source.path)
        parsed = parse_interfaces(source.text)
        yield from problems(source, "interfaces", parsed.faults)
        included: list[str] = []
        for entry in parsed.entries:
            if isinstance(entry, Automatic):
                automatic.update(entry.names)
            elif isinstance(entry, Source):
                places += 1
                if places <= INCLUDES_MAX:
                    included += _included(guest, entry, source.path)
            else:
                stanzas[entry.name].append(_Placed(source, entry))
        todo += reversed(included)
    for name, placed in stanzas.items():
        yield _interface(name, placed, automatic=name in automatic)


def _included(guest: Guest, entry: Source, path: str) -> list[str]:
    pattern = entry.pattern
    if not pattern.startswith("/"):
        pattern = join(parent(path), pattern)
    if entry.directory:
        return [p for p in paths_in(guest, pattern) if _DIRECTORY_NAME.fullmatch(basename(p))]
    if not any(character in pattern for character in "*?["):
        stat = guest.stat(pattern)
        return paths_in(guest, pattern) if stat is not None and stat.kind == "dir" else [pattern]
    return [p for p in paths_in(guest, parent(pattern)) if fnmatchcase(p, pattern)]


def _interface(name: str, placed: Sequence[_Placed], *, automatic: bool) -> Interface:
    four = [p.stanza for p in placed if p.stanza.family != "inet6"]
    six = [p.stanza for p in placed if p.stanza.family == "inet6"]
    stanzas = [*four, *six]
    first = placed[0]
    kind, members = _kind(name, stanzas)
    return Interface(
        at=first.source.at,
        line=first.stanza.line,
        name=name,
        method=stanzas[0].method,
        addresses=tuple(address for stanza in stanzas for address in _addresses(stanza)),
        gateway=_option(stanzas, "gateway"),
        dns=tuple(_option(stanzas, "dns-nameservers", "dns-nameserver").split()),
        manager="ifupdown",
        method6=six[0].method if six else None,
        mac=_option(stanzas, "hwaddress").removeprefix("ether").strip().lower() or None,
        kind=kind,
        search=tuple(_option(stanzas, "dns-search", "dns-domain").split()),
        members=members,
        automatic=automatic,
    )


def _option(stanzas: Sequence[Stanza], *names: str) -> str:
    for stanza in stanzas:
        value = stanza.option(*names)
        if value:
            return value
    return ""


def _addresses(stanza: Stanza) -> list[str]:
    netmask = stanza.option("netmask") or ""
    return [with_prefix(value, netmask) for name, value in stanza.options if name == "address"]


def _kind(name: str, stanzas: Sequence[Stanza]) -> tuple[str | None, tuple[str, ...]]:
    if stanzas[0].method == "loopback":
        return "loopback", ()
    for kind, options in (
        ("bridge", ("bridge_ports", "bridge-ports")),
        ("bond", ("bond-slaves", "slaves")),
        ("vlan", ("vlan-raw-device", "vlan_raw_device")),
    ):
        value = _option(stanzas, *options)
        if value:
            return kind, tuple(word for word in value.split() if word != "none")
    if _option(stanzas, "wpa-ssid", "wpa-conf", "wireless-essid"):
        return "wifi", ()
    return ("vlan", (name.partition(".")[0],)) if "." in name else (None, ())
