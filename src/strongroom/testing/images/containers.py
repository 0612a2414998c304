"""Recipes: a raw disk put into every container that qemu-img writes.

Each function takes the raw disk and an existing folder, returns the image it made there, and has
its command as docstring. The view of the image (its active state) always equals the raw disk.
"""

import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from strongroom.testing.tools import tool_path

Recipe = Callable[[Path, Path], Path]

SNAPSHOT = "changed"
"""The name of the second snapshot of `qcow2_snapshot`; the first is "clean" and equals `raw`."""


def qcow2_v2(raw: Path, out_dir: Path) -> Path:
    """qemu-img convert -f raw -O qcow2 -o compat=0.10 RAW v2.qcow2"""
    return _convert(raw, out_dir / "v2.qcow2", "qcow2", "compat=0.10")


def qcow2_v3(raw: Path, out_dir: Path) -> Path:
    """qemu-img convert -f raw -O qcow2 -o compat=1.1 RAW v3.qcow2"""
    return _convert(raw, out_dir / "v3.qcow2", "qcow2", "compat=1.1")


def qcow2_zlib(raw: Path, out_dir: Path) -> Path:
    """qemu-img convert -f raw -O qcow2 -c -o compression_type=zlib RAW zlib.qcow2"""
    return _convert(raw, out_dir / "zlib.qcow2", "qcow2", "compression_type=zlib", "-c")


def qcow2_zstd(raw: Path, out_dir: Path) -> Path:
    """qemu-img convert -f raw -O qcow2 -c -o compression_type=zstd RAW zstd.qcow2"""
    return _convert(raw, out_dir / "zstd.qcow2", "qcow2", "compression_type=zstd", "-c")


def qcow2_extended_l2(raw: Path, out_dir: Path) -> Path:
    """qemu-img convert -f raw -O qcow2 -o extended_l2=on,cluster_size=128k RAW extended-l2.qcow2"""
    target = out_dir / "extended-l2.qcow2"
    return _convert(raw, target, "qcow2", "extended_l2=on,cluster_size=128k")


def qcow2_data_file(raw: Path, out_dir: Path) -> Path:
    """qemu-img convert -f raw -O qcow2 -o data_file=data-file.raw RAW data-file.qcow2"""
    return _convert(raw, out_dir / "data-file.qcow2", "qcow2", "data_file=data-file.raw")


def qcow2_overlay(raw: Path, out_dir: Path) -> Path:
    """qemu-img convert -f raw -O qcow2 -B overlay-base.qcow2 -F qcow2 RAW overlay.qcow2

    The base is half of the disk with other bytes in its second sixteenth, so that the overlay holds
    what differs and the rest comes from the base or from behind its end.
    """
    size = raw.stat().st_size
    base = _convert(raw, out_dir / "overlay-base.qcow2", "qcow2", "compat=1.1")
    part = size // 16 & -512
    run("qemu-io", "-f", "qcow2", "-c", f"write -P 0xa5 {part} {part}", base.name, cwd=out_dir)
    run("qemu-img", "resize", "-q", "--shrink", base.name, str(8 * part), cwd=out_dir)
    target = out_dir / "overlay.qcow2"
    on_base = ("-B", base.name, "-F", "qcow2")
    run(
        *("qemu-img", "convert", "-f", "raw", "-O", "qcow2", *on_base, str(raw), target.name),
        cwd=out_dir,
    )
    return target


def qcow2_snapshot(raw: Path, out_dir: Path) -> Path:
    """qemu-img snapshot -c clean; qemu-io write; snapshot -c changed; snapshot -a clean

    The disk grows by 1 MiB between the snapshots, and goes back with the last command.
    """
    target = _convert(raw, out_dir / "snapshot.qcow2", "qcow2", "compat=1.1")
    size = raw.stat().st_size
    run("qemu-img", "snapshot", "-c", "clean", target.name, cwd=out_dir)
    run("qemu-img", "resize", "-q", target.name, "+1M", cwd=out_dir)
    writes = ("-c", f"write -P 0x5a {size // 4 & -512} 128k", "-c", f"write -P 0x3c {size} 1M")
    run("qemu-io", "-f", "qcow2", *writes, target.name, cwd=out_dir)
    run("qemu-img", "snapshot", "-c", SNAPSHOT, target.name, cwd=out_dir)
    run("qemu-img", "snapshot", "-a", "clean", target.name, cwd=out_dir)
    return target


