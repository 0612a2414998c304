"""Fuzz the readers: `python -m tests.fuzz.run [--seconds T] [NAME...]`.

A target is a file `fuzz_NAME.py` in this folder with `TestOneInput(data: bytes)`, which feeds a
reader, and, if it likes, `seeds() -> Iterable[bytes]`, valid inputs to start from. Only the nine
errors may escape. What fuzzing finds is kept in `.cache/fuzz/NAME`: `corpus` grows from run to run,
`crash-*`, `timeout-*` and `oom-*` are findings. A mended finding becomes a line of
`tests/vectors/fuzz/NAME.hex` and is replayed by every test run.
"""

import argparse
import hashlib
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module  # noqa: TID251  # targets are found by their file names
from pathlib import Path
from types import ModuleType

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
STATE = ROOT / ".cache" / "fuzz"
VECTORS = ROOT / "tests" / "vectors" / "fuzz"

INPUT_TIMEOUT_S = 10
MEMORY_MB = 1024
INPUT_BYTES_MAX = 1 << 20


def targets() -> list[str]:
    """Return the names of the targets, sorted."""
    return sorted(path.stem.removeprefix("fuzz_") for path in FOLDER.glob("fuzz_*.py"))


def load(name: str) -> ModuleType:
    """Import a target."""
    return import_module(f"tests.fuzz.fuzz_{name}")


def guarded(module: ModuleType) -> Callable[[bytes], None]:
    """Return the target's function with the nine errors as good answers."""
    from strongroom.base.errors import StrongroomError  # after atheris instruments imports

    def one_input(data: bytes) -> None:
        try:
            module.TestOneInput(data)
        except StrongroomError:
            return

    return one_input


def inputs(name: str) -> Iterator[bytes]:
    """Yield what a replay tries: the seeds, the frozen findings, the corpus of this machine."""
    module = load(name)
    yield from module.seeds() if hasattr(module, "seeds") else ()
    frozen = VECTORS / f"{name}.hex"
    if frozen.exists():
        lines = (line.partition("#")[0] for line in frozen.read_text("ascii").splitlines())
        yield from (bytes.fromhex(line) for line in lines if line.strip())
    for path in sorted((STATE / name / "corpus").glob("*")):
        yield path.read_bytes()


def fuzz(name: str, seconds: int) -> None:
    """Fuzz one target in this process until the time is over; exits with libFuzzer's status."""
    import atheris

    with atheris.instrument_imports(include=["strongroom"]):
        module = load(name)
    corpus = STATE / name / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for data in module.seeds() if hasattr(module, "seeds") else ():
        (corpus / hashlib.sha1(data, usedforsecurity=False).hexdigest()).write_bytes(data)
    options = [
        f"-max_total_time={seconds}",
        f"-timeout={INPUT_TIMEOUT_S}",
        f"-rss_limit_mb={MEMORY_MB}",
        f"-max_len={INPUT_BYTES_MAX}",
        f"-artifact_prefix={STATE / name}/",
        "-print_final_stats=1",
    ]
    atheris.Setup(["fuzz", *options, str(corpus)], guarded(module))
    atheris.Fuzz()


def fuzz_apart(name: str, seconds: int) -> bool:
    """Fuzz one target in a process of its own, print how it went, return whether it held."""
    command = [sys.executable, "-m", "tests.fuzz.run", "--here", "--seconds", str(seconds), name]
    log = STATE / name / "log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as output:
        status = subprocess.run(
            command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, check=False
        ).returncode
    lines = log.read_text(errors="replace").splitlines()
    runs = next((x.split()[-1] for x in lines if "number_of_executed_units" in x), "?")
    verdict = "held" if status == 0 else f"FAILED, see {log.relative_to(ROOT)}"
    sys.stdout.write(f"{name:24} {runs:>10} inputs  {verdict}\n")
    if status:
        sys.stdout.write("".join(f"    {line}\n" for line in lines[-25:]))
    return status == 0


def main(argv: Sequence[str] | None = None) -> int:
    """Fuzz the targets named, or all, two at a time: 0 when all held, 1 when one did not."""
    parser = argparse.ArgumentParser(allow_abbrev=False, description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="A target; all without one.")
    parser.add_argument("--seconds", type=int, default=60, help="How long to fuzz each target.")
    parser.add_argument("--here", action="store_true", help="Fuzz in this process.")
    options = parser.parse_args(argv)
    names = options.names or targets()
    unknown = sorted(set(names) - set(targets()))
    if unknown or not names:
        sys.stderr.write(f"error: no such target: {', '.join(unknown) or 'none exists'}\n")
        sys.stderr.write(f"hint: one of {', '.join(targets())}\n")
        return 3
    if options.here:
        fuzz(names[0], options.seconds)
    with ThreadPoolExecutor(2) as pool:
        held = list(pool.map(lambda name: fuzz_apart(name, options.seconds), names))
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
