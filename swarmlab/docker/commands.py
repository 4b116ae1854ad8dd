"""Every command of Docker that the simulation knows, as one table: parsing, `--help` and the coverage list come from it.

`support` says how far a command or flag goes: supported · simplified (accepted, without all of its effect) · absent
(Docker has it, the simulation does not: one line says so, nothing changes). Names, arguments and kinds of flags are
Docker's (CLI reference, 28.2); the descriptions are ours.
"""

from typing import NamedTuple

from .flags import Flag


class Command(NamedTuple):
    """One command. `least` and `most` count its words, flags aside; `most` None is any number."""

    name: str  # 'service ls'
    usage: str  # what follows the name: '[OPTIONS] SERVICE [SERVICE...]'
    help: str
    flags: tuple[Flag, ...] = ()
    least: int = 0
    most: int | None = 0
    aliases: tuple[str, ...] = ()
    interspersed: bool = True  # False: flags end at the first other word, the rest belongs to the container
    support: str = "supported"


GROUPS = {
    "container": "Containers of this machine",
    "network": "Networks, on one machine or across the swarm",
    "node": "The machines of the swarm",
    "service": "What the swarm keeps running",
    "stack": "Services that were deployed together from one file",
    "swarm": "Make, join and leave a swarm",
    "system": "This engine",
}

# ── flags that several commands share ────────────────────────────────────────────────────────────────────────────

QUIET = Flag("quiet", "bool", "Print ids and nothing else", "q")
FILTER = Flag("filter", "filter", "Only what matches name=value; may be repeated", "f")
FORMAT = Flag("format", "string", "'table', 'json', or a template such as '{{.Name}}' or 'table {{.Name}}'", default="")
NO_TRUNC = Flag("no-trunc", "bool", "Do not shorten ids and errors")
NO_RESOLVE = Flag("no-resolve", "bool", "Show ids where names would stand")
DETACH = Flag("detach", "bool", "Return at once; without it the command waits until the service is stable", "d")

LISTING = (FILTER, FORMAT, QUIET)
TASKS = (FILTER, FORMAT, NO_RESOLVE, NO_TRUNC, QUIET)


def _stored(name: str, kind: str, help: str, short: str = "", default: object = None) -> Flag:
    return Flag(name, kind, f"{help} (stored as asked)", short, default, "simplified")


def _absent(*names: str) -> tuple[Flag, ...]:
    """Flags by name, or by short and full name: `i/interactive`."""
    pairs = [(name.rpartition("/")[2], name.rpartition("/")[0]) for name in names]
    return tuple(Flag(name, "string", "", short, support="absent") for name, short in pairs)


def _update(word: str) -> tuple[Flag, ...]:
    """The six flags that `--update-` and `--rollback-` have in common."""
    actions = "pause, continue or rollback" if word == "update" else "pause or continue"
    one = "an update" if word == "update" else "a rollback"
    return (
        Flag(f"{word}-delay", "duration", f"Pause of each worker between two tasks during {one} (default 0s)"),
        Flag(f"{word}-failure-action", "string", f"When {one} fails: {actions} (default pause)"),
        Flag(f"{word}-max-failure-ratio", "float", f"Share of tasks that may fail during {one} (default 0)"),
        Flag(f"{word}-monitor", "duration", f"How long a new task of {one} is watched for failure (default 5s)"),
        Flag(f"{word}-order", "string", f"Order of {one}: start-first or stop-first (default stop-first)"),
        Flag(f"{word}-parallelism", "uint", f"Tasks replaced at a time during {one}, 0 for all (default 1)"),
    )


