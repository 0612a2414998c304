"""Generated pages: written into a checkout, or only compared with what is there."""

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from strongroom.base.errors import NotFound, StrongroomError

MARK = "pyproject.toml"


def run(
    module: str,
    target: str,
    render: Callable[[], str],
    argv: Sequence[str] | None,
    *others: argparse.ArgumentParser,
) -> int:
    """Write one page of the checkout around the working directory; 1 where --check finds it stale.

    `target` is its path from the checkout, `render` returns its text, `others` have the flags that
    the caller acts on.
    """
    command = f"python -m {module}"
    parser = argparse.ArgumentParser(prog=command, allow_abbrev=False, parents=others)
    parser.add_argument("--check", action="store_true", help="Write nothing; exit 1 when stale.")
    options = parser.parse_args(argv)
    try:
        path = checkout(Path.cwd()) / target
        page = render()
    except StrongroomError as e:
        sys.stderr.write(f"error: {e.message}\n" + (f"hint: {e.hint}\n" if e.hint else ""))
        return e.exit_status
    if not options.check:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")
    elif not path.exists() or path.read_text(encoding="utf-8") != page:
        sys.stderr.write(f"{target} is stale\nhint: {command}\n")
        return 1
    return 0


def checkout(start: Path) -> Path:
    """Return the checkout that `start` lies in; NotFound outside of one."""
    for folder in (start, *start.parents):
        if (folder / MARK).is_file() and (folder / "docs").is_dir():
            return folder
    raise NotFound(f"no checkout above {start}", hint="run this inside a checkout")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; cells may hold anything but line ends."""
    lines = [header, ["---"] * len(header), *([cell(text) for text in row] for row in rows)]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def cell(text: str) -> str:
    """Return text as it may stand in a cell of a Markdown table."""
    return text.replace("|", "\\|").replace("<", "&lt;")
