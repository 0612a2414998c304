"""The audit log: who did what, said before and after (docs/spec/audit.md)."""

import os
from collections.abc import Callable

from .audit_format import SEGMENT_BYTES, Anchor, AuditEvent, Head
from .audit_session import AuditSession, Ticket
from .audit_writer import RESERVE_BYTES, Place, Writer

__all__ = ["Anchor", "AuditEvent", "AuditLog", "AuditSession", "Ticket"]


class AuditLog:
    """The log below a state folder; appended to by any number of processes and threads.

    `now` returns seconds since 1970; `boot_id` names the time since the last reboot (see
    `store.boot_id`). Nothing is made or opened before the first append.
    """

    def __init__(
        self,
        state_dir: str | os.PathLike[str],
        *,
        now: Callable[[], float],
        boot_id: str,
        segment_bytes: int = SEGMENT_BYTES,
        reserve_bytes: int = RESERVE_BYTES,
    ) -> None:
        self.place = Place(
            os.fspath(state_dir),
            now=now,
            boot_id=boot_id,
            segment_bytes=segment_bytes,
            reserve_bytes=reserve_bytes,
        )
        self.now = now

    def append(self, event: AuditEvent, *, durable: bool, essential: bool = False) -> int:
        """Write one entry and return its number; on disk if `durable`. Unavailable.

        An `essential` one may use the reserve when the disk is full.
        """
        with self.writer(essential=essential) as writer:
            return writer.write(event, durable=durable)

    def writer(self, *, essential: bool = False) -> Writer:
        """Return what holds the log locked while it is entered."""
        return Writer(self.place, _settle, essential=essential)

    def session(self, run: str, *, parent: str = "") -> AuditSession:
        """Return what the calls of one run speak to; `parent` is `chain/seq` of a job's intent."""
        return AuditSession(self, run, parent=parent)

    def head(self) -> Anchor | None:
        """Return the last entry as the pin has it, None before the first. Unavailable, Corrupt."""
        from .audit_read import take

        with take(self.place.state_dir, self.place.boot) as reading:
            return reading.anchor


def _settle(writer: Writer, head: Head | None, *, sound: bool) -> None:
    from .audit_recover import settle  # the rare case

    settle(writer, head, sound=sound)
