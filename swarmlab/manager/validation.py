"""What can be said of a wish by itself: every check that needs no store, in SwarmKit's order, with its words.

Source: swarmkit `manager/controlapi/service.go`.
"""

# Simpler than in reality (docs/simplifications.md): most-replicas, job-update, waits-for-ever

import re
from typing import Any, NoReturn

from ..effects import MS
from ..objects import ApiError, HealthConfig, Resources, ServiceSpec, TaskSpec, UpdateConfig
from .constraints import parse
from .expansion import template_fault

MOUNTS = ("volume", "bind", "tmpfs", "npipe", "cluster")
PROPAGATIONS = ("", "private", "rprivate", "shared", "rshared", "slave", "rslave")
MODES = ("replicated", "global", "replicated-job", "global-job")
MOST_TASKS = 100_000  # of one service, so that a slip of the fingers does not fill the memory
TOO_MANY = 2**63  # a number without a sign, read by SwarmKit as one with a sign
DNS_NAME = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9-_]*[a-zA-Z0-9])?")
IMAGE = re.compile(
    r"(?:(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*(?::[0-9]+)?/)?"
    r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
    r"(?::[\w][\w.-]{0,127})?(?:@[A-Za-z][A-Za-z0-9]*:[0-9a-fA-F]{32,})?",
    re.ASCII,
)


def refuse(code: str, text: str) -> NoReturn:
    """Say no as SwarmKit does, through gRPC."""
    raise ApiError(f"rpc error: code = {code} desc = {text}")


def check_version(object: Any, version: int) -> None:
    """Whoever changes an object must have seen it as it is now. Raises ApiError."""
    if version != object.version:
        refuse("Unknown", "update out of sequence")


def version_number(kind: str, version: int | str) -> int:
    """The version that an update says it was made for: a number, or text as it stands in an address. Raises ApiError."""
    text = str(version)
    if isinstance(version, int) or re.fullmatch("[0-9]{1,19}", text, re.ASCII):
        return int(version)
    name = {"cluster": "swarm"}.get(kind, kind)
    raise ApiError(f"invalid {name} version '{text}': strconv.ParseUint: parsing {_quoted(text)}: invalid syntax")


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def check_words(spec: ServiceSpec) -> None:
    """Words that the engine cannot even pass on to SwarmKit, hence no gRPC code. Raises ApiError.

    Source: moby `daemon/cluster/convert/service.go`.
    """
    for mount in spec.task.container.mounts:
        if mount.type not in MOUNTS:
            raise ApiError(f"invalid MountType: {_quoted(mount.type)}")
        if (propagation := mount.options.get("propagation", "")) not in PROPAGATIONS:
            raise ApiError(f"invalid MountPropagation: {_quoted(propagation)}")
    if spec.task.restart.condition not in ("none", "on-failure", "any"):
        raise ApiError(f"invalid RestartCondition: {_quoted(spec.task.restart.condition)}")
    for config in (spec.update, spec.rollback):  # for a rollback moby says "update", too
        if config.failure_action not in ("pause", "continue", "rollback"):
            raise ApiError(f"unrecognized update failure action {config.failure_action}")
        if config.order not in ("stop-first", "start-first"):
            raise ApiError(f"unrecognized update order {config.order}")
    if spec.endpoint.mode not in ("vip", "dnsrr"):
        raise ApiError(f"invalid resolution mode: {_quoted(spec.endpoint.mode)}")


def check_service(spec: ServiceSpec) -> None:
    """All that can be said of the spec alone, in SwarmKit's order. Raises ApiError."""
    check_name(spec.name)
    _check_resources(spec.task.limits)
    _check_resources(spec.task.reservations)
    _check_times(spec)
    _check_constraints(spec.task)
    _check_references(spec.task.container.secrets, "secret")
    _check_references(spec.task.container.configs, "config")
    _check_container(spec.task)
    _check_mode(spec)
    _check_update(spec)
    _check_endpoint(spec)


def check_name(name: str) -> None:
    """Names of services and networks. Raises ApiError."""
    if not name:
        refuse("InvalidArgument", "meta: name must be provided")
    if not DNS_NAME.fullmatch(name):
        refuse("InvalidArgument", "name must be valid as a DNS name component")
    if len(name) > 63:
        refuse("InvalidArgument", "name must be 63 characters or fewer")


def _check_resources(resources: Resources) -> None:
    if resources.nano_cpus and resources.nano_cpus < 1e6:
        refuse("InvalidArgument", f"invalid cpu value {_float(resources.nano_cpus / 1e9)}: Must be at least 0.001")
    if resources.memory and resources.memory < 4 << 20:
        refuse("InvalidArgument", f"invalid memory value {resources.memory}: Must be at least 4MiB")
    for kind, value in resources.generic.items():  # SwarmKit lets such a task wait for ever
        if not isinstance(value, int) or value < 0:
            refuse("InvalidArgument", f"invalid argument for resource {kind}")


