"""Read a qcow2 image from end to end and write it out raw: what `qemu-img convert` does."""

import sys
from pathlib import Path

from strongroom.formats.image.qcow2 import QCOW2
from strongroom.kernel.origin import open_file
from strongroom.testing.context import RecordingContext

STEP_BYTES = 4 << 20


def main() -> None:
    image = QCOW2.open(open_file(sys.argv[1]), RecordingContext())
    steps = range(0, image.size, STEP_BYTES)
    with Path(sys.argv[2]).open("wb", buffering=0) as out:
        out.writelines(image.read_at(offset, STEP_BYTES) for offset in steps)


if __name__ == "__main__":
    main()
