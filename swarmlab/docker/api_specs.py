"""What people asked for, as the Engine API shows it: the specs of services and tasks as values of `api_types`.

What nobody asked for is stored as nothing, and `insert_defaults` shows what the swarm does then. Here a spec always
holds the default, so what equals the default counts as not asked for. Source: Docker Engine API v1.41; moby
`daemon/cluster/convert/service.go`, swarmkit `api/defaults`.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from ..objects import (
    ContainerSpec,
    EndpointSpec,
    FileReference,
    HealthConfig,
    Mount,
    PortConfig,
    Resources,
    RestartPolicy,
    ServiceSpec,
    TaskSpec,
    UpdateConfig,
)

GRACE = ContainerSpec().stop_grace_period


def service_spec(spec: ServiceSpec, insert_defaults: bool = False) -> dict[str, Any]:
    """A service spec; its task template says that the tasks are containers."""
    return {
        "Name": spec.name,
        "Labels": spec.labels,
        "TaskTemplate": {**task_spec(spec.task, insert_defaults), "Runtime": "container"},
        "Mode": mode(spec),
        "UpdateConfig": _update(spec.update, insert_defaults),
        "RollbackConfig": _update(spec.rollback, insert_defaults),
        "EndpointSpec": endpoint_spec(spec.endpoint),
    }


def mode(spec: ServiceSpec) -> dict[str, Any]:
    """Exactly one of four."""
    match spec.mode:
        case "replicated":
            return {"Replicated": {"Replicas": spec.replicas}}
        case "global":
            return {"Global": {}}
        case "replicated-job":
            return {"ReplicatedJob": {"MaxConcurrent": spec.max_concurrent, "TotalCompletions": spec.replicas}}
    return {"GlobalJob": {}}


def _update(asked: UpdateConfig, insert_defaults: bool) -> dict[str, Any] | None:
    if asked == UpdateConfig() and not insert_defaults:
        return None
    return {
        "Parallelism": asked.parallelism,
        "Delay": asked.delay,
        "FailureAction": asked.failure_action,
        "Monitor": asked.monitor,
        "MaxFailureRatio": asked.max_failure_ratio or 0,
        "Order": asked.order,
    }


def endpoint_spec(asked: EndpointSpec) -> dict[str, Any]:
    return {"Mode": asked.mode, "Ports": ports(asked.ports)}


def ports(configs: Iterable[PortConfig]) -> list[dict[str, Any]]:
    return [
        {
            "Name": port.name,
            "Protocol": port.protocol,
            "TargetPort": port.target_port,
            "PublishedPort": port.published_port,
            "PublishMode": port.publish_mode,
        }
        for port in configs
    ]


# ── tasks ────────────────────────────────────────────────────────────────────────────────────────────────────────


def task_spec(spec: TaskSpec, insert_defaults: bool = False) -> dict[str, Any]:
    """What a task is to be, as its service and the task itself carry it."""
    log = spec.log_driver
    return {
        "ContainerSpec": container_spec(spec.container, insert_defaults),
        "Resources": _requirements(spec),
        "RestartPolicy": _restart(spec.restart, insert_defaults),
        "Placement": {
            "Constraints": spec.placement.constraints,
            "Preferences": [{"Spread": {"SpreadDescriptor": wish}} for wish in spec.placement.preferences],
            "MaxReplicas": spec.placement.max_replicas,
            "Platforms": [{"Architecture": cpu, "OS": system} for system, cpu in spec.placement.platforms],
        },
        "Networks": [
            {"Target": one.target, "Aliases": one.aliases, "DriverOpts": one.options} for one in spec.networks
        ],
        "LogDriver": {"Name": log.name, "Options": log.options} if log else None,
        "ForceUpdate": spec.force_update,
    }


def _requirements(spec: TaskSpec) -> dict[str, Any]:
    """Flags make the client send both halves, a stack file only what it names: flags send `Init` as well."""
    flags = "init" in spec.container.options
    limits, reserved = spec.limits, spec.reservations
    shown: dict[str, Any] = {}
    if flags or limits != Resources():
        shown["Limits"] = {"NanoCPUs": limits.nano_cpus, "MemoryBytes": limits.memory, "Pids": limits.pids}
    if flags or reserved != Resources():
        generic = generic_resources(reserved.generic)
        shown["Reservations"] = {
            "NanoCPUs": reserved.nano_cpus,
            "MemoryBytes": reserved.memory,
            "GenericResources": generic,
        }
    return shown


def generic_resources(kinds: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A number of a kind, or the names of single ones."""
    found: list[dict[str, Any]] = []
    for kind, value in kinds.items():
        if isinstance(value, int):
            found.append({"DiscreteResourceSpec": {"Kind": kind, "Value": value}})
        else:
            found += [{"NamedResourceSpec": {"Kind": kind, "Value": name}} for name in value]
    return found


