"""Every input that fuzzing kept is tried again: only the nine errors may escape."""

import pytest
from tests.fuzz import run


@pytest.mark.parametrize("name", run.targets())
def test_what_fuzzing_found_is_read_or_refused(name: str):
    one_input = run.guarded(run.load(name))

    for data in run.inputs(name):
        one_input(data)


def test_an_unknown_target_is_refused_with_the_known_ones(capsys: pytest.CaptureFixture[str]):
    assert run.main(["no_such_target"]) == 3
    assert "hint: one of " in capsys.readouterr().err


def test_frozen_findings_belong_to_a_target():
    assert {path.stem for path in run.VECTORS.glob("*.hex")} <= set(run.targets())
