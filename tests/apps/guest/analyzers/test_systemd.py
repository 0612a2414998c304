import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from strongroom.apps.guest.analyzers import systemd
from strongroom.apps.guest.records import Service
from strongroom.base.record import Finding
from strongroom.base.tree import Node
from strongroom.testing.images.guests import debian, in_memory, link, text, write_folder
from strongroom.testing.tools import need

ETC, USR = "/etc/systemd/system", "/usr/lib/systemd/system"
INSTALL = "[Install]\nWantedBy=multi-user.target\n"
SERVICE = "[Service]\nExecStart=/bin/true\n"


def _unit(name: str) -> Node:
    return link(f"{USR}/{name}")


STATES: dict[str, Node] = {
    f"{USR}/static.service": text(SERVICE),
    f"{USR}/disabled.service": text(SERVICE + INSTALL),
    f"{USR}/enabled.service": text(SERVICE + INSTALL),
    f"{ETC}/multi-user.target.wants/enabled.service": _unit("enabled.service"),
    f"{USR}/required.service": text(SERVICE + "[Install]\nRequiredBy=a.target\n"),
    f"{ETC}/a.target.requires/required.service": _unit("required.service"),
    f"{USR}/vendor.service": text(SERVICE),
    f"{USR}/sysinit.target.wants/vendor.service": link("../vendor.service"),
    f"{USR}/also.service": text(SERVICE + "[Install]\nAlso=enabled.service\n"),
    f"{USR}/named.service": text(SERVICE + "[Install]\nAlias=other.service\n"),
    f"{ETC}/other.service": _unit("named.service"),
    f"{USR}/second.service": text(SERVICE + "[Install]\nAlias=dbus-second.service\n"),
    f"{USR}/vendor-alias.service": link("static.service"),
    f"{ETC}/masked.service": link("/dev/null"),
    f"{USR}/masked.service": text(SERVICE + INSTALL),
    f"{ETC}/empty.service": Node(b""),
    f"{ETC}/own.service": text(SERVICE + INSTALL),
    f"{ETC}/linked.service": link("/opt/app/linked.service"),
    "/opt/app/linked.service": text(SERVICE + INSTALL),
    f"{USR}/at@.service": text(SERVICE + "[Install]\nWantedBy=x.target\n"),
    f"{ETC}/x.target.wants/at@one.service": _unit("at@.service"),
    f"{USR}/tty@.service": text(SERVICE + "[Install]\nWantedBy=x.target\nDefaultInstance=tty1\n"),
    f"{ETC}/x.target.wants/tty@tty1.service": _unit("tty@.service"),
    f"{USR}/idle@.service": text(SERVICE + INSTALL),
    f"{USR}/t.timer": text("[Timer]\nOnCalendar=daily\n[Install]\nWantedBy=timers.target\n"),
    f"{ETC}/timers.target.wants/t.timer": _unit("t.timer"),
    f"{USR}/s.socket": text("[Socket]\nListenStream=/run/s\n[Install]\nWantedBy=sockets.target\n"),
    f"{USR}/p.path": text("[Path]\nPathExists=/x\n"),
    f"{USR}/dropped.service": text(SERVICE),
    f"{ETC}/dropped.service.d/install.conf": text(INSTALL),
}


def _services(nodes: Mapping[str, Node]) -> dict[str, Service]:
    records = systemd.services(in_memory(nodes))
    return {r.name: r for r in records if isinstance(r, Service)}


def _states(nodes: Mapping[str, Node]) -> dict[str, str]:
    found = _services(nodes)
    aliases = {alias: "alias" for record in found.values() for alias in record.aliases}
    return {name: record.state for name, record in found.items()} | aliases


@pytest.mark.parametrize("recipe", ["states", "debian"])
def test_states_are_those_that_systemctl_tells(tmp_path: Path, recipe: str):
    need("systemctl")
    nodes = STATES if recipe == "states" else debian()
    root = write_folder(nodes, tmp_path / "root")
    done = subprocess.run(
        ["systemctl", f"--root={root}", "list-unit-files", "--no-pager", "--no-legend"],
        capture_output=True,
        text=True,
        check=True,
    )
    rows = [line.split() for line in done.stdout.splitlines()]
    theirs = {
        row[0]: row[1]
        for row in rows
        if row[0].endswith((".service", ".timer", ".socket", ".path"))
    }

    ours = _states(nodes)
    instances = {name for name in ours if "@" in name and "@." not in name}
    assert {name: state for name, state in ours.items() if name not in instances} == theirs
    assert instances == (
        {"at@one.service", "tty@tty1.service"} if recipe == "states" else {"getty@tty1.service"}
    )


