"""What is known of every node: what its tasks have taken, how many of which service it holds, what failed there.

Source: swarmkit `manager/scheduler/nodeinfo.go`, `nodeset.go`, `api/genericresource`.
"""

from bisect import bisect_left, insort
from collections.abc import Mapping
from typing import NamedTuple

from ..effects import SECOND
from ..objects import Node, PortConfig, Task

FAILURE_WINDOW = 300 * SECOND  # a failure counts against a node for this long


class Load(NamedTuple):
    """What each task of a group takes from its node, whichever node that is."""

    nano_cpus: int = 0
    memory: int = 0
    ports: tuple = ()  # (protocol, number) published on the node itself


NOTHING = Load()


class Charge(NamedTuple):
    """What one task takes from its node; tasks of a group that got the same share one charge."""

    service: str
    active: int  # 1 while it counts as a task, 0 while it only still holds what it reserved
    load: Load
    generic: Mapping = {}  # kind → number or names


class Place:
    """A node and what is taken on it. Capacity is the node's own; what is taken is a sum of charges."""

    def __init__(self, node: Node, number: int) -> None:
        self.node, self.number = node, number  # numbers grow in the order in which the nodes came
        self.available = is_available(node)
        self.tasks = 0  # active ones, of all services
        self.nano_cpus = 0
        self.memory = 0
        self.generic: dict[str, int] = {}  # kind → how many are taken, of those that are only counted
        self.names: dict[tuple[str, str], int] = {}  # (kind, name) that is taken
        self.ports: dict[tuple, int] = {}

    def take(self, load: Load, generic: Mapping, sign: int) -> None:
        """Take (1) or give back (-1)."""
        if load is not NOTHING:
            self.nano_cpus += sign * load.nano_cpus
            self.memory += sign * load.memory
            for port in load.ports:
                self.ports[port] = self.ports.get(port, 0) + sign
        for kind, amount in generic.items():
            if isinstance(amount, int):
                self.generic[kind] = self.generic.get(kind, 0) + sign * amount
            else:
                for name in amount:
                    self.names[kind, name] = self.names.get((kind, name), 0) + sign

    def left(self, kind: str) -> int | tuple[str, ...]:
        """What is left of a generic resource: a number, or the names in the node's order."""
        has = self.node.description.generic.get(kind, 0) if self.node.description else 0
        if isinstance(has, int):
            return has - self.generic.get(kind, 0)
        return tuple(name for name in has if not self.names.get((kind, name)))

    def claim(self, wanted: Mapping) -> dict:
        """Which of its generic resources a task gets that wants so many of each kind."""
        got = {}
        for kind, amount in wanted.items():
            left = self.left(kind)
            got[kind] = amount if isinstance(left, int) else left[:amount]
        return got


def is_available(node: Node) -> bool:
    """May it get new tasks at all?"""
    return node.state == "ready" and node.spec.availability == "active"


def load_of(task: Task) -> Load:
    """What the task takes wherever it runs."""
    asked, ports = task.spec.reservations, host_ports(task)
    return Load(asked.nano_cpus, asked.memory, ports) if asked.nano_cpus or asked.memory or ports else NOTHING


def host_ports(task: Task) -> tuple:
    """Ports with a fixed number that the task publishes on its node itself."""
    return tuple((port.protocol, port.published_port) for port in task.endpoint.ports if _is_fixed_on_host(port))


def _is_fixed_on_host(port: PortConfig) -> bool:
    return port.publish_mode == "host" and port.published_port > 0


class Board:
    """All places, and the available ones once more by how many tasks they hold.

    `levels` is what makes the scheduler fast: {3: [0, 4, 7]} says that nodes 0, 4 and 7 hold three active tasks each.
    The best node of all is the first of the lowest level, whatever the number of nodes.
    """

    def __init__(self) -> None:
        self.places: dict[str, Place] = {}  # by node
        self.numbered: list[Place] = []  # by number; those of nodes that are gone are never used again
        self.counts: dict[str, dict[int, int]] = {}  # by service: active tasks by node number, zeros left out
        self.levels: dict[int, list[int]] = {}  # by tasks: numbers of available nodes, ascending
        self.failures: dict[tuple, dict[str, list[int]]] = {}  # by (service, spec version): by node: times

    # ── nodes ────────────────────────────────────────────────────────────────────────────────────────────────────

    def see_node(self, node: Node) -> None:
        """A node came or changed."""
        place = self.places.get(node.id)
        if place is None:
            place = self.places[node.id] = Place(node, len(self.numbered))
            self.numbered.append(place)
        elif place.available:
            self._leave(place)
        place.node, place.available = node, is_available(node)
        if place.available:
            self._enter(place)

    def forget_node(self, id: str) -> None:
        """A node is gone."""
        place = self.places.pop(id, None)
        if place is None:
            return
        if place.available:
            self._leave(place)
        for counts in self.counts.values():
            counts.pop(place.number, None)

    def _enter(self, place: Place) -> None:
        insort(self.levels.setdefault(place.tasks, []), place.number)

    def _leave(self, place: Place) -> None:
        level = self.levels[place.tasks]
        del level[bisect_left(level, place.number)]
        if not level:
            del self.levels[place.tasks]

    # ── tasks ────────────────────────────────────────────────────────────────────────────────────────────────────

    def counts_of(self, service: str) -> dict[int, int]:
        """The active tasks of a service by node number: live, and without zeros."""
        return self.counts.setdefault(service, {})

    def add(self, node: str, charge: Charge, sign: int) -> None:
        """A task takes what it needs (1), or gives it back (-1)."""
        place = self.places.get(node)
        if place:
            place.take(charge.load, charge.generic, sign)
            if charge.active:
                self.count(place, charge.service, sign)

    def count(self, place: Place, service: str, more: int) -> None:
        """So many more active tasks of a service are on the node."""
        counts = self.counts_of(service)
        counts[place.number] = counts.get(place.number, 0) + more
        if not counts[place.number]:
            del counts[place.number]
        if place.available:
            self._leave(place)
        place.tasks += more
        if place.available:
            self._enter(place)

    def forget_service(self, service: str) -> None:
        """A service is gone."""
        self.counts.pop(service, None)
        self.failures = {key: times for key, times in self.failures.items() if key[0] != service}

    # ── failures ─────────────────────────────────────────────────────────────────────────────────────────────────

    def fail(self, task: Task, now: int) -> None:
        """Remember one more failure of this version of the service on this node."""
        if task.node in self.places:
            times = self.failures.setdefault((task.service, task.spec_version), {}).setdefault(task.node, [])
            times[:] = [at for at in times if now - at < FAILURE_WINDOW] + [now]

    def failures_of(self, task: Task, now: int) -> dict[str, int]:
        """Failures of this version of the service in the last five minutes, by node; zeros left out."""
        memory = self.failures.get((task.service, task.spec_version), {})
        recent = {node: sum(now - at <= FAILURE_WINDOW for at in times) for node, times in memory.items()}
        return {node: count for node, count in recent.items() if count}
