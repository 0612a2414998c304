"""What every Source keeps, whatever it stands on."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from random import Random

import pytest

from strongroom.base.source import Source, extents, identity

WINDOWS = 60
EDGES = (511, 512, 513, 4095, 4096, 4097, 65535, 65536, 65537)
THREADS = 4
EXTENTS_MAX = 100_000


class SourceConformance:
    """The suite: a subclass named Test... gives the fixtures `source` and `reference`.

    `source` is the Source under test, `reference` all of its bytes, found out in another way.
    """

    @pytest.fixture
    def source(self) -> Source:
        """Return the Source under test."""
        pytest.fail("the subclass of a suite gives this fixture")

    @pytest.fixture
    def reference(self) -> bytes:
        """Return what the Source must read as."""
        pytest.fail("the subclass of a suite gives this fixture")

    def test_the_size_is_that_of_the_reference(self, source: Source, reference: bytes) -> None:
        assert source.size == len(reference)

    def test_a_whole_read_equals_the_reference(self, source: Source, reference: bytes) -> None:
        content = source.read_at(0, source.size)
        assert type(content) is bytes
        assert content == reference

    def test_any_window_equals_the_reference(self, source: Source, reference: bytes) -> None:
        for offset, length in windows(source.size):
            assert source.read_at(offset, length) == reference[offset : offset + length]

    def test_a_read_is_short_only_at_the_end(self, source: Source, reference: bytes) -> None:
        for back in (1, 512, 4096):
            start = max(0, source.size - back)
            assert source.read_at(start, back + 4096) == reference[start:]

    def test_a_read_of_nothing_is_empty(self, source: Source, reference: bytes) -> None:
        del reference
        for offset in (0, 1, source.size // 2, source.size, source.size + 1):
            assert source.read_at(offset, 0) == b""

    def test_a_read_past_the_end_is_empty(self, source: Source, reference: bytes) -> None:
        del reference
        for past in (0, 1, 4096, 1 << 40, 1 << 70):
            assert source.read_at(source.size + past, 4096) == b""

    def test_a_negative_offset_is_refused(self, source: Source, reference: bytes) -> None:
        del reference
        with pytest.raises(ValueError, match="negative offset"):
            source.read_at(-1, 1)

    def test_extents_cover_every_range_and_holes_read_as_zeros(
        self, source: Source, reference: bytes
    ) -> None:
        ranges = [(0, source.size), (0, 0), (source.size, 10)]
        for offset, length in [*ranges, *islice(windows(source.size), 20)]:
            at, end = offset, min(offset + length, source.size)
            for extent in islice(extents(source, offset, length), EXTENTS_MAX):
                assert extent.offset == at
                assert extent.length > 0
                at += extent.length
                assert extent.data or not any(reference[extent.offset : at])
            assert at == max(offset, end)

    def test_threads_that_read_at_once_get_the_same(self, source: Source, reference: bytes) -> None:
        def read_windows(seed: int) -> bool:
            return all(
                source.read_at(offset, length) == reference[offset : offset + length]
                for offset, length in windows(source.size, seed)
            )

        with ThreadPoolExecutor(THREADS) as pool:
            assert all(pool.map(read_windows, range(THREADS)))

    def test_the_identity_is_stable(self, source: Source, reference: bytes) -> None:
        del reference
        first = identity(source)
        source.read_at(0, 1)
        assert identity(source) == first


def windows(size: int, seed: int = 0) -> Iterator[tuple[int, int]]:
    """Yield (offset, length) around usual block borders and at places that `seed` picks."""
    for edge in EDGES:
        if edge < size:
            yield edge, 1
            yield max(0, edge - 10), 20
    random = Random(seed)
    for _ in range(WINDOWS if size else 0):
        offset = random.randrange(size)
        longest = random.choice((16, 4096, 200_000, size))
        yield offset, random.randint(1, max(1, min(longest, size - offset)))
