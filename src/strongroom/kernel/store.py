"""Where state lives, and how a file gets there whole and private, or not at all."""

import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from strongroom.base.errors import Unavailable

if TYPE_CHECKING:
    from sqlite3 import Connection

BOOT_ID = "/proc/sys/kernel/random/boot_id"
LOCK_SECONDS = 10.0
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""What the system says when a disk or a quota is full."""


class Home(NamedTuple):
    """The three folders of one user; absolute paths that need not exist yet.

    `config_dir` is written by people, `state_dir` must not be lost, `cache_dir` may be deleted.
    """

    config_dir: str
    state_dir: str
    cache_dir: str


def find_home(environ: Mapping[str, str]) -> Home:
    """Return the folders: all below STRONGROOM_HOME, else where the XDG variables say.

    Below STRONGROOM_HOME they are `config`, `state` and `cache`. A relative XDG variable counts as
    unset (XDG Base Directory Specification, "Basics"). Unavailable where there is no home at all.
    """
    if chosen := environ.get("STRONGROOM_HOME"):
        root = os.path.abspath(chosen)
        return Home(*(os.path.join(root, name) for name in ("config", "state", "cache")))
    return Home(
        _xdg(environ, "XDG_CONFIG_HOME", ".config"),
        _xdg(environ, "XDG_STATE_HOME", ".local/state"),
        _xdg(environ, "XDG_CACHE_HOME", ".cache"),
    )


def _xdg(environ: Mapping[str, str], name: str, below_home: str) -> str:
    base = environ.get(name, "")
    if not os.path.isabs(base):
        base = os.path.join(_user_home(environ), below_home)
    return os.path.join(base, "strongroom")


def _user_home(environ: Mapping[str, str]) -> str:
    if os.path.isabs(home := environ.get("HOME", "")):
        return home
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError as e:
        raise Unavailable(
            f"user {os.getuid()} has no home folder",
            hint="set STRONGROOM_HOME to a folder that you can write to",
        ) from e


def boot_id() -> str:
    """Return what the kernel calls this boot; "" where it has no name for it."""
    try:
        with open(BOOT_ID, encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""


def read_small(path: str, most: int) -> bytes:
    """Return a regular file of at most `most` bytes; OSError else, a pipe does not keep it waiting.

    EFBIG where it is larger, EINVAL where it is no regular file.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with open(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", path)
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"it is larger than {most} bytes", path)
    return data


def make_private_dir(path: str) -> None:
    """Make a folder that only its user can enter, and the missing ones above it; Unavailable.

    A folder of our own that is open to others is closed.
    """
    try:
        _make_dirs(path)
        found = os.stat(path)
        if found.st_mode & 0o077 and found.st_uid == os.geteuid():
            os.chmod(path, 0o700)
    except OSError as e:
        raise unwritable(e, path) from e


def _make_dirs(path: str) -> None:
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        if not os.path.isdir(path):
            raise
    except FileNotFoundError:
        above = os.path.dirname(path)
        if above == path:
            raise
        _make_dirs(above)
        if not os.path.isdir(path):  # made meanwhile; asking mkdir again could go on for ever
            os.mkdir(path, 0o700)


def write_atomically(path: str, data: bytes) -> None:
    """Replace or make a file of mode 0600 so that there is the old or the new content; Unavailable.

    On disk when it returns. Whatever interrupts it leaves no partial file behind.
    """
    replace_atomically(path, (data,))


def replace_atomically(path: str, chunks: Iterable[bytes]) -> None:
    """Do as `write_atomically` with content that comes in parts."""
    temporary = f"{path}.{os.getpid()}.{os.urandom(6).hex()}.part"
    try:
        make_private_dir(os.path.dirname(path))
        try:
            fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                for chunk in chunks:
                    write_all(fd, chunk)
                os.fsync(fd)
            finally:
                os.close(fd)
            os.replace(temporary, path)
        finally:
            if os.path.lexists(temporary):
                os.unlink(temporary)
        sync_dir(os.path.dirname(path))
    except OSError as e:
        raise unwritable(e, path) from e


def write_all(fd: int, data: bytes) -> None:
    """Write every byte, however often the system takes only a part; OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def sync_dir(path: str) -> None:
    """Bring a folder's names to disk; OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def lock(fd: int, path: str, *, shared: bool = False) -> None:
    """Take the `flock` of an open file, waiting at most ten seconds; OSError, Unavailable."""
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    deadline = time.monotonic() + LOCK_SECONDS
    pause = 0.0001
    while True:
        try:
            return fcntl.flock(fd, kind | fcntl.LOCK_NB)
        except BlockingIOError as e:
            if time.monotonic() > deadline:
                hint = f"`fuser {path}` names it"
                message = f"another process holds {path}"
                raise Unavailable(message, hint=hint, reason="lock") from e
        time.sleep(pause)
        pause = min(pause * 2, 0.005)


def unwritable(error: OSError, path: str) -> Unavailable:
    """Return the Unavailable that names `path`, what the system said, and the way out."""
    if error.errno in FULL:
        return Unavailable(
            f"no space left for {path}",
            hint="free some (`strongroom cache clear` works on a full disk), or set "
            "STRONGROOM_HOME to a folder on another disk",
            reason="full",
        )
    said = os.strerror(error.errno).lower() if error.errno else str(error)
    return Unavailable(
        f"cannot write {path}: {said}",
        hint="set STRONGROOM_HOME to a folder that you can write to",
        reason="home",
    )


def open_database(path: str, schema: str, version: int) -> "Connection":
    """Open a rebuildable SQLite file in WAL mode, private to its user; Unavailable.

    `schema` are the statements that make it where it is not yet (`CREATE TABLE IF NOT EXISTS`). A
    file of another `version`, or a damaged one, is deleted and made anew: it holds nothing
    that cannot be computed again. Whoever finds it locked waits five seconds.
    """
    import sqlite3

    make_private_dir(os.path.dirname(path))
    try:
        for _attempt in range(2):
            try:
                if (database := _connect(path, schema, version)) is not None:
                    return database
            except sqlite3.OperationalError:
                raise  # locked or full: nothing is wrong with the file
            except sqlite3.DatabaseError:
                pass
            delete_database(path)
    except sqlite3.DatabaseError as e:
        raise Unavailable(f"cannot use {path}: {e}", reason="database") from e
    raise Unavailable(f"cannot use {path}", reason="database")


def delete_database(path: str) -> None:
    """Remove a SQLite file with its journals, where they are; Unavailable."""
    try:
        for name in (path, f"{path}-wal", f"{path}-shm"):
            if os.path.lexists(name):
                os.unlink(name)
    except OSError as e:
        raise unwritable(e, path) from e


def _connect(path: str, schema: str, version: int) -> "Connection | None":
    import sqlite3

    try:
        # made here first, since SQLite gives its journals the mode of the file
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as e:
        raise unwritable(e, path) from e
    database = sqlite3.connect(path, timeout=5.0, isolation_level=None)
    ready = False
    try:
        (found,) = database.execute("PRAGMA user_version").fetchone()
        if found == 0:
            stamp = f"PRAGMA user_version={version}"
            database.executescript(f"BEGIN IMMEDIATE; {schema}; {stamp}; COMMIT")
        if found in (0, version):
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("PRAGMA synchronous=NORMAL")
            ready = True
    finally:
        if not ready:
            database.close()
    return database if ready else None
