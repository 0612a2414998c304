"""GUID partition tables, from the backup where the primary is damaged.

Source: UEFI Specification 2.10, section 5.3 "GUID Partition Table (GPT) Disk Layout".
"""

from binascii import crc32
from typing import NamedTuple

from strongroom.base.errors import Corrupt
from strongroom.base.format import Magic, OpenContext, Volume, Volumes
from strongroom.base.layout import Layout
from strongroom.base.limits import MIB
from strongroom.base.record import Severity
from strongroom.base.source import Slice, Source

from .mbr import SIGNATURE, SIGNATURE_OFFSET, is_protective, is_table, report_overlaps

GPT_SIGNATURE = b"EFI PART"
SECTOR_SIZES = (512, 4096)
_UNUSED = bytes(16)
_ENTRY_SIZE_MAX = 4096
_ENTRIES_BYTES_MAX = 1 * MIB
_ABSENT = "gpt.absent"
_FLAGS = {
    0: "required",
    1: "no-block-io",
    2: "legacy-boot",
    59: "grow",
    60: "read-only",
    62: "hidden",
    63: "no-auto",
}
"""Attribute bits: 0 to 2 of table 5.6, the rest as Microsoft and systemd define them."""


class Header(NamedTuple):
    """The GPT header of table 5.5; addresses are in sectors."""

    signature: bytes
    revision: int
    header_size: int
    header_crc32: int
    my_lba: int
    alternate_lba: int
    first_usable_lba: int
    last_usable_lba: int
    disk_guid: bytes
    partition_entry_lba: int
    entries: int
    entry_size: int
    entries_crc32: int


class RawEntry(NamedTuple):
    """One partition entry of table 5.6."""

    type_guid: bytes
    unique_guid: bytes
    first_lba: int
    last_lba: int
    attributes: int
    name: bytes


HEADER = Layout("gpt", Header, "<8sIII4xQQQQ16sQIII")
ENTRY = Layout("gpt", RawEntry, "<16s16sQQQ72s")


class Table(NamedTuple):
    """A header and its entries, both proved by their checksums."""

    sector: int
    header: Header
    content: bytes


class GptFormat:
    """A disk with a GUID partition table."""

    name = "gpt"
    magics = (
        *(Magic(size, GPT_SIGNATURE) for size in SECTOR_SIZES),
        Magic(SIGNATURE_OFFSET, SIGNATURE),
    )

    def probe(self, head: bytes, size: int, /) -> bool:
        """Say whether the MBR protects a GPT, or a GPT stands there and no MBR contradicts it."""
        if is_protective(head):
            return True
        found = any(head[at : at + 8] == GPT_SIGNATURE for at in SECTOR_SIZES)
        return found and not is_table(head, size)

    def open(self, source: Source, ctx: OpenContext, /) -> Volumes:
        """Return the partitions, named p1 to pN by their place in the table.

        Damage to one of the two copies, a difference between them, and partitions that overlap or
        leave the disk are reported. Raises Corrupt where both copies are damaged.
        """
        table = _find_table(source, ctx)
        volumes: list[Volume] = []
        for index in range(table.header.entries):
            entry = ENTRY.parse(table.content, index * table.header.entry_size)
            if entry.type_guid == _UNUSED:
                continue
            if len(volumes) >= ctx.limits.volumes:
                ctx.problem("gpt.volumes", f"only the first {len(volumes)} partitions are read")
                break
            volumes.append(_volume(source, table.sector, index + 1, entry))
            _check_range(source, ctx, table, index + 1)
        report_overlaps(ctx, "gpt.overlap", volumes)
        return Volumes("gpt", tuple(volumes), guid(table.header.disk_guid))


def _find_table(source: Source, ctx: OpenContext) -> Table:
    """Return the primary table, or its backup where it is damaged."""
    errors = []
    for sector in SECTOR_SIZES:
        try:
            primary = _read_table(source, sector, 1)
        except Corrupt as e:
            errors.append(e)
            continue
        _check_backup(source, ctx, primary)
        return primary
    error = next((e for e in errors if e.reason != _ABSENT), errors[0])
    for sector in SECTOR_SIZES:
        for lba in _backup_places(source, sector):
            try:
                backup = _read_table(source, sector, lba)
            except Corrupt:
                continue
            message = f"the primary table is damaged ({error.detail}), its backup is used"
            ctx.problem("gpt.primary", message, offset=error.offset)
            return backup
    raise error


