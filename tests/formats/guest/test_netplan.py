from strongroom.formats.guest.netplan import devices
from strongroom.formats.guest.yaml import Node, parse_yaml

TEXT = """\
# written by cloud-init
network:
    version: 2
    renderer: networkd
    ethernets:
        ens3:
            dhcp4: true
            match:
                macaddress: FA:16:3E:00:00:01
            set-name: lan0
        ens4:
            addresses:
              - 192.0.2.9/24
              - "2001:db8::9/64":
                    label: x
            routes:
              - to: default
                via: 192.0.2.1
            nameservers: {addresses: [192.0.2.53, 2001:db8::53], search: [example.org]}
    bonds:
        bond0:
            interfaces: [ens5, ens6]
            dhcp6: yes
            renderer: NetworkManager
    vlans:
        vlan7: {id: 7, link: bond0, gateway4: 198.51.100.1, addresses: [198.51.100.2/24]}
    wonders: {}
"""


def test_devices_are_read_with_their_kind():
    root = parse_yaml(TEXT)
    assert isinstance(root, Node)

    found = devices(root)

    lan, static, bond, vlan = found.entries
    assert (lan.line, lan.id, lan.name, lan.dhcp4, lan.mac) == (
        6, "ens3", "lan0", True, "fa:16:3e:00:00:01",
    )  # fmt: skip
    assert static.addresses == ("192.0.2.9/24", "2001:db8::9/64")
    assert (static.gateway, static.dns, static.search) == (
        "192.0.2.1",
        ("192.0.2.53", "2001:db8::53"),
        ("example.org",),
    )
    assert (bond.kind, bond.members, bond.dhcp6, bond.renderer) == (
        "bond", ("ens5", "ens6"), True, "NetworkManager",
    )  # fmt: skip
    assert (vlan.kind, vlan.members, vlan.gateway) == ("vlan", ("bond0",), "198.51.100.1")
    assert [fault.line for fault in found.faults] == [len(TEXT.splitlines())]


def test_a_document_without_a_network_is_a_fault():
    root = parse_yaml("other: 1")
    empty = parse_yaml("")

    assert isinstance(root, Node)
    assert isinstance(empty, Node)
    assert len(devices(root).faults) == 1
    assert devices(empty).faults == ()
