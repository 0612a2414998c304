"""The bytes of the audit log, as published: frozen examples and the properties of each part."""

import base64
import hashlib
import hmac
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.base.record import canonical_json
from strongroom.kernel.audit_format import (
    SLOT_BYTES,
    ZERO,
    Head,
    Mark,
    boot_digest,
    claimed_prev,
    commitment,
    decode_pin,
    derive,
    encode_slot,
    is_authentic,
    is_signed,
    parse_personal,
    personal_line,
    public_key,
    seal,
    sign,
    slot_offset,
    storable,
    timestamp,
)
from tests.kernel.audit_history import Clock, all_lines, problems

VECTORS = Path(__file__).parents[1] / "vectors" / "audit"
KEYS = derive(bytes(range(32)))
BODY = {"chain": KEYS.chain, "event": "intent", "op": "a.b", "prev": ZERO, "seq": 1, "v": 1}
MARK = Mark(7, "ab" * 32, 1000, 300)

texts = st.dictionaries(
    st.sampled_from(["by", "event", "mad", "op", "run", "zeta"]), st.text(max_size=20)
)


def label(key: bytes, name: bytes) -> bytes:
    return hmac.new(key, b"strongroom audit 1 " + name, hashlib.sha256).digest()


def test_keys_are_hmacs_of_their_labels():
    key = bytes(range(32))

    assert KEYS.chain == label(key, b"chain")[:16].hex()
    assert KEYS.entry == label(key, b"entry")
    assert KEYS.head == label(key, b"head")
    assert KEYS.checkpoint == label(key, b"checkpoint")


@given(texts)
def test_a_sealed_line_is_canonical_and_authentic(extra: dict[str, str]):
    line = seal({**BODY, **extra}, KEYS)

    entry = json.loads(line)
    assert canonical_json(entry) == line
    assert is_authentic(line, KEYS)
    mac = bytes.fromhex(entry.pop("mac"))
    assert hmac.digest(KEYS.entry, canonical_json(entry), "sha256") == mac
    assert claimed_prev(line) == ZERO


@pytest.mark.parametrize("line", [b"", b"{}", b'{"mac":"', b'{"a":1,"mac":"00"}', b"\xff" * 80])
def test_what_is_no_line_of_ours_is_not_authentic(line: bytes):
    assert not is_authentic(line, KEYS)
    assert claimed_prev(line) == ""


def test_a_line_of_another_key_is_not_authentic():
    assert not is_authentic(seal(BODY, derive(bytes(32))), KEYS)


def test_a_mac_inside_a_value_is_not_taken_for_the_mac():
    line = seal({**BODY, "by": ',"mac":"' + "0" * 64 + '"'}, KEYS)

    assert is_authentic(line, KEYS)


@pytest.mark.parametrize("seconds", [0, 1_790_000_000.25, 1_790_000_000.9996, 4_102_444_799.5])
def test_time_is_rfc_3339_with_milliseconds(seconds: float):
    expected = datetime.fromtimestamp(int(seconds * 1000) / 1000, UTC)

    assert timestamp(seconds) == expected.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def pin_of(*heads: Head) -> bytes:
    blob = bytearray(b" " * 4608)
    for head in heads:
        blob[slot_offset(head) : slot_offset(head) + SLOT_BYTES] = encode_slot(head, KEYS)
    return bytes(blob)


def head(pins: int, boot: str = "b", seq: int = 7) -> Head:
    return Head(pins, boot, 1, MARK._replace(seq=seq), MARK, 0)


def test_a_slot_fits_a_sector_even_with_the_largest_numbers():
    large = Mark(10**15, "f" * 64, 10**9, 10**12)

    slot = encode_slot(Head(10**15, "f" * 16, 10**6, large, large, 10**15), KEYS)

    assert len(slot) == SLOT_BYTES
    assert slot.endswith(b" \n")


