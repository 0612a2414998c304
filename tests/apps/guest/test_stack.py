"""The stack: containers, tables and disks in one another, how far they go, what damage hides."""

import shutil
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from strongroom.apps.guest.stack import CONTAINER_DEPTH_MAX, Findings, Layer
from strongroom.base.errors import Denied, Exhausted, NotFound, Unsupported
from strongroom.base.locator import Locator, parse
from strongroom.base.record import Finding, Record, Severity
from strongroom.base.source import extents
from strongroom.kernel.call import Context
from strongroom.testing.images import containers, partitions
from strongroom.testing.images.containers import run
from strongroom.testing.images.ext import ext
from strongroom.testing.session import guest_context
from strongroom.testing.tools import need

ENTRY = struct.Struct("<B3xB3xII")
LINUX = 0x83


def opened(ctx: Context, locator: str | Path) -> Layer:
    layer = ctx.open(parse(str(locator)))
    assert isinstance(layer, Layer)
    return layer


def limited(home: Path, **limits: int) -> Context:
    """Return a Context for which the settings lower some limits."""
    (home / "config").mkdir(parents=True)
    lines = [f"{name} = {value}" for name, value in limits.items()]
    (home / "config/config.toml").write_text("\n".join(["[limits]", *lines, ""]))
    return guest_context(home)


def of_type(records: Iterable[Record], type: str) -> list[Any]:
    return [record for record in records if record.type == type]


def table(*partitions: tuple[int, int]) -> bytes:
    """Return a sector that divides what begins with it: (start, sectors) of up to four parts."""
    entries = b"".join(ENTRY.pack(0, LINUX, start, sectors) for start, sectors in partitions)
    return bytes(446) + entries.ljust(64, b"\0") + b"\x55\xaa"


@pytest.fixture
def content(tmp_path: Path) -> Path:
    """A disk of 1 MiB that is no format at all."""
    path = tmp_path / "content.raw"
    path.write_bytes(bytes(range(1, 252)) * 4177 + bytes(149))
    return path


def wrapped(disk: Path, *formats: str) -> Path:
    """Put a disk into one container after another, the innermost first."""
    need("qemu-img")
    for number, kind in enumerate(formats):
        image = disk.parent / f"{number}.{kind}"
        command = ("qemu-img", "convert", "-f", "raw", "-O", kind, disk.name, image.name)
        run(*command, cwd=disk.parent)
        disk = image
    return disk


def test_containers_in_one_another_are_opened_outermost_first(ctx: Context, content: Path) -> None:
    layer = opened(ctx, wrapped(content, "qcow2", "vmdk", "qcow2"))

    assert [facts.format for facts in layer.containers] == ["qcow2", "vmdk", "qcow2"]
    assert layer.read_at(0, layer.size) == content.read_bytes()
    assert layer.opening.file_size == (content.parent / "2.qcow2").stat().st_size


def test_containers_in_one_another_are_bounded_and_the_bound_is_told(
    ctx: Context, content: Path
) -> None:
    image = wrapped(content, *["qcow2"] * (CONTAINER_DEPTH_MAX + 1))
    layer = opened(ctx, image)

    assert len(layer.containers) == CONTAINER_DEPTH_MAX
    assert layer.read_at(0, 4) == b"QFI\xfb"
    (finding,) = of_type(ctx.call("guest.info", disk=str(image)), "finding")
    assert (finding.rule, finding.severity) == ("problem.containers", Severity.ERROR)


def test_what_a_guest_wrote_into_its_disk_names_no_file_of_the_host(
    ctx: Context, content: Path
) -> None:
    """The guest writes a qcow2 over its own disk that names the disk of a neighbour."""
    need("qemu-img")
    folder = content.parent
    create = ("qemu-img", "create", "-q", "-f", "qcow2")
    run(*create, "-b", content.name, "-F", "raw", "evil.qcow2", cwd=folder)
    image = wrapped(Path(shutil.copy(folder / "evil.qcow2", folder / "guest.raw")), "vmdk")

    assert opened(ctx, folder / "evil.qcow2").read_at(0, 9) == content.read_bytes()[:9]
    with pytest.raises(Denied, match=r"an image inside an image and names 'content\.raw'"):
        opened(ctx, image)


def test_a_base_that_is_said_to_be_raw_is_not_searched_for_a_format(
    ctx: Context, content: Path
) -> None:
    need("qemu-img")
    folder = content.parent
    base = wrapped(content, "qcow2").rename(folder / "base.raw")
    create = ("qemu-img", "create", "-q", "-f", "qcow2", "-b", base.name)
    run(*create, "-F", "raw", "top.qcow2", cwd=folder)
    run(*create, "-F", "qcow2", "true.qcow2", cwd=folder)

    assert opened(ctx, folder / "true.qcow2").read_at(0, 9) == content.read_bytes()[:9]
    layer = opened(ctx, folder / "top.qcow2")
    assert [facts.format for facts in layer.containers] == ["qcow2", "qcow2"]


