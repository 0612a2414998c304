"""explain: what each error code means, why it happens and what to do about it."""

from strongroom.base.errors import NINE, NotFound

from .codes import TABLE, Explanation
from .front import suggest
from .invocation import Invocation
from .terminal import Screen, wrap


def explain(invocation: Invocation) -> int:
    """Write the explanation of one code or exit status, or the list of all codes."""
    screen = invocation.screen
    if not invocation.words:
        for known in TABLE:
            invocation.write(f"{known.code}\n")
        return 0
    code = invocation.words[0]
    entry = lookup(code)
    if entry is None:
        raise NotFound(
            f"there is no code {code!r}", hint=suggest(code, [e.code for e in TABLE]), reason="code"
        )
    invocation.write(_page(code, entry, screen))
    return 0


def lookup(code: str) -> Explanation | None:
    """Return the most exact explanation of a code, a `problem.` rule or an exit status."""
    if code.isascii() and code.isdigit():
        names = [error.name for error in NINE if error.exit_status == int(code)]
        code = names[0] if names else code
    words = code.removeprefix("problem.").split(".")
    while words:
        for entry in TABLE:
            if _matches(entry.code.split("."), words):
                return entry
        words.pop()
    return None


def _matches(pattern: list[str], words: list[str]) -> bool:
    return len(pattern) == len(words) and all(
        p in ("*", word) for p, word in zip(pattern, words, strict=True)
    )


def _page(code: str, entry: Explanation, screen: Screen) -> str:
    kind = next(error for error in NINE if error.name == entry.code.partition(".")[0])
    title = kind.name if code.isdigit() else code
    lines = [
        screen.paint("bold", screen.clean(title)) + f"  exit status {kind.exit_status}",
        "",
        *wrap(entry.cause, screen.width),
        "",
        *wrap(entry.way_out, screen.width),
    ]
    return "\n".join(lines) + "\n"
