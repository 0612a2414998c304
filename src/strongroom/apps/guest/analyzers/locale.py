"""What time zone, language and keyboard the guest has: localtime(5), locale.conf(5)."""

from collections.abc import Iterator, Mapping

from strongroom.base.record import Finding, Record
from strongroom.formats.guest.assignments import as_mapping, parse_assignments
from strongroom.formats.guest.tzfile import footer

from ..guest import Guest
from ..records import Setting
from .analysis import Analysis, Document, document

LOCALTIME = "/etc/localtime"
ZONES = "/zoneinfo/"

_LOCALE_FILES = (
    "/etc/locale.conf",
    "/etc/default/locale",
    "/etc/sysconfig/i18n",
    "/etc/sysconfig/language",
    "/etc/profile.d/00locale.sh",
    "/etc/profile.d/locale.sh",
)
_KEYBOARD_FILES = ("/etc/vconsole.conf", "/etc/default/keyboard", "/etc/sysconfig/keyboard")
_KEYBOARD_KEYS = {"KEYMAP": "keymap", "XKBLAYOUT": "keymap", "KEYTABLE": "keymap"}


def run(guest: Guest) -> Iterator[Record]:
    """Yield Settings of the areas "time" and "locale"."""
    yield from _time_zone(guest)
    yield from _hardware_clock(guest)
    for path in _LOCALE_FILES:
        source = document(guest, path)
        values = _values(source)
        lang = values.get("LANG") or values.get("RC_LANG")
        if source is not None and lang:
            yield Setting(at=source.at, area="locale", name="lang", value=lang)
            for key, value in values.items():
                if key.startswith("LC_") and value and value != lang:
                    yield Setting(at=source.at, area="locale", name=key.lower(), value=value)
            break
    yield from _keymap(guest)


def _values(source: Document | None) -> Mapping[str, str]:
    return {} if source is None else as_mapping(parse_assignments(source.text))


def _keymap(guest: Guest) -> Iterator[Setting]:
    for path in _KEYBOARD_FILES:
        source = document(guest, path)
        values = _values(source)
        for key, name in _KEYBOARD_KEYS.items():
            if source is not None and values.get(key):
                yield Setting(at=source.at, area="locale", name=name, value=values[key])
                return


def _time_zone(guest: Guest) -> Iterator[Setting]:
    """Yield the zone that /etc/localtime links to, else what /etc/timezone or its rule says."""
    target = guest.readlink(LOCALTIME)
    if target is not None and ZONES in target:
        zone = target.partition(ZONES)[2]
        for prefix in ("posix/", "right/"):
            zone = zone.removeprefix(prefix)
        yield Setting(at=guest.locate(LOCALTIME), area="time", name="timezone", value=zone)
        return
    source = document(guest, "/etc/timezone")
    if source is not None and source.text.strip():
        zone = source.text.strip().splitlines()[0]
        yield Setting(at=source.at, line=1, area="time", name="timezone", value=zone)
        return
    rule = footer(guest.read_bytes(LOCALTIME) or b"")
    if rule is not None:
        yield Setting(at=guest.locate(LOCALTIME), area="time", name="timezone", value=rule)
        return
    source = document(guest, "/etc/TZ")
    if source is not None and source.text.strip():
        zone = source.text.strip().splitlines()[0]
        yield Setting(at=source.at, line=1, area="time", name="timezone", value=zone)


def _hardware_clock(guest: Guest) -> Iterator[Setting]:
    """Yield whether the hardware clock keeps UTC or local time: the third line of hwclock(8)."""
    source = document(guest, "/etc/adjtime")
    lines = source.text.splitlines() if source is not None else []
    if source is not None and len(lines) > 2 and lines[2].strip() in {"UTC", "LOCAL"}:
        value = lines[2].strip()
        yield Setting(at=source.at, line=3, area="time", name="hardware-clock", value=value)


ANALYSIS = Analysis("locale", 1, (Setting, Finding), run)
