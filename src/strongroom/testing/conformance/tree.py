"""What every Tree keeps, whatever it stands on."""

from collections.abc import Mapping

import pytest

from strongroom.base.errors import NotFound, Usage
from strongroom.base.tree import Node, Tree, join, read_file, resolve, walk

NOT_UTF8 = "latin-\udcfc"
SAMPLE: Mapping[str, Node] = {
    "/etc/hostname": Node(b"sandbox\n", mode=0o644, mtime_ns=1_500_000_000_000_000_000),
    "/etc/shadow": Node(b"root:*:1::::::\n", mode=0o640),
    "/etc/mtab": Node(target="/proc/mounts"),
    "/etc/alias": Node(target="hostname"),
    "/bin": Node(target="usr/bin"),
    "/usr/bin/env": Node(b"\x7fELF" + bytes(range(256)) * 40, mode=0o4755),
    "/usr/share/empty": Node(mode=0o711),
    "/usr/share/zero": Node(b""),
    "/usr/up": Node(target="../../../etc"),
    "/loop/a": Node(target="b"),
    "/loop/b": Node(target="/loop/a"),
    "/loop/self": Node(target="self/x"),
    "/loop/dangling": Node(target="/nowhere"),
    "/names/with space": Node(b"1"),
    "/names/line\nfeed": Node(b"2"),
    "/names/ünï": Node(b"3"),
    f"/names/{NOT_UTF8}": Node(b"4"),
    "/names/..hidden": Node(b"5"),
    f"/names/{'n' * 255}": Node(b"6"),
}
"""What the tree under test holds, at least: files with content and mode, links, directories."""

FILES = sorted(path for path, node in SAMPLE.items() if node.kind == "file")
LINKS = sorted(path for path, node in SAMPLE.items() if node.kind == "link")
MISSING = [
    "/nothing",
    "/etc/nothing",
    "/etc/nothing/below",
    "/etc/hostname/below",
    "/etc/hostname/below/that",
    "/etc/mtab/below",
    "/etc/hostnam",
    "/etc/hostname2",
    "/names/\ud800",
    "/ETC",
]
RESOLVED = [
    ("/", "/"),
    ("/etc/hostname", "/etc/hostname"),
    ("/etc/alias", "/etc/hostname"),
    ("/bin/env", "/usr/bin/env"),
    ("/bin", "/usr/bin"),
    ("/usr/up/hostname", "/etc/hostname"),
    ("/usr/up/alias", "/etc/hostname"),
    ("/etc/../etc/./alias", "/etc/hostname"),
    ("/bin/../share/zero", "/usr/share/zero"),
    ("/../../etc//hostname", "/etc/hostname"),
]
UNRESOLVED = ["/etc/mtab", "/loop/a", "/loop/b", "/loop/self", "/loop/dangling", "/bin/nothing"]


