"""Registry: everything that apps and plugins contribute, described once and kept in an index.

Apps and plugins name a `contribute(registry)` function under the entry point group
`strongroom.plugins`; built-in ones use the same door. Scanning and importing all of them takes
longer than most commands run, so what they contribute is written to an index file and the code is
imported only when it is called. This is the one module that imports by name.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module  # noqa: TID251  the one place
from types import ModuleType
from typing import Any, NamedTuple

from strongroom import __version__
from strongroom.base.errors import NotFound, StrongroomError, Unavailable

from .op import Effect, Op, Param

GROUP = "strongroom.plugins"


class Contribution(NamedTuple):
    """A module-level value that a plugin offers: a Format, an Analyzer, an opener.

    `magics` are (offset, bytes as hex) pairs of a Format, the first sieve before it is imported.
    """

    kind: str
    name: str
    module: str
    attribute: str
    plugin: str
    magics: tuple[tuple[int, str], ...] = ()
    version: int = 0

    def load(self) -> Any:
        """Import and return the value."""
        return getattr(import_module(self.module), self.attribute)


class PluginFacts(NamedTuple):
    """One plugin as it was found; `error` says why it could not be used, "" where it could."""

    name: str
    distribution: str
    version: str
    entry: str
    error: str = ""


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
        """Import and return the code of an op."""
        function: Callable[..., Any] = getattr(import_module(op.module), op.function)
        return function

    def contributions(self, kind: str) -> Iterator[Contribution]:
        """Yield what is contributed of a kind, in the order it was registered."""
        return (c for c in self._contributions if c.kind == kind)

    def apps(self) -> list[str]:
        """Return the first words of all op names, sorted."""
        return sorted({op.app for op in self.ops.values()})


class Collector:
    """What a `contribute` function is given to register with."""

    def __init__(self, plugin: str) -> None:
        self.plugin = plugin
        self.modules: list[ModuleType] = []
        self.ops: list[Op] = []
        self.contributions: list[Contribution] = []

    def add_ops(self, *modules: ModuleType) -> None:
        """Register every function marked with `@op` in the modules, in source order."""
        from .describe import describe

        for module in modules:
            self.modules.append(module)
            for value in vars(module).values():
                mark = getattr(value, "__op__", None)
                if mark is not None and value.__module__ == module.__name__:
                    self.ops.append(describe(value, mark, self.plugin))

    def add(self, kind: str, module: ModuleType, attribute: str) -> None:
        """Register a module-level value: a "format", an "analyzer" or an "opener"."""
        value = getattr(module, attribute)
        self.modules.append(module)
        name = getattr(value, "name", attribute)
        magics = tuple((m.offset, m.content.hex()) for m in getattr(value, "magics", ()))
        self.contributions.append(
            Contribution(
                kind,
                name,
                module.__name__,
                attribute,
                self.plugin,
                magics,
                getattr(value, "version", 0),
            )
        )


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
    """Find all plugins by entry point and collect what they contribute, with their source files."""
    from importlib.metadata import entry_points

    ops: dict[str, Op] = {}
    contributions: list[Contribution] = []
    plugins: list[PluginFacts] = []
    files: list[str] = []
    found = sorted(entry_points(group=GROUP), key=lambda e: (e.module != "strongroom", e.name))
    for entry in sorted(found, key=lambda e: not e.value.startswith("strongroom.")):
        collector = Collector(entry.name)
        error = _collect(entry.load, collector)
        clash = [op.name for op in collector.ops if op.name in ops]
        if clash and not error:
            error = f"{clash[0]} is registered already"
        distribution = entry.dist.name if entry.dist else ""
        version = entry.dist.version if entry.dist else ""
        plugins.append(PluginFacts(entry.name, distribution, version, entry.value, error))
        files += [m.__file__ for m in collector.modules if m.__file__]
        if not error:
            ops.update((op.name, op) for op in collector.ops)
            contributions += collector.contributions
    return Registry(list(ops.values()), contributions, plugins), files


def _collect(load: Callable[[], Any], collector: Collector) -> str:
    """Run one plugin's `contribute`; return why it failed, "" where it did not."""
    try:
        load()(collector)
    except StrongroomError as e:
        return e.message
    except Exception as e:  # noqa: BLE001  the plugin host: one bad plugin must not stop the others
        return f"{type(e).__name__}: {e}"
    return ""


def _environment_key() -> list[Any]:
    """Return what an installed or removed distribution changes."""
    stamps = []
    for directory in sys.path:
        try:
            stamps.append([directory, os.stat(directory).st_mtime_ns])
        except OSError:
            continue
    return [__version__, sys.version, stamps]


def _stamps(files: Sequence[str]) -> list[list[Any]]:
    return [[file, os.stat(file).st_mtime_ns] for file in dict.fromkeys(files)]


def _read_index(path: str, key: list[Any]) -> Registry | None:
    try:
        with open(path, encoding="utf-8") as stream:
            index = json.load(stream)
        if index["key"] != key:
            return None
        if any(os.stat(file).st_mtime_ns != stamp for file, stamp in index["files"]):
            return None
        return Registry(
            [_op_from(row) for row in index["ops"]],
            [_contribution_from(row) for row in index["contributions"]],
            [PluginFacts(*row) for row in index["plugins"]],
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write_index(path: str, key: list[Any], registry: Registry, files: Sequence[str]) -> None:
    index = {
        "key": key,
        "files": _stamps(files),
        "ops": [_op_row(op) for op in registry.ops.values()],
        "contributions": [
            list(c)
            for kind in ("format", "analyzer", "opener")
            for c in registry.contributions(kind)
        ],
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
