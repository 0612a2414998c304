from strongroom.apps.guest.analyzers import fstab
from strongroom.apps.guest.records import Mount
from strongroom.base.record import Finding
from strongroom.testing.images.guests import debian, in_memory, text


def test_mounts_come_in_order_and_faults_are_findings():
    records = list(fstab.run(in_memory(debian())))

    assert [
        (m.line, m.device, m.point, m.fs_type, m.options, m.fsck_pass, m.manager)
        for m in records
        if isinstance(m, Mount)
    ] == [
        (2, "/dev/vda1", "/", "ext4", ("errors=remount-ro",), 1, "fstab"),
        (3, "UUID=5678", "none", "swap", ("sw",), 0, "fstab"),
    ]
    assert [(r.rule, r.line) for r in records if isinstance(r, Finding)] == [("problem.fstab", 4)]


def test_mount_units_of_the_administrator_are_mounts():
    folder = "/etc/systemd/system"
    nodes = {
        f"{folder}/srv.mount": text(
            "[Mount]\nWhat=/dev/vdb\nWhere=/srv\nType=xfs\nOptions=noatime,ro\n"
        ),
        f"{folder}/data.mount": text("[Mount]\nWhat=LABEL=d\nWhere=/data\n"),
        f"{folder}/odd.mount": text("[Unit]\nDescription=x\n"),
    }

    found = [m for m in fstab.run(in_memory(nodes)) if isinstance(m, Mount)]

    assert [(m.device, m.point, m.fs_type, m.options, m.manager) for m in found] == [
        ("LABEL=d", "/data", "auto", ("defaults",), "systemd"),
        ("/dev/vdb", "/srv", "xfs", ("noatime", "ro"), "systemd"),
    ]
