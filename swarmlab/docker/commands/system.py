"""The rows of the table for `docker system …`."""

from ..flags import Flag
from .vocabulary import FILTER, FORMAT, TEMPLATE, Command, absent

COMMANDS = (
    Command(
        "info",
        "[OPTIONS]",
        "What this engine knows of itself and of its swarm",
        (TEMPLATE,),
        aliases=("system info",),
    ),
    Command("version", "[OPTIONS]", "Versions of client and engine", (TEMPLATE,)),
    Command(
        "events",
        "[OPTIONS]",
        "What happens on this machine and, on a manager, in the swarm",
        (
            FILTER,
            Flag("format", "string", "'json', or a template such as '{{.Type}} {{.Action}}'", default=""),
            Flag("since", "string", "From then on: a date, or so long ago, as 10m", default=""),
            Flag("until", "string", "Up to then; without it until interrupted", default=""),
        ),
        aliases=("system events",),
    ),
    Command(
        "system df",
        "[OPTIONS]",
        "How much images, containers and volumes take on this machine",
        (FORMAT, *absent("v/verbose")),
        support="simplified",
    ),
    Command(
        "system prune",
        "[OPTIONS]",
        "Remove what this machine does not use",
        (
            Flag("all", "bool", "All images that no container has", "a"),
            Flag("force", "bool", "Without asking", "f"),
            Flag("volumes", "bool", "Volumes that nobody named, too"),
            *absent("filter"),
        ),
    ),
)
