import pytest

from strongroom.formats.guest.address import prefix_length, with_prefix

MASKS = {
    "24": 24,
    "255.255.255.0": 24,
    "0.0.0.0": 0,  # noqa: S104  a netmask
    "255.255.255.255": 32,
    "255.0.255.0": None,
    "256.0.0.0": None,
    "255.255": None,
    "255.255.255.0.0": None,
    "200": None,
    "": None,
    "x": None,
}


@pytest.mark.parametrize("mask", MASKS)
def test_a_netmask_means_a_prefix_length(mask: str):
    assert prefix_length(mask) == MASKS[mask]


def test_an_address_keeps_the_prefix_it_has():
    assert with_prefix("192.0.2.1", "255.255.255.0") == "192.0.2.1/24"
    assert with_prefix("192.0.2.1/16", "24") == "192.0.2.1/16"
    assert with_prefix(" 192.0.2.1 ", "") == "192.0.2.1"
