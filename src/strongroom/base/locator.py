"""Locator: the address of any byte in any nested image (docs/spec/locator.md)."""

from typing import NamedTuple

from .errors import Usage
from .tree import join, normalise

SEPARATOR = "::"


class Locator(NamedTuple):
    """An origin (a host file, a folder, a URL) and the steps from it inwards.

    A step is `/path` (in the merged tree of what came before), `@name` (a snapshot), or the name
    of a volume or disk such as `p2`, `disk2`, `vg0/root`.
    """

    origin: str
    steps: tuple[str, ...] = ()

    def __str__(self) -> str:
        return SEPARATOR.join(_escape(part) for part in (self.origin, *self.steps))

    def __truediv__(self, path: str) -> "Locator":
        """Return the address of `path`, below the last step where that is a path already."""
        if self.steps and self.steps[-1].startswith("/"):
            below = join(self.steps[-1], path.lstrip("/"))
            return Locator(self.origin, (*self.steps[:-1], normalise(below)))
        return Locator(self.origin, (*self.steps, normalise(path)))

    def child(self, step: str) -> "Locator":
        """Return the address one step further in."""
        return Locator(self.origin, (*self.steps, step))

    @property
    def path(self) -> str | None:
        """The last step where it is a path, else None."""
        return self.steps[-1] if self.steps and self.steps[-1].startswith("/") else None

    @property
    def container(self) -> "Locator":
        """What the path stands in: this address without its last step where that is a path."""
        return self if self.path is None else Locator(self.origin, self.steps[:-1])


def parse(text: str) -> Locator:
    """Return the Locator that `text` spells; `parse(str(x)) == x` for every Locator.

    Raises Usage for an empty part.
    """
    parts = [_unescape(part) for part in text.split(SEPARATOR)]
    if not all(parts):
        raise Usage(
            f"{text!r} has an empty part",
            hint="write ORIGIN::STEP::STEP, such as disk.qcow2::p2::/etc/hostname",
            reason="locator",
        )
    return Locator(parts[0], tuple(parts[1:]))


def _escape(part: str) -> str:
    """Return `part` with every ":" and "%" that would be read differently written out."""
    if "%" in part:
        head, *rest = part.split("%")
        part = head + "".join(("%25" if r.startswith(("3A", "25")) else "%") + r for r in rest)
    if ":" not in part:
        return part
    last = len(part) - 1
    return "".join(
        "%3A" if c == ":" and (i in (0, last) or ":" in (part[i - 1], part[i + 1])) else c
        for i, c in enumerate(part)
    )


def _unescape(part: str) -> str:
    if "%" not in part:
        return part
    head, *rest = part.split("%")
    return head + "".join(
        ":" + r[2:] if r.startswith("3A") else "%" + r.removeprefix("25") for r in rest
    )
