"""Running one op: ask where something is destroyed, call, write what comes, close the audit."""

import sys

from strongroom.base.errors import Usage
from strongroom.kernel.call import call
from strongroom.kernel.op import Effect, Op
from strongroom.kernel.registry import Registry
from strongroom.kernel.session import Progress

from .args import Parsed, Settings
from .ending import Ending
from .output import Channel, Sink, write_result
from .progress import ProgressLine
from .stdout import flush
from .terminal import Screen, screen_of
from .wiring import opened_session

NO = 1
"""The exit status of a question whose answer is no."""


def run_op(registry: Registry, op: Op, parsed: Parsed, ending: Ending) -> int:
    """Call an op with what the command line gave; return 0, or 1 where the answer is no."""
    settings = parsed.settings
    if "bytes" in op.results and settings.output != "text":
        raise Usage(f"{op.name} writes raw content, which has no form as {settings.output}")
    if Effect.DESTROY in op.effects and not settings.yes:
        _ask(op, parsed)
    ending.effects = op.effects
    screen = screen_of(sys.stdout, colour=not settings.no_color)
    errors = screen_of(sys.stderr, colour=not settings.no_color)
    line = ProgressLine(sys.stderr, errors, quiet=settings.quiet)

    def emit(progress: Progress) -> None:
        ending.progress = progress
        line.emit(progress)

    try:
        with opened_session(registry, settings, emit) as ctx:
            screen = _chosen(screen, ctx.session.config.output.color, settings)
            result = call(ctx, op.name, **parsed.given)
            channel = Channel(op, registry, settings, screen, line, Sink(line).write)
            yes = write_result(result, channel)
            flush()
    finally:
        line.erase()
    return 0 if yes else NO


def _chosen(screen: Screen, color: str, settings: Settings) -> Screen:
    """Return the screen as the setting `output.color` wants it; --no-color has the last word."""
    if color == "auto" or settings.no_color:
        return screen
    return screen._replace(colour=color == "always")


def _ask(op: Op, parsed: Parsed) -> None:
    """Let the user confirm on a terminal; Usage without one, or without a yes."""
    about = op.resource(op.bind(parsed.given))
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise Usage(f"{op.name} destroys something", hint="say --yes where that is meant")
    screen = screen_of(sys.stderr, colour=not parsed.settings.no_color)
    question = f"{op.summary}: {about}" if about else op.summary
    sys.stderr.write(f"{screen.clean(question)}\nThis cannot be undone. Go on? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Usage("nothing was done", hint="say --yes to go on without being asked")
