"""Content of files inside disks: whole, its beginning or end, hashed, in hex, its text."""

import hashlib
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import ClassVar, Literal, NamedTuple

from strongroom.base.errors import Usage
from strongroom.base.limits import KIB, MIB
from strongroom.base.locator import Locator
from strongroom.base.record import Finding, Record
from strongroom.base.source import Source, extents
from strongroom.base.tree import resolve
from strongroom.kernel.call import Context
from strongroom.kernel.op import op

from .below import (
    UNREADABLE,
    Allowance,
    at_least,
    each,
    exact,
    go_on,
    named,
    open_file,
    report,
    reported,
    walk_all,
)
from .place import Place, place
from .place import disk as open_layer

CHUNK_BYTES = MIB
"""What is read at once; two of them are the most that one file holds in memory."""
WINDOW_BYTES = 64 * KIB
"""What is read at once where little is expected: lines at the beginning or end of a file."""
STRING_BYTES_MAX = 64 * KIB
"""A longer run of text comes in pieces."""
HEX_LINE = 16

Algorithm = Literal["sha256", "sha1", "md5", "sha512", "blake2b"]
Encoding = Literal["ascii", "utf-16le"]


class FileHash(Record):
    """The digest of a file's or a disk's whole content, in hex; `path` is absent for a disk."""

    type: ClassVar[str] = "hash"

    digest: str
    algorithm: str
    size_bytes: int
    path: str | None = None


class FoundString(Record):
    """A run of printable characters; `offset` is where it begins in the file or disk."""

    type: ClassVar[str] = "string"

    text: str
    path: str | None = None


@op("guest.cat", since="0.1", aliases=("read-file",))
def cat(ctx: Context, disk: Locator, paths: tuple[str, ...] = ()) -> Iterator[bytes | Finding]:
    """Write the content of files inside a disk, one after the other.

    Args:
        disk: The image or folder, or a locator such as disk.qcow2::/etc/hostname.
        paths: The files; that of the locator where there are none.

    Examples:
        guestkit cat disk.qcow2 /etc/hostname /etc/os-release
        guestkit cat disk.qcow2::p2::/etc/fstab
    """
    spot = place(ctx, disk, "/" if paths else None)

    def one(path: str) -> Iterator[bytes]:
        yield from chunks(ctx, open_file(spot.tree, path).content)

    yield from reported(spot.guest.problems, each(spot, named(spot, paths), one))


@op("guest.head", since="0.1")
def head(
    ctx: Context,
    disk: Locator,
    paths: tuple[str, ...] = (),
    *,
    lines: int = 10,
    bytes: int | None = None,
) -> Iterator[bytes | Finding]:
    """Write the first lines of files inside a disk; of several files each under its name.

    Args:
        disk: The image or folder, or a locator such as disk.qcow2::/var/log/syslog.
        paths: The files; that of the locator where there are none.
        lines: How many lines.
        bytes: How many bytes, in place of lines.

    Examples:
        guestkit head disk.qcow2 /etc/passwd --lines 3
        guestkit head disk.qcow2 /boot/vmlinuz --bytes 512
    """
    spot = place(ctx, disk, "/" if paths else None)
    take = partial(_first_lines, count=lines) if bytes is None else partial(_first, count=bytes)
    at_least("--lines", lines, 0)
    at_least("--bytes", bytes, 0)
    yield from reported(spot.guest.problems, _parts(ctx, spot, paths, take))


@op("guest.tail", since="0.1")
def tail(
    ctx: Context,
    disk: Locator,
    paths: tuple[str, ...] = (),
    *,
    lines: int = 10,
    bytes: int | None = None,
) -> Iterator[bytes | Finding]:
    """Write the last lines of files inside a disk; of several files each under its name.

    Reads from the end, so the size of a file does not matter.

    Args:
        disk: The image or folder, or a locator such as disk.qcow2::/var/log/syslog.
        paths: The files; that of the locator where there are none.
        lines: How many lines.
        bytes: How many bytes, in place of lines.

    Examples:
        guestkit tail disk.qcow2 /var/log/auth.log --lines 50
        guestkit tail disk.qcow2::/var/log/dpkg.log
    """
    spot = place(ctx, disk, "/" if paths else None)
    take = partial(_last_lines, count=lines) if bytes is None else partial(_last, count=bytes)
    at_least("--lines", lines, 0)
    at_least("--bytes", bytes, 0)
    yield from reported(spot.guest.problems, _parts(ctx, spot, paths, take))


