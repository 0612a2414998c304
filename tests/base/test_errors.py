"""The nine errors: their numbers are published and never change."""

import pytest

from strongroom.base.errors import NINE, Corrupt, Locked, StrongroomError

PUBLISHED = {
    "usage": (2, 400),
    "not_found": (3, 404),
    "denied": (4, 403),
    "locked": (5, 423),
    "unsupported": (6, 501),
    "corrupt": (7, 422),
    "conflict": (8, 409),
    "exhausted": (9, 429),
    "unavailable": (10, 503),
}


def test_there_are_nine_with_their_published_numbers() -> None:
    assert {e.name: (e.exit_status, e.http_status) for e in NINE} == PUBLISHED


def test_a_reason_makes_the_code_finer() -> None:
    assert Locked("p2 needs a key").code == "locked"
    assert Locked("p2 needs a key", reason="luks").code == "locked.luks"


@pytest.mark.parametrize(
    ("offset", "text"), [(40, "qcow2 at byte 40: bad l1"), (None, "qcow2: bad l1")]
)
def test_corrupt_names_format_and_offset(offset: int | None, text: str) -> None:
    error = Corrupt("qcow2", offset, "bad l1", reason="l1")

    assert isinstance(error, StrongroomError)
    assert error.message == text
    assert error.code == "corrupt.qcow2.l1"
    assert (error.format, error.offset, error.detail) == ("qcow2", offset, "bad l1")