def vmdk_monolithic_sparse(raw: Path, out_dir: Path) -> Path:
    """qemu-img convert -f raw -O vmdk -o subformat=monolithicSparse RAW sparse.vmdk"""
    return _convert(raw, out_dir / "sparse.vmdk", "vmdk", "subformat=monolithicSparse")


def vmdk_stream_optimized(raw: Path, out_dir: Path) -> Path:
    """qemu-img convert -f raw -O vmdk -o subformat=streamOptimized RAW stream.vmdk"""
    return _convert(raw, out_dir / "stream.vmdk", "vmdk", "subformat=streamOptimized")


def vmdk_monolithic_flat(raw: Path, out_dir: Path) -> Path:
    """qemu-img convert -f raw -O vmdk -o subformat=monolithicFlat RAW flat.vmdk"""
    return _convert(raw, out_dir / "flat.vmdk", "vmdk", "subformat=monolithicFlat")


def vmdk_two_gb_sparse(raw: Path, out_dir: Path) -> Path:
    """qemu-img convert -f raw -O vmdk -o subformat=twoGbMaxExtentSparse RAW split.vmdk"""
    return _convert(raw, out_dir / "split.vmdk", "vmdk", "subformat=twoGbMaxExtentSparse")


def vmdk_two_gb_flat(raw: Path, out_dir: Path) -> Path:
    """qemu-img convert -f raw -O vmdk -o subformat=twoGbMaxExtentFlat RAW split-flat.vmdk"""
    return _convert(raw, out_dir / "split-flat.vmdk", "vmdk", "subformat=twoGbMaxExtentFlat")


QCOW2_RECIPES: Mapping[str, Recipe] = {
    "v2": qcow2_v2,
    "v3": qcow2_v3,
    "zlib": qcow2_zlib,
    "zstd": qcow2_zstd,
    "extended-l2": qcow2_extended_l2,
    "data-file": qcow2_data_file,
    "overlay": qcow2_overlay,
    "snapshot": qcow2_snapshot,
}
VMDK_RECIPES: Mapping[str, Recipe] = {
    "monolithicSparse": vmdk_monolithic_sparse,
    "streamOptimized": vmdk_stream_optimized,
    "monolithicFlat": vmdk_monolithic_flat,
    "twoGbMaxExtentSparse": vmdk_two_gb_sparse,
    "twoGbMaxExtentFlat": vmdk_two_gb_flat,
}


def split_raw(raw: Path, out_dir: Path, part_bytes: int) -> Path:
    """Run split -b PART_BYTES -d -a 3 --numeric-suffixes=1 RAW disk."""
    run(
        *("split", "-b", str(part_bytes), "-d", "-a", "3", "--numeric-suffixes=1"),
        *(str(raw), "disk."),
        cwd=out_dir,
    )
    return out_dir / "disk.001"


def raw_view(image: Path, out: Path, *, snapshot: str = "") -> Path:
    """Run cp IMAGE COPY; qemu-img snapshot -a SNAPSHOT COPY; qemu-img convert -O raw COPY OUT

    Without a snapshot, IMAGE itself is converted. (`convert -l` would cut a snapshot of a larger
    disk to the present size.)
    """
    if snapshot:
        image = Path(shutil.copy(image, out.parent / f"{out.stem}-{image.name}"))
        run("qemu-img", "snapshot", "-a", snapshot, image.name, cwd=image.parent)
    run("qemu-img", "convert", "-O", "raw", image.name, str(out), cwd=image.parent)
    return out


def run(*command: str, cwd: Path) -> str:
    """Run a tool in a folder and return what it prints; its error output is in the exception."""
    done = subprocess.run(
        command, cwd=cwd, env=tool_path(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def _convert(raw: Path, target: Path, format: str, options: str, *flags: str) -> Path:
    run(
        *("qemu-img", "convert", "-f", "raw", "-O", format, *flags, "-o", options),
        *(str(raw), target.name),
        cwd=target.parent,
    )
    return target
