"""system: ops over the kernel's own things."""

from strongroom.kernel.plugin import Collector


def contribute(registry: Collector) -> None:
    """Register the ops."""
    from . import caching, plugins, settings

    registry.add_ops(settings, caching, plugins)
