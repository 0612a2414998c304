"""Registry: everything there is to call, open and analyze, kept in an index.

Importing all plugins takes longer than most commands run, so what they contribute is written to
an index file, and code is imported only when it is called.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from strongroom import __version__
from strongroom.base.errors import NotFound, Unavailable

from .op import Effect, Op, Param
from .plugin import KINDS, Contribution, PluginFacts, discover, load_value
from .store import read_small

MAKERS = ("describe.py", "op.py", "plugin.py", "registry.py")
"""The files of this folder that decide what the index says."""
INDEX_BYTES_MAX = 16 << 20


class Registry:
    """What there is to call, open and analyze. Read-only once built."""

    def __init__(
        self,
        ops: Sequence[Op],
        contributions: Sequence[Contribution],
        plugins: Sequence[PluginFacts],
    ) -> None:
        self.ops = {op.name: op for op in ops}
        self._aliases = {f"{op.app}.{alias}": op for op in ops for alias in op.aliases}
        self._contributions = tuple(contributions)
        self.plugins = tuple(plugins)

    def op(self, name: str) -> Op:
        """Return the op of that name or alias; NotFound with a suggestion."""
        found = self.ops.get(name) or self._aliases.get(name)
        if found is None:
            from difflib import get_close_matches

            close = get_close_matches(name, [*self.ops, *self._aliases], 1)
            hint = f"did you mean {close[0]}?" if close else "list them with `strongroom --help`"
            raise NotFound(f"there is no operation {name}", hint=hint, reason="op")
        return found

    def function(self, op: Op) -> Callable[..., Any]:
        """Import and return the code of an op; Unavailable where it is not that op.

        An index that was changed names no other function and no smaller effects than the code does.
        """
        function: Callable[..., Any] = load_value(op.module, op.function)
        mark = getattr(function, "__op__", None)
        if mark is None or (mark.name, mark.effects) != (op.name, op.effects):
            raise Unavailable(
                f"{op.module}:{op.function} is not the operation {op.name}",
                hint="the index of operations was changed: remove index.json in the cache folder",
                reason="index",
            )
        return function

    def contributions(self, kind: str) -> Iterator[Contribution]:
        """Yield what is contributed of a kind, in the order it was registered."""
        return (c for c in self._contributions if c.kind == kind)

    def apps(self) -> list[str]:
        """Return the first words of all op names, sorted."""
        return sorted({op.app for op in self.ops.values()})


def load_registry(cache_dir: str) -> Registry:
    """Return the registry from the index in `cache_dir`, built anew where code has changed.

    An index that cannot be read or written changes speed only.
    """
    path = os.path.join(cache_dir, "index.json")
    key = _environment_key()
    cached = _read_index(path, key)
    if cached is not None:
        return cached
    registry, files = build_registry()
    _write_index(path, key, registry, files)
    return registry


def build_registry() -> tuple[Registry, list[str]]:
    """Return what all installed plugins contribute, with the source files it comes from."""
    ops: dict[str, Op] = {}
    contributions: list[Contribution] = []
    plugins: list[PluginFacts] = []
    files: list[str] = []
    for facts, collector in discover():
        clash = [op.name for op in collector.ops if op.name in ops]
        if clash and not facts.error:
            facts = facts._replace(error=f"{clash[0]} is registered already")  # noqa: PLW2901  # its clash
        plugins.append(facts)
        files += [m.__file__ for m in collector.modules if m.__file__]
        if not facts.error:
            ops.update((op.name, op) for op in collector.ops)
            contributions += collector.contributions
    return Registry(list(ops.values()), contributions, plugins), files


def _environment_key() -> list[Any]:
    """Return what changes with the code that makes the index and with every installation."""
    here = os.path.dirname(__file__)
    stamps = []
    for path in (*(os.path.join(here, name) for name in MAKERS), *sys.path):
        try:
            stamps.append([path, os.stat(path).st_mtime_ns])
        except OSError:
            continue
    return [__version__, sys.version, stamps]


def _stamps(files: Sequence[str]) -> list[list[Any]]:
    return [[file, os.stat(file).st_mtime_ns] for file in dict.fromkeys(files)]


def _read_index(path: str, key: list[Any]) -> Registry | None:
    try:
        index = json.loads(read_small(path, INDEX_BYTES_MAX))
        if index["key"] != key:
            return None
        if any(os.stat(file).st_mtime_ns != stamp for file, stamp in index["files"]):
            return None
        return Registry(
            [_op_from(row) for row in index["ops"]],
            [_contribution_from(row) for row in index["contributions"]],
            [PluginFacts(*row) for row in index["plugins"]],
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _write_index(path: str, key: list[Any], registry: Registry, files: Sequence[str]) -> None:
    index = {
        "key": key,
        "files": _stamps(files),
        "ops": [_op_row(op) for op in registry.ops.values()],
        "contributions": [list(c) for kind in KINDS for c in registry.contributions(kind)],
        "plugins": [list(p) for p in registry.plugins],
    }
    from .store import write_atomically

    try:
        write_atomically(path, json.dumps(index, separators=(",", ":")).encode("utf-8"))
    except (OSError, Unavailable):
        return


def _op_row(op: Op) -> list[Any]:
    row: list[Any] = list(op)
    row[Op._fields.index("effects")] = op.effects.value
    row[Op._fields.index("params")] = [list(param) for param in op.params]
    return row


def _op_from(row: list[Any]) -> Op:
    op = Op._make(row)
    return op._replace(
        effects=Effect(op.effects),
        examples=tuple(op.examples),
        params=tuple(
            p._replace(choices=tuple(p.choices))
            for p in (Param._make(param) for param in op.params)
        ),
        results=tuple(op.results),
        aliases=tuple(op.aliases),
    )


def _contribution_from(row: list[Any]) -> Contribution:
    contribution = Contribution._make(row)
    return contribution._replace(magics=tuple((at, text) for at, text in contribution.magics))
