"""The analyzers: each reads a Guest and yields Records. One file each; ALL lists them in order."""

from ..guest import Analyzer
from . import identity, packages, users

ALL: tuple[Analyzer, ...] = (
    identity.ANALYSIS,
    packages.ANALYSIS,
    users.ANALYSIS,
)
