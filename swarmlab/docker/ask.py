"""The flags of `docker service create` as a service spec: what the client decides before it asks the engine.

Source: docs.docker.com, `docker service create`; texts as recorded from Docker 28.2.2.
"""

import re
from collections.abc import Sequence
from typing import Any

from ..messages import ListObjects
from ..objects import (
    ContainerSpec,
    EndpointSpec,
    FileReference,
    HealthConfig,
    LogDriver,
    Placement,
    Resources,
    RestartPolicy,
    ServiceSpec,
    TaskSpec,
    UpdateConfig,
    replace,
)
from .flags import Options
from .images import full_image
from .kept import asked
from .session import Exit, Session, read_file

MODES = ("replicated", "global", "replicated-job", "global-job")


def service_spec(options: Options, session: Session) -> ServiceSpec:
    """What the person asks for. Raises `Exit` where the client itself refuses; the first fault in its order is told."""
    env, health = environment(options, session), healthcheck(options)
    _check_mode(options)
    wanted, at_a_time = _how_many(options)
    task = _task_spec(options, session)
    spec = ServiceSpec(
        name=options["name"],
        labels=mapping(options["label"]),
        task=replace(task, container=replace(task.container, env=env, healthcheck=health)),
        mode=options["mode"],
        replicas=wanted,
        max_concurrent=at_a_time,
        endpoint=EndpointSpec(options["endpoint-mode"].lower() or "vip", options["publish"]),
    )
    return replace(spec, update=_update(options, "update"), rollback=_update(options, "rollback"))


def _how_many(options: Options) -> tuple[int, int]:
    """Replicas, or completions of a job and how many of its tasks go at a time. Each stands in for the other."""
    wanted, at_a_time = options["replicas"], options["max-concurrent"]
    if wanted is None:
        wanted = 1 if at_a_time is None else at_a_time
    if options["mode"] != "replicated-job":
        return wanted, 1
    return wanted, wanted if at_a_time is None else at_a_time


def mapping(pairs: Sequence[str]) -> dict[str, str]:
    """`name=value` texts as a dict; a name alone has an empty value, the last of several counts."""
    return {name: value for name, _, value in (pair.partition("=") for pair in pairs)}


def with_ids(session: Session, kind: str, references: Sequence[FileReference]) -> tuple[FileReference, ...]:
    """Secrets or configs by name, with the ids that the engine wants. Raises `Exit`."""
    if not references:
        return ()
    targets: set[str] = set()
    for reference in references:
        if reference.target in targets:
            raise Exit(f"duplicate {kind} target for {reference.name} not allowed")
        targets.add(reference.target)
    ids = {known.spec.name: known.id for known in session.call(ListObjects(kind))}
    for reference in references:
        if reference.name not in ids:
            raise Exit(f"{kind} not found: {reference.name}")
    return tuple(replace(reference, id=ids[reference.name]) for reference in references)


def _check_mode(options: Options) -> None:
    mode = options["mode"]
    if mode not in MODES:
        raise Exit(f"Unknown mode: {mode}, only replicated and global supported")
    if options["replicas"] is not None and mode == "global":
        raise Exit("replicas can only be used with replicated or replicated-job mode")
    if options["replicas-max-per-node"] and mode.startswith("global"):
        raise Exit("replicas-max-per-node can only be used with replicated or replicated-job mode")
    if options["max-concurrent"] is not None and mode != "replicated-job":
        raise Exit("max-concurrent can only be used with replicated-job mode")
    if options["replicas"] is not None and mode == "global-job":
        raise Exit("replicas can only be used with replicated or replicated-job mode")
    if mode.endswith("-job") and any(name.startswith(("update-", "rollback-")) for name in options.given):
        raise Exit("update and rollback configuration is not supported for jobs")


def _task_spec(options: Options, session: Session) -> TaskSpec:
    return TaskSpec(
        container=_container_spec(options, session),
        limits=Resources(options["limit-cpu"], options["limit-memory"], options["limit-pids"]),
        reservations=Resources(
            options["reserve-cpu"], options["reserve-memory"], generic=generic(options["generic-resource"])
        ),
        restart=RestartPolicy(**_chosen(options, "restart", ("condition", "delay", "max_attempts", "window"))),
        placement=Placement(options["constraint"], options["placement-pref"], options["replicas-max-per-node"] or 0),
        networks=_networks(options),
        log_driver=LogDriver(options["log-driver"], mapping(options["log-opt"])) if options["log-driver"] else None,
    )


