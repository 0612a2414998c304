"""Network policy: the one module that may open a client connection. No op has EGRESS yet."""

from strongroom.base.errors import Unsupported


def refuse_remote(origin: str) -> None:
    """Raise Unsupported for an origin that is a URL; local paths pass."""
    scheme, separator, _ = origin.partition("://")
    if separator and scheme.replace("+", "").replace("-", "").replace(".", "").isalnum():
        raise Unsupported(
            f"origin {scheme}:// cannot be opened by this version",
            hint="copy the image into the room and give its path",
            reason=f"origin.{scheme}",
        )
