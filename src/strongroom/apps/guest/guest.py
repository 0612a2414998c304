"""Guest: disks opened, file systems merged as the operating system would mount them."""

from collections.abc import Callable, Iterator
from typing import Protocol

from strongroom.base.errors import Corrupt, Exhausted, NotFound, StrongroomError, Unsupported, Usage
from strongroom.base.limits import DEFAULT_LIMITS, Budget, Limits
from strongroom.base.locator import Locator
from strongroom.base.record import Finding, Record, Severity
from strongroom.base.source import Source
from strongroom.base.tree import Entry, Stat, Tree, join, read_whole, resolve

FILE_COST_BYTES = 1 << 10
ENTRY_COST_BYTES = 1 << 8
"""What an empty file and a name in a directory count for in `Limits.guest_bytes`."""


class Guest:
    """What analyzers read: one merged Tree, the address of any path in it, and a place for damage.

    Every reading method follows links inside the guest only, and turns damage into a `problem.*`
    Finding in `problems`, so that an analyzer goes on with what can still be read.
    """

    __slots__ = ("_budget", "limits", "locate", "problems", "tree")

    def __init__(
        self,
        tree: Tree,
        locate: Callable[[str], Locator],
        limits: Limits = DEFAULT_LIMITS,
        problems: list[Finding] | None = None,
    ) -> None:
        self.tree = tree
        self.locate = locate
        """The address of a path of the merged tree, for `Record.at`."""
        self.limits = limits
        self.problems = [] if problems is None else problems
        self._budget = Budget("what is read of one guest", limits.guest_bytes)

    def read_bytes(self, path: str) -> bytes | None:
        """Return a whole file; None where it is absent, not a file, damaged or over the limit."""
        found = self.read_real(path, size_max=self.limits.text_bytes)
        return None if found is None else found[1]

    def read_real(self, path: str, *, size_max: int) -> tuple[str, bytes] | None:
        """Return where a file really is, links followed, and its content; None as `read_bytes`.

        All that is read of a guest together is bounded, too: holes and links cost a disk nothing.
        """
        try:
            real = resolve(self.tree, path)
            source = self.tree.open(real)
            self._spend(max(FILE_COST_BYTES, min(source.size, size_max)))
            return real, read_whole(source, path, size_max=size_max)
        except (NotFound, Usage):
            return None
        except (Corrupt, Exhausted, Unsupported) as e:
            self.report(path, e)
            return None

    def _spend(self, units: int) -> None:
        """Take from what may be read of this guest. The end of it is reported once: afterwards
        everything is as if it were not there.
        """
        if self._budget.left < 0:
            raise NotFound("the budget of this guest is spent")
        self._budget.spend(units)

    def read_text(self, path: str) -> str | None:
        """Return a whole file as text (UTF-8, other bytes by surrogateescape), or None."""
        content = self.read_bytes(path)
        return None if content is None else content.decode("utf-8", "surrogateescape")

    def scandir(self, path: str) -> Iterator[Entry]:
        """Yield the entries of a directory, sorted by name; nothing where there is none."""
        try:
            self._spend(ENTRY_COST_BYTES)
            entries = sorted(self.tree.scandir(resolve(self.tree, path)))
            self._spend(ENTRY_COST_BYTES * len(entries))
        except (NotFound, Usage):
            return
        except (Corrupt, Exhausted, Unsupported) as e:
            self.report(path, e)
            return
        yield from entries

    def files(self, directory: str, *, suffix: str = "") -> Iterator[str]:
        """Yield the paths of what a directory holds, but for directories, sorted by name."""
        for entry in self.scandir(directory):
            if entry.name.endswith(suffix) and entry.kind != "dir":
                yield join(directory, entry.name)

    def stat(self, path: str, *, follow: bool = True) -> Stat | None:
        """Return what is known of a path, or None where it cannot be read."""
        try:
            return self.tree.stat(resolve(self.tree, path, follow_last=follow))
        except (NotFound, Usage):
            return None
        except (Corrupt, Exhausted, Unsupported) as e:
            self.report(path, e)
            return None

    def readlink(self, path: str) -> str | None:
        """Return the target of a link as stored, or None where the path is no readable link."""
        try:
            return self.tree.readlink(resolve(self.tree, path, follow_last=False))
        except (NotFound, Usage):
            return None
        except (Corrupt, Exhausted, Unsupported) as e:
            self.report(path, e)
            return None

    def resolve(self, path: str) -> str | None:
        """Return the path with every link in it followed, or None where it leads nowhere."""
        try:
            return resolve(self.tree, path)
        except (NotFound, Usage):
            return None
        except (Corrupt, Exhausted, Unsupported) as e:
            self.report(path, e)
            return None

    def open(self, path: str) -> Source | None:
        """Return a file to read piece by piece, or None where it is absent, no file or damaged."""
        try:
            return self.tree.open(resolve(self.tree, path))
        except (NotFound, Usage):
            return None
        except (Corrupt, Exhausted, Unsupported) as e:
            self.report(path, e)
            return None

    def read_head(self, path: str, length: int) -> bytes:
        """Return the first bytes of a file, fewer where it ends; none where it cannot be read."""
        source = self.open(path)
        if source is None:
            return b""
        try:
            return source.read_at(0, length)
        except (Corrupt, Exhausted, Unsupported) as e:
            self.report(path, e)
            return b""

    def report(self, path: str, error: StrongroomError) -> None:
        """Keep damage met at `path` as a Finding."""
        offset = error.offset if isinstance(error, Corrupt) else None
        self.problems.append(
            Finding(
                at=self.locate(path),
                offset=offset,
                rule=f"problem.{error.code}",
                severity=Severity.WARNING,
                message=error.message,
                hint=error.hint,
            )
        )


class Analyzer(Protocol):
    """Reads a Guest, yields Records; one file each under `apps/guest/analyzers`."""

    @property
    def name(self) -> str:
        """The word for it, also its file's name: "packages"."""
        ...

    @property
    def version(self) -> int:
        """Raised with every change of what it yields; part of the cache key."""
        ...

    @property
    def records(self) -> tuple[type[Record], ...]:
        """The types of Record it may yield."""
        ...

    def run(self, guest: Guest, /) -> Iterator[Record]:
        """Yield what it finds; nothing where the guest has none of it."""
        ...
