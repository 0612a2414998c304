import struct
import subprocess
import sys
from pathlib import Path

import pytest

from strongroom.formats.guest.elf import machine
from strongroom.testing.tools import need


def _elf(wide: int, order: int, number: int) -> bytes:
    kind = struct.pack("<HH" if order == 1 else ">HH", 3, number)
    return b"\x7fELF" + bytes([wide, order, 1]) + b"\0" * 9 + kind


MACHINES = {
    _elf(2, 1, 62): "x86_64",
    _elf(1, 1, 62): "x86_64",
    _elf(2, 1, 183): "aarch64",
    _elf(1, 1, 3): "i686",
    _elf(1, 1, 40): "armv7l",
    _elf(2, 2, 22): "s390x",
    _elf(2, 2, 21): "ppc64",
    _elf(2, 1, 21): "ppc64le",
    _elf(2, 1, 9999): None,
    b"#!/bin/sh\necho this is a script": None,
    b"\x7fELF": None,
}


@pytest.mark.parametrize("number", range(len(MACHINES)))
def test_a_program_says_its_machine(number: int):
    head = list(MACHINES)[number]

    assert machine(head) == MACHINES[head]


def test_this_interpreters_machine_is_that_of_uname():
    need("uname")
    done = subprocess.run(["uname", "-m"], capture_output=True, text=True, check=True)
    with Path(sys.executable).open("rb") as file:
        assert machine(file.read(64)) == done.stdout.strip()
