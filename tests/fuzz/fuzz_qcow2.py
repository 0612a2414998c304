"""qcow2: header, extensions, tables, compressed clusters, snapshots."""

from collections.abc import Iterator

from strongroom.formats.image.qcow2 import QCOW2

from .drive import drive, made_by

MAKE = (
    "head -c 20000 /etc/services > raw; truncate -s 256K raw",
    "qemu-img convert -f raw -O qcow2 {options} raw seed",
)
OPTIONS = (
    "-o cluster_size=512",
    "-o compat=0.10,cluster_size=512",
    "-c -o cluster_size=4k",
    "-c -o cluster_size=4k,compression_type=zstd",
    "-o extended_l2=on,cluster_size=16k",
)


def seeds() -> Iterator[bytes]:
    for options in OPTIONS:
        yield from made_by(*(line.format(options=options) for line in MAKE))
    snapshot = "qemu-img snapshot -c s1 seed"
    yield from made_by(*(line.format(options=OPTIONS[0]) for line in MAKE), snapshot)
    yield from made_by(
        "head -c 4096 /dev/zero > base.raw",
        "qemu-img create -q -f qcow2 -o cluster_size=512 -b base.raw -F raw seed 64K",
    )


def TestOneInput(data: bytes) -> None:  # noqa: N802  libFuzzer's name for it
    drive(QCOW2, data)
