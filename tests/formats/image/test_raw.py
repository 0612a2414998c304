import pytest

from strongroom.base.errors import Denied, NotFound, Unsupported
from strongroom.base.format import ImageFacts
from strongroom.base.source import Memory, extents, identity
from strongroom.formats.image.raw import RAW, open_split
from strongroom.testing.context import RecordingContext


def test_a_raw_disk_is_its_source():
    disk = RAW.open(Memory(b"abc", "key"), RecordingContext())

    assert disk.read_at(1, 5) == b"bc"
    assert identity(disk) == "key"
    assert [tuple(e) for e in extents(disk)] == [(0, 3, True)]
    assert disk.facts == ImageFacts("raw")
    assert disk.snapshots() == ()
    with pytest.raises(NotFound):
        disk.snapshot("s")


@pytest.mark.parametrize(
    ("name", "siblings", "content", "variant"),
    [
        ("d.001", {"d.002": b"b", "d.003": b"c"}, b"abc", "split"),
        ("d.001", {"d.002": b"b", "d.004": b"x"}, b"ab", "split"),
        ("d.001", {}, b"a", ""),
        ("d.01", {"d.02": b"b"}, b"ab", "split"),
        ("d.img.0001", {"d.img.0002": b"b"}, b"ab", "split"),
        ("d.002", {"d.003": b"x"}, b"a", ""),
        ("d.raw", {"d.002": b"x"}, b"a", ""),
        (".001", {".002": b"x"}, b"a", ""),
        ("d.1", {"d.2": b"x"}, b"a", ""),
    ],
)
def test_parts_are_joined_while_their_numbers_go_on(
    name: str, siblings: dict[str, bytes], content: bytes, variant: str
):
    ctx = RecordingContext({key: Memory(value) for key, value in siblings.items()})

    disk = open_split(Memory(b"a"), name, ctx)

    assert disk.read_at(0, 100) == content
    assert disk.facts.variant == variant


def test_a_denied_part_is_not_the_end():
    class Refusing(RecordingContext):
        def sibling(self, name: str, /) -> Memory:
            raise Denied(f"{name} is a link out of the folder")

    with pytest.raises(Denied):
        open_split(Memory(b"a"), "d.001", Refusing())


def test_parts_without_end_are_refused():
    class Endless(RecordingContext):
        def sibling(self, name: str, /) -> Memory:
            return Memory(name.encode())

    with pytest.raises(Unsupported, match="more than 9999 parts"):
        open_split(Memory(b"a"), "d.001", Endless())
