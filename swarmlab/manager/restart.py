"""What follows a task that ended, or whose node is gone: a new task in its place, after a delay, if the policy agrees.

The replacement exists at once, desired `ready`: it is scheduled and its image pulled while the delay runs. The delay
only postpones desired `running`. Source: Docker documentation, "restart_policy"; swarmkit
`manager/orchestrator/restart/restart.go`, `taskinit/init.go`.
"""

# Simpler than in reality (docs/simplifications.md): removed-slot

from collections.abc import Iterable
from heapq import heappop, heappush
from typing import Any, NamedTuple

from ..effects import SECOND
from ..objects import COMPLETE, READY, REMOVE, RUNNING, SHUTDOWN, Drop, Node, Put, Service, Task, replace
from .store import Key, Store
from .tasks import Place, by_place, final, is_usable, meets_constraints, new_task, place_of, shut_down

PATIENCE = 60 * SECOND  # how long a replacement waits for the old task to stop


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
        self.history: dict[str, dict[Place, tuple[int, list[int]]]] = {}  # by service: (spec version, restarts at)
        self.wanted: dict[str, str] = {}  # task of a replicated service that shall run → service
        self.again: dict[str, int] = {}  # jobs to look at once more
        self.updates: dict[str, Any] = {}  # by service: the updater's part of it
        self.updating: dict[str, str] = {}  # task that an update made or waits for → service
        self.told: list = []  # facts for the trace: whoever reads them empties the list


# ── the rules ────────────────────────────────────────────────────────────────────────────────────────────────────


def may_restart(service: Service, task: Task, memory: Memory) -> bool:
    """Does the task's restart policy allow one more task in its place?"""
    policy = task.spec.restart
    if policy.condition == "none":
        return False
    if task.state == COMPLETE and (policy.condition == "on-failure" or service.is_job):
        return False
    # SwarmKit looks for the attempts of a global job without its node, and never finds any.
    if not policy.max_attempts or service.spec.mode == "global-job":
        return True
    known = memory.history.get(service.id, {})
    version, times = known.get(place_of(service, task), (task.spec_version, []))
    if version != task.spec_version:
        return True
    if policy.window:
        times = [at for at in times if task.heard_at - policy.window < at < task.heard_at]
    return len(times) < policy.max_attempts


def fillers(service: Service, tasks: list[Task], memory: Memory) -> list[Task]:
    """What fills a place that these tasks share: those that shall run, or the last one if its policy forbids another."""
    wanted = [task for task in tasks if task.desired <= RUNNING]
    if wanted or not tasks:
        return wanted
    if service.update_status and service.update_status[0] == "rollback_started":
        return []
    newest = max(tasks, key=lambda task: (task.heard_at, task.created_at, task.version))
    # SwarmKit counts even a slot that it is removing as filled then; we do not, as a scale-up would find no slot.
    return [] if newest.desired == REMOVE or may_restart(service, newest, memory) else [newest]


# ── the planner ──────────────────────────────────────────────────────────────────────────────────────────────────


def plan(store: Store, changed: Iterable[Key] | None, memory: Memory, now: int) -> tuple[list, int | None]:
    """Replace what ended or lost its node, and start what waited long enough."""
    changes: list = []
    if changed is None and not memory.begun:
        changes += _recall(store, memory, now)
    else:
        changes += _services_gone(store, changed, memory)
    touched = _touched(store, changed)
    begun = _due_starts(store, touched, memory, now)  # before the restarts: what those make is not yet in the store
    done = {change.object.id: None for change in begun}
    changes += begun
    for task in touched.values():
        if task and _needs_restart(store, task) and task.id not in memory.starts and task.id not in done:
            changes += restart(store, task, memory, now)
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


def _needs_restart(store: Store, task: Task) -> bool:
    """It ended, or is on a node of no use. Global tasks end with their node; jobs have a planner of their own."""
    if task.desired > RUNNING:
        return False
    ended = task.state > RUNNING
    if not ended and (not task.node or is_usable(store.get("node", task.node))):
        return False
    service: Service | None = store.get("service", task.service)
    if service is None:
        return False
    return service.spec.mode == "replicated" or (ended and service.spec.mode == "global")


