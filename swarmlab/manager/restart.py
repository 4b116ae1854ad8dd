"""What follows a task that ended, or whose node is gone: a new task in its slot, after a delay, if the policy agrees.

The replacement exists at once, desired `ready`: it is scheduled and its image pulled while the delay runs. The delay
only postpones desired `running`. Source: Docker documentation, "restart_policy"; swarmkit
`manager/orchestrator/restart/restart.go`, `taskinit/init.go`.
"""

from collections.abc import Iterable
from heapq import heappop, heappush
from typing import Any, NamedTuple

from ..effects import SECOND
from ..objects import COMPLETE, NEW, READY, REMOVE, RUNNING, SHUTDOWN, Drop, Node, Put, Service, Task, replace
from .constraints import match, parse
from .security import derived_id
from .store import Key, Store

PATIENCE = 60 * SECOND  # how long a replacement waits for the old task to stop

Place = tuple[str, int | str]  # service id, then the slot or, for a global task, the node


class Start(NamedTuple):
    """A task that is desired `ready` and shall be desired `running` later."""

    due: int  # µs: when the delay is over
    old: str  # the task that has to stop first, '' for none
    limit: int  # µs: when it no longer waits for the old one


class Memory:
    """What a leader remembers of restarts, and the next leader has to work out from the tasks."""

    def __init__(self) -> None:
        self.begun = False
        self.starts: dict[str, Start] = {}  # by new task
        self.waits: dict[str, str] = {}  # old task → new task
        self.alarms: list[tuple[int, str]] = []  # a heap of (time, new task)
        self.history: dict[Place, tuple[int, list[int]]] = {}  # (spec version, times of restarts)
        self.updates: dict[str, Any] = {}  # by service: the updater's part of it


def new_task(store: Store, service: Service, slot: int, node: str = "", desired: int = RUNNING, now: int = 0) -> Task:
    """A fresh task of the service as it is wanted now. Its id follows from where and when it was made."""
    return Task(
        id=derived_id(service.id, slot, node, store.index, now),
        service=service.id,
        service_name=service.spec.name,
        slot=slot,
        node=node,
        spec=service.spec.task,
        spec_version=service.spec_version,
        endpoint=service.spec.endpoint,
        state=NEW,
        status_at=now,
        desired=desired,
        log_driver=service.spec.task.log_driver,
    )


# ── the rules ────────────────────────────────────────────────────────────────────────────────────────────────────


def is_usable(node: Node | None) -> bool:
    """May tasks stay on this node? Not when it is gone, down or drained; unknown and paused ones keep theirs."""
    return node is not None and node.state != "down" and node.spec.availability != "drain"


def may_restart(task: Task, memory: Memory) -> bool:
    """Does the task's restart policy allow one more task in its place?"""
    policy = task.spec.restart
    if policy.condition == "none" or (policy.condition == "on-failure" and task.state == COMPLETE):
        return False
    version, times = memory.history.get(_place(task), (task.spec_version, []))
    if not policy.max_attempts or version != task.spec_version:
        return True
    if policy.window:
        times = [at for at in times if task.status_at - policy.window < at < task.status_at]
    return len(times) < policy.max_attempts


def fillers(service: Service, tasks: list[Task], memory: Memory) -> list[Task]:
    """What fills a place that these tasks share: those that shall run, or the last one if its policy forbids another."""
    wanted = [task for task in tasks if task.desired <= RUNNING]
    if wanted:
        return wanted
    if service.update_status and service.update_status[0] == "rollback_started":
        return []
    newest = max(tasks, key=lambda task: (task.created_at, task.version))
    # SwarmKit counts even a slot that it is removing as filled then; we do not, as a scale-up would find no slot.
    return [] if newest.desired == REMOVE or may_restart(newest, memory) else [newest]


def _place(task: Task) -> Place:
    return task.service, task.slot or task.node


# ── the planner ──────────────────────────────────────────────────────────────────────────────────────────────────


def plan(store: Store, changed: Iterable[Key] | None, memory: Memory, now: int) -> tuple[list, int | None]:
    """Replace what ended or lost its node, and start what waited long enough."""
    changes: list = []
    if changed is None and not memory.begun:
        changes += _recall(store, memory, now)
    else:
        changes += _services_gone(store, changed, memory)
    touched = _touched(store, changed)
    for task in touched.values():
        if task and _needs_restart(store, task, memory):
            changes += restart(store, task, memory, now)
    changes += _due_starts(store, touched, memory, now)
    return changes, memory.alarms[0][0] if memory.alarms else None


def _touched(store: Store, changed: Iterable[Key] | None) -> dict[str, Task | None]:
    """The changed tasks, None for deleted ones, and all tasks on changed nodes that are of no use any more."""
    if changed is None:
        return {task.id: task for task in store.all("task")}
    touched = {id: store.get("task", id) for kind, id in changed if kind == "task"}
    for kind, id in changed:
        if kind == "node" and not is_usable(store.get("node", id)):
            touched |= {task.id: task for task in store.tasks_on(id)}
    return touched


