"""where: the files in which an op, a format or an analyzer is written, tested and explained."""

import os
import re
from collections.abc import Iterator
from typing import NamedTuple

from strongroom.base.errors import NotFound
from strongroom.kernel.op import Op
from strongroom.kernel.plugin import KINDS, Contribution
from strongroom.kernel.registry import Registry

from .front import suggest
from .invocation import Invocation


class Place(NamedTuple):
    """A file about something; `line` counts from 1, 0 where the whole file is meant."""

    role: str
    path: str
    line: int = 0


def where(invocation: Invocation) -> int:
    """Write where the named thing is written, tested and explained; JSON lines with -o json."""
    registry = invocation.registry()
    name = ".".join(invocation.words)
    places = list(places_of(_found(registry, invocation.front.app, name)))
    root = checkout()
    if invocation.settings.output == "json":
        import json

        for place in places:
            fields = {"type": "place", **place._asdict()}
            invocation.write(json.dumps(fields, separators=(",", ":")) + "\n")
        return 0
    width = max(len(place.role) for place in places)
    for place in places:
        line = f":{place.line}" if place.line else ""
        role = invocation.screen.paint("dim", f"{place.role:{width}}")
        invocation.write(f"{role}  {_short(place.path)}{line}\n")
    if root is None:
        invocation.write("tests, guides and specifications are in the repository only\n")
    return 0


def places_of(thing: Op | Contribution) -> Iterator[Place]:
    """Yield the source of an op or contribution, then by convention its test, guides and specs."""
    name = thing.function if isinstance(thing, Op) else thing.attribute
    source = _module_file(thing.module)
    yield Place("source", source, _line_of(source, name))
    root = checkout()
    if root is None or not source.startswith(os.path.join(root, "src", "")):
        return
    inner = os.path.relpath(source, os.path.join(root, "src", "strongroom"))
    folder, file = os.path.split(inner)
    yield from _tests(os.path.join(root, "tests", folder), file.removesuffix(".py"), thing)
    yield from _mentions("guide", os.path.join(root, "docs", "guides"), _words(thing))
    yield from _mentions("scenario", os.path.join(root, "tests", "scenarios"), _words(thing))
    yield from _specs(os.path.join(root, "docs", "spec"), thing)
    yield from _mentions("reference", os.path.join(root, "docs", "reference"), _heading(thing))


def checkout() -> str | None:
    """Return the repository's folder where the program runs from one, else None."""
    here = os.path.abspath(__file__)
    for _ in range(5):
        here = os.path.dirname(here)
    return here if os.path.isfile(os.path.join(here, "pyproject.toml")) else None


def _found(registry: Registry, app: str, name: str) -> Op | Contribution:
    names = (name, f"{app}.{name}") if app else (name,)
    for candidate in names:
        if candidate in registry.ops:
            return registry.ops[candidate]
    contributions = [c for kind in KINDS for c in registry.contributions(kind)]
    for contribution in contributions:
        if contribution.name == name:
            return contribution
    for op in registry.ops.values():
        if name in (op.verb, *op.aliases, *(f"{op.app}.{alias}" for alias in op.aliases)):
            return op
    known = [*registry.ops, *(c.name for c in contributions)]
    raise NotFound(
        f"there is no operation, format or analyzer {name}",
        hint=suggest(name, known) or "`strongroom --help` lists the apps",
        reason="op",
    )


def _module_file(module: str) -> str:
    from importlib.util import find_spec

    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise NotFound(f"the code of {module} cannot be found")
    return spec.origin


def _line_of(path: str, name: str) -> int:
    """Return the line on which a function, class or value is defined, 0 where it is not seen."""
    pattern = re.compile(rf"(?:def|class) {re.escape(name)}\b|{re.escape(name)}\b\s*[:=]")
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            if pattern.match(line):
                return number
    return 0


def _tests(folder: str, stem: str, thing: Op | Contribution) -> Iterator[Place]:
    """Yield the tests of a source file, and those beside them that name the op."""
    named = [t for t in sorted(_files(folder, ".py")) if _is_test_of(os.path.basename(t), stem)]
    yield from (Place("test", test) for test in named)
    if isinstance(thing, Op):
        quoted = re.compile(rf"""["']{re.escape(thing.name)}["']""")
        found = _mentions("test", folder, quoted, ".py")
        yield from (place for place in found if place.path not in named)


def _is_test_of(file: str, stem: str) -> bool:
    return re.fullmatch(rf"test_{re.escape(stem)}(?:_\w+)?\.py", file) is not None


def _words(thing: Op | Contribution) -> re.Pattern[str]:
    if isinstance(thing, Contribution):
        return re.compile(rf"\b{re.escape(thing.name)}\b")
    verbs = "|".join(map(re.escape, (thing.verb, *thing.aliases)))
    front = {"guest": "guestkit", "vault": "kimi-vault", "ide": "kyro"}.get(thing.app)
    prefix = rf"strongroom {thing.app}" + (f"|{front}" if front else "")
    return re.compile(rf"^\$ (?:{prefix}) (?:{verbs})\b", re.MULTILINE)


def _specs(folder: str, thing: Op | Contribution) -> Iterator[Place]:
    """Yield the specifications that name it, of what its app keeps, of the addresses it takes."""
    named = list(_mentions("spec", folder, _spec_words(thing)))
    yield from named
    if isinstance(thing, Op):
        takes_locator = any(param.type == "locator" for param in thing.params)
        for stem in (thing.app, *(("locator",) if takes_locator else ())):
            path = os.path.join(folder, f"{stem}.md")
            if os.path.isfile(path) and path not in {place.path for place in named}:
                yield Place("spec", path)


def _spec_words(thing: Op | Contribution) -> re.Pattern[str]:
    return re.compile(rf"\b{re.escape(thing.name)}\b(?![./])")


def _heading(thing: Op | Contribution) -> re.Pattern[str]:
    return re.compile(rf"^#+ .*\b{re.escape(thing.name)}\b", re.MULTILINE)


def _mentions(
    role: str, folder: str, words: re.Pattern[str], suffix: str = ".md"
) -> Iterator[Place]:
    for path in sorted(_files(folder, suffix)):
        with open(path, encoding="utf-8") as file:
            found = words.search(text := file.read())
        if found:
            yield Place(role, path, text.count("\n", 0, found.start()) + 1)


def _files(folder: str, suffix: str) -> Iterator[str]:
    if not os.path.isdir(folder):
        return
    with os.scandir(folder) as entries:
        yield from (entry.path for entry in entries if entry.name.endswith(suffix))


def _short(path: str) -> str:
    """Return a path from here where it lies below, so that an editor or a click opens it."""
    relative = os.path.relpath(path)
    return path if relative.startswith("..") else relative
