"""Mounts: what fstab names is found on the disks as the system would find it, and nothing else."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from strongroom.apps.guest.mounts import MOUNTS_MAX, SYSTEMS_MAX, Mounted, guests, is_root
from strongroom.apps.guest.place import disk
from strongroom.apps.guest.stack import Layer
from strongroom.base.locator import parse
from strongroom.base.record import Finding, to_plain
from strongroom.base.tree import Virtual, read_whole
from strongroom.kernel.call import Context
from strongroom.testing.images import partitions
from strongroom.testing.images.ext import debugfs, ext
from strongroom.testing.tools import need

MIB = 1 << 20
ROOT = "0a1b2c3d-0000-4000-8000-00000000000f"
DATA = "0a1b2c3d-0000-4000-8000-0000000000da"
OTHER = "0a1b2c3d-0000-4000-8000-0000000000af"
SPARE = "0a1b2c3d-0000-4000-8000-0000000000ee"
PART = "5a0e1c3d-0b7a-4f6b-9c54-3d5f6a1b2c3d"

TABLE = f"""\
label: gpt
1: start=2048, size=2048, name="root"
2: start=4096, size=2048, name="data part", uuid={PART.upper()}
3: start=6144, size=2048, name="other"
"""

DATA_NAMES = [
    f"UUID={DATA}",
    f"UUID={DATA.upper()}",
    f'UUID="{DATA}"',
    f"UUID='{DATA}'",
    "LABEL=My\\040Data",
    'LABEL="My\\040Data"',
    f"PARTUUID={PART}",
    f"PARTUUID={PART.upper()}",
    "PARTLABEL=data\\040part",
    'PARTLABEL="data\\040part"',
    "/dev/sda2",
    "/dev/vda2",
    "/dev/xvda2",
    "/dev/hda2",
    "/dev/nvme0n1p2",
    "/dev/mmcblk0p2",
    f"/dev/disk/by-uuid/{DATA}",
    "/dev/disk/by-label/My\\x20Data",
    f"/dev/disk/by-partuuid/{PART}",
    "/dev/disk/by-partlabel/data\\x20part",
]
"""Every way that the fstab of a machine can name p2 of its first disk."""

SPARE_NAMES = [f"UUID={SPARE}", "/dev/sdb", "/dev/vdb", "/dev/nvme1n1"]
"""The same for its second disk, which has no partitions."""

MISSING = [
    "LABEL=my\\040data",  # a label has capital letters
    "LABEL=",
    "UUID=",
    f"LABEL={DATA}",
    f"{DATA}",
    "/dev/sda4",
    "/dev/sdb2",
    "/dev/sdc",
    "/dev/nvme0n1p22",
    "PARTLABEL=Root",
]
"""What is on neither disk."""

PASSED_OVER = [
    (f"UUID={DATA}", "/p/bind", "none", "bind"),
    ("/etc", "/p/bound", "ext4", "defaults,bind"),
    ("/etc", "/p/rbind", "auto", "rbind"),
    (f"UUID={DATA}", "none", "swap", "sw"),
    (f"UUID={DATA}", "swap", "ext4", "defaults"),
    (f"UUID={DATA}", "/p/swap", "swap", "sw"),
    ("tmpfs", "/p/tmp", "tmpfs", "defaults"),
    (f"UUID={DATA}", "/p/noauto", "ext4", "noauto,user"),
    ("/dev/sr0", "/p/cdrom", "iso9660", "ro,noauto"),
    ("server:/share", "/p/nfs", "nfs4", "_netdev"),
    ("//server/share", "/p/cifs", "cifs", "guest"),
    ("user@server:", "/p/sshfs", "fuse.sshfs", "defaults"),
    (f"UUID={DATA}", "/p/" + "x" * 2000, "ext4", "defaults"),
    (f"UUID={DATA}", "/", "ext4", "defaults"),
]
"""Lines that make the system mount nothing from a disk by itself."""


def fstab() -> str:
    lines = [f"{name} /data-{n} ext4 defaults 0 2" for n, name in enumerate(DATA_NAMES)]
    lines += [f"{name} /spare-{n} auto defaults" for n, name in enumerate(SPARE_NAMES)]
    lines += [f"{name} /missing-{n} ext4 defaults 0 2" for n, name in enumerate(MISSING)]
    lines += [" ".join(fields) for fields in PASSED_OVER]
    lines += [f"UUID={DATA} /later ext4 noauto,x-systemd.automount 0 0"]
    return "# <device> <point>\n" + "\n".join(lines) + "\n"


def volume(out: Path, name: str, options: str, files: Mapping[str, str]) -> Path:
    folder = out / f"{name}-files"
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return ext(out / f"{name}.raw", f"-t ext2 -b 1024 {options}", folder, "1M")


def system(name: str, table: str) -> dict[str, str]:
    return {
        "etc/os-release": f"ID={name}\n",
        "etc/hostname": f"{name}\n",
        "etc/fstab": table,
    }


@pytest.fixture(scope="module")
def disks(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A disk with two systems and a volume that both mount; a disk that is one file system."""
    need("mke2fs", "sfdisk")
    out = tmp_path_factory.mktemp("mounts")
    first = partitions.gpt(out, TABLE, 5 * MIB)
    other = f'LABEL="My\\040Data" /home ext4 defaults\nUUID={SPARE} /spare ext4 defaults\n'
    parts = [
        volume(out, "root", f"-U {ROOT} -L root", system("one", fstab())),
        volume(out, "data", f"-U {DATA} -L My=Data", {"ada/notes": "of the data\n"}),
        volume(out, "other", f"-U {OTHER} -L other", system("two", other)),
    ]
    debugfs(parts[1], 'set_super_value volume_name "My Data"')
    with first.open("r+b") as stream:
        for number, part in enumerate(parts, 1):
            stream.seek(number * MIB)
            stream.write(part.read_bytes())
    return first, volume(out, "spare", f"-U {SPARE}", {"box": "of the spare disk\n"})


