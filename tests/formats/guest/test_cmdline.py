import pytest

from strongroom.formats.guest.cmdline import Parameter, parse_cmdline, value_of

CMDLINES = {
    "root=UUID=1 ro quiet": (
        Parameter("root", "UUID=1"),
        Parameter("ro", None),
        Parameter("quiet", None),
    ),
    'a="b c" "d=e f" g': (Parameter("a", "b c"), Parameter("d", "e f"), Parameter("g", None)),
    "a -- init": (Parameter("a", None),),
    'a="open x': (Parameter("a", "open x"),),
    "": (),
}


@pytest.mark.parametrize("text", CMDLINES)
def test_a_command_line_comes_down_to_parameters(text: str):
    assert parse_cmdline(text) == CMDLINES[text]


def test_the_last_value_of_a_parameter_holds():
    parameters = parse_cmdline("root=a root=b ro")

    assert value_of(parameters, "root") == "b"
    assert value_of(parameters, "ro") == ""
    assert value_of(parameters, "init") is None
