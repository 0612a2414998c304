"""Reading the log as it was at one moment."""

import random
from pathlib import Path

import pytest

from strongroom.base.errors import Unavailable
from strongroom.kernel.audit_format import boot_digest, line_hash
from strongroom.kernel.audit_personal import erase
from strongroom.kernel.audit_read import Reading, take
from tests.kernel.audit_history import all_lines, grow, open_log, segments

BOOT = boot_digest("boot 1")


def lines_of(reading: Reading) -> list[bytes]:
    return [line.data for n in sorted(reading.segments) for line in reading.lines(n)]


def test_later_entries_and_erasures_are_not_seen(tmp_path: Path):
    log = open_log(tmp_path, segment_bytes=2000)
    grow(log, 8, random.Random(1))
    before = all_lines(tmp_path)
    with take(str(tmp_path), BOOT) as reading:
        values = list(reading.personal())
        grow(log, 8, random.Random(2))
        erase(log, "alice")

        assert lines_of(reading) == before
        assert list(reading.personal()) == values
        assert reading.anchor is not None
        assert reading.anchor.hash == line_hash(before[-1])


def test_lines_know_where_they_stand(tmp_path: Path):
    grow(open_log(tmp_path), 4, random.Random(1))
    content = segments(tmp_path)[0].read_bytes()
    with take(str(tmp_path), BOOT) as reading:
        for number, line in enumerate(reading.lines(1), 1):
            assert (line.number, line.whole) == (number, True)
            assert content[line.offset :].startswith(line.data + b"\n")

        assert [line.data for line in reading.lines(1, line.offset)] == [line.data]


def test_a_line_without_end_comes_in_parts(tmp_path: Path):
    grow(open_log(tmp_path), 1, random.Random(1))
    segments(tmp_path)[0].write_bytes(b"x" * (5 << 19) + b"\ny")
    with take(str(tmp_path), BOOT) as reading:
        parts = [(len(line.data), line.whole) for line in reading.lines(1)]

    assert parts == [(1 << 20, False), (1 << 20, False), (1 << 19, True), (1, False)]


def test_an_empty_folder_has_nothing_to_read(tmp_path: Path):
    with take(str(tmp_path / "none"), BOOT) as reading:
        assert (reading.keys, reading.pin, reading.segments) == (None, None, {})
        assert reading.anchor is None
        assert list(reading.personal()) == []


def test_files_that_are_no_segments_are_left_alone(tmp_path: Path):
    grow(open_log(tmp_path), 1, random.Random(1))
    for name in ("1.jsonl", "000002.json", "notes.jsonl", "000003.jsonl.bak"):
        (tmp_path / "audit" / name).write_bytes(b"")

    with take(str(tmp_path), BOOT) as reading:
        assert sorted(reading.segments) == [1]


def test_what_cannot_be_read_is_unavailable(tmp_path: Path):
    (tmp_path / "audit.head").mkdir()

    with pytest.raises(Unavailable):
        take(str(tmp_path), BOOT)


def test_a_segment_that_went_away_meanwhile_is_unavailable(tmp_path: Path):
    grow(open_log(tmp_path), 1, random.Random(1))
    with take(str(tmp_path), BOOT) as reading:
        segments(tmp_path)[0].unlink()

        with pytest.raises(Unavailable):
            list(reading.lines(1))
