import os
import sqlite3
import stat
from pathlib import Path

import pytest

from strongroom.base.errors import Unavailable
from strongroom.kernel.store import (
    boot_id,
    delete_database,
    find_home,
    make_private_dir,
    open_database,
    write_atomically,
)

HOMES = [
    (
        {"STRONGROOM_HOME": "/srv/room", "HOME": "/home/a", "XDG_STATE_HOME": "/x"},
        ("/srv/room/config", "/srv/room/state", "/srv/room/cache"),
    ),
    (
        {"HOME": "/home/a"},
        (
            "/home/a/.config/strongroom",
            "/home/a/.local/state/strongroom",
            "/home/a/.cache/strongroom",
        ),
    ),
    (
        {"XDG_CONFIG_HOME": "/c", "XDG_STATE_HOME": "/s", "XDG_CACHE_HOME": "/k"},
        ("/c/strongroom", "/s/strongroom", "/k/strongroom"),
    ),
    (
        {"HOME": "/home/a", "XDG_STATE_HOME": "relative"},
        (
            "/home/a/.config/strongroom",
            "/home/a/.local/state/strongroom",
            "/home/a/.cache/strongroom",
        ),
    ),
]
SCHEMA = "CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY)"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(("environ", "expected"), HOMES)
def test_the_home_is_where_the_environment_says(environ: dict[str, str], expected: tuple[str, ...]):
    assert tuple(find_home(environ)) == expected


def test_a_relative_strongroom_home_becomes_absolute():
    assert os.path.isabs(find_home({"STRONGROOM_HOME": "room"}).state_dir)


def test_without_home_the_user_database_is_asked():
    assert os.path.isabs(find_home({}).config_dir)


def test_the_boot_has_one_name():
    assert boot_id() == boot_id()


def test_a_private_folder_is_made_with_those_above_it_and_closed(tmp_path: Path):
    make_private_dir(str(tmp_path / "a" / "b"))

    assert (mode(tmp_path / "a"), mode(tmp_path / "a" / "b")) == (0o700, 0o700)


def test_a_private_folder_that_was_open_is_closed(tmp_path: Path):
    folder = tmp_path / "a"
    folder.mkdir(mode=0o755)

    make_private_dir(str(folder))

    assert mode(folder) == 0o700


def test_a_file_in_place_of_a_folder_is_unavailable_and_names_the_way_out(tmp_path: Path):
    (tmp_path / "a").write_bytes(b"")

    with pytest.raises(Unavailable) as caught:
        make_private_dir(str(tmp_path / "a" / "b"))

    assert "STRONGROOM_HOME" in str(caught.value.hint)


def test_a_file_is_replaced_whole_and_private(tmp_path: Path):
    path = tmp_path / "new" / "file"

    write_atomically(str(path), b"one")
    write_atomically(str(path), b"two")

    assert (path.read_bytes(), mode(path), os.listdir(path.parent)) == (b"two", 0o600, ["file"])


def test_a_failed_write_leaves_the_old_content_and_no_partial_file(tmp_path: Path):
    (tmp_path / "file").mkdir()

    with pytest.raises(Unavailable):
        write_atomically(str(tmp_path / "file"), b"two")

    assert os.listdir(tmp_path) == ["file"]


def test_a_database_is_private_and_keeps_what_was_written(tmp_path: Path):
    path = tmp_path / "index.db"
    with open_database(str(path), SCHEMA, 1) as database:
        database.execute("INSERT INTO fact VALUES ('a')")
    database.close()

    again = open_database(str(path), SCHEMA, 1)

    assert again.execute("SELECT name FROM fact").fetchall() == [("a",)]
    assert {mode(p) for p in tmp_path.iterdir()} == {0o600}
    again.close()


@pytest.mark.parametrize("content", [b"not a database" * 100, b""])
def test_a_damaged_database_is_made_anew(tmp_path: Path, content: bytes):
    path = tmp_path / "index.db"
    path.write_bytes(content)

    database = open_database(str(path), SCHEMA, 1)

    assert database.execute("SELECT count(*) FROM fact").fetchone() == (0,)
    database.close()


def test_a_database_of_another_version_is_made_anew(tmp_path: Path):
    path = str(tmp_path / "index.db")
    with open_database(path, SCHEMA, 1) as database:
        database.execute("INSERT INTO fact VALUES ('a')")
    database.close()

    newer = open_database(path, SCHEMA, 2)

    assert newer.execute("SELECT count(*) FROM fact").fetchone() == (0,)
    newer.close()


def test_a_locked_database_is_unavailable_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "index.db"
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda p, **k: connect(p, **{**k, "timeout": 0.01}))

    with pytest.raises(Unavailable):
        open_database(str(path), SCHEMA, 1)

    assert path.exists()
    holder.close()


def test_a_deleted_database_leaves_no_journals(tmp_path: Path):
    path = tmp_path / "index.db"
    database = open_database(str(path), SCHEMA, 1)

    delete_database(str(path))

    assert os.listdir(tmp_path) == []
    database.close()
