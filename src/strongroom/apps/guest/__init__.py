"""guest: any VM disk opened, inspected and judged without booting, root or mounting it."""

from strongroom.kernel.registry import Collector


def contribute(registry: Collector) -> None:
    """Register formats in the order they are tried, analyzers, the opener and the ops."""
    from . import place

    registry.add("opener", place, "open_locator")
