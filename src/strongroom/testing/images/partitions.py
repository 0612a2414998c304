"""Recipes: disks with partition tables, by sfdisk and fdisk on plain files."""

import json
import subprocess
from pathlib import Path
from typing import Any

from strongroom.testing.tools import tool_path

DISK_ID = "4f3c2b1a"
GPT_SCRIPT = """
label: gpt
label-id: 5A0E1C3D-0B7A-4F6B-9C54-3D5F6A1B2C3D
unit: sectors
1: start=2048, size=2048, type=U, name="EFI system", uuid=11111111-2222-3333-4444-555555555555
2: start=4096, size=4096, type=L, name="wörzel", attrs="RequiredPartition LegacyBIOSBootable"
5: start=8192, size=1000, type=S, attrs="GUID:60,63"
9: start=9216, size=1, type=L, name="one sector"
"""
MBR_SCRIPT = f"""
label: dos
label-id: 0x{DISK_ID}
unit: sectors
1: start=2048, size=2048, type=83, bootable
2: start=4096, size=16384, type=5
4: start=20480, size=1000, type=c
5: start=4160, size=2000, type=82
6: start=6208, size=2000, type=83
7: start=12352, size=8000, type=8e
"""


def gpt(out_dir: Path, script: str = GPT_SCRIPT, size_bytes: int = 12 << 20) -> Path:
    """Run sfdisk gpt.raw < SCRIPT"""
    return _partitioned(out_dir / "gpt.raw", size_bytes, ["sfdisk", "-q"], script)


def mbr(out_dir: Path, script: str = MBR_SCRIPT, size_bytes: int = 12 << 20) -> Path:
    """Run sfdisk mbr.raw < SCRIPT; with three logical partitions from p5 on"""
    return _partitioned(out_dir / "mbr.raw", size_bytes, ["sfdisk", "-q"], script)


def gpt_4096(out_dir: Path) -> Path:
    """Run fdisk -b 4096 gpt4096.raw < COMMANDS; two partitions, in sectors of 4096 bytes"""
    commands = "g\nn\n1\n256\n511\nn\n3\n512\n600\nt\n3\n19\nw\n"
    return _partitioned(out_dir / "gpt4096.raw", 4 << 20, ["fdisk", "-b", "4096"], commands)


def mbr_chain(out_dir: Path, count: int) -> Path:
    """Run sfdisk chain.raw < SCRIPT; an extended partition with `count` logical ones"""
    lines = ["label: dos", "1: start=2048, type=f"]
    lines += ["size=8"] * count
    size_bytes = 2 * (2 + count) << 20
    return _partitioned(out_dir / "chain.raw", size_bytes, ["sfdisk", "-q"], "\n".join(lines))


def sfdisk_json(disk: Path) -> dict[str, Any]:
    """Return what `sfdisk --json DISK` says of the table."""
    done = subprocess.run(
        ["sfdisk", "--json", str(disk)], env=tool_path(), capture_output=True, check=True
    )
    table: dict[str, Any] = json.loads(done.stdout)["partitiontable"]
    return table


def _partitioned(disk: Path, size_bytes: int, command: list[str], script: str) -> Path:
    with disk.open("wb") as file:
        file.truncate(size_bytes)
    done = subprocess.run(
        [*command, str(disk)],
        env=tool_path(),
        input=script,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return disk
