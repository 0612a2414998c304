"""The tar stream: any tree comes back from it by GNU tar and by Python's reader.

That a folder and a disk become the same archive is held by `test_export.py`.
"""

import io
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.apps.guest import tarstream
from strongroom.apps.guest.guest import Guest
from strongroom.apps.guest.place import Place
from strongroom.apps.guest.tarstream import DEVICE_MAX, HOLES_MIN, archive
from strongroom.base.errors import Corrupt, NotFound
from strongroom.base.locator import Locator
from strongroom.base.source import Extent
from strongroom.base.tree import Node, Tree, Virtual
from strongroom.kernel.call import Context
from strongroom.kernel.session import Progress
from strongroom.testing.session import guest_context
from strongroom.testing.tools import need

KIB = 1 << 10


class Sparse:
    """A file of `size` bytes in which only the given (offset, length) runs are stored."""

    def __init__(self, size: int, *runs: tuple[int, int]) -> None:
        self.size = size
        self._runs = runs

    @property
    def content(self) -> bytes:
        content = bytearray(self.size)
        for offset, length in self._runs:
            content[offset : offset + length] = bytes(1 + n % 255 for n in range(length))
        return bytes(content)

    def read_at(self, offset: int, length: int, /) -> bytes:
        return self.content[offset : offset + length]

    def extents(self, offset: int, length: int, /) -> Iterator[Extent]:
        at = offset
        for start, count in self._runs:
            if start > at:
                yield Extent(at, start - at, data=False)
            yield Extent(start, count, data=True)
            at = start + count
        if at < offset + length:
            yield Extent(at, offset + length - at, data=False)


def spot_of(tree: Tree) -> Place:
    return Place(tree, "/", Guest(tree, lambda path: Locator("d") / path), None)


def archived(ctx: Context, tree: Tree, start: str = "/", *, dense: bool = False) -> bytes:
    content = b"".join(archive(ctx, spot_of(tree), start, xattrs=True, dense=dense))
    assert len(content) % tarfile.RECORDSIZE == 0
    return content


def read_back(content: bytes) -> dict[str, bytes]:
    """Return every regular file as Python's reader gives it."""
    found = {}
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        for member in tar:
            file = tar.extractfile(member) if member.isreg() else None
            if file is not None:
                found[member.name] = file.read()
    return found


@pytest.fixture
def ctx(tmp_path: Path) -> Context:
    return guest_context(tmp_path / "home")


HOLES = [
    Sparse(HOLES_MIN),
    Sparse(1 << 20),
    Sparse(1 << 20, (0, 100)),
    Sparse(1 << 20, ((1 << 20) - 1, 1)),
    Sparse((1 << 20) + 1, (1 << 20, 1)),
    Sparse(1 << 20, (0, 4096), (512 * KIB, 4096)),
    Sparse(1 << 20, (1, 1), (700, 1), (5000, 1)),
    Sparse(300_001, (513, 511), (1024, 512), (200_000, 3)),
    Sparse(2 * HOLES_MIN, (0, HOLES_MIN)),
    Sparse(2 * HOLES_MIN, (0, HOLES_MIN + 1)),
    Sparse(0),
    Sparse(1, (0, 1)),
]


@pytest.mark.parametrize("number", range(len(HOLES)))
def test_a_file_with_holes_is_read_back_whole(ctx: Context, number: int) -> None:
    file = HOLES[number]
    tree = Virtual({"/before": b"b", "/file": Node(file), "/later": b"l"})
    expected = {"./before": b"b", "./file": file.content, "./later": b"l"}

    assert read_back(archived(ctx, tree)) == expected
    assert read_back(archived(ctx, tree, dense=True)) == expected


@pytest.mark.parametrize("dense", [False, True])
def test_gnu_tar_unpacks_files_with_holes(ctx: Context, tmp_path: Path, *, dense: bool) -> None:
    need("tar")
    tree = Virtual({f"/{number:02}": Node(file) for number, file in enumerate(HOLES)})
    subprocess.run(
        ["tar", "-xf", "-", "-C", str(tmp_path)],
        input=archived(ctx, tree, dense=dense),
        check=True,
    )

    for number, file in enumerate(HOLES):
        assert (tmp_path / f"{number:02}").read_bytes() == file.content


def test_holes_are_left_out_where_that_saves_something(ctx: Context) -> None:
    large = archived(ctx, Virtual({"/f": Node(Sparse(50 << 20, (0, 10)))}))

    assert len(large) == tarfile.RECORDSIZE
    with tarfile.open(fileobj=io.BytesIO(large)) as tar:
        assert tar.getmember("./f").issparse()
        assert tar.getmember("./f").size == 50 << 20
    small = archived(ctx, Virtual({"/f": Node(Sparse(HOLES_MIN - 1))}))
    with tarfile.open(fileobj=io.BytesIO(small)) as tar:
        assert not tar.getmember("./f").issparse()


