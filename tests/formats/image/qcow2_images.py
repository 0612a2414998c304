"""Hand-made qcow2 images of four clusters, for what qemu-img does not write."""

import struct

from strongroom.base.source import Memory
from strongroom.formats.image.qcow2 import QCOW2, Qcow2
from strongroom.testing.context import RecordingContext

CLUSTER = 65536
L1_AT, L2_AT, DATA_AT = 3 * CLUSTER, 4 * CLUSTER, 5 * CLUSTER
COPIED, COMPRESSED = 1 << 63, 1 << 62
NAMES = ("magic", "version", "backing_offset", "backing_size", "cluster_bits", "size", "crypt")
MORE = ("l1_size", "l1_offset", "refcounts", "refcount_clusters", "nb_snapshots", "snapshots")
V3 = ("incompatible", "compatible", "autoclear", "refcount_order", "header_length")
FIELDS = (*NAMES, *MORE, *V3)
VALID = {
    "magic": b"QFI\xfb",
    "version": 3,
    "backing_offset": 0,
    "backing_size": 0,
    "cluster_bits": 16,
    "size": 4 * CLUSTER,
    "crypt": 0,
    "l1_size": 1,
    "l1_offset": L1_AT,
    "refcounts": CLUSTER,
    "refcount_clusters": 1,
    "nb_snapshots": 0,
    "snapshots": 0,
    "incompatible": 0,
    "compatible": 0,
    "autoclear": 0,
    "refcount_order": 4,
    "header_length": 112,
}


def image(
    entries: tuple[int, ...] = (COPIED | DATA_AT,),
    data: bytes = b"d" * CLUSTER,
    extensions: bytes = b"",
    l1: int = COPIED | L2_AT,
    **fields: int | bytes,
) -> bytes:
    """Return an image of four clusters: header, L1 at 3, L2 at 4, data from 5 on."""
    values = [{**VALID, **fields}[name] for name in FIELDS]
    header = struct.pack(">4sIQIIQIIQQIIQQQQII", *values) + bytes(8) + extensions
    l2 = struct.pack(f">{len(entries)}Q", *entries)
    parts = [header.ljust(L1_AT, b"\0"), struct.pack(">Q", l1), l2]
    return parts[0] + parts[1].ljust(CLUSTER, b"\0") + parts[2].ljust(CLUSTER, b"\0") + data


def open_bytes(content: bytes, ctx: RecordingContext | None = None) -> Qcow2:
    return QCOW2.open(Memory(content), ctx or RecordingContext())
