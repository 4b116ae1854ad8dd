"""The rows of the table for `docker service …`."""

from ..flags import Flag
from .vocabulary import DETACH, LISTING, LOGS, NO_RESOLVE, NO_TRUNC, TASKS, Command, absent, stored


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


SHARED_FLAGS = (  # of `service create` and `service update`
    stored("cap-add", "list", "Linux capabilities to add"),
    stored("cap-drop", "list", "Linux capabilities to drop"),
    DETACH,
    Flag("endpoint-mode", "string", "How its name resolves: vip or dnsrr (default vip)", default="vip"),
    Flag("entrypoint", "command", "Command line that replaces the image's entrypoint"),
    Flag("health-cmd", "string", "Command that tells whether the container is well"),
    Flag("health-interval", "health duration", "Time from one health check to the next"),
    Flag("health-retries", "int", "Failed checks in a row that make it unhealthy"),
    Flag("health-start-period", "health duration", "Time to start in which failed checks do not count"),
    Flag("health-timeout", "health duration", "How long one check may take"),
    Flag("hostname", "string", "Hostname of the containers", default=""),
    stored("init", "bool", "Start a small init in each container"),
    stored("isolation", "string", "Isolation on Windows"),
    stored("limit-cpu", "decimal", "Processors that a task may use at most", default=0),
    stored("limit-memory", "bytes", "Memory that a task may use at most", default=0),
    stored("limit-pids", "int", "Processes that a task may have at most, 0 for any number", default=0),
    Flag("log-driver", "string", "Where the output of the containers goes", default=""),
    Flag("log-opt", "env", "Setting of the log driver, as name=value"),
    Flag("no-healthcheck", "bool", "Ignore the image's own health check"),
    Flag("no-resolve-image", "bool", "Do not ask the registry for the digest"),
    stored("oom-score-adj", "int", "How early the kernel kills it when memory runs out"),
    Flag("quiet", "bool", "Wait without showing progress", "q"),
    stored("read-only", "bool", "No writing to the container's root filesystem"),
    Flag("replicas", "uint", "How many tasks to run"),
    Flag("replicas-max-per-node", "uint", "Tasks that one node may run at most, 0 for any number"),
    Flag("reserve-cpu", "decimal", "Processors that a node must have free for a task", default=0),
    Flag("reserve-memory", "bytes", "Memory that a node must have free for a task", default=0),
    Flag("restart-condition", "string", "When an ended task is replaced: none, on-failure or any (default any)"),
    Flag("restart-delay", "duration", "Wait before the replacement starts (default 5s)"),
    Flag("restart-max-attempts", "uint", "Replacements before giving up (default: no limit)"),
    Flag("restart-window", "duration", "Period in which attempts are counted"),
    *_update("rollback"),
    Flag("stop-grace-period", "duration", "Time between the signal to stop and the kill (default 10s)"),
    stored("stop-signal", "string", "Signal that stops the container", default=""),
    stored("tty", "bool", "Give the container a terminal", "t"),
    *_update("update"),
    stored("user", "string", "User in the container, as name or uid, with :group", "u"),
    stored("with-registry-auth", "bool", "Send the registry's password to the nodes"),
    stored("workdir", "string", "Folder in which the container starts", "w"),
    *absent("credential-spec"),
)

CREATE_FLAGS = (
    *SHARED_FLAGS,
    Flag("config", "config", "Config that the containers get as a file"),
    Flag("constraint", "list", "Nodes that may run it, as in node.role==worker"),
    Flag("container-label", "label", "Label of the containers"),
    stored("dns", "address", "DNS servers of the containers"),
    stored("dns-option", "list", "DNS options of the containers"),
    stored("dns-search", "domain", "DNS search domains of the containers"),
    Flag("env", "env", "Environment variable, as NAME=value", "e"),
    Flag("env-file", "list", "File with environment variables"),
    Flag("generic-resource", "generic", "Resources of your own kind that a task needs, as gpu=2"),
    stored("group", "list", "More groups of the user in the container"),
    Flag("health-start-interval", "health duration", "Time between checks while it starts"),
    stored("host", "host", "More lines for /etc/hosts, as name:ip"),
    Flag("label", "label", "Label of the service", "l"),
    Flag("max-concurrent", "uint", "Tasks of a job at a time (default: as many as --replicas)"),
    Flag(
        "mode", "string", "replicated, global, replicated-job or global-job (default replicated)", default="replicated"
    ),
    Flag("mount", "mount", "Volume, folder or tmpfs, as type=volume,source=data,target=/data"),
    Flag("name", "string", "Name of the service", default=""),
    Flag("network", "network", "Network to join"),
    Flag("placement-pref", "pref", "Spread the tasks evenly, as in spread=node.labels.zone"),
    Flag("publish", "port", "Port to publish, as 8080:80 or published=8080,target=80,mode=host", "p"),
    Flag("secret", "secret", "Secret that the containers get as a file"),
    stored("sysctl", "list", "Kernel settings of the containers"),
    stored("ulimit", "ulimit", "Limits of processes in the container, as nofile=1024:2048"),
)


