"""Host files and folders: what opens, what does not, and what a folder tree never follows."""

import os
from pathlib import Path

import pytest

from strongroom.base.errors import Denied, NotFound, StrongroomError, Unsupported, Usage
from strongroom.base.source import extents, identity
from strongroom.base.tree import read_file, walk
from strongroom.kernel.origin import FileSource, FolderTree, Origin, open_file, open_origin


@pytest.fixture
def room(tmp_path: Path) -> Path:
    """A folder with an image, files beside it, and things outside that must stay out of reach."""
    (tmp_path / "outside").write_bytes(b"outside")
    inside = tmp_path / "room"
    (inside / "sub").mkdir(parents=True)
    (inside / "disk.qcow2").write_bytes(b"image")
    (inside / "base.raw").write_bytes(b"base")
    (inside / "sub/deep.raw").write_bytes(b"deep")
    (inside / "link-out").symlink_to(tmp_path / "outside")
    (inside / "link-in").symlink_to("base.raw")
    (inside / "dir-out").symlink_to(tmp_path)
    os.mkfifo(inside / "pipe")
    return inside


def image(room: Path, allow: tuple[str, ...] = ()) -> Origin:
    return open_origin(str(room / "disk.qcow2"), allow)


@pytest.mark.parametrize("name", ["base.raw", "./base.raw", "link-in", "sub/../base.raw"])
def test_files_beside_an_image_open(room: Path, name: str) -> None:
    content = image(room).sibling(name).content

    assert isinstance(content, FileSource)
    assert content.read_at(0, 10) == b"base"


def test_an_absolute_name_in_the_same_folder_opens(room: Path) -> None:
    assert image(room).sibling(str(room / "base.raw")).name == "base.raw"


@pytest.mark.parametrize(
    "name",
    [
        "/etc/shadow",
        "../outside",
        "link-out",
        "dir-out/outside",
        "sub/deep.raw",
        "json:{}",
        'json:{"file":{"driver":"file","filename":"/etc/shadow"}}',
        "nbd:unix:/tmp/x",
        "nbd://host/x",
        "http://host/x",
        "file:///etc/shadow",
        "",
        "a\0b",
        "..",
        "/",
        "/dev/null/../shadow",
    ],
)
def test_anything_else_behind_an_image_is_denied(room: Path, name: str) -> None:
    with pytest.raises(Denied) as raised:
        image(room).sibling(name)

    assert raised.value.code == "denied.sibling"


def test_a_missing_sibling_and_a_pipe_are_told_apart(room: Path) -> None:
    with pytest.raises(NotFound):
        image(room).sibling("missing.raw")
    with pytest.raises(Usage):
        image(room).sibling("pipe")


def test_the_user_may_allow_a_folder(room: Path) -> None:
    origin = image(room, (str(room / "sub"),))

    assert origin.sibling("sub/deep.raw").name == "deep.raw"
    with pytest.raises(Denied):
        origin.sibling("../outside")


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("missing", NotFound),
        ("pipe", Usage),
        ("s3://b/x", Unsupported),
        ("https://h/x", Unsupported),
    ],
)
def test_what_is_no_file_is_refused(room: Path, path: str, error: type[StrongroomError]) -> None:
    with pytest.raises(error):
        open_origin(path if "://" in path else str(room / path))


def test_a_misspelt_name_gets_a_suggestion(room: Path) -> None:
    with pytest.raises(NotFound) as raised:
        open_file(str(room / "disk.qcow"))

    assert raised.value.hint == f"did you mean {room / 'disk.qcow2'}?"


def test_holes_are_known_and_identity_follows_content(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as stream:
        stream.seek(1 << 20)
        stream.write(b"x" * 4096)
        stream.truncate(2 << 20)
    source = open_file(str(path))
    found = list(extents(source))

    assert sum(e.length for e in found) == source.size
    assert [e.offset for e in found] == sorted(e.offset for e in found)
    assert all(not source.read_at(e.offset, e.length).strip(b"\0") for e in found if not e.data)
    before = identity(source)
    os.utime(path, ns=(1, 1))
    assert identity(open_file(str(path))) != before


def test_a_folder_is_a_tree_that_follows_no_link(room: Path) -> None:
    tree = FolderTree(str(room))
    names = {entry.name: entry.kind for entry in tree.scandir("/")}

    assert names["link-out"] == names["dir-out"] == "link"
    assert names["pipe"] == "fifo"
    assert tree.readlink("/link-in") == "base.raw"
    assert read_file(tree, "/link-in", size_max=100) == b"base"
    assert {path for path, _ in walk(tree)} >= {"/sub", "/sub/deep.raw", "/dir-out"}
    assert tree.xattrs("/base.raw") == tree.xattrs("/link-in") == {}
    for path in ["/dir-out/outside", "/link-out", "/missing", "/base.raw/x"]:
        with pytest.raises(NotFound):
            tree.open(path)
    with pytest.raises(NotFound):
        tree.stat("/dir-out/outside")
    with pytest.raises(NotFound):
        list(tree.scandir("/dir-out"))
    with pytest.raises(Usage):
        tree.open("/pipe")
    with pytest.raises(Usage):
        tree.readlink("/base.raw")
    with pytest.raises(NotFound):
        read_file(tree, "/link-out", size_max=100)


def test_an_absolute_link_in_a_folder_starts_at_the_folder(room: Path) -> None:
    (room / "abs").symlink_to("/base.raw")

    assert read_file(FolderTree(str(room)), "/abs", size_max=100) == b"base"


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="a file without a size is Linux's")
def test_a_file_that_cannot_say_its_size_is_no_disk() -> None:
    with pytest.raises(Usage, match="its size"):
        open_file("/proc/self/mem")
    with pytest.raises(Usage, match="its size"):
        FolderTree("/proc/self").open("/mem")
