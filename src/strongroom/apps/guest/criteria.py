"""Criteria: what a user writes to choose files: sizes, dates, permissions, kinds, globs."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from fnmatch import translate
from typing import NamedTuple

from strongroom.base.errors import Usage
from strongroom.base.tree import Kind

UNITS = {"": 1, "B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_SIZE = re.compile(r"(\d{1,18})([KMGT]?)(?:i?B)?", re.ASCII | re.IGNORECASE)
_AGE = re.compile(r"(\d{1,6})([smhdw])", re.ASCII)
_AGE_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_PERMISSIONS = re.compile(r"([-/]?)([0-7]{1,4})", re.ASCII)
_KINDS: dict[str, Kind] = {
    "f": "file",
    "d": "dir",
    "l": "link",
    "c": "char",
    "b": "block",
    "p": "fifo",
    "s": "socket",
}


class SizeBound(NamedTuple):
    """A size to compare with, in bytes: more than ("+"), less than ("-") or exactly ("")."""

    sign: str
    size: int

    def holds(self, size: int) -> bool:
        """Say whether a file of `size` bytes is meant."""
        if self.sign == "+":
            return size > self.size
        return size < self.size if self.sign == "-" else size == self.size


class Permissions(NamedTuple):
    """Mode bits to compare with: exactly (""), all of them ("-"), any of them ("/")."""

    sign: str
    bits: int

    def holds(self, mode: int) -> bool:
        """Say whether a file of these twelve mode bits is meant."""
        if self.sign == "-":
            return mode & self.bits == self.bits
        if self.sign == "/":
            return not self.bits or bool(mode & self.bits)
        return mode == self.bits


def parse_size(text: str) -> int:
    """Return bytes from `4096`, `10M`, `1GiB`: units are powers of 1024; Usage for other text."""
    match = _SIZE.fullmatch(text)
    if match is None:
        hint = "write bytes or a unit, such as 10M"
        raise Usage(f"{text!r} is no size", hint=hint, reason="size")
    return int(match[1]) * UNITS[match[2].upper()]


def parse_size_bound(text: str) -> SizeBound:
    """Return the bound that `+10M` (more than), `-4K` (less than) or `0` (exactly) spells."""
    sign = text[:1] if text[:1] in ("+", "-") else ""
    return SizeBound(sign, parse_size(text[len(sign) :]))


def parse_permissions(text: str) -> Permissions:
    """Return the mode that `644` (exactly), `-4000` (all bits) or `/6000` (any bit) spells."""
    match = _PERMISSIONS.fullmatch(text)
    if match is None:
        raise Usage(
            f"{text!r} is no mode",
            hint="write it in octal: 644 exactly, -4000 all of these bits, /6000 any of them",
            reason="mode",
        )
    return Permissions(match[1], int(match[2], 8))


def parse_moment(text: str, now_s: float) -> int:
    """Return nanoseconds since 1970 of a date, a time (RFC 3339, UTC where it has no zone), or an
    age such as `7d` or `12h` before now; Usage for other text.
    """
    age = _AGE.fullmatch(text)
    if age is not None:
        return int(now_s * 1e9) - int(age[1]) * _AGE_SECONDS[age[2]] * 1_000_000_000
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    except (ValueError, OverflowError) as e:
        raise Usage(
            f"{text!r} is no date",
            hint="write 2026-01-31, 2026-01-31T10:00:00Z, or an age such as 7d",
            reason="date",
        ) from e
    return ((delta.days * 86400 + delta.seconds) * 1_000_000 + delta.microseconds) * 1000


def parse_kinds(text: str) -> frozenset[Kind]:
    """Return the kinds that letters as of find(1) name, such as `f` or `f,l`."""
    letters = text.split(",")
    for letter in letters:
        if letter not in _KINDS:
            raise Usage(
                f"{letter!r} is no file type",
                hint="f file, d directory, l link, c and b device, p fifo, s socket; f,l for both",
                reason="kind",
            )
    return frozenset(_KINDS[letter] for letter in letters)


def parse_glob(text: str, *, ignore_case: bool = False) -> Callable[[str], object]:
    """Return a test of whole names by `*`, `?`, `[a-z]`, `[!a-z]`; a leading dot is as any."""
    if not text or "/" in text:
        raise Usage(
            f"{text!r} is no pattern for a name",
            hint="it is held against the last component, which is not empty and has no slash",
            reason="glob",
        )
    return re.compile(translate(text), re.IGNORECASE if ignore_case else 0).match
