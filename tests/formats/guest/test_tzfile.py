import pytest

from strongroom.formats.guest.tzfile import footer

ZONES = {
    b"TZif2" + b"\0" * 40 + b"\nCET-1CEST,M3.5.0,M10.5.0/3\n": "CET-1CEST,M3.5.0,M10.5.0/3",
    b"TZif2" + b"\0" * 40 + b"\nUTC0\n": "UTC0",
    b"TZif2" + b"\0" * 40 + b"\n\n": None,
    b"TZif2\0UTC0\n": None,
    b"TZif\0" + b"\0" * 40: None,
    b"TZif2\n\xff\n": None,
    b"other": None,
}


@pytest.mark.parametrize("content", ZONES)
def test_a_compiled_zone_ends_in_its_rule(content: bytes):
    assert footer(content) == ZONES[content]
