from pathlib import Path

import pytest

from strongroom.surfaces.gen import cli, errors, page

ROOT = Path(__file__).parents[3]
GENERATORS = [cli, errors]


@pytest.mark.parametrize("generator", GENERATORS, ids=lambda g: g.TARGET)
def test_the_page_is_fresh(generator: object, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT / "tests")

    assert generator.main(["--check"]) == 0  # type: ignore[attr-defined]  # a module


def test_check_notices_a_stale_page_and_writing_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "docs").mkdir()
    (tmp_path / page.MARK).touch()
    monkeypatch.chdir(tmp_path)

    assert errors.main(["--check"]) == 1
    assert "docs/reference/errors.md is stale" in capsys.readouterr().err
    assert errors.main([]) == 0
    assert errors.main(["--check"]) == 0


def test_outside_a_checkout_the_generator_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)

    assert cli.main([]) == 3
    assert "hint: run this inside a checkout" in capsys.readouterr().err


def test_a_table_survives_what_markdown_gives_a_meaning():
    assert page.table(("a",), [("x | y <z>",)]) == "| a |\n| --- |\n| x \\| y &lt;z> |\n"
