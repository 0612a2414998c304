"""The plugin template: file names and texts in which {{name}} and {{version}} are filled in."""

from collections.abc import Mapping

PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "strongroom-{{name}}"
version = "0.1.0"
description = "A Strongroom plugin"
requires-python = ">=3.11"
dependencies = ["strongroom>={{version}}"]

[project.entry-points."strongroom.plugins"]
{{name}} = "strongroom_{{name}}:contribute"

[tool.hatch.build.targets.wheel]
packages = ["src/strongroom_{{name}}"]
"""

README = """\
# strongroom-{{name}}

A Strongroom plugin. Its one op, `{{name}}.kinds`, is a command, has help, completes, is audited and
documented, because it is a typed function marked with `@op`.

```
pip install .
strongroom {{name}} kinds disk.qcow2 /etc
strongroom {{name}} kinds --help
strongroom plugin ls
python -m strongroom.surfaces.gen.cli --plugin {{name}}
```

The last line prints the reference of its commands and records, as it is in the code.

A plugin runs inside Strongroom's own process: install only what you would run yourself.
"""

INIT = '''\
"""The {{name}} plugin."""

from strongroom.kernel.plugin import Collector


def contribute(registry: Collector) -> None:
    """Register what this plugin adds."""
    from . import ops

    registry.add_ops(ops)
'''

OPS = '''\
"""The ops of {{name}}."""

from collections import Counter
from collections.abc import Iterator
from typing import ClassVar

from strongroom.base.locator import Locator
from strongroom.base.record import Record
from strongroom.kernel.call import Context
from strongroom.kernel.op import op


class KindCount(Record):
    """How many names of one kind there are."""

    type: ClassVar[str] = "{{name}}_kind_count"

    kind: str
    count: int


@op("{{name}}.kinds", since="0.1")
def kinds(ctx: Context, disk: Locator, path: str = "/") -> Iterator[KindCount]:
    """Count the names below a path inside a disk by kind.

    Args:
        disk: The image, or a locator such as disk.qcow2::p2.
        path: Where to look inside it.

    Examples:
        strongroom {{name}} kinds disk.qcow2 /etc
    """
    entries = ctx.call("guest.ls", disk=disk, path=path, recursive=True)
    counts = Counter(entry.kind for entry in entries if entry.type == "entry")
    for kind, count in sorted(counts.items()):
        yield KindCount(at=disk / path, kind=kind, count=count)
'''

TEST = '''\
"""A folder is a tree too, so the op is tested without a disk."""

from pathlib import Path

from strongroom.testing.session import make_context


def test_names_are_counted_by_kind(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    (folder / "a").write_text("a")
    (folder / "b").write_text("b")

    counts = make_context(tmp_path / "home").call("{{name}}.kinds", disk=str(folder))

    assert {record.kind: record.count for record in counts} == {"dir": 1, "file": 2}
'''

FILES: Mapping[str, str] = {
    "pyproject.toml": PYPROJECT,
    "README.md": README,
    "src/strongroom_{{name}}/__init__.py": INIT,
    "src/strongroom_{{name}}/ops.py": OPS,
    "tests/test_{{name}}.py": TEST,
}
