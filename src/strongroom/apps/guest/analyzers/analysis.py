"""What analyzers are made of: their description, the text files they read, and what they say."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from strongroom.base.errors import Exhausted
from strongroom.base.locator import Locator
from strongroom.base.record import Finding, Record, Severity
from strongroom.formats.guest.lines import Fault

from ..guest import Guest

FILES_MAX = 20_000
"""Files of one directory that an analyzer reads."""


class Analysis(NamedTuple):
    """An Analyzer (`apps.guest.guest`) made of a function."""

    name: str
    version: int
    records: tuple[type[Record], ...]
    run: Callable[[Guest], Iterator[Record]]


class Document(NamedTuple):
    """A text file of the guest: where it really is, its address, and its content."""

    path: str
    at: Locator
    text: str


def document(guest: Guest, path: str) -> Document | None:
    """Return a configuration file, links followed; None where it is absent or cannot be read."""
    found = guest.read_real(path, size_max=guest.limits.config_bytes)
    if found is None:
        return None
    real, content = found
    return Document(real, guest.locate(real), content.decode("utf-8", "surrogateescape"))


def first_document(guest: Guest, paths: Iterable[str]) -> Document | None:
    """Return the first of several text files that is there."""
    for path in paths:
        found = document(guest, path)
        if found is not None:
            return found
    return None


def paths_in(guest: Guest, directory: str, *, suffix: str = "") -> list[str]:
    """Return the paths of what a directory holds, but for directories; at most FILES_MAX."""
    found: list[str] = []
    for path in guest.files(directory, suffix=suffix):
        if len(found) >= FILES_MAX:
            guest.report(directory, Exhausted(f"{directory} holds more than {FILES_MAX} files"))
            break
        found.append(path)
    return found


def documents(guest: Guest, directory: str, *, suffix: str = "") -> Iterator[Document]:
    """Yield the text files of a directory, sorted by name."""
    for path in paths_in(guest, directory, suffix=suffix):
        found = document(guest, path)
        if found is not None:
            yield found


def problem(at: Locator, area: str, fault: Fault) -> Finding:
    """Return the Finding for something in a file that could not be read."""
    return Finding(
        at=at,
        line=fault.line,
        rule=f"problem.{area}",
        severity=Severity.WARNING,
        message=fault.message,
    )


def problems(source: Document, area: str, faults: Iterable[Fault]) -> Iterator[Finding]:
    """Yield the Findings for what a parser passed over."""
    for fault in faults:
        yield problem(source.at, area, fault)


def date_text(days: int | None) -> str | None:
    """Return a day since 1970 as an RFC 3339 date; None for none and beyond the year 9999."""
    if days is None:
        return None
    try:
        return (date(1970, 1, 1) + timedelta(days=days)).isoformat()
    except OverflowError:
        return None


def time_text(seconds: int | None) -> str | None:
    """Return a second since 1970 UTC in RFC 3339 form; None for none and beyond the year 9999."""
    if seconds is None:
        return None
    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    except OverflowError:
        return None
    return moment.isoformat().replace("+00:00", "Z")
