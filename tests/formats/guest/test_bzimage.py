import struct

import pytest

from strongroom.formats.guest.bzimage import kernel_version


def _image(version: bytes, pointer: int = 0x100) -> bytes:
    head = bytearray(0x1000)
    head[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", head, 0x20E, pointer)
    head[0x300 : 0x300 + len(version)] = version
    return bytes(head)


KERNELS = {
    _image(b"6.1.0-13-amd64 (debian@x) #1 SMP\0"): "6.1.0-13-amd64",
    _image(b"6.1\0"): "6.1",
    _image(b"\0"): None,
    _image(b"6.1\0", pointer=0): None,
    _image(b"6.1\0", pointer=0xFFFF): None,
    b"MZ" + b"\0" * 4000: None,
    b"": None,
}


@pytest.mark.parametrize("number", range(len(KERNELS)))
def test_a_kernel_image_says_its_release(number: int):
    head = list(KERNELS)[number]

    assert kernel_version(head) == KERNELS[head]
