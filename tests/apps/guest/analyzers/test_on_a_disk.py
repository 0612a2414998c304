import subprocess
from pathlib import Path

import pytest

from strongroom.apps.guest.analyzers import ALL
from strongroom.apps.guest.guest import Guest
from strongroom.base.locator import Locator
from strongroom.base.record import json_line
from strongroom.base.source import Memory
from strongroom.formats.tree.ext import EXT
from strongroom.testing.context import RecordingContext
from strongroom.testing.images.guests import GUESTS, in_memory, write_folder
from strongroom.testing.tools import need, tool_path


def _records(guest: Guest) -> list[str]:
    return [json_line(record) for analyzer in ALL for record in analyzer.run(guest)]


@pytest.mark.parametrize("name", GUESTS)
def test_a_guest_on_ext4_gives_the_records_of_the_same_guest_in_memory(tmp_path: Path, name: str):
    need("mke2fs")
    root = write_folder(GUESTS[name](), tmp_path / "root")
    image = tmp_path / "disk.raw"
    subprocess.run(
        ["mke2fs", "-q", "-t", "ext4", "-d", str(root), str(image), "8M"],
        check=True,
        capture_output=True,
        env=tool_path(),
    )
    ctx = RecordingContext()
    tree = EXT.open(Memory(image.read_bytes()), ctx)
    guest = Guest(tree, lambda path: Locator("guest", (path,)))

    assert _records(guest) == _records(in_memory(GUESTS[name]()))
    assert guest.problems == []
    assert ctx.problems == []
