"""pending → assigned: filters say where a task may run, a strategy says which of these places is best.

Source: Docker documentation, "Deploy services to a swarm: control service placement"; swarmkit `manager/scheduler`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from ..effects import SECOND
from ..objects import (
    ASSIGNED,
    COMPLETE,
    FAILED,
    PENDING,
    REJECTED,
    RUNNING,
    SHUTDOWN,
    Node,
    PortConfig,
    Put,
    Service,
    Task,
)
from .constraints import Constraint, match, parse
from .store import Key, Store

MAX_FAILURES = 5  # from here on a node is avoided …
FAILURE_WINDOW = 300 * SECOND  # … for as long as the failures are this recent

# ── strategies: what a place looks like → a sort key, the smallest is best ───────────────────────────────────────


class Candidate(NamedTuple):
    """What a strategy may know of a node that passed all filters."""

    node: Node
    service_tasks: int  # active tasks of this service on it
    tasks: int  # active tasks of all services
    failures: int  # of this version of the service, in the last five minutes
    nano_cpus: int  # not reserved
    memory: int  # bytes, not reserved


def spread(candidate: Candidate) -> tuple:
    """Docker's own: away from nodes where it keeps failing, then few tasks of this service, then few tasks in all."""
    failures = candidate.failures if candidate.failures >= MAX_FAILURES else 0
    return failures, candidate.service_tasks, candidate.tasks


def binpack(candidate: Candidate) -> tuple:
    """Fill one node before the next is used: least unreserved memory, then processors. Docker does not offer it."""
    return candidate.memory, candidate.nano_cpus, -candidate.tasks


Strategy = Callable[[Candidate], Any]

# ── what the scheduler knows of a node ───────────────────────────────────────────────────────────────────────────


class Charge(NamedTuple):
    """What one task takes from its node."""

    node: str
    service: str
    active: int  # 1 while it counts as a task, 0 while it only still holds what it reserved
    nano_cpus: int
    memory: int
    generic: Mapping
    ports: tuple  # (protocol, number) published on the node itself


@dataclass
class Place:
    """A node and what is taken on it. Capacity is the node's own; `used` numbers are sums of charges."""

    node: Node
    tasks: int = 0
    service_tasks: dict[str, int] = field(default_factory=dict)
    nano_cpus: int = 0
    memory: int = 0
    generic: dict[str, int] = field(default_factory=dict)
    ports: dict[tuple, int] = field(default_factory=dict)
    failures: dict[tuple, list[int]] = field(default_factory=dict)  # (service, spec version) → times

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


@dataclass
class Memory:
    """What a leader keeps at hand, so that its work follows the change; the failures die with its leadership."""

    places: dict[str, Place] = field(default_factory=dict)  # by node
    charges: dict[str, Charge] = field(default_factory=dict)  # by task
    pending: dict[str, None] = field(default_factory=dict)  # tasks that wait for a node


# ── filters: where a task may run ────────────────────────────────────────────────────────────────────────────────


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


# ── the planner ──────────────────────────────────────────────────────────────────────────────────────────────────


def plan(
    store: Store, changed: Iterable[Key] | None, memory: Memory, now: int, strategy: Strategy = spread
) -> tuple[list, int | None]:
    """Find a node for every pending task; write down why where there is none."""
    changes = _observe(store, changed, memory, now)
    groups: dict[tuple, list[Task]] = {}
    fixed: list[Task] = []
    for id in memory.pending:
        task = store.get("task", id)
        if task.node:
            fixed.append(task)
        else:
            groups.setdefault((task.service, task.spec_version), []).append(task)
    for task in fixed:
        changes += _confirm(task, memory, now)
    for tasks in groups.values():
        tasks.sort(key=lambda task: task.slot)
        changes += _place_group(store, tasks, memory, now, strategy)
    return changes, None


