"""Format: how the stack grows from a Source to what stands in it."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from .limits import Limits
from .record import Severity
from .source import Source
from .tree import Tree

HEAD_BYTES = 0x11000
"""How much of a Source's beginning a probe sees: the last magic, btrfs's, stands at 0x10040."""


class Magic(NamedTuple):
    """Bytes at an offset that a Format always has; the first sieve before `probe`."""

    offset: int
    content: bytes


class OpenContext(Protocol):
    """What a Format may ask of the world while it opens something, and where it reports damage."""

    @property
    def limits(self) -> Limits:
        """The bounds that hold for this disk."""
        ...

    def sibling(self, name: str, /) -> Source:
        """Return a host file that the image names, such as a VMDK extent or a qcow2 data file.

        Only files in the image's own directory, and those the user allowed, are opened. Raises
        Denied (with the path) for anything else, NotFound where it is missing.
        """
        ...

    def backing(self, name: str, format: str | None, /) -> Source:
        """Return the disk that the image stands on, under the rule of `sibling`.

        `format` is what the image says its base is ("raw", "qcow2"), None where it does not say.
        Raises Exhausted where the chain is longer than `limits.backing_depth`.
        """
        ...

    def problem(
        self,
        rule: str,
        message: str,
        *,
        offset: int | None = None,
        severity: Severity = Severity.WARNING,
    ) -> None:
        """Report damage that reading goes on after. `rule` has no prefix: "ext.checksum"."""
        ...


class Format(Protocol):
    """One disk, volume, or file system format; a module-level value in a file of its own."""

    @property
    def name(self) -> str:
        """The word for it in the CLI, in locators and in the documentation: "qcow2"."""
        ...

    @property
    def magics(self) -> Sequence[Magic]:
        """Any one of these marks a candidate; none at all makes every Source one."""
        ...

    def probe(self, head: bytes, size: int, /) -> bool:
        """Say whether this is the format, from the first HEAD_BYTES; pure, never raises."""
        ...

    def open(self, source: Source, ctx: OpenContext, /) -> "Source | Volumes | Tree":
        """Return what stands in `source`. Corrupt where it is not this format after all."""
        ...


class Volume(NamedTuple):
    """One partition or logical volume. `name` is its step in a locator: "p2", "vg0/root"."""

    name: str
    source: Source
    offset: int | None = None
    """Where it begins on its disk, in bytes; None where it is not one contiguous run."""
    type: str = ""
    """What the table says it holds: a GPT type GUID in lower case, an MBR type such as "0x83"."""
    label: str = ""
    uuid: str = ""
    """The table's own id of it (PARTUUID), lower case."""
    flags: tuple[str, ...] = ()
    """Words such as "boot"."""
    listed: bool = False
    """Whether what it holds stands beside it in the table, as with an extended partition."""


class Volumes(NamedTuple):
    """A partition table or volume group, opened."""

    scheme: str
    """"gpt", "mbr", "lvm2"."""
    volumes: tuple[Volume, ...]
    uuid: str = ""


class Snapshot(NamedTuple):
    """One internal snapshot of an image; `created_ns` is nanoseconds since 1970 UTC."""

    id: str
    name: str
    created_ns: int
    size: int


@runtime_checkable
class Image(Protocol):
    """What a container format opens to: a Source that knows its own anatomy."""

    @property
    def size(self) -> int:
        """The virtual disk's size in bytes."""
        ...

    def read_at(self, offset: int, length: int, /) -> bytes:
        """Return `length` bytes of the virtual disk."""
        ...

    @property
    def facts(self) -> "ImageFacts":
        """What the container's own header says."""
        ...

    def snapshots(self) -> Sequence[Snapshot]:
        """Return the internal snapshots, oldest first; empty where the format has none."""
        ...

    def snapshot(self, name: str, /) -> Source:
        """Return the disk as an internal snapshot holds it, by name or id; NotFound."""
        ...


class ImageFacts(NamedTuple):
    """A container's own description, for `guest info`."""

    format: str
    variant: str = ""
    """"v3", "streamOptimized"."""
    compression: str = ""
    cluster_size: int | None = None
    backing: str = ""
    """The name of the image it stands on, as stored."""
    features: tuple[str, ...] = ()


@runtime_checkable
class FileSystem(Tree, Protocol):
    """A Tree that is a file system on a volume."""

    @property
    def facts(self) -> "FileSystemFacts":
        """What the superblock says."""
        ...


class FileSystemFacts(NamedTuple):
    """A superblock's own description. Sizes are bytes, None where not stored."""

    type: str
    """"ext4"."""
    label: str = ""
    uuid: str = ""
    """Lower case, with dashes, as /etc/fstab writes it."""
    size: int | None = None
    free: int | None = None
    inodes: int | None = None
    inodes_free: int | None = None
    features: tuple[str, ...] = ()
    last_mounted: str = ""
    clean: bool | None = None
    """Whether it was unmounted cleanly; None where not stored."""
