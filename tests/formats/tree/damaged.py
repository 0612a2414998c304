"""An ext image that a test damages before it opens it."""

from struct import pack_into

from strongroom.base.source import Memory
from strongroom.formats.tree.ext import EXT
from strongroom.formats.tree.ext_map import block_map
from strongroom.testing.context import RecordingContext

PLAIN = "-t ext4 -b 1024 -O ^metadata_csum,^uninit_bg,^resize_inode,^has_journal -N 128"
CLASSIC = "-t ext2 -b 1024 -I 128 -O ^resize_inode -N 128"
CHECKED = "-t ext4 -b 1024 -O ^resize_inode,^has_journal -N 128"
SUPER = 1024
FRAGMENTS = 1200
"""How many single blocks, with holes between them, the file /comb has: two levels of index."""


def paths(tree):
    return {path for path, _ in tree.walk("/")}


ALL = {
    *("/lost+found", "/d", "/d/e", "/d/e/deep", "/d/other"),
    *("/file", "/link", "/long", "/comb"),
}


class Disk:
    """One image that a test damages before it opens it."""

    def __init__(self, content):
        self.content = bytearray(content)
        self._whole = EXT.open(Memory(bytes(content)), RecordingContext())
        self._device = self._whole._device
        self.size = self._device.block_size
        self.context = RecordingContext()

    def ino(self, path):
        return self._whole.stat(path).ino

    def inode(self, path):
        return self._device.inode_offset(self.ino(path))

    def blocks(self, path):
        """Return where the file's blocks stand, in bytes."""
        inode = self._whole._inode(path)
        runs = block_map(self._device, inode).runs(0, 1 << 32)
        return [
            (run.physical + n) * self.size
            for run in runs
            for n in range(run.blocks)
            if run.physical
        ]

    def entry(self, path):
        """Return where the directory entry of a path stands."""
        above, _, name = path.rpartition("/")
        for block in self.blocks(above or "/"):
            at = self.content.find(name.encode(), block, block + self.size)
            if at >= 0:
                return at - 8
        raise AssertionError(path)

    def put(self, code: str, offset: int, *values: int) -> None:
        pack_into("<" + code, self.content, offset, *values)

    def open(self, limits=None):
        if limits:
            self.context = RecordingContext(limits=limits)
        return EXT.open(Memory(bytes(self.content)), self.context)

    @property
    def rules(self):
        return [problem.rule for problem in self.context.problems]
