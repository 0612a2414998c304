"""File systems that were not unmounted: what we read equals what e2fsck makes of them."""

import shutil
import struct

import pytest

from strongroom.base.errors import Corrupt
from strongroom.base.record import Severity
from strongroom.base.source import Memory, identity
from strongroom.formats.tree.ext import EXT
from strongroom.formats.tree.ext_journal import MAGIC, Journal
from strongroom.testing.context import RecordingContext
from strongroom.testing.images import ext
from strongroom.testing.tools import need

KINDS = {
    "plain": "",
    "v2": "-c -v 2",
    "v3": "-c -v 3",
}
ESCAPED = struct.pack(">I", MAGIC) + b"a block that begins like one of the journal" * 30


@pytest.fixture(scope="module")
def states(tmp_path_factory):
    """Three images, each a little later than the one before, and the folder they are in."""
    need("mke2fs", "debugfs", "e2fsck")
    folder = tmp_path_factory.mktemp("journal")
    tree = folder / "tree"
    (tree / "d").mkdir(parents=True)
    (tree / "old").write_bytes(b"old" * 500)
    (tree / "kept").write_bytes(b"kept")
    (folder / "new").write_bytes(b"new" * 700)
    (folder / "escaped").write_bytes(ESCAPED)
    first = ext.ext(folder / "first", "-t ext4 -b 1024", tree, "8M")
    images = [first]
    for number, commands in enumerate(
        (
            f"write {folder}/new added\nmkdir d/below\nrm old",
            f"write {folder}/escaped d/escaped\nmkdir d/below/more\nsif kept mode 0100600",
        )
    ):
        image = folder / f"later-{number}"
        shutil.copy(images[-1], image)
        ext.debugfs(image, commands)
        images.append(image)
    return images


@pytest.fixture(params=KINDS)
def kind(request):
    return KINDS[request.param]


@pytest.fixture
def unclean(states, tmp_path, kind):
    image = tmp_path / "unclean"
    shutil.copy(states[0], image)
    return ext.dirty(image, *states[1:], journal=kind)


def opened(content):
    context = RecordingContext()
    return EXT.open(Memory(bytes(content)), context), context.problems


def everything(tree):
    """Return all paths with what is known of them and what is in them."""
    found = {}
    for path, stat in tree.walk("/"):
        content = b""
        if stat.kind == "file":
            source = tree.open(path)
            content = source.read_at(0, source.size)
        found[path] = (stat, content)
    return found


def test_what_is_in_the_journal_is_read_as_if_it_were_in_place(unclean, states, tmp_path):
    tree, problems = opened(unclean.read_bytes())
    theirs, _ = opened(ext.recovered(unclean, tmp_path / "recovered").read_bytes())
    assert everything(tree) == everything(theirs)
    assert everything(tree) == everything(opened(states[2].read_bytes())[0])
    assert everything(tree)["/d/escaped"][1] == ESCAPED
    assert [(p.rule, p.severity) for p in problems] == [("ext.journal", Severity.NOTICE)]
    assert "not unmounted" in problems[0].message
    assert tree.facts.clean is False
    assert not list(tree.check())


def test_an_uncommitted_transaction_is_not_read(states, tmp_path, kind):
    image = tmp_path / "unclean"
    shutil.copy(states[0], image)
    ext.dirty(image, states[1], journal=kind)
    (tmp_path / "block").write_bytes(b"x" * 1024)
    ext.debugfs(
        image, f"journal_open {kind}\njournal_write -c -b 1000 {tmp_path}/block\njournal_close"
    )
    tree, _ = opened(image.read_bytes())
    assert everything(tree) == everything(opened(states[1].read_bytes())[0])


def test_a_revoked_block_keeps_its_place(states, tmp_path, kind):
    content = states[1].read_bytes()
    block = next(
        n for n in range(8192) if content[n * 1024 : n * 1024 + 1024] == (b"new" * 700)[:1024]
    )
    image = tmp_path / "unclean"
    shutil.copy(states[0], image)
    ext.dirty(image, *states[1:], journal=kind, revoke=block)
    tree, _ = opened(image.read_bytes())
    theirs, _ = opened(ext.recovered(image, tmp_path / "recovered").read_bytes())
    assert everything(tree) == everything(theirs)
    assert everything(tree)["/added"][1][:1024] != (b"new" * 700)[:1024]
    assert everything(tree)["/added"][1][1024:] == (b"new" * 700)[1024:]