def opened(ctx: Context, *locators: str | Path) -> list[Layer]:
    return [disk(ctx, parse(str(locator))) for locator in locators]


def points(mounted: Mounted) -> dict[str, str]:
    """Return which volume is mounted where, by the text of its address."""
    return {point: str(volume.layer.at) for point, volume in mounted.mounts}


def content(ctx: Context, address: object) -> bytes:
    source: Any = ctx.open(parse(str(address)))
    return read_whole(source, str(address), size_max=MIB)


def test_every_name_of_a_volume_leads_to_it(ctx: Context, disks: tuple[Path, Path]) -> None:
    first, second = disks
    (mounted, _) = guests(opened(ctx, first, second))

    assert points(mounted) == {
        "/": f"{first}::p1",
        **{f"/data-{n}": f"{first}::p2" for n in range(len(DATA_NAMES))},
        **{f"/spare-{n}": str(second) for n in range(len(SPARE_NAMES))},
        "/later": f"{first}::p2",
    }
    for number in range(len(DATA_NAMES)):
        assert mounted.guest.read_bytes(f"/data-{number}/ada/notes") == b"of the data\n"


def test_what_is_on_no_disk_is_missing_and_nothing_else_is(
    ctx: Context, disks: tuple[Path, Path]
) -> None:
    (mounted, _) = guests(opened(ctx, *disks))

    assert [entry.point for entry in mounted.missing] == [
        f"/missing-{n}" for n in range(len(MISSING))
    ]
    (alone, _) = guests(opened(ctx, disks[0]))
    assert [e.point for e in alone.missing if e.point.startswith("/spare")] == [
        f"/spare-{n}" for n in range(len(SPARE_NAMES))
    ]


def test_disks_are_counted_in_the_order_given(ctx: Context, disks: tuple[Path, Path]) -> None:
    (mounted, _) = guests(opened(ctx, *reversed(disks)))
    mounts = points(mounted)

    assert mounts["/"] == f"{disks[0]}::p1"
    assert f"/data-{DATA_NAMES.index('/dev/sda2')}" not in mounts  # sda is the other one
    assert mounts["/data-0"] == f"{disks[0]}::p2"
    assert "/dev/sdb2" not in [entry.device for entry in mounted.missing]


def test_two_systems_on_one_disk_are_two_guests(ctx: Context, disks: tuple[Path, Path]) -> None:
    one, two = guests(opened(ctx, *disks))

    assert one.guest.read_text("/etc/hostname") == "one\n"
    assert two.guest.read_text("/etc/hostname") == "two\n"
    assert two.guest.read_text("/home/ada/notes") == "of the data\n"
    assert points(two) == {
        "/": f"{disks[0]}::p3",
        "/home": f"{disks[0]}::p2",
        "/spare": str(disks[1]),
    }


