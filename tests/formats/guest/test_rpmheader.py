import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.base.errors import Corrupt
from strongroom.formats.guest.rpmheader import NAME, SIZE, RpmHeader


def _header(entries: list[tuple[int, int, int, int]], data: bytes) -> bytes:
    index = b"".join(struct.pack(">iIiI", *entry) for entry in entries)
    return struct.pack(">II", len(entries), len(data)) + index + data


def test_a_header_gives_texts_and_numbers():
    header = RpmHeader(
        _header(
            [(NAME, 6, 0, 1), (SIZE, 4, 5, 1), (1117, 8, 9, 2), (1, 9, 0, 1), (2, 3, 5, 1)],
            b"name\0\x00\x00\x01\x00a\0b\0",
        )
    )

    assert header.text(NAME) == "name"
    assert header.integer(SIZE) == 256
    assert header.texts(1117) == ("a", "b")
    assert header.text(1) == "name"
    assert header.integer(2) == 0
    assert (header.text(SIZE), header.texts(SIZE), header.integer(NAME)) == ("", (), None)


@pytest.mark.parametrize(
    "entry",
    [(NAME, 6, -1, 1), (NAME, 6, 100, 1), (NAME, 6, 0, 0), (NAME, 4, 3, 1), (NAME, 4, -4, 1)],
)
def test_an_entry_that_points_outside_is_absent(entry: tuple[int, int, int, int]):
    header = RpmHeader(_header([entry], b"name\0"))

    assert header.text(NAME) == ""
    assert header.integer(NAME) is None


@pytest.mark.parametrize(
    "blob", [b"", b"\0" * 7, struct.pack(">II", 70000, 0) + b"\0" * 70000 * 16, b"\xff" * 8]
)
def test_counts_that_do_not_fit_are_corrupt(blob: bytes):
    with pytest.raises(Corrupt):
        RpmHeader(blob)


@given(st.binary())
def test_any_bytes_are_a_header_or_corrupt(blob: bytes):
    for content in (blob, struct.pack(">II", min(len(blob) // 16, 4), 0) + blob):
        try:
            header = RpmHeader(content)
        except Corrupt:
            continue
        header.text(NAME)
        header.texts(NAME)
        header.integer(NAME)
