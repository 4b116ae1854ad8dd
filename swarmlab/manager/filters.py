"""Where a task may run: what is known of every node, and the filters that a node has to pass, in order.

Source: Docker documentation, "Control service placement"; swarmkit `manager/scheduler/filter.go`, `pipeline.go`,
`nodeinfo.go`.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ..effects import SECOND
from ..objects import Node, PortConfig, Task
from .constraints import Constraint, match, parse

FAILURE_WINDOW = 300 * SECOND  # a failure counts against a node for this long

# ── what is known of a node ───────────────────────────────────────────────────────────────────────────────────────────


class Charge(NamedTuple):
    """What one task takes from its node."""

    node: str
    service: str
    active: int  # 1 while it counts as a task, 0 while it only still holds what it reserved
    nano_cpus: int
    memory: int
    generic: Mapping
    ports: tuple  # (protocol, number) published on the node itself


class Candidate(NamedTuple):
    """What a strategy may know of a node that passed all filters."""

    node: Node
    service_tasks: int  # active tasks of this service on it
    tasks: int  # active tasks of all services
    failures: int  # of this version of the service, in the last five minutes
    nano_cpus: int  # not reserved
    memory: int  # bytes, not reserved


class Place:
    """A node and what is taken on it. Capacity is the node's own; `used` numbers are sums of charges."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.tasks = 0
        self.service_tasks: dict[str, int] = {}
        self.nano_cpus = 0
        self.memory = 0
        self.generic: dict[str, int] = {}
        self.ports: dict[tuple, int] = {}
        self.failures: dict[tuple, list[int]] = {}  # (service, spec version) → times

    def add(self, charge: Charge, sign: int) -> None:
        """Take (1) or give back (-1)."""
        self.tasks += sign * charge.active
        self.nano_cpus += sign * charge.nano_cpus
        self.memory += sign * charge.memory
        self.service_tasks[charge.service] = self.service_tasks.get(charge.service, 0) + sign * charge.active
        for kind, amount in charge.generic.items():
            self.generic[kind] = self.generic.get(kind, 0) + sign * amount
        for port in charge.ports:
            self.ports[port] = self.ports.get(port, 0) + sign

    def fail(self, task: Task, now: int) -> None:
        """Remember one more failure of this version of the service."""
        times = self.failures.setdefault((task.service, task.spec_version), [])
        times[:] = [at for at in times if at > now - FAILURE_WINDOW] + [now]

    def candidate(self, task: Task, now: int) -> Candidate:
        """The node as a strategy sees it."""
        times = self.failures.get((task.service, task.spec_version), ())
        recent = sum(at > now - FAILURE_WINDOW for at in times)
        has = self.node.description
        free = (has.nano_cpus - self.nano_cpus, has.memory - self.memory) if has else (0, 0)
        return Candidate(self.node, self.service_tasks.get(task.service, 0), self.tasks, recent, *free)


# ── the filters ───────────────────────────────────────────────────────────────────────────────────────────────────────


class Wish(NamedTuple):
    """A task of the group that is being placed, and what of it was worked out once for all nodes."""

    task: Task
    constraints: tuple[Constraint, ...]
    ports: tuple


class Filter(NamedTuple):
    """One condition: when it applies at all, when a place passes, and how to say that places did not."""

    name: str
    applies: Callable[[Wish], Any]
    passes: Callable[[Wish, Place], bool]
    explain: Callable[[int], str]


def _always(wish: Wish) -> bool:
    return True


def _is_ready(wish: Wish, place: Place) -> bool:
    return place.node.state == "ready" and place.node.spec.availability == "active"


def _explain_ready(n: int) -> str:
    return f"{_nodes(n)} not available for new tasks"


def _reserves(wish: Wish) -> bool:
    asked = wish.task.spec.reservations
    return bool(asked.nano_cpus or asked.memory or asked.generic)


def _has_room(wish: Wish, place: Place) -> bool:
    asked, has = wish.task.spec.reservations, place.node.description
    if has is None:
        return False
    if asked.nano_cpus > has.nano_cpus - place.nano_cpus or asked.memory > has.memory - place.memory:
        return False
    free = {kind: amount - place.generic.get(kind, 0) for kind, amount in has.generic.items()}
    return all(amount <= free.get(kind, 0) for kind, amount in asked.generic.items())


def _explain_room(n: int) -> str:
    return f"insufficient resources on {_nodes(n)}"


def _volume_drivers(wish: Wish) -> list[str]:
    drivers = [mount.options.get("driver", "") for mount in wish.task.spec.container.mounts if mount.type == "volume"]
    return [driver for driver in drivers if driver not in ("", "local")]