def test_a_base_of_an_unknown_format_is_unsupported(ctx: Context, content: Path) -> None:
    need("qemu-img")
    create = ("qemu-img", "create", "-q", "-u", "-f", "qcow2", "-b", content.name, "-F", "vdi")
    run(*create, "top.qcow2", "1M", cwd=content.parent)

    with pytest.raises(Unsupported) as raised:
        opened(ctx, content.parent / "top.qcow2").read_at(0, 1)
    assert raised.value.code == "unsupported.format.vdi"


def test_a_chain_of_images_is_as_long_as_the_settings_allow(content: Path, tmp_path: Path) -> None:
    need("qemu-img")
    base, kind = content.name, "raw"
    for number in range(4):
        create = ("qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", kind)
        base, kind = f"{number}.qcow2", "qcow2"
        run(*create, base, cwd=content.parent)

    assert opened(limited(tmp_path / "a", backing_depth=4), content.parent / base).size == 1 << 20
    with pytest.raises(Exhausted):
        opened(limited(tmp_path / "b", backing_depth=3), content.parent / base)


def test_a_layer_is_the_bytes_of_its_disk(ctx: Context, disk: Path) -> None:
    layer = opened(ctx, containers.qcow2_v3(disk, disk.parent))

    assert layer.size == disk.stat().st_size
    assert layer.read_at(1 << 20, 4096) == disk.read_bytes()[1 << 20 :][:4096]
    assert sum(extent.length for extent in extents(layer)) == layer.size
    assert layer.identity()
    assert [leaf.at.steps for leaf in layer.leaves()] == [("p1",), ("p2",)]
    assert layer.held() is layer.held()


def test_an_address_in_a_disk_that_is_a_file_has_a_step_of_its_own(
    ctx: Context, tmp_path: Path
) -> None:
    need("mke2fs")
    (tmp_path / "in/etc").mkdir(parents=True)
    (tmp_path / "in/etc/hostname").write_text("inner\n")
    (tmp_path / "out").mkdir()
    ext(tmp_path / "out/inner.raw", "-t ext2", tmp_path / "in", "1M")
    outer = ext(tmp_path / "outer.raw", "-t ext2", tmp_path / "out", "4M")
    (entry,) = ctx.call("guest.find", disk=f"{outer}::/inner.raw", path="/etc/hostname")

    assert str(entry.at) == f"{outer}::/inner.raw::/etc/hostname"
    path = parse(str(entry.at)).path
    assert path is not None
    assert b"".join(ctx.call("guest.cat", disk=entry.at.container, paths=[path])) == b"inner\n"


def test_disks_lie_in_disks_as_deep_as_the_settings_allow(tmp_path: Path) -> None:
    need("mke2fs")
    folder = tmp_path / "inner"
    folder.mkdir()
    (folder / "note").write_text("deep\n")
    for size in ("256K", "1M", "3M"):
        image = ext(tmp_path / f"{size}.raw", "-t ext2 -b 1024", folder, size)
        folder = tmp_path / f"of-{size}"
        folder.mkdir()
        shutil.copy(image, folder / "d.raw")
    address = f"{image}::/d.raw::/d.raw::/note"

    def cat(ctx: Context) -> bytes:
        at = parse(address)
        return b"".join(ctx.call("guest.cat", disk=at.container, paths=["/note"]))

    assert cat(limited(tmp_path / "two", nesting_depth=2)) == b"deep\n"
    with pytest.raises(Exhausted, match="nests more than 1 deep") as raised:
        cat(limited(tmp_path / "one", nesting_depth=1))
    assert raised.value.code == "exhausted.nesting"


def test_tables_in_tables_end_and_hide_nothing_else(ctx: Context, tmp_path: Path) -> None:
    """Each of 40 sectors divides what follows it in three, alike: 3**8 volumes that are one."""
    need("mke2fs")
    disk = tmp_path / "mirrors.raw"
    good = ext(tmp_path / "good.raw", "-t ext2 -L good", None, "1M").read_bytes()
    parts = [table(*[(1, 3000)] * 3, (1000, 2048))] + [table(*[(1, 3000)] * 3)] * 39
    disk.write_bytes(b"".join(parts).ljust(512_000, b"\0") + good)
    records = list(ctx.call("guest.info", disk=str(disk)))

    assert [f.label for f in of_type(records, "filesystem")] == ["good"]
    volumes = of_type(records, "volume")
    assert len(volumes) <= 1024
    assert max(len(v.at.steps) for v in volumes) == 8
    rules = {finding.rule for finding in of_type(records, "finding")}
    assert rules >= {"problem.exhausted.nesting", "problem.more"}


def test_tables_in_tables_are_as_deep_as_the_settings_allow(tmp_path: Path) -> None:
    disk = tmp_path / "deep.raw"
    disk.write_bytes((table((1, 100)) * 12).ljust(60_000, b"\0"))
    records = list(limited(tmp_path / "home", nesting_depth=5).call("guest.info", disk=str(disk)))

    assert [len(v.at.steps) for v in of_type(records, "volume")] == [1, 2, 3, 4, 5]
    (finding,) = [f for f in of_type(records, "finding") if "exhausted" in f.rule]
    assert (finding.rule, len(finding.at.steps)) == ("problem.exhausted.nesting", 5)


