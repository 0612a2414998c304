"""Showing help: of a program, an app, an op or a surface command, on standard output."""

from collections.abc import Sequence

from .front import Front
from .help import app_help, command_help, front_help, op_help
from .invocation import Command, Invocation, command_named
from .naming import Named, name, registry_of_home
from .stdout import put
from .terminal import Screen


def show_help(invocation: Invocation) -> int:
    """Write the help of the command that the words of `strongroom help …` name."""
    front, words = invocation.front, list(invocation.words)
    command = command_named(invocation.commands, words[0]) if words else None
    if command:
        return show_command(front, command, invocation.screen)
    shown = [command.name for command in invocation.commands if not command.hidden]
    named = name(front, [], words, shown) if words else None
    return show_named(front, named, invocation.screen, invocation.commands)


def show_named(
    front: Front, named: Named | None, screen: Screen, commands: Sequence[Command]
) -> int:
    """Write the help of an op or app, of the program itself for None."""
    if named is None:
        put(front_help(front, registry_of_home(), commands, screen))
    elif named.op is None:
        put(app_help(front, named.registry, named.app, screen))
    else:
        put(op_help(front, named.op, screen))
    return 0


def show_command(front: Front, command: Command, screen: Screen) -> int:
    """Write the help of a surface command."""
    put(command_help(front, command, screen))
    return 0
