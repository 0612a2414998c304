"""Every parser of a guest's files, by a name: what any input and the fuzzer are tried on."""

from collections.abc import Callable

from strongroom.formats.guest import (
    apk,
    assignments,
    bootmenu,
    bzimage,
    cmdline,
    crontab,
    dpkg,
    elf,
    fstab,
    interfaces,
    keyfile,
    netplan,
    pacman,
    passwd,
    sshd,
    sshkeys,
    sudoers,
    tzfile,
    yaml,
)


def _netplan(text: str) -> object:
    root = yaml.parse_yaml(text)
    return netplan.devices(root) if isinstance(root, yaml.Node) else root


TEXT: dict[str, Callable[[str], object]] = {
    "passwd": passwd.parse_passwd,
    "shadow": passwd.parse_shadow,
    "group": passwd.parse_group,
    "gshadow": passwd.parse_gshadow,
    "sudoers": sudoers.parse_sudoers,
    "doas": sudoers.parse_doas,
    "assignments": assignments.parse_assignments,
    "pacman": pacman.parse_desc,
    "fstab": fstab.parse_fstab,
    "crontab": lambda text: crontab.parse_crontab(text, system=True),
    "anacrontab": crontab.parse_anacrontab,
    "unit": keyfile.parse_unit,
    "keyfile": keyfile.parse_keyfile,
    "interfaces": interfaces.parse_interfaces,
    "netplan": _netplan,
    "sshkeys": sshkeys.parse_public_keys,
    "sshd": sshd.parse_sshd_config,
    "grub": bootmenu.parse_grub,
    "grub-legacy": bootmenu.parse_grub_legacy,
    "grubenv": bootmenu.parse_grubenv,
    "bls": lambda text: bootmenu.parse_bls_entry(text, "id"),
    "loader": bootmenu.parse_loader_conf,
    "extlinux": bootmenu.parse_extlinux,
    "cmdline": cmdline.parse_cmdline,
}
BINARY: dict[str, Callable[[bytes], object]] = {
    "dpkg": dpkg.parse_status,
    "apk": apk.parse_installed,
    "elf": elf.machine,
    "bzimage": bzimage.kernel_version,
    "tzfile": tzfile.footer,
}
