"""One small disk, put into every container once a session."""

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from strongroom.base.errors import Unsupported
from strongroom.base.format import Format, Image
from strongroom.base.source import Memory, Source
from strongroom.formats.image.qcow2 import QCOW2
from strongroom.formats.image.raw import RAW
from strongroom.formats.image.vmdk import VMDK
from strongroom.testing.context import RecordingContext
from strongroom.testing.images import containers
from strongroom.testing.tools import need

KIB = 1 << 10
FORMATS: dict[str, Format] = {"qcow2": QCOW2, "vmdk": VMDK, "raw": RAW}


class Made(NamedTuple):
    """An image made by a recipe, and what qemu-img reads from it."""

    path: Path
    reference: bytes


def open_container(source: Source, ctx: RecordingContext, format: str | None) -> Image:
    """Open what an image stands on, as the stack would."""
    head = source.read_at(0, 64)
    chosen = next(f for f in FORMATS.values() if f.probe(head, source.size))
    if format and format not in FORMATS:
        raise Unsupported(f"the format {format} is not known")
    opened = FORMATS[format or chosen.name].open(source, ctx)
    assert isinstance(opened, Image)
    return opened


def open_path(path: Path, ctx: RecordingContext | None = None) -> Image:
    ctx = ctx or RecordingContext(path.parent, open_image=open_container)
    return open_container(Memory(path.read_bytes(), f"key of {path.name}"), ctx, None)


def sample_content() -> bytes:
    """Text, noise and holes of cluster-unfriendly sizes: 5 MiB and a half sector-aligned tail."""
    random = Random(7)
    words = [bytes(random.choices(b"abcdefgh \n", k=9)) for _ in range(300)]
    text = b"".join(random.choices(words, k=120_000))
    parts = [
        text[: 700 * KIB],
        bytes(900 * KIB),
        random.randbytes(500 * KIB),
        text[100 : 333 * KIB],
        bytes(200 * KIB + 100),
        random.randbytes(3 * KIB),
        b"".join(bytes(61 * KIB) + random.randbytes(3 * KIB) for _ in range(20)),
        bytes(1300 * KIB),
        text[: 40 * KIB],
    ]
    content = b"".join(parts)
    return content[: len(content) & ~511]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("containers")


@pytest.fixture(scope="session")
def disk(folder: Path) -> Path:
    path = folder / "disk.raw"
    path.write_bytes(sample_content())
    return path


@pytest.fixture(scope="session")
def make(disk: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Made]:
    """Return a function that builds a container by its recipe's name, once."""
    need("qemu-img", "qemu-io")
    recipes = {**containers.QCOW2_RECIPES, **containers.VMDK_RECIPES}
    made: dict[str, Made] = {}

    def build(name: str) -> Made:
        if name not in made:
            out = tmp_path_factory.mktemp(name)
            path = recipes[name](disk, out)
            made[name] = Made(path, containers.raw_view(path, out / "view.raw").read_bytes())
        return made[name]

    return build
