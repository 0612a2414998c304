"""What the guest boots: boot loaders, their menus, kernels and the modules of each."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from strongroom.base.record import Finding, Record
from strongroom.base.tree import basename
from strongroom.formats.guest.bootmenu import (
    BootEntry,
    BootMenu,
    default_entry,
    parse_bls_entry,
    parse_extlinux,
    parse_grub,
    parse_grub_legacy,
    parse_grubenv,
    parse_loader_conf,
)
from strongroom.formats.guest.bzimage import HEAD_BYTES, kernel_version
from strongroom.formats.guest.cmdline import parse_cmdline, value_of

from ..guest import Guest
from ..records import Bootloader, Kernel
from .analysis import Analysis, Document, document, documents, paths_in, problems

GRUB = ("/boot/grub/grub.cfg", "/boot/grub2/grub.cfg")
GRUB_ENVIRONMENTS = ("/boot/grub/grubenv", "/boot/grub2/grubenv")
GRUB_LEGACY = ("/boot/grub/menu.lst", "/boot/grub/grub.conf")
EXTLINUX = (
    ("extlinux", "/boot/extlinux/extlinux.conf"),
    ("extlinux", "/boot/extlinux.conf"),
    ("extlinux", "/extlinux.conf"),
    ("syslinux", "/boot/syslinux/syslinux.cfg"),
    ("syslinux", "/syslinux/syslinux.cfg"),
    ("syslinux", "/boot/efi/syslinux.cfg"),
)
LOADERS = ("/boot/loader", "/efi/loader", "/boot/efi/loader")
KERNEL_PREFIXES = ("vmlinuz", "vmlinux", "bzImage", "Image", "kernel-")
MODULES = ("/lib/modules", "/usr/lib/modules")
_INITRAMFS = (
    "initrd.img-{v}",
    "initramfs-{v}.img",
    "initrd-{v}",
    "initramfs-{v}",
    "initramfs-genkernel-{v}",
)
_NO_KERNELS = (".old", ".sig", ".hmac", ".dpkg-new", ".dpkg-tmp")
ENTRIES_MAX = 1000
"""Titles of one menu that are kept."""

KERNELS_MAX = 200
"""Images and directories of modules that are looked at."""


class _Menu(NamedTuple):
    name: str
    source: Document
    menu: BootMenu
    entries: tuple[BootEntry, ...]
    default: BootEntry | None


def run(guest: Guest) -> Iterator[Record]:
    """Yield every Bootloader and Kernel; the first menu found says which kernel is the default."""
    menus: list[_Menu] = []
    for item in _menus(guest):
        if isinstance(item, Finding):
            yield item
            continue
        menus.append(item)
        yield _bootloader(item)
    yield from _kernels(guest, menus[0] if menus else None)


def _bootloader(menu: _Menu) -> Bootloader:
    return Bootloader(
        at=menu.source.at,
        name=menu.name,
        config=menu.source.path,
        timeout_ms=menu.menu.timeout_ms,
        default=menu.menu.default or (menu.default.title if menu.default else None),
        entries=tuple(entry.title for entry in menu.entries[:ENTRIES_MAX]),
    )


def _menus(guest: Guest) -> Iterator[_Menu | Finding]:
    entries = _bls_entries(guest)
    for path in GRUB:
        source = document(guest, path)
        if source is not None:
            yield _grub(guest, source, entries)
    for path in GRUB_LEGACY:
        source = document(guest, path)
        if source is not None:
            menu = parse_grub_legacy(source.text)
            yield _menu("grub-legacy", source, menu, menu.entries)
    for name, path in EXTLINUX:
        source = document(guest, path)
        if source is not None:
            parsed = parse_extlinux(source.text)
            yield from problems(source, name, parsed.faults)
            menu = parsed.entries[0]
            yield _menu(name, source, menu, menu.entries)
    for directory in LOADERS:
        source = document(guest, f"{directory}/loader.conf")
        if source is not None:
            yield _menu("systemd-boot", source, parse_loader_conf(source.text), entries)


def _menu(name: str, source: Document, menu: BootMenu, entries: Sequence[BootEntry]) -> _Menu:
    return _Menu(name, source, menu, tuple(entries), default_entry(menu, entries))


def _grub(guest: Guest, source: Document, bls: Sequence[BootEntry]) -> _Menu:
    menu = parse_grub(source.text)
    if menu.default.startswith("$") or not menu.default:
        for path in GRUB_ENVIRONMENTS:
            text = guest.read_text(path)
            saved = parse_grubenv(text).get("saved_entry") if text is not None else None
            if saved:
                menu = menu._replace(default=saved)
                break
        else:
            menu = menu._replace(default="")
    return _menu("grub2", source, menu, [*menu.entries, *(bls if menu.blscfg else ())])


def _bls_entries(guest: Guest) -> tuple[BootEntry, ...]:
    """Return Boot Loader Specification entries, the one that a menu shows first in front.

    The specification sorts by version, newest first; the reverse order of names comes close.
    """
    for directory in LOADERS:
        found = [
            parse_bls_entry(source.text, basename(source.path).removesuffix(".conf"))
            for source in documents(guest, f"{directory}/entries", suffix=".conf")
        ]
        if found:
            return tuple(reversed(found))
    return ()


def _kernels(guest: Guest, menu: _Menu | None) -> Iterator[Kernel]:
    modules = _modules(guest)
    by_kernel: dict[str, BootEntry] = {}
    for entry in menu.entries if menu else ():
        by_kernel.setdefault(basename(entry.kernel), entry)
    default = basename(menu.default.kernel) if menu and menu.default else None
    booted: set[str] = set()
    for path, real in _images(guest):
        name = basename(path)
        version = _version(guest, path, real, modules)
        booted.add(version)
        chosen = menu.default if menu and name == default else by_kernel.get(name)
        yield _kernel(guest, path, version, chosen, modules, default=name == default)
    for version, directory in modules.items():
        if version not in booted:
            yield Kernel(at=guest.locate(directory), version=version, path="", modules=directory)


def _kernel(
    guest: Guest,
    path: str,
    version: str,
    entry: BootEntry | None,
    modules: dict[str, str],
    *,
    default: bool,
) -> Kernel:
    cmdline = entry.cmdline if entry else None
    root = value_of(parse_cmdline(cmdline), "root") if cmdline else None
    return Kernel(
        at=guest.locate(path),
        version=version,
        path=path,
        initramfs=_initramfs(guest, path, version, entry),
        default=default,
        cmdline=cmdline,
        root=root or None,
        modules=modules.get(version),
        title=entry.title if entry else None,
    )


class _Image(NamedTuple):
    path: str
    """What the boot loader calls it: its name in /boot."""
    real: str
    """Where that leads: SUSE keeps the image with its modules and links to it."""


def _images(guest: Guest) -> list[_Image]:
    """Return the kernel images of /boot, and of /usr/lib/modules where /boot holds none."""
    found: dict[str, str] = {}
    for path in paths_in(guest, "/boot"):
        name = basename(path)
        if not name.startswith(KERNEL_PREFIXES) or name.endswith(_NO_KERNELS):
            continue
        # A link such as /boot/vmlinuz is another name for an image listed anyway.
        real = guest.resolve(path)
        stat = guest.stat(path)
        if real is not None and stat is not None and stat.kind == "file":
            inside = real.startswith("/boot/")
            found[real] = real if inside else max(found.get(real, ""), path, key=len)
    if not found:
        for directory in _modules(guest).values():
            image = guest.resolve(f"{directory}/vmlinuz")
            if image is not None:
                found.setdefault(image, image)
    return [_Image(path, real) for real, path in found.items()][:KERNELS_MAX]


def _modules(guest: Guest) -> dict[str, str]:
    """Return the directories of modules by the kernel's version."""
    for directory in MODULES:
        found = {
            entry.name: f"{directory}/{entry.name}"
            for _, entry in zip(range(KERNELS_MAX), guest.scandir(directory), strict=False)
            if entry.kind == "dir" and guest.stat(f"{directory}/{entry.name}/modules.dep")
        }
        if found:
            return found
    return {}


