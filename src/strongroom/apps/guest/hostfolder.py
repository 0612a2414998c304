"""Host folder: a directory of this machine that files are written into, and nothing outside it.

Every name is one component, looked up in an open directory and never through a link, so what a
guest calls its files cannot lead anywhere else. Names are bytes: a guest's are kept exactly.
"""

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple

from strongroom.base.errors import (
    Conflict,
    Denied,
    NotFound,
    StrongroomError,
    Unavailable,
    Unsupported,
)

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_NOT_A_DIRECTORY = frozenset({errno.ENOTDIR, errno.ELOOP})
_IMPOSSIBLE = frozenset({errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ, errno.ENOENT})
_NO_LINKS = frozenset({errno.EPERM, errno.EMLINK, errno.EXDEV, errno.ENOTSUP, errno.ENOSYS})


class Keep(NamedTuple):
    """What a host file takes over from a guest's. Times are nanoseconds since 1970 UTC.

    Without `owner` the mode is held within the user's umask, and setuid, setgid and sticky bits
    are dropped; with it (user, group) they are kept, which takes root.
    """

    mode: int
    mtime_ns: int
    atime_ns: int | None = None
    owner: tuple[int, int] | None = None
    xattrs: Mapping[str, bytes] = {}


class HostFolder:
    """An open directory; `path` is only for messages. Close it, or use it in a `with`."""

    __slots__ = ("_fd", "_made", "path")

    def __init__(self, fd: int, path: str, made: Keep | None = None) -> None:
        self._fd = fd
        self._made = made
        self.path = path

    @classmethod
    def open(cls, path: str) -> "HostFolder":
        """Open a directory that the user names; links in it are the user's own."""
        try:
            return cls(os.open(path, _DIRECTORY), path)
        except FileNotFoundError as e:
            raise NotFound(f"{path} does not exist", hint="make the folder first") from e
        except OSError as e:
            raise host_error(e, path) from e

    def close(self) -> None:
        os.close(self._fd)

    def finish(self) -> list[str]:
        """Give a directory made here what it was to keep, now that it is full; return what not."""
        if self._made is None:
            return []
        try:
            return _keep(self._fd, self._made, os.fstat(self._fd).st_mode)
        except OSError as e:
            raise host_error(e, self.path) from e

    def directory(self, name: bytes, keep: Keep, *, force: bool) -> "HostFolder":
        """Make a directory and open it, or open the one that is there already.

        Conflict where the name is something else; `force` removes that.
        """
        path = self._path(name)
        try:
            made = self._mkdir(name, keep)
            try:
                fd = os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=self._fd)
            except OSError as e:
                if e.errno not in _NOT_A_DIRECTORY or not force:
                    raise
                os.unlink(name, dir_fd=self._fd)
                made = self._mkdir(name, keep)
                fd = os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=self._fd)
        except OSError as e:
            raise host_error(e, path) from e
        return HostFolder(fd, path, keep if made else None)

    def _mkdir(self, name: bytes, keep: Keep) -> bool:
        with suppress(FileExistsError):
            # its owner can write into it until `finish` takes that away again
            os.mkdir(name, keep.mode & 0o777 | 0o700, dir_fd=self._fd)
            return True
        return False

    def write_file(
        self,
        name: bytes,
        size: int,
        pieces: Iterator[tuple[int, bytes]],
        keep: Keep,
        *,
        force: bool,
    ) -> list[str]:
        """Write a file of `size` bytes from (offset, bytes) pieces, holes between them.

        It appears whole or not at all, whatever is raised meanwhile. Returns the names of what
        could not be kept. Conflict where the name is taken; `force` replaces a file or link.
        """
        path = self._path(name)
        temporary = b".strongroom-" + os.urandom(8).hex().encode("ascii") + b".part"
        try:
            self._refuse(name, force=force)
            try:
                fd = os.open(temporary, _NEW_FILE, keep.mode & 0o777, dir_fd=self._fd)
                try:
                    for offset, piece in pieces:
                        _write_all(fd, piece, offset)
                    os.ftruncate(fd, size)
                    lost = _keep(fd, keep, os.fstat(fd).st_mode)
                finally:
                    os.close(fd)
                self._publish(temporary, name, force=force)
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(temporary, dir_fd=self._fd)
        except OSError as e:
            raise host_error(e, path) from e
        return lost

    def _refuse(self, name: bytes, *, force: bool) -> None:
        """Raise FileExistsError for a name that would be refused later, before all the work."""
        with suppress(FileNotFoundError):
            found = os.stat(name, dir_fd=self._fd, follow_symlinks=False)
            if not force or found.st_mode & 0o170000 == 0o040000:
                raise FileExistsError(errno.EEXIST, "exists")

    def _publish(self, temporary: bytes, name: bytes, *, force: bool) -> None:
        if not force:
            try:  # unlike a rename a link never replaces what appeared meanwhile
                os.link(
                    temporary, name, src_dir_fd=self._fd, dst_dir_fd=self._fd, follow_symlinks=False
                )
            except OSError as e:
                if e.errno not in _NO_LINKS:
                    raise
                self._refuse(name, force=False)
            else:
                return
        os.replace(temporary, name, src_dir_fd=self._fd, dst_dir_fd=self._fd)

    def link(self, name: bytes, target: bytes, keep: Keep, *, force: bool) -> list[str]:
        """Make a symbolic link; what it leads to is never looked at. Returns what was not kept."""
        path = self._path(name)
        if not target or b"\0" in target:
            raise Unsupported(f"{path} leads to nothing that has a name", reason="host.name")
        try:
            self._refuse(name, force=force)
            if force:
                with suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=self._fd)
            os.symlink(target, name, dir_fd=self._fd)
            if keep.owner is not None:
                os.chown(name, *keep.owner, dir_fd=self._fd, follow_symlinks=False)
            return _keep_time(name, keep, self._fd)
        except OSError as e:
            raise host_error(e, path) from e

    def hard_link(
        self, name: bytes, first: "HostFolder", first_name: bytes, *, force: bool
    ) -> bool:
        """Give a file one more name; False where the host cannot, so that it is to be copied."""
        try:
            self._refuse(name, force=force)
            if force:
                with suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=self._fd)
            source = first._fd  # noqa: SLF001  the same class's own
            os.link(first_name, name, src_dir_fd=source, dst_dir_fd=self._fd, follow_symlinks=False)
        except OSError as e:
            if e.errno in _NO_LINKS or e.errno == errno.ENOENT:
                return False
            raise host_error(e, self._path(name)) from e
        return True

    def below(self, names: list[bytes]) -> "HostFolder":
        """Open a directory further down; no link is followed on the way."""
        fd = os.dup(self._fd)
        for name in names:
            try:
                deeper = os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=fd)
            except OSError as e:
                raise host_error(e, self.path) from e
            finally:
                os.close(fd)
            fd = deeper
        return HostFolder(fd, self.path)

    def _path(self, name: bytes) -> str:
        return os.path.join(self.path, os.fsdecode(name))


