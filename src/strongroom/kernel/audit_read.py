"""The audit log as it was at one moment, for those who only read it: verify, query, export."""

import os
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple, Self

from strongroom.base.errors import Unavailable

from .audit_format import (
    KEY_BYTES,
    LINE_BYTES_MAX,
    PIN_BYTES,
    Anchor,
    Keys,
    Personal,
    Pin,
    decode_pin,
    derive,
    parse_personal,
    segment_name,
)
from .store import lock


class Line(NamedTuple):
    """A line as it lies on disk. `number` counts from 1, `offset` is in bytes in the segment.

    `data` is without the line feed; `whole` is False where there is none, at the end or where a
    line is longer than any of ours.
    """

    segment: int
    number: int
    offset: int
    data: bytes
    whole: bool


class Reading:
    """What the log was when `take` looked; later appends and erasures are not seen.

    `keys` is None where the key is missing, `pin` None where there is no pin. `segments` are the
    sizes in bytes by number.
    """

    def __init__(
        self,
        folder: str,
        keys: Keys | None,
        pin: Pin | None,
        segments: dict[int, int],
        personal: BinaryIO | None,
    ) -> None:
        self.dir = folder
        self.keys = keys
        self.pin = pin
        self.segments = segments
        self._personal = personal
        self.personal_size = 0 if personal is None else os.fstat(personal.fileno()).st_size

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the personal file."""
        if self._personal is not None:
            self._personal.close()

    @property
    def anchor(self) -> Anchor | None:
        """The pinned entry; None before the first one."""
        if self.keys is None or self.pin is None or self.pin.head is None:
            return None
        at = self.pin.head.at
        return Anchor(self.keys.chain, at.seq, at.hash) if at.seq else None

    def lines(self, segment: int, offset: int = 0) -> Iterator[Line]:
        """Yield the lines of a segment from `offset`, the start of one. Unavailable."""
        size = self.segments.get(segment, 0)
        if size <= offset:
            return
        try:
            with open(os.path.join(self.dir, segment_name(segment)), "rb") as file:
                file.seek(offset)
                number = 0
                while offset < size and (data := file.readline(min(LINE_BYTES_MAX, size - offset))):
                    number += 1
                    whole = data.endswith(b"\n")
                    yield Line(segment, number, offset, data[:-1] if whole else data, whole)
                    offset += len(data)
        except OSError as e:
            raise _unreadable(e, segment_name(segment)) from e

    def personal_lines(self) -> Iterator[tuple[int, bytes]]:
        """Yield the offset and bytes of each line of the personal file. Unavailable."""
        if self._personal is None:
            return
        offset = 0
        try:
            self._personal.seek(0)
            while offset < self.personal_size:
                data = self._personal.readline(min(LINE_BYTES_MAX, self.personal_size - offset))
                if not data:
                    return
                yield offset, data
                offset += len(data)
        except OSError as e:
            raise _unreadable(e, "personal.jsonl") from e

    def personal(self) -> Iterator[Personal]:
        """Yield the personal values that match their commitment."""
        for _, data in self.personal_lines():
            found = parse_personal(data)
            if found is not None and found.whole:
                yield found


def take(state_dir: str, boot: str) -> Reading:
    """Look at the log below a state folder, which may be empty. Unavailable if it is not readable.

    `boot` is the digest of the present boot id.
    """
    path = os.path.join(state_dir, "audit.head")
    try:
        try:
            pin_fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return look(state_dir, boot, b"")
        try:
            lock(pin_fd, path, shared=True)
            return look(state_dir, boot, os.pread(pin_fd, PIN_BYTES, 0))
        finally:
            os.close(pin_fd)
    except OSError as e:
        raise _unreadable(e, "a file") from e


def look(state_dir: str, boot: str, blob: bytes) -> Reading:
    """Look at the log with the bytes of its pin at hand and the lock held; OSError."""
    folder = os.path.join(state_dir, "audit")
    keys = _keys(folder)
    pin = None
    if blob:
        pin = Pin(None, sound=False) if keys is None else decode_pin(blob, keys, boot)
    segments = {}
    for entry in os.scandir(folder) if os.path.isdir(folder) else ():
        stem, _, suffix = entry.name.partition(".")
        if suffix == "jsonl" and stem.isdecimal() and segment_name(int(stem)) == entry.name:
            segments[int(stem)] = entry.stat().st_size
    try:
        personal = open(os.path.join(folder, "personal.jsonl"), "rb")  # noqa: SIM115  Reading closes it
    except FileNotFoundError:
        personal = None
    return Reading(folder, keys, pin, segments, personal)


def _keys(folder: str) -> Keys | None:
    try:
        with open(os.path.join(folder, "chain.key"), "rb") as file:
            key = file.read(KEY_BYTES + 1)
    except FileNotFoundError:
        return None
    return derive(key) if len(key) == KEY_BYTES else None


def _unreadable(error: OSError, name: str) -> Unavailable:
    return Unavailable(
        f"cannot read {name} of the audit log: {error.strerror}", reason="audit.read"
    )
