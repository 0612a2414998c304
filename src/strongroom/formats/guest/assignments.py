"""Shell-like assignments: os-release(5), locale.conf(5), /etc/default/*, ifcfg-*, conf.d."""

import re
from typing import NamedTuple

from .lines import Faults, Parsed, numbered, quote


class Assignment(NamedTuple):
    """One `KEY=value`, quotes and escapes taken off, nothing expanded."""

    line: int
    key: str
    value: str


_KEY = re.compile(r"[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)=")
_TOKEN = re.compile(r"""'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)|([^\s'"\\]+)""")
_ESCAPE = re.compile(r'\\(["$`\\])')


def parse_assignments(text: str) -> Parsed[Assignment]:
    """Return the assignments of a file in file order, by the quoting rules of os-release(5).

    Lines that are no assignment are faults: a caller that reads real shell code ignores them.
    """
    entries: list[Assignment] = []
    faults = Faults()
    for at, line in numbered(text):
        bare = line.lstrip()
        if not bare or bare.startswith("#"):
            continue
        key = _KEY.match(line)
        if key is None:
            faults.add(at, f"{quote(bare)} is no assignment")
            continue
        value = unquote(line, key.end())
        if value is None:
            faults.add(at, f"the quotes of {key[1]} do not end")
            continue
        entries.append(Assignment(at, key[1], value))
    return Parsed(tuple(entries), faults.kept())


def unquote(text: str, at: int = 0) -> str | None:
    """Return the shell word at `at`, quotes removed; None where a quote does not end."""
    parts = []
    while at < len(text) and not text[at].isspace():
        token = _TOKEN.match(text, at)
        if token is None:
            return None
        if token[1] is not None:
            parts.append(token[1])
        elif token[2] is not None:
            parts.append(_ESCAPE.sub(r"\1", token[2]))
        else:
            parts.append(token[3] or token[4])
        at = token.end()
    return "".join(parts)


def as_mapping(assignments: Parsed[Assignment]) -> dict[str, str]:
    """Return the values by key; the last assignment of a key holds, as in a shell."""
    return {entry.key: entry.value for entry in assignments.entries}
