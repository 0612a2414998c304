import pytest

from strongroom.apps.guest.analyzers import ssh
from strongroom.apps.guest.records import Setting, SshKey
from strongroom.base.record import Finding, Record
from strongroom.base.tree import Node
from strongroom.testing.images.guests import ED25519, debian, in_memory, text

WEAK_RSA = (
    "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAQQC7vbqajDw4o6gJy8UtmIbkcpnkO3Kwc4qsEnSZp/TR+fQi62F79RHW"
    "mwKOtFmwteURgLbj7D/WGuNLGOfa/2vse3G2"
)
CONFIG = "/etc/ssh/sshd_config"


def _run(nodes: dict[str, Node]) -> list[Record]:
    return list(ssh.run(in_memory(nodes)))


def _findings(nodes: dict[str, Node]) -> list[tuple[str, str | None, int | None]]:
    return [(r.rule, r.at.path, r.line) for r in _run(nodes) if isinstance(r, Finding)]


def test_the_first_value_holds_and_includes_come_first():
    settings = [r for r in _run(debian()) if isinstance(r, Setting)]

    assert [(s.name, s.value, s.condition, s.at.path) for s in settings] == [
        ("PermitRootLogin", "yes", None, f"{CONFIG}.d/50-root.conf"),
        ("UsePAM", "yes", None, CONFIG),
        ("PasswordAuthentication", "no", "User git", CONFIG),
    ]


def test_keys_of_the_host_and_of_users_are_told():
    keys = [r for r in _run(debian()) if isinstance(r, SshKey)]

    assert [(k.kind, k.user, k.comment, k.options) for k in keys] == [
        ("host", "", "root@web1", None),
        ("authorized", "ada", "ada@laptop", 'from="192.0.2.*"'),
    ]
    assert keys[0].fingerprint.startswith("SHA256:")
    assert (keys[0].algorithm, keys[0].bits) == ("ssh-ed25519", 256)


def test_doors_left_open_are_findings():
    assert _findings(debian()) == [
        ("ssh.root-login", f"{CONFIG}.d/50-root.conf", 1),
        ("ssh.password-login", CONFIG, None),
    ]


JUDGED = {
    "PasswordAuthentication no": [],
    "PasswordAuthentication no\nPermitRootLogin prohibit-password": [],
    "PasswordAuthentication yes": [("ssh.password-login", CONFIG, 1)],
    "PasswordAuthentication no\nPermitEmptyPasswords yes": [("ssh.empty-password", CONFIG, 2)],
    "PasswordAuthentication no\nPermitRootLogin no\nPermitRootLogin yes": [],
    "PasswordAuthentication no\nMatch User x\nPermitRootLogin yes": [],
    "": [("ssh.password-login", CONFIG, None)],
    "PasswordAuthentication no\nbroken": [("problem.sshd", CONFIG, 2)],
}


@pytest.mark.parametrize("config", JUDGED)
def test_a_configuration_is_judged_by_what_holds(config: str):
    assert _findings({CONFIG: text(config)}) == JUDGED[config]


def test_the_configuration_of_suse_is_found():
    settings = _run({"/usr/etc/ssh/sshd_config": text("Port 2222\n")})

    assert [(s.name, s.value) for s in settings if isinstance(s, Setting)] == [("Port", "2222")]


def test_a_guest_without_a_server_is_not_judged():
    assert _run({"/etc/hostname": text("x\n")}) == []


def test_an_include_inside_a_match_block_inherits_its_condition():
    settings = _run(
        {
            CONFIG: text("PasswordAuthentication no\nMatch User git\nInclude extra /etc/none\n"),
            "/etc/ssh/extra": text("X11Forwarding no\nMatch Host a\nPermitTTY no\n"),
        }
    )

    assert [(s.name, s.condition) for s in settings if isinstance(s, Setting)] == [
        ("PasswordAuthentication", None),
        ("X11Forwarding", "User git"),
        ("PermitTTY", "Host a"),
    ]


def test_includes_that_loop_end():
    nodes = {CONFIG: text(f"Include {CONFIG}\nInclude {CONFIG}\nPasswordAuthentication no\n")}

    assert _findings(nodes) == []


def test_weak_and_damaged_keys_are_findings():
    nodes = {
        "/etc/ssh/ssh_host_rsa_key.pub": text(f"{WEAK_RSA} old\n"),
        "/etc/ssh/ssh_host_dsa_key.pub": text("ssh-dss AAAAB3NzaC1kc3MAAAABgA== x\nbroken\n"),
    }

    assert _findings(nodes) == [
        ("problem.ssh-key", "/etc/ssh/ssh_host_dsa_key.pub", 2),
        ("ssh.weak-key", "/etc/ssh/ssh_host_dsa_key.pub", 1),
        ("ssh.weak-key", "/etc/ssh/ssh_host_rsa_key.pub", 1),
    ]


ACCOUNTS = "root:x:0:0::/root:/bin/sh\nada:x:7:7::/home/ada:/bin/sh\nbob:x:8:8::/home/ada:/bin/sh\n"


def test_keys_are_looked_for_in_so_many_files_only(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ssh, "LOOKUPS_MAX", 3)

    assert _findings({"/etc/passwd": text(ACCOUNTS)}) == [("problem.ssh-key", "/etc/passwd", None)]


PLACES = {
    "": "/home/ada/.ssh/authorized_keys2",
    "AuthorizedKeysFile .ssh/keys": "/home/ada/.ssh/keys",
    "AuthorizedKeysFile none /etc/keys/%u": "/etc/keys/ada",
    "AuthorizedKeysFile %h/../%U%%": "/home/7%",
}


@pytest.mark.parametrize("config", PLACES)
def test_keys_are_looked_for_where_the_server_does(config: str):
    nodes = {
        "/etc/passwd": text(ACCOUNTS),
        CONFIG: text(f"PasswordAuthentication no\n{config}\n"),
        PLACES[config]: text(f"{ED25519}\nbroken\n"),
    }
    records = _run(nodes)

    assert [(k.user, k.at.path) for k in records if isinstance(k, SshKey)] == [
        ("ada", PLACES[config])
    ]
    assert [r.rule for r in records if isinstance(r, Finding)] == ["problem.ssh-key"]
