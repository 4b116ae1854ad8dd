"""`python -m tools.commands_page` writes docs/docker-commands.md: how far each command and flag of Docker goes here.

The page comes from the table that also parses the commands; tests/docker/test_commands_page.py sees that it is up to date.
"""

from pathlib import Path

from swarmlab.docker.commands import COMMANDS, GROUPS, coverage
from swarmlab.docker.commands.vocabulary import Command

PAGE = Path(__file__).resolve().parent.parent / "docs" / "docker-commands.md"

HEAD = """# Which commands of Docker there are

Made from the table in `swarmlab/docker/commands` by `python -m tools.commands_page`; do not edit by hand.

*Supported*: does what Docker does. *Simplified*: accepted, without all of its effect. *Absent*: Docker has it; here one
line says that it is missing, and nothing changes. `docker COMMAND --help` explains each flag.

"""


def page() -> str:
    """The whole page."""
    found = coverage()
    counts = {word: sum(support == word for _, _, support in found) for word in ("supported", "simplified", "absent")}
    numbers = ", ".join(f"{count} {word}" for word, count in counts.items())
    parts = [HEAD, f"{len(found)} commands and flags: {numbers}.\n"]
    groups = [("docker", ""), *((f"docker {group}", group) for group in sorted(GROUPS))]
    for title, group in groups:
        rows = [command for command in COMMANDS if command.name.rpartition(" ")[0] == group]
        parts += [f"\n## {title} …\n\n", table(rows)] if rows else []
    missing = sorted(name for name, flag, support in found if support == "absent" and not flag)
    parts.append("\n## Absent\n\n" + ", ".join(f"`{name}`" for name in missing) + "\n")
    return "".join(parts)


def table(commands: list[Command]) -> str:
    lines = ["| command | | supported flags | simplified flags | absent flags |", "| --- | --- | --- | --- | --- |"]
    for command in sorted(commands, key=lambda command: command.name):
        cells = [flags(command, word) for word in ("supported", "simplified", "absent")]
        lines.append(f"| `{command.name}` | {command.support} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def flags(command: Command, support: str) -> str:
    return " ".join(f"`--{flag.name}`" for flag in command.flags if flag.support == support)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
