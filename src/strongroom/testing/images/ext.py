"""Recipes: ext2, ext3 and ext4 file systems, by mke2fs -d and debugfs; no root, no mounting."""

import os
import subprocess
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from random import Random

from strongroom.base.tree import Node
from strongroom.testing.tools import tool_path

from .containers import run

SPARSE_BYTES = 70 << 20
MANY = 5000
"""How many names the directory of `many_names` has: a hash tree of two levels in 1 KiB blocks."""

VARIANTS: Mapping[str, str] = {
    "rev0": "-r 0 -b 1024 -O none -N 2048",
    "ext2-1k": "-t ext2 -b 1024 -I 128 -N 2048",
    "ext2-4k": "-t ext2 -b 4096 -N 2048",
    "ext2-no-filetype": "-t ext2 -b 2048 -O ^filetype,^dir_index -N 2048",
    "ext3": "-t ext3 -b 1024 -N 2048",
    "ext3-all-super": "-t ext3 -b 1024 -O ^sparse_super,^resize_inode -N 2048",
    "ext4": "-t ext4 -b 4096 -N 2048",
    "ext4-1k": "-t ext4 -b 1024 -N 2048",
    "ext4-2k-512": "-t ext4 -b 2048 -I 512 -N 2048",
    "ext4-64k": "-t ext4 -b 65536 -N 2048",
    "ext4-no-64bit": "-t ext4 -b 1024 -O ^64bit -N 2048",
    "ext4-no-csum": "-t ext4 -b 4096 -O ^metadata_csum,^uninit_bg -N 2048",
    "ext4-uninit-bg": "-t ext4 -b 1024 -O ^metadata_csum,uninit_bg -N 2048",
    "ext4-csum-seed": "-t ext4 -b 1024 -O metadata_csum_seed -N 2048",
    "ext4-meta-bg": "-t ext4 -b 1024 -O meta_bg,^resize_inode -g 1024 -N 4096",
    "ext4-bigalloc": "-t ext4 -b 1024 -C 4096 -O bigalloc -N 2048",
    "ext4-bigalloc-4k": "-t ext4 -b 4096 -C 65536 -O bigalloc -N 2048",
    "ext4-inline-data": "-t ext4 -b 1024 -I 256 -O inline_data -N 2048",
    "ext4-inline-512": "-t ext4 -b 4096 -I 512 -O inline_data -N 2048",
    "ext4-ea-inode": "-t ext4 -b 1024 -O ea_inode -N 2048",
    "ext4-block-map": "-t ext4 -b 1024 -O ^extent,^64bit -N 2048",
    "ext4-sparse-super2": "-t ext4 -b 1024 -O sparse_super2,^resize_inode -N 2048",
    "ext4-large-dir": "-t ext4 -b 1024 -O large_dir -N 2048",
    "ext4-casefold": "-t ext4 -b 1024 -O casefold -N 2048",
    "ext4-no-flex-bg": "-t ext4 -b 1024 -O ^flex_bg,project,verity -N 4096",
}
"""mke2fs options that differ in what a reader must know."""

LARGE = bytes(range(255, 5, -1)) * 4
"""An attribute that does not fit beside the others, so it gets an inode where that is possible."""

MORE = """
mkdir more
cd more
mknod tty c 5 1
mknod wide b 259 60000
mknod pipe p
write {folder}/value stamped
sif stamped uid 70001
sif stamped gid 131073
sif stamped mode 0104755
sif stamped mtime @1700000000
sif stamped atime @1600000000
sif stamped ctime @1650000000
write {folder}/value preallocated
fallocate preallocated 0 40
write {folder}/value attributes
ea_set attributes user.short abc
ea_set attributes user.empty ""
ea_set attributes security.selinux system_u:object_r:etc_t:s0
ea_set attributes trusted.overlay y
ea_set -f {folder}/value attributes user.long
"""
"""What debugfs adds to every variant: devices, owners above 65535, attributes."""

EXTRA_TIMES = """
cd more
sif stamped mtime_extra 0x1DCD6501
sif stamped atime_extra 4
sif stamped crtime @1500000000
sif stamped crtime_extra 0xEE6B27FC
"""
"""Nanoseconds and epoch bits (mtime in 2159), for inodes larger than 128 bytes."""


def odd_tree(root: Path) -> Path:
    """Fill a new folder with what a file system can hold and a plain user can make; return it."""
    root.mkdir(parents=True)
    _odd_names(os.fsencode(root / "names"))
    random = Random(4)
    sizes = root / "sizes"
    sizes.mkdir()
    for size in (0, 1, 59, 60, 61, 150, 161, 512, 1023, 1024, 1025, 4095, 4096, 4097, 300_000):
        (sizes / f"{size}").write_bytes(random.randbytes(size))
    with (root / "sparse").open("wb") as file:
        for offset in (0, 11 << 10, 200 << 10, 400 << 10, 66 << 20, SPARSE_BYTES - 3000):
            file.seek(offset)
            file.write(random.randbytes(3000))
    with (root / "comb").open("wb") as file:
        for tooth in range(400):
            file.seek(tooth << 13)
            file.write(b"%d" % tooth)
    links = root / "links"
    links.mkdir()
    for length in (1, 58, 59, 60, 61, 156, 1000):
        (links / f"{length}").symlink_to("t" * length)
    os.symlink(b"/odd/\xff\n", os.fsencode(links / "odd"))
    os.link(sizes / "1025", links / "hard")
    os.mkfifo(root / "fifo", 0o640)
    deep = root.joinpath(*(f"d{n}" for n in range(30)))
    deep.mkdir(parents=True)
    (deep / "deepest").write_text("here\n")
    (root / "modes").mkdir()
    for mode in (0o400, 0o644, 0o4755, 0o2711, 0o1777):
        (root / "modes" / f"{mode:o}").touch()
        (root / "modes" / f"{mode:o}").chmod(mode)
    return root


