"""Places: from a locator to the tree and path it means. The opener that `ctx.open` uses."""

from typing import NamedTuple, cast

from strongroom.base.errors import NotFound, Unsupported, Usage
from strongroom.base.format import Volumes
from strongroom.base.locator import Locator
from strongroom.base.source import Source
from strongroom.base.tree import Subtree, Tree, join, normalise, resolve
from strongroom.kernel.call import Context
from strongroom.kernel.origin import FileSource, FolderTree, Origin

from .guest import Guest
from .stack import Layer, open_disk


class Place(NamedTuple):
    """A path in a tree. `path` is normalised but its links are not resolved; `layer` is the disk
    or volume the tree stands in, None for a host folder.
    """

    tree: Tree
    path: str
    guest: Guest
    layer: Layer | None


def place(ctx: Context, disk: Locator, path: str | None = None) -> Place:
    """Return what a locator, and a path below it, mean for an op that works on names.

    A `path` beside a locator that leads to a file is read in the disk that the file holds. Raises
    what opening raises, and NotFound where there is no file system to have paths.
    """
    spot = _place(ctx, disk.container, disk.path or "/")
    if path is None:
        return spot
    if disk.path is not None and _is_file(spot):
        return _place(ctx, disk, normalise(path))
    return spot._replace(path=normalise(join(spot.path, path.lstrip("/"))))


def _place(ctx: Context, holder: Locator, path: str) -> Place:
    opened = container(ctx, holder)
    if isinstance(opened, Layer):
        guest = guest_of(opened)
        return Place(guest.tree, path, guest, opened)
    limits = ctx.session.config.limits
    return Place(opened, path, Guest(opened, lambda inner: holder / inner, limits), None)


def _is_file(spot: Place) -> bool:
    return spot.tree.stat(resolve(spot.tree, spot.path)).kind == "file"


def disk(ctx: Context, locator: Locator) -> Layer:
    """Return the disk or volume that a locator means; Usage for a folder."""
    opened = container(ctx, locator)
    if isinstance(opened, Layer):
        return opened
    raise Usage(f"{locator} is a folder, not a disk")


def container(ctx: Context, locator: Locator) -> Layer | FolderTree | Subtree:
    """Open a disk, a volume or a folder; a file inside a disk is opened as a disk itself."""
    opened = ctx.open(locator)
    if isinstance(opened, Layer | FolderTree | Subtree):
        return opened
    outer = container(ctx, locator.container)
    return _inner_disk(ctx, outer, locator, opened)


def guest_of(layer: Layer) -> Guest:
    """Return the tree to show of one disk or volume.

    A volume shows its own file system; a disk its first operating system with what its fstab
    mounts, else the only file system there is. Raises NotFound where there is none or the choice
    is the user's, and what stopped the reading where the one there is cannot be opened.
    """
    from .mounts import file_systems, guests

    if layer.volume is None:
        found = guests([layer])
        if found:
            return found[0].guest
    trees = file_systems([layer])
    if len(trees) == 1:
        only = trees[0]
        return Guest(only.tree, layer.locate, layer.opening.limits, layer.findings)
    if trees:
        names = ", ".join(str(volume.layer.at.steps[-1]) for volume in trees)
        raise NotFound(
            f"{layer.at} has no operating system and {len(trees)} file systems: {names}",
            hint=f"name one, such as {trees[0].layer.at}",
            reason="root",
        )
    for leaf in layer.leaves():
        error = leaf.held().error
        if error is not None:
            raise error
    raise NotFound(
        f"no file system is known in {layer.at}",
        hint=f"see what is there with `guestkit filesystems {layer.at}`",
        reason="file_system",
    )


def open_locator(ctx: Context, origin: Origin, locator: Locator) -> Source | Tree:
    """Return what a locator addresses: the opener behind `ctx.open`.

    A disk or volume gives a Layer (a Source), a path a file's Source or a folder's Tree.
    """
    here: Layer | FolderTree | Subtree = (
        origin.content if isinstance(origin.content, FolderTree) else open_disk(ctx, origin)
    )
    at = Locator(locator.origin)
    for number, step in enumerate(locator.steps, start=1):
        at = at.child(step)
        if step.startswith("/"):
            target = _open_path(here, step)
            if number == len(locator.steps):
                return target
            here = target if isinstance(target, Subtree) else _inner_disk(ctx, here, at, target)
        elif isinstance(here, Layer):
            here = _step(here, step)
        else:
            raise NotFound(f"{at} does not exist: a folder has no volumes or snapshots")
    return here


def _open_path(here: Layer | Tree, path: str) -> Source | Subtree:
    tree = guest_of(here).tree if isinstance(here, Layer) else here
    path = resolve(tree, path)
    return Subtree(tree, path) if tree.stat(path).kind == "dir" else tree.open(path)


def _inner_disk(ctx: Context, outer: Layer | Tree, at: Locator, source: Source | Tree) -> Layer:
    """Return the disk in a file: of a host folder with its siblings, of a disk without any."""
    if isinstance(source, FileSource):
        return open_disk(ctx, Origin(source.path, source, ctx.session.allow_backing))
    if isinstance(outer, Layer) and not isinstance(source, FolderTree | Subtree):
        return outer.nested(at, cast("Source", source))
    raise Unsupported(f"{at} cannot be opened as a disk")


def _step(layer: Layer, step: str) -> Layer:
    if step.startswith("@"):
        return layer.snapshot(step[1:])
    for below in layer.volumes():
        if below.at.steps[-1] == step:
            return below
    held = layer.held()
    if held.error is not None:
        raise held.error
    names = [v.name for v in held.content.volumes] if isinstance(held.content, Volumes) else []
    raise NotFound(
        f"{layer.at} has no volume {step!r}",
        hint=f"it has {', '.join(names)}" if names else "it has no partition table",
        reason="volume",
    )
