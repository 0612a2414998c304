"""Ops: names that every surface can carry, parameters checked, and what a call is about."""

from pathlib import Path
from typing import Any

import pytest

from strongroom.base.errors import Usage
from strongroom.base.locator import Locator
from strongroom.kernel.op import Effect, Op, Param, op


def an_op(*params: Param) -> Op:
    return Op(
        *("sample.op", "Do", "", (), params, Effect.READ, "0.1", "m", "f", "p"),
        stream=False,
        results=(),
    )


def param(name: str, type: str = "str", **more: Any) -> Param:
    facts = {"doc": "What.", "positional": True, "required": True, **more}
    return Param(name, type, **facts)


@pytest.mark.parametrize("name", ["guest.ls", "guest.find-large", "github.repos.list", "a.b2"])
def test_a_name_is_words_joined_by_dots(name: str) -> None:
    def function() -> None:
        pass

    marked = op(name, since="0.1", aliases=("x",), essential=True)(function)

    assert marked is function
    assert vars(marked)["__op__"] == (name, Effect.READ, "0.1", ("x",), True)


@pytest.mark.parametrize(
    "name",
    ["", "guest", ".ls", "guest.", "guest..ls", "Guest.ls", "guest.Ls", "guest.l s", "guest.l_s",
     "gu-est.ls", "guest2.ls", "gäst.ls", "guest.lß", "guest.-ls", "guest.a.--b", "guest/ls"],
)  # fmt: skip
def test_a_name_that_a_surface_could_not_carry_is_refused(name: str) -> None:
    with pytest.raises(Usage, match="is no op name"):
        op(name, since="0.1")


def test_effects_are_said_in_words() -> None:
    assert (Effect.READ | Effect.WRITE).words == ["read", "write"]
    assert Effect(0).words == []
    assert Effect.ALL.words == ["read", "write", "destroy", "use", "reveal", "egress", "execute"]
    assert Effect.DURABLE == Effect.ALL & ~Effect.READ


@pytest.mark.parametrize(
    ("kind", "value", "bound"),
    [
        ("str", "text", "text"),
        ("str", "", ""),
        ("str", "caf\udce9", "caf\udce9"),
        ("int", 5, 5),
        ("int", -1, -1),
        ("float", 5, 5),
        ("float", 0.5, 0.5),
        ("bool", False, False),
        ("path", "a/b", Path("a/b")),
        ("path", Path("a"), Path("a")),
        ("locator", "d.raw::/etc", Locator("d.raw", ("/etc",))),
        ("locator", Locator("d.raw"), Locator("d.raw")),
    ],
)
def test_a_value_of_its_type_is_bound(kind: str, value: object, bound: object) -> None:
    assert an_op(param("it", kind)).bind({"it": value}) == {"it": bound}
    many = an_op(param("it", kind, many=True))
    assert many.bind({"it": [value, value]}) == {"it": (bound, bound)}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("str", 5),
        ("str", None),
        ("str", b"x"),
        ("str", "a\0"),
        ("int", "5"),
        ("int", 5.0),
        ("int", True),
        ("float", "0.5"),
        ("float", True),
        ("bool", 1),
        ("bool", "yes"),
        ("path", 5),
        ("path", "a\0b"),
        ("path", Path("a\0b")),
        ("locator", 5),
        ("locator", ""),
        ("locator", "d::"),
        ("locator", "d\0::/etc"),
        ("locator", Locator("d", ("/etc\0",))),
    ],
)
def test_a_value_of_another_type_is_refused(kind: str, value: object) -> None:
    with pytest.raises(Usage):
        an_op(param("it", kind)).bind({"it": value})


@pytest.mark.parametrize("value", ["text", 5, {"a": 1}, None])
def test_what_takes_many_values_takes_a_list(value: object) -> None:
    with pytest.raises(Usage):
        an_op(param("it", many=True)).bind({"it": value})


def test_what_may_be_left_out_is_left_to_its_default() -> None:
    optional = an_op(param("a"), param("b", required=False, default="x"))

    assert optional.bind({"a": "1"}) == {"a": "1"}
    assert optional.bind({"a": "1", "b": None}) == {"a": "1", "b": None}
    with pytest.raises(Usage, match="sample.op needs 'a': What."):
        optional.bind({"b": "x"})


def test_an_unknown_parameter_has_a_suggestion() -> None:
    with pytest.raises(Usage) as raised:
        an_op(param("recursive", "bool")).bind({"recursiv": True})
    assert raised.value.hint == "did you mean 'recursive'?"


def test_choices_are_held() -> None:
    choosy = an_op(param("mode", choices=("loud", "quiet")))

    assert choosy.bind({"mode": "loud"}) == {"mode": "loud"}
    with pytest.raises(Usage, match="mode is one of loud, quiet"):
        choosy.bind({"mode": "lou"})


DISK = param("disk", "locator")
PATH = param("path", required=False, default="/")
FLAG = param("name", positional=False, required=False)


@pytest.mark.parametrize(
    ("params", "given", "resource"),
    [
        ((DISK, PATH), {"disk": "d", "path": "/etc"}, "d"),
        ((param("disks", "locator", many=True),), {"disks": ["a", "b::p1"]}, "a b::p1"),
        ((param("name"), FLAG), {"name": "acme"}, "acme"),
        ((param("words", many=True),), {"words": ["a", "b"]}, "a b"),
        ((FLAG,), {"name": "secret"}, ""),
        ((), {}, ""),
    ],
)
def test_a_call_is_about_its_locators_or_else_its_words(
    params: tuple[Param, ...], given: dict[str, Any], resource: str
) -> None:
    described = an_op(*params)

    assert described.resource(described.bind(given)) == resource


@pytest.mark.parametrize(
    ("params", "given", "subject"),
    [
        ((DISK, PATH), {"disk": "d"}, "d"),
        ((DISK, PATH), {"disk": "d", "path": "/"}, "d"),
        ((DISK, PATH), {"disk": "d", "path": "/etc"}, "d::/etc"),
        ((DISK, PATH), {"disk": "d::/etc", "path": "ssh"}, "d::/etc/ssh"),
        ((DISK, param("paths", many=True)), {"disk": "d", "paths": ["/a", "/b"]}, "d::/a d::/b"),
        ((param("name"),), {"name": "acme"}, "acme"),
    ],
)
def test_the_log_names_the_paths_inside_a_disk(
    params: tuple[Param, ...], given: dict[str, Any], subject: str
) -> None:
    described = an_op(*params)

    assert described.subject(described.bind(given)) == subject


def test_a_flag_has_dashes() -> None:
    assert param("allow_backing").flag == "--allow-backing"
    assert (an_op().app, an_op().verb) == ("sample", "op")
