"""Mounts: which file systems are an operating system's root, and what its fstab joins to it."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from strongroom.base.errors import StrongroomError
from strongroom.base.format import FileSystem
from strongroom.base.locator import Locator
from strongroom.base.tree import Merged, Tree, normalise, read_file, resolve
from strongroom.formats.guest.fstab import FstabEntry, parse_fstab

from .guest import Guest
from .stack import Layer

OS_MARKERS = (
    "/etc/os-release",
    "/usr/lib/os-release",
    "/etc/alpine-release",
    "/etc/debian_version",
    "/etc/redhat-release",
)
"""Files of which a Linux root has at least one (os-release(5); the others are older systems')."""

PSEUDO_TYPES = frozenset({"swap", "proc", "sysfs", "tmpfs", "devpts", "devtmpfs", "none", "nfs"})
FSTAB_BYTES_MAX = 1 << 20
DISK_KINDS = ("sd", "vd", "xvd", "hd")
"""Names that kernels give to whole disks, before their letter (Linux admin-guide/devices.txt)."""


class Volume(NamedTuple):
    """A file system and the layer it stands in; `disk` counts from 0 in the order given."""

    layer: Layer
    tree: FileSystem
    disk: int


class Mounted(NamedTuple):
    """A guest put together: its root, its mount table, and what its fstab names in vain."""

    guest: Guest
    root: Volume
    mounts: tuple[tuple[str, Volume], ...]
    missing: tuple[FstabEntry, ...]


def file_systems(disks: Sequence[Layer]) -> list[Volume]:
    """Return every file system that stands on the disks, in the order of the tables."""
    return [
        Volume(leaf, tree, number)
        for number, disk in enumerate(disks)
        for leaf in disk.leaves()
        if (tree := leaf.file_system()) is not None
    ]


def guests(disks: Sequence[Layer]) -> list[Mounted]:
    """Return one guest for each operating system found on the disks taken together."""
    volumes = file_systems(disks)
    roots = [volume for volume in volumes if is_root(volume.tree)]
    return [_assemble(root, volumes, disks, first=number == 0) for number, root in enumerate(roots)]


def is_root(tree: Tree) -> bool:
    """Say whether a file system is the root of a Linux system."""
    return any(_exists(tree, marker) for marker in OS_MARKERS)


def _exists(tree: Tree, path: str) -> bool:
    try:
        return tree.stat(resolve(tree, path)).kind == "file"
    except StrongroomError:
        return False


def _assemble(
    root: Volume, volumes: list[Volume], disks: Sequence[Layer], *, first: bool
) -> Mounted:
    mounts: dict[str, Volume] = {"/": root}
    missing: list[FstabEntry] = []
    for entry in _fstab(root.tree):
        point = normalise(entry.point)
        if point == "/" or entry.fs_type in PSEUDO_TYPES or not entry.point.startswith("/"):
            continue
        if "bind" in entry.options:
            continue
        volume = _find(entry.device, volumes)
        if volume is None:
            if "noauto" not in entry.options:
                missing.append(entry)
        else:
            mounts.setdefault(point, volume)
    merged = Merged({point: volume.tree for point, volume in mounts.items()})
    guest = Guest(
        tree=merged,
        locate=_locator(merged, mounts, root if not first else None, disks[root.disk]),
        problems=disks[root.disk].findings,
    )
    return Mounted(guest, root, tuple(mounts.items()), tuple(missing))


def _locator(
    merged: Merged, mounts: dict[str, Volume], other: Volume | None, disk: Layer
) -> Callable[[str], Locator]:
    """Return what turns a path of the merged tree into an address that opens by itself.

    `disk::/path` means the merged tree of the disk's first system; a path on another disk, or of
    a second system (`other`), is given in its own volume.
    """

    def locate(path: str) -> Locator:
        mount, inner = merged.locate(path)
        volume = mounts[mount.point]
        if other is None and volume.layer.at.origin == disk.at.origin:
            return disk.at / path
        return volume.layer.at / inner

    return locate


def _fstab(tree: Tree) -> list[FstabEntry]:
    try:
        text = read_file(tree, "/etc/fstab", size_max=FSTAB_BYTES_MAX)
    except StrongroomError:
        return []
    return list(parse_fstab(text.decode("utf-8", "surrogateescape")).entries)


def _find(device: str, volumes: list[Volume]) -> Volume | None:
    """Return the volume that an fstab device field names (fstab(5), first field)."""
    for volume in volumes:
        if device.lower() in {name.lower() for name in _names(volume)}:
            return volume
    return None


def _names(volume: Volume) -> Iterator[str]:
    facts = volume.tree.facts
    table = volume.layer.volume
    tags = [
        ("UUID", "uuid", facts.uuid),
        ("LABEL", "label", facts.label),
        ("PARTUUID", "partuuid", table.uuid if table else ""),
        ("PARTLABEL", "partlabel", table.label if table else ""),
    ]
    for tag, folder, value in tags:
        if value:
            yield f"{tag}={value}"
            yield f'{tag}="{value}"'
            yield f"/dev/disk/by-{folder}/{value}"
    if table is None:
        yield from (f"/dev/{kind}{chr(ord('a') + volume.disk)}" for kind in DISK_KINDS)
    elif table.name[:1] == "p" and table.name[1:].isdigit():
        letter, number = chr(ord("a") + volume.disk), table.name[1:]
        yield from (f"/dev/{kind}{letter}{number}" for kind in DISK_KINDS)
        yield f"/dev/nvme{volume.disk}n1p{number}"
        yield f"/dev/mmcblk{volume.disk}p{number}"
    else:
        yield f"/dev/{table.name}"
        yield "/dev/mapper/" + table.name.replace("-", "--").replace("/", "-")
