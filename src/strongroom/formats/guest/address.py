"""Internet addresses as configuration files write them: RFC 4632, RFC 4291."""

from .lines import number


def prefix_length(netmask: str) -> int | None:
    """Return the length that a netmask means, "255.255.255.0" or "24"; None for neither."""
    if "." not in netmask:
        return number(netmask, 128)
    octets = [number(part, 255) for part in netmask.split(".", 4)]
    known = [octet for octet in octets if octet is not None]
    if len(octets) != 4 or len(known) != 4:
        return None
    bits = int.from_bytes(bytes(known), "big")
    length = bits.bit_count()
    return length if bits == (0xFFFFFFFF << (32 - length)) & 0xFFFFFFFF else None


def with_prefix(address: str, netmask: str) -> str:
    """Return an address with its prefix length, as given itself or by a netmask; else without."""
    address = address.strip()
    length = prefix_length(netmask.strip())
    return address if "/" in address or length is None else f"{address}/{length}"
