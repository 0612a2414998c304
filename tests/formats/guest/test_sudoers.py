import pytest

from strongroom.formats.guest.sudoers import (
    DoasRule,
    Include,
    SudoRule,
    UserAlias,
    parse_doas,
    parse_sudoers,
)

RULES = {
    "root ALL=(ALL:ALL) ALL": SudoRule(1, ("root",), "ALL", "(ALL:ALL) ALL", no_password=False),
    "%sudo\tALL=(ALL) NOPASSWD: ALL": SudoRule(
        1, ("%sudo",), "ALL", "(ALL) NOPASSWD: ALL", no_password=True
    ),
    "a, b ,c web1,web2 = /bin/ls": SudoRule(
        1, ("a", "b", "c"), "web1,web2", "/bin/ls", no_password=False
    ),
    "ALL, !bob ALL = ALL": SudoRule(1, ("ALL", "!bob"), "ALL", "ALL", no_password=False),
    "#1000 ALL = ALL": SudoRule(1, ("#1000",), "ALL", "ALL", no_password=False),
    r"%domain\ admins ALL = ALL": SudoRule(1, ("%domainadmins",), "ALL", "ALL", no_password=False),
    '"with space" ALL = ALL': SudoRule(1, ("withspace",), "ALL", "ALL", no_password=False),
    "a ALL = /bin/ls, \\\n   /bin/cat": SudoRule(
        1, ("a",), "ALL", "/bin/ls,     /bin/cat", no_password=False
    ),
    "#includedir /etc/sudoers.d": Include(1, "/etc/sudoers.d", directory=True),
    "@include /etc/sudoers.local # mine": Include(1, "/etc/sudoers.local", directory=False),
    "User_Alias ADMINS = a, %b": UserAlias(1, "ADMINS", ("a", "%b")),
}


@pytest.mark.parametrize("text", RULES)
def test_an_entry_of_sudoers_is_understood(text: str):
    assert parse_sudoers(text + "\n") == ((RULES[text],), ())


def test_several_aliases_share_a_line():
    parsed = parse_sudoers("User_Alias A = a : B = b, c  # more : D = d\n")

    assert parsed.entries == (UserAlias(1, "A", ("a",)), UserAlias(1, "B", ("b", "c")))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# a comment",
        "#1000",
        "Defaults env_reset",
        "Defaults:ada !lecture",
        "Host_Alias WEB = web1",
        "Cmnd_Alias LS = /bin/ls",
        "Runas_Alias DB = postgres",
    ],
)
def test_what_grants_nothing_is_passed_over(text: str):
    assert parse_sudoers(text) == ((), ())


@pytest.mark.parametrize(
    "text", ["root", "root ALL", "= ALL", "User_Alias a = b", "User_Alias A ="]
)
def test_what_is_no_entry_is_a_fault(text: str):
    parsed = parse_sudoers(f"{text}\nok ALL = ALL\n")

    assert [f.line for f in parsed.faults] == [1]
    assert len(parsed.entries) == 1


DOAS = {
    "permit persist :wheel": DoasRule(1, "permit", ":wheel", no_password=False),
    "permit nopass keepenv root as root": DoasRule(1, "permit", "root", no_password=True),
    "permit setenv { A=b -C } ada cmd ls": DoasRule(1, "permit", "ada", no_password=False),
    "deny eve # never": DoasRule(1, "deny", "eve", no_password=False),
}


@pytest.mark.parametrize("text", DOAS)
def test_a_rule_of_doas_is_understood(text: str):
    assert parse_doas(f"{text}\n") == ((DOAS[text],), ())


def test_what_is_no_rule_of_doas_is_a_fault():
    parsed = parse_doas("# comment\n\nallow ada\npermit\npermit nopass\n")

    assert parsed.entries == ()
    assert [f.line for f in parsed.faults] == [3, 4, 5]
