"""Inspection: the same machine in every container, from several disks, remembered, damaged."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from strongroom.base.errors import Corrupt
from strongroom.base.locator import parse
from strongroom.base.record import Finding, Record, Severity, to_plain
from strongroom.kernel.audit_query import tail
from strongroom.kernel.call import Context
from strongroom.kernel.store import boot_id
from strongroom.testing.images import containers
from strongroom.testing.images.machines import HOME_START, ROOT_START, SECTOR
from strongroom.testing.tools import need

EVERY_KIND = [
    containers.qcow2_v2,
    containers.qcow2_v3,
    containers.qcow2_zlib,
    containers.qcow2_zstd,
    containers.qcow2_extended_l2,
    containers.qcow2_data_file,
    containers.qcow2_overlay,
    containers.qcow2_snapshot,
    containers.vmdk_monolithic_sparse,
    containers.vmdk_stream_optimized,
    containers.vmdk_monolithic_flat,
    containers.vmdk_two_gb_sparse,
    containers.vmdk_two_gb_flat,
]
OF_THE_CONTAINER = {"disk", "snapshot"}


def inspect(ctx: Context, *disks: Path, **options: bool) -> list[Record]:
    return list(ctx.call("guest.inspect", disks=[str(d) for d in disks], **options))


def facts(records: Iterable[Record], origin: Path) -> list[dict[str, Any]]:
    """Return everything but what the container says, with the origin taken out of `at`."""
    plain = [to_plain(r) for r in records if r.type not in OF_THE_CONTAINER]
    return [{**p, "at": p["at"].removeprefix(str(origin))} for p in plain]


def of_type(records: Iterable[Record], type: str) -> list[Any]:
    return [record for record in records if record.type == type]


def rules(records: Iterable[Record]) -> set[str]:
    return {record.rule for record in records if isinstance(record, Finding)}


@pytest.mark.parametrize("recipe", EVERY_KIND, ids=lambda recipe: recipe.__name__)
def test_one_guest_gives_the_same_records_in_every_container(
    ctx: Context, disk: Path, recipe: containers.Recipe
) -> None:
    image = recipe(disk, disk.parent)

    assert image != disk
    assert facts(inspect(ctx, image), image) == facts(inspect(ctx, disk), disk)


def test_it_tells_what_is_on_the_machine(ctx: Context, disk: Path) -> None:
    records = inspect(ctx, disk)

    (system,) = of_type(records, "os")
    assert (system.id, system.version, system.hostname) == ("debian", "12", "web1")
    assert [v.name for v in of_type(records, "volume")] == ["p1", "p2"]
    assert [f.label for f in of_type(records, "filesystem")] == ["root", "home"]
    assert {p.name for p in of_type(records, "package")} >= {"adduser", "libssl3"}
    assert {r.type for r in records} >= {"user", "group", "service", "interface", "mount", "kernel"}
    assert str(system.at).startswith(f"{disk}::/")


def test_fstab_joins_the_second_partition_and_names_what_is_missing(
    ctx: Context, disk: Path
) -> None:
    names = ctx.call("guest.ls", disk=f"{disk}", path="/home")

    assert [entry.path for entry in names] == ["/home/ada", "/home/lost+found"]
    missing = [r for r in inspect(ctx, disk) if isinstance(r, Finding) and "mount" in r.rule]
    assert [finding.message.split()[0] for finding in missing] == ["LABEL=backup,"]
    assert missing[0].line == 4


def test_several_disks_are_one_machine(ctx: Context, disk: Path, built_machine: Path) -> None:
    root = shutil.copy(built_machine.parent / "root.raw", disk.parent)
    home = shutil.copy(built_machine.parent / "home.raw", disk.parent)
    apart = inspect(ctx, Path(root), Path(home))
    together = inspect(ctx, disk)

    types = {"package", "user", "service", "interface"}
    for one, other in zip(
        [r for r in apart if r.type in types],
        [r for r in together if r.type in types],
        strict=True,
    ):
        assert to_plain(one) | {"at": ""} == to_plain(other) | {"at": ""}
    assert len(of_type(apart, "disk")) == 2


def test_a_second_inspection_comes_from_the_cache(ctx: Context, disk: Path) -> None:
    first = inspect(ctx, disk)

    assert ctx.session.cache.stats().entries == 1
    assert inspect(ctx, disk) == first
    assert inspect(ctx, disk, fresh=True) == first
    assert inspect(ctx, disk, paranoid=True) == first
    assert ctx.session.cache.stats().entries == 2


def test_a_changed_disk_is_read_again(ctx: Context, disk: Path) -> None:
    inspect(ctx, disk)
    with disk.open("r+b") as stream:
        content = stream.read()
        stream.seek(content.index(b"web1\n"))
        stream.write(b"web2\n")

    (system,) = of_type(inspect(ctx, disk), "os")
    assert system.hostname == "web2"


def test_a_changed_backing_file_is_noticed(ctx: Context, disk: Path) -> None:
    image = containers.qcow2_overlay(disk, disk.parent)
    inspect(ctx, image)
    entries = ctx.session.cache.stats().entries
    for sibling in disk.parent.iterdir():
        if sibling not in (image, disk):
            os.utime(sibling, ns=(1, 1))
    inspect(ctx, image)

    assert ctx.session.cache.stats().entries == entries + 1


def test_deleting_the_cache_changes_speed_only(ctx: Context, disk: Path) -> None:
    first = inspect(ctx, disk)
    shutil.rmtree(ctx.session.home.cache_dir)

    assert inspect(ctx, disk) == first


def test_a_damaged_cache_entry_is_read_anew(ctx: Context, disk: Path) -> None:
    first = inspect(ctx, disk)
    (entry,) = [p for p in Path(ctx.session.home.cache_dir, "records").rglob("*") if p.is_file()]
    content = bytearray(entry.read_bytes())
    content[len(content) // 2] ^= 1
    entry.write_bytes(content)

    assert inspect(ctx, disk) == first


def test_a_broken_partition_leaves_the_other_readable(ctx: Context, disk: Path) -> None:
    with disk.open("r+b") as stream:
        stream.seek(HOME_START * SECTOR)
        stream.write(bytes(range(256)) * 64)
    records = inspect(ctx, disk)

    assert of_type(records, "os")[0].hostname == "web1"
    assert [f.label for f in of_type(records, "filesystem")] == ["root"]
    assert "mount.missing" in rules(records)


def test_a_broken_table_is_read_from_its_backup(ctx: Context, disk: Path) -> None:
    with disk.open("r+b") as stream:
        stream.seek(SECTOR + 20)
        stream.write(b"\xff\xff")
    records = inspect(ctx, disk)

    assert of_type(records, "os")[0].hostname == "web1"
    assert any(rule.startswith("problem.gpt") for rule in rules(records))


def test_a_broken_root_is_told_with_its_offset(ctx: Context, disk: Path) -> None:
    with disk.open("r+b") as stream:
        stream.seek(ROOT_START * SECTOR + 1024 + 24)
        stream.write(b"\xff" * 4)
    records = inspect(ctx, disk)
    found = [r for r in records if isinstance(r, Finding) and r.rule.startswith("problem.")]

    assert found
    assert all(str(f.at).startswith(str(disk)) for f in found)
    assert [f.label for f in of_type(records, "filesystem")][-1] == "home"


def damage(error: Corrupt) -> Finding:
    return Finding(
        at=parse("x"), rule=f"problem.{error.code}", severity=Severity.ERROR, message=error.message
    )


def test_a_root_directory_that_is_cut_off_is_told(ctx: Context, built_machine: Path) -> None:
    folder = Path(ctx.session.home.cache_dir)
    folder.mkdir(parents=True, exist_ok=True)
    image = containers.qcow2_v3(built_machine.parent / "root.raw", folder)
    listed = subprocess.run(
        ["qemu-img", "map", "--output=json", str(image)], check=True, stdout=subprocess.PIPE
    )
    runs = [run for run in json.loads(listed.stdout) if run["data"]]
    os.truncate(image, runs[0]["offset"] + (64 << 10))
    records = inspect(ctx, image)

    assert not of_type(records, "os")
    assert any(rule.startswith("problem.corrupt") for rule in rules(records))


@pytest.mark.parametrize("keep", [0.0, 0.01, 0.3, 0.6, 0.9])
def test_a_truncated_image_ends_in_records_or_one_of_the_nine(
    ctx: Context, disk: Path, keep: float
) -> None:
    image = containers.qcow2_v3(disk, disk.parent)
    os.truncate(image, int(image.stat().st_size * keep))
    try:
        records = inspect(ctx, image)
    except Corrupt as e:
        records = [damage(e)]

    assert any(rule.startswith("problem.") for rule in rules(records))


def test_what_is_no_disk_says_so(ctx: Context, tmp_path: Path) -> None:
    noise = tmp_path / "noise.qcow2"
    noise.write_bytes(bytes(range(7, 200)) * 999)
    records = inspect(ctx, noise)

    assert of_type(records, "disk")[0].format == "raw"
    assert rules(records) == {"problem.unknown-content"}


def test_a_folder_is_a_machine_too(ctx: Context, built_machine: Path) -> None:
    records = inspect(ctx, built_machine.parent / "root")

    assert of_type(records, "os")[0].hostname == "web1"
    assert of_type(records, "package")
    assert ctx.session.cache.stats().entries == 0


def test_the_intent_of_every_open_is_audited(ctx: Context, disk: Path) -> None:
    inspect(ctx, disk)
    entries = list(tail(ctx.session.home.state_dir, 9, boot_id=boot_id()))

    assert [(e["event"], e["op"]) for e in entries] == [
        ("intent", "guest.inspect"),
        ("intent", "disk.open"),
        ("outcome", "disk.open"),
        ("outcome", "guest.inspect"),
    ]
    assert {e["resource"] for e in entries if e["event"] == "intent"} == {str(disk)}
    assert {e["outcome"] for e in entries if e["event"] == "outcome"} == {"ok"}


def test_a_block_device_is_read_and_never_remembered(ctx: Context, disk: Path) -> None:
    need("losetup")
    attach = ["losetup", "--read-only", "--show", "-f", str(disk)]
    attached = subprocess.run(attach, check=False, capture_output=True, text=True)
    if attached.returncode:
        pytest.skip(f"no loop device here: {attached.stderr.strip()}")
    device = attached.stdout.strip()
    try:
        records = inspect(ctx, Path(device))
    finally:
        subprocess.run(["losetup", "-d", device], check=True)

    assert of_type(records, "os")[0].hostname == "web1"
    assert ctx.session.cache.stats().entries == 0
