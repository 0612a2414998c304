"""Inspection: what a machine is, learnt from its disks without booting it."""

import json
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from strongroom import __version__
from strongroom.base.locator import Locator
from strongroom.base.record import Finding, Record, Severity, from_plain, json_line
from strongroom.base.source import Source
from strongroom.kernel.cache import cache_key, code_identity
from strongroom.kernel.call import Context
from strongroom.kernel.op import op
from strongroom.kernel.session import Progress

from .anatomy import describe_disk, describe_volumes, snapshots
from .guest import Analyzer, Guest
from .place import container
from .stack import Layer

if TYPE_CHECKING:
    from .mounts import Mounted

HASH_STEP_BYTES = 1 << 22


class Machine(NamedTuple):
    """The disks of one machine and the guests found on them; `folder` where it is a host folder."""

    disks: tuple[Layer, ...]
    folder: Guest | None = None


@op("guest.inspect", since="0.1")
def inspect(
    ctx: Context,
    disks: tuple[Locator, ...],
    *,
    fresh: bool = False,
    paranoid: bool = False,
) -> Iterator[Record]:
    """Tell what is on a machine's disks without booting it.

    The disks and their file systems, the operating system, packages, users, services, network,
    mounts, scheduled jobs, kernels, and findings: what to look at, and what is damaged. Several
    disks are one machine. A second inspection of unchanged files comes from the cache.

    Args:
        disks: The images, locators, or one folder that holds a root file system.
        fresh: Read the disks even where the cache knows them.
        paranoid: Trust the cache only after hashing every byte of the files.

    Examples:
        guestkit inspect disk.qcow2
        guestkit inspect system.vmdk data.vmdk --json
        guestkit inspect disk.qcow2 -o csv > disk.csv
    """
    machine = open_machine(ctx, disks)
    key = inspection_key(ctx, machine, disks, paranoid=paranoid)
    remembered = None if key is None or fresh else ctx.session.cache.get(key)
    if remembered is not None:
        yield from _remembered(ctx, map(json.loads, remembered))
        return
    lines = []
    for record in examine(ctx, machine):
        if key is not None:
            lines.append(json_line(record))
        yield record
    # a disk that was written meanwhile is not remembered
    if key is not None and key == inspection_key(ctx, machine, disks, paranoid=paranoid):
        ctx.session.cache.put(key, lines)


def open_machine(ctx: Context, disks: Sequence[Locator]) -> Machine:
    """Open the disks of one machine, or the one folder that stands for it."""
    layers: list[Layer] = []
    for locator in disks:
        opened = container(ctx, locator)
        if not isinstance(opened, Layer):
            return Machine(
                (),
                Guest(
                    opened,
                    lambda path, at=locator: at / path,  # type: ignore[misc]  # bound early
                    ctx.session.config.limits,
                ),
            )
        layers.append(opened)
    return Machine(tuple(layers))


def examine(ctx: Context, machine: Machine) -> Iterator[Record]:
    """Yield everything that is learnt of a machine, read anew: anatomy, facts, then findings."""
    from .mounts import guests

    for disk in machine.disks:
        yield describe_disk(disk)
        yield from snapshots(disk)
        yield from describe_volumes(disk)
    found = guests(machine.disks)
    systems = [machine.folder] if machine.folder else [mounted.guest for mounted in found]
    findings: list[Record] = []
    for number, guest in enumerate(systems):
        ctx.emit(Progress("inspecting", number, len(systems), "systems"))
        for record in analyze(ctx, guest):
            if isinstance(record, Finding):
                findings.append(record)
            else:
                yield record
    for mounted in found:
        findings += _missing_mounts(mounted)
    findings += _damage(machine, systems)
    yield from findings


def analyze(ctx: Context, guest: Guest, *names: str) -> Iterator[Record]:
    """Run the analyzers, or those of the given names, over a guest."""
    for contribution in ctx.session.registry.contributions("analyzer"):
        if not names or contribution.name in names:
            analyzer: Analyzer = contribution.load()
            yield from analyzer.run(guest)


