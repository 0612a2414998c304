import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.base.errors import Corrupt, Exhausted, NotFound, Usage
from strongroom.base.source import Memory
from strongroom.base.tree import (
    WALK_DEPTH_MAX,
    Entry,
    Merged,
    Node,
    Stat,
    Subtree,
    Virtual,
    basename,
    join,
    normalise,
    parent,
    read_file,
    resolve,
    walk,
)
from strongroom.testing.conformance.tree import SAMPLE, TreeConformance

DIRECTORIES = {path: node for path, node in SAMPLE.items() if node.kind == "dir"}


class TestVirtual(TreeConformance):
    @pytest.fixture
    def tree(self):
        return Virtual(SAMPLE)


class TestSubtree(TreeConformance):
    @pytest.fixture
    def tree(self):
        below = {f"/srv/root{path}": node for path, node in SAMPLE.items()}
        return Subtree(Virtual({**below, "/outside": b"secret"}), "/srv/root")


class TestSubtreeOfTheRoot(TreeConformance):
    @pytest.fixture
    def tree(self):
        return Subtree(Virtual(SAMPLE), "/")


class TestMerged(TreeConformance):
    """The sample cut into three file systems; the root one lacks a mount point."""

    @pytest.fixture
    def tree(self):
        def part(prefix):
            return {
                path[len(prefix) :]: node
                for path, node in SAMPLE.items()
                if path.startswith(prefix + "/")
            }

        root = {
            path: node for path, node in SAMPLE.items() if not path.startswith(("/usr/", "/loop/"))
        }
        usr = {path: node for path, node in part("/usr").items() if not path.startswith("/share/")}
        hidden = {"/usr/hidden": b"under the mount", "/usr/bin/env": b"an older one"}
        return Merged(
            {
                "/": Virtual({**root, **hidden}),
                "/usr": Virtual({**usr, "/share": Node(mode=0o700)}),
                "/usr/share": Virtual(part("/usr/share")),
                "/loop": Virtual(part("/loop")),
            }
        )


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("", "/"),
        ("/", "/"),
        ("a", "/a"),
        ("/a/", "/a"),
        ("//a//b", "/a/b"),
        ("/a/./b/../c", "/a/c"),
        ("/../..", "/"),
        ("/a/../..", "/"),
        ("/...", "/..."),
    ],
)
def test_a_path_is_normalised_by_name(path, expected):
    assert normalise(path) == expected


@given(st.text(alphabet="ab./", max_size=30))
def test_normalising_twice_changes_nothing(path):
    once = normalise(path)
    assert normalise(once) == once
    assert once.startswith("/")
    assert not {".", ".."} & set(once.split("/"))


@given(st.lists(st.sampled_from(["a", "b", "c d", ".x"]), min_size=1, max_size=5))
def test_a_path_comes_apart_as_it_was_joined(parts):
    path = "/"
    for part in parts:
        joined = join(path, part)
        assert (parent(joined), basename(joined)) == (path, part)
        path = joined


def test_the_root_holds_itself():
    assert (parent("/"), basename("/")) == ("/", "")


def test_a_virtual_tree_makes_parent_directories_and_keeps_given_ones():
    tree = Virtual({"/a/b/c": b"1", "/a": Node(mode=0o700, uid=5), "/": Node(mode=0o711)})
    assert tree.stat("/a") == tree.stat("/a")._replace(kind="dir", mode=0o700, uid=5)
    assert tree.stat("/a/b").mode == 0o755
    assert tree.stat("/").mode == 0o711
    assert [entry.name for entry in tree.scandir("/")] == ["a"]


def test_a_virtual_tree_serves_sources_and_attributes():
    tree = Virtual({"/disk": Memory(b"12345"), "/f": Node(b"x", xattrs={"user.a": b"1"})})
    assert tree.stat("/disk").size == 5
    assert tree.open("/disk").read_at(1, 2) == b"23"
    assert tree.xattrs("/f") == {"user.a": b"1"}
    assert tree.xattrs("/disk") == {}


def test_a_loop_has_its_own_reason():
    tree = Virtual({"/a": Node(target="/b"), "/b": Node(target="a")})
    with pytest.raises(NotFound) as caught:
        resolve(tree, "/a")
    assert caught.value.code == "not_found.loop"


def test_forty_links_are_followed_and_no_more():
    def chain(length):
        links = {f"/l{n}": Node(target=f"l{n + 1}") for n in range(length)}
        return Virtual({**links, f"/l{length}": b"end"})

    assert resolve(chain(40), "/l0") == "/l40"
    with pytest.raises(NotFound, match="more than 40"):
        resolve(chain(41), "/l0")


def test_a_link_inside_a_target_is_resolved_with_its_dots():
    tree = Virtual({"/a/b/f": b"1", "/l": Node(target="./a/./b/../b/f"), "/m": Node(target="/")})
    assert resolve(tree, "/l") == "/a/b/f"
    assert resolve(tree, "/m/l") == "/a/b/f"
    assert resolve(tree, "/m", follow_last=False) == "/m"


