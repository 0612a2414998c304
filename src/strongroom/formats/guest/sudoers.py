"""Who may run what as whom: sudoers(5), and the same from doas.conf(5)."""

import re
from typing import Literal, NamedTuple

from .lines import Faults, Parsed, continued, quote

USERS_MAX = 10_000
"""Names in one list of users."""


class SudoRule(NamedTuple):
    """One user specification.

    `users` are the members of the list as written: a name, "%group", "#uid", "%#gid", "ALL", an
    alias, each perhaps behind "!". `commands` is what stands after the hosts' "=".
    """

    line: int
    users: tuple[str, ...]
    hosts: str
    commands: str
    no_password: bool


class UserAlias(NamedTuple):
    """A name for a list of users."""

    line: int
    name: str
    users: tuple[str, ...]


class Include(NamedTuple):
    """A further file, or a directory of files, read at this place."""

    line: int
    path: str
    directory: bool


SudoersEntry = SudoRule | UserAlias | Include

_INCLUDE = re.compile(r"[#@](include|includedir)[ \t]+(.+)")
_USER = re.compile(r'[ \t]*((?:![ \t]*)*(?:"[^"]*"|\\.|[^\s,=:"\\])+)[ \t]*(,?)')
_UID = re.compile(r"#\d+[ \t,]")
_OTHER_ALIAS = re.compile(r"(?:Host|Runas|Cmnd|Cmd)_Alias\b|Defaults(?![\w-])")
_USER_ALIAS = re.compile(r"User_Alias[ \t]+(.*)", re.DOTALL)
_ALIAS_NAME = re.compile(r"[ \t]*([A-Z][A-Z0-9_]*)[ \t]*=")


def parse_sudoers(text: str) -> Parsed[SudoersEntry]:
    """Return rules, user aliases and includes of sudoers(5) in file order; nothing is expanded."""
    entries: list[SudoersEntry] = []
    faults = Faults()
    for at, raw in continued(text):
        line = raw.strip()
        include = _INCLUDE.match(line)
        if include:
            path = include[2].split(" #", 1)[0].strip().strip('"').replace("\\ ", " ")
            entries.append(Include(at, path, include[1] == "includedir"))
            continue
        if not line or (line.startswith("#") and not _UID.match(line)) or _OTHER_ALIAS.match(line):
            continue
        alias = _USER_ALIAS.match(line)
        if alias:
            entries += _aliases(at, alias[1], faults)
            continue
        rule = _rule(at, line)
        if rule is None:
            faults.add(at, f"{quote(line)} is no sudoers rule")
        else:
            entries.append(rule)
    return Parsed(tuple(entries), faults.kept())


def _rule(at: int, line: str) -> SudoRule | None:
    users, end = _users(line, 0)
    hosts, equals, commands = line[end:].partition("=")
    if not users or not equals or not hosts.strip():
        return None
    commands = commands.strip()
    return SudoRule(at, users, hosts.strip(), commands, "NOPASSWD:" in commands)


def _users(line: str, at: int) -> tuple[tuple[str, ...], int]:
    """Return a comma-separated list of users and where it ends."""
    users: list[str] = []
    while len(users) < USERS_MAX:
        match = _USER.match(line, at)
        if match is None:
            break
        users.append(match[1].replace('"', "").replace("\\", "").replace(" ", ""))
        at = match.end()
        if not match[2]:
            break
    return tuple(users), at


def _aliases(at: int, body: str, faults: Faults) -> list[UserAlias]:
    """Return the aliases of one line, which ":" separates."""
    aliases = []
    for part in body.split("#", 1)[0].split(":"):
        match = _ALIAS_NAME.match(part)
        users, _ = _users(part, match.end()) if match else ((), 0)
        if match and users:
            aliases.append(UserAlias(at, match[1], users))
        else:
            faults.add(at, f"{quote(part.strip())} is no user alias")
    return aliases


class DoasRule(NamedTuple):
    """One rule of doas.conf(5); `user` is a name or ":group"."""

    line: int
    action: Literal["permit", "deny"]
    user: str
    no_password: bool


_DOAS_OPTIONS = re.compile(r"[ \t]*(?:(nopass)|persist|nolog|keepenv|setenv[ \t]*\{[^}]*\})[ \t]+")
_DOAS_ACTION = re.compile(r"[ \t]*(permit|deny)[ \t]+")


def parse_doas(text: str) -> Parsed[DoasRule]:
    """Return the rules of doas.conf(5) in file order; the last one that matches decides."""
    rules: list[DoasRule] = []
    faults = Faults()
    for at, raw in continued(text):
        line = raw.split("#", 1)[0].rstrip() + " "
        if not line.strip():
            continue
        action = _DOAS_ACTION.match(line)
        end = action.end() if action else 0
        no_password = False
        while action and (option := _DOAS_OPTIONS.match(line, end)):
            no_password = no_password or bool(option[1])
            end = option.end()
        words = line[end:].split(None, 1)
        if action is None or not words:
            faults.add(at, f"{quote(line.strip())} is no doas rule")
            continue
        kind: Literal["permit", "deny"] = "permit" if action[1] == "permit" else "deny"
        rules.append(DoasRule(at, kind, words[0], no_password))
    return Parsed(tuple(rules), faults.kept())
