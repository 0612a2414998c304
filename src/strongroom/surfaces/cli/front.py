"""Fronts: the four programs. Each is the same ops under the words its people know."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from strongroom.base.errors import Usage
from strongroom.kernel.op import Op
from strongroom.kernel.registry import Registry


class Front(NamedTuple):
    """A program: its name, the app whose verbs it takes directly ("" for none), its summary."""

    prog: str
    app: str
    summary: str


STRONGROOM = Front(
    "strongroom",
    "",
    "The local-first workbench for machines and secrets that must not leave the room",
)
GUESTKIT = Front("guestkit", "guest", "Look inside a virtual machine's disk without booting it")
KIMI_VAULT = Front("kimi-vault", "vault", "Use credentials without reading them")
KYRO = Front("kyro", "ide", "Edit a folder, or the inside of a disk, on this machine")
FRONTS = (STRONGROOM, GUESTKIT, KIMI_VAULT, KYRO)

APPS = {
    "guest": GUESTKIT.summary,
    "vault": KIMI_VAULT.summary,
    "ide": KYRO.summary,
    "audit": "See who did what, and that nobody changed it",
    "cache": "See, check and clear what is remembered of disks",
    "config": "See the settings and where each comes from",
    "plugin": "List plugins and begin a new one",
}
"""What each app is for; an app of a plugin is described by its ops alone."""


def app_summary(registry: Registry, app: str) -> str:
    """Return one line on an app: what it is for, or for a plugin's the summary of its one op."""
    if app in APPS:
        return APPS[app]
    ops = list(ops_of(registry, app))
    return ops[0].summary if len(ops) == 1 else f"{len(ops)} operations of a plugin"


def ops_of(registry: Registry, app: str) -> Iterator[Op]:
    """Yield the ops of an app by verb."""
    return iter(sorted((o for o in registry.ops.values() if o.app == app), key=lambda o: o.verb))


def command_of(front: Front, op: Op) -> str:
    """Return the words that call an op under a front: `guestkit ls`, `strongroom audit tail`."""
    if front.app == op.app:
        return f"{front.prog} {op.verb}"
    return f"{STRONGROOM.prog} {op.app} {op.verb}"


def find_op(registry: Registry, app: str, verb: str) -> Op | None:
    """Return the op of that verb or alias in an app, or of that full name (`github.repos`)."""
    name = f"{app}.{verb}"
    found = registry.ops.get(name)
    if found is None:
        aliased = (op for op in registry.ops.values() if op.app == app and verb in op.aliases)
        found = next(aliased, None)
    return found or (registry.ops.get(verb) if "." in verb else None)


def verbs(registry: Registry, app: str) -> list[str]:
    """Return the verbs of an app with their aliases, sorted."""
    return sorted({word for op in ops_of(registry, app) for word in (op.verb, *op.aliases)})


def unknown(front: Front, registry: Registry, app: str, word: str, more: Sequence[str]) -> Usage:
    """Return the error for a word that is no command, with a suggestion where one is near."""
    prefix = front.prog if front.app == app or not app else f"{front.prog} {app}"
    if app in APPS and not verbs(registry, app):
        return Usage(
            f"{prefix} has no command {word!r}, nor any other in this version",
            hint="docs/roadmap.md says what comes; `strongroom --help` lists what is there",
        )
    hint = suggest(word, [*(verbs(registry, app) if app else registry.apps()), *more], prefix)
    if hint is None and not app:
        homes = [a for a in registry.apps() if word in verbs(registry, a)]
        if len(homes) == 1:
            hint = f"did you mean `{front.prog} {homes[0]} {word}`?"
    failed = [p for p in registry.plugins if p.error and p.name in (app, word)]
    if failed:
        hint = f"plugin {failed[0].name} could not be used: {failed[0].error}"
    return Usage(
        f"{prefix} has no command {word!r}", hint=hint or f"list them with `{prefix} --help`"
    )


def suggest(word: str, known: list[str], prefix: str = "") -> str | None:
    """Return `did you mean …?` with the nearest known word, None where none is near."""
    from difflib import get_close_matches

    close = get_close_matches(word, known, 1, 0.6)
    if not close:
        return None
    return f"did you mean `{prefix} {close[0]}`?" if prefix else f"did you mean {close[0]}?"
