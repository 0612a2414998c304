"""The way of one command line: which command it names, what it is given, what it answers."""

import os
import sys
from collections.abc import Sequence
from typing import NamedTuple

from strongroom.base.errors import Unavailable, Usage
from strongroom.kernel.op import Op
from strongroom.kernel.registry import Registry, load_registry

from .args import FAIL_ON, GLOBAL, YES, Parsed, Settings, leading, parse_op, parse_settings
from .commands import COMMANDS, Command, Invocation, check_words, find_command
from .ending import Ending
from .front import APPS, Front, command_of, find_op, unknown
from .stdout import flush, put
from .terminal import Screen, screen_of

EARLY = (*GLOBAL, YES, FAIL_ON)
"""Flags that may stand before the command's words."""


class _Named(NamedTuple):
    """An op or an app that the words of a command line name, and the rest of the line."""

    registry: Registry
    app: str
    op: Op | None
    flags: list[str]
    rest: list[str]


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


def show_help(invocation: Invocation) -> int:
    """Write the help of the command that the words of `strongroom help …` name."""
    front, words = invocation.front, list(invocation.words)
    command = find_command(words[0]) if words else None
    if command:
        return _show_command_help(front, command, invocation.screen)
    return _show_named_help(front, _name(front, [], words) if words else None, invocation.screen)


def registry_of_home() -> Registry:
    """Return the registry by the index in the user's cache folder, or without one."""
    from strongroom.kernel.store import find_home

    try:
        cache_dir = find_home(os.environ).cache_dir
    except Unavailable:
        cache_dir = os.devnull
    return load_registry(cache_dir)


def _dispatch(front: Front, argv: Sequence[str], ending: Ending) -> int:
    flags, rest = leading(argv, EARLY)
    if not rest or rest[0] == "--":
        settings = parse_settings(front.prog, flags)
        return _show_named_help(front, None, _screen(settings))
    command = find_command(rest[0])
    if command:
        return _run_command(front, command, flags, rest[1:])
    named = _name(front, flags, rest)
    if named.op is None:
        settings = parse_settings(front.prog, named.flags)
        return _show_named_help(front, named, _screen(settings))
    op = named.op
    parsed = parse_op(command_of(front, op), op, [*named.flags, *named.rest])
    if parsed.settings.help:
        return _show_named_help(front, named, screen_of(sys.stdout))
    return _run_op(named.registry, op, parsed, ending)


def _run_command(front: Front, command: Command, flags: list[str], rest: list[str]) -> int:
    if command.hidden:  # its words are another command line, flags and all
        words, settings = tuple(rest[rest.index("--") + 1 :] if "--" in rest else rest), Settings()
    else:
        words, settings = _words_and_settings(front, command, [*flags, *rest])
    screen = _screen(settings)
    if settings.help:
        return _show_command_help(front, command, screen)
    check_words(front, command, words)
    return command.run(Invocation(front, words, settings, screen, put, registry_of_home))


def _words_and_settings(
    front: Front, command: Command, argv: list[str]
) -> tuple[tuple[str, ...], Settings]:
    from strongroom.kernel.op import Param

    from .args import parse

    words = Param("words", "str", "", positional=True, required=False, many=True)
    parsed = parse(f"{front.prog} {command.name}", argv, (words,), ())
    return tuple(parsed.given.get("words", ())), parsed.settings


def _name(front: Front, flags: list[str], argv: list[str]) -> _Named:
    """Return the app or op that the first words name; Usage where they name nothing."""
    registry = registry_of_home()
    word, rest = argv[0], argv[1:]
    more = [command.name for command in COMMANDS if not command.hidden]
    if front.app:
        op = find_op(registry, front.app, word)
        if op is None:
            raise unknown(front, registry, front.app, word, more)
        return _Named(registry, op.app, op, flags, rest)
    if word in registry.ops:
        return _Named(registry, word.partition(".")[0], registry.ops[word], flags, rest)
    if word not in registry.apps() and word not in APPS:
        raise unknown(front, registry, "", word, more)
    further, rest = leading(rest, EARLY)
    flags = [*flags, *further]
    if not rest or rest[0] == "--":
        return _Named(registry, word, None, flags, [])
    op = find_op(registry, word, rest[0])
    if op is None:
        raise unknown(front, registry, word, rest[0], [])
    return _Named(registry, op.app, op, flags, rest[1:])


def _run_op(registry: Registry, op: Op, parsed: Parsed, ending: Ending) -> int:
    from .running import run_op

    return run_op(registry, op, parsed, ending)


def _show_named_help(front: Front, named: _Named | None, screen: Screen) -> int:
    from .help import app_help, front_help, op_help

    if named is None:
        put(front_help(front, registry_of_home(), COMMANDS, screen))
    elif named.op is None:
        put(app_help(front, named.registry, named.app, screen))
    else:
        put(op_help(front, named.op, screen))
    return 0


def _show_command_help(front: Front, command: Command, screen: Screen) -> int:
    from .help import command_help

    put(command_help(front, command, screen))
    return 0


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
