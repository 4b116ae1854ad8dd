"""pending → assigned: filters say where a task may run, a strategy says which of these places is best.

Source: Docker documentation, "Deploy services to a swarm: control service placement"; swarmkit `manager/scheduler`.
"""

from collections.abc import Callable, Iterable
from typing import Any

from ..objects import (
    ASSIGNED,
    COMPLETE,
    FAILED,
    PENDING,
    REJECTED,
    RUNNING,
    SHUTDOWN,
    Node,
    Put,
    Service,
    Task,
    replace,
)
from .filters import Candidate, Charge, Pipeline, Place, host_ports, wish_for
from .store import Key, Store

MAX_FAILURES = 5  # in the last five minutes: from here on a node is avoided

# ── strategies: what a place looks like → a sort key, the smallest is best ───────────────────────────────────────


def spread(candidate: Candidate) -> tuple:
    """Docker's own: away from nodes where it keeps failing, then few tasks of this service, then few tasks in all."""
    failures = candidate.failures if candidate.failures >= MAX_FAILURES else 0
    return failures, candidate.service_tasks, candidate.tasks


def binpack(candidate: Candidate) -> tuple:
    """Fill one node before the next is used: least unreserved memory, then processors. Docker does not offer it."""
    return candidate.memory, candidate.nano_cpus, -candidate.tasks


Strategy = Callable[[Candidate], Any]


class Memory:
    """What a leader keeps at hand, so that its work follows the change; the failures die with its leadership."""

    def __init__(self) -> None:
        self.places: dict[str, Place] = {}  # by node
        self.charges: dict[str, Charge] = {}  # by task
        self.pending: dict[str, None] = {}  # tasks that wait for a node


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
    turns: dict[str, int] = {}
    for service, _ in groups:
        turns.setdefault(service, len(turns))
    # SwarmKit takes groups in random order; here the newest version of a service comes before its older ones, so that
    # an update gets the room that it has made.
    for service, version in sorted(groups, key=lambda group: (turns[group[0]], -group[1])):
        tasks = sorted(groups[service, version], key=lambda task: task.slot)
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
    charge = Charge(task.node, task.service, active, asked.nano_cpus, asked.memory, asked.generic, host_ports(task))
    memory.charges[task.id] = charge
    if task.node in memory.places:
        memory.places[task.node].add(charge, 1)


def _confirm(task: Task, memory: Memory, now: int) -> list:
    """A task of a global service has its node already; only the filters are asked."""
    place, pipeline = memory.places.get(task.node), Pipeline(wish_for(task))
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
        self.pipeline = Pipeline(wish_for(tasks[0]))

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