def _add_and_remove(name: str, kind: str, what: str, which: str, removing: str = "list") -> tuple[Flag, ...]:
    """`--NAME-add` and `--NAME-rm`."""
    return (
        Flag(f"{name}-add", kind, f"Add {what}, or replace it"),
        Flag(f"{name}-rm", removing, f"Remove {what}, by {which}"),
    )


def _kept(name: str, kind: str, what: str, which: str) -> tuple[Flag, ...]:
    """The same for what is stored and has no effect."""
    return tuple(stored(flag.name, flag.kind, flag.help) for flag in _add_and_remove(name, kind, what, which))


UPDATE_FLAGS = (
    *SHARED_FLAGS,
    Flag("args", "command", "Arguments of the containers' command"),
    *_add_and_remove("config", "config", "a config that the containers get as a file", "its name"),
    *_add_and_remove("constraint", "list", "a rule about the nodes that may run it", "its exact text"),
    *_add_and_remove("container-label", "label", "a label of the containers", "its name"),
    *_kept("dns", "address", "a DNS server of the containers", "its address"),
    *_kept("dns-option", "list", "a DNS option of the containers", "its text"),
    *_kept("dns-search", "domain", "a DNS search domain of the containers", "its name"),
    *_add_and_remove("env", "env", "an environment variable", "its name"),
    Flag("force", "bool", "Replace all tasks, even if nothing else changes"),
    *_add_and_remove("generic-resource", "generic", "resources of your own kind", "their kind"),
    *_kept("group", "list", "a group of the user in the container", "its name"),
    Flag(
        "health-start-interval",
        "health duration",
        "Read and not heeded: Docker's client forgets it here",
        support="simplified",
    ),
    *_kept("host", "host", "a line of /etc/hosts", "its name or name:ip"),
    Flag("image", "string", "Image of the containers", default=""),
    *_add_and_remove("label", "label", "a label of the service", "its name"),
    Flag("max-concurrent", "uint", "Read and not heeded, as Docker's client does", support="simplified"),
    *_add_and_remove("mount", "mount", "a volume, folder or tmpfs", "its path in the container"),
    *_add_and_remove("network", "network", "a network to join", "its name"),
    *_add_and_remove("placement-pref", "pref", "a label to spread over", "its text", "pref"),
    *_add_and_remove("publish", "port", "a port to publish", "its port in the container", "port"),
    Flag("rollback", "bool", "Go back to what it was before the last change"),
    *_add_and_remove("secret", "secret", "a secret that the containers get as a file", "its name"),
    *_kept("sysctl", "list", "a kernel setting of the containers", "its name"),
    *_kept("ulimit", "ulimit", "a limit of processes in the container", "its name"),
)


COMMANDS = (
    Command(
        "service create",
        "[OPTIONS] IMAGE [COMMAND] [ARG...]",
        "Ask the swarm to keep something running",
        CREATE_FLAGS,
        least=1,
        most=None,
        interspersed=False,
    ),
    Command("service ls", "[OPTIONS]", "List the services", LISTING, aliases=("service list",)),
    Command(
        "service logs",
        "[OPTIONS] SERVICE|TASK",
        "What the containers of a service, or of one task, have printed",
        (
            *LOGS,
            NO_RESOLVE,
            Flag("no-task-ids", "bool", "No task ids in front of the lines"),
            NO_TRUNC,
            Flag("raw", "bool", "The lines as they were printed, without who did"),
        ),
        least=1,
        most=1,
    ),
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
        "service rollback",
        "[OPTIONS] SERVICE",
        "Take back the last change of a service",
        (DETACH, Flag("quiet", "bool", "Wait without showing progress", "q")),
        least=1,
        most=1,
    ),
    Command(
        "service update",
        "[OPTIONS] SERVICE",
        "Change a service; what no flag names stays as it is",
        UPDATE_FLAGS,
        least=1,
        most=1,
    ),
)
