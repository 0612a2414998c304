"""extract and tar-out: what comes out is what went in, and nothing lands outside the folder."""

import io
import os
import resource
import stat as stat_module
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from strongroom.apps.guest.export import (
    Choices,
    Extracted,
    Extraction,
    Skipped,
    _extract_tree,
    _Work,
)
from strongroom.apps.guest.guest import Guest
from strongroom.apps.guest.place import Place
from strongroom.apps.guest.tarstream import archive
from strongroom.base.errors import Conflict, Corrupt, Denied, NotFound, Unavailable, Usage
from strongroom.base.locator import Locator
from strongroom.base.record import Finding
from strongroom.base.source import Extent
from strongroom.base.tree import Entry, Node, Stat, Tree, Virtual
from strongroom.kernel.call import Context
from strongroom.kernel.op import Effect
from strongroom.kernel.principal import Grant
from strongroom.kernel.session import Progress
from strongroom.testing.folders import make_folder
from strongroom.testing.session import guest_context
from strongroom.testing.tools import need

ROOT = os.geteuid() == 0
BAD = "/home/not-utf8-\udcff\udcfe"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("export") / "root")


@pytest.fixture
def ctx(tmp_path: Path) -> Context:
    return guest_context(tmp_path / "home")


def extract(ctx: Context, disk: Path, path: str, dest: Path, **flags: Any) -> list[Any]:
    return list(ctx.call("guest.extract", disk=str(disk), path=path, dest=dest, **flags))


def facts(root: Path, *, owners: bool = False) -> dict[bytes, tuple[Any, ...]]:
    """Return what is to be kept of everything below a folder, by its name's bytes."""
    found: dict[bytes, tuple[Any, ...]] = {}
    top = os.fsencode(root)
    first_names: dict[int, bytes] = {}
    for above, directories, files in os.walk(top):
        directories.sort()  # a link's first name is the same on every file system of the host
        for name in sorted([*directories, *files]):
            here = os.path.join(above, name)
            s = os.lstat(here)
            kind = stat_module.S_IFMT(s.st_mode)
            if kind not in (stat_module.S_IFREG, stat_module.S_IFDIR, stat_module.S_IFLNK):
                continue
            mode = 0 if kind == stat_module.S_IFLNK else s.st_mode & (0o7777 if owners else 0o755)
            content: Any = os.readlink(here) if kind == stat_module.S_IFLNK else None
            if kind == stat_module.S_IFREG:
                with open(here, "rb") as file:
                    content = file.read()
            relative = os.path.relpath(here, top)
            first = first_names.setdefault(s.st_ino, relative) if s.st_nlink > 1 else None
            link = first if kind == stat_module.S_IFREG else None
            owner = (s.st_uid, s.st_gid) if owners else None
            found[relative] = (kind, mode, s.st_mtime_ns, content, link, owner)
    return found


@pytest.fixture(autouse=True)
def _umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def files(root: Path) -> dict[bytes, tuple[Any, ...]]:
    """Return the facts of all but directories: one that is there already keeps its own."""
    return {name: row for name, row in facts(root).items() if not stat_module.S_ISDIR(row[0])}


def test_a_whole_tree_comes_out_as_it_went_in(ctx: Context, folder: Path, tmp_path: Path):
    records = extract(ctx, folder, "/", tmp_path / "out")
    assert facts(tmp_path / "out") == facts(folder)
    summary = records[-1]
    assert isinstance(summary, Extraction)
    assert summary.files == sum(stat_module.S_ISREG(f[0]) for f in facts(folder).values())
    assert summary.links == sum(stat_module.S_ISLNK(f[0]) for f in facts(folder).values())
    assert [r.path for r in records if isinstance(r, Skipped)] == (
        ["/disk", "/null", "/pipe", "/socket"] if ROOT else ["/pipe", "/socket"]
    )
    assert not [r for r in records if isinstance(r, Finding)]


def test_preserve_keeps_owners_and_powerful_bits(ctx: Context, folder: Path, tmp_path: Path):
    extract(ctx, folder, "/", tmp_path / "out", preserve=True)
    assert facts(tmp_path / "out", owners=True) == facts(folder, owners=True)


