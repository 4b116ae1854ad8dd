"""The replicated state of the swarm: what the managers have written down. Only committed log entries change it.

Every manager has a copy. As all apply the same entries in the same order, all copies agree up to the index each has
applied. Source: swarmkit `manager/state/store/memory.go`.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ..events import (
    AttachmentWritten,
    ClusterStored,
    ConfigStored,
    NetworkStored,
    NodeStored,
    ObjectRemoved,
    SecretStored,
    ServiceStored,
    TaskStored,
)
from ..messages import SwarmChange
from ..objects import KINDS, STATES, Cluster, Config, Drop, Network, Node, Put, Secret, Service, Task, replace

MAX_CHANGES = 200  # in one transaction
STACK_LABEL = "com.docker.stack.namespace"

Key = tuple[str, str]  # (kind, id)


class Picture(NamedTuple):
    """The store after the entry at index `at`. Nobody changes it; the objects in it are shared."""

    at: int
    tables: dict[str, dict[str, Any]]
    by_service: dict[str, dict[str, None]]
    by_node: dict[str, dict[str, None]]


class Store:
    """All objects by kind and id, oldest first, and which tasks belong to a service and to a node.

    A dict with empty values stands where a set would do: its order is the same everywhere.
    """

    def __init__(self) -> None:
        self.index = 0  # the newest log index applied
        self.tables: dict[str, dict[str, Any]] = {kind: {} for kind in KINDS.values()}
        self.by_service: dict[str, dict[str, None]] = {}
        self.by_node: dict[str, dict[str, None]] = {}
        self.recent: deque[SwarmChange] = deque(maxlen=256)  # for `docker events`, which has nothing of tasks

    # ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────

    def get(self, kind: str, id: str) -> Any:
        """The object, or None."""
        return self.tables[kind].get(id)

    def all(self, kind: str) -> Iterable[Any]:
        """All objects of a kind, oldest first."""
        return self.tables[kind].values()

    @property
    def cluster(self) -> Cluster | None:
        """The settings of the swarm: exactly one object, once the swarm is founded."""
        for cluster in self.tables["cluster"].values():
            return cluster
        return None

    @property
    def ingress(self) -> Network | None:
        """The network of the routing mesh."""
        return next((network for network in self.tables["network"].values() if network.spec.ingress), None)

    def tasks_of(self, service: str) -> list[Task]:
        """The tasks of a service, oldest first; also of one that is gone, while there are any."""
        tasks = self.tables["task"]
        return [tasks[id] for id in self.by_service.get(service, ())]

    def tasks_on(self, node: str) -> list[Task]:
        """The tasks that were placed on a node, oldest first, ended ones included."""
        tasks = self.tables["task"]
        return [tasks[id] for id in self.by_node.get(node, ())]

    def slots(self, service: str) -> dict[int, list[Task]]:
        """The tasks of a service by slot."""
        slots: dict[int, list[Task]] = {}
        for task in self.tasks_of(service):
            slots.setdefault(task.slot, []).append(task)
        return slots

    def changed(self, kind: str, keys: Iterable[Key] | None) -> list[Any]:
        """The objects of a kind among the keys that still exist; all of them for None."""
        table = self.tables[kind]
        if keys is None:
            return list(table.values())
        return [table[id] for its_kind, id in keys if its_kind == kind and id in table]

    # ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────

    def apply(self, index: int, at: int, changes: Iterable[Put | Drop]) -> list[Key]:
        """Make the changes of one log entry, all of them, and say which objects they touched, in order."""
        self.index = index
        return [
            self._put(change.object, index, at) if isinstance(change, Put) else self._drop(change.kind, change.id, at)
            for change in changes
        ]

    def _put(self, object: Any, index: int, at: int) -> Key:
        kind = KINDS[type(object)]
        table = self.tables[kind]
        old = table.get(object.id)
        stamps = {"version": index, "created_at": old.created_at if old else at, "updated_at": at}
        if kind == "task":
            if old is None or (old.state, old.status_at) != (object.state, object.status_at):
                stamps["heard_at"] = at
            self._file(object, old)
        table[object.id] = replace(object, **stamps)
        if kind != "task":
            self.recent.append(SwarmChange(at, _bare(old), _bare(table[object.id])))
        return kind, object.id

    def _drop(self, kind: str, id: str, at: int) -> Key:
        old = self.tables[kind].pop(id, None)
        if kind != "task" and old:
            self.recent.append(SwarmChange(at, _bare(old), None))
        if kind == "task" and old:
            _unfile(self.by_service, old.service, id)
            _unfile(self.by_node, old.node, id)
        return kind, id

    def _file(self, task: Task, old: Task | None) -> None:
        if old is None:
            self.by_service.setdefault(task.service, {})[task.id] = None
        if task.node and (old is None or old.node != task.node):
            self.by_node.setdefault(task.node, {})[task.id] = None

    # ── all at once ──────────────────────────────────────────────────────────────────────────────────────────────

    def picture(self) -> Picture:
        """What raft keeps in place of a long log, and sends to members that lag far behind."""
        return Picture(self.index, *(_copy(part) for part in (self.tables, self.by_service, self.by_node)))

    def restore(self, picture: Picture) -> list[Key]:
        """Be as the picture shows, and say which objects are not what they were, in order."""
        before = self.tables
        self.index = picture.at
        self.tables, self.by_service, self.by_node = (_copy(part) for part in picture[1:])
        changed = [
            (kind, id) for kind, table in self.tables.items() for id in table if table[id] != before[kind].get(id)
        ]
        gone = [(kind, id) for kind, table in before.items() for id in table if id not in self.tables[kind]]
        return changed + gone


def _copy(tables: dict[str, dict]) -> dict[str, dict]:
    return {name: dict(table) for name, table in tables.items()}


def _bare(object: Any) -> Any:
    """Without what secrets and configs hold: people hear that there is one, and nobody keeps what is gone."""
    return replace(object, spec=object.spec._replace(data=b"")) if isinstance(object, Secret | Config) else object


def _unfile(index: dict[str, dict[str, None]], key: str, id: str) -> None:
    entries = index.get(key, {})
    entries.pop(id, None)
    if not entries:
        index.pop(key, None)


# ── the same, as facts for the trace ─────────────────────────────────────────────────────────────────────────────


def fact(store: Store, index: int, key: Key) -> Any:
    """What the trace says of this object after the entry at `index`."""
    kind, id = key
    object = store.get(kind, id)
    if object is None:
        return ObjectRemoved(index, kind, id)
    return FACTS[type(object)](index, object)


def _node_fact(index: int, node: Node) -> NodeStored:
    spec = node.spec
    labels = tuple(sorted(spec.labels.items()))
    return NodeStored(index, node.id, node.machine, node.role, spec.availability, node.state, node.message, labels)


def _service_fact(index: int, service: Service) -> ServiceStored:
    spec = service.spec
    ports = tuple(port.published_port for port in service.ports or spec.endpoint.ports)
    stack = spec.labels.get(STACK_LABEL, "")
    image = spec.task.container.image.partition("@")[0]  # its digest says nothing to a reader
    who = (index, service.id, spec.name, spec.mode, spec.replicas)
    update = service.update_status[:2] if service.update_status else ()
    return ServiceStored(*who, image, ports, stack, service.spec_version, update, _previous(service))


def _previous(service: Service) -> tuple:
    """The version and the image to which a rollback would lead."""
    spec = service.previous_spec
    return (service.previous_spec_version, spec.task.container.image.partition("@")[0]) if spec else ()


def _task_fact(index: int, task: Task) -> TaskStored | AttachmentWritten:
    desired, state = STATES[task.desired], STATES[task.state]
    if task.spec.attachment:
        network, address = task.spec.networks[0].target, task.networks[0].address if task.networks else ""
        return AttachmentWritten(index, task.id, task.node, task.spec.attachment, network, address, state)
    where = (index, task.id, task.service, task.name, task.slot, task.node)
    spec = task.spec
    reserved = (spec.reservations.nano_cpus, spec.reservations.memory)
    limits = (spec.limits.nano_cpus, spec.limits.memory)
    image = spec.container.image.partition("@")[0]
    return TaskStored(*where, desired, state, task.message, task.err, image, reserved, limits, task.spec_version)


def _cluster_fact(index: int, cluster: Cluster) -> ClusterStored:
    return ClusterStored(index, cluster.id)


def _network_fact(index: int, network: Network) -> NetworkStored:
    return NetworkStored(index, network.id, network.spec.name, network.subnet, network.vni)


def _secret_fact(index: int, secret: Secret) -> SecretStored:
    return SecretStored(index, secret.id, secret.spec.name)


def _config_fact(index: int, config: Config) -> ConfigStored:
    return ConfigStored(index, config.id, config.spec.name)


FACTS: dict[type, Callable[[int, Any], Any]] = {
    Cluster: _cluster_fact,
    Node: _node_fact,
    Service: _service_fact,
    Task: _task_fact,
    Network: _network_fact,
    Secret: _secret_fact,
    Config: _config_fact,
}
