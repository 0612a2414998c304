"""The images that speed is measured on, built once from this machine's own files."""

import os
import shutil
import subprocess
from pathlib import Path

from strongroom.testing.tools import tool_path

FILES = 12_000
DENSE_BYTES = 256 << 20


def run(*command: str | Path) -> None:
    subprocess.run(
        [str(word) for word in command], check=True, env=tool_path(), stdout=subprocess.DEVNULL
    )


def guest_tree(folder: Path) -> Path:
    """Return a folder of FILES files: a real dpkg database, /etc, and what /usr holds."""
    tree = folder / "tree"
    if tree.exists():
        return tree
    building = folder / "tree.part"
    shutil.rmtree(building, ignore_errors=True)
    for name in ("etc/os-release", "var/lib/dpkg/status", "etc/passwd", "etc/hostname"):
        target = building / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(Path("/") / name, target)
    count = 4
    for directory, folders, files in os.walk("/usr"):
        folders.sort()
        if count >= FILES:
            break
        inside = building / directory.lstrip("/")
        inside.mkdir(parents=True, exist_ok=True)
        for name in sorted(files):
            source = Path(directory, name)
            if source.is_symlink() or not os.access(source, os.R_OK):
                continue
            if source.stat().st_size > 2 << 20:
                continue
            shutil.copyfile(source, inside / name)
            count += 1
    building.rename(tree)
    return tree


def ext4_image(folder: Path) -> Path:
    """Return a raw ext4 image of the guest tree, as large as a small server's root."""
    image = folder / "guest.raw"
    if not image.exists():
        part = folder / "guest.part"
        part.unlink(missing_ok=True)
        run("truncate", "-s", "1G", part)
        run("mke2fs", "-q", "-F", "-t", "ext4", "-L", "root", "-d", guest_tree(folder), part)
        part.rename(image)
    return image


def dense_image(folder: Path) -> Path:
    """Return DENSE_BYTES of real files end to end: nothing sparse, as compressible as files are."""
    image = folder / "dense.raw"
    if image.exists():
        return image
    part = folder / "dense.part"
    with part.open("wb") as out:
        for path in sorted(guest_tree(folder).rglob("*")):
            if path.is_file():
                out.write(path.read_bytes())
            if out.tell() >= DENSE_BYTES:
                break
        else:
            out.write(out.tell().to_bytes(8, "big"))
        out.truncate(min(out.tell(), DENSE_BYTES) & ~0xFFFF)
    part.rename(image)
    return image


def convert(source: Path, target: Path, *options: str) -> Path:
    """Return `source` converted by qemu-img, once."""
    if not target.exists():
        part = target.with_suffix(".part")
        part.unlink(missing_ok=True)
        run("qemu-img", "convert", "-f", "raw", *options, source, part)
        part.rename(target)
    return target


def sparse_image(folder: Path) -> Path:
    """Return a qcow2 of 100 GiB that holds the guest at its beginning."""
    image = folder / "sparse.qcow2"
    if not image.exists():
        raw = folder / "sparse.raw"
        shutil.copyfile(ext4_image(folder), raw)
        run("truncate", "-s", "100G", raw)
        convert(raw, image, "-O", "qcow2")
        raw.unlink()
    return image
