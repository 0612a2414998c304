"""Standard output: where it fails, that is said in words; a reader that has gone is no failure."""

import os
import sys

from strongroom.base.errors import Unavailable


def put(text: str) -> None:
    """Write text to standard output; Unavailable where it cannot be written."""
    try:
        sys.stdout.write(text)
    except BrokenPipeError:
        raise
    except OSError as e:
        raise _unwritable(e) from e


def put_bytes(content: bytes) -> None:
    """Write bytes to standard output, behind all text before them; Unavailable."""
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
    except BrokenPipeError:
        raise
    except OSError as e:
        raise _unwritable(e) from e


def flush() -> None:
    """Bring what was written to its reader, so that a failure is met here, not at exit."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as e:
        raise _unwritable(e) from e


def discard_stdout() -> None:
    """Point standard output at nothing, so that the interpreter's own flush cannot fail."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)


def _unwritable(error: OSError) -> Unavailable:
    discard_stdout()
    return Unavailable(f"standard output cannot be written: {error.strerror}", reason="stdout")
