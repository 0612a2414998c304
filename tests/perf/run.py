"""`make perf`: our speed and memory beside named baselines, interleaved in one run.

Prints a table and writes perf/report.json. Every row is the median ratio of ours to a baseline
measured in turn with it, or a plain figure (a time: the best of many, beside their median), with
the bound it must keep; exit 1 where one is not kept.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from strongroom.testing.tools import tool_path

from . import images

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".cache/perf"
IMAGES = ROOT / ".cache/images"
"""Where the tests keep the same Debian."""
SCRATCH = Path("/dev/shm") if Path("/dev/shm").is_dir() else FOLDER  # noqa: S108  own name below
PEERS = ROOT / ".cache/perf-venv/bin"
OURS = ROOT / ".venv/bin"
SIDES = str(Path(__file__).with_name("sides.py"))
READ_ALL = Path(__file__).with_name("readall.py")
ONE_CORE = ("taskset", "-c", "0")


class Row(NamedTuple):
    """One line of the table: `value` must be at most (or, with `floor`, at least) `bound`."""

    what: str
    ours: str
    baseline: str
    value: float
    bound: float
    floor: bool = False

    @property
    def kept(self) -> bool:
        return self.value >= self.bound if self.floor else self.value <= self.bound


class Side:
    """A `sides.py` process that runs once whenever asked."""

    def __init__(self, python: Path, side: str, image: Path) -> None:
        command = [*ONE_CORE, str(python), SIDES, side, str(image)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        if self._line() != ["ready"]:
            raise SystemExit(f"{side} did not start")

    def once(self) -> tuple[float, list[str]]:
        """Return the CPU seconds of one run and what it found."""
        if self._process.stdin is None:
            raise SystemExit("no pipe")
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        seconds, *answer = self._line()
        return float(seconds), answer

    def close(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()

    def _line(self) -> list[str]:
        if self._process.stdout is None:
            raise SystemExit("no pipe")
        return self._process.stdout.readline().split()


class Pair(NamedTuple):
    """Medians of ours and theirs, and of the ratios run by run: a slow phase hits both alike."""

    ours: float
    theirs: float
    ratio: float


def paired(figures: Sequence[tuple[float, float]]) -> Pair:
    ours, theirs = zip(*figures, strict=True)
    ratio = statistics.median(a / b for a, b in figures)
    return Pair(statistics.median(ours), statistics.median(theirs), ratio)


def in_process(image: Path, ours: str, theirs: str, rounds: int) -> Pair:
    """Return our and their CPU seconds, run in turn; both must find the same."""
    sides = (Side(OURS / "python", ours, image), Side(PEERS / "python", theirs, image))
    figures = []
    for _ in range(rounds):
        (mine, found), (other, known) = sides[0].once(), sides[1].once()
        if found != known:
            raise SystemExit(f"{ours} found {found}, {theirs} found {known}")
        figures.append((mine, other))
    for side in sides:
        side.close()
    return paired(figures)


class Usage(NamedTuple):
    """What one whole process used."""

    cpu_s: float
    wall_s: float
    rss_bytes: int


def whole(command: Sequence[str | Path], env: dict[str, str] | None = None) -> Usage:
    """Run a process to its end; its own figures from the kernel."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [str(word) for word in command], stdout=subprocess.DEVNULL, env=env or tool_path()
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command} ended with {process.returncode}")
    wall = time.perf_counter() - start
    return Usage(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss * 1024)


def written(command: Sequence[str | Path], target: Path) -> Usage:
    """Run a process that writes `target` anew, in memory, so that no disk has a say."""
    target.unlink(missing_ok=True)
    return whole(command)


def interleaved(first: Callable[[], Usage], second: Callable[[], Usage], rounds: int) -> Pair:
    """Return the CPU seconds of two whole processes, run in turn after a warm-up."""
    first()
    second()
    return paired([(first().cpu_s, second().cpu_s) for _ in range(rounds)])


def home_env() -> dict[str, str]:
    env = {**tool_path(), "STRONGROOM_HOME": str(FOLDER / "home")}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    return env


def walk_rows(image: Path) -> list[Row]:
    tsk = in_process(image, "ours_walk", "tsk_walk", 15)
    dissect = in_process(image, "ours_walk", "dissect_walk", 3)
    return [
        row("walk + stat, ext4 in qcow2", tsk, "pytsk3", 1.0),
        row("walk + stat, ext4 in qcow2", dissect, "dissect", 0.1),
    ]


