"""The rows of the table for `docker swarm …`."""

from ..flags import Flag
from .vocabulary import Command, absent

EXPIRY = Flag(
    "cert-expiry",
    "duration",
    "How long a node's certificate is good (default 2160h0m0s)",
)
EXTERNAL_CA = Flag(
    "external-ca", "external ca", "Services that sign certificates (kept as asked)", support="simplified"
)
SETTINGS = (
    EXPIRY,
    Flag("dispatcher-heartbeat", "duration", "Time between the heartbeats of a node (default 5s)"),
    EXTERNAL_CA,
    Flag("max-snapshots", "uint", "Older snapshots of Raft to keep (kept as asked)", support="simplified"),
    Flag(
        "snapshot-interval",
        "uint",
        "Log entries between two snapshots of Raft (default 10000; kept as asked)",
        support="simplified",
    ),
    Flag("task-history-limit", "int", "Tasks kept per slot, the live one included (default 5)"),
)
AUTOLOCK = "Make a key that a manager waits for when it starts again"
ADDRESSES = (
    Flag("advertise-addr", "string", "Address under which the others reach it, or an interface", default=""),
    Flag("availability", "string", "What the node may be given: active, pause or drain", default="active"),
    Flag("data-path-addr", "string", "Address or interface of the overlay networks (not heeded)", support="simplified"),
    Flag("listen-addr", "listen address", "Address to listen on (not heeded: all are)", support="simplified"),
)
ROTATE = Flag("rotate", "bool", "Make a new one first")

COMMANDS = (
    Command(
        "swarm ca",
        "[OPTIONS]",
        "Show the root certificate of the swarm, or replace it",
        (
            EXPIRY,
            Flag("detach", "bool", "Return at once; the nodes get their new certificates meanwhile", "d"),
            EXTERNAL_CA,
            Flag("quiet", "bool", "Print nothing when it is replaced", "q"),
            ROTATE,
            *absent("ca-cert", "ca-key"),
        ),
        support="simplified",
    ),
    Command(
        "swarm init",
        "[OPTIONS]",
        "Make this machine the first manager of a new swarm",
        (
            *ADDRESSES,
            Flag("autolock", "bool", AUTOLOCK),
            Flag(
                "data-path-port",
                "uint32",
                "Port of the overlay networks (default 4789; kept as asked)",
                support="simplified",
            ),
            Flag("default-addr-pool", "pools", "Where subnets of overlay networks are cut from (default 10.0.0.0/8)"),
            Flag("default-addr-pool-mask-length", "uint32", "Size of these subnets (default 24)"),
            Flag("force-new-cluster", "bool", "Go on with this manager alone, when too many others are lost"),
            *SETTINGS,
        ),
    ),
    Command(
        "swarm join",
        "[OPTIONS] HOST:PORT",
        "Make this machine a node of a swarm; the token decides the role",
        (*ADDRESSES, Flag("token", "string", "The token that lets it in", default="")),
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
    Command("swarm unlock", "", "Let a locked manager work again; the key comes by standard input"),
    Command(
        "swarm unlock-key",
        "[OPTIONS]",
        "Show the key that unlocks managers, or replace it",
        (Flag("quiet", "bool", "Print the key and nothing else", "q"), ROTATE),
    ),
    Command(
        "swarm update",
        "[OPTIONS]",
        "Change the settings of the swarm",
        (Flag("autolock", "bool", AUTOLOCK), *SETTINGS),
    ),
)