def journal_offset(content):
    """Return where the first log block, the journal's superblock, stands."""
    return content.find(struct.pack(">II", MAGIC, 4))


@pytest.mark.parametrize(
    ("inside", "value"),
    [
        (0, b"\0\0\0\0"),
        (4, b"\0\0\0\x09"),
        (12, b"\0\0\x10\0"),
        (16, b"\xff\xff\xff\xff"),
        (20, b"\0\0\0\0"),
        (28, b"\xff\xff\0\0"),
        (40, b"\x80\0\0\0"),
    ],
)
def test_a_journal_that_cannot_be_replayed_is_told(unclean, states, inside, value):
    content = bytearray(unclean.read_bytes())
    at = journal_offset(content) + inside
    content[at : at + len(value)] = value
    tree, problems = opened(content)
    assert everything(tree) == everything(opened(states[0].read_bytes())[0])
    assert [(p.rule, p.severity) for p in problems] == [("ext.journal", Severity.WARNING)]
    assert "changes are missing" in problems[0].message


def test_a_journal_on_another_device_is_told(unclean):
    content = bytearray(unclean.read_bytes())
    struct.pack_into("<I", content, 1024 + 0xE0, 0)
    _, problems = opened(content)
    rules = [problem.rule for problem in problems]
    assert "ext.journal" in rules
    assert "another device" in problems[rules.index("ext.journal")].message


def test_a_journal_without_a_start_has_nothing_to_replay(unclean, states):
    content = bytearray(unclean.read_bytes())
    at = journal_offset(content)
    struct.pack_into(">I", content, at + 28, 0)
    struct.pack_into(">I", content, at + 40, 0)
    tree, problems = opened(content)
    assert everything(tree) == everything(opened(states[0].read_bytes())[0])
    assert "0 blocks" in problems[0].message


def test_fast_commits_are_told(states, tmp_path):
    image = tmp_path / "unclean"
    shutil.copy(states[0], image)
    ext.dirty(image, states[1])
    content = bytearray(image.read_bytes())
    at = journal_offset(content) + 40
    content[at + 3] |= 0x20
    tree, problems = opened(content)
    assert everything(tree) == everything(opened(states[1].read_bytes())[0])
    assert "fast commits" in problems[0].message


def log_block(content, number):
    """Return where a log block stands; the journal of this image is one run."""
    return journal_offset(content) + number * 1024


def test_a_block_that_contradicts_its_tag_is_told_and_the_old_one_read(states, tmp_path):
    image = tmp_path / "unclean"
    shutil.copy(states[0], image)
    content = bytearray(ext.dirty(image, states[1], journal="-c -v 3").read_bytes())
    at = content.find(b"new" * 100, log_block(content, 1), log_block(content, 40))
    content[at] ^= 1
    tree, problems = opened(content)
    assert len(everything(tree)["/added"][1]) == 2100
    assert [p.rule for p in problems] == ["ext.journal", "ext.journal"]
    assert "old one" in problems[1].message


@pytest.mark.parametrize("number", [1, 5, 14, 30])
def test_the_log_ends_at_a_damaged_block(unclean, states, number):
    content = bytearray(unclean.read_bytes())
    content[log_block(content, number)] ^= 0xFF
    tree, problems = opened(content)
    assert {"/kept", "/d", "/lost+found"} <= set(everything(tree))
    assert problems[0].rule == "ext.journal"


def test_reads_across_replayed_blocks_equal_the_recovered_volume(unclean, tmp_path):
    tree, _ = opened(unclean.read_bytes())
    source = tree._device.source
    theirs = ext.recovered(unclean, tmp_path / "recovered").read_bytes()
    start, end = 2048, 4 << 20
    journal = journal_offset(theirs)
    for offset in range(start, end, 70_001):
        for length in (1, 1023, 1024, 5000, 66_000):
            if journal <= offset + length and offset <= journal + (1 << 20):
                continue
            assert source.read_at(offset, length) == theirs[offset : offset + length]
    assert source.read_at(source.size - 5, 100) == theirs[-5:]
    assert source.read_at(source.size, 5) == b""


def test_the_identity_tells_that_a_journal_is_in_it(unclean):
    content = unclean.read_bytes()
    tree = EXT.open(Memory(content, "disk"), RecordingContext())
    assert identity(tree._device.source) == "disk+journal"
    assert identity(opened(content)[0]._device.source) is None


def test_a_journal_that_ends_early_is_corrupt():
    with pytest.raises(Corrupt):
        Journal(Memory(b""), 1024, 100)
