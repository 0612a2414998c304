"""Below: the names that stand below a path, with the damage met on the way as Findings."""

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, NamedTuple, TypeVar

from strongroom.base.errors import (
    Corrupt,
    Denied,
    Exhausted,
    Locked,
    NotFound,
    StrongroomError,
    Unavailable,
    Unsupported,
    Usage,
)
from strongroom.base.limits import GIB
from strongroom.base.record import Finding, Severity
from strongroom.base.source import Source
from strongroom.base.tree import (
    WALK_DEPTH_MAX,
    Merged,
    Stat,
    Tree,
    Walkable,
    join,
    normalise,
    resolve,
)
from strongroom.kernel.call import Context
from strongroom.kernel.origin import FolderTree

from .guest import Guest
from .place import Place
from .stack import Layer

T = TypeVar("T")

DAMAGE = (Corrupt, Exhausted, Unsupported, Locked)
"""What one file may raise while its neighbours can still be read."""
UNREADABLE = (*DAMAGE, NotFound, Denied, Unavailable)
"""What a name that a directory lists may raise when it is looked at."""

CANCELLED = "cancelled"
ALLOWANCE_FACTOR = 64


def report(guest: Guest, path: str, error: StrongroomError) -> None:
    """Keep damage as a Finding of the guest, but no more than its limits allow.

    That the caller has gone is no damage: raised again.
    """
    if error.reason == CANCELLED:
        raise error
    count = len(guest.problems)
    if count < guest.limits.problems:
        guest.report(path, error)
    elif count == guest.limits.problems:
        guest.problems.append(
            Finding(
                at=guest.locate("/"),
                rule="problem.more",
                severity=Severity.WARNING,
                message=f"there are more than {count} problems; further ones are left out",
            )
        )


def reported(problems: Sequence[Finding], stream: Iterator[T]) -> Iterator[T | Finding]:
    """Yield a stream and, as soon as it is known, each Finding that joins `problems`."""
    given = 0
    try:
        for item in stream:
            while given < len(problems):
                given += 1
                yield problems[given - 1]
            yield item
    except StrongroomError:
        yield from problems[given:]
        raise
    yield from problems[given:]


def named(spot: Place, paths: Sequence[str]) -> list[str]:
    """Return the paths that a user gives an op, below the one in the locator; it alone for none."""
    if not paths:
        return [spot.path]
    return [normalise(join(spot.path, path.lstrip("/"))) for path in paths]


def each(spot: Place, paths: Sequence[str], act: Callable[[str], Iterator[T]]) -> Iterator[T]:
    """Yield what `act` yields for each path; what fails does not keep the others from their turn.

    Damage of one among several is reported, that of a single one raised. A path that is not there
    or not fit raises once the others are done.
    """
    first: StrongroomError | None = None
    for path in paths:
        try:
            yield from act(path)
        except DAMAGE as e:
            if len(paths) == 1:
                raise
            report(spot.guest, path, e)
        except (NotFound, Usage, Denied, Unavailable) as e:
            if e.reason == CANCELLED:
                raise
            first = first or e
    if first is not None:
        raise first


def go_on(ctx: Context) -> None:
    """Raise Unavailable where no one waits for the result any more; long loops ask."""
    if ctx.cancelled:
        raise Unavailable("the caller has gone", reason=CANCELLED)


class Opened(NamedTuple):
    """A regular file: its path with all links resolved, and its content."""

    path: str
    content: Source


def open_file(tree: Tree, path: str) -> Opened:
    """Return the regular file that a path leads to; Usage where it is something else."""
    real = resolve(tree, path)
    kind = tree.stat(real).kind
    if kind == "dir":
        raise Usage(f"{path} is a directory", reason="directory")
    if kind != "file":
        raise Usage(f"{path} is no regular file ({kind})", reason="not_file")
    return Opened(real, tree.open(real))


def walk_all(spot: Place, start: str) -> Iterator[tuple[str, Stat]]:
    """Yield (path, stat) of everything below a directory, each directory before its content.

    In the order that is fastest to read. Follows no link; what cannot be read is reported.
    """
    if isinstance(spot.tree, Walkable):
        yield from spot.tree.walk(start)
    else:
        yield from walk_sorted(spot, start)


def walk_sorted(
    spot: Place, start: str, *, depth_max: int | None = None, hidden: bool = True
) -> Iterator[tuple[str, Stat]]:
    """Yield (path, stat) below a directory, depth first, the names of each in order of bytes.

    Holds one directory of each level in memory. Reports names that no path can hold, names given
    twice and directories met twice, all of which a damaged directory may have, and goes on without
    them: what comes out is a tree. `hidden` false leaves out names that begin with a dot.
    """
    seen: set[tuple[str, int]] = {_identity(spot.tree, start, spot.tree.stat(start))}
    stack = [_listed(spot, start, hidden=hidden)]
    while stack:
        found = next(stack[-1], None)
        if found is None:
            stack.pop()
            continue
        yield found
        path, stat = found
        if stat.kind != "dir" or len(stack) == depth_max:
            continue
        if len(stack) >= WALK_DEPTH_MAX:
            deep = Exhausted(f"{path} lies more than {WALK_DEPTH_MAX} directories deep")
            report(spot.guest, path, deep)
        elif not isinstance(spot.tree, FolderTree) and _met(seen, spot.tree, path, stat):
            loop = Corrupt("tree", None, f"directory {path} was met before", reason="loop")
            report(spot.guest, path, loop)
        else:
            stack.append(_listed(spot, path, hidden=hidden))


