"""CRC-32C (Castagnoli), reflected, as in RFC 3720 appendix B.4: ext4, XFS, btrfs, VHDX.

Python's zlib has another polynomial only, and a table-driven loop spends a microsecond on a few
bytes. So a long message is folded first: the carry-less product of its front half, as one big
integer, with x**n mod P is added to its back half. That takes 32 shifts at the speed of C.
"""

from functools import lru_cache

POLYNOMIAL = 0x82F63B78
"""x**32 + x**28 + x**27 + ... + 1, bit-reversed, without its leading term."""

_FOLD_BYTES_MIN = 40
_MASK = 0xFFFFFFFF


@lru_cache(maxsize=1)
def _table() -> tuple[int, ...]:
    """Return the register's change for every byte; made at first use, not at every start."""
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = value >> 1 ^ (POLYNOMIAL if value & 1 else 0)
        table.append(value)
    return tuple(table)


def crc32c(content: bytes, value: int = 0) -> int:
    """Return the CRC-32C of `content`; `value` is that of what came before it.

    Formats that keep the register without the final inversion (ext4, btrfs, XFS) use `register`.
    """
    return register(content, value ^ _MASK) ^ _MASK


def register(content: bytes, value: int = _MASK) -> int:
    """Return the shift register after `content`, not inverted, from the register `value`."""
    size = len(content)
    if size >= _FOLD_BYTES_MIN:
        content, value = _folded(content, value), 0
    table = _table()
    for byte in content:
        value = table[(value ^ byte) & 0xFF] ^ value >> 8
    return value


def _folded(content: bytes, value: int) -> bytes:
    """Return a short message that leaves a zero register as `content` leaves the register `value`.

    Bit 0 of the first byte is the highest power of x, so the integer is little-endian and shifts
    go the other way round than in a textbook.
    """
    message = int.from_bytes(content, "little") ^ value
    bits = len(content) * 8
    while bits >= _FOLD_BYTES_MIN * 8:
        front = (bits - 32) // 16 * 8
        bits -= front
        head = message & ((1 << front) - 1)
        message >>= front
        product = 0
        for power in _powers(bits):
            product ^= head << power
        message ^= product << bits - front - 31
    return message.to_bytes(bits // 8, "little")


@lru_cache(maxsize=256)
def _powers(bits: int) -> tuple[int, ...]:
    """Return the set bit positions of x**bits mod P, bit-reversed."""
    value, base, power = 1 << 31, 1 << 30, bits
    while power:
        if power & 1:
            value = _product(value, base)
        base = _product(base, base)
        power >>= 1
    return tuple(bit for bit in range(32) if value >> bit & 1)


def _product(a: int, b: int) -> int:
    """Return a * b mod P, all bit-reversed: bit 31 is x**0."""
    result = 0
    for bit in range(31, -1, -1):
        if b >> bit & 1:
            result ^= a
        a = a >> 1 ^ (POLYNOMIAL if a & 1 else 0)
    return result