Take = Callable[[Context, Source], Iterator[bytes]]
"""Yields a part of a file."""


def _parts(ctx: Context, spot: Place, paths: tuple[str, ...], take: Take) -> Iterator[bytes]:
    """Yield a part of each file, of several files each under a title as head(1) writes it."""
    wanted = named(spot, paths)
    gap = b""

    def one(path: str) -> Iterator[bytes]:
        nonlocal gap
        content = open_file(spot.tree, path).content
        if len(wanted) > 1:
            yield gap + b"==> " + exact(path) + b" <==\n"
            gap = b"\n"
        yield from take(ctx, content)

    yield from each(spot, wanted, one)


def _first(ctx: Context, content: Source, count: int) -> Iterator[bytes]:
    yield from chunks(ctx, content, 0, count)


def _first_lines(ctx: Context, content: Source, count: int) -> Iterator[bytes]:
    left = count
    for chunk in chunks(ctx, content, size=WINDOW_BYTES):
        end = 0
        while left and end < len(chunk):
            found = chunk.find(b"\n", end)
            end = len(chunk) if found < 0 else found + 1
            left -= found >= 0
        yield chunk[:end]
        if not left:
            return


def _last(ctx: Context, content: Source, count: int) -> Iterator[bytes]:
    yield from chunks(ctx, content, max(0, content.size - count))


def _last_lines(ctx: Context, content: Source, count: int) -> Iterator[bytes]:
    if count:
        yield from chunks(ctx, content, _start_of_last_lines(ctx, content, count))


def _start_of_last_lines(ctx: Context, content: Source, count: int) -> int:
    """Return the offset of the last `count` lines; the line feed at the very end ends the last."""
    end, window = content.size, WINDOW_BYTES
    left = count + (content.read_at(content.size - 1, 1) == b"\n" if content.size else 0)
    while end > 0:
        go_on(ctx)
        start = max(0, end - window)
        if not any(extent.data for extent in extents(content, start, end - start)):
            end, window = start, window * 2  # holes have no lines; a sparse file may be mostly hole
            continue
        window = WINDOW_BYTES
        start = max(start, end - window)
        chunk = content.read_at(start, end - start)
        at = len(chunk)
        while (at := chunk.rfind(b"\n", 0, at)) >= 0:
            left -= 1
            if not left:
                return start + at + 1
        end = start
    return 0


def chunks(
    ctx: Context,
    content: Source,
    offset: int = 0,
    length: int | None = None,
    *,
    size: int = CHUNK_BYTES,
) -> Iterator[bytes]:
    """Yield a range of a Source in pieces of `size` bytes; Unavailable once the caller has gone."""
    end = content.size if length is None else min(content.size, offset + length)
    while offset < end:
        go_on(ctx)
        chunk = content.read_at(offset, min(size, end - offset))
        if not chunk:
            return
        yield chunk
        offset += len(chunk)


