"""grep of a folder, compared with grep(1)."""

import random
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from strongroom.apps.guest.search import (
    LINE_BYTES_MAX,
    TEXT_BYTES_MAX,
    compile_pattern,
    matching_lines,
    whole_lines,
)
from strongroom.base.errors import NotFound, Usage
from strongroom.kernel.call import Context
from strongroom.testing.folders import make_folder
from strongroom.testing.session import guest_context
from strongroom.testing.tools import need


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = make_folder(tmp_path_factory.mktemp("search") / "root")
    (root / "mixed").write_bytes(b"one\n\n\nroot \xff\xfe odd\r\nRoot\nroot root\nno end root")
    (root / "late-nul").write_bytes(b"root\n" * 20_000 + b"\0root\n")
    (root / "all").write_bytes(b"\nroot\n\n")
    return root


@pytest.fixture
def ctx(tmp_path: Path) -> Context:
    return guest_context(tmp_path / "home")


Row = tuple[bytes, int, int, bytes]


def found(ctx: Context, folder: Path, pattern: str, path: str = "/", **flags: Any) -> set[Row]:
    stream = ctx.call("guest.grep", disk=str(folder), pattern=pattern, path=path, **flags)
    rows = [
        (r.path.encode("utf-8", "surrogateescape"), r.line, r.offset, exact(r.text)) for r in stream
    ]
    assert len(rows) == len(set(rows))
    return set(rows)


def exact(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def grep_1(folder: Path, *words: str) -> set[Row]:
    need("grep")
    result = subprocess.run(
        ["grep", "-rnHbZ", *words, "."],
        cwd=folder,
        env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        check=False,
    )
    assert result.returncode in (0, 1), result.stderr
    rows: set[Row] = set()
    rest = result.stdout
    while rest:
        name, _, rest = rest.partition(b"\0")
        line, _, rest = rest.partition(b"\n")
        number, offset, text = line.split(b":", 2)
        rows.add((name[1:], int(number), int(offset), text[:TEXT_BYTES_MAX]))
    return rows


CASES: list[tuple[str, dict[str, Any], list[str]]] = [
    ("root", {}, ["-I", "-E", "root"]),
    ("ROOT", {"ignore_case": True}, ["-I", "-E", "-i", "root"]),
    ("root.*sh$", {}, ["-I", "-E", "root.*sh$"]),
    ("^root", {}, ["-I", "-E", "^root"]),
    ("^$", {}, ["-I", "-E", "^$"]),
    ("", {}, ["-I", "-E", ""]),
    ("(1|2)99 line", {}, ["-I", "-E", "(1|2)99 line"]),
    ("199 line", {"max_count": 2}, ["-I", "-E", "-m2", "199 line"]),
    ("[^a]*Z", {}, ["-I", "-E", "[^a]*Z"]),
    (".", {"fixed": True}, ["-I", "-F", "."]),
    ("a*", {"fixed": True}, ["-I", "-F", "a*"]),
    ("plain text", {"binary": "text"}, ["-a", "-E", "plain text"]),
    ("nothing has this", {}, ["-I", "-E", "nothing has this"]),
]


@pytest.mark.parametrize(("pattern", "flags", "words"), CASES, ids=str)
def test_grep_finds_the_lines_that_grep_finds(
    ctx: Context, folder: Path, pattern: str, flags: dict[str, Any], words: list[str]
):
    # grep(1) judges the whole file once it meets a NUL; ours only the beginning. Holes have no
    # lines for ours, one for grep(1).
    odd = (b"late-nul", b"sparse")
    exclude = [f"--exclude={name.decode()}" for name in odd]
    ours = {row for row in found(ctx, folder, pattern, **flags) if row[0][1:] not in odd}
    assert ours == grep_1(folder, *exclude, *words)


def test_files_with_matches_names_each_file_once(ctx: Context, folder: Path):
    need("grep")
    names = subprocess.run(
        ["grep", "-rlI", "root", "."], cwd=folder, capture_output=True, check=True, text=True
    ).stdout.splitlines()
    stream = ctx.call("guest.grep", disk=str(folder), pattern="root", files_with_matches=True)
    assert sorted(record.path for record in stream) == sorted(
        {name[1:] for name in names} | {"/late-nul"}
    )


def test_one_file_may_be_named_and_a_link_to_it(ctx: Context, folder: Path):
    direct = found(ctx, folder, "agent", "/etc/passwd")
    assert direct == found(ctx, folder, "agent", "/home/up") != set()


def test_the_column_is_the_byte_where_the_match_begins(ctx: Context, folder: Path):
    (first, *_) = ctx.call("guest.grep", disk=str(folder), pattern="odd", path="/mixed")
    assert (first.line, first.column) == (4, 9)


def test_a_long_line_is_shown_around_its_match(ctx: Context, tmp_path: Path):
    (tmp_path / "min.js").write_bytes(b"x" * 500_000 + b"NEEDLE" + b"y" * 500_000 + b"\nend\n")
    for pattern in ("NEEDLE", "NEED.E"):
        (match,) = ctx.call("guest.grep", disk=str(tmp_path), pattern=pattern)
        assert len(match.text) == TEXT_BYTES_MAX
        assert "NEEDLE" in match.text
        assert (match.line, match.column, match.offset) == (1, 500_001, 0)


def test_a_line_without_end_is_searched_in_bounded_pieces():
    pieces = (b"a" * 100_000 for _ in range(300))
    blocks = list(whole_lines(pieces, 5))
    assert sum(len(block) for _, block in blocks) == 30_000_000
    assert max(len(block) for _, block in blocks) <= LINE_BYTES_MAX + 100_000
    assert all(at + len(block) == next_at for (at, block), (next_at, _) in pairwise(blocks))


def test_a_literal_and_the_same_expression_find_the_same_lines():
    rng = random.Random(5)
    for _ in range(200):
        text = bytes(rng.choice(b"ab\n") for _ in range(rng.randrange(60)))
        cut = rng.randrange(1, 20)
        blocks = list(whole_lines((text[at : at + cut] for at in range(0, len(text), cut)), 0))
        for word in ("a", "ab", "ba", "aa"):
            literal = compile_pattern(word, fixed=False, ignore_case=False)
            assert literal.literal
            plain = literal._replace(literal=False)
            expected = [
                (n, line)
                for n, line in enumerate(text.split(b"\n"), start=1)
                if word.encode() in line
            ]
            for pattern in (literal, plain):
                lines = list(matching_lines(iter(blocks), pattern))
                assert [(line.number, line.content) for line in lines] == expected
                assert all(
                    text[line.offset : line.offset + len(line.content)] == line.content
                    for line in lines
                )


@pytest.mark.parametrize("pattern", ["(", "[a", "a{2,1}", "a\nb", "(?u)a", "(" * 5000, "*"])
def test_what_is_no_pattern_is_a_usage_error(ctx: Context, folder: Path, pattern: str):
    with pytest.raises(Usage):
        found(ctx, folder, pattern)


def test_a_missing_path_is_not_found(ctx: Context, folder: Path):
    with pytest.raises(NotFound):
        found(ctx, folder, "x", "/missing")
    with pytest.raises(Usage, match="no regular file"):
        found(ctx, folder, "x", "/pipe")