def test_a_file_over_the_limit_is_not_read():
    tree = Virtual({"/f": b"12345"})
    assert read_file(tree, "/f", size_max=5) == b"12345"
    with pytest.raises(Exhausted):
        read_file(tree, "/f", size_max=4)


class Damaged(Virtual):
    """A tree in which one file cannot be read and one name leads nowhere."""

    def stat(self, path):
        if path == "/d/bad":
            raise Corrupt("ext", 0, "bad inode")
        return super().stat(path)

    def scandir(self, path):
        yield from super().scandir(path)
        if path == "/d":
            yield Entry("gone", "file", 99)


def test_walk_leaves_out_what_cannot_be_read():
    tree = Damaged({"/d/bad": b"1", "/d/good": b"2", "/e": b"3"})
    assert [path for path, _ in walk(tree)] == ["/d", "/d/good", "/e"]


class Endless(Virtual):
    """A directory that holds itself."""

    def stat(self, path):
        return Stat("dir", 0o755, 0, 0, 0, 2, 2, 0)

    def scandir(self, path):
        yield Entry("again", "dir", 2)


def test_walk_ends_in_a_directory_that_holds_itself():
    steps = walk(Endless({}))
    for _ in range(WALK_DEPTH_MAX):
        next(steps)
    with pytest.raises(Exhausted):
        next(steps)


def test_a_subtree_walks_from_its_own_root():
    tree = Subtree(Virtual({"/a/b/c": b"1", "/x": b"2"}), "/a")
    assert [path for path, _ in walk(tree)] == ["/b", "/b/c"]
    assert [path for path, _ in walk(tree, "/b")] == ["/b/c"]


def test_a_merged_tree_needs_a_root():
    with pytest.raises(Usage):
        Merged({"/usr": Virtual({})})


def test_a_mount_hides_what_is_below_its_point():
    tree = Merged({"/": Virtual({"/mnt/old": b"1"}), "/mnt": Virtual({"/new": b"2"})})
    assert [path for path, _ in walk(tree)] == ["/mnt", "/mnt/new"]
    with pytest.raises(NotFound):
        tree.stat("/mnt/old")


def test_mount_points_that_the_tree_lacks_appear():
    disk = Virtual({"/f": b"1"})
    tree = Merged({"/": Virtual({"/etc/x": b""}), "/a/b/c": disk, "/etc/y": disk})
    assert tree.stat("/a/b").kind == "dir"
    assert [entry.name for entry in tree.scandir("/a")] == ["b"]
    assert {entry.name for entry in tree.scandir("/etc")} == {"x", "y"}
    assert tree.open("/a/b/c/f").size == 1
    assert tree.xattrs("/a/b/c/f") == {}
    assert tree.xattrs("/a/b") == {}
    for ask in (tree.open, tree.readlink):
        with pytest.raises(Usage):
            ask("/a/b")
    with pytest.raises(NotFound):
        list(tree.scandir("/b"))
    with pytest.raises(NotFound):
        tree.stat("relative")
    assert [path for path, _ in walk(tree)] == [
        *("/etc", "/etc/x"),
        *("/etc/y", "/etc/y/f"),
        *("/a", "/a/b", "/a/b/c", "/a/b/c/f"),
    ]
    assert [path for path, _ in walk(tree, "/a")] == ["/a/b", "/a/b/c", "/a/b/c/f"]


def test_mount_points_that_share_missing_directories_have_them_once():
    disk = Virtual({"/f": b"1"})
    tree = Merged({"/": Virtual({}), "/a/b/c": disk, "/a/b/d": disk, "/a/b/c/e": disk})
    paths = [path for path, _ in walk(tree)]
    assert len(set(paths)) == len(paths)
    assert {"/a", "/a/b", "/a/b/c/f", "/a/b/c/e/f", "/a/b/d/f"} <= set(paths)


def test_a_mounted_root_stands_for_its_point():
    root = Virtual({"/mnt": Node(mode=0o700), "/f": b""})
    tree = Merged({"/": root, "/mnt": Virtual({"/": Node(mode=0o711), "/g": b""})})
    assert dict(walk(tree))["/mnt"].mode == 0o711
    assert {entry.name: entry.ino for entry in tree.scandir("/")}["/mnt"[1:]] == 2


def test_the_mount_table_is_longest_first_and_located_by_it():
    root, usr, share = Virtual({}), Virtual({}), Virtual({})
    tree = Merged({"/": root, "/usr": usr, "/usr/share": share})
    assert [mount.point for mount in tree.mounts] == ["/usr/share", "/usr", "/"]
    for path, holder, inner in (
        ("/usr/share/doc", share, "/doc"),
        ("/usr/share", share, "/"),
        ("/usr/shared", usr, "/shared"),
        ("/usrx", root, "/usrx"),
        ("/", root, "/"),
    ):
        mount, found = tree.locate(path)
        assert mount.tree is holder
        assert found == inner
