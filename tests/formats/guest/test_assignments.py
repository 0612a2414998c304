import subprocess

import pytest

from strongroom.formats.guest.assignments import as_mapping, parse_assignments
from strongroom.testing.tools import need

VALUES = {
    "A=plain": "plain",
    "A=": "",
    'A="two words"': "two words",
    "A='single \"quoted\"'": 'single "quoted"',
    r'A="a \"b\" \$c \`d \\ \e"': r'a "b" $c `d \ \e',
    r"A=back\ slash": "back slash",
    "A='a'\"b\"c": "abc",
    "A=value # comment": "value",
    "A=has#hash": "has#hash",
    "export A=x": "x",
    "  A=indented": "indented",
    "A=1\nA=2": "2",
}


@pytest.mark.parametrize("text", VALUES)
def test_a_value_loses_its_quotes(text: str):
    parsed = parse_assignments(text)

    assert parsed.faults == ()
    assert as_mapping(parsed) == {"A": VALUES[text]}


@pytest.mark.parametrize("text", VALUES)
def test_a_value_is_what_a_shell_makes_of_it(text: str):
    need("sh")
    script = f'{text}\nprintf %s "$A"\n'

    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout == as_mapping(parse_assignments(text))["A"]


@pytest.mark.parametrize("text", ["no assignment", "A='open", 'A="open', "1A=x", "A=x\\"])
def test_what_is_no_assignment_is_a_fault(text: str):
    parsed = parse_assignments(f"# comment\n\n{text}\nB=ok\n")

    assert [f.line for f in parsed.faults] == [3]
    assert as_mapping(parsed) == {"B": "ok"}
