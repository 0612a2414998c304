"""call() is the only door: it authorises, audits intent and outcome, and runs."""

from collections.abc import Callable
from pathlib import Path

import pytest

from strongroom.base.errors import Denied, Exhausted, NotFound, Unsupported, Usage
from strongroom.base.locator import Locator, parse
from strongroom.base.tree import Tree
from strongroom.kernel.call import Context, call
from strongroom.kernel.op import Effect
from strongroom.kernel.principal import Grant, Principal
from tests.kernel.conftest import Recorder

Make = Callable[..., Context]


def test_the_intent_is_audited_before_anything_runs_and_the_outcome_after(
    make_context: Make, recorder: Recorder
) -> None:
    stream = call(make_context(), "sample.count", at=parse("d.raw"), upto=2)

    assert recorder.story() == [("sample.count", "?")]
    assert [n.value for n in stream] == [1, 2]
    assert recorder.story() == [("sample.count", "ok")]
    entry = recorder.entries[0]
    assert (entry.by, entry.resource, entry.effects) == ("alice", "d.raw", ("read",))
    assert not entry.durable


def test_an_abandoned_stream_is_audited(make_context: Make, recorder: Recorder) -> None:
    stream = call(make_context(), "sample.count", at="d.raw")
    next(stream)
    stream.close()

    assert recorder.story() == [("sample.count", "abandoned")]


def test_an_error_in_a_stream_is_audited_with_its_code(
    make_context: Make, recorder: Recorder
) -> None:
    with pytest.raises(NotFound):
        list(call(make_context(), "sample.count", at="d.raw", fail_at=2))

    assert recorder.story() == [("sample.count", "not_found")]


def test_a_bug_is_audited_as_one_and_passes(make_context: Make, recorder: Recorder) -> None:
    with pytest.raises(ZeroDivisionError):
        call(make_context(), "sample.bug")

    assert recorder.story() == [("sample.bug", "bug")]


def test_what_is_not_granted_does_not_run_and_is_audited(
    make_context: Make, recorder: Recorder
) -> None:
    ctx = make_context(grants=(Grant("sample.*", Effect.READ),))

    with pytest.raises(Denied, match="alice may not read and write with sample.write-down"):
        call(ctx, "sample.write-down", words=["a"])

    assert recorder.story() == [("sample.write-down", "denied")]
    assert recorder.entries[0].durable


def test_nested_calls_name_their_parent_and_share_the_principal(
    make_context: Make, recorder: Recorder
) -> None:
    list(call(make_context(), "sample.nested", at="d.raw", depth=2))

    assert [(e.call, e.parent, e.by) for e in recorder.entries] == [
        (1, 0, "alice"),
        (2, 1, "alice"),
        (3, 2, "alice"),
    ]
    assert {outcome for _, outcome in recorder.story()} == {"ok"}


def test_calls_that_nest_without_end_are_stopped(make_context: Make) -> None:
    with pytest.raises(Exhausted, match="nest"):
        list(call(make_context(), "sample.nested", at="d.raw", depth=1000))


def test_a_stream_spends_the_budget(make_context: Make, recorder: Recorder) -> None:
    with pytest.raises(Exhausted):
        list(call(make_context(records_max=5), "sample.count", at="d.raw", upto=9))

    assert recorder.story() == [("sample.count", "exhausted")]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"at": "d.raw", "upt": 3}, "no parameter 'upt'"),
        ({}, "needs 'at'"),
        ({"at": "d.raw", "upto": "3"}, "takes a int"),
        ({"at": "d.raw", "upto": True}, "takes a int"),
        ({"at": 5}, "takes a locator"),
        ({"at": "::"}, "empty part"),
    ],
)
def test_parameters_are_checked_before_any_work(
    make_context: Make, recorder: Recorder, params: dict[str, object], message: str
) -> None:
    with pytest.raises(Usage, match=message):
        call(make_context(), "sample.count", **params)

    assert recorder.entries == []


