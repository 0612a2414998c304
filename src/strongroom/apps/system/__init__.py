"""system: ops over the kernel's own things."""

from strongroom.kernel.registry import Collector


def contribute(registry: Collector) -> None:
    """Register the ops."""
    from . import plugins

    registry.add_ops(plugins)
