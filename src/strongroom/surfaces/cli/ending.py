"""Ending: how a run of the program ends, whatever happens in it: one line, one exit status."""

import signal
import sys
from types import FrameType, TracebackType
from typing import Self

from strongroom.base.errors import Exhausted, StrongroomError
from strongroom.kernel.op import Effect
from strongroom.kernel.session import Progress

from .progress import describe
from .stdout import discard_stdout
from .terminal import Screen, screen_of

BUG = 70
"""EX_SOFTWARE of sysexits.h."""
INTERRUPTED = 130
PIPE_CLOSED = 141


class Ending:
    """A context that turns what leaves it into messages on standard error and an exit status.

    It is the only place that sees errors which are none of the nine, and calls them bugs.
    """

    def __init__(self, *, debug: bool = False, colour: bool = True) -> None:
        self.status = 0
        self.debug = debug
        self.colour = colour
        self.effects: Effect | None = None
        self.progress: Progress | None = None

    def __enter__(self) -> Self:
        signal.signal(signal.SIGTERM, _interrupt)
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, _interrupt)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if error is None or isinstance(error, SystemExit):
            return False
        if isinstance(error, BrokenPipeError):
            self.status = PIPE_CLOSED
            discard_stdout()
            return True
        screen = screen_of(sys.stderr, colour=self.colour)
        if self.debug and not isinstance(error, KeyboardInterrupt):
            import traceback

            traceback.print_exception(kind, error, trace)
        self.status = self._report(error, screen)
        return True

    def _report(self, error: BaseException, screen: Screen) -> int:
        if isinstance(error, KeyboardInterrupt):
            say(screen, "warning", "interrupted", self._kept())
            return INTERRUPTED
        if isinstance(error, MemoryError):
            error = Exhausted("memory ran out", reason="memory")
        if isinstance(error, StrongroomError):
            say(screen, "error", "error", error.message)
            if error.hint:
                say(screen, "notice", "hint", error.hint)
            return error.exit_status
        say(screen, "error", "error", f"this is a bug: {type(error).__name__}: {error}")
        say(screen, "notice", "hint", "run again with --debug and report what it shows")
        return BUG

    def _kept(self) -> str:
        """Return what an interrupted run leaves behind, in words."""
        done = f"{describe(self.progress)}; " if self.progress else ""
        if self.effects in (None, Effect.READ):
            return f"{done}nothing was changed"
        return f"{done}what is finished is kept, no partial file is left"


def say(screen: Screen, style: str, label: str, text: str) -> None:
    """Write one labelled line to standard error, cleaned of what a disk could smuggle in."""
    try:
        sys.stderr.write(f"{screen.paint(style, label + ':')} {screen.clean(text)}\n")
        sys.stderr.flush()
    except OSError:  # no one listens any more
        return


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
