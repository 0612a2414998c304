"""What starts by itself: the services of whichever init system the guest has."""

from collections.abc import Iterator

from strongroom.base.record import Finding, Record

from ..guest import Guest
from ..records import Service
from . import openrc, systemd, sysv
from .analysis import Analysis


def run(guest: Guest) -> Iterator[Record]:
    """Yield every Service: systemd's units, then the scripts of OpenRC or of System V."""
    native: set[str] = set()
    for record in systemd.services(guest):
        if isinstance(record, Service):
            native.update(name.partition(".")[0] for name in (record.name, *record.aliases))
        yield record
    if openrc.present(guest):
        yield from openrc.services(guest)
    else:
        yield from sysv.services(guest, native)


ANALYSIS = Analysis("services", 1, (Service, Finding), run)
