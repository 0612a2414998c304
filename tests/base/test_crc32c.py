from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.base.crc32c import POLYNOMIAL, crc32c, register

# RFC 3720, appendix B.4, and the check value of the CRC catalogues.
VECTORS = [
    (b"", 0),
    (b"123456789", 0xE3069283),
    (bytes(32), 0x8A9136AA),
    (b"\xff" * 32, 0x62A8AB43),
    (bytes(range(32)), 0x46DD794E),
    (bytes(range(31, -1, -1)), 0x113FDB5C),
]


def bit_by_bit(content, value=0xFFFFFFFF):
    for byte in content:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (POLYNOMIAL if value & 1 else 0)
    return value


@pytest.mark.parametrize(("content", "expected"), VECTORS)
def test_the_published_vectors_hold(content, expected):
    assert crc32c(content) == expected


@pytest.mark.parametrize("length", [*range(36, 100), 128, 255, 256, 1020, 4084, 4096, 65537])
def test_long_messages_equal_the_definition(length):
    random = Random(length)
    content, value = random.randbytes(length), random.getrandbits(32)
    assert register(content, value) == bit_by_bit(content, value)


@given(st.binary(max_size=600), st.integers(0, 0xFFFFFFFF))
def test_folding_equals_the_definition(content, value):
    assert register(content, value) == bit_by_bit(content, value)


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_a_message_may_come_in_parts(front, back):
    assert crc32c(back, crc32c(front)) == crc32c(front + back)