def _version(guest: Guest, path: str, real: str, modules: dict[str, str]) -> str:
    """Return a kernel's release: by its name where modules agree, by its header, by its name."""
    name = basename(path)
    suffix = name.partition("-")[2]
    if suffix in modules:
        return suffix
    for version, directory in modules.items():
        if guest.resolve(f"{directory}/vmlinuz") == real:
            return version
    stated = kernel_version(guest.read_head(path, HEAD_BYTES))
    if stated is not None:
        return stated
    flavoured = [version for version in modules if suffix and version.endswith(f"-{suffix}")]
    if len(flavoured) == 1:
        return flavoured[0]
    return suffix if suffix[:1].isdigit() or len(modules) != 1 else next(iter(modules))


def _initramfs(guest: Guest, path: str, version: str, entry: BootEntry | None) -> str | None:
    """Return the initial file system: the one named after the kernel, else the menu's."""
    suffix = basename(path).partition("-")[2]
    names = [form.format(v=word) for word in (version, suffix) for form in _INITRAMFS if word]
    names += [basename(image) for image in (entry.initrds if entry else ())]
    for name in dict.fromkeys(names):
        found = guest.stat(f"/boot/{name}")
        if found is not None and found.kind == "file":
            return f"/boot/{name}"
    return None


ANALYSIS = Analysis("kernels", 1, (Kernel, Bootloader, Finding), run)
