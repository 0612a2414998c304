"""Signatures of formats that are recognised but not read, so that they are named and not guessed.

Each from the format's own documentation; all stand at a fixed place of the first 68 KiB.
"""

from typing import NamedTuple

from strongroom.base.errors import Unsupported


class Signature(NamedTuple):
    """Bytes that a format always has at an offset, and what people call it."""

    name: str
    offset: int
    content: bytes
    title: str


CONVERT = "`qemu-img convert -O qcow2 IMAGE disk.qcow2` makes one that is"

IMAGES = (
    Signature("vhd", 0, b"conectix", "a VHD image"),
    Signature("vhdx", 0, b"vhdxfile", "a VHDX image"),
    Signature("vdi", 64, b"\x7f\x10\xda\xbe", "a VDI image"),
    Signature("qed", 0, b"QED\0", "a QED image"),
    Signature("ewf", 0, b"EVF\x09\x0d\x0a\xff\0", "an Expert Witness (E01) image"),
)
"""Containers: reading them as raw bytes would show nonsense."""

CONTENTS = (
    Signature("luks", 0, b"LUKS\xba\xbe", "a LUKS encrypted volume"),
    Signature("bitlocker", 3, b"-FVE-FS-", "a BitLocker encrypted volume"),
    Signature("lvm2", 512, b"LABELONE", "an LVM2 physical volume"),
    Signature("mdraid", 4096, b"\xfc\x4e\x2b\xa9", "a member of a Linux RAID"),
    Signature("xfs", 0, b"XFSB", "an XFS file system"),
    Signature("btrfs", 0x10040, b"_BHRfS_M", "a Btrfs file system"),
    Signature("ntfs", 3, b"NTFS    ", "an NTFS file system"),
    Signature("exfat", 3, b"EXFAT   ", "an exFAT file system"),
    Signature("fat", 82, b"FAT32   ", "a FAT32 file system"),
    Signature("fat", 54, b"FAT16   ", "a FAT16 file system"),
    Signature("fat", 54, b"FAT12   ", "a FAT12 file system"),
    Signature("iso9660", 32769, b"CD001", "an ISO 9660 file system"),
    Signature("squashfs", 0, b"hsqs", "a squashfs file system"),
    Signature("erofs", 1024, b"\xe2\xe1\xf5\xe0", "an EROFS file system"),
    Signature("f2fs", 1024, b"\x10\x20\xf5\xf2", "an F2FS file system"),
    Signature("reiserfs", 0x10034, b"ReIsEr", "a ReiserFS file system"),
    Signature("apfs", 32, b"NXSB", "an APFS container"),
    Signature("hfsplus", 1024, b"H+\0\x04", "an HFS+ file system"),
)
"""What stands in a volume and is not read by this version."""


SWAP = Signature("swap", 4086, b"SWAPSPACE2", "swap space")
"""Recognised and passed over: it holds nothing to read."""


def refusal(head: bytes, signatures: tuple[Signature, ...]) -> Unsupported | None:
    """Return the error that names what `head` begins with, None where nothing is recognised."""
    for signature in signatures:
        if head.startswith(signature.content, signature.offset):
            return Unsupported(
                f"{signature.title} is not read by this version",
                hint=CONVERT if signature in IMAGES else "docs/roadmap.md says what comes",
                reason=f"format.{signature.name}",
            )
    return None
