"""The read verbs on an ext4 in a qcow2 give what other tools give on the folder it was made of."""

import hashlib
import io
import os
import random
import stat as stat_module
import subprocess
import tarfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from strongroom.base.errors import Corrupt, Exhausted, NotFound, StrongroomError
from strongroom.base.record import Finding, Record, json_line, to_plain
from strongroom.kernel.call import Context
from strongroom.testing.folders import make_folder
from strongroom.testing.images.containers import qcow2_zlib
from strongroom.testing.images.ext import debugfs, ext
from strongroom.testing.session import guest_context
from strongroom.testing.tools import need

LOST_FOUND = "/lost+found"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a folder and a qcow2 with an ext4 of it."""
    need("mke2fs", "qemu-img", "debugfs")
    home = tmp_path_factory.mktemp("verbs")
    folder = make_folder(home / "root")
    raw = ext(home / "disk.raw", "-t ext4 -N 2048", folder, size="24M")
    return folder, qcow2_zlib(raw, home)


@pytest.fixture
def folder(made: tuple[Path, Path]) -> Path:
    return made[0]


@pytest.fixture
def disk(made: tuple[Path, Path]) -> Path:
    return made[1]


@pytest.fixture
def ctx(tmp_path: Path) -> Context:
    return guest_context(tmp_path / "home")


def records(ctx: Context, op: str, disk: Path, **params: Any) -> list[Any]:
    found = [
        r for r in ctx.call(op, disk=str(disk), **params) if getattr(r, "path", None) != LOST_FOUND
    ]
    assert not [r for r in found if isinstance(r, Finding)]
    return found


VARYING = {"at", "at_b64", "ino", "mtime", "atime", "ctime", "crtime", "xattrs"}
"""What a copy does not share with what it is of; times are kept to the second only."""


def shape(record: Record) -> dict[str, Any]:
    plain = to_plain(record)
    if plain.get("kind") == "dir":
        del plain["size_bytes"]
    if "mtime" in plain:
        plain["second"] = plain["mtime"][:19]
    if plain.get("path") == "/":
        del plain["second"]
    return {name: value for name, value in plain.items() if name not in VARYING}


SAME: list[tuple[str, dict[str, Any]]] = [
    ("guest.ls", {"path": "/etc"}),
    ("guest.ls", {"recursive": True, "all": True}),
    ("guest.ls", {"path": "/to-dir", "all": True}),
    ("guest.ls", {"path": "/outside"}),
    ("guest.stat", {"paths": ["/etc/passwd", "/binary", "/to-file", "/same/one", "/pipe"]}),
    ("guest.find", {"type": "f", "size": "+1K"}),
    ("guest.find", {"perm": "-4000"}),
    ("guest.find", {"user": str(os.geteuid()), "type": "f"}),
    ("guest.find", {"iname": "HOST*", "max_depth": 2}),
    ("guest.find", {"older_than": "2023-11-14T22:13:41Z", "type": "f,l"}),
    ("guest.hash", {"paths": ["/"], "recursive": True}),
    ("guest.grep", {"pattern": "root"}),
    ("guest.grep", {"pattern": "^1?99 .*log$", "path": "/logs"}),
    ("guest.strings", {"path": "/binary"}),
    ("guest.find-duplicates", {}),
    ("guest.find-large", {"top": 5}),
    ("guest.du", {"path": "/same"}),
    ("guest.du", {"path": "/home", "sizes_only": True}),
]


@pytest.mark.parametrize(("op", "params"), SAME, ids=str)
def test_an_op_yields_the_same_of_the_disk_as_of_the_folder(
    ctx: Context, folder: Path, disk: Path, op: str, params: dict[str, Any]
):
    of_disk, of_folder = (
        sorted((shape(r) for r in records(ctx, op, place, **params)), key=repr)
        for place in (disk, folder)
    )
    assert of_disk == of_folder
    assert of_disk


def test_every_record_names_a_locator_that_opens_it(ctx: Context, disk: Path):
    for record in records(ctx, "guest.find", disk, type="f"):
        (again,) = ctx.call("guest.stat", disk=str(record.at))
        assert (again.path, again.size_bytes) == (record.path, record.size_bytes)


def test_every_file_reads_as_in_the_folder(ctx: Context, folder: Path, disk: Path):
    for record in records(ctx, "guest.find", disk, type="f"):
        real = folder / record.path.lstrip("/")
        with open(os.fsencode(real), "rb") as file:
            expected = file.read()
        got = b"".join(ctx.call("guest.cat", disk=str(disk), paths=(record.path,)))
        assert got == expected, record.path
        for tool in ("head", "tail"):
            words = [tool, "-n", "3", os.fsencode(real)]
            printed = subprocess.run(words, capture_output=True, check=True).stdout
            ours = ctx.call(f"guest.{tool}", disk=str(disk), paths=(record.path,), lines=3)
            assert b"".join(ours) == printed, record.path


def tree_facts(root: Path) -> dict[bytes, tuple[Any, ...]]:
    found: dict[bytes, tuple[Any, ...]] = {}
    for above, directories, files in os.walk(os.fsencode(root)):
        for name in [*directories, *files]:
            here = os.path.join(above, name)
            s = os.lstat(here)
            kind = stat_module.S_IFMT(s.st_mode)
            content: bytes | None = None
            if kind == stat_module.S_IFREG:
                with open(here, "rb") as file:
                    content = hashlib.sha256(file.read()).digest()
            elif kind == stat_module.S_IFLNK:
                content = os.readlink(here)
            elif kind != stat_module.S_IFDIR:
                continue
            mode = 0 if kind == stat_module.S_IFLNK else stat_module.S_IMODE(s.st_mode) & 0o755
            links = s.st_nlink if kind == stat_module.S_IFREG else 0
            second = s.st_mtime_ns // 10**9
            found[os.path.relpath(here, os.fsencode(root))] = (kind, mode, links, second, content)
    return found


def test_what_is_extracted_is_what_went_in(ctx: Context, folder: Path, disk: Path, tmp_path: Path):
    before = os.umask(0o022)
    try:
        records(ctx, "guest.extract", disk, path="/", dest=tmp_path / "out")
    finally:
        os.umask(before)
    out = tree_facts(tmp_path / "out")
    del out[b"lost+found"]
    assert out == tree_facts(folder)
    assert (tmp_path / "out/sparse").stat().st_blocks * 512 < 1 << 20


def test_tar_finds_only_the_fractions_of_times_to_differ(ctx: Context, folder: Path, disk: Path):
    need("tar")
    pieces = ctx.call("guest.tar-out", disk=str(disk), path="/")
    content = b"".join(piece for piece in pieces if isinstance(piece, bytes))
    result = subprocess.run(
        ["tar", "--compare", "-f", "-", "-C", str(folder), "--exclude=./lost+found"],
        input=content,
        env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        check=False,
    )
    lines = result.stdout.decode("utf-8", "replace").splitlines()
    assert all(line.endswith("Mod time differs") for line in lines), lines[:5]
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        times = {member.name: member.mtime for member in tar}
    for name, mtime in times.items():
        if name in (".", "./lost+found"):
            continue
        real = os.lstat(os.fsencode(folder) + b"/" + os.fsencode(name))
        assert mtime == real.st_mtime_ns // 10**9, name


def test_df_tells_what_the_superblock_tells(ctx: Context, disk: Path, made: tuple[Path, Path]):
    (space,) = records(ctx, "guest.df", disk)
    told = debugfs(made[0].parent / "disk.raw", "show_super_stats -h", write=False)
    stats = {
        name.strip(): value.strip()
        for name, _, value in (line.partition(":") for line in told.splitlines())
    }
    block = int(stats["Block size"])
    assert space.size_bytes == int(stats["Block count"]) * block
    assert space.free_bytes == int(stats["Free blocks"]) * block
    assert (space.inodes, space.inodes_free) == (
        int(stats["Inode count"]),
        int(stats["Free inodes"]),
    )
    assert space.used_bytes == space.size_bytes - space.free_bytes


def test_what_is_stored_is_what_debugfs_counts(ctx: Context, made: tuple[Path, Path], disk: Path):
    (usage,) = records(ctx, "guest.du", disk, path="/sparse")
    told = debugfs(made[0].parent / "disk.raw", "blocks /sparse\nshow_super_stats -h", write=False)
    blocks = [line for line in told.splitlines() if line and line[0].isdigit()][0].split()
    size = int(next(line for line in told.splitlines() if "Block size" in line).split()[-1])
    # mke2fs -d writes this file with extents that fit into its inode: no block is metadata
    assert usage.stored_bytes == len(blocks) * size


def damage(made: tuple[Path, Path], tmp_path: Path, path: str) -> Path:
    """Return a copy of the disk in which a file's inode points behind the end of the disk."""
    copy = tmp_path / "damaged.raw"
    copy.write_bytes((made[0].parent / "disk.raw").read_bytes())
    debugfs(copy, f"set_inode_field {path} block[2] 0x7fff0001\nset_inode_field {path} flags 0")
    debugfs(copy, f"set_inode_field {path} block[0] 0x7fff0000")
    return copy


