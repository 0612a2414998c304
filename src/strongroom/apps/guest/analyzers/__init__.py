"""The analyzers: each reads a Guest and yields Records. One file each; ALL lists them in order."""

from ..guest import Analyzer
from . import cron, fstab, identity, kernels, locale, network, packages, services, ssh, users

ALL: tuple[Analyzer, ...] = (
    identity.ANALYSIS,
    packages.ANALYSIS,
    users.ANALYSIS,
    ssh.ANALYSIS,
    services.ANALYSIS,
    network.ANALYSIS,
    fstab.ANALYSIS,
    cron.ANALYSIS,
    kernels.ANALYSIS,
    locale.ANALYSIS,
)
"""In the order in which a report shows what they yield."""
