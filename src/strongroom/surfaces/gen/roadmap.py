"""Turn docs/roadmap.toml into docs/roadmap.md: every item of the three roadmaps and its state."""

import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from strongroom.base.errors import Usage

from .page import checkout, run

SOURCE = "docs/roadmap.toml"
TARGET = "docs/roadmap.md"
COMMAND = "python -m strongroom.surfaces.gen.roadmap"
APPS = {
    "foundation": "Foundation",
    "vault": "Vault",
    "guest": "Guest",
    "ide": "IDE",
    "joint": "Where the apps meet",
}
STATES = {
    "proved": "proved",
    "emulated": "emulated",
    "unprovable": "not provable here",
    "open": "not yet",
}
REQUIRED = ("id", "title", "seed", "app", "state")
OPTIONAL = ("command", "tests", "note")
ITEM_ID = re.compile(r"[FVGKX]-\d{2}")
SEED = re.compile(r"(?:[vgk]\d+|orig)(?:,(?:[vgk]\d+|orig))*")

INTRO = f"""\
# Roadmap

Every item of the three roadmaps behind Strongroom and how it stands. This page is generated from
`{SOURCE}` by `{COMMAND}`.

- **proved**: a test in the column *tests* shows it.
- **emulated**: shown only against an emulator, which the note names.
- **not provable here**: the machines of this project cannot show it; the note says why.
- **not yet**: a command given is the one that will do it.

The small code under an id names the lines of the roadmaps it comes from: `v` vault, `g` guest,
`k` ide, `orig` the original program.
"""


@dataclass(frozen=True, slots=True)
class Item:
    """One row of the roadmap, as checked by `parse`."""

    id: str
    title: str
    seed: str
    app: str
    state: str
    command: str
    tests: tuple[str, ...]
    note: str


def parse(text: str) -> list[Item]:
    """Read the items of a roadmap file, in file order.

    Raises `Usage` for anything but a list of well-formed items: bad TOML, a key, app or state
    that is not known, a missing key, a duplicate id, a state whose evidence is missing.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as e:
        raise Usage(f"the roadmap is not TOML: {e}") from e
    if set(document) != {"item"} or not isinstance(document["item"], list):
        raise Usage("the roadmap holds something other than [[item]] tables")
    items = [_item(raw) for raw in document["item"]]
    repeated = [name for name, count in Counter(item.id for item in items).items() if count > 1]
    if repeated:
        raise Usage(f"ids occur twice: {', '.join(sorted(repeated))}")
    return items


def render(text: str) -> str:
    """Turn a roadmap file into its Markdown page: a table of counts, then a table per app.

    Raises `Usage` as `parse` does.
    """
    items = parse(text)
    parts = [INTRO, _counts(items)]
    for app, heading in APPS.items():
        rows = [_row(item) for item in items if item.app == app]
        if rows:
            table = _table(("id", "what", "command", "tests", "state"), rows)
            parts.append(f"## {heading}\n\n{table}")
    return "\n".join(parts)


def main(argv: Sequence[str] | None = None) -> int:
    """Write docs/roadmap.md, or with --check say whether it is fresh: 0 yes, 1 no."""
    return run("strongroom.surfaces.gen.roadmap", TARGET, _page, argv)


def _page() -> str:
    return render((checkout(Path.cwd()) / SOURCE).read_text(encoding="utf-8"))


def _item(raw: object) -> Item:
    if not isinstance(raw, dict):
        raise Usage("an item is not a table")
    name = str(raw.get("id", "(no id)"))
    unknown = set(raw) - set(REQUIRED) - set(OPTIONAL)
    if unknown:
        raise Usage(f"{name} has unknown keys: {', '.join(sorted(unknown))}")
    item = Item(
        id=_text(raw, "id", name),
        title=_text(raw, "title", name),
        seed=_text(raw, "seed", name),
        app=_text(raw, "app", name),
        state=_text(raw, "state", name),
        command=_text(raw, "command", name),
        tests=_tests(raw, name),
        note=_text(raw, "note", name),
    )
    _validate(item)
    return item


def _text(raw: Mapping[str, object], key: str, name: str) -> str:
    if key not in raw:
        if key in REQUIRED:
            raise Usage(f"{name} has no {key}")
        return ""
    value = raw[key]
    if not isinstance(value, str) or not value or value != " ".join(value.split()):
        raise Usage(f"{name}: {key} is not one line of text")
    return value


def _tests(raw: Mapping[str, object], name: str) -> tuple[str, ...]:
    value = raw.get("tests", [])
    if not isinstance(value, list):
        raise Usage(f"{name}: tests is not a list")
    for entry in value:
        if not isinstance(entry, str) or not entry:
            raise Usage(f"{name}: tests holds something other than text")
    return tuple(value)


def _validate(item: Item) -> None:
    if not ITEM_ID.fullmatch(item.id):
        raise Usage(f"{item.id} is not an id such as F-01")
    if not SEED.fullmatch(item.seed):
        raise Usage(f"{item.id}: seed {item.seed!r} is not a list such as v64,g12,orig")
    if item.app not in APPS:
        raise Usage(f"{item.id}: app {item.app!r} is unknown", hint=f"one of {', '.join(APPS)}")
    if item.state not in STATES:
        raise Usage(
            f"{item.id}: state {item.state!r} is unknown", hint=f"one of {', '.join(STATES)}"
        )
    if item.state in {"proved", "emulated"} and not item.tests:
        raise Usage(f"{item.id} is {item.state} but names no test")
    if item.state in {"emulated", "unprovable"} and not item.note:
        raise Usage(f"{item.id} is {item.state} but has no note")


def _counts(items: Sequence[Item]) -> str:
    rows = []
    for app, heading in APPS.items():
        states = Counter(item.state for item in items if item.app == app)
        rows.append((heading, *(str(states[state]) for state in STATES), str(states.total())))
    states = Counter(item.state for item in items)
    rows.append(("**all**", *(str(states[state]) for state in STATES), str(states.total())))
    return _table(("", *STATES.values(), "items"), rows)


def _row(item: Item) -> tuple[str, ...]:
    state = STATES[item.state] + (f". {_cell(item.note)}" if item.note else "")
    return (
        f'<a id="{item.id.lower()}"></a>{item.id}<br><sub>{item.seed}</sub>',
        _cell(item.title),
        _code(item.command),
        "<br>".join(_code(test) for test in item.tests),
        state,
    )


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("<", "&lt;")


def _code(text: str) -> str:
    return "`" + text.replace("|", r"\|") + "`" if text else ""


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
