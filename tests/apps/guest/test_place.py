"""Places: every kind of step of a locator, and what it means where there is a choice."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from strongroom.base.errors import NotFound, StrongroomError, Unsupported, Usage
from strongroom.base.locator import parse
from strongroom.kernel.call import Context
from strongroom.testing.images import containers, partitions
from strongroom.testing.images.ext import ext


def cat(ctx: Context, locator: str) -> bytes:
    at = parse(locator)
    assert at.path is not None
    return b"".join(ctx.call("guest.cat", disk=at.container, paths=[at.path]))


def ls(ctx: Context, disk: str, path: str = "/") -> list[str]:
    return [entry.path for entry in ctx.call("guest.ls", disk=disk, path=path)]


def test_a_path_after_a_disk_is_read_in_the_merged_tree(ctx: Context, disk: Path) -> None:
    assert cat(ctx, f"{disk}::/etc/hostname") == b"web1\n"
    assert cat(ctx, f"{disk}::/home/ada/notes.txt") == b"from the second partition\n"


def test_a_path_after_a_volume_is_read_in_that_volume(ctx: Context, disk: Path) -> None:
    assert cat(ctx, f"{disk}::p2::/ada/notes.txt") == b"from the second partition\n"
    assert cat(ctx, f"{disk}::p1::/home/.hidden-below") == b"not to be seen\n"


def test_a_snapshot_is_a_disk(ctx: Context, disk: Path) -> None:
    image = containers.qcow2_snapshot(disk, disk.parent)

    assert cat(ctx, f"{image}::@clean::p2::/ada/notes.txt") == b"from the second partition\n"
    assert cat(ctx, f"{image}::@clean::/etc/hostname") == b"web1\n"
    assert cat(ctx, f"{image}@clean::/etc/hostname") == b"web1\n"
    with pytest.raises(NotFound):
        ls(ctx, f"{image}::@missing")
    with pytest.raises(NotFound):
        ls(ctx, f"{disk}::@clean")


def test_a_file_inside_a_disk_may_be_a_disk(ctx: Context, disk: Path, tmp_path: Path) -> None:
    root = tmp_path / "outer"
    (root / "srv").mkdir(parents=True)
    shutil.move(containers.qcow2_zlib(disk, disk.parent), root / "srv/inner.qcow2")
    (root / "srv/link.qcow2").symlink_to("inner.qcow2")
    outer = ext(tmp_path / "outer.raw", "-t ext4", root, "48M")
    vmdk = containers.vmdk_monolithic_sparse(outer, tmp_path)

    inner = f"{vmdk}::/srv/inner.qcow2"
    assert cat(ctx, f"{inner}::p2::/ada/notes.txt") == b"from the second partition\n"
    assert cat(ctx, f"{inner}::/etc/hostname") == b"web1\n"
    assert cat(ctx, f"{vmdk}::/srv/link.qcow2::/etc/hostname") == b"web1\n"
    (record, *_) = ctx.call("guest.info", disk=inner)
    assert (record.format, record.compression) == ("qcow2", "zlib")
    assert ls(ctx, inner, "/home") == ["/home/ada", "/home/lost+found"]


def test_a_folder_is_an_origin_and_its_files_may_be_disks(ctx: Context, disk: Path) -> None:
    assert "/machine.raw" in ls(ctx, str(disk.parent))
    assert cat(ctx, f"{disk.parent}::/machine.raw::/etc/hostname") == b"web1\n"
    with pytest.raises(NotFound):
        ls(ctx, f"{disk.parent}::p1")


def test_a_folder_inside_a_disk_is_a_tree_of_its_own(ctx: Context, disk: Path) -> None:
    opened: Any = ctx.open(parse(f"{disk}::/etc/cron.d"))

    assert [entry.name for entry in opened.scandir("/")] == ["e2scrub"]


def test_a_disk_with_several_file_systems_and_no_system_leaves_the_choice(
    ctx: Context, tmp_path: Path
) -> None:
    script = "label: gpt\nstart=2048, size=8192\nstart=10240, size=8192\n"
    disk = partitions.gpt(tmp_path, script, 12 << 20)
    volume = ext(tmp_path / "volume.raw", "-t ext2", None, "4M")
    with disk.open("r+b") as stream:
        for start in (2048, 10240):
            stream.seek(start * 512)
            stream.write(volume.read_bytes())

    with pytest.raises(NotFound) as raised:
        ls(ctx, str(disk))
    assert raised.value.code == "not_found.root"
    assert raised.value.hint == f"name one, such as {disk}::p1"
    assert ls(ctx, f"{disk}::p1") == ["/lost+found"]


@pytest.mark.parametrize(
    ("step", "error"),
    [
        ("p9", NotFound),
        ("p1::p1", NotFound),
        ("/etc/missing", NotFound),
        ("/etc/hostname::p1", NotFound),
        ("/etc/hostname::/x", NotFound),
        ("/etc::p1", NotFound),
    ],
)
def test_steps_that_lead_nowhere_say_so(
    ctx: Context, disk: Path, step: str, error: type[StrongroomError]
) -> None:
    with pytest.raises(error):
        ls(ctx, f"{disk}::{step}")


def test_what_stops_the_only_file_system_is_told(ctx: Context, tmp_path: Path) -> None:
    image = ext(tmp_path / "future.raw", "-t ext4", None, "8M")
    with image.open("r+b") as stream:
        stream.seek(1024 + 96)
        stream.write(b"\xff\xff\xff\x7f")

    with pytest.raises(Unsupported):
        ls(ctx, str(image))


def test_a_disk_verb_refuses_a_folder(ctx: Context, tmp_path: Path) -> None:
    with pytest.raises(Usage):
        list(ctx.call("guest.info", disk=str(tmp_path)))


def test_an_image_split_into_parts_is_one_disk(ctx: Context, disk: Path) -> None:
    first = containers.split_raw(disk, disk.parent, 9 << 20)

    assert first.name.endswith(".001")
    assert cat(ctx, f"{first}::/home/ada/notes.txt") == b"from the second partition\n"


def test_detection_is_by_content_and_not_by_name(ctx: Context, disk: Path) -> None:
    image = containers.qcow2_zstd(disk, disk.parent).rename(disk.parent / "holiday.jpg")

    (record, *_) = ctx.call("guest.info", disk=str(image))
    assert (record.format, record.compression) == ("qcow2", "zstd")


def test_a_pipe_is_refused_and_does_not_hang(ctx: Context, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    subprocess.run(["mkfifo", str(pipe)], check=True)

    with pytest.raises(Usage):
        list(ctx.call("guest.info", disk=str(pipe)))
