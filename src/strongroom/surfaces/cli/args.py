"""Arguments: a command line read by one op's parameters, and the flags every command takes.

No argparse: with what it imports it costs as much as all else in this folder, and it tells a word
behind a flag from the flag's value by guessing (docs/adr/0010).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from strongroom.base.errors import Usage
from strongroom.kernel.op import Effect, Op, Param

from .front import suggest

OUTPUTS = ("text", "json", "yaml", "csv")
LOG_LEVELS = ("debug", "info", "warning", "error", "critical")
SEVERITIES = ("info", "notice", "warning", "error", "critical")


class Flag(NamedTuple):
    """A flag that is no op's parameter. `metavar` is "" for one without a value."""

    names: tuple[str, ...]
    doc: str
    metavar: str = ""
    choices: tuple[str, ...] = ()
    many: bool = False


GLOBAL = (
    Flag(("-o", "--output"), "Format of standard output.", "FORMAT", OUTPUTS),
    Flag(("--json",), "The same as -o json: one object a line."),
    Flag(("-q", "--quiet"), "No progress and no remarks, only data and errors."),
    Flag(("--no-color",), "No colour, as with NO_COLOR set."),
    Flag(("--allow-backing",), "Also read files behind an image in DIR.", "DIR", many=True),
    Flag(("--log-level",), "Log to standard error from this level on.", "LEVEL", LOG_LEVELS),
    Flag(("--debug",), "Show where in the code an error comes from."),
    Flag(("-h", "--help"), "Show help."),
)
YES = Flag(("-y", "--yes"), "Do not ask before something is destroyed.")
FAIL_ON = Flag(("--fail-on",), "Exit with 1 where a finding is as severe.", "SEVERITY", SEVERITIES)


class Settings(NamedTuple):
    """The flags that every command takes, as given."""

    output: str = "text"
    quiet: bool = False
    no_color: bool = False
    allow_backing: tuple[str, ...] = ()
    log_level: str | None = None
    debug: bool = False
    help: bool = False
    yes: bool = False
    fail_on: str | None = None


class Parsed(NamedTuple):
    """A command line that was understood: the op's parameters and the flags of every command."""

    given: dict[str, Any]
    settings: Settings


def own_flags(op: Op) -> tuple[Flag, ...]:
    """Return the flags that a command has by what its op does: --yes, --fail-on."""
    findings = "finding" in op.results or "record" in op.results
    return (*((YES,) if Effect.DESTROY in op.effects else ()), *((FAIL_ON,) if findings else ()))


def leading(argv: Sequence[str], flags: Iterable[Flag] = GLOBAL) -> tuple[list[str], list[str]]:
    """Split `argv` into the flags of every command before its first word, and the rest."""
    takes = {name: bool(flag.metavar) for flag in flags for name in flag.names}
    at = 0
    while at < len(argv) and argv[at].startswith("-") and argv[at] not in ("-", "--"):
        name, value = _name(argv[at], takes)
        if name not in takes:
            raise Usage(f"unknown flag {name}", hint=suggest(name, list(takes)))
        at += 2 if takes[name] and value is None else 1
    return list(argv[:at]), list(argv[at:])


def parse_settings(prog: str, argv: Sequence[str]) -> Settings:
    """Return the flags of every command out of `argv`, which holds nothing else."""
    return parse(prog, argv, (), ()).settings


def parse_op(prog: str, op: Op, argv: Sequence[str]) -> Parsed:
    """Return what `argv` gives for an op's parameters; Usage where it does not fit."""
    return parse(prog, argv, op.params, own_flags(op))


def parse(prog: str, argv: Sequence[str], params: Sequence[Param], own: Sequence[Flag]) -> Parsed:
    """Read a command line by the parameters and flags of one command. Nothing is abbreviated."""
    known: dict[str, Flag | Param] = {
        flag_name(param): param for param in params if not param.positional
    }
    known.update((name, flag) for flag in (*own, *GLOBAL) for name in flag.names)
    line = _Line(prog, known)
    words = line.read(argv)
    if "help" in line.settings:
        return Parsed({}, Settings(help=True))
    _assign(prog, params, words, line.given)
    for param in params:
        if param.required and param.name not in line.given:
            raise _wrong(prog, f"{prog} needs {flag_name(param)} {metavar(param)}")
    return Parsed(line.given, Settings(**line.settings))


def flag_name(param: Param) -> str:
    """Return how a keyword parameter is given: `--limit`, or `--no-x` for one that is on."""
    if param.type == "bool" and param.default is True:
        return "--no-" + param.flag[2:]
    return param.flag


def metavar(param: Param) -> str:
    """Return the word that stands for a parameter's value in help: DISK, N, SECONDS."""
    if param.choices:
        return "|".join(param.choices)
    if param.positional:
        name = param.name.upper().replace("_", "-")
        return name[:-1] if param.many and name.endswith("S") else name
    words = {"int": "N", "float": "N", "path": "FILE", "locator": "DISK"}
    return words.get(param.type, param.name.upper().replace("_", "-"))


