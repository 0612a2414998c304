import struct
import subprocess
import sys
from pathlib import Path

import pytest

from strongroom.formats.guest.address import prefix_length, with_prefix
from strongroom.formats.guest.bzimage import kernel_version
from strongroom.formats.guest.cmdline import Parameter, parse_cmdline, value_of
from strongroom.formats.guest.elf import machine
from strongroom.formats.guest.tzfile import footer
from strongroom.testing.tools import need

MASKS = {
    "24": 24,
    "255.255.255.0": 24,
    "0.0.0.0": 0,  # noqa: S104  a netmask
    "255.255.255.255": 32,
    "255.0.255.0": None,
    "256.0.0.0": None,
    "255.255": None,
    "255.255.255.0.0": None,
    "200": None,
    "": None,
    "x": None,
}


@pytest.mark.parametrize("mask", MASKS)
def test_a_netmask_means_a_prefix_length(mask: str):
    assert prefix_length(mask) == MASKS[mask]


def test_an_address_keeps_the_prefix_it_has():
    assert with_prefix("192.0.2.1", "255.255.255.0") == "192.0.2.1/24"
    assert with_prefix("192.0.2.1/16", "24") == "192.0.2.1/16"
    assert with_prefix(" 192.0.2.1 ", "") == "192.0.2.1"


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


CMDLINES = {
    "root=UUID=1 ro quiet": (
        Parameter("root", "UUID=1"),
        Parameter("ro", None),
        Parameter("quiet", None),
    ),
    'a="b c" "d=e f" g': (Parameter("a", "b c"), Parameter("d", "e f"), Parameter("g", None)),
    "a -- init": (Parameter("a", None),),
    'a="open x': (Parameter("a", "open x"),),
    "": (),
}


@pytest.mark.parametrize("text", CMDLINES)
def test_a_command_line_comes_down_to_parameters(text: str):
    assert parse_cmdline(text) == CMDLINES[text]


def test_the_last_value_of_a_parameter_holds():
    parameters = parse_cmdline("root=a root=b ro")

    assert value_of(parameters, "root") == "b"
    assert value_of(parameters, "ro") == ""
    assert value_of(parameters, "init") is None


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


ZONES = {
    b"TZif2" + b"\0" * 40 + b"\nCET-1CEST,M3.5.0,M10.5.0/3\n": "CET-1CEST,M3.5.0,M10.5.0/3",
    b"TZif2" + b"\0" * 40 + b"\nUTC0\n": "UTC0",
    b"TZif2" + b"\0" * 40 + b"\n\n": None,
    b"TZif2\0UTC0\n": None,
    b"TZif\0" + b"\0" * 40: None,
    b"TZif2\n\xff\n": None,
    b"other": None,
}


@pytest.mark.parametrize("content", ZONES)
def test_a_compiled_zone_ends_in_its_rule(content: bytes):
    assert footer(content) == ZONES[content]
