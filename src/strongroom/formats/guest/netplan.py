"""Networks as netplan knows them: netplan(5), a YAML file below the key "network"."""

from typing import NamedTuple

from .lines import Faults, Parsed, quote
from .yaml import Node

KINDS = {
    "ethernets": "ethernet",
    "wifis": "wifi",
    "modems": "modem",
    "bonds": "bond",
    "bridges": "bridge",
    "vlans": "vlan",
    "vrfs": "vrf",
    "tunnels": "tunnel",
    "dummy-devices": "dummy",
    "virtual-ethernets": "veth",
}
"""The sections of "network" and the kind of device each defines."""

_TRUE = frozenset({"true", "on", "yes", "y", "1"})


class NetplanDevice(NamedTuple):
    """One device definition. `name` is set-name where given, else the definition's id."""

    line: int
    id: str
    name: str
    kind: str
    renderer: str
    dhcp4: bool
    dhcp6: bool
    addresses: tuple[str, ...]
    gateway: str
    dns: tuple[str, ...]
    search: tuple[str, ...]
    mac: str
    members: tuple[str, ...]


def devices(document: Node) -> Parsed[NetplanDevice]:
    """Return the devices of a document that `yaml.parse_yaml` read."""
    faults = Faults()
    network = document.get("network")
    if not isinstance(network.value, dict):
        if document.value is not None:
            faults.add(document.line, 'the document has no mapping "network"')
        return Parsed((), faults.kept())
    found: list[NetplanDevice] = []
    renderer = network.get("renderer").text()
    for section, node in network.items():
        kind = KINDS.get(section)
        if kind is None:
            if section not in {"version", "renderer", "openvswitch", "nm-devices"}:
                faults.add(node.line, f"{quote(section)} is no section of a netplan file")
            continue
        inherited = node.get("renderer").text() or renderer
        for name, body in node.items():
            if name != "renderer":
                found.append(_device(name, body, kind, inherited))
    return Parsed(tuple(found), faults.kept())


def _device(name: str, body: Node, kind: str, renderer: str) -> NetplanDevice:
    nameservers = body.get("nameservers")
    match = body.get("match")
    return NetplanDevice(
        line=body.line,
        id=name,
        name=body.get("set-name").text() or match.get("name").text() or name,
        kind=kind,
        renderer=body.get("renderer").text() or renderer or "networkd",
        dhcp4=body.get("dhcp4").text().lower() in _TRUE,
        dhcp6=body.get("dhcp6").text().lower() in _TRUE,
        addresses=_addresses(body.get("addresses")),
        gateway=_gateway(body),
        dns=_texts(nameservers.get("addresses")),
        search=_texts(nameservers.get("search")),
        mac=(body.get("macaddress").text() or match.get("macaddress").text()).lower(),
        members=_texts(body.get("interfaces")) or _texts(body.get("link")),
    )


def _texts(node: Node) -> tuple[str, ...]:
    """Return the scalars of a sequence, or the one scalar that stands for it."""
    if isinstance(node.value, str):
        return (node.value,)
    return tuple(item.value for item in node.each() if isinstance(item.value, str))


def _addresses(node: Node) -> tuple[str, ...]:
    """Return addresses with prefix lengths; one with options is a mapping from it to them."""
    found: list[str] = []
    for item in node.each():
        if isinstance(item.value, str):
            found.append(item.value)
        else:
            found += [key for key, _ in item.items()]
    return tuple(found)


def _gateway(body: Node) -> str:
    for route in body.get("routes").each():
        if route.get("to").text() in {"default", "0.0.0.0/0", "::/0"}:
            return route.get("via").text()
    return body.get("gateway4").text() or body.get("gateway6").text()
