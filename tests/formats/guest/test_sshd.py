import pytest

from strongroom.formats.guest.sshd import Directive, parse_sshd_config

TEXT = """\
# comment
Include /etc/ssh/sshd_config.d/*.conf
Port 22
PermitRootLogin=prohibit-password
passwordauthentication "no" # why
AcceptEnv LANG "LC ALL"
Match User git Address 10.0.0.0/8
    PermitRootLogin yes
Match all
X11Forwarding yes
"""


def test_directives_come_in_order_with_their_condition():
    parsed = parse_sshd_config(TEXT)

    assert parsed.faults == ()
    assert parsed.entries == (
        Directive(2, "Include", ("/etc/ssh/sshd_config.d/*.conf",), ""),
        Directive(3, "Port", ("22",), ""),
        Directive(4, "PermitRootLogin", ("prohibit-password",), ""),
        Directive(5, "passwordauthentication", ("no",), ""),
        Directive(6, "AcceptEnv", ("LANG", "LC ALL"), ""),
        Directive(
            7, "Match", ("User", "git", "Address", "10.0.0.0/8"), "User git Address 10.0.0.0/8"
        ),
        Directive(8, "PermitRootLogin", ("yes",), "User git Address 10.0.0.0/8"),
        Directive(9, "Match", ("all",), ""),
        Directive(10, "X11Forwarding", ("yes",), ""),
    )
    assert parsed.entries[4].value == "LANG LC ALL"


@pytest.mark.parametrize("line", ["Port", "Port=", "Port #", "22 Port", '"Port" 22'])
def test_a_keyword_without_a_value_is_a_fault(line: str):
    parsed = parse_sshd_config(f"{line}\nUsePAM yes\n")

    assert [f.line for f in parsed.faults] == [1]
    assert len(parsed.entries) == 1


def test_arguments_are_bounded():
    ((directive,), _) = parse_sshd_config("AcceptEnv" + " x" * 5000)

    assert len(directive.arguments) == 1000
