"""system: ops over the kernel's own things."""

from strongroom.kernel.plugin import Collector


def contribute(registry: Collector) -> None:
    """Register the ops."""
    from . import auditing, caching, plugins, settings

    registry.add_ops(auditing, settings, caching, plugins)
