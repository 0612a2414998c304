"""Interfaces of NetworkManager: connections in key files, nm-settings-keyfile(5). No secret of
them (a passphrase, a PIN) becomes part of a Record.
"""

from collections.abc import Iterator, Sequence

from strongroom.base.record import Record
from strongroom.base.tree import basename
from strongroom.formats.guest.keyfile import Setting, last, parse_keyfile

from ..guest import Guest
from ..records import Interface
from .analysis import Document, document, paths_in, problems

DIRECTORIES = (
    "/etc/NetworkManager/system-connections",
    "/run/NetworkManager/system-connections",
    "/usr/lib/NetworkManager/system-connections",
)

_METHODS = {"auto": "dhcp", "manual": "static"}
_KINDS = {
    "802-3-ethernet": "ethernet",
    "802-11-wireless": "wifi",
    "gsm": "modem",
    "cdma": "modem",
}
_FALSE = frozenset({"false", "no", "off", "0"})


def interfaces(guest: Guest) -> Iterator[Record]:
    """Yield an Interface for each connection; of one file name the first directory's holds."""
    files: dict[str, str] = {}
    for directory in DIRECTORIES:
        for path in paths_in(guest, directory):
            if not basename(path).startswith("."):
                files.setdefault(basename(path), path)
    for _, path in sorted(files.items()):
        source = document(guest, path)
        if source is None:
            continue
        parsed = parse_keyfile(source.text)
        yield from problems(source, "networkmanager", parsed.faults)
        if last(parsed.entries, "connection", "type") is not None:
            yield _interface(source, parsed.entries)


def _interface(source: Document, settings: Sequence[Setting]) -> Interface:
    def value(section: str, key: str) -> str:
        return last(settings, section, key) or ""

    kind = value("connection", "type")
    mac = ""
    for section in ("ethernet", "802-3-ethernet", "wifi", "802-11-wireless"):
        mac = mac or value(section, "cloned-mac-address") or value(section, "mac-address")
    method, method6 = value("ipv4", "method"), value("ipv6", "method")
    return Interface(
        at=source.at,
        name=value("connection", "interface-name") or mac.lower() or value("connection", "id"),
        method=_METHODS.get(method, method) or "dhcp",
        addresses=(*_addresses(settings, "ipv4"), *_addresses(settings, "ipv6")),
        gateway=_gateway(settings, "ipv4") or _gateway(settings, "ipv6"),
        dns=(*_list(value("ipv4", "dns")), *_list(value("ipv6", "dns"))),
        manager="networkmanager",
        method6=_METHODS.get(method6, method6) or None,
        mac=mac.lower() or None,
        kind=_KINDS.get(kind, kind),
        search=(*_list(value("ipv4", "dns-search")), *_list(value("ipv6", "dns-search"))),
        members=tuple(filter(None, (value("vlan", "parent"),))),
        automatic=value("connection", "autoconnect").lower() not in _FALSE,
    )


def _address_values(settings: Sequence[Setting], section: str) -> Iterator[str]:
    """Yield the values of "address", "address1", "addresses2" ...: ADDRESS/PREFIX[,GATEWAY]."""
    for setting in settings:
        stem = setting.key.rstrip("0123456789")
        if setting.section == section and stem in {"address", "addresses"}:
            yield setting.value


def _addresses(settings: Sequence[Setting], section: str) -> tuple[str, ...]:
    values = _address_values(settings, section)
    return tuple(value.partition(",")[0].strip() for value in values if value)


def _gateway(settings: Sequence[Setting], section: str) -> str:
    given = last(settings, section, "gateway")
    if given:
        return given
    for value in _address_values(settings, section):
        gateway = value.partition(",")[2].strip()
        if gateway:
            return gateway
    return ""


def _list(value: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in value.split(";") if word.strip())
