"""What people may ask of the swarm: each request is checked, and a writing one turned into changes to the store.

The texts of refusals are Docker's. Source: Docker Engine API v1.41; swarmkit `manager/controlapi`, moby
`daemon/cluster`; those without an `rpc error` prefix come from the engine in front of SwarmKit.
"""

import re
from collections.abc import Callable
from typing import Any

from ..effects import Dice
from ..messages import CreateObject, GetCluster, GetObject, ListObjects, RemoveObject, RotateToken, UpdateObject
from ..objects import (
    RUNNING,
    ApiError,
    Cluster,
    Config,
    ConfigSpec,
    Drop,
    Network,
    NetworkSpec,
    Node,
    Put,
    Secret,
    SecretSpec,
    Service,
    ServiceSpec,
    replace,
)
from ..overlay import ipam
from . import nodes
from .security import new_id, new_secret, token
from .store import Store
from .validation import check_name, check_service, check_version, check_words, refuse

NO_LEADER = (
    "rpc error: code = Unknown desc = The swarm does not have a leader. It's possible that too few managers are "
    "online. Make sure more than half of the managers are online."
)
TIMED_OUT = "rpc error: code = DeadlineExceeded desc = context deadline exceeded"
LOST_LEADERSHIP = "rpc error: code = Unknown desc = raft: failed to process the request: node lost leader status"
CLOSING = "rpc error: code = Unavailable desc = transport is closing"  # to a manager that belongs to the group no more
NO_VALID_TOKEN = "rpc error: code = InvalidArgument desc = A valid join token is necessary to join this cluster"

READS = (ListObjects, GetObject, GetCluster)
DRIVERS = ("overlay", "bridge", "host", "ipvlan", "macvlan", "null")
FILE_NAME = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9-_.]*[a-zA-Z0-9])?")

# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────


def read(store: Store, request: Any, members: tuple = (), leader: str = "") -> Any:
    """The answer to a question. `members` are raft's rows, `leader` is the member that leads. Raises ApiError."""
    match request:
        case ListObjects("node"):
            return tuple(nodes.with_manager_status(node, members, leader) for node in store.all("node"))
        case ListObjects(kind):
            return tuple(_shown(object) for object in store.all(kind))
        case GetObject("node", ref):
            return nodes.with_manager_status(find(store, "node", ref), members, leader)
        case GetObject(kind, ref):
            return _shown(find(store, kind, ref))
        case GetCluster():
            return store.cluster


def _shown(object: Any) -> Any:
    """A secret's content is never given out again."""
    return replace(object, spec=replace(object.spec, data=b"")) if isinstance(object, Secret) else object


def name_of(object: Any) -> str:
    """What people call it: a node by its host name, a task by service and slot, all else by the name in its spec."""
    if isinstance(object, Node):
        return object.hostname
    spec: Any = getattr(object, "spec", None)
    return spec.name if hasattr(spec, "name") else object.name


def find(store: Store, kind: str, ref: str) -> Any:
    """The object with this id, else this name, else the only one whose id begins so. Raises ApiError."""
    exact = store.get(kind, ref)
    if exact:
        return exact
    found = [object for object in store.all(kind) if name_of(object).lower() == ref.lower()]
    found = found or [object for object in store.all(kind) if ref and object.id.startswith(ref)]
    if len(found) > 1:
        raise ApiError(f"{kind} {ref} is ambiguous ({len(found)} matches found)")
    if not found:
        raise ApiError(f"{kind} {ref} not found")
    return found[0]


# ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────────


