"""ext2, ext3 and ext4 as a Tree.

Source: Linux Documentation/filesystems/ext4. A file system that was not unmounted is read with its
journal replayed in memory; that, or that it cannot be, is reported (`ext.journal`).
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from strongroom.base.errors import Corrupt, NotFound, Unsupported, Usage
from strongroom.base.format import FileSystemFacts, Magic, OpenContext
from strongroom.base.limits import KIB
from strongroom.base.record import Severity
from strongroom.base.source import Source
from strongroom.base.tree import Entry, Kind, Stat, join

from .ext_device import Device
from .ext_dir import KIND_OF_FILE_TYPE, Finder, entries
from .ext_file import open_content, read_value
from .ext_inode import FLAG_ENCRYPT, FLAG_INLINE_DATA, ROOT_INODE, Inode, read_inode, stat_reader
from .ext_journal import Replayed, open_journal
from .ext_super import (
    INCOMPAT_FILETYPE,
    INCOMPAT_RECOVER,
    MAGIC_OFFSET,
    STATE_ERRORS,
    SUPERBLOCK_OFFSET,
    SUPERBLOCK_SIZE,
    Superblock,
    backup_offsets,
    facts,
    looks_like,
    parse,
    refuse_unreadable,
)
from .ext_walk import walk_below
from .ext_xattr import xattrs

if TYPE_CHECKING:
    from .ext_check import Damage

_DIRECTORIES_KEPT = 4096
_PATH_MAX = 4096
_FAST_LINK_MAX = 60
_LINK_MAX = 64 * KIB


class ExtTree:
    """One ext2, ext3 or ext4 file system. Any number of threads may read it at once."""

    __slots__ = ("_device", "_directories", "_finder", "_has_types", "_stat_at", "facts")

    def __init__(self, device: Device) -> None:
        self._device = device
        self.facts: FileSystemFacts = facts(device.superblock)
        self._stat_at = stat_reader(device)
        self._has_types = bool(device.superblock.incompat & INCOMPAT_FILETYPE)
        self._directories: dict[str, Inode] = {}
        self._finder = Finder(device)

    def stat(self, path: str, /) -> Stat:
        """Return what is known of `path` itself. Corrupt where its inode cannot be read."""
        inode = self._inode(path)
        return self._stat_at(inode.raw, 0, inode.number)

    def scandir(self, path: str, /) -> Iterator[Entry]:
        """Yield the entries of a directory in stored order, block by block."""
        for name, number, type_ in entries(self._device, self._directory(path)):
            yield Entry(name, self._kind(number, type_), number)

    def open(self, path: str, /) -> Source:
        """Return the content of a regular file; Unsupported where it is encrypted."""
        inode = self._inode(path)
        if inode.kind != "file":
            raise Usage(f"{path} is not a regular file", reason="not_file")
        return open_content(self._device, inode)

    def readlink(self, path: str, /) -> str:
        """Return the target of a symbolic link as stored; Unsupported where it is encrypted."""
        inode = self._inode(path)
        if inode.kind != "link":
            raise Usage(f"{path} is not a link", reason="not_link")
        if inode.size < _FAST_LINK_MAX and not inode.flags & (FLAG_INLINE_DATA | FLAG_ENCRYPT):
            target = inode.block[: inode.size]
        elif inode.size <= _LINK_MAX:
            target = open_content(self._device, inode).read_at(0, inode.size)
        else:
            offset = self._device.inode_offset(inode.number)
            raise Corrupt("ext", offset, f"a link of {inode.size} bytes", reason="link")
        return target.partition(b"\0")[0].decode("utf-8", "surrogateescape")

    def xattrs(self, path: str, /) -> Mapping[str, bytes]:
        """Return the extended attributes by full name, ACLs in the form of getxattr(2)."""
        device = self._device
        return xattrs(
            device, self._inode(path), lambda number, size: read_value(device, number, size)
        )

    def walk(self, path: str, /) -> Iterator[tuple[str, Stat]]:
        """Yield (path, stat) of everything below `path`, each directory before its content."""
        return walk_below(self._device, self._directory(path), path)

    def check(self) -> "Iterator[Damage]":
        """Yield every structure that contradicts its checksum."""
        from .ext_check import check

        return check(self._device)

    def _inode(self, path: str) -> Inode:
        known = self._directories.get(path)
        if known is not None:
            return known
        above, _, name = path.rpartition("/")
        if not name:
            return self._root() if not above else self._inode(above)
        return self._below(self._directory(above or "/", path), name, path)

    def _directory(self, path: str, wanted: str = "") -> Inode:
        """Return the inode of a directory, each one on the way looked up once."""
        inode = self._directories.get(path)
        if inode is not None:
            return inode
        inode, here = self._root(), "/"
        for name in path.split("/"):
            if not name:
                continue
            here = join(here, name)
            known = self._directories.get(here)
            inode = known or self._below(inode, name, wanted or path)
            if inode.kind != "dir":
                raise NotFound(f"{here} is not a directory", reason="not_dir")
            self._keep(here, inode)
        return inode

    def _root(self) -> Inode:
        inode = self._directories.get("/")
        if inode is None:
            inode = read_inode(self._device, ROOT_INODE)
            if inode.kind != "dir":
                offset = self._device.inode_offset(ROOT_INODE)
                raise Corrupt("ext", offset, "the root inode is no directory", reason="root")
            self._keep("/", inode)
        return inode

    def _keep(self, path: str, inode: Inode) -> None:
        if len(path) > _PATH_MAX:
            return
        if len(self._directories) >= _DIRECTORIES_KEPT:
            self._directories.clear()
        self._directories[path] = inode

    def _below(self, directory: Inode, name: str, path: str) -> Inode:
        try:
            number = self._finder.find(directory, name)
        except UnicodeEncodeError:  # a lone surrogate, which no bytes can spell
            number = None
        if number is None:
            raise NotFound(f"{path} does not exist")
        return read_inode(self._device, number)

    def _kind(self, number: int, type_: int) -> Kind:
        if self._has_types and type_ in KIND_OF_FILE_TYPE:
            return KIND_OF_FILE_TYPE[type_]
        try:
            return read_inode(self._device, number).kind
        except Corrupt as e:
            self._device.report("ext.inode", e.detail, e.offset)
            return "unknown"


class ExtFormat:
    """ext2, ext3, ext4: told apart by their features only, so one Format."""

    name = "ext"
    magics = (Magic(MAGIC_OFFSET, b"\x53\xef"),)

    def probe(self, head: bytes, size: int, /) -> bool:
        """Say whether a superblock stands at byte 1024, a slightly damaged one included."""
        return size > SUPERBLOCK_OFFSET and looks_like(
            head[SUPERBLOCK_OFFSET : SUPERBLOCK_OFFSET + SUPERBLOCK_SIZE]
        )

    def open(self, source: Source, ctx: OpenContext, /) -> ExtTree:
        """Return the file system, by a backup superblock where the first one is damaged.

        Raises Corrupt where no superblock holds together, Unsupported for unknown incompatible
        features.
        """
        superblock = _find_superblock(source, ctx)
        refuse_unreadable(superblock)
        _report_state(superblock, source, ctx)
        device = Device(source, superblock, ctx)
        if superblock.incompat & INCOMPAT_RECOVER:
            device = _with_journal(device)
        return ExtTree(device)


def _find_superblock(source: Source, ctx: OpenContext) -> Superblock:
    content = source.read_at(SUPERBLOCK_OFFSET, SUPERBLOCK_SIZE)
    first: Superblock | None = None
    try:
        first = parse(content, SUPERBLOCK_OFFSET)
        if first.checksum_ok:
            return first
        error = Corrupt("ext", SUPERBLOCK_OFFSET, "checksum mismatch", reason="superblock")
    except Corrupt as e:
        error = e
    for offset in backup_offsets(first):
        if offset + SUPERBLOCK_SIZE > source.size:
            continue
        try:
            backup = parse(source.read_at(offset, SUPERBLOCK_SIZE), offset)
        except Corrupt:
            continue
        if backup.checksum_ok and backup.raw.block_group_nr:
            message = f"the superblock is damaged ({error.detail}), its backup at {offset} is used"
            ctx.problem("ext.superblock", message, offset=error.offset)
            return backup
    if first is None:
        raise error
    ctx.problem("ext.superblock", f"the superblock: {error.detail}", offset=error.offset)
    return first


def _with_journal(device: Device) -> Device:
    """Return the volume as a mount would see it: with what its journal holds."""
    try:
        journal = open_journal(device)
        blocks = journal.replayed()
        replayed = Replayed(device, journal, blocks)
        superblock = _find_superblock(replayed, device.ctx)
    except (Corrupt, Unsupported) as e:
        message = (
            f"not unmounted, and the journal is not replayed ({e.message}): changes are missing"
        )
        device.report("ext.journal", message, None)
        return device
    message = f"not unmounted: {len(blocks)} blocks are read from the journal"
    if journal.has_fast_commits:
        message += ", but no fast commits, which may hold later changes"
    device.report("ext.journal", message, None, Severity.NOTICE)
    unclean = superblock._replace(incompat=superblock.incompat | INCOMPAT_RECOVER)
    return Device(replayed, unclean, device.ctx)


def _report_state(superblock: Superblock, source: Source, ctx: OpenContext) -> None:
    size = superblock.blocks_count * superblock.block_size
    if size > source.size:
        message = f"the file system has {size} bytes, its volume only {source.size}"
        ctx.problem("ext.truncated", message, offset=source.size)
    if superblock.raw.state & STATE_ERRORS:
        message = "the kernel noted errors in it, and no check has run since"
        ctx.problem("ext.errors", message, severity=Severity.NOTICE)


EXT = ExtFormat()
