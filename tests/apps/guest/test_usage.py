"""du, df, find-large and find-duplicates, compared with du(1), find(1) and sha256sum(1)."""

import hashlib
import os
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from strongroom.base.errors import NotFound, Usage
from strongroom.base.source import Extent
from strongroom.kernel.call import Context
from strongroom.kernel.origin import open_file
from strongroom.kernel.session import Progress
from strongroom.testing.folders import make_folder
from strongroom.testing.session import guest_context
from strongroom.testing.tools import need


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("usage") / "root")


@pytest.fixture
def ctx(tmp_path: Path) -> Context:
    return guest_context(tmp_path / "home")


def call(ctx: Context, op: str, folder: Path, path: str = "/", **flags: Any) -> list[Any]:
    return list(ctx.call(op, disk=str(folder), path=path, **flags))


def sizes_by_find(folder: Path, below: str) -> tuple[int, int]:
    """Return (files, bytes) below a directory by find(1), each inode once, links by their own."""
    need("find")
    out = subprocess.run(
        ["find", f".{below}", "!", "-type", "d", "-printf", "%i %y %s\\n"],
        cwd=folder,
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    inodes = {line.split()[0]: line.split()[1:] for line in out.splitlines()}
    return len(inodes), sum(int(size) for kind, size in inodes.values() if kind in "fl")


def test_du_adds_up_what_find_lists(ctx: Context, folder: Path):
    for record in call(ctx, "guest.du", folder):
        if record.path == "/etc":
            continue  # a name of a hard link lies there and elsewhere: it counts once in all
        if record.path == "/home":
            continue
        assert (record.files, record.size_bytes) == sizes_by_find(folder, record.path)


def test_du_shows_every_directory_once(ctx: Context, folder: Path):
    shown = [record.path for record in call(ctx, "guest.du", folder)]
    expected = {"/" + str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_dir()}
    expected -= {"/to-dir", "/outside"}
    assert sorted(shown) == sorted(expected | {"/"})


def test_max_depth_hides_directories_but_not_what_they_take(ctx: Context, folder: Path):
    deep = {r.path: r for r in call(ctx, "guest.du", folder)}
    for depth in (0, 1, 2):
        flat = call(ctx, "guest.du", folder, max_depth=depth)
        assert [r.path for r in flat] == sorted(
            path for path in deep if path == "/" or path.count("/") <= depth
        )
        assert all(record == deep[record.path] for record in flat)


def test_a_hole_is_not_stored(ctx: Context, folder: Path):
    (record,) = call(ctx, "guest.du", folder, "/sparse")
    held = [e for e in open_file(str(folder / "sparse")).extents(0, 32 << 20) if e.data]
    assert record.size_bytes == 32 << 20
    assert record.stored_bytes == sum(e.length for e in held) < 1 << 20
    assert isinstance(held[0], Extent)
    assert call(ctx, "guest.du", folder, "/sparse", sizes_only=True)[0].stored_bytes is None


def test_du_begins_where_it_is_told(ctx: Context, folder: Path):
    shown = call(ctx, "guest.du", folder, "/home")
    assert [r.path for r in shown] == ["/home", "/home/a", "/home/a/b", "/home/a/b/c"]
    assert call(ctx, "guest.du", folder, "/to-dir")[0].path == "/etc"


def test_find_large_lists_the_largest_first(ctx: Context, folder: Path):
    files = {
        (os.lstat(p).st_ino): (-os.lstat(p).st_size, "/" + str(p.relative_to(folder)))
        for p in sorted(folder.rglob("*"), reverse=True)
        if p.is_file() and not p.is_symlink()
    }
    expected = [size for size, _ in sorted(files.values())]
    found = call(ctx, "guest.find-large", folder, top=1000)
    assert [-record.size_bytes for record in found] == expected
    assert found[0].path == "/sparse"
    assert call(ctx, "guest.find-large", folder, top=3) == found[:3]


def test_find_large_leaves_out_what_is_smaller(ctx: Context, folder: Path):
    found = call(ctx, "guest.find-large", folder, min_size="100K")
    assert {r.path for r in found} == {"/sparse", "/logs/app.log"}


def duplicates_by_hashing(folder: Path) -> set[frozenset[str]]:
    groups: dict[bytes, dict[int, str]] = defaultdict(dict)
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.stat().st_size:
            digest = hashlib.sha256(path.read_bytes()).digest()
            groups[digest].setdefault(path.stat().st_ino, "/" + str(path.relative_to(folder)))
    return {frozenset(g.values()) for g in groups.values() if len(g) > 1}


def test_duplicates_are_files_with_the_same_bytes_and_not_hard_links(ctx: Context, folder: Path):
    groups: dict[int, set[str]] = defaultdict(set)
    for record in call(ctx, "guest.find-duplicates", folder):
        groups[record.group].add(record.path)
        assert (
            record.sha256
            == hashlib.sha256((folder / record.path.lstrip("/")).read_bytes()).hexdigest()
        )
    assert {frozenset(g) for g in groups.values()} == duplicates_by_hashing(folder)
    assert {"/same/one", "/same/two", "/same/three"} in groups.values()


def test_duplicates_smaller_than_asked_for_are_left_out(ctx: Context, folder: Path):
    assert call(ctx, "guest.find-duplicates", folder, min_size="1M") == []


def test_comparing_tells_how_far_it_is(folder: Path, tmp_path: Path):
    progress: list[Progress] = []
    ctx = guest_context(tmp_path / "home", progress=progress)
    call(ctx, "guest.find-duplicates", folder)
    assert progress[-1].done == progress[-1].total > 0


@pytest.mark.parametrize(
    ("op", "flags"),
    [
        ("guest.find-large", {"top": 0}),
        ("guest.find-large", {"min_size": "big"}),
        ("guest.find-duplicates", {"min_size": "-1"}),
        ("guest.du", {"max_depth": -1}),
    ],
)
def test_what_cannot_be_understood_is_a_usage_error(
    ctx: Context, folder: Path, op: str, flags: dict[str, Any]
):
    with pytest.raises(Usage):
        call(ctx, op, folder, **flags)
    with pytest.raises(NotFound):
        call(ctx, op, folder, "/missing")


def test_df_of_a_folder_is_a_usage_error(ctx: Context, folder: Path):
    with pytest.raises(Usage, match="folder"):
        list(ctx.call("guest.df", disk=str(folder)))
