"""guest: any VM disk opened, inspected and judged without booting, root or mounting it."""

from strongroom.kernel.plugin import Collector


def contribute(registry: Collector) -> None:
    """Register formats in the order they are tried, analyzers, the opener and the ops."""
    from strongroom.formats.image import qcow2, vmdk
    from strongroom.formats.tree import ext
    from strongroom.formats.volume import gpt, mbr

    from . import anatomy, content, export, facts, find, inspect, names, place, search, usage
    from .analyzers import (
        cron,
        fstab,
        identity,
        kernels,
        locale,
        network,
        packages,
        services,
        ssh,
        users,
    )

    registry.add("image", qcow2, "QCOW2")
    registry.add("image", vmdk, "VMDK")
    registry.add("tree", ext, "EXT")
    registry.add("volumes", gpt, "GPT")
    registry.add("volumes", mbr, "MBR")
    for module in (
        *(identity, packages, users, ssh, services),
        *(network, fstab, cron, kernels, locale),
    ):
        registry.add("analyzer", module, "ANALYSIS")
    registry.add("opener", place, "open_locator")
    registry.add_ops(anatomy, inspect, facts, names, find, content, search, usage, export)
