"""Records of an inspection kept for the next one. Deleting the folder changes speed only.

One file for each key, below `records/` in folders named by the key's first byte. Its first line is
`strongroom-records 1 <BLAKE2b-256>`, hex, over the key and all that follows; the rest are the lines
that were put. Whatever does not match is as if it were not there. No database: a hit is one open.
"""

import os
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from strongroom.base.errors import Denied, NotFound, Unavailable
from strongroom.base.limits import KIB

from .digest import blake2b
from .store import write_atomically

MAGIC = b"strongroom-records 1 "
HEAD_BYTES = 64 * KIB
"""What `file_identity` reads of a file's start."""


class CacheStats(NamedTuple):
    """What the cache holds, and may hold. Sizes are bytes."""

    entries: int
    size_bytes: int
    max_bytes: int


class CacheProblem(NamedTuple):
    """A file of the cache that is never used again, and why."""

    path: str
    message: str


class _File(NamedTuple):
    path: str
    size: int
    used_ns: int


def cache_key(*parts: str) -> str:
    """Return the key for what depends on `parts` and on nothing else, in this order."""
    state = blake2b(digest_size=32)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        state.update(len(data).to_bytes(8, "little"))
        state.update(data)
    return state.hexdigest()


def file_identity(file: str | int) -> str:
    """Return text that another content of the same file would not have; for a path or descriptor.

    It covers the first 64 KiB by hash, and device, inode, size, and both times in nanoseconds. Who
    reads a file that may be written meanwhile asks before and after. NotFound, Denied, Unavailable.
    """
    fd = file if isinstance(file, int) else _open(file)
    try:
        head = os.pread(fd, HEAD_BYTES, 0)
        s = os.fstat(fd)
    except OSError as e:
        raise Unavailable(f"cannot read {file}: {e.strerror}") from e
    finally:
        if fd != file:
            os.close(fd)
    digest = blake2b(head, digest_size=16).hexdigest()
    return f"{digest}:{s.st_dev}:{s.st_ino}:{s.st_size}:{s.st_mtime_ns}:{s.st_ctime_ns}"


def code_identity(*folders: str) -> str:
    """Return text that changes with any Python file directly in the folders, by size and time.

    Part of the key of what code has made: another version of it, or an edit, makes it anew.
    """
    rows = []
    for folder in folders:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith(".py"):
                    s = entry.stat()
                    rows.append(f"{folder}/{entry.name}:{s.st_size}:{s.st_mtime_ns}")
    return cache_key(*sorted(rows))


def _open(path: str) -> int:
    try:
        # a pipe in place of the file must not make us wait for its writer
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError as e:
        raise NotFound(f"{path} does not exist") from e
    except PermissionError as e:
        raise Denied(f"{path} may not be read") from e
    except OSError as e:
        raise Unavailable(f"cannot read {path}: {e.strerror}") from e


class RecordCache:
    """Lines by key, at most `max_bytes` of them, the ones used longest ago thrown out first.

    Several processes may share the folder. No method fails because the folder cannot be
    written: then nothing is kept.
    """

    __slots__ = ("_dir", "enabled", "max_bytes")

    def __init__(self, cache_dir: str, max_bytes: int, *, enabled: bool = True) -> None:
        self._dir = os.path.join(cache_dir, "records")
        self.max_bytes = max_bytes
        self.enabled = enabled

    def get(self, key: str) -> list[str] | None:
        """Return the lines put under `key`, None where there are none or they are damaged."""
        if not self.enabled:
            return None
        path = self._path(key)
        try:
            with open(path, "rb") as file:
                data = file.read()
        except OSError:
            return None
        lines = _decode(key, data)
        if lines is not None:
            _touch(path)
        return lines

    def put(self, key: str, lines: Iterable[str], *, private: bool = False) -> bool:
        """Keep `lines`, which hold no line feed, under `key`; return whether they are kept.

        `private` are records that come out of an encrypted volume: they are never kept.
        """
        if private or not self.enabled:
            return False
        data = _encode(key, lines)
        if len(data) > self.max_bytes:
            return False
        try:
            write_atomically(self._path(key), data)
        except Unavailable:
            return False
        self._make_room()
        return True

    def stats(self) -> CacheStats:
        """Count what is there."""
        files = self._files()
        return CacheStats(len(files), sum(file.size for file in files), self.max_bytes)

    def clear(self) -> int:
        """Remove everything; return how many files that were."""
        return sum(_remove(file) for file in self._files())

    def verify(self) -> Iterator[CacheProblem]:
        """Yield the files whose content is not what was put."""
        for file in sorted(self._files()):
            try:
                with open(file.path, "rb") as opened:
                    data = opened.read()
            except FileNotFoundError:
                continue  # thrown out meanwhile
            except OSError as e:
                yield CacheProblem(file.path, f"cannot be read: {e.strerror}")
                continue
            if _decode(os.path.basename(file.path), data) is None:
                yield CacheProblem(file.path, "is not what was written")

    def _path(self, key: str) -> str:
        return os.path.join(self._dir, key[:2], key)

    def _files(self) -> list[_File]:
        found: list[_File] = []
        for folder in _scan(self._dir):
            for entry in _scan(folder.path):
                try:
                    s = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                found.append(_File(entry.path, s.st_size, s.st_mtime_ns))
        return found

    def _make_room(self) -> None:
        files = self._files()
        excess = sum(file.size for file in files) - self.max_bytes
        if excess <= 0:
            return
        for file in sorted(files, key=lambda file: file.used_ns):
            if excess <= 0:
                return
            excess -= file.size * _remove(file)


def _encode(key: str, lines: Iterable[str]) -> bytes:
    body = "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogatepass")
    return b"".join((MAGIC, _digest(key, body), b"\n", body))


def _decode(key: str, data: bytes) -> list[str] | None:
    head, feed, body = data.partition(b"\n")
    if not feed or head != MAGIC + _digest(key, body):
        return None
    return body.decode("utf-8", "surrogatepass").split("\n")[:-1]


def _digest(key: str, body: bytes) -> bytes:
    state = blake2b(key.encode("utf-8", "surrogatepass"), digest_size=32)
    state.update(body)
    return state.hexdigest().encode("ascii")


def _scan(path: str) -> "list[os.DirEntry[str]]":
    try:
        with os.scandir(path) as entries:
            return list(entries)
    except OSError:
        return []


def _touch(path: str) -> None:
    try:
        os.utime(path)
    except OSError:
        return  # a folder that cannot be written still answers


def _remove(file: _File) -> bool:
    try:
        os.unlink(file.path)
    except OSError:
        return False
    return True
