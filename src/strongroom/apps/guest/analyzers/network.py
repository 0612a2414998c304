"""How the guest's network is configured, by whichever of six managers does it."""

from collections.abc import Iterator

from strongroom.base.record import Finding, Record
from strongroom.formats.guest.lines import numbered

from ..guest import Guest
from ..records import Interface, Setting
from . import ifupdown, netplan, networkd, networkmanager, sysconfig
from .analysis import Analysis, document

NAMESERVERS_MAX = 100


def run(guest: Guest) -> Iterator[Record]:
    """Yield an Interface for each one that a manager is told of, then the resolver's Settings."""
    yield from ifupdown.interfaces(guest)
    yield from netplan.interfaces(guest)
    yield from networkmanager.interfaces(guest)
    yield from networkd.interfaces(guest)
    yield from sysconfig.interfaces(guest)
    yield from _resolver(guest)


def _resolver(guest: Guest) -> Iterator[Setting]:
    """Yield what resolv.conf(5) says, where it is a file and not made at run time."""
    source = document(guest, "/etc/resolv.conf")
    if source is None:
        return
    given = 0
    for line, raw in numbered(source.text):
        words = raw.split()
        if len(words) < 2 or words[0] not in {"nameserver", "search", "domain"}:
            continue
        for value in words[1:2] if words[0] == "nameserver" else words[1:]:
            given += 1
            if given > NAMESERVERS_MAX:
                return
            yield Setting(at=source.at, line=line, area="dns", name=words[0], value=value)


ANALYSIS = Analysis("network", 1, (Interface, Setting, Finding), run)
