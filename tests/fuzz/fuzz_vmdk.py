"""VMDK: sparse header, descriptor, grain tables, compressed grains."""

from collections.abc import Iterator

from strongroom.formats.image.vmdk import VMDK

from .drive import drive, made_by


def seeds() -> Iterator[bytes]:
    for subformat in ("monolithicSparse", "streamOptimized", "monolithicFlat"):
        yield from made_by(
            "head -c 20000 /etc/services > raw; truncate -s 256K raw",
            f"qemu-img convert -f raw -O vmdk -o subformat={subformat} raw seed",
        )


def TestOneInput(data: bytes) -> None:  # noqa: N802  libFuzzer's name for it
    drive(VMDK, data)
