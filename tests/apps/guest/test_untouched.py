"""No host file but the image's own is read, and no image is ever written."""

import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from strongroom.base.errors import Denied, NotFound
from strongroom.kernel.call import Context
from strongroom.testing.images import containers
from strongroom.testing.images.ext import ext
from strongroom.testing.tools import need

WATCH = """
import json, os, sys
opened = []
def watch(event, arguments):
    if event in ("open", "os.listdir", "os.scandir", "os.readlink", "os.chdir"):
        opened.append(os.fsdecode(arguments[0]) if not isinstance(arguments[0], int) else "")
    elif event.startswith(("subprocess", "os.exec", "os.posix_spawn", "os.fork", "socket")):
        opened.append(event)
from strongroom.__main__ import main
sys.addaudithook(watch)
sys.argv = ["strongroom", *sys.argv[2:]]
try:
    main()
except SystemExit:
    pass
finally:
    json.dump(opened, open(os.environ["OPENED"], "w"))
"""

HOST = ("/etc/shadow", "/etc/passwd", "/etc/hostname")
COMMANDS = [
    ("inspect", "{disk}"),
    ("ls", "{disk}", "/", "--recursive"),
    ("cat", "{disk}", "/etc/shadow"),
    ("cat", "{disk}", "/link-to-host"),
    ("find", "{disk}", "/", "--name", "*"),
    ("hash", "{disk}", "/etc/passwd"),
    ("grep", "{disk}", "root", "/etc"),
]


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """A guest whose links, fstab and names point at the host."""
    need("mke2fs")
    root = tmp_path / "trap"
    (root / "etc").mkdir(parents=True)
    (root / "etc/os-release").write_text("ID=trap\nVERSION_ID=1\n")
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    (root / "etc/shadow").symlink_to("/../../../../../../etc/shadow")
    (root / "etc/fstab").write_text("/etc /host ext4 bind 0 0\n/dev/sda1 /proc ext4 d 0 0\n")
    (root / "etc/hostname").symlink_to("/proc/self/root/etc/hostname")
    (root / "link-to-host").symlink_to("/etc")
    (root / "loop").symlink_to("loop")
    folder = tmp_path / "disks"
    folder.mkdir()
    return ext(folder / "trap.raw", "-t ext4", root, "8M")


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_no_file_of_the_host_is_opened_for_the_guest(
    trap: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    log = tmp_path / "opened.json"
    home = tmp_path / "home"
    env = {**os.environ, "STRONGROOM_HOME": str(home), "OPENED": str(log)}
    command = [word.format(disk=trap) for word in words]
    subprocess.run(
        [sys.executable, "-c", WATCH, "-", "guest", *command], env=env, check=True, cwd=tmp_path
    )
    code = (sys.prefix, sys.base_prefix, str(Path(__file__).parents[3] / "src"))
    here = ("", ".", str(tmp_path))  # where the interpreter itself looks for modules
    own = (*code, str(home), str(trap), str(log), "/proc/sys/kernel/random", "/etc/strongroom")
    strange = [p for p in json.loads(log.read_text()) if p not in here and not p.startswith(own)]

    assert not set(strange) & set(HOST)
    assert strange == []


def test_no_command_changes_the_image(ctx: Context, disk: Path) -> None:
    image = containers.qcow2_v3(disk, disk.parent)
    before = (sha256(image.read_bytes()).digest(), image.stat().st_mtime_ns)
    list(ctx.call("guest.inspect", disks=[str(image)]))
    list(ctx.call("guest.info", disk=str(image), allocation=True))
    list(ctx.call("guest.ls", disk=str(image), recursive=True))

    assert (sha256(image.read_bytes()).digest(), image.stat().st_mtime_ns) == before


@pytest.mark.parametrize(
    "backing",
    [
        "/etc/shadow",
        "../../../../etc/shadow",
        'json:{"driver":"raw","file":{"driver":"file","filename":"/etc/shadow"}}',
        "nbd:localhost:10809",
        "ssh://host/x",
    ],
)
def test_a_backing_file_elsewhere_is_denied(ctx: Context, tmp_path: Path, backing: str) -> None:
    need("qemu-img")
    image = tmp_path / "evil.qcow2"
    options = ["-u", "-f", "qcow2", "-F", "raw", "-b", backing]
    subprocess.run(["qemu-img", "create", "-q", *options, str(image), "1M"], check=True)
    for name in ("guest.info", "guest.ls", "guest.filesystems"):
        with pytest.raises(Denied) as raised:
            list(ctx.call(name, disk=str(image)))
        assert raised.value.code == "denied.sibling"


def test_an_allowed_folder_opens_and_a_link_out_of_it_does_not(
    ctx: Context, disk: Path, tmp_path: Path
) -> None:
    need("qemu-img")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    base = disk.rename(elsewhere / "base.raw")
    image = disk.parent / "overlay.qcow2"
    options = ["-f", "qcow2", "-F", "raw", "-b", str(base)]
    subprocess.run(["qemu-img", "create", "-q", *options, str(image)], check=True)
    with pytest.raises(Denied):
        list(ctx.call("guest.info", disk=str(image)))

    ctx.session.allow_backing = (str(elsewhere),)
    assert list(ctx.call("guest.cat", disk=str(image), paths=["/etc/hostname"])) == [b"web1\n"]


def test_a_disk_inside_a_disk_has_no_files_beside_it(ctx: Context, tmp_path: Path) -> None:
    need("qemu-img", "mke2fs")
    root = tmp_path / "root"
    root.mkdir()
    (root / "base.raw").write_bytes(bytes(1 << 20))
    options = ["-u", "-f", "qcow2", "-F", "raw", "-b", "base.raw"]
    inner = root / "inner.qcow2"
    subprocess.run(["qemu-img", "create", "-q", *options, str(inner), "1M"], check=True)
    outer = ext(tmp_path / "outer.raw", "-t ext4", root, "8M")

    with pytest.raises(Denied, match="inside an image"):
        list(ctx.call("guest.info", disk=f"{outer}::/inner.qcow2"))
    with pytest.raises(NotFound):
        list(ctx.call("guest.info", disk=f"{outer}::/missing.qcow2"))
