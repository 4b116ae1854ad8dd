"""The flags of `docker service create` as a service spec: what the client decides before it asks the engine.

Source: docs.docker.com, `docker service create`; texts as recorded from Docker 28.2.2.
"""

import re
import shlex
from collections.abc import Mapping, Sequence
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
from .session import Exit, Session, read_file

MODES = ("replicated", "global", "replicated-job", "global-job")

STORED = {  # flags without an effect in the simulation, and the name under which the engine keeps them
    "cap-add": "capability_add",
    "cap-drop": "capability_drop",
    "dns": "dns_nameservers",
    "dns-option": "dns_options",
    "dns-search": "dns_search",
    "group": "groups",
    "host": "hosts",
    "init": "init",
    "isolation": "isolation",
    "oom-score-adj": "oom_score_adj",
    "read-only": "read_only",
    "sysctl": "sysctls",
    "tty": "tty",
    "ulimit": "ulimits",
    "user": "user",
    "workdir": "dir",
}


def service_spec(options: Options, session: Session) -> ServiceSpec:
    """What the person asks for. Raises `Exit` where the client itself refuses."""
    _check_mode(options)
    jobs = options["mode"].endswith("-job")
    wanted = 1 if options["replicas"] is None else options["replicas"]
    spec = ServiceSpec(
        name=options["name"],
        labels=mapping(options["label"]),
        task=_task_spec(options, session),
        mode=options["mode"],
        replicas=wanted,
        max_concurrent=(options["max-concurrent"] or wanted) if jobs else 1,
        endpoint=EndpointSpec(options["endpoint-mode"] or "vip", options["publish"]),
    )
    return replace(spec, update=_update(options, "update"), rollback=_update(options, "rollback"))


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
    if options["replicas-max-per-node"] and mode.startswith("global"):
        raise Exit("replicas-max-per-node can only be used with replicated or replicated-job mode")
    if options["replicas"] is not None and mode.startswith("global"):
        raise Exit("replicas can only be used with replicated or replicated-job mode")
    if options["max-concurrent"] is not None and mode != "replicated-job":
        raise Exit("max-concurrent can only be used with replicated-job mode")
    if mode.endswith("-job") and any(name.startswith(("update-", "rollback-")) for name in options.given):
        raise Exit("update and rollback configuration is not supported for jobs")


def _task_spec(options: Options, session: Session) -> TaskSpec:
    return TaskSpec(
        container=_container_spec(options, session),
        limits=Resources(options["limit-cpu"], options["limit-memory"], options["limit-pids"]),
        reservations=Resources(
            options["reserve-cpu"], options["reserve-memory"], generic=_generic(options["generic-resource"])
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
        command=_entrypoint(options["entrypoint"]),
        args=tuple(args),
        hostname=options["hostname"],
        env=_environment(options, session),
        mounts=options["mount"],
        healthcheck=_healthcheck(options),
        stop_signal=options["stop-signal"],
        secrets=with_ids(session, "secret", options["secret"]),
        configs=with_ids(session, "config", options["config"]),
        options={STORED[name]: options[name] for name in STORED if name in options.given},
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


def _entrypoint(text: str | None) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text or ""))
    except ValueError:
        raise Exit("EOF found when expecting closing quote") from None


def _generic(pairs: Sequence[tuple[str, str]]) -> Mapping[str, int]:
    wanted = {}
    for name, value in pairs:
        if not re.fullmatch(r"-?\d{1,18}", value, re.ASCII):
            term = f"{name}={value}"
            why = f"could not parse GenericResource: incorrect term {term}, missing '=' or malformed expression"
            raise Exit(f"invalid generic resource specification: {why}")
        wanted[name] = int(value)
    return wanted


def _environment(options: Options, session: Session) -> tuple[str, ...]:
    """Files first, then flags; a name alone takes the person's own value; the last of several counts."""
    variables: dict[str, str] = {}
    for line in [*_env_lines(options["env-file"], session), *options["env"]]:
        name, equals, _ = line.partition("=")
        variables.pop(name, None)
        variables[name] = line if equals or name not in session.env else f"{name}={session.env[name]}"
    return tuple(variables.values())


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


def _healthcheck(options: Options) -> HealthConfig | None:
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
