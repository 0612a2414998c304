"""Machine-readable output: JSON lines, YAML documents, CSV. One record is one of each."""

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

from strongroom.base.record import Record, json_line, to_plain

Write = Callable[[str], object]

_YAML_PLAIN_FIRST = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ/_")
_YAML_PLAIN = _YAML_PLAIN_FIRST | frozenset("0123456789.-+@%=~,() ")
_YAML_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf"})
"""What YAML 1.1 or 1.2 reads as something other than text."""

_UNSEEN = re.compile("[\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
"""What a string may hold as it is (RFC 8259, section 7) and a terminal or a reader would obey."""
_FORMULA = tuple("=+-@\t\r")
"""What a spreadsheet takes a cell for a formula by."""


def write_json(records: Iterable[Record], write: Write) -> None:
    """Write one JSON object a line."""
    for record in records:
        write(_escaped(json_line(record)) + "\n")


def write_yaml(records: Iterable[Record], write: Write) -> None:
    """Write one YAML 1.2 document a record, each begun by `---`."""
    for record in records:
        lines = (f"{key}: {_yaml(value)}\n" for key, value in to_plain(record).items())
        write("---\n" + "".join(lines))


def _yaml(value: Any) -> str:
    if isinstance(value, str) and _is_plain(value):
        return value
    # JSON is YAML (YAML 1.2.2, section 1.3), which allows fewer characters as they are (5.1)
    return _escaped(json.dumps(value, ensure_ascii=False))


def _escaped(text: str) -> str:
    r"""Return JSON of the same value with `\uXXXX` for what is not seen: it is in strings only."""
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _is_plain(text: str) -> bool:
    return (
        text[:1] in _YAML_PLAIN_FIRST
        and text[:1] != ""
        and not text.endswith(" ")
        and text.lower() not in _YAML_WORDS
        and _YAML_PLAIN.issuperset(text)
    )


def write_csv(
    records: Iterable[Record],
    write: Write,
    columns: "list[str] | None",
    shown: Callable[[str], str] = str,
) -> None:
    """Write a header and a row a record (RFC 4180, but for lines that end in LF alone).

    `columns` are those of the one type there is; None takes the union of what all records have,
    `type` first, which needs all of them first. Lists and mappings are JSON in their cell. What a
    spreadsheet would take for a formula has an apostrophe before it. `shown` is what becomes of
    text on the way, which a pipe gets as it is.
    """
    import csv

    class _Sink:
        def write(self, text: str, /) -> object:
            return write(text.removesuffix("\r\n") + "\n")

    rows: Iterable[dict[str, Any]] = (to_plain(record) for record in records)
    if columns is None:
        rows = list(rows)
        columns = ["type", *dict.fromkeys(key for row in rows for key in row if key != "type")]
    writer = csv.DictWriter(_Sink(), columns, extrasaction="ignore")  # quotes CR and LF alike
    writer.writeheader()
    for row in rows:
        writer.writerow({key: _cell(value, shown) for key, value in row.items()})


def csv_columns(kinds: Iterable[type[Record]]) -> list[str]:
    """Return the columns that records of these types have, `type` and `at` first."""
    names = dict.fromkeys(name for kind in kinds for name in kind.fields)
    exact = [f"{name}_b64" for name in ("path", "name", "target") if name in names]
    return list(dict.fromkeys(("type", "at", *names, *exact)))


def _cell(value: Any, shown: Callable[[str], str]) -> Any:
    if isinstance(value, list | dict):
        return _escaped(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return shown("'" + value if value.startswith(_FORMULA) else value)
    return value
