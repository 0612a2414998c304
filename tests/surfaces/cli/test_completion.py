import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pexpect
import pytest
from tests.surfaces.cli.conftest import Cli

from strongroom.testing.tools import need, tool_path

WAIT_S = 30


@pytest.fixture(scope="session")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an ext4 image in it, and a folder that is read as a disk itself."""
    need("mke2fs")
    folder = tmp_path_factory.mktemp("disks")
    root = folder / "tree"
    (root / "etc/conf.d").mkdir(parents=True)
    (root / "etc/hostname").write_text("box\n")
    (root / "etc/hosts").write_text("\n")
    (root / "my files").mkdir()
    (root / "bin").symlink_to("etc")
    (folder / ".hidden").touch()
    (folder / "a b.raw").touch()
    command = ["mke2fs", "-q", "-t", "ext4", "-d", str(root), str(folder / "disk.raw"), "4M"]
    subprocess.run(command, env=tool_path(), check=True)
    return folder


CANDIDATES = [
    ("strongroom", ["sam"], ["sample"]),
    ("strongroom", ["sample", "ro"], ["rows"]),
    ("strongroom", ["sample", "l"], ["list"]),
    ("strongroom", ["-o", "json", "sample", "ro"], ["rows"]),
    ("strongroom", ["--json", "sample", "-q", "ro"], ["rows"]),
    ("strongroom", ["-o", "y"], ["yaml"]),
    ("strongroom", ["sample", "rows", "--k"], ["--kind"]),
    ("strongroom", ["sample", "rows", "d", "--kind", "w"], ["wide"]),
    ("strongroom", ["sample", "rows", "d", "--kind=w"], ["--kind=wide"]),
    ("strongroom", ["sample", "rows", "--no-s"], ["--no-sorted"]),
    ("strongroom", ["sample", "burn", "--y"], ["--yes"]),
    ("strongroom", ["sample", "findings", "--fail-on", "w"], ["warning"]),
    ("strongroom", ["completion", "z"], ["zsh"]),
    ("strongroom", ["explain", "denied.s"], ["denied.sibling"]),
    ("strongroom", ["where", "sample.r"], ["sample.rows", "sample.raw"]),
    ("strongroom", ["help", "sample", "ver"], ["verdict"]),
    ("strongroom", ["nothing", "like", "this"], []),
    ("strongroom", ["__"], []),
    ("guestkit", ["ca"], ["cat"]),
    ("guestkit", ["ls", "disk.r"], ["disk.raw"]),
    ("guestkit", ["ls", "a"], ["a b.raw"]),
    ("guestkit", ["ls", ".h"], [".hidden"]),
    ("guestkit", ["ls", "tr"], ["tree/"]),
    ("guestkit", ["ls", "disk.raw", "/e"], ["/etc/"]),
    ("guestkit", ["ls", "disk.raw", "e"], []),
    ("guestkit", ["ls", "disk.raw", "/etc/ho"], ["/etc/hostname", "/etc/hosts"]),
    ("guestkit", ["ls", "disk.raw", "/b"], ["/bin/"]),
    ("guestkit", ["ls", "disk.raw", "/bin/c"], ["/bin/conf.d/"]),
    ("guestkit", ["ls", "disk.raw", "/my"], ["/my files/"]),
    ("guestkit", ["ls", "disk.raw::"], ["disk.raw::/"]),
    ("guestkit", ["ls", "disk.raw::/etc/hostn"], ["disk.raw::/etc/hostname"]),
    ("guestkit", ["ls", "disk.raw::/e"], ["disk.raw::/etc/"]),
    ("guestkit", ["ls", "tree::/etc/hostn"], ["tree::/etc/hostname"]),
    ("guestkit", ["ls", "none.raw::/e"], []),
    ("guestkit", ["ls", "a b.raw", "/e"], []),
    ("kyro", ["vers"], ["version"]),
]


@pytest.mark.parametrize(("program", "words", "expected"), CANDIDATES, ids=str)
def test_the_program_names_what_may_stand_here(
    program: str, words: list[str], expected: list[str], cli: Cli, disk: Path
):
    status, out, err = cli(program, "__complete", "--", *words, cwd=disk)

    assert (status, err) == (0, "")
    assert [line.partition("\t")[0] for line in out.splitlines()] == expected


def test_candidates_are_bounded(cli: Cli, tmp_path: Path):
    for number in range(300):
        (tmp_path / f"disk{number}").touch()

    assert len(cli("guestkit", "__complete", "--", "ls", "disk").out.splitlines()) == 200


def test_verbs_and_flags_come_with_their_meaning(cli: Cli):
    assert cli("strongroom", "__complete", "--", "sample", "on").out == "one\tShow one row\n"


SHELL_LINES = [
    ("guestkit hexd", "guestkit hexdump "),
    ("strongroom sample verd", "strongroom sample verdict "),
    ("strongroom sample rows d --kind=wi", "strongroom sample rows d --kind=wide "),
    ("guestkit stat disk.ra", "guestkit stat disk.raw "),
    ("guestkit stat tre", "guestkit stat tree/"),
    ("guestkit stat disk.raw /etc/hostn", "guestkit stat disk.raw /etc/hostname "),
    ("guestkit stat disk.raw::/etc/con", "guestkit stat disk.raw::/etc/conf.d/"),
    ("guestkit stat disk.raw::", "guestkit stat disk.raw::/"),
    ("guestkit stat a", r"guestkit stat a\ b.raw "),
    ("guestkit stat disk.raw /my", r"guestkit stat disk.raw /my\ files/"),
    ("guestkit stat ~/at-ho", "guestkit stat ~/at-home "),
    ("guestkit stat 'a b.raw' --fol", "guestkit stat 'a b.raw' --follow "),
]
TYPED = pytest.mark.parametrize(
    ("typed", "completed"), SHELL_LINES, ids=[t for t, _ in SHELL_LINES]
)
Start = Callable[[str], "pexpect.spawn[str]"]


@pytest.fixture
def start(environment: dict[str, str], disk: Path, tmp_path: Path) -> Start:
    """Return a function that starts an interactive shell without anyone's own settings."""

    def spawn(command: str) -> "pexpect.spawn[str]":
        (tmp_path / "at-home").touch()
        env = {**environment, "HOME": str(tmp_path), "ZDOTDIR": str(tmp_path), "TERM": "dumb"}
        return pexpect.spawn(
            command, env=env, cwd=str(disk), encoding="utf-8", timeout=WAIT_S, dimensions=(24, 200)
        )

    return spawn


