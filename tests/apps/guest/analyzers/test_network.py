from strongroom.apps.guest.analyzers import network
from strongroom.apps.guest.records import Interface, Setting
from strongroom.testing.images.guests import GUESTS, in_memory, text

EXPECTED = {
    "debian": [("ifupdown", "lo", "loopback"), ("ifupdown", "ens3", "static")],
    "alpine": [("ifupdown", "lo", "loopback"), ("ifupdown", "eth0", "dhcp")],
    "fedora": [("networkmanager", "ens3", "static")],
    "arch": [("networkd", "en*", "dhcp")],
}


def test_each_distributions_own_manager_is_read():
    for name, recipe in GUESTS.items():
        found = [r for r in network.run(in_memory(recipe())) if isinstance(r, Interface)]
        assert [(i.manager, i.name, i.method) for i in found] == EXPECTED[name]


def test_name_servers_are_settings():
    lines = "search a.example b.example\nnameserver 192.0.2.53 # x\noptions rotate\nnameserver\n"
    found = list(network.run(in_memory({"/etc/resolv.conf": text(lines)})))

    assert [(s.line, s.name, s.value) for s in found if isinstance(s, Setting)] == [
        (1, "search", "a.example"),
        (1, "search", "b.example"),
        (2, "nameserver", "192.0.2.53"),
    ]


def test_settings_of_the_resolver_are_bounded():
    guest = in_memory({"/etc/resolv.conf": text("nameserver ::1\n" * 1000)})

    assert len(list(network.run(guest))) == network.NAMESERVERS_MAX