def _float(number: float) -> str:
    """As Go prints it with %g: all digits that count, and no others."""
    return repr(number).removesuffix(".0")


def _check_times(spec: ServiceSpec) -> None:
    restart = spec.task.restart
    for name, value in (("restart-delay", restart.delay), ("restart-window", restart.window)):
        if value < 0:
            refuse("InvalidArgument", f"TaskSpec: {name} cannot be negative")


def _check_update(spec: ServiceSpec) -> None:
    """The block for rollbacks is not checked, there as here. A job must not have any, not even the default."""
    update = spec.update
    if spec.mode.endswith("-job"):
        if spec.update_asked or update != UpdateConfig():
            refuse("InvalidArgument", "Jobs may not have an update config")
        return
    for name, value in (("update-delay", update.delay), ("update-monitor", update.monitor)):
        if value < 0:
            refuse("InvalidArgument", f"TaskSpec: {name} cannot be negative")
    if not 0 <= update.max_failure_ratio <= 1:
        refuse("InvalidArgument", "TaskSpec: update-maxfailureratio cannot be less than 0 or bigger than 1")


def _check_constraints(task: TaskSpec) -> None:
    try:
        parse(task.placement.constraints)
    except ApiError as error:
        refuse("Unknown", error.text)


def _check_references(references: tuple, kind: str) -> None:
    targets: dict[str, str] = {}
    for reference in references:
        if not reference.id or not reference.name:
            refuse("InvalidArgument", f"malformed {kind} reference")
        if reference.target is None:
            refuse("InvalidArgument", f"malformed {kind} reference, no target provided")
        if not reference.target:
            refuse("InvalidArgument", f"malformed file {kind} reference, invalid target file name provided")
        if reference.target in targets:
            both = f"'{targets[reference.target]}' and '{reference.name}'"
            text = f"{kind} references {both} have a conflicting target: '{reference.target}'"
            refuse("InvalidArgument", text)
        targets[reference.target] = reference.name


def _check_container(task: TaskSpec) -> None:
    container = task.container
    if fault := template_fault(container):
        refuse("InvalidArgument", fault)
    if not container.image:
        refuse("InvalidArgument", "ContainerSpec: image reference must be provided")
    if not IMAGE.fullmatch(container.image):
        refuse("InvalidArgument", f"ContainerSpec: {_quoted(container.image)} is not a valid repository/tag")
    seen: dict[str, None] = {}
    for mount in container.mounts:
        if mount.target in seen:
            refuse("InvalidArgument", f"ContainerSpec: duplicate mount point: {mount.target}")
        seen[mount.target] = None
    if container.healthcheck:
        _check_health(container.healthcheck)


def _check_health(health: HealthConfig) -> None:
    times = {
        "Interval": health.interval,
        "Timeout": health.timeout,
        "StartPeriod": health.start_period,
        "StartInterval": health.start_interval,
    }
    for name, value in times.items():
        if value and value < MS:
            refuse("InvalidArgument", f"ContainerSpec: {name} in HealthConfig cannot be less than 1ms")
    if health.retries < 0:
        refuse("InvalidArgument", "ContainerSpec: Retries in HealthConfig cannot be negative")


def _check_endpoint(spec: ServiceSpec) -> None:
    ports = spec.endpoint.ports
    if spec.endpoint.mode == "dnsrr" and any(port.publish_mode == "ingress" for port in ports):
        refuse("InvalidArgument", "EndpointSpec: port published with ingress mode can't be used with dnsrr mode")
    for port in ports:
        if port.published_port > 65535:  # SwarmKit would never find it free
            refuse("InvalidArgument", f"EndpointSpec: there is no port {port.published_port}")
    published = [(port.protocol, port.published_port) for port in ports if port.published_port]
    if len(dict.fromkeys(published)) < len(published):
        refuse("InvalidArgument", "EndpointSpec: duplicate published ports provided")


def _check_mode(spec: ServiceSpec) -> None:
    if spec.mode not in MODES:
        refuse("InvalidArgument", "Unrecognized service mode")
    if spec.mode == "replicated" and not 0 <= spec.replicas < TOO_MANY:
        refuse("InvalidArgument", "Number of replicas must be non-negative")
    if spec.mode == "replicated-job" and not 0 <= spec.max_concurrent < TOO_MANY:
        refuse("InvalidArgument", "Maximum concurrent jobs must not be negative")
    if spec.mode == "replicated-job" and not 0 <= spec.replicas < TOO_MANY:
        refuse("InvalidArgument", "Total completed jobs must not be negative")
    if spec.mode.startswith("replicated") and spec.replicas > MOST_TASKS:
        raise ApiError(f"the simulation has no room for a service of more than {MOST_TASKS} tasks")
