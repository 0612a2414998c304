"""Turn the Record classes into docs/reference/records.md, and freeze their fields beside it.

`docs/reference/records.json` is what was published: a field in it may never go, become optional,
or change its type. A change that breaks this is refused until someone edits that file by hand.
"""

import argparse
import json
import re
import sys
import types
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

from strongroom.apps.guest import anatomy, content, export, names, records, search, usage
from strongroom.apps.system import auditing, caching, plugins, settings
from strongroom.base import record as base
from strongroom.base.errors import Conflict, NotFound, StrongroomError
from strongroom.base.locator import Locator
from strongroom.base.record import Record

PAGE = "docs/reference/records.md"
FROZEN = "docs/reference/records.json"
COMMAND = "python -m strongroom.surfaces.gen.records"

GROUPS: tuple[tuple[str, tuple[types.ModuleType, ...]], ...] = (
    ("What a machine's disks hold", (records, anatomy)),
    ("What asks for attention", (base,)),
    ("Files inside disks", (names, content, search, usage, export)),
    ("Strongroom itself", (auditing, caching, settings, plugins)),
)

INTRO = f"""\
# Records

Everything that Strongroom tells is a Record: one JSON object a line with `--json`, a list with
`-o json`, rows with `-o csv`. This page is generated from the code by `{COMMAND}`.

- Every record has `type` and `at`, the [locator](../spec/locator.md) of the place where the fact
  was seen; where it makes sense also `line`, which counts from 1, and `offset`, in bytes.
- Fields are only ever added. A field marked *always* is in every record of its type; another is
  left out where there is nothing to say.
- Sizes are bytes, times RFC 3339 in UTC. Text that is not UTF-8 stands lossy under its own name and
  exact, as base64 of its bytes, under the name with `_b64` added.
"""


class Field(NamedTuple):
    """One field of a Record, as a reader of JSON sees it."""

    name: str
    kind: str
    always: bool
    text: str


class Described(NamedTuple):
    """One type of Record."""

    type: str
    text: str
    fields: tuple[Field, ...]


COMMON = frozenset({"at", "line", "offset"})


def classes(module: types.ModuleType) -> Iterator[type[Record]]:
    """Yield the Record classes that a module defines, in its order."""
    for value in vars(module).values():
        if not isinstance(value, type) or value.__module__ != module.__name__:
            continue
        if issubclass(value, Record) and value is not Record:
            yield value


def describe(cls: type[Record]) -> Described:
    """Return what a class says of itself: its docstring and its annotations."""
    doc = _undent(cls.__doc__ or "")
    text, _, listing = doc.partition("\nFields:\n")
    texts = _field_texts(listing)
    hints = get_type_hints(cls)
    fields = tuple(
        Field(name, _kind(hints[name]), _always(cls, name, hints[name]), texts.get(name, ""))
        for name in cls.fields
        if name not in COMMON
    )
    return Described(cls.type, text.strip(), fields)


def _always(cls: type[Record], name: str, hint: Any) -> bool:
    return name in cls.required or not _is_optional(hint)


def _is_optional(hint: Any) -> bool:
    return type(None) in get_args(hint)


