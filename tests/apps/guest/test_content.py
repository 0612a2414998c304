"""cat, head, tail, hash, hexdump and strings, compared with the tools of those names."""

import random
import subprocess
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from strongroom.apps.guest.content import STRING_BYTES_MAX, find_strings, hex_lines
from strongroom.base.errors import NotFound, Unavailable, Usage
from strongroom.kernel.call import Context
from strongroom.testing.folders import make_folder
from strongroom.testing.session import guest_context
from strongroom.testing.tools import need

MIB = 1 << 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("content") / "root")


@pytest.fixture
def ctx(tmp_path: Path) -> Context:
    return guest_context(tmp_path / "home")


def run(*command: str, folder: Path) -> bytes:
    need(command[0])
    env = {"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, check=True).stdout


def content(ctx: Context, op: str, folder: Path, *paths: str, **flags: Any) -> bytes:
    return b"".join(ctx.call(op, disk=str(folder), paths=paths, **flags))


@pytest.mark.parametrize(
    "paths",
    [["etc/hostname"], ["sparse"], ["empty-file"], ["to-file", "home/up", "absolute"], ["binary"]],
    ids=str,
)
def test_cat_writes_the_files_one_after_the_other(ctx: Context, folder: Path, paths: list[str]):
    expected = run("cat", *(p.replace("absolute", "etc/passwd") for p in paths), folder=folder)
    assert content(ctx, "guest.cat", folder, *(f"/{path}" for path in paths)) == expected


FILES = ["logs/app.log", "no-newline", "empty-file", "etc/hostname", "sparse", "binary", "zeros"]
AMOUNTS: list[dict[str, int]] = [
    {"lines": 0},
    {"lines": 1},
    {"lines": 2},
    {"lines": 3},
    {"lines": 10},
    {"lines": 19_999},
    {"lines": 30_000},
    {"bytes": 0},
    {"bytes": 1},
    {"bytes": 100_000},
]


@pytest.mark.parametrize(("tool", "amount"), list(product(("head", "tail"), AMOUNTS)), ids=str)
def test_head_and_tail_write_what_those_tools_write(
    ctx: Context, folder: Path, tool: str, amount: dict[str, int]
):
    ((name, count),) = amount.items()
    for file in FILES:
        expected = run(tool, f"--{name}={count}", file, folder=folder)
        assert content(ctx, f"guest.{tool}", folder, f"/{file}", **amount) == expected, file


def test_several_files_stand_under_their_names(ctx: Context, folder: Path):
    for tool in ("head", "tail"):
        expected = run(tool, "-n2", "no-newline", "etc/passwd", "etc/hostname", folder=folder)
        found = content(
            ctx, f"guest.{tool}", folder, "/no-newline", "/etc/passwd", "/etc/hostname", lines=2
        )
        assert found.replace(b"==> /", b"==> ") == expected


def test_tail_of_a_huge_hole_reads_next_to_nothing(ctx: Context, tmp_path: Path):
    with (tmp_path / "huge").open("wb") as file:
        file.write(b"first\nsecond\n")
        file.truncate(1 << 42)
        file.seek(0, 2)
        file.write(b"\nend")
    found = ctx.call("guest.tail", disk=str(tmp_path), paths=("/huge",), lines=1)
    assert b"".join(found) == b"end"
    found = ctx.call("guest.tail", disk=str(tmp_path), paths=("/huge",), lines=2)
    assert next(found).startswith(b"\0")


@pytest.mark.parametrize("algorithm", ["sha256", "sha1", "md5", "sha512", "blake2b"])
def test_hashes_are_those_of_the_checksum_tools(ctx: Context, folder: Path, algorithm: str):
    tool = "b2sum" if algorithm == "blake2b" else f"{algorithm}sum"
    names = ["binary", "sparse", "empty-file", "logs/app.log"]
    expected = [line.split()[0].decode() for line in run(tool, *names, folder=folder).splitlines()]
    found = list(
        ctx.call(
            "guest.hash", disk=str(folder), paths=[f"/{n}" for n in names], algorithm=algorithm
        )
    )
    assert [record.digest for record in found] == expected
    assert [record.size_bytes for record in found] == [
        (folder / name).stat().st_size for name in names
    ]


def test_hash_recursive_hashes_each_regular_file(ctx: Context, folder: Path):
    need("find", "sha256sum")
    lines = run("find", ".", "-type", "f", "-exec", "sha256sum", "-z", "{}", "+", folder=folder)
    expected = {(line[67:], line[:64].decode()) for line in lines.split(b"\0")[:-1]}
    found = ctx.call("guest.hash", disk=str(folder), paths=("/",), recursive=True)
    assert {(r.path.encode("utf-8", "surrogateescape"), r.digest) for r in found} == expected


def test_a_directory_without_recursive_is_a_usage_error(ctx: Context, folder: Path):
    for op in ("guest.hash", "guest.cat", "guest.head", "guest.tail"):
        with pytest.raises(Usage, match="directory"):
            content(ctx, op, folder, "/etc")
    for path in ("/pipe", "/socket"):
        with pytest.raises(Usage, match="no regular file"):
            content(ctx, "guest.cat", folder, path)


def test_what_is_missing_is_told_after_the_others_were_written(ctx: Context, folder: Path):
    stream = ctx.call("guest.cat", disk=str(folder), paths=("/nope", "/etc/hostname"))
    assert next(stream) == b"sandbox\n"
    with pytest.raises(NotFound, match="nope"):
        next(stream)


def test_a_disk_without_a_path_is_read_itself(ctx: Context, tmp_path: Path):
    disk = tmp_path / "disk.raw"
    disk.write_bytes(b"\0" * 512 + b"some text on a disk" + b"\0" * 5000)
    (hashed,) = ctx.call("guest.hash", disk=str(disk))
    assert (hashed.digest, hashed.path) == (
        run("sha256sum", "disk.raw", folder=tmp_path).split()[0].decode(),
        None,
    )
    dump = b"".join(ctx.call("guest.hexdump", disk=str(disk)))
    assert dump == run("hexdump", "-C", "disk.raw", folder=tmp_path)
    (string,) = ctx.call("guest.strings", disk=str(disk))
    assert (string.text, string.offset) == ("some text on a disk", 512)


def test_a_folder_is_no_disk_to_dump(ctx: Context, folder: Path):
    with pytest.raises(Usage, match="folder"):
        list(ctx.call("guest.hexdump", disk=str(folder)))


RANGES = [(0, None), (0, 16), (0, 17), (5, None), (5, 40), (100, 0), (76_000, 10_000)]


@pytest.mark.parametrize(("offset", "length"), RANGES)
def test_hexdump_writes_the_canonical_layout(
    ctx: Context, folder: Path, offset: int, length: int | None
):
    for file in ("binary", "zeros", "sparse", "etc/hostname", "empty-file", "no-newline"):
        limit = [] if length is None else ["-n", str(length)]
        expected = (
            run("hexdump", "-C", "-s", str(offset), *limit, file, folder=folder)
            if (folder / file).stat().st_size > offset and length != 0
            else b""  # hexdump refuses to begin behind the end
        )
        found = b"".join(
            ctx.call(
                "guest.hexdump", disk=str(folder), path=f"/{file}", offset=offset, length=length
            )
        )
        assert found == expected, file


def test_hexdump_leaves_out_repeated_lines_across_pieces(tmp_path: Path):
    rng = random.Random(7)
    rows = [bytes([rng.choice((0, 0, 0, 1))]) * 16 for _ in range(400)]
    whole = b"".join(rows) + b"\0\0\0"
    (tmp_path / "f").write_bytes(whole)
    for size in (16, 48, 160, 100_000):
        pieces = (whole[at : at + size] for at in range(0, len(whole), size))
        assert b"".join(hex_lines(pieces, 0)) == run("hexdump", "-C", "f", folder=tmp_path)


def strings_1(folder: Path, file: str, least: int, encoding: str) -> list[tuple[int, str]]:
    out = run("strings", "-a", "-t", "d", "-n", str(least), "-e", encoding, file, folder=folder)
    lines = (line.decode().lstrip(" ").partition(" ") for line in out.splitlines())
    return [(int(at), text) for at, _, text in lines]


@pytest.mark.parametrize(("encoding", "letter"), [("ascii", "s"), ("utf-16le", "l")])
@pytest.mark.parametrize("least", [1, 4, 9])
def test_strings_finds_what_strings_finds(
    ctx: Context, folder: Path, encoding: str, letter: str, least: int
):
    for file in ("binary", "wide", "sparse", "etc/passwd", "logs/app.log"):
        found = ctx.call(
            "guest.strings",
            disk=str(folder),
            path=f"/{file}",
            min_length=least,
            encoding=encoding,
        )
        expected = strings_1(folder, file, least, letter)
        assert [(record.offset, record.text) for record in found] == expected, file


@pytest.mark.parametrize("encoding", ["ascii", "utf-16le"])
def test_strings_are_the_same_however_the_content_is_cut(encoding: Any):
    rng = random.Random(3)
    text = b"".join(rng.choice((b"a", b"b\0", b"c\0", b"\0", b"\xff")) for _ in range(5000))
    whole = list(find_strings(iter([text]), 0, 3, encoding))
    assert len(whole) > 10
    for size in (1, 2, 3, 7, 64):
        pieces = (text[at : at + size] for at in range(0, len(text), size))
        assert list(find_strings(pieces, 0, 3, encoding)) == whole, size


def test_a_run_without_end_comes_in_pieces_of_bounded_length():
    def endless() -> Iterator[bytes]:
        while True:
            yield b"A" * 4096

    stream = find_strings(endless(), 0, 4, "ascii")
    end = 0
    for _ in range(5):
        offset, text = next(stream)
        assert offset == end
        assert STRING_BYTES_MAX <= len(text) <= STRING_BYTES_MAX + 4096
        end = offset + len(text)


@pytest.mark.parametrize(
    ("op", "flags"),
    [
        ("guest.head", {"paths": ["/binary"], "lines": -1}),
        ("guest.tail", {"paths": ["/binary"], "bytes": -1}),
        ("guest.hexdump", {"path": "/binary", "offset": -1}),
        ("guest.hexdump", {"path": "/binary", "length": -1}),
        ("guest.strings", {"path": "/binary", "min_length": 0}),
        ("guest.strings", {"path": "/binary", "min_length": MIB}),
        ("guest.strings", {"path": "/binary", "encoding": "ebcdic"}),
        ("guest.hash", {"paths": ["/binary"], "algorithm": "crc32"}),
    ],
)
def test_numbers_and_words_out_of_range_are_usage_errors(
    ctx: Context, folder: Path, op: str, flags: dict[str, Any]
):
    with pytest.raises(Usage):
        list(ctx.call(op, disk=str(folder), **flags))


def test_a_hash_is_never_that_of_half_a_file(ctx: Context, folder: Path):
    stream = ctx.call("guest.hash", disk=str(folder), paths=("/sparse",))
    ctx.session.cancelled = True
    with pytest.raises(Unavailable):
        next(stream)
