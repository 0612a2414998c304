"""Accounts: passwd(5), shadow(5), group(5), gshadow(5).

No value here holds a password hash: what a password field says is reduced to a state and the name
of its hash function while the line is read, and no fault repeats a line's content.
"""

from typing import Literal, NamedTuple

from .lines import Faults, Parsed, number, numbered

ID_MAX = (1 << 32) - 1
"""uid_t and gid_t have 32 bits."""

Password = Literal["set", "locked", "empty", "none", "unknown"]
"""Set: a hash. Locked: a hash behind "!". Empty: none is asked for. None: nothing can match."""

_SCHEMES = {
    "1": "md5",
    "2a": "bcrypt",
    "2b": "bcrypt",
    "2x": "bcrypt",
    "2y": "bcrypt",
    "3": "nt",
    "5": "sha256",
    "6": "sha512",
    "7": "scrypt",
    "gy": "gost-yescrypt",
    "md5": "sunmd5",
    "sha1": "sha1",
    "y": "yescrypt",
}
"""Prefixes of crypt(5)."""

_DES_CHARACTERS = 13
_NO_PASSWORD = frozenset({"*", "!", "!!", "!*", "*LK*", "NP", "x", "*NP*"})


class Secrecy(NamedTuple):
    """What a password field says, without the hash. `scheme` is "" where there is no hash."""

    state: Password
    scheme: str = ""


class PasswdEntry(NamedTuple):
    """One line of passwd(5); `secrecy` is None where the field says that shadow(5) holds it."""

    line: int
    name: str
    secrecy: Secrecy | None
    uid: int
    gid: int
    gecos: str
    home: str
    shell: str


class ShadowEntry(NamedTuple):
    """One line of shadow(5). Dates are days since 1970-01-01, None where the field is empty."""

    line: int
    name: str
    secrecy: Secrecy
    changed_days: int | None
    age_max_days: int | None
    expires_days: int | None


class GroupEntry(NamedTuple):
    """One line of group(5)."""

    line: int
    name: str
    gid: int
    members: tuple[str, ...]


class GshadowEntry(NamedTuple):
    """One line of gshadow(5)."""

    line: int
    name: str
    secrecy: Secrecy
    administrators: tuple[str, ...]
    members: tuple[str, ...]


def secrecy(field: str) -> Secrecy:
    """Return what a password field of shadow(5) says, by crypt(5)."""
    if not field:
        return Secrecy("empty")
    if field in _NO_PASSWORD:
        return Secrecy("none")
    bare = field.lstrip("!*")
    if not bare:
        return Secrecy("none")
    scheme = _scheme(bare)
    if not scheme:
        return Secrecy("none")
    return Secrecy("set" if bare == field else "locked", scheme)


def _scheme(hashed: str) -> str:
    if hashed.startswith("$"):
        name = hashed.split("$", 2)[1]
        return _SCHEMES.get(name.partition(",")[0], "unknown")
    if hashed.startswith("_"):
        return "bsdi"
    return "des" if len(hashed) == _DES_CHARACTERS else ""


def parse_passwd(text: str) -> Parsed[PasswdEntry]:
    """Return the accounts of passwd(5). Compatibility lines of NIS ("+", "-") are left out."""
    entries: list[PasswdEntry] = []
    faults = Faults()
    for at, fields in _records(text, 7, "passwd", faults):
        uid, gid = number(fields[2], ID_MAX), number(fields[3], ID_MAX)
        if uid is None or gid is None:
            faults.add(at, "a passwd line has a uid or gid that is no number")
            continue
        hidden = None if fields[1] == "x" else secrecy(fields[1])
        entries.append(PasswdEntry(at, fields[0], hidden, uid, gid, *fields[4:7]))
    return Parsed(tuple(entries), faults.kept())


def parse_shadow(text: str) -> Parsed[ShadowEntry]:
    """Return what shadow(5) says of each account's password and its age."""
    entries: list[ShadowEntry] = []
    faults = Faults()
    for at, fields in _records(text, 2, "shadow", faults):
        days = [number(field) for field in (fields[2:] + [""] * 6)[:6]]
        entries.append(
            ShadowEntry(at, fields[0], secrecy(fields[1]), days[0], days[2], days[5]),
        )
    return Parsed(tuple(entries), faults.kept())


def parse_group(text: str) -> Parsed[GroupEntry]:
    """Return the groups of group(5)."""
    entries: list[GroupEntry] = []
    faults = Faults()
    for at, fields in _records(text, 3, "group", faults):
        gid = number(fields[2], ID_MAX)
        if gid is None:
            faults.add(at, "a group line has a gid that is no number")
            continue
        members = _names(fields[3]) if len(fields) > 3 else ()
        entries.append(GroupEntry(at, fields[0], gid, members))
    return Parsed(tuple(entries), faults.kept())


def parse_gshadow(text: str) -> Parsed[GshadowEntry]:
    """Return what gshadow(5) says of each group."""
    entries: list[GshadowEntry] = []
    faults = Faults()
    for at, fields in _records(text, 4, "gshadow", faults):
        entries.append(
            GshadowEntry(at, fields[0], secrecy(fields[1]), _names(fields[2]), _names(fields[3]))
        )
    return Parsed(tuple(entries), faults.kept())


def _records(text: str, least: int, file: str, faults: Faults) -> list[tuple[int, list[str]]]:
    """Return (line number, fields) of every line that has at least `least` fields and a name."""
    records = []
    for at, line in numbered(text):
        if not line.strip() or line.startswith(("#", "+", "-")):
            continue
        fields = line.split(":", 9)
        if len(fields) < least or not fields[0]:
            faults.add(at, f"a {file} line has no name or fewer than {least} fields")
            continue
        records.append((at, fields))
    return records


def _names(field: str) -> tuple[str, ...]:
    return tuple(name for raw in field.split(",") if (name := raw.strip()))
