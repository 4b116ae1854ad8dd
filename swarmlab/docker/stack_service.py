"""One service of a stack file as the spec that the engine is asked for.

Sources: Compose file reference v3 (service keys, `deploy`); Docker Engine API v1.41 (ServiceSpec);
docker/cli `cli/compose/convert`.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..objects import (
    ContainerSpec,
    EndpointSpec,
    FileReference,
    HealthConfig,
    LogDriver,
    Mount,
    NetworkTarget,
    Placement,
    Resources,
    RestartPolicy,
    ServiceSpec,
    TaskSpec,
    UpdateConfig,
)
from .compose import ComposeFile
from .images import full_image
from .units import UnitError, microseconds, parse_cpus, parse_duration_ns, port_as_sent, quote
from .yaml_dialect import StackError

NAMESPACE = "com.docker.stack.namespace"
IMAGE = "com.docker.stack.image"


def scoped(namespace: str, name: str, entry: Mapping | None = None) -> str:
    """`web` → `shop_web`, unless the object was given a name of its own."""
    return (entry or {}).get("name") or f"{namespace}_{name}"


def service_spec(name: str, service: Mapping, compose: ComposeFile, namespace: str) -> ServiceSpec:
    """What to ask the engine for. Raises StackError, which names the service, for what the client itself refuses."""
    deploy = service.get("deploy", {})
    label = {NAMESPACE: namespace}
    try:
        files = {kind: _references(kind, service, compose, namespace) for kind in ("secrets", "configs")}
        mode, replicas = _mode(deploy)
        mounts = tuple(_mount(volume, compose.volumes, namespace) for volume in service.get("volumes", ()))
        resources = deploy.get("resources", {})
        task = TaskSpec(
            container=_container(service, mounts, files, label),
            limits=_resources(resources.get("limits", {})),
            reservations=_resources(resources.get("reservations", {})),
            restart=_restart(service.get("restart", ""), deploy.get("restart_policy")),
            placement=_placement(deploy.get("placement", {})),
            networks=_attachments(name, service, compose, namespace),
            log_driver=_log_driver(service.get("logging")),
        )
        _check_credentials(service.get("credential_spec", {}))
    except (StackError, UnitError) as error:
        raise StackError(f"service {name}: {error.text}") from None
    return ServiceSpec(
        name=scoped(namespace, name),
        labels={**deploy.get("labels", {}), **label, IMAGE: service["image"]},
        task=task,
        mode=mode,
        replicas=replicas,
        max_concurrent=replicas if mode == "replicated-job" else 1,
        update=_update(deploy.get("update_config")),
        rollback=_update(deploy.get("rollback_config")),
        endpoint=_endpoint(deploy.get("endpoint_mode", ""), service.get("ports", ())),
        update_asked=mode.endswith("-job") and deploy.get("update_config") is not None,
    )


MODES = {
    "": "replicated",
    "replicated": "replicated",
    "replicated-job": "replicated-job",
    "global": "global",
    "global-job": "global-job",
}


def _mode(deploy: Mapping) -> tuple[str, int]:
    mode = deploy.get("mode", "")
    if mode not in MODES:
        raise StackError(f"Unknown mode: {mode}")
    if mode.startswith("global") and "replicas" in deploy:
        raise StackError("replicas can only be used with replicated or replicated-job mode")
    return MODES[mode], deploy.get("replicas", 1)


def _container(
    service: Mapping, mounts: tuple[Mount, ...], files: Mapping[str, tuple], label: Mapping
) -> ContainerSpec:
    more: dict[str, Any] = dict(files)
    if "stop_grace_period" in service:
        more["stop_grace_period"] = _duration(service["stop_grace_period"])
    return ContainerSpec(
        image=full_image(service["image"]),
        labels={**service.get("labels", {}), **label},
        command=tuple(service.get("entrypoint", ())),
        args=tuple(service.get("command", ())),
        hostname=service.get("hostname", ""),
        env=_environment(service.get("environment", {})),
        mounts=mounts,
        healthcheck=_healthcheck(service.get("healthcheck")),
        stop_signal=service.get("stop_signal", ""),
        **more,
        options=_options(service),
    )


def _environment(values: Mapping[str, str | None]) -> tuple[str, ...]:
    return tuple(sorted(name if value is None else f"{name}={value}" for name, value in values.items()))


def _duration(text: str) -> int:
    return microseconds(parse_duration_ns(text))


def _healthcheck(entry: Mapping | None) -> HealthConfig | None:
    if entry is None:
        return None
    if entry.get("disable"):
        if entry.get("test"):
            raise StackError("test and disable can't be set at the same time")
        return HealthConfig(("NONE",))
    times = ("interval", "timeout", "start_period", "start_interval")
    durations = {key: _duration(entry[key]) for key in times if key in entry}
    return HealthConfig(tuple(entry.get("test", ())), retries=entry.get("retries", 0), **durations)


def _options(service: Mapping) -> dict[str, Any]:
    """What the engine stores as asked, under its names in the Engine API; what is empty is left out."""
    add, drop = _capabilities(service.get("cap_add", ())), _capabilities(service.get("cap_drop", ()))
    options = {
        "user": service.get("user"),
        "dir": service.get("working_dir"),
        "hosts": tuple(f"{address} {name}" for name, _, address in map(_host, service.get("extra_hosts", ()))),
        "dns_nameservers": tuple(service.get("dns", ())),
        "dns_search": tuple(service.get("dns_search", ())),
        "tty": service.get("tty"),
        "open_stdin": service.get("stdin_open"),
        "read_only": service.get("read_only"),
        "init": service.get("init"),
        "isolation": service.get("isolation"),
        "sysctls": service.get("sysctls"),
        "capability_add": add,
        "capability_drop": tuple(name for name in drop if name not in add),
        "ulimits": tuple(_ulimit(*item) for item in sorted(service.get("ulimits", {}).items())),
        "oom_score_adj": service.get("oom_score_adj"),
        "credential_spec": service.get("credential_spec"),
    }
    return {key: value for key, value in options.items() if value or (key == "init" and value is not None)}


def _host(entry: str) -> tuple[str, str, str]:
    return entry.partition(":")


def _ulimit(name: str, limit: int | Mapping) -> tuple[str, int, int]:
    """(name, soft, hard)"""
    return (name, limit["soft"], limit["hard"]) if isinstance(limit, Mapping) else (name, limit, limit)


def _capabilities(names: Sequence[str]) -> tuple[str, ...]:
    """`net_admin` → `CAP_NET_ADMIN`, sorted; ALL swallows the others."""
    upper = {name.strip().upper() for name in names}
    if "ALL" in upper:
        return ("ALL",)
    return tuple(sorted(name if name.startswith("CAP_") else f"CAP_{name}" for name in upper))


def _check_credentials(entry: Mapping) -> None:
    given = [f'"{key.capitalize()}"' for key in ("config", "file", "registry") if entry.get(key)]
    if len(given) > 1:
        both = "both " + " and ".join([", ".join(given[:-1]) + ("," if len(given) > 2 else ""), given[-1]])
        raise StackError(f"invalid credential spec: cannot specify {both}")


def _resources(entry: Mapping) -> Resources:
    generic = [item.get("discrete_resource_spec", {}) for item in entry.get("generic_resources", ())]
    return Resources(
        nano_cpus=parse_cpus(entry["cpus"]) if entry.get("cpus") else 0,
        memory=int(entry.get("memory", 0)),
        pids=entry.get("pids", 0),
        generic={item.get("kind", ""): item.get("value", 0) for item in generic},
    )


def _restart(restart: str, policy: Mapping | None) -> RestartPolicy:
    """`deploy.restart_policy`, or else the old `restart`, which Docker calls unsupported and heeds all the same."""
    if policy is not None:
        times = {key: _duration(policy[key]) for key in ("delay", "window") if key in policy}
        return RestartPolicy(policy.get("condition") or "any", max_attempts=policy.get("max_attempts", 0), **times)
    name, colon, attempts = restart.partition(":")
    if colon and not re.fullmatch(r"[+-]?\d+", attempts, re.ASCII):
        raise StackError("invalid restart policy format: maximum retry count must be an integer")
    if name in ("", "no", "always", "unless-stopped"):
        return RestartPolicy()  # `no` as well: Docker's client sends nothing then, and the engine restarts any
    if name == "on-failure":
        return RestartPolicy("on-failure", max_attempts=max(0, int(attempts or 0)))
    raise StackError(f"unknown restart policy: {name}")


def _placement(entry: Mapping) -> Placement:
    preferences = tuple(item.get("spread", "") for item in entry.get("preferences", ()))
    return Placement(tuple(entry.get("constraints", ())), preferences, entry.get("max_replicas_per_node", 0))


def _log_driver(entry: Mapping | None) -> LogDriver | None:
    return None if entry is None else LogDriver(entry.get("driver", ""), entry.get("options", {}))


def _update(entry: Mapping | None) -> UpdateConfig:
    """What is not said is the engine's default; a monitor of zero counts as not said."""
    if entry is None:
        return UpdateConfig()
    given = {key: entry[key] for key in ("parallelism", "failure_action", "max_failure_ratio", "order") if key in entry}
    times: dict[str, Any] = {key: _duration(entry[key]) for key in ("delay", "monitor") if entry.get(key, "0s") != "0s"}
    return UpdateConfig(**{key: value for key, value in given.items() if value != ""}, **times)


