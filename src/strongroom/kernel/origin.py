"""Origins: host files and folders as Sources and Trees, and the rule for files behind an image."""

import os
import stat as stat_module
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from strongroom.base.errors import Corrupt, Denied, NotFound, Unavailable, Usage
from strongroom.base.source import Extent, Source, clamp
from strongroom.base.tree import KIND_OF_MODE, S_IFMT, Entry, Kind, Stat, Tree

from .cache import file_identity
from .net import refuse_remote


class FileSource:
    """A host file or block device, read by `pread`; closed when no one holds it any more.

    Usage for one without a size.
    """

    __slots__ = ("_fd", "is_device", "path", "size")

    def __init__(self, fd: int, path: str) -> None:
        self._fd = fd
        self.path = path
        try:
            self.size = os.lseek(fd, 0, os.SEEK_END)
        except OSError as e:  # a file that the system makes up, such as /proc/self/mem
            raise Usage(f"{path} does not say its size", reason="not_file") from e
        self.is_device = stat_module.S_ISBLK(os.fstat(fd).st_mode)
        """A device's times say nothing of its content, so nothing of it is remembered."""

    def __del__(self) -> None:
        os.close(self._fd)

    def read_at(self, offset: int, length: int, /) -> bytes:
        """Return `length` bytes at `offset`; Corrupt where the medium cannot be read."""
        length = clamp(self.size, offset, length)
        try:
            content = os.pread(self._fd, length, offset)
            while len(content) < length:  # Linux reads at most 2 GiB at once
                more = os.pread(self._fd, length - len(content), offset + len(content))
                if not more:
                    break
                content += more
        except OSError as e:
            raise Corrupt("file", offset, f"{self.path}: {e.strerror}", reason="read") from e
        return content

    def extents(self, offset: int, length: int, /) -> Iterator[Extent]:
        """Yield what the host's file system stores and where it has holes."""
        end = offset + clamp(self.size, offset, length)
        while offset < end:
            try:
                start = min(os.lseek(self._fd, offset, os.SEEK_DATA), end)
            except OSError:  # ENXIO: a hole up to the end of the file
                start = end
            if start > offset:
                yield Extent(offset, start - offset, data=False)
            if start < end:
                stop = min(os.lseek(self._fd, start, os.SEEK_HOLE), end)
                yield Extent(start, stop - start, data=True)
                start = stop
            offset = start

    def identity(self) -> str:
        """Return what changes with the content; see `cache.file_identity`."""
        return file_identity(self._fd)


class Origin(NamedTuple):
    """A host file or folder, opened, and where the files behind it may lie."""

    path: str
    content: Source | Tree
    allow: tuple[str, ...] = ()
    """Further directories, real paths, that files behind the image may lie in."""

    @property
    def name(self) -> str:
        return os.path.basename(self.path)

    def sibling(self, name: str) -> "Origin":
        """Open a file that the image names, under the rule of ARCHITECTURE.md, "Host files".

        The same directory or one in `allow`; no link that leads out; a regular file or a block
        device; never a URL or a pseudo-protocol of qemu. Raises Denied, NotFound.
        """
        prefix = name.partition(":")[0]
        if ":" in name and "/" not in prefix:
            raise Denied(f"the image names {name!r}, which is no plain file", reason="sibling")
        if not name or "\0" in name:
            raise Denied("the image names an empty or impossible file", reason="sibling")
        home = os.path.dirname(os.path.realpath(self.path))
        real = os.path.realpath(os.path.join(home, name))
        if not any(_inside(real, directory) for directory in self.allow) and (
            os.path.dirname(real) != home
        ):
            raise Denied(
                f"the image names {real}, outside its own directory",
                hint=f"allow it with --allow-backing {os.path.dirname(real)}",
                reason="sibling",
            )
        return Origin(real, open_file(real), self.allow)


def open_origin(path: str, allow: tuple[str, ...] = ()) -> Origin:
    """Open a host file, block device or folder by path.

    Raises NotFound, Denied (no permission), Unsupported (a URL), Usage (a pipe or a socket).
    """
    refuse_remote(path)
    allow = tuple(os.path.realpath(directory) for directory in allow)
    if os.path.isdir(path):
        return Origin(path, FolderTree(path), allow)
    return Origin(path, open_file(path), allow)


def real_path(origin: str) -> str:
    """Return a host path absolute and without links; a URL as it is."""
    return origin if "://" in origin else os.path.realpath(origin)


