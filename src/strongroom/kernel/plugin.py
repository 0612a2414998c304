"""Plugins: how what apps and third parties contribute is found, collected and loaded by name.

Apps and plugins name a `contribute(registry)` function under the entry point group
`strongroom.plugins`; built-in ones use the same door. This is the one module that imports by name.
"""

import sys
from collections.abc import Callable, Iterator
from importlib import import_module  # noqa: TID251  the one place
from types import ModuleType
from typing import Any, NamedTuple

from strongroom.base.errors import StrongroomError, Unavailable

from .op import Op

GROUP = "strongroom.plugins"


KINDS = ("image", "volumes", "tree", "analyzer", "opener")
"""What may be contributed besides ops: a Format by what it opens to, an Analyzer, an opener."""


class Contribution(NamedTuple):
    """A module-level value that a plugin offers; `kind` is one of KINDS.

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
        """Import and return the value; Unavailable where no installed plugin is of that package.

        Whoever can write into the cache only must not choose what an index lets us call.
        """
        package = self.module.partition(".")[0]
        if package != "strongroom" and package not in plugin_packages():
            raise Unavailable(
                f"{self.module} is not of an installed plugin",
                hint="was the index changed? remove index.json in the cache folder",
                reason="index",
            )
        return load_value(self.module, self.attribute)


class PluginFacts(NamedTuple):
    """One plugin as it was found; `error` says why it could not be used, "" where it could."""

    name: str
    distribution: str
    version: str
    entry: str
    error: str = ""


def load_value(module: str, name: str) -> Any:
    """Import a module and return one of its values."""
    return getattr(import_module(module), name)


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
        """Register a module-level value; `kind` is one of KINDS."""
        if kind not in KINDS:
            raise ValueError(f"{kind} is none of {', '.join(KINDS)}")
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


def discover() -> Iterator[tuple[PluginFacts, Collector]]:
    """Yield every installed plugin with what it contributes, built-in ones first.

    A plugin that breaks is yielded with the reason; nothing of it is to be used.
    """
    from importlib.metadata import entry_points

    found = sorted(entry_points(group=GROUP), key=lambda e: e.name)
    for entry in sorted(found, key=lambda e: not e.value.startswith("strongroom.")):
        collector = Collector(entry.name)
        error = _collect(entry.load, collector)
        distribution = entry.dist.name if entry.dist else ""
        version = entry.dist.version if entry.dist else ""
        yield PluginFacts(entry.name, distribution, version, entry.value, error), collector


def plugin_packages() -> set[str]:
    """Return the packages that the installed plugins are in, ours among them."""
    from importlib.metadata import entry_points

    return {"strongroom"} | {e.module.partition(".")[0] for e in entry_points(group=GROUP)}


def _collect(load: Callable[[], Any], collector: Collector) -> str:
    """Run one plugin's `contribute`; return why it failed, "" where it did not."""
    try:
        contribute = load()
        collector.modules.append(sys.modules[contribute.__module__])
        contribute(collector)
    except StrongroomError as e:
        return e.message
    except SystemExit as e:
        return f"it would end the program: {e}"
    except Exception as e:  # noqa: BLE001  the plugin host: one bad plugin must not stop the others
        return f"{type(e).__name__}: {e}"
    return ""
