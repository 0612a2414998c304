"""Appending to the audit log: its place, and the hand that holds it locked (docs/spec/audit.md).

Nothing is kept open between appends: each sees what other processes did meanwhile.
"""

import os
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final, Protocol, Self

from strongroom.base.errors import Unavailable
from strongroom.base.limits import MIB

from .audit_format import (
    KEY_BYTES,
    PIN_BYTES,
    SALT_BYTES,
    SEGMENT_BYTES,
    SLOT_BYTES,
    VERSION,
    AuditEvent,
    Head,
    Keys,
    Mark,
    boot_digest,
    commitment,
    decode_pin,
    derive,
    encode_slot,
    line_hash,
    personal_line,
    seal,
    segment_name,
    sign,
    slot_offset,
    storable,
    timestamp,
)
from .store import FULL, lock, make_private_dir, sync_dir, unwritable, write_all, write_atomically

RESERVE_BYTES: Final = MIB
COMMITS_MAX: Final = 4096


class Place:
    """Where a log lies, and what one process knows of it between appends."""

    def __init__(
        self,
        state_dir: str,
        *,
        now: Callable[[], float],
        boot_id: str,
        segment_bytes: int = SEGMENT_BYTES,
        reserve_bytes: int = RESERVE_BYTES,
    ) -> None:
        self.state_dir = state_dir
        self.dir = os.path.join(self.state_dir, "audit")
        self.pin_path = os.path.join(self.state_dir, "audit.head")
        self.personal_path = os.path.join(self.dir, "personal.jsonl")
        self.reserve_path = os.path.join(self.dir, "reserve")
        self.now = now
        self.boot = boot_digest(boot_id)
        self.segment_bytes = segment_bytes
        self.reserve_bytes = reserve_bytes
        self.keys: Keys | None = None
        self.commits: dict[tuple[str, str], str] = {}
        self.commits_erased = 0
        self.pinned: tuple[bytes, Head] | None = None
        self.reserve_checked = False

    def segment_path(self, number: int) -> str:
        """Return where a segment lies."""
        return os.path.join(self.dir, segment_name(number))

    def load_keys(self, *, fresh: bool) -> Keys:
        """Return the keys; made once where the log is `fresh`. Call with the lock held."""
        if self.keys is None:
            path = os.path.join(self.dir, "chain.key")
            try:
                with open(path, "rb") as file:
                    key = file.read(KEY_BYTES + 1)
            except FileNotFoundError:
                key = self._make_key(path, fresh=fresh)
            if len(key) != KEY_BYTES:
                raise self._keyless(path)
            self.keys = derive(key)
        return self.keys

    def _make_key(self, path: str, *, fresh: bool) -> bytes:
        if not fresh:
            raise self._keyless(path)
        make_private_dir(self.dir)
        if any(name.endswith(".jsonl") for name in os.listdir(self.dir)):
            raise self._keyless(path)
        key = os.urandom(KEY_BYTES)
        write_atomically(path, key)
        return key

    def _keyless(self, path: str) -> Unavailable:
        return Unavailable(
            f"the audit log has lost its key {path}",
            hint=f"put it back, or keep {self.dir} and {self.pin_path} as evidence elsewhere",
            reason="audit.key",
        )


class Settle(Protocol):
    """Brings the log in order before the first append that finds files and pin apart."""

    def __call__(self, writer: "Writer", head: Head | None, /, *, sound: bool) -> None:
        """Set the writer's head; `head` is what is pinned, `sound` that the pin is."""
        ...


