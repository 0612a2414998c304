"""Progress: one line on a terminal's standard error for work that takes longer than a second."""

import time
from collections.abc import Callable
from typing import TextIO

from strongroom.kernel.session import Progress

from .terminal import Screen, fit, human_size, text_width

AFTER_S = 1.0
EVERY_S = 0.1
BYTES = ("B", "bytes")


class ProgressLine:
    """Shows the latest Progress on one line that is erased when done. Not for several threads.

    The line is rewritten with a carriage return and spaces: no escape code is needed.
    """

    def __init__(
        self,
        stream: TextIO,
        screen: Screen,
        *,
        quiet: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream
        self._screen = screen
        self._shows = screen.tty and not quiet
        self._clock = clock
        self._next = clock() + AFTER_S
        self._width = 0

    def emit(self, progress: Progress) -> None:
        """Show how far the work is, where it is time to."""
        if not self._shows:
            return
        now = self._clock()
        if now < self._next:
            return
        self._next = now + EVERY_S
        line = fit(self._screen.clean(describe(progress)), self._screen.width - 1)
        width = text_width(line)
        self._stream.write("\r" + line + " " * (self._width - width))
        self._stream.flush()
        self._width = width

    def erase(self) -> None:
        """Take the line away, before something else is written or when the work is done."""
        if self._width:
            self._stream.write("\r" + " " * self._width + "\r")
            self._stream.flush()
            self._width = 0


def describe(progress: Progress) -> str:
    """Return how far a piece of work is: `reading disk.qcow2: 1.5 GiB of 4.0 GiB, 38 %`."""
    done, total = _amount(progress.done, progress.unit), _amount(progress.total, progress.unit)
    if not progress.total:
        return f"{progress.what}: {done}"
    if progress.unit not in BYTES:
        done = str(progress.done)
    share = min(100, 100 * progress.done // progress.total)
    return f"{progress.what}: {done} of {total}, {share} %"


def _amount(number: int, unit: str) -> str:
    if unit in BYTES:
        return human_size(number)
    return f"{number} {unit}".rstrip()
