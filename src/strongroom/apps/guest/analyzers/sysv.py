"""Scripts of System V init: links in rcN.d, comments of the Linux Standard Base."""

import re
from collections import defaultdict
from collections.abc import Iterator

from strongroom.base.record import Record
from strongroom.base.tree import basename

from ..guest import Guest
from ..records import Service
from .analysis import paths_in

SCRIPTS = ("/etc/init.d", "/etc/rc.d/init.d")
LEVELS = ("S", "0", "1", "2", "3", "4", "5", "6")
RUNNING_LEVELS = frozenset({"S", "2", "3", "4", "5"})
"""A link here makes a script start with the machine; the others stop it."""

HEAD_BYTES = 4096
"""Where the comments of a script stand."""

NO_SERVICES = frozenset(
    {"README", "functions", "halt", "killall", "rc", "rcS", "single", "skeleton"}
)
_LINK = re.compile(r"S\d\d(.+)")
_SUMMARY = re.compile(r"^#\s*(?:Short-Description|description):\s*(\S[^\n]*?)\s*\\?$", re.MULTILINE)


def services(guest: Guest, native: set[str]) -> Iterator[Record]:
    """Yield a Service for each script that no unit of the same name (`native`) stands in for."""
    levels: defaultdict[str, list[str]] = defaultdict(list)
    for level in LEVELS:
        for directory in (f"/etc/rc{level}.d", f"/etc/rc.d/rc{level}.d"):
            for path in paths_in(guest, directory):
                match = _LINK.fullmatch(basename(path))
                if match and level not in levels[match[1]]:
                    levels[match[1]].append(level)
    directories = dict.fromkeys(guest.resolve(path) for path in SCRIPTS)
    for directory in filter(None, directories):
        for path in paths_in(guest, directory):
            name = basename(path)
            stat = guest.stat(path)
            if name in native or name in NO_SERVICES or stat is None or not stat.mode & 0o111:
                continue
            yield _service(guest, path, levels[name])


def _service(guest: Guest, path: str, levels: list[str]) -> Service:
    head = guest.read_head(path, HEAD_BYTES).decode("utf-8", "surrogateescape")
    summary = _SUMMARY.search(head)
    enabled = not RUNNING_LEVELS.isdisjoint(levels)
    return Service(
        at=guest.locate(path),
        name=basename(path),
        enabled=enabled,
        manager="sysv",
        state="enabled" if enabled else "disabled",
        unit=path,
        command=path,
        wanted_by=tuple(levels),
        description=summary[1] if summary else None,
    )
