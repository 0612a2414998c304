"""Interfaces of the network scripts of Red Hat and of SUSE's wicked (ifcfg-*), and of dhcpcd."""

from collections.abc import Iterator, Mapping

from strongroom.base.record import Record
from strongroom.base.tree import basename
from strongroom.formats.guest.address import with_prefix
from strongroom.formats.guest.assignments import as_mapping, parse_assignments
from strongroom.formats.guest.lines import numbered

from ..guest import Guest
from ..records import Interface
from .analysis import Document, document, documents, problems

DIRECTORIES = ("/etc/sysconfig/network-scripts", "/etc/sysconfig/network")
DHCPCD = "/etc/dhcpcd.conf"
NUMBERED_MAX = 16
"""IPADDR, IPADDR0, IPADDR1 ... as far as they are looked for."""

_METHODS = {"dhcp4": "dhcp", "dhcp6": "dhcp", "bootp": "dhcp", "none": "static", "": "static"}
_BACKUPS = ("~", ".bak", ".orig", ".rpmnew", ".rpmsave", ".rpmorig")


def interfaces(guest: Guest) -> Iterator[Record]:
    """Yield an Interface for each ifcfg file, and for each that dhcpcd gives a static address."""
    for directory in DIRECTORIES:
        for source in documents(guest, directory):
            name = basename(source.path)
            if name.startswith("ifcfg-") and not name.endswith(_BACKUPS):
                parsed = parse_assignments(source.text)
                yield from problems(source, "ifcfg", parsed.faults)
                yield _interface(source, as_mapping(parsed), name.removeprefix("ifcfg-"))
    source_or_none = document(guest, DHCPCD)
    if source_or_none is not None:
        yield from _dhcpcd(source_or_none)


def _interface(source: Document, values: Mapping[str, str], suffix: str) -> Interface:
    get = values.get
    method = get("BOOTPROTO", "").strip().lower()
    addresses = _addresses(values)
    six = (get("IPV6ADDR", ""), *get("IPV6ADDR_SECONDARIES", "").split())
    mac = get("MACADDR") or get("HWADDR") or get("LLADDR") or ""
    method = _METHODS.get(method, method)
    name = get("DEVICE") or suffix
    if name == "lo":
        method = "loopback"
    start = get("ONBOOT") or get("STARTMODE") or "yes"
    members = (get("BRIDGE_PORTS", ""), get("PHYSDEV", ""), get("ETHERDEVICE", ""))
    return Interface(
        at=source.at,
        name=name,
        method=method if addresses or method != "static" else "manual",
        addresses=(*addresses, *filter(None, six)),
        gateway=get("GATEWAY") or get("GATEWAY0") or get("IPV6_DEFAULTGW") or "",
        dns=tuple(filter(None, (get(f"DNS{n}", "") for n in range(1, NUMBERED_MAX)))),
        manager="ifcfg",
        method6="dhcp" if get("DHCPV6C", "no").lower() == "yes" else None,
        mac=mac.lower() or None,
        kind="loopback" if name == "lo" else get("TYPE", "").lower() or None,
        search=tuple(get("DOMAIN", "").split()),
        members=tuple(word for value in members for word in value.split()),
        automatic=start.lower() in {"yes", "auto", "boot", "hotplug", "nfsroot", "true", "1"},
    )


def _addresses(values: Mapping[str, str]) -> tuple[str, ...]:
    found = []
    for suffix in ("", *map(str, range(NUMBERED_MAX)), *(f"_{n}" for n in range(NUMBERED_MAX))):
        address = values.get(f"IPADDR{suffix}", "")
        if address:
            mask = values.get(f"PREFIX{suffix}") or values.get(f"NETMASK{suffix}") or ""
            mask = mask or values.get(f"PREFIXLEN{suffix}", "")
            found.append(with_prefix(address, mask))
    return tuple(found)


def _dhcpcd(source: Document) -> Iterator[Interface]:
    """Yield the interfaces of dhcpcd.conf(5) that have a static address."""
    name, line, static = "", 0, dict[str, str]()
    for at, raw in [*numbered(source.text), (0, "interface -")]:
        words = raw.split(None, 1)
        if len(words) < 2 or words[0].startswith("#"):
            continue
        if words[0] == "interface":
            if name and "ip_address" in static:
                yield Interface(
                    at=source.at,
                    line=line,
                    name=name,
                    method="static",
                    addresses=(static["ip_address"],),
                    gateway=static.get("routers", ""),
                    dns=tuple(static.get("domain_name_servers", "").split()),
                    manager="dhcpcd",
                    search=tuple(static.get("domain_name", "").split()),
                )
            name, line, static = words[1].strip(), at, {}
        elif words[0] == "static" and name:
            key, equals, value = words[1].partition("=")
            if equals:
                static[key.strip()] = value.strip()
