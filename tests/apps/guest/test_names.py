"""ls, stat and find of a folder and of an ext4 made from it, compared with find(1) and stat(1)."""

import base64
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from strongroom.base.errors import NotFound, Usage
from strongroom.base.record import Finding, to_plain
from strongroom.kernel.call import Context
from strongroom.testing.folders import make_folder
from strongroom.testing.session import guest_context
from strongroom.testing.tools import need


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("names") / "root")


@pytest.fixture
def ctx(tmp_path: Path) -> Context:
    return guest_context(tmp_path / "home")


def call(ctx: Context, op: str, disk: Path, *words: str, **flags: Any) -> list[Any]:
    params: dict[str, Any] = {"disk": str(disk), **flags}
    if words:
        params["paths" if op == "guest.stat" else "path"] = (
            words if op == "guest.stat" else words[0]
        )
    return list(ctx.call(op, **params))


def paths(records: list[Any]) -> list[str]:
    return [record.path for record in records]


def find_1(folder: Path, *expression: str) -> set[str]:
    """Return what find(1) finds, as paths inside the folder."""
    need("find")
    result = subprocess.run(
        ["find", str(folder), *expression, "-print0"], capture_output=True, check=True
    )
    names = [os.fsdecode(name) for name in result.stdout.split(b"\0")[:-1]]
    return {name[len(str(folder)) :] or "/" for name in names}


def test_ls_shows_what_ls_shows_in_the_order_of_bytes(ctx: Context, folder: Path):
    expected = sorted(name for name in os.listdir(folder) if not name.startswith("."))
    assert paths(call(ctx, "guest.ls", folder)) == [f"/{name}" for name in expected]


def test_ls_all_shows_names_that_begin_with_a_dot(ctx: Context, folder: Path):
    assert "/etc/.secret" not in paths(call(ctx, "guest.ls", folder, "/etc"))
    assert "/etc/.secret" in paths(call(ctx, "guest.ls", folder, "/etc", all=True))


def test_ls_recursive_shows_every_name_once(ctx: Context, folder: Path):
    found = paths(call(ctx, "guest.ls", folder, recursive=True, all=True))
    assert set(found) == find_1(folder, "-mindepth", "1")
    assert len(found) == len(set(found))


def test_ls_recursive_without_all_stays_out_of_hidden_directories(ctx: Context, folder: Path):
    found = set(paths(call(ctx, "guest.ls", folder, recursive=True)))
    assert found == find_1(folder, "-mindepth", "1", "!", "-path", "*/.*")


def test_ls_follows_a_link_to_a_directory_and_shows_any_other_link(ctx: Context, folder: Path):
    assert paths(call(ctx, "guest.ls", folder, "/to-dir"))[0] == "/etc/hostname"
    for link, target in (("/to-file", "etc/hostname"), ("/dangling", "nowhere/at/all")):
        (entry,) = call(ctx, "guest.ls", folder, link)
        assert (entry.path, entry.kind, entry.target) == (link, "link", target)


def test_ls_stays_inside_where_a_link_leads_out(ctx: Context, folder: Path):
    assert paths(call(ctx, "guest.ls", folder, "/outside")) == [
        "/etc/hostname",
        "/etc/hostname.hard",
        "/etc/passwd",
    ]


def test_ls_stops_at_the_limit(ctx: Context, folder: Path):
    assert len(call(ctx, "guest.ls", folder, recursive=True, limit=3)) == 3
    assert call(ctx, "guest.ls", folder, limit=0) == []


def test_a_locator_with_a_path_needs_no_second_argument(ctx: Context, folder: Path):
    assert paths(call(ctx, "guest.ls", Path(f"{folder}::/etc"))) == paths(
        call(ctx, "guest.ls", folder, "/etc")
    )


def test_a_name_that_is_not_utf8_is_exact_in_json(ctx: Context, folder: Path):
    rows = [to_plain(record) for record in call(ctx, "guest.ls", folder, "/home")]
    (row,) = [row for row in rows if "path_b64" in row]
    assert base64.b64decode(row["path_b64"]) == b"/home/not-utf8-\xff\xfe"


def test_an_entry_tells_what_stat_tells(ctx: Context, folder: Path):
    for record in call(ctx, "guest.stat", folder, "/etc/passwd", "/same", "/binary", "/to-file"):
        real = os.lstat(folder / record.path.lstrip("/"))
        assert record.mode == f"{real.st_mode & 0o7777:04o}"
        assert (record.uid, record.gid) == (real.st_uid, real.st_gid)
        assert (record.size_bytes, record.ino, record.nlink) == (
            real.st_size,
            real.st_ino,
            real.st_nlink,
        )


def test_times_are_exact_and_in_utc(ctx: Context, folder: Path):
    name = folder / "etc/hostname"
    need("stat")
    told = subprocess.run(["stat", "-c", "%Y %y", name], capture_output=True, check=True, text=True)
    fraction = told.stdout.split()[2].partition(".")[2].rstrip("0")
    (record,) = call(ctx, "guest.stat", folder, "/etc/hostname")
    assert record.mtime.endswith(f".{fraction}Z" if fraction else "Z")
    assert record.mtime.startswith("2023-11-14T22:1")


