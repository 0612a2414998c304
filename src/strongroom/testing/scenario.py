"""Scenarios: Markdown whose `console` blocks are run, so that a guide is a test and stays true.

Three kinds of block mean something, in the order in which they stand:

- a fence `console`: each line `$ command` is run by bash in the scenario's folder; what follows up
  to the next one is its output, standard error included, and `[exit N]` where N is not 0. In
  expected output `[..]` stands for any part of a line and a line `[...]` for any number of lines;
- a fence `file:NAME`: its content is written to NAME;
- a comment `<!-- setup ... -->`: a bash script that is run but not shown; it must succeed. A
  comment `<!-- needs: TOOL ... -->` names tools without which the scenario cannot run.

The folder `.site` in the scenario's folder is one that Python finds distributions in.
"""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

BLOCK = re.compile(
    r"^```console\n(?P<console>.*?)^```$"
    r"|^```file:(?P<name>\S+)\n(?P<content>.*?)^```$"
    r"|^<!-- setup\n(?P<setup>.*?)^-->$",
    re.MULTILINE | re.DOTALL,
)
NEEDS = re.compile(r"^<!-- needs: (.+?) -->$", re.MULTILINE)
COMMAND_TIMEOUT_S = 60


class Step(NamedTuple):
    """One command and the output that the document promises."""

    command: str
    expected: str


def needs(document: str) -> list[str]:
    """Return the tools that a scenario names as needed."""
    return [tool for line in NEEDS.findall(document) for tool in line.split()]


def run(document: str, folder: Path) -> str:
    """Run a scenario in an empty `folder` and return the document as it should read.

    It is the same document where every output is as promised. Raises RuntimeError where a setup
    fails.
    """

    def block(match: re.Match[str]) -> str:
        if match["name"]:
            (folder / match["name"]).write_text(match["content"], encoding="utf-8")
        elif match["setup"]:
            _set_up(match["setup"], folder)
        else:
            steps = (_shown(step, folder) for step in _steps(match["console"]))
            return "```console\n" + "".join(steps) + "```"
        return match[0]

    return BLOCK.sub(block, document)


def environment(folder: Path) -> dict[str, str]:
    """Return an environment in which the programs are found and keep their state in `folder`."""
    dropped = ("STRONGROOM_", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return {
        **kept,
        "PATH": f"{Path(sys.executable).parent}:{kept.get('PATH', '')}:/usr/sbin:/sbin",
        "PYTHONPATH": str(folder / ".site"),
        "PYTHONPYCACHEPREFIX": str(folder / ".pycache"),
        "HOME": str(folder),
        "STRONGROOM_HOME": str(folder / ".strongroom"),
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "COLUMNS": "100",
    }


def _steps(block: str) -> list[Step]:
    parts = re.split(r"^\$ (.*)\n", block, flags=re.MULTILINE)
    return [Step(parts[i], parts[i + 1]) for i in range(1, len(parts), 2)]


def _shown(step: Step, folder: Path) -> str:
    """Return a command with its output: the promised one where it matches, else the real one."""
    done = subprocess.run(
        ["bash", "-c", step.command],
        cwd=folder,
        env=environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=COMMAND_TIMEOUT_S,
        check=False,
    )
    output = done.stdout.decode("utf-8", "replace")
    if output and not output.endswith("\n"):
        output += "\n"
    if done.returncode:
        output += f"[exit {done.returncode}]\n"
    promised = step.expected if matches(step.expected, output) else output
    return f"$ {step.command}\n{promised}"


def matches(expected: str, output: str) -> bool:
    """Say whether output is what is expected, `[..]` and `[...]` standing for anything."""
    pattern = ""
    for line in expected.splitlines(keepends=True):
        if line == "[...]\n":
            pattern += r"(?:.*\n)*"
        else:
            pattern += ".*".join(re.escape(part) for part in line.split("[..]"))
    return re.fullmatch(pattern, output) is not None


def _set_up(script: str, folder: Path) -> None:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=COMMAND_TIMEOUT_S,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the setup of the scenario failed: {done.stderr.strip()}")