@pytest.mark.parametrize(
    ("blob", "expected", "sound"),
    [
        (pin_of(head(4), head(5)), head(5), True),
        (pin_of(head(6), head(5)), head(6), True),
        (pin_of(head(2), head(5)), head(5), False),
        (pin_of(head(2, boot="old"), head(5, boot="old")), head(5, boot="old"), True),
        (pin_of(head(5)), head(5), False),
        (pin_of(head(1, seq=0)), head(1, seq=0), True),
        (pin_of(head(2, seq=0)), head(2, seq=0), True),
        (pin_of(head(1)), head(1), False),
        (pin_of(head(1, seq=0))[:512] + b"x" * 4096, None, False),
        (b"", None, False),
        (b"\0" * 5000, None, False),
    ],
)
def test_a_pin_says_what_its_newer_slot_says(blob: bytes, expected: Head | None, *, sound: bool):
    assert decode_pin(blob, KEYS, "b") == (expected, sound)


def test_slots_that_changed_places_are_not_sound():
    blob = pin_of(head(4), head(5))

    swapped = blob[4096:] + blob[512:4096] + blob[:512]

    assert decode_pin(swapped, KEYS, "b") == (head(5), False)


def test_the_boot_is_named_by_a_digest():
    assert boot_digest("x") == hashlib.sha256(b"x").hexdigest()[:16]


@given(st.binary(max_size=40), st.binary(min_size=16, max_size=16))
def test_a_personal_line_gives_its_value_back(value: bytes, salt: bytes):
    line = personal_line(salt, value)

    found = parse_personal(line)
    assert found is not None
    assert found.whole
    assert storable(found.value) == value
    assert found.commit == commitment(salt, value) == hashlib.sha256(salt + value).hexdigest()


@pytest.mark.parametrize(
    "line",
    [
        b"", b"[]", b"1", b"{}", b'{"commit":1,"salt":"00","value":"x"}', b"[" * 5000,
        b'{"commit":"00","salt":"zz","value":"x"}', b'{"commit":"00","salt":"00","value":7}',
        b'{"commit":"00","salt":"00","value":"x","value_b64":"*"}', b"\xff",
        b'{"commit":"00","salt":"00","value":"\\ud800"}',
    ],
)  # fmt: skip
def test_a_personal_line_that_makes_no_sense_is_none(line: bytes):
    assert parse_personal(line) is None or not parse_personal(line).whole  # type: ignore[union-attr]  # None was asked


def test_a_signed_object_is_signed_by_this_key_and_as_it_is():
    signed = sign({"seq": 1}, KEYS)
    key = public_key(KEYS)

    assert is_signed(signed, key)
    assert is_signed({**signed, "mac": "any"}, key)
    for other in (
        {**signed, "seq": 2},
        {**signed, "signature": "00"},
        {**signed, "signature": 7},
        {"seq": 1},
    ):
        assert not is_signed(other, key)
    assert not is_signed(signed, public_key(derive(bytes(32))))


@pytest.mark.parametrize("name", sorted(path.name for path in VECTORS.iterdir()))
def test_a_frozen_log_still_verifies(tmp_path: Path, name: str):
    state = tmp_path / "state"
    shutil.copytree(VECTORS / name, state)
    expected = json.loads((state / "expected.json").read_text())

    assert [p.rule for p in problems(state)] == expected["rules"]
    assert len(all_lines(state)) == expected["entries"]


def test_frozen_logs_only_grow_in_number():
    assert {"v1-calls", "v1-recovered", "v1-segments"} <= {p.name for p in VECTORS.iterdir()}


def test_a_log_written_today_has_the_bytes_of_the_frozen_one(tmp_path: Path):
    from tests.vectors.make_audit import write_calls

    frozen = VECTORS / "v1-calls"
    write_calls(tmp_path, Clock())

    for name in ("audit/000001.jsonl", "audit/personal.jsonl", "audit.head"):
        assert (tmp_path / name).read_bytes() == (frozen / name).read_bytes(), name


def test_the_key_of_the_frozen_logs_is_no_secret():
    for path in VECTORS.rglob("chain.key"):
        assert base64.b16encode(path.read_bytes())[:8] == b"46524F5A"  # "FROZ"
