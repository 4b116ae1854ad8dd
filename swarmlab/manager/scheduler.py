"""pending → assigned: filters say where a task may run, a strategy says which of these places is best.

Source: Docker documentation, "Deploy services to a swarm: control service placement"; swarmkit `manager/scheduler`.
"""

# Simpler than in reality (docs/simplifications.md): ties

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any

from ..events import Scheduled
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
from . import levels
from .filters import Pipeline, wish_for
from .places import Board, Charge, load_of
from .placing import Candidate, Group, levels_of
from .store import Key, Store

ASSIGNED_MESSAGE = "scheduler assigned task to node"
CONFIRMED_MESSAGE = "scheduler confirmed task can run on preassigned node"
MAX_FAILURES = 5  # in the last five minutes: from here on a node is avoided

# ── strategies: what a place looks like → a sort key, the smallest is best ───────────────────────────────────────


def spread(candidate: Candidate) -> tuple:
    """Docker's own: away from nodes where it keeps failing, then few tasks of this service, then few tasks in all."""
    failures = candidate.failures if candidate.failures >= MAX_FAILURES else 0
    return failures, candidate.service_tasks, candidate.tasks


def binpack(candidate: Candidate) -> tuple:
    """Fill one node before the next is used: least unreserved memory, then processors. Docker does not offer it."""
    return candidate.memory, candidate.nano_cpus, -candidate.tasks


def random_choice(candidate: Candidate) -> bytes:
    """Any node that fits. The ids come from the manager's dice, so another seed chooses otherwise."""
    from hashlib import blake2b  # hardly ever needed

    return blake2b(f"{candidate.task.id} {candidate.node.id}".encode(), digest_size=8).digest()


Strategy = Callable[[Candidate], Any]


class Memory:
    """What a leader keeps at hand, so that its work follows the change; the failures die with its leadership."""

    def __init__(self) -> None:
        self.board = Board()
        self.charges: dict[str, Charge] = {}  # by task: what it takes
        self.nodes: dict[str, str] = {}  # by task: where it takes it
        self.pending: dict[str, Task] = {}  # tasks that wait for a node
        self.preassigned: dict[str, None] = {}  # tasks that came with their node
        self.unconfirmed: dict[str, None] = {}  # those of them that still wait for a yes
        self.stirred = False  # something changed that may help those that wait
        self.attempts: list[Scheduled] = []  # for the trace: whoever reads them empties the list
        self.by_levels = True  # a test sets it to False: the plain rule has to give the same


# ── the planner ──────────────────────────────────────────────────────────────────────────────────────────────────


def plan(
    store: Store, changed: Iterable[Key] | None, memory: Memory, now: int, strategy: Strategy = spread
) -> tuple[list, int | None]:
    """Find a node for every pending task; write down why where there is none."""
    observe(store, changed, memory, now)
    changes: list = []
    for id in list(memory.unconfirmed):
        changes += _confirm(store, store.get("task", id), memory, now)
    if memory.stirred:
        memory.stirred = False
        for tasks in _groups(memory):
            changes += _place_group(store, tasks, memory, now, strategy)
    return changes, None


def _groups(memory: Memory) -> list[list[Task]]:
    """The tasks that wait, by service and version.

    SwarmKit takes groups in random order; here the newest version of a service comes before its older ones, so that
    an update gets the room that it has made.
    """
    groups: dict[str, dict[int, list[Task]]] = {}
    for task in memory.pending.values():
        groups.setdefault(task.service, {}).setdefault(task.spec_version, []).append(task)
    ordered = [versions[version] for versions in groups.values() for version in sorted(versions, reverse=True)]
    return [sorted(tasks, key=BY_SLOT) for tasks in ordered]


BY_SLOT = attrgetter("slot", "created_at", "id")


# ── what changed ─────────────────────────────────────────────────────────────────────────────────────────────────


def observe(store: Store, changed: Iterable[Key] | None, memory: Memory, now: int) -> None:
    """Bring what is known of nodes and tasks up to date: nodes first."""
    ids: list[str] = []
    for kind, id in _everything(store) if changed is None else changed:
        if kind == "task":
            ids.append(id)
        elif kind == "node":
            _observe_node(store.get("node", id), id, memory)
        elif kind == "service" and not store.get("service", id) and not memory.board.counts.get(id):
            memory.board.forget_service(id)
    tasks = store.tables["task"]
    for id in ids:
        _observe_task(tasks.get(id), id, memory, now)
    if changed is None:
        _forget_unwanted(store, memory)


def _everything(store: Store) -> list[Key]:
    return [(kind, id) for kind in ("node", "task") for id in store.tables[kind]]


def _forget_unwanted(store: Store, memory: Memory) -> None:
    """A new leader does not look for a node for tasks that are to end."""
    memory.stirred = True
    memory.pending = {id: task for id, task in memory.pending.items() if task.desired <= COMPLETE}
    memory.unconfirmed = {id: None for id in memory.unconfirmed if store.get("task", id).desired <= COMPLETE}


def _observe_node(node: Node | None, id: str, memory: Memory) -> None:
    if node is None:
        memory.board.forget_node(id)
    else:
        memory.board.see_node(node)
        memory.stirred = True


