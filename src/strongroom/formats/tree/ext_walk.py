"""Everything below a directory of ext2/3/4, fast: inode tables are read in windows, not inodes."""

from collections.abc import Iterator

from strongroom.base.errors import Corrupt, Exhausted, Unsupported
from strongroom.base.limits import KIB
from strongroom.base.record import Severity
from strongroom.base.tree import WALK_DEPTH_MAX, Stat

from .ext_device import BlockSet, Device
from .ext_dir import DirEntry, entries
from .ext_inode import Inode, parse_inode, stat_reader

WINDOW_BYTES = 64 * KIB
WINDOWS_KEPT = 512


class InodeWindows:
    """Pieces of inode table, the last WINDOWS_KEPT of them kept: 32 MiB at most."""

    __slots__ = ("_device", "_per_window", "_windows")

    def __init__(self, device: Device) -> None:
        self._device = device
        self._per_window = max(1, WINDOW_BYTES // device.superblock.inode_size)
        self._windows: dict[int, tuple[int, int, bytes]] = {}

    def window(self, number: int) -> tuple[int, int, bytes]:
        """Return (first inode, first one behind, bytes) of the piece that holds an inode.

        Raises Corrupt where the inode cannot exist or lies behind the end of the image.
        """
        device = self._device
        superblock = device.superblock
        per_group, size = superblock.raw.inodes_per_group, superblock.inode_size
        group, index = divmod(number - 1, per_group)
        inside = index // self._per_window * self._per_window
        low = group * per_group + inside + 1
        known = self._windows.get(low)
        if known is None:
            offset = device.inode_offset(number) - (number - low) * size
            count = min(self._per_window, per_group - inside, superblock.inodes_count + 1 - low)
            table = device.source.read_at(offset, count * size)
            known = (low, low + len(table) // size, table)
            if len(self._windows) >= WINDOWS_KEPT:
                del self._windows[next(iter(self._windows))]
            self._windows[low] = known
        if number >= known[1]:
            raise Corrupt("ext", None, f"inode {number} is behind the end", reason="truncated")
        return known


def walk_below(device: Device, top: Inode, path: str) -> Iterator[tuple[str, Stat]]:
    """Yield (path, stat) of everything below a directory, each directory before its content.

    What cannot be read is reported and left out. Checksums are not compared: `check` does that.
    """
    windows = InodeWindows(device)
    stat_at = stat_reader(device)
    size = device.superblock.inode_size
    directories = _Directories(device, top, path)
    low, high, table = 1, 1, b""
    while directories.frames:
        prefix, names = directories.frames[-1]
        try:
            for name, number, _ in names:
                if not low <= number < high:
                    low, high, table = windows.window(number)
                at = (number - low) * size
                stat = stat_at(table, at, number)
                kind = stat.kind
                if kind == "unknown" and not stat.mode:
                    directories.report(number, f"inode {number} is not in use")
                    continue
                here = prefix + name
                yield here, stat
                if kind == "dir":
                    directories.descend(parse_inode(device, number, table[at : at + size]), here)
                    break
            else:
                directories.frames.pop()
        except Corrupt as e:
            device.report("ext.inode", e.detail, e.offset)
        except Exhausted as e:
            device.report("ext.directory", e.message, None)
            directories.frames.pop()
        except Unsupported as e:
            device.report("ext.encrypted", e.message, None, Severity.NOTICE)
            directories.frames.pop()


class _Directories:
    """The directories from the top down to where a walk is, and which ones it has been in."""

    __slots__ = ("_blocks", "_device", "_visited", "frames")

    def __init__(self, device: Device, top: Inode, path: str) -> None:
        self._device = device
        self._blocks = BlockSet()
        self._visited = BlockSet()
        self.frames: list[tuple[str, Iterator[DirEntry]]] = []
        self.descend(top, path)

    def descend(self, inode: Inode, path: str) -> None:
        if not self._visited.claim(inode.number):
            self.report(inode.number, f"directory inode {inode.number} has two parents")
        elif len(self.frames) >= WALK_DEPTH_MAX:
            self.report(inode.number, f"lies more than {WALK_DEPTH_MAX} directories deep")
        else:
            prefix = path if path.endswith("/") else path + "/"
            names = entries(self._device, inode, verify=False, seen=self._blocks)
            self.frames.append((prefix, names))

    def report(self, number: int, message: str) -> None:
        self._device.report("ext.inode", message, self._device.inode_offset(number))
