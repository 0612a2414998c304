"""Format: what every reader that is registered promises to those who look for it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.base.format import HEAD_BYTES, FileSystem, Format, Image, Volume, Volumes
from strongroom.base.source import Memory
from strongroom.formats.image.qcow2 import QCOW2
from strongroom.formats.image.vmdk import VMDK
from strongroom.formats.tree.ext import EXT
from strongroom.formats.volume.gpt import GPT
from strongroom.formats.volume.mbr import MBR
from strongroom.testing.context import RecordingContext
from strongroom.testing.images import containers, partitions
from strongroom.testing.images.ext import ext
from strongroom.testing.tools import need

FORMATS: list[Format] = [QCOW2, VMDK, EXT, GPT, MBR]


@pytest.mark.parametrize("format", FORMATS, ids=lambda reader: reader.name)
def test_every_magic_stands_in_what_a_probe_sees(format: Format) -> None:
    assert format.magics
    for magic in format.magics:
        assert magic.content
        assert 0 <= magic.offset <= HEAD_BYTES - len(magic.content)


@pytest.mark.parametrize("format", FORMATS, ids=lambda reader: reader.name)
@given(head=st.binary(max_size=600), size=st.integers(0, 1 << 62), at=st.integers(0, 3))
def test_a_probe_answers_whatever_it_is_given(
    format: Format, head: bytes, size: int, at: int
) -> None:
    magic = format.magics[at % len(format.magics)]
    marked = bytes(magic.offset) + magic.content + head

    assert format.probe(head, size) in (True, False)
    assert format.probe(marked, size) in (True, False)
    assert format.probe(marked[: magic.offset + 1], size) in (True, False)


def test_what_is_opened_is_told_apart_by_what_it_can_do(tmp_path: Path) -> None:
    need("mke2fs", "qemu-img", "sfdisk")
    ctx = RecordingContext()
    tree = ext(tmp_path / "tree.raw", "-t ext2", None, "1M")
    image = QCOW2.open(Memory(containers.qcow2_v3(tree, tmp_path).read_bytes()), ctx)
    files = EXT.open(Memory(tree.read_bytes()), ctx)
    table = GPT.open(Memory(partitions.gpt(tmp_path).read_bytes()), ctx)

    opened = (image, files, table, Memory(b""))
    assert [isinstance(o, Image) for o in opened] == [True, False, False, False]
    assert [isinstance(o, FileSystem) for o in opened] == [False, True, False, False]
    assert [isinstance(o, Volumes) for o in opened] == [False, False, True, False]


def test_a_volume_says_no_more_than_is_known() -> None:
    volume = Volume("vg0/root", Memory(b""))

    assert volume[2:] == (None, "", "", "", (), False)
