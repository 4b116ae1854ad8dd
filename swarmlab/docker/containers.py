"""`docker run`, `ps`, `stop`, `start`, `restart`, `kill` and `rm`: containers of one machine.

Source: docs.docker.com, Docker CLI reference; texts as recorded from Docker 28.2.2.
"""

import re
from collections.abc import Sequence
from typing import Any

from ..effects import SECOND
from ..messages import (
    Container,
    ContainerSettings,
    KillContainer,
    ListContainers,
    ListImages,
    PullImage,
    RemoveContainer,
    Run,
    StartContainer,
    StopContainer,
)
from ..objects import ApiError, HealthConfig, LogDriver, Mount, NetworkTarget
from ..worker import images
from .ask import environment, healthcheck, mapping
from .filters import CONTAINER_TESTS, matching
from .flags import Options
from .lists import CONTAINERS, container_rows
from .prunes import prunable
from .session import Exit, Screen, Session, each
from .storage import pull_lines
from .tables import show
from .units import UnitError, parse_port, quote

NO_PORTS = "WARNING: Published ports are discarded when using host network mode"
PRUNE_WARNING = "WARNING! This will remove all stopped containers.\nAre you sure you want to continue? [y/N] "
WORDS = {  # what some filters may ask for
    "health": ("healthy", "none", "starting", "unhealthy"),
    "is-task": ("true", "false"),
    "status": ("created", "dead", "exited", "paused", "removing", "restarting", "running"),
}
POLICIES = ("no", "always", "unless-stopped", "on-failure")


def run(session: Session, options: Options, screen: Screen) -> None:
    """`docker run -d`: an error of any kind ends with 125, so that it is not mistaken for one of the container."""
    if not options["detach"]:
        raise Exit("The simulation runs containers in the background only: docker run -d …", 125)
    try:
        request = _request(session, options)
        _pull_if_missing(session, request.image, screen)
        screen.say(session.call(request))
    except UnitError as fault:
        raise Exit(f"docker: {fault.text}\n\nRun 'docker run --help' for more information", 125) from None
    except ApiError as refusal:
        text = f"docker: Error response from daemon: {refusal.text}"
        raise Exit(f"{text}\n\nRun 'docker run --help' for more information", 125) from None
    if request.ports and any(one.target == "host" for one in request.networks):
        screen.warn(NO_PORTS)


def _request(session: Session, options: Options) -> Run:
    image, *args = options.words
    ports = tuple(port for text in options["publish"] for port in parse_port(text))
    driver = options["log-driver"]
    settings = ContainerSettings(
        env=environment(options, session),
        hostname=options["hostname"],
        mounts=(*options["mount"], *(_volume(text) for text in options["volume"])),
        log_driver=LogDriver(driver, mapping(options["log-opt"])) if driver else None,
        restart=_policy(options),
        healthcheck=_healthcheck(options),
    )
    networks = tuple(NetworkTarget(name, options["network-alias"]) for name in options["network"])
    labels = mapping(options["label"])
    return Run(image, options["name"], tuple(args), ports, settings, labels, networks, options["rm"])


def _healthcheck(options: Options) -> HealthConfig | None:
    """`docker run` takes any duration, and looks only then whether it is less than nothing."""
    try:
        check = healthcheck(options)
    except Exit as conflict:
        raise UnitError(conflict.text) from None
    for name in ("interval", "timeout", "retries", "start-period", "start-interval"):
        if (options[f"health-{name}"] or 0) < 0:
            raise UnitError(f"--health-{name} cannot be negative")
    return check


def _policy(options: Options) -> str:
    text = options["restart"]
    name, colon, most = text.partition(":")
    if text and options["rm"] and name != "no":
        raise UnitError("conflicting options: cannot specify both --restart and --rm")
    if not text:
        return ""
    if name not in POLICIES:
        raise UnitError(
            f"invalid restart policy: unknown policy '{name}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'"
        )
    if colon and (name != "on-failure" or not re.fullmatch("[0-9]{1,18}", most)):
        raise UnitError("invalid restart policy format: maximum retry count must be an integer")
    return "" if name == "no" else text


