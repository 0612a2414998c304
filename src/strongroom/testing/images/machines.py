"""Recipes: whole machines. A Debian with its root and its /home on two partitions of one disk."""

import subprocess
from pathlib import Path

from strongroom.base.tree import Node

from .containers import run
from .ext import ext
from .guests import debian, text, write_folder

ROOT_UUID = "11111111-2222-3333-4444-555555555555"
HOME_UUID = "66666666-7777-8888-9999-aaaaaaaaaaaa"
SECTOR = 512
ROOT_START, ROOT_SECTORS = 2048, 24 << 11
HOME_START, HOME_SECTORS = ROOT_START + ROOT_SECTORS, 4 << 11
TABLE = (
    "label: gpt\nlabel-id: 5A0E1C3D-0B7A-4F6B-9C54-3D5F6A1B2C3D\n"
    f"start={ROOT_START}, size={ROOT_SECTORS}, type=L, name=root\n"
    f"start={HOME_START}, size={HOME_SECTORS}, type=L, name=home\n"
)
FSTAB = (
    f"UUID={ROOT_UUID} / ext4 errors=remount-ro 0 1\n"
    f"UUID={HOME_UUID} /home ext4 defaults 0 2\n"
    "/dev/sr0 /media/cdrom iso9660 noauto,user 0 0\n"
    "LABEL=backup /srv/backup ext4 nofail 0 2\n"
    "tmpfs /tmp tmpfs defaults 0 0\n"
)


def root_nodes() -> dict[str, Node]:
    """Return the Debian of `guests` with an fstab that names its /home by UUID."""
    nodes = {path: node for path, node in debian().items() if not path.startswith("/home/")}
    return {**nodes, "/etc/fstab": text(FSTAB), "/home/.hidden-below": text("not to be seen\n")}


def root_file_system(out_dir: Path) -> Path:
    """mke2fs -t ext4 -U ROOT_UUID -L root -d ROOT root.raw 24M"""
    folder = write_folder(root_nodes(), out_dir / "root")
    return ext(out_dir / "root.raw", f"-t ext4 -U {ROOT_UUID} -L root", folder, "24M")


def home_file_system(out_dir: Path) -> Path:
    """mke2fs -t ext4 -U HOME_UUID -L home -d HOME home.raw 4M"""
    folder = write_folder({"/ada/notes.txt": text("from the second partition\n")}, out_dir / "home")
    return ext(out_dir / "home.raw", f"-t ext4 -U {HOME_UUID} -L home", folder, "4M")


def machine(out_dir: Path) -> Path:
    """Sfdisk machine.raw < TABLE; dd the root and the /home into their partitions"""
    disk = out_dir / "machine.raw"
    run("truncate", "-s", "32M", str(disk), cwd=out_dir)
    subprocess.run(["/sbin/sfdisk", "-q", str(disk)], input=TABLE, text=True, check=True)
    with disk.open("r+b") as stream:
        for start, part in (
            (ROOT_START, root_file_system(out_dir)),
            (HOME_START, home_file_system(out_dir)),
        ):
            stream.seek(start * SECTOR)
            stream.write(part.read_bytes())
    return disk
