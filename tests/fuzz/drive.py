"""How fuzz targets use a reader: open it, then read as much as a careful caller would."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from strongroom.base.errors import StrongroomError
from strongroom.base.format import Format, Image, Volumes
from strongroom.base.source import Memory, extents
from strongroom.base.tree import Tree, walk
from strongroom.testing.context import RecordingContext
from strongroom.testing.tools import tool_path

READ_BYTES = 1 << 16
NAMES = 200


def drive(format: Format, data: bytes) -> None:
    """Open `data` as `format` and read what is inside; the nine errors pass through."""
    source = Memory(data)
    format.probe(data[:0x11000], len(data))
    ctx = RecordingContext({"base.raw": Memory(b"\xaa" * 4096)})
    opened = format.open(source, ctx)
    if isinstance(opened, Volumes):
        for volume in opened.volumes:
            volume.source.read_at(0, READ_BYTES)
    elif isinstance(opened, Image):
        _read_image(opened)
    else:
        _read_tree(opened)  # type: ignore[arg-type]  # the only other thing a Format opens to


def _read_image(image: Image) -> None:
    for snapshot in image.snapshots():
        with suppress(StrongroomError):
            image.snapshot(snapshot.name).read_at(0, READ_BYTES)
    for extent in islice(extents(image), 1000):
        assert extent.length > 0
    for offset in {0, image.size // 2, max(0, image.size - READ_BYTES)}:
        with suppress(StrongroomError):
            image.read_at(offset, READ_BYTES)


def _read_tree(tree: Tree) -> None:
    seen: set[str] = set()
    for path, stat in islice(walk(tree), NAMES):
        with suppress(StrongroomError):  # of equal names in one directory a lookup finds the first
            assert path in seen or tree.stat(path).kind == stat.kind
        seen.add(path)
        with suppress(StrongroomError):
            tree.xattrs(path)
        with suppress(StrongroomError):
            if stat.kind == "link":
                tree.readlink(path)
            elif stat.kind == "file":
                file = tree.open(path)
                file.read_at(0, READ_BYTES)
                file.read_at(max(0, file.size - 10), 100)
                for extent in islice(extents(file), 100):
                    assert extent.length > 0


def made_by(*command: str) -> Iterator[bytes]:
    """Yield the file `seed` that a shell command makes, nothing where its tool is missing."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            ["bash", "-ec", "; ".join(command)],
            cwd=folder,
            env=tool_path(),
            capture_output=True,
            check=False,
        )
        seed = Path(folder, "seed")
        if done.returncode == 0 and seed.exists():
            yield seed.read_bytes()
