"""packages, users, services, network: what inspection tells, one kind at a time."""

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from strongroom.base.errors import NotFound, Usage
from strongroom.base.record import Record, json_line
from strongroom.kernel.call import Context
from strongroom.testing.images import containers

OPS = {
    "guest.packages": {"package"},
    "guest.users": {"user", "group"},
    "guest.services": {"service"},
    "guest.network": {"interface", "setting"},
}
KEYS = {"setting": "search nameserver"}
"""Settings are shared with other analyzers: those of the network by their names."""


def learn(ctx: Context, op: str, *disks: Path, **flags: Any) -> list[Any]:
    return list(ctx.call(op, disks=[str(disk) for disk in disks], **flags))


def lines(records: Iterable[Record], kinds: set[str]) -> list[str]:
    return [
        json_line(r)
        for r in records
        if r.type in kinds and (r.type not in KEYS or getattr(r, "name", "") in KEYS[r.type])
    ]


def names(records: Iterable[Any], kind: str) -> list[str]:
    return [record.name for record in records if record.type == kind]


@pytest.mark.parametrize("op", OPS)
def test_a_command_tells_what_inspection_tells(ctx: Context, disk: Path, op: str) -> None:
    everything = ctx.call("guest.inspect", disks=[str(disk)])
    found = learn(ctx, op, disk)

    assert lines(found, OPS[op]) == lines(everything, OPS[op])
    assert lines(found, OPS[op])
    assert {r.type for r in found} <= OPS[op] | {"finding"}


@pytest.mark.parametrize("op", OPS)
def test_a_folder_and_a_disk_of_it_tell_the_same(
    ctx: Context, disk: Path, built_machine: Path, op: str
) -> None:
    folder = built_machine.parent / "root"
    of_disk = [line.replace(str(disk), "") for line in lines(learn(ctx, op, disk), OPS[op])]
    of_folder = [line.replace(str(folder), "") for line in lines(learn(ctx, op, folder), OPS[op])]

    assert of_folder == of_disk


def test_what_is_wrong_comes_with_what_it_concerns(ctx: Context, disk: Path) -> None:
    rules = {
        op: {r.rule for r in learn(ctx, op, disk) if r.type == "finding"}
        for op in ("guest.packages", "guest.users", "guest.services")
    }

    assert rules["guest.packages"] == set()
    assert "account.uid0" in rules["guest.users"]
    assert rules["guest.services"] == {"service.missing-unit"}


@pytest.mark.parametrize(
    ("name", "found"),
    [
        (None, ["adduser", "libssl3", "old-tool"]),
        ("libssl3", ["libssl3"]),
        ("*", ["adduser", "libssl3", "old-tool"]),
        ("*ss*", ["libssl3"]),
        ("[ao]*", ["adduser", "old-tool"]),
        ("LIBSSL3", []),
        ("libssl", []),
        ("", []),
    ],
)
def test_packages_are_chosen_by_name(
    ctx: Context, disk: Path, name: str | None, found: list[str]
) -> None:
    assert names(learn(ctx, "guest.packages", disk, name=name), "package") == found


def test_people_are_those_who_can_log_in(ctx: Context, disk: Path) -> None:
    people = learn(ctx, "guest.users", disk, people=True)
    everyone = learn(ctx, "guest.users", disk)

    assert names(people, "user") == ["root", "ada", "eve", "toor"]
    assert names(everyone, "user") == ["root", "daemon", "ada", "eve", "toor"]
    assert not names(people, "group")
    assert [r for r in people if r.type == "finding"] == [
        r for r in everyone if r.type == "finding"
    ]


def test_services_that_start_by_themselves_may_be_asked_for(ctx: Context, disk: Path) -> None:
    every = learn(ctx, "guest.services", disk)
    enabled = learn(ctx, "guest.services", disk, enabled=True)

    assert "apport.service" in names(every, "service")
    assert names(enabled, "service") == [r.name for r in every if r.type == "service" and r.enabled]
    assert 0 < len(names(enabled, "service")) < len(names(every, "service"))


def test_the_network_is_interfaces_and_name_servers(ctx: Context, disk: Path) -> None:
    records = learn(ctx, "guest.network", disk)

    assert names(records, "interface") == ["lo", "ens3"]
    assert set(names(records, "setting")) == {"search", "nameserver"}


def test_several_disks_are_one_machine(ctx: Context, disk: Path, built_machine: Path) -> None:
    root = Path(shutil.copy(built_machine.parent / "root.raw", disk.parent))
    home = Path(shutil.copy(built_machine.parent / "home.raw", disk.parent))

    assert names(learn(ctx, "guest.packages", root, home), "package") == names(
        learn(ctx, "guest.packages", disk), "package"
    )
    assert learn(ctx, "guest.packages", home) == []


def test_a_container_changes_nothing(ctx: Context, disk: Path) -> None:
    image = containers.qcow2_zlib(disk, disk.parent)

    assert names(learn(ctx, "guest.users", image), "user") == names(
        learn(ctx, "guest.users", disk), "user"
    )


@pytest.mark.parametrize(("alias", "op"), [("pkg", "packages"), ("net", "network")])
def test_a_short_word_does_the_same(ctx: Context, disk: Path, alias: str, op: str) -> None:
    assert learn(ctx, f"guest.{alias}", disk) == learn(ctx, f"guest.{op}", disk)


@pytest.mark.parametrize("op", OPS)
def test_what_cannot_be_read_is_one_of_the_nine(ctx: Context, tmp_path: Path, op: str) -> None:
    with pytest.raises(NotFound):
        learn(ctx, op, tmp_path / "missing.qcow2")
    with pytest.raises(Usage):
        list(ctx.call(op, disks=["::"]))


@pytest.mark.parametrize("op", OPS)
def test_a_disk_without_a_system_says_what_is_wrong_and_nothing_else(
    ctx: Context, tmp_path: Path, op: str
) -> None:
    (tmp_path / "noise.raw").write_bytes(bytes(range(3, 200)) * 99)
    (finding,) = learn(ctx, op, tmp_path / "noise.raw")

    assert finding.rule == "problem.unknown-content"
