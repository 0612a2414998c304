"""Logging on standard error, set up only when asked, with every live secret masked.

Log is for the one who debugs; the audit log is data and lies elsewhere. The imports of `logging`
and `re` are paid only by a process that logs.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TextIO

from strongroom.base.secret import Secret

if TYPE_CHECKING:
    import re
    from logging import Formatter

MASK = "[secret]"
SHORTEST = 4
"""Bytes: a shorter value would mask half of all text and is left alone."""

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class Redactor:
    """Knows the secrets of a process and takes them out of text.

    Found are the value itself, hex, base64 and its URL alphabet at each of the three alignments
    inside a longer text, and URL encoding of any part of the value's characters. Values under
    four bytes are not looked for.
    """

    __slots__ = ("_pattern", "_values")

    def __init__(self) -> None:
        self._values: set[bytes] = set()
        self._pattern: re.Pattern[str] | None = None

    def register(self, secret: Secret) -> None:
        """Mask this secret from now on. Its bytes stay in memory as long as the Redactor."""
        value = secret.reveal()
        if len(value) >= SHORTEST:
            self._values.add(value)
            self._pattern = None

    def redact(self, text: str) -> str:
        """Return the text with `[secret]` in place of each known value."""
        if not self._values:
            return text
        if self._pattern is None:
            import re

            # longest first: a value may begin another
            forms = {form for value in self._values for form in _forms(value)}
            self._pattern = re.compile("|".join(sorted(forms, key=len, reverse=True)))
        return self._pattern.sub(MASK, text)


def set_up(level: str, redactor: Redactor, stream: TextIO | None = None) -> None:
    """Send log records of `level` (`debug` to `critical`) and above to `stream`, masked.

    Standard error by default. Replaces what an earlier call set up.
    """
    import logging

    handler = logging.StreamHandler(stream)
    handler.setFormatter(_formatter(redactor))
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())


def _formatter(redactor: Redactor) -> "Formatter":
    import logging
    import time

    class Masking(logging.Formatter):
        """Masks the finished line: message, arguments, traceback and all.

        A filter would see the parts only, and a secret may arise where they are joined.
        """

        default_time_format = "%Y-%m-%dT%H:%M:%S"
        default_msec_format = "%s.%03dZ"

        def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  logging's name
            record.message = visible(record.message)
            return super().formatMessage(record)

        def format(self, record: logging.LogRecord) -> str:
            return redactor.redact(super().format(record))

        def formatException(self, ei: Any) -> str:  # noqa: N802  logging's name
            return "\n".join(map(visible, super().formatException(ei).split("\n")))

    formatter = Masking(_FORMAT)
    formatter.converter = time.gmtime
    return formatter


def visible(text: str) -> str:
    r"""Return the text with control characters escaped, so that it stays one line.

    A name from a disk must not write a log line of its own, nor move the cursor.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _forms(value: bytes) -> Iterator[str]:
    """Yield regular expressions for the ways in which the bytes may stand in text."""
    import re
    from base64 import b64encode

    for encoding in ("utf-8", "latin-1"):
        text = value.decode(encoding, "surrogateescape")
        yield re.escape(text)
        yield re.escape(visible(text))
    yield re.escape(repr(value)[2:-1])
    yield "(?i:" + "[ :-]?".join(f"{byte:02x}" for byte in value) + ")"
    yield "".join(_percent(byte) for byte in value)
    for shift in range(3):
        # the characters that the bytes determine alone, whatever stands before and after them
        whole = b64encode(bytes(shift) + value).decode("ascii")
        sure = whole[-(-shift * 8 // 6) : (shift + len(value)) * 8 // 6]
        yield re.escape(sure).replace(r"\+", r"[+-]").replace("/", "[/_]")


def _percent(byte: int) -> str:
    import re

    encoded = f"%(?i:{byte:02x})"
    if byte == 0x20:
        return rf"(?:{encoded}|\+|\ )"
    return f"(?:{encoded}|{re.escape(chr(byte))})" if 0x20 < byte < 0x7F else encoded
