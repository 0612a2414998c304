"""An OpenContext for tests: siblings from a mapping or a folder, problems kept in a list."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from strongroom.base.errors import Denied, NotFound
from strongroom.base.limits import DEFAULT_LIMITS, Limits
from strongroom.base.record import Severity
from strongroom.base.source import Memory, Source


class Problem(NamedTuple):
    """One call of `problem`."""

    rule: str
    message: str
    offset: int | None
    severity: Severity


class RecordingContext:
    """An OpenContext that opens what it was given and remembers what was reported."""

    def __init__(
        self,
        siblings: Mapping[str, Source] | Path | None = None,
        limits: Limits = DEFAULT_LIMITS,
        open_image: "Callable[[Source, RecordingContext, str | None], Source] | None" = None,
    ) -> None:
        self.limits = limits
        self.problems: list[Problem] = []
        self._siblings = siblings
        self._open_image = open_image

    def sibling(self, name: str, /) -> Source:
        """Return a file of the folder or of the mapping given; plain names only."""
        if isinstance(self._siblings, Path):
            if "/" in name:
                raise Denied(f"{name} is outside the image's directory")
            path = self._siblings / name
            if not path.is_file():
                raise NotFound(f"{name} does not exist")
            return Memory(path.read_bytes())
        if self._siblings is None or name not in self._siblings:
            raise NotFound(f"{name} does not exist")
        return self._siblings[name]

    def backing(self, name: str, format: str | None, /) -> Source:
        """Return the sibling, opened by the `open_image` given; as it is without one."""
        source = self.sibling(name)
        return source if self._open_image is None else self._open_image(source, self, format)

    def problem(
        self,
        rule: str,
        message: str,
        *,
        offset: int | None = None,
        severity: Severity = Severity.WARNING,
    ) -> None:
        """Remember the report."""
        self.problems.append(Problem(rule, message, offset, severity))
