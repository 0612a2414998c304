import subprocess

import pytest

from strongroom.formats.guest.passwd import (
    Secrecy,
    parse_group,
    parse_gshadow,
    parse_passwd,
    parse_shadow,
    secrecy,
)
from strongroom.testing.tools import need

FIELDS = {
    "": Secrecy("empty"),
    "*": Secrecy("none"),
    "!": Secrecy("none"),
    "!!": Secrecy("none"),
    "!*": Secrecy("none"),
    "!*!": Secrecy("none"),
    "x": Secrecy("none"),
    "*LK*": Secrecy("none"),
    "disabled": Secrecy("none"),
    "$6$salt$" + "a" * 86: Secrecy("set", "sha512"),
    "$y$j9T$abc$def": Secrecy("set", "yescrypt"),
    "!$y$j9T$abc$def": Secrecy("locked", "yescrypt"),
    "!!$1$salt$hash": Secrecy("locked", "md5"),
    "$2b$12$abcdef": Secrecy("set", "bcrypt"),
    "$md5,rounds=4$salt$$h": Secrecy("set", "sunmd5"),
    "$what$ever": Secrecy("set", "unknown"),
    "_J9..rasmBYk8r9AiWNc": Secrecy("set", "bsdi"),
    "ab01234567890": Secrecy("set", "des"),
}


@pytest.mark.parametrize("field", FIELDS)
def test_a_password_field_comes_down_to_a_state_and_a_scheme(field: str):
    assert secrecy(field) == FIELDS[field]


def test_accounts_are_read_in_order_with_their_lines():
    parsed = parse_passwd(
        "root:x:0:0:root:/root:/bin/bash\n"
        "# a comment\n"
        "\n"
        "+::::::\n"
        "old:$1$a$b:7:8:Old, One:/home/old:\r\n"
    )

    assert parsed.faults == ()
    assert [(e.line, e.name, e.uid, e.gid, e.shell) for e in parsed.entries] == [
        (1, "root", 0, 0, "/bin/bash"),
        (5, "old", 7, 8, ""),
    ]
    assert parsed.entries[0].secrecy is None
    assert parsed.entries[1].secrecy == Secrecy("set", "md5")
    assert parsed.entries[1].gecos == "Old, One"


BAD_PASSWD = {
    "too few fields": "root:x:0:0",
    "no name": ":x:0:0::/:/bin/sh",
    "uid no number": "a:x:-1:0::/:/bin/sh",
    "uid beyond 32 bits": "a:x:4294967296:0::/:/bin/sh",
    "gid of other digits": "a:x:1:\u0663::/:/bin/sh",
}


@pytest.mark.parametrize("case", BAD_PASSWD)
def test_a_bad_line_is_a_fault_and_the_next_is_read(case: str):
    parsed = parse_passwd(f"{BAD_PASSWD[case]}\nok:x:1:2::/:/bin/sh\n")

    assert [e.name for e in parsed.entries] == ["ok"]
    assert [f.line for f in parsed.faults] == [1]


def test_no_fault_repeats_a_hash():
    hashed = "$6$salt$verysecret"
    texts = [f"a:{hashed}", f":{hashed}:1", f"a:{hashed}:b:c:d:e:f"]

    for text in texts:
        for parse in (parse_passwd, parse_group, parse_gshadow, parse_shadow):
            assert all("secret" not in fault.message for fault in parse(text).faults)
            assert "secret" not in repr(parse_shadow(text))
            assert "secret" not in repr(parse_passwd(text))


def test_shadow_gives_age_and_expiry_in_days():
    parsed = parse_shadow("a:*:19500:0:99999:7::20000:\nb:!:::::::\nshort:$6$a$b\n")

    assert [(e.changed_days, e.age_max_days, e.expires_days) for e in parsed.entries] == [
        (19500, 99999, 20000),
        (None, None, None),
        (None, None, None),
    ]


def test_groups_have_members_without_empty_names():
    parsed = parse_group("wheel:x:10:root, ada,,\nnone:x:11:\nshort:x:12\nbad:x:y:\n")

    assert [(e.name, e.gid, e.members) for e in parsed.entries] == [
        ("wheel", 10, ("root", "ada")),
        ("none", 11, ()),
        ("short", 12, ()),
    ]
    assert [f.line for f in parsed.faults] == [4]


def test_gshadow_has_administrators_and_members():
    parsed = parse_gshadow("a:!:boss:m,n\nbroken:\n")

    (entry,) = parsed.entries
    assert (entry.name, entry.secrecy.state, entry.administrators, entry.members) == (
        "a",
        "none",
        ("boss",),
        ("m", "n"),
    )
    assert [f.line for f in parsed.faults] == [2]


def test_a_file_of_faults_gives_a_bounded_list():
    parsed = parse_passwd("x\n" * 1000)

    assert len(parsed.faults) == 100
    assert parsed.faults[-1].message == "more faults follow in this file"


def test_the_machines_own_accounts_agree_with_getent():
    need("getent")
    with open("/etc/passwd", encoding="utf-8", errors="surrogateescape") as file:
        parsed = parse_passwd(file.read())
    done = subprocess.run(
        ["getent", "-s", "files", "passwd"], capture_output=True, text=True, check=True
    )

    ours = [f"{e.name}:{e.uid}:{e.gid}:{e.gecos}:{e.home}:{e.shell}" for e in parsed.entries]
    theirs = [line.split(":") for line in done.stdout.splitlines()]
    assert ours == [":".join([fields[0], *fields[2:]]) for fields in theirs]
