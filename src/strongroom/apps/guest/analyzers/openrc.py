"""Services of OpenRC: scripts of openrc-run(8), and run levels that link to them."""

import re
from collections import defaultdict
from collections.abc import Iterator

from strongroom.base.record import Finding, Record, Severity
from strongroom.base.tree import basename, join

from ..guest import Guest
from ..records import Service
from .analysis import FILES_MAX, paths_in

RUN_LEVELS = "/etc/runlevels"
SCRIPTS = "/etc/init.d"
HEAD_BYTES = 16384
"""Where the variables of a script stand."""

_INTERPRETER = re.compile(r"#!\s*\S*/(?:env\s+)?(?:openrc-run|runscript)\b")
_VARIABLE = re.compile(
    r"""^(command|command_args|command_user|description)=(?:"([^"\n]*)"|'([^'\n]*)'|(\S*))""",
    re.MULTILINE,
)


def present(guest: Guest) -> bool:
    """Say whether the guest has run levels of OpenRC."""
    stat = guest.stat(RUN_LEVELS)
    return stat is not None and stat.kind == "dir"


def services(guest: Guest) -> Iterator[Record]:
    """Yield a Service for each script, and a Finding for each run level's link to none."""
    levels: defaultdict[str, list[str]] = defaultdict(list)
    links: dict[str, str] = {}
    for number, level in enumerate(guest.scandir(RUN_LEVELS)):
        if number >= FILES_MAX:
            break
        directory = join(RUN_LEVELS, level.name)
        for path in paths_in(guest, directory):
            levels[basename(path)].append(level.name)
            links.setdefault(basename(path), path)
    found: set[str] = set()
    for path in paths_in(guest, SCRIPTS):
        head = guest.read_head(path, HEAD_BYTES).decode("utf-8", "surrogateescape")
        name = basename(path)
        if _INTERPRETER.match(head):
            found.add(name)
            yield _service(guest, path, head, levels[name])
        elif name in links:
            found.add(name)
            yield _service(guest, path, "", levels[name])
    for name in sorted(set(links) - found):
        yield Finding(
            at=guest.locate(links[name]),
            rule="service.missing-unit",
            severity=Severity.NOTICE,
            message=f"{name} is in run level {levels[name][0]} but has no script",
        )


def _service(guest: Guest, path: str, head: str, levels: list[str]) -> Service:
    variables = {m[1]: m[2] or m[3] or m[4] or "" for m in _VARIABLE.finditer(head)}
    command = f"{variables.get('command', '')} {variables.get('command_args', '')}".strip()
    return Service(
        at=guest.locate(path),
        name=basename(path),
        enabled=bool(levels),
        manager="openrc",
        state="enabled" if levels else "disabled",
        unit=path,
        command=command or None,
        user=variables.get("command_user") or None,
        wanted_by=tuple(levels),
        description=variables.get("description") or None,
    )
