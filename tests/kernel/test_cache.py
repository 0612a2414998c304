"""The record cache: exact keys, whole entries, a cap, and nothing from an encrypted volume."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.base.errors import Denied, NotFound, Unavailable
from strongroom.kernel.cache import RecordCache, cache_key, file_identity

LINES = ['{"type":"os","at":"d.raw"}', '{"type":"package","name":"\u00e9"}']
KEY = cache_key("disk", "engine 1")


@pytest.fixture
def cache(tmp_path: Path) -> RecordCache:
    return RecordCache(str(tmp_path / "cache"), 1 << 20)


def only_file(tmp_path: Path) -> Path:
    (found,) = (path for path in tmp_path.rglob("*") if path.is_file())
    return found


def test_what_was_put_is_got(cache: RecordCache):
    assert cache.get(KEY) is None

    assert cache.put(KEY, LINES)

    assert cache.get(KEY) == LINES


def test_an_empty_list_of_records_is_an_answer(cache: RecordCache):
    cache.put(KEY, [])

    assert cache.get(KEY) == []


def test_the_last_put_wins(cache: RecordCache):
    cache.put(KEY, LINES)
    cache.put(KEY, LINES[:1])

    assert cache.get(KEY) == LINES[:1]


@given(st.lists(st.text()), st.lists(st.text()))
def test_different_parts_have_different_keys(one: list[str], other: list[str]):
    assert (cache_key(*one) == cache_key(*other)) == (one == other)


def test_records_of_an_encrypted_volume_are_not_kept(cache: RecordCache, tmp_path: Path):
    assert not cache.put(KEY, LINES, private=True)

    assert cache.get(KEY) is None
    assert list(tmp_path.iterdir()) == []


def test_a_cache_that_is_off_neither_keeps_nor_answers(cache: RecordCache, tmp_path: Path):
    cache.put(KEY, LINES)
    off = RecordCache(str(tmp_path / "cache"), 1 << 20, enabled=False)

    assert off.get(KEY) is None
    assert not off.put(KEY, LINES)


def test_any_flipped_byte_is_a_miss_and_verify_names_the_file(cache: RecordCache, tmp_path: Path):
    cache.put(KEY, LINES)
    path = only_file(tmp_path)
    whole = path.read_bytes()
    for offset in range(len(whole)):
        damaged = bytearray(whole)
        damaged[offset] ^= 0x20
        path.write_bytes(damaged)

        assert cache.get(KEY) is None, offset
        assert [problem.path for problem in cache.verify()] == [str(path)], offset


@pytest.mark.parametrize("size", range(0, 60, 7))
def test_a_truncated_entry_is_a_miss(cache: RecordCache, tmp_path: Path, size: int):
    cache.put(KEY, LINES)
    path = only_file(tmp_path)
    path.write_bytes(path.read_bytes()[:size])

    assert cache.get(KEY) is None


def test_an_entry_moved_to_another_key_is_a_miss(cache: RecordCache, tmp_path: Path):
    cache.put(KEY, LINES)
    path = only_file(tmp_path)
    other = cache_key("another disk")
    target = path.parents[1] / other[:2] / other
    target.parent.mkdir(exist_ok=True)
    path.rename(target)

    assert cache.get(other) is None


def test_a_whole_cache_has_no_problems(cache: RecordCache):
    cache.put(KEY, LINES)

    assert list(cache.verify()) == []


def test_entries_are_private_to_their_user(cache: RecordCache, tmp_path: Path):
    cache.put(KEY, LINES)

    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "cache").rglob("*")}
    assert modes == {0o700, 0o600}


def test_over_the_cap_the_entry_used_longest_ago_goes(tmp_path: Path):
    line = "x" * 1000
    cache = RecordCache(str(tmp_path), 5000)
    keys = [cache_key(str(n)) for n in range(4)]
    for age, key in zip((400, 300, 200, 100), keys, strict=True):
        cache.put(key, [line])
        used = 1_700_000_000 - age
        os.utime(tmp_path / "records" / key[:2] / key, (used, used))
    cache.get(keys[0])

    cache.put(cache_key("new"), [line])

    assert [cache.get(key) is not None for key in keys] == [True, False, True, True]
    assert cache.stats().size_bytes <= 5000


def test_an_entry_over_the_cap_is_not_kept(tmp_path: Path):
    cache = RecordCache(str(tmp_path), 100)

    assert not cache.put(KEY, ["x" * 200])
    assert cache.stats() == (0, 0, 100)


def test_clear_removes_everything_and_counts_it(cache: RecordCache):
    cache.put(KEY, LINES)
    cache.put(cache_key("other"), LINES)

    assert cache.stats().entries == 2
    assert cache.clear() == 2
    assert (cache.get(KEY), cache.stats().entries) == (None, 0)


def test_a_folder_that_cannot_be_made_keeps_nothing_and_fails_nothing(tmp_path: Path):
    (tmp_path / "file").write_bytes(b"")
    cache = RecordCache(str(tmp_path / "file" / "cache"), 1000)

    assert not cache.put(KEY, LINES)
    assert cache.get(KEY) is None
    assert (cache.clear(), cache.stats().entries, list(cache.verify())) == (0, 0, [])


def identity_after(path: Path, change: str) -> str:
    content = path.read_bytes()
    times = path.stat()
    if change == "first byte":
        path.write_bytes(b"X" + content[1:])
    elif change == "last byte":
        path.write_bytes(content[:-1] + b"X")
    elif change == "length":
        path.write_bytes(content + b"\0")
    elif change == "another file with the same name":
        path.rename(path.with_name("old"))
        path.write_bytes(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    return file_identity(str(path))


@pytest.mark.parametrize(
    "change", ["first byte", "last byte", "length", "another file with the same name"]
)
def test_a_changed_disk_has_another_identity_even_with_its_old_time(tmp_path: Path, change: str):
    path = tmp_path / "d.raw"
    path.write_bytes(bytes(200_000))
    before = file_identity(str(path))

    assert file_identity(str(path)) == before
    assert identity_after(path, change) != before


def test_path_and_descriptor_have_the_same_identity(tmp_path: Path):
    path = tmp_path / "d.raw"
    path.write_bytes(b"disk")

    with path.open("rb") as file:
        assert file_identity(file.fileno()) == file_identity(str(path))
        assert not file.closed
        assert file.read() == b"disk"


def test_a_file_that_cannot_be_read_has_no_identity(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")

    for name, error in (("absent", NotFound), ("pipe", Unavailable), ("", Unavailable)):
        with pytest.raises(error):
            file_identity(str(tmp_path / name))


@pytest.fixture
def nobody() -> Iterator[None]:
    """Run the test as a user who may not read everything."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    yield
    os.seteuid(user)


@pytest.mark.usefixtures("nobody")
def test_a_forbidden_file_is_denied():
    with pytest.raises(Denied):
        file_identity("/proc/1/mem")
