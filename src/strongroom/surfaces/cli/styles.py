"""Styles: which fields of a record people see in text, and in which form. JSON shows all."""

from collections.abc import Callable, Mapping
from typing import Any

from strongroom.base.record import Record

from .terminal import Screen, human_size

HIDDEN = frozenset({"at", "line", "offset"})
"""Fields of every record: shown where they tell rows apart."""

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "package": ("name", "version", "arch", "status", "size_bytes", "summary"),
    "user": ("name", "uid", "gid", "home", "shell", "password", "sudo", "groups"),
    "group": ("name", "gid", "members", "sudo"),
    "service": ("name", "state", "manager", "schedule", "wanted_by", "description"),
    "interface": ("name", "method", "addresses", "gateway", "dns", "mac", "manager"),
    "kernel": ("version", "path", "default", "root", "cmdline"),
    "volume": ("name", "start_bytes", "size_bytes", "partition_type", "label", "holds"),
    "filesystem": ("at", "fs_type", "label", "uuid", "size_bytes", "free_bytes"),
    "entry": ("kind", "mode", "uid", "gid", "size_bytes", "mtime", "path", "target"),
    "hash": ("digest", "path"),
    "space": (
        "at",
        "fs_type",
        "label",
        "size_bytes",
        "used_bytes",
        "free_bytes",
        "used_percent",
        "inodes_free",
        "mounted_on",
    ),
    "audit": ("seq", "time", "event", "op", "by", "resource", "outcome"),
    "plugin": ("name", "version", "distribution", "error", "ops", "contributes"),
}
"""The columns of a table by type of record; all fields for a type that is not here."""

BLOCKS = frozenset(
    {"disk", "os", "stat", "cache", "cache_cleared", "cache_verified", "audit_verified"}
)
"""Types that are shown as a block of labels and values, not as a row."""

HEADINGS: Mapping[str, str] = {
    "cron": "scheduled jobs",
    "filesystem": "file systems",
    "space": "file systems",
    "user": "users",
    "group": "groups",
    "interface": "interfaces",
    "setting": "settings",
    "volume": "partitions",
    "problem": "problems",
    "snapshot": "snapshots",
}
"""What stands over a table where an answer has more than one; else the name of the type."""

PATHS = frozenset({"at", "path", "target", "home", "unit", "resource", "mounted_on"})
"""Fields that say where something is: the last to be narrowed, and then cut in the middle."""

MOMENTS = frozenset(
    {"mtime", "atime", "ctime", "crtime", "time", "created", "modified", "last_used"}
)
"""Fields that hold a moment; so do those that end in `_at`."""


def _path(record: Any, screen: Screen) -> str:
    return screen.clean(record.path)


def _string(record: Any, screen: Screen) -> str:
    return f"{record.offset:>10}  {screen.clean(record.text)}"


def _match(record: Any, screen: Screen) -> str:
    if record.text is None:
        return screen.clean(record.path)
    place = f"{record.path}:{record.line}" if record.line is not None else record.path
    return f"{screen.paint('dim', screen.clean(place) + ':')} {screen.clean(record.text)}"


def _skipped(record: Any, screen: Screen) -> str:
    return screen.clean(f"skipped {record.kind} {record.path}: {record.reason}")


def _extraction(record: Any, screen: Screen) -> str:
    counts = (
        (record.files, "file", "files"),
        (record.directories, "directory", "directories"),
        (record.links, "link", "links"),
        (record.skipped, "skipped", "skipped"),
    )
    said = [f"{count} {one if count == 1 else many}" for count, one, many in counts if count]
    size = human_size(record.size_bytes)
    return screen.clean(f"{', '.join(said) or 'nothing'}, {size} to {record.dest}")


def _nothing(_record: Any, _screen: Screen) -> None:
    """Leave a record out: text shows what became of all of them together."""


LINES: Mapping[tuple[str, str], Callable[[Any, Screen], str | None]] = {
    ("guest.find", "entry"): _path,
    ("guest.strings", "string"): _string,
    ("guest.grep", "match"): _match,
    ("guest.extract", "extracted"): _nothing,
    ("guest.extract", "skipped"): _skipped,
    ("guest.extract", "extraction"): _extraction,
}
"""How (op, type) writes a record as a line of its own, or leaves it out, in place of a row."""


def fields_of(kind: type[Record]) -> list[str]:
    """Return the fields of a type of record that a table may show, in their order."""
    wanted = COLUMNS.get(kind.type)
    if wanted is None:
        return [name for name in kind.fields if name not in HIDDEN]
    return [name for name in wanted if name in kind.fields]


def is_moment(name: str) -> bool:
    """Say whether a field of that name holds a moment."""
    return name in MOMENTS or name.endswith("_at")