def _container_spec(options: Options, session: Session) -> ContainerSpec:
    image, *args = options.words
    spec = ContainerSpec(
        image=full_image(image),
        labels=mapping(options["container-label"]),
        command=options["entrypoint"] or (),
        args=tuple(args),
        hostname=options["hostname"],
        mounts=options["mount"],
        stop_signal=options["stop-signal"],
        secrets=with_ids(session, "secret", options["secret"]),
        configs=with_ids(session, "config", options["config"]),
        options=asked(options),
    )
    grace = options["stop-grace-period"]
    return spec if grace is None else replace(spec, stop_grace_period=grace)


def _chosen(options: Options, prefix: str, names: Sequence[str]) -> dict[str, Any]:
    """Only what was typed, so that the rest keeps the default of the spec."""
    values = {name: options[f"{prefix}-{name.replace('_', '-')}"] for name in names}
    return {name: value for name, value in values.items() if value not in (None, "")}


def _update(options: Options, word: str) -> UpdateConfig:
    names = ("parallelism", "delay", "failure_action", "monitor", "max_failure_ratio", "order")
    return UpdateConfig(**_chosen(options, word, names))


def _networks(options: Options) -> tuple:
    if any(not network.target for network in options["network"]):
        raise Exit("invalid network name or ID: value is empty")
    return options["network"]


def generic(pairs: Sequence[tuple[str, str]]) -> dict[str, int]:
    """How many of each kind of its own a task needs. Raises `Exit`: a node's resources may have names, a wish may not."""
    wanted: dict[str, list[str]] = {}
    for name, value in pairs:
        if "=" in value:
            why = f"incorrect term {name}={value}, missing '=' or malformed expression"
            raise Exit(f"{NOT_GENERIC}: could not parse GenericResource: {why}")
        wanted.setdefault(name.strip(), []).append(value.strip())
    return {name: _amount(name, values) for name, values in wanted.items()}


NOT_GENERIC = "invalid generic resource specification"


def _amount(name: str, values: Sequence[str]) -> int:
    numbers = [value for value in values if re.fullmatch(r"[+-]?\d{1,18}", value, re.ASCII)]
    if numbers == values and len(values) == 1:
        if int(values[0]) < 0:
            raise Exit(f"{NOT_GENERIC}: could not parse GenericResource: cannot ask for negative resource {name}")
        return int(values[0])
    if numbers:
        both = f"mixed discrete and named resources in expression '{name}=[{' '.join(values)}]'"
        raise Exit(f"{NOT_GENERIC}: could not parse GenericResource: {both}")
    request = f"invalid generic-resource request `{name}={values[0]}`"
    raise Exit(f"{request}, Named Generic Resources is not supported for service create or update")


def environment(options: Options, session: Session) -> tuple[str, ...]:
    """Files first, then flags; a name alone takes the person's own value; the last of several counts."""
    variables: dict[str, str] = {}
    for line in from_environment([*_env_lines(options["env-file"], session), *options["env"]], session):
        name = line.partition("=")[0]
        variables.pop(name, None)
        variables[name] = line
    return tuple(variables.values())


def from_environment(lines: Sequence[str], session: Session) -> list[str]:
    """A name alone takes the value that the person has under it, if any."""
    return [line if "=" in line or line not in session.env else f"{line}={session.env[line]}" for line in lines]


def _env_lines(paths: Sequence[str], session: Session) -> list[str]:
    lines: list[str] = []
    for path in paths:
        try:
            text = read_file(session, path).decode()
        except UnicodeDecodeError:
            raise Exit(f"env file {path} contains invalid utf8 bytes") from None
        except OSError:
            raise Exit(f"open {path}: no such file or directory") from None
        lines += [line.lstrip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return lines


def healthcheck(options: Options) -> HealthConfig | None:
    asked = [name for name in options.given if name.startswith("health-")]
    if options["no-healthcheck"] and asked:
        raise Exit("--no-healthcheck conflicts with --health-* options")
    if options["no-healthcheck"]:
        return HealthConfig(test=("NONE",))
    if not asked:
        return None
    test = ("CMD-SHELL", options["health-cmd"]) if options["health-cmd"] else ()
    times = _chosen(options, "health", ("interval", "timeout", "start_period", "start_interval", "retries"))
    return HealthConfig(test=test, **times)
