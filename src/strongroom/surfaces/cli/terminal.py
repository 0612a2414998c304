"""Terminal: how wide it is, whether it takes colour, and how hostile text is shown on it."""

import os
from typing import NamedTuple, TextIO

WIDTH_DEFAULT = 80

_BIDI = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
"""Marks that reorder what follows (UAX #9): a name could show as another one."""
_CONTROLS = {
    **{code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))},
    **{code: f"\\u{code:04x}" for code in (*_BIDI, 0x200B, 0x2028, 0x2029, 0xFEFF)},
    0x09: "\\t",
    0x0A: "\\n",
    0x0D: "\\r",
}
_BYTES = {0xDC00 + byte: f"\\x{byte:02x}" for byte in range(0x80, 0x100)}

STYLES = {
    "bold": "1",
    "dim": "2",
    "info": "2",
    "notice": "36",
    "warning": "33",
    "error": "31",
    "critical": "1;31",
    "good": "32",
}


class Screen(NamedTuple):
    """What one output stream can show. `width` is in columns, 0 where nothing limits it."""

    tty: bool = False
    width: int = 0
    colour: bool = False

    def paint(self, style: str, text: str) -> str:
        """Return `text` in a style where the screen takes escape codes, else as it is."""
        return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if self.colour and text else text

    def clean(self, text: str) -> str:
        r"""Return foreign text without control characters and marks that reorder text.

        They become `\x1b` and the like. Bytes that are not UTF-8 pass through a pipe as they
        are and are shown as `\\xff` on a terminal.
        """
        if text.isprintable():
            return text
        text = text.translate(_CONTROLS)
        return text.translate(_BYTES) if self.tty else text


def screen_of(stream: TextIO, *, colour: bool = True) -> Screen:
    """Return what `stream` can show. `colour` false, NO_COLOR or TERM=dumb keep it plain."""
    try:
        tty = stream.isatty()
    except ValueError:  # closed
        tty = False
    if not tty:
        return Screen()
    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    return Screen(tty, _width(stream), colour and not plain)


def _width(stream: TextIO) -> int:
    columns = os.environ.get("COLUMNS", "")
    if columns.isascii() and columns.isdigit() and int(columns) > 0:
        return int(columns)
    try:
        return os.get_terminal_size(stream.fileno()).columns or WIDTH_DEFAULT
    except OSError:
        return WIDTH_DEFAULT


def text_width(text: str) -> int:
    """Return how many columns `text` takes: wide characters two, combining ones none (UAX #11)."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def fit(text: str, width: int) -> str:
    """Return `text` in at most `width` columns, its end replaced by "…" where it is cut."""
    if text_width(text) <= width:
        return text
    while text and text_width(text) > width - 1:
        text = text[: width - 1] if text.isascii() else text[:-1]
    return text + "…" if width > 0 else ""


def fit_path(text: str, width: int) -> str:
    """Return `text` in at most `width` columns, cut in its middle: its end tells most."""
    if text_width(text) <= width:
        return text
    head = text[: max(0, (width - 1) // 3)]
    while head and text_width(head) > (width - 1) // 3:
        head = head[:-1]
    tail = text[len(head) :]
    while tail and text_width(tail) > width - 1 - text_width(head):
        tail = tail[1:]
    return f"{head}…{tail}" if width > 0 else ""


def pad(text: str, width: int, *, right: bool = False) -> str:
    """Return `text` filled with spaces to `width` columns, at its left where `right` is set."""
    blank = " " * (width - text_width(text))
    return blank + text if right else text + blank


def wrap(text: str, width: int, indent: str = "") -> list[str]:
    """Return `text` in lines of at most `width` columns, each after `indent`; 0 wraps nothing."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        if line and width and text_width(indent) + text_width(line) + 1 + text_width(word) > width:
            lines.append(indent + line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return [*lines, indent + line] if line else lines


def human_size(size: int) -> str:
    """Return a number of bytes as people read it, in powers of 1024: "870 MiB", "1.5 GiB"."""
    if size < 1024:
        return f"{size} B"
    amount = float(size)
    for unit in ("KiB", "MiB", "GiB", "TiB", "PiB", "EiB"):
        amount /= 1024
        if amount < 999.5:
            return f"{amount:.1f} {unit}" if amount < 9.95 else f"{amount:.0f} {unit}"
    return f"{amount:.0f} EiB"


def relative_time(moment: str, now_s: float | None = None) -> str:
    """Return a moment of RFC 3339 as people say it: "3 h ago", a date for one longer ago.

    Text that is no such moment is returned as it is.
    """
    import time
    from datetime import datetime

    try:
        then_s = datetime.fromisoformat(moment).timestamp()
    except (ValueError, OverflowError):
        return moment
    age_s = (time.time() if now_s is None else now_s) - then_s
    if not moment.endswith("Z") or age_s < 0 or age_s >= 30 * 86400:
        return moment[:10]
    for unit_s, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if age_s >= unit_s:
            return f"{int(age_s // unit_s)} {unit} ago"
    return "now"
