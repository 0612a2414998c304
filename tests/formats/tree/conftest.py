import os
from pathlib import Path

import pytest

from strongroom.formats.tree.ext import EXT
from strongroom.kernel.origin import FileSource
from strongroom.testing.conformance.tree import SAMPLE
from strongroom.testing.context import RecordingContext
from strongroom.testing.images import ext
from strongroom.testing.tools import need

from .damaged import CHECKED, CLASSIC, FRAGMENTS, PLAIN, Disk


class Opened:
    """An image, opened: `tree`, and `problems` as they were reported."""

    def __init__(self, image, limits=None):
        self.image = image
        self.context = RecordingContext(limits=limits) if limits else RecordingContext()
        self.tree = EXT.open(source(image), self.context)

    @property
    def problems(self):
        return self.context.problems

    @property
    def rules(self):
        return [problem.rule for problem in self.context.problems]


def source(image):
    return FileSource(os.open(image, os.O_RDONLY | os.O_CLOEXEC), str(image))


@pytest.fixture(scope="session")
def odd_tree(tmp_path_factory):
    """A host folder with all that a file system can hold."""
    return ext.odd_tree(tmp_path_factory.mktemp("odd") / "tree")


@pytest.fixture(scope="session")
def variant(tmp_path_factory, odd_tree):
    """Return the function name -> image of that variant, each made once."""
    need("mke2fs", "debugfs")
    folder = tmp_path_factory.mktemp("variants")
    made: dict[str, Path] = {}

    def make(name):
        if name not in made:
            made[name] = ext.variant(folder, name, odd_tree)
        return made[name]

    return make


@pytest.fixture
def opened():
    """Return the function image -> Opened."""
    return Opened


@pytest.fixture(scope="session")
def sample(tmp_path_factory):
    """Return the function mke2fs options -> image that holds the SAMPLE of TreeConformance."""
    need("mke2fs")
    folder = tmp_path_factory.mktemp("sample")
    tree = ext.host_tree(folder / "tree", SAMPLE)
    made: dict[str, Path] = {}

    def make(options):
        if options not in made:
            made[options] = ext.ext(folder / f"{len(made)}.raw", options, tree, "2M")
        return made[options]

    return make


@pytest.fixture(scope="session")
def damage_folder(tmp_path_factory):
    need("mke2fs", "debugfs")
    root = tmp_path_factory.mktemp("damage")
    tree = root / "tree"
    (tree / "d/e").mkdir(parents=True)
    (tree / "file").write_bytes(b"content\n" * 1000)
    (tree / "d/other").write_bytes(b"other")
    (tree / "d/e/deep").write_bytes(b"deep")
    (tree / "link").symlink_to("d/other")
    (tree / "long").symlink_to("x" * 200)
    with (tree / "comb").open("wb") as file:
        for tooth in range(FRAGMENTS):
            file.seek(tooth << 13)
            file.write(b"%05d" % tooth)
    return root


@pytest.fixture(scope="session")
def images(damage_folder):
    return {
        options: ext.ext(
            damage_folder / f"{number}.raw", options, damage_folder / "tree", "4M"
        ).read_bytes()
        for number, options in enumerate((PLAIN, CLASSIC, CHECKED))
    }


@pytest.fixture(params=[PLAIN, CLASSIC], ids=["extents", "pointers"])
def disk(images, request):
    return Disk(images[request.param])


@pytest.fixture
def plain(images):
    return Disk(images[PLAIN])


@pytest.fixture
def classic(images):
    return Disk(images[CLASSIC])


@pytest.fixture
def checked(images):
    return Disk(images[CHECKED])
