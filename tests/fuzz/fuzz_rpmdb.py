"""Package databases of rpm: SQLite b-trees with rpm headers in them."""

from collections.abc import Iterator

from strongroom.base.source import Memory
from strongroom.formats.guest.rpmdb import packages
from strongroom.testing.images.guests import rpm_database


def seeds() -> Iterator[bytes]:
    one: dict[str, str | int] = {
        "name": "a",
        "version": "1",
        "release": "2",
        "arch": "x86_64",
        "epoch": 3,
    }
    yield rpm_database(one)
    yield rpm_database(*({**one, "name": "n" * size} for size in (10, 5000, 70_000)))
    yield rpm_database(*({**one, "name": str(number)} for number in range(200)))


def TestOneInput(data: bytes) -> None:  # noqa: N802  libFuzzer's name for it
    for package in packages(Memory(data), lambda *_: None):
        assert package.number is not None