def _log_driver(wish: Wish) -> str:
    driver = wish.task.log_driver
    return driver.name if driver and driver.name != "none" else ""


def _needs_plugin(wish: Wish) -> bool:
    return bool(_volume_drivers(wish) or _log_driver(wish))


def _has_plugins(wish: Wish, place: Place) -> bool:
    has = place.node.description
    if has is None:
        return True
    logs = not _log_driver(wish) or not has.log_drivers or _log_driver(wish) in has.log_drivers
    return logs and all(driver.removesuffix(":latest") in has.volume_drivers for driver in _volume_drivers(wish))


def _explain_plugin(n: int) -> str:
    return f"missing plugin on {_nodes(n)}"


def _has_constraints(wish: Wish) -> bool:
    return bool(wish.constraints)


def _meets_constraints(wish: Wish, place: Place) -> bool:
    return match(wish.constraints, place.node)


def _explain_constraints(n: int) -> str:
    return f"scheduling constraints not satisfied on {_nodes(n)}"


ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def _has_platforms(wish: Wish) -> bool:
    return bool(wish.task.spec.placement.platforms)


def _is_on_platform(wish: Wish, place: Place) -> bool:
    has = place.node.description
    if has is None:
        return False
    mine = ARCHITECTURES.get(has.architecture, has.architecture)
    return any(
        os in ("", has.os) and (not architecture or ARCHITECTURES.get(architecture, architecture) == mine)
        for os, architecture in wish.task.spec.placement.platforms
    )


def _explain_platform(n: int) -> str:
    return f"unsupported platform on {_nodes(n)}"


def _publishes_on_host(wish: Wish) -> bool:
    return bool(wish.ports)


def _has_ports_free(wish: Wish, place: Place) -> bool:
    return not any(place.ports.get(port) for port in wish.ports)


def _explain_ports(n: int) -> str:
    return f"host-mode port already in use on {_nodes(n)}"


def _is_limited(wish: Wish) -> bool:
    return wish.task.spec.placement.max_replicas > 0


def _is_below_limit(wish: Wish, place: Place) -> bool:
    return place.service_tasks.get(wish.task.service, 0) < wish.task.spec.placement.max_replicas


def _explain_limit(n: int) -> str:
    return "max replicas per node limit exceed"


def _nodes(n: int) -> str:
    return "1 node" if n == 1 else f"{n} nodes"


PIPELINE = (  # in this order; the first that a node does not pass counts. Cluster volumes (CSI) are not simulated.
    Filter("ready", _always, _is_ready, _explain_ready),
    Filter("resource", _reserves, _has_room, _explain_room),
    Filter("plugin", _needs_plugin, _has_plugins, _explain_plugin),
    Filter("constraint", _has_constraints, _meets_constraints, _explain_constraints),
    Filter("platform", _has_platforms, _is_on_platform, _explain_platform),
    Filter("host port", _publishes_on_host, _has_ports_free, _explain_ports),
    Filter("max replicas", _is_limited, _is_below_limit, _explain_limit),
)


class Pipeline:
    """The filters that apply to one wish, and how many places each turned down since one passed them all."""

    def __init__(self, wish: Wish):
        self.wish = wish
        self.filters = [filter for filter in PIPELINE if filter.applies(wish)]
        self.refusals = dict.fromkeys((filter.name for filter in self.filters), 0)

    def passes(self, place: Place) -> bool:
        """Does the place pass all filters? A pass forgets the refusals before it."""
        for filter in self.filters:
            if not filter.passes(self.wish, place):
                self.refusals[filter.name] += 1
                return False
        self.refusals = dict.fromkeys(self.refusals, 0)
        return True

    def explanation(self) -> str:
        """Why nothing fits, most frequent reason first: `insufficient resources on 2 nodes; 1 node not available …`."""
        reasons = [filter for filter in self.filters if self.refusals[filter.name]]
        reasons.sort(key=lambda filter: -self.refusals[filter.name])
        return "; ".join(filter.explain(self.refusals[filter.name]) for filter in reasons)


def host_ports(task: Task) -> tuple:
    """Ports with a fixed number that the task publishes on its node itself."""
    return tuple((port.protocol, port.published_port) for port in task.endpoint.ports if _is_fixed_on_host(port))


def _is_fixed_on_host(port: PortConfig) -> bool:
    return port.publish_mode == "host" and port.published_port > 0


def wish_for(task: Task) -> Wish:
    """What the task of a group asks for."""
    return Wish(task, parse(task.spec.placement.constraints), host_ports(task))
