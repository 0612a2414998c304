"""find: the names below a path that meet conditions."""

from collections.abc import Callable, Iterator
from itertools import islice

from strongroom.base.errors import NotFound
from strongroom.base.locator import Locator
from strongroom.base.record import Finding
from strongroom.base.tree import Stat, basename, resolve
from strongroom.formats.guest.passwd import parse_passwd
from strongroom.kernel.call import Context
from strongroom.kernel.op import op

from .below import (
    at_least,
    go_on,
    reported,
    walk_all,
    walk_sorted,
)
from .criteria import (
    parse_glob,
    parse_kinds,
    parse_moment,
    parse_permissions,
    parse_size_bound,
)
from .names import FileEntry, entry
from .place import Place, place

Test = Callable[[str, Stat], object]
"""Says of a path and its Stat whether it is meant."""


@op("guest.find", since="0.1", aliases=("search",))
def find(
    ctx: Context,
    disk: Locator,
    path: str = "/",
    *,
    name: str | None = None,
    iname: str | None = None,
    type: str | None = None,
    size: str | None = None,
    newer_than: str | None = None,
    older_than: str | None = None,
    perm: str | None = None,
    user: str | None = None,
    max_depth: int | None = None,
    limit: int | None = None,
) -> Iterator[FileEntry | Finding]:
    """Find names below a directory inside a disk by all of the tests that are given.

    Follows no link but the one that the path may be; the directory itself is looked at, too.
    Entries come in the order in which the file system stores them.

    Args:
        disk: The image or folder, or a locator such as disk.qcow2::/home.
        path: Where to begin.
        name: A pattern for the last component: * ? [a-z] [!a-z].
        iname: The same, capital or small letters alike.
        type: f file, d directory, l link, c and b device, p fifo, s socket; f,l for both.
        size: More than (+10M), less than (-4K) or exactly (0) so many bytes.
        newer_than: Changed after a date, a time (UTC) or an age: 2026-01-31, 7d, 12h.
        older_than: Changed before a date, a time (UTC) or an age.
        perm: The mode in octal: 644 exactly, -4000 all of these bits, /6000 any of them.
        user: Owned by this number, or this name in the guest's /etc/passwd.
        max_depth: Descend at most so many levels; 0 looks at the path alone.
        limit: Stop after this many entries.

    Examples:
        guestkit find disk.qcow2 / --perm -4000 --type f
        guestkit find disk.qcow2 /var/log --name '*.log' --size +10M --newer-than 7d
    """
    at_least("--limit", limit, 0)
    at_least("--max-depth", max_depth, 0)
    spot = place(ctx, disk, path)
    tests = [
        *_of_name(name, iname),
        *_of_stat(type, size, perm),
        *_of_time(newer_than, older_than, ctx.now()),
    ]
    if user is not None:
        uid = _uid(spot, user)
        tests.append(lambda _, stat: stat.uid == uid)
    found = _found(ctx, spot, tests, max_depth)
    yield from reported(spot.guest.problems, islice(found, limit))


def _found(
    ctx: Context, spot: Place, tests: list[Test], depth_max: int | None
) -> Iterator[FileEntry]:
    start = resolve(spot.tree, spot.path)
    for path, stat in _below(spot, start, depth_max):
        go_on(ctx)
        if all(test(path, stat) for test in tests):
            yield entry(spot, path, stat)


def _below(spot: Place, start: str, depth_max: int | None) -> Iterator[tuple[str, Stat]]:
    """Yield the start itself and what stands below it."""
    stat = spot.tree.stat(start)
    yield start, stat
    if stat.kind == "dir" and depth_max is None:
        yield from walk_all(spot, start)
    elif stat.kind == "dir" and depth_max:
        yield from walk_sorted(spot, start, depth_max=depth_max)


def _of_name(name: str | None, iname: str | None) -> Iterator[Test]:
    if name is not None:
        matches = parse_glob(name)
        yield lambda path, _: matches(basename(path))
    if iname is not None:
        resembles = parse_glob(iname, ignore_case=True)
        yield lambda path, _: resembles(basename(path))


def _of_stat(type: str | None, size: str | None, perm: str | None) -> Iterator[Test]:
    if type is not None:
        kinds = parse_kinds(type)
        yield lambda _, stat: stat.kind in kinds
    if size is not None:
        bound = parse_size_bound(size)
        yield lambda _, stat: bound.holds(stat.size)
    if perm is not None:
        permissions = parse_permissions(perm)
        yield lambda _, stat: permissions.holds(stat.mode)


def _of_time(newer_than: str | None, older_than: str | None, now_s: float) -> Iterator[Test]:
    if newer_than is not None:
        after_ns = parse_moment(newer_than, now_s)
        yield lambda _, stat: stat.mtime_ns > after_ns
    if older_than is not None:
        before_ns = parse_moment(older_than, now_s)
        yield lambda _, stat: stat.mtime_ns < before_ns


def _uid(spot: Place, user: str) -> int:
    """Return the number of a user, by the guest's own accounts where it is a name."""
    if user.isascii() and user.isdigit():
        return int(user[:20])
    text = spot.guest.read_text("/etc/passwd")
    if text is not None:
        for account in parse_passwd(text).entries:
            if account.name == user:
                return account.uid
    raise NotFound(
        f"the guest has no user {user!r}", hint="give the number of its uid", reason="user"
    )