def _odd_names(folder: bytes) -> None:
    """Make a file for every byte that a name can have, and for the longest names."""
    os.mkdir(folder)
    names = [b"%c" % byte for byte in range(1, 256) if byte not in b"/."]
    names += [b"...", b"..x", b"n" * 255, "ü".encode() * 127, b"\xff\xfe" * 100]
    for name in names:
        with open(folder + b"/" + name, "wb") as file:
            file.write(b"named " + name)


def many_names(root: Path) -> Path:
    """Fill a new folder with one directory of MANY files; return it."""
    folder = root / "many"
    folder.mkdir(parents=True)
    for number in range(MANY):
        folder.joinpath(f"name-{number:05}-{'x' * (number % 23)}").write_bytes(b"%d" % number)
    return root


def host_tree(root: Path, nodes: Mapping[str, Node]) -> Path:
    """Make the files, directories and links of `nodes` below a new folder; return it.

    Modes and times are theirs; owners and attributes are for debugfs to set.
    """
    root.mkdir(parents=True)
    for path, node in nodes.items():
        here = root / path.lstrip("/")
        here.parent.mkdir(parents=True, exist_ok=True)
        if node.target is not None:
            here.symlink_to(node.target)
        elif isinstance(node.content, bytes):
            here.write_bytes(node.content)
        else:
            here.mkdir(exist_ok=True)
    for path, node in reversed(list(nodes.items())):
        here = root / path.lstrip("/")
        if node.kind != "link":
            here.chmod(node.mode)
        os.utime(here, ns=(node.mtime_ns, node.mtime_ns), follow_symlinks=False)
    return root


def ext(image: Path, options: str, tree: Path | None = None, size: str = "80M") -> Path:
    """Run mke2fs -F -q -E lazy_itable_init=0 OPTIONS -d TREE IMAGE SIZE."""
    content = () if tree is None else ("-d", str(tree))
    words = ("mke2fs", "-F", "-q", "-E", "hash_seed=fea9cbd2-8d9b-4d5a-9a5c-5d5f5d0c5b1e")
    run(*words, *options.split(), *content, str(image), size, cwd=image.parent)
    return image


def variant(out_dir: Path, name: str, tree: Path) -> Path:
    """Return the file system VARIANTS[name] of `tree`, with MORE."""
    options = VARIANTS[name]
    image = ext(out_dir / f"{name}.raw", options, tree)
    (out_dir / "value").write_bytes(bytes(range(256)) * 3)
    commands = MORE.format(folder=out_dir)
    if "-I 128" not in options and "-r 0" not in options:
        commands += "cd /" + EXTRA_TIMES
    if "ea_inode" in options:
        (out_dir / "large").write_bytes(LARGE)
        commands += f"ea_set -f {out_dir}/large attributes user.large\n"
    debugfs(image, commands)
    return image


def debugfs(image: Path, commands: str, *, write: bool = True) -> str:
    """Run debugfs with a script and return what it prints; RuntimeError where it complains."""
    flags = ["-w"] if write else []
    done = subprocess.run(
        ["debugfs", *flags, "-f", "-", str(image)],
        env=tool_path(),
        input=commands.strip() + "\n",
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",
        check=False,
    )
    complaints = [line for line in done.stderr.splitlines() if not line.startswith("debugfs 1.")]
    if done.returncode or complaints:
        raise RuntimeError("\n".join(complaints))
    return done.stdout


def hashed(image: Path) -> Path:
    """Run e2fsck -fyD IMAGE: every large directory becomes a hash tree."""
    done = subprocess.run(
        ["e2fsck", "-fyD", str(image)], env=tool_path(), capture_output=True, check=False
    )
    if done.returncode not in (0, 1):
        raise RuntimeError(done.stdout.decode(errors="replace"))
    return image


def damaged(image: Path, out: Path, flips: Iterable[int]) -> Path:
    """Return a copy of an image with the lowest bit of some bytes turned over."""
    content = bytearray(image.read_bytes())
    for offset in flips:
        content[offset] ^= 1
    out.write_bytes(content)
    return out


def dirty(before: Path, *after: Path, journal: str = "", revoke: int = -1) -> Path:
    """Put what differs between images into the journal of the first, a transaction for each.

    Runs debugfs with journal_open JOURNAL and journal_write for each of `after`; the last one also
    revokes the block `revoke`. The first image then needs recovery, and becomes the last by it.
    """
    size = 1024
    contents = [path.read_bytes() for path in (before, *after)]
    commands = [f"journal_open {journal}"]
    for number, (old, new) in enumerate(pairwise(contents), 1):
        places = [slice(at, at + size) for at in range(0, len(old), size)]
        changed = [n for n, place in enumerate(places) if old[place] != new[place]]
        blocks = before.parent / f"transaction-{number}"
        blocks.write_bytes(b"".join(new[places[n]] for n in changed))
        words = f"-b {','.join(map(str, changed))}"
        if revoke >= 0 and number == len(after):
            words += f" -r {revoke}"
        commands.append(f"journal_write {words} {blocks}")
    debugfs(before, "\n".join([*commands, "journal_close"]))
    return before


def recovered(image: Path, out: Path) -> Path:
    """Return a copy of an image after e2fsck -fy -E journal_only COPY."""
    out.write_bytes(image.read_bytes())
    command = ["e2fsck", "-fy", "-E", "journal_only", str(out)]
    done = subprocess.run(command, env=tool_path(), capture_output=True, check=False)
    if done.returncode not in (0, 1):
        raise RuntimeError(done.stdout.decode(errors="replace"))
    return out
