"""Mounts: which file systems are an operating system's root, and what its fstab joins to it."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from strongroom.base.errors import NotFound, StrongroomError, Usage
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

ELSEWHERE = frozenset(
    {
        "9p",
        "aufs",
        "autofs",
        "binfmt_misc",
        "bpf",
        "ceph",
        "cgroup",
        "cgroup2",
        "cifs",
        "configfs",
        "debugfs",
        "devpts",
        "devtmpfs",
        "efivarfs",
        "fusectl",
        "glusterfs",
        "hugetlbfs",
        "ignore",
        "mqueue",
        "nfs",
        "nfs4",
        "none",
        "overlay",
        "proc",
        "pstore",
        "ramfs",
        "securityfs",
        "smb3",
        "smbfs",
        "swap",
        "sysfs",
        "tmpfs",
        "tracefs",
        "virtiofs",
    }
)
"""Types of what stands on no disk, on another machine, or has no names (swap)."""
FSTAB_BYTES_MAX = 1 << 18
MOUNTS_MAX = 256
"""Lines of one fstab that are followed: each lookup in a merged tree asks every mount."""
POINT_CHARS_MAX = 1024
SYSTEMS_MAX = 32
"""Operating systems put together of the disks of one machine."""
DISK_KINDS = ("sd", "vd", "xvd", "hd")
"""Names that kernels give to whole disks, before their letter (Linux admin-guide/devices.txt)."""


_HEX_ID = re.compile(r"(PART)?UUID=|/dev/disk/by-(part)?uuid/", re.ASCII)
_NOT_IN_DEV = re.compile(r"[\x00-\x7f](?<![0-9A-Za-z#+.:=@_-])")


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
    roots = [v for v in volumes if is_root(v.tree, v.layer.opening.inside(v.layer.at).damage)]
    if len(roots) > SYSTEMS_MAX:
        disks[0].opening.problem(
            "systems", f"only the first {SYSTEMS_MAX} of {len(roots)} operating systems are read"
        )
    named: dict[str, Volume] = {}
    for volume in volumes:
        for name in _names(volume, disks[volume.disk]):
            named.setdefault(_spelled(name), volume)
    return [
        _assemble(root, named, disks, first=number == 0)
        for number, root in enumerate(roots[:SYSTEMS_MAX])
    ]


def is_root(tree: Tree, report: Callable[[StrongroomError], None] | None = None) -> bool:
    """Say whether a file system is the root of a Linux system; damage met is passed to `report`."""
    for marker in OS_MARKERS:
        try:
            if tree.stat(resolve(tree, marker)).kind == "file":
                return True
        except (NotFound, Usage):
            continue
        except StrongroomError as e:
            if report is not None:
                report(e)
    return False


def _assemble(
    root: Volume, named: Mapping[str, Volume], disks: Sequence[Layer], *, first: bool
) -> Mounted:
    mounts: dict[str, Volume] = {"/": root}
    missing: list[FstabEntry] = []
    for entry in _fstab(root):
        point = normalise(entry.point)
        if point == "/" or not _is_mounted(entry):
            continue
        volume = named.get(_device(entry.device))
        if volume is None:
            missing.append(entry)
        else:
            mounts.setdefault(point, volume)
    merged = Merged({point: volume.tree for point, volume in mounts.items()})
    guest = Guest(
        tree=merged,
        locate=_locator(merged, mounts, disks[root.disk] if first else None, root.disk),
        limits=disks[root.disk].opening.limits,
        problems=disks[root.disk].findings,
    )
    return Mounted(guest, root, tuple(mounts.items()), tuple(missing))


def _is_mounted(entry: FstabEntry) -> bool:
    """Say whether the system mounts a line of its fstab from a disk by itself (mount(8))."""
    options = entry.options
    if not entry.point.startswith("/") or len(entry.point) > POINT_CHARS_MAX:
        return False
    if "bind" in options or "rbind" in options:
        return False
    if "noauto" in options and "x-systemd.automount" not in options:
        return False
    return entry.fs_type not in ELSEWHERE and not entry.fs_type.startswith("fuse.")


def _locator(
    merged: Merged, mounts: dict[str, Volume], disk: Layer | None, number: int
) -> Callable[[str], Locator]:
    """Return what turns a path of the merged tree into an address that opens by itself.

    `disk::/path` means the merged tree of the first system on `disk`, whose number is given. A path
    on another disk, or of a further system (`disk` is None), is given in its own volume.
    """

    def locate(path: str) -> Locator:
        mount, inner = merged.locate(path)
        volume = mounts[mount.point]
        if disk is not None and volume.disk == number:
            return disk.locate(path)
        return volume.layer.locate(inner)

    return locate


def _fstab(root: Volume) -> Sequence[FstabEntry]:
    try:
        text = read_file(root.tree, "/etc/fstab", size_max=FSTAB_BYTES_MAX)
    except (NotFound, Usage):
        return []
    except StrongroomError as e:
        root.layer.opening.inside(root.layer.at / "/etc/fstab").damage(e)
        return []
    entries = parse_fstab(text.decode("utf-8", "surrogateescape")).entries
    if len(entries) > MOUNTS_MAX:
        message = f"only the first {MOUNTS_MAX} of {len(entries)} lines of /etc/fstab are followed"
        root.layer.opening.problem("fstab.lines", message)
    return entries[:MOUNTS_MAX]


def _device(field: str) -> str:
    """Return an fstab device field as `_names` spells it: fstab(5), first field, and quotes."""
    tag, equals, value = field.partition("=")
    if equals and value[:1] in ('"', "'") and value[-1:] == value[:1]:
        value = value[1:-1]
    return _spelled(f"{tag}{equals}{value}")


def _spelled(name: str) -> str:
    """Return a name as it is compared: ids in hex are the same in small and capital letters."""
    return name.lower() if _HEX_ID.match(name) else name


def _names(volume: Volume, disk: Layer) -> Iterator[str]:
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
            yield f"/dev/disk/by-{folder}/{_escaped(value)}"
    if table is None:
        yield from (f"/dev/{kind}{chr(ord('a') + volume.disk)}" for kind in DISK_KINDS)
        yield f"/dev/nvme{volume.disk}n1"
        yield f"/dev/mmcblk{volume.disk}"
    elif volume.layer.depth > disk.depth + 1:
        return  # in a table inside a partition: kernels give it no name of its own
    elif table.name[:1] == "p" and table.name[1:].isdigit():
        letter, number = chr(ord("a") + volume.disk), table.name[1:]
        yield from (f"/dev/{kind}{letter}{number}" for kind in DISK_KINDS)
        yield f"/dev/nvme{volume.disk}n1p{number}"
        yield f"/dev/mmcblk{volume.disk}p{number}"
    else:
        yield f"/dev/{table.name}"
        yield "/dev/mapper/" + table.name.replace("-", "--").replace("/", "-")


def _escaped(value: str) -> str:
    """Return a label as udev names its link: what is special is written in hex (udev(7))."""
    return _NOT_IN_DEV.sub(lambda match: f"\\x{ord(match[0]):02x}", value)
