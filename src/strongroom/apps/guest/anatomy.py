"""What a disk is made of: containers, partitions, file systems. Nothing inside them is judged."""

from collections.abc import Iterator
from typing import ClassVar

from strongroom.base.format import Image, Volumes
from strongroom.base.locator import Locator
from strongroom.base.record import Finding, Record
from strongroom.base.source import extents
from strongroom.kernel.call import Context
from strongroom.kernel.op import op

from .place import disk as open_disk
from .stack import Layer


class Disk(Record):
    """A disk as its container describes it.

    `format` is "raw" or the outermost container's name, `containers` all of them outermost first;
    `size_bytes` the disk's own size, `file_bytes` that of the file it is in; `stored_bytes` what
    the container keeps of it (asked for with `--allocation`).
    """

    type: ClassVar[str] = "disk"

    format: str
    variant: str | None = None
    compression: str | None = None
    containers: tuple[str, ...] = ()
    size_bytes: int
    file_bytes: int | None = None
    stored_bytes: int | None = None
    cluster_bytes: int | None = None
    backing: str | None = None
    features: tuple[str, ...] = ()
    table: str | None = None
    uuid: str | None = None
    snapshots: int | None = None


class SnapshotRecord(Record):
    """An internal snapshot of a disk; read it with the step `@NAME`."""

    type: ClassVar[str] = "snapshot"

    id: str
    name: str
    created: str
    size_bytes: int


class VolumeRecord(Record):
    """A partition or logical volume; `start_bytes` from the beginning of its disk."""

    type: ClassVar[str] = "volume"

    name: str
    size_bytes: int
    start_bytes: int | None = None
    partition_type: str | None = None
    label: str | None = None
    uuid: str | None = None
    flags: tuple[str, ...] = ()
    holds: str | None = None


class FileSystemRecord(Record):
    """A file system as its superblock describes it; `clean` is false after a crash."""

    type: ClassVar[str] = "filesystem"

    fs_type: str
    label: str | None = None
    uuid: str | None = None
    size_bytes: int | None = None
    free_bytes: int | None = None
    inodes: int | None = None
    inodes_free: int | None = None
    last_mounted: str | None = None
    clean: bool | None = None
    features: tuple[str, ...] = ()


@op("guest.info", since="0.1", aliases=("detect",))
def info(
    ctx: Context, disk: Locator, *, allocation: bool = False
) -> Iterator[Disk | SnapshotRecord | VolumeRecord | FileSystemRecord | Finding]:
    """Tell what a disk image is made of.

    The container and its variant, internal snapshots, the partition table, the file systems.

    Args:
        disk: The image, or a locator such as disk.qcow2::@snap1.
        allocation: Count how many bytes the container stores (reads all its tables).

    Examples:
        guestkit info disk.qcow2
        guestkit info disk.vmdk --allocation --json
    """
    layer = open_disk(ctx, disk)
    yield describe_disk(layer, allocation=allocation)
    yield from snapshots(layer)
    yield from describe_volumes(layer)
    yield from layer.findings
    yield from layer.left_out()


@op("guest.filesystems", since="0.1", aliases=("fs", "partitions", "list-filesystems"))
def filesystems(ctx: Context, disk: Locator) -> Iterator[VolumeRecord | FileSystemRecord | Finding]:
    """List the partitions and file systems of a disk.

    Args:
        disk: The image, or a locator such as disk.qcow2.

    Examples:
        guestkit filesystems disk.qcow2
        guestkit fs disk.vmdk --json
    """
    layer = open_disk(ctx, disk)
    yield from describe_volumes(layer)
    yield from layer.findings
    yield from layer.left_out()


def describe_disk(layer: Layer, *, allocation: bool = False) -> Disk:
    """Return the Record of a disk."""
    first = layer.containers[0] if layer.containers else None
    held = layer.held().content
    table = held if isinstance(held, Volumes) else None
    stored = sum(e.length for e in extents(layer.source) if e.data) if allocation else None
    snaps = layer.source.snapshots() if isinstance(layer.source, Image) else ()
    return Disk(
        at=layer.at,
        format=first.format if first else "raw",
        variant=(first.variant if first else "") or None,
        compression=(first.compression if first else "") or None,
        containers=tuple(facts.format for facts in layer.containers),
        size_bytes=layer.size,
        file_bytes=layer.opening.file_size,
        stored_bytes=stored,
        cluster_bytes=first.cluster_size if first else None,
        backing=(first.backing if first else "") or None,
        features=first.features if first else (),
        table=table.scheme if table else None,
        uuid=(table.uuid if table else "") or None,
        snapshots=len(snaps) or None,
    )


def snapshots(layer: Layer) -> Iterator[SnapshotRecord]:
    """Yield the internal snapshots of a disk's container."""
    if not isinstance(layer.source, Image):
        return
    for snapshot in layer.source.snapshots():
        yield SnapshotRecord(
            at=layer.at.child("@" + snapshot.name),
            id=snapshot.id,
            name=snapshot.name,
            created=rfc3339(snapshot.created_ns),
            size_bytes=snapshot.size,
        )


def describe_volumes(layer: Layer) -> Iterator[VolumeRecord | FileSystemRecord]:
    """Yield the volumes below a layer, each followed by what it holds."""
    below = layer.volumes()
    if not below:
        yield from _file_system(layer)
    for volume in below:
        yield _volume(volume)
        yield from describe_volumes(volume)


def _volume(layer: Layer) -> VolumeRecord:
    volume = layer.volume
    if volume is None:
        raise ValueError("a layer below a table has a volume")
    return VolumeRecord(
        at=layer.at,
        name=volume.name,
        size_bytes=layer.size,
        start_bytes=volume.offset,
        partition_type=volume.type or None,
        label=volume.label or None,
        uuid=volume.uuid or None,
        flags=volume.flags,
        holds=layer.held().format or None,
    )


def _file_system(layer: Layer) -> Iterator[FileSystemRecord]:
    tree = layer.file_system()
    if tree is None:
        return
    facts = tree.facts
    yield FileSystemRecord(
        at=layer.at,
        fs_type=facts.type,
        label=facts.label or None,
        uuid=facts.uuid or None,
        size_bytes=facts.size,
        free_bytes=facts.free,
        inodes=facts.inodes,
        inodes_free=facts.inodes_free,
        last_mounted=facts.last_mounted or None,
        clean=facts.clean,
        features=facts.features,
    )


def rfc3339(ns: int) -> str:
    """Return nanoseconds since 1970 as RFC 3339 in UTC, to the second."""
    from datetime import UTC, datetime, timedelta

    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=ns // 1000)
    except OverflowError:
        return ""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
