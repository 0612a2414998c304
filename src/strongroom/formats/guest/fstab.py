"""The table of file systems: fstab(5), also /proc/mounts and mtab."""

import re
from typing import NamedTuple

from .lines import Faults, Parsed, number, numbered, quote


class FstabEntry(NamedTuple):
    """One line of fstab(5). `device` is as written: a path, UUID=, LABEL=, PARTUUID=, a host."""

    line: int
    device: str
    point: str
    fs_type: str
    options: tuple[str, ...]
    dump: int
    fsck_pass: int


_OCTAL = re.compile(rb"\\([0-7]{3})")
_ABSENT = ("defaults", "0", "0")


def parse_fstab(text: str) -> Parsed[FstabEntry]:
    """Return the entries in file order; missing options read as "defaults"."""
    entries: list[FstabEntry] = []
    faults = Faults()
    for at, line in numbered(text):
        bare = line.strip(" \t")
        if not bare or bare.startswith("#"):
            continue
        fields = [_unescape(field) for field in bare.split()]
        if len(fields) < 3:
            faults.add(at, f"{quote(bare)} has fewer than three fields")
            continue
        device, point, fs_type, options, dump, fsck_pass = [
            *fields[:6],
            *_ABSENT[len(fields) - 3 :],
        ]
        entries.append(
            FstabEntry(
                at,
                device,
                point,
                fs_type,
                tuple(option for option in options.split(",") if option),
                number(dump, 1 << 31) or 0,
                number(fsck_pass, 1 << 31) or 0,
            )
        )
    return Parsed(tuple(entries), faults.kept())


def _unescape(field: str) -> str:
    """Return a field with its octal escapes replaced; a space is written as 040."""
    if "\\" not in field:
        return field
    raw = field.encode("utf-8", "surrogateescape")
    plain = _OCTAL.sub(lambda match: bytes((int(match[1], 8) & 0xFF,)), raw)
    return plain.decode("utf-8", "surrogateescape")
