import ast
import json
from pathlib import Path
from typing import ClassVar

import pytest

from strongroom.base.record import Record, Severity
from strongroom.surfaces.gen import records

ROOT = Path(__file__).parents[3]


def test_the_page_and_the_frozen_fields_are_fresh():
    frozen = (ROOT / records.FROZEN).read_text(encoding="utf-8")

    assert (ROOT / records.PAGE).read_text(encoding="utf-8") == records.render()
    assert frozen == records.frozen_text(records.shape())


def test_nothing_published_is_taken_away():
    published = json.loads((ROOT / records.FROZEN).read_text(encoding="utf-8"))

    assert records.breaks(published, records.shape()) == []


def test_every_record_of_the_apps_is_on_the_page():
    written = {
        node.name
        for path in (ROOT / "src/strongroom/apps").rglob("*.py")
        if path.name != "template.py"  # what `plugin new` writes is not ours
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
        and any(
            isinstance(base, ast.Name) and base.id in {"Record", "Finding"} for base in node.bases
        )
    }
    listed = {
        cls.__name__
        for _, modules in records.GROUPS
        for module in modules
        for cls in records.classes(module)
    }

    assert written <= listed


def test_the_types_of_records_are_distinct():
    types = [
        cls.type
        for _, modules in records.GROUPS
        for module in modules
        for cls in records.classes(module)
    ]

    assert len(types) == len(set(types))


class Sample(Record):
    """A sample | of <things>.

    Fields:
        name: What it is called,
            over two lines.
        level: How grave.
    """

    type: ClassVar[str] = "sample"

    name: str
    level: Severity
    sizes: tuple[int, ...] = ()
    note: str | None = None
    either: bool | int = False


def test_a_class_comes_down_to_its_fields():
    described = records.describe(Sample)

    assert described == records.Described(
        "sample",
        "A sample | of <things>.",
        (
            records.Field("name", "text", always=True, text="What it is called, over two lines."),
            records.Field(
                "level",
                "one of info, notice, warning, error, critical",
                always=True,
                text="How grave.",
            ),
            records.Field("sizes", "list of integer", always=True, text=""),
            records.Field("note", "text", always=False, text=""),
            records.Field("either", "boolean or integer", always=True, text=""),
        ),
    )


CHANGES: dict[str, tuple[dict[str, dict[str, str]], dict[str, dict[str, str]], list[str]]] = {
    "a field more": ({"a": {"x": "text"}}, {"a": {"x": "text", "y": "text"}}, []),
    "a type more": ({}, {"a": {"x": "text"}}, []),
    "always now": ({"a": {"x": "text?"}}, {"a": {"x": "text"}}, []),
    "a field less": ({"a": {"x": "text"}}, {"a": {}}, ["a.x is gone"]),
    "a type less": ({"a": {"x": "text"}}, {}, ["a.x is gone"]),
    "optional now": ({"a": {"x": "text"}}, {"a": {"x": "text?"}}, ["a.x was text, is text?"]),
    "another type": ({"a": {"x": "text"}}, {"a": {"x": "integer"}}, ["a.x was text, is integer"]),
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_change_that_takes_something_away_is_named(case: str):
    published, present, broken = CHANGES[case]

    assert records.breaks(published, present) == broken


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "docs").mkdir()
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.chdir(tmp_path / "docs")
    return tmp_path


def test_check_mode_notices_stale_pages_and_writing_mends_them(
    checkout: Path, capsys: pytest.CaptureFixture[str]
):
    assert records.main(["--check"]) == 1
    assert capsys.readouterr().err.count("stale") == 2
    assert records.main([]) == 0
    assert records.main(["--check"]) == 0
    assert (checkout / records.PAGE).read_text(encoding="utf-8") == records.render()


def test_a_published_field_cannot_be_dropped_by_writing_anew(
    checkout: Path, capsys: pytest.CaptureFixture[str]
):
    assert records.main([]) == 0
    frozen = checkout / records.FROZEN
    shape = json.loads(frozen.read_text(encoding="utf-8"))
    shape["os"]["planet"] = "text"
    frozen.write_text(records.frozen_text(shape), encoding="utf-8")

    assert records.main([]) == 8
    assert "os.planet is gone" in capsys.readouterr().err


def test_outside_a_checkout_the_generator_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)

    assert records.main([]) == 3
    assert "hint: run this inside a checkout" in capsys.readouterr().err