def _observe(store: Store, changed: Iterable[Key] | None, memory: Memory, now: int) -> list:
    """Bring what is known of nodes and tasks up to date."""
    if changed is None:
        changed = [("node", node.id) for node in store.all("node")] + [("task", task.id) for task in store.all("task")]
    keys = sorted(changed, key=lambda key: key[0])  # nodes before tasks
    changes: list = []
    for kind, id in keys:
        if kind == "node":
            _observe_node(store.get("node", id), id, memory)
        elif kind == "task":
            changes += _observe_task(store, store.get("task", id), id, memory, now)
    return changes


def _observe_node(node: Node | None, id: str, memory: Memory) -> None:
    if node is None:
        memory.places.pop(id, None)
    elif id in memory.places:
        memory.places[id].node = node
    else:
        memory.places[id] = Place(node)


def _observe_task(store: Store, task: Task | None, id: str, memory: Memory, now: int) -> list:
    memory.pending.pop(id, None)
    old = memory.charges.pop(id, None)
    place = memory.places.get(old.node) if old else None
    if old and place:
        place.add(old, -1)
        if task and task.state in (FAILED, REJECTED) and task.slot:
            place.fail(task, now)
    if task is None:
        return []
    if task.state == PENDING:
        return _observe_pending(store, task, memory, now)
    if ASSIGNED <= task.state <= RUNNING:
        _charge(task, memory)
    return []


def _observe_pending(store: Store, task: Task, memory: Memory, now: int) -> list:
    if task.desired <= COMPLETE:
        memory.pending[task.id] = None
        return []
    service = store.get("service", task.service)
    if service and service.spec_version != task.spec_version and task.desired == SHUTDOWN:
        return [Put(replace(task, state=SHUTDOWN, status_at=now))]  # an older version that never got a node
    return []


def _charge(task: Task, memory: Memory) -> None:
    asked = task.spec.reservations
    active = int(task.desired <= COMPLETE)
    charge = Charge(task.node, task.service, active, asked.nano_cpus, asked.memory, asked.generic, _host_ports(task))
    memory.charges[task.id] = charge
    if task.node in memory.places:
        memory.places[task.node].add(charge, 1)


def _host_ports(task: Task) -> tuple:
    """Ports with a fixed number that the task publishes on its node itself."""
    return tuple((port.protocol, port.published_port) for port in task.endpoint.ports if _is_fixed_on_host(port))


def _is_fixed_on_host(port: PortConfig) -> bool:
    return port.publish_mode == "host" and port.published_port > 0


def _wish(task: Task) -> Wish:
    return Wish(task, parse(task.spec.placement.constraints), _host_ports(task))


def _confirm(task: Task, memory: Memory, now: int) -> list:
    """A task of a global service has its node already; only the filters are asked."""
    place, pipeline = memory.places.get(task.node), Pipeline(_wish(task))
    if place is None:
        return []
    if pipeline.passes(place):
        return [_assign(task, place, "scheduler confirmed task can run on preassigned node", memory, now)]
    return _explain(task, pipeline.explanation(), now)


def _assign(task: Task, place: Place, message: str, memory: Memory, now: int) -> Put:
    task = replace(task, node=place.node.id, state=ASSIGNED, message=message, err="", status_at=now)
    memory.pending.pop(task.id, None)
    _charge(task, memory)
    return Put(task)


def _explain(task: Task, err: str, now: int) -> list:
    return [] if task.err == err else [Put(replace(task, err=err, status_at=now))]


# ── placing a group: tasks of one version of one service ─────────────────────────────────────────────────────────


def _place_group(store: Store, tasks: list[Task], memory: Memory, now: int, strategy: Strategy) -> list:
    service: Service | None = store.get("service", tasks[0].service)
    if service is None:
        return []
    group = _Group(tasks, memory, now, strategy)
    levels = _levels(tasks[0].spec.placement.preferences)
    changes = group.place(list(memory.places.values()), levels, len(tasks))
    if service.spec_version == tasks[0].spec_version:  # an older version gets no message
        reasons = group.pipeline.explanation()
        err = f"no suitable node ({reasons})" if reasons else "no suitable node"
        for task in group.left:
            changes += _explain(task, err, now)
    return changes


