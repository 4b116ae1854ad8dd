"""History kept: how many ended tasks of a slot stay visible in `docker service ps`.

Source: Docker documentation, `docker swarm update --task-history-limit`; swarmkit
`manager/orchestrator/taskreaper/task_reaper.go`.
"""

from collections.abc import Iterable

from ..effects import MS
from ..objects import ASSIGNED, COMPLETE, ORPHANED, REMOVE, RUNNING, Drop, Service, Task
from .store import Key, Store

BATCH = 250 * MS  # what happens within this time is looked at together
MOST = 1000  # things to look at that do not wait so long

Place = tuple[str, int, str]  # service, slot, and the node of a global task


class Memory:
    """What is to be looked at, and which tasks share a place."""

    def __init__(self) -> None:
        self.begun = False
        self.places: dict[Place, dict[str, None]] = {}  # → tasks
        self.known: dict[str, Place] = {}  # by task
        self.crowded: dict[Place, None] = {}  # where a task was made since the last look
        self.removed: dict[str, None] = {}  # tasks that can go
        self.due: int | None = None


def plan(store: Store, changed: Iterable[Key] | None, memory: Memory, now: int) -> tuple[list, int | None]:
    """Delete tasks that were to be removed and have stopped, and the oldest of slots with too many."""
    ids = (
        [id for kind, id in changed if kind == "task"]
        if changed is not None
        else [*store.tables["task"], *memory.known]
    )
    for id in ids:
        _note(store, id, memory)
    if not memory.begun:
        memory.begun, memory.crowded, memory.due = True, {}, now  # slots that were full before are left as they are
    work = len(memory.crowded) + len(memory.removed)
    if ids and work and memory.due is None:
        memory.due = now + BATCH
    if work > MOST or (memory.due is not None and memory.due <= now):
        return _reap(store, memory), None
    return [], memory.due


def _note(store: Store, id: str, memory: Memory) -> None:
    """Keep the places up to date, and remember what has to be looked at: a slot is, when a task is made in it."""
    task: Task | None = store.get("task", id)
    if task is None:
        memory.removed.pop(id, None)
        _forget(id, memory)
        return
    if id not in memory.known:
        place = memory.known[id] = (task.service, task.slot, "" if task.slot else task.node)
        memory.places.setdefault(place, {})[id] = None
        memory.crowded[place] = None
    if _can_go(task):
        memory.removed[id] = None


def _forget(id: str, memory: Memory) -> None:
    place = memory.known.pop(id, None)
    if place:
        memory.places[place].pop(id)
        if not memory.places[place]:
            del memory.places[place]


def _can_go(task: Task) -> bool:
    if task.desired == REMOVE:
        return task.state < ASSIGNED or task.state >= COMPLETE
    return not task.service and task.state == ORPHANED


def _reap(store: Store, memory: Memory) -> list:
    gone, memory.removed, memory.due = memory.removed, {}, None
    crowded, memory.crowded = memory.crowded, {}
    for place in crowded:
        service: Service | None = store.get("service", place[0])
        if service and service.spec.mode in ("replicated", "global"):
            tasks = [store.get("task", id) for id in memory.places.get(place, ())]
            surplus, kept = _surplus(tasks, _limit(store, service))
            gone |= dict.fromkeys(surplus)
            if kept > 1:
                memory.crowded[place] = None  # it is looked at again, when something happens to some task
    return [Drop("task", id) for id in gone]


def _limit(store: Store, service: Service) -> int:
    """Tasks kept per slot, the live one included."""
    attempts = service.spec.task.restart.max_attempts
    return attempts + 1 if attempts else store.cluster.task_history_limit if store.cluster else 5


def _surplus(tasks: list[Task], limit: int) -> tuple[list[str], int]:
    """The oldest ended tasks of a slot that exceed the limit, and how many are in the way as they have not ended.

    A negative limit keeps all.
    """
    excess = len(tasks) - limit
    surplus: list[str] = []
    kept = 0
    for task in sorted(tasks, key=lambda task: task.heard_at):
        if limit < 0 or len(surplus) >= excess:
            break
        if _has_ended(task):
            surplus.append(task.id)
        else:
            kept += 1
    return surplus, kept


def _has_ended(task: Task) -> bool:
    """It will not run any more, or never."""
    return task.state > RUNNING or (task.state < ASSIGNED and task.desired > RUNNING)
