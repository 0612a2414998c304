"""Fail where coverage is below its floor: 85 % overall, 95 % in base, formats and kernel.

Reads the JSON report of coverage.py. A share counts lines and branches alike, as its report does.
"""

import json
import sys
from pathlib import Path
from typing import Any

FLOORS = {"": 85.0, "base/": 95.0, "formats/": 95.0, "kernel/": 95.0}
ROOT = "src/strongroom/"


def shares(report: dict[str, Any]) -> dict[str, float]:
    """Return the percentage covered of each part in FLOORS; 0 where it holds no statement."""
    result = {}
    for part in FLOORS:
        files = [
            f["summary"] for name, f in report["files"].items() if name.startswith(ROOT + part)
        ]
        total = sum(f["num_statements"] + f.get("num_branches", 0) for f in files)
        hit = sum(f["covered_lines"] + f.get("covered_branches", 0) for f in files)
        result[part] = 100.0 * hit / total if total else 0.0
    return result


def main() -> int:
    """Print one line per part; 1 where a floor is missed."""
    missed = 0
    for part, share in shares(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))).items():
        verdict = "ok" if share >= FLOORS[part] else "too low"
        missed |= share < FLOORS[part]
        floor = f"at least {FLOORS[part]:.0f} %"
        sys.stdout.write(f"coverage {share:6.2f} %  {floor}  {verdict:8} {ROOT}{part}\n")
    return missed


if __name__ == "__main__":
    sys.exit(main())
