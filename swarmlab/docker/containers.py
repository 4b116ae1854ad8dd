"""`docker run`, `ps`, `stop`, `start`, `restart`, `kill` and `rm`: containers of one machine.

Source: docs.docker.com, Docker CLI reference; texts as recorded from Docker 28.2.2.
"""

import re
from typing import Any

from ..effects import SECOND
from ..messages import (
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
from ..objects import ApiError, LogDriver, Mount, NetworkTarget
from ..worker import images
from .ask import environment, mapping
from .filters import CONTAINER_TESTS, matching
from .flags import Options
from .lists import CONTAINERS, container_rows
from .session import Exit, Screen, Session, each
from .storage import pull_lines
from .tables import show
from .units import UnitError, parse_port

NO_PORTS = "WARNING: Published ports are discarded when using host network mode"
PRUNE_WARNING = "WARNING! This will remove all stopped containers.\nAre you sure you want to continue? [y/N] "
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
    )
    networks = tuple(NetworkTarget(name, options["network-alias"]) for name in options["network"])
    labels = mapping(options["label"])
    return Run(image, options["name"], tuple(args), ports, settings, labels, networks, options["rm"])


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
    containers = session.call(ListContainers(options["all"] or last > 0 or _asks_state(options)))
    containers = _filtered(session, containers, options)
    rows = container_rows(containers[:last] if last > 0 else containers, session.now, not options["no-trunc"])
    show(screen, CONTAINERS, rows, options["format"], options["quiet"])


def _asks_state(options: Options) -> bool:
    return any(name in ("status", "exited") for name, _ in options["filter"])


def _filtered(session: Session, containers: Any, options: Options) -> list:
    """Filters that compare with another container, or with a network, need more than the row itself."""
    plain = [pair for pair in options["filter"] if pair[0] in CONTAINER_TESTS]
    left = matching(containers, plain, CONTAINER_TESTS)
    return [one for one in left if all(_passes(session, one, name, value) for name, value in options["filter"])]


def _passes(session: Session, container: Any, name: str, value: str) -> bool:
    match name:
        case "exited":
            return container.state == "exited" and str(container.exit_code) == value
        case "network":
            return any(value == each or id.startswith(value) for id, each, *_ in container.networks)
        case "publish" | "expose":
            ports = {f"{port.published_port}" for port in container.ports} | {
                f"{port.published_port}/{port.protocol}" for port in container.ports
            }
            return value in ports
        case "volume":
            return any(value in (mount.source, mount.target) for mount in container.settings.mounts)
        case "before" | "since":
            other = _one(session, value)
            return (container.created_at < other.created_at) == (name == "before") and container.id != other.id
    if name not in CONTAINER_TESTS:
        raise ApiError(f"invalid filter '{name}'")
    return True


def _one(session: Session, ref: str) -> Any:
    for container in session.call(ListContainers(all=True)):
        if ref == container.name or container.id.startswith(ref):
            return container
    raise ApiError(f"No such container: {ref}")


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
    _each(session, screen, options.words, [(RemoveContainer(ref, options["force"]),) for ref in options.words])


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
    gone = prune_containers(
        session, matching(session.call(ListContainers(all=True)), options["filter"], CONTAINER_TESTS)
    )
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