def test_a_file_in_too_many_pieces_is_written_whole(
    ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tarstream, "RUNS_MAX", 4)
    file = Sparse(1 << 20, *[(n * 64 * KIB, 1) for n in range(6)])
    content = archived(ctx, Virtual({"/f": Node(file)}))

    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        assert not tar.getmember("./f").issparse()
    assert read_back(content) == {"./f": file.content}


def test_hard_links_are_written_once_and_name_the_first(ctx: Context) -> None:
    class Linked(Virtual):
        """/a/one and /b/two are one file."""

        def stat(self, path, /):
            found = super().stat(path)
            return found._replace(ino=99, nlink=2) if found.kind == "file" else found

    content = archived(ctx, Linked({"/a/one": b"same", "/b/two": b"same"}))
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        first, second = tar.getmember("./a/one"), tar.getmember("./b/two")

    assert (first.isreg(), second.islnk(), second.linkname) == (True, True, "./a/one")
    assert content.count(b"same") == 1


@pytest.mark.parametrize(
    ("number", "kept"),
    [
        ((8, 17), True),
        ((0, 0), True),
        ((DEVICE_MAX, DEVICE_MAX), True),
        ((DEVICE_MAX + 1, 0), False),
        ((0, 1 << 40), False),
    ],
)
def test_a_device_is_kept_where_its_number_fits(
    ctx: Context, number: tuple[int, int], kept: object
) -> None:
    class Device(Virtual):
        """/disk is a block device."""

        def stat(self, path, /):
            found = super().stat(path)
            return found._replace(kind="block", rdev=number) if path == "/disk" else found

    spot = spot_of(Device({"/disk": b"", "/next": b"n"}))
    content = b"".join(archive(ctx, spot, "/", xattrs=True, dense=False))
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        members = {member.name: member for member in tar}

    assert ("./disk" in members) is kept
    assert "./next" in members
    rules = [problem.rule for problem in spot.guest.problems]
    if kept:
        assert (members["./disk"].devmajor, members["./disk"].devminor) == number
        assert rules == []
    else:
        assert rules == ["problem.unsupported.tar.device"]


def test_an_attribute_with_a_name_that_a_header_cannot_hold_is_reported(ctx: Context) -> None:
    spot = spot_of(Virtual({"/f": Node(b"x", xattrs={"user.ü": b"1", "user.u": b"2"})}))
    content = b"".join(archive(ctx, spot, "/", xattrs=True, dense=False))

    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        headers = tar.getmember("./f").pax_headers
    assert {k: v for k, v in headers.items() if "xattr" in k} == {"SCHILY.xattr.user.u": "2"}
    assert [p.rule for p in spot.guest.problems] == ["problem.unsupported.tar.xattr"]


def test_what_cannot_be_looked_at_is_left_out_and_reported(ctx: Context) -> None:
    class Damaged(Virtual):
        """/bad cannot be opened, /worse has no target."""

        def open(self, path, /):
            if path == "/bad":
                raise Corrupt("test", 512, "damaged")
            return super().open(path)

        def readlink(self, path, /):
            raise NotFound(f"{path} leads nowhere")

    spot = spot_of(Damaged({"/bad": b"?", "/good": b"g", "/worse": Node(target="x")}))
    content = b"".join(archive(ctx, spot, "/", xattrs=True, dense=False))

    assert read_back(content) == {"./good": b"g"}
    assert [(str(p.at), p.rule) for p in spot.guest.problems] == [
        ("d::/bad", "problem.corrupt.test"),
        ("d::/worse", "problem.not_found"),
    ]


def test_progress_tells_of_the_file_that_is_written(tmp_path: Path) -> None:
    seen: list[Progress] = []
    ctx = guest_context(tmp_path / "home", progress=seen)
    archived(ctx, Virtual({"/big": bytes(range(256)) * 20_000}))

    assert seen[-1] == Progress("/big", 5_120_000, 5_120_000, "B")
    assert [p.done for p in seen] == sorted(p.done for p in seen)


names = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=60
).filter(lambda name: name not in (".", ".."))
times = st.integers(0, 2**34 * 10**9)


@given(files=st.dictionaries(names, st.tuples(st.binary(max_size=2000), times), max_size=6))
def test_every_name_content_and_time_comes_back(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, tuple[bytes, int]]
) -> None:
    ctx = guest_context(tmp_path_factory.getbasetemp() / "tarstream-home")
    tree = Virtual(
        {f"/{name}": Node(content, mtime_ns=at_ns) for name, (content, at_ns) in files.items()}
    )
    content = archived(ctx, tree)

    assert read_back(content) == {f"./{name}": content for name, (content, _) in files.items()}
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        for name, (_, at_ns) in files.items():
            member = tar.getmember(f"./{name}")
            told = member.pax_headers.get("mtime", str(int(member.mtime)))
            seconds, _, fraction = told.partition(".")
            assert int(seconds) * 10**9 + int(fraction.ljust(9, "0") or "0") == at_ns