def test_drop_ins_are_part_of_a_unit_by_name_and_directory():
    found = _services(
        {
            f"{USR}/a.service": text("[Service]\nUser=one\nExecStart=/bin/old\n"),
            f"{USR}/a.service.d/10.conf": text("[Service]\nUser=two\n"),
            f"{ETC}/a.service.d/20.conf": text("[Service]\nExecStart=\nExecStart=@/bin/new x\n"),
            f"{USR}/a.service.d/20.conf": text("[Service]\nUser=hidden\n"),
            f"{ETC}/a.service.d/README": text("[Service]\nUser=ignored\n"),
            f"{USR}/b@.service": text(SERVICE + INSTALL),
            f"{ETC}/b@.service.d/x.conf": text("[Service]\nUser=template\n"),
            f"{ETC}/b@i.service.d/y.conf": text("[Unit]\nDescription=instance\n"),
            f"{ETC}/m.target.wants/b@i.service": _unit("b@.service"),
        }
    )

    assert (found["a.service"].user, found["a.service"].command) == ("two", "/bin/new x")
    instance = found["b@i.service"]
    assert (instance.user, instance.description) == ("template", "instance")
    assert found["b@.service"].description is None


def test_timers_sockets_and_paths_say_what_they_start():
    found = _services(
        {
            f"{USR}/a.timer": text(
                "[Timer]\nOnCalendar=daily\nOnCalendar=Mon 04:00\nOnBootSec=5min\nUnit=b.service\n"
            ),
            f"{USR}/c.socket": text("[Socket]\nListenStream=80\nListenDatagram=/run/c\n"),
            f"{USR}/d.socket": text("[Socket]\nAccept=yes\nListenStream=7\n"),
            f"{USR}/e.socket": text("[Socket]\nService=x.service\n"),
            f"{USR}/f.path": text("[Path]\nPathChanged=/etc/x\n"),
        }
    )

    assert found["a.timer"].schedule == "daily; Mon 04:00; OnBootSec=5min"
    assert {name: record.activates for name, record in found.items()} == {
        "a.timer": "b.service",
        "c.socket": "c.service",
        "d.socket": "d@.service",
        "e.socket": "x.service",
        "f.path": "f.service",
    }
    assert found["c.socket"].listens == ("80", "/run/c")
    assert found["f.path"].listens == ("/etc/x",)


def test_a_unit_tells_who_wants_it_under_any_of_its_names():
    found = _services(STATES)

    assert found["enabled.service"].wanted_by == ("multi-user.target",)
    assert found["vendor.service"].wanted_by == ("sysinit.target",)
    assert found["at@one.service"].wanted_by == ("x.target",)
    assert found["named.service"].aliases == ("other.service",)
    assert found["static.service"].aliases == ("vendor-alias.service",)


def test_a_link_that_leads_nowhere_is_bad_or_missing():
    nodes = {
        f"{ETC}/lost.service": link("/opt/none.service"),
        f"{ETC}/m.target.wants/gone.service": _unit("gone.service"),
        f"{ETC}/m.target.wants/x.mount": _unit("x.mount"),
        f"{USR}/bad.service": text("nonsense\n[Service]\nExecStart=/x\n"),
    }
    records = list(systemd.services(in_memory(nodes)))

    assert {r.name: r.state for r in records if isinstance(r, Service)} == {
        "bad.service": "static",
        "lost.service": "bad",
    }
    assert {(r.rule, r.at.path, r.line) for r in records if isinstance(r, Finding)} == {
        ("problem.systemd", f"{USR}/bad.service", 1),
        ("service.missing-unit", f"{ETC}/m.target.wants/gone.service", None),
    }


def test_faults_of_drop_ins_are_findings():
    nodes = {f"{USR}/a.service": text(SERVICE), f"{ETC}/a.service.d/x.conf": text("broken\n")}

    findings = [r for r in systemd.services(in_memory(nodes)) if isinstance(r, Finding)]
    assert [f.at.path for f in findings] == [f"{ETC}/a.service.d/x.conf"]


def test_a_directory_of_too_many_units_is_cut(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(systemd, "FILES_MAX", 2)
    nodes = {f"{USR}/{n}.service": text(SERVICE) for n in range(5)}
    nodes |= {f"{ETC}/m.target.wants/{n}.service": _unit(f"{n}.service") for n in range(5)}

    records = list(systemd.services(in_memory(nodes)))

    assert [r.enabled for r in records if isinstance(r, Service)] == [True, True]
