"""Recipes: a real guest. A Debian made of its own packages, as its installer would unpack them."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from strongroom.testing.tools import need, tool_path

from .containers import run
from .ext import ext

DEBIAN_PACKAGES = (
    "systemd-sysv,openssh-server,cron,sudo,curl,ca-certificates,nginx-light,python3-minimal,"
    "iproute2,dbus"
)
"""Besides the minimal base: what most analyzers look at."""


def debian_rootfs(cache: Path) -> Path:
    """Mmdebstrap --variant=minbase --include=DEBIAN_PACKAGES bookworm debian.tar

    Takes about a minute and the Debian archive the first time; kept in `cache` afterwards. Needs
    root, as device nodes and owners are part of it.
    """
    archive = cache / "debian.tar"
    if archive.exists():
        return archive
    need("mmdebstrap")
    if os.getuid():
        pytest.skip("a Debian guest is built by root only")
    cache.mkdir(parents=True, exist_ok=True)
    part = cache / "debian.part.tar"
    command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={DEBIAN_PACKAGES}"]
    subprocess.run([*command, "bookworm", str(part)], check=True, env=tool_path())
    return part.rename(archive)


def debian(cache: Path) -> Path:
    """Tar -x debian.tar; mke2fs -t ext4 -L root -d debian debian.raw 1500M"""
    image = cache / "debian.raw"
    if image.exists():
        return image
    folder = debian_folder(cache)
    return ext(cache / "debian.part.raw", "-t ext4 -L root", folder, "1500M").rename(image)


def debian_folder(cache: Path) -> Path:
    """Tar -x --numeric-owner --exclude=./dev/* -f debian.tar"""
    folder = cache / "debian"
    if folder.exists():
        return folder
    archive = debian_rootfs(cache)
    part = cache / "debian.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    words = ("tar", "--numeric-owner", "--exclude=./dev/*", "-xf", str(archive), "-C", str(part))
    run(*words, cwd=cache)
    return part.rename(folder)
