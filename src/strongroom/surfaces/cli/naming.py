"""Naming: which app and op the first words of a command line mean."""

import os
from collections.abc import Sequence
from typing import NamedTuple

from strongroom.base.errors import Unavailable
from strongroom.kernel.op import Op
from strongroom.kernel.registry import Registry, load_registry

from .args import FAIL_ON, GLOBAL, YES, leading
from .front import APPS, Front, find_op, unknown

EARLY = (*GLOBAL, YES, FAIL_ON)
"""Flags that may stand before the command's words."""


class Named(NamedTuple):
    """An op or an app that the words of a command line name, and the rest of the line."""

    registry: Registry
    app: str
    op: Op | None
    flags: list[str]
    rest: list[str]


def name(front: Front, flags: list[str], argv: Sequence[str], commands: Sequence[str]) -> Named:
    """Return the app or op that the first words name; Usage where they name nothing.

    `commands` are the surface commands, for a suggestion. The result's `flags` begin with `flags`.
    """
    registry = registry_of_home()
    word, rest = argv[0], list(argv[1:])
    if front.app:
        op = find_op(registry, front.app, word)
        if op is None:
            raise unknown(front, registry, front.app, word, commands)
        return Named(registry, op.app, op, flags, rest)
    if word in registry.ops:
        return Named(registry, word.partition(".")[0], registry.ops[word], flags, rest)
    if word not in registry.apps() and word not in APPS:
        raise unknown(front, registry, "", word, commands)
    further, rest = leading(rest, EARLY)
    flags = [*flags, *further]
    if not rest or rest[0] == "--":
        return Named(registry, word, None, flags, [])
    op = find_op(registry, word, rest[0])
    if op is None:
        raise unknown(front, registry, word, rest[0], [])
    return Named(registry, op.app, op, flags, rest[1:])


def registry_of_home() -> Registry:
    """Return the registry by the index in the user's cache folder, or without one."""
    from strongroom.kernel.store import find_home

    try:
        cache_dir = find_home(os.environ).cache_dir
    except Unavailable:
        cache_dir = os.devnull
    return load_registry(cache_dir)
