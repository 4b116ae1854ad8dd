"""The flags of `docker service update` applied to a service: what no flag names stays as it is.

Lists are changed by `-add` and `-rm`, and are sorted where the client sorts them, so that the order of typing replaces
no task. Who removes what is not there meets no error, but for generic resources.
Source: docs.docker.com, `docker service update`; refusals as Docker 28.2.2 words them.
"""

# Simpler than in reality (docs/simplifications.md): variable-last

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ..messages import GetObject
from ..objects import (
    ContainerSpec,
    EndpointSpec,
    HealthConfig,
    LogDriver,
    Mount,
    NetworkTarget,
    Placement,
    PortConfig,
    ServiceSpec,
    TaskSpec,
    replace,
)
from . import kept
from .ask import from_environment, generic, mapping, with_ids
from .flags import Options
from .images import full_image
from .session import Exit, Session

BESIDE_ROLLBACK = ("rollback", "detach", "quiet")

HEALTH = {  # the client forgets about --health-start-interval here
    "health-interval": "interval",
    "health-timeout": "timeout",
    "health-start-period": "start_period",
    "health-retries": "retries",
}
LIMITS = {"limit-cpu": "nano_cpus", "limit-memory": "memory", "limit-pids": "pids"}
RESERVATIONS = {"reserve-cpu": "nano_cpus", "reserve-memory": "memory"}
RESTART = {
    "restart-condition": "condition",
    "restart-delay": "delay",
    "restart-max-attempts": "max_attempts",
    "restart-window": "window",
}
UPDATE = ("parallelism", "delay", "monitor", "failure_action", "max_failure_ratio", "order")
WORDS = {  # what an empty word means to the engine
    "restart-condition": "any",
    "update-failure-action": "pause",
    "update-order": "stop-first",
    "rollback-failure-action": "pause",
    "rollback-order": "stop-first",
    "endpoint-mode": "vip",
}


def check_rollback(options: Options) -> None:
    """`--rollback` goes with nothing else. Raises `Exit`."""
    if options["rollback"] and any(name not in BESIDE_ROLLBACK for name in options.given):
        raise Exit("other flags may not be combined with --rollback")


def updated(spec: ServiceSpec, options: Options, session: Session) -> ServiceSpec:
    """The spec as the flags want it. Raises `Exit` and `ApiError`; the first fault in the client's order is told."""
    container = _container(spec.task.container, options, session)
    task = _task(replace(spec.task, container=container), options, session)
    if "replicas" in options.given and spec.mode != "replicated":
        raise Exit("replicas can only be used with replicated mode")
    container = replace(container, healthcheck=_health(container.healthcheck, options))
    container = _with_files(container, options, session)
    return replace(
        _set(spec, options, {"replicas": "replicas"}),
        labels=_mapped(spec.labels, options, "label"),
        task=replace(task, container=container),
        update=_set(spec.update, options, {f"update-{name.replace('_', '-')}": name for name in UPDATE}),
        rollback=_set(spec.rollback, options, {f"rollback-{name.replace('_', '-')}": name for name in UPDATE}),
        endpoint=_endpoint(spec.endpoint, options),
    )


def _set(object: Any, options: Options, fields: Mapping[str, str]) -> Any:
    """The object with the fields that were typed."""
    chosen = {flag: options[flag] for flag in fields if flag in options.given}
    return replace(object, **{fields[flag]: value or WORDS.get(flag, value) for flag, value in chosen.items()})


def _mapped(old: Mapping[str, str], options: Options, word: str) -> dict[str, str]:
    """Labels: removing comes first, so that what is removed and added is there."""
    stay = {name: value for name, value in old.items() if name not in options[f"{word}-rm"]}
    return stay | mapping(options[f"{word}-add"])


def _without(items: Iterable[Any], removed: Sequence[str], key: Callable[[Any], str]) -> tuple:
    return tuple(item for item in items if key(item) not in removed)


# ── the container ────────────────────────────────────────────────────────────────────────────────────────────────


def _container(old: ContainerSpec, options: Options, session: Session) -> ContainerSpec:
    fields = {
        "args": "args",
        "entrypoint": "command",
        "hostname": "hostname",
        "stop-grace-period": "stop_grace_period",
        "stop-signal": "stop_signal",
    }
    return replace(
        _set(old, options, fields),
        image=full_image(options["image"]) if "image" in options.given else old.image,
        labels=_mapped(old.labels, options, "container-label"),
        env=_environment(old.env, options, session),
        mounts=_mounts(old.mounts, options),
        options=kept.changed(old.options, options),
    )


def _environment(old: Sequence[str], options: Options, session: Session) -> tuple[str, ...]:
    """Docker's own order of the variables is by chance once one is added; ours is the order in which they came."""
    lines = _without(old, options["env-rm"], _name)
    variables = {_name(line): line for line in (*lines, *from_environment(options["env-add"], session))}
    return tuple(variables.values())


def _name(line: str) -> str:
    return line.partition("=")[0]


