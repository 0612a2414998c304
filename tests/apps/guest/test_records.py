import pytest

from strongroom.apps.guest.records import RECORDS
from strongroom.base.record import Record, from_plain, to_plain
from strongroom.surfaces.gen.records import COMMON, describe
from strongroom.testing.images.guests import GUESTS, in_memory

REQUIRED = {
    "os": {"id", "version", "pretty_name", "arch", "hostname"},
    "package": {"name", "version", "arch", "manager"},
    "user": {"name", "uid", "gid", "home", "shell"},
    "group": {"name", "gid", "members"},
    "service": {"name", "enabled"},
    "interface": {"name", "method"},
    "mount": {"device", "point", "fs_type", "options"},
    "kernel": {"version", "path"},
    "finding": {"rule", "severity", "message"},
}


@pytest.mark.parametrize("kind", REQUIRED)
def test_what_was_promised_of_a_type_is_always_there(kind: str):
    (cls,) = [cls for cls in RECORDS if cls.type == kind]

    assert cls.required - {"at"} >= REQUIRED[kind]


@pytest.mark.parametrize("cls", RECORDS[:-1], ids=lambda cls: cls.type)
def test_every_field_is_documented(cls: type[Record]):
    described = describe(cls)

    assert [field.name for field in described.fields if not field.text] == []
    for common in COMMON:
        assert f"        {common}:" not in (cls.__doc__ or "")
    assert described.text


@pytest.mark.parametrize("name", GUESTS)
def test_every_record_survives_json(name: str):
    from strongroom.apps.guest.analyzers import ALL

    guest = in_memory(GUESTS[name]())
    for analyzer in ALL:
        for record in analyzer.run(guest):
            assert from_plain(type(record), to_plain(record)) == record