def restart(store: Store, task: Task, memory: Memory, now: int) -> list:
    """The old task is desired `shutdown`; if its policy allows, a new one takes its place when the delay is over."""
    service, node = store.get("service", task.service), store.get("node", task.node)
    mode = service.spec.mode
    changes: list = [Put(replace(task, desired=SHUTDOWN))]
    if not may_restart(service, task, memory) or (mode == "global" and not _global_may_stay(service, node)):
        return changes
    new = new_task(store, service, task.slot, "" if mode.startswith("replicated") else task.node, READY, now, task.id)
    delay = 0 if node and node.spec.availability == "drain" else task.spec.restart.delay
    _forget_outside(memory, service, task)
    _remember(memory, service, new, now)
    start_later(store, new, task if task.state <= RUNNING else None, delay, memory, now)
    return [*changes, Put(new)]


def _global_may_stay(service: Service, node: Node | None) -> bool:
    """A failed global task is not made anew on a node that is paused or meets the constraints no longer."""
    if node is None or not is_usable(node) or node.spec.availability != "active":
        return False
    return meets_constraints(service, node)


def _forget_outside(memory: Memory, service: Service, old: Task) -> None:
    """Restarts of this version before the window count for nothing any more."""
    known, place, window = memory.history.get(service.id, {}), place_of(service, old), old.spec.restart.window
    version, times = known.get(place, (None, []))
    if window and version == old.spec_version:
        known[place] = (version, [at for at in times if at > old.heard_at - window])


def _remember(memory: Memory, service: Service, new: Task, at: int) -> None:
    """A restart counts for its place and this version of the service."""
    if new.spec.restart.max_attempts:
        known, place = memory.history.setdefault(service.id, {}), place_of(service, new)
        version, times = known.get(place, (new.spec_version, []))
        known[place] = (new.spec_version, [*(times if version == new.spec_version else ()), at])


# ── starting after a delay ───────────────────────────────────────────────────────────────────────────────────────


def start_later(store: Store, new: Task, old: Task | None, delay: int, memory: Memory, now: int) -> None:
    """Let `new` wait for the delay, then for `old` to stop: not when its node cannot tell, and a minute at most."""
    awaited = old.id if old and _is_stopping(store, old.id) else ""
    memory.starts[new.id] = Start(now + delay, awaited, now + PATIENCE)
    if awaited:
        memory.waits[awaited] = new.id
    heappush(memory.alarms, (now + delay, new.id))


def _is_stopping(store: Store, id: str) -> bool:
    """One that never got a node counts too: it has to be seen as shut down."""
    task = store.get("task", id)
    if task is None or task.state > RUNNING:
        return False
    node = store.get("node", task.node)
    return not task.node or (node is not None and node.state != "down")


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
    service = store.get("service", task.service) if task else None
    if task is None or service is None or task.desired >= RUNNING:
        return []
    if _needs_restart(store, task):
        return restart(store, task, memory, now)  # it ended, or lost its node, while it waited
    return [Put(replace(task, desired=final(service)))]


# ── what goes, and what a new leader finds ───────────────────────────────────────────────────────────────────────


def _services_gone(store: Store, changed: Iterable[Key] | None, memory: Memory) -> list:
    """All tasks of a service that was removed are to be stopped and forgotten."""
    keys = changed if changed is not None else [("service", id) for id in store.by_service if id]
    gone = [id for kind, id in keys if kind == "service" and store.get("service", id) is None]
    for id in gone:
        memory.history.pop(id, None)
    return [Put(replace(task, desired=REMOVE)) for id in gone for task in store.tasks_of(id) if task.desired < REMOVE]


def _recall(store: Store, memory: Memory, now: int) -> list:
    """A new leader works out delays and history from the tasks; tasks without a service are deleted."""
    memory.begun = True
    changes: list = []
    for task in store.all("task"):
        service = store.get("service", task.service)
        if service is None:
            changes += [Drop("task", task.id)] if task.service else []
        elif service.spec.mode == "global-job" and not is_usable(store.get("node", task.node)):
            changes += shut_down([task])
        elif task.desired == READY and task.state <= COMPLETE:
            left = max(0, task.heard_at + task.spec.restart.delay - now)
            start_later(store, task, None, min(left, task.spec.restart.delay), memory, now)
    for service in store.all("service"):
        _recall_history(store, service, memory)
    return changes


def _recall_history(store: Store, service: Service, memory: Memory) -> None:
    """In each place, every task of its newest version but the first was a restart."""
    for tasks in by_place(service, store.tasks_of(service.id)).values():
        newest = max(task.spec_version for task in tasks)
        for task in [task for task in tasks if task.spec_version == newest][1:]:
            _remember(memory, service, task, task.created_at)
