import pytest

from strongroom.apps.guest.analyzers import locale
from strongroom.apps.guest.records import Setting
from strongroom.base.tree import Node
from strongroom.testing.images.guests import GUESTS, in_memory, link, text

EXPECTED = {
    "debian": [
        ("timezone", "Europe/Berlin"),
        ("hardware-clock", "UTC"),
        ("lang", "de_DE.UTF-8"),
        ("lc_time", "C.UTF-8"),
        ("keymap", "de"),
    ],
    "alpine": [("timezone", "CET-1CEST,M3.5.0,M10.5.0/3"), ("lang", "C.UTF-8")],
    "fedora": [("timezone", "America/New_York"), ("lang", "en_US.UTF-8"), ("keymap", "us")],
    "arch": [],
}


def _settings(nodes: dict[str, Node]) -> list[tuple[str, str]]:
    return [(r.name, r.value) for r in locale.run(in_memory(nodes)) if isinstance(r, Setting)]


@pytest.mark.parametrize("name", GUESTS)
def test_zone_language_and_keyboard_are_told(name: str):
    assert _settings(GUESTS[name]()) == EXPECTED[name]


ZONES: dict[str, dict[str, Node]] = {
    "Asia/Tokyo": {"/etc/localtime": link("/usr/share/zoneinfo/posix/Asia/Tokyo")},
    "Etc/UTC": {"/etc/localtime": link("/etc/other"), "/etc/timezone": text("Etc/UTC\n")},
    "EST5EDT": {"/etc/TZ": text("EST5EDT\n")},
}


@pytest.mark.parametrize("zone", ZONES)
def test_a_time_zone_is_found_wherever_it_is_kept(zone: str):
    assert _settings(ZONES[zone]) == [("timezone", zone)]


def test_a_hardware_clock_in_local_time_is_told():
    assert _settings({"/etc/adjtime": text("0 0 0\n0\nLOCAL\n")}) == [("hardware-clock", "LOCAL")]
    assert _settings({"/etc/adjtime": text("0 0 0\n0\nodd\n")}) == []


def test_a_language_of_suse_is_told():
    assert _settings({"/etc/sysconfig/language": text('RC_LANG="de_DE.UTF-8"\n')}) == [
        ("lang", "de_DE.UTF-8")
    ]