def _kind(hint: Any) -> str:
    """Return the JSON type that a Python annotation comes out as."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in {Union, types.UnionType}:
        kinds = dict.fromkeys(_kind(each) for each in arguments if each is not type(None))
        return " or ".join(kinds)
    if origin in {tuple, list, frozenset}:
        return f"list of {_kind(arguments[0])}"
    if origin is dict or origin is Mapping:
        return f"object of {_kind(arguments[1])}"
    if hint is Locator:
        return "locator"
    if isinstance(hint, type) and issubclass(hint, Enum):
        return "one of " + ", ".join(str(member) for member in hint)
    names = {str: "text", int: "integer", bool: "boolean", Any: "anything", dict: "object"}
    return names.get(hint, getattr(hint, "__name__", str(hint)))


def _undent(doc: str) -> str:
    first, _, rest = doc.partition("\n")
    return first + "\n" + re.sub(r"^    ", "", rest, flags=re.MULTILINE)


def _field_texts(listing: str) -> dict[str, str]:
    """Return the texts of a "Fields:" section by field; deeper lines go on with the one before."""
    texts: dict[str, str] = {}
    name = ""
    for line in listing.splitlines():
        match = re.match(r" {4}(\w+): (.*)", line)
        if match:
            name = match[1]
            texts[name] = match[2]
        elif line.strip() and name:
            texts[name] += " " + line.strip()
    return texts


def render() -> str:
    """Return the page."""
    parts = [INTRO]
    for heading, modules in GROUPS:
        parts.append(f"## {heading}\n")
        for module in modules:
            parts += [section(describe(cls)) for cls in classes(module)]
    return "\n".join(parts)


def section(described: Described) -> str:
    """Return the part of the page that is about one type of Record."""
    lines = [f"### {described.type}\n", described.text + "\n"]
    told = any(f.text for f in described.fields)
    rows = [("field", "type", "always", "what it says"), ("---",) * 4]
    rows += [
        (f"`{f.name}`", f.kind, "yes" if f.always else "", _cell(f.text)) for f in described.fields
    ]
    lines += ["| " + " | ".join(row if told else row[:3]) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("<", "&lt;")


Shape = Mapping[str, Mapping[str, str]]
"""Field name -> JSON type of every type of record; a "?" behind it marks what may be absent."""


def shape() -> dict[str, dict[str, str]]:
    """Return the shape of every Record as the code has it."""
    found: dict[str, dict[str, str]] = {}
    for _, modules in GROUPS:
        for module in modules:
            for cls in classes(module):
                fields = describe(cls).fields
                found[cls.type] = {f.name: f.kind + ("" if f.always else "?") for f in fields}
    return dict(sorted(found.items()))


def breaks(published: Shape, present: Shape) -> list[str]:
    """Return what the present shape takes away from those who read the published one."""
    found: list[str] = []
    for kind, fields in published.items():
        for name, was in fields.items():
            now = present.get(kind, {}).get(name)
            # A field that was optional may become one that is always there.
            if now is None:
                found.append(f"{kind}.{name} is gone")
            elif now != was and now != was.removesuffix("?"):
                found.append(f"{kind}.{name} was {was}, is {now}")
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Write the page and the frozen fields, or with --check say whether both are fresh."""
    parser = argparse.ArgumentParser(prog=COMMAND, allow_abbrev=False, description=main.__doc__)
    parser.add_argument("--check", action="store_true", help="Write nothing; exit 1 when stale.")
    options = parser.parse_args(argv)
    try:
        return _generate(_checkout(Path.cwd()), check=options.check)
    except StrongroomError as e:
        sys.stderr.write(f"{e.message}\n" + (f"hint: {e.hint}\n" if e.hint else ""))
        return e.exit_status


def frozen_text(present: Shape) -> str:
    """Return the content of records.json."""
    return json.dumps(present, indent=1) + "\n"


def _generate(root: Path, *, check: bool) -> int:
    page, frozen = root / PAGE, root / FROZEN
    present = shape()
    published = json.loads(frozen.read_text(encoding="utf-8")) if frozen.exists() else {}
    broken = breaks(published, present)
    if broken:
        raise Conflict(
            f"fields are only ever added: {'; '.join(broken)}",
            hint=f"keep them, or edit {FROZEN} by hand and say so in the changelog",
        )
    wanted = ((page, render()), (frozen, frozen_text(present)))
    stale = [p for p, text in wanted if not p.exists() or p.read_text(encoding="utf-8") != text]
    if check:
        for path in stale:
            sys.stderr.write(f"{path.relative_to(root)} is stale\nhint: {COMMAND}\n")
        return 1 if stale else 0
    for path, text in wanted:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


def _checkout(start: Path) -> Path:
    for folder in (start, *start.parents):
        if (folder / "pyproject.toml").is_file() and (folder / "docs").is_dir():
            return folder
    raise NotFound(f"no checkout above {start}", hint="run this inside a checkout")


if __name__ == "__main__":
    sys.exit(main())
