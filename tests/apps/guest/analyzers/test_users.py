import pytest

from strongroom.apps.guest.analyzers import users
from strongroom.apps.guest.records import Group, User
from strongroom.base.record import Finding, Severity
from strongroom.base.tree import Node
from strongroom.testing.images.guests import GUESTS, alpine, debian, in_memory, text


def _run(nodes: dict[str, Node]) -> tuple[dict[str, User], dict[str, Group], list[Finding]]:
    records = list(users.run(in_memory(nodes)))
    return (
        {r.name: r for r in records if isinstance(r, User)},
        {r.name: r for r in records if isinstance(r, Group)},
        [r for r in records if isinstance(r, Finding)],
    )


def test_accounts_have_their_groups_and_the_state_of_their_password():
    people, groups, _ = _run(debian())

    ada = people["ada"]
    assert (ada.uid, ada.home, ada.shell, ada.groups) == (
        1000, "/home/ada", "/bin/bash", ("ada", "sudo"),
    )  # fmt: skip
    assert (ada.password, ada.password_scheme) == ("set", "yescrypt")
    assert (ada.password_changed, ada.expires) == ("2023-08-31", "2024-10-04")
    assert {name: user.password for name, user in people.items()} == {
        "root": "none",
        "daemon": "none",
        "ada": "set",
        "eve": "empty",
        "toor": "locked",
    }
    assert {name: user.can_log_in for name, user in people.items()} == {
        "root": True,
        "daemon": False,
        "ada": True,
        "eve": True,
        "toor": True,
    }
    assert (groups["sudo"].members, groups["sudo"].sudo, groups["ada"].sudo) == (
        ("ada",),
        True,
        False,
    )


def test_who_may_use_sudo_is_told_from_the_rules():
    people, _, _ = _run(debian())

    assert {name for name, user in people.items() if user.sudo} == {"root", "ada", "eve"}


def test_accounts_too_open_are_findings():
    _, _, findings = _run(debian())

    assert {(f.rule, str(f.at.path), f.line, f.severity) for f in findings} == {
        ("account.sudo-no-password", "/etc/sudoers.d/90-eve", 1, Severity.NOTICE),
        ("account.no-password", "/etc/shadow", 4, Severity.ERROR),
        ("account.uid0", "/etc/passwd", 5, Severity.ERROR),
    }


def test_doas_counts_as_sudo():
    people, groups, _ = _run(alpine())

    assert people["ada"].sudo
    assert groups["wheel"].sudo


ACCOUNTS = "root:x:0:0::/root:/bin/sh\nada:x:1000:100::/home/ada:\nbob:x:1001:101::/:/bin/sh\n"
GROUP = "root:x:0:\nusers:x:100:\nwheel:x:10:bob\nadm:x:101:\n"

SUDOERS = {
    "ada ALL=ALL": {"ada"},
    "#1001 ALL=ALL": {"bob"},
    "%wheel ALL=ALL": {"bob"},
    "%users ALL=ALL": {"ada"},
    "%#101 ALL=ALL": {"bob"},
    "ALL ALL=ALL": {"root", "ada", "bob"},
    "ALL, !ada ALL=ALL": {"root", "bob"},
    "User_Alias A = B, ada : B = bob, A\nA ALL=ALL": {"ada", "bob"},
    "User_Alias A = ada\nALL, !A ALL=ALL": {"root", "bob"},
    "!ada ALL=ALL": set(),
    "Defaults env_reset": set(),
    "@include /etc/more": {"bob"},
    "@include more": {"bob"},
    "@include /etc/sudoers": set(),
    "#includedir /etc/sudoers.d": {"ada"},
}


@pytest.mark.parametrize("rules", SUDOERS)
def test_a_rule_names_users_in_every_way(rules: str):
    people, _, _ = _run(
        {
            "/etc/passwd": text(ACCOUNTS),
            "/etc/group": text(GROUP),
            "/etc/sudoers": text(rules + "\n"),
            "/etc/more": text("bob ALL=ALL\n"),
            "/etc/sudoers.d/ok": text("ada ALL=ALL\n"),
            "/etc/sudoers.d/ignored.bak": text("root ALL=ALL\n"),
            "/etc/sudoers.d/ignored~": text("root ALL=ALL\n"),
        }
    )

    assert {name for name, user in people.items() if user.sudo} == SUDOERS[rules]


def test_only_so_many_exceptions_are_followed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(users, "EXCEPTIONS_MAX", 0)
    people, _, _ = _run(
        {"/etc/passwd": text(ACCOUNTS), "/etc/sudoers": text("ada, !bob ALL=ALL\n")}
    )

    assert {name for name, user in people.items() if user.sudo} == {"ada"}


def test_doas_without_a_password_is_a_finding():
    people, _, findings = _run(
        {
            "/etc/passwd": text(ACCOUNTS),
            "/etc/doas.conf": text("permit nopass ada\ndeny bob\nbad\n"),
        }
    )

    assert {name for name, user in people.items() if user.sudo} == {"ada"}
    assert [f.rule for f in findings] == ["problem.doas", "account.sudo-no-password"]


def test_a_guest_without_shadow_does_not_know_the_passwords():
    people, _, findings = _run(
        {"/etc/passwd": text(ACCOUNTS + "old:$1$a$b:5:5::/:/bin/sh\nnone::6:6::/:/bin/false\n")}
    )

    assert {name: user.password for name, user in people.items()} == {
        "root": "unknown",
        "ada": "unknown",
        "bob": "unknown",
        "old": "set",
        "none": "empty",
    }
    assert people["ada"].groups == ()
    assert [(f.rule, f.severity, f.line) for f in findings] == [
        ("account.weak-hash", Severity.WARNING, 4),
        ("account.no-password", Severity.NOTICE, 5),
    ]


def test_faults_of_every_file_are_findings():
    _, _, findings = _run(
        {
            "/etc/passwd": text("bad\n"),
            "/etc/shadow": text("bad\n"),
            "/etc/group": text("bad\n"),
            "/etc/sudoers": text("bad\n"),
        }
    )

    assert sorted(f.rule for f in findings) == [
        "problem.group",
        "problem.passwd",
        "problem.shadow",
        "problem.sudoers",
    ]


@pytest.mark.parametrize("name", GUESTS)
def test_every_guest_has_its_root(name: str):
    people, _, _ = _run(GUESTS[name]())

    assert people["root"].uid == 0


SHELLS = {
    "/usr/sbin/nologin": False,
    "/bin/false": False,
    "/dev/null": False,
    "": True,
    "/bin/zsh": True,
}


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_lets_in_or_not(shell: str):
    assert users.can_log_in(shell) == SHELLS[shell]
