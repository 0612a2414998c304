"""Tree: names over Sources. A file system, a local folder, an archive, an editor's workspace.

Paths are absolute `str` with "/" between components and no "." or ".."; bytes that are not UTF-8
are carried by surrogateescape. A Tree follows no link: `resolve` does, inside the tree only.
"""

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple, Protocol, runtime_checkable

from .errors import Corrupt, Exhausted, NotFound, Usage
from .source import Memory, Source

Kind = Literal["file", "dir", "link", "char", "block", "fifo", "socket", "unknown"]

LINK_HOPS_MAX = 40
"""How many links one path may pass through (Linux allows the same number)."""

WALK_DEPTH_MAX = 512
"""How deep `walk` descends: more than PATH_MAX allows in practice, little enough for any stack."""

S_IFMT = 0o170000
KIND_OF_MODE: Mapping[int, Kind] = {
    0o100000: "file",
    0o040000: "dir",
    0o120000: "link",
    0o020000: "char",
    0o060000: "block",
    0o010000: "fifo",
    0o140000: "socket",
}
"""The file types of POSIX `st_mode & S_IFMT`."""


class Stat(NamedTuple):
    """What is known of one name. Times are nanoseconds since 1970 UTC, None where not stored.

    `mode` holds the twelve permission bits (0o7777) without the type; `rdev` is (major, minor).
    """

    kind: Kind
    mode: int
    uid: int
    gid: int
    size: int
    ino: int
    nlink: int
    mtime_ns: int
    atime_ns: int | None = None
    ctime_ns: int | None = None
    crtime_ns: int | None = None
    rdev: tuple[int, int] | None = None


class Entry(NamedTuple):
    """One name in a directory; `kind` is "unknown" where the directory does not say."""

    name: str
    kind: Kind
    ino: int


class Tree(Protocol):
    """Names over Sources.

    Every method raises NotFound for a path that is not there or passes through a non-directory.
    """

    def stat(self, path: str, /) -> Stat:
        """Return what is known of `path` itself; a link is not followed."""
        ...

    def scandir(self, path: str, /) -> Iterator[Entry]:
        """Yield the entries of a directory in stored order, without "." and ".."."""
        ...

    def open(self, path: str, /) -> Source:
        """Return the content of a regular file (it may be a disk: the recursion closes)."""
        ...

    def readlink(self, path: str, /) -> str:
        """Return the target of a symbolic link as stored."""
        ...

    def xattrs(self, path: str, /) -> Mapping[str, bytes]:
        """Return the extended attributes by full name, such as `security.selinux`."""
        ...


@runtime_checkable
class Walkable(Protocol):
    """A Tree with a faster way to list everything below a directory than scandir and stat."""

    def walk(self, path: str, /) -> Iterator[tuple[str, Stat]]:
        """Yield (path, stat) of everything below `path`, each directory before its content."""
        ...


def normalise(path: str) -> str:
    """Return `path` absolute, with "." and ".." resolved by name; ".." stops at the root."""
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            if parts:
                parts.pop()
        elif part and part != ".":
            parts.append(part)
    return "/" + "/".join(parts)


def join(directory: str, name: str) -> str:
    """Return the path of `name` inside `directory`."""
    return directory + name if directory.endswith("/") else f"{directory}/{name}"


def parent(path: str) -> str:
    """Return the directory that holds `path`; the root holds itself."""
    return path.rpartition("/")[0] or "/"


def basename(path: str) -> str:
    """Return the last component of `path`; "" for the root."""
    return path.rpartition("/")[2]


def resolve(tree: Tree, path: str, *, follow_last: bool = True) -> str:
    """Return `path` with every link resolved inside `tree`; an absolute link starts at its root.

    The result exists but, with `follow_last` false, for its last component, which may be a link.
    Raises NotFound where a component is missing and, with reason "loop", after LINK_HOPS_MAX links.
    """
    hops = 0
    todo = [part for part in path.split("/") if part and part != "."][::-1]
    done = "/"
    while todo:
        part = todo.pop()
        if part == ".":
            continue
        if part == "..":
            done = parent(done)
            continue
        step = join(done, part)
        if (not todo and not follow_last) or tree.stat(step).kind != "link":
            done = step
            continue
        hops += 1
        if hops > LINK_HOPS_MAX:
            raise NotFound(f"{path} passes through more than {LINK_HOPS_MAX} links", reason="loop")
        target = tree.readlink(step)
        if target.startswith("/"):
            done = "/"
        todo += [p for p in target.split("/") if p][::-1]
    return done