def _endpoint(mode: str, ports: Sequence[Mapping]) -> EndpointSpec:
    found = [
        port_as_sent(
            port.get("target", 0), port.get("published", 0), port.get("protocol") or "", port.get("mode") or ""
        )
        for port in ports
    ]
    return EndpointSpec(mode.lower() or "vip", tuple(sorted(found, key=lambda port: port.published_port)))


# ── networks, secrets and configs, by name ───────────────────────────────────────────────────────────────────────


def _attachments(name: str, service: Mapping, compose: ComposeFile, namespace: str) -> tuple[NetworkTarget, ...]:
    """Where the tasks are attached, and by which names they are found there: their aliases, then the service's name."""
    targets = []
    for network, details in (service.get("networks") or {"default": None}).items():
        if network not in compose.networks and network != "default":
            raise StackError(f"undefined network {quote(network)}")
        details = details or {}
        target = scoped(namespace, network, compose.networks.get(network))
        # the networks of a single machine know no names
        own_name = () if target in ("bridge", "host", "none", "default") else (name,)
        targets.append(NetworkTarget(target, (*details.get("aliases", ()), *own_name), details.get("driver_opts", {})))
    return tuple(sorted(targets, key=lambda target: target.target))


def _references(section: str, service: Mapping, compose: ComposeFile, namespace: str) -> tuple[FileReference, ...]:
    """The secrets or configs of a service, by name: their ids are looked up when the service is created."""
    declared = getattr(compose, section)
    found: list[FileReference] = []
    for entry in service.get(section, ()):
        source, kind = entry.get("source", ""), section.removesuffix("s")
        if source not in declared:
            raise StackError(f"undefined {kind} {quote(source)}")
        name, target = scoped(namespace, source, declared[source]), entry.get("target") or source
        if any(other.target == target for other in found):
            raise StackError(f"duplicate {kind} target for {name} not allowed")
        owner = {"uid": entry.get("uid") or "0", "gid": entry.get("gid") or "0"}
        found.append(FileReference("", name, target, **owner, mode=entry.get("mode", 0o444)))
    return tuple(sorted(found, key=lambda reference: reference.name))


