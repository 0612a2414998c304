"""The programs: `strongroom`, and `guestkit`, `kimi-vault`, `kyro` under the words they know."""

import signal
import sys

# Until `Ending` hears them, Ctrl-C ends the program without a word: nothing has begun.
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from strongroom.surfaces.cli import front
from strongroom.surfaces.cli.main import run


def main() -> int:
    """Run `strongroom`; return its exit status."""
    return run(front.STRONGROOM, sys.argv[1:])


def guestkit() -> int:
    """Run `guestkit`, which is `strongroom guest`; return its exit status."""
    return run(front.GUESTKIT, sys.argv[1:])


def kimi_vault() -> int:
    """Run `kimi-vault`, which is `strongroom vault`; return its exit status."""
    return run(front.KIMI_VAULT, sys.argv[1:])


def kyro() -> int:
    """Run `kyro`, which is `strongroom ide`; return its exit status."""
    return run(front.KYRO, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
