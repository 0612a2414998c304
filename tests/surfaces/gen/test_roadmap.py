from collections import Counter
from pathlib import Path

import pytest

from strongroom.base.errors import Usage
from strongroom.surfaces.gen import roadmap

ROOT = Path(__file__).parents[3]
SOURCE = ROOT / roadmap.SOURCE
TARGET = ROOT / roadmap.TARGET

GOOD = """
[[item]]
id = "F-01"
title = "One command"
seed = "orig"
app = "foundation"
state = "open"
"""

BAD = {
    "not TOML": "[[item",
    "other than": "[section]\n",
    "ids occur twice: F-01": GOOD + GOOD,
    "unknown keys: colour": GOOD + 'colour = "red"\n',
    "state 'done' is unknown": GOOD.replace('"open"', '"done"'),
    "app 'web' is unknown": GOOD.replace('"foundation"', '"web"'),
    "not an id": GOOD.replace("F-01", "F-1"),
    "seed 'x9'": GOOD.replace('"orig"', '"x9"'),
    "has no title": GOOD.replace('title = "One command"', ""),
    "not one line": GOOD.replace("One command", "One  command"),
    "proved but names no test": GOOD.replace('"open"', '"proved"'),
    "emulated but has no note": GOOD.replace('"open"', '"emulated"') + 'tests = ["tests/x.py"]\n',
    "unprovable but has no note": GOOD.replace('"open"', '"unprovable"'),
    "tests is not a list": GOOD + 'tests = "tests/x.py"\n',
    "other than text": GOOD + "tests = [1]\n",
}


@pytest.mark.parametrize("message", BAD)
def test_a_malformed_roadmap_is_refused_with_the_item_and_the_reason(message: str):
    with pytest.raises(Usage, match=message):
        roadmap.render(BAD[message])


def test_the_page_is_fresh():
    assert TARGET.read_text(encoding="utf-8") == roadmap.render(SOURCE.read_text(encoding="utf-8"))


def test_every_item_of_the_inventory_is_listed_once():
    items = roadmap.parse(SOURCE.read_text(encoding="utf-8"))

    per_prefix = Counter(item.id[0] for item in items)
    assert per_prefix == {"F": 52, "V": 39, "G": 75, "K": 39, "X": 10}
    for prefix, count in per_prefix.items():
        expected = [f"{prefix}-{number:02}" for number in range(1, count + 1)]
        assert [item.id for item in items if item.id.startswith(prefix)] == expected


def test_an_item_belongs_to_the_app_of_its_prefix():
    app_of = {"F": "foundation", "V": "vault", "G": "guest", "K": "ide", "X": "joint"}

    for item in roadmap.parse(SOURCE.read_text(encoding="utf-8")):
        assert item.app == app_of[item.id[0]], item.id


def test_every_test_an_item_names_exists():
    for item in roadmap.parse(SOURCE.read_text(encoding="utf-8")):
        for test in item.tests:
            path, _, name = test.partition("::")
            assert (ROOT / path).exists(), f"{item.id}: {path}"
            if name:
                assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8"), item.id


def test_check_mode_notices_a_stale_page_and_writing_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "docs").mkdir()
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / roadmap.SOURCE).write_text(GOOD, encoding="utf-8")
    inside = tmp_path / "docs" / "deeper"
    inside.mkdir()
    monkeypatch.chdir(inside)

    assert roadmap.main(["--check"]) == 1
    assert "stale" in capsys.readouterr().err
    assert roadmap.main([]) == 0
    assert roadmap.main(["--check"]) == 0


def test_outside_a_checkout_the_generator_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)

    assert roadmap.main([]) == 3
    assert "hint: run this inside a checkout" in capsys.readouterr().err


def test_a_pipe_in_a_command_does_not_break_the_table():
    page = roadmap.render(GOOD + 'command = "a | b"\nnote = "1 < 2 | 3"\n')

    assert r"`a \| b`" in page
    assert r"1 &lt; 2 \| 3" in page