def _observe_task(task: Task | None, id: str, memory: Memory, now: int) -> None:
    if task is None or task.state > RUNNING:
        _forget_task(task, id, memory, now)
    elif task.state >= ASSIGNED:
        _observe_placed(task, memory)
    elif task.state == PENDING and task.node:
        memory.preassigned[id] = memory.unconfirmed[id] = None
    elif task.state == PENDING:
        memory.pending[id] = task
        memory.stirred = True


def _forget_task(task: Task | None, id: str, memory: Memory, now: int) -> None:
    """It ended or is gone: what it took is free, which may help those that wait."""
    charge = memory.charges.pop(id, None)
    if charge:
        memory.board.add(memory.nodes.pop(id), charge, -1)
        if task and task.state in (FAILED, REJECTED) and id not in memory.preassigned:
            memory.board.fail(task, now)
    known = id in memory.pending or id in memory.preassigned
    for waiting in (memory.pending, memory.unconfirmed, memory.preassigned):
        waiting.pop(id, None)
    if charge or (task and known):
        memory.stirred = True


def _observe_placed(task: Task, memory: Memory) -> None:
    """It counts as a task while it is wanted; what it reserves it holds until it has ended."""
    charge = memory.charges.get(task.id)
    active = int(task.desired <= COMPLETE)
    if charge and charge.active == active:
        return
    memory.pending.pop(task.id, None)
    memory.unconfirmed.pop(task.id, None)
    if charge:
        memory.board.add(task.node, charge, -1)
    charge = Charge(task.service, active, load_of(task), task.assigned_generic)
    memory.charges[task.id], memory.nodes[task.id] = charge, task.node
    memory.board.add(task.node, charge, 1)


# ── a task that has its node already: one of a global service; only the filters are asked ────────────────────────


def _confirm(store: Store, task: Task, memory: Memory, now: int) -> list:
    place = memory.board.places.get(task.node)
    if place is None:
        return []
    pipeline = Pipeline(wish_for(task, store, memory.board.counts_of(task.service)))
    if not pipeline.passes(place):
        return _explain(task, pipeline.explanation(), now)
    generic = place.claim(task.spec.reservations.generic)
    task = replace(task, state=ASSIGNED, message=CONFIRMED_MESSAGE, err="", status_at=now, assigned_generic=generic)
    _observe_placed(task, memory)
    return [Put(task)]


def _explain(task: Task, err: str, now: int) -> list:
    return [] if task.err == err else [Put(replace(task, err=err, status_at=now))]


# ── a group: tasks of one version of one service ─────────────────────────────────────────────────────────────────


def _place_group(store: Store, tasks: list[Task], memory: Memory, now: int, strategy: Strategy) -> list:
    wish = wish_for(tasks[0], store, memory.board.counts_of(tasks[0].service))
    group = Group(tasks, memory.board, wish, strategy, now)
    if not (memory.by_levels and strategy is spread and _is_plain(group) and levels.place(group)):
        group.place(one_by_one=strategy is not spread)
    changes = _assign_all(group, memory, now)
    left = group.left
    counts = group.pipeline.counts if left else ()
    memory.attempts.append(Scheduled(tasks[0].service, tasks[0].spec_version, len(group.placed), len(left), counts))
    return changes + (_leave(store.get("service", tasks[0].service), group, memory, now) if left else [])


def _assign_all(group: Group, memory: Memory, now: int) -> list:
    changes: list = []
    shared = Charge(group.tasks[0].service, 1, group.load)
    for task, place, generic in zip(group.tasks, group.placed, group.got, strict=False):
        id, node, charge = task.id, place.node.id, shared
        if generic or task.desired > COMPLETE:
            task = replace(task, assigned_generic=generic)
            charge = replace(shared, active=int(task.desired <= COMPLETE), generic=generic)
        memory.charges[id], memory.nodes[id] = charge, node
        del memory.pending[id]
        task = replace(task, node=node, state=ASSIGNED, message=ASSIGNED_MESSAGE, err="", status_at=now)
        changes.append(Put(task))
    return changes


def _is_plain(group: Group) -> bool:
    """No preferences, no node that is avoided, and all tasks count: then the levels of the board tell all."""
    if levels_of(group.tasks[0]) or any(count >= MAX_FAILURES for count in group.failures.values()):
        return False
    return all(task.desired <= COMPLETE for task in group.tasks)


def _leave(service: Service | None, group: Group, memory: Memory, now: int) -> list:
    """No node for these. Tasks of an older version get no message and are not tried again until they change."""
    changes: list = []
    err = no_suitable_node(group.pipeline.explanation())
    for task in group.left:
        if service and service.spec_version <= task.spec_version:
            changes += _explain(task, err, now)
            continue
        del memory.pending[task.id]
        if service and task.desired >= SHUTDOWN:
            changes.append(Put(replace(task, state=SHUTDOWN, err="", status_at=now)))
    return changes


def no_suitable_node(reasons: str) -> str:
    """What `docker service ps --no-trunc` prints for a task that waits."""
    return f"no suitable node ({reasons})" if reasons else "no suitable node"
