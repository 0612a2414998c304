from strongroom.apps.guest.analyzers import networkmanager
from strongroom.apps.guest.records import Interface
from strongroom.base.record import Finding
from strongroom.testing.images.guests import in_memory, text

ETC = "/etc/NetworkManager/system-connections"
NODES = {
    f"{ETC}/wired.nmconnection": text(
        "[connection]\nid=Wired\ntype=802-3-ethernet\nautoconnect=false\n"
        "[ethernet]\nmac-address=52:54:00:AA:BB:CC\n"
        "[ipv4]\nmethod=manual\naddress1=192.0.2.4/24,192.0.2.1\naddress2=192.0.2.5/24\n"
        "dns=192.0.2.53;192.0.2.54;\ndns-search=example.org;\n"
        "[ipv6]\nmethod=manual\naddresses=2001:db8::4/64\ngateway=fe80::1\n"
    ),
    f"{ETC}/wifi.nmconnection": text(
        "[connection]\nid=Home\ntype=wifi\n[wifi]\nssid=home\n[wifi-security]\npsk=hunter2\nodd\n"
        "[ipv4]\nmethod=auto\n[ipv6]\nmethod=disabled\n"
    ),
    f"{ETC}/vlan": text(
        "[connection]\nid=v\ntype=vlan\ninterface-name=v7\n[vlan]\nparent=ens3\n"
        "[ipv6]\nmethod=manual\naddress1=2001:db8::7/64\ngateway=fe80::7\n"
    ),
    f"{ETC}/.hidden": text("[connection]\ntype=ethernet\n"),
    f"{ETC}/none": text("[other]\na=b\n"),
    "/usr/lib/NetworkManager/system-connections/vlan": text("[connection]\ntype=hidden\n"),
}


def _records():
    return list(networkmanager.interfaces(in_memory(NODES)))


def test_connections_are_interfaces():
    found = {r.name: r for r in _records() if isinstance(r, Interface)}

    assert list(found) == ["v7", "Home", "52:54:00:aa:bb:cc"]
    wired = found["52:54:00:aa:bb:cc"]
    assert (wired.method, wired.method6, wired.automatic) == ("static", "static", False)
    assert wired.addresses == ("192.0.2.4/24", "192.0.2.5/24", "2001:db8::4/64")
    assert (wired.gateway, wired.kind) == ("192.0.2.1", "ethernet")
    assert (wired.dns, wired.search) == (("192.0.2.53", "192.0.2.54"), ("example.org",))
    assert (found["Home"].method, found["Home"].method6) == ("dhcp", "disabled")
    assert (found["v7"].members, found["v7"].gateway) == (("ens3",), "fe80::7")


def test_a_fault_is_a_finding_and_no_passphrase_is_repeated():
    records = _records()

    assert [(r.rule, r.line) for r in records if isinstance(r, Finding)] == [
        ("problem.networkmanager", 8)
    ]
    assert "hunter2" not in repr(records)
