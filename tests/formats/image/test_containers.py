"""Every container: the same disk as qemu-img sees, by the suites of Source and Format."""

from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from tests.formats.image.conftest import FORMATS, Made, open_container, open_path

from strongroom.base.errors import NotFound
from strongroom.base.format import Format, Image
from strongroom.base.source import Memory, Source, extents, identity
from strongroom.testing.conformance.format import FormatConformance
from strongroom.testing.conformance.source import SourceConformance
from strongroom.testing.context import RecordingContext
from strongroom.testing.images import containers
from strongroom.testing.tools import need, test_data

CONTAINERS = [*containers.QCOW2_RECIPES, *containers.VMDK_RECIPES]
Make = Callable[[str], Made]


@pytest.fixture(params=CONTAINERS)
def made(request: pytest.FixtureRequest, make: Make) -> Made:
    return make(request.param)


class TestContainers(SourceConformance):
    @pytest.fixture
    def source(self, made: Made) -> Source:
        return open_path(made.path)

    @pytest.fixture
    def reference(self, made: Made) -> bytes:
        return made.reference

    def test_the_view_is_the_disk_it_was_made_of(self, made: Made, disk: Path):
        view = open_path(made.path)

        digest = sha256(view.read_at(0, view.size)).hexdigest()

        assert digest == sha256(disk.read_bytes()).hexdigest()

    def test_nothing_is_reported_of_a_sound_image(self, made: Made):
        ctx = RecordingContext(made.path.parent, open_image=open_container)
        open_path(made.path, ctx)
        assert ctx.problems == []

    def test_a_hole_is_found_without_reading_it(self, made: Made):
        holes = [e for e in extents(open_path(made.path)) if not e.data]
        flat = "flat" in made.path.name
        assert flat or max(hole.length for hole in holes) > 800 << 10

    def test_the_identity_names_every_file(self, made: Made):
        key = identity(open_path(made.path))
        assert key is None or made.path.name in key or "split" in made.path.name


class TestSplitRaw(SourceConformance):
    @pytest.fixture
    def source(self, disk: Path, tmp_path: Path) -> Source:
        from strongroom.formats.image.raw import open_split

        need("split")
        first = containers.split_raw(disk, tmp_path, 1_000_000)
        return open_split(Memory(first.read_bytes()), first.name, RecordingContext(tmp_path))

    @pytest.fixture
    def reference(self, disk: Path) -> bytes:
        return disk.read_bytes()


def snapshots() -> Iterator[str]:
    yield from ("clean", containers.SNAPSHOT)


class TestSnapshots(SourceConformance):
    @pytest.fixture(params=snapshots())
    def name(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    @pytest.fixture
    def source(self, make: Make, name: str) -> Source:
        return open_path(make("snapshot").path).snapshot(name)

    @pytest.fixture
    def reference(self, make: Make, name: str, tmp_path: Path) -> bytes:
        out = tmp_path / "snapshot.raw"
        return containers.raw_view(make("snapshot").path, out, snapshot=name).read_bytes()


def test_snapshots_are_listed_oldest_first_with_their_sizes(make: Make, disk: Path):
    size = disk.stat().st_size
    listed = open_path(make("snapshot").path).snapshots()

    assert [(s.id, s.name, s.size) for s in listed] == [
        ("1", "clean", size),
        ("2", containers.SNAPSHOT, size + (1 << 20)),
    ]
    assert listed[0].created_ns <= listed[1].created_ns


def test_a_snapshot_is_found_by_its_id(make: Make):
    image = open_path(make("snapshot").path)
    assert image.snapshot("2").size == image.snapshot(containers.SNAPSHOT).size


@pytest.mark.parametrize("name", ["snapshot", "v3", "monolithicSparse"])
def test_an_unknown_snapshot_is_not_found(make: Make, name: str):
    with pytest.raises(NotFound):
        open_path(make(name).path).snapshot("gone")


FACTS = {
    "v2": ("qcow2", "v2", "zlib", 65536, "", ()),
    "v3": ("qcow2", "v3", "zlib", 65536, "", ()),
    "zlib": ("qcow2", "v3", "zlib", 65536, "", ()),
    "zstd": ("qcow2", "v3", "zstd", 65536, "", ("compression-type",)),
    "extended-l2": ("qcow2", "v3", "zlib", 131072, "", ("extended-l2",)),
    "data-file": ("qcow2", "v3", "zlib", 65536, "", ("external-data-file",)),
    "overlay": ("qcow2", "v3", "zlib", 65536, "overlay-base.qcow2", ()),
    "monolithicSparse": ("vmdk", "monolithicSparse", "", 65536, "", ()),
    "streamOptimized": ("vmdk", "streamOptimized", "deflate", 65536, "", ()),
    "monolithicFlat": ("vmdk", "monolithicFlat", "", None, "", ()),
    "twoGbMaxExtentSparse": ("vmdk", "twoGbMaxExtentSparse", "", 65536, "", ()),
    "twoGbMaxExtentFlat": ("vmdk", "twoGbMaxExtentFlat", "", None, "", ()),
}


@pytest.mark.parametrize("name", FACTS)
def test_the_facts_are_those_of_the_header(make: Make, name: str):
    assert tuple(open_path(make(name).path).facts) == FACTS[name]


def open_real(name: str) -> tuple[Path, Image]:
    need("qemu-img")
    path = test_data("disks", name)
    return path, open_path(path)


@pytest.mark.parametrize("name", ["ext2.qcow2", "ext2.vmdk", "windows_volume.qcow2"])
def test_a_real_disk_reads_as_qemu_img_reads_it(name: str, tmp_path: Path):
    path, image = open_real(name)

    view = containers.raw_view(path, tmp_path / "view.raw")

    assert sha256(image.read_at(0, image.size)).digest() == sha256(view.read_bytes()).digest()


class TestFormats(FormatConformance):
    """Small images, so that mutations hit the tables."""

    @pytest.fixture(
        params=["v2", "zlib", "zstd", "extended-l2", "snapshot", "overlay", "data-file"]
    )
    def kind(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    @pytest.fixture
    def path(self, kind: str, tmp_path: Path) -> Path:
        need("qemu-img", "qemu-io")
        raw = tmp_path / "small.raw"
        raw.write_bytes(b"words and words " * 6000 + bytes(96_000))
        return containers.QCOW2_RECIPES[kind](raw, tmp_path)

    @pytest.fixture
    def format(self, path: Path) -> Format:
        return FORMATS[path.suffix[1:]]

    @pytest.fixture
    def image(self, path: Path) -> bytes:
        return path.read_bytes()

    @pytest.fixture
    def context(self, path: Path) -> RecordingContext:
        return RecordingContext(path.parent, open_image=open_container)


class TestVmdkFormats(TestFormats):
    @pytest.fixture(params=containers.VMDK_RECIPES)
    def kind(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    @pytest.fixture
    def path(self, kind: str, tmp_path: Path) -> Path:
        need("qemu-img")
        raw = tmp_path / "small.raw"
        raw.write_bytes(b"words and words " * 6000 + bytes(96_000))
        return containers.VMDK_RECIPES[kind](raw, tmp_path)


class TestRawFormat(FormatConformance):
    @pytest.fixture
    def format(self) -> Format:
        return FORMATS["raw"]

    @pytest.fixture
    def image(self) -> bytes:
        return b"anything" * 1000
