"""version: what is installed."""

import json
import sys

from strongroom import __version__

from .invocation import Invocation


def version(invocation: Invocation) -> int:
    """Write the version; with -o json also what it runs on."""
    if invocation.settings.output != "json":
        invocation.write(f"strongroom {__version__}\n")
        return 0
    facts = {
        "type": "version",
        "version": __version__,
        "python": sys.version.split()[0],
        "platform": sys.platform,
        "cryptography": _installed("cryptography"),
        "zstd": _installed("backports.zstd"),
    }
    known = {key: value for key, value in facts.items() if value is not None}
    invocation.write(json.dumps(known, separators=(",", ":")) + "\n")
    return 0


def _installed(distribution: str) -> str | None:
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed(distribution)
    except PackageNotFoundError:
        return None
