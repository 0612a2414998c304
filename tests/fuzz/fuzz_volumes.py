"""GPT and MBR: headers, entries, EBR chains. The first byte picks the table."""

from collections.abc import Iterator

from strongroom.formats.volume.gpt import GPT
from strongroom.formats.volume.mbr import MBR

from .drive import drive, made_by


def seeds() -> Iterator[bytes]:
    gpt = "label: gpt\\nsize=20\\nsize=20,type=U\\n"
    mbr = "label: dos\\nstart=10,size=20,type=83\\nstart=40,size=200,type=5\\nsize=20\\nsize=30\\n"
    for number, table in enumerate((gpt, mbr)):
        made = made_by("truncate -s 256K seed", f"printf '{table}' | sfdisk -q seed")
        yield from (bytes([number]) + image for image in made)


def TestOneInput(data: bytes) -> None:  # noqa: N802  libFuzzer's name for it
    drive(MBR if data[:1] == b"\x01" else GPT, data[1:])
