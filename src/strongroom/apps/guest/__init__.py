"""guest: any VM disk opened, inspected and judged without booting, root or mounting it."""

from strongroom.kernel.plugin import Collector


def contribute(registry: Collector) -> None:
    """Register formats in the order they are tried, analyzers, the opener and the ops."""
    from strongroom.formats.image import qcow2

    from . import anatomy, content, facts, inspect, names, place, search, usage

    registry.add("format", qcow2, "QCOW2")
    registry.add("opener", place, "open_locator")
    registry.add_ops(anatomy, inspect, facts, names, content, search, usage)
