"""The audit log's bytes: keys, lines, pin, commitments (docs/spec/audit.md). Touches no file.

Imported by every call: only what the interpreter has at hand, `cryptography` where it signs.
"""

import json
import time
from binascii import b2a_base64, unhexlify
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from strongroom.base.limits import KIB, MIB
from strongroom.base.record import canonical_json

from .digest import hmac_sha256, sha256

VERSION = 1
KEY_BYTES = 32
ZERO = "0" * 64
"""The `prev` of the first line."""
LABEL = b"strongroom audit 1 "
MAC_START = b',"mac":"'
MAC_BYTES = len(MAC_START) + 64 + 1
LINE_BYTES_MAX = MIB
SEGMENT_BYTES = 64 * MIB
SLOT_BYTES = 512
"""One sector, so that a power cut leaves it old or new (spec, "The pin")."""
SLOT_OFFSETS = (0, 4096)
PIN_BYTES = SLOT_OFFSETS[1] + SLOT_BYTES
SALT_BYTES = 16
VALUE_BYTES_MAX = 16 * KIB


class Keys(NamedTuple):
    """What is derived from `chain.key` (spec, "Keys")."""

    chain: str
    entry: bytes
    head: bytes
    checkpoint: bytes


class Mark(NamedTuple):
    """A place in the log: an entry, and the bytes of segment and personal file up to it."""

    seq: int
    hash: str
    size: int
    personal: int


class Head(NamedTuple):
    """What the pin says (spec, "The pin")."""

    pins: int
    boot: str
    segment: int
    at: Mark
    durable: Mark
    erased: int


class Pin(NamedTuple):
    """A pin as read. `head` is None where no slot is authentic; `sound` that nothing is odd."""

    head: Head | None
    sound: bool


class Anchor(NamedTuple):
    """An entry named from outside; what a verifier can be held to."""

    chain: str
    seq: int
    hash: str


class AuditEvent(NamedTuple):
    """What is to be said in one entry; empty fields are left out.

    `by`, `resource` and the values of `personal` become commitments. `parent` is a call's number in
    the same run, or `chain/seq` for a job. `detail` holds JSON values, no floats.
    """

    event: str
    op: str = ""
    run: str = ""
    call: int = 0
    parent: int | str = 0
    effects: Sequence[str] = ()
    by: str = ""
    resource: str = ""
    outcome: str = ""
    counts: Mapping[str, int] = {}
    personal: Mapping[str, str] = {}
    detail: Mapping[str, Any] = {}


def derive(key: bytes) -> Keys:
    """Return the keys for the 32 bytes of `chain.key`."""
    made = [hmac_sha256(key, LABEL + name) for name in (b"chain", b"entry", b"head", b"checkpoint")]
    return Keys(made[0][:16].hex(), made[1], made[2], made[3])


def segment_name(number: int) -> str:
    """Return the file name of a segment, counted from 1."""
    return f"{number:06}.jsonl"


def line_hash(line: bytes) -> str:
    """Return the hash of a line without its line feed, which the next one carries as `prev`."""
    return sha256(line).hexdigest()