@op("guest.hash", since="0.1", aliases=("checksum",))
def hash_content(
    ctx: Context,
    disk: Locator,
    paths: tuple[str, ...] = (),
    *,
    algorithm: Algorithm = "sha256",
    recursive: bool = False,
    any_size: bool = False,
) -> Iterator[FileHash | Finding]:
    """Hash files inside a disk, or without a path the disk itself as the guest would see it.

    Once all files together hold 64 times what the image does, further ones are reported and left
    out: such files are holes or damage.

    Args:
        disk: The image or folder, or a locator such as disk.qcow2::p2 or disk.qcow2::/etc/passwd.
        paths: The files.
        algorithm: Which hash.
        recursive: Hash every file below the directories among the paths.
        any_size: Hash files however large they say they are.

    Examples:
        guestkit hash disk.qcow2 /bin/busybox
        guestkit hash disk.qcow2 /etc --recursive --algorithm md5 --json
        guestkit hash disk.qcow2::p1
    """
    if not paths and disk.path is None:
        layer = open_layer(ctx, disk)
        size, digest = digest_of(ctx, layer, algorithm)
        yield FileHash(at=layer.at, digest=digest, algorithm=algorithm, size_bytes=size)
        return
    spot = place(ctx, disk, "/" if paths else None)
    allowance = Allowance(spot.layer, bounded=not any_size)

    def one(path: str) -> Iterator[FileHash]:
        for real, opened in _files(spot, path, recursive=recursive):
            try:
                content = opened()
                allowance.take(real, content.size)
                size, digest = digest_of(ctx, content, algorithm)
            except UNREADABLE as e:
                if not recursive:
                    raise
                report(spot.guest, real, e)
                continue
            yield FileHash(
                at=spot.guest.locate(real),
                digest=digest,
                algorithm=algorithm,
                size_bytes=size,
                path=real,
            )

    yield from reported(spot.guest.problems, each(spot, named(spot, paths), one))


def _files(
    spot: Place, path: str, *, recursive: bool
) -> Iterator[tuple[str, Callable[[], Source]]]:
    """Yield the file that a path leads to, or every file below a directory, yet to be opened."""
    real = resolve(spot.tree, path)
    if not recursive or spot.tree.stat(real).kind != "dir":
        opened = open_file(spot.tree, path)
        yield opened.path, lambda: opened.content
        return
    for below, stat in walk_all(spot, real):
        if stat.kind == "file":
            yield below, partial(spot.tree.open, below)


def digest_of(ctx: Context, content: Source, algorithm: str) -> tuple[int, str]:
    """Return how many bytes a Source has and their digest in hex."""
    state = hashlib.new(algorithm, usedforsecurity=False)
    size = 0
    for chunk in chunks(ctx, content):
        state.update(chunk)
        size += len(chunk)
    return size, state.hexdigest()


class Subject(NamedTuple):
    """What an op reads that takes a file or a whole disk; `path` None for the disk."""

    at: Locator
    path: str | None
    content: Source
    problems: list[Finding]


def _subject(ctx: Context, disk: Locator, path: str | None) -> Subject:
    if path is None and disk.path is None:
        layer = open_layer(ctx, disk)
        return Subject(layer.at, None, layer, layer.findings)
    spot = place(ctx, disk, path)
    opened = open_file(spot.tree, spot.path)
    return Subject(spot.guest.locate(opened.path), opened.path, opened.content, spot.guest.problems)


@op("guest.hexdump", since="0.1", aliases=("hex",))
def hexdump(
    ctx: Context,
    disk: Locator,
    path: str | None = None,
    *,
    offset: int = 0,
    length: int | None = None,
) -> Iterator[bytes | Finding]:
    """Write a file inside a disk, or the disk itself, in hex and text, as `hexdump -C` does.

    A line like the one before it is left out; `*` stands for any number of them.

    Args:
        disk: The image, or a locator such as disk.qcow2::p2.
        path: The file; the disk itself where there is none.
        offset: Where to begin, in bytes.
        length: How many bytes; up to the end where it is not given.

    Examples:
        guestkit hexdump disk.qcow2 --length 512
        guestkit hexdump disk.qcow2 /bin/busybox --length 64
    """
    at_least("--offset", offset, 0)
    at_least("--length", length, 0)
    subject = _subject(ctx, disk, path)
    yield from reported(
        subject.problems, hex_lines(chunks(ctx, subject.content, offset, length), offset)
    )