def walk(tree: Tree, path: str = "/") -> Iterator[tuple[str, Stat]]:
    """Yield (path, stat) of everything below a directory, each directory before its content.

    Follows no link. Names that cannot be read are left out; the reader reports them as problems.
    Raises Exhausted below WALK_DEPTH_MAX directories.
    """
    if isinstance(tree, Walkable):
        yield from tree.walk(path)
        return
    stack = [iter(list(tree.scandir(path)))]
    paths = [path]
    while stack:
        entry = next(stack[-1], None)
        if entry is None:
            stack.pop()
            paths.pop()
            continue
        here = join(paths[-1], entry.name)
        try:
            stat = tree.stat(here)
            below = iter(list(tree.scandir(here))) if stat.kind == "dir" else None
        except (Corrupt, NotFound):
            continue
        yield here, stat
        if below is not None:
            if len(stack) >= WALK_DEPTH_MAX:
                raise Exhausted(f"{here} lies more than {WALK_DEPTH_MAX} directories deep")
            stack.append(below)
            paths.append(here)


def read_file(tree: Tree, path: str, *, size_max: int) -> bytes:
    """Return a whole file, links followed; Exhausted where it is larger than `size_max` bytes."""
    return read_whole(tree.open(resolve(tree, path)), path, size_max=size_max)


def read_whole(source: Source, name: str, *, size_max: int) -> bytes:
    """Return all of a Source that `name` stands for; Exhausted as `read_file`."""
    if source.size > size_max:
        raise Exhausted(f"{name} has {source.size} bytes, more than the {size_max} allowed")
    return source.read_at(0, source.size)


class Node(NamedTuple):
    """One name of a Virtual tree: a file by `content`, a link by `target`, else a directory."""

    content: bytes | Source | None = None
    target: str | None = None
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    mtime_ns: int = 0
    xattrs: Mapping[str, bytes] = {}

    @property
    def kind(self) -> Kind:
        if self.target is not None:
            return "link"
        return "dir" if self.content is None else "file"


class Virtual:
    """A Tree in memory, from a mapping of paths to bytes, Sources or Nodes.

    Parent directories come by themselves (mode 0o755, owner 0).
    """

    __slots__ = ("_children", "_inos", "_nodes")

    def __init__(self, nodes: Mapping[str, "bytes | Source | Node"]) -> None:
        self._nodes: dict[str, Node] = {"/": Node(mode=0o755)}
        self._children: dict[str, list[str]] = {"/": []}
        for path, node in nodes.items():
            self._add(normalise(path), node if isinstance(node, Node) else Node(node))
        self._inos = {path: ino for ino, path in enumerate(self._nodes, start=2)}

    def _add(self, path: str, node: Node) -> None:
        above = parent(path)
        if path != "/" and above not in self._nodes:
            self._add(above, Node(mode=0o755))
        if path not in self._nodes and path != "/":
            self._children[above].append(basename(path))
        self._nodes[path] = node
        if node.kind == "dir":
            self._children.setdefault(path, [])

    def _node(self, path: str) -> Node:
        try:
            return self._nodes[path]
        except KeyError:
            raise NotFound(f"{path} does not exist") from None

    def stat(self, path: str, /) -> Stat:
        """Return what is known of `path` itself."""
        node = self._node(path)
        if isinstance(node.content, bytes):
            size = len(node.content)
        elif node.content is not None:
            size = node.content.size
        else:
            size = len(node.target or "")
        return Stat(
            node.kind, node.mode, node.uid, node.gid, size, self._inos[path], 1, node.mtime_ns
        )

    def scandir(self, path: str, /) -> Iterator[Entry]:
        """Yield the entries of a directory in the order they were given."""
        if self._node(path).kind != "dir":
            raise NotFound(f"{path} is not a directory", reason="not_dir")
        for name in self._children[path]:
            below = join(path, name)
            yield Entry(name, self._nodes[below].kind, self._inos[below])

    def open(self, path: str, /) -> Source:
        """Return the content of a file."""
        content = self._node(path).content
        if content is None:
            raise Usage(f"{path} is not a regular file", reason="not_file")
        return Memory(content) if isinstance(content, bytes) else content

    def readlink(self, path: str, /) -> str:
        """Return the target of a link."""
        target = self._node(path).target
        if target is None:
            raise Usage(f"{path} is not a link", reason="not_link")
        return target

    def xattrs(self, path: str, /) -> Mapping[str, bytes]:
        """Return the attributes given for `path`."""
        return self._node(path).xattrs


class Subtree:
    """A directory of another Tree seen as a Tree of its own; its links do not reach outside."""

    __slots__ = ("_base", "_prefix")

    def __init__(self, base: Tree, prefix: str) -> None:
        self._base = base
        self._prefix = "" if prefix == "/" else prefix

    def _outer(self, path: str) -> str:
        return (self._prefix + path).rstrip("/") or "/"

    def stat(self, path: str, /) -> Stat:
        """Return what the base knows of the path below its directory."""
        return self._base.stat(self._outer(path))

    def scandir(self, path: str, /) -> Iterator[Entry]:
        """Yield the base's entries."""
        return self._base.scandir(self._outer(path))

    def open(self, path: str, /) -> Source:
        """Return the base's file."""
        return self._base.open(self._outer(path))

    def readlink(self, path: str, /) -> str:
        """Return the base's link target."""
        return self._base.readlink(self._outer(path))

    def xattrs(self, path: str, /) -> Mapping[str, bytes]:
        """Return the base's attributes."""
        return self._base.xattrs(self._outer(path))

    def walk(self, path: str, /) -> Iterator[tuple[str, Stat]]:
        """Yield the base's walk with the directory's own path cut off."""
        cut = len(self._prefix)
        for below, stat in walk(self._base, self._outer(path)):
            yield below[cut:], stat


