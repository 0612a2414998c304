"""SHA-256, HMAC and BLAKE2b from the interpreter's own modules.

`hashlib` loads OpenSSL, which costs 3 ms of every call; what the audit log and the cache hash is
small. Where an interpreter was built without them, they are hashlib's.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashlib import blake2b, sha256
else:
    try:
        from _blake2 import blake2b
    except ImportError:
        from hashlib import blake2b
    try:
        from _sha2 import sha256  # from 3.12 on
    except ImportError:
        try:
            from _sha256 import sha256
        except ImportError:
            from hashlib import sha256

__all__ = ["blake2b", "hmac_sha256", "sha256"]

_BLOCK_BYTES = 64
_IPAD = bytes(byte ^ 0x36 for byte in range(256))
_OPAD = bytes(byte ^ 0x5C for byte in range(256))


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    """Return the HMAC-SHA256 (RFC 2104) of a message; the key has at most 64 bytes."""
    block = key.ljust(_BLOCK_BYTES, b"\0")
    inner = sha256(block.translate(_IPAD))
    inner.update(message)
    return sha256(block.translate(_OPAD) + inner.digest()).digest()
