"""One side of a comparison, in a process of its own: answers every line on stdin with a figure.

Usage: python sides.py SIDE IMAGE [OUTSIDE]. It prepares, prints "ready", and then for each line
read runs once and prints the CPU seconds used and a checksum that the other side must print too.
Runs under the product's interpreter for our side, under the peers' own for theirs.
"""

import sys
import time

READ_BY_BOTH = (
    "/usr/lib/os-release",
    "/etc/machine-id",
    "/etc/debian_version",
    "/etc/hostname",
    "/var/lib/dpkg/status",
)
"""The files that our two analyzers read of a Debian."""


def ours_walk(path):
    from strongroom.base.tree import walk
    from strongroom.formats.image.qcow2 import QCOW2
    from strongroom.formats.tree.ext import EXT
    from strongroom.kernel.origin import open_file
    from strongroom.testing.context import RecordingContext

    def once():
        ctx = RecordingContext()
        tree = EXT.open(QCOW2.open(open_file(path), ctx), ctx)
        count = total = newest = 0
        for _, stat in walk(tree):
            count += 1
            newest = max(newest, stat.mtime_ns // 10**9)
            if stat.kind == "file":
                total += stat.size
        return count, total, newest

    return once


def _qcow(path):
    import pyqcow
    import pytsk3

    class Image(pytsk3.Img_Info):
        def __init__(self):
            self.file = pyqcow.file()
            self.file.open(path)
            super().__init__(url="", type=pytsk3.TSK_IMG_TYPE_EXTERNAL)

        def read(self, offset, size):
            self.file.seek(offset)
            return self.file.read(size)

        def get_size(self):
            return self.file.get_media_size()

        def close(self):
            self.file.close()

    return Image()


def tsk_walk(path):
    import pytsk3

    directory_type = pytsk3.TSK_FS_META_TYPE_DIR
    regular = pytsk3.TSK_FS_META_TYPE_REG

    def once():
        fs = pytsk3.FS_Info(_qcow(path))
        count = total = newest = 0
        todo = [fs.info.root_inum]
        seen = set(todo)
        while todo:
            for entry in fs.open_dir(inode=todo.pop()):
                name = entry.info.name.name
                meta = entry.info.meta
                if name in (b".", b"..") or meta is None or name == b"$OrphanFiles":
                    continue
                count += 1
                _ = (meta.mode, meta.uid, meta.gid, meta.atime, meta.ctime, meta.crtime, meta.nlink)
                newest = max(newest, meta.mtime)
                if meta.type == regular:
                    total += meta.size
                elif meta.type == directory_type and meta.addr not in seen:
                    seen.add(meta.addr)
                    todo.append(meta.addr)
        return count, total, newest

    return once


def dissect_walk(path):
    import stat as stat_module

    from dissect.extfs import extfs
    from dissect.hypervisor.disk.qcow2 import QCow2

    def once():
        with open(path, "rb") as file:
            disk = QCow2(file)
            fs = extfs.ExtFS(disk.open() if hasattr(disk, "open") else disk)
            count = total = newest = 0
            todo = [fs.root]
            while todo:
                for name, inode in todo.pop().listdir().items():
                    if name in (".", ".."):
                        continue
                    count += 1
                    fields = inode.inode
                    newest = max(newest, fields.i_mtime)
                    if stat_module.S_ISREG(fields.i_mode):
                        total += inode.size
                    elif stat_module.S_ISDIR(fields.i_mode):
                        todo.append(inode)
            return count, total, newest

    return once


def ours_packages(path):
    from strongroom.apps.guest.analyzers import identity, packages
    from strongroom.apps.guest.guest import Guest
    from strongroom.base.locator import Locator
    from strongroom.formats.image.qcow2 import QCOW2
    from strongroom.formats.tree.ext import EXT
    from strongroom.kernel.origin import open_file
    from strongroom.testing.context import RecordingContext

    at = Locator(path)

    def once():
        ctx = RecordingContext()
        tree = EXT.open(QCOW2.open(open_file(path), ctx), ctx)
        guest = Guest(tree, lambda name: at / name)
        kinds = [r.type for r in identity.ANALYSIS.run(guest)]
        found = [r for r in packages.ANALYSIS.run(guest) if r.type == "package"]
        assert "os" in kinds
        return (len(found),)

    return once


def tsk_packages(path):
    import pytsk3

    def once():
        fs = pytsk3.FS_Info(_qcow(path))
        texts = []
        for name in READ_BY_BOTH:
            file = fs.open(name)
            size = file.info.meta.size
            texts.append(file.read_random(0, size) if size else b"")
        assert b"ID=" in texts[0]
        return (texts[-1].count(b"\nStatus: install ok installed"),)

    return once


SIDES = {f.__name__: f for f in (ours_walk, tsk_walk, dissect_walk, ours_packages, tsk_packages)}


def main():
    once = SIDES[sys.argv[1]](sys.argv[2])
    once()
    print("ready", flush=True)
    for _ in sys.stdin:
        start = time.process_time()
        answer = once()
        print(time.process_time() - start, *answer, flush=True)


if __name__ == "__main__":
    main()