def _volume(text: str) -> Mount:
    """`data:/var/lib/data:ro`: a named volume, or a folder of the machine when it begins with a slash."""
    parts = text.split(":")
    if len(parts) == 1:
        return Mount("volume", "", text)
    if len(parts) > 3 or not parts[0] or not parts[1]:
        raise UnitError(f"invalid spec: {text}: empty section between colons")
    kind = "bind" if parts[0].startswith("/") else "volume"
    # Docker makes a folder that is not there; here a folder that is not known is refused, as with --mount.
    return Mount(kind, parts[0], parts[1], read_only="ro" in parts[2:])


def _pull_if_missing(session: Session, image: str, screen: Screen) -> None:
    reference = images.full(image)
    if any(row.reference == reference for row in session.call(ListImages())):
        return
    screen.warn(f"Unable to find image '{reference}' locally")
    session.call(PullImage(image))
    screen.err.append("".join(line + "\n" for line in pull_lines(reference, new=True)))


# ── lists ────────────────────────────────────────────────────────────────────────────────────────────────────────


def list_containers(session: Session, options: Options, screen: Screen) -> None:
    last = 1 if options["latest"] else options["last"]
    names = [name for name, _ in options["filter"]]
    ended_too = options["all"] or last > 0 or "status" in names or "exited" in names
    known = session.call(ListContainers(ended_too or "before" in names or "since" in names))  # than one that has ended
    found = [one for one in filtered(known, options["filter"]) if ended_too or one.state == "running"]
    rows = container_rows(found[:last] if last > 0 else found, session.now, not options["no-trunc"])
    show(screen, CONTAINERS, rows, options["format"], options["quiet"])


def filtered(containers: Sequence[Container], filters: Sequence[tuple[str, str]]) -> list[Container]:
    """What passes. Raises `ApiError`."""
    for name, value in filters:
        if name in WORDS and value.lower() not in WORDS[name]:
            raise ApiError(f"Invalid filter '{name}={value}'")
        if name == "exited" and not re.fullmatch("[+-]?[0-9]{1,18}", value):
            raise ApiError(f"strconv.Atoi: parsing {quote(value)}: invalid syntax")
    return matching(containers, filters, CONTAINER_TESTS)


# ── one after the other ──────────────────────────────────────────────────────────────────────────────────────────


def stop(session: Session, options: Options, screen: Screen) -> None:
    _each(session, screen, options.words, [_stopping(ref, options) for ref in options.words])


def start(session: Session, options: Options, screen: Screen) -> None:
    _each(session, screen, options.words, [(StartContainer(ref),) for ref in options.words])


def restart(session: Session, options: Options, screen: Screen) -> None:
    _each(session, screen, options.words, [(*_stopping(ref, options), StartContainer(ref)) for ref in options.words])


def kill(session: Session, options: Options, screen: Screen) -> None:
    _each(session, screen, options.words, [(KillContainer(ref, options["signal"]),) for ref in options.words])


def remove_containers(session: Session, options: Options, screen: Screen) -> None:
    _each(
        session,
        screen,
        options.words,
        [(RemoveContainer(ref, options["force"], options["volumes"]),) for ref in options.words],
    )


def _stopping(ref: str, options: Options) -> tuple:
    seconds = 10 if options["timeout"] is None else options["timeout"]
    return (StopContainer(ref, seconds * SECOND),)


def _each(session: Session, screen: Screen, refs: Any, requests: Any) -> None:
    """Do it for every one, echo what was done, and say at the end what was refused."""

    def do(one: tuple) -> None:
        ref, steps = one
        for request in steps:
            session.call(request)
        screen.say(ref)

    each(zip(refs, requests, strict=True), do)


def prune(session: Session, options: Options, screen: Screen) -> None:
    """Without --force Docker asks first, and nobody is there to say yes."""
    if not options["force"]:
        screen.out.append(PRUNE_WARNING)
        return
    gone = prune_containers(session, prunable(session.call(ListContainers(all=True)), options["filter"], session.now))
    if gone:
        screen.say("\n".join(["Deleted Containers:", *gone, ""]))
    screen.say("Total reclaimed space: 0B")


def prune_containers(session: Session, containers: Any) -> list[str]:
    """The ids of those that had ended, and went."""
    gone = [one.id for one in containers if one.state in ("exited", "created")]
    for id in gone:
        session.call(RemoveContainer(id))
    return gone


RUN = {
    "container prune": prune,
    "kill": kill,
    "ps": list_containers,
    "restart": restart,
    "rm": remove_containers,
    "run": run,
    "start": start,
    "stop": stop,
}
