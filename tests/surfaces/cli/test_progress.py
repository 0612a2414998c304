import io

import pytest

from strongroom.kernel.session import Progress
from strongroom.surfaces.cli.progress import ProgressLine, describe
from strongroom.surfaces.cli.terminal import Screen

TTY = Screen(tty=True, width=40)

SAID = [
    (Progress("reading a.raw", 0, 4096, "B"), "reading a.raw: 0 B of 4.0 KiB, 0 %"),
    (Progress("reading", 3 << 30, 4 << 30, "B"), "reading: 3.0 GiB of 4.0 GiB, 75 %"),
    (Progress("inspecting", 3, 12, "disks"), "inspecting: 3 of 12 disks, 25 %"),
    (Progress("searching", 7, 0, "files"), "searching: 7 files"),
    (Progress("late", 9, 3, ""), "late: 9 of 3, 100 %"),
]


@pytest.mark.parametrize(("progress", "text"), SAID)
def test_progress_is_said_with_its_unit(progress: Progress, text: str):
    assert describe(progress) == text


def shown(screen: Screen, *times_s: float, quiet: bool = False) -> str:
    """Return what is written where each of `times_s` after the first brings another progress."""
    stream = io.StringIO()
    clock = iter(times_s)
    line = ProgressLine(stream, screen, quiet=quiet, clock=lambda: next(clock))
    for number, _ in enumerate(times_s[1:], start=1):
        line.emit(Progress("work", number, 0, "files"))
    line.erase()
    return stream.getvalue()


def test_short_work_shows_nothing():
    assert shown(TTY, 0.0, 0.2, 0.9) == ""


def test_long_work_shows_one_line_that_is_rewritten_and_erased():
    written = shown(TTY, 0.0, 0.5, 1.0, 1.05, 1.2)

    assert written == "\rwork: 2 files\rwork: 4 files\r             \r"


def test_only_a_terminal_shows_progress_and_only_where_it_is_wanted():
    assert shown(Screen(), 0.0, 5.0) == ""
    assert shown(TTY, 0.0, 5.0, quiet=True) == ""


def test_the_line_is_cut_to_the_terminal_and_cleaned():
    stream = io.StringIO()
    clock = iter([0.0, 9.0])
    line = ProgressLine(stream, TTY, clock=lambda: next(clock))

    line.emit(Progress("\x1b[2J" + "x" * 100, 1, 0, ""))

    assert len(stream.getvalue()) == 40
    assert "\x1b" not in stream.getvalue()
