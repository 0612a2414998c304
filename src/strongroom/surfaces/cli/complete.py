"""Candidates for a tab press: commands, flags, choices, host files, and paths inside a disk."""

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast, runtime_checkable

from strongroom.base.errors import StrongroomError
from strongroom.base.locator import SEPARATOR, Locator, parse
from strongroom.base.tree import Entry, Tree, join, resolve
from strongroom.kernel.op import Op, Param
from strongroom.kernel.registry import Registry

from .args import GLOBAL, Flag, Settings, flag_name, own_flags
from .front import Front, app_summary, find_op, ops_of
from .invocation import Command, Invocation, command_named

if TYPE_CHECKING:
    from .wiring import OpenedSession

CANDIDATES_MAX = 200
NAMES_MAX = 10_000
"""Names looked at in one directory, of the host or of a disk."""
INSIDE = frozenset({"path", "paths", "file", "files", "directory"})
"""Names of parameters that mean a path inside the disk given before them."""
Candidate = tuple[str, str]


class Program(NamedTuple):
    """What can be completed: a program, its ops, its surface commands."""

    front: Front
    registry: Registry
    commands: tuple[Command, ...]


@runtime_checkable
class _HasVolumes(Protocol):
    def volumes(self) -> "Sequence[_HasPlace]": ...


class _HasPlace(Protocol):
    at: Locator


def complete(invocation: Invocation) -> int:
    """Write what may stand in place of the last word, one candidate a line, then its meaning."""
    words = list(invocation.words) or [""]
    if words[-1] in ('""', "''"):
        words[-1] = ""
    program = Program(invocation.front, invocation.registry(), invocation.commands)
    for value, text in candidates(program, words):
        invocation.write(f"{value}\t{text}\n" if text else f"{value}\n")
    return 0


def candidates(program: Program, words: Sequence[str]) -> list[Candidate]:
    """Return at most CANDIDATES_MAX candidates for the last of `words`; errors give none."""
    current = words[-1]
    try:
        found = [
            candidate
            for candidate in islice(_all(program, words), NAMES_MAX)
            if candidate[0].startswith(current) and candidate[0].isprintable()
        ]
    except (StrongroomError, OSError):
        return []
    return found[:CANDIDATES_MAX]


def _all(program: Program, words: Sequence[str]) -> Iterator[Candidate]:
    front, registry, commands = program
    before, current = _without_flags(words[:-1]), words[-1]
    flags = [(name, flag.doc) for flag in GLOBAL for name in flag.names]
    if _takes_value(words[:-1], GLOBAL):
        return _values(_flag(words[-2], GLOBAL), current)
    if not before:
        return iter(flags) if current.startswith("-") else _first(program)
    command = command_named(commands, before[0])
    if command is not None:
        return iter(flags) if current.startswith("-") else _command(program, command, before)
    app, verb, skip = _verb(front, before, registry)
    if not verb:
        return iter(flags) if current.startswith("-") else _verbs(registry, app)
    op = find_op(registry, app, verb)
    if op is None:
        return iter(())
    return _op(registry, op, _after(words, skip), current)


def _verb(front: Front, before: Sequence[str], registry: Registry) -> tuple[str, str, int]:
    """Return the app, the verb ("" where it comes next) and how many words name them."""
    if front.app:
        return front.app, before[0], 1
    if before[0] in registry.ops:
        return before[0].partition(".")[0], before[0].partition(".")[2], 1
    return before[0], before[1] if len(before) > 1 else "", 2


def _first(program: Program) -> Iterator[Candidate]:
    front, registry, commands = program
    if front.app:
        yield from _verbs(registry, front.app)
    else:
        yield from ((app, app_summary(registry, app)) for app in registry.apps())
    yield from ((c.name, c.summary) for c in commands if not c.hidden)


def _verbs(registry: Registry, app: str) -> Iterator[Candidate]:
    for op in ops_of(registry, app):
        yield op.verb, op.summary
        yield from ((alias, op.summary) for alias in op.aliases)


def _command(program: Program, command: Command, before: Sequence[str]) -> Iterator[Candidate]:
    """Yield the words that a surface command takes."""
    given = len(before) - 1
    if command.name == "help":
        inner = before[1:]
        if not inner:
            yield from _first(program)
        elif not program.front.app and given == 1:
            yield from _verbs(program.registry, inner[0])
    elif given >= command.words[1]:
        return
    elif command.name == "completion":
        from .shells import SCRIPTS

        yield from ((shell, "") for shell in SCRIPTS)
    elif command.name == "explain":
        from .codes import RULES, TABLE

        yield from ((entry.code, "") for entry in (*TABLE, *RULES) if "*" not in entry.code)
    elif command.name == "where":
        yield from ((op.name, op.summary) for op in program.registry.ops.values())