def list_directory(
    spot: Place, directory: str, *, hidden: bool = True
) -> Iterator[tuple[str, Stat]]:
    """Yield (path, stat) of what a directory holds, in order of bytes; raises where it cannot."""
    entries = _safe_names(spot, directory, (e.name for e in spot.tree.scandir(directory)))
    for name in entries:
        if name.startswith(".") and not hidden:
            continue
        path = join(directory, name)
        try:
            stat = spot.tree.stat(path)
        except UNREADABLE as e:
            report(spot.guest, path, e)
            continue
        yield path, stat


def _listed(spot: Place, directory: str, *, hidden: bool) -> Iterator[tuple[str, Stat]]:
    """Yield what `list_directory` does; a directory that cannot be read is reported."""
    try:
        yield from list_directory(spot, directory, hidden=hidden)
    except UNREADABLE as e:
        report(spot.guest, directory, e)


def _safe_names(spot: Place, directory: str, names: Iterator[str]) -> list[str]:
    """Return the names a path can be made of, each once, in order of bytes."""
    safe: list[str] = []
    for name in names:
        if name in ("", ".", "..") or "/" in name or "\0" in name:
            report(
                spot.guest,
                directory,
                Corrupt("tree", None, f"{directory} holds the name {name!r}", reason="name"),
            )
        else:
            safe.append(name)
    unique = set(safe)
    if len(unique) < len(safe):
        twice = Corrupt("tree", None, f"{directory} holds a name twice", reason="twice")
        report(spot.guest, directory, twice)
    return sorted(unique, key=exact)


def exact(name: str) -> bytes:
    """Return the bytes that a name stands for."""
    return name.encode("utf-8", "surrogateescape")


def _identity(tree: Tree, path: str, stat: Stat) -> tuple[str, int]:
    """Return what names a file inside one tree: inode numbers begin anew in each mount."""
    return (tree.locate(path)[0].point if isinstance(tree, Merged) else "", stat.ino)


def _met(seen: set[tuple[str, int]], tree: Tree, path: str, stat: Stat) -> bool:
    """Say whether a directory was in `seen`, and add it; one without an inode never was."""
    key = _identity(tree, path, stat)
    if key in seen and stat.ino:
        return True
    seen.add(key)
    return False


class Allowance:
    """How much content one call reads: ALLOWANCE_FACTOR times the host files' size and 1 GiB more.

    What claims to hold more is mostly holes, or lies; a host folder may claim what it likes. Keeps
    hashing and copying finite: a file of a few KiB can claim 2**60 bytes.
    """

    __slots__ = ("_left",)

    def __init__(self, layer: Layer | None, *, bounded: bool = True) -> None:
        self._left: int | None = None
        if layer is not None and bounded:
            stored = sum(file.size for file in layer.opening.files) or layer.size
            self._left = GIB + ALLOWANCE_FACTOR * stored

    def take(self, path: str, size: int) -> None:
        """Count `size` bytes that are about to be read; Exhausted for more than are left."""
        if self._left is None:
            return
        if size > self._left:
            raise Exhausted(
                f"{path} claims {size} bytes, more than such a disk is likely to hold",
                hint="read it alone with cat or extract, or hash it with --any-size",
                reason="content",
            )
        self._left -= size


class HardLinks:
    """The files with several names met so far, each with the name it was met by first.

    A file is forgotten once all its names were met, so memory holds only what is still open.
    """

    __slots__ = ("_first", "_left", "_tree")

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._first: dict[tuple[object, ...], str] = {}
        self._left: dict[tuple[object, ...], int] = {}

    def first(self, path: str, stat: Stat) -> str | None:
        """Return the path that the same file was met by before, None for the first time."""
        if stat.nlink < 2 or stat.kind == "dir" or not stat.ino:
            return None
        key = self._key(path, stat)
        known = self._first.get(key)
        if known is None:
            self._first[key] = path
            self._left[key] = stat.nlink - 1
            return None
        self._left[key] -= 1
        if not self._left[key]:
            del self._first[key], self._left[key]
        return known

    def forget(self, path: str, stat: Stat) -> None:
        """Take a file as not met: its first name could not be used after all."""
        self._first.pop(self._key(path, stat), None)
        self._left.pop(self._key(path, stat), None)

    def _key(self, path: str, stat: Stat) -> tuple[object, ...]:
        # A host folder may span devices that number their inodes alike: size and time tell
        # them apart.
        return (*_identity(self._tree, path, stat), stat.size, stat.mtime_ns, stat.nlink)


def at_least(name: str, value: int | None, least: Literal[0, 1]) -> None:
    """Refuse a number that a user gave and that is too small."""
    if value is not None and value < least:
        raise Usage(f"{name} is at least {least}, not {value}")
