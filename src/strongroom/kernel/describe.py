"""Describing ops: from a function's signature and docstring to an Op. Runs when indexing only."""

import inspect
import types
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from strongroom.base.errors import Usage
from strongroom.base.locator import Locator
from strongroom.base.record import Record

from .op import Op, OpMark, Param

TYPES: dict[Any, str] = {
    str: "str",
    int: "int",
    float: "float",
    bool: "bool",
    Locator: "locator",
    Path: "path",
}


def describe(function: Callable[..., Any], mark: OpMark, plugin: str) -> Op:
    """Return the Op that a marked function is; Usage where surfaces could not carry it."""
    doc = inspect.getdoc(function) or ""
    if not doc:
        raise Usage(f"{mark.name} has no docstring")
    head, sections = _sections(doc)
    summary, _, text = head.partition("\n")
    hints = get_type_hints(function)
    arguments = dict(_arguments(sections.get("Args", "")))
    parameters = list(inspect.signature(function).parameters.values())[1:]
    params = tuple(_param(mark.name, p, hints[p.name], arguments) for p in parameters)
    stream, results = _results(hints.get("return"))
    return Op(
        name=mark.name,
        summary=summary.strip().rstrip("."),
        doc=text.strip(),
        examples=tuple(s.strip() for s in sections.get("Examples", "").splitlines() if s.strip()),
        params=params,
        effects=mark.effects,
        since=mark.since,
        module=function.__module__,
        function=function.__qualname__,
        plugin=plugin,
        stream=stream,
        results=results,
        aliases=mark.aliases,
        essential=mark.essential,
    )


def _param(op: str, p: inspect.Parameter, hint: Any, docs: dict[str, str]) -> Param:
    if p.name not in docs:
        raise Usage(f"{op}: parameter {p.name} is not described under Args")
    if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
        raise Usage(f"{op}: *{p.name} has no place on every surface; take a tuple")
    many, inner, choices = _unwrap(hint)
    if inner not in TYPES:
        raise Usage(f"{op}: parameter {p.name} has type {hint}, which surfaces do not know")
    required = p.default is p.empty
    return Param(
        name=p.name,
        type=TYPES[inner],
        doc=docs[p.name],
        positional=p.kind is not p.KEYWORD_ONLY,
        required=required,
        default=None if required else _plain_default(p.default),
        many=many,
        choices=choices,
    )


def _unwrap(hint: Any) -> tuple[bool, Any, tuple[str, ...]]:
    """Return (many, the plain type, the choices) of an annotation."""
    origin, args = get_origin(hint), get_args(hint)
    if origin in (types.UnionType, typing.Union):
        rest = [arg for arg in args if arg is not type(None)]
        if len(rest) == 1:
            return _unwrap(rest[0])
    if origin is tuple and len(args) == 2 and args[1] is Ellipsis:
        _, inner, choices = _unwrap(args[0])
        return True, inner, choices
    if origin is Literal:
        return False, str, tuple(args)
    return False, hint, ()


def _plain_default(default: Any) -> Any:
    if isinstance(default, Locator | Path):
        return str(default)
    return list(default) if isinstance(default, tuple) else default


def _results(hint: Any) -> tuple[bool, tuple[str, ...]]:
    """Return (whether it streams, the types of its Records)."""
    stream = get_origin(hint) is Iterator
    inner = get_args(hint)[0] if stream else hint
    union = get_origin(inner) in (types.UnionType, typing.Union)
    classes = get_args(inner) if union else (inner,)
    names = []
    for cls in classes:
        if cls is bytes:
            names.append("bytes")
        elif isinstance(cls, type) and issubclass(cls, Record):
            names.append(cls.type)
        elif cls not in (None, type(None)):
            raise Usage(f"an op returns Records or bytes, not {cls}")
    return stream, tuple(names)


def _sections(doc: str) -> tuple[str, dict[str, str]]:
    """Split a docstring at its `Args:` and `Examples:` headings."""
    head: list[str] = []
    sections: dict[str, list[str]] = {}
    current = head
    for line in doc.splitlines():
        if line in ("Args:", "Examples:"):
            current = sections.setdefault(line[:-1], [])
        else:
            current.append(line)
    return "\n".join(head), {name: "\n".join(lines) for name, lines in sections.items()}


def _arguments(section: str) -> Iterator[tuple[str, str]]:
    """Yield (name, text) of an `Args:` section; deeper lines continue the text."""
    name, text = "", ""
    for line in inspect.cleandoc(section).splitlines():
        first, colon, rest = line.partition(": ")
        if colon and first.isidentifier():
            if name:
                yield name, text
            name, text = first, rest.strip()
        else:
            text += " " + line.strip()
    if name:
        yield name, text.strip()
