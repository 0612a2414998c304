"""Help: examples first, then usage, arguments and flags, made from the op's own description."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from strongroom.kernel.op import Op, Param
from strongroom.kernel.registry import Registry

from .args import GLOBAL, Flag, flag_name, metavar, own_flags
from .front import FRONTS, STRONGROOM, Front, app_summary, command_of, ops_of
from .terminal import Screen, wrap

if TYPE_CHECKING:
    from .invocation import Command

COLUMN_MAX = 28
"""Names longer than this stand on a line of their own."""
INDENT = "  "
EXAMPLES = 4
"""How many examples an app's page begins with."""
FIRST = ("inspect", "ls", "cat", "find", "tail", "verify")
"""Verbs whose examples are shown before those of others, in this order."""
Rows = Sequence[tuple[str, str]]


def op_help(front: Front, op: Op, screen: Screen) -> str:
    """Return the help page of one op."""
    command = command_of(front, op)
    arguments = [(metavar(p), param_text(p)) for p in op.params if p.positional]
    flags = [(_param_names(p), param_text(p)) for p in op.params if not p.positional]
    flags += [(_flag_names(f), flag_text(f)) for f in own_flags(op)]
    text = [
        *_examples([in_words_of(front, op, line) for line in op.examples], screen),
        *wrap(sentence(op.summary), screen.width),
        "",
        *_paragraphs(op.doc, screen),
        *_usage(usage(command, op), screen),
        "",
        *_section("arguments", arguments, screen),
        *_section("flags", flags, screen),
        *_section(
            "flags of every command", [(_flag_names(f), flag_text(f)) for f in GLOBAL], screen
        ),
    ]
    if op.aliases:
        text += [f"also: {', '.join(op.aliases)}", ""]
    return "\n".join(text[:-1]) + "\n"


def app_help(front: Front, registry: Registry, app: str, screen: Screen) -> str:
    """Return the help page of an app: its verbs; where it has none yet, it says so."""
    ops = list(ops_of(registry, app))
    prefix = front.prog if front.app == app else f"{front.prog} {app}"
    lines = wrap(sentence(app_summary(registry, app)), screen.width)
    if not ops:
        others = [f"{name} ({len(list(ops_of(registry, name)))})" for name in registry.apps()]
        lines += ["", f"{prefix} has no commands of its own in this version."]
        lines += [f"{p.name} could not be used: {p.error}" for p in registry.plugins if p.error]
        lines += wrap(f"Apps with commands: {', '.join(others)}.", screen.width)
        lines += [f"See `{STRONGROOM.prog} --help`."]
        return "\n".join(lines) + "\n"
    rank = {verb: place for place, verb in enumerate(FIRST)}
    first = sorted(ops, key=lambda op: rank.get(op.verb, len(rank)))
    examples = [in_words_of(front, op, op.examples[0]) for op in first if op.examples][:EXAMPLES]
    lines = [
        *_examples(examples, screen),
        *lines,
        "",
        *_usage(f"{prefix} COMMAND ...", screen),
        "",
        *_section("commands", [(op.verb, op.summary) for op in ops], screen),
        f"`{prefix} COMMAND --help` tells more about each.",
    ]
    return "\n".join(lines) + "\n"


def front_help(
    front: Front, registry: Registry, commands: "Sequence[Command]", screen: Screen
) -> str:
    """Return the help page of a program."""
    own = [(c.usage, c.summary) for c in commands if not c.hidden]
    flags = [(_flag_names(f), flag_text(f)) for f in GLOBAL]
    if front.app:
        page = app_help(front, registry, front.app, screen)
        lines = [page, *_section("also", own, screen), *_section("flags", flags, screen)]
        return "\n".join(lines[:-1]) + "\n"
    apps = [(app, app_summary(registry, app)) for app in registry.apps()]
    same = [(f.prog, f"the same as {STRONGROOM.prog} {f.app}") for f in FRONTS if f.app]
    lines = [
        *_examples(_first_examples(registry), screen),
        *wrap(sentence(front.summary), screen.width),
        "",
        *_usage(f"{front.prog} APP COMMAND ...", screen),
        "",
        *_section("apps", apps, screen),
        *_section("other commands", own, screen),
        *_section("other names", same, screen),
        *_section("flags", flags, screen),
    ]
    return "\n".join(lines[:-1]) + "\n"


