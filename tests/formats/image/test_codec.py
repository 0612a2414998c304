"""Decompression into a known size: what is cut, too long, or no stream at all."""

import tracemalloc
import zlib

import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from strongroom.formats.image.codec import ZSTD_FRAMES_MAX, Decompress, inflate, unzstd

CONTENT = bytes(range(256)) * 40


def deflate(content: bytes, window_bits: int) -> bytes:
    packer = zlib.compressobj(wbits=window_bits)
    return packer.compress(content) + packer.flush()


DECODERS: dict[str, tuple[Decompress, bytes, bytes]] = {
    "raw deflate": (inflate(-12), deflate(CONTENT, -12), deflate(bytes(1 << 26), -12)),
    "zlib": (inflate(15), zlib.compress(CONTENT), zlib.compress(bytes(1 << 26))),
    "zstd": (unzstd(), zstd.compress(CONTENT), zstd.compress(bytes(1 << 26))),
}


@pytest.fixture(params=DECODERS)
def decoder(request: pytest.FixtureRequest) -> tuple[Decompress, bytes, bytes]:
    return DECODERS[request.param]


def test_a_stream_decodes_and_what_follows_it_is_ignored(decoder: tuple[Decompress, bytes, bytes]):
    decompress, packed, _ = decoder
    for tail in (b"", bytes(511), b"\xff" * 600):
        assert decompress(packed + tail, len(CONTENT)) == CONTENT
        assert decompress(memoryview(packed + tail), len(CONTENT)) == CONTENT


def test_a_cut_stream_gives_less_than_the_size(decoder: tuple[Decompress, bytes, bytes]):
    decompress, packed, _ = decoder
    for length in range(0, len(packed) - 8, 7):
        assert CONTENT.startswith(decompress(packed[:length], len(CONTENT)))
        assert len(decompress(packed[: length // 2], len(CONTENT))) < len(CONTENT)


def test_a_longer_stream_stops_one_byte_behind_the_size(decoder: tuple[Decompress, bytes, bytes]):
    decompress, packed, bomb = decoder
    assert len(decompress(packed, 1000)) == 1001
    tracemalloc.start()
    try:
        assert len(decompress(bomb, 1000)) == 1001
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_noise_is_a_value_error(decoder: tuple[Decompress, bytes, bytes]):
    with pytest.raises(ValueError, match=r"\w"):
        decoder[0](b"\xff" * 100, 100)


def test_frames_follow_each_other_up_to_a_limit():
    decompress = unzstd()
    frame = zstd.compress(b"x")

    assert decompress(frame * 10, 10) == b"x" * 10
    assert decompress(frame * 100, 100) == b"x" * ZSTD_FRAMES_MAX


def test_a_window_larger_than_every_decoder_supports_is_refused():
    level: dict[int, int] = {zstd.CompressionParameter.window_log: 25}
    packer = zstd.ZstdCompressor(options=level)
    packed = packer.compress(bytes(1 << 20)) + packer.flush()

    with pytest.raises(ValueError, match="memory"):
        unzstd()(packed, 1 << 20)


@given(st.binary(max_size=400))
def test_any_bytes_decode_within_the_size_or_are_refused(noise: bytes):
    for decompress, _, _ in DECODERS.values():
        try:
            assert len(decompress(noise, 100)) <= 101
        except ValueError:
            continue
