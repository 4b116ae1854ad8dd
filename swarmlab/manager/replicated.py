"""Replicated services → tasks: as many slots as asked for, each with a task in it.

It reacts to the service; what follows a task that ended is `restart`'s business. Nothing is ever moved for balance.
Source: Docker documentation, "How services work"; swarmkit `manager/orchestrator/replicated`.
"""

from collections.abc import Iterable

from ..objects import REMOVE, RUNNING, Drop, Put, Service, Task, replace
from .restart import Memory, fillers
from .store import Key, Store
from .tasks import new_task

Slots = dict[int, list[Task]]


def plan(store: Store, changed: Iterable[Key] | None, memory: Memory, now: int) -> tuple[list, int | None]:
    """Make tasks for missing slots, ask for the end of surplus ones."""
    changes: list = []
    for service in _concerned(store, changed, memory):
        if service.spec.mode == "replicated":
            changes += _reconcile(store, service, memory, now)
    return changes, None


def _concerned(store: Store, changed: Iterable[Key] | None, memory: Memory) -> list[Service]:
    """The services that changed, and those that lost a task which shall run: it was deleted."""
    ids = list(store.tables["task"]) if changed is None else [id for kind, id in changed if kind == "task"]
    robbed = [("service", service) for id in ids if (service := _note(store, id, memory))]
    return store.changed("service", None if changed is None else dict.fromkeys([*changed, *robbed]))


def _note(store: Store, id: str, memory: Memory) -> str:
    """Remember which tasks shall run; the service of one that is gone, '' for all others."""
    task: Task | None = store.get("task", id)
    if task is None:
        return memory.wanted.pop(id, "")
    if task.desired <= RUNNING:
        memory.wanted[id] = task.service
    else:
        memory.wanted.pop(id, None)
    return ""


def _reconcile(store: Store, service: Service, memory: Memory, now: int) -> list:
    slots = store.slots(service.id)
    live = {slot: kept for slot, tasks in slots.items() if (kept := fillers(service, tasks, memory))}
    dead = {slot: tasks for slot, tasks in slots.items() if slot not in live}
    missing = service.spec.replicas - len(live)
    changes: list = []
    for slot in _free_slots(live, missing):
        changes.append(Put(new_task(store, service, slot, now=now)))
        dead.pop(slot, None)  # its history stays
    for slot in _surplus(live, service.spec.replicas):
        changes += [Put(replace(task, desired=REMOVE)) for task in live[slot] if task.desired < REMOVE]
    return changes + [Drop("task", task.id) for tasks in dead.values() for task in tasks]


def _free_slots(live: Slots, missing: int) -> list[int]:
    """The lowest slot numbers that nothing fills."""
    free: list[int] = []
    slot = 0
    while len(free) < missing:
        slot += 1
        if slot not in live:
            free.append(slot)
    return free


def _surplus(live: Slots, replicas: int) -> list[int]:
    """Which slots go when there are too many: unassigned and doubled ones, then further copies on the same node,
    then those that do not run, then high numbers."""
    if len(live) <= replicas:
        return []
    order = sorted(live, key=lambda slot: (all(task.state != RUNNING for task in live[slot]), slot))
    copies: dict[str, int] = {}
    rank: dict[int, float] = {}
    for slot in order:
        rank[slot] = _copy_number(live[slot], copies)
    # SwarmKit's sort is stable only up to 12 slots; ours always is.
    return sorted(order, key=rank.__getitem__)[replicas:]


def _copy_number(tasks: list[Task], copies: dict[str, int]) -> float:
    """The how-many-th copy on its node this slot is."""
    node = tasks[0].node
    if len(tasks) > 1 or not node:
        return float("inf")
    copies[node] = copies.get(node, 0) + 1
    return copies[node]