def package_rows(image: Path) -> list[Row]:
    env = home_env()
    tsk = in_process(image, "ours_packages", "tsk_packages", 101)
    query: list[str | Path] = [
        PEERS / "target-query",
        "-q",
        "-f",
        "os,version,hostname,dpkg.status",
        image,
    ]
    inspect: list[str | Path] = [OURS / "guestkit", "inspect", "--fresh", "--json", image]
    return [
        row("OS + packages in process", tsk, "pytsk3 reads", 2.0),
        row(
            "whole inspect",
            interleaved(partial(whole, inspect, env), partial(whole, query), 3),
            "target-query",
            0.2,
        ),
    ]


def row(what: str, pair: Pair, baseline: str, bound: float) -> Row:
    return Row(what, ms(pair.ours), f"{baseline} {ms(pair.theirs)}", pair.ratio, bound)


def compressed_rows(folder: Path) -> list[Row]:
    dense = images.dense_image(folder, images.guest_tree(IMAGES))
    rows = []
    for method in ("zlib", "zstd"):
        image = images.convert(
            dense,
            folder / f"dense-{method}.qcow2",
            *("-O", "qcow2", "-c", "-o", f"compression_type={method}"),
        )
        share = stored_share(image)
        target = SCRATCH / f"strongroom-perf-{os.getpid()}.raw"
        convert = ("qemu-img", "convert", "-m", "1", "-f", "qcow2", "-O", "raw")
        pair = interleaved(
            partial(written, [*ONE_CORE, OURS / "python", READ_ALL, image, target], target),
            partial(written, [*ONE_CORE, *convert, image, target], target),
            5,
        )
        target.unlink(missing_ok=True)
        rows.append(
            Row(
                f"read {method} qcow2 whole ({share:.0%} stored)",
                ms(pair.ours),
                f"qemu-img {ms(pair.theirs)}",
                1 / pair.ratio,
                0.8,
                floor=True,
            )
        )
    return rows


def stored_share(image: Path) -> float:
    """Return which share of the virtual disk a container stores, by its own tables."""
    shown = subprocess.run(
        ["qemu-img", "map", "--output=json", str(image)], check=True, stdout=subprocess.PIPE
    )
    runs = json.loads(shown.stdout)
    total = sum(run["length"] for run in runs)
    return float(sum(run["length"] for run in runs if run["data"]) / total)


def process_rows(image: Path, folder: Path) -> list[Row]:
    env = home_env()
    ls: list[str | Path] = [OURS / "guestkit", "ls", image, "/etc"]
    bare: list[str | Path] = [OURS / "python", "-c", "pass"]
    pair = interleaved(partial(whole, ls, env), partial(whole, bare, env), 25)
    inspect: list[str | Path] = [OURS / "guestkit", "inspect", image]
    whole(inspect, env)
    cached = [whole(inspect, env).wall_s for _ in range(41)]
    best, median = min(cached), statistics.median(cached)
    sparse = images.sparse_image(folder, images.ext4_image(IMAGES))
    rss = whole([OURS / "guestkit", "inspect", "--fresh", sparse], env).rss_bytes
    return [
        row("guest ls, whole process", pair, "python", 7),
        Row("inspect from the cache", ms(best), f"median {ms(median)}", best * 1000, 100),
        Row("peak RSS, sparse 100 GiB", mib(rss), "", rss / 2**20, 100),
    ]


def ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"


def mib(size: float) -> str:
    return f"{size / 2**20:.0f} MiB"


def main() -> int:
    FOLDER.mkdir(parents=True, exist_ok=True)
    raw = images.ext4_image(IMAGES)
    image = images.convert(raw, FOLDER / "guest.qcow2", "-O", "qcow2")
    rows = [
        *walk_rows(image),
        *package_rows(image),
        *compressed_rows(FOLDER),
        *process_rows(image, FOLDER),
    ]
    machine = {"machine": platform.machine(), "python": platform.python_version()}
    report = {**machine, "rows": [{**row._asdict(), "kept": row.kept} for row in rows]}
    (ROOT / "perf").mkdir(exist_ok=True)
    (ROOT / "perf/report.json").write_text(json.dumps(report, indent=1) + "\n")
    width = max(len(row.what) for row in rows)
    for row in rows:
        sign = ">=" if row.floor else "<="
        verdict = "" if row.kept else "  NOT KEPT"
        print(
            f"{row.what:{width}}  {row.ours:>11}  {row.baseline:24} "
            f"{row.value:8.2f} {sign} {row.bound:g}{verdict}"
        )
    return 0 if all(row.kept for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
