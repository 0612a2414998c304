"""Two real systems: a Debian made of its own packages, and the Alpine disk of the demonstration."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from importlib.metadata import files
from pathlib import Path
from typing import Any

import pytest

from strongroom.base.record import Finding, to_plain
from strongroom.kernel.call import Context
from strongroom.testing.images import containers, real
from strongroom.testing.tools import need

ROOT = Path(__file__).parents[3]
CACHE = ROOT / ".cache/images"
SYSTEM_PYTHON = "/usr/bin/python3"
"""An interpreter that every user may run, as the one of the checkout may not be."""


@pytest.fixture(scope="module")
def debian_disk() -> Path:
    need("mke2fs", "dpkg-query")
    return real.debian(CACHE)


@pytest.fixture(scope="module")
def alpine_disk() -> Path:
    found = subprocess.run(
        [ROOT / "packaging/demo-disk"], check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    return ROOT / found.stdout.strip()


@pytest.fixture(scope="module")
def alpine_database(alpine_disk: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The guest's package database, read by qemu-img and debugfs and not by us."""
    need("qemu-img", "debugfs")
    raw = containers.raw_view(alpine_disk, tmp_path_factory.mktemp("alpine") / "alpine.raw")
    command = ["/sbin/debugfs", "-R", "cat /lib/apk/db/installed", str(raw)]
    return subprocess.run(
        command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ).stdout


def of_type(ctx: Context, disk: Path, type: str) -> list[Any]:
    return [r for r in ctx.call("guest.inspect", disks=[str(disk)]) if r.type == type]


def test_debians_packages_equal_dpkgs_own_list(ctx: Context, debian_disk: Path) -> None:
    admin = debian_disk.parent / "debian/var/lib/dpkg"
    theirs = subprocess.run(
        [
            "dpkg-query",
            f"--admindir={admin}",
            "-W",
            "-f",
            "${Package} ${Version} ${Architecture}\n",
        ],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout.splitlines()
    ours = [f"{p.name} {p.version} {p.arch}" for p in of_type(ctx, debian_disk, "package")]

    assert len(ours) > 100
    assert sorted(ours) == sorted(theirs)


def test_alpines_packages_equal_apks_own_list(
    ctx: Context, alpine_disk: Path, alpine_database: str
) -> None:
    theirs = [
        tuple(next(x[2:] for x in block.splitlines() if x.startswith(key)) for key in ("P:", "V:"))
        for block in alpine_database.strip().split("\n\n")
    ]
    ours = [(p.name, p.version) for p in of_type(ctx, alpine_disk, "package")]

    assert len(ours) == 59
    assert sorted(ours) == sorted(theirs)


def test_debian_is_recognised(ctx: Context, debian_disk: Path) -> None:
    (system,) = of_type(ctx, debian_disk, "os")
    users = {u.name: u for u in of_type(ctx, debian_disk, "user")}
    services = {s.name: s for s in of_type(ctx, debian_disk, "service")}

    assert (system.id, system.version, system.arch) == ("debian", "12", "x86_64")
    assert users["root"].can_log_in
    assert not users["sshd"].can_log_in
    assert services["ssh.service"].enabled
    assert services["cron.service"].enabled
    assert not [f for f in of_type(ctx, debian_disk, "finding") if f.rule.startswith("problem.")]


def test_alpine_is_recognised(ctx: Context, alpine_disk: Path) -> None:
    (system,) = of_type(ctx, alpine_disk, "os")
    enabled = {s.name for s in of_type(ctx, alpine_disk, "service") if s.enabled}
    (kernel,) = of_type(ctx, alpine_disk, "kernel")

    assert (system.id, system.arch) == ("alpine", "x86_64")
    assert system.version.startswith("3.23")
    assert {"networking", "hostname"} <= enabled
    assert kernel.version.endswith("-virt")


def test_debians_files_equal_the_folder_they_came_from(
    ctx: Context, debian_disk: Path, tmp_path: Path
) -> None:
    folder = debian_disk.parent / "debian"
    del tmp_path
    theirs = {
        f"/{path.relative_to(folder)}": path.lstat().st_size
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    }
    entries = ctx.call("guest.find", disk=str(debian_disk), type="f")
    ours = {e.path: e.size_bytes for e in entries if not isinstance(e, Finding)}

    assert len(ours) > 5000
    assert ours == theirs


@pytest.fixture
def nobodys_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that the user nobody may use, with a copy of the program's home."""
    folder = tmp_path_factory.mktemp("nobody")
    for directory in (folder, *folder.parents):
        if directory == Path("/tmp"):  # noqa: S108  the end of the way up
            break
        directory.chmod(0o755)
    os.chown(folder, 65534, 65534)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def test_it_all_works_as_nobody_with_the_network_unplugged(
    ctx: Context, alpine_disk: Path, nobodys_folder: Path
) -> None:
    need("unshare", "setpriv", SYSTEM_PYTHON)
    if os.getuid():
        pytest.skip("only root can become nobody")
    disk = Path(shutil.copy(alpine_disk, nobodys_folder))
    disk.chmod(0o644)
    code = nobodys_folder / "code"
    shutil.copytree(ROOT / "src", code)
    (facts,) = [
        Path(str(f.locate())).parent for f in files("strongroom") or () if f.name == "RECORD"
    ]
    shutil.copytree(facts, code / facts.name)
    env = {
        "PATH": "/usr/bin:/bin",
        "STRONGROOM_HOME": str(nobodys_folder / "home"),
        "PYTHONPATH": str(code),
    }
    done = subprocess.run(
        [
            *("unshare", "-n", "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
            *(SYSTEM_PYTHON, "-m", "strongroom", "guest", "inspect", "--json", str(disk)),
        ],
        env=env,
        check=False,
        capture_output=True,
        text=True,
        cwd="/",
    )

    assert done.stderr == ""
    theirs = [json.loads(line) for line in done.stdout.splitlines()]
    ours = [to_plain(r) for r in ctx.call("guest.inspect", disks=[str(disk)])]
    assert theirs == json.loads(json.dumps(ours))