def test_the_settings_say_how_many_volumes_are_read(tmp_path: Path) -> None:
    disk = partitions.mbr_chain(tmp_path, 12)
    records = list(limited(tmp_path / "home", volumes=6).call("guest.info", disk=str(disk)))

    assert len(of_type(records, "volume")) <= 6
    assert of_type(records, "finding")


def test_what_an_extended_partition_holds_is_listed_once(ctx: Context, tmp_path: Path) -> None:
    need("mke2fs", "sfdisk")
    script = "label: dos\n2: start=4096, size=20480, type=5\n5: start=6144, size=2048\n6: size=2048"
    disk = partitions.mbr(tmp_path, script)
    for number, start in enumerate((6144, 10240)):
        part = ext(tmp_path / "part.raw", f"-t ext2 -L part{number}", None, "1M")
        with disk.open("r+b") as stream:
            stream.seek(start * 512)
            stream.write(part.read_bytes())
    records = list(ctx.call("guest.filesystems", disk=str(disk)))

    assert [v.name for v in of_type(records, "volume")] == ["p2", "p5", "p6"]
    assert [(f.at.steps, f.label) for f in of_type(records, "filesystem")] == [
        (("p5",), "part0"),
        (("p6",), "part1"),
    ]
    with pytest.raises(NotFound):
        opened(ctx, f"{disk}::p2::p1")


def test_a_partition_that_cannot_be_opened_does_not_hide_the_others(
    ctx: Context, tmp_path: Path
) -> None:
    need("mke2fs", "sfdisk")
    script = "label: gpt\nstart=2048, size=2048\nstart=4096, size=2048\nstart=6144, size=2048"
    disk = partitions.gpt(tmp_path, script, 5 << 20)
    part = ext(tmp_path / "part.raw", "-t ext2 -L good", None, "1M").read_bytes()
    future = part[:1123] + b"\x40" + part[1124:]  # an incompatible feature that no one knows
    with disk.open("r+b") as stream:
        for start, content in ((2048, future), (4096, b"\xee" * 9000), (6144, part)):
            stream.seek(start * 512)
            stream.write(content)
    records = list(ctx.call("guest.filesystems", disk=str(disk)))

    assert [(v.name, v.holds) for v in of_type(records, "volume")] == [
        ("p1", None),
        ("p2", None),
        ("p3", "ext"),
    ]
    assert [(f.at.steps, f.label) for f in of_type(records, "filesystem")] == [(("p3",), "good")]
    (finding,) = of_type(records, "finding")
    assert str(finding.at) == f"{disk}::p1"
    assert finding.rule.startswith("problem.unsupported")
    with pytest.raises(Unsupported):
        list(ctx.call("guest.ls", disk=f"{disk}::p1"))


def finding(offset: int | None = None, rule: str = "problem.x") -> Finding:
    return Finding(
        at=Locator("d"), rule=rule, severity=Severity.WARNING, message="damage", offset=offset
    )


def test_a_problem_is_kept_once_and_their_number_is_bounded() -> None:
    findings = Findings(3)
    for offset in (0, 512, 0, 512, 512):
        findings.add(finding(offset))
    assert [f.offset for f in findings.kept] == [0, 512]

    findings.add(finding(0, "problem.y"))
    findings.add(finding(1024))
    findings.add(finding(0))
    findings.add(finding(1025))
    assert len(findings.kept) == 3
    assert findings.dropped == 2


@pytest.mark.parametrize("op", ["guest.info", "guest.filesystems", "guest.inspect"])
def test_problems_beyond_the_limit_are_counted(tmp_path: Path, op: str) -> None:
    disk = tmp_path / "disk.raw"
    disk.write_bytes(table(*[(n, 9999) for n in (1, 3, 5, 7)]).ljust(8192, b"\0"))
    every = of_type(guest_context(tmp_path / "a").call(op, **given(op, disk)), "finding")
    few = of_type(limited(tmp_path / "b", problems=2).call(op, **given(op, disk)), "finding")

    problems = [f for f in every if f.rule.startswith("problem.mbr")]
    assert len(problems) > 4
    assert [f.rule for f in few[:2]] == [f.rule for f in every[:2]]
    (more,) = [f for f in few if f.rule == "problem.more"]
    assert more.message == f"{len(problems) - 2} further problems are not listed"


def given(op: str, disk: Path) -> dict[str, Any]:
    return {"disks": [str(disk)]} if op == "guest.inspect" else {"disk": str(disk)}


def test_other_limits_are_another_inspection(tmp_path: Path) -> None:
    """What is remembered under one setting is not given out under another."""
    disk = tmp_path / "disk.raw"
    disk.write_bytes(table(*[(n, 9999) for n in (1, 3, 5, 7)]).ljust(8192, b"\0"))
    home = tmp_path / "home"
    first = list(guest_context(home).call("guest.inspect", disks=[str(disk)]))
    few = list(limited(home, problems=1).call("guest.inspect", disks=[str(disk)]))

    assert len(of_type(few, "finding")) < len(of_type(first, "finding"))