SERVICE_FLAGS = (
    _stored("cap-add", "list", "Linux capabilities to add"),
    _stored("cap-drop", "list", "Linux capabilities to drop"),
    Flag("config", "config", "Config that the containers get as a file"),
    Flag("constraint", "list", "Nodes that may run it, as in node.role==worker"),
    Flag("container-label", "label", "Label of the containers"),
    DETACH,
    _stored("dns", "list", "DNS servers of the containers"),
    _stored("dns-option", "list", "DNS options of the containers"),
    _stored("dns-search", "list", "DNS search domains of the containers"),
    Flag("endpoint-mode", "string", "How its name resolves: vip or dnsrr (default vip)", default="vip"),
    Flag("entrypoint", "string", "Command line that replaces the image's entrypoint"),
    Flag("env", "env", "Environment variable, as NAME=value", "e"),
    Flag("env-file", "list", "File with environment variables"),
    Flag("generic-resource", "generic", "Resources of your own kind that a task needs, as gpu=2"),
    _stored("group", "list", "More groups of the user in the container"),
    Flag("health-cmd", "string", "Command that tells whether the container is well"),
    Flag("health-interval", "health duration", "Time from one health check to the next"),
    Flag("health-retries", "int", "Failed checks in a row that make it unhealthy"),
    Flag("health-start-interval", "health duration", "Time between checks while it starts"),
    Flag("health-start-period", "health duration", "Time to start in which failed checks do not count"),
    Flag("health-timeout", "health duration", "How long one check may take"),
    _stored("host", "list", "More lines for /etc/hosts, as name:ip"),
    Flag("hostname", "string", "Hostname of the containers", default=""),
    _stored("init", "bool", "Start a small init in each container"),
    _stored("isolation", "string", "Isolation on Windows"),
    Flag("label", "label", "Label of the service", "l"),
    Flag("limit-cpu", "decimal", "Processors that a task may use at most", default=0),
    Flag("limit-memory", "bytes", "Memory that a task may use at most", default=0),
    Flag("limit-pids", "int", "Processes that a task may have at most, 0 for any number", default=0),
    Flag("log-driver", "string", "Where the output of the containers goes", default=""),
    Flag("log-opt", "env", "Setting of the log driver, as name=value"),
    Flag("max-concurrent", "uint", "Tasks of a job at a time (default: as many as --replicas)"),
    Flag(
        "mode", "string", "replicated, global, replicated-job or global-job (default replicated)", default="replicated"
    ),
    Flag("mount", "mount", "Volume, folder or tmpfs, as type=volume,source=data,target=/data"),
    Flag("name", "string", "Name of the service", default=""),
    Flag("network", "network", "Network to join"),
    Flag("no-healthcheck", "bool", "Ignore the image's own health check"),
    _stored("no-resolve-image", "bool", "Do not ask the registry for the digest"),
    _stored("oom-score-adj", "int", "How early the kernel kills it when memory runs out"),
    Flag("placement-pref", "pref", "Spread the tasks evenly, as in spread=node.labels.zone"),
    Flag("publish", "port", "Port to publish, as 8080:80 or published=8080,target=80,mode=host", "p"),
    Flag("quiet", "bool", "Wait without showing progress", "q"),
    _stored("read-only", "bool", "No writing to the container's root filesystem"),
    Flag("replicas", "uint", "How many tasks to run"),
    Flag("replicas-max-per-node", "uint", "Tasks that one node may run at most, 0 for any number"),
    Flag("reserve-cpu", "decimal", "Processors that a node must have free for a task", default=0),
    Flag("reserve-memory", "bytes", "Memory that a node must have free for a task", default=0),
    Flag("restart-condition", "string", "When an ended task is replaced: none, on-failure or any (default any)"),
    Flag("restart-delay", "duration", "Wait before the replacement starts (default 5s)"),
    Flag("restart-max-attempts", "uint", "Replacements before giving up (default: no limit)"),
    Flag("restart-window", "duration", "Period in which attempts are counted"),
    *_update("rollback"),
    Flag("secret", "secret", "Secret that the containers get as a file"),
    Flag("stop-grace-period", "duration", "Time between the signal to stop and the kill (default 10s)"),
    _stored("stop-signal", "string", "Signal that stops the container", default=""),
    _stored("sysctl", "list", "Kernel settings of the containers"),
    _stored("tty", "bool", "Give the container a terminal", "t"),
    _stored("ulimit", "list", "Limits of the shell in the container"),
    *_update("update"),
    _stored("user", "string", "User in the container, as name or uid, with :group", "u"),
    _stored("with-registry-auth", "bool", "Send the registry's password to the nodes"),
    _stored("workdir", "string", "Folder in which the container starts", "w"),
    *_absent("credential-spec"),
)

