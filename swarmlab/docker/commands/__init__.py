"""Every command of Docker that the simulation knows, as one table: parsing, `--help` and the coverage list come from it.

`support` says how far a command or flag goes: supported · simplified (accepted, without all of its effect) · absent
(Docker has it, the simulation does not: one line says so, nothing changes). Names, arguments and kinds of flags are
Docker's (CLI reference, 28.2); the descriptions are ours.
"""

from ..flags import Flag
from . import container, file, inspecting, network, node, service, stack, storage, swarm, system
from .vocabulary import Command

__all__ = ["ABSENT", "BY_NAME", "COMMANDS", "GLOBAL_FLAGS", "GROUPS", "Command", "coverage"]

ROOMS = (container, system, network, node, service, file, stack, swarm, inspecting, storage)
COMMANDS: tuple[Command, ...] = tuple(command for room in ROOMS for command in room.COMMANDS)
BY_NAME = {name: command for command in COMMANDS for name in (command.name, *command.aliases)}

_GROUPS = {
    "config": "Settings that containers get as files",
    "container": "Containers of this machine",
    "image": "Images on this machine",
    "network": "Networks, on one machine or across the swarm",
    "node": "The machines of the swarm",
    "secret": "Passwords and keys that containers get as files",
    "service": "What the swarm keeps running",
    "stack": "Services that were deployed together from one file",
    "swarm": "Make, join and leave a swarm",
    "system": "This engine",
    "volume": "Places on this machine where containers keep data",
}
GROUPS = {group: help for group, help in _GROUPS.items() if any(name.startswith(f"{group} ") for name in BY_NAME)}

# ── all that Docker has ───────────────────────────────────────────────────────────────────────────────────────

_TOP = """attach build commit cp create diff events exec export history images import inspect kill load login logout
logs pause port pull push rename restart rmi save search start stats stop tag top unpause update wait"""
_UNDER = {
    "builder": "build prune",
    "checkpoint": "create ls rm",
    "config": "create inspect ls rm",
    "container": """attach commit cp create diff exec export inspect kill logs pause port prune rename restart start stats stop
    top unpause update wait""",
    "context": "create export import inspect ls rm show update use",
    "image": "build history import inspect load ls prune pull push rm save tag",
    "manifest": "annotate create inspect push rm",
    "network": "connect disconnect inspect prune",
    "node": "inspect",
    "plugin": "create disable enable inspect install ls push rm set upgrade",
    "secret": "create inspect ls rm",
    "service": "inspect logs",
    "stack": "config",
    "swarm": "ca unlock unlock-key update",
    "system": "df events prune",
    "trust": "inspect revoke sign",
    "volume": "create inspect ls prune rm update",
}


def _names(group: str, names: str) -> list[str]:
    return [f"{group} {name}" for name in names.split()] + ([] if group in GROUPS else [group])


_ALL = frozenset(_TOP.split()) | {name for group, names in _UNDER.items() for name in _names(group, names)}
ABSENT = _ALL - set(BY_NAME)  # Docker has these, the simulation does not

GLOBAL_FLAGS = (
    Flag("config", "string", "Folder of the client's settings", support="simplified"),
    Flag("context", "string", "Engine to talk to", "c", support="simplified"),
    Flag("debug", "bool", "Say more", "D", support="simplified"),
    Flag("host", "list", "Engine to talk to", "H", support="simplified"),
    Flag("log-level", "string", "How much to say", "l", support="simplified"),
    Flag("version", "bool", "Print the version", "v"),
)


def coverage() -> list[tuple[str, str, str]]:
    """(command, flag, support) of everything this table knows; an empty flag is the command itself."""
    rows = []
    for command in COMMANDS:
        rows.append((command.name, "", command.support))
        rows += [(command.name, f"--{flag.name}", flag.support) for flag in command.flags]
    return rows + [(name, "", "absent") for name in sorted(ABSENT)]