def _restart(asked: RestartPolicy, insert_defaults: bool) -> dict[str, Any] | None:
    if asked == RestartPolicy() and not insert_defaults:
        return None
    return {
        "Condition": asked.condition,
        "Delay": asked.delay,
        "MaxAttempts": asked.max_attempts,
        "Window": asked.window or None,
    }


# ── containers ───────────────────────────────────────────────────────────────────────────────────────────────────


def container_spec(spec: ContainerSpec, insert_defaults: bool = False) -> dict[str, Any]:
    """What to run. `options` of the spec are what the engine stores and the simulation does nothing with."""
    stored = spec.options
    grace = spec.stop_grace_period
    return {
        "Image": spec.image,
        "Labels": spec.labels,
        "Command": spec.command,
        "Args": spec.args,
        "Hostname": spec.hostname,
        "Env": spec.env,
        "Dir": stored.get("dir"),
        "User": stored.get("user"),
        "Groups": stored.get("groups"),
        "Privileges": _privileges(stored),
        "Init": stored.get("init"),
        "StopSignal": spec.stop_signal,
        "TTY": stored.get("tty"),
        "OpenStdin": stored.get("open_stdin"),
        "ReadOnly": stored.get("read_only"),
        "Mounts": [_mount(mount) for mount in spec.mounts],
        "StopGracePeriod": grace if insert_defaults or grace != GRACE else None,
        "Healthcheck": health_check(spec.healthcheck) if spec.healthcheck else None,
        "Hosts": stored.get("hosts"),
        "DNSConfig": {
            "Nameservers": stored.get("dns_nameservers"),
            "Search": stored.get("dns_search"),
            "Options": stored.get("dns_options"),
        },
        "Secrets": [_reference("Secret", file) for file in spec.secrets],
        "Configs": [_reference("Config", file) for file in spec.configs],
        "Isolation": stored.get("isolation") or "default",
        "Sysctls": stored.get("sysctls"),
        "CapabilityAdd": stored.get("capability_add"),
        "CapabilityDrop": stored.get("capability_drop"),
        "Ulimits": [{"Name": name, "Hard": hard, "Soft": soft} for name, soft, hard in stored.get("ulimits", ())],
        "OomScoreAdj": stored.get("oom_score_adj"),
    }


def _privileges(stored: Mapping) -> dict[str, Any] | None:
    """A stack file always sends them, flags only with `--credential-spec`."""
    if "init" in stored and "credential_spec" not in stored:
        return None
    named = stored.get("credential_spec")
    spec = {key.capitalize(): named.get(key, "") for key in ("config", "file", "registry")} if named else None
    return {"CredentialSpec": spec}


def _reference(kind: str, file: FileReference) -> dict[str, Any]:
    target = {"Name": file.target, "UID": file.uid, "GID": file.gid, "Mode": file.mode}
    return {"File": target, f"{kind}ID": file.id, f"{kind}Name": file.name}


def health_check(check: HealthConfig) -> dict[str, Any]:
    return {
        "Test": check.test,
        "Interval": check.interval,
        "Timeout": check.timeout,
        "StartPeriod": check.start_period,
        "StartInterval": check.start_interval,
        "Retries": check.retries,
    }


def _mount(mount: Mount) -> dict[str, Any]:
    more = mount.options
    driver = {"Name": more.get("driver", ""), "Options": more.get("driver_options", {})}
    groups = {
        "BindOptions": {
            "Propagation": more.get("propagation"),
            "NonRecursive": more.get("non_recursive"),
            "CreateMountpoint": more.get("create_mountpoint"),
            "ReadOnlyNonRecursive": more.get("read_only_non_recursive"),
            "ReadOnlyForceRecursive": more.get("read_only_force_recursive"),
        },
        "VolumeOptions": {
            "NoCopy": more.get("no_copy"),
            "Labels": more.get("labels"),
            "Subpath": more.get("subpath"),
            "DriverConfig": driver if any(driver.values()) else None,
        },
        "TmpfsOptions": {"SizeBytes": more.get("size_bytes"), "Mode": more.get("mode")},
    }
    return {
        "Type": mount.type,
        "Source": mount.source,
        "Target": mount.target,
        "ReadOnly": mount.read_only,
        "Consistency": more.get("consistency"),
        **{name: group for name, group in groups.items() if any(group.values())},
    }
