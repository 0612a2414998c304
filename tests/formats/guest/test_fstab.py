import subprocess
from pathlib import Path

import pytest

from strongroom.formats.guest.fstab import parse_fstab
from strongroom.testing.tools import need

FSTAB = """\
# <file system> <mount point> <type> <options> <dump> <pass>
UUID=1234-ABCD  /boot/efi  vfat  umask=0077,utf8  0 1

/dev/vda2 / ext4 errors=remount-ro 0 1 # trailing
LABEL=data\t/srv/with\\040space\tauto
server:/export /mnt nfs ro,_netdev
/swapfile none swap sw 0 0
tmpfs /t\\303\\251 tmpfs size=1G 0 x
"""


def test_every_entry_is_read_with_its_line():
    parsed = parse_fstab(FSTAB)

    assert parsed.faults == ()
    assert [(e.line, e.device, e.point, e.fs_type) for e in parsed.entries] == [
        (2, "UUID=1234-ABCD", "/boot/efi", "vfat"),
        (4, "/dev/vda2", "/", "ext4"),
        (5, "LABEL=data", "/srv/with space", "auto"),
        (6, "server:/export", "/mnt", "nfs"),
        (7, "/swapfile", "none", "swap"),
        (8, "tmpfs", "/té", "tmpfs"),
    ]
    assert parsed.entries[0].options == ("umask=0077", "utf8")
    assert parsed.entries[2].options == ("defaults",)
    assert [(e.dump, e.fsck_pass) for e in parsed.entries] == [
        (0, 1),
        (0, 1),
        (0, 0),
        (0, 0),
        (0, 0),
        (0, 0),
    ]


@pytest.mark.parametrize("line", ["/dev/vda1", "/dev/vda1 /mnt"])
def test_a_line_of_fewer_than_three_fields_is_a_fault(line: str):
    parsed = parse_fstab(f"{line}\n/dev/vda2 / ext4\n")

    assert [f.line for f in parsed.faults] == [1]
    assert len(parsed.entries) == 1


def test_the_table_is_that_of_findmnt(tmp_path: Path):
    need("findmnt")
    table = tmp_path / "fstab"
    text = "\n".join(line for line in FSTAB.splitlines() if "303" not in line) + "\n"
    table.write_text(text, encoding="utf-8")
    done = subprocess.run(
        ["findmnt", "--tab-file", str(table), "-n", "-P", "-o", "SOURCE,TARGET,FSTYPE"],
        capture_output=True,
        text=True,
        check=True,
    )

    ours = [
        f'SOURCE="{e.device}" TARGET="{e.point}" FSTYPE="{e.fs_type}"'
        for e in parse_fstab(text).entries
    ]
    assert ours == done.stdout.splitlines()
