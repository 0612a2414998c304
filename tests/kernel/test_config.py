"""Settings: precedence, origins, locks, and errors that say what was meant."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from strongroom.base.errors import Unavailable, Usage
from strongroom.base.limits import DEFAULT_LIMITS, GIB, MIB, Limits
from strongroom.kernel.config import (
    ENVIRONMENT,
    KEYS,
    CacheSettings,
    Config,
    LogSettings,
    OutputSettings,
    load,
)


def load_from(
    folder: Path,
    *,
    user: str | None = None,
    system: str | None = None,
    environ: dict[str, str] | None = None,
    flags: dict[str, str] | None = None,
) -> Config:
    for name, text in (("config.toml", user), ("system.toml", system)):
        if text is not None:
            (folder / name).write_text(text)
    return load(str(folder), environ or {}, flags, system_file=str(folder / "system.toml"))


def origin(config: Config, name: str) -> str:
    return next(setting.origin for setting in config.show() if setting.name == name)


def test_without_any_setting_the_defaults_hold(tmp_path: Path):
    config = load_from(tmp_path)

    assert config.cache == CacheSettings(enabled=True, max_bytes=GIB)
    assert config.limits == DEFAULT_LIMITS
    assert config.log == LogSettings("warning")
    assert config.output == OutputSettings("auto")
    assert {setting.origin for setting in config.show()} == {"default"}


def test_every_field_of_every_section_is_a_key_and_every_key_a_field():
    sections: dict[str, Any] = {"cache": CacheSettings, "limits": Limits, "log": LogSettings}
    fields = {f"{name}.{field}" for name, kind in sections.items() for field in kind._fields}

    assert {key.name for key in KEYS} == fields | {"output.color"}
    assert [key.name for key in KEYS] == sorted({key.name for key in KEYS})
    assert not {key.variable for key in KEYS} & set(ENVIRONMENT)


@pytest.mark.parametrize(
    ("given", "value", "where"),
    [
        ({}, "auto", "default"),
        ({"system": 1}, "always", "file {}/system.toml:2"),
        ({"system": 1, "user": 1}, "never", "file {}/config.toml:3"),
        ({"system": 1, "user": 1, "environ": 1}, "always", "environment STRONGROOM_OUTPUT_COLOR"),
        ({"system": 1, "user": 1, "environ": 1, "flags": 1}, "auto", "flag"),
    ],
)
def test_the_nearest_setting_wins_and_says_where_it_stands(
    tmp_path: Path, given: dict[str, int], value: str, where: str
):
    config = load_from(
        tmp_path,
        system='[output]\ncolor = "always"\n' if "system" in given else None,
        user='\n[output] # mine\n color="never"\n' if "user" in given else None,
        environ={"STRONGROOM_OUTPUT_COLOR": "always"} if "environ" in given else None,
        flags={"output.color": "auto"} if "flags" in given else None,
    )

    assert config.output.color == value
    assert origin(config, "output.color") == where.format(tmp_path)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("cache.max_bytes", "1000", 1000),
        ("cache.max_bytes", "2GiB", 2 * GIB),
        ("cache.max_bytes", " 512 mib ", 512 * MIB),
        ("cache.enabled", "off", False),
        ("cache.enabled", "TRUE", True),
        ("limits.volumes", "7", 7),
        ("log.level", "debug", "debug"),
    ],
)
def test_text_becomes_a_typed_value(tmp_path: Path, name: str, text: str, value: object):
    variable = "STRONGROOM_" + name.upper().replace(".", "_")

    for config in (
        load_from(tmp_path, environ={variable: text}),
        load_from(tmp_path, flags={name: text}),
    ):
        assert {s.name: s.value for s in config.show()}[name] == value


@pytest.mark.parametrize(
    ("given", "message", "hint"),
    [
        ({"user": "[cache]\nmax_byte = 1"}, "config.toml:2: there is no setting cache.max_byte",
         "did you mean cache.max_bytes?"),
        ({"user": "[cahce]\nenabled = true"}, "there is no setting cahce.enabled",
         "did you mean cache.enabled?"),
        ({"user": "zzz = 1"}, "no setting zzz", "`strongroom config show` lists the settings"),
        ({"environ": {"STRONGROOM_CACHE_MAX_BYTE": "1"}}, "STRONGROOM_CACHE_MAX_BYTE",
         "did you mean STRONGROOM_CACHE_MAX_BYTES?"),
        ({"environ": {"STRONGROOM_HOMES": "/x"}}, "STRONGROOM_HOMES",
         "did you mean STRONGROOM_HOME?"),
        ({"flags": {"output.colour": "auto"}}, "flag: there is no setting output.colour",
         "did you mean output.color?"),
        ({"user": "[cache]\nmax_bytes = -1"}, "cache.max_bytes is a whole number of bytes", None),
        ({"user": "[cache]\nmax_bytes = true"}, "not true", None),
        ({"user": "[cache]\nmax_bytes = 1.5"}, "not 1.5", None),
        ({"user": '[cache]\nenabled = "yes"'}, "cache.enabled is true or false", None),
        ({"user": "[cache]\nenabled = 1"}, "cache.enabled is true or false", None),
        ({"user": "[output]\ncolor = 3"}, "one of auto, always, never", None),
        ({"environ": {"STRONGROOM_LIMITS_VOLUMES": "1KiB"}}, "not '1KiB'", None),
        ({"user": "[cache\n"}, "is not TOML", None),
        ({"user": "a = " + "[" * 100_000}, "is not TOML", None),
        ({"user": "a." * 5000 + "b = 1"}, "there is no setting a.a.a",
         "`strongroom config show` lists the settings"),
    ],
)  # fmt: skip
def test_a_setting_that_makes_no_sense_is_refused(
    tmp_path: Path, given: dict[str, object], message: str, hint: str | None
):
    with pytest.raises(Usage) as caught:
        load_from(tmp_path, **given)  # type: ignore[arg-type]  # a table of keyword arguments

    assert message in str(caught.value)
    assert caught.value.hint == hint


@pytest.mark.parametrize(
    "locked", ["[locked.cache]\nenabled = false", '[locked]\n"cache.enabled" = false']
)
@pytest.mark.parametrize(
    "given",
    [
        {"user": "[cache]\nenabled = true"},
        {"environ": {"STRONGROOM_CACHE_ENABLED": "1"}},
        {"flags": {"cache.enabled": "true"}},
    ],
)
def test_a_locked_setting_cannot_be_overridden(
    tmp_path: Path, locked: str, given: dict[str, object]
):
    with pytest.raises(Usage, match=r"cache\.enabled is locked to false") as caught:
        load_from(tmp_path, system=locked, **given)  # type: ignore[arg-type]  # as above

    assert caught.value.exit_status == 2


def test_a_locked_setting_may_be_repeated_and_names_its_file(tmp_path: Path):
    config = load_from(
        tmp_path, system="[locked.cache]\nenabled = false", flags={"cache.enabled": "no"}
    )

    assert config.cache.enabled is False
    assert origin(config, "cache.enabled") == f"file {tmp_path}/system.toml:2"


def test_a_file_that_is_not_text_or_too_large_is_refused(tmp_path: Path):
    for content in (b"\xff", b"#" * (MIB + 1)):
        (tmp_path / "config.toml").write_bytes(content)

        with pytest.raises(Usage):
            load_from(tmp_path)


def test_a_file_that_cannot_be_read_is_unavailable(tmp_path: Path):
    (tmp_path / "config.toml").mkdir()

    with pytest.raises(Unavailable):
        load_from(tmp_path)


def test_without_a_file_no_toml_and_no_difflib_is_imported(tmp_path: Path):
    code = (
        "import sys; from strongroom.kernel.config import load;"
        f"load({str(tmp_path)!r}, {{'STRONGROOM_LOG_LEVEL': 'info'}});"
        "sys.exit(bool({'tomllib', 'difflib', 'pathlib'} & set(sys.modules)))"
    )

    assert subprocess.run([sys.executable, "-I", "-c", code], check=False, env={}).returncode == 0


def test_a_pipe_in_the_place_of_the_settings_is_not_waited_for(tmp_path: Path):
    os.mkfifo(tmp_path / "config.toml")

    with pytest.raises(Unavailable, match="no regular file"):
        load_from(tmp_path)