def _backup_places(source: Source, sector: int) -> list[int]:
    """Return the sectors in which a backup header may stand: as a primary says, or the last one."""
    places = [source.size // sector - 1]
    content = source.read_at(sector, HEADER.size)
    if len(content) == HEADER.size and content.startswith(GPT_SIGNATURE):
        places.append(HEADER.parse(content).alternate_lba)
    return [lba for lba in places if 1 < lba < source.size // sector]


def _check_backup(source: Source, ctx: OpenContext, primary: Table) -> None:
    lba = primary.header.alternate_lba
    offset = lba * primary.sector
    try:
        backup = _read_table(source, primary.sector, lba)
    except Corrupt as e:
        message = f"the backup table is damaged ({e.detail})"
        ctx.problem("gpt.backup", message, offset=offset, severity=Severity.NOTICE)
        return
    same = (
        backup.header.disk_guid == primary.header.disk_guid
        and backup.header.entry_size == primary.header.entry_size
        and backup.content == primary.content
    )
    if not same:
        message = "the primary and the backup table differ, the primary one is used"
        ctx.problem("gpt.backup", message, offset=offset)


def _read_table(source: Source, sector: int, lba: int) -> Table:
    """Return the table whose header is in sector `lba`; Corrupt where a checksum is wrong."""
    at = lba * sector
    content = source.read_at(at, sector) if at < source.size else b""
    if not content.startswith(GPT_SIGNATURE):
        raise Corrupt("gpt", at, "there is no GPT header", reason="absent")
    header = HEADER.parse(content, base=at)
    if not HEADER.size <= header.header_size <= len(content):
        raise Corrupt("gpt", at + HEADER.offset("header_size"), "impossible size", reason="header")
    hole = HEADER.offset("header_crc32")
    covered = content[:hole] + bytes(4) + content[hole + 4 : header.header_size]
    if crc32(covered) != header.header_crc32:
        raise Corrupt("gpt", at + hole, "the header's checksum is wrong", reason="header")
    if header.my_lba != lba:
        where = at + HEADER.offset("my_lba")
        raise Corrupt("gpt", where, f"the header belongs into {header.my_lba}", reason="header")
    return Table(sector, header, _read_entries(source, sector, header))


def _read_entries(source: Source, sector: int, header: Header) -> bytes:
    at = header.my_lba * sector
    size = header.entry_size
    if not ENTRY.size <= size <= _ENTRY_SIZE_MAX or size % 8:
        where = at + HEADER.offset("entry_size")
        raise Corrupt("gpt", where, f"entries of {size} bytes", reason="entries")
    length = header.entries * size
    start = header.partition_entry_lba * sector
    if length > _ENTRIES_BYTES_MAX or start + length > source.size:
        where = at + HEADER.offset("entries")
        raise Corrupt("gpt", where, f"{header.entries} entries are too many", reason="entries")
    content = source.read_at(start, length) if length else b""
    if crc32(content) != header.entries_crc32:
        raise Corrupt("gpt", start, "the checksum of the entries is wrong", reason="entries")
    return content


def _volume(source: Source, sector: int, number: int, entry: RawEntry) -> Volume:
    start, end = entry.first_lba * sector, (entry.last_lba + 1) * sector
    bits = (bit for bit in range(64) if entry.attributes >> bit & 1)
    return Volume(
        name=f"p{number}",
        source=Slice(source, start, max(0, end - start)),
        offset=start,
        type=guid(entry.type_guid),
        label=_name(entry.name),
        uuid=guid(entry.unique_guid),
        flags=tuple(_FLAGS.get(bit, f"bit-{bit}") for bit in bits),
    )


def _check_range(source: Source, ctx: OpenContext, table: Table, number: int) -> None:
    """Report a partition that ends before it begins, or leaves the disk or its usable area."""
    header, sector = table.header, table.sector
    inside = (number - 1) * header.entry_size
    entry = ENTRY.parse(table.content, inside)
    end = (entry.last_lba + 1) * sector
    if entry.last_lba < entry.first_lba:
        message = f"p{number} ends before it begins"
    elif end > source.size:
        message = f"p{number} ends at byte {end}, the disk at {source.size}"
    elif entry.first_lba < header.first_usable_lba or entry.last_lba > header.last_usable_lba:
        message = f"p{number} leaves the usable area"
    else:
        return
    ctx.problem("gpt.range", message, offset=header.partition_entry_lba * sector + inside)


def _name(field: bytes) -> str:
    """Return a partition's name: UTF-16, up to its first NUL; a lone surrogate is replaced."""
    return field.decode("utf-16-le", "replace").partition("\0")[0]


def guid(content: bytes) -> str:
    """Return 16 bytes as a GUID in lower case; the first three groups are little-endian."""
    a, b, c = content[3::-1], content[5:3:-1], content[7:5:-1]
    return "-".join(part.hex() for part in (a, b, c, content[8:10], content[10:16]))


GPT = GptFormat()
