"""Boot menus: GRUB 2 and GRUB Legacy scripts, Boot Loader Specification entries, extlinux.

All of them come down to entries with a kernel, initial file systems and a command line. Paths are
as written: relative to the root of the file system that the boot loader reads.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from .lines import Faults, Parsed, number, numbered, quote

TIMEOUT_MAX_S = 1 << 31
"""The longest time a menu waits, seconds."""


class BootEntry(NamedTuple):
    """One entry of a menu. `id` is what a default may name besides the title, or ""."""

    line: int
    id: str
    title: str
    kernel: str
    initrds: tuple[str, ...]
    cmdline: str


class BootMenu(NamedTuple):
    """A menu: its entries, the one taken by default, and when (-1: never, None: not said)."""

    entries: tuple[BootEntry, ...]
    default: str
    timeout_ms: int | None
    blscfg: bool = False
    """Whether further entries come from Boot Loader Specification files (Fedora's blscfg)."""


_SET = re.compile(r"set[ \t]+(default|timeout)=(.*)")
_TITLE = re.compile(r"""(menuentry|submenu)[ \t]+(?:'([^']*)'|"([^"]*)"|(\S+))""")
_ID = re.compile(r"""(?:--id[ =]|\$menuentry_id_option)[ \t]*(?:'([^']*)'|"([^"]*)"|(\S+))""")
_LINUX = re.compile(r"(?:linux|linux16|linuxefi)[ \t]+(\S+)[ \t]*(.*)")
_INITRD = re.compile(r"(?:initrd|initrd16|initrdefi)[ \t]+(.*)")


def parse_grub(text: str) -> BootMenu:
    """Return the menu of a grub.cfg (GRUB manual, "Shell-like scripting"); nothing is evaluated.

    Of several "set default" and "set timeout" the last plain value holds, variables left out.
    """
    entries: list[BootEntry] = []
    values = {"default": "", "timeout": ""}
    blscfg = False
    for at, raw in numbered(text):
        line = raw.strip()
        if title := _TITLE.match(line):
            if title[1] == "menuentry":
                entries.append(BootEntry(at, _id(line), _first(title, 2), "", (), ""))
        elif setting := _SET.match(line):
            value = setting[2].strip().strip("\"'")
            if not value.startswith("$") or not values[setting[1]]:
                values[setting[1]] = value
        elif line == "blscfg":
            blscfg = True
        elif entries:
            entries[-1] = _grub_command(entries[-1], line)
    kept = tuple(entry for entry in entries if entry.kernel)
    return BootMenu(kept, values["default"], _milliseconds(values["timeout"]), blscfg)


def _grub_command(entry: BootEntry, line: str) -> BootEntry:
    if (linux := _LINUX.match(line)) and not entry.kernel:
        return entry._replace(kernel=linux[1], cmdline=linux[2].strip())
    if (initrd := _INITRD.match(line)) and not entry.initrds:
        return entry._replace(initrds=tuple(initrd[1].split()))
    return entry


def _id(line: str) -> str:
    match = _ID.search(line)
    return _first(match, 1) if match else ""


def _first(match: re.Match[str], group: int) -> str:
    """Return the one of a pattern's three ways to quote that is there."""
    return match[group] or match[group + 1] or match[group + 2] or ""


def _milliseconds(text: str, unit_ms: int = 1000) -> int | None:
    whole = number(text, TIMEOUT_MAX_S)
    if whole is not None:
        return whole * unit_ms
    return -1 if text == "-1" else None


def parse_grub_legacy(text: str) -> BootMenu:
    """Return the menu of a menu.lst or grub.conf of GRUB Legacy (its manual, "Commands")."""
    entries: list[BootEntry] = []
    default, timeout = "", ""
    for at, raw in numbered(text):
        line = raw.strip()
        word, _, rest = line.replace("=", " ", 1).replace("\t", " ").partition(" ")
        rest = rest.strip()
        if word == "title":
            entries.append(BootEntry(at, "", rest, "", (), ""))
        elif word == "default" and not entries:
            default = rest
        elif word == "timeout" and not entries:
            timeout = rest
        elif word == "kernel" and entries:
            path, _, cmdline = line.partition(" ")[2].strip().partition(" ")
            entries[-1] = entries[-1]._replace(
                kernel=_without_device(path), cmdline=cmdline.strip()
            )
        elif word == "initrd" and entries:
            entries[-1] = entries[-1]._replace(initrds=(_without_device(rest),))
    kept = tuple(entry for entry in entries if entry.kernel)
    return BootMenu(kept, default, _milliseconds(timeout))


def _without_device(path: str) -> str:
    return path.partition(")")[2] if path.startswith("(") else path


def parse_bls_entry(text: str, id: str) -> BootEntry:
    """Return an entry of loader/entries/*.conf (Boot Loader Specification, type 1)."""
    fields: dict[str, list[str]] = {}
    for _, raw in numbered(text):
        words = raw.strip().split(None, 1)
        if len(words) == 2 and not words[0].startswith("#"):
            fields.setdefault(words[0], []).append(words[1])

    def joined(key: str) -> str:
        return " ".join(fields.get(key, []))

    kernel = joined("linux") or joined("efi")
    initrds = tuple(word for value in fields.get("initrd", []) for word in value.split())
    return BootEntry(1, id, joined("title") or id, kernel, initrds, joined("options"))


def parse_loader_conf(text: str) -> BootMenu:
    """Return default and timeout of systemd-boot's loader.conf(5); its entries are other files."""
    default, timeout = "", ""
    for _, raw in numbered(text):
        words = raw.strip().split(None, 1)
        if len(words) == 2 and words[0] == "default":
            default = words[1]
        elif len(words) == 2 and words[0] == "timeout":
            timeout = words[1]
    return BootMenu((), default, _milliseconds(timeout))


_EXTLINUX_KERNEL = frozenset({"linux", "kernel"})


def parse_extlinux(text: str) -> Parsed[BootMenu]:
    """Return the one menu of an extlinux.conf or syslinux.cfg (SYSLINUX, "Config")."""
    entries: list[BootEntry] = []
    faults = Faults()
    default, timeout = "", ""
    for at, raw in numbered(text):
        line = raw.strip()
        word, _, rest = line.replace("\t", " ").partition(" ")
        word, rest = word.lower(), rest.strip()
        if word == "default":
            default = rest
        elif word == "timeout":
            timeout = rest
        elif word == "label":
            if rest:
                entries.append(BootEntry(at, rest, rest, "", (), ""))
            else:
                faults.add(at, f"{quote(line)} names no label")
        elif entries:
            entries[-1] = _extlinux_command(entries[-1], word, rest)
    kept = tuple(entry for entry in entries if entry.kernel)
    menu = BootMenu(kept, default, _milliseconds(timeout, unit_ms=100))
    return Parsed((menu,), faults.kept())


def _extlinux_command(entry: BootEntry, word: str, rest: str) -> BootEntry:
    if word == "menu" and rest.lower().startswith("label "):
        return entry._replace(title=rest[6:].replace("^", "").strip())
    if word in _EXTLINUX_KERNEL:
        return entry._replace(kernel=rest)
    if word in {"initrd", "fdt"}:
        return entry._replace(initrds=tuple(rest.split(","))) if word == "initrd" else entry
    if word == "append":
        initrds = [p[7:] for p in rest.split() if p.startswith("initrd=")]
        cmdline = " ".join(p for p in rest.split() if not p.startswith("initrd="))
        images = tuple(image for each in initrds for image in each.split(","))
        return entry._replace(cmdline=cmdline, initrds=entry.initrds or images)
    return entry


def parse_grubenv(text: str) -> dict[str, str]:
    """Return the variables of a GRUB environment block, such as "saved_entry"."""
    pairs = (line.partition("=") for _, line in numbered(text) if not line.startswith("#"))
    return {name: value for name, equals, value in pairs if equals}


def default_entry(menu: BootMenu, entries: Iterable[BootEntry]) -> BootEntry | None:
    """Return the entry that a menu takes by itself: by its number, its id, or its title.

    A default of the form "A>B" names an entry of a submenu; its last part decides. The first
    entry is taken where the default names none.
    """
    listed = list(entries)
    wanted = menu.default.rpartition(">")[2] or "0"
    index = number(wanted, len(listed) - 1) if listed else None
    if index is not None and ">" not in menu.default:
        return listed[index]
    for entry in listed:
        if wanted in {entry.id, entry.title, f"{entry.id}.conf"}:
            return entry
    return listed[0] if listed else None
