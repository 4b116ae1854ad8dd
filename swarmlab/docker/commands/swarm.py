"""The rows of the table for `docker swarm …`."""

from ..flags import Flag
from .vocabulary import Command, absent

COMMANDS = (
    Command(
        "swarm init",
        "[OPTIONS]",
        "Make this machine the first manager of a new swarm",
        (
            Flag("advertise-addr", "string", "Address under which the others reach it", default=""),
            Flag("cert-expiry", "duration", "How long a node's certificate is good (default 2160h0m0s)"),
            Flag("data-path-port", "uint32", "Port of the overlay networks (default 4789)"),
            Flag("default-addr-pool", "strings", "Where subnets of overlay networks are cut from (default 10.0.0.0/8)"),
            Flag("default-addr-pool-mask-length", "uint32", "Size of these subnets (default 24)"),
            Flag("dispatcher-heartbeat", "duration", "Time between the heartbeats of a node (default 5s)"),
            Flag("force-new-cluster", "bool", "Go on with this manager alone, when too many others are lost"),
            Flag("snapshot-interval", "uint", "Log entries between two snapshots of Raft (default 10000)"),
            Flag("task-history-limit", "int", "Tasks kept per slot, the live one included (default 5)"),
            *absent(
                "autolock",
                "availability",
                "data-path-addr",
                "external-ca",
                "listen-addr",
                "max-snapshots",
            ),
        ),
    ),
    Command(
        "swarm join",
        "[OPTIONS] HOST:PORT",
        "Make this machine a node of a swarm; the token decides the role",
        (
            Flag("advertise-addr", "string", "Address under which the others reach it", default=""),
            Flag("token", "string", "The token that lets it in", default=""),
            *absent("availability", "data-path-addr", "listen-addr"),
        ),
        least=1,
        most=1,
    ),
    Command(
        "swarm join-token",
        "[OPTIONS] (worker|manager)",
        "Show how others join, or replace the token",
        (
            Flag("quiet", "bool", "Print the token and nothing else", "q"),
            Flag("rotate", "bool", "Make a new token first"),
        ),
        least=1,
        most=1,
    ),
    Command("swarm leave", "[OPTIONS]", "Leave the swarm", (Flag("force", "bool", "Leave even as a manager", "f"),)),
)