def write(store: Store, request: Any, dice: Dice, now: int, members: tuple = ()) -> list:
    """The changes that fulfil the request, all of them or, with ApiError raised, none. `members` are raft's rows."""
    match request:
        case CreateObject(ServiceSpec() as spec):
            return [Put(_new_service(store, spec, new_id(dice), now))]
        case CreateObject(NetworkSpec() as spec):
            return [Put(_new_network(store, spec, new_id(dice)))]
        case CreateObject(SecretSpec() as spec):
            return [Put(Secret(new_id(dice), _checked_file(store, "secret", spec, 512000)))]
        case CreateObject(ConfigSpec() as spec):
            return [Put(Config(new_id(dice), _checked_file(store, "config", spec, 1024000)))]
        case UpdateObject("node", id, version, spec):
            return nodes.update(store, find(store, "node", id), spec, version, members)
        case RemoveObject("node", ref, force):
            return nodes.remove(store, find(store, "node", ref), force, members, now)
        case UpdateObject("service"):
            return [Put(_executed(_update_service(store, request, now), now))]
        case UpdateObject(kind) if kind in UPDATES:
            return UPDATES[kind](store, request)
        case RemoveObject(kind) if kind in REMOVALS:
            return REMOVALS[kind](store, find(store, kind, request.ref))
        case RotateToken() if store.cluster:
            return [Put(_with_new_token(store.cluster, request.role, new_secret(dice)))]
    refuse("Unimplemented", f"{type(request).__name__} is not possible here")


def answer(store: Store, request: Any, changes: tuple) -> Any:
    """What the person gets to hear once the changes are committed."""
    match request:
        case CreateObject():
            return changes[0].object.id
        case RotateToken():
            return store.cluster
    return None


def _is_taken(store: Store, kind: str, name: str) -> bool:
    return any(object.spec.name.lower() == name.lower() for object in store.all(kind))


def _with_new_token(cluster: Cluster, role: str, secret: str) -> Cluster:
    fresh = token(cluster.ca_digest, secret)
    return replace(cluster, manager_token=fresh) if role == "manager" else replace(cluster, worker_token=fresh)


# ── services ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _new_service(store: Store, spec: ServiceSpec, id: str, now: int) -> Service:
    spec = _with_network_ids(store, spec)
    check_words(spec)
    check_service(spec)
    _check_service_networks(store, spec)
    _check_port_conflicts(store, spec, id)
    _check_ingress(store, spec)
    _check_files(store, spec)
    if _is_taken(store, "service", spec.name):
        text = f"name conflicts with an existing object: service {spec.name} already exists"
        refuse("AlreadyExists", text)
    service = Service(id, spec)
    return replace(service, last_execution=now) if service.is_job else service


def _executed(service: Service, now: int) -> Service:
    """Whatever is changed of a job, it runs once more."""
    if not service.is_job:
        return service
    return replace(service, job_iteration=service.job_iteration + 1, last_execution=now)


def _update_service(store: Store, request: UpdateObject, now: int) -> Service:
    service: Service = find(store, "service", request.id)
    if request.rollback:
        return _rolled_back(service, request.version, now)
    spec = _with_network_ids(store, request.spec)
    check_words(spec)
    check_service(spec)
    _check_service_networks(store, spec)
    if spec.endpoint != service.spec.endpoint:
        _check_port_conflicts(store, spec, service.id)
        _check_ingress(store, spec)
    _check_files(store, spec)
    if spec.mode != service.spec.mode:
        refuse("Unimplemented", "service mode change is not allowed")
    if spec.name != service.spec.name:
        refuse("Unimplemented", "renaming services is not supported")
    check_version(service, request.version)
    return replace(
        service,
        spec=spec,
        spec_version=request.version,
        previous_spec=service.spec,
        previous_spec_version=service.spec_version,
        update_status=None,
    )


def _rolled_back(service: Service, version: int, now: int) -> Service:
    """The previous spec and its version again; what they replace becomes the previous one, so that twice is a redo."""
    if service.previous_spec is None:
        refuse("FailedPrecondition", f"service {service.id} does not have a previous spec")
    check_version(service, version)
    return replace(
        service,
        spec=service.previous_spec,
        spec_version=service.previous_spec_version,
        previous_spec=service.spec,
        previous_spec_version=service.spec_version,
        update_status=("rollback_started", "manually requested rollback", now, 0),
    )