def _write_all(fd: int, content: bytes, offset: int) -> None:
    view = memoryview(content)
    while view:
        done = os.pwrite(fd, view, offset)
        view, offset = view[done:], offset + done


def _keep(fd: int, keep: Keep, created: int) -> list[str]:
    """Set what is to be kept on an open file made with mode `created`; return what is not."""
    lost = []
    if keep.owner is not None:
        try:
            os.fchown(fd, *keep.owner)  # first: it clears setuid and setgid
        except PermissionError as e:
            raise Denied(
                "owners cannot be kept by this user",
                hint="leave out --preserve, or run as root",
                reason="owner",
            ) from e
        os.fchmod(fd, keep.mode)
    elif created & 0o777 & ~keep.mode:
        os.fchmod(fd, created & (keep.mode & 0o777 | 0o7000))
    for name, value in keep.xattrs.items():
        try:
            os.setxattr(fd, name, value)
        except (OSError, ValueError):
            lost.append(name)
    return lost + _keep_time(fd, keep, None)


def _keep_time(file: "int | bytes", keep: Keep, dir_fd: int | None) -> list[str]:
    times = (keep.mtime_ns if keep.atime_ns is None else keep.atime_ns, keep.mtime_ns)
    try:
        if isinstance(file, int):
            os.utime(file, ns=times)
        else:
            os.utime(file, ns=times, dir_fd=dir_fd, follow_symlinks=False)
    except (OSError, OverflowError):
        return ["mtime"]
    return []


def host_error(error: OSError, path: str) -> StrongroomError:
    """Return what a caller can act on for an error of this machine's file system."""
    said = os.strerror(error.errno).lower() if error.errno else str(error)
    if isinstance(error, FileExistsError) or error.errno in _NOT_A_DIRECTORY:
        hint = "--force replaces files and links, never directories"
        return Conflict(f"{path} is there already", hint=hint, reason="exists")
    if isinstance(error, IsADirectoryError):
        return Conflict(f"{path} is a directory", reason="exists")
    if isinstance(error, PermissionError) or error.errno == errno.EROFS:
        return Denied(f"{path} cannot be written: {said}", reason="permission")
    if error.errno in _FULL:
        return Unavailable(f"no space left for {path}", reason="full")
    if error.errno == errno.EFBIG:
        return Unsupported(f"{path} would be larger than a file can be here", reason="host.size")
    if error.errno in _IMPOSSIBLE:
        return Unsupported(f"{path} is no name that this host can keep: {said}", reason="host.name")
    return Unavailable(f"{path} cannot be written: {said}")
