import sqlite3
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.base.errors import Corrupt, NotFound, Unsupported
from strongroom.base.source import Memory
from strongroom.formats.guest.sqlite import Database, decode_row, varint


def _database(path: Path, fill: Callable[[sqlite3.Connection], None], **pragmas: object) -> bytes:
    with sqlite3.connect(path) as connection:
        for name, value in pragmas.items():
            connection.execute(f"PRAGMA {name}={value}")
        fill(connection)
    connection.close()
    return path.read_bytes()


def _rows(content: bytes, table: str) -> tuple[list[tuple[object, ...]], list[tuple[int, str]]]:
    faults: list[tuple[int, str]] = []
    database = Database(Memory(content), lambda offset, message: faults.append((offset, message)))
    return [(r.rowid, *r.values) for r in database.rows(database.table(table).root)], faults


VALUES = [
    None, 0, 1, -1, 127, 128, -129, 32768, 8388608, 2**31, -(2**47), 2**62, -(2**63),
    1.5, float("inf"), "", "text", "zwölf", b"", b"\0\xff", b"x" * 5000, "y" * 70000,
]  # fmt: skip


@pytest.mark.parametrize("page_size", [512, 1024, 4096, 65536])
@pytest.mark.parametrize("encoding", ["'UTF-8'", "'UTF-16le'", "'UTF-16be'"])
def test_every_kind_of_value_reads_as_sqlite_stored_it(
    tmp_path: Path, page_size: int, encoding: str
):
    def fill(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE t (a, b)")
        connection.executemany(
            "INSERT INTO t VALUES (?, ?)", [(v, i) for i, v in enumerate(VALUES)]
        )

    content = _database(tmp_path / "d", fill, page_size=page_size, encoding=encoding)

    rows, faults = _rows(content, "t")
    assert faults == []
    assert [row[1] for row in rows] == VALUES
    assert [row[0] for row in rows] == list(range(1, len(VALUES) + 1))


def test_a_table_of_several_levels_reads_in_order(tmp_path: Path):
    def fill(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE big (id INTEGER PRIMARY KEY, blob BLOB)")
        rows = [(i * 3 - 5000, bytes([i % 251]) * (i % 3000)) for i in range(4000)]
        connection.executemany("INSERT INTO big VALUES (?, ?)", rows)
        connection.execute("DELETE FROM big WHERE id % 7 = 0")

    path = tmp_path / "d"
    content = _database(path, fill, page_size=512)
    with sqlite3.connect(path) as connection:
        expected = connection.execute("SELECT id, NULL, blob FROM big ORDER BY id").fetchall()
    connection.close()

    assert _rows(content, "BIG") == (expected, [])


@given(st.lists(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.text(), st.binary())))
def test_any_row_reads_as_stored(values: list[int | str | bytes | None]):
    connection = sqlite3.connect(":memory:")
    columns = ", ".join(f"c{i}" for i in range(len(values) + 1))
    marks = ", ".join("?" * (len(values) + 1))
    connection.execute(f"CREATE TABLE t ({columns})")
    statement = f"INSERT INTO t VALUES ({marks})"  # noqa: S608  only question marks
    connection.execute(statement, [*_encodable(values), 7])
    content = connection.serialize()
    connection.close()

    rows, faults = _rows(content, "t")
    assert faults == []
    assert rows == [(1, *_encodable(values), 7)]


def _encodable(values: list[int | str | bytes | None]) -> list[int | str | bytes | None]:
    return [v.encode("utf-8", "replace").decode() if isinstance(v, str) else v for v in values]


def test_tables_are_listed_without_views_and_indexes(tmp_path: Path):
    def fill(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE one (a)")
        connection.execute("CREATE INDEX i ON one (a)")
        connection.execute("CREATE VIEW v AS SELECT a FROM one")
        connection.execute("CREATE TABLE two (b)")

    content = _database(tmp_path / "d", fill)

    assert [t.name for t in Database(Memory(content), _never).tables()] == ["one", "two"]
    with pytest.raises(NotFound):
        Database(Memory(content), _never).table("three")


def _never(offset: int, message: str) -> None:
    raise AssertionError((offset, message))


HEADERS: dict[str, Callable[[bytearray], object]] = {
    "too short": lambda b: b.__delitem__(slice(50, None)),
    "other magic": lambda b: b.__setitem__(0, 1),
    "page size": lambda b: struct.pack_into(">H", b, 16, 1000),
    "small pages": lambda b: struct.pack_into(">H", b, 16, 256),
    "reserved": lambda b: b.__setitem__(slice(16, 21), b"\x02\0\1\1\x64"),
}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    def fill(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE t (a)")
        connection.executemany("INSERT INTO t VALUES (?)", [(b"z" * (i * 7),) for i in range(400)])

    return _database(tmp_path_factory.mktemp("sqlite") / "d", fill, page_size=512)


@pytest.mark.parametrize("case", HEADERS)
def test_a_wrong_header_is_corrupt(sound: bytes, case: str):
    content = bytearray(sound)
    HEADERS[case](content)

    with pytest.raises(Corrupt):
        Database(Memory(bytes(content)), _never)


def test_an_unknown_text_encoding_is_unsupported(sound: bytes):
    content = bytearray(sound)
    struct.pack_into(">I", content, 56, 9)

    with pytest.raises(Unsupported):
        Database(Memory(bytes(content)), _never)


def test_a_database_cut_short_gives_the_rows_before_the_cut(sound: bytes):
    whole, _ = _rows(sound, "t")
    rows, faults = _rows(sound[: len(sound) // 2], "t")

    assert faults
    assert 0 < len(rows) < len(whole)
    assert set(rows) <= set(whole)


def test_a_page_that_points_at_itself_is_a_fault(sound: bytes):
    content = bytearray(sound)
    database = Database(Memory(sound), _never)
    root = database.table("t").root
    start = (root - 1) * 512
    assert content[start] == 0x05
    struct.pack_into(">I", content, start + 8, root)

    rows, faults = _rows(bytes(content), "t")

    assert any("loop" in message for _, message in faults)
    assert len(rows) < 400


def test_an_overflow_chain_that_loops_is_a_fault(tmp_path: Path):
    def fill(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE t (a)")
        connection.execute("INSERT INTO t VALUES (?)", (b"z" * 3000,))
        connection.execute("INSERT INTO t VALUES (1)")

    content = bytearray(_database(tmp_path / "d", fill, page_size=512))
    for page in range(2, len(content) // 512):
        follower = struct.unpack_from(">I", content, page * 512)[0]
        if follower == page + 2:
            struct.pack_into(">I", content, page * 512, page + 1)
            break

    rows, faults = _rows(bytes(content), "t")

    assert rows == [(2, 1)]
    assert any("overflow of row 1" in message for _, message in faults)


def test_a_broken_page_costs_only_its_own_rows(sound: bytes):
    content = bytearray(sound)
    leaves = [at for at in range(512, len(content), 512) if content[at] == 0x0D]
    content[leaves[3]] = 0x77
    struct.pack_into(">H", content, leaves[4] + 3, 0xFFFF)
    struct.pack_into(">H", content, leaves[5] + 8, 0xFFFF)

    rows, faults = _rows(bytes(content), "t")

    assert len(faults) == 3
    assert 350 < len(rows) < 400


def test_random_damage_ends_in_rows_or_faults(sound: bytes):
    def check(positions: list[int], byte: int) -> None:
        content = bytearray(sound)
        for position in positions:
            content[100 + position % (len(content) - 100)] = byte
        with suppress(Corrupt, NotFound):
            _rows(bytes(content), "t")

    given(st.lists(st.integers(0, 1 << 30), min_size=1, max_size=200), st.integers(0, 255))(check)()


@given(st.binary())
def test_any_bytes_after_the_header_end_in_rows_or_faults(tail: bytes):
    head = bytearray(100)
    head[:16] = b"SQLite format 3\0"
    struct.pack_into(">H", head, 16, 512)
    database = Database(Memory(bytes(head) + tail), lambda *_: None)

    assert list(database.tables()) == []
    for root in range(4):
        list(database.rows(root))


def _page_one(*schema: bytes) -> bytearray:
    """Return a first page of 512 bytes whose schema has the given cells."""
    page = bytearray(512)
    page[:16] = b"SQLite format 3\0"
    struct.pack_into(">H", page, 16, 512)
    page[100] = 0x0D
    struct.pack_into(">H", page, 103, len(schema))
    at = 512
    for number, cell in enumerate(schema):
        at -= max(len(cell), 4)
        page[at : at + len(cell)] = cell
        struct.pack_into(">H", page, 108 + 2 * number, at)
    return page


def test_faults_without_end_stop_the_reading():
    interior = bytearray(512)
    struct.pack_into(">BHHHB", interior, 0, 0x05, 0, 70, 0, 0)
    for cell in range(70):
        struct.pack_into(">H", interior, 12 + 2 * cell, 200 + 4 * cell)
    content = bytes(_page_one())
    for number in range(2, 200):
        struct.pack_into(">I", interior, 200, number + 1)
        content += bytes(interior)
    faults: list[str] = []
    database = Database(Memory(content), lambda _, message: faults.append(message))

    assert list(database.rows(2)) == []
    assert len(faults) == 1000
    assert "too many" in faults[-1]


CELLS = {
    "a schema row has fewer than 5 columns": b"\x03\x01\x02\x01\x00",
    "a cell does not fit its page": b"\xc0\x80\x80\x80\x80\x80\x80\x80\x00\x01",
    "row 1 is malformed": b"\x02\x01\x02\x0a",
    "the overflow of row 1 is broken": b"\x84\x58\x01" + b"\x00" * 500,
}


@pytest.mark.parametrize("message", CELLS)
def test_a_bad_cell_is_a_fault_that_says_so(message: str):
    faults: list[str] = []
    page = _page_one(CELLS[message][:390])

    assert list(Database(Memory(bytes(page)), lambda _, m: faults.append(m)).tables()) == []
    assert faults == [message]


def test_a_cell_that_reaches_past_its_page_is_a_fault():
    faults: list[str] = []
    page = _page_one(b"\x7f\x01\x02\x0a")

    assert list(Database(Memory(bytes(page)), lambda _, m: faults.append(m)).tables()) == []
    assert faults == ["a cell does not fit its page"]


def test_only_so_many_windows_are_kept():
    content = bytes(_page_one()) + b"\x0d" + b"\0" * 511
    content += bytes(40 * (1 << 18))
    database = Database(Memory(content), lambda *_: None)

    for page in range(1, len(content) // 512, 512):
        list(database.rows(page))

    assert len(database._windows) == 32


VARINTS = {
    b"\x00": 0,
    b"\x7f": 127,
    b"\x81\x00": 128,
    b"\x82\x00": 256,
    b"\xff" * 9: -1,
    b"\x80" * 8 + b"\x01": 1,
    b"\xc0" + b"\x80" * 7 + b"\x00": -(2**63) + 0,
    b"\x81": 128,
}


@pytest.mark.parametrize("stored", VARINTS)
def test_a_varint_has_up_to_nine_bytes(stored: bytes):
    assert varint(stored, 0)[0] == VARINTS[stored]


@pytest.mark.parametrize(
    "payload", [b"", b"\x05\x01", b"\x02\x0a", b"\x02\x01", b"\x03\xff\x00", b"\x02\x10\x00"]
)
def test_a_malformed_record_is_none(payload: bytes):
    assert decode_row(payload, "utf-8") is None


def test_a_record_of_too_many_columns_is_none():
    types = b"\x08" * 2001

    assert decode_row(b"\x8f\x53" + types, "utf-8") is None