class TreeConformance:
    """The suite: a subclass named Test... gives the fixture `tree`, which holds SAMPLE."""

    @pytest.fixture
    def tree(self) -> Tree:
        """Return a Tree that holds SAMPLE."""
        pytest.fail("the subclass of a suite gives this fixture")

    @pytest.mark.parametrize("path", SAMPLE)
    def test_stat_tells_what_was_stored(self, tree: Tree, path: str) -> None:
        node, stat = SAMPLE[path], tree.stat(path)
        assert stat.kind == node.kind
        if node.kind != "link":
            assert stat.mode == node.mode
        if isinstance(node.content, bytes):
            assert stat.size == len(node.content)
            assert stat.mtime_ns == node.mtime_ns
        if node.target is not None:
            assert stat.size == len(node.target)

    def test_the_root_is_a_directory(self, tree: Tree) -> None:
        assert tree.stat("/").kind == "dir"

    @pytest.mark.parametrize("path", FILES)
    def test_open_gives_the_content(self, tree: Tree, path: str) -> None:
        content = SAMPLE[path].content
        assert isinstance(content, bytes)
        source = tree.open(path)
        assert source.size == len(content)
        assert source.read_at(0, source.size) == content
        assert source.read_at(3, 5) == content[3:8]
        assert source.read_at(source.size, 10) == b""

    @pytest.mark.parametrize("path", LINKS)
    def test_readlink_gives_the_target_as_stored(self, tree: Tree, path: str) -> None:
        assert tree.readlink(path) == SAMPLE[path].target

    def test_scandir_yields_each_name_with_its_kind_and_inode(self, tree: Tree) -> None:
        for directory in ("/", "/etc", "/names", "/loop", "/usr/share"):
            entries = list(tree.scandir(directory))
            names = [entry.name for entry in entries]
            assert len(set(names)) == len(names)
            assert not {".", ".."} & set(names)
            expected = {
                path[len(join(directory, "")) :].partition("/")[0]
                for path in SAMPLE
                if path.startswith(join(directory, ""))
            }
            assert expected <= set(names)
            for entry in entries:
                stat = tree.stat(join(directory, entry.name))
                assert (entry.kind, entry.ino) == (stat.kind, stat.ino)

    def test_an_empty_directory_has_no_entries(self, tree: Tree) -> None:
        assert list(tree.scandir("/usr/share/empty")) == []

    @pytest.mark.parametrize("path", MISSING)
    def test_what_is_missing_is_not_found(self, tree: Tree, path: str) -> None:
        for ask in (tree.stat, tree.open, tree.readlink, tree.xattrs):
            with pytest.raises(NotFound):
                ask(path)
        with pytest.raises(NotFound):
            list(tree.scandir(path))

    def test_only_a_directory_has_entries(self, tree: Tree) -> None:
        for path in ("/etc/hostname", "/etc/mtab", "/bin"):
            with pytest.raises(NotFound):
                list(tree.scandir(path))

    def test_only_a_regular_file_opens_and_only_a_link_has_a_target(self, tree: Tree) -> None:
        for path in ("/", "/etc", "/etc/mtab"):
            with pytest.raises(Usage):
                tree.open(path)
        for path in ("/", "/etc", "/etc/hostname"):
            with pytest.raises(Usage):
                tree.readlink(path)

    def test_attributes_are_a_mapping_of_bytes(self, tree: Tree) -> None:
        for path in ("/", "/etc/hostname", "/etc/mtab"):
            for name, value in tree.xattrs(path).items():
                assert isinstance(name, str)
                assert isinstance(value, bytes)

    @pytest.mark.parametrize(("path", "expected"), RESOLVED)
    def test_links_resolve_inside_the_tree(self, tree: Tree, path: str, expected: str) -> None:
        assert resolve(tree, path) == expected

    @pytest.mark.parametrize("path", UNRESOLVED)
    def test_links_that_lead_nowhere_are_not_found(self, tree: Tree, path: str) -> None:
        with pytest.raises(NotFound):
            tree.stat(resolve(tree, path))
        assert resolve(tree, path, follow_last=False)

    def test_a_file_is_read_through_its_links(self, tree: Tree) -> None:
        assert read_file(tree, "/usr/up/alias", size_max=100) == b"sandbox\n"

    def test_walk_equals_scandir_and_stat_all_the_way_down(self, tree: Tree) -> None:
        for top in ("/", "/usr", "/usr/share/empty"):
            walked = list(walk(tree, top))
            expected = {}
            todo = [top]
            while todo:
                directory = todo.pop()
                for entry in tree.scandir(directory):
                    path = join(directory, entry.name)
                    expected[path] = tree.stat(path)
                    if entry.kind == "dir":
                        todo.append(path)
            assert dict(walked) == expected
            assert len(walked) == len(expected)

    def test_walk_yields_each_directory_before_its_content(self, tree: Tree) -> None:
        seen = {"/"}
        for path, _ in walk(tree, "/"):
            assert (path.rpartition("/")[0] or "/") in seen
            seen.add(path)

    def test_walk_of_what_is_no_directory_is_not_found(self, tree: Tree) -> None:
        for path in ("/nothing", "/etc/hostname"):
            with pytest.raises(NotFound):
                list(walk(tree, path))
