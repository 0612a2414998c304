import pytest

from strongroom.formats.guest.lines import Fault
from strongroom.formats.guest.yaml import Node, merged, parse_yaml

PLAIN: dict[str, object] = {
    "": None,
    "# only a comment\n": None,
    "---\na: 1\n...\nrest": {"a": "1"},
    "a: b": {"a": "b"},
    "a:": {"a": None},
    "a: ~": {"a": None},
    "a: ''": {"a": ""},
    "a: 'it''s'": {"a": "it's"},
    r'a: "t\tq\"\\\x41\u00e9\ud800"': {"a": 't\tq"\\Aé\ufffd'},
    "a: b # comment": {"a": "b"},
    "a: b#no": {"a": "b#no"},
    "a: '# no'": {"a": "# no"},
    'a: "# no" # yes': {"a": "# no"},
    "a: it's # it's": {"a": "it's"},
    "a:\n  b: c\n  d: e\nf: g": {"a": {"b": "c", "d": "e"}, "f": "g"},
    "a:\n- b\n- c\nd: e": {"a": ["b", "c"], "d": "e"},
    "a:\n  - b\n  -\n  - c": {"a": ["b", None, "c"]},
    "- a: 1\n  b: 2\n- c: 3": [{"a": "1", "b": "2"}, {"c": "3"}],
    "-\n  a: 1\n-\n  - x\n": [{"a": "1"}, ["x"]],
    "- - a\n  - b\n- c": [["a", "b"], "c"],
    "a: [b, c]": {"a": ["b", "c"]},
    "a: [ ]": {"a": []},
    "a: {}": {"a": {}},
    "a: {b: c, d: [e, {f: g}], h}": {"a": {"b": "c", "d": ["e", {"f": "g"}], "h": None}},
    "a: [b,\n    c, # comment\n  d]\ne: f": {"a": ["b", "c", "d"], "e": "f"},
    "a: ['x, y', \"[z]\"]": {"a": ["x, y", "[z]"]},
    "a: [2001:db8::1/64, ::1]": {"a": ["2001:db8::1/64", "::1"]},
    "mac: 00:11:22:33:44:55": {"mac": "00:11:22:33:44:55"},
    "\"quoted key\": 1\n'other': 2": {"quoted key": "1", "other": "2"},
    '"quoted" : 1': {"quoted": "1"},
    "hello": "hello",
    "'a: b'": "a: b",
    "[a]": ["a"],
    "a:\tb": {"a": "b"},
    "a: 1\r\nb: 2\r\n": {"a": "1", "b": "2"},
    "a: [,]": {"a": [None]},
    "a: - b": {"a": "- b"},
}


def _plain(node: Node) -> object:
    if isinstance(node.value, dict):
        return {key: _plain(below) for key, below in node.value.items()}
    if isinstance(node.value, list):
        return [_plain(below) for below in node.value]
    return node.value


@pytest.mark.parametrize("text", PLAIN)
def test_a_document_of_the_subset_is_read(text: str):
    node = parse_yaml(text)

    assert isinstance(node, Node), node
    assert _plain(node) == PLAIN[text]


REFUSED = {
    "a: &anchor b": 1,
    "a: *alias": 1,
    "a: !tag b": 1,
    "a: |\n  text": 1,
    "a: >-\n  text": 1,
    "a: @b": 1,
    "a: b\n---\nc: d": 2,
    "\ta: b": 1,
    "a: b\n   c: d": 2,
    "a: b\n  more": 2,
    "a: 'open": 1,
    "'open: b": 1,
    "a: 'b' c": 1,
    "a: b\nc": 2,
    "a: [b": 1,
    "a: [b}": 1,
    "a: {b: c]": 1,
    "a: [b] c": 1,
    "a: ['b]": 1,
    "  a: b\nc: d": 2,
    "[" * 40 + "]" * 40: 1,
    "- " * 40 + "a": 1,
    "a: 1\n" + "x" * (1 << 20): None,
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:20])
def test_what_is_beyond_the_subset_is_refused_with_its_line(text: str):
    fault = parse_yaml(text)

    assert isinstance(fault, Fault)
    assert fault.line == REFUSED[text]


def test_no_fault_repeats_a_value():
    for text in ("password: |hunter2", "password: 'hunter2", "password:\n  a\n hunter2: b"):
        fault = parse_yaml(text)
        assert isinstance(fault, Fault)
        assert "hunter2" not in fault.message


def test_nodes_know_their_lines():
    root = parse_yaml("a:\n\n  b: 1\n  # x\n  c:\n    - d\n")

    assert isinstance(root, Node)
    assert root.get("a").line == 1
    assert root.get("a").get("b").line == 3
    assert root.get("a").get("c").line == 5
    assert root.get("a").get("c").each()[0].line == 6


def test_asking_a_scalar_for_more_gives_nothing():
    node = Node(1, "text")

    assert (node.get("a").value, node.items(), node.each()) == (None, [], [])
    assert Node(1, []).text() == ""


def test_two_documents_merge_as_netplan_does():
    one, two = (
        parse_yaml("a: {b: 1, c: [x]}\nd: 1"),
        parse_yaml("a: {b: 2, c: [y], e: 3}\nd: {f: 1}"),
    )

    assert isinstance(one, Node)
    assert isinstance(two, Node)
    assert _plain(merged(one, two)) == {"a": {"b": "2", "c": ["x", "y"], "e": "3"}, "d": {"f": "1"}}