@pytest.mark.parametrize(
    "params",
    [
        {"words": "one"},
        {"words": ["a\0b"]},
        {"mode": "shrill"},
        {"to": 3},
        {"factor": "x"},
        {"force": 1},
    ],
)
def test_lists_choices_paths_and_switches_are_checked(
    make_context: Make, params: dict[str, object]
) -> None:
    with pytest.raises(Usage):
        call(make_context(), "sample.write-down", **params)


def test_right_parameters_of_every_type_pass(make_context: Make) -> None:
    params = {"words": ["a", "b"], "mode": "loud", "to": "x", "factor": 2, "force": True}

    assert call(make_context(), "sample.write-down", **params).value == 2
    assert call(make_context(), "sample.write-down", to=None).value == 0


def test_an_unknown_op_is_not_found_with_a_suggestion(make_context: Make) -> None:
    with pytest.raises(NotFound) as raised:
        call(make_context(), "sample.cuont")

    assert raised.value.hint == "did you mean sample.count?"
    assert list(call(make_context(), "sample.numbers", at="d", upto=1))[0].value == 1


def test_opening_is_a_call_of_its_own_judged_by_what_is_opened(
    make_context: Make, recorder: Recorder, tmp_path: Path
) -> None:
    (tmp_path / "a").write_bytes(b"x")
    allowed = make_context(grants=(Grant("disk.open", Effect.READ, f"{tmp_path}*"),))

    tree = allowed.open(Locator(str(tmp_path)))
    assert [e.name for e in _tree(tree).scandir("/")] == ["a"]
    with pytest.raises(Denied):
        allowed.open(Locator("/"))
    with pytest.raises(Unsupported):
        make_context().open(Locator("s3://bucket/x.qcow2"))

    assert recorder.story() == [
        ("disk.open", "ok"),
        ("disk.open", "denied"),
        ("disk.open", "unsupported.origin.s3"),
    ]


def test_a_grant_on_a_folder_is_not_passed_by_a_link_or_by_dots(
    make_context: Make, recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = tmp_path / "images"
    images.mkdir()
    (tmp_path / "secret").mkdir()
    (images / "link").symlink_to(tmp_path / "secret")
    monkeypatch.chdir(images)
    ctx = make_context(grants=(Grant("disk.open", Effect.READ, f"{images}*"),))

    ctx.open(Locator("."))
    for path in ("link", f"{images}/../secret", "../secret"):
        with pytest.raises(Denied):
            ctx.open(Locator(path))
    secret = str(tmp_path / "secret")
    assert [e.resource for e in recorder.entries] == [str(images), secret, secret, secret]


def _tree(value: object) -> Tree:
    assert hasattr(value, "scandir")
    return value  # type: ignore[return-value]  # checked above


def test_attenuation_holds_nested_calls_too(make_context: Make, recorder: Recorder) -> None:
    narrow = make_context().attenuate((Grant("sample.nested", Effect.READ, "d.raw"),))

    assert len(list(narrow.call("sample.nested", at="d.raw", depth=1))) == 2
    with pytest.raises(Denied):
        narrow.call("sample.nested", at="other.raw", depth=1)
    with pytest.raises(Denied):
        narrow.call("sample.count", at="d.raw")


def test_an_agent_is_audited_with_the_one_it_acts_for(
    make_context: Make, recorder: Recorder
) -> None:
    alice = Principal("alice", grants=(Grant("sample.*", Effect.READ),))
    agent = Principal("bot", "agent", (Grant("*", ~Effect(0)),), behalf=alice)

    list(call(make_context(principal=agent), "sample.count", at="d.raw"))
    with pytest.raises(Denied):
        call(make_context(principal=agent), "sample.write-down")

    assert [e.by for e in recorder.entries] == ["bot for alice", "bot for alice"]


def test_progress_goes_to_whoever_waits(make_context: Make) -> None:
    from strongroom.kernel.session import Progress

    seen: list[Progress] = []
    ctx = make_context(emit=seen.append)
    ctx.emit(Progress("reading", 1, 2, "B"))

    assert seen == [Progress("reading", 1, 2, "B")]
    assert ctx.now() == 1000.0
    assert not ctx.cancelled
