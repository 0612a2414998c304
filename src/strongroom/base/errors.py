"""The nine errors, chosen by what the caller can do next (ARCHITECTURE.md, "Errors")."""

from typing import ClassVar


class StrongroomError(Exception):
    """The base of the nine; never raised itself.

    `message` names the thing in lower case without a period, `hint` is the way out, `reason` a
    dotted suffix that makes `code` finer than the class, such as `corrupt.qcow2.l1`.
    """

    name: ClassVar[str]
    exit_status: ClassVar[int]
    http_status: ClassVar[int]

    def __init__(self, message: str, *, hint: str | None = None, reason: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.reason = reason

    @property
    def code(self) -> str:
        """Return the stable code that `strongroom explain` knows: the class name and its reason."""
        return f"{self.name}.{self.reason}" if self.reason else self.name


class Usage(StrongroomError):
    """Ask differently: the request itself is wrong."""

    name = "usage"
    exit_status = 2
    http_status = 400


class NotFound(StrongroomError):
    """Name something that exists."""

    name = "not_found"
    exit_status = 3
    http_status = 404


class Denied(StrongroomError):
    """Get a grant, or allow it explicitly."""

    name = "denied"
    exit_status = 4
    http_status = 403


class Locked(StrongroomError):
    """Supply a key; the hint says which."""

    name = "locked"
    exit_status = 5
    http_status = 423


class Unsupported(StrongroomError):
    """Known, and beyond this version; the message names the feature bit."""

    name = "unsupported"
    exit_status = 6
    http_status = 501


class Corrupt(StrongroomError):
    """The input breaks its own format.

    `offset` is in bytes from the start of the structure's container (the image file for a
    container format, the volume for a file system), None where no single byte is at fault.
    """

    name = "corrupt"
    exit_status = 7
    http_status = 422

    def __init__(
        self,
        format: str,
        offset: int | None,
        message: str,
        *,
        hint: str | None = None,
        reason: str = "",
    ) -> None:
        where = "" if offset is None else f" at byte {offset}"
        super().__init__(f"{format}{where}: {message}", hint=hint)
        self.format = format
        self.offset = offset
        self.detail = message
        self.reason = f"{format}.{reason}" if reason else format


class Conflict(StrongroomError):
    """Someone else changed it first."""

    name = "conflict"
    exit_status = 8
    http_status = 409


class Exhausted(StrongroomError):
    """A budget ran out: raise it, or ask for less."""

    name = "exhausted"
    exit_status = 9
    http_status = 429


class Unavailable(StrongroomError):
    """Not there at present: retry later, or install what is missing."""

    name = "unavailable"
    exit_status = 10
    http_status = 503


NINE: tuple[type[StrongroomError], ...] = (
    Usage,
    NotFound,
    Denied,
    Locked,
    Unsupported,
    Corrupt,
    Conflict,
    Exhausted,
    Unavailable,
)
