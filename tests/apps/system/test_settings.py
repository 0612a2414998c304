"""config: every setting has a value and an origin, and a misspelt one is refused."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.apps.system.conftest import Cli

from strongroom.apps.system.settings import SettingRecord
from strongroom.base.errors import NotFound
from strongroom.kernel.call import Context
from strongroom.kernel.config import KEYS


@pytest.fixture
def file(home: str) -> Path:
    """Where the settings of the test's home are; not there yet."""
    path = Path(home, "config/config.toml")
    path.parent.mkdir(parents=True)
    return path


def show(cli: Cli, *words: str) -> Mapping[str, dict[str, object]]:
    done = cli("config", "show", *words, "--json")
    assert done.status == 0, done.err
    return {record["name"]: record for record in map(json.loads, done.out.splitlines())}


def settings(ctx: Context, name: str = "") -> list[SettingRecord]:
    return list(ctx.call("config.show", name=name))


def test_every_setting_is_shown_with_its_default_and_what_it_is_for(ctx: Context) -> None:
    found = settings(ctx)

    assert [(s.name, s.value, s.origin) for s in found] == [
        (key.name, key.default, "default") for key in KEYS
    ]
    assert all(s.doc for s in found)


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("cache.enabled", ["cache.enabled"]),
        ("cache", ["cache.enabled", "cache.max_bytes"]),
        ("output", ["output.color"]),
    ],
)
def test_one_setting_or_one_section_may_be_asked_for(
    ctx: Context, name: str, names: list[str]
) -> None:
    assert [s.name for s in settings(ctx, name)] == names


@pytest.mark.parametrize("name", ["cash", "cache.", "ache", "cache.enabled.", "limits.volume"])
def test_a_setting_that_is_none_is_not_found(ctx: Context, name: str) -> None:
    with pytest.raises(NotFound) as raised:
        settings(ctx, name)
    assert raised.value.hint == "list them with `strongroom config show`"


def test_the_program_says_who_set_what(
    cli: Cli, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text('# ours\n[cache]\nmax_bytes = "2 MiB"\n\n[limits]\nproblems = 7\n')
    monkeypatch.setenv("STRONGROOM_LIMITS_PROBLEMS", "9")
    monkeypatch.setenv("STRONGROOM_CACHE_ENABLED", "no")
    found = show(cli, "--no-color")

    assert {name: (s["value"], s["origin"]) for name, s in found.items()} == {
        **{key.name: (key.default, "default") for key in KEYS},
        "cache.max_bytes": (2 << 20, f"file {file}:3"),
        "limits.problems": (9, "environment STRONGROOM_LIMITS_PROBLEMS"),
        "cache.enabled": (False, "environment STRONGROOM_CACHE_ENABLED"),
        "output.color": ("never", "flag"),
    }


def test_a_setting_is_shown_to_people_with_its_origin(cli: Cli, file: Path) -> None:
    file.write_text("limits.volumes = 5\n")
    done = cli("config", "show", "limits.volumes")

    assert done.status == 0
    assert f"file {file}:1" in done.out


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("[cache]\nenabeld = true\n", "there is no setting cache.enabeld", "cache.enabled"),
        ("limits.volume = 3\n", "there is no setting limits.volume", "limits.volumes"),
        ("[output]\ncolour = 'never'\n", "there is no setting output.colour", "output.color"),
    ],
)
def test_an_unknown_key_in_the_file_is_usage_with_its_line_and_a_suggestion(
    cli: Cli, file: Path, text: str, said: str, hint: str
) -> None:
    file.write_text(text)
    done = cli("config", "show")

    line = len(text.splitlines())
    assert done.status == 2
    assert done.err == f"error: file {file}:{line}: {said}\nhint: did you mean {hint}?\n"


def test_an_unknown_variable_is_usage_with_a_suggestion(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRONGROOM_CACHE_ENABELD", "no")
    done = cli("config", "show")

    assert done.status == 2
    assert done.err == (
        "error: the environment sets STRONGROOM_CACHE_ENABELD, which is unknown\n"
        "hint: did you mean STRONGROOM_CACHE_ENABLED?\n"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[cache]\nmax_bytes = -1\n", "cache.max_bytes is a whole number of bytes"),
        ("[limits]\nproblems = '5 MiB'\n", "limits.problems is a whole number, not '5 MiB'"),
        ("[log]\nlevel = 'loud'\n", "log.level is one of debug, info, warning"),
        ("[cache\n", "is not TOML"),
        ("\0", "is not TOML"),
    ],
)
def test_a_value_that_does_not_fit_is_usage(cli: Cli, file: Path, text: str, said: str) -> None:
    file.write_text(text)
    done = cli("config", "show")

    assert done.status == 2
    assert said in done.err


def test_the_settings_hold_for_the_command_that_runs(cli: Cli, file: Path) -> None:
    file.write_text("[cache]\nenabled = false\nmax_bytes = 12345\n")
    (record,) = map(json.loads, cli("cache", "stats", "--json").out.splitlines())

    assert (record["enabled"], record["max_bytes"]) == (False, 12345)
