"""HostFolder: what is written appears whole, in its own folder, or not at all."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.apps.guest.hostfolder import HostFolder, Keep, host_error
from strongroom.base.errors import (
    Conflict,
    Denied,
    NotFound,
    StrongroomError,
    Unavailable,
    Unsupported,
)

KEEP = Keep(0o644, 1_700_000_000_000_000_000)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[HostFolder]:
    (tmp_path / "folder").mkdir()
    opened = HostFolder.open(str(tmp_path / "folder"))
    yield opened
    opened.close()


def write(folder: HostFolder, name: bytes, *, force: bool = False, keep: Keep = KEEP) -> list[str]:
    return folder.write_file(name, 3, iter([(0, b"new")]), keep, force=force)


@pytest.mark.parametrize(
    ("number", "expected", "reason"),
    [
        (errno.EEXIST, Conflict, "exists"),
        (errno.ENOTDIR, Conflict, "exists"),
        (errno.ELOOP, Conflict, "exists"),
        (errno.EISDIR, Conflict, "exists"),
        (errno.EACCES, Denied, "permission"),
        (errno.EROFS, Denied, "permission"),
        (errno.ENOSPC, Unavailable, "full"),
        (errno.EDQUOT, Unavailable, "full"),
        (errno.EFBIG, Unsupported, "host.size"),
        (errno.ENAMETOOLONG, Unsupported, "host.name"),
        (errno.EIO, Unavailable, ""),
    ],
)
def test_an_error_of_the_host_becomes_one_that_says_what_to_do(
    number: int, expected: type[StrongroomError], reason: str
):
    error = host_error(OSError(number, os.strerror(number)), "here")
    assert (type(error), error.reason) == (expected, reason)
    assert "here" in error.message


def test_a_host_without_hard_links_gets_copies_and_still_replaces_nothing(
    folder: HostFolder, monkeypatch: pytest.MonkeyPatch
):
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "as FAT answers")

    monkeypatch.setattr(os, "link", refused)
    write(folder, b"a")
    with pytest.raises(Conflict):
        write(folder, b"a")
    assert not folder.hard_link(b"b", folder, b"a", force=False)
    assert os.listdir(folder.path) == ["a"]


def test_a_name_that_appears_meanwhile_is_not_replaced(folder: HostFolder):
    def pieces() -> Iterator[tuple[int, bytes]]:
        yield 0, b"new"
        Path(folder.path, "name").write_text("someone else's")

    with pytest.raises(Conflict):
        folder.write_file(b"name", 3, pieces(), KEEP, force=False)
    assert Path(folder.path, "name").read_text() == "someone else's"
    assert os.listdir(folder.path) == ["name"]


def test_a_hard_link_replaces_only_when_forced(folder: HostFolder):
    write(folder, b"a")
    write(folder, b"b")
    with pytest.raises(Conflict):
        folder.hard_link(b"b", folder, b"a", force=False)
    assert folder.hard_link(b"b", folder, b"a", force=True)
    assert Path(folder.path, "a").samefile(Path(folder.path, "b"))
    assert not folder.hard_link(b"c", folder, b"missing", force=False)


def test_going_further_down_follows_no_link(folder: HostFolder, tmp_path: Path):
    (tmp_path / "folder/down").symlink_to(tmp_path)
    with pytest.raises(Conflict):
        folder.below([b"down"])
    with pytest.raises(Conflict):
        folder.directory(b"down", KEEP, force=False)


@pytest.mark.parametrize("target", [b"", b"nul\0byte"])
def test_a_link_to_nothing_is_unsupported(folder: HostFolder, target: bytes):
    with pytest.raises(Unsupported):
        folder.link(b"name", target, KEEP, force=False)


def test_a_name_too_long_for_the_host_is_unsupported(folder: HostFolder):
    with pytest.raises(Unsupported):
        write(folder, b"n" * 300)
    with pytest.raises(Unsupported):
        folder.directory(b"n" * 300, KEEP, force=False)
    with pytest.raises(Unsupported):
        folder.link(b"n" * 300, b"target", KEEP, force=False)


def test_what_the_host_cannot_keep_is_named(folder: HostFolder):
    odd = Keep(0o644, 1 << 100, xattrs={"no.such.namespace": b"x"})
    assert write(folder, b"name", keep=odd) == ["no.such.namespace", "mtime"]


def test_a_folder_that_is_missing_is_not_found(tmp_path: Path):
    with pytest.raises(NotFound):
        HostFolder.open(str(tmp_path / "missing"))
    (tmp_path / "file").write_text("")
    with pytest.raises(Conflict):
        HostFolder.open(str(tmp_path / "file"))
