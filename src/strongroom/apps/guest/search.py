"""Search: lines in files inside disks by a pattern."""

import re
from collections.abc import Iterator
from itertools import islice
from typing import ClassVar, Literal, NamedTuple

from strongroom.base.errors import Usage
from strongroom.base.limits import KIB, MIB
from strongroom.base.locator import Locator
from strongroom.base.record import Finding, Record
from strongroom.base.tree import resolve
from strongroom.kernel.call import Context
from strongroom.kernel.op import op

from .below import (
    UNREADABLE,
    Allowance,
    Opened,
    at_least,
    exact,
    open_file,
    report,
    reported,
    walk_all,
)
from .content import chunks, stored_runs
from .place import Place, place

LINE_BYTES_MAX = MIB
"""A longer line is searched in pieces."""
TEXT_BYTES_MAX = 4096
"""What a Match shows of its line; of a longer one the part around the match."""
BINARY_BYTES = 32 * KIB
"""How much of a file's beginning says whether it is text: there is no NUL in it (as grep(1))."""


class Match(Record):
    """A line that a pattern matches.

    `line` counts from 1, `offset` is where the line begins in the file, `column` the byte of the
    line at which the match begins, from 1. Of a line longer than 4 KiB `text` is the part around
    the match. Only `path` is given where files were asked for.
    """

    type: ClassVar[str] = "match"

    path: str
    column: int | None = None
    text: str | None = None


class Pattern(NamedTuple):
    """What to look for in a line; a `literal` can be looked for in many lines at once."""

    regex: "re.Pattern[bytes]"
    literal: bool


class Request(NamedTuple):
    """A pattern, how many lines of one file are wanted at most, whether only text is read, and
    how much in all.
    """

    pattern: Pattern
    count_max: int | None
    text_only: bool
    allowance: Allowance


class Line(NamedTuple):
    """A matching line: its place in the file, and where in its `content` the match begins."""

    number: int
    offset: int
    content: bytes
    start: int


@op("guest.grep", since="0.1")
def grep(
    ctx: Context,
    disk: Locator,
    pattern: str,
    path: str = "/",
    *,
    ignore_case: bool = False,
    fixed: bool = False,
    files_with_matches: bool = False,
    max_count: int | None = None,
    binary: Literal["skip", "text"] = "skip",
) -> Iterator[Match | Finding]:
    """Search files inside a disk for lines that match a pattern.

    The pattern is a regular expression of Python over bytes, so that its classes of letters and
    digits are those of ASCII. A directory is searched with all below it; links are not followed.

    Args:
        disk: The image or folder, or a locator such as disk.qcow2::/etc.
        pattern: What to look for in each line.
        path: The file or directory to search.
        ignore_case: Take capital and small letters of ASCII as the same.
        fixed: The pattern is plain text, not an expression.
        files_with_matches: Name each file that matches, once.
        max_count: Stop after so many matching lines of one file.
        binary: Pass over files with a NUL in their beginning, or search them as text.

    Examples:
        guestkit grep disk.qcow2 PermitRootLogin /etc/ssh
        guestkit grep disk.qcow2 'password *=' /etc --ignore-case --files-with-matches
    """
    at_least("--max-count", max_count, 0)
    wanted = compile_pattern(pattern, fixed=fixed, ignore_case=ignore_case)
    spot = place(ctx, disk, path)
    count = 1 if files_with_matches and max_count is None else max_count
    request = Request(wanted, count, binary == "skip", Allowance(spot.layer))
    found = _search(ctx, spot, request)
    if files_with_matches:
        found = (Match(at=match.at, path=match.path) for match in found)
    yield from reported(spot.guest.problems, found)


def compile_pattern(text: str, *, fixed: bool, ignore_case: bool) -> Pattern:
    """Return a pattern over bytes; Usage where it is none."""
    raw = exact(text)
    if b"\n" in raw:
        raise Usage("the pattern spans several lines", reason="pattern")
    plain = re.escape(raw)
    try:
        regex = re.compile(plain if fixed else raw, re.IGNORECASE if ignore_case else 0)
    except (re.error, RecursionError, OverflowError, ValueError) as e:
        raise Usage(
            f"the pattern is no regular expression: {e}",
            hint="--fixed looks for it as plain text",
            reason="pattern",
        ) from e
    return Pattern(regex, fixed or plain == raw)