def test_setuid_is_dropped_and_the_umask_holds(ctx: Context, folder: Path, tmp_path: Path):
    os.umask(0o027)
    extract(ctx, folder, "/binary", tmp_path)
    extract(ctx, folder, "/same", tmp_path)
    assert stat_module.S_IMODE((tmp_path / "binary").stat().st_mode) == 0o750
    assert stat_module.S_IMODE((tmp_path / "same").stat().st_mode) == 0o750
    assert stat_module.S_IMODE((tmp_path / "same/two").stat().st_mode) == 0o440


def test_holes_stay_holes(ctx: Context, folder: Path, tmp_path: Path):
    extract(ctx, folder, "/sparse", tmp_path)
    assert (tmp_path / "sparse").read_bytes() == (folder / "sparse").read_bytes()
    assert (tmp_path / "sparse").stat().st_blocks * 512 < 1 << 20


def test_xattrs_are_kept_only_when_asked_for(ctx: Context, tmp_path: Path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "f").write_bytes(b"")
    try:
        os.setxattr(source / "f", "user.note", b"\xff\0x")
    except OSError:
        pytest.skip("this file system keeps no user attributes")
    extract(ctx, source, "/", tmp_path / "without")
    extract(ctx, source, "/", tmp_path / "with", xattrs=True)
    assert os.listxattr(tmp_path / "without/f") == []
    assert os.getxattr(tmp_path / "with/f", "user.note") == b"\xff\0x"


def test_where_things_land(ctx: Context, folder: Path, tmp_path: Path):
    (tmp_path / "there").mkdir()
    for path, dest, expected in (
        ("/etc/hostname", "there", "there/hostname"),
        ("/etc/hostname", "new-name", "new-name"),
        ("/to-file", "there", "there/to-file"),
        ("/etc", "there", "there/etc"),
        ("/etc", "renamed", "renamed"),
        ("/to-dir", "there", "there/to-dir"),
        ("/home/a", "there/", "there/a"),
        ("/same/", "trailing/", "trailing"),
    ):
        records = extract(ctx, folder, path, Path(f"{tmp_path}/{dest}"))
        assert records[0].dest.rstrip("/") == str(tmp_path / expected)
        assert (tmp_path / expected).exists()
        assert not (tmp_path / expected).is_symlink()


def test_what_is_there_already_is_a_conflict(ctx: Context, folder: Path, tmp_path: Path):
    (tmp_path / "hostname").write_text("mine")
    with pytest.raises(Conflict) as caught:
        extract(ctx, folder, "/etc/hostname", tmp_path)
    assert "--force" in (caught.value.hint or "")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("mine")
    with pytest.raises(Conflict):
        extract(ctx, folder, "/etc", tmp_path)
    assert (tmp_path / "hostname").read_text() == (tmp_path / "etc/passwd").read_text() == "mine"
    assert sorted(os.listdir(tmp_path / "etc")) == [
        ".secret",
        "hostname",
        "hostname.hard",
        "passwd",
    ]


def test_force_replaces_files_and_links_but_no_directory(
    ctx: Context, folder: Path, tmp_path: Path
):
    victim = tmp_path / "victim"
    victim.write_text("safe")
    out = tmp_path / "out"
    (out / "etc").mkdir(parents=True)
    (out / "etc/passwd").symlink_to(victim)
    (out / "etc/hostname").write_text("old")
    (out / "same").symlink_to(tmp_path)
    (out / "to-file").write_text("in the way of a link")
    extract(ctx, folder, "/", out, force=True)
    assert files(out) == files(folder)
    assert not (out / "same").is_symlink()
    assert victim.read_text() == "safe"
    (tmp_path / "second/etc/passwd/full").mkdir(parents=True)
    with pytest.raises(Conflict):
        extract(ctx, folder, "/", tmp_path / "second", force=True)


def test_a_second_extraction_with_force_gives_the_same(ctx: Context, folder: Path, tmp_path: Path):
    for _ in range(2):
        extract(ctx, folder, "/", tmp_path, force=True)
    assert {name: files(tmp_path)[name] for name in files(folder)} == files(folder)


