"""Plugins: what a `contribute` function registers, and that a bad one stops nobody else."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from strongroom.base.errors import Usage
from strongroom.formats.image import qcow2
from strongroom.formats.volume import gpt
from strongroom.kernel.op import op
from strongroom.kernel.plugin import KINDS, Collector, Contribution, discover, load_value
from tests.kernel import sample_ops


class Site:
    """A folder on sys.path into which plugins are put as pip would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(self, name: str, body: str, *, value: str = "") -> None:
        facts = self.folder / f"{name}_dist-2.5.dist-info"
        facts.mkdir()
        (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-dist\nVersion: 2.5\n")
        entry = f"{name} = {value or f'{name}_contributed:contribute'}"
        (facts / "entry_points.txt").write_text(f"[strongroom.plugins]\n{entry}\n")
        (self.folder / f"{name}_contributed.py").write_text(body)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.syspath_prepend(str(tmp_path))
    yield Site(tmp_path)
    for name in [name for name in sys.modules if name.endswith("_contributed")]:
        del sys.modules[name]


def module(**values: object) -> ModuleType:
    made = ModuleType("made_up")
    vars(made).update(values)
    return made


def contribute(body: str) -> str:
    return f"def contribute(registry):\n    {body}\n"


def test_ops_are_registered_in_the_order_of_the_source() -> None:
    collector = Collector("sample")
    collector.add_ops(sample_ops)

    names = ["sample.count", "sample.write-down", "sample.nested", "sample.bug"]
    assert [op.name for op in collector.ops] == names
    assert {op.plugin for op in collector.ops} == {"sample"}
    assert collector.modules == [sample_ops]


def test_an_op_that_a_module_only_imports_is_not_its_own() -> None:
    collector = Collector("sample")
    collector.add_ops(module(count=sample_ops.count, number=5, none=None))

    assert collector.ops == []


def test_a_format_is_registered_with_its_name_and_its_magics() -> None:
    collector = Collector("guest")
    collector.add("image", qcow2, "QCOW2")
    collector.add("volumes", gpt, "GPT")

    first, second = collector.contributions
    assert (first.kind, first.name, first.plugin) == ("image", "qcow2", "guest")
    assert first.magics == ((0, b"QFI\xfb".hex()),)
    assert first.load() is qcow2.QCOW2
    assert (second.kind, second.name) == ("volumes", "gpt")
    assert collector.modules == [qcow2, gpt]


def test_a_value_without_a_name_of_its_own_has_that_of_its_attribute() -> None:
    collector = Collector("guest")
    collector.add("opener", module(open_it=lambda: None), "open_it")

    assert collector.contributions == [
        Contribution("opener", "open_it", "made_up", "open_it", "guest")
    ]


@pytest.mark.parametrize("kind", ["", "images", "op", "Image"])
def test_a_kind_that_is_none_is_refused(kind: str) -> None:
    with pytest.raises(ValueError, match="is none of image, volumes"):
        Collector("guest").add(kind, qcow2, "QCOW2")


def test_a_value_that_is_not_there_is_refused() -> None:
    with pytest.raises(AttributeError):
        Collector("guest").add("image", qcow2, "QCOW3")


def test_a_value_is_loaded_by_the_name_of_its_module() -> None:
    assert load_value("tests.kernel.sample_ops", "Number") is sample_ops.Number


def test_built_in_apps_come_first_and_each_sort_by_name(site: Site) -> None:
    site.install("aardvark", contribute("pass"))
    site.install("zebra", contribute("pass"))
    found = [facts for facts, _ in discover()]
    names = [facts.name for facts in found]

    assert names == ["guest", "ide", "system", "vault", "aardvark", "zebra"]
    assert {facts.distribution for facts in found[:4]} == {"strongroom"}
    assert found[4]._asdict() == {
        "name": "aardvark",
        "distribution": "aardvark-dist",
        "version": "2.5",
        "entry": "aardvark_contributed:contribute",
        "error": "",
    }


def test_every_kind_but_none_that_is_unknown_is_contributed_by_the_apps() -> None:
    kinds = {c.kind for _, collector in discover() for c in collector.contributions}

    assert kinds == set(KINDS)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("raise SystemExit(3)", "it would end the program: 3"),
        (contribute("raise SystemExit('bye')"), "it would end the program: bye"),
        ("import no_such_library", "ModuleNotFoundError: No module named 'no_such_library'"),
        ("def contribute(:", "SyntaxError"),
        ("", "AttributeError: module 'bad_contributed' has no attribute 'contribute'"),
        ("contribute = 5", "AttributeError"),
        ("def contribute():\n    pass", "TypeError: contribute() takes 0 positional"),
        (contribute("registry.add('image', registry, 'x')"), "AttributeError"),
        (contribute("registry.add('thing', registry, 'x')"), "ValueError: thing is none of"),
        (contribute("contribute(registry)"), "RecursionError"),
        (
            "from strongroom.base.errors import Locked\n" + contribute("raise Locked('no key')"),
            "no key",
        ),
    ],
)
def test_a_plugin_that_breaks_is_named_with_the_reason_and_the_others_are_there(
    site: Site, body: str, error: str
) -> None:
    site.install("bad", body)
    site.install("good", contribute("pass"))
    errors = {facts.name: facts.error for facts, _ in discover()}

    assert errors["bad"].startswith(error)
    assert [name for name, said in errors.items() if said] == ["bad"]


def test_a_module_that_is_missing_is_named(site: Site) -> None:
    site.install("bad", "", value="gone_for_good:contribute")
    (facts,) = [facts for facts, _ in discover() if facts.name == "bad"]

    assert facts.error == "ModuleNotFoundError: No module named 'gone_for_good'"


def test_an_interruption_is_not_taken_for_a_bad_plugin(site: Site) -> None:
    site.install("slow", contribute("raise KeyboardInterrupt"))

    with pytest.raises(KeyboardInterrupt):
        list(discover())


def test_an_op_without_a_summary_is_refused_before_anything_is_registered() -> None:
    def nameless(ctx: object) -> None:
        pass

    collector = Collector("x")
    with pytest.raises(Usage, match="x.nameless has no docstring"):
        collector.add_ops(_holding(op("x.nameless", since="0.1")(nameless)))
    assert collector.ops == []


def _holding(function: object) -> ModuleType:
    made = ModuleType(__name__)
    vars(made)["it"] = function
    return made
