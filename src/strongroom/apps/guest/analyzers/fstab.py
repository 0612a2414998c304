"""What the guest mounts: fstab(5), and mount units of its administrator, systemd.mount(5)."""

from collections.abc import Iterator, Sequence

from strongroom.base.record import Finding, Record
from strongroom.formats.guest.fstab import parse_fstab
from strongroom.formats.guest.keyfile import Setting, last, parse_unit

from ..guest import Guest
from ..records import Mount
from .analysis import Analysis, Document, document, documents, problems

FSTAB = "/etc/fstab"
UNITS = "/etc/systemd/system"


def run(guest: Guest) -> Iterator[Record]:
    """Yield a Mount for each entry, in file order: later ones may stand on earlier ones."""
    source = document(guest, FSTAB)
    if source is not None:
        parsed = parse_fstab(source.text)
        yield from problems(source, "fstab", parsed.faults)
        for entry in parsed.entries:
            yield Mount(
                at=source.at,
                line=entry.line,
                device=entry.device,
                point=entry.point,
                fs_type=entry.fs_type,
                options=entry.options,
                fsck_pass=entry.fsck_pass,
                dump=entry.dump,
            )
    for unit in documents(guest, UNITS, suffix=".mount"):
        settings = parse_unit(unit.text).entries
        if last(settings, "Mount", "Where"):
            yield _mount_unit(unit, settings)


def _mount_unit(unit: Document, settings: Sequence[Setting]) -> Mount:
    def value(key: str) -> str:
        return last(settings, "Mount", key) or ""

    options = value("Options") or "defaults"
    return Mount(
        at=unit.at,
        device=value("What"),
        point=value("Where"),
        fs_type=value("Type") or "auto",
        options=tuple(filter(None, options.split(","))),
        manager="systemd",
    )


ANALYSIS = Analysis("fstab", 1, (Mount, Finding), run)