def test_a_link_in_the_way_is_not_entered(ctx: Context, folder: Path, tmp_path: Path):
    outside = tmp_path / "outside"
    outside.mkdir()
    out = tmp_path / "out"
    out.mkdir()
    (out / "etc").symlink_to(outside)
    with pytest.raises(Conflict):
        extract(ctx, folder, "/", out)
    assert os.listdir(outside) == []


class Doubled:
    """A hostile tree: in each directory every name comes twice, and odd ones besides."""

    def __init__(self, base: Tree, more: tuple[str, ...] = ()) -> None:
        self._base = base
        self._more = more

    def stat(self, path: str, /) -> Stat:
        return self._base.stat(path)

    def scandir(self, path: str, /) -> Iterator[Entry]:
        for entry in self._base.scandir(path):
            yield entry
            yield entry
        for name in self._more:
            yield Entry(name, "file", 99)

    def open(self, path: str, /) -> Any:
        return self._base.open(path)

    def readlink(self, path: str, /) -> str:
        return self._base.readlink(path)

    def xattrs(self, path: str, /) -> Any:
        return self._base.xattrs(path)


class LinkThenDirectory(Doubled):
    """`/evil` is a link to a host folder, and a directory as well, as a damaged disk may say."""

    def __init__(self, target: str) -> None:
        super().__init__(Virtual({"/evil": Node(target=target), "/ok": b"fine"}))

    def walk(self, path: str, /) -> Iterator[tuple[str, Stat]]:
        raise AssertionError("an extraction walks in order")

    def stat(self, path: str, /) -> Stat:
        if path == "/evil/passwd":
            return Stat("file", 0o644, 0, 0, 4, 50, 1, 0)
        return super().stat(path)

    def scandir(self, path: str, /) -> Iterator[Entry]:
        if path == "/evil":
            yield Entry("passwd", "file", 50)
        else:
            yield from super().scandir(path)
            yield Entry("evil", "dir", 51)


def spot_of(tree: Tree, path: str = "/") -> Place:
    return Place(tree, path, Guest(tree, lambda inner: Locator("virtual") / inner), None)


def extract_virtual(ctx: Context, tree: Tree, dest: Path) -> tuple[list[Any], list[Finding]]:
    spot = spot_of(tree)
    work = _Work(ctx, spot, Choices(force=False, preserve=False, xattrs=True))
    return list(_extract_tree(work, "/", str(dest), b"")), spot.guest.problems


def test_names_that_lead_elsewhere_are_reported_and_not_written(ctx: Context, tmp_path: Path):
    names = ("..", ".", "", "../escape", "/abs", "a/b", "nul\0byte")
    tree = Doubled(Virtual({"/d/file": b"x"}), names)
    _, problems = extract_virtual(ctx, tree, tmp_path / "out")
    assert sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*")) == [
        "out",
        "out/d",
        "out/d/file",
    ]
    assert {p.rule for p in problems} == {
        "problem.corrupt.tree.name",
        "problem.corrupt.tree.twice",
    }


def test_a_link_with_entries_below_it_does_not_lead_out(ctx: Context, tmp_path: Path):
    target = tmp_path / "host"
    target.mkdir()
    out = tmp_path / "out"
    extract_virtual(ctx, LinkThenDirectory(str(target)), out)
    assert os.listdir(target) == []
    assert sorted(os.listdir(out)) == ["evil", "ok"]


class Looping(Doubled):
    """A directory that holds itself."""

    def stat(self, path: str, /) -> Stat:
        return Stat("dir", 0o755, 0, 0, 0, 2, 2, 0)

    def scandir(self, path: str, /) -> Iterator[Entry]:
        yield Entry("again", "dir", 2)

    def xattrs(self, path: str, /) -> Any:
        return {}


def test_a_directory_in_itself_ends(ctx: Context, tmp_path: Path):
    records, problems = extract_virtual(ctx, Looping(Virtual({})), tmp_path / "out")
    assert len(records) == 3
    assert [p.rule for p in problems] == ["problem.corrupt.tree.loop"]


