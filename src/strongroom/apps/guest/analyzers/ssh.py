"""How the guest is reached by SSH: the server's settings, its host keys, who may log in by key."""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from strongroom.base.locator import Locator
from strongroom.base.record import Finding, Record, Severity
from strongroom.base.tree import join, normalise, parent
from strongroom.formats.guest.lines import Fault
from strongroom.formats.guest.passwd import PasswdEntry, parse_passwd
from strongroom.formats.guest.sshd import Directive, parse_sshd_config
from strongroom.formats.guest.sshkeys import PublicKey, parse_public_keys

from ..guest import Guest
from ..records import Setting, SshKey
from .analysis import Analysis, Document, document, first_document, paths_in, problem, problems

CONFIG = ("/etc/ssh/sshd_config", "/usr/etc/ssh/sshd_config")
"""The second is where SUSE keeps what came with the package."""

KEY_DIRECTORY = "/etc/ssh"
AUTHORIZED_KEYS = (".ssh/authorized_keys", ".ssh/authorized_keys2")
"""AuthorizedKeysFile's default."""

INCLUDES_MAX = 1000
"""Patterns and files of Include, taken together."""

LOOKUPS_MAX = 10_000
"""Files in which keys of users are looked for."""

RSA_BITS_MIN = 2048
"""What NIST SP 800-131A asks of RSA keys."""


class _Placed(NamedTuple):
    source: Document
    directive: Directive


def run(guest: Guest) -> Iterator[Record]:
    """Yield the server's Settings, every SshKey, and Findings on what is too open."""
    placed: list[_Placed] = []
    for item in _directives(guest):
        if isinstance(item, Finding):
            yield item
        else:
            placed.append(item)
    effective = _effective(placed)
    for each in (*effective.values(), *(p for p in placed if p.directive.match)):
        if each.directive.keyword.lower() != "match":
            yield _setting(each)
    main = first_document(guest, CONFIG)
    if main is not None:
        yield from _judge(main, effective)
    yield from _host_keys(guest)
    keys_file = effective.get("authorizedkeysfile")
    yield from _authorized(guest, keys_file.directive.arguments if keys_file else AUTHORIZED_KEYS)


def _directives(guest: Guest) -> Iterator[_Placed | Finding]:
    """Yield the directives with includes in their places, and what is wrong in those files."""
    for path in CONFIG:
        if guest.resolve(path) is not None:
            yield from _file(guest, path, [INCLUDES_MAX], 0)
            return


def _file(guest: Guest, path: str, left: list[int], depth: int) -> Iterator[_Placed | Finding]:
    # servconf.c allows 16 levels of Include; `left` bounds how many files there are in all.
    left[0] -= 1
    source = document(guest, path) if left[0] >= 0 and depth <= 16 else None
    if source is None:
        return
    parsed = parse_sshd_config(source.text)
    yield from problems(source, "sshd", parsed.faults)
    for directive in parsed.entries:
        if directive.keyword.lower() != "include":
            yield _Placed(source, directive)
            continue
        for pattern in directive.arguments:
            left[0] -= 1
            for name in _matching(guest, pattern) if left[0] >= 0 else ():
                for item in _file(guest, name, left, depth + 1):
                    if isinstance(item, _Placed) and directive.match and not item.directive.match:
                        inherited = item.directive._replace(match=directive.match)
                        yield _Placed(item.source, inherited)
                    else:
                        yield item


def _matching(guest: Guest, pattern: str) -> list[str]:
    if not pattern.startswith("/"):
        pattern = join(KEY_DIRECTORY, pattern)
    if not any(character in pattern for character in "*?["):
        return [pattern]
    return [path for path in paths_in(guest, parent(pattern)) if fnmatchcase(path, pattern)]


def _effective(placed: Sequence[_Placed]) -> dict[str, _Placed]:
    """Return, by keyword in lower case, the first directive outside of every Match block."""
    found: dict[str, _Placed] = {}
    for each in placed:
        if not each.directive.match:
            found.setdefault(each.directive.keyword.lower(), each)
    return found


