"""VMDK: VMware's virtual disk, in one sparse file or as a descriptor with extents beside it.

From VMware's "Virtual Disk Format 5.0", "The Descriptor" and "Hosted Sparse Extents".
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from strongroom.base.errors import Corrupt, NotFound, Unsupported
from strongroom.base.format import ImageFacts, Magic, OpenContext, Snapshot
from strongroom.base.limits import MIB
from strongroom.base.record import Severity
from strongroom.base.source import Concat, Extent, Slice, Source, clamp, coalesce, extents, identity

from .vmdk_extent import MAGIC, SECTOR, SparseExtent, open_sparse, read_header

COWD_MAGIC = b"COWD"
DESCRIPTOR_MAGIC = b"# Disk DescriptorFile"
DESCRIPTOR_BYTES_MAX = 4 * MIB
EXTENTS_MAX = 32768
"""2 GB extents of the largest disk, 62 TB."""
SECTORS_MAX = 1 << 48
NO_PARENT = "ffffffff"

FLAT_TYPES = ("FLAT", "VMFS")
UNREAD_TYPES = ("VMFSSPARSE", "SESPARSE", "VMFSRDM", "VMFSRDMP", "VMFSRAW")

_ENTRY = re.compile(r'\s*([A-Za-z0-9_.]+)\s*=\s*"?([^"\r\n]*)"?')
_EXTENT = re.compile(
    r'\s*(?:RW|RDONLY|NOACCESS)\s+([0-9]{1,20})\s+([A-Z]+)(?:\s+"([^"]*)"(?:\s+([0-9]{1,20}))?)?'
)


class ExtentLine(NamedTuple):
    """One line of a descriptor's extent description; `offset` counts sectors in the file."""

    sectors: int
    type: str
    file_name: str
    offset: int


class Descriptor(NamedTuple):
    """The text that describes a disk: its header entries and its extents."""

    cid: str
    parent_cid: str
    create_type: str
    parent_hint: str
    extents: tuple[ExtentLine, ...]


class Flat:
    """A flat extent: a window on a file, which may be shorter than the descriptor says."""

    def __init__(self, source: Source, start: int, size: int, name: str) -> None:
        self.size = size
        self._window = Slice(source, start, size)
        self._start = start
        self._name = name

    def read_at(self, offset: int, length: int, /) -> bytes:
        """Return `length` bytes; Corrupt where the file ends before."""
        length = clamp(self.size, offset, length)
        content = self._window.read_at(offset, length)
        if len(content) < length:
            at = self._start + offset + len(content)
            raise Corrupt("vmdk", at, f"the flat extent {self._name} ends early", reason="flat")
        return content

    def extents(self, offset: int, length: int, /) -> Iterator[Extent]:
        """Yield the file's extents; what it lacks is `data`, so that a read tells why."""
        end = offset + clamp(self.size, offset, length)
        if offset < self._window.size:
            yield from extents(self._window, offset, min(end, self._window.size) - offset)
        missing = max(offset, self._window.size)
        if missing < end:
            yield Extent(missing, end - missing, data=True)

    def identity(self) -> str | None:
        """Return the key of the window on the file."""
        return identity(self._window)


class Zeros:
    """A ZERO extent: a size and nothing else."""

    def __init__(self, size: int) -> None:
        self.size = size

    def read_at(self, offset: int, length: int, /) -> bytes:
        """Return zeros; fewer than `length` only at the end."""
        return bytes(clamp(self.size, offset, length))

    def extents(self, offset: int, length: int, /) -> Iterator[Extent]:
        """Yield one hole."""
        length = clamp(self.size, offset, length)
        if length:
            yield Extent(offset, length, data=False)

    def identity(self) -> str | None:
        """Return the size, which is all there is."""
        return f"zeros({self.size})"