def test_every_address_opens_by_itself(ctx: Context, disks: tuple[Path, Path]) -> None:
    first, second = disks
    one, two = guests(opened(ctx, first, second))
    expected = [
        (one, "/etc/hostname", f"{first}::/etc/hostname"),
        (one, "/data-0/ada/notes", f"{first}::/data-0/ada/notes"),
        (one, "/spare-0/box", f"{second}::/box"),
        (two, "/etc/hostname", f"{first}::p3::/etc/hostname"),
        (two, "/home/ada/notes", f"{first}::p2::/ada/notes"),
        (two, "/spare/box", f"{second}::/box"),
    ]
    for mounted, path, address in expected:
        assert str(mounted.guest.locate(path)) == address
        assert content(ctx, address) == mounted.guest.read_bytes(path)


def test_disks_inside_a_disk_are_a_machine_with_addresses_that_open(
    ctx: Context, disks: tuple[Path, Path], tmp_path: Path
) -> None:
    folder = tmp_path / "machine"
    folder.mkdir()
    for name, path in zip(("a", "b"), disks, strict=True):
        (folder / f"{name}.raw").write_bytes(path.read_bytes())
    outer = ext(tmp_path / "outer.raw", "-t ext2", folder, "9M")
    one, two = guests(opened(ctx, f"{outer}::/a.raw", f"{outer}::/b.raw"))

    for mounted, inside, address in (
        (one, "/etc/hostname", "/a.raw::/etc/hostname"),
        (one, "/data-0/ada/notes", "/a.raw::/data-0/ada/notes"),
        (one, "/spare-0/box", "/b.raw::/box"),
        (two, "/home/ada/notes", "/a.raw::p2::/ada/notes"),
    ):
        assert str(mounted.guest.locate(inside)) == f"{outer}::{address}"
        assert content(ctx, f"{outer}::{address}") == mounted.guest.read_bytes(inside)


def test_inspection_tells_of_both_systems_and_of_what_is_missing(
    ctx: Context, disks: tuple[Path, Path]
) -> None:
    records = list(ctx.call("guest.inspect", disks=[*map(str, disks)]))

    names = [to_plain(r)["hostname"] for r in records if r.type == "os"]
    assert names == ["one", "two"]
    missing = [r for r in records if isinstance(r, Finding) and r.rule == "mount.missing"]
    assert len(missing) == len(MISSING)
    lines = fstab().splitlines()
    for found, device in zip(missing, MISSING, strict=True):
        assert found.line is not None
        assert lines[found.line - 1].split()[0] == device
        assert content(ctx, found.at).decode() == fstab()


def test_an_fstab_without_end_is_followed_for_a_while(ctx: Context, tmp_path: Path) -> None:
    need("mke2fs")
    table = "".join(f"UUID={ROOT} /m{n} ext4 d\n" for n in range(MOUNTS_MAX + 50))
    image = volume(tmp_path, "root", f"-U {ROOT}", system("many", table))
    (layer,) = opened(ctx, image)
    (mounted,) = guests([layer])

    assert len(mounted.mounts) == MOUNTS_MAX + 1
    assert [f.rule for f in layer.findings] == ["problem.fstab.lines"]


def test_the_number_of_systems_is_bounded(ctx: Context, tmp_path: Path) -> None:
    need("mke2fs")
    image = volume(tmp_path, "root", "", system("same", ""))
    layers = opened(ctx, *[image] * (SYSTEMS_MAX + 1))

    assert len(guests(layers)) == SYSTEMS_MAX
    assert [f.rule for f in layers[0].findings] == ["problem.systems"]


@pytest.mark.parametrize("table", [None, "\0\xff\n", "UUID= / ext4\n/dev/sda1\n", "x" * 300_000])
def test_a_system_without_a_readable_fstab_is_its_root(
    ctx: Context, tmp_path: Path, table: str | None
) -> None:
    need("mke2fs")
    files = system("plain", table or "")
    if table is None:
        del files["etc/fstab"]
    (mounted,) = guests(opened(ctx, volume(tmp_path, "root", "", files)))

    assert [point for point, _ in mounted.mounts] == ["/"]
    assert mounted.missing == ()


@pytest.mark.parametrize(
    ("nodes", "answer"),
    [
        ({"/etc/os-release": "ID=x\n"}, True),
        ({"/usr/lib/os-release": "ID=x\n"}, True),
        ({"/etc/alpine-release": "3.23\n"}, True),
        ({"/etc/debian_version": "12\n"}, True),
        ({"/etc/redhat-release": "9\n"}, True),
        ({"/etc/os-release/sub": "ID=x\n"}, False),
        ({"/os-release": "ID=x\n"}, False),
        ({"/etc/fstab": ""}, False),
        ({}, False),
    ],
)
def test_a_root_has_a_file_that_names_its_system(nodes: dict[str, str], answer: object) -> None:
    tree = Virtual({path: text.encode() for path, text in nodes.items()})

    assert is_root(tree) is answer