def _setting(placed: _Placed) -> Setting:
    directive = placed.directive
    return Setting(
        at=placed.source.at,
        line=directive.line,
        area="sshd",
        name=directive.keyword,
        value=directive.value,
        condition=directive.match or None,
    )


def _judge(main: Document, effective: dict[str, _Placed]) -> Iterator[Finding]:
    root = effective.get("permitrootlogin")
    if root is not None and root.directive.value.lower() == "yes":
        yield Finding(
            at=root.source.at,
            line=root.directive.line,
            rule="ssh.root-login",
            severity=Severity.WARNING,
            message="root may log in over SSH with a password",
            hint="set PermitRootLogin to prohibit-password or no",
        )
    empty = effective.get("permitemptypasswords")
    if empty is not None and empty.directive.value.lower() == "yes":
        yield Finding(
            at=empty.source.at,
            line=empty.directive.line,
            rule="ssh.empty-password",
            severity=Severity.ERROR,
            message="accounts without a password may log in over SSH",
        )
    password = effective.get("passwordauthentication")
    if password is None or password.directive.value.lower() == "yes":
        # Without the keyword sshd allows it.
        yield Finding(
            at=main.at if password is None else password.source.at,
            line=None if password is None else password.directive.line,
            rule="ssh.password-login",
            severity=Severity.NOTICE,
            message="accounts may log in over SSH with a password",
            hint="set PasswordAuthentication to no where keys are in use",
        )


def _host_keys(guest: Guest) -> Iterator[Record]:
    for path in paths_in(guest, KEY_DIRECTORY, suffix="_key.pub"):
        source = document(guest, path)
        if source is None:
            continue
        parsed = parse_public_keys(source.text)
        yield from problems(source, "ssh-key", parsed.faults)
        for key in parsed.entries:
            yield from _key_records(source.at, key, "", "host")


def _authorized(guest: Guest, patterns: Sequence[str]) -> Iterator[Record]:
    passwd = guest.read_text("/etc/passwd")
    if passwd is None:
        return
    seen: set[str] = set()
    users = parse_passwd(passwd).entries
    wanted = ((user, _expand(pattern, user)) for user in users for pattern in patterns)
    for user, path in wanted:
        if len(seen) >= LOOKUPS_MAX:
            message = f"keys were looked for in {LOOKUPS_MAX} files, and no further"
            yield problem(guest.locate("/etc/passwd"), "ssh-key", Fault(None, message))
            return
        source = document(guest, path) if path not in seen else None
        seen.add(path)
        if source is not None:
            parsed = parse_public_keys(source.text)
            yield from problems(source, "ssh-key", parsed.faults)
            for key in parsed.entries:
                yield from _key_records(source.at, key, user.name, "authorized")


def _expand(pattern: str, user: PasswdEntry) -> str:
    """Return the path that AuthorizedKeysFile means for a user (sshd_config(5), "TOKENS")."""
    parts = pattern.split("%%")
    expanded = "%".join(
        part.replace("%h", user.home).replace("%u", user.name).replace("%U", str(user.uid))
        for part in parts
    )
    return normalise(expanded if expanded.startswith("/") else f"{user.home}/{expanded}")


def _key_records(at: Locator, key: PublicKey, user: str, kind: str) -> Iterator[Record]:
    yield SshKey(
        at=at,
        line=key.line,
        user=user,
        algorithm=key.algorithm,
        fingerprint=key.fingerprint,
        comment=key.comment,
        kind=kind,
        bits=key.bits,
        options=key.options or None,
    )
    weak = key.algorithm.startswith("ssh-dss") or (
        key.algorithm == "ssh-rsa" and key.bits is not None and key.bits < RSA_BITS_MIN
    )
    if weak:
        yield Finding(
            at=at,
            line=key.line,
            rule="ssh.weak-key",
            severity=Severity.WARNING,
            message=f"{key.fingerprint} is a weak key: {key.algorithm} of {key.bits} bits",
        )


ANALYSIS = Analysis("ssh", 1, (SshKey, Setting, Finding), run)