class Vmdk:
    """An opened VMDK: its extents end to end."""

    def __init__(
        self, disk: Source, sparse: SparseExtent | None, descriptor: Descriptor | None
    ) -> None:
        self._disk = disk
        self._sparse = sparse
        self._descriptor = descriptor

    @property
    def size(self) -> int:
        return self._disk.size

    @property
    def cid(self) -> str:
        """The content id that a child's parentCID names; empty where there is no descriptor."""
        return self._descriptor.cid if self._descriptor else ""

    def read_at(self, offset: int, length: int, /) -> bytes:
        """Return `length` bytes of the disk; Corrupt where a grain cannot be read."""
        return self._disk.read_at(offset, length)

    def extents(self, offset: int, length: int, /) -> Iterator[Extent]:
        """Return what the tables say is stored, through the whole chain of parents."""
        return coalesce(extents(self._disk, offset, length))

    def identity(self) -> str | None:
        """Return the keys of all files of the disk, or None where one has none."""
        return identity(self._disk)

    @property
    def facts(self) -> ImageFacts:
        """Return what the descriptor and the first sparse extent's header say."""
        sparse, descriptor = self._sparse, self._descriptor
        return ImageFacts(
            "vmdk",
            variant=descriptor.create_type if descriptor else "",
            compression="deflate" if sparse and sparse.compressed else "",
            cluster_size=sparse.grain_bytes if sparse else None,
            backing=_parent_hint(descriptor),
        )

    def snapshots(self) -> Sequence[Snapshot]:
        """Return nothing: snapshots of VMDK are files of their own."""
        return ()

    def snapshot(self, name: str, /) -> Source:
        """Raise NotFound: snapshots of VMDK are files of their own."""
        raise NotFound(f"a vmdk image has no snapshot {name}")


class _VmdkFormat:
    name = "vmdk"
    magics = (Magic(0, MAGIC), Magic(0, DESCRIPTOR_MAGIC), Magic(0, COWD_MAGIC))

    def probe(self, head: bytes, size: int, /) -> bool:  # noqa: ARG002  # the protocol's shape
        """Say whether one of the three magics stands at the beginning."""
        return head.startswith((MAGIC, DESCRIPTOR_MAGIC, COWD_MAGIC))

    def open(self, source: Source, ctx: OpenContext, /) -> Vmdk:
        """Return the disk.

        Corrupt for a header, directory or descriptor that is not one, Unsupported for ESX's own
        sparse extents, and what `ctx` says of the extents and the parent.
        """
        magic = source.read_at(0, len(DESCRIPTOR_MAGIC))
        if magic == DESCRIPTOR_MAGIC:
            return _open_descriptor(source, ctx)
        _refuse_cowd(magic)
        header = read_header(source)
        descriptor = None
        if header.descriptor_offset:
            at, length = header.descriptor_offset * SECTOR, header.descriptor_size * SECTOR
            descriptor = parse_descriptor(_read_text(source, at, length))
        sparse = open_sparse(source, ctx, _open_parent(descriptor, ctx))
        return Vmdk(sparse, sparse, descriptor)


VMDK = _VmdkFormat()


def parse_descriptor(text: str) -> Descriptor:
    """Return a descriptor's entries and extents ("The Descriptor"); unknown lines are left out."""
    entries: dict[str, str] = {}
    lines: list[ExtentLine] = []
    for line in text.splitlines():
        extent = _EXTENT.match(line)
        entry = None if extent else _ENTRY.match(line)
        if extent:
            if len(lines) >= EXTENTS_MAX:
                message = f"the descriptor names more than {EXTENTS_MAX} extents"
                raise Corrupt("vmdk", None, message, reason="descriptor")
            sectors, kind, name, offset = extent.groups()
            lines.append(ExtentLine(int(sectors), kind, name or "", int(offset or 0)))
        elif entry:
            entries.setdefault(entry[1].lower(), entry[2].strip())
    return Descriptor(
        cid=entries.get("cid", "").lower(),
        parent_cid=entries.get("parentcid", NO_PARENT).lower(),
        create_type=entries.get("createtype", ""),
        parent_hint=entries.get("parentfilenamehint", ""),
        extents=tuple(lines),
    )


