"""What is not read is named: signatures as the formats' own tools write them."""

import subprocess
from pathlib import Path

import pytest

from strongroom.base.format import HEAD_BYTES
from strongroom.formats.signatures import CONTENTS, IMAGES, SWAP, refusal
from strongroom.testing.tools import need, test_data, tool_path

MADE = {
    "vhdx": ("qemu-img", "create -q -f vhdx {file} 64M"),
    "vhd": ("qemu-img", "create -q -f vpc {file} 64M"),
    "vdi": ("qemu-img", "create -q -f vdi {file} 64M"),
    "qed": ("qemu-img", "create -q -f qed {file} 64M"),
}


@pytest.mark.parametrize("name", MADE)
def test_containers_are_recognised_as_qemu_writes_them(name: str, tmp_path: Path) -> None:
    tool, words = MADE[name]
    need(tool)
    image = tmp_path / "image"
    command = [tool, *words.format(file=image).split()]
    subprocess.run(command, check=True, env=tool_path(), stdout=subprocess.DEVNULL)
    error = refusal(image.read_bytes()[:HEAD_BYTES], IMAGES)

    assert error is not None
    assert error.code == f"unsupported.format.{name}"


@pytest.mark.parametrize(
    ("options", "name"), [("-F 32", "fat"), ("-F 16", "fat"), ("-F 12", "fat")]
)
def test_fat_is_recognised_as_mkfs_writes_it(options: str, name: str, tmp_path: Path) -> None:
    need("mkfs.vfat")
    image = tmp_path / "fat"
    image.write_bytes(bytes(48 << 20))
    command = ["mkfs.vfat", *options.split(), str(image)]
    subprocess.run(command, check=True, env=tool_path(), stdout=subprocess.DEVNULL)
    error = refusal(image.read_bytes()[:HEAD_BYTES], CONTENTS)

    assert error is not None
    assert error.code == f"unsupported.format.{name}"


def test_swap_is_recognised_as_mkswap_writes_it(tmp_path: Path) -> None:
    need("mkswap")
    image = tmp_path / "swap"
    image.write_bytes(bytes(1 << 20))
    subprocess.run(["mkswap", str(image)], check=True, env=tool_path(), capture_output=True)

    assert image.read_bytes().startswith(SWAP.content, SWAP.offset)


@pytest.mark.parametrize(
    ("disk", "name"), [("disks/iso9660.raw", "iso9660"), ("disks/ext2.vhd", "vhd")]
)
def test_real_disks_are_recognised(disk: str, name: str) -> None:
    head = test_data(*disk.split("/")).read_bytes()[:HEAD_BYTES]
    error = refusal(head, CONTENTS) or refusal(head, IMAGES)

    assert error is not None
    assert error.code == f"unsupported.format.{name}"


def test_every_signature_lies_in_the_head_and_nothing_is_recognised_in_zeros() -> None:
    for signature in (*IMAGES, *CONTENTS, SWAP):
        assert signature.offset + len(signature.content) <= HEAD_BYTES
    assert refusal(bytes(HEAD_BYTES), CONTENTS) is None
    assert refusal(b"", IMAGES) is None
