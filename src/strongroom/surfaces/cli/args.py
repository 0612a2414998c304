"""Arguments: argparse generated from one op's parameters, and the flags every command takes."""

import argparse
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

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


class _Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are Usage."""

    def error(self, message: str) -> NoReturn:
        raise Usage(message, hint=f"see `{self.prog} --help`")


def _plain(prog: str) -> argparse.HelpFormatter:
    """Return a formatter that knows its width; asking for it imports a third of argparse's cost."""
    return argparse.HelpFormatter(prog, width=100)


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
        at += 2 if takes[name] and not value else 1
    return list(argv[:at]), list(argv[at:])


def parse_settings(prog: str, argv: Sequence[str]) -> Settings:
    """Return the flags of every command out of `argv`, which holds nothing else."""
    return parse(prog, argv, (), ()).settings


def parse_op(prog: str, op: Op, argv: Sequence[str]) -> Parsed:
    """Return what `argv` gives for an op's parameters; Usage where it does not fit."""
    return parse(prog, argv, op.params, own_flags(op))


def parse(prog: str, argv: Sequence[str], params: Sequence[Param], own: Sequence[Flag]) -> Parsed:
    """Parse a command line by the parameters and flags of one command. Nothing is abbreviated."""
    flags = (*own, *GLOBAL)
    parser = _Parser(prog=prog, add_help=False, allow_abbrev=False, formatter_class=_plain)
    takes: dict[str, bool] = {}
    for flag in flags:
        _add_flag(parser, flag)
        takes.update((name, bool(flag.metavar)) for name in flag.names)
    for param in params:
        _add_param(parser, param)
        if not param.positional:
            takes[flag_name(param)] = param.type != "bool"
    options, words = _separate(prog, argv, takes)
    if "-h" in options or "--help" in options:
        return Parsed({}, Settings(help=True))
    _check_words(prog, params, words)
    try:
        values = vars(parser.parse_args([*options, "--", *words] if words else options))
    except argparse.ArgumentError as e:
        raise Usage(str(e), hint=f"see `{prog} --help`") from e
    return _parsed(values, params)


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


def _add_flag(parser: argparse.ArgumentParser, flag: Flag) -> None:
    dest = flag.names[-1].lstrip("-").replace("-", "_")
    dest = "settings." + dest
    if not flag.metavar:
        parser.add_argument(*flag.names, dest=dest, action="store_true", default=argparse.SUPPRESS)
        return
    parser.add_argument(
        *flag.names,
        dest=dest,
        metavar=flag.metavar,
        choices=flag.choices or None,
        action="append" if flag.many else "store",
        default=argparse.SUPPRESS,
    )


def _add_param(parser: argparse.ArgumentParser, param: Param) -> None:
    options: dict[str, Any] = {"default": argparse.SUPPRESS}
    if param.type == "bool" and not param.positional:
        const = param.default is not True
        parser.add_argument(
            flag_name(param), dest=param.name, action="store_const", const=const, **options
        )
        return
    convert = {"int": integer, "float": float}.get(param.type, str)
    options.update(type=convert, metavar=metavar(param))
    if param.choices:
        options["choices"] = param.choices
    if param.positional:
        nargs = ("+" if param.required else "*") if param.many else None if param.required else "?"
        parser.add_argument(param.name, nargs=nargs, **options)
        return
    action = "append" if param.many else "store"
    parser.add_argument(
        flag_name(param), dest=param.name, action=action, required=param.required, **options
    )


def _separate(
    prog: str, argv: Sequence[str], takes: Mapping[str, bool]
) -> tuple[list[str], list[str]]:
    """Split `argv` into flags with their values and plain words; after `--` all are words.

    argparse itself gives an optional word that follows a flag to no one.
    """
    options: list[str] = []
    words: list[str] = []
    at = 0
    while at < len(argv):
        arg = argv[at]
        at += 1
        if arg == "--":
            words += argv[at:]
            break
        if arg == "-" or not arg.startswith("-"):
            words.append(arg)
            continue
        name, inline = _name(arg, takes)
        if name not in takes:
            raise _unknown_flag(prog, name, list(takes))
        if inline and not takes[name]:
            raise Usage(f"{name} takes no value", hint=f"see `{prog} --help`")
        options.append(arg)
        if takes[name] and not inline:
            if at == len(argv):
                raise Usage(f"{name} needs a value", hint=f"see `{prog} --help`")
            options[-1] = f"{name}={argv[at]}" if name.startswith("--") else name + argv[at]
            at += 1
    return options, words


def _name(arg: str, takes: Mapping[str, bool]) -> tuple[str, bool]:
    """Return the flag that `arg` names and whether its value is in the same word."""
    if not arg.startswith("--"):
        joined = len(arg) > 2 and takes.get(arg[:2], False)
        return (arg[:2], True) if joined else (arg, False)
    name, equals, _ = arg.partition("=")
    return name, bool(equals)


def _unknown_flag(prog: str, name: str, known: list[str]) -> Usage:
    hint = suggest(name, known)
    if hint is None:
        hint = f"see `{prog} --help`; an argument that begins with - goes after --"
    return Usage(f"unknown flag {name}", hint=hint)


def _check_words(prog: str, params: Sequence[Param], words: Sequence[str]) -> None:
    positional = [param for param in params if param.positional]
    needed = [metavar(param) for param in positional if param.required]
    if len(words) < len(needed):
        raise Usage(f"{prog} needs {' '.join(needed[len(words) :])}", hint=f"see `{prog} --help`")
    if len(words) > len(positional) and not any(param.many for param in positional):
        takes = f"at most {len(positional)} words" if positional else "no words"
        raise Usage(
            f"{words[len(positional)]!r} is too much: {prog} takes {takes}",
            hint=f"see `{prog} --help`",
        )


def _parsed(values: dict[str, Any], params: Sequence[Param]) -> Parsed:
    given = {param.name: values[param.name] for param in params if param.name in values}
    mine = {key[9:]: value for key, value in values.items() if key.startswith("settings.")}
    if mine.pop("json", False):
        mine["output"] = "json"
    if "allow_backing" in mine:
        mine["allow_backing"] = tuple(mine["allow_backing"])
    return Parsed(given, Settings(**mine))
