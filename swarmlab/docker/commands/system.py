"""The rows of the table for `docker system …`."""

from .vocabulary import Command, absent

COMMANDS = (
    Command(
        "info",
        "[OPTIONS]",
        "What this engine knows of itself and of its swarm",
        absent("f/format"),
        aliases=("system info",),
        support="simplified",
    ),
    Command("version", "[OPTIONS]", "Versions of client and engine", absent("f/format"), support="simplified"),
)
