from strongroom.apps.guest.analyzers import netplan
from strongroom.apps.guest.records import Interface
from strongroom.base.record import Finding
from strongroom.testing.images.guests import in_memory, text

NODES = {
    "/etc/netplan/50-cloud-init.yaml": text(
        "network:\n  version: 2\n  ethernets:\n    ens3:\n      dhcp4: true\n"
        "      match: {macaddress: '52:54:00:aa:bb:cc'}\n"
    ),
    "/etc/netplan/90-more.yaml": text(
        "network:\n  ethernets:\n    ens3:\n      dhcp4: false\n      addresses: [192.0.2.3/24]\n"
        "      nameservers: {addresses: [192.0.2.53]}\n    ens4: {}\n    wonders:\n"
    ),
    "/lib/netplan/90-more.yaml": text("network: {ethernets: {hidden: {}}}\n"),
    "/lib/netplan/00-base.yaml": text(
        "network:\n  bridges:\n    br0: {dhcp6: yes, interfaces: [ens5]}\n"
    ),
    "/etc/netplan/99-bad.yaml": text("network: &anchor\n"),
    "/etc/netplan/99-other.yaml": text("other: 1\n"),
    "/etc/netplan/notes.txt": text("x\n"),
}


def test_files_are_joined_by_name_over_all_directories():
    records = list(netplan.interfaces(in_memory(NODES)))
    found = {r.name: r for r in records if isinstance(r, Interface)}

    assert list(found) == ["br0", "ens3", "ens4", "wonders"]
    assert (found["br0"].method, found["br0"].method6, found["br0"].members) == (
        "dhcp", "dhcp", ("ens5",),
    )  # fmt: skip
    ens3 = found["ens3"]
    assert (ens3.method, ens3.addresses, ens3.dns) == ("static", ("192.0.2.3/24",), ("192.0.2.53",))
    assert (ens3.mac, ens3.at.path, ens3.line) == (
        "52:54:00:aa:bb:cc", "/etc/netplan/50-cloud-init.yaml", 4,
    )  # fmt: skip
    assert found["ens4"].method == "manual"


def test_files_that_cannot_be_read_are_findings():
    findings = [r for r in netplan.interfaces(in_memory(NODES)) if isinstance(r, Finding)]

    assert [(f.rule, f.at.path, f.line) for f in findings] == [
        ("problem.netplan.yaml", "/etc/netplan/99-bad.yaml", 1),
        ("problem.netplan", "/etc/netplan/99-other.yaml", 1),
    ]
