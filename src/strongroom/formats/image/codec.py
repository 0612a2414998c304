"""Decompression into a known number of bytes, so that a hostile stream cannot grow without end."""

import zlib
from collections.abc import Callable
from functools import cache

from strongroom.base.limits import MIB

Decompress = Callable[[bytes | memoryview, int], bytes]
"""(compressed bytes, size) -> the content; at most `size` + 1 bytes, fewer where it is cut short.

Bytes after the end of the stream are ignored. Raises ValueError for a stream that is not one.
"""

ZSTD_FRAMES_MAX = 64
"""Frames of one cluster; every known writer makes one."""

ZSTD_WINDOW_LOG_MAX = 23
"""8 MiB, the window that RFC 8878 section 3.1.1.1.2 asks every decoder to support."""

ALLOCATOR_STEP_BYTES = 16 * MIB


def inflate(window_bits: int) -> Decompress:
    """Return the decoder of a Deflate stream; negative `window_bits` mean one without a header."""
    _keep_freed_memory()

    def decompress(content: bytes | memoryview, size: int) -> bytes:
        try:
            return zlib.decompressobj(window_bits).decompress(content, size + 1)
        except zlib.error as e:
            raise ValueError(str(e)) from e

    return decompress


def unzstd() -> Decompress:
    """Return the decoder of Zstandard frames; imports its library on this first use."""
    from backports import zstd  # 9 ms, only for images that need it

    _keep_freed_memory()
    options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: ZSTD_WINDOW_LOG_MAX}

    def decompress(content: bytes | memoryview, size: int) -> bytes:
        chunks: list[bytes] = []
        left = size + 1
        for _ in range(ZSTD_FRAMES_MAX):
            decoder = zstd.ZstdDecompressor(options=options)
            try:
                chunk = decoder.decompress(content, left)
            except zstd.ZstdError as e:
                raise ValueError(str(e)) from e
            chunks.append(chunk)
            left -= len(chunk)
            if left <= 1 or not decoder.eof:
                break
            content = decoder.unused_data
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    return decompress


@cache  # once is enough: the thresholds never fall again, and zeroing the chunk takes a millisecond
def _keep_freed_memory() -> None:
    """Make glibc keep up to twice ALLOCATOR_STEP_BYTES of freed memory for the next cluster.

    malloc gives memory back at every free above its trim threshold, and the page faults of getting
    it again cost a third of the time of a bulk read. Both its thresholds rise to the largest chunk
    ever freed (mallopt(3), M_MMAP_THRESHOLD), so one such chunk, never touched, is freed here.
    """
    bytes(ALLOCATOR_STEP_BYTES)  # by calloc: bytearray would fill it
