"""A service as a client posts it → our `ServiceSpec`: what nobody asked for is the default, as in SwarmKit.

The other direction is `api_specs`. Refused is here what our spec has no place for; all else is checked by the engine.
Source: Docker Engine API v1.47; moby `daemon/cluster/convert/service.go`.
"""

# Simpler than in reality (docs/simplifications.md): no-plugins

from collections.abc import Mapping
from typing import Any

from ...objects import (
    EndpointSpec,
    LogDriver,
    NetworkTarget,
    Placement,
    PortConfig,
    Resources,
    RestartPolicy,
    ServiceSpec,
    TaskSpec,
    UpdateConfig,
)
from ..units import port_as_sent
from .asked import Asked, Refusal
from .decode import body
from .specs_container import container_spec

Values = Mapping[str, Any]


def posted_service(asked: Asked) -> ServiceSpec:
    """What the body of a request asks for. Raises `Refusal`."""
    return service_spec(body(asked, "ServiceSpec"))


def service_spec(values: Values) -> ServiceSpec:
    """From the values of a ServiceSpec. Raises `Refusal`."""
    task = task_spec(values.get("TaskTemplate", {}))
    if not task.networks:  # where clients wrote them long ago
        task = task._replace(networks=_networks(values.get("Networks", ())))
    mode, replicas, at_a_time = _mode(values.get("Mode", {}))
    return ServiceSpec(
        name=values.get("Name", ""),
        labels=values.get("Labels", {}),
        task=task,
        mode=mode,
        replicas=replicas,
        max_concurrent=at_a_time,
        update=_update(values.get("UpdateConfig")),
        rollback=_update(values.get("RollbackConfig")),
        endpoint=_endpoint(values.get("EndpointSpec", {})),
        update_asked=mode.endswith("-job") and "UpdateConfig" in values,
    )


def _mode(values: Values) -> tuple[str, int, int]:
    """Mode, replicas or completions, and how many tasks of a job at a time."""
    if len(values) > 1:
        raise Refusal(400, "must specify only one service mode")
    if "Global" in values:
        return "global", 1, 1
    if "GlobalJob" in values:
        return "global-job", 1, 1
    if "ReplicatedJob" in values:
        job = values["ReplicatedJob"]
        at_a_time = job.get("MaxConcurrent", 1)
        return "replicated-job", job.get("TotalCompletions", at_a_time), at_a_time
    return "replicated", values.get("Replicated", {}).get("Replicas", 1), 1


def _update(values: Values | None) -> UpdateConfig:
    """No block at all is the default; in a block, parallelism has none: zero is all at once."""
    if values is None:
        return UpdateConfig()
    return UpdateConfig(
        parallelism=values.get("Parallelism", 0),
        delay=values.get("Delay", 0),
        failure_action=values.get("FailureAction") or "pause",
        monitor=values.get("Monitor") or UpdateConfig().monitor,
        max_failure_ratio=values.get("MaxFailureRatio", 0.0),
        order=values.get("Order") or "stop-first",
    )


def _endpoint(values: Values) -> EndpointSpec:
    return EndpointSpec(values.get("Mode") or "vip", tuple(_port(port) for port in values.get("Ports", ())))


def _port(values: Values) -> PortConfig:
    said = [values.get(key, "") for key in ("Protocol", "PublishMode", "Name")]
    return port_as_sent(values.get("TargetPort", 0), values.get("PublishedPort", 0), *said)


# ── tasks ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def task_spec(values: Values) -> TaskSpec:
    """From the values of a TaskSpec. Raises `Refusal`."""
    _check_runtime(values)
    resources, log = values.get("Resources", {}), values.get("LogDriver")
    return TaskSpec(
        container=container_spec(values["ContainerSpec"]),
        limits=_resources(resources.get("Limits", {})),
        reservations=_resources(resources.get("Reservations", {})),
        restart=_restart(values.get("RestartPolicy")),
        placement=_placement(values.get("Placement", {})),
        networks=_networks(values.get("Networks", ())),
        log_driver=None if log is None else LogDriver(log.get("Name", ""), log.get("Options", {})),
        force_update=values.get("ForceUpdate", 0),
    )


def _check_runtime(values: Values) -> None:
    """Tasks are containers here; plugins are none."""
    runtime = values.get("Runtime", "")
    if runtime not in ("", "container", "plugin"):
        raise Refusal(400, "unsupported runtime")
    if (runtime == "plugin" and "PluginSpec" not in values) or (runtime != "plugin" and "ContainerSpec" not in values):
        raise Refusal(400, "mismatched Runtime and *Spec fields")
    if runtime == "plugin":
        raise Refusal(501, "services of plugins are not simulated")


def _resources(values: Values) -> Resources:
    return Resources(
        nano_cpus=values.get("NanoCPUs", 0),
        memory=values.get("MemoryBytes", 0),
        pids=values.get("Pids", 0),
        generic=_generic(values.get("GenericResources", ())),
    )


def _generic(items: Any) -> dict[str, Any]:
    """A number of each kind, or names of single pieces, which the engine refuses."""
    found: dict[str, Any] = {}
    for item in items:
        discrete, named = item.get("DiscreteResourceSpec"), item.get("NamedResourceSpec")
        if discrete is not None:
            found[discrete.get("Kind", "")] = discrete.get("Value", 0)
        elif named is not None:
            found[named.get("Kind", "")] = (named.get("Value", ""),)
    return found


def _restart(values: Values | None) -> RestartPolicy:
    usual = RestartPolicy()
    if values is None:
        return usual
    return RestartPolicy(
        condition=values.get("Condition") or usual.condition,
        delay=values.get("Delay", usual.delay),
        max_attempts=values.get("MaxAttempts", 0),
        window=values.get("Window", 0),
    )


def _placement(values: Values) -> Placement:
    spreads = (wish["Spread"] for wish in values.get("Preferences", ()) if "Spread" in wish)
    return Placement(
        constraints=tuple(values.get("Constraints", ())),
        preferences=tuple(spread.get("SpreadDescriptor", "") for spread in spreads),
        max_replicas=values.get("MaxReplicas", 0),
        platforms=tuple((one.get("OS", ""), one.get("Architecture", "")) for one in values.get("Platforms", ())),
    )


def _networks(items: Any) -> tuple[NetworkTarget, ...]:
    return tuple(
        NetworkTarget(one.get("Target", ""), tuple(one.get("Aliases", ())), one.get("DriverOpts", {})) for one in items
    )
