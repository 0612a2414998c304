"""The part of YAML 1.2 that configuration files of guests use, bounded.

Block mappings and sequences, flow collections, plain and quoted scalars, comments. Anchors,
aliases, tags, block scalars, scalars over several lines and further documents are refused by name.
Scalars stay text: what "yes" means is for the caller to say. No fault repeats a value, which may
be a passphrase.
"""

import re
from typing import NamedTuple, Union

from .lines import Fault, numbered

TEXT_MAX = 1 << 20
"""Characters of one document."""

DEPTH_MAX = 32
"""Collections inside collections."""


class Node(NamedTuple):
    """One value and the line where it begins. `value` is None for null."""

    line: int
    value: Union[str, "list[Node]", "dict[str, Node]", None]

    def get(self, key: str) -> "Node":
        """Return the value of a key; a null where this is no mapping or lacks the key."""
        found = self.value.get(key) if isinstance(self.value, dict) else None
        return Node(self.line, None) if found is None else found

    def items(self) -> "list[tuple[str, Node]]":
        """Return the pairs of a mapping in file order; none for anything else."""
        return list(self.value.items()) if isinstance(self.value, dict) else []

    def each(self) -> "list[Node]":
        """Return the items of a sequence; none for anything else."""
        return self.value if isinstance(self.value, list) else []

    def text(self) -> str:
        """Return a scalar; "" for null and for collections."""
        return self.value if isinstance(self.value, str) else ""


class _Line(NamedTuple):
    number: int
    indent: int
    text: str


class _RefusedError(Exception):
    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.fault = Fault(line, message)


def parse_yaml(text: str) -> Node | Fault:
    """Return the document's root, or the first thing in it that this reader does not know."""
    if len(text) > TEXT_MAX:
        return Fault(None, f"more than {TEXT_MAX} characters")
    try:
        lines = _lines(text)
        if not lines:
            return Node(1, None)
        parser = _Parser(lines)
        root = parser.block(0)
        parser.finish()
    except _RefusedError as e:
        return e.fault
    return root


def _lines(text: str) -> list[_Line]:
    """Return the lines that carry content, comments cut off."""
    lines: list[_Line] = []
    for at, raw in numbered(text):
        if raw.startswith(("---", "...")) and not raw[3:].strip():
            if lines and raw.startswith("---"):
                raise _RefusedError(at, "a second document")
            if raw.startswith("..."):
                break
            continue
        bare = raw.lstrip(" ")
        if bare.startswith("\t") and bare.strip():
            raise _RefusedError(at, "a tab in the indentation")
        content = _without_comment(bare).rstrip()
        if content:
            lines.append(_Line(at, len(raw) - len(bare), content))
    return lines


_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"|\'((?:[^\']|\'\')*)\'')
_OPENS_QUOTE = re.compile(r"[\s\[{,:-]")


def _without_comment(text: str) -> str:
    at = 0
    while at < len(text):
        char = text[at]
        first = at == 0 or _OPENS_QUOTE.match(text[at - 1]) is not None
        if char in "\"'" and first and (match := _QUOTED.match(text, at)):
            at = match.end()
            continue
        if char == "#" and (at == 0 or text[at - 1].isspace()):
            return text[:at]
        at += 1
    return text


_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "\\": "\\", '"': '"', "/": "/", " ": " "}
_ESCAPE = re.compile(r"\\(x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|.)")
_INDICATORS = tuple("&*!|>%@`?")
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})


def _unescape(match: re.Match[str]) -> str:
    code = match[1]
    if len(code) > 1:
        point = int(code[1:], 16)
        return "\ufffd" if 0xD800 <= point <= 0xDFFF else chr(point)
    return _ESCAPES.get(code, code)


def _unquote(match: re.Match[str]) -> str:
    if match[1] is not None:
        return _ESCAPE.sub(_unescape, match[1])
    return match[2].replace("''", "'")


def _plain(text: str, line: int) -> str | None:
    if text.startswith(_INDICATORS):
        raise _RefusedError(line, f"a value begins with {text[0]!r}, which this reader refuses")
    return None if text in _NULLS else text


def _split_key(line: _Line) -> tuple[str, str] | None:
    """Return the key of a "key: value" line and the text of its value, None for other lines."""
    text = line.text
    if text[0] in "\"'":
        match = _QUOTED.match(text)
        if match is None:
            raise _RefusedError(line.number, "a quote does not end on its line")
        rest = text[match.end() :].lstrip()
        if not rest.startswith(":") or rest[1:2] not in {"", " ", "\t"}:
            return None
        return _unquote(match), rest[1:].strip()
    if text[0] in "[{":
        return None
    end = text.find(": ")
    if end < 0:
        end = text.find(":\t")
    if end < 0:
        end = len(text) - 1 if text.endswith(":") else -1
    if end < 0:
        return None
    return _plain(text[:end].rstrip(), line.number) or "", text[end + 1 :].strip()


