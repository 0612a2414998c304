"""MBR partition tables, with the logical partitions of an extended one.

Source: UEFI Specification 2.10, section 5.2.1 "Legacy Master Boot Record"; extended boot records
as Linux block/partitions/msdos.c reads them. Addresses count sectors of 512 bytes.
"""

from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

from strongroom.base.errors import Corrupt
from strongroom.base.format import Magic, OpenContext, Volume, Volumes
from strongroom.base.source import Slice, Source

SECTOR = 512
SIGNATURE = b"\x55\xaa"
SIGNATURE_OFFSET = 510
PROTECTIVE = 0xEE
EXTENDED = frozenset({0x05, 0x0F, 0x85})
_DISK_ID_OFFSET = 440
_TABLE_OFFSET = 446
_ENTRY = Struct("<B3xB3xII")
_ACTIVE = 0x80
_FIRST_LOGICAL = 5


class Partition(NamedTuple):
    """One used table entry; `start` and `sectors` as stored, not yet relative to anything."""

    slot: int
    status: int
    type: int
    start: int
    sectors: int


def partitions(sector: bytes) -> list[Partition]:
    """Return the used entries of a boot record; nothing where its signature is missing."""
    if sector[SIGNATURE_OFFSET : SIGNATURE_OFFSET + 2] != SIGNATURE:
        return []
    entries = (_ENTRY.unpack_from(sector, _TABLE_OFFSET + 16 * slot) for slot in range(4))
    return [Partition(slot, *entry) for slot, entry in enumerate(entries) if entry[1]]


def is_table(head: bytes, size: int) -> bool:
    """Say whether a disk that begins with `head` is divided by an MBR that makes sense.

    The signature alone also stands in FAT, NTFS and boot sectors of file systems, so each entry
    must have a possible status and a place on the disk, and one of them must be used.
    """
    found = partitions(head[:SECTOR])
    if not found or _is_boot_sector(head):
        return False
    statuses = [head[_TABLE_OFFSET + 16 * slot] for slot in range(4)]
    return all(status in (0, _ACTIVE) for status in statuses) and all(
        0 < p.start < max(2, size // SECTOR) and p.sectors for p in found
    )


def _is_boot_sector(head: bytes) -> bool:
    """Say whether a BIOS parameter block of FAT, exFAT or NTFS stands where boot code would."""
    return head[3:11] in (b"NTFS    ", b"EXFAT   ") or (
        head[54:57] == b"FAT" or head[82:87] == b"FAT32"
    )


def is_protective(head: bytes) -> bool:
    """Say whether an MBR names a GPT as the table that holds."""
    return any(partition.type == PROTECTIVE for partition in partitions(head[:SECTOR]))


class MbrFormat:
    """A disk with a legacy partition table."""

    name = "mbr"
    magics = (Magic(SIGNATURE_OFFSET, SIGNATURE),)

    def probe(self, head: bytes, size: int, /) -> bool:
        """Say whether this is an MBR table that is not only there to protect a GPT."""
        return is_table(head, size) and not is_protective(head)

    def open(self, source: Source, ctx: OpenContext, /) -> Volumes:
        """Return the primary partitions as p1 to p4, logical ones from p5 on.

        What overlaps, leaves the disk or breaks the chain is reported; Corrupt where the sector
        has no table at all.
        """
        sector = source.read_at(0, SECTOR)
        primary = partitions(sector)
        if not primary:
            raise Corrupt("mbr", SIGNATURE_OFFSET, "this is no MBR partition table")
        disk_id = int.from_bytes(sector[_DISK_ID_OFFSET : _DISK_ID_OFFSET + 4], "little")
        volumes = []
        for partition in primary:
            volumes.append(_volume(source, partition.slot + 1, partition, disk_id))
            _check_range(source, ctx, partition, partition.slot + 1)
            if partition.type in EXTENDED:
                logical = list(_logical(source, ctx, partition))[: ctx.limits.volumes]
                for number, part in enumerate(logical, _FIRST_LOGICAL):
                    volumes.append(_volume(source, number, part, disk_id))
                    _check_range(source, ctx, part, number)
        volumes.sort(key=lambda volume: int(volume.name[1:]))
        report_overlaps(ctx, "mbr.overlap", [v for v in volumes if int(v.type, 16) not in EXTENDED])
        return Volumes("mbr", tuple(volumes), f"{disk_id:08x}" if disk_id else "")


def _logical(source: Source, ctx: OpenContext, extended: Partition) -> Iterator[Partition]:
    """Yield the logical partitions of an extended one, with `start` counted from the disk's.

    In each boot record the first entry is relative to it, the second leads to the next record and
    is relative to the extended partition. The chain ends at a record seen before or behind the end.
    """
    seen = set()
    at = extended.start
    while True:
        sector = source.read_at(at * SECTOR, SECTOR) if at * SECTOR < source.size else b""
        if at in seen or sector[SIGNATURE_OFFSET:] != SIGNATURE:
            why = "comes back" if at in seen else "leads to no boot record"
            ctx.problem("mbr.ebr", f"the chain of logical partitions {why}", offset=at * SECTOR)
            return
        seen.add(at)
        following = None
        for entry in partitions(sector)[:2]:
            if entry.type in EXTENDED:
                following = entry
            elif entry.sectors:
                yield entry._replace(start=at + entry.start)
        if following is None:
            return
        if len(seen) >= ctx.limits.volumes:
            ctx.problem("mbr.ebr", f"more than {len(seen)} logical partitions", offset=at * SECTOR)
            return
        at = extended.start + following.start


def _volume(source: Source, number: int, partition: Partition, disk_id: int) -> Volume:
    return Volume(
        name=f"p{number}",
        source=Slice(source, partition.start * SECTOR, partition.sectors * SECTOR),
        offset=partition.start * SECTOR,
        type=f"0x{partition.type:02x}",
        uuid=f"{disk_id:08x}-{number:02x}" if disk_id else "",
        flags=("boot",) if partition.status & _ACTIVE else (),
        listed=partition.type in EXTENDED,
    )


def _check_range(source: Source, ctx: OpenContext, partition: Partition, number: int) -> None:
    end = (partition.start + partition.sectors) * SECTOR
    if end > source.size:
        message = f"p{number} ends at byte {end}, the disk at {source.size}"
        ctx.problem("mbr.range", message, offset=_TABLE_OFFSET + 16 * partition.slot)


def report_overlaps(ctx: OpenContext, rule: str, volumes: list[Volume]) -> None:
    """Report each volume that begins before another one, which begins earlier, has ended."""
    end, holder = 0, ""
    for volume in sorted(volumes, key=lambda v: v.offset or 0):
        start = volume.offset or 0
        if start < end:
            ctx.problem(rule, f"{volume.name} overlaps {holder}", offset=start)
        if start + volume.source.size > end:
            end, holder = start + volume.source.size, volume.name


MBR = MbrFormat()
