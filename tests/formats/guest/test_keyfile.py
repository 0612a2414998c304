from strongroom.formats.guest.keyfile import Setting, every, last, parse_keyfile, parse_unit

UNIT = """\
# a comment
[Unit]
Description = The one
; another

[Service]
ExecStart=/bin/a \\
# inside
   --long
ExecStart=
ExecStart=/bin/b
User=ada
User=eve
broken
[open
Environment="A=b"
"""


def test_a_unit_gives_its_settings_with_lines():
    parsed = parse_unit(UNIT)

    assert parsed.entries[0] == Setting(3, "Unit", "Description", "The one")
    assert parsed.entries[1] == Setting(7, "Service", "ExecStart", "/bin/a     --long")
    assert [f.line for f in parsed.faults] == [14, 15]


def test_an_empty_value_forgets_those_before_it():
    settings = parse_unit(UNIT).entries

    assert every(settings, "Service", "ExecStart") == ("/bin/b",)
    assert last(settings, "Service", "User") == "eve"
    assert last(settings, "Service", "Group") is None
    assert last(settings, "Unit", "User") is None


def test_a_line_that_never_ends_is_read_all_the_same():
    assert parse_unit("[A]\nk=v\\") == ((Setting(2, "A", "k", "v"),), ())


def test_a_key_file_knows_no_continuation():
    parsed = parse_keyfile("stray=1\n[ipv4]\naddress1=10.0.0.2/24,10.0.0.1\nssid=a\\\n")

    assert [s.value for s in parsed.entries] == ["10.0.0.2/24,10.0.0.1", "a\\"]
    assert [f.line for f in parsed.faults] == [1]


def test_no_fault_repeats_a_line():
    parsed = parse_keyfile("[wifi-security]\npsk:hunter2\n")

    assert len(parsed.faults) == 1
    assert "hunter2" not in parsed.faults[0].message