class _Parser:
    def __init__(self, lines: list[_Line]) -> None:
        self._lines = lines
        self._at = 0

    def finish(self) -> None:
        if self._at < len(self._lines):
            line = self._lines[self._at]
            raise _RefusedError(line.number, "an unexpected indentation")

    def block(self, depth: int) -> Node:
        """Return the collection or scalar that begins at the present line."""
        line = self._lines[self._at]
        if depth > DEPTH_MAX:
            raise _RefusedError(line.number, f"more than {DEPTH_MAX} levels")
        if _is_item(line.text):
            return self._sequence(line.indent, depth)
        if _split_key(line) is not None:
            return self._mapping(line.indent, depth)
        return self._inline(line.text, line, depth)

    def _next(self) -> _Line | None:
        return self._lines[self._at] if self._at < len(self._lines) else None

    def _mapping(self, indent: int, depth: int) -> Node:
        start = self._lines[self._at].number
        pairs: dict[str, Node] = {}
        while (line := self._next()) and line.indent == indent and not _is_item(line.text):
            split = _split_key(line)
            if split is None:
                raise _RefusedError(line.number, "a line of a mapping is no key and value")
            key, rest = split
            if rest:
                pairs[key] = self._inline(rest, line, depth)
                continue
            self._at += 1
            below = self._next()
            holds = below is not None and (
                below.indent > indent or (below.indent == indent and _is_item(below.text))
            )
            pairs[key] = self.block(depth + 1) if holds else Node(line.number, None)
            # The key's own line is where a person looks for it.
            pairs[key] = pairs[key]._replace(line=line.number)
        return Node(start, pairs)

    def _sequence(self, indent: int, depth: int) -> Node:
        start = self._lines[self._at].number
        items: list[Node] = []
        while (line := self._next()) and line.indent == indent and _is_item(line.text):
            rest = line.text[1:].lstrip()
            if rest:
                inner = indent + len(line.text) - len(rest)
                self._lines[self._at] = _Line(line.number, inner, rest)
                items.append(self.block(depth + 1))
                continue
            self._at += 1
            below = self._next()
            holds = below is not None and below.indent > indent
            items.append(self.block(depth + 1) if holds else Node(line.number, None))
        return Node(start, items)

    def _inline(self, text: str, line: _Line, depth: int) -> Node:
        """Return the scalar or flow collection that `text`, the rest of the line, holds."""
        self._at += 1
        if text[0] in "[{":
            parts = [text]
            nesting = _nesting(text)
            while nesting > 0 and (more := self._next()):
                parts.append(more.text)
                nesting += _nesting(more.text)
                self._at += 1
            return _Flow(" ".join(parts), line.number).whole(depth)
        if text[0] in "\"'":
            match = _QUOTED.match(text)
            if match is None or match.end() != len(text):
                raise _RefusedError(line.number, "a quote does not end on its line")
            return Node(line.number, _unquote(match))
        value = _plain(text, line.number)
        below = self._next()
        if below is not None and below.indent > line.indent:
            raise _RefusedError(below.number, "a plain value goes on in a further line")
        return Node(line.number, value)


def _is_item(text: str) -> bool:
    return text == "-" or text.startswith(("- ", "-\t"))


# A quote that does not end takes the rest, so that the scan stays linear.
_QUOTED_OR_CUT = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)|\'[^\']*(?:\'|\Z)')


def _nesting(text: str) -> int:
    """Return how many more collections a line opens than it closes."""
    bare = _QUOTED_OR_CUT.sub("", text)
    return bare.count("[") + bare.count("{") - bare.count("]") - bare.count("}")


_FLOW_PLAIN = re.compile(r"(?:[^,\[\]{}:]|:(?=[^\s,\[\]{}]))+")


class _Flow:
    """A flow collection on one (joined) line."""

    def __init__(self, text: str, line: int) -> None:
        self._text = text
        self._line = line
        self._at = 0

    def whole(self, depth: int) -> Node:
        node = self._value(depth)
        self._skip()
        if self._at != len(self._text):
            raise _RefusedError(self._line, "something follows a flow collection")
        return node

    def _skip(self) -> str:
        """Step over spaces; return the character there, "" at the end."""
        while self._text[self._at : self._at + 1].isspace():
            self._at += 1
        return self._text[self._at : self._at + 1]

    def _value(self, depth: int) -> Node:
        char = self._skip()
        if depth > DEPTH_MAX:
            raise _RefusedError(self._line, f"more than {DEPTH_MAX} levels")
        if char == "[":
            return self._sequence(depth)
        if char == "{":
            return self._mapping(depth)
        return Node(self._line, self._scalar())

    def _scalar(self) -> str | None:
        char = self._skip()
        if char and char in "\"'":
            match = _QUOTED.match(self._text, self._at)
            if match is None:
                raise _RefusedError(self._line, "a quote does not end")
            self._at = match.end()
            return _unquote(match)
        match = _FLOW_PLAIN.match(self._text, self._at)
        if match is None:
            return None
        self._at = match.end()
        return _plain(match[0].strip(), self._line)

    def _sequence(self, depth: int) -> Node:
        items: list[Node] = []
        self._at += 1
        while self._skip() != "]":
            items.append(self._value(depth + 1))
            self._separator("]")
        self._at += 1
        return Node(self._line, items)

    def _mapping(self, depth: int) -> Node:
        pairs: dict[str, Node] = {}
        self._at += 1
        while self._skip() != "}":
            key = self._scalar() or ""
            if self._skip() == ":":
                self._at += 1
                pairs[key] = self._value(depth + 1)
            else:
                pairs[key] = Node(self._line, None)
            self._separator("}")
        self._at += 1
        return Node(self._line, pairs)

    def _separator(self, closing: str) -> None:
        char = self._skip()
        if char == ",":
            self._at += 1
        elif char != closing:
            raise _RefusedError(self._line, f"a flow collection does not end with {closing}")


def merged(first: Node, second: Node) -> Node:
    """Return two documents as one: mappings joined, sequences chained, else the second.

    This is how netplan joins its files (netplan-generate(8)).
    """
    if isinstance(first.value, dict) and isinstance(second.value, dict):
        pairs = dict(first.value)
        for key, node in second.value.items():
            pairs[key] = merged(pairs[key], node) if key in pairs else node
        return Node(first.line, pairs)
    if isinstance(first.value, list) and isinstance(second.value, list):
        return Node(first.line, first.value + second.value)
    return second
