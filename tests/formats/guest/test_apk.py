from strongroom.formats.guest.apk import parse_installed

INSTALLED = b"""\
C:Q1VFqm8pEgmviZMrdh2eQiwneFlsw=
P:musl
V:1.2.5-r0
A:x86_64
S:411210
I:667648
T:the musl c library (libc) implementation
U:https://musl.libc.org/
L:MIT
o:musl
m:Timo <t@example.org>
t:1709222999
F:lib
R:ld-musl-x86_64.so.1
a:0:0:755
P:not-a-package

C:Q1
P:busybox
V:1.36.1-r19
A:x86_64


V:1
P:

P:last
V:2
"""


def test_the_installed_database_gives_its_packages_in_order():
    parsed = parse_installed(INSTALLED)

    assert [(p.line, p.name, p.version, p.arch) for p in parsed.entries] == [
        (1, "musl", "1.2.5-r0", "x86_64"),
        (18, "busybox", "1.36.1-r19", "x86_64"),
        (27, "last", "2", ""),
    ]
    musl = parsed.entries[0]
    assert (musl.size, musl.licence, musl.origin) == (667648, "MIT", "musl")
    assert musl.summary == "the musl c library (libc) implementation"
    assert [f.line for f in parsed.faults] == [24]


def test_offsets_point_at_paragraphs():
    for package in parse_installed(INSTALLED).entries:
        paragraph = INSTALLED[package.offset :].split(b"\n\n")[0].decode()
        assert f"P:{package.name}" in paragraph


def test_an_empty_database_has_no_packages():
    assert parse_installed(b"") == ((), ())
    assert parse_installed(b"\n\n\n") == ((), ())
