from typing import Any

import pytest

from strongroom.apps.guest.anatomy import Disk, FileSystemRecord
from strongroom.apps.guest.records import (
    CronJob,
    Interface,
    Kernel,
    Mount,
    OperatingSystem,
    Package,
    Service,
    User,
)
from strongroom.base.locator import Locator
from strongroom.base.record import Finding, Record, Severity
from strongroom.surfaces.cli.report import write_report
from strongroom.surfaces.cli.terminal import Screen, text_width

DISK = Locator("/images/alpine.qcow2")
ETC = DISK / "/etc"
PIPE = Screen()


def user(name: str, uid: int, password: str, *, person: bool) -> User:
    return User(
        at=ETC, name=name, uid=uid, gid=uid, home="/", shell="", password=password,
        can_log_in=person,
    )  # fmt: skip


def finding(rule: str, severity: Severity, message: str, path: str, line: int | None) -> Finding:
    return Finding(at=DISK / path, rule=rule, severity=severity, message=message, line=line)


RECORDS: list[Record] = [
    Disk(at=DISK, format="qcow2", compression="zlib", size_bytes=1 << 30),
    FileSystemRecord(
        at=DISK, fs_type="ext4", label="rootfs", uuid="u-1", size_bytes=1 << 30,
        free_bytes=912261120, clean=False,
    ),
    OperatingSystem(
        at=ETC, id="alpine", version="3.23", pretty_name="Alpine Linux 3.23", arch="x86_64",
        hostname="sandbox",
    ),
    Mount(at=ETC, device="UUID=u-1", point="/", fs_type="ext4", options=("rw",)),
    *(Package(at=ETC, name=f"p{n}", version="1", arch="x86_64", manager="apk") for n in range(59)),
    user("root", 0, "none", person=True),
    user("daemon", 2, "none", person=False),
    user("agent", 1000, "set", person=True),
    Service(at=ETC, name="sshd", enabled=True, manager="openrc"),
    Service(at=ETC, name="crond", enabled=False, manager="openrc"),
    Interface(at=ETC, name="lo", method="loopback"),
    Interface(at=ETC, name="eth0", method="dhcp"),
    CronJob(at=ETC, user="root", schedule="@daily", command="run-parts"),
    Kernel(at=ETC, version="6.12.1-virt", path="/boot/vmlinuz"),
    finding("account.no-password", Severity.NOTICE, "no password", "/etc/shadow", 28),
    finding("ssh.root-login", Severity.WARNING, "root may sign in", "/etc/ssh/sshd_config", 32),
]  # fmt: skip

EXPECTED = """\
Alpine Linux 3.23 (x86_64)  alpine.qcow2, 1.0 GiB, qcow2 (zlib)

  host      sandbox
  root      ext4 "rootfs", 870 MiB free of 1.0 GiB, not unmounted cleanly
  packages  59 (apk)                              guestkit packages /images/alpine.qcow2
  users     root, agent; 1 can log in with a password  guestkit users /images/alpine.qcow2
  services  1 of 2 enabled (openrc)               guestkit services /images/alpine.qcow2
  cron      1 job
  network   eth0 dhcp                             guestkit network /images/alpine.qcow2
  kernel    6.12.1-virt
  findings  1 warning, 1 notice

  warning  ssh.root-login       root may sign in  /etc/ssh/sshd_config:32
  notice   account.no-password  no password       /etc/shadow:28
"""


def report(records: list[Record], screen: Screen = PIPE) -> str:
    lines: list[str] = []
    write_report(iter(records), lines.append, screen, iter([10.0, 10.04]).__next__)
    return "".join(lines)


def squeezed(text: str) -> list[str]:
    return ["  ".join(part.strip() for part in line.split("  ") if part) for line in
            text.splitlines()]  # fmt: skip


def test_the_report_answers_first_then_tells_then_warns():
    assert squeezed(report(RECORDS)) == squeezed(EXPECTED)


def test_a_terminal_is_told_how_long_it_took():
    first = report(RECORDS, Screen(tty=True, width=100)).splitlines()[0]

    assert first.endswith(" 0.04 s")
    assert len(first) == 100


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 200])
def test_no_line_of_the_report_is_wider_than_the_terminal(width: int):
    hostile = [
        OperatingSystem(
            at=ETC, id="x", version="", pretty_name="N" * 300, arch="a", hostname="h" * 300
        ),
        finding("r.x", Severity.ERROR, "m" * 300, "/" + "p" * 300, 1),
        *RECORDS,
    ]

    for line in report(hostile, Screen(tty=True, width=width)).splitlines():
        assert text_width(line) <= max(width, 40)


def test_names_of_the_guest_cannot_write_to_the_terminal():
    hostile = OperatingSystem(
        at=ETC, id="x", version="", pretty_name="\x1b[2J", arch="", hostname="\x07\nfake"
    )

    text = report([*RECORDS[:2], hostile], Screen(tty=True, width=100))

    assert "\x1b" not in text
    assert "\\x1b[2J" in text
    assert "\\x07\\nfake" in text


def test_severity_is_said_in_words_and_coloured_besides():
    text = report(RECORDS, Screen(tty=True, width=100, colour=True))

    assert "\x1b[33mwarning\x1b[0m" in text


def test_a_disk_without_a_system_says_so_first():
    text = report(RECORDS[:1])

    assert text == "no operating system found  alpine.qcow2, 1.0 GiB, qcow2 (zlib)\n"


def test_many_findings_are_counted_and_the_gravest_shown():
    many: list[Record] = [finding(f"r.{n}", Severity.INFO, "m", "/etc/x", n) for n in range(100)]
    grave = finding("grave", Severity.CRITICAL, "m", "/etc/x", 1)

    lines = report([*many, grave]).splitlines()

    assert lines[2].split() == ["findings", "1", "critical,", "100", "info"]
    assert lines[4].split()[1] == "grave"
    assert lines[-1] == "  and 81 more: --json lists all"


def test_what_was_read_before_a_failure_is_reported():
    lines: list[str] = []

    def failing() -> Any:
        yield from RECORDS
        raise KeyError

    with pytest.raises(KeyError):
        write_report(failing(), lines.append, PIPE, iter([1.0, 2.0]).__next__)
    assert lines[0].startswith("Alpine Linux 3.23")
