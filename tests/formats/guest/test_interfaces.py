from strongroom.formats.guest.interfaces import Automatic, Source, Stanza, parse_interfaces

TEXT = """\
# The loopback
auto lo eth0
iface lo inet loopback

allow-hotplug eth1
iface eth0 inet static
    address 192.0.2.7/24
    gateway 192.0.2.1
    up ip route add \\
       198.51.100.0/24 via 192.0.2.9
iface eth1 inet6 auto
mapping eth0
\tscript /usr/local/sbin/map
source /etc/network/interfaces.d/*
source-directory more
no-auto-down eth0
iface
iface eth2 inherits eth0
"""


def test_stanzas_automatic_names_and_sources_come_in_order():
    parsed = parse_interfaces(TEXT)

    assert parsed.entries == (
        Automatic(2, ("lo", "eth0")),
        Stanza(3, "lo", "inet", "loopback", ()),
        Automatic(5, ("eth1",)),
        Stanza(
            6,
            "eth0",
            "inet",
            "static",
            (
                ("address", "192.0.2.7/24"),
                ("gateway", "192.0.2.1"),
                ("up", "ip route add         198.51.100.0/24 via 192.0.2.9"),
            ),
        ),
        Stanza(11, "eth1", "inet6", "auto", ()),
        Source(14, "/etc/network/interfaces.d/*", directory=False),
        Source(15, "more", directory=True),
        Stanza(18, "eth2", "inherits", "eth0", ()),
    )
    assert [f.line for f in parsed.faults] == [17]


def test_an_option_is_found_by_any_of_its_names():
    (stanza,) = parse_interfaces("iface a inet static\n bridge-ports x y\n").entries

    assert isinstance(stanza, Stanza)
    assert stanza.option("bridge_ports", "bridge-ports") == "x y"
    assert stanza.option("mtu") is None


def test_an_option_before_any_stanza_is_a_fault_without_its_value():
    parsed = parse_interfaces("wpa-psk hunter2\n")

    assert [f.line for f in parsed.faults] == [1]
    assert "hunter2" not in parsed.faults[0].message
