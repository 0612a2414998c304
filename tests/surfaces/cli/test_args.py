from typing import Any

import pytest

from strongroom.base.errors import Usage
from strongroom.kernel.op import Param
from strongroom.surfaces.cli import args, front
from strongroom.surfaces.cli.args import Settings, integer, parse

PARAMS = (
    Param("disk", "locator", "The disk.", positional=True, required=True),
    Param("paths", "str", "Paths.", positional=True, required=False, many=True),
    Param("limit", "int", "Most.", positional=False, required=False),
    Param("ratio", "float", "Share.", positional=False, required=False, default=0.5),
    Param("deep", "bool", "Deep.", positional=False, required=False, default=False),
    Param("sorted", "bool", "Sorted.", positional=False, required=False, default=True),
    Param("tag", "str", "Tag.", positional=False, required=False, many=True),
    Param("kind", "str", "Kind.", positional=False, required=False, choices=("a", "b")),
)

GIVEN: list[tuple[str, dict[str, Any]]] = [
    ("d", {"disk": "d"}),
    ("d a b", {"disk": "d", "paths": ["a", "b"]}),
    ("d a --limit 3 b", {"disk": "d", "paths": ["a", "b"], "limit": 3}),
    ("--limit=3 d", {"disk": "d", "limit": 3}),
    ("d --limit -3", {"disk": "d", "limit": -3}),
    ("d --limit 64K", {"disk": "d", "limit": 65536}),
    ("d --ratio 1.5", {"disk": "d", "ratio": 1.5}),
    ("d --deep", {"disk": "d", "deep": True}),
    ("d --no-sorted", {"disk": "d", "sorted": False}),
    ("d --tag x --tag y", {"disk": "d", "tag": ["x", "y"]}),
    ("d --tag -v", {"disk": "d", "tag": ["-v"]}),
    ("d --kind b", {"disk": "d", "kind": "b"}),
    ("- --deep", {"disk": "-", "deep": True}),
    ("-- --deep -x", {"disk": "--deep", "paths": ["-x"]}),
    ("d --tag=", {"disk": "d", "tag": [""]}),
]


@pytest.mark.parametrize(("line", "given"), GIVEN)
def test_words_and_flags_become_parameters_in_any_order(line: str, given: dict[str, Any]):
    assert parse("x", line.split(), PARAMS, ()).given == given


SETTINGS = [
    ("d", Settings()),
    ("d --json", Settings(output="json")),
    ("d -o yaml", Settings(output="yaml")),
    ("d -ocsv", Settings(output="csv")),
    ("d --output=json", Settings(output="json")),
    ("-q d --debug", Settings(quiet=True, debug=True)),
    ("d --allow-backing /a --allow-backing /b", Settings(allow_backing=("/a", "/b"))),
    ("d --log-level debug --no-color", Settings(log_level="debug", no_color=True)),
    ("d -h", Settings(help=True)),
    ("--help", Settings(help=True)),
]


@pytest.mark.parametrize(("line", "settings"), SETTINGS)
def test_flags_of_every_command_stand_anywhere(line: str, settings: Settings):
    assert parse("x", line.split(), PARAMS, ()).settings == settings


NUMBERS = [
    ("0", 0), ("1000", 1000), ("0x200", 512), ("64K", 65536), ("10MiB", 10 << 20), ("1g", 1 << 30),
    ("2kb", 2048), ("-1", -1), ("0xb", 11), ("512b", 512),
]  # fmt: skip


@pytest.mark.parametrize(("text", "number"), NUMBERS)
def test_numbers_are_read_as_people_write_them(text: str, number: int):
    assert integer(text) == number


@pytest.mark.parametrize("text", ["", "K", "1.5G", "ten", "0xg", "1 K", "--1", "1KK"])
def test_what_is_no_number_is_refused(text: str):
    with pytest.raises(Usage):
        parse("x", ["d", "--limit", text], PARAMS, ())


def test_a_flag_that_a_required_parameter_needs_is_asked_for():
    needed = (Param("to", "path", "Where.", positional=False, required=True),)

    with pytest.raises(Usage, match="--to"):
        parse("x", [], needed, ())


def test_no_op_takes_a_flag_or_verb_away_from_the_program():
    from strongroom.kernel.registry import build_registry
    from strongroom.surfaces.cli.commands import COMMANDS

    registry, _ = build_registry()
    own = {name for flag in (*args.GLOBAL, args.YES, args.FAIL_ON) for name in flag.names}
    commands = {command.name for command in COMMANDS}

    for op in registry.ops.values():
        flags = {args.flag_name(param) for param in op.params if not param.positional}
        assert not flags & own, op.name
        assert not {op.verb, *op.aliases} & commands, op.name
        assert op.app not in commands, op.name
    for app in registry.apps():
        words = front.verbs(registry, app)
        given = [w for op in front.ops_of(registry, app) for w in (op.verb, *op.aliases)]
        assert len(words) == len(given), f"a verb of {app} stands for two operations"
