"""Wiring: one process's Session, made of the kernel's parts, for the user who typed the command."""

import os
import sys
import time
from collections.abc import Callable
from types import TracebackType

from strongroom.kernel.audit import AuditLog
from strongroom.kernel.cache import RecordCache
from strongroom.kernel.call import CallId, Context
from strongroom.kernel.config import Config, load
from strongroom.kernel.principal import EVERYTHING, Principal
from strongroom.kernel.registry import Registry
from strongroom.kernel.session import Progress, Session
from strongroom.kernel.store import boot_id, find_home

from .args import Settings

RUN_ID_BYTES = 8
Emit = Callable[[Progress], None]


class OpenedSession:
    """A context that gives the Context of a new Session and closes its audit at the end."""

    def __init__(self, registry: Registry, settings: Settings, emit: Emit) -> None:
        home = find_home(os.environ)
        config = load(home.config_dir, os.environ, _flags(settings))
        if config.log.level != "warning":
            _log(config)
        log = AuditLog(home.state_dir, now=time.time, boot_id=boot_id())
        self._audit = log.session(os.urandom(RUN_ID_BYTES).hex())
        self.session = Session(
            home=home,
            config=config,
            registry=registry,
            audit=self._audit,
            cache=RecordCache(home.cache_dir, config.cache.max_bytes, enabled=config.cache.enabled),
            now=time.time,
            emit=emit,
            allow_backing=settings.allow_backing,
        )

    def __enter__(self) -> Context:
        user = Principal(user_name(), grants=(EVERYTHING,))
        return Context(self.session, user, CallId(0, 0))

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._audit.close()


def opened_session(registry: Registry, settings: Settings, emit: Emit) -> OpenedSession:
    """Open a Session for the command line. Unavailable where its state cannot be written."""
    return OpenedSession(registry, settings, emit)


def user_name() -> str:
    """Return the name of the one who runs this process, `uid:1000` where it has none."""
    import pwd

    uid = os.getuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid:{uid}"


def _flags(settings: Settings) -> dict[str, str]:
    flags = {}
    if settings.no_color:
        flags["output.color"] = "never"
    if settings.log_level is not None:
        flags["log.level"] = settings.log_level
    return flags


def _log(config: Config) -> None:
    from strongroom.kernel.log import Redactor, set_up

    set_up(config.log.level, Redactor(), sys.stderr)