class Mount(NamedTuple):
    """A Tree and the directory of a Merged tree at which it stands."""

    point: str
    tree: Tree


class Merged:
    """Several Trees joined by a mount table, as an operating system would mount them.

    The mount at "/" is required; a mount hides what lies below its point. Mount points that the
    tree around them lacks appear all the same, so that nothing mounted is out of reach.
    """

    __slots__ = ("_below", "_mounts")

    def __init__(self, mounts: Mapping[str, Tree]) -> None:
        if "/" not in mounts:
            raise Usage("a merged tree needs a mount at /")
        points = sorted(mounts, key=lambda point: -len(point))
        self._mounts = tuple(Mount(normalise(point), mounts[point]) for point in points)
        self._below: dict[str, list[str]] = {}
        for mount in self._mounts:
            here = mount.point
            while here != "/":
                names = self._below.setdefault(parent(here), [])
                if basename(here) not in names:
                    names.append(basename(here))
                here = parent(here)

    @property
    def mounts(self) -> tuple[Mount, ...]:
        """The mount table, longest mount point first."""
        return self._mounts

    def locate(self, path: str) -> tuple[Mount, str]:
        """Return the mount that holds `path` and the path inside it."""
        for mount in self._mounts:
            if path == mount.point:
                return mount, "/"
            prefix = mount.point if mount.point == "/" else mount.point + "/"
            if path.startswith(prefix):
                return mount, "/" + path[len(prefix) :]
        raise NotFound(f"{path} is not an absolute path")

    def stat(self, path: str, /) -> Stat:
        """Return what the holding tree knows of `path`."""
        mount, inner = self.locate(path)
        try:
            return mount.tree.stat(inner)
        except NotFound:
            if path in self._below:
                return Stat("dir", 0o755, 0, 0, 0, 0, 2, 0)
            raise

    def scandir(self, path: str, /) -> Iterator[Entry]:
        """Yield the holding tree's entries, mounted roots in their places, then missing points."""
        mount, inner = self.locate(path)
        missing = dict.fromkeys(self._below.get(path, ()))
        try:
            for entry in mount.tree.scandir(inner):
                if entry.name in missing:
                    del missing[entry.name]
                    yield self._point(path, entry.name)
                else:
                    yield entry
        except NotFound:
            if not missing:
                raise
        for name in missing:
            yield self._point(path, name)

    def _point(self, directory: str, name: str) -> Entry:
        stat = self.stat(join(directory, name))
        return Entry(name, stat.kind, stat.ino)

    def open(self, path: str, /) -> Source:
        """Return the file in the holding tree."""
        mount, inner = self.locate(path)
        try:
            return mount.tree.open(inner)
        except NotFound as e:
            if path in self._below:
                raise Usage(f"{path} is not a regular file", reason="not_file") from e
            raise

    def readlink(self, path: str, /) -> str:
        """Return the link target in the holding tree."""
        mount, inner = self.locate(path)
        try:
            return mount.tree.readlink(inner)
        except NotFound as e:
            if path in self._below:
                raise Usage(f"{path} is not a link", reason="not_link") from e
            raise

    def xattrs(self, path: str, /) -> Mapping[str, bytes]:
        """Return the attributes in the holding tree."""
        mount, inner = self.locate(path)
        try:
            return mount.tree.xattrs(inner)
        except NotFound:
            if path in self._below:
                return {}
            raise

    def walk(self, path: str, /) -> Iterator[tuple[str, Stat]]:
        """Yield the holding tree's walk, then each mount below `path` from its point on."""
        mount, inner = self.locate(path)
        prefix = "" if mount.point == "/" else mount.point
        start = join(path, "")
        points = [m.point for m in self._mounts if m.point.startswith(start) and m.point != path]
        hidden, below_hidden = frozenset(points), tuple(point + "/" for point in points)
        try:
            for below, stat in walk(mount.tree, inner):
                full = prefix + below
                if full not in hidden and not full.startswith(below_hidden):
                    yield full, stat
        except NotFound:
            if path not in self._below:
                raise
        told: set[str] = set()
        for point in reversed(points):
            if not point.startswith(below_hidden):  # else the walk of the mount around it has it
                yield from self._missing_above(path, point, told)
                yield point, self.stat(point)
                yield from self.walk(point)

    def _missing_above(self, path: str, point: str, told: set[str]) -> Iterator[tuple[str, Stat]]:
        """Yield the directories between `path` and a mount point that no tree has, each once."""
        above = []
        here = parent(point)
        while here not in {path, "/"}:
            above.append(here)
            here = parent(here)
        for directory in reversed(above):
            mount, inner = self.locate(directory)
            try:
                mount.tree.stat(inner)
            except NotFound:
                if directory not in told:
                    told.add(directory)
                    yield directory, self.stat(directory)
