"""What every Format keeps: probes are pure, and hostile input ends in one of the nine errors."""

import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from random import Random
from typing import cast

import pytest

from strongroom.base.errors import StrongroomError
from strongroom.base.format import HEAD_BYTES, Format, Image, Volumes
from strongroom.base.source import Memory, Source, extents
from strongroom.base.tree import Tree
from strongroom.testing.context import RecordingContext

MUTATIONS = 200
READ_BYTES = 64 << 10
READS = 8
ENTRIES_MAX = 200
DEPTH_MAX = 4
MEMORY_MAX = 160 << 20
"""Above what the input itself takes: one table of Limits.table_bytes, and the work on it."""


class FormatConformance:
    """The suite: a subclass named Test... gives the fixtures `format` and `image`.

    `image` is a small valid input; `context` opens what it refers to, if anything.
    """

    @pytest.fixture
    def format(self) -> Format:
        """Return the Format under test."""
        pytest.fail("the subclass of a suite gives this fixture")

    @pytest.fixture
    def image(self) -> bytes:
        """Return the bytes of a valid input."""
        pytest.fail("the subclass of a suite gives this fixture")

    @pytest.fixture
    def context(self) -> RecordingContext:
        """Return a fresh context; override it for an image with siblings."""
        return RecordingContext()

    def test_a_valid_image_is_recognised(self, format: Format, image: bytes) -> None:
        head = image[:HEAD_BYTES]
        assert format.probe(head, len(image))
        assert not format.magics or any(
            head[magic.offset :].startswith(magic.content) for magic in format.magics
        )

    def test_a_probe_gives_the_same_twice(self, format: Format, image: bytes) -> None:
        head = image[:HEAD_BYTES]
        assert format.probe(head, len(image)) is format.probe(head, len(image))

    def test_a_probe_never_raises(self, format: Format, image: bytes) -> None:
        random = Random(1)
        heads = [b"", b"\0", bytes(HEAD_BYTES), b"\xff" * HEAD_BYTES]
        heads += [random.randbytes(n) for n in (1, 7, 512, 4096, HEAD_BYTES)]
        heads += [image[:n] for n in (1, 3, 4, 8, 64, 511, 512, 1000)]
        heads += list(islice(mutations(image[:HEAD_BYTES], 2), 50))
        for head in heads:
            assert format.probe(head, len(head)) in {True, False}
            assert format.probe(head, 1 << 62) in {True, False}

    def test_a_truncated_image_ends_in_one_of_the_nine(
        self, format: Format, image: bytes, context: RecordingContext
    ) -> None:
        edges = [0, 1, 4, 72, 104, 511, 512, 513, 1024, 4096, 65536]
        cuts = [n for n in edges if n < len(image)] + [len(image) * n // 16 for n in range(16)]
        for cut in cuts:
            open_and_read(format, Memory(image[:cut]), context)

    def test_a_mutated_image_ends_in_one_of_the_nine(
        self, format: Format, image: bytes, context: RecordingContext
    ) -> None:
        for mutated in mutations(image, 3):
            open_and_read(format, Memory(mutated), context)

    def test_a_mutated_image_takes_bounded_memory(
        self, format: Format, image: bytes, context: RecordingContext
    ) -> None:
        inputs = list(islice(mutations(image, 4), 20))
        tracemalloc.start()
        try:
            for mutated in inputs:
                open_and_read(format, Memory(mutated), context)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < MEMORY_MAX

    def test_noise_ends_in_one_of_the_nine(
        self, format: Format, image: bytes, context: RecordingContext
    ) -> None:
        random = Random(5)
        for length in (0, 1, 100, 512, 5000, 200_000):
            open_and_read(format, Memory(random.randbytes(length)), context)
            noise = image[:16] + random.randbytes(length)
            open_and_read(format, Memory(noise), context)


def mutations(image: bytes, seed: int) -> Iterator[bytes]:
    """Yield copies of an image with a few bytes changed, most of them where its structures are.

    Structures stand at the beginning and where bytes are not zero; numbers become their extremes.
    """
    random = Random(seed)
    dense = [at for at in range(0, len(image), 512) if any(image[at : at + 512])]
    for _ in range(MUTATIONS if image else 0):
        changed = bytearray(image)
        for _ in range(random.choice((1, 1, 2, 8))):
            area = random.choice((128, 1024, 0))
            base = random.choice(dense) if dense and not area else 0
            at = min(base + random.randrange(area or 512), len(image) - 1)
            width = random.choice((1, 1, 4, 8))
            kind = random.choice((b"\0", b"\xff", b"\x7f", b""))
            value = kind * width if kind else random.randbytes(width)
            changed[at : at + width] = value[: len(image) - at]
        yield bytes(changed)


def open_and_read(format: Format, source: Source, context: RecordingContext) -> None:
    """Open what a Source holds and read some of it; only the nine errors may end that."""
    with suppress(StrongroomError):
        opened = format.open(source, context)
        for part in _parts(opened):
            if hasattr(part, "scandir"):
                _walk(cast("Tree", part), "/", DEPTH_MAX)
            else:
                _read(part)


def _parts(opened: Source | Volumes | Tree) -> Iterator[Source | Tree]:
    if isinstance(opened, Volumes):
        for volume in opened.volumes[:16]:
            yield volume.source
        return
    yield opened
    if isinstance(opened, Image):
        _ = opened.facts
        for snapshot in opened.snapshots()[:4]:
            with suppress(StrongroomError):
                yield opened.snapshot(snapshot.name)


def _read(source: Source) -> None:
    places = [source.size * n // READS for n in range(READS)]
    for offset in [*places, max(0, source.size - READ_BYTES)]:
        with suppress(StrongroomError):
            content = source.read_at(offset, READ_BYTES)
            assert len(content) == min(READ_BYTES, source.size - offset)
    with suppress(StrongroomError):
        at = 0
        for extent in islice(extents(source), 1000):
            assert extent.offset == at
            at += extent.length


def _walk(tree: Tree, path: str, depth: int) -> None:
    for entry in list(islice(tree.scandir(path), ENTRIES_MAX)):
        below = f"{path.rstrip('/')}/{entry.name}"
        with suppress(StrongroomError):
            stat = tree.stat(below)
            tree.xattrs(below)
            if stat.kind == "file":
                tree.open(below).read_at(0, READ_BYTES)
            elif stat.kind == "link":
                tree.readlink(below)
            elif stat.kind == "dir" and depth:
                _walk(tree, below, depth - 1)
