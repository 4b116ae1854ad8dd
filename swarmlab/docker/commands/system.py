"""The rows of the table for `docker system …`."""

from .vocabulary import TEMPLATE, Command

COMMANDS = (
    Command(
        "info",
        "[OPTIONS]",
        "What this engine knows of itself and of its swarm",
        (TEMPLATE,),
        aliases=("system info",),
    ),
    Command("version", "[OPTIONS]", "Versions of client and engine", (TEMPLATE,)),
)