def _remove_service(store: Store, service: Service) -> list:
    return [Drop("service", service.id)]


def _with_network_ids(store: Store, spec: ServiceSpec) -> ServiceSpec:
    """The engine looks networks up by name before SwarmKit sees the spec."""
    targets = (replace(target, target=_network_id(store, target.target)) for target in spec.task.networks)
    return replace(spec, task=replace(spec.task, networks=tuple(targets)))


def _network_id(store: Store, ref: str) -> str:
    network: Network = find(store, "network", ref)
    if network.spec.scope != "swarm" and not network.predefined:
        text = "Only networks scoped to the swarm can be used, such as those created with the overlay driver."
        raise ApiError(f"The network {network.spec.name} cannot be used with services. {text}")
    return network.id


def _check_service_networks(store: Store, spec: ServiceSpec) -> None:
    for target in spec.task.networks:
        network = store.get("network", target.target)
        if network.spec.ingress:
            name = network.spec.name
            refuse("InvalidArgument", f'Service cannot be explicitly attached to the ingress network "{name}"')


def _check_port_conflicts(store: Store, spec: ServiceSpec, own: str) -> None:
    """Host against host is allowed: each task then needs a node of its own."""
    for other in store.all("service"):
        if other.id == own:
            continue
        theirs = {(port.protocol, port.published_port, port.publish_mode) for port in other.ports}
        theirs |= {(port.protocol, port.published_port, port.publish_mode) for port in other.spec.endpoint.ports}
        for port in spec.endpoint.ports:
            _check_port_conflict(port, theirs, other)


def _check_port_conflict(port: Any, theirs: set, other: Service) -> None:
    number = port.published_port
    in_use = f"port '{number}' is already in use by service '{other.spec.name}' ({other.id})"
    if number and (port.protocol, number, "ingress") in theirs:
        refuse("InvalidArgument", f"{in_use} as an ingress port")
    if number and port.publish_mode == "ingress" and (port.protocol, number, "host") in theirs:
        refuse("InvalidArgument", f"{in_use} as a host-published port")


def _check_ingress(store: Store, spec: ServiceSpec) -> None:
    if store.ingress is None and any(port.publish_mode == "ingress" for port in spec.endpoint.ports):
        refuse("FailedPrecondition", "service needs ingress network, but no ingress network is present")


def _check_files(store: Store, spec: ServiceSpec) -> None:
    _check_exist(store, "secret", spec.task.container.secrets)
    _check_exist(store, "config", spec.task.container.configs)


def _check_exist(store: Store, kind: str, references: tuple) -> None:
    """A reference names an object by id and name, and both must fit."""
    found = [(reference, store.get(kind, reference.id)) for reference in references]
    missing = [reference.name for reference, object in found if not object or object.spec.name != reference.name]
    if missing:
        refuse("InvalidArgument", f"{kind}{'s' if len(missing) > 1 else ''} not found: {', '.join(missing)}")


# ── networks ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _new_network(store: Store, spec: NetworkSpec, id: str) -> Network:
    if spec.driver not in DRIVERS:
        raise ApiError(f'plugin "{spec.driver}" not found')
    if spec.name and _is_taken(store, "network", spec.name):
        raise ApiError(f"network with name {spec.name} already exists")
    check_name(spec.name)
    if spec.ingress and spec.attachable:
        refuse("InvalidArgument", "ingress network cannot be attachable")
    if spec.ingress and store.ingress:
        refuse("AlreadyExists", f"ingress network ({store.ingress.id}) is already present")
    for subnet, gateway, range in spec.subnets:
        _check_subnet(subnet, gateway, range)
    return Network(id, spec)