def _read_text(source: Source, offset: int, length: int) -> str:
    if length > DESCRIPTOR_BYTES_MAX:
        message = f"a descriptor of {length} bytes is longer than {DESCRIPTOR_BYTES_MAX}"
        raise Corrupt("vmdk", offset, message, reason="descriptor")
    content, _, _ = source.read_at(offset, length).partition(b"\0")
    return content.decode("utf-8", "surrogateescape")


def _open_descriptor(source: Source, ctx: OpenContext) -> Vmdk:
    descriptor = parse_descriptor(_read_text(source, 0, source.size))
    if not descriptor.extents:
        raise Corrupt("vmdk", None, "the descriptor names no extent", reason="descriptor")
    parent = _open_parent(descriptor, ctx)
    files: dict[str, Source] = {}
    parts: list[Source] = []
    start = 0
    for line in descriptor.extents:
        part = _open_extent(line, ctx, files, parent, start)
        start += part.size
        parts.append(part)
    sparse = next((part for part in parts if isinstance(part, SparseExtent)), None)
    return Vmdk(parts[0] if len(parts) == 1 else Concat(parts), sparse, descriptor)


def _open_extent(
    line: ExtentLine, ctx: OpenContext, files: dict[str, Source], parent: Source | None, start: int
) -> Source:
    """Return one extent; `start` is where it begins on the disk, and so in its parent."""
    if line.sectors > SECTORS_MAX or line.offset > SECTORS_MAX:
        message = f"an extent of {line.sectors} sectors is larger than any disk"
        raise Corrupt("vmdk", None, message, reason="descriptor")
    size = line.sectors * SECTOR
    if line.type == "ZERO":
        return Zeros(size)
    if line.type in UNREAD_TYPES:
        raise Unsupported(f"vmdk extents of type {line.type} are not read", reason="vmdk.extent")
    if line.type not in (*FLAT_TYPES, "SPARSE"):
        message = f"the extent type {line.type} is not known"
        raise Corrupt("vmdk", None, message, reason="descriptor")
    if line.file_name not in files:
        files[line.file_name] = ctx.sibling(line.file_name)
    source = files[line.file_name]
    if line.type in FLAT_TYPES:
        if source.size < line.offset * SECTOR + size:
            message = f"the flat extent {line.file_name} is shorter than {size} bytes"
            ctx.problem("vmdk.flat", message, offset=source.size, severity=Severity.ERROR)
            start_at = min(line.offset * SECTOR, source.size)
            return Flat(source, start_at, size, line.file_name)
        return Flat(source, line.offset * SECTOR, size, line.file_name)
    _refuse_cowd(source.read_at(0, 4))
    below = None
    if parent is not None and start < parent.size:
        below = Slice(parent, start, parent.size - start)
    sparse = open_sparse(source, ctx, below)
    if sparse.size != size:
        message = f"{line.file_name} holds {sparse.size} bytes, the descriptor says {size}"
        ctx.problem("vmdk.extent", message)
    return sparse


def _refuse_cowd(magic: bytes) -> None:
    if magic.startswith(COWD_MAGIC):
        raise Unsupported("vmdk extents of ESX (COWD) are not read", reason="vmdk.cowd")


def _parent_hint(descriptor: Descriptor | None) -> str:
    if descriptor is None or descriptor.parent_cid == NO_PARENT:
        return ""
    return descriptor.parent_hint


def _open_parent(descriptor: Descriptor | None, ctx: OpenContext) -> Source | None:
    """Return the disk that a child stands on ("parentCID", "parentFileNameHint")."""
    if descriptor is None or descriptor.parent_cid == NO_PARENT:
        return None
    if not descriptor.parent_hint:
        message = f"the parent {descriptor.parent_cid} is not named"
        raise Corrupt("vmdk", None, message, reason="parent")
    parent = ctx.backing(descriptor.parent_hint, "vmdk")
    if isinstance(parent, Vmdk) and parent.cid != descriptor.parent_cid:
        message = f"{descriptor.parent_hint} has the id {parent.cid}, not {descriptor.parent_cid}"
        ctx.problem("vmdk.parent", f"{message}: it was changed since", severity=Severity.ERROR)
    return parent
