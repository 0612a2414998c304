"""Memory, Slice, Concat and Overlay by the suite of Source, and what each adds to it."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.base.source import (
    Concat,
    Extent,
    Memory,
    Overlay,
    Slice,
    Source,
    clamp,
    coalesce,
    extents,
    identity,
    read_exactly,
)
from strongroom.testing.conformance.source import SourceConformance

NOISE = Random(3).randbytes(300_000)


class Sparse:
    """A Source whose every second kilobyte is a hole."""

    def __init__(self, content: bytes) -> None:
        blocks = [content[at : at + 1024] for at in range(0, len(content), 1024)]
        self.content = b"".join(b if n % 2 else bytes(len(b)) for n, b in enumerate(blocks))
        self.size = len(content)

    def read_at(self, offset: int, length: int, /) -> bytes:
        return self.content[offset : offset + clamp(self.size, offset, length)]

    def extents(self, offset: int, length: int, /) -> Iterator[Extent]:
        end = offset + length
        while offset < end:
            count = min(1024 - offset % 1024, end - offset)
            yield Extent(offset, count, data=bool(offset // 1024 % 2))
            offset += count


def changed(base: bytes, writes: list[tuple[int, bytes]]) -> tuple[Source, bytes]:
    overlay, expected = Overlay(Memory(base)), bytearray(base)
    for offset, content in writes:
        overlay.write_at(offset, content)
        expected.extend(bytes(max(0, offset + len(content) - len(expected))))
        expected[offset : offset + len(content)] = content
    return overlay, bytes(expected)


def sparse() -> Sparse:
    return Sparse(NOISE)


CASES: dict[str, Callable[[], tuple[Source, bytes]]] = {
    "memory": lambda: (Memory(NOISE, "key"), NOISE),
    "empty memory": lambda: (Memory(b""), b""),
    "sparse": lambda: (sparse(), sparse().content),
    "slice": lambda: (Slice(Memory(NOISE), 1000, 200_000), NOISE[1000:201_000]),
    "slice past the end": lambda: (Slice(Memory(NOISE), 299_000, 5000), NOISE[299_000:]),
    "slice of nothing": lambda: (Slice(Memory(NOISE), 400_000, 5000), b""),
    "slice of a sparse one": lambda: (Slice(sparse(), 700, 100_000), sparse().content[700:100_700]),
    "slice of a slice": lambda: (Slice(Slice(Memory(NOISE), 5, 900), 5, 90), NOISE[10:100]),
    "concat": lambda: (
        Concat([Memory(NOISE[:70_000]), Memory(b""), Slice(Memory(NOISE), 70_000, 230_000)]),
        NOISE,
    ),
    "concat of sparse ones": lambda: (Concat([sparse(), sparse()]), sparse().content * 2),
    "concat of none": lambda: (Concat([]), b""),
    "overlay": lambda: changed(NOISE, []),
    "overlay with changes": lambda: changed(NOISE, [(10, b"x" * 9000), (299_990, b"y" * 10)]),
    "overlay that grew": lambda: changed(NOISE, [(299_999, b"zz"), (310_000, b"end")]),
    "overlay over nothing": lambda: changed(b"", [(5, b"abc")]),
}


class TestSources(SourceConformance):
    @pytest.fixture(params=CASES)
    def case(self, request: pytest.FixtureRequest) -> tuple[Source, bytes]:
        return CASES[request.param]()

    @pytest.fixture
    def source(self, case: tuple[Source, bytes]) -> Source:
        return case[0]

    @pytest.fixture
    def reference(self, case: tuple[Source, bytes]) -> bytes:
        return case[1]


@pytest.mark.parametrize(
    ("source", "key"),
    [
        (Memory(b"a", "k"), "k"),
        (Memory(b"a"), None),
        (sparse(), None),
        (Slice(Memory(b"abcd", "k"), 1, 2), "k[1+2]"),
        (Slice(Memory(b"abcd"), 1, 2), None),
        (Concat([Memory(b"a", "k"), Memory(b"b", "l")]), "k+l"),
        (Concat([Memory(b"a", "k"), Memory(b"b")]), None),
        (Overlay(Memory(b"a", "k")), "k"),
        (changed(b"a", [(0, b"b")])[0], None),
    ],
)
def test_an_identity_is_known_where_every_part_has_one(source: Source, key: str | None):
    assert identity(source) == key


def test_a_window_before_the_beginning_is_refused():
    with pytest.raises(ValueError, match="negative offset"):
        Slice(Memory(b"abc"), -1, 2)


def test_a_write_before_the_beginning_is_refused():
    with pytest.raises(ValueError, match="negative offset"):
        Overlay(Memory(b"abc")).write_at(-1, b"x")


def test_an_overlay_leaves_its_base_alone():
    base = Memory(b"abcdef")
    overlay = Overlay(base)
    overlay.write_at(1, b"XY")

    assert overlay.read_at(0, 6) == b"aXYdef"
    assert base.read_at(0, 6) == b"abcdef"


@given(
    st.binary(max_size=9000), st.lists(st.tuples(st.integers(0, 12_000), st.binary()), max_size=8)
)
def test_an_overlay_reads_what_was_written_last(base: bytes, writes: list[tuple[int, bytes]]):
    overlay, expected = changed(base, [w for w in writes if w[1]])
    assert overlay.read_at(0, overlay.size + 1) == expected


@given(st.lists(st.binary(max_size=40), max_size=6), st.integers(0, 200), st.integers(0, 200))
def test_a_concat_reads_as_its_parts_joined(parts: list[bytes], offset: int, length: int):
    joined = b"".join(parts)
    source = Concat([Memory(part) for part in parts])
    assert source.read_at(offset, length) == joined[offset : offset + length]


@pytest.mark.parametrize(("length", "content"), [(3, b"abc"), (4, None), (0, b"")])
def test_an_exact_read_is_whole_or_none(length: int, content: bytes | None):
    assert read_exactly(Memory(b"abc"), 0, length) == content


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=20))
def test_coalesced_extents_cover_the_same_and_alternate(parts: list[tuple[int, bool]]):
    pieces, at = [], 0
    for length, data in parts:
        pieces.append(Extent(at, length, data))
        at += length

    joined = list(coalesce(pieces))

    assert sum(e.length for e in joined) == at
    assert [e.offset for e in joined] == [
        sum(e.length for e in joined[:n]) for n in range(len(joined))
    ]
    assert all(a.data != b.data for a, b in pairwise(joined))
    assert sum(e.length for e in joined if e.data) == sum(n for n, data in parts if data)


def test_the_extents_of_a_plain_source_are_one():
    assert list(extents(Memory(b"abc"), 1)) == [Extent(1, 2, data=True)]
    assert list(extents(Memory(b"abc"), 3)) == []
