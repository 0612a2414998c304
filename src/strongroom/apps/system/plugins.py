"""Plugins: what is installed, and a template that becomes one."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from shutil import rmtree
from typing import ClassVar

from strongroom import __version__
from strongroom.base.errors import Conflict, Unavailable, Usage
from strongroom.base.locator import Locator
from strongroom.base.record import Record
from strongroom.kernel.call import Context
from strongroom.kernel.op import Effect, op
from strongroom.kernel.plugin import KINDS

from .template import FILES

RESERVED = frozenset(
    {"completion", "demo", "explain", "help", "login", "mcp", "serve", "version", "where"}
)
"""Words that the program takes itself, now or by its design; an app of that name has no command."""


class PluginRecord(Record):
    """An installed plugin. `error` says why it is not used; it is absent where it is."""

    type: ClassVar[str] = "plugin"

    name: str
    version: str
    distribution: str
    ops: tuple[str, ...] = ()
    contributes: tuple[str, ...] = ()
    error: str | None = None


class WrittenFile(Record):
    """A file that was written on this machine."""

    type: ClassVar[str] = "written_file"

    path: str
    size_bytes: int


@op("plugin.ls", since="0.1", aliases=("list",))
def ls(ctx: Context) -> Iterator[PluginRecord]:
    """List the plugins, what each contributes, and why one is not used.

    Examples:
        strongroom plugin ls
        strongroom plugin ls --json
    """
    registry = ctx.session.registry
    for plugin in registry.plugins:
        yield PluginRecord(
            at=Locator(plugin.entry),
            name=plugin.name,
            version=plugin.version,
            distribution=plugin.distribution,
            ops=tuple(o.name for o in registry.ops.values() if o.plugin == plugin.name),
            contributes=tuple(
                f"{kind}:{c.name}"
                for kind in KINDS
                for c in registry.contributions(kind)
                if c.plugin == plugin.name
            ),
            error=plugin.error or None,
        )


@op("plugin.new", since="0.1", effects=Effect.READ | Effect.WRITE)
def new(ctx: Context, name: str, *, to: Path = Path()) -> Iterator[WrittenFile]:
    """Write a new plugin from the template, ready to install and test.

    Args:
        name: Its name, of lower case letters only; also the first word of its ops.
        to: The folder in which its folder is made.

    Examples:
        strongroom plugin new acme
        pip install ./acme && strongroom acme kinds disk.qcow2 /etc
    """
    _check_name(ctx, name)
    root = os.path.join(to, name)
    try:
        os.mkdir(root)
    except FileExistsError as e:
        raise Conflict(f"{root} exists already", hint="choose another name or folder") from e
    except OSError as e:
        raise Unavailable(f"{root} cannot be made: {e.strerror}") from e
    with ExitStack() as undo:  # all of it or nothing
        undo.callback(rmtree, root, ignore_errors=True)
        try:
            written = [_write(root, name, path, text) for path, text in FILES.items()]
        except OSError as e:
            raise Unavailable(f"{root} cannot be filled: {e.strerror}") from e
        undo.pop_all()
    yield from written


def _check_name(ctx: Context, name: str) -> None:
    if not (name.isascii() and name.isalpha() and name.islower()):
        raise Usage(f"{name!r} is no plugin name", hint="use lower case letters only, such as acme")
    if name in RESERVED:
        raise Conflict(f"{name} is a command of the program itself")
    registry = ctx.session.registry
    if name in registry.apps() or name in {plugin.name for plugin in registry.plugins}:
        raise Conflict(f"there is a plugin or an app {name} already")


def _write(root: str, name: str, path: str, text: str) -> WrittenFile:
    content = text.replace("{{name}}", name).replace("{{version}}", __version__)
    target = os.path.join(root, path.replace("{{name}}", name))
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(target, "x", encoding="utf-8") as stream:
        stream.write(content)
    return WrittenFile(at=Locator(target), path=target, size_bytes=len(content.encode("utf-8")))
