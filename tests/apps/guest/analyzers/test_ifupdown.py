from strongroom.apps.guest.analyzers import ifupdown
from strongroom.apps.guest.records import Interface
from strongroom.base.record import Finding
from strongroom.base.tree import Node
from strongroom.testing.images.guests import in_memory, text

NODES: dict[str, Node] = {
    "/etc/network/interfaces": text(
        "auto lo br0\n"
        "iface lo inet loopback\n"
        "iface br0 inet static\n"
        "  address 192.0.2.1\n"
        "  netmask 255.255.255.0\n"
        "  bridge_ports ens3 ens4\n"
        "  hwaddress ether 52:54:00:AA:BB:CC\n"
        "  dns-nameservers 192.0.2.53 192.0.2.54\n"
        "  dns-search example.org\n"
        "iface br0 inet6 auto\n"
        "iface ens3.7 inet dhcp\n"
        "iface v7 inet dhcp\n"
        "  vlan-raw-device ens3\n"
        "iface bond0 inet dhcp\n"
        "  bond-slaves none ens5\n"
        "iface wlan0 inet dhcp\n"
        "  wpa-ssid home\n"
        "  wpa-psk hunter2\n"
        "iface six inet6 static\n"
        "  address 2001:db8::1/64\n"
        "  gateway fe80::1\n"
        "source /etc/network/more/*.cfg\n"
        "source /etc/network/one\n"
        "source /etc/network/dir\n"
        "source /etc/network/interfaces\n"
        "source-directory interfaces.d\n"
        "stray\n"
        "iface\n"
    ),
    "/etc/network/more/a.cfg": text("iface a inet dhcp\n"),
    "/etc/network/more/b": text("iface no inet dhcp\n"),
    "/etc/network/one": text("iface b inet dhcp\n"),
    "/etc/network/dir/x": text("iface c inet manual\n"),
    "/etc/network/interfaces.d/good": text("broken\niface d inet ppp\n"),
    "/etc/network/interfaces.d/bad.bak": text("iface no inet dhcp\n"),
}


def _interfaces() -> dict[str, Interface]:
    records = ifupdown.interfaces(in_memory(NODES))
    return {r.name: r for r in records if isinstance(r, Interface)}


def test_stanzas_of_one_name_are_one_interface():
    bridge = _interfaces()["br0"]

    assert (bridge.line, bridge.method, bridge.method6, bridge.automatic) == (
        3,
        "static",
        "auto",
        True,
    )
    assert (bridge.addresses, bridge.mac) == (("192.0.2.1/24",), "52:54:00:aa:bb:cc")
    assert (bridge.dns, bridge.search) == (("192.0.2.53", "192.0.2.54"), ("example.org",))
    assert (bridge.kind, bridge.members) == ("bridge", ("ens3", "ens4"))


def test_kinds_come_from_options_and_names():
    found = _interfaces()

    assert {name: (i.kind, i.members) for name, i in found.items() if i.kind} == {
        "lo": ("loopback", ()),
        "br0": ("bridge", ("ens3", "ens4")),
        "ens3.7": ("vlan", ("ens3",)),
        "v7": ("vlan", ("ens3",)),
        "bond0": ("bond", ("ens5",)),
        "wlan0": ("wifi", ()),
    }


def test_an_interface_of_ipv6_alone_has_its_method():
    six = _interfaces()["six"]

    assert (six.method, six.method6, six.gateway) == ("static", "static", "fe80::1")
    assert (six.addresses, six.automatic) == (("2001:db8::1/64",), False)


def test_sources_are_followed_by_pattern_file_and_directory():
    assert {name for name in _interfaces() if len(name) == 1} == {"a", "b", "c", "d"}


def test_faults_are_findings_and_no_secret_is_repeated():
    records = list(ifupdown.interfaces(in_memory(NODES)))

    assert [(r.at.path, r.line) for r in records if isinstance(r, Finding)] == [
        ("/etc/network/interfaces", 27),
        ("/etc/network/interfaces", 28),
        ("/etc/network/interfaces.d/good", 1),
    ]
    assert "hunter2" not in repr(records)