class Closed(Doubled):
    """A host folder with a directory that this user may not read."""

    def scandir(self, path: str, /) -> Iterator[Entry]:
        if path == "/closed":
            raise Denied("/closed may not be read by this user", reason="permission")
        yield from self._base.scandir(path)


def test_a_directory_that_may_not_be_read_is_reported_and_the_others_come(
    ctx: Context, tmp_path: Path
):
    tree = Closed(Virtual({"/closed/file": b"", "/open": b""}))
    _, problems = extract_virtual(ctx, tree, tmp_path / "out")
    assert [p.rule for p in problems] == ["problem.denied.permission"]
    assert sorted(os.listdir(tmp_path / "out")) == ["closed", "open"]


class Deep(Doubled):
    """Directories without end, each with an inode of its own."""

    def stat(self, path: str, /) -> Stat:
        return Stat("dir", 0o755, 0, 0, 0, len(path), 2, 0)

    def scandir(self, path: str, /) -> Iterator[Entry]:
        yield Entry("d", "dir", 0)


def test_directories_without_end_end(ctx: Context):
    spot = spot_of(Deep(Virtual({})))
    total = sum(len(piece) for piece in archive(ctx, spot, "/", xattrs=False, dense=False))
    assert total % 10240 == 0
    assert [p.rule for p in spot.guest.problems] == ["problem.exhausted"]


class Damaged:
    """A file that can be read up to a byte; `size` may be a lie."""

    def __init__(self, size: int, good: int) -> None:
        self.size = size
        self._good = good

    def read_at(self, offset: int, length: int, /) -> bytes:
        if offset + length > self._good:
            raise Corrupt("test", self._good, "damaged")
        return b"g" * length

    def extents(self, offset: int, length: int, /) -> Iterator[Extent]:
        yield Extent(offset, length, data=True)


def test_a_damaged_file_leaves_nothing_and_the_others_come(ctx: Context, tmp_path: Path):
    tree = Virtual({"/a": b"a", "/bad": Damaged(3 << 20, 2 << 20), "/c": b"c"})
    records, problems = extract_virtual(ctx, tree, tmp_path / "out")
    assert sorted(os.listdir(tmp_path / "out")) == ["a", "c"]
    assert [p.rule for p in problems] == ["problem.corrupt.test"]
    assert [r.path for r in records if isinstance(r, Skipped)] == ["/bad"]
    assert records[-1].files == 2


def test_an_interrupted_extraction_leaves_no_partial_file(
    ctx: Context, folder: Path, tmp_path: Path
):
    def interrupt(_: Progress) -> None:
        raise KeyboardInterrupt

    ctx.session.emit = interrupt
    with pytest.raises(KeyboardInterrupt):
        extract(ctx, folder, "/logs", tmp_path / "out")
    assert os.listdir(tmp_path / "out") == []


def test_a_caller_who_has_gone_stops_it_without_a_partial_file(
    ctx: Context, folder: Path, tmp_path: Path
):
    def leave(_: Progress) -> None:
        ctx.session.cancelled = True

    (tmp_path / "source").mkdir()
    (tmp_path / "source/big").write_bytes(os.urandom(3 << 20))
    ctx.session.emit = leave
    with pytest.raises(Unavailable):
        extract(ctx, tmp_path / "source", "/", tmp_path / "out")
    assert os.listdir(tmp_path / "out") == []


