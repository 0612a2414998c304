"""Interfaces of netplan: the YAML files of /lib, /etc and /run, joined as netplan(5) says."""

from collections.abc import Iterator

from strongroom.base.record import Record
from strongroom.base.tree import basename
from strongroom.formats.guest.lines import Fault
from strongroom.formats.guest.netplan import NetplanDevice, devices
from strongroom.formats.guest.yaml import Node, merged, parse_yaml

from ..guest import Guest
from ..records import Interface
from .analysis import Document, document, paths_in, problem, problems

DIRECTORIES = ("/lib/netplan", "/etc/netplan", "/run/netplan")
"""A file hides those of the same name in directories before its own."""


def interfaces(guest: Guest) -> Iterator[Record]:
    """Yield an Interface for each device, at the first file that defines it."""
    files: dict[str, str] = {}
    for directory in DIRECTORIES:
        files |= {basename(path): path for path in paths_in(guest, directory, suffix=".yaml")}
    document_root = Node(1, None)
    places: dict[str, tuple[Document, int]] = {}
    for _, path in sorted(files.items()):
        source = document(guest, path)
        if source is None:
            continue
        root = parse_yaml(source.text)
        if isinstance(root, Fault):
            yield problem(source.at, "netplan.yaml", root)
            continue
        found = devices(root)
        yield from problems(source, "netplan", found.faults)
        for device in found.entries:
            places.setdefault(device.id, (source, device.line))
        document_root = merged(document_root, root)
    for device in devices(document_root).entries:
        yield _interface(device, *places[device.id])


def _interface(device: NetplanDevice, source: Document, line: int) -> Interface:
    method = "static" if device.addresses else "manual"
    return Interface(
        at=source.at,
        line=line,
        name=device.name,
        method="dhcp" if device.dhcp4 or device.dhcp6 else method,
        addresses=device.addresses,
        gateway=device.gateway,
        dns=device.dns,
        manager="netplan",
        method6="dhcp" if device.dhcp6 else None,
        mac=device.mac or None,
        kind=device.kind,
        search=device.search,
        members=device.members,
    )
