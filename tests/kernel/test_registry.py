"""The registry: what apps and plugins contribute, its index, and plugins that break."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.base.errors import NotFound, Unavailable
from strongroom.kernel.registry import Registry, build_registry, load_registry

PLUGIN = """
from strongroom.kernel.op import op
from strongroom.kernel.call import Context

@op("{name}.hello", since="0.1")
def hello(ctx: Context) -> None:
    \"\"\"Say hello.\"\"\"

def contribute(registry):
    {body}
"""


class Site:
    """A folder on sys.path into which distributions are put as pip would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(self, name: str, body: str, *, op: str | None = None) -> None:
        info = self.folder / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(
            f"[strongroom.plugins]\n{name} = {name}_plugin:contribute\n"
        )
        text = PLUGIN.format(name=op or name, body=body)
        (self.folder / f"{name}_plugin.py").write_text(text)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    folder = tmp_path / "site"
    (folder / "__pycache__").mkdir(parents=True)  # as where pip installs: making it is a change
    monkeypatch.syspath_prepend(str(folder))
    yield Site(folder)
    for name in [name for name in sys.modules if name.endswith("_plugin")]:
        del sys.modules[name]


GOOD = "import {0}_plugin; registry.add_ops({0}_plugin)"


def errors(registry: Registry) -> dict[str, str]:
    return {plugin.name: plugin.error for plugin in registry.plugins}


def test_the_built_in_apps_come_through_the_same_door() -> None:
    registry, files = build_registry()

    assert errors(registry).items() >= {"vault": "", "guest": "", "ide": "", "system": ""}.items()
    assert {"guest", "plugin"} <= set(registry.apps())
    assert any(c.name == "qcow2" for c in registry.contributions("image"))
    assert all(Path(file).is_file() for file in files)


def test_an_installed_plugin_adds_its_ops(site: Site, tmp_path: Path) -> None:
    before = load_registry(str(tmp_path / "cache"))
    site.install("acme", GOOD.format("acme"))
    after = load_registry(str(tmp_path / "cache"))

    assert "acme.hello" not in before.ops
    assert after.op("acme.hello").plugin == "acme"
    assert after.op("acme.hello").module == "acme_plugin"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise ImportError('no such library')", "ImportError: no such library"),
        ("registry.no_such_method()", "AttributeError"),
        ("1 / 0", "ZeroDivisionError"),
        ("import broken_plugin; registry.add_ops(broken_plugin); 1 + ''", "TypeError"),
    ],
)
def test_a_plugin_that_breaks_is_named_and_left_out(site: Site, body: str, message: str) -> None:
    site.install("broken", body)
    registry, _ = build_registry()

    assert errors(registry)["broken"].startswith(message)
    assert "broken.hello" not in registry.ops
    assert "guest.inspect" in registry.ops


def test_a_plugin_cannot_take_the_name_of_another_op(site: Site) -> None:
    site.install("rogue", GOOD.format("rogue"), op="guest")
    text = (site.folder / "rogue_plugin.py").read_text()
    (site.folder / "rogue_plugin.py").write_text(text.replace("guest.hello", "guest.inspect"))
    registry, _ = build_registry()

    assert errors(registry)["rogue"] == "guest.inspect is registered already"
    assert registry.op("guest.inspect").plugin == "guest"


def test_the_index_is_used_until_code_changes(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the checkout itself may be on the path, and the test run writes files there
    checkout = str(Path(__file__).parents[2])
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p not in ("", checkout)])
    site.install("acme", GOOD.format("acme"))
    cache = tmp_path / "cache"
    first = load_registry(str(cache))
    monkeypatch.setattr("strongroom.kernel.registry.build_registry", None)

    again = load_registry(str(cache))
    assert again.ops == first.ops
    assert list(again.contributions("image")) == list(first.contributions("image"))
    assert again.plugins == first.plugins

    monkeypatch.undo()
    monkeypatch.syspath_prepend(str(site.folder))
    plugin = site.folder / "acme_plugin.py"
    plugin.write_text(plugin.read_text().replace("Say hello", "Greet"))
    os.utime(plugin, ns=(1, 1))
    del sys.modules["acme_plugin"]
    assert load_registry(str(cache)).op("acme.hello").summary == "Greet"


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", '{"key": 1}', "null", '{"ops": [[1]]}', "[" * 200_000]
)
def test_a_damaged_index_changes_speed_only(tmp_path: Path, damage: str) -> None:
    good = load_registry(str(tmp_path))
    index = tmp_path / "index.json"
    index.write_text(damage)

    assert load_registry(str(tmp_path)).ops == good.ops
    assert json.loads(index.read_text())["ops"]


def test_an_index_cannot_name_code_that_is_no_plugins(tmp_path: Path) -> None:
    load_registry(str(tmp_path))
    index = json.loads((tmp_path / "index.json").read_text())
    for row in index["contributions"]:
        row[2:4] = "os", "system"
    for row in index["ops"]:
        at = row.index(next(part for part in row if str(part).startswith("strongroom.")))
        row[at : at + 2] = "os", "system"
    (tmp_path / "index.json").write_text(json.dumps(index))
    registry = load_registry(str(tmp_path))

    for contribution in registry.contributions("opener"):
        with pytest.raises(Unavailable, match="not of an installed plugin"):
            contribution.load()
    with pytest.raises(Unavailable, match="is not the operation"):
        registry.function(registry.op("guest.ls"))


def test_an_op_is_called_by_its_own_code_only(tmp_path: Path) -> None:
    registry = load_registry(str(tmp_path))
    ls = registry.op("guest.ls")

    for other in (
        ls._replace(module="strongroom.base.locator", function="parse"),
        ls._replace(name="guest.list"),
        registry.op("cache.clear")._replace(effects=ls.effects),
    ):
        with pytest.raises(Unavailable, match="is not the operation"):
            registry.function(other)


def test_a_pipe_in_the_place_of_the_index_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "index.json")

    assert "guest.inspect" in load_registry(str(tmp_path)).ops


def test_an_index_that_cannot_be_written_changes_speed_only(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    assert "guest.inspect" in load_registry(str(tmp_path / "file")).ops


def test_an_unknown_op_is_not_found() -> None:
    registry, _ = build_registry()

    with pytest.raises(NotFound) as raised:
        registry.op("guest.inspekt")
    assert raised.value.hint == "did you mean guest.inspect?"


def test_what_a_plugin_registers_may_change_too(site: Site, tmp_path: Path) -> None:
    site.install("acme", "pass")
    cache = tmp_path / "cache"
    assert "acme.hello" not in load_registry(str(cache)).ops

    plugin = site.folder / "acme_plugin.py"
    plugin.write_text(plugin.read_text().replace("pass", GOOD.format("acme")))
    os.utime(plugin, ns=(1, 1))
    del sys.modules["acme_plugin"]
    assert "acme.hello" in load_registry(str(cache)).ops
