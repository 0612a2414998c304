"""The images that speed is measured on, from a small Debian server that is built once."""

import shutil
import subprocess
from pathlib import Path

from strongroom.testing.images import real
from strongroom.testing.tools import tool_path

DENSE_BYTES = 256 << 20


def run(*command: str | Path) -> None:
    words = [str(word) for word in command]
    subprocess.run(words, check=True, env=tool_path(), stdout=subprocess.DEVNULL)


def guest_tree(folder: Path) -> Path:
    """Return the root folder of a small Debian server, some 12,000 names."""
    return real.debian_folder(folder)


def ext4_image(folder: Path) -> Path:
    """Return a raw ext4 image of the guest tree."""
    return real.debian(folder)


def dense_image(folder: Path, tree: Path) -> Path:
    """Return DENSE_BYTES of real files end to end: nothing sparse, as compressible as files are."""
    image = folder / "dense.raw"
    if image.exists():
        return image
    part = folder / "dense.part"
    with part.open("wb") as out:
        for path in sorted(tree.rglob("*")):
            if path.is_file() and not path.is_symlink():
                out.write(path.read_bytes())
            if out.tell() >= DENSE_BYTES:
                break
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


def sparse_image(folder: Path, guest: Path) -> Path:
    """Return a qcow2 of 100 GiB that holds the guest at its beginning."""
    image = folder / "sparse.qcow2"
    if not image.exists():
        raw = folder / "sparse.raw"
        shutil.copyfile(guest, raw)
        run("truncate", "-s", "100G", raw)
        convert(raw, image, "-O", "qcow2")
        raw.unlink()
    return image
