"""The stack: from a host file through containers, volumes and file systems to any byte inside."""

from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

from strongroom.base.errors import (
    Corrupt,
    Denied,
    Exhausted,
    Locked,
    NotFound,
    StrongroomError,
    Unsupported,
    Usage,
)
from strongroom.base.format import (
    HEAD_BYTES,
    FileSystem,
    Format,
    Image,
    ImageFacts,
    Volume,
    Volumes,
)
from strongroom.base.limits import DEFAULT_LIMITS, Budget, Limits
from strongroom.base.locator import Locator
from strongroom.base.record import Finding, Severity
from strongroom.base.source import Extent, Source, extents, identity
from strongroom.base.tree import normalise
from strongroom.formats.image.raw import open_split
from strongroom.formats.signatures import CONTENTS, IMAGES, SWAP, refusal
from strongroom.kernel.call import Context
from strongroom.kernel.origin import FileSource, Origin
from strongroom.kernel.registry import Registry

SHORT_HEAD_BYTES = 4096
"""Enough for partition tables and the superblock of ext."""
CONTAINER_DEPTH_MAX = 4
"""Containers directly inside one another, such as a qcow2 in a VMDK."""


class Formats:
    """The known formats; one is imported only where its magic is met."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def identify(self, source: Source, *kinds: str) -> Format | None:
        """Return the format of one of the kinds that `source` begins with, None where it has none.

        Kinds, and the formats of one kind, are tried in order.
        """
        head = head_of(source)
        for contribution in chain.from_iterable(map(self._registry.contributions, kinds)):
            magics = ((at, bytes.fromhex(text)) for at, text in contribution.magics)
            if any(head.startswith(content, at) for at, content in magics):
                candidate: Format = contribution.load()
                if candidate.probe(head, source.size):
                    return candidate
        return None

    def image(self, name: str) -> Format:
        """Return the container format of that name; Unsupported where there is none."""
        for contribution in self._registry.contributions("image"):
            if contribution.name == name:
                found: Format = contribution.load()
                return found
        raise Unsupported(f"format {name} is not known", reason=f"format.{name}")


def head_of(source: Source) -> bytes:
    """Return what probes look at, less of a disk that is cut off; Corrupt where nothing is left."""
    try:
        return source.read_at(0, HEAD_BYTES)
    except Corrupt:
        return source.read_at(0, SHORT_HEAD_BYTES)


class Findings:
    """The damage met while one disk is read: each problem once, a bounded number of them."""

    __slots__ = ("_limit", "_seen", "dropped", "kept")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._seen: set[tuple[str, str, int | str]] = set()
        self.kept: list[Finding] = []
        self.dropped = 0

    def add(self, finding: Finding) -> None:
        place = finding.message if finding.offset is None else finding.offset
        key = (finding.rule, str(finding.at), place)
        if key in self._seen:
            return
        if len(self.kept) >= self._limit:
            self.dropped += 1
            return
        self._seen.add(key)
        self.kept.append(finding)


class Opening:
    """The OpenContext of one image, volume or file system: its siblings, its place, its damage.

    `files` collects every host file read, for the cache key; `volumes` counts those of all tables
    on the disk, which may stand in one another.
    """

    __slots__ = ("at", "depth", "files", "findings", "formats", "limits", "origin", "volumes")

    def __init__(  # noqa: PLR0917  these are one thing's parts, always given by position
        self,
        origin: Origin,
        at: Locator,
        formats: Formats,
        findings: Findings,
        files: list[FileSource],
        limits: Limits = DEFAULT_LIMITS,
        depth: int = 0,
        volumes: Budget | None = None,
    ) -> None:
        self.origin = origin
        self.at = at
        self.formats = formats
        self.findings = findings
        self.files = files
        self.limits = limits
        self.depth = depth
        self.volumes = volumes or Budget("volumes of one disk", limits.volumes)

    def sibling(self, name: str, /) -> Source:
        return self._sibling(name)[1]

    def backing(self, name: str, format: str | None, /) -> Source:
        if self.depth >= self.limits.backing_depth:
            raise Exhausted(f"more than {self.limits.backing_depth} images stand on one another")
        origin, content = self._sibling(name)
        behind = Opening(
            origin, self.at, self.formats, self.findings, self.files, self.limits, self.depth + 1
        )
        return behind.image(content, format)[0]

    def problem(
        self,
        rule: str,
        message: str,
        *,
        offset: int | None = None,
        severity: Severity = Severity.WARNING,
    ) -> None:
        self.findings.add(
            Finding(
                at=self.at,
                offset=offset,
                rule=f"problem.{rule}",
                severity=severity,
                message=message,
            )
        )

    def damage(self, error: StrongroomError) -> None:
        """Report an error after which reading goes on elsewhere."""
        offset = error.offset if isinstance(error, Corrupt) else None
        severity = Severity.ERROR if isinstance(error, Corrupt) else Severity.WARNING
        self.problem(error.code, error.message, offset=offset, severity=severity)

    @property
    def file_size(self) -> int | None:
        """The size of the host file the disk is in, or of its descriptor or first part."""
        content = self.origin.content
        return content.size if isinstance(content, FileSource) else None

    def inside(self, at: Locator) -> "Opening":
        """Return the context for what stands at `at` inside this one."""
        return self._copy(type(self), at)

    def _copy(self, kind: "type[Opening]", at: Locator) -> "Opening":
        parts = (self.origin, at, self.formats, self.findings, self.files, self.limits)
        return kind(*parts, volumes=self.volumes)

    def image(self, source: Source, format: str | None = None) -> tuple[Source, list[ImageFacts]]:
        """Return the disk inside `source` with its containers, outermost first.

        `format` is what another image says this one is; "raw" stops the search. What stands inside
        a container was written by its guest, so it may name no file of the host.
        """
        facts: list[ImageFacts] = []
        if format == "raw":
            return source, facts
        found = self.formats.image(format) if format else self.formats.identify(source, "image")
        opening = self
        while found is not None:
            if len(facts) == CONTAINER_DEPTH_MAX:
                message = f"of the containers in one another only the first {len(facts)} are opened"
                self.problem("containers", message, severity=Severity.ERROR)
                break
            opened = found.open(source, opening)
            if not isinstance(opened, Image):
                break
            source = opened
            facts.append(opened.facts)
            found = self.formats.identify(source, "image")
            opening = self._copy(SealedOpening, self.at)
        refused = refusal(head_of(source), IMAGES)
        if refused is not None:
            raise refused
        return source, facts

    def _sibling(self, name: str) -> tuple[Origin, FileSource]:
        origin = self.origin.sibling(name)
        if not isinstance(origin.content, FileSource):
            raise Usage(f"{name} is a folder, not a file")
        self.files.append(origin.content)
        return origin, origin.content


class Layer:
    """One level of the stack: a disk, a volume, or a file that holds one of them.

    It is a Source (the virtual disk's bytes), so it may be cut, hashed, and opened again.
    """

    __slots__ = ("_below", "_held", "at", "containers", "depth", "opening", "source", "volume")

    def __init__(
        self,
        at: Locator,
        source: Source,
        opening: Opening,
        *,
        containers: tuple[ImageFacts, ...] = (),
        volume: Volume | None = None,
        depth: int = 0,
    ) -> None:
        self.at = at
        self.source = source
        self.opening = opening
        self.containers = containers
        self.volume = volume
        self.depth = depth
        self._held: Held | None = None
        self._below: list[Layer] | None = None

    @property
    def size(self) -> int:
        return self.source.size

    def read_at(self, offset: int, length: int, /) -> bytes:
        return self.source.read_at(offset, length)

    def extents(self, offset: int, length: int, /) -> Iterator[Extent]:
        return extents(self.source, offset, length)

    def identity(self) -> str | None:
        return identity(self.source)

    @property
    def findings(self) -> list[Finding]:
        """The damage met so far on this disk and all that it holds."""
        return self.opening.findings.kept

    def locate(self, path: str) -> Locator:
        """Return the address of a path in what stands here, also where this is a file itself."""
        return self.at.child(normalise(path))

    def left_out(self) -> Iterator[Finding]:
        """Yield how much more damage there was than `findings` keeps, if any."""
        if self.opening.findings.dropped:
            yield Finding(
                at=self.at,
                rule="problem.more",
                severity=Severity.WARNING,
                message=f"{self.opening.findings.dropped} further problems are not listed",
            )

    def held(self) -> "Held":
        """Return what stands in this layer, opened once; damage is reported, not raised."""
        if self._held is None:
            self._held = self._open()
        return self._held

    def _open(self) -> "Held":
        if self.volume is not None and self.volume.listed:
            return Held("", None)
        opening = self.opening.inside(self.at)
        try:
            found = opening.formats.identify(self.source, "tree", "volumes")
            if found is None:
                return self._named()
            opened = found.open(self.source, opening)
            if isinstance(opened, Volumes):
                self._check_depth(self.at)
                self._count(opened)
        except (Corrupt, Unsupported, Exhausted, Locked) as e:
            opening.damage(e)
            return Held("", None, e)
        if isinstance(opened, Volumes | FileSystem):
            return Held(found.name, opened)
        return Held(found.name, None)

    def _named(self) -> "Held":
        """Return what stands here and is not read: swap has a name, other things an error."""
        head = head_of(self.source)
        if head.startswith(SWAP.content, SWAP.offset):
            return Held(SWAP.name, None)
        refused = refusal(head, CONTENTS)
        if refused is not None:
            raise refused
        return Held("", None)

    def volumes(self) -> "list[Layer]":
        """Return the volumes that stand directly in this layer; none where it has no table."""
        if self._below is None:
            self._below = self._volumes()
        return self._below

    def _volumes(self) -> "list[Layer]":
        held = self.held().content
        if not isinstance(held, Volumes):
            return []
        return [
            Layer(
                self.at.child(volume.name),
                volume.source,
                self.opening,
                volume=volume,
                depth=self.depth + 1,
            )
            for volume in held.volumes
        ]

    def leaves(self) -> "Iterator[Layer]":
        """Yield this layer, or the volumes in it down to those that hold no table themselves."""
        below = self.volumes()
        if not below:
            yield self
        for layer in below:
            yield from layer.leaves()

    def file_system(self) -> FileSystem | None:
        """Return the file system that stands directly in this layer, if any."""
        held = self.held().content
        return held if isinstance(held, FileSystem) else None

    def snapshot(self, name: str) -> "Layer":
        """Return the disk as an internal snapshot of its container holds it."""
        if not isinstance(self.source, Image) or self.volume is not None:
            raise NotFound(f"{self.at} has no snapshots")
        at = self.at.child("@" + name)
        source = self.source.snapshot(name)
        inside = self.opening.inside(at)
        return Layer(at, source, inside, containers=self.containers, depth=self.depth)

    def nested(self, at: Locator, source: Source) -> "Layer":
        """Return the disk that a file found inside this layer holds."""
        self._check_depth(at)
        opening = self.opening
        sealed = SealedOpening(
            opening.origin, at, opening.formats, opening.findings, [], opening.limits
        )
        disk, facts = sealed.image(source)
        return Layer(at, disk, sealed, containers=tuple(facts), depth=self.depth + 1)

    def _count(self, table: Volumes) -> None:
        """Count the volumes of a table that stands on this disk; Exhausted for too many."""
        budget = self.opening.volumes
        if len(table.volumes) > budget.left:
            raise Exhausted(
                f"{self.at} has more volumes than are read of one disk",
                hint="the setting limits.volumes says how many",
                reason="volumes",
            )
        budget.spend(len(table.volumes))

    def _check_depth(self, at: Locator) -> None:
        if self.depth >= self.opening.limits.nesting_depth:
            raise Exhausted(
                f"{at} nests more than {self.depth} deep",
                hint="the setting limits.nesting_depth says how deep",
                reason="nesting",
            )


class Held(NamedTuple):
    """What a Layer holds: a partition table or a file system, or why it could not be opened."""

    format: str
    content: Volumes | FileSystem | None
    error: StrongroomError | None = None


class SealedOpening(Opening):
    """The context of a disk found inside a disk: files beside it on the host are not its own."""

    __slots__ = ()

    def _sibling(self, name: str) -> tuple[Origin, FileSource]:
        raise Denied(
            f"{self.at} is an image inside an image and names {name!r}, a file outside of it",
            hint="extract both into one folder and open them there",
            reason="sibling",
        )


def open_disk(ctx: Context, origin: Origin) -> Layer:
    """Return the disk in a host file: its containers opened, nothing inside it read yet.

    Raises Denied, NotFound, Corrupt, Unsupported as the container's Format does.
    """
    if not isinstance(origin.content, FileSource):
        raise Usage(f"{origin.path} is a folder, not a disk")
    source: Source = origin.content
    limits = ctx.session.config.limits
    opening = Opening(
        origin,
        Locator(origin.path),
        Formats(ctx.session.registry),
        Findings(limits.problems),
        [origin.content],
        limits,
    )
    if origin.name.endswith(".001"):
        source = open_split(source, origin.name, opening)
    disk, facts = opening.image(source)
    return Layer(opening.at, disk, opening, containers=tuple(facts))
