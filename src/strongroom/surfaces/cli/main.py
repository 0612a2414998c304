"""The way of one command line: which command it names, what it is given, what it answers."""

import os
import sys
from collections.abc import Sequence

from strongroom.base.errors import Usage
from strongroom.kernel.op import Op, Param
from strongroom.kernel.registry import Registry

from .args import Parsed, Settings, leading, parse, parse_op, parse_settings
from .commands import COMMANDS
from .ending import Ending
from .front import Front, command_of
from .invocation import Command, Invocation, check_words, command_named
from .naming import EARLY, Named, name, registry_of_home
from .stdout import flush, put
from .terminal import Screen, screen_of


def run(front: Front, argv: Sequence[str]) -> int:
    """Do what a command line says and return the exit status; nothing is raised."""
    _hold_descriptors()
    plain = argv[: list(argv).index("--")] if "--" in argv else argv
    ending = Ending(debug="--debug" in plain, colour="--no-color" not in plain)
    with ending:
        _prepare_streams()
        ending.status = _dispatch(front, argv, ending)
        flush()
    return ending.status


def _dispatch(front: Front, argv: Sequence[str], ending: Ending) -> int:
    if argv[:1] == ["--version"]:  # every program of a system answers to it
        argv = ["version", *argv[1:]]
    flags, rest = leading(argv, EARLY)
    if not rest or rest[0] == "--":
        settings = parse_settings(front.prog, flags)
        return _show_named(front, None, _screen(settings))
    command = command_named(COMMANDS, rest[0])
    if command:
        return _run_command(front, command, flags, rest[1:])
    named = name(front, flags, rest, [c.name for c in COMMANDS if not c.hidden])
    if named.op is None:
        settings = parse_settings(front.prog, named.flags)
        return _show_named(front, named, _screen(settings))
    op = named.op
    parsed = parse_op(command_of(front, op), op, [*named.flags, *named.rest])
    if parsed.settings.help:
        return _show_named(front, named, screen_of(sys.stdout))
    return _run_op(named.registry, op, parsed, ending)


def _run_command(front: Front, command: Command, flags: list[str], rest: list[str]) -> int:
    if command.hidden:  # its words are another command line, flags and all
        words, settings = tuple(rest[rest.index("--") + 1 :] if "--" in rest else rest), Settings()
    else:
        words, settings = _words_and_settings(front, command, [*flags, *rest])
    screen = _screen(settings)
    if settings.help:
        return _show_command(front, command, screen)
    check_words(front, command, words)
    return command.run(Invocation(front, words, settings, screen, put, registry_of_home, COMMANDS))


def _words_and_settings(
    front: Front, command: Command, argv: list[str]
) -> tuple[tuple[str, ...], Settings]:
    words = Param("words", "str", "", positional=True, required=False, many=True)
    parsed = parse(f"{front.prog} {command.name}", argv, (words,), ())
    return tuple(parsed.given.get("words", ())), parsed.settings


def _run_op(registry: Registry, op: Op, parsed: Parsed, ending: Ending) -> int:
    from .running import run_op

    return run_op(registry, op, parsed, ending)


def _show_named(front: Front, named: Named | None, screen: Screen) -> int:
    from .showing import show_named

    return show_named(front, named, screen, COMMANDS)


def _show_command(front: Front, command: Command, screen: Screen) -> int:
    from .showing import show_command

    return show_command(front, command, screen)


def _screen(settings: Settings) -> Screen:
    return screen_of(sys.stdout, colour=not settings.no_color)


def _prepare_streams() -> None:
    """Let names that are not UTF-8 through as the bytes they are, whatever the locale."""
    if sys.stdout is None:
        raise Usage("standard output is closed", hint="send it to /dev/null where it is not wanted")
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors="surrogateescape", newline="\n")


def _hold_descriptors() -> None:
    """Open what is closed of 0, 1 and 2 on nothing: no file of ours may ever get their numbers."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number is this one
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  stands to the end
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115  likewise
