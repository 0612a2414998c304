"""info and filesystems: what a disk is made of, compared with qemu-img, sfdisk and dumpe2fs."""

import json
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from strongroom.apps.guest.anatomy import rfc3339
from strongroom.base.errors import NotFound, Usage
from strongroom.kernel.call import Context
from strongroom.testing.images import containers, partitions
from strongroom.testing.images.containers import QCOW2_RECIPES, VMDK_RECIPES, Recipe, run
from strongroom.testing.images.ext import debugfs, ext
from strongroom.testing.images.machines import HOME_UUID, ROOT_UUID
from strongroom.testing.tools import need, tool_path

RECIPES = {**QCOW2_RECIPES, **VMDK_RECIPES}


def info(ctx: Context, disk: str | Path, **flags: bool) -> list[Any]:
    return list(ctx.call("guest.info", disk=str(disk), **flags))


def of_type(records: list[Any], kind: str) -> list[Any]:
    return [record for record in records if record.type == kind]


def qemu_info(image: Path) -> dict[str, Any]:
    need("qemu-img")
    told: dict[str, Any] = json.loads(
        run("qemu-img", "info", "--output=json", image.name, cwd=image.parent)
    )
    return told


def allocated(image: Path) -> int:
    """Return how many bytes of the disk hold data, as qemu-img map says."""
    told = json.loads(run("qemu-img", "map", "--output=json", image.name, cwd=image.parent))
    return sum(run["length"] for run in told if run["data"] and not run["zero"])


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_container_is_described_as_qemu_img_describes_it(
    ctx: Context, disk: Path, recipe: Recipe
) -> None:
    image = recipe(disk, disk.parent)
    told = qemu_info(image)
    (record,) = of_type(info(ctx, image), "disk")

    assert (record.format, record.size_bytes) == (told["format"], told["virtual-size"])
    assert record.containers == (told["format"],)
    assert record.file_bytes == image.stat().st_size
    assert (record.backing or "") == told.get("backing-filename", "")
    facts = told["format-specific"]["data"]
    if told["format"] == "qcow2":
        assert record.cluster_bytes == told["cluster-size"]
        assert record.variant == {"0.10": "v2", "1.1": "v3"}[facts["compat"]]
        assert record.compression in (None, facts.get("compression-type", "zlib"))
    else:
        assert record.variant == facts["create-type"]


@pytest.mark.parametrize("name", ["v3", "zlib", "extended-l2", "monolithicSparse"])
def test_what_a_container_stores_is_what_qemu_img_maps(ctx: Context, disk: Path, name: str) -> None:
    image = RECIPES[name](disk, disk.parent)
    (record,) = of_type(info(ctx, image, allocation=True), "disk")

    assert record.stored_bytes == allocated(image)
    assert of_type(info(ctx, image), "disk")[0].stored_bytes is None, "it costs reading all tables"


def test_a_raw_disk_is_its_file(ctx: Context, disk: Path) -> None:
    (record,) = of_type(info(ctx, disk), "disk")

    assert (record.format, record.containers, record.table) == ("raw", (), "gpt")
    assert record.size_bytes == record.file_bytes == disk.stat().st_size
    assert record.uuid == partitions.sfdisk_json(disk)["id"].lower()


def test_snapshots_are_listed_with_what_qemu_img_says_of_them(ctx: Context, disk: Path) -> None:
    image = containers.qcow2_snapshot(disk, disk.parent)
    records = info(ctx, image)
    told = qemu_info(image)["snapshots"]

    assert of_type(records, "disk")[0].snapshots == len(told)
    for record, snapshot in zip(of_type(records, "snapshot"), told, strict=True):
        made = datetime.fromtimestamp(snapshot["date-sec"], UTC)
        assert (record.id, record.name) == (snapshot["id"], snapshot["name"])
        assert record.created == made.strftime("%Y-%m-%dT%H:%M:%SZ")
        assert str(record.at) == f"{image}::@{snapshot['name']}"
    sizes = [record.size_bytes for record in of_type(records, "snapshot")]
    assert sizes == [disk.stat().st_size, disk.stat().st_size + (1 << 20)]


def test_a_snapshot_is_described_as_a_disk_of_its_own(ctx: Context, disk: Path) -> None:
    image = containers.qcow2_snapshot(disk, disk.parent)
    records = info(ctx, f"{image}::@{containers.SNAPSHOT}")

    (record,) = of_type(records, "disk")
    assert str(record.at) == f"{image}::@{containers.SNAPSHOT}"
    assert record.size_bytes == disk.stat().st_size + (1 << 20)
    assert [str(v.at) for v in of_type(records, "volume")] == [
        f"{image}::@{containers.SNAPSHOT}::p{n}" for n in (1, 2)
    ]


@pytest.mark.parametrize("make", [partitions.gpt, partitions.mbr])
def test_volumes_are_those_that_sfdisk_lists(ctx: Context, tmp_path: Path, make: Any) -> None:
    need("sfdisk")
    disk = make(tmp_path)
    table = partitions.sfdisk_json(disk)
    records = info(ctx, disk)

    assert of_type(records, "disk")[0].table == {"dos": "mbr", "gpt": "gpt"}[table["label"]]
    for record, part in zip(of_type(records, "volume"), table["partitions"], strict=True):
        assert f"{disk}{record.name.removeprefix('p')}" == part["node"]
        assert (record.start_bytes, record.size_bytes) == (part["start"] * 512, part["size"] * 512)
        assert record.label == part.get("name")
        assert str(record.at) == f"{disk}::{record.name}"
        wanted = part["type"].lower()
        assert record.partition_type == (wanted if "-" in wanted else f"0x{int(wanted, 16):02x}")
        number = f"{partitions.DISK_ID}-{record.name[1:].zfill(2)}"  # as Linux makes it of an MBR
        assert record.uuid == part.get("uuid", number).lower()