def _check_subnet(text: str, gateway: str, range: str) -> None:
    if ":" in text:
        _check_ipv6(text)
        return
    try:
        subnet = ipam.subnet(text)
    except ValueError:
        refuse("InvalidArgument", f"ipam configuration: invalid subnet {text}")
    if range and not _contains(subnet, range.partition("/")[0]):
        refuse("InvalidArgument", f"ipam configuration: subnet {text} does not contain range {range}")
    if gateway and not _contains(subnet, gateway):
        refuse("InvalidArgument", f"ipam configuration: subnet {text} does not contain gateway {gateway}")


def _check_ipv6(text: str) -> None:
    """Such a subnet is kept as asked for; nobody gets an address in it."""
    from ipaddress import IPv6Network  # at first use: hardly a network asks for one

    try:
        IPv6Network(text, strict=False)
    except ValueError:
        refuse("InvalidArgument", f"ipam configuration: invalid subnet {text}")


def _contains(subnet: ipam.Subnet, address: str) -> bool:
    try:
        return subnet.holds(ipam.number(address))
    except ValueError:
        return False


def _remove_network(store: Store, network: Network) -> list:
    if network.predefined:
        name = f"network {network.id} ({network.spec.name})"
        refuse("FailedPrecondition", f"{name} is a swarm predefined network and cannot be removed")
    for service in store.all("service"):
        if network.spec.ingress and any(port.publish_mode == "ingress" for port in service.spec.endpoint.ports):
            text = f"ingress network cannot be removed because service {service.id} depends on it"
            refuse("FailedPrecondition", text)
        if any(target.target == network.id for target in service.spec.task.networks):
            refuse("FailedPrecondition", f"network {network.id} is in use by service {service.id}")
    for task in store.all("task"):
        uses = not network.spec.ingress and any(target.target == network.id for target in task.spec.networks)
        if uses and task.desired <= RUNNING and task.state <= RUNNING:
            refuse("FailedPrecondition", f"network {network.id} is in use by task {task.id}")
    return [Drop("network", network.id)]


# ── secrets and configs ──────────────────────────────────────────────────────────────────────────────────────────


def _checked_file(store: Store, kind: str, spec: Any, limit: int) -> Any:
    if not spec.name:
        refuse("InvalidArgument", "name must be provided")
    if not FILE_NAME.fullmatch(spec.name) or len(spec.name) > 64:
        allowed = "only 64 [a-zA-Z0-9-_.] characters allowed, and the start and end character must be [a-zA-Z0-9]"
        refuse("InvalidArgument", f"invalid name, {allowed}")
    if not 0 < len(spec.data) < limit:
        refuse("InvalidArgument", f"{kind} data must be larger than 0 and less than {limit} bytes")
    if _is_taken(store, kind, spec.name):
        refuse("AlreadyExists", f"{kind} {spec.name} already exists")
    return spec


def _update_file(store: Store, request: UpdateObject) -> list:
    """Only labels may change: a new content needs a new name."""
    old = find(store, request.kind, request.id)
    spec = request.spec
    if spec.name != old.spec.name or (spec.data and spec.data != old.spec.data):
        refuse("InvalidArgument", "only updates to Labels are allowed")
    check_version(old, request.version)
    return [Put(replace(old, spec=replace(old.spec, labels=spec.labels)))]


def _remove_file(store: Store, file: Any) -> list:
    kind, field = ("secret", "secrets") if isinstance(file, Secret) else ("config", "configs")
    users = {
        service.id: service.spec.name
        for service in store.all("service")
        if any(reference.id == file.id for reference in getattr(service.spec.task.container, field))
    }
    if users:
        names = ", ".join(name for _, name in sorted(users.items()))
        services = f"{'services' if len(users) > 1 else 'service'}: {names}"
        refuse("InvalidArgument", f"{kind} '{file.spec.name}' is in use by the following {services}")
    return [Drop(kind, file.id)]


UPDATES: dict[str, Callable[..., list]] = {
    "secret": _update_file,
    "config": _update_file,
}
REMOVALS: dict[str, Callable[..., list]] = {
    "service": _remove_service,
    "network": _remove_network,
    "secret": _remove_file,
    "config": _remove_file,
}