def _line_after_tab(shell: "pexpect.spawn[str]", typed: str, show: str) -> str:
    """Type a line, press tab, and let the shell print the line that it has then."""
    shell.send(typed + "\t" + show)
    shell.expect("<<(.*?)>>")
    line = shell.match
    assert line is not None
    return str(line.group(1))


@TYPED
def test_bash_completes_on_a_tab_press(typed: str, completed: str, start: Start):
    need("bash")
    shell = start("bash --norc --noprofile -i")
    shell.sendline("source <(strongroom completion bash); bind -x '\"\\C-t\": show'")
    shell.sendline("""show() { printf '<''<%s>''>' "$READLINE_LINE"; }; echo 'read''y'""")
    shell.expect("ready")

    assert _line_after_tab(shell, typed, "\x14") == completed
    shell.close(force=True)


@TYPED
def test_zsh_completes_on_a_tab_press(typed: str, completed: str, start: Start):
    need("zsh")
    shell = start("zsh -f -i")
    shell.sendline("unsetopt zle_bracketed_paste; PS1='> '; autoload -U compinit && compinit -u -D")
    shell.sendline("source <(strongroom completion zsh)")
    shell.sendline("show() { print -rn -- '<''<'$BUFFER'>''>' }; zle -N show; bindkey '^T' show")
    shell.sendline("bindkey '^I' complete-word; echo 'read''y'")
    shell.expect("ready")

    assert _line_after_tab(shell, typed, "\x14") == completed
    shell.close(force=True)


@TYPED
def test_fish_completes_a_line(
    typed: str, completed: str, environment: dict[str, str], disk: Path, tmp_path: Path
):
    need("fish")
    (tmp_path / "at-home").touch()
    env = {**environment, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    script = "strongroom completion fish | source; complete -C $argv[1]"
    done = subprocess.run(
        ["fish", "--no-config", "-c", script, "--", typed],
        env=env, cwd=disk, capture_output=True, text=True, check=True,
    )  # fmt: skip

    candidates = [line.partition("\t")[0] for line in done.stdout.splitlines()]
    token = completed.rstrip(" ").replace("\\ ", "\0").rpartition(" ")[2].replace("\0", " ")
    assert token in candidates
    assert done.stderr == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_valid_for_its_shell(shell: str, cli: Cli, tmp_path: Path):
    need(shell)
    script = tmp_path / "script"
    script.write_text(cli("strongroom", "completion", shell).out)

    subprocess.run([shell, "-n", str(script)], check=True, capture_output=True)


def test_every_script_serves_all_four_programs(cli: Cli):
    for shell in ("bash", "zsh", "fish", "powershell", "elvish"):
        script = cli("guestkit", "completion", shell).out

        assert "strongroom guestkit kimi-vault kyro" in script
        assert "@PROGRAMS@" not in script


def test_shellcheck_accepts_the_bash_script(cli: Cli, tmp_path: Path):
    need("shellcheck")
    script = tmp_path / "script.bash"
    script.write_text("#!/usr/bin/env bash\n" + cli("strongroom", "completion", "bash").out)
    shellcheck = shutil.which("shellcheck")
    assert shellcheck

    done = subprocess.run([shellcheck, str(script)], capture_output=True, text=True, check=False)

    assert done.stdout == ""
