import pytest

from strongroom.apps.guest.analyzers import openrc
from strongroom.apps.guest.records import Service
from strongroom.base.record import Finding
from strongroom.testing.images.guests import in_memory, link, text

NODES = {
    "/etc/init.d/a": text(
        "#!/usr/bin/env openrc-run\ndescription='First'\ncommand_user=\"web:web\"\ncommand=/a\n",
        mode=0o755,
    ),
    "/etc/init.d/b": text("#!/sbin/openrc-run\n", mode=0o755),
    "/etc/init.d/old": text("#!/bin/sh\n", mode=0o755),
    "/etc/init.d/helper.sh": text("#!/bin/sh\n", mode=0o755),
    "/etc/runlevels/boot/a": link("/etc/init.d/a"),
    "/etc/runlevels/default/a": link("/etc/init.d/a"),
    "/etc/runlevels/default/old": link("/etc/init.d/old"),
    "/etc/runlevels/default/gone": link("/etc/init.d/gone"),
}


def test_a_service_is_enabled_by_its_run_levels():
    guest = in_memory(NODES)

    records = list(openrc.services(guest))

    assert openrc.present(guest)
    assert [
        (r.name, r.enabled, r.wanted_by, r.command, r.user, r.description)
        for r in records
        if isinstance(r, Service)
    ] == [
        ("a", True, ("boot", "default"), "/a", "web:web", "First"),
        ("b", False, (), None, None, None),
        ("old", True, ("default",), None, None, None),
    ]
    (finding,) = [r for r in records if isinstance(r, Finding)]
    assert (finding.rule, finding.at.path) == (
        "service.missing-unit",
        "/etc/runlevels/default/gone",
    )


def test_a_guest_without_run_levels_has_no_openrc():
    assert not openrc.present(in_memory({"/etc/runlevels": text("a file\n")}))
    assert not openrc.present(in_memory({}))


def test_too_many_run_levels_are_cut(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(openrc, "FILES_MAX", 1)

    found = [r for r in openrc.services(in_memory(NODES)) if isinstance(r, Service)]
    assert [r.wanted_by for r in found if r.name == "a"] == [("boot",)]
