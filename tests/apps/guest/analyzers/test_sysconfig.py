from strongroom.apps.guest.analyzers import sysconfig
from strongroom.apps.guest.records import Interface
from strongroom.base.record import Finding
from strongroom.testing.images.guests import in_memory, text

RED_HAT, SUSE = "/etc/sysconfig/network-scripts", "/etc/sysconfig/network"
NODES = {
    f"{RED_HAT}/ifcfg-eth0": text(
        'DEVICE="eth0"\nBOOTPROTO=none\nONBOOT=yes\nIPADDR=192.0.2.7\nNETMASK=255.255.255.0\n'
        "IPADDR1=192.0.2.8\nPREFIX1=25\nGATEWAY=192.0.2.1\nDNS1=192.0.2.53\nDNS2=192.0.2.54\n"
        "HWADDR=52:54:00:AA:BB:CC\nIPV6ADDR=2001:db8::7/64\nDOMAIN='a.example b.example'\n"
        "TYPE=Ethernet\n"
    ),
    f"{RED_HAT}/ifcfg-lo": text("DEVICE=lo\nIPADDR=127.0.0.1\nNETMASK=255.0.0.0\n"),
    f"{RED_HAT}/ifcfg-eth1": text("BOOTPROTO=dhcp\nONBOOT=no\nDHCPV6C=yes\nbroken\n"),
    f"{RED_HAT}/ifcfg-eth2": text("ONBOOT=yes\n"),
    f"{RED_HAT}/ifcfg-eth0.bak": text("DEVICE=no\n"),
    f"{RED_HAT}/ifup": text("#!/bin/sh\n"),
    f"{SUSE}/ifcfg-br0": text(
        "BOOTPROTO='static'\nSTARTMODE='auto'\nIPADDR='192.0.2.9/24'\nIPADDR_1='192.0.2.10'\n"
        "PREFIXLEN_1='24'\nBRIDGE_PORTS='eth0 eth1'\nLLADDR='AA:BB:CC:DD:EE:FF'\n"
    ),
    "/etc/dhcpcd.conf": text(
        "# comment\nduid\nhostname x\ninterface eth9\nstatic ip_address=192.0.2.11/24\n"
        "static routers=192.0.2.1\nstatic domain_name_servers=192.0.2.53 ::1\nstatic odd\n"
        "interface eth8\nmetric 100\n"
    ),
}


def test_ifcfg_files_and_dhcpcd_are_interfaces():
    records = list(sysconfig.interfaces(in_memory(NODES)))
    found = {r.name: r for r in records if isinstance(r, Interface)}

    assert list(found) == ["eth0", "eth1", "eth2", "lo", "br0", "eth9"]
    eth0 = found["eth0"]
    assert eth0.addresses == ("192.0.2.7/24", "192.0.2.8/25", "2001:db8::7/64")
    assert (eth0.method, eth0.gateway, eth0.mac) == ("static", "192.0.2.1", "52:54:00:aa:bb:cc")
    assert (eth0.dns, eth0.search) == (("192.0.2.53", "192.0.2.54"), ("a.example", "b.example"))
    assert (found["lo"].method, found["lo"].kind) == ("loopback", "loopback")
    eth1 = found["eth1"]
    assert (eth1.method, eth1.method6, eth1.automatic) == ("dhcp", "dhcp", False)
    assert found["eth2"].method == "manual"
    br0 = found["br0"]
    assert (br0.addresses, br0.members) == (("192.0.2.9/24", "192.0.2.10/24"), ("eth0", "eth1"))
    eth9 = found["eth9"]
    assert (eth9.manager, eth9.line, eth9.addresses) == ("dhcpcd", 4, ("192.0.2.11/24",))
    assert (eth9.gateway, eth9.dns) == ("192.0.2.1", ("192.0.2.53", "::1"))
    assert [(r.rule, r.line) for r in records if isinstance(r, Finding)] == [("problem.ifcfg", 4)]