def integer(text: str) -> int:
    """Return a number as people write it: 1000, 0x200, 64K, 10MiB, 1G; powers of 1024."""
    if not text.isascii() or text != "".join(text.split()):
        raise ValueError(text)
    number = text.lower().removesuffix("ib").removesuffix("b")
    factor = 1
    if not number.startswith("0x") and number and number[-1] in "kmgt":
        factor = 1024 ** ("kmgt".index(number[-1]) + 1)
        number = number[:-1]
    if number.startswith("0x"):
        return int(text, 16)  # its last digit may be a b
    return int(number, 10) * factor


class _Line:
    """Reads one command line: what its flags give, and the words between them."""

    def __init__(self, prog: str, known: Mapping[str, Flag | Param]) -> None:
        self._prog = prog
        self._known = known
        self._takes = {name: _takes_value(target) for name, target in known.items()}
        self.given: dict[str, Any] = {}
        self.settings: dict[str, Any] = {}

    def read(self, argv: Sequence[str]) -> list[str]:
        """Keep what the flags give and return the plain words; after `--` all are words."""
        words: list[str] = []
        at = 0
        while at < len(argv):
            arg = argv[at]
            at += 1
            if arg == "--":
                return [*words, *argv[at:]]
            if arg == "-" or not arg.startswith("-"):
                words.append(arg)
                continue
            name, value = _name(arg, self._takes)
            if name not in self._known:
                raise self._unknown(name)
            if value is not None and not self._takes[name]:
                raise _wrong(self._prog, f"{name} takes no value")
            if value is None and self._takes[name]:
                if at == len(argv):
                    raise _wrong(self._prog, f"{name} needs a value")
                value = argv[at]
                at += 1
            self._keep(name, self._known[name], value or "")
        return words

    def _keep(self, name: str, target: Flag | Param, text: str) -> None:
        if isinstance(target, Param):
            value = convert(self._prog, name, target, text)
            before = self.given.get(target.name, [])
            self.given[target.name] = [*before, value] if target.many else value
            return
        dest = target.names[-1].lstrip("-").replace("-", "_")
        if target.choices and text not in target.choices:
            raise _no_choice(self._prog, name, text, target.choices)
        if dest == "json":
            self.settings["output"] = "json"
        elif target.many:
            self.settings[dest] = (*self.settings.get(dest, ()), text)
        else:
            self.settings[dest] = text if target.metavar else True

    def _unknown(self, name: str) -> Usage:
        hint = suggest(name, list(self._known))
        if hint is None:
            hint = f"see `{self._prog} --help`; an argument that begins with - goes after --"
        return Usage(f"unknown flag {name}", hint=hint)


def convert(prog: str, name: str, param: Param, text: str) -> Any:
    """Return the value that text stands for; Usage where it fits neither type nor choices."""
    if param.type == "bool":
        return param.default is not True
    if param.choices and text not in param.choices:
        raise _no_choice(prog, name, text, param.choices)
    try:
        if param.type == "int":
            return integer(text)
        return float(text) if param.type == "float" else text
    except ValueError as e:
        raise _wrong(prog, f"{name} takes a number, not {text!r}") from e


def _assign(
    prog: str, params: Sequence[Param], words: Sequence[str], given: dict[str, Any]
) -> None:
    """Give the plain words to the positional parameters, in their order."""
    positional = [param for param in params if param.positional]
    needed = [metavar(param) for param in positional if param.required]
    if len(words) < len(needed):
        raise _wrong(prog, f"{prog} needs {' '.join(needed[len(words) :])}")
    rest = list(words)
    for number, param in enumerate(positional):
        behind = sum(1 for later in positional[number + 1 :] if later.required)
        count = len(rest) - behind if param.many else min(1, len(rest) - behind)
        values = [convert(prog, metavar(param), param, word) for word in rest[:count]]
        if values:
            given[param.name] = values if param.many else values[0]
        rest = rest[count:]
    if rest:
        most = f"at most {len(positional)} words" if positional else "no words"
        raise _wrong(prog, f"{rest[0]!r} is too much: {prog} takes {most}")


def _takes_value(target: Flag | Param) -> bool:
    return target.type != "bool" if isinstance(target, Param) else bool(target.metavar)


def _name(arg: str, takes: Mapping[str, bool]) -> tuple[str, str | None]:
    """Return the flag that `arg` names and its value where that is in the same word."""
    if not arg.startswith("--"):
        joined = len(arg) > 2 and takes.get(arg[:2], False)
        return (arg[:2], arg[2:]) if joined else (arg, None)
    name, equals, value = arg.partition("=")
    return name, value if equals else None


def _no_choice(prog: str, name: str, text: str, choices: Sequence[str]) -> Usage:
    hint = suggest(text, list(choices)) or f"see `{prog} --help`"
    return Usage(f"{name} takes one of {', '.join(choices)}, not {text!r}", hint=hint)


def _wrong(prog: str, message: str) -> Usage:
    return Usage(message, hint=f"see `{prog} --help`")
