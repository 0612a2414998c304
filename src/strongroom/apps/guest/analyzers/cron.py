"""What runs by the clock: crontab(5), anacrontab(5), the directories of run-parts, BusyBox."""

from collections.abc import Iterator

from strongroom.base.record import Finding, Record
from strongroom.base.tree import basename
from strongroom.formats.guest.crontab import parse_anacrontab, parse_crontab

from ..guest import Guest
from ..records import CronJob
from .analysis import Analysis, Document, document, documents, paths_in, problems

SYSTEM_TABLE = "/etc/crontab"
SYSTEM_DIRECTORY = "/etc/cron.d"
SPOOLS = (
    "/var/spool/cron/crontabs",
    "/var/spool/cron/tabs",
    "/var/spool/cron",
    "/etc/crontabs",
)
"""Tables of users, each named as its user: Debian, SUSE, Red Hat and Arch, Alpine."""

PERIODS = ("hourly", "daily", "weekly", "monthly")
PERIOD_DIRECTORIES = ("/etc/cron.", "/etc/periodic/")
_IGNORED = (".placeholder", "~", ".dpkg-old", ".dpkg-dist", ".rpmsave", ".rpmnew", ".apk-new")


def run(guest: Guest) -> Iterator[Record]:
    """Yield a CronJob for each job of every table and each program of the periods."""
    table = document(guest, SYSTEM_TABLE)
    if table is not None:
        yield from _jobs(table, None)
    for source in documents(guest, SYSTEM_DIRECTORY):
        if not basename(source.path).endswith(_IGNORED):
            yield from _jobs(source, None)
    for directory in dict.fromkeys(guest.resolve(spool) for spool in SPOOLS):
        for source in documents(guest, directory) if directory is not None else ():
            name = basename(source.path)
            if not name.startswith((".", "cron.")) and not name.endswith(_IGNORED):
                yield from _jobs(source, name)
    yield from _programs(guest)
    yield from _anacron(guest)


def _jobs(source: Document, user: str | None) -> Iterator[Record]:
    """Yield the jobs of a table, of the system's where `user` is None."""
    parsed = parse_crontab(source.text, system=user is None)
    yield from problems(source, "cron", parsed.faults)
    for entry in parsed.entries:
        yield CronJob(
            at=source.at,
            line=entry.line,
            user=entry.user if user is None else user,
            schedule=entry.schedule,
            command=entry.command,
        )


def _programs(guest: Guest) -> Iterator[CronJob]:
    for prefix in PERIOD_DIRECTORIES:
        for period in PERIODS:
            for path in paths_in(guest, prefix + period):
                name = basename(path)
                stat = guest.stat(path)
                # run-parts(8) starts nothing that is not executable.
                if stat is None or not stat.mode & 0o111 or name.endswith(_IGNORED):
                    continue
                yield CronJob(
                    at=guest.locate(path),
                    user="root",
                    schedule=f"@{period}",
                    command=path,
                    name=name,
                )


def _anacron(guest: Guest) -> Iterator[Record]:
    source = document(guest, "/etc/anacrontab")
    if source is None:
        return
    parsed = parse_anacrontab(source.text)
    yield from problems(source, "cron", parsed.faults)
    for entry in parsed.entries:
        period = entry.period if entry.period.startswith("@") else f"@every {entry.period}d"
        yield CronJob(
            at=source.at,
            line=entry.line,
            user="root",
            schedule=period,
            command=entry.command,
            name=entry.name,
        )


ANALYSIS = Analysis("cron", 1, (CronJob, Finding), run)