def dumped(image: Path) -> dict[str, str]:
    """Return what dumpe2fs prints of a superblock, by name."""
    need("dumpe2fs")
    done = subprocess.run(
        ["dumpe2fs", "-h", str(image)], env=tool_path(), capture_output=True, text=True, check=True
    )
    return dict(re.findall(r"^([A-Z][^:]+):\s+(.*)$", done.stdout, re.MULTILINE))


@pytest.mark.parametrize("options", ["-t ext2", "-t ext3", "-t ext4", "-t ext4 -b 4096 -L data"])
def test_a_file_system_is_described_as_dumpe2fs_describes_it(
    ctx: Context, tmp_path: Path, options: str
) -> None:
    need("mke2fs")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/file").write_bytes(b"x" * 50_000)
    image = ext(tmp_path / "fs.raw", options, tmp_path / "tree", "8M")
    told = dumped(image)
    (record,) = of_type(info(ctx, image), "filesystem")

    block = int(told["Block size"])
    assert record.fs_type == options.split()[1]
    assert record.uuid == told["Filesystem UUID"]
    assert (record.label or "<none>") == told["Filesystem volume name"]
    assert record.size_bytes == int(told["Block count"]) * block
    assert record.free_bytes == int(told["Free blocks"]) * block
    assert record.inodes == int(told["Inode count"])
    assert record.inodes_free == int(told["Free inodes"])
    assert record.clean is True
    assert set(record.features) <= set(told["Filesystem features"].replace("-", "_").split()) | set(
        told["Filesystem features"].split()
    )
    assert len(record.features) == len(told["Filesystem features"].split())


def test_what_was_not_unmounted_says_so_and_where_it_was(ctx: Context, tmp_path: Path) -> None:
    need("mke2fs")
    image = ext(tmp_path / "fs.raw", "-t ext4", None, "8M")
    debugfs(image, "set_super_value state 0\nset_super_value last_mounted /srv/data")
    (record,) = of_type(info(ctx, image), "filesystem")

    assert (record.clean, record.last_mounted) == (False, "/srv/data")


def test_every_volume_is_followed_by_what_it_holds(ctx: Context, disk: Path) -> None:
    found = [(r.type, str(r.at)) for r in ctx.call("guest.filesystems", disk=str(disk))]

    assert found == [
        ("volume", f"{disk}::p1"),
        ("filesystem", f"{disk}::p1"),
        ("volume", f"{disk}::p2"),
        ("filesystem", f"{disk}::p2"),
    ]
    uuids = [r.uuid for r in of_type(info(ctx, disk), "filesystem")]
    assert uuids == [ROOT_UUID, HOME_UUID]
    assert [r.holds for r in of_type(info(ctx, disk), "volume")] == ["ext", "ext"]


def test_one_volume_may_be_asked_for(ctx: Context, disk: Path) -> None:
    records = list(ctx.call("guest.filesystems", disk=f"{disk}::p2"))

    assert [(r.type, r.uuid) for r in records] == [("filesystem", HOME_UUID)]


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("guest.detect", "guest.info"),
        ("guest.fs", "guest.filesystems"),
        ("guest.partitions", "guest.filesystems"),
        ("guest.list-filesystems", "guest.filesystems"),
    ],
)
def test_the_words_of_other_tools_do_the_same(
    ctx: Context, disk: Path, alias: str, name: str
) -> None:
    assert list(ctx.call(alias, disk=str(disk))) == list(ctx.call(name, disk=str(disk)))


@pytest.mark.parametrize(
    ("content", "kinds"),
    [(b"", ["disk"]), (b"x" * 100, ["disk"]), (bytes(1 << 20), ["disk"])],
)
def test_a_disk_that_holds_nothing_known_is_a_disk(
    ctx: Context, tmp_path: Path, content: bytes, kinds: list[str]
) -> None:
    (tmp_path / "disk").write_bytes(content)
    records = info(ctx, tmp_path / "disk", allocation=True)

    assert [r.type for r in records] == kinds
    assert (records[0].format, records[0].size_bytes) == ("raw", len(content))


def test_what_is_no_disk_is_refused(ctx: Context, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        info(ctx, tmp_path / "missing")
    with pytest.raises(Usage):
        info(ctx, tmp_path)


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1_700_000_000_999_999_999, "2023-11-14T22:13:20Z"),
        (-1_000_000_000, "1969-12-31T23:59:59Z"),
        (2**63 - 1, "2262-04-11T23:47:16Z"),
        (2**67, "6646-06-07T20:36:29Z"),
        (2**70, ""),
        (-(2**70), ""),
        (2**200, ""),
    ],
)
def test_times_are_written_to_the_second_and_nonsense_not_at_all(ns: int, text: str) -> None:
    assert rfc3339(ns) == text
