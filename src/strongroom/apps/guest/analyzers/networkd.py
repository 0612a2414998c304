"""Interfaces of systemd-networkd: systemd.network(5), systemd.netdev(5).

What came with systemd itself (in /usr/lib) is for containers and left out.
"""

from collections.abc import Iterator, Sequence

from strongroom.base.record import Record
from strongroom.base.tree import basename
from strongroom.formats.guest.keyfile import Setting, every, last, parse_unit

from ..guest import Guest
from ..records import Interface
from .analysis import Document, documents, paths_in, problems

DIRECTORIES = ("/etc/systemd/network", "/run/systemd/network", "/usr/local/lib/systemd/network")

_DHCP = frozenset({"yes", "true", "1", "on", "both", "ipv4", "v4"})
_DHCP6 = frozenset({"yes", "true", "1", "on", "both", "ipv6", "v6"})


def interfaces(guest: Guest) -> Iterator[Record]:
    """Yield an Interface for each .network file."""
    kinds: dict[str, str] = {}
    for directory in DIRECTORIES:
        for source in documents(guest, directory, suffix=".netdev"):
            parsed = parse_unit(source.text)
            yield from problems(source, "networkd", parsed.faults)
            name = last(parsed.entries, "NetDev", "Name")
            if name:
                kinds.setdefault(name, last(parsed.entries, "NetDev", "Kind") or "")
    seen: set[str] = set()
    for directory in DIRECTORIES:
        for source in documents(guest, directory, suffix=".network"):
            name = basename(source.path)
            if name in seen or source.path == "/dev/null":
                continue
            seen.add(name)
            parsed = parse_unit(source.text)
            yield from problems(source, "networkd", parsed.faults)
            settings = list(parsed.entries)
            for path in paths_in(guest, f"{directory}/{name}.d", suffix=".conf"):
                extra = parse_unit(guest.read_text(path) or "")
                settings += extra.entries
            yield _interface(source, settings, kinds)


def _interface(source: Document, settings: Sequence[Setting], kinds: dict[str, str]) -> Interface:
    def value(section: str, key: str) -> str:
        return last(settings, section, key) or ""

    mac = value("Match", "MACAddress") or value("Match", "PermanentMACAddress")
    name = value("Match", "Name") or value("Match", "OriginalName") or mac.lower()
    dhcp = value("Network", "DHCP").lower()
    addresses = (*every(settings, "Network", "Address"), *every(settings, "Address", "Address"))
    gateways = (*every(settings, "Network", "Gateway"), *every(settings, "Route", "Gateway"))
    method = "static" if addresses else "manual"
    return Interface(
        at=source.at,
        name=name or value("Match", "Type") or basename(source.path),
        method="dhcp" if dhcp in _DHCP else method,
        addresses=addresses,
        gateway=_preferred(gateways),
        dns=_words(every(settings, "Network", "DNS")),
        manager="networkd",
        method6="dhcp" if dhcp in _DHCP6 else None,
        mac=(value("Link", "MACAddress") or mac).lower() or None,
        kind=kinds.get(name) or value("Match", "Type") or None,
        search=_words(every(settings, "Network", "Domains")),
        members=_words(every(settings, "Network", "VLAN")),
    )


def _preferred(gateways: Sequence[str]) -> str:
    """Return an IPv4 gateway where there is one; words such as "_dhcp4" are no address."""
    known = [gateway for gateway in gateways if not gateway.startswith("_")]
    return next((gateway for gateway in known if ":" not in gateway), known[0] if known else "")


def _words(values: Sequence[str]) -> tuple[str, ...]:
    return tuple(word for value in values for word in value.split())
