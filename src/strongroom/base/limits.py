"""Bounds on everything that reads foreign data, and the budget a Call may spend."""

from typing import NamedTuple

from .errors import Exhausted

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30


class Limits(NamedTuple):
    """How far a reader goes before it says Exhausted or Corrupt. Sizes are bytes."""

    backing_depth: int = 64
    """Images one image may stand on, one behind the other."""
    nesting_depth: int = 8
    """Disks inside disks."""
    table_bytes: int = 64 * MIB
    """One metadata table held in memory (an L1 table, a grain directory, group descriptors)."""
    volumes: int = 1024
    """Partitions of one disk."""
    directory_entries: int = 4_000_000
    """Entries of one directory."""
    text_bytes: int = 32 * MIB
    """One configuration or database file that an analyzer reads whole."""
    config_bytes: int = 4 * MIB
    """One configuration file; parsed, its lines take some forty times as much memory."""
    guest_bytes: int = 256 * MIB
    """All that the analyzers of one guest read whole, names of directories included."""
    problems: int = 1000
    """Problems kept of one disk; further ones are only counted."""


DEFAULT_LIMITS = Limits()


class Budget:
    """A number of units that may be spent, once. Not for several threads."""

    __slots__ = ("left", "name")

    def __init__(self, name: str, units: int) -> None:
        self.name = name
        self.left = units

    def spend(self, units: int = 1) -> None:
        """Take `units` off; Exhausted when that is more than is left."""
        self.left -= units
        if self.left < 0:
            raise Exhausted(f"the budget of {self.name} is spent")