def hex_lines(content: Iterator[bytes], offset: int) -> Iterator[bytes]:
    """Yield the canonical layout of `hexdump -C`, many lines at a time, and at last the end.

    All pieces but the last are whole lines.
    """
    before, starred = b"", False
    for chunk in content:
        if len(chunk) % HEX_LINE == 0 and chunk == before * (len(chunk) // HEX_LINE):
            text = "" if starred else "*\n"
            starred = True
        else:
            lines = []
            for at in range(0, len(chunk), HEX_LINE):
                row = chunk[at : at + HEX_LINE]
                if row != before:
                    lines.append(_hex_line(offset + at, row))
                    starred = False
                elif not starred:
                    lines.append("*\n")
                    starred = True
                before = row
            text = "".join(lines)
        offset += len(chunk)
        if text:
            yield text.encode("ascii")
    if before:
        yield f"{offset:08x}\n".encode("ascii")


def _hex_line(offset: int, row: bytes) -> str:
    left, right = row[:8].hex(" "), row[8:].hex(" ")
    text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
    return f"{offset:08x}  {left:<23}  {right:<23}  |{text}|\n"


@op("guest.strings", since="0.1")
def strings(
    ctx: Context,
    disk: Locator,
    path: str | None = None,
    *,
    min_length: int = 4,
    encoding: Encoding = "ascii",
) -> Iterator[FoundString | Finding]:
    """List the runs of printable ASCII in a file inside a disk, or in the disk itself.

    Args:
        disk: The image, or a locator such as disk.qcow2::p2.
        path: The file; the disk itself where there is none.
        min_length: The least number of characters.
        encoding: One byte a character, or two as in Windows programs.

    Examples:
        guestkit strings disk.qcow2 /bin/busybox --min-length 8
        guestkit strings disk.qcow2::p1 --encoding utf-16le
    """
    at_least("--min-length", min_length, 1)
    if min_length > STRING_BYTES_MAX // 2:
        raise Usage(f"--min-length is at most {STRING_BYTES_MAX // 2}, not {min_length}")
    subject = _subject(ctx, disk, path)
    found = (
        FoundString(at=subject.at, offset=at, text=text.decode(encoding), path=subject.path)
        for start, run in _stored(ctx, subject.content)
        for at, text in find_strings(run, start, min_length, encoding)
    )
    yield from reported(subject.problems, found)


def _stored(ctx: Context, content: Source) -> Iterator[tuple[int, Iterator[bytes]]]:
    """Yield (offset, pieces) of each stored run; holes hold no text."""
    for start, length in stored_runs(content):
        yield start, chunks(ctx, content, start, length)


def stored_runs(content: Source) -> Iterator[tuple[int, int]]:
    """Yield (offset, length) of each run that is stored, as long as it goes on without a hole."""
    start = end = 0
    for extent in extents(content):
        if not extent.data:
            continue
        if extent.offset > end:
            if end > start:
                yield start, end - start
            start = extent.offset
        end = extent.offset + extent.length
    if end > start:
        yield start, end - start


def find_strings(
    content: Iterator[bytes], offset: int, length_min: int, encoding: Encoding
) -> Iterator[tuple[int, bytes]]:
    """Yield (offset, bytes) of runs of at least `length_min` printable characters or tabs.

    A run longer than STRING_BYTES_MAX comes in pieces of at least that length.
    """
    width = 2 if encoding == "utf-16le" else 1
    character = rb"(?:[\t\x20-\x7e]\0)" if width == 2 else rb"[\t\x20-\x7e]"
    runs = re.compile(character + rb"{%d,}" % length_min)
    held = b""
    for chunk in content:
        text = held + chunk
        done = 0
        keep = max(0, len(text) - width * length_min)
        for match in runs.finditer(text):
            if match.end() + width > len(text) and match.end() - match.start() < STRING_BYTES_MAX:
                keep = match.start()  # it may go on in the next piece
                break
            yield offset + match.start(), match[0]
            done = match.end()
        keep = max(keep, done)
        offset += keep
        held = text[keep:]
    yield from ((offset + match.start(), match[0]) for match in runs.finditer(held))
