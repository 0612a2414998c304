"""vault: credentials that people, programs and AI agents can use without reading them."""

from strongroom.kernel.plugin import Collector


def contribute(registry: Collector) -> None:
    """Register the app. It has no ops yet; docs/roadmap.md says which come."""
