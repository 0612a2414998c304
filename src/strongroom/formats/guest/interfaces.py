"""Networks as ifupdown knows them: interfaces(5)."""

from typing import NamedTuple

from .lines import Faults, Parsed, continued, quote


class Stanza(NamedTuple):
    """One "iface" stanza; `options` are (name, value) in file order.

    `method` is "" for an inherited or template stanza that names none.
    """

    line: int
    name: str
    family: str
    method: str
    options: tuple[tuple[str, str], ...]

    def option(self, *names: str) -> str | None:
        """Return the first value of the first of these options that is given."""
        for wanted in names:
            for name, value in self.options:
                if name == wanted:
                    return value
        return None


class Automatic(NamedTuple):
    """Interfaces brought up by themselves: "auto" and "allow-hotplug"."""

    line: int
    names: tuple[str, ...]


class Source(NamedTuple):
    """A further file (a wildcard pattern), or a directory of files, read at this place."""

    line: int
    pattern: str
    directory: bool


InterfacesEntry = Stanza | Automatic | Source

_STARTS = frozenset({"iface", "mapping", "auto", "source", "source-directory", "no-auto-down"})


def parse_interfaces(text: str) -> Parsed[InterfacesEntry]:
    """Return stanzas, automatic interfaces and sources in file order; nothing is expanded."""
    entries: list[InterfacesEntry] = []
    faults = Faults()
    options: list[tuple[str, str]] | None = None
    open_stanza: tuple[int, list[str]] | None = None

    def close() -> None:
        if open_stanza is not None:
            at, words = open_stanza
            name, family, method = (*words[1:4], "", "")[:3]
            entries.append(Stanza(at, name, family, method, tuple(options or ())))

    for at, raw in continued(text):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        word, _, rest = line.replace("\t", " ").partition(" ")
        if word in _STARTS or word.startswith("allow-"):
            close()
            open_stanza, options = None, None
            words = line.split()
            if len(words) < 2:
                faults.add(at, f"{quote(line)} names nothing")
            elif word == "iface":
                open_stanza, options = (at, words), []
            elif word == "mapping":
                options = []
            else:
                entries += _directive(at, word, words[1:])
        elif options is None:
            faults.add(at, f"{quote(word)} belongs to no stanza")
        else:
            options.append((word, rest.strip()))
    close()
    return Parsed(tuple(entries), faults.kept())


def _directive(at: int, word: str, words: list[str]) -> list[InterfacesEntry]:
    if word in {"auto", "allow-auto", "allow-hotplug"}:
        return [Automatic(at, tuple(words))]
    if word in {"source", "source-directory"}:
        return [Source(at, pattern, word == "source-directory") for pattern in words]
    return []
