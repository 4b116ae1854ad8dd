"""The rows of the table for `docker container …`."""

from ..flags import Flag
from .vocabulary import FILTER, FORMAT, LOGS, NO_TRUNC, QUIET, Command, absent

COMMANDS = (
    Command(
        "run",
        "[OPTIONS] IMAGE [COMMAND] [ARG...]",
        "Start a container on this machine alone",
        (
            Flag("detach", "bool", "Run in the background; the simulation has no other way", "d"),
            Flag("name", "string", "Name of the container", default=""),
            Flag("publish", "ports", "Port of this machine to answer on, as 8080:80", "p"),
            *absent(
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
