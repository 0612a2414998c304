"""ide: a fast editor whose workspace is a local folder or the inside of a disk."""

from strongroom.kernel.plugin import Collector


def contribute(registry: Collector) -> None:
    """Register the app. It has no ops yet; docs/roadmap.md says which come."""
