"""`--help` and the usage lines under an error, laid out as Docker does, from the table of commands."""

import textwrap

from .commands import ABSENT, COMMANDS, GLOBAL_FLAGS, GROUPS, Command
from .flags import Flag
from .values import KINDS

WIDTH = 80
NARROWEST = 24  # a description gets at least so many columns


def usage_line(command: Command) -> str:
    return f"Usage:  docker {command.name} {command.usage}".rstrip()


def command_help(command: Command) -> str:
    """What `docker COMMAND --help` prints."""
    parts = [usage_line(command), command.help]
    if command.aliases:
        names = ", ".join(f"docker {name}" for name in (command.name, *command.aliases))
        parts.append(f"Aliases:\n  {names}")
    shown = sorted((flag for flag in command.flags if flag.support != "absent"), key=lambda flag: flag.name)
    if shown:
        parts.append("Options:\n" + flag_lines(shown))
    missing = sorted(f"--{flag.name}" for flag in command.flags if flag.support == "absent")
    if missing:
        parts.append(_beyond(missing))
    return "\n\n".join(parts) + "\n"


def group_help(group: str) -> str:
    """What `docker GROUP --help` prints, also what `docker GROUP` alone does."""
    rows = [
        (command.name.partition(" ")[2], command.help) for command in COMMANDS if command.name.startswith(group + " ")
    ]
    rows += [
        (alias.partition(" ")[2], command.help)
        for command in COMMANDS
        for alias in command.aliases[:1]
        if alias.startswith(group + " ") and not command.name.startswith(group + " ")
    ]
    parts = [f"Usage:  docker {group} COMMAND", GROUPS[group], "Commands:\n" + _rows(rows)]
    missing = sorted(name.partition(" ")[2] for name in ABSENT if name.startswith(group + " "))
    parts += [_beyond(missing)] if missing else []
    parts.append(f"Run 'docker {group} COMMAND --help' for more information on a command.")
    return "\n\n".join(parts) + "\n"


def top_help() -> str:
    """What `docker --help` prints, also what `docker` alone does."""
    plain = [(command.name, command.help) for command in COMMANDS if " " not in command.name]
    missing = sorted(name for name in ABSENT if " " not in name)
    parts = [
        "Usage:  docker [OPTIONS] COMMAND",
        "Docker's command line, on a simulated swarm",
        "Management Commands:\n" + _rows(list(GROUPS.items())),
        "Commands:\n" + _rows(plain),
        "Global Options:\n" + flag_lines(GLOBAL_FLAGS),
        _beyond(missing),
        "Run 'docker COMMAND --help' for more information on a command.",
    ]
    return "\n\n".join(parts) + "\n"


def flag_lines(flags: tuple[Flag, ...] | list[Flag]) -> str:
    """One block per flag: names and kind in a column of their own, the description wrapped beside it."""
    heads = [
        f"{f'  -{flag.short},' if flag.short else '     '} --{flag.name} {KINDS[flag.kind].word}".rstrip()
        for flag in flags
    ]
    indent = max(map(len, heads)) + 3
    lines = []
    for head, flag in zip(heads, flags, strict=True):
        wrapped = textwrap.wrap(flag.help, max(WIDTH - indent, NARROWEST)) or [""]
        lines.append(head.ljust(indent) + wrapped[0])
        lines += [" " * indent + line for line in wrapped[1:]]
    return "\n".join(line.rstrip() for line in lines)


def _rows(rows: list[tuple[str, str]]) -> str:
    width = max(max(len(name) for name, _ in rows), 11)
    return "\n".join(f"  {name:{width}} {text}" for name, text in sorted(rows))


def _beyond(names: list[str]) -> str:
    text = "Docker also has: " + ", ".join(names) + ". The simulation does not."
    return "\n".join(textwrap.wrap(text, WIDTH, break_on_hyphens=False, break_long_words=False))