def command_help(front: Front, command: "Command", screen: Screen) -> str:
    """Return the help page of a surface command."""
    lines = [
        *_examples([f"{front.prog} {line}" for line in command.examples], screen),
        *wrap(sentence(command.summary), screen.width),
        "",
        *_paragraphs(command.doc, screen),
        *_usage(f"{front.prog} {command.usage}", screen),
        "",
        *_section("flags", [(_flag_names(f), flag_text(f)) for f in GLOBAL], screen),
    ]
    return "\n".join(lines[:-1]) + "\n"


def usage(command: str, op: Op) -> str:
    """Return the usage line of an op: `guestkit ls DISK [PATH] [flags]`."""
    words = [command]
    for param in op.params:
        if param.positional:
            word = metavar(param) + (" ..." if param.many else "")
            words.append(word if param.required else f"[{word}]")
        elif param.required:
            words.append(f"{flag_name(param)} {metavar(param)}")
    return " ".join([*words, "[flags]"])


def param_text(param: Param) -> str:
    """Return what help says about a parameter: its description, its choices and default."""
    notes = []
    if param.choices and param.positional:
        notes.append("one of " + ", ".join(param.choices))
    if param.default not in (None, False, True, "", []) and not param.many:
        notes.append(f"default {param.default}")
    if param.many and not param.positional:
        notes.append("may be repeated")
    text = sentence(param.doc)
    return f"{text[:-1]} ({'; '.join(notes)})." if notes else text


def in_words_of(front: Front, op: Op, example: str) -> str:
    """Return an example with the program's own words, whichever front it was written for."""
    for known in (f"{STRONGROOM.prog} {op.app} ", *(f"{f.prog} " for f in FRONTS if f.app)):
        if example.startswith(known):
            prefix = front.prog if front.app == op.app else f"{STRONGROOM.prog} {op.app}"
            return f"{prefix} {example[len(known) :]}"
    return example


def sentence(text: str) -> str:
    """Return `text` with a full stop."""
    return text if text.endswith((".", "?", "!", ":")) else text + "."


def _first_examples(registry: Registry) -> list[str]:
    wanted = ("guest.inspect", "guest.ls", "guest.cat", "audit.tail")
    ops = [registry.ops[name] for name in wanted if name in registry.ops]
    return [in_words_of(STRONGROOM, op, op.examples[0]) for op in ops if op.examples]


def _param_names(param: Param) -> str:
    name = flag_name(param)
    return name if param.type == "bool" else f"{name} {metavar(param)}"


def _flag_names(flag: Flag) -> str:
    return ", ".join(flag.names) + (f" {flag.metavar}" if flag.metavar else "")


def flag_text(flag: Flag) -> str:
    """Return what help says about a flag, with the words it takes."""
    return f"{flag.doc[:-1]}: {', '.join(flag.choices)}." if flag.choices else flag.doc


def _examples(examples: Sequence[str], screen: Screen) -> list[str]:
    if not examples:
        return []
    lines = [line for example in examples for line in _command_lines(example, screen)]
    return [screen.paint("bold", "examples"), *lines, ""]


def _command_lines(command: str, screen: Screen) -> list[str]:
    r"""Return a command, on a narrow terminal in lines that end in `\` and can be pasted."""
    lines = wrap(command, max(0, screen.width - 2), INDENT)
    return [line + " \\" for line in lines[:-1]] + lines[-1:]


def _usage(text: str, screen: Screen) -> list[str]:
    return [screen.paint("bold", "usage"), *wrap(text, screen.width, INDENT)]


def _paragraphs(text: str, screen: Screen) -> list[str]:
    lines: list[str] = []
    for paragraph in text.split("\n\n"):
        if paragraph.strip():
            lines += [*wrap(paragraph, screen.width), ""]
    return lines


def _section(title: str, rows: Rows, screen: Screen) -> list[str]:
    """Return a titled list of names and what they are, wrapped beside the names."""
    if not rows:
        return []
    column = min(COLUMN_MAX, max(len(name) for name, _ in rows)) + 2
    lines = [screen.paint("bold", title)]
    for name, text in rows:
        body = wrap(text, screen.width, INDENT + " " * column) or [""]
        first = body[0].strip()
        if len(name) > column - 2:
            lines += [INDENT + name, *body]
        else:
            lines += [f"{INDENT}{name:{column}}{first}".rstrip(), *body[1:]]
    return [*lines, ""]