class Writer:
    """The log, locked, settled and open at its end. Every method is Unavailable if it cannot.

    `head` is what is pinned; `write` moves it on. `created` tells that the pinned segment was not
    there.
    """

    def __init__(self, place: Place, settle: Settle, *, essential: bool = False) -> None:
        self.place = place
        self.essential = essential
        self._settle = settle
        self.pin_fd = -1
        self.segment_fd = -1
        self.created = False
        self._blob = b""
        self.keys: Keys
        self.head: Head

    def __enter__(self) -> Self:
        entered = False
        try:
            self._lock()
            self._load()
            entered = True
        except OSError as e:
            raise unwritable(e, self.place.dir) from e
        finally:
            if not entered:
                self._close()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._close()

    def _close(self) -> None:
        for fd in (self.segment_fd, self.pin_fd):
            if fd >= 0:
                os.close(fd)
        self.segment_fd = self.pin_fd = -1

    def _lock(self) -> None:
        path = self.place.pin_path
        flags = os.O_RDWR | os.O_CLOEXEC
        while True:
            try:
                self.pin_fd = os.open(path, flags)
            except FileNotFoundError:
                make_private_dir(self.place.dir)
                self.pin_fd = os.open(path, flags | os.O_CREAT, 0o600)
            lock(self.pin_fd, path)
            if _is_same(self.pin_fd, path):
                return
            os.close(self.pin_fd)  # somebody put another file there while we waited
            self.pin_fd = -1

    def _load(self) -> None:
        place = self.place
        self._blob = os.pread(self.pin_fd, PIN_BYTES, 0)
        self.keys = place.load_keys(fresh=not self._blob)
        if place.pinned is not None and place.pinned[0] == self._blob:
            found, sound = place.pinned[1], True
        else:
            pin = decode_pin(self._blob, self.keys, place.boot)
            if pin.head is None:
                return self._settle(self, None, sound=False)
            found, sound = pin.head, pin.sound
        self.open_segment(found.segment)
        odd = self.created or not sound or found.boot != place.boot
        if odd or self.segment_size() != found.at.size:
            return self._settle(self, found, sound=sound)
        self.head = found
        return None

    def open_segment(self, number: int) -> None:
        """Go on in this segment, which is made where it is not there."""
        if self.segment_fd >= 0:
            os.close(self.segment_fd)
            self.segment_fd = -1
        path = self.place.segment_path(number)
        flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC
        try:
            self.segment_fd = os.open(path, flags)
        except FileNotFoundError:
            self.created = True
            self.segment_fd = os.open(path, flags | os.O_CREAT, 0o600)

    def segment_size(self) -> int:
        """Return the bytes of the open segment."""
        return os.fstat(self.segment_fd).st_size

    def write(self, event: AuditEvent, *, durable: bool) -> int:
        """Append an event and return its number."""
        body, personal = self._body(event)
        lines = self._commit(body, event.run, personal)
        try:
            self._append(seal(body, self.keys), lines, durable=durable)
            seq = self.head.at.seq
            self._end_segment()
        except OSError as e:
            raise unwritable(e, self.place.dir) from e
        self._remember(body, event.run, personal)
        return seq

    def _body(self, event: AuditEvent) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the entry without personal fields and `mac`, and the personal values by name."""
        body: dict[str, Any] = {
            "v": VERSION, "type": "audit", "chain": self.keys.chain,
            "seq": self.head.at.seq + 1, "time": timestamp(self.place.now()),
            "prev": self.head.at.hash, "event": event.event,
        }  # fmt: skip
        for name in ("op", "run", "call", "parent", "outcome"):
            if value := getattr(event, name):
                body[name] = value
        if event.effects:
            body["effects"] = list(event.effects)
        if event.counts:
            body["counts"] = dict(event.counts)
        body.update(event.detail)
        personal = {"by": event.by, "resource": event.resource, **event.personal}
        return body, {name: value for name, value in personal.items() if value}

    def _commit(self, body: dict[str, Any], run: str, personal: Mapping[str, str]) -> list[bytes]:
        """Put commitments into the entry; return the lines of those that are new."""
        place = self.place
        if place.commits_erased != self.head.erased or len(place.commits) > COMMITS_MAX:
            place.commits.clear()
            place.commits_erased = self.head.erased
        lines = []
        for name, value in personal.items():
            commit = place.commits.get((run, value))
            if commit is None:
                salt, data = os.urandom(SALT_BYTES), storable(value)
                commit = commitment(salt, data)
                lines.append(personal_line(salt, data))
            body[name] = {"commit": commit}
        return lines

    def _remember(self, body: Mapping[str, Any], run: str, personal: Mapping[str, str]) -> None:
        for name, value in personal.items():
            self.place.commits[run, value] = body[name]["commit"]

    def _append(self, line: bytes, personal: list[bytes], *, durable: bool) -> None:
        head = self.head
        personal_size = head.at.personal
        if personal:
            personal_size = self._append_personal(personal, durable=durable)
        elif durable and personal_size != head.durable.personal:
            self._append_personal([], durable=True)
        self._write(self.segment_fd, line + b"\n", head.at.size)
        if durable:
            os.fsync(self.segment_fd)
        size = head.at.size + len(line) + 1
        at = Mark(head.at.seq + 1, line_hash(line), size, personal_size)
        self.pin(head._replace(at=at, durable=at if durable else head.durable), durable=durable)

    def _append_personal(self, lines: list[bytes], *, durable: bool) -> int:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        fd = os.open(self.place.personal_path, flags, 0o600)
        try:
            size = os.fstat(fd).st_size
            if size > self.head.at.personal:
                # of a process that was killed before its entry
                os.ftruncate(fd, self.head.at.personal)
                size = self.head.at.personal
            data = b"".join(line + b"\n" for line in lines)
            self._write(fd, data, size)
            if durable:
                os.fsync(fd)
            return size + len(data)
        finally:
            os.close(fd)

    def _write(self, fd: int, data: bytes, size: int) -> None:
        """Append `data` to a file of `size` bytes, whole or not at all."""
        for again in (True, False):
            written = False
            try:
                write_all(fd, data)
                written = True
            except OSError as e:
                if not (again and self.essential and e.errno in FULL and self._give_up_reserve()):
                    raise
            finally:
                if not written:
                    os.ftruncate(fd, size)
            if written:
                return

    def pin(self, head: Head, *, durable: bool) -> None:
        """Pin `head`, with fsync if `durable`, and make it the current one."""
        head = head._replace(pins=head.pins + 1)
        slot, offset = encode_slot(head, self.keys), slot_offset(head)
        if os.pwrite(self.pin_fd, slot, offset) != SLOT_BYTES:
            raise Unavailable(f"cannot write all of {self.place.pin_path}", reason="home")
        if durable:
            os.fsync(self.pin_fd)
        self._blob = self._blob[:offset] + slot + self._blob[offset + SLOT_BYTES :]
        self.head = head
        self.place.pinned = (self._blob, head)

    def blank_pin(self) -> None:
        """Make the pin a file of the right size that says nothing."""
        self._blob = b"\n".rjust(PIN_BYTES)
        os.pwrite(self.pin_fd, self._blob, 0)
        os.ftruncate(self.pin_fd, PIN_BYTES)

    def sync(self) -> None:
        """Bring segment and personal file to disk."""
        os.fsync(self.segment_fd)
        self._append_personal([], durable=True)

    def _end_segment(self) -> None:
        head = self.head
        if head.at.size < self.place.segment_bytes:
            self._keep_reserve()
            return
        body, _ = self._body(AuditEvent("checkpoint", detail={"closes": head.segment}))
        try:
            self._append(seal(sign(body, self.keys), self.keys), [], durable=True)
            self.next_segment()
        except (OSError, Unavailable):
            return  # the entry itself is written; the next append tries again

    def next_segment(self) -> None:
        """Start the segment after one that is closed by its last line."""
        head = self.head
        self.open_segment(head.segment + 1)
        sync_dir(self.place.dir)
        at = head.at._replace(size=0)
        self.pin(head._replace(segment=head.segment + 1, at=at, durable=at), durable=True)

    def _keep_reserve(self) -> None:
        """Set the reserve aside, once per process, where there is room for it."""
        place = self.place
        if place.reserve_checked or self.essential:
            return
        place.reserve_checked = True
        if os.path.exists(place.reserve_path):
            return
        fd = os.open(place.reserve_path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(fd, 0, place.reserve_bytes)
        except OSError:
            os.unlink(place.reserve_path)
        finally:
            os.close(fd)

    def _give_up_reserve(self) -> bool:
        try:
            os.unlink(self.place.reserve_path)
        except FileNotFoundError:
            return False
        return True


def _is_same(fd: int, path: str) -> bool:
    try:
        there = os.stat(path)
    except FileNotFoundError:
        return False
    here = os.fstat(fd)
    return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)