def test_a_damaged_file_is_reported_and_the_others_are_read(
    ctx: Context, made: tuple[Path, Path], tmp_path: Path
):
    broken = damage(made, tmp_path, "/logs/app.log")
    whole = {r.path for r in records(ctx, "guest.hash", made[1], paths=["/"], recursive=True)}
    for op, params in (
        ("guest.hash", {"paths": ["/"], "recursive": True}),
        ("guest.grep", {"pattern": "root", "path": "/"}),
        ("guest.cat", {"paths": ["/logs/app.log", "/etc/hostname"]}),
        ("guest.tar-out", {}),
        ("guest.extract", {"path": "/", "dest": tmp_path / "out"}),
    ):
        found = list(ctx.call(op, disk=str(broken), **params))
        findings = [f for f in found if isinstance(f, Finding)]
        assert [f for f in findings if f.rule.startswith("problem.corrupt.ext")], op
        if op == "guest.hash":
            hashed = {r.path for r in found if not isinstance(r, Finding)}
            assert hashed == whole - {"/logs/app.log"}
        if op == "guest.cat":
            assert b"sandbox\n" in found
    with pytest.raises(Corrupt):
        list(ctx.call("guest.cat", disk=str(broken), paths=("/logs/app.log",)))
    assert not (tmp_path / "out/logs/app.log").exists()
    assert (tmp_path / "out/etc/hostname").exists()


