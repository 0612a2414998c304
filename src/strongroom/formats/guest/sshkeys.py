"""Public keys of SSH: sshd(8) "AUTHORIZED_KEYS FILE FORMAT", RFC 4253 section 6.6."""

import re
from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from hashlib import sha256
from struct import Struct
from typing import NamedTuple

from .lines import Faults, Parsed, numbered

_CURVE_BITS = {"nistp256": 256, "nistp384": 384, "nistp521": 521}
_PLAIN_TYPES = (
    "ssh-rsa",
    "ssh-dss",
    "ssh-ed25519",
    "ssh-ed448",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)


def _certificate(name: str) -> str:
    return f"{name.removesuffix('@openssh.com')}-cert-v01@openssh.com"


KEY_TYPES = frozenset((*_PLAIN_TYPES, *(_certificate(name) for name in _PLAIN_TYPES)))
"""The names of key types that OpenSSH writes."""

BLOB_MAX = 1 << 16
"""Bytes of one encoded key."""

_U32 = Struct(">I")
# sshd(8): options hold no spaces, except within double quotes. A quote that does not end takes
# the rest of the line, so that the scan stays linear.
_OPTIONS = re.compile(r'(?:[^\s"\\]|\\.?|"(?:[^"\\]|\\.)*(?:"|\\?\Z))+')


class PublicKey(NamedTuple):
    """One public key. `bits` is its size as `ssh-keygen -l` prints it, None where not known."""

    line: int
    algorithm: str
    fingerprint: str
    bits: int | None
    comment: str
    options: str


def parse_public_keys(text: str) -> Parsed[PublicKey]:
    """Return the keys of an authorized_keys file, or of a `.pub` file, in file order."""
    keys: list[PublicKey] = []
    faults = Faults()
    for at, raw in numbered(text):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        key = _key(at, line)
        if isinstance(key, str):
            faults.add(at, key)
        else:
            keys.append(key)
    return Parsed(tuple(keys), faults.kept())


def _key(at: int, line: str) -> PublicKey | str:
    """Return the key of a line, or what is wrong with it."""
    options = ""
    if line.split(None, 1)[0] not in KEY_TYPES:
        match = _OPTIONS.match(line)
        options = match[0] if match else ""
        line = line[len(options) :].lstrip()
    words = line.split(None, 2)
    if len(words) < 2 or words[0] not in KEY_TYPES:
        return "a line holds no public key of a known type"
    blob = _decoded(words[1])
    if blob is None or _strings(blob, 1) != [words[0].encode()]:
        return f"the key of type {words[0]} is damaged"
    comment = words[2] if len(words) > 2 else ""
    return PublicKey(at, words[0], fingerprint(blob), _bits(words[0], blob), comment, options)


def _decoded(base64: str) -> bytes | None:
    if len(base64) > BLOB_MAX * 4 // 3 or not base64.isascii():
        return None
    try:
        return a2b_base64(base64.encode("ascii"), strict_mode=True)
    except Base64Error:
        return None


def fingerprint(blob: bytes) -> str:
    """Return the fingerprint of an encoded key as OpenSSH prints it: "SHA256:" and base64."""
    digest = b2a_base64(sha256(blob).digest(), newline=False).decode("ascii")
    return f"SHA256:{digest.rstrip('=')}"


def _strings(blob: bytes, count: int) -> list[bytes]:
    """Return the first `count` strings of an SSH blob (RFC 4251 section 5), fewer where it ends."""
    strings: list[bytes] = []
    at = 0
    while len(strings) < count and at + 4 <= len(blob):
        size = _U32.unpack_from(blob, at)[0]
        if size > len(blob) - at - 4:
            break
        strings.append(blob[at + 4 : at + 4 + size])
        at += 4 + size
    return strings


def _bits(algorithm: str, blob: bytes) -> int | None:
    """Return the size of a plain key: its modulus, its curve."""
    if algorithm not in _PLAIN_TYPES:
        return None
    if "ed25519" in algorithm:
        return 256
    if algorithm == "ssh-rsa":
        strings = _strings(blob, 3)
        return int.from_bytes(strings[2], "big").bit_length() if len(strings) == 3 else None
    if algorithm == "ssh-dss":
        strings = _strings(blob, 2)
        return int.from_bytes(strings[1], "big").bit_length() if len(strings) == 2 else None
    for curve, bits in _CURVE_BITS.items():
        if curve in algorithm:
            return bits
    return None