def _op(registry: Registry, op: Op, words: Sequence[str], current: str) -> Iterator[Candidate]:
    """Yield what may follow `words`, those after an op's name, in place of `current`."""
    flags = (*own_flags(op), *GLOBAL)
    keywords = {flag_name(p): p for p in op.params if not p.positional}
    name, equals, value = current.partition("=")
    if equals and name in keywords:
        values = _param(registry, keywords[name], [], value)
        return ((f"{name}={found}", text) for found, text in values)
    last = words[-1] if words else ""
    if last in keywords and keywords[last].type != "bool":
        return _param(registry, keywords[last], [], current)
    if _takes_value(words, flags):
        return _values(_flag(last, flags), current)
    if current.startswith("-"):
        named = [(name, p.doc) for name, p in keywords.items()]
        return iter([*named, *((n, f.doc) for f in flags for n in f.names if n.startswith("--"))])
    taking = {name for name, p in keywords.items() if p.type != "bool"}
    taking |= {name for flag in flags if flag.metavar for name in flag.names}
    given = _plain(words, taking)
    positional = [p for p in op.params if p.positional]
    if len(given) < len(positional):
        return _param(registry, positional[len(given)], given, current)
    if positional and positional[-1].many:
        return _param(registry, positional[-1], given, current)
    return iter(())


def _param(
    registry: Registry, param: Param, given: Sequence[str], current: str
) -> Iterator[Candidate]:
    if param.choices:
        yield from ((choice, "") for choice in param.choices)
    elif param.type == "locator" and SEPARATOR in current:
        yield from _inside(registry, current)
    elif param.type in ("locator", "path"):
        yield from _host(current)
    elif param.type == "str" and given and param.name in INSIDE:
        yield from _guest_paths(registry, given[0], current)


def _values(flag: Flag, current: str) -> Iterator[Candidate]:
    if flag.choices:
        return ((choice, "") for choice in flag.choices)
    return (c for c in _host(current) if c[0].endswith("/"))


def _host(current: str) -> Iterator[Candidate]:
    """Yield host files below the directory that `current` names, hidden ones where asked for."""
    shown, slash, prefix = current.rpartition("/")
    directory = os.path.expanduser(shown + slash) if shown.startswith("~") else shown + slash
    with os.scandir(directory or ".") as entries:
        found = sorted(islice(entries, NAMES_MAX), key=lambda entry: entry.name)
    for entry in found:
        if entry.name.startswith(prefix) and (prefix or not entry.name.startswith(".")):
            yield shown + slash + entry.name + ("/" if entry.is_dir() else ""), ""


def _inside(registry: Registry, current: str) -> Iterator[Candidate]:
    """Yield the addresses one step further in than the last whole step of `current`."""
    outer, _, step = current.rpartition(SEPARATOR)
    if step.startswith("/"):
        directory, _, _ = step.rpartition("/")
        at = parse(outer) / (directory or "/")
        for name in _names(registry, at):
            yield str(at / name) + ("/" if name.endswith("/") else ""), ""
        return
    at = parse(outer)
    yield str(at / "/"), "the merged tree"
    with _context(registry) as ctx:
        opened = ctx.open(at)
        if isinstance(opened, _HasVolumes):
            for volume in opened.volumes():
                yield str(volume.at), ""


def _guest_paths(registry: Registry, disk: str, current: str) -> Iterator[Candidate]:
    shown, _, _ = current.rpartition("/")
    at = parse(disk) / (shown or "/")
    for name in _names(registry, at):
        yield (f"{shown}/{name}" if "/" in current else f"/{name}"), ""


def _names(registry: Registry, at: Locator) -> list[str]:
    """Return the names in a directory inside a disk, sorted, those of directories with a "/"."""
    with _context(registry) as ctx:
        opened = ctx.open(at)
        if not hasattr(opened, "scandir"):
            return []
        tree = cast("Tree", opened)
        entries = sorted(islice(tree.scandir("/"), NAMES_MAX))
        return [e.name + "/" if _is_dir(tree, e) else e.name for e in entries]


def _is_dir(tree: Tree, entry: Entry) -> bool:
    if entry.kind != "link":
        return entry.kind == "dir"
    try:
        return tree.stat(resolve(tree, join("/", entry.name))).kind == "dir"
    except StrongroomError:
        return False


def _context(registry: Registry) -> "OpenedSession":
    from .wiring import opened_session

    return opened_session(registry, Settings(), lambda _progress: None)


def _without_flags(words: Sequence[str]) -> list[str]:
    taking = {name for flag in GLOBAL if flag.metavar for name in flag.names}
    return _plain(words, taking)


def _plain(words: Iterable[str], taking: set[str]) -> list[str]:
    """Return the words that are neither flags nor their values."""
    plain: list[str] = []
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word in taking:
            skip = True
        elif word == "-" or not word.startswith("-"):
            plain.append(word)
    return plain


def _after(words: Sequence[str], count: int) -> list[str]:
    """Return what comes before the last word and after the first `count` plain words."""
    taking = {name for flag in GLOBAL if flag.metavar for name in flag.names}
    rest = list(words[:-1])
    kept: list[str] = []
    seen, skip = 0, False
    for word in rest:
        plain = not skip and (word == "-" or not word.startswith("-"))
        if plain and seen < count:
            seen += 1
        else:
            kept.append(word)
        skip = not skip and word in taking
    return kept


def _takes_value(words: Sequence[str], flags: Iterable[Flag]) -> bool:
    return bool(words) and any(f.metavar and words[-1] in f.names for f in flags)


def _flag(name: str, flags: Iterable[Flag]) -> Flag:
    return next(flag for flag in flags if name in flag.names)