def _needs_restart(store: Store, task: Task, memory: Memory) -> bool:
    service = store.get("service", task.service)
    if service is None or task.desired > RUNNING or task.id in memory.starts:
        return False
    if task.state > RUNNING:
        return service.spec.mode in ("replicated", "global")
    return service.spec.mode == "replicated" and bool(task.node) and not is_usable(store.get("node", task.node))


def restart(store: Store, task: Task, memory: Memory, now: int) -> list:
    """The old task is desired `shutdown`; if its policy allows, a new one takes its place when the delay is over."""
    service, node = store.get("service", task.service), store.get("node", task.node)
    changes = [Put(replace(task, desired=SHUTDOWN))]
    is_global = service.spec.mode == "global"
    if not may_restart(task, memory) or (is_global and not _global_may_stay(service, node)):
        return changes
    new = new_task(store, service, task.slot, task.node if is_global else "", READY, now)
    delay = 0 if node and node.spec.availability == "drain" else task.spec.restart.delay
    _remember(memory, task, new, now)
    start_later(store, new, task if task.state <= RUNNING else None, delay, memory, now)
    return [*changes, Put(new)]


def _global_may_stay(service: Service, node: Node | None) -> bool:
    """A failed global task is not made anew on a node that is paused or meets the constraints no longer."""
    if node is None or not is_usable(node) or node.spec.availability != "active":
        return False
    return match(parse(service.spec.task.placement.constraints), node)


def _remember(memory: Memory, old: Task, new: Task, now: int) -> None:
    policy = new.spec.restart
    if not policy.max_attempts:
        return
    version, times = memory.history.get(_place(new), (new.spec_version, []))
    if version != new.spec_version:
        times = []
    if policy.window:
        times = [at for at in times if at > old.status_at - policy.window]
    memory.history[_place(new)] = (new.spec_version, [*times, now])


# ── starting after a delay ───────────────────────────────────────────────────────────────────────────────────────


def start_later(store: Store, new: Task, old: Task | None, delay: int, memory: Memory, now: int) -> None:
    """Let `new` wait for the delay, then for `old` to stop: not when its node cannot tell, and a minute at most."""
    awaited = old.id if old and _is_stopping(store, old.id) else ""
    memory.starts[new.id] = Start(now + delay, awaited, now + PATIENCE)
    if awaited:
        memory.waits[awaited] = new.id
    heappush(memory.alarms, (now + delay, new.id))


def _is_stopping(store: Store, id: str) -> bool:
    task = store.get("task", id)
    if task is None or task.state > RUNNING:
        return False
    node = store.get("node", task.node)
    return node is not None and node.state != "down"


def _due_starts(store: Store, touched: Iterable[str], memory: Memory, now: int) -> list:
    """Tasks whose delay is over and whose predecessor has stopped are desired `running`."""
    asked = {memory.waits[old]: None for old in touched if old in memory.waits}
    while memory.alarms and memory.alarms[0][0] <= now:
        asked[heappop(memory.alarms)[1]] = None
    changes: list = []
    for id in asked:
        if id in memory.starts:
            changes += _try_start(store, id, memory, now)
    return changes


def _try_start(store: Store, id: str, memory: Memory, now: int) -> list:
    start = memory.starts[id]
    if now < start.due:
        return []
    if start.old and now < start.limit and _is_stopping(store, start.old):
        heappush(memory.alarms, (start.limit, id))
        return []
    del memory.starts[id]
    memory.waits.pop(start.old, None)
    task = store.get("task", id)
    if task is None or task.desired >= RUNNING:
        return []
    if _needs_restart(store, task, memory):
        return restart(store, task, memory, now)  # it ended, or lost its node, while it waited
    return [Put(replace(task, desired=RUNNING))]


# ── what goes, and what a new leader finds ───────────────────────────────────────────────────────────────────────


def _services_gone(store: Store, changed: Iterable[Key] | None, memory: Memory) -> list:
    """All tasks of a service that was removed are to be stopped and forgotten."""
    gone = [id for kind, id in changed or () if kind == "service" and store.get("service", id) is None]
    if gone:
        memory.history = {place: times for place, times in memory.history.items() if place[0] not in gone}
    return [Put(replace(task, desired=REMOVE)) for id in gone for task in store.tasks_of(id) if task.desired < REMOVE]


def _recall(store: Store, memory: Memory, now: int) -> list:
    """A new leader works out delays and history from the tasks; tasks without a service are deleted."""
    memory.begun = True
    changes: list = []
    for task in store.all("task"):
        if store.get("service", task.service) is None:
            changes.append(Drop("task", task.id))
        elif task.desired == READY and task.state <= RUNNING:
            left = max(0, task.status_at + task.spec.restart.delay - now)
            start_later(store, task, None, min(left, task.spec.restart.delay), memory, now)
    for service in store.all("service"):
        _recall_history(store, service, memory)
    return changes


def _recall_history(store: Store, service: Service, memory: Memory) -> None:
    """Every task of the newest version but the first of its slot was a restart."""
    seen: dict[Place, list[int]] = {}
    for task in store.tasks_of(service.id):
        if task.spec_version == service.spec_version and task.spec.restart.max_attempts:
            seen.setdefault(_place(task), []).append(task.created_at)
    for place, times in seen.items():
        if len(times) > 1:
            memory.history[place] = (service.spec_version, times[1:])