def _search(ctx: Context, spot: Place, request: Request) -> Iterator[Match]:
    start = resolve(spot.tree, spot.path)
    if spot.tree.stat(start).kind != "dir":
        yield from _matches(ctx, spot, open_file(spot.tree, start), request)
        return
    for path, stat in walk_all(spot, start):
        if stat.kind != "file" or not stat.size:
            continue
        try:
            yield from _matches(ctx, spot, Opened(path, spot.tree.open(path)), request)
        except UNREADABLE as e:
            report(spot.guest, path, e)


def _matches(ctx: Context, spot: Place, file: Opened, request: Request) -> Iterator[Match]:
    if request.text_only and b"\0" in file.content.read_at(0, BINARY_BYTES):
        return
    at = spot.guest.locate(file.path)
    lines = matching_lines(_blocks(ctx, file, request.allowance), request.pattern)
    for line in islice(lines, request.count_max):
        yield Match(
            at=at,
            line=line.number,
            offset=line.offset,
            path=file.path,
            column=line.start + 1,
            text=_shown(line).decode("utf-8", "surrogateescape"),
        )


def _shown(line: Line) -> bytes:
    """Return the line, of a long one the part around the match."""
    if len(line.content) <= TEXT_BYTES_MAX:
        return line.content
    start = max(0, min(line.start - TEXT_BYTES_MAX // 4, len(line.content) - TEXT_BYTES_MAX))
    return line.content[start : start + TEXT_BYTES_MAX]


def _blocks(ctx: Context, file: Opened, allowance: Allowance) -> Iterator[tuple[int, bytes]]:
    """Yield (offset, whole lines); a hole ends a block, as it holds nothing to match."""
    for start, length in stored_runs(file.content):
        allowance.take(file.path, length)
        yield from whole_lines(chunks(ctx, file.content, start, length), start)


def whole_lines(pieces: Iterator[bytes], offset: int) -> Iterator[tuple[int, bytes]]:
    """Yield (offset, bytes) of blocks that end with a line; a line too long is cut."""
    held = b""
    for piece in pieces:
        text = held + piece
        cut = text.rfind(b"\n") + 1
        if not cut and len(text) >= LINE_BYTES_MAX:
            cut = len(text)
        if cut:
            yield offset, text[:cut]
            offset += cut
        held = text[cut:]
    if held:
        yield offset, held


def matching_lines(blocks: Iterator[tuple[int, bytes]], pattern: Pattern) -> Iterator[Line]:
    """Yield each matching line once, in order, without its line feed."""
    number = 1
    find = _find_literal if pattern.literal else _find_in_each
    for offset, block in blocks:
        counted = 0
        for start, end, at in find(block, pattern.regex):
            number += block.count(b"\n", counted, start)
            counted = start
            yield Line(number, offset + start, block[start:end], at)
        number += block.count(b"\n", counted)


def _find_literal(block: bytes, regex: "re.Pattern[bytes]") -> Iterator[tuple[int, int, int]]:
    """Yield (start, end, where in it the match is) of the lines that hold a literal."""
    at = 0
    while at < len(block) and (match := regex.search(block, at)):
        start = block.rfind(b"\n", 0, match.start()) + 1
        end = block.find(b"\n", match.end())
        end = len(block) if end < 0 else end
        yield start, end, match.start() - start
        at = end + 1


def _find_in_each(block: bytes, regex: "re.Pattern[bytes]") -> Iterator[tuple[int, int, int]]:
    """Yield the same by trying each line alone, so that no expression reaches past its line."""
    start = 0
    for line in block.removesuffix(b"\n").split(b"\n"):
        match = regex.search(line)
        if match:
            yield start, start + len(line), match.start()
        start += len(line) + 1
