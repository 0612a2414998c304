"""The kernel command line (Linux, "The kernel's command-line parameters")."""

import re
from typing import NamedTuple

PARAMETERS_MAX = 4096
"""Parameters of one command line; the kernel's own text has at most some thousand bytes."""

# A quote that does not end takes the rest, as in the kernel's next_arg().
_PARAMETER = re.compile(r'(?:[^\s"]|"[^"]*(?:"|\Z))+')


class Parameter(NamedTuple):
    """One parameter; `value` is None for a bare name."""

    name: str
    value: str | None


def parse_cmdline(text: str) -> tuple[Parameter, ...]:
    """Return the parameters in order, quotes removed. What follows "--" is for init: left out."""
    parameters: list[Parameter] = []
    for match in _PARAMETER.finditer(text):
        word = match[0]
        if word == "--" or len(parameters) >= PARAMETERS_MAX:
            break
        name, equals, value = word.partition("=")
        parameters.append(
            Parameter(name.replace('"', ""), value.replace('"', "") if equals else None)
        )
    return tuple(parameters)


def value_of(parameters: tuple[Parameter, ...], name: str) -> str | None:
    """Return the value of a parameter, the last one given; "" for a bare name, None without."""
    for parameter in reversed(parameters):
        if parameter.name == name:
            return parameter.value or ""
    return None
