"""Who has an account: users, groups, passwords' states, and who may become root by sudo or doas."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from strongroom.base.record import Finding, Record, Severity
from strongroom.base.tree import basename, join, parent
from strongroom.formats.guest.passwd import (
    GroupEntry,
    PasswdEntry,
    Secrecy,
    ShadowEntry,
    parse_group,
    parse_passwd,
    parse_shadow,
)
from strongroom.formats.guest.sudoers import (
    Include,
    SudoRule,
    UserAlias,
    parse_doas,
    parse_sudoers,
)

from ..guest import Guest
from ..records import Group, User
from .analysis import Analysis, Document, date_text, document, documents, paths_in, problems

INCLUDES_MAX = 1000
"""Files that sudoers may include, and the places where it does."""

EXCEPTIONS_MAX = 20
"""Rules with a "!" whose exceptions are followed; of further ones only the grants count."""

WEAK_SCHEMES = frozenset({"des", "bsdi", "md5", "nt", "sha1"})
NO_LOGIN_SHELLS = frozenset({"nologin", "false", "true", "sync", "halt", "shutdown", "null"})


class _Grants(NamedTuple):
    """Who is granted something: names as sudoers writes them, "%group" and "#uid" included."""

    names: frozenset[str]
    exceptions: tuple[tuple[frozenset[str], frozenset[str]], ...]
    """(granted, but not these) of each rule that has exceptions."""


def run(guest: Guest) -> Iterator[Record]:
    """Yield every User and Group, and Findings on accounts that are too open."""
    passwd = document(guest, "/etc/passwd")
    shadow = document(guest, "/etc/shadow")
    group = document(guest, "/etc/group")
    rules, findings = _sudo_rules(guest)
    yield from findings
    grants = _grants(rules)
    groups: Sequence[GroupEntry] = ()
    if group is not None:
        parsed_groups = parse_group(group.text)
        yield from problems(group, "group", parsed_groups.faults)
        groups = parsed_groups.entries
    secrets: dict[str, ShadowEntry] = {}
    if shadow is not None:
        parsed_shadow = parse_shadow(shadow.text)
        yield from problems(shadow, "shadow", parsed_shadow.faults)
        secrets = {entry.name: entry for entry in reversed(parsed_shadow.entries)}
    if passwd is not None:
        parsed_users = parse_passwd(passwd.text)
        yield from problems(passwd, "passwd", parsed_users.faults)
        yield from _users(passwd, parsed_users.entries, groups, secrets, grants)
        yield from _account_findings(passwd, shadow, parsed_users.entries, secrets)
    if group is not None:
        yield from _groups(group, groups, grants)


def _users(
    source: Document,
    entries: Sequence[PasswdEntry],
    groups: Sequence[GroupEntry],
    secrets: dict[str, ShadowEntry],
    grants: _Grants,
) -> Iterator[User]:
    name_of = {entry.gid: entry.name for entry in reversed(groups)}
    joined: defaultdict[str, list[str]] = defaultdict(list)
    gid_of = {entry.name: entry.gid for entry in reversed(groups)}
    for each in groups:
        for member in each.members:
            joined[member].append(each.name)
    for entry in entries:
        secret = secrets.get(entry.name)
        secrecy = _secrecy(entry, secret)
        primary = name_of.get(entry.gid)
        # Of several lines of one name the first holds, so each name's groups are listed once.
        others = joined.pop(entry.name, ())
        names = tuple(dict.fromkeys([*([primary] if primary else []), *others]))
        gids = {entry.gid, *(gid_of[name] for name in names)}
        yield User(
            at=source.at,
            line=entry.line,
            name=entry.name,
            uid=entry.uid,
            gid=entry.gid,
            home=entry.home,
            shell=entry.shell,
            gecos=entry.gecos,
            can_log_in=can_log_in(entry.shell),
            password=secrecy.state,
            password_scheme=secrecy.scheme or None,
            password_changed=date_text(secret.changed_days or None) if secret else None,
            expires=date_text(secret.expires_days) if secret else None,
            sudo=_granted(
                grants,
                {
                    "ALL",
                    entry.name,
                    f"#{entry.uid}",
                    *(f"%{name}" for name in names),
                    *(f"%#{gid}" for gid in gids),
                },
            ),
            groups=names,
        )


def _groups(source: Document, entries: Sequence[GroupEntry], grants: _Grants) -> Iterator[Group]:
    for entry in entries:
        yield Group(
            at=source.at,
            line=entry.line,
            name=entry.name,
            gid=entry.gid,
            members=entry.members,
            sudo=_granted(grants, {f"%{entry.name}", f"%#{entry.gid}"}),
        )


def can_log_in(shell: str) -> bool:
    """Say whether a login program lets its user in."""
    return basename(shell.rstrip("/")) not in NO_LOGIN_SHELLS


def _secrecy(entry: PasswdEntry, secret: ShadowEntry | None) -> Secrecy:
    if entry.secrecy is not None:
        return entry.secrecy
    return secret.secrecy if secret is not None else Secrecy("unknown")


def _account_findings(
    passwd: Document,
    shadow: Document | None,
    entries: Sequence[PasswdEntry],
    secrets: dict[str, ShadowEntry],
) -> Iterator[Finding]:
    for entry in entries:
        secret = secrets.get(entry.name) if entry.secrecy is None else None
        at, line = passwd.at, entry.line
        if secret is not None and shadow is not None:
            at, line = shadow.at, secret.line
        secrecy = _secrecy(entry, secret)
        if secrecy.state == "empty":
            yield Finding(
                at=at,
                line=line,
                rule="account.no-password",
                severity=Severity.ERROR if can_log_in(entry.shell) else Severity.NOTICE,
                message=f"{entry.name} has an empty password",
                hint=f"lock it with `passwd -l {entry.name}`",
            )
        if secrecy.state == "set" and secrecy.scheme in WEAK_SCHEMES:
            yield Finding(
                at=at,
                line=line,
                rule="account.weak-hash",
                severity=Severity.WARNING,
                message=f"the password of {entry.name} is hashed with {secrecy.scheme}",
            )
        if entry.uid == 0 and entry.name != "root":
            yield Finding(
                at=passwd.at,
                line=entry.line,
                rule="account.uid0",
                severity=Severity.ERROR,
                message=f"{entry.name} has uid 0, so it is root by another name",
            )


def _sudo_rules(guest: Guest) -> tuple[list[SudoRule | UserAlias], list[Finding]]:
    """Return the rules of sudoers with all its includes, and of doas, with what is wrong there."""
    rules: list[SudoRule | UserAlias] = []
    findings: list[Finding] = []
    todo, seen, places = ["/etc/sudoers"], set[str](), 0
    while todo and len(seen) < INCLUDES_MAX:
        source = document(guest, todo.pop())
        if source is None or source.path in seen:
            continue
        seen.add(source.path)
        parsed = parse_sudoers(source.text)
        findings += problems(source, "sudoers", parsed.faults)
        includes: list[str] = []
        for entry in parsed.entries:
            if isinstance(entry, Include):
                places += 1
                if places <= INCLUDES_MAX:
                    includes += _included(guest, entry, source.path)
                continue
            rules.append(entry)
            if isinstance(entry, SudoRule) and entry.no_password:
                findings.append(_no_password(source, entry.line, entry.users))
        todo += reversed(includes)
    for doas in _doas_files(guest):
        parsed_doas = parse_doas(doas.text)
        findings += problems(doas, "doas", parsed_doas.faults)
        for rule in parsed_doas.entries:
            if rule.action == "permit":
                user = f"%{rule.user[1:]}" if rule.user.startswith(":") else rule.user
                rules.append(SudoRule(rule.line, (user,), "ALL", "", rule.no_password))
                if rule.no_password:
                    findings.append(_no_password(doas, rule.line, (user,)))
    return rules, findings


def _doas_files(guest: Guest) -> Iterator[Document]:
    found = document(guest, "/etc/doas.conf")
    if found is not None:
        yield found
    yield from documents(guest, "/etc/doas.d", suffix=".conf")


def _no_password(source: Document, line: int, users: Sequence[str]) -> Finding:
    return Finding(
        at=source.at,
        line=line,
        rule="account.sudo-no-password",
        severity=Severity.NOTICE,
        message=f"{', '.join(users[:5])} may run commands as others without a password",
    )


def _included(guest: Guest, include: Include, path: str) -> list[str]:
    """Return the files that an include names; sudo skips names with a dot or a "~" at the end."""
    target = include.path if include.path.startswith("/") else join(parent(path), include.path)
    if not include.directory:
        return [target]
    names = paths_in(guest, target)
    return [name for name in names if "." not in basename(name) and not name.endswith("~")]


def _grants(rules: Sequence[SudoRule | UserAlias]) -> _Grants:
    aliases: dict[str, tuple[str, ...]] = {}
    for rule in rules:
        if isinstance(rule, UserAlias):
            aliases[rule.name] = aliases.get(rule.name, ()) + rule.users
    plain: list[str] = []
    exceptions: list[tuple[frozenset[str], frozenset[str]]] = []
    for rule in rules:
        if isinstance(rule, UserAlias):
            continue
        granted = [user for user in rule.users if not user.startswith("!")]
        refused = [user.lstrip("!") for user in rule.users if user.startswith("!")]
        if refused and len(exceptions) < EXCEPTIONS_MAX:
            exceptions.append((_expand(granted, aliases), _expand(refused, aliases)))
        else:
            plain += granted
    return _Grants(_expand(plain, aliases), tuple(exceptions))


def _expand(users: Sequence[str], aliases: dict[str, tuple[str, ...]]) -> frozenset[str]:
    """Return users with their aliases replaced, however nested; linear in what they hold."""
    todo, seen = list(users), set[str]()
    while todo:
        user = todo.pop()
        if user not in seen and not user.startswith("!"):
            seen.add(user)
            todo += aliases.get(user, ())
    return frozenset(seen)


def _granted(grants: _Grants, names: set[str]) -> bool:
    if names & grants.names:
        return True
    return any(names & granted and not names & refused for granted, refused in grants.exceptions)


ANALYSIS = Analysis("users", 1, (User, Group, Finding), run)
