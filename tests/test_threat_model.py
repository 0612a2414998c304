import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
CLAIM = re.compile(r"^\| (TM-\d+) \| (.+) \| (\S+) \| (.+) \|$", re.MULTILINE)
BOUNDARY = re.compile(r"^\| (B\d+) \|", re.MULTILINE)
TEST = re.compile(r"`((?:tests|src/strongroom/testing)/[\w/]+\.py)::(test_\w+)`")


class Claim(NamedTuple):
    id: str
    text: str
    boundary: str
    tests: str


CLAIMS = [Claim(*found) for found in CLAIM.findall(PAGE)]


def test_claims_are_numbered_without_a_gap():
    assert [claim.id for claim in CLAIMS] == [f"TM-{n:02}" for n in range(1, len(CLAIMS) + 1)]


def test_every_claim_stands_at_a_boundary_that_is_described():
    described = BOUNDARY.findall(PAGE)

    assert len(set(described)) == len(described)
    assert {claim.boundary for claim in CLAIMS} == set(described)


def test_every_boundary_is_drawn_in_the_diagram():
    diagram = PAGE.partition("```mermaid")[2].partition("```")[0]

    drawn = set(re.findall(r"\|(B\d+)\b", diagram))
    assert drawn == set(BOUNDARY.findall(PAGE))


def test_every_claim_names_tests_that_exist_or_says_open():
    for claim in CLAIMS:
        if claim.tests == "open":
            continue
        assert re.fullmatch(rf"{TEST.pattern}(<br>{TEST.pattern})*", claim.tests), claim.id
        for path, name in TEST.findall(claim.tests):
            assert (ROOT / path).is_file(), f"{claim.id}: {path}"
            assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8"), (
                f"{claim.id}: {path}::{name}"
            )


def test_claims_mentioned_in_the_text_exist():
    known = {claim.id for claim in CLAIMS}

    assert set(re.findall(r"TM-\d+", PAGE)) == known
