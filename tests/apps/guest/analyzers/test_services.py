from strongroom.apps.guest.analyzers import services
from strongroom.apps.guest.records import Service
from strongroom.base.record import Finding
from strongroom.testing.images.guests import alpine, arch, debian, in_memory


def test_units_and_the_scripts_without_a_unit_come_together():
    records = list(services.run(in_memory(debian())))
    found = [(r.manager, r.name, r.state) for r in records if isinstance(r, Service)]

    assert found == [
        ("systemd", "apport.service", "masked"),
        ("systemd", "backup.service", "static"),
        ("systemd", "backup.timer", "enabled"),
        ("systemd", "echo.socket", "disabled"),
        ("systemd", "getty@.service", "enabled"),
        ("systemd", "ssh.service", "enabled"),
        ("systemd", "getty@tty1.service", "enabled"),
        ("sysv", "legacy", "enabled"),
    ]
    assert [r.rule for r in records if isinstance(r, Finding)] == ["service.missing-unit"]


def test_run_levels_of_openrc_stand_in_for_those_of_sysv():
    found = [r for r in services.run(in_memory(alpine())) if isinstance(r, Service)]

    assert {r.manager for r in found} == {"openrc"}


def test_a_guest_without_services_yields_none():
    assert list(services.run(in_memory(arch()))) == []
