"""Configuration files of guests: every text parser. The first byte picks the parser."""

from collections.abc import Callable, Iterator

from strongroom.formats.guest import (
    apk,
    assignments,
    bootmenu,
    cmdline,
    crontab,
    dpkg,
    fstab,
    interfaces,
    keyfile,
    netplan,
    pacman,
    passwd,
    sshd,
    sshkeys,
    sudoers,
    yaml,
)
from strongroom.testing.images.guests import GUESTS


def _netplan(text: str) -> object:
    root = yaml.parse_yaml(text)
    return netplan.devices(root) if isinstance(root, yaml.Node) else root


PARSERS: tuple[Callable[[str], object], ...] = (
    passwd.parse_passwd,
    passwd.parse_shadow,
    passwd.parse_group,
    sudoers.parse_sudoers,
    sudoers.parse_doas,
    assignments.parse_assignments,
    pacman.parse_desc,
    fstab.parse_fstab,
    lambda text: crontab.parse_crontab(text, system=True),
    crontab.parse_anacrontab,
    keyfile.parse_unit,
    interfaces.parse_interfaces,
    _netplan,
    sshkeys.parse_public_keys,
    sshd.parse_sshd_config,
    bootmenu.parse_grub,
    bootmenu.parse_grub_legacy,
    bootmenu.parse_extlinux,
    cmdline.parse_cmdline,
    lambda text: dpkg.parse_status(text.encode("utf-8", "surrogateescape")),
    lambda text: apk.parse_installed(text.encode("utf-8", "surrogateescape")),
)


def seeds() -> Iterator[bytes]:
    files = {
        node.content
        for recipe in GUESTS.values()
        for node in recipe().values()
        if isinstance(node.content, bytes) and b"\0" not in node.content
    }
    for number in range(len(PARSERS)):
        yield from (bytes([number]) + content for content in sorted(files))


def TestOneInput(data: bytes) -> None:  # noqa: N802  libFuzzer's name for it
    parse = PARSERS[data[0] % len(PARSERS) if data else 0]
    parse(data[1:].decode("utf-8", "surrogateescape"))