def open_file(path: str) -> FileSource:
    """Return a host file or block device as a Source."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError as e:
        raise NotFound(f"{path} does not exist", hint=_nearby(path)) from e
    except PermissionError as e:
        raise Denied(f"{path} may not be read by this user", reason="permission") from e
    except (OSError, ValueError) as e:
        raise Unavailable(f"{path} cannot be opened: {e}") from e
    mode = os.fstat(fd).st_mode
    if not (stat_module.S_ISREG(mode) or stat_module.S_ISBLK(mode)):
        os.close(fd)
        raise Usage(f"{path} is neither a file nor a block device")
    return FileSource(fd, path)


def _inside(path: str, directory: str) -> bool:
    return os.path.commonpath((path, directory)) == directory


def _nearby(path: str) -> str | None:
    """Return a hint that names a file whose name is close to a missing one."""
    from difflib import get_close_matches

    directory = os.path.dirname(path) or "."
    try:
        names = os.listdir(directory)
    except OSError:
        return None
    close = get_close_matches(os.path.basename(path), names[:10_000], 1)
    return f"did you mean {os.path.join(os.path.dirname(path), close[0])}?" if close else None


class FolderTree:
    """A host folder as a Tree. No link is followed, so nothing outside the folder is reached."""

    __slots__ = ("_fd", "path")

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except PermissionError as e:
            raise Denied(f"{path} may not be read by this user", reason="permission") from e

    def __del__(self) -> None:
        fd: int | None = getattr(self, "_fd", None)
        if fd is not None:
            os.close(fd)

    def stat(self, path: str, /) -> Stat:
        if path == "/":
            return _stat(os.fstat(self._fd))
        directory, name = self._parent(path)
        try:
            return _stat(os.stat(name, dir_fd=directory, follow_symlinks=False))
        except OSError as e:
            raise _translated(e, path) from e
        finally:
            os.close(directory)

    def scandir(self, path: str, /) -> Iterator[Entry]:
        fd = self._open(path, os.O_DIRECTORY)
        try:
            with os.scandir(fd) as entries:
                rows = [Entry(e.name, _kind(e), e.inode()) for e in entries]
        except OSError as e:
            raise _translated(e, path) from e
        finally:
            os.close(fd)
        yield from rows

    def open(self, path: str, /) -> Source:
        fd = self._open(path, os.O_NONBLOCK)
        if not stat_module.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise Usage(f"{path} is not a regular file", reason="not_file")
        return FileSource(fd, os.path.join(self.path, path.lstrip("/")))

    def readlink(self, path: str, /) -> str:
        directory, name = self._parent(path)
        try:
            return os.readlink(name, dir_fd=directory)
        except OSError as e:
            if e.errno == 22:  # EINVAL: it exists but is no link
                raise Usage(f"{path} is not a link", reason="not_link") from e
            raise _translated(e, path) from e
        finally:
            os.close(directory)

    def xattrs(self, path: str, /) -> Mapping[str, bytes]:
        if self.stat(path).kind not in ("file", "dir"):
            return {}
        fd = self._open(path, os.O_NONBLOCK)
        try:
            return {name: os.getxattr(fd, name) for name in os.listxattr(fd)}
        except OSError:  # the host's file system has none
            return {}
        finally:
            os.close(fd)

    def _open(self, path: str, flags: int) -> int:
        directory, name = self._parent(path)
        try:
            return os.open(
                name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | flags, dir_fd=directory
            )
        except OSError as e:
            raise _translated(e, path) from e
        finally:
            os.close(directory)

    def _parent(self, path: str) -> tuple[int, str]:
        """Return an open directory and the last name of `path` in it; the caller closes it."""
        parts = [part for part in path.split("/") if part] or ["."]
        fd = os.dup(self._fd)
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        for part in parts[:-1]:
            try:
                deeper = os.open(part, flags, dir_fd=fd)
            except OSError as e:
                raise _translated(e, path) from e
            finally:
                os.close(fd)
            fd = deeper
        return fd, parts[-1]


def _stat(s: os.stat_result) -> Stat:
    kind = KIND_OF_MODE.get(s.st_mode & S_IFMT, "unknown")
    rdev = (os.major(s.st_rdev), os.minor(s.st_rdev)) if kind in ("char", "block") else None
    return Stat(
        kind,
        s.st_mode & 0o7777,
        s.st_uid,
        s.st_gid,
        s.st_size,
        s.st_ino,
        s.st_nlink,
        s.st_mtime_ns,
        s.st_atime_ns,
        s.st_ctime_ns,
        None,
        rdev,
    )


def _kind(entry: "os.DirEntry[str]") -> Kind:
    if entry.is_symlink():
        return "link"
    if entry.is_dir(follow_symlinks=False):
        return "dir"
    if entry.is_file(follow_symlinks=False):
        return "file"
    return KIND_OF_MODE.get(entry.stat(follow_symlinks=False).st_mode & S_IFMT, "unknown")


def _translated(error: OSError, path: str) -> Denied | NotFound | Unavailable:
    if isinstance(error, PermissionError):
        return Denied(f"{path} may not be read by this user", reason="permission")
    if isinstance(error, FileNotFoundError | NotADirectoryError) or error.errno == 40:  # ELOOP
        return NotFound(f"{path} does not exist")
    return Unavailable(f"{path} cannot be read: {error.strerror}")
