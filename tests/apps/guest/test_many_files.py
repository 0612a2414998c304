"""Ops over many files hold a bounded part of them in memory."""

import sys
import tracemalloc
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from strongroom.apps.guest import content, export, find, names, search, usage
from strongroom.base.errors import Exhausted, NotFound
from strongroom.base.locator import Locator
from strongroom.base.source import Memory, Source
from strongroom.base.tree import Entry, Stat, Subtree
from strongroom.kernel.call import Context
from strongroom.kernel.origin import Origin
from strongroom.kernel.plugin import GROUP, Collector
from strongroom.testing.session import make_context

PER_DIRECTORY = 100
TEXT = b"some text in a file, and a needle\n"
FILE = Stat("file", 0o644, 0, 0, len(TEXT), 0, 1, 0)
DIRECTORY = Stat("dir", 0o755, 0, 0, 0, 0, 2, 0)


class ManyFiles:
    """A Tree of COUNT small files in directories of 100, none of which is held in memory."""

    def __init__(self, count: int) -> None:
        self._directories = count // PER_DIRECTORY

    def stat(self, path: str, /) -> Stat:
        depth = path.rstrip("/").count("/")
        if depth > 2:
            raise NotFound(f"{path} does not exist")
        return FILE if depth == 2 else DIRECTORY

    def scandir(self, path: str, /) -> Iterator[Entry]:
        top = path == "/"
        for number in range(self._directories if top else PER_DIRECTORY):
            yield Entry(f"{number:06}", "dir" if top else "file", 0)

    def walk(self, path: str, /) -> Iterator[tuple[str, Stat]]:
        for directory in range(self._directories):
            yield f"/{directory:06}", DIRECTORY
            for file in range(PER_DIRECTORY):
                yield f"/{directory:06}/{file:06}", FILE

    def open(self, path: str, /) -> Source:
        return Memory(TEXT)

    def readlink(self, path: str, /) -> str:
        raise NotFound(f"{path} is no link")

    def xattrs(self, path: str, /) -> Mapping[str, bytes]:
        return {}


def open_many(_: Context, origin: Origin, __: Locator) -> Subtree:
    """Open a tree of as many files as the origin's name says."""
    return Subtree(ManyFiles(int(Path(origin.path).name)), "/")


def contribute(registry: Collector) -> None:
    registry.add_ops(names, find, content, search, usage, export)
    registry.add("opener", sys.modules[__name__], "open_many")


@pytest.fixture(autouse=True)
def _installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make this module one of an installed plugin, as only those open anything."""
    facts = tmp_path / "site/many-1.0.dist-info"
    facts.mkdir(parents=True)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: many\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(f"[{GROUP}]\nmany = {__name__}:contribute\n")
    monkeypatch.syspath_prepend(str(facts.parent))


def drained(home: Path, op: str, count: int, params: dict[str, Any]) -> tuple[int, int]:
    """Return how many items an op yields of COUNT files, and its peak of memory in bytes."""
    disk = home / str(count)
    disk.mkdir(exist_ok=True)
    ctx = make_context(home, contribute)
    tracemalloc.start()
    try:
        yielded = sum(1 for _ in ctx.call(op, disk=str(disk), **params))
        return yielded, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


OPS: list[tuple[str, dict[str, Any]]] = [
    ("guest.find", {}),
    ("guest.find", {"name": "*99", "max_depth": 2}),
    ("guest.ls", {"recursive": True}),
    ("guest.hash", {"paths": ("/",), "recursive": True}),
    ("guest.grep", {"pattern": "needle"}),
    ("guest.du", {"max_depth": 0}),
    ("guest.find-large", {}),
    ("guest.tar-out", {}),
]


@pytest.mark.parametrize(("op", "params"), OPS, ids=str)
def test_ten_times_the_files_take_no_more_memory(tmp_path: Path, op: str, params: dict[str, Any]):
    drained(tmp_path, op, 100, params)  # imports and caches
    few, little = drained(tmp_path, op, 500, params)
    many, peak = drained(tmp_path, op, 5_000, params)
    assert many >= few
    # names of the directories of one level, about 100 bytes each, are what may grow
    assert peak - little < 64_000


def test_too_many_candidates_are_refused_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(usage, "CANDIDATES_MAX", 500)
    monkeypatch.setattr(usage, "DIRECTORIES_MAX", 50)
    for op, hint in (("guest.find-duplicates", "--min-size"), ("guest.du", "--max-depth")):
        with pytest.raises(Exhausted) as caught:
            drained(tmp_path, op, 10_000, {})
        assert hint in (caught.value.hint or "")