def _mounts(old: Sequence[Mount], options: Options) -> tuple[Mount, ...]:
    """One mount per target: a new one takes the place of the old one there. Docker sorts them with every update."""
    added: dict[str, Mount] = {}
    for mount in options["mount-add"]:
        if mount.target in added:
            raise Exit("duplicate mount target")
        added[mount.target] = mount
    mounts = {**{mount.target: mount for mount in old}, **added}
    stay = _without(mounts.values(), options["mount-rm"], lambda mount: mount.target)
    return tuple(sorted(stay, key=lambda mount: (mount.source, mount.target)))


def _health(old: HealthConfig | None, options: Options) -> HealthConfig | None:
    asked = [name for name in options.given if name in HEALTH or name == "health-cmd"]
    if not asked and "no-healthcheck" not in options.given:
        return old
    if options["no-healthcheck"] and asked:
        raise Exit("--no-healthcheck conflicts with --health-* options")
    if options["no-healthcheck"]:
        return HealthConfig(test=("NONE",))
    health = _set(old or HealthConfig(), options, HEALTH)
    if health.test[:1] == ("NONE",):
        health = replace(health, test=())
    if "health-cmd" in asked:
        command = options["health-cmd"]
        health = replace(health, test=("CMD-SHELL", command) if command else ())
    return health


def _with_files(container: ContainerSpec, options: Options, session: Session) -> ContainerSpec:
    secrets = _without(container.secrets, options["secret-rm"], lambda file: file.name)
    configs = _without(container.configs, options["config-rm"], lambda file: file.name)
    return replace(
        container,
        secrets=secrets + with_ids(session, "secret", options["secret-add"]),
        configs=configs + with_ids(session, "config", options["config-add"]),
    )


# ── the task ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _task(old: TaskSpec, options: Options, session: Session) -> TaskSpec:
    reservations = _set(old.reservations, options, RESERVATIONS)
    return replace(
        old,
        limits=_set(old.limits, options, LIMITS),
        reservations=replace(reservations, generic=_generic(reservations.generic, options)),
        restart=_set(old.restart, options, RESTART),
        placement=_placement(old.placement, options),
        networks=_networks(old.networks, options, session),
        log_driver=_log_driver(old.log_driver, options),
        force_update=old.force_update + options["force"],
    )


def _generic(old: Mapping[str, int], options: Options) -> dict[str, int]:
    wanted = {**old, **generic(options["generic-resource-add"])}
    for name in options["generic-resource-rm"]:
        if name not in wanted:
            raise Exit(f"could not find generic-resource `{name}` to remove it")
        del wanted[name]
    return wanted


def _placement(old: Placement, options: Options) -> Placement:
    constraints = old.constraints
    if "constraint-add" in options.given or "constraint-rm" in options.given:
        names = (*old.constraints, *options["constraint-add"])
        constraints = tuple(sorted(name for name in names if name not in options["constraint-rm"]))
    preferences = _without(old.preferences, options["placement-pref-rm"], lambda preference: preference)
    return replace(
        _set(old, options, {"replicas-max-per-node": "max_replicas"}),
        constraints=constraints,
        preferences=preferences + options["placement-pref-add"],
    )


def _networks(old: Sequence[NetworkTarget], options: Options, session: Session) -> tuple[NetworkTarget, ...]:
    """Only networks of the swarm are found, by id or name. Raises `ApiError` for what is none."""
    if "network-add" not in options.given and "network-rm" not in options.given:
        return tuple(old)
    removed = [network_id(session, ref) for ref in dict.fromkeys(options["network-rm"])]
    networks = {network.target: network for network in old if network.target not in removed}
    for network in options["network-add"]:
        target = network_id(session, network.target)
        if target in networks:
            raise Exit(f"service is already attached to network {network.target}")
        networks[target] = replace(network, target=target)
    return tuple(network for _, network in sorted(networks.items()))


def network_id(session: Session, ref: str) -> str:
    """Raises `ApiError` where the swarm has no such network."""
    if not ref:
        raise Exit("invalid network name or ID: value is empty")
    return session.call(GetObject("network", ref)).id


def _log_driver(old: LogDriver | None, options: Options) -> LogDriver | None:
    """Options alone change nothing; with a driver they replace all that were there."""
    return LogDriver(options["log-driver"], mapping(options["log-opt"])) if options["log-driver"] else old


# ── the endpoint ─────────────────────────────────────────────────────────────────────────────────────────────────


def _endpoint(old: EndpointSpec, options: Options) -> EndpointSpec:
    endpoint = _set(old, options, {"endpoint-mode": "mode"})
    if "publish-add" not in options.given and "publish-rm" not in options.given:
        return endpoint
    there = {_port_name(port): port for port in old.ports}
    doomed = [(port.target_port, port.protocol, port.publish_mode) for port in options["publish-rm"]]
    stay = [port for port in there.values() if (port.target_port, port.protocol, port.publish_mode) not in doomed]
    new = [port for port in options["publish-add"] if _port_name(port) not in there]
    return replace(endpoint, ports=tuple(sorted([*stay, *new], key=_port_name)))


def _port_name(port: PortConfig) -> str:
    return f"{port.published_port}:{port.target_port}/{port.protocol}/{port.publish_mode}"
