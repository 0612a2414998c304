"""What a kernel image says of itself (Linux, "The Linux/x86 Boot Protocol", header fields)."""

from struct import Struct

HEAD_BYTES = 0x8000
"""How much of an image is enough: the setup code, which holds the text, has at most 32 KiB."""

_VERSION_POINTER = 0x20E
_POINTER_BASE = 0x200
_TEXT_MAX = 256


def kernel_version(head: bytes) -> str | None:
    """Return the release, such as "6.1.0-13-amd64", from an image's first bytes; None for others.

    The text behind it (who built it, and when) is cut off.
    """
    if len(head) < _VERSION_POINTER + 2 or head[0x202:0x206] != b"HdrS":
        return None
    pointer = Struct("<H").unpack_from(head, _VERSION_POINTER)[0]
    start = pointer + _POINTER_BASE
    if not pointer or start >= len(head):
        return None
    text = head[start : start + _TEXT_MAX].split(b"\0", 1)[0]
    return text.decode("ascii", "replace").partition(" ")[0] or None