def test_no_path_of_the_guest_is_opened_on_the_host(
    ctx: Context, disk: Path, opened_files: list[str]
):
    for path in ("/absolute", "/outside/passwd", "/etc/../../../../etc/passwd"):
        list(ctx.call("guest.cat", disk=str(disk), paths=(path,)))
    with pytest.raises(NotFound):
        list(ctx.call("guest.cat", disk=str(disk), paths=("/etc/shadow",)))
    assert not [name for name in opened_files if name.startswith("/etc/")]


def test_every_record_is_a_line_of_json(ctx: Context, disk: Path):
    for op, params in SAME:
        for record in ctx.call(op, disk=str(disk), **params):
            assert json_line(record).encode("utf-8").startswith(b'{"type":"')


def test_a_file_that_claims_more_than_a_disk_can_hold_is_not_hashed_for_ever(
    ctx: Context, made: tuple[Path, Path], tmp_path: Path
):
    copy = tmp_path / "claims.raw"
    copy.write_bytes((made[0].parent / "disk.raw").read_bytes())
    debugfs(copy, f"set_inode_field /sparse size {1 << 43}")
    hashed = list(ctx.call("guest.hash", disk=str(copy), paths=("/",), recursive=True))
    findings = [f for f in hashed if isinstance(f, Finding)]
    assert [(f.rule, f.at.path) for f in findings] == [("problem.exhausted.content", "/sparse")]
    assert len(hashed) > 20
    with pytest.raises(Exhausted, match="sparse"):
        list(ctx.call("guest.hash", disk=str(copy), paths=("/sparse",)))
    pieces = ctx.call("guest.tail", disk=str(copy), paths=("/sparse",), bytes=5)
    assert b"".join(pieces) == bytes(5)
    archive = [p for p in ctx.call("guest.tar-out", disk=str(copy)) if isinstance(p, bytes)]
    with tarfile.open(fileobj=io.BytesIO(b"".join(archive))) as tar:
        assert tar.getmember("./sparse").size == 1 << 43


DAMAGED: list[tuple[str, dict[str, Any]]] = [
    ("guest.ls", {"recursive": True, "all": True}),
    ("guest.find", {"name": "*"}),
    ("guest.hash", {"paths": ["/"], "recursive": True}),
    ("guest.du", {}),
    ("guest.find-duplicates", {}),
    ("guest.find-large", {}),
    ("guest.grep", {"pattern": "line", "binary": "text"}),
    ("guest.stat", {"paths": ["/etc/passwd", "/null", "/sparse"]}),
    ("guest.tail", {"paths": ["/logs/app.log", "/sparse"], "bytes": 1000}),
    ("guest.strings", {"path": "/binary"}),
    ("guest.tar-out", {}),
    ("guest.extract", {"path": "/", "xattrs": True}),
]


@pytest.mark.parametrize("seed", range(6))
def test_a_disk_with_changed_bytes_gives_records_or_one_of_the_nine(
    ctx: Context, made: tuple[Path, Path], tmp_path: Path, seed: int
):
    rng = random.Random(seed)
    content = bytearray((made[0].parent / "disk.raw").read_bytes())
    used = [at for at in range(1024, len(content), 512) if any(content[at : at + 512])]
    for _ in range(rng.choice((1, 10, 100))):
        content[rng.choice(used) + rng.randrange(512)] ^= 1 << rng.randrange(8)
    broken = tmp_path / "broken.raw"
    broken.write_bytes(content)
    for op, params in DAMAGED:
        more = {"dest": tmp_path / "out"} if op == "guest.extract" else {}
        with suppress(StrongroomError):
            for _ in ctx.call(op, disk=str(broken), **params, **more):
                pass
    assert not list(tmp_path.rglob("*.part"))
