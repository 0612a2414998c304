"""Configuration files of guests: every parser of them. The first byte picks the parser."""

from collections.abc import Callable, Iterator

from tests.formats.guest.parsers import BINARY, TEXT

from strongroom.testing.images.guests import GUESTS

PARSERS: tuple[Callable[[bytes], object], ...] = (
    *(lambda content, parse=parse: parse(_text(content)) for parse in TEXT.values()),
    *BINARY.values(),
)


def _text(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")


def seeds() -> Iterator[bytes]:
    files = {
        node.content
        for recipe in GUESTS.values()
        for node in recipe().values()
        if isinstance(node.content, bytes) and b"\0" not in node.content
    }
    for number in range(len(PARSERS)):
        yield from (bytes([number]) + content for content in sorted(files))


def TestOneInput(data: bytes) -> None:  # noqa: N802  libFuzzer's name for it
    parse = PARSERS[data[0] % len(PARSERS) if data else 0]
    parse(data[1:])
