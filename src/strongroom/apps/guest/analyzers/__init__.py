"""The analyzers: each reads a Guest and yields Records. One file each; ALL lists them in order."""

from ..guest import Analyzer


def __getattr__(name: str) -> tuple[Analyzer, ...]:
    """Return ALL, in the order in which a report shows what they yield.

    Made when asked for, so that a command that needs one analyzer does not import the others.
    """
    if name != "ALL":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import cron, fstab, identity, kernels, locale, network, packages, services, ssh, users

    return (
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