def test_a_size_that_no_host_can_hold_is_reported_and_the_others_come(ctx: Context, tmp_path: Path):
    class Huge(Damaged):
        def extents(self, offset: int, length: int, /) -> Iterator[Extent]:
            yield Extent(offset, length, data=False)

    tree = Virtual({"/huge": Huge(1 << 62, 0), "/small": b"x"})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 40, before[1]))  # a tmpfs would hold it
    try:
        _, problems = extract_virtual(ctx, tree, tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [p.rule for p in problems] == ["problem.unsupported.host.size"]
    assert os.listdir(tmp_path / "out") == ["small"]


def test_open_directories_are_closed(ctx: Context, folder: Path, tmp_path: Path):
    before = len(os.listdir("/proc/self/fd"))
    extract(ctx, folder, "/", tmp_path / "one")
    stream = ctx.call("guest.extract", disk=str(folder), path="/", dest=tmp_path / "two")
    for record in stream:
        if record.path == "/home/a/b/c/deep.txt":
            break
    stream.close()
    with pytest.raises(Conflict):
        extract(ctx, folder, "/", tmp_path / "two")
    assert len(os.listdir("/proc/self/fd")) <= before


def test_progress_reaches_the_whole(folder: Path, tmp_path: Path):
    progress: list[Progress] = []
    ctx = guest_context(tmp_path / "home", progress=progress)
    extract(ctx, folder, "/logs/app.log", tmp_path)
    assert progress[-1].done == progress[-1].total == (folder / "logs/app.log").stat().st_size


IMPOSSIBLE = [
    ("/missing", "out", NotFound),
    ("/pipe", "out", Usage),
    ("/etc/hostname", "no/such/folder", NotFound),
    ("/etc", "no/such/folder", NotFound),
    ("/etc/hostname", "file/below", Conflict),
]


def test_a_folder_is_not_copied_into_itself(ctx: Context, folder: Path):
    for path, dest in (("/", folder / "new"), ("/home", folder / "home/a"), ("/", folder)):
        with pytest.raises(Usage, match="inside"):
            extract(ctx, folder, path, dest)
    assert not (folder / "new").exists()


def test_what_cannot_be_done_is_one_of_the_nine(ctx: Context, folder: Path, tmp_path: Path):
    (tmp_path / "file").write_text("")
    for path, dest, error in IMPOSSIBLE:
        with pytest.raises(error):
            extract(ctx, folder, path, tmp_path / dest)


def test_extracting_takes_leave_to_write(folder: Path, tmp_path: Path):
    reader = Grant("*", Effect.READ)
    ctx = guest_context(tmp_path / "home", grants=(reader,))
    with pytest.raises(Denied):
        extract(ctx, folder, "/etc", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def tar_out(ctx: Context, disk: Path, path: str = "/", **flags: Any) -> bytes:
    pieces = list(ctx.call("guest.tar-out", disk=str(disk), path=path, **flags))
    return b"".join(piece for piece in pieces if isinstance(piece, bytes))


def gnu_tar(*words: str, content: bytes) -> str:
    need("tar")
    env = {"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin", "TZ": "UTC"}
    result = subprocess.run(
        ["tar", *words], input=content, env=env, capture_output=True, check=False
    )
    assert result.returncode == 0, result.stdout[:2000] + result.stderr[:2000]
    return result.stdout.decode("utf-8", "surrogateescape")


@pytest.mark.parametrize("dense", [False, True])
def test_tar_finds_no_difference_between_the_archive_and_the_folder(
    ctx: Context, folder: Path, *, dense: bool
):
    content = tar_out(ctx, folder, dense=dense)
    assert len(content) % 10240 == 0
    assert gnu_tar("--compare", "-f", "-", "-C", str(folder), content=content) == ""
    assert (len(content) < 8 << 20) == (not dense)


def test_tar_lists_each_name_once_in_order(ctx: Context, folder: Path):
    need("find")
    out = subprocess.run(
        ["find", ".", "!", "-type", "s", "-print0"], cwd=folder, capture_output=True, check=True
    )
    with tarfile.open(fileobj=io.BytesIO(tar_out(ctx, folder))) as tar:
        names = [os.fsencode(member.name) for member in tar]
    assert sorted(names) == sorted(out.stdout.split(b"\0")[:-1])
    listed = gnu_tar("-tvf", "-", "--numeric-owner", content=tar_out(ctx, folder, "/etc"))
    modes = [line.split()[0] for line in listed.splitlines()]
    assert modes == ["drwxr-xr-x", "-rw-r--r--", "-rw-r--r--", "hrw-r--r--", "-rw-r-----"]


def test_tar_unpacks_the_archive_to_the_same_tree(ctx: Context, folder: Path, tmp_path: Path):
    out = tmp_path / "out"
    out.mkdir()
    gnu_tar("-xpf", "-", "--numeric-owner", "-C", str(out), content=tar_out(ctx, folder))
    assert facts(out, owners=True) == facts(folder, owners=True)
    if ROOT:  # the folder has devices only then
        assert (out / "null").stat().st_rdev == (folder / "null").stat().st_rdev
    assert (out / "sparse").stat().st_blocks * 512 < 1 << 20


def test_python_reads_the_sparse_member_back(ctx: Context, folder: Path):
    with tarfile.open(fileobj=io.BytesIO(tar_out(ctx, folder))) as tar:
        member = tar.getmember("./sparse")
        assert member.issparse()
        file = tar.extractfile(member)
        assert file is not None
        assert file.read() == (folder / "sparse").read_bytes()


def test_one_file_is_an_archive_of_its_name(ctx: Context, folder: Path):
    content = tar_out(ctx, folder, "/etc/passwd")
    assert gnu_tar("-tf", "-", content=content) == "passwd\n"


def test_the_same_content_gives_the_same_bytes(ctx: Context, folder: Path):
    assert tar_out(ctx, folder) == tar_out(ctx, folder)


def test_tar_keeps_attributes_whatever_their_bytes(ctx: Context):
    xattrs = {"user.a=b%": b"\xff\0\n=x", "user.text": b"plain", "security.selinux": b"label\0"}
    tree = Virtual({"/f": Node(b"x", xattrs=xattrs), "/odd-\udcff": Node(b"y", xattrs=xattrs)})
    content = b"".join(archive(ctx, spot_of(tree), "/", xattrs=True, dense=False))
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        for name in ("./f", "./odd-\udcff"):
            headers = tar.getmember(name).pax_headers
            assert os.fsencode(headers["SCHILY.xattr.user.a%3Db%25"]) == b"\xff\0\n=x"
            assert headers["SCHILY.xattr.user.text"] == "plain"
    listed = gnu_tar("-tvvf", "-", "--xattrs", content=content)
    assert "user.a=b%" in listed
    without = b"".join(archive(ctx, spot_of(tree), "/", xattrs=False, dense=False))
    assert b"SCHILY" not in without


def test_numbers_beyond_ustar_are_kept(ctx: Context):
    node = Node(b"x", uid=(1 << 32) - 2, gid=1 << 31, mtime_ns=20_000_000_000 * 10**9 + 5)
    old = Node(b"x", mtime_ns=-86_400_000_000_000)
    long = "/" + "/".join("d" * 200 for _ in range(8))
    tree = Virtual({"/f": node, "/old": old, long: Node(target="t" * 3000)})
    content = b"".join(archive(ctx, spot_of(tree), "/", xattrs=True, dense=False))
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        member = tar.getmember("./f")
        assert (member.uid, member.gid) == ((1 << 32) - 2, 1 << 31)
        assert member.pax_headers["mtime"] == "20000000000.000000005"
        assert tar.getmember("./old").mtime == -86400
        assert tar.getmember("." + long).linkname == "t" * 3000


def test_a_damaged_file_is_zeros_from_where_it_cannot_be_read(ctx: Context):
    tree = Virtual({"/bad": Damaged((3 << 20) + 5, 2 << 20), "/good": b"after it"})
    spot = spot_of(tree)
    content = b"".join(archive(ctx, spot, "/", xattrs=True, dense=False))
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        file = tar.extractfile("./bad")
        assert file is not None
        assert file.read() == b"g" * (2 << 20) + bytes((1 << 20) + 5)
        good = tar.extractfile("./good")
        assert good is not None
        assert good.read() == b"after it"
    assert [p.rule for p in spot.guest.problems] == ["problem.corrupt.test"]


def test_a_socket_is_reported_and_left_out(ctx: Context, folder: Path):
    found = [
        f for f in ctx.call("guest.tar-out", disk=str(folder), path="/") if isinstance(f, Finding)
    ]
    assert [(f.rule, f.at.path) for f in found] == [("problem.unsupported.tar.kind", "/socket")]


def test_records_name_both_places(ctx: Context, folder: Path, tmp_path: Path):
    records = extract(ctx, folder, "/home", tmp_path)
    (odd,) = [r for r in records if isinstance(r, Extracted) and r.path == BAD]
    assert odd.dest == str(tmp_path) + BAD
    assert odd.at.path == BAD
