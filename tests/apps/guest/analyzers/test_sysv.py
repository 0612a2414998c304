from strongroom.apps.guest.analyzers import sysv
from strongroom.apps.guest.records import Service
from strongroom.testing.images.guests import in_memory, link, text

NODES = {
    "/etc/rc.d/init.d/network": text("#!/bin/bash\n# description: Activates it \\\n", mode=0o755),
    "/etc/rc.d/init.d/stopped": text("#!/bin/sh\n", mode=0o755),
    "/etc/rc.d/init.d/README": text("x\n"),
    "/etc/rc.d/init.d/plain": text("not executable\n"),
    "/etc/rc.d/init.d/halt": text("#!/bin/sh\n", mode=0o755),
    "/etc/rc.d/init.d/native": text("#!/bin/sh\n", mode=0o755),
    "/etc/init.d": link("rc.d/init.d"),
    "/etc/rc.d/rc3.d/S10network": link("../init.d/network"),
    "/etc/rc.d/rc5.d/S10network": link("../init.d/network"),
    "/etc/rc3.d": link("rc.d/rc3.d"),
    "/etc/rc.d/rc0.d/S01stopped": link("../init.d/stopped"),
    "/etc/rc.d/rc3.d/K05stopped": link("../init.d/stopped"),
    "/etc/rc.d/rc3.d/S99gone": link("../init.d/gone"),
}


def test_scripts_start_in_their_run_levels():
    records = list(sysv.services(in_memory(NODES), {"native"}))

    assert [
        (r.name, r.enabled, r.wanted_by, r.description, r.unit)
        for r in records
        if isinstance(r, Service)
    ] == [
        ("network", True, ("3", "5"), "Activates it", "/etc/rc.d/init.d/network"),
        ("stopped", False, ("0",), None, "/etc/rc.d/init.d/stopped"),
    ]
