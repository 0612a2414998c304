"""find: over mounts, links and damage; what its tests choose is held against find(1) elsewhere.

`test_names.py` compares every test with find(1), `test_criteria.py` reads what users write.
"""

import os
from pathlib import Path
from typing import Any

import pytest

from strongroom.base.errors import NotFound, Unavailable, Usage
from strongroom.base.locator import parse
from strongroom.base.record import Finding
from strongroom.kernel.call import Context
from strongroom.testing.images.ext import debugfs, ext
from strongroom.testing.tools import need

ACCOUNTS = "root:x:0:0::/root:/bin/sh\nada:x:70001:100::/home/ada:/bin/sh\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A folder and an ext4 made from it."""
    need("mke2fs", "debugfs")
    out = tmp_path_factory.mktemp("find")
    root = out / "root"
    for name in ("etc", "home/ada", "log/old"):
        (root / name).mkdir(parents=True)
    (root / "etc/passwd").write_text(ACCOUNTS)
    (root / "etc/passwd").chmod(0o644)
    (root / "home/ada/notes").write_bytes(b"n" * 5000)
    (root / "home/ada/tool").write_bytes(b"t")
    (root / "home/ada/tool").chmod(0o4755)
    for number in range(5):
        (root / f"log/app.{number}.log").write_bytes(b"l" * number)
    (root / "log/old/app.log").write_bytes(b"")
    (root / "logs").symlink_to("log")
    Path(os.fsdecode(os.fsencode(root / "log") + b"/odd-\xff")).write_bytes(b"")
    disk = ext(out / "disk.raw", "-t ext4", root, "8M")
    debugfs(disk, "set_inode_field /home/ada/notes uid 70001\nsif /home/ada/tool uid 65536")
    return root, disk


def find(ctx: Context, disk: Path | str, path: str = "/", **flags: Any) -> list[Any]:
    return list(ctx.call("guest.find", disk=str(disk), path=path, **flags))


def paths(records: list[Any]) -> list[str]:
    return [record.path for record in records if not isinstance(record, Finding)]


@pytest.mark.parametrize("depth", [None, 0, 1, 2, 99])
def test_the_disk_and_the_folder_hold_the_same_names(
    ctx: Context, made: tuple[Path, Path], depth: int | None
) -> None:
    folder, disk = made
    of_disk = set(paths(find(ctx, disk, max_depth=depth)))

    assert of_disk - {"/lost+found"} == set(paths(find(ctx, folder, max_depth=depth)))
    assert len(of_disk) == len(paths(find(ctx, disk, max_depth=depth)))


@pytest.mark.parametrize(
    ("path", "flags", "found"),
    [
        ("/log", {"name": "app.?.log", "size": "+2"}, ["/log/app.3.log", "/log/app.4.log"]),
        ("/log", {"name": "app*", "max_depth": 1, "size": "0"}, ["/log/app.0.log"]),
        ("/log/old", {}, ["/log/old", "/log/old/app.log"]),
        ("/logs", {"name": "app.log"}, ["/log/old/app.log"]),
        ("/", {"type": "l"}, ["/logs"]),
        ("/log/app.1.log", {}, ["/log/app.1.log"]),
        ("/log/app.1.log", {"type": "d"}, []),
        ("/", {"perm": "-4000"}, ["/home/ada/tool"]),
        ("/", {"name": "odd-\udcff"}, ["/log/odd-\udcff"]),
        ("/", {"name": "odd-[\udc80-\udcff]"}, ["/log/odd-\udcff"]),
        ("/", {"user": "ada"}, ["/home/ada/notes"]),
        ("/", {"user": "70001"}, ["/home/ada/notes"]),
        ("/", {"user": "65536"}, ["/home/ada/tool"]),
        ("/", {"user": "9" * 400}, []),
        ("/", {"name": "*", "iname": "NOTES"}, ["/home/ada/notes"]),
        ("/", {"limit": 0}, []),
    ],
)
def test_what_meets_all_tests_is_found(
    ctx: Context, made: tuple[Path, Path], path: str, flags: dict[str, Any], found: list[str]
) -> None:
    assert sorted(paths(find(ctx, made[1], path, **flags))) == found


@pytest.mark.parametrize("limit", [1, 3])
def test_a_limit_ends_the_search(ctx: Context, made: tuple[Path, Path], limit: int) -> None:
    assert len(find(ctx, made[1], limit=limit)) == limit
    assert len(find(ctx, made[1], "/log", name="app*", limit=limit)) == limit


def test_a_user_is_known_by_the_accounts_of_the_guest_only(
    ctx: Context, made: tuple[Path, Path]
) -> None:
    with pytest.raises(NotFound) as raised:
        find(ctx, made[1], user="daemon")
    assert raised.value.code == "not_found.user"


def test_what_is_mounted_is_searched_and_what_it_hides_is_not(ctx: Context, disk: Path) -> None:
    names = paths(find(ctx, disk, "/home"))

    assert "/home/ada/notes.txt" in names
    assert "/home/.hidden-below" not in names
    assert paths(find(ctx, f"{disk}::p1", "/home", name=".hidden*")) == ["/home/.hidden-below"]


def test_every_address_opens_what_was_found(ctx: Context, disk: Path) -> None:
    records = find(ctx, disk, "/etc", type="f", size="+0")
    assert records
    for record in records:
        source: Any = ctx.open(parse(str(record.at)))
        assert source.size == record.size_bytes


@pytest.mark.parametrize("block", ["0x7fff0000", "0"])
def test_a_directory_that_is_damaged_is_reported_and_the_others_are_searched(
    ctx: Context, made: tuple[Path, Path], tmp_path: Path, block: str
) -> None:
    broken = tmp_path / "broken.raw"
    broken.write_bytes(made[1].read_bytes())
    debugfs(broken, f"set_inode_field /log block[0] {block}\nset_inode_field /log flags 0")
    records = find(ctx, broken)
    findings = [r for r in records if isinstance(r, Finding)]

    assert "/home/ada/notes" in paths(records)
    assert findings
    assert {str(f.at).partition("::")[2] for f in findings} <= {"", "/log", "/"}
    assert all(f.rule.startswith("problem.") for f in findings)


def test_a_directory_that_holds_itself_is_searched_once(
    ctx: Context, made: tuple[Path, Path], tmp_path: Path
) -> None:
    looped = tmp_path / "looped.raw"
    looped.write_bytes(made[1].read_bytes())
    debugfs(looped, "link /log /log/old/again\nlink /home /log/elsewhere")
    records = find(ctx, looped)
    names = paths(records)

    assert len(names) == len(set(names)) < 40
    assert "/log/old/app.log" in names
    assert [r for r in records if isinstance(r, Finding)]


def test_a_caller_that_has_gone_ends_the_search(ctx: Context, made: tuple[Path, Path]) -> None:
    stream = ctx.call("guest.find", disk=str(made[1]))
    next(stream)
    ctx.session.cancelled = True

    with pytest.raises(Unavailable) as raised:
        list(stream)
    assert raised.value.code == "unavailable.cancelled"


def test_the_word_of_other_tools_does_the_same(ctx: Context, made: tuple[Path, Path]) -> None:
    assert list(ctx.call("guest.search", disk=str(made[1]))) == find(ctx, made[1])


@pytest.mark.parametrize("flags", [{"limit": -1}, {"max_depth": -1}])
def test_numbers_below_zero_are_refused_before_anything_is_opened(
    ctx: Context, tmp_path: Path, flags: dict[str, Any]
) -> None:
    with pytest.raises(Usage):
        find(ctx, tmp_path / "missing", **flags)
