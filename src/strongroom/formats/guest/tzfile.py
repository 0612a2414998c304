"""The rule at the end of a compiled time zone: tzfile(5), RFC 9636 section 3.3."""

_RULE_MAX = 256


def footer(content: bytes) -> str | None:
    """Return the POSIX TZ rule, such as "CET-1CEST,M3.5.0,M10.5.0/3"; None for version 1 data."""
    if not content.startswith(b"TZif") or content[4:5] < b"2" or not content.endswith(b"\n"):
        return None
    start = content.rfind(b"\n", 0, len(content) - 1)
    rule = content[start + 1 : -1]
    if start < 0 or not rule or len(rule) > _RULE_MAX or not rule.isascii():
        return None
    return rule.decode("ascii")
