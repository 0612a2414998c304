"""explain: what each error code means, why it happens and what to do about it."""

from strongroom.base.errors import NINE, NotFound

from .codes import RULES, TABLE, Explanation
from .front import suggest
from .invocation import Invocation
from .terminal import Screen, wrap


def explain(invocation: Invocation) -> int:
    """Write the explanation of one code or exit status, or the list of all codes."""
    screen = invocation.screen
    if not invocation.words:
        for known in (*TABLE, *RULES):
            invocation.write(f"{known.code}\n")
        return 0
    code = invocation.words[0]
    entry = lookup(code)
    if entry is None:
        near = suggest(code, [known.code for known in (*TABLE, *RULES)])
        hint = near or "`strongroom explain` lists all codes"
        raise NotFound(f"there is no code {code!r}", hint=hint, reason="code")
    invocation.write(_page(code, entry, screen))
    return 0


def lookup(code: str) -> Explanation | None:
    """Return the most exact explanation of a code, a finding's rule or an exit status."""
    for rule in RULES:
        if rule.code == code:
            return rule
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
    kind = next((e for e in NINE if e.name == entry.code.partition(".")[0]), None)
    title = kind.name if kind and code.isdigit() else code
    finding = kind is None or code.startswith("problem.")
    says = "finding" if finding or kind is None else f"exit status {kind.exit_status}"
    lines = [
        f"{screen.paint('bold', screen.clean(title))}  {says}",
        "",
        *wrap(entry.cause, screen.width),
        "",
        *wrap(entry.way_out, screen.width),
    ]
    return "\n".join(lines) + "\n"
