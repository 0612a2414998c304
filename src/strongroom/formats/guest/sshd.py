"""The configuration of the SSH server: sshd_config(5)."""

import re
from typing import NamedTuple

from .lines import Faults, Parsed, numbered, quote

ARGUMENTS_MAX = 1000
"""Arguments of one keyword."""


class Directive(NamedTuple):
    """One keyword with its arguments, as spelled; compare the keyword with case ignored.

    `match` is the condition of the Match block it stands in, "" outside of any.
    """

    line: int
    keyword: str
    arguments: tuple[str, ...]
    match: str

    @property
    def value(self) -> str:
        """The arguments as one text."""
        return " ".join(self.arguments)


_KEYWORD = re.compile(r"([A-Za-z][A-Za-z0-9]*)(?:[ \t]*=[ \t]*|[ \t]+)")
_ARGUMENT = re.compile(r'[ \t]*(?:"([^"]*)"|([^\s"#][^\s"]*))')


def parse_sshd_config(text: str) -> Parsed[Directive]:
    """Return the directives in file order, "Include" and "Match" among them; none is expanded.

    For each keyword the first value that applies holds.
    """
    directives: list[Directive] = []
    faults = Faults()
    condition = ""
    for at, raw in numbered(text):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        keyword = _KEYWORD.match(line)
        arguments = _arguments(line, keyword.end()) if keyword else ()
        if keyword is None or not arguments:
            faults.add(at, f"{quote(line)} is no keyword with a value")
            continue
        if keyword[1].lower() == "match":
            condition = " ".join(arguments)
            if condition.lower() == "all":
                condition = ""
        directives.append(Directive(at, keyword[1], arguments, condition))
    return Parsed(tuple(directives), faults.kept())


def _arguments(line: str, at: int) -> tuple[str, ...]:
    arguments: list[str] = []
    while len(arguments) < ARGUMENTS_MAX and (match := _ARGUMENT.match(line, at)):
        arguments.append(match[2] if match[1] is None else match[1])
        at = match.end()
    return tuple(arguments)
