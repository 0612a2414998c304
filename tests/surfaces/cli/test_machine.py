import csv
import io
import json
from typing import Any, ClassVar

import pytest
from tests.surfaces.cli.conftest import Cli

from strongroom.base.locator import Locator
from strongroom.base.record import Finding, Record, Severity
from strongroom.surfaces.cli.machine import csv_columns, write_csv, write_json, write_yaml
from strongroom.surfaces.cli.terminal import Screen

HERE = Locator("disk.raw")


class Fact(Record):
    type: ClassVar[str] = "fact"

    name: str
    path: str = "/"
    tags: tuple[str, ...] = ()
    ready: bool = False
    size_bytes: int | None = None


TEXTS = [
    "plain", "", "two words", "null", "yes", "No", "1.5", "0x10", "-", "- item", "key: value",
    "#comment", "a #comment", "'", '"', "\n", "a\rb", "tab\t", "\x1b[0m", "\u00e9\u4e2d", "\u2028",
    "@at", "`", "%x", "!tag", "&a", "*a", "{", "[", "|", ">", "a:", "~",
    "2026-01-01", "=", " lead", "trail ",
    "/usr/lib", "name,with,commas", "\U0001f600", "y", "NaN", ".inf", "<<",
]  # fmt: skip

FORMULA = ("=", "+", "-", "@", "\t", "\r")
UNSEEN = [chr(code) for code in (0x7F, 0x85, 0x9B, 0x200B, 0x200E, 0x202E, 0x2028, 0x2066, 0xFEFF)]


def written(write: Any, records: list[Record], *more: Any) -> str:
    parts: list[str] = []
    write(iter(records), parts.append, *more)
    return "".join(parts)


@pytest.mark.parametrize("text", TEXTS, ids=repr)
def test_yaml_reads_back_as_the_same_values_as_json(text: str):
    yaml = pytest.importorskip("ruamel.yaml")
    record = Fact(at=HERE, name=text, tags=("a", text), ready=True, size_bytes=3)

    for version in ((1, 1), (1, 2)):
        reader = yaml.YAML(typ="safe", pure=True)
        reader.version = version
        documents = list(reader.load_all(written(write_yaml, [record, record])))

        assert documents == [json.loads(written(write_json, [record]))] * 2


@pytest.mark.parametrize("unseen", UNSEEN, ids=repr)
def test_what_a_terminal_would_obey_is_escaped_and_reads_back(unseen: str):
    yaml = pytest.importorskip("ruamel.yaml")
    record = Fact(at=HERE, name=f"a{unseen}b", tags=(unseen,))
    page, document = written(write_json, [record]), written(write_yaml, [record])

    assert unseen not in page + document
    assert json.loads(page)["name"] == record.name
    assert yaml.YAML(typ="safe", pure=True).load(document)["tags"] == [unseen]


@pytest.mark.parametrize("first", FORMULA, ids=repr)
def test_no_cell_is_a_formula_to_a_spreadsheet(first: str):
    page = written(write_csv, [Fact(at=HERE, name=f"{first}1+1")], csv_columns([Fact]))
    (row,) = csv.DictReader(io.StringIO(page, newline=""))

    assert row["name"] == f"'{first}1+1"


def test_a_terminal_gets_cells_that_cannot_write_to_it():
    record = Fact(at=HERE, name="\x1b[2J\u202e\n")
    shown = Screen(tty=True).clean

    assert written(write_csv, [record], ["name"], shown) == "name\n\\x1b[2J\\u202e\\n\n"


@pytest.mark.parametrize("text", TEXTS, ids=repr)
def test_csv_reads_back_as_the_same_text(text: str):
    record = Fact(at=HERE, name=text)
    page = written(write_csv, [record], csv_columns([Fact]))

    (row,) = csv.DictReader(io.StringIO(page, newline=""))

    assert row["name"].removeprefix("'" if text[:1] in FORMULA else "") == text
    assert row["type"] == "fact"
    assert row["ready"] == "false"
    assert row["tags"] == "[]"


def test_csv_of_several_types_has_the_union_of_their_columns():
    finding = Finding(at=HERE, rule="r", severity=Severity.ERROR, message="m")
    records = [Fact(at=HERE, name="n"), finding]
    rows = list(csv.DictReader(io.StringIO(written(write_csv, records, None))))

    assert [row["type"] for row in rows] == ["fact", "finding"]
    assert rows[0]["rule"] == ""
    assert rows[1]["severity"] == "error"
    assert next(iter(rows[0])) == "type"


def test_a_name_that_is_not_utf_8_is_lossy_and_exact_in_every_format():
    record = Fact(at=HERE, name="a\udcff")

    assert json.loads(written(write_json, [record]))["name_b64"] == "Yf8="
    assert "name_b64: " in written(write_yaml, [record])
    assert "Yf8=" in written(write_csv, [record], csv_columns([Fact]))


CSV_HEAD = "type,at,line,offset,name,size_bytes,colours,modified,name_b64\n"
FORMATS = [
    ("json", '{"type":"row","at":"here::/","name":"row0","size_bytes":0,"colours":[]}\n'),
    ("yaml", '---\ntype: row\nat: "here::/"\nname: row0\nsize_bytes: 0\ncolours: []\n'),
    ("csv", f"{CSV_HEAD}row,here::/,,,row0,0,[],,\n"),
    ("text", "row0  0\n"),
]  # fmt: skip


@pytest.mark.parametrize(("output", "expected"), FORMATS)
def test_the_program_writes_the_format_that_is_asked_for(output: str, expected: str, cli: Cli):
    assert cli("strongroom", "sample", "rows", "d", "--count", "1", "-o", output).out == expected


def test_csv_of_nothing_is_a_header(cli: Cli):
    out = cli("strongroom", "sample", "rows", "d", "--count", "0", "-o", "csv").out

    assert out == CSV_HEAD


def test_a_stream_is_written_as_it_comes(cli: Cli):
    for output in ("json", "yaml", "csv", "text"):
        status, out, _ = cli("strongroom", "sample", "fail", "-o", output)

        assert status == 7
        assert "before" in out
