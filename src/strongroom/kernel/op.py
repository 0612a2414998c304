"""Op: the one description from which CLI, HTTP, MCP, docs, permissions and audit are made."""

from collections.abc import Callable, Mapping
from enum import Flag
from typing import Any, NamedTuple, TypeVar

from strongroom.base.errors import Usage
from strongroom.base.locator import Locator, parse

F = TypeVar("F", bound=Callable[..., Any])

WORD = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")
"""What the words of an op's name are made of: no underscore, so that MCP's `_` can be read back."""


class Effect(Flag):
    """What an op does to the world, at the least; nested Calls add what really happens."""

    READ = 1
    WRITE = 2
    DESTROY = 4
    USE = 8
    REVEAL = 16
    EGRESS = 32
    EXECUTE = 64
    ALL = 127
    DURABLE = 126
    """Effects whose audit entries are on disk before the call runs."""

    @property
    def words(self) -> list[str]:
        """The effects as lower-case words, in the order above."""
        return [e.name.lower() for e in Effect if e in self and e.name]


class Param(NamedTuple):
    """One parameter of an op: positional ones are CLI arguments, the others flags.

    `type` is one of str, int, float, bool, locator, path (a host file). `many` takes any number
    of values (a tuple), `choices` are the words allowed, empty for any.
    """

    name: str
    type: str
    doc: str
    positional: bool
    required: bool
    default: Any = None
    many: bool = False
    choices: tuple[str, ...] = ()

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")


class Op(NamedTuple):
    """A described op; `module` and `function` say where its code is, without importing it."""

    name: str
    summary: str
    doc: str
    examples: tuple[str, ...]
    params: tuple[Param, ...]
    effects: Effect
    since: str
    module: str
    function: str
    plugin: str
    stream: bool
    results: tuple[str, ...]
    """Types of the Records it yields; ("bytes",) for raw content, () for nothing."""
    aliases: tuple[str, ...] = ()
    essential: bool = False

    @property
    def app(self) -> str:
        return self.name.partition(".")[0]

    @property
    def verb(self) -> str:
        return self.name.partition(".")[2]

    def bind(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters checked and converted, with defaults filled in; else Usage."""
        known = {param.name: param for param in self.params}
        for name in given:
            if name not in known:
                hint = _did_you_mean(name, known)
                raise Usage(f"{self.name} has no parameter {name!r}", hint=hint)
        bound: dict[str, Any] = {}
        for name, param in known.items():
            if name in given:
                bound[name] = _convert(self.name, param, given[name])
            elif param.required:
                raise Usage(f"{self.name} needs {name!r}: {param.doc}")
        return bound

    def resource(self, bound: Mapping[str, Any]) -> str:
        """Return what a call is about, for grants and audit: its locators, else its arguments."""
        locators: list[str] = []
        words: list[str] = []
        for param in self.params:
            if not param.positional or bound.get(param.name) is None:
                continue
            values = bound[param.name] if param.many else (bound[param.name],)
            (locators if param.type == "locator" else words).extend(str(v) for v in values)
        return " ".join(locators or words)

    def subject(self, bound: Mapping[str, Any]) -> str:
        """Return what a call touches, for the audit log: its resource with the paths inside it."""
        disks = [bound[p.name] for p in self.params if p.type == "locator" and not p.many]
        paths: list[str] = []
        for param in self.params:
            if param.positional and param.name in ("path", "paths") and bound.get(param.name):
                paths.extend(bound[param.name] if param.many else (bound[param.name],))
        if len(disks) != 1 or disks[0] is None or paths in ([], ["/"]):
            return self.resource(bound)
        return " ".join(str(disks[0] / path) for path in paths)


class OpMark(NamedTuple):
    """What the decorator leaves on a function until the registry describes it."""

    name: str
    effects: Effect
    since: str
    aliases: tuple[str, ...]
    essential: bool


def op(
    name: str,
    *,
    since: str,
    effects: Effect = Effect.READ,
    aliases: tuple[str, ...] = (),
    essential: bool = False,
) -> Callable[[F], F]:
    """Make a typed function an op.

    Its first parameter is the Context; positional ones become arguments, keyword-only ones flags,
    the docstring the help (`Args:` and `Examples:` sections). `essential` ops may use the disk
    reserve that audit keeps for a full disk. Raises Usage for a name that surfaces could not carry.
    """
    app, *verb = name.split(".")
    letters = app + "".join(verb)
    words = verb and all(word and word[0] != "-" for word in verb)  # a flag begins so
    if not (app.isalpha() and words and WORD.issuperset(letters)):
        raise Usage(f"{name!r} is no op name", hint="lower case words joined by dots, as guest.ls")

    def mark(function: F) -> F:
        function.__op__ = OpMark(name, effects, since, aliases, essential)  # type: ignore[attr-defined]  # the mark is read by describe()
        return function

    return mark


def _convert(op_name: str, param: Param, value: Any) -> Any:
    if value is None and not param.required:
        return None
    if param.many:
        if isinstance(value, str) or not isinstance(value, list | tuple):
            raise Usage(f"{op_name}: {param.name} takes a list")
        return tuple(_convert_one(op_name, param, item) for item in value)
    return _convert_one(op_name, param, value)


def _convert_one(op_name: str, param: Param, value: Any) -> Any:
    if not isinstance(value, int | float) and "\0" in str(value):
        raise Usage(f"{op_name}: {param.name} holds a NUL byte")
    if param.type == "locator":
        if isinstance(value, Locator):
            return value
        if isinstance(value, str):
            return parse(value)
    elif param.type == "path":
        from pathlib import Path

        if isinstance(value, str | Path):
            return Path(value)
    elif param.type == "str" and isinstance(value, str):
        if param.choices and value not in param.choices:
            raise Usage(f"{op_name}: {param.name} is one of {', '.join(param.choices)}")
        return value
    elif isinstance(value, bool):
        if param.type == "bool":
            return value
    elif (param.type in ("int", "float") and isinstance(value, int)) or (
        param.type == "float" and isinstance(value, float)
    ):
        return value
    raise Usage(f"{op_name}: {param.name} takes a {param.type}, not {value!r}")


def _did_you_mean(word: str, known: Mapping[str, object]) -> str | None:
    from difflib import get_close_matches

    close = get_close_matches(word, known, 1)
    return f"did you mean {close[0]!r}?" if close else None
