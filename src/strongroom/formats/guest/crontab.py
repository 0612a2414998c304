"""Tables of times and commands: crontab(5), anacrontab(5)."""

import re
from typing import NamedTuple

from .lines import Faults, Parsed, numbered, quote

NICKNAMES = frozenset(
    {"@reboot", "@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"}
)
"""What may stand for the five time fields (crontab(5), "Extensions")."""


class CronEntry(NamedTuple):
    """One job. `schedule` is its five fields or its nickname; `user` is "" in a user's table."""

    line: int
    schedule: str
    user: str
    command: str


_ENVIRONMENT = re.compile(r"[ \t]*[A-Za-z_][A-Za-z0-9_]*[ \t]*=")
_FIELD = re.compile(r"[-0-9*,/~?LW#A-Za-z]+")


def parse_crontab(text: str, *, system: bool) -> Parsed[CronEntry]:
    """Return the jobs of a table in file order; `system` tables have a user in the sixth field."""
    entries: list[CronEntry] = []
    faults = Faults()
    for at, line in numbered(text):
        bare = line.strip()
        if not bare or bare.startswith("#") or _ENVIRONMENT.match(line):
            continue
        entry = _entry(at, bare, system=system)
        if entry is None:
            faults.add(at, f"{quote(bare)} is no cron job")
        else:
            entries.append(entry)
    return Parsed(tuple(entries), faults.kept())


def _entry(at: int, bare: str, *, system: bool) -> CronEntry | None:
    times = 1 if bare.startswith("@") else 5
    fields = bare.split(None, times + (1 if system else 0))
    if len(fields) <= times + (1 if system else 0):
        return None
    if times == 1 and fields[0].lower() not in NICKNAMES:
        return None
    # A leading "-" keeps cron from logging the job (Debian, openSUSE).
    if times == 5 and not all(_FIELD.fullmatch(field) for field in fields[:5]):
        return None
    user = fields[times] if system else ""
    return CronEntry(at, " ".join(fields[:times]).lstrip("-"), user, fields[-1])


class AnacronEntry(NamedTuple):
    """One job of anacrontab(5): its period in days or as "@monthly", its delay in minutes."""

    line: int
    period: str
    delay: str
    name: str
    command: str


def parse_anacrontab(text: str) -> Parsed[AnacronEntry]:
    """Return the jobs of anacrontab(5) in file order."""
    entries: list[AnacronEntry] = []
    faults = Faults()
    for at, line in numbered(text):
        bare = line.strip()
        if not bare or bare.startswith("#") or _ENVIRONMENT.match(line):
            continue
        fields = bare.split(None, 3)
        period = fields[0]
        if len(fields) < 4 or not (period.isdigit() or period.lower() in NICKNAMES):
            faults.add(at, f"{quote(bare)} is no anacron job")
            continue
        entries.append(AnacronEntry(at, *fields))
    return Parsed(tuple(entries), faults.kept())