# ── volumes ──────────────────────────────────────────────────────────────────────────────────────────────────────

FOREIGN = {  # type → the options that belong to other types
    "volume": ("tmpfs", "bind"),
    "bind": ("volume", "tmpfs"),
    "tmpfs": ("bind", "volume"),
    "npipe": ("volume", "tmpfs"),
    "cluster": ("tmpfs", "bind", "volume"),
}


def _mount(volume: Mapping, declared: Mapping[str, Mapping], namespace: str) -> Mount:
    kind, source = volume.get("type") or "volume", volume.get("source", "")
    if kind not in FOREIGN:
        raise StackError("volume type must be volume, bind, tmpfs, npipe, or cluster")
    if kind in ("bind", "npipe", "cluster") and not source:
        raise StackError(f"invalid {kind} source, source cannot be empty")
    if kind == "tmpfs" and source:
        raise StackError("invalid tmpfs source, source must be empty")
    for foreign in FOREIGN[kind]:
        if foreign in volume:
            raise StackError(f"{foreign} options are incompatible with type {kind}")
    options = {"consistency": volume["consistency"]} if volume.get("consistency") else {}
    options |= _mount_options(kind, volume)
    if source and (kind == "volume" or (kind == "cluster" and not source.startswith("group:"))):
        source, more = _named_volume(source, declared, namespace)
        options |= more if kind == "volume" else {}
    return Mount(kind, source, volume.get("target", ""), volume.get("read_only", False), options)


def _mount_options(kind: str, volume: Mapping) -> dict[str, Any]:
    match kind:
        case "bind" | "npipe" if "bind" in volume:
            return {"propagation": volume["bind"].get("propagation", "")}
        case "tmpfs" if "tmpfs" in volume:
            return {"size_bytes": volume["tmpfs"].get("size", 0)}
        case "volume" if volume.get("volume", {}).get("nocopy"):
            return {"no_copy": True}
    return {}


def _named_volume(source: str, declared: Mapping[str, Mapping], namespace: str) -> tuple[str, dict[str, Any]]:
    """The name that a declared volume has on every node, and how it is to be made there."""
    if source not in declared:
        raise StackError(f"undefined volume {quote(source)}")
    entry = declared[source] or {}
    options: dict[str, Any] = {}
    if not entry.get("external"):
        options["labels"] = {**entry.get("labels", {}), NAMESPACE: namespace}
    if entry.get("driver") or entry.get("driver_opts"):
        options |= {"driver": entry.get("driver", ""), "driver_options": entry.get("driver_opts", {})}
    return scoped(namespace, source, entry), options