def test_stat_follows_the_last_link_only_when_asked(ctx: Context, folder: Path):
    assert call(ctx, "guest.stat", folder, "/to-file")[0].kind == "link"
    assert call(ctx, "guest.stat", folder, "/to-file", follow=True)[0].path == "/etc/hostname"


def test_stat_shows_extended_attributes_in_base64(ctx: Context, tmp_path: Path):
    (tmp_path / "f").write_bytes(b"")
    try:
        os.setxattr(tmp_path / "f", "user.note", b"\xff\0")
    except OSError:
        pytest.skip("this file system keeps no user attributes")
    (record,) = call(ctx, "guest.stat", tmp_path, "/f")
    assert record.xattrs["user.note"] == base64.b64encode(b"\xff\0").decode()


def test_stat_goes_on_after_a_name_that_is_missing_and_then_says_so(ctx: Context, folder: Path):
    stream = ctx.call(
        "guest.stat", disk=str(folder), paths=("/etc", "/missing", "/etc/passwd", "/circle/x")
    )
    seen: list[str] = []
    with pytest.raises(NotFound, match="missing"):
        seen.extend(record.path for record in stream)
    assert seen == ["/etc", "/etc/passwd"]


FINDS: list[tuple[dict[str, Any], list[str]]] = [
    ({}, []),
    ({"name": "*.txt"}, ["-name", "*.txt"]),
    ({"name": "[a-e]*"}, ["-name", "[a-e]*"]),
    ({"name": "*"}, ["-name", "*"]),
    ({"iname": "HOST*"}, ["-iname", "HOST*"]),
    ({"type": "f"}, ["-type", "f"]),
    ({"type": "d,l"}, ["(", "-type", "d", "-o", "-type", "l", ")"]),
    ({"type": "p"}, ["-type", "p"]),
    ({"type": "s"}, ["-type", "s"]),
    ({"type": "c,b"}, ["(", "-type", "c", "-o", "-type", "b", ")"]),
    ({"size": "+100000"}, ["-size", "+100000c"]),
    ({"size": "-10"}, ["-size", "-10c"]),
    ({"size": "0", "type": "f"}, ["-size", "0c", "-type", "f"]),
    ({"perm": "444"}, ["-perm", "444"]),
    ({"perm": "-4000"}, ["-perm", "-4000"]),
    ({"perm": "/6000"}, ["-perm", "/6000"]),
    ({"perm": "/0"}, ["-perm", "/0"]),
    ({"user": "1000"}, ["-uid", "1000"]),
    ({"user": "agent"}, ["-uid", "1000"]),
    ({"newer_than": "2023-11-14T22:13:45Z"}, ["-newermt", "2023-11-14 22:13:45 UTC"]),
    ({"older_than": "2023-11-14T22:13:45Z"}, ["!", "-newermt", "2023-11-14 22:13:44.9999 UTC"]),
    ({"max_depth": 0}, ["-maxdepth", "0"]),
    ({"max_depth": 2, "type": "f"}, ["-maxdepth", "2", "-type", "f"]),
]


@pytest.mark.parametrize(("flags", "expression"), FINDS, ids=str)
def test_find_finds_what_find_finds(
    ctx: Context, folder: Path, flags: dict[str, Any], expression: list[str]
):
    found = paths(call(ctx, "guest.find", folder, **flags))
    assert set(found) - {"/"} == find_1(folder, *expression) - {"/"}
    assert len(found) == len(set(found))


def test_an_age_counts_back_from_now(folder: Path, tmp_path: Path):
    ctx = guest_context(tmp_path / "home", now_s=1_700_000_010 + 86400)
    found = call(ctx, "guest.find", folder, newer_than="1d")
    assert set(paths(found)) == find_1(folder, "-newermt", "2023-11-14 22:13:30 UTC")


@pytest.mark.parametrize(
    "flags",
    [
        {"name": ""},
        {"name": "a/b"},
        {"type": "x"},
        {"type": "f,"},
        {"size": "ten"},
        {"size": "+"},
        {"size": "10X"},
        {"perm": "999"},
        {"perm": "u+s"},
        {"newer_than": "yesterday"},
        {"older_than": "2023-13-01"},
        {"limit": -1},
        {"max_depth": -1},
    ],
    ids=str,
)
def test_what_cannot_be_understood_is_a_usage_error(
    ctx: Context, folder: Path, flags: dict[str, Any]
):
    with pytest.raises(Usage):
        call(ctx, "guest.find", folder, **flags)


def test_a_user_that_the_guest_does_not_have_is_not_found(ctx: Context, folder: Path):
    with pytest.raises(NotFound, match="nobody-here"):
        call(ctx, "guest.find", folder, user="nobody-here")


def test_a_path_that_is_missing_is_not_found(ctx: Context, folder: Path):
    for op in ("guest.ls", "guest.find", "guest.stat"):
        with pytest.raises(NotFound):
            call(ctx, op, folder, "/missing/there")


def test_a_circle_of_links_is_not_found(ctx: Context, folder: Path):
    with pytest.raises(NotFound) as caught:
        call(ctx, "guest.find", folder, "/circle")
    assert caught.value.reason == "loop"


def test_nothing_is_reported_of_a_sound_folder(ctx: Context, folder: Path):
    assert not [r for r in call(ctx, "guest.find", folder) if isinstance(r, Finding)]
