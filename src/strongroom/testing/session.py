"""A Context for tests: a real registry, real calls, a real audit log, all below one folder."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from strongroom.kernel.audit import AuditLog
from strongroom.kernel.cache import RecordCache
from strongroom.kernel.call import CallId, Context
from strongroom.kernel.config import load
from strongroom.kernel.plugin import Collector
from strongroom.kernel.principal import EVERYTHING, Grant, Principal
from strongroom.kernel.registry import Registry, build_registry
from strongroom.kernel.session import Progress, Session
from strongroom.kernel.store import boot_id, find_home

NOW_S = 1_767_225_600.0
"""What `ctx.now()` says unless a test says otherwise: 2026-01-01T00:00:00Z."""


def make_context(
    home: Path,
    *contribute: Callable[[Collector], None],
    grants: tuple[Grant, ...] = (EVERYTHING,),
    now_s: float = NOW_S,
    progress: list[Progress] | None = None,
) -> Context:
    """Return a Context over what the `contribute` functions register, for a person with `grants`.

    Without any it is what is installed: built-in apps and plugins.

    Settings, audit log and cache live below `home`. Progress is added to the list given.
    """
    folders = find_home({"STRONGROOM_HOME": str(home)})
    config = load(folders.config_dir, {}, system_file=str(home / "none.toml"))
    log = AuditLog(folders.state_dir, now=lambda: now_s, boot_id=boot_id())
    session = Session(
        home=folders,
        config=config,
        registry=_registry(contribute) if contribute else build_registry()[0],
        audit=log.session("test"),
        cache=RecordCache(folders.cache_dir, config.cache.max_bytes),
        now=lambda: now_s,
        emit=_ignore if progress is None else progress.append,
    )
    return Context(session, Principal("tester", grants=grants), CallId(0, 0))


def _registry(contribute: Sequence[Callable[[Collector], None]]) -> Registry:
    collector = Collector("test")
    for function in contribute:
        function(collector)
    return Registry(collector.ops, collector.contributions, [])


def _ignore(progress: Progress) -> None:
    """Take progress that no one watches."""


def guest_context(home: Path, **settings: Any) -> Context:
    """Return a Context over the guest app, with the settings of `make_context`."""
    from strongroom.apps import guest

    return make_context(home, guest.contribute, **settings)
