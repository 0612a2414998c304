from strongroom.apps.guest.analyzers import networkd
from strongroom.apps.guest.records import Interface
from strongroom.base.record import Finding
from strongroom.testing.images.guests import in_memory, text

ETC = "/etc/systemd/network"
NODES = {
    f"{ETC}/10-static.network": text(
        "[Match]\nName=ens3\n[Link]\nMACAddress=52:54:00:AA:BB:CC\n"
        "[Network]\nAddress=192.0.2.6/24\nGateway=_dhcp4\nDNS=192.0.2.53 192.0.2.54\n"
        "Domains=example.org\nVLAN=v7\n[Address]\nAddress=2001:db8::6/64\n"
        "[Route]\nGateway=fe80::1\n[Route]\nGateway=192.0.2.1\n"
    ),
    f"{ETC}/10-static.network.d/dns.conf": text("[Network]\nDNS=\nDNS=192.0.2.99\n"),
    f"{ETC}/20-dhcp.network": text(
        "broken\n[Match]\nMACAddress=AA:BB:CC:DD:EE:FF\n[Network]\nDHCP=ipv6\n"
    ),
    f"{ETC}/30-type.network": text("[Match]\nType=wlan\n[Network]\nDHCP=yes\n"),
    f"{ETC}/40-none.network": text("[Network]\nGateway=_dhcp4\n"),
    f"{ETC}/50-v7.netdev": text("[NetDev]\nName=v7\nKind=vlan\n"),
    f"{ETC}/51-odd.netdev": text("[NetDev]\nKind=vlan\nx\n"),
    f"{ETC}/50-v7.network": text("[Match]\nName=v7\n"),
    "/usr/local/lib/systemd/network/20-dhcp.network": text("[Match]\nName=hidden\n"),
}


def test_network_files_are_interfaces():
    records = list(networkd.interfaces(in_memory(NODES)))
    found = {r.name: r for r in records if isinstance(r, Interface)}

    assert list(found) == ["ens3", "aa:bb:cc:dd:ee:ff", "wlan", "40-none.network", "v7"]
    ens3 = found["ens3"]
    assert (ens3.method, ens3.gateway, ens3.mac) == ("static", "192.0.2.1", "52:54:00:aa:bb:cc")
    assert ens3.addresses == ("192.0.2.6/24", "2001:db8::6/64")
    assert (ens3.dns, ens3.search, ens3.members) == (("192.0.2.99",), ("example.org",), ("v7",))
    six = found["aa:bb:cc:dd:ee:ff"]
    assert (six.method, six.method6) == ("manual", "dhcp")
    assert (found["wlan"].method, found["wlan"].kind) == ("dhcp", "wlan")
    assert found["40-none.network"].gateway == ""
    assert found["v7"].kind == "vlan"
    assert [(r.at.path, r.line) for r in records if isinstance(r, Finding)] == [
        (f"{ETC}/51-odd.netdev", 3),
        (f"{ETC}/20-dhcp.network", 1),
    ]