class _Group:
    """The tasks of a group that still need a node; they are alike, so one stands for all."""

    def __init__(self, tasks: list[Task], memory: Memory, now: int, strategy: Strategy):
        self.left, self.memory, self.now, self.strategy = list(tasks), memory, now, strategy
        self.model = tasks[0]
        self.pipeline = Pipeline(_wish(tasks[0]))

    def rank(self, place: Place) -> Any:
        return self.strategy(place.candidate(self.model, self.now))

    def place(self, places: list[Place], levels: list[tuple[str, str]], n: int) -> list:
        """Place n tasks: over the branches of the first preference, or, with none left, over the nodes."""
        if levels:
            return self.place_on_branches(_branches(places, levels[0]), levels[1:], n)
        passing = [place for place in places if self.pipeline.passes(place)]
        return self.place_on_nodes(sorted(passing, key=self.rank)[: len(self.left)], n)

    def place_on_branches(self, branches: list[list[Place]], levels: list, n: int) -> list:
        """Level the branches: each gets what it lacks of an equal share; one that cannot take it all is full."""
        counts = [sum(place.service_tasks.get(self.model.service, 0) for place in branch) for branch in branches]
        usable = list(range(len(branches)))
        changes: list = []
        while len(changes) < n and usable:
            share, rest = divmod(sum(counts[i] for i in usable) + n - len(changes), len(usable))
            for i in list(usable):
                if counts[i] < share or (counts[i] == share and rest > 0):
                    wanted = min(share - counts[i] + (rest > 0), n - len(changes))
                    placed = self.place(branches[i], levels, wanted)
                    changes += placed
                    counts[i] += len(placed)
                    if len(placed) < wanted:
                        usable.remove(i)
                    elif rest > 0:
                        rest -= 1
        return changes

    def place_on_nodes(self, places: list[Place], n: int) -> list:
        """Best node first; step on as soon as the next one is better, and past the last one go round one by one.

        So nodes that are behind are levelled, each overshooting by one: 4, 2, 0 and six more make 4, 5, 3.
        """
        changes: list = []
        at, full = 0, [False] * len(places)
        while places and len(changes) < n:
            place = places[at % len(places)]
            message = "scheduler assigned task to node"
            changes.append(_assign(self.left.pop(0), place, message, self.memory, self.now))
            if len(changes) == n:
                break
            is_last = at + 1 >= len(places)
            if is_last or self.rank(places[at + 1]) < self.rank(place):
                at += 1
            step = self.steps_to_room(places, at, full)
            if step is None:
                break
            at += step
        return changes

    def steps_to_room(self, places: list[Place], at: int, full: list[bool]) -> int | None:
        """How many places to skip until one still passes; None when all are full."""
        for step in range(len(places)):
            i = (at + step) % len(places)
            full[i] = full[i] or not self.pipeline.passes(places[i])
            if not full[i]:
                return step
        return None


def _levels(preferences: Iterable[str]) -> list[tuple[str, str]]:
    """Spread descriptors as (where the label is, its name); others are ignored."""
    return [(kind, text[len(kind) :]) for text in preferences for kind in LABELS if text.lower().startswith(kind)]


LABELS = ("node.labels.", "engine.labels.")


def _branches(places: list[Place], level: tuple[str, str]) -> list[list[Place]]:
    """The places by label value; those without the label are a branch of their own."""
    branches: dict[str, list[Place]] = {}
    for place in places:
        branches.setdefault(_label(place.node, *level), []).append(place)
    return list(branches.values())


def _label(node: Node, kind: str, name: str) -> str:
    if kind == "node.labels.":
        return node.spec.labels.get(name, "")
    return node.description.engine_labels.get(name, "") if node.description else ""
