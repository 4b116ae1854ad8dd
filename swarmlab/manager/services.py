"""What people may do with services: the checks that need the store, in SwarmKit's order, and what is written.

The texts are Docker's. Source: swarmkit `manager/controlapi/service.go`; moby `daemon/cluster/services.go`.
"""

from typing import Any

from ..messages import UpdateObject
from ..objects import ApiError, Drop, Network, PortConfig, Put, Service, ServiceSpec, replace
from .defaults import settled
from .names import find, is_taken
from .store import Store
from .validation import check_service, check_version, check_words, refuse


def create(store: Store, spec: ServiceSpec, id: str, now: int) -> list:
    """Raises ApiError."""
    spec = _checked(store, spec)
    _check_port_conflicts(store, spec, id)
    _check_ingress(store, spec)
    _check_files(store, spec)
    if is_taken(store, "service", spec.name):
        text = f"name conflicts with an existing object: service {spec.name} already exists"
        refuse("AlreadyExists", text)
    service = Service(id, spec)
    return [Put(replace(service, last_execution=now) if service.is_job else service)]


def update(store: Store, request: UpdateObject, now: int) -> list:
    """A new spec, or the previous one again. Whatever is changed of a job, it runs once more. Raises ApiError."""
    changed = _rolled_back(store, request, now) if request.rollback else _updated(store, request)
    if changed.is_job:
        changed = replace(changed, job_iteration=changed.job_iteration + 1, last_execution=now)
    return [Put(changed)]


def remove(store: Store, service: Service) -> list:
    return [Drop("service", service.id)]


def _checked(store: Store, spec: ServiceSpec) -> ServiceSpec:
    """The spec with ids of networks: the engine looks them up by name before SwarmKit sees the spec."""
    spec = settled(spec)
    targets = (replace(target, target=_network_id(store, target.target)) for target in spec.task.networks)
    spec = replace(spec, task=replace(spec.task, networks=tuple(targets)))
    check_words(spec)
    check_service(spec)
    _check_networks(store, spec)
    return spec


def _updated(store: Store, request: UpdateObject) -> Service:
    spec = _checked(store, request.spec)
    service: Service = find(store, "service", request.id)
    if spec.endpoint != service.spec.endpoint:
        _check_port_conflicts(store, spec, service.id)
    _check_files(store, spec)
    if spec.mode != service.spec.mode:
        refuse("Unimplemented", "service mode change is not allowed")
    if spec.name != service.spec.name:
        refuse("Unimplemented", "renaming services is not supported")
    _check_ingress(store, spec)
    check_version(service, request.version)
    return replace(
        service,
        spec=spec,
        spec_version=request.version,
        previous_spec=service.spec,
        previous_spec_version=service.spec_version,
        update_status=None,
    )


def _rolled_back(store: Store, request: UpdateObject, now: int) -> Service:
    """The previous spec and its version again; what they replace becomes the previous one, so that twice is a redo.

    As in SwarmKit, nobody looks whether the networks, secrets and ports of then are still to be had.
    """
    service: Service = find(store, "service", request.id)
    if service.previous_spec is None:
        refuse("FailedPrecondition", f"service {service.id} does not have a previous spec")
    _check_ingress(store, service.previous_spec)
    check_version(service, request.version)
    return replace(
        service,
        spec=service.previous_spec,
        spec_version=service.previous_spec_version,
        previous_spec=service.spec,
        previous_spec_version=service.spec_version,
        update_status=("rollback_started", "manually requested rollback", now, 0),
    )


# ── networks, ports and files that a spec names ──────────────────────────────────────────────────────────────────


def _network_id(store: Store, ref: str) -> str:
    network: Network = find(store, "network", ref)
    if network.spec.scope != "swarm" and not network.predefined:
        text = "Only networks scoped to the swarm can be used, such as those created with the overlay driver."
        raise ApiError(f"The network {network.spec.name} cannot be used with services. {text}")
    return network.id


def _check_networks(store: Store, spec: ServiceSpec) -> None:
    for target in spec.task.networks:
        network = store.get("network", target.target)
        if network.spec.ingress:
            name = network.spec.name
            refuse("InvalidArgument", f'Service cannot be explicitly attached to the ingress network "{name}"')


def _check_port_conflicts(store: Store, spec: ServiceSpec, own: str) -> None:
    """Others are asked in the order of their ids. Host against host is allowed: each task needs a node of its own."""
    wanted = {(port.protocol, port.published_port): port.publish_mode for port in spec.endpoint.ports}
    for other in sorted(store.all("service"), key=lambda service: service.id):
        for port in (*other.spec.endpoint.ports, *other.ports) if other.id != own else ():
            _check_port_conflict(wanted.get((port.protocol, port.published_port)), port, other)


def _check_port_conflict(wanted: str | None, port: PortConfig, other: Service) -> None:
    if wanted is None or not port.published_port or wanted == port.publish_mode == "host":
        return
    in_use = f"port '{port.published_port}' is already in use by service '{other.spec.name}' ({other.id})"
    as_what = "an ingress port" if port.publish_mode == "ingress" else "a host-published port"
    refuse("InvalidArgument", f"{in_use} as {as_what}")


def _check_ingress(store: Store, spec: ServiceSpec) -> None:
    if store.ingress is None and any(port.publish_mode == "ingress" for port in spec.endpoint.ports):
        refuse("FailedPrecondition", "service needs ingress network, but no ingress network is present")


def _check_files(store: Store, spec: ServiceSpec) -> None:
    _check_exist(store, "secret", spec.task.container.secrets)
    _check_exist(store, "config", spec.task.container.configs)


def _check_exist(store: Store, kind: str, references: tuple) -> None:
    """A reference names an object by id and name, and both must fit."""
    found: list[tuple[Any, Any]] = [(reference, store.get(kind, reference.id)) for reference in references]
    missing = [reference.name for reference, object in found if not object or object.spec.name != reference.name]
    if missing:
        refuse("InvalidArgument", f"{kind}{'s' if len(missing) > 1 else ''} not found: {', '.join(missing)}")
