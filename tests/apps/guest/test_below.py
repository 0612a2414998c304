"""Below: a bounded report of damage, and walking over what cannot be read."""

from collections.abc import Iterator, Mapping

import pytest

from strongroom.apps.guest.below import (
    Allowance,
    HardLinks,
    each,
    list_directory,
    named,
    report,
    reported,
    walk_sorted,
)
from strongroom.apps.guest.guest import Guest
from strongroom.apps.guest.place import Place
from strongroom.base.errors import Corrupt, Exhausted, NotFound, StrongroomError, Unavailable
from strongroom.base.limits import DEFAULT_LIMITS
from strongroom.base.locator import Locator
from strongroom.base.record import Finding
from strongroom.base.source import Source
from strongroom.base.tree import Entry, Merged, Stat, Tree, Virtual

BAD = Corrupt("test", 7, "damaged")


class Half:
    """A Tree in which every name that holds "bad" is damaged."""

    def __init__(self, base: Tree) -> None:
        self._base = base

    def stat(self, path: str, /) -> Stat:
        if "bad" in path:
            raise BAD
        return self._base.stat(path)

    def scandir(self, path: str, /) -> Iterator[Entry]:
        return self._base.scandir(path)

    def open(self, path: str, /) -> Source:
        return self._base.open(path)

    def readlink(self, path: str, /) -> str:
        return self._base.readlink(path)

    def xattrs(self, path: str, /) -> Mapping[str, bytes]:
        return self._base.xattrs(path)


def spot_of(tree: Tree, problems_max: int = 1000) -> Place:
    limits = DEFAULT_LIMITS._replace(problems=problems_max)
    return Place(tree, "/", Guest(tree, lambda path: Locator("d") / path, limits=limits), None)


def test_problems_are_listed_up_to_the_limit_and_then_counted_as_more():
    spot = spot_of(Virtual({}), problems_max=3)
    for number in range(10):
        report(spot.guest, f"/{number}", BAD)
    assert [p.rule for p in spot.guest.problems] == ["problem.corrupt.test"] * 3 + ["problem.more"]


def test_that_the_caller_has_gone_is_no_damage():
    gone = Unavailable("the caller has gone", reason="cancelled")
    spot = spot_of(Virtual({}))
    with pytest.raises(Unavailable):
        report(spot.guest, "/", gone)

    def act(_: str) -> Iterator[int]:
        raise gone
        yield 0

    with pytest.raises(Unavailable):
        list(each(spot, ["/a", "/b"], act))
    assert spot.guest.problems == []


def test_a_name_that_cannot_be_read_is_reported_between_the_others():
    spot = spot_of(Half(Virtual({"/a": b"", "/bad": b"", "/c/d": b""})))
    assert [path for path, _ in list_directory(spot, "/")] == ["/a", "/c"]
    assert [path for path, _ in walk_sorted(spot, "/")] == ["/a", "/c", "/c/d"]
    assert {p.rule for p in spot.guest.problems} == {"problem.corrupt.test"}
    assert spot.guest.problems[0].at.path == "/bad"
    assert spot.guest.problems[0].offset == 7


def test_findings_come_as_soon_as_they_are_known_and_before_an_error():
    problems: list[Finding] = []
    spot = spot_of(Virtual({}))

    def stream() -> Iterator[int]:
        yield 1
        report(spot.guest, "/x", BAD)
        problems[:] = spot.guest.problems
        yield 2
        report(spot.guest, "/y", BAD)
        problems[:] = spot.guest.problems
        raise NotFound("gone")

    found: list[object] = []
    with pytest.raises(NotFound):
        found.extend(
            item if isinstance(item, int) else item.at.path for item in reported(problems, stream())
        )
    assert found == [1, "/x", 2, "/y"]


def test_each_mount_numbers_its_inodes_anew():
    root = Virtual({"/a/b": b"", "/mnt": b""})
    merged = Merged({"/": root, "/mnt": Virtual({"/sub/file": b""})})
    names = [path for path, _ in walk_sorted(spot_of(merged), "/")]
    assert names == ["/a", "/a/b", "/mnt", "/mnt/sub", "/mnt/sub/file"]


def linked(ino: int, nlink: int) -> Stat:
    return Stat("file", 0o644, 0, 0, 5, ino, nlink, 0)


def test_hard_links_are_forgotten_once_all_names_were_met():
    links = HardLinks(Virtual({}))
    assert [links.first(name, linked(9, 3)) for name in ("/a", "/b", "/c")] == [None, "/a", "/a"]
    assert links.first("/d", linked(9, 3)) is None
    assert links.first("/e", linked(0, 3)) is None
    assert links.first("/f", linked(10, 1)) is None
    links.forget("/d", linked(9, 3))
    assert links.first("/g", linked(9, 3)) is None


def test_a_host_folder_is_read_without_an_allowance():
    Allowance(None).take("/huge", 1 << 62)


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        ((), ["/here"]),
        (("x", "/y", "../z"), ["/here/x", "/here/y", "/z"]),
    ],
)
def test_paths_are_those_below_the_locator(paths: tuple[str, ...], expected: list[str]):
    spot = spot_of(Virtual({}))._replace(path="/here")
    assert named(spot, paths) == expected


def test_damage_of_one_among_several_is_reported_and_of_a_single_one_raised():
    spot = spot_of(Virtual({}))

    def act(path: str) -> Iterator[str]:
        errors: dict[str, StrongroomError] = {
            "/bad": BAD,
            "/full": Exhausted("too much"),
            "/no": NotFound("/no does not exist"),
        }
        if path in errors:
            raise errors[path]
        yield path

    seen: list[str] = []
    with pytest.raises(NotFound):
        seen.extend(each(spot, ["/no", "/bad", "/a", "/full", "/b"], act))
    assert seen == ["/a", "/b"]
    assert [p.rule for p in spot.guest.problems] == ["problem.corrupt.test", "problem.exhausted"]
    with pytest.raises(Corrupt):
        list(each(spot, ["/bad"], act))
