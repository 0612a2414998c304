import pytest

from strongroom.apps.guest.guest import Guest
from strongroom.base.errors import Corrupt
from strongroom.base.limits import Limits
from strongroom.base.locator import Locator
from strongroom.base.tree import Node, Virtual
from strongroom.testing.images.guests import in_memory, link

NODES = {
    "/etc/file": Node(b"content\xff"),
    "/etc/link": link("file"),
    "/etc/loop": link("loop"),
    "/etc/dir/b": Node(b""),
    "/etc/dir/a": Node(b""),
    "/etc/dir/sub/x": Node(b""),
    "/fifo": Node(None),
}


class Broken(Virtual):
    """A tree whose files under /bad are damaged at byte 7."""

    def _node(self, path: str) -> Node:
        if path.startswith("/bad"):
            raise Corrupt("ext", 7, "damaged", reason="inode")
        return super()._node(path)


class Unreadable:
    """A Source whose every byte is damaged."""

    size = 10

    def read_at(self, offset: int, length: int, /) -> bytes:
        raise Corrupt("ext", offset, f"cannot read {length} bytes")


def test_reading_follows_links_and_tells_where_they_lead():
    guest = in_memory(NODES)

    assert guest.read_bytes("/etc/link") == b"content\xff"
    assert guest.read_text("/etc/link") == "content\udcff"
    assert guest.read_real("/etc/link", size_max=100) == ("/etc/file", b"content\xff")
    assert guest.read_head("/etc/link", 4) == b"cont"
    assert guest.resolve("/etc/link") == "/etc/file"
    assert guest.readlink("/etc/link") == "file"


@pytest.mark.parametrize("path", ["/none", "/etc/loop", "/etc/file/x", "/etc/dir"])
def test_what_is_no_file_reads_as_nothing_without_a_problem(path: str):
    guest = in_memory(NODES)

    assert guest.read_bytes(path) is None
    assert guest.read_text(path) is None
    assert guest.open(path) is None
    assert guest.read_head(path, 4) == b""
    assert guest.readlink("/etc/file") is None
    assert guest.problems == []


def test_directories_are_sorted_and_missing_ones_are_empty():
    guest = in_memory(NODES)

    assert [entry.name for entry in guest.scandir("/etc/dir")] == ["a", "b", "sub"]
    assert list(guest.files("/etc/dir")) == ["/etc/dir/a", "/etc/dir/b"]
    assert list(guest.files("/etc/dir", suffix="b")) == ["/etc/dir/b"]
    assert list(guest.scandir("/none")) == []


def test_damage_becomes_problems_and_reading_goes_on():
    guest = Guest(Broken(NODES), lambda path: Locator("disk", (path,)))

    assert guest.read_bytes("/bad") is None
    assert guest.open("/bad") is None
    assert guest.resolve("/bad/x") is None
    assert guest.stat("/bad") is None
    assert guest.readlink("/bad/x") is None
    assert list(guest.scandir("/bad")) == []
    assert guest.read_bytes("/etc/file") == b"content\xff"
    assert {(p.rule, p.offset) for p in guest.problems} == {("problem.corrupt.ext.inode", 7)}
    assert len(guest.problems) == 6


def test_a_file_whose_bytes_are_damaged_is_a_problem():
    guest = Guest(Virtual({"/x": Unreadable()}), lambda path: Locator("disk", (path,)))

    assert guest.read_head("/x", 4) == b""
    assert guest.read_bytes("/x") is None
    assert len(guest.problems) == 2


def test_a_file_over_the_limit_is_a_problem():
    limits = Limits(text_bytes=3)
    guest = Guest(Virtual(NODES), lambda path: Locator("disk", (path,)), limits)

    assert guest.read_bytes("/etc/file") is None
    assert [p.rule for p in guest.problems] == ["problem.exhausted"]


def test_what_is_read_of_one_guest_is_bounded_as_a_whole():
    limits = Limits(guest_bytes=2048)
    guest = Guest(Virtual(NODES), lambda path: Locator("disk", (path,)), limits)

    assert [guest.read_bytes("/etc/file") is not None for _ in range(4)] == [
        True,
        True,
        False,
        False,
    ]
    assert [p.rule for p in guest.problems] == ["problem.exhausted"]


def test_listing_directories_is_bounded_as_well():
    limits = Limits(guest_bytes=4 * 256)
    guest = Guest(Virtual(NODES), lambda path: Locator("disk", (path,)), limits)

    assert [len(list(guest.scandir("/etc/dir"))) for _ in range(2)] == [3, 0]
    assert [p.rule for p in guest.problems] == ["problem.exhausted"]
