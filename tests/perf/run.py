"""`make perf`: our speed and memory beside named baselines, interleaved in one run.

Prints a table and writes perf/report.json. Every row is a ratio of ours to a baseline measured in
turn with it (or a plain figure), with the bound it must keep; exit 1 where one is not kept.
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


def in_process(image: Path, ours: str, theirs: str, rounds: int) -> tuple[float, float]:
    """Return our and their best CPU seconds, run in turn; both must find the same."""
    sides = (Side(OURS / "python", ours, image), Side(PEERS / "python", theirs, image))
    best = [float("inf"), float("inf")]
    answers: list[list[str]] = [[], []]
    for _ in range(rounds):
        for number, side in enumerate(sides):
            seconds, answers[number] = side.once()
            best[number] = min(best[number], seconds)
    for side in sides:
        side.close()
    if answers[0] != answers[1]:
        raise SystemExit(f"{ours} found {answers[0]}, {theirs} found {answers[1]}")
    return best[0], best[1]


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


def interleaved(
    first: Callable[[], Usage], second: Callable[[], Usage], rounds: int
) -> tuple[Usage, Usage]:
    """Return the runs of each side with the median CPU, taken in turn after a warm-up."""
    first()
    second()
    pairs = [(first(), second()) for _ in range(rounds)]
    return _median([a for a, _ in pairs]), _median([b for _, b in pairs])


def _median(runs: list[Usage]) -> Usage:
    return Usage(*(statistics.median(column) for column in zip(*runs, strict=True)))


def home_env() -> dict[str, str]:
    env = {**tool_path(), "STRONGROOM_HOME": str(FOLDER / "home")}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    return env


def walk_rows(image: Path) -> list[Row]:
    ours, tsk = in_process(image, "ours_walk", "tsk_walk", 7)
    again, dissect = in_process(image, "ours_walk", "dissect_walk", 3)
    return [
        Row("walk + stat, ext4 in qcow2", ms(ours), f"pytsk3 {ms(tsk)}", ours / tsk, 1.0),
        Row(
            "walk + stat, ext4 in qcow2", ms(again), f"dissect {ms(dissect)}", again / dissect, 0.1
        ),
    ]


def package_rows(image: Path) -> list[Row]:
    ours, tsk = in_process(image, "ours_packages", "tsk_packages", 15)
    env = home_env()
    query = PEERS / "target-query"
    mine, theirs = interleaved(
        lambda: whole([OURS / "guestkit", "inspect", "--fresh", "--json", image], env),
        lambda: whole([query, "-q", "-f", "os,version,hostname,dpkg.status", image]),
        3,
    )
    return [
        Row("OS + packages in process", ms(ours), f"pytsk3 reads {ms(tsk)}", ours / tsk, 2.0),
        Row(
            "whole inspect",
            ms(mine.cpu_s),
            f"target-query {ms(theirs.cpu_s)}",
            mine.cpu_s / theirs.cpu_s,
            0.2,
        ),
    ]


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
        ours, theirs = interleaved(
            partial(written, [*ONE_CORE, OURS / "python", READ_ALL, image, target], target),
            partial(written, [*ONE_CORE, *convert, image, target], target),
            5,
        )
        target.unlink(missing_ok=True)
        rows.append(
            Row(
                f"read {method} qcow2 whole ({share:.0%} stored)",
                ms(ours.cpu_s),
                f"qemu-img {ms(theirs.cpu_s)}",
                theirs.cpu_s / ours.cpu_s,
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
    ls, bare = interleaved(
        lambda: whole([OURS / "guestkit", "ls", image, "/etc"], env),
        lambda: whole([OURS / "python", "-c", "pass"], env),
        15,
    )
    whole([OURS / "guestkit", "inspect", image], env)
    cached = _median([whole([OURS / "guestkit", "inspect", image], env) for _ in range(9)])
    sparse = whole(
        [
            OURS / "guestkit",
            "inspect",
            "--fresh",
            images.sparse_image(folder, images.ext4_image(IMAGES)),
        ],
        env,
    )
    return [
        Row(
            "guest ls, whole process",
            ms(ls.cpu_s),
            f"bare {ms(bare.cpu_s)}",
            ls.cpu_s / bare.cpu_s,
            7,
        ),
        Row("inspect from the cache", ms(cached.wall_s), "", cached.wall_s * 1000, 100),
        Row("peak RSS, sparse 100 GiB", mib(sparse.rss_bytes), "", sparse.rss_bytes / 2**20, 100),
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
