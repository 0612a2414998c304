"""Record: a typed fact. Exports, drift, trends and compliance work on Records and nothing else."""

import json
from binascii import a2b_base64, b2a_base64
from collections.abc import Iterator, Mapping
from enum import Enum, IntEnum
from typing import Any, ClassVar, NoReturn, dataclass_transform

from .locator import Locator, parse


class Severity(IntEnum):
    """How much a Finding matters, ascending."""

    INFO = 0
    NOTICE = 1
    WARNING = 2
    ERROR = 3
    CRITICAL = 4

    def __str__(self) -> str:
        return self.name.lower()


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Fields:
    """Frozen values by name: a subclass lists its fields as annotations, defaults beside them.

    What `dataclass(frozen=True, kw_only=True)` gives, for a hundredth of its cost at start-up:
    that decorator and what it imports took a third of a whole `guest ls` (docs/adr/0009).
    """

    fields: ClassVar[tuple[str, ...]] = ()
    required: ClassVar[frozenset[str]] = frozenset()
    _known: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls) -> None:
        annotations = cls.__dict__.get("__annotations__", {})  # noqa: RUF063  inspect is what costs
        own = tuple(
            name
            for name, hint in annotations.items()
            if getattr(hint, "__origin__", None) is not ClassVar
        )
        cls.fields = tuple(dict.fromkeys(cls.fields + own))
        cls.required = frozenset(name for name in cls.fields if not hasattr(cls, name))
        cls._known = frozenset(cls.fields)

    def __init__(self, **values: Any) -> None:
        given = values.keys()
        if not (given >= self.required and given <= self._known):
            wrong = (self.required - given) | (given - self._known)
            raise TypeError(f"{type(self).__name__} misses or does not know {sorted(wrong)}")
        self.__dict__.update(values)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is frozen: {name} cannot be set")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is frozen: {name} cannot be removed")

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.fields)

    def __hash__(self) -> int:
        return hash((type(self), *(getattr(self, name) for name in self.fields)))

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.fields)
        return f"{type(self).__name__}({shown})"


class Record(Fields):
    """A fact with a `type` and the place where it was seen.

    `type` is stable and documented; fields are only ever added. `line` counts from 1, `offset` is
    in bytes inside `at`.
    """

    type: ClassVar[str] = "record"

    at: Locator
    line: int | None = None
    offset: int | None = None


class Finding(Record):
    """A Record that asks for attention. Damage has rules that begin with "problem."."""

    type: ClassVar[str] = "finding"

    rule: str
    severity: Severity
    message: str
    hint: str | None = None


def to_plain(record: Record) -> dict[str, Any]:
    """Return a Record as JSON values: `type` and `at` first, absent (None) values left out.

    Text that is not UTF-8 is given lossy under its own name and exact, as base64 of its bytes,
    under the name with `_b64` added.
    """
    plain: dict[str, Any] = {"type": record.type}
    for name, value in _items(record):
        if isinstance(value, str) and not _is_utf8(value):
            exact = value.encode("utf-8", "surrogateescape")
            plain[name] = exact.decode("utf-8", "replace")
            plain[f"{name}_b64"] = b2a_base64(exact, newline=False).decode("ascii")
        else:
            plain[name] = value
    return plain


def from_plain(cls: type[Record], plain: Mapping[str, Any]) -> Record:
    """Return the Record that `to_plain` turned into `plain`; unknown fields are left out.

    Lists become tuples. Raises TypeError where a field that `cls` requires is missing.
    """
    values: dict[str, Any] = {}
    for name in cls.fields:
        exact = plain.get(f"{name}_b64")
        if exact is not None:
            values[name] = a2b_base64(exact).decode("utf-8", "surrogateescape")
        elif name in plain:
            values[name] = _tuples(plain[name])
    values["at"] = parse(values["at"])
    if "severity" in values:
        values["severity"] = Severity[values["severity"].upper()]
    return cls(**values)


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def json_line(record: Record) -> str:
    """Return a Record as one line of JSON, in the order of `to_plain`."""
    return json.dumps(to_plain(record), ensure_ascii=False, separators=(",", ":"))


def canonical_json(value: Any) -> bytes:
    """Return the one byte form of a JSON value: sorted keys, no spaces, UTF-8, no floats.

    For hashing and signing. Raises TypeError for what is not a JSON value or is a float, and
    ValueError for text that has no UTF-8 form.
    """
    _refuse_floats(value)
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as e:
        raise ValueError("text with lone surrogates has no canonical form") from e


def rfc3339(ns: int | None) -> str | None:
    """Return nanoseconds since 1970 as RFC 3339 in UTC, with a fraction only where there is one.

    None for None and for years that four digits cannot write (RFC 3339, section 5.6).
    """
    if ns is None:
        return None
    seconds, fraction = divmod(ns, 1_000_000_000)
    days, second = divmod(seconds, 86400)
    year, month, day = _civil(days)
    if not 0 < year <= 9999:
        return None
    hour, second = divmod(second, 3600)
    digits = f".{fraction:09}".rstrip("0") if fraction else ""
    clock = f"{hour:02}:{second // 60:02}:{second % 60:02}{digits}"
    return f"{year:04}-{month:02}-{day:02}T{clock}Z"


def _civil(days: int) -> tuple[int, int, int]:
    """Return year, month and day of a day since 1970 in the proleptic Gregorian calendar.

    Counts in eras of 400 years (146,097 days) of years that begin in March, so that the leap day
    comes last. The standard library's datetime says the same, at the price of importing it.
    """
    era, day_of_era = divmod(days + 719_468, 146_097)
    year_of_era = (
        day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096
    ) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    march_month = (5 * day_of_year + 2) // 153
    month = march_month + 3 if march_month < 10 else march_month - 9
    day = day_of_year - (153 * march_month + 2) // 5 + 1
    return 400 * era + year_of_era + (month <= 2), month, day


def _refuse_floats(value: Any) -> None:
    if isinstance(value, float):
        raise TypeError("canonical JSON holds no floats")
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError("canonical JSON keys are strings")
            _refuse_floats(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _refuse_floats(item)


def _items(record: Record) -> Iterator[tuple[str, Any]]:
    for name in record.fields:
        value = getattr(record, name)
        if value is not None:
            yield name, _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Locator):
        return str(value)
    if isinstance(value, Enum):
        return str(value)
    if isinstance(value, tuple | list | frozenset):
        items = sorted(value) if isinstance(value, frozenset) else value
        return [_plain(item) for item in items]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return value


def _is_utf8(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= c <= "\udfff" for c in text)
