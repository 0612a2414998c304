"""ext2/3/4: superblock, groups, inodes, maps, directories, attributes."""

from collections.abc import Iterator

from strongroom.formats.tree.ext import EXT

from .drive import drive, made_by

TREE = (
    "mkdir -p t/a/b; head -c 9000 /etc/services > t/a/f; ln -s a/f t/short",
    "ln -s $(printf 'x%.0s' {1..200}) t/long; ln t/a/f t/a/b/hard; truncate -s 1M t/sparse",
    "for i in {1..60}; do touch t/a/name-$i; done; truncate -s 512K seed",
)
KINDS = (
    "-t ext2 -b 1024 -N 128",
    "-t ext4 -b 1024 -N 128",
    "-t ext4 -b 1024 -N 128 -I 256 -O inline_data,64bit",
    "-t ext4 -b 1024 -N 128 -O ^extent,^has_journal,metadata_csum",
)


def seeds() -> Iterator[bytes]:
    for kind in KINDS:
        yield from made_by(*TREE, f"mke2fs -q -F {kind} -O ^has_journal -d t seed")


def TestOneInput(data: bytes) -> None:  # noqa: N802  libFuzzer's name for it
    drive(EXT, data)