# ── the commands ─────────────────────────────────────────────────────────────────────────────────────────────────

COMMANDS = (
    Command(
        "run",
        "[OPTIONS] IMAGE [COMMAND] [ARG...]",
        "Start a container on this machine alone",
        (
            Flag("detach", "bool", "Run in the background; the simulation has no other way", "d"),
            Flag("name", "string", "Name of the container", default=""),
            Flag("publish", "ports", "Port of this machine to answer on, as 8080:80", "p"),
            *_absent(
                *"""add-host a/attach cap-add cap-drop cpus device dns entrypoint e/env env-file expose gpus
            health-cmd health-interval health-retries health-timeout h/hostname init i/interactive ip ipc l/label
            log-driver log-opt m/memory mount network network-alias no-healthcheck pid platform privileged P/publish-all
            pull q/quiet read-only restart rm stop-signal stop-timeout sysctl tmpfs t/tty ulimit u/user v/volume
            w/workdir""".split()
            ),
        ),
        least=1,
        most=None,
        aliases=("container run",),
        interspersed=False,
        support="simplified",
    ),
    Command(
        "ps",
        "[OPTIONS]",
        "List the containers of this machine",
        (
            Flag("all", "bool", "Also those that do not run", "a"),
            FILTER,
            FORMAT,
            Flag("last", "int", "The n newest, whether they run or not", "n", default=-1),
            Flag("latest", "bool", "The newest, whether it runs or not", "l"),
            NO_TRUNC,
            QUIET,
            *_absent("s/size"),
        ),
        aliases=("container ls", "container list", "container ps"),
    ),
    Command(
        "rm",
        "[OPTIONS] CONTAINER [CONTAINER...]",
        "Remove containers of this machine",
        (
            Flag("force", "bool", "Kill it first if it runs", "f"),
            Flag("volumes", "bool", "Remove its unnamed volumes too (it has none)", "v", support="simplified"),
            *_absent("l/link"),
        ),
        least=1,
        most=None,
        aliases=("container rm", "container remove"),
    ),
    Command(
        "info",
        "[OPTIONS]",
        "What this engine knows of itself and of its swarm",
        _absent("f/format"),
        aliases=("system info",),
        support="simplified",
    ),
    Command("version", "[OPTIONS]", "Versions of client and engine", _absent("f/format"), support="simplified"),
    Command("network ls", "[OPTIONS]", "List networks", (*LISTING[:2], NO_TRUNC, QUIET), aliases=("network list",)),
    Command(
        "network create",
        "[OPTIONS] NETWORK",
        "Make a network",
        (
            Flag("attachable", "bool", "Let plain containers join it"),
            Flag("driver", "string", "overlay for the whole swarm (default bridge)", "d", default="bridge"),
            Flag("gateway", "strings", "Address of the gateway"),
            Flag("ingress", "bool", "Make it the network of the routing mesh"),
            Flag("internal", "bool", "No way out of it"),
            Flag("ip-range", "strings", "Part of the subnet from which containers get addresses"),
            Flag("ipv6", "bool", "With IPv6 addresses", support="simplified"),
            Flag("label", "label", "Label of the network"),
            Flag("opt", "map", "Setting of the driver, as encrypted=", "o"),
            Flag("scope", "string", "Where it is known: local or swarm", default=""),
            Flag("subnet", "strings", "Subnet, as 10.50.0.0/24"),
            *_absent("aux-address", "config-from", "config-only", "ipam-driver", "ipam-opt", "ipv4"),
        ),
        least=1,
        most=1,
    ),
    Command(
        "network rm",
        "NETWORK [NETWORK...]",
        "Remove networks",
        (Flag("force", "bool", "One that does not exist is no error", "f"),),
        least=1,
        most=None,
        aliases=("network remove",),
    ),
    Command("node demote", "NODE [NODE...]", "Let managers be workers again", least=1, most=None),
    Command("node ls", "[OPTIONS]", "List the nodes of the swarm", LISTING, aliases=("node list",)),
    Command("node promote", "NODE [NODE...]", "Let nodes be managers", least=1, most=None),
    Command("node ps", "[OPTIONS] [NODE...]", "List the tasks of nodes; without a name, of this one", TASKS, most=None),
    Command(
        "node rm",
        "[OPTIONS] NODE [NODE...]",
        "Forget nodes that are down",
        (Flag("force", "bool", "Even one that is not down", "f"),),
        least=1,
        most=None,
        aliases=("node remove",),
    ),
    Command(
        "node update",
        "[OPTIONS] NODE",
        "Change what a node is to be, and what it may be given to run",
        (
            Flag("availability", "string", "active, pause (no new tasks) or drain (no tasks at all)", default=""),
            Flag("label-add", "list", "Label of the node, as key=value; may be repeated"),
            Flag("label-rm", "list", "Name of a label to remove; may be repeated"),
            Flag("role", "string", "worker or manager", default=""),
        ),
        least=1,
        most=1,
    ),
    Command(
        "service create",
        "[OPTIONS] IMAGE [COMMAND] [ARG...]",
        "Ask the swarm to keep something running",
        SERVICE_FLAGS,
        least=1,
        most=None,
        interspersed=False,
    ),
    Command("service ls", "[OPTIONS]", "List the services", LISTING, aliases=("service list",)),
    Command("service ps", "[OPTIONS] SERVICE [SERVICE...]", "List the tasks of services", TASKS, least=1, most=None),
    Command("service rm", "SERVICE [SERVICE...]", "Remove services", least=1, most=None, aliases=("service remove",)),
    Command(
        "service scale",
        "SERVICE=REPLICAS [SERVICE=REPLICAS...]",
        "Scale one or multiple replicated services",  # part of an error message, so in Docker's words
        (DETACH,),
        least=1,
        most=None,
    ),
    Command(
        "stack deploy",
        "[OPTIONS] STACK",
        "Make the services of a file run, or bring them up to date",
        (
            Flag("compose-file", "strings", "The file; several are merged", "c"),
            Flag(
                "detach",
                "bool",
                "Return at once; --detach=false waits until all services are stable",
                "d",
                default=True,
            ),
            Flag("prune", "bool", "Remove services of the stack that the file no longer has"),
            Flag("quiet", "bool", "Wait without showing progress", "q"),
            Flag(
                "resolve-image",
                "string",
                "Ask the registry for digests: always, changed or never (default always)",
                default="always",
                support="simplified",
            ),
            _stored("with-registry-auth", "bool", "Send the registry's password to the nodes"),
        ),
        least=1,
        most=1,
        aliases=("stack up",),
    ),
    Command("stack ls", "[OPTIONS]", "List the stacks", (FORMAT,), aliases=("stack list",)),
    Command("stack services", "[OPTIONS] STACK", "List the services of a stack", LISTING, least=1, most=1),
    Command("stack ps", "[OPTIONS] STACK", "List the tasks of a stack", TASKS, least=1, most=1),
    Command(
        "stack rm",
        "[OPTIONS] STACK [STACK...]",
        "Remove all that was deployed under a name",
        (Flag("detach", "bool", "Return at once; --detach=false waits until all tasks are gone", "d", default=True),),
        least=1,
        most=None,
        aliases=("stack remove", "stack down"),
    ),
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
            *_absent(
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
            *_absent("availability", "data-path-addr", "listen-addr"),
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

_ABSENT_TOP = """attach build commit cp create diff events exec export history images import inspect kill load login logout
logs pause port pull push rename restart rmi save search start stats stop tag top unpause update wait"""
_ABSENT_UNDER = {
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
    "service": "inspect logs rollback update",
    "stack": "config",
    "swarm": "ca unlock unlock-key update",
    "system": "df events prune",
    "trust": "inspect revoke sign",
    "volume": "create inspect ls prune rm update",
}


def _names(group: str, names: str) -> list[str]:
    return [f"{group} {name}" for name in names.split()] + ([] if group in GROUPS else [group])


ABSENT = frozenset(_ABSENT_TOP.split()) | {  # Docker has these, the simulation does not
    name for group, names in _ABSENT_UNDER.items() for name in _names(group, names)
}
BY_NAME = {name: command for command in COMMANDS for name in (command.name, *command.aliases)}

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