def timestamp(seconds: float) -> str:
    """Return RFC 3339 in UTC with milliseconds, for seconds since 1970."""
    whole, milliseconds = divmod(int(seconds * 1000), 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{milliseconds:03}Z"


def seal(body: Mapping[str, Any], keys: Keys) -> bytes:
    """Return the line, without line feed, for an entry without `mac`."""
    return _with_mac(body, keys.entry)


def _with_mac(body: Mapping[str, Any], key: bytes) -> bytes:
    # two halves at the place where "mac" sorts, so that each is serialised once
    before = canonical_json({k: v for k, v in body.items() if k < "mac"})[:-1]
    after = canonical_json({k: v for k, v in body.items() if k > "mac"})[1:]
    mac = hmac_sha256(key, before + b"," + after).hex()
    return b"".join((before, MAC_START, mac.encode("ascii"), b'",', after))


def is_authentic(line: bytes, keys: Keys) -> bool:
    """Tell whether a holder of the key wrote this line."""
    start = line.find(MAC_START)
    end = start + MAC_BYTES
    if start < 0 or end >= len(line):
        return False
    mac = hmac_sha256(keys.entry, line[:start] + line[end:]).hex().encode("ascii")
    return mac == line[start + len(MAC_START) : end - 1]  # no secret: who can ask can read the key


def claimed_prev(line: bytes) -> str:
    """Return what a line, authentic or not, carries as `prev`; "" where it has none."""
    start = line.find(b'"prev":"') + 8
    return line[start : start + 64].decode("ascii", "replace") if start >= 8 else ""


def encode_slot(head: Head, keys: Keys) -> bytes:
    """Return the 512 bytes of a slot."""
    body: dict[str, Any] = {
        "at": list(head.at), "boot": head.boot, "pins": head.pins,
        "durable": list(head.durable), "erased": head.erased, "segment": head.segment,
    }  # fmt: skip
    return _with_mac(body, keys.head).ljust(SLOT_BYTES - 1) + b"\n"


def slot_offset(head: Head) -> int:
    """Return where in the file this slot belongs."""
    return SLOT_OFFSETS[head.pins % 2]


def decode_pin(blob: bytes, keys: Keys, boot: str) -> Pin:
    """Return what the pin's bytes say. `boot` is that of now: within one, no write is lost."""
    slots = [_decode_slot(blob[o : o + SLOT_BYTES], keys) for o in SLOT_OFFSETS]
    found = sorted(slot for slot in slots if slot is not None)
    if not found:
        return Pin(None, sound=False)
    head = found[-1]
    if len(found) == 1:
        # both are written before the first entry, and a process may be killed between them
        other = SLOT_OFFSETS[1 - head.pins % 2]
        is_first = head.pins <= 2 and head.at.seq == 0
        return Pin(head, sound=is_first and not blob[other : other + SLOT_BYTES].strip())
    in_place = all(slot is not None and slot.pins % 2 == n for n, slot in enumerate(slots))
    in_step = head.boot != boot or head.pins - found[0].pins == 1
    return Pin(head, sound=in_place and in_step)


def _decode_slot(data: bytes, keys: Keys) -> Head | None:
    text = data.rstrip()
    start = text.find(MAC_START)
    end = start + MAC_BYTES
    if start < 0 or len(data) != SLOT_BYTES:
        return None
    mac = hmac_sha256(keys.head, text[:start] + text[end:]).hex().encode("ascii")
    if mac != text[start + len(MAC_START) : end - 1]:
        return None
    body = json.loads(text)  # authentic, so ours
    return Head(
        body["pins"], body["boot"], body["segment"],
        Mark(*body["at"]), Mark(*body["durable"]), body["erased"],
    )  # fmt: skip


def boot_digest(boot_id: str) -> str:
    """Return how the pin names a boot."""
    return sha256(boot_id.encode("utf-8")).hexdigest()[:16]


def storable(value: str) -> bytes:
    """Return a personal value's bytes, cut where it is too long."""
    try:
        data = value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        data = value.encode("utf-8", "replace")
    if len(data) <= VALUE_BYTES_MAX:
        return data
    return data[:VALUE_BYTES_MAX] + f" ... and {len(data) - VALUE_BYTES_MAX} bytes".encode()


def commitment(salt: bytes, value: bytes) -> str:
    """Return what stands in the chain for a personal value."""
    return sha256(salt + value).hexdigest()


def personal_line(salt: bytes, value: bytes) -> bytes:
    """Return the line, without line feed, of the personal file."""
    body = {"commit": commitment(salt, value), "salt": salt.hex()}
    body["value"] = value.decode("utf-8", "replace")
    if body["value"].encode("utf-8") != value:
        body["value_b64"] = b2a_base64(value, newline=False).decode("ascii")
    return canonical_json(body)


class Personal(NamedTuple):
    """A line of the personal file. `whole` is False where it does not match its commitment."""

    commit: str
    value: str
    whole: bool


def parse_personal(line: bytes) -> Personal | None:
    """Read a line of the personal file, which nothing but its commitments protects; None if not."""
    from binascii import a2b_base64

    try:
        body = json.loads(line)
        commit, text = body["commit"], body["value"]
        value = a2b_base64(body["value_b64"]) if "value_b64" in body else text.encode("utf-8")
        whole = commitment(unhexlify(body["salt"]), value) == commit
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    if not isinstance(commit, str):
        return None
    return Personal(commit, value.decode("utf-8", "surrogateescape"), whole)


def public_key(keys: Keys) -> bytes:
    """Return the 32 bytes of the Ed25519 public key of checkpoints and exports."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(keys.checkpoint).public_key().public_bytes_raw()


def sign(body: Mapping[str, Any], keys: Keys) -> dict[str, Any]:
    """Return the object with `public_key` and `signature` (RFC 8032) added."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = Ed25519PrivateKey.from_private_bytes(keys.checkpoint)
    signed = {**body, "public_key": private.public_key().public_bytes_raw().hex()}
    return {**signed, "signature": private.sign(canonical_json(signed)).hex()}


def is_signed(item: Mapping[str, Any], key: bytes) -> bool:
    """Tell whether `signature` is by `key`, over the object without it and without `mac`."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    body = {k: v for k, v in item.items() if k not in {"mac", "signature"}}
    try:
        signature = bytes.fromhex(item["signature"])
        Ed25519PublicKey.from_public_bytes(key).verify(signature, canonical_json(body))
    except (InvalidSignature, KeyError, ValueError, TypeError):
        return False
    return item.get("public_key") == key.hex()
