"""The rows of the table for `docker container …`."""

from ..flags import Flag
from .vocabulary import FILTER, FORMAT, LOGS, NO_TRUNC, QUIET, Command, absent

MANY = "CONTAINER [CONTAINER...]"
TIMEOUT = Flag("timeout", "int", "Seconds between the signal to stop and the kill (default 10)", "t")

COMMANDS = (
    Command(
        "run",
        "[OPTIONS] IMAGE [COMMAND] [ARG...]",
        "Start a container on this machine alone",
        (
            Flag("detach", "bool", "Run in the background; the simulation has no other way", "d"),
            Flag("env", "env", "Environment variable, as NAME=value", "e"),
            Flag("env-file", "list", "File with environment variables"),
            Flag("health-cmd", "string", "Command that tells whether the container is well"),
            Flag("health-interval", "duration", "Time from one health check to the next"),
            Flag("health-retries", "int", "Failed checks in a row that make it unhealthy"),
            Flag("health-start-interval", "duration", "Time between checks while it starts"),
            Flag("health-start-period", "duration", "Time to start in which failed checks do not count"),
            Flag("health-timeout", "duration", "How long one check may take"),
            Flag("hostname", "string", "Hostname of the container", "h", default=""),
            Flag("label", "label", "Label of the container", "l"),
            Flag("log-driver", "string", "Where its output goes", default=""),
            Flag("log-opt", "env", "Setting of the log driver, as name=value"),
            Flag("mount", "mount", "Volume, folder or tmpfs, as type=volume,source=data,target=/data"),
            Flag("name", "string", "Name of the container", default=""),
            Flag("network", "list", "Network to join"),
            Flag("no-healthcheck", "bool", "Ignore the image's own health check"),
            Flag("network-alias", "list", "One more name on that network"),
            Flag("publish", "ports", "Port of this machine to answer on, as 8080:80", "p"),
            Flag(
                "restart",
                "string",
                "When the engine starts it again: no, always, on-failure[:n], unless-stopped",
                default="",
            ),
            Flag("rm", "bool", "Remove it when it ends"),
            Flag("volume", "list", "Volume or folder, as data:/var/lib/data", "v", support="simplified"),
            *absent(
                *"""add-host a/attach cap-add cap-drop cpus device dns entrypoint expose gpus init i/interactive ip ipc m/memory pid platform privileged
            P/publish-all pull q/quiet read-only stop-signal stop-timeout sysctl tmpfs t/tty ulimit u/user
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
        "logs",
        "[OPTIONS] CONTAINER",
        "What a container of this machine has printed",
        (*LOGS, Flag("until", "string", "Only lines up to then", default="")),
        least=1,
        most=1,
        aliases=("container logs",),
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
            *absent("s/size"),
        ),
        aliases=("container ls", "container list", "container ps"),
    ),
    Command(
        "stop",
        f"[OPTIONS] {MANY}",
        "Stop containers of this machine; a task is replaced",
        (TIMEOUT, *absent("s/signal")),
        least=1,
        most=None,
        aliases=("container stop",),
    ),
    Command(
        "start",
        f"[OPTIONS] {MANY}",
        "Start containers that have ended",
        absent("a/attach", "detach-keys", "i/interactive"),
        least=1,
        most=None,
        aliases=("container start",),
    ),
    Command(
        "restart",
        f"[OPTIONS] {MANY}",
        "Stop containers and start them again",
        (TIMEOUT, *absent("s/signal")),
        least=1,
        most=None,
        aliases=("container restart",),
    ),
    Command(
        "kill",
        f"[OPTIONS] {MANY}",
        "Send containers a signal; a task is replaced",
        (Flag("signal", "string", "Which one (default SIGKILL)", "s", default="SIGKILL"),),
        least=1,
        most=None,
        aliases=("container kill",),
    ),
    Command(
        "container prune",
        "[OPTIONS]",
        "Remove all containers that have ended",
        (FILTER, Flag("force", "bool", "Without asking", "f")),
    ),
    Command(
        "rm",
        "[OPTIONS] CONTAINER [CONTAINER...]",
        "Remove containers of this machine",
        (
            Flag("force", "bool", "Kill it first if it runs", "f"),
            Flag("volumes", "bool", "Remove its unnamed volumes too (it has none)", "v", support="simplified"),
            *absent("l/link"),
        ),
        least=1,
        most=None,
        aliases=("container rm", "container remove"),
    ),
)
