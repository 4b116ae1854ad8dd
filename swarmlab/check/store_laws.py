"""What a store must satisfy at every index, whatever people asked for: names, references, versions, settings.

`faults(store)` is the list of what is wrong, empty when all is well; a checker for tests and for bad input.
A service that was rolled back may name networks, secrets and ports that are gone or taken: SwarmKit does not look.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ..effects import SECOND
from ..manager.store import Store
from ..manager.validation import check_name, check_service, check_words
from ..objects import ASSIGNED, COMPLETE, STATES, ApiError, Service

NAMED = ("service", "network", "secret", "config")


def faults(store: Store) -> list[str]:
    """All that is wrong, in a fixed order."""
    return [fault for law in LAWS for fault in law(store)]


def objects_are_stamped(store: Store) -> Iterator[str]:
    """Each stands under its own id, with the index that wrote it."""
    seen: dict[str, str] = {}
    for kind, table in store.tables.items():
        for id, object in table.items():
            if object.id != id:
                yield f"{kind} {object.id} stands under {id}"
            if seen.setdefault(id, kind) != kind:
                yield f"{kind} and {seen[id]} share the id {id}"
            if not 0 < object.version <= store.index:
                yield f"{kind} {id} has version {object.version} in a store at {store.index}"
            if object.created_at > object.updated_at:
                yield f"{kind} {id} was changed before it was made"


def names_are_unique(store: Store) -> Iterator[str]:
    """Two names differ in more than the size of their letters; a service's and a network's fits into DNS."""
    for kind in NAMED:
        yield from _twice(kind, (object.spec.name.lower() for object in store.all(kind)))
    for kind in ("service", "network"):
        for object in store.all(kind):
            yield from _refused(f"{kind} {object.id}", check_name, object.spec.name)


def specs_are_valid(store: Store) -> Iterator[str]:
    """What is stored would be accepted again."""
    for service in store.all("service"):
        yield from _refused(f"service {service.spec.name}", check_words, service.spec)
        yield from _refused(f"service {service.spec.name}", check_service, service.spec)


def references_exist(store: Store) -> Iterator[str]:
    """Tasks of a removed service are there for a while: the orchestrator has to see it first. So is one that a global
    job tries again on a node that is gone: SwarmKit does not look, and the scheduler waits for that node."""
    for service in store.all("service"):
        if not _was_rolled_back(service):
            yield from _missing(store, service)
    for task in store.all("task"):
        if ASSIGNED <= task.state < COMPLETE and store.get("node", task.node) is None:
            yield f"task {task.id} runs on no node"
        if task.state not in STATES or task.desired not in STATES:
            yield f"task {task.id} is in no known state"


def _missing(store: Store, service: Service) -> Iterator[str]:
    container, name = service.spec.task.container, service.spec.name
    for target in service.spec.task.networks:
        network = store.get("network", target.target)
        if network is None or network.spec.ingress:
            yield f"service {name} is on no network {target.target}"
    for kind, references in (("secret", container.secrets), ("config", container.configs)):
        for reference in references:
            file = store.get(kind, reference.id)
            if file is None or file.spec.name != reference.name:
                yield f"service {name} has no {kind} {reference.name}"


def ports_belong_to_one(store: Store) -> Iterator[str]:
    """A port that somebody chose for the routing mesh is nobody else's."""
    chosen: dict[tuple[str, int], Service] = {}
    for service in store.all("service"):
        for port in service.spec.endpoint.ports if not _was_rolled_back(service) else ():
            key = port.protocol, port.published_port
            other = chosen.setdefault(key, service) if port.publish_mode == "ingress" and key[1] else service
            if other is not service:
                yield f"services {other.spec.name} and {service.spec.name} share port {key[1]}/{key[0]}"


def versions_follow(store: Store) -> Iterator[str]:
    """No task is of a version of its service that has not been yet."""
    for service in store.all("service"):
        if service.spec_version >= service.version:
            yield f"service {service.spec.name} has a spec of a version to come"
        if service.previous_spec is None and service.previous_spec_version:
            yield f"service {service.spec.name} remembers a version and no spec"


def files_are_kept_whole(store: Store) -> Iterator[str]:
    for kind, limit in (("secret", 512_000), ("config", 1_024_000)):
        for file in store.all(kind):
            if not 0 < len(file.spec.data) < limit:
                yield f"{kind} {file.spec.name} has {len(file.spec.data)} bytes"


def settings_are_sound(store: Store) -> Iterator[str]:
    clusters = list(store.all("cluster"))
    if len(clusters) != 1:
        yield f"there are {len(clusters)} clusters"
    for cluster in clusters:
        if cluster.name != "default" or cluster.certificate_expiry < 3600 * SECOND or cluster.heartbeat_period < 0:
            yield "a setting of the cluster is beyond its limits"
        if cluster.autolock != bool(cluster.unlock_key):
            yield "autolock and its key do not go together"
        if any(cluster.ca_digest not in token for token in (cluster.worker_token, cluster.manager_token)):
            yield "a join token names another root certificate"
    if sum(network.spec.ingress for network in store.all("network")) > 1:
        yield "there are two ingress networks"


def nodes_are_known(store: Store) -> Iterator[str]:
    for node in store.all("node"):
        if node.spec.role not in ("worker", "manager") or node.role not in ("worker", "manager"):
            yield f"node {node.id} has no known role"
        if node.spec.availability not in ("active", "pause", "drain"):
            yield f"node {node.id} has no known availability"
    if not any(node.role == "manager" for node in store.all("node")):
        yield "there is no manager"


LAWS: tuple[Callable[[Store], Iterator[str]], ...] = (
    objects_are_stamped,
    names_are_unique,
    specs_are_valid,
    references_exist,
    ports_belong_to_one,
    versions_follow,
    files_are_kept_whole,
    settings_are_sound,
    nodes_are_known,
)


def _was_rolled_back(service: Service) -> bool:
    return service.update_status is not None and service.update_status[0].startswith("rollback")


def _twice(kind: str, names: Iterable[str]) -> Iterator[str]:
    seen: dict[str, None] = {}
    for name in names:
        if name in seen:
            yield f"two of {kind} are called {name}"
        seen[name] = None


def _refused(what: str, check: Callable[[Any], None], value: Any) -> Iterator[str]:
    try:
        check(value)
    except ApiError as refusal:
        yield f"{what}: {refusal.text}"
