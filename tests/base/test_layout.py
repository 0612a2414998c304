from struct import calcsize
from typing import Any, NamedTuple, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.base.errors import Corrupt
from strongroom.base.layout import Layout


class Header(NamedTuple):
    magic: bytes
    version: int
    size: int
    flags: int


BIG = Layout("demo", Header, ">4sI4xQH")
LITTLE = Layout("demo", Header, "<4sI4xQH")
CONTENT = bytes.fromhex("4c4f4f4b 00000003 ffffffff 0000000000010000 8001")


def test_fields_are_named_in_order_and_padding_is_skipped():
    assert BIG.parse(CONTENT) == Header(b"LOOK", 3, 65536, 0x8001)
    assert LITTLE.parse(CONTENT).version == 3 << 24


def test_the_size_counts_padding():
    assert BIG.size == len(CONTENT) == 22


@pytest.mark.parametrize(
    ("field", "offset"), [("magic", 0), ("version", 4), ("size", 12), ("flags", 20)]
)
def test_the_offset_of_each_field_is_known(field, offset):
    assert BIG.offset(field) == offset


def test_a_structure_is_read_anywhere():
    assert BIG.parse(b"....." + CONTENT, 5).version == 3


@pytest.mark.parametrize(
    ("content", "at", "offset"),
    [(b"", 0, 1000), (CONTENT[:-1], 0, 1000), (CONTENT, 1, 1001), (CONTENT, -1, 999)],
)
def test_what_is_too_short_is_corrupt_at_its_place(content, at, offset):
    with pytest.raises(Corrupt) as caught:
        BIG.parse(content, at, base=1000)
    assert caught.value.offset == offset
    assert caught.value.code == "corrupt.demo.truncated"
    assert "Header needs 22 bytes" in caught.value.message


def test_codes_and_fields_must_match():
    with pytest.raises(ValueError, match="one value a field"):
        Layout("demo", Header, ">4sI")


@given(st.lists(st.sampled_from(["B", "H", "I", "Q", "3s", "2x"]), min_size=1, max_size=12))
def test_offsets_are_those_of_struct(codes):
    fields = [code for code in codes if "x" not in code]
    named = [(f"f{n}", int) for n in range(len(fields))]
    record = cast("Any", NamedTuple)("record", named)  # mypy wants a literal list
    layout = Layout("demo", record, "<" + "".join(codes))
    number = 0
    for place, code in enumerate(codes):
        if "x" not in code:
            assert layout.offset(f"f{number}") == calcsize("<" + "".join(codes[:place]))
            number += 1
