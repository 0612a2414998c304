"""Invocation: a surface command, what describes it and what it is given when it runs."""

from collections.abc import Callable
from typing import NamedTuple

from strongroom.base.errors import Usage
from strongroom.kernel.registry import Registry

from .args import Settings
from .front import Front
from .terminal import Screen


class Invocation(NamedTuple):
    """What a surface command is given: its words, and where to write."""

    front: Front
    words: tuple[str, ...]
    settings: Settings
    screen: Screen
    write: Callable[[str], object]
    registry: Callable[[], Registry]
    commands: "tuple[Command, ...]"
    """The table of all surface commands."""


class Command(NamedTuple):
    """A surface command. `words` are the least and the greatest number of words it takes."""

    name: str
    usage: str
    summary: str
    doc: str
    examples: tuple[str, ...]
    words: tuple[int, int]
    run: Callable[[Invocation], int]
    hidden: bool = False


def command_named(commands: "tuple[Command, ...]", name: str) -> Command | None:
    """Return the surface command of that name."""
    return next((command for command in commands if command.name == name), None)


def check_words(front: Front, command: Command, words: tuple[str, ...]) -> None:
    """Raise Usage where a surface command was given too few or too many words."""
    least, most = command.words
    if least <= len(words) <= most:
        return
    few = len(words) < least
    raise Usage(
        f"{front.prog} {command.name} {'needs more' if few else 'takes fewer'} words",
        hint=f"{front.prog} {command.usage}",
    )