def learn(ctx: Context, disks: Sequence[Locator], analyzer: str) -> Iterator[Record]:
    """Yield what one analyzer learns of a machine, and the damage met, read anew."""
    machine = open_machine(ctx, disks)
    if machine.folder is not None:
        yield from analyze(ctx, machine.folder, analyzer)
        yield from machine.folder.problems
        return
    from .mounts import guests

    systems = [mounted.guest for mounted in guests(machine.disks)]
    for guest in systems:
        yield from analyze(ctx, guest, analyzer)
    yield from _damage(machine, systems)


def inspection_key(
    ctx: Context, machine: Machine, disks: Sequence[Locator], *, paranoid: bool
) -> str | None:
    """Return the cache key of an inspection: every file of every chain, and what reads them.

    None for what cannot be remembered: a folder, and a block device, whose times do not tell
    when its content changes.
    """
    sources = [source for disk in machine.disks for source in disk.opening.files]
    if machine.folder is not None or any(source.is_device for source in sources):
        return None
    limits = repr(ctx.session.config.limits)
    parts = ["inspect", __version__, code_identity(*_readers()), limits, *map(str, disks)]
    parts += [
        f"{c.plugin}/{c.name}/{c.version}" for c in ctx.session.registry.contributions("analyzer")
    ]
    for source in sources:
        parts.append(source.identity())
        if paranoid:
            parts.append(_content_hash(ctx, source))
    return cache_key(*parts)


def _readers() -> Iterator[str]:
    """Yield the folders of the code that an inspection depends on."""
    package = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
    for folder in ("base", "apps/guest", "apps/guest/analyzers"):
        yield os.path.join(package, folder)
    for kind in ("image", "volume", "tree", "guest"):
        yield os.path.join(package, "formats", kind)


def _content_hash(ctx: Context, source: Source) -> str:
    from hashlib import blake2b

    digest = blake2b(digest_size=32)
    for offset in range(0, source.size, HASH_STEP_BYTES):
        ctx.emit(Progress("hashing", offset, source.size, "B"))
        digest.update(source.read_at(offset, HASH_STEP_BYTES))
    return digest.hexdigest()


def _remembered(ctx: Context, lines: Iterator[dict[str, Any]]) -> Iterator[Record]:
    """Yield cached Records; a type that only a plugin knows makes its analyzers load."""
    known = known_records()
    for line in lines:
        if line["type"] not in known:
            for contribution in ctx.session.registry.contributions("analyzer"):
                known.update({cls.type: cls for cls in contribution.load().records})
        yield from_plain(known[line["type"]], line)


def known_records() -> dict[str, type[Record]]:
    """Return the classes of the Records that a built-in inspection yields, by type."""
    from . import anatomy, records

    return {
        value.type: value
        for module in (records, anatomy)
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Record)
    }


def _missing_mounts(mounted: "Mounted") -> Iterator[Finding]:
    for entry in mounted.missing:
        yield Finding(
            at=mounted.guest.locate("/etc/fstab"),
            line=entry.line,
            rule="mount.missing",
            severity=Severity.NOTICE,
            message=f"{entry.device}, mounted at {entry.point}, is on none of these disks",
            hint="give all disks of the machine at once",
        )


def _damage(machine: Machine, systems: Sequence[Guest]) -> Iterator[Finding]:
    """Yield the problems met, each once, and say where nothing at all was recognised."""
    seen: set[int] = set()
    for problems in [*(g.problems for g in systems), *(d.findings for d in machine.disks)]:
        if id(problems) not in seen:
            seen.add(id(problems))
            yield from problems
    for disk in machine.disks:
        yield from disk.left_out()
        if not disk.volumes() and disk.file_system() is None and disk.held().error is None:
            yield Finding(
                at=disk.at,
                rule="problem.unknown-content",
                severity=Severity.NOTICE,
                message="no partition table or file system that is known",
            )
