"""Rolling update: tasks of an older version are replaced, some at a time.

What has to be replaced is found when the update begins. So many workers as `parallelism` says each take a slot, replace
what is in it, rest for `delay` and take the next. What a failing update leads to (pause, rollback) is not watched here.
Source: Docker documentation, "Apply rolling updates to a service"; swarmkit `manager/orchestrator/update/updater.go`.
"""

from collections import deque
from collections.abc import Iterable
from typing import Any, NamedTuple

from ..effects import NEVER, SECOND
from ..objects import READY, RUNNING, Put, Service, Task, replace
from .restart import Memory, fillers, start_later
from .store import Key, Store
from .tasks import Place, by_place, is_dirty, is_usable, meets_constraints, new_task, shut_down


class Slot(NamedTuple):
    """What filled a place when the update began."""

    place: Place
    tasks: tuple[Task, ...]


class Swap(NamedTuple):
    """One worker at work: the tasks that go when the new one runs, and whether the new one only has to be started."""

    old: tuple[Task, ...] = ()
    only_start: bool = False


class Update:
    """One rolling update under way; the next leader starts it anew from what is still old."""

    def __init__(self, service: Service, dirty: list[Slot], state: str) -> None:
        self.service = service
        self.config = service.spec.rollback if state == "rollback_started" else service.spec.update
        self.workers = self.config.parallelism or len(dirty)
        self.waiting = deque(dirty)
        self.swaps: dict[str, Swap] = {}  # by the task that a worker waits for
        self.rests: deque[int] = deque()  # until when each resting worker rests, in order
        self.ends = NEVER  # when the last watch is over

    @property
    def due(self) -> int:
        return min(self.rests[0] if self.rests else NEVER, self.ends)


def plan(store: Store, changed: Iterable[Key] | None, memory: Memory, now: int) -> tuple[list, int | None]:
    """Take every service that is being updated, or has to be, one step further."""
    changes: list = []
    for id, news in _concerned(store, changed, memory, now).items():
        changes += _step(store, id, news, memory, now)
    times = [update.due for update in memory.updates.values()]
    due = min(times, default=NEVER)
    return changes, None if due == NEVER else due


def _concerned(store: Store, changed: Iterable[Key] | None, memory: Memory, now: int) -> dict[str, dict[str, None]]:
    """The services to look at, each with the tasks that it waited for and that changed."""
    if changed is None:
        changed = [("service", id) for id in (*store.tables["service"], *memory.updates)]
        changed += [("task", id) for id in memory.swaps]
    found: dict[str, dict[str, None]] = {id: {} for kind, id in changed if kind == "service"}
    for kind, id in changed:
        if kind == "task" and id in memory.swaps:
            found.setdefault(memory.swaps[id], {})[id] = None
    for id, update in memory.updates.items():
        if update.due <= now:
            found.setdefault(id, {})
    return found


# ── one service ──────────────────────────────────────────────────────────────────────────────────────────────────


def _step(store: Store, id: str, news: Iterable[str], memory: Memory, now: int) -> list:
    service: Service | None = store.get("service", id)
    update: Update | None = memory.updates.get(id)
    state = service.update_status[0] if service and service.update_status else ""
    if service is None or service.is_job or state in ("paused", "rollback_paused"):
        _cancel(memory, id)
        return []
    changes: list = []
    if update is None or update.service.spec != service.spec:
        _cancel(memory, id)
        dirty = _dirty_slots(store, service, memory)
        if not dirty:
            return _finish(service, now) if state in ("updating", "rollback_started") else []
        update = memory.updates[id] = Update(service, dirty, state)
        if not state:
            changes.append(Put(replace(service, update_status=("updating", "update in progress", now, 0))))
    return changes + _advance(store, update, news, memory, now)


def _cancel(memory: Memory, id: str) -> None:
    """The workers stop where they are; a start that they asked for still comes."""
    update = memory.updates.pop(id, None)
    for task in update.swaps if update else ():
        del memory.swaps[task]


def _dirty_slots(store: Store, service: Service, memory: Memory) -> list[Slot]:
    """What fills each place, where that is not just one task of the new version; slots in order."""
    places = by_place(service, store.tasks_of(service.id))
    live = ((place, fillers(service, places[place], memory)) for place in sorted(places))
    return [
        Slot(place, tuple(tasks))
        for place, tasks in live
        if (len(tasks) > 1 or any(is_dirty(store, service, task) for task in tasks))
        and _may_update(store, service, place)
    ]


def _may_update(store: Store, service: Service, place: Any) -> bool:
    """A global task on a node that is paused is left alone; one on a node of no use is not the updater's business."""
    if service.spec.mode != "global":
        return True
    node = store.get("node", place)
    return is_usable(node) and node.spec.availability != "pause" and meets_constraints(service, node)


def _advance(store: Store, update: Update, news: Iterable[str], memory: Memory, now: int) -> list:
    """Workers whose new task has come rest, those that have rested take the next slot."""
    changes: list = []
    while update.rests and update.rests[0] <= now:
        update.rests.popleft()
    for id in news:
        changes += _watch(store, update, id, memory, now)
    while update.waiting and len(update.swaps) + len(update.rests) < update.workers:
        changes += _take(store, update, update.waiting.popleft(), memory, now)
    if not (update.waiting or update.swaps or update.rests):
        changes += _wait_for_end(store, update, memory, now)
    return changes


def _watch(store: Store, update: Update, id: str, memory: Memory, now: int) -> list:
    """A new task that runs, or has ended, sets its worker free; with start-first only now the old ones go."""
    new: Task | None = store.get("task", id)
    swap = update.swaps.get(id)
    if swap is None or (new and new.desired < RUNNING):
        return []  # it is of an update that was given up, or still waits for its start
    if new and new.state < RUNNING and not swap.only_start:
        return []  # there is no timeout: the update waits for a task that stays pending
    del update.swaps[id], memory.swaps[id]
    _rest(update, now)
    return shut_down(_still_wanted(store, swap.old)) if new and new.state == RUNNING else []


def _rest(update: Update, now: int) -> None:
    if update.config.delay:
        update.rests.append(now + update.config.delay)


def _take(store: Store, update: Update, slot: Slot, memory: Memory, now: int) -> list:
    """A task that is up to date stays and the others go; else a new one is made, before or after the old ones stop."""
    clean = [task for task in slot.tasks if not is_dirty(store, update.service, task)]
    running = [task for task in clean if task.desired == RUNNING]
    ready = [task for task in clean if task.desired < RUNNING]
    if running or ready:
        return _keep(store, update, slot, running[0] if running else ready[-1], memory, now)
    return _renew(store, update, slot, memory, now)


def _keep(store: Store, update: Update, slot: Slot, kept: Task, memory: Memory, now: int) -> list:
    old = _still_wanted(store, tuple(task for task in slot.tasks if task != kept))
    if kept.desired == RUNNING:
        _rest(update, now)
    else:
        _await(update, kept, Swap(only_start=True), memory)
        start_later(store, kept, old[-1] if old else None, 0, memory, now)
    return shut_down(old)


def _renew(store: Store, update: Update, slot: Slot, memory: Memory, now: int) -> list:
    place = slot.place
    number, node = (place, "") if isinstance(place, int) else (0, place)
    if update.config.order == "start-first":
        new = new_task(store, update.service, number, node, RUNNING, now)
        _await(update, new, Swap(slot.tasks), memory)
        return [Put(new)]
    old = _still_wanted(store, slot.tasks)
    if not old and any(task.desired <= RUNNING for task in slot.tasks):
        _rest(update, now)  # it ended meanwhile, and what replaced it is of the new version
        return []
    new = new_task(store, update.service, number, node, READY, now)
    _await(update, new, Swap(), memory)
    start_later(store, new, old[-1] if old else None, 0, memory, now)
    return [*shut_down(old), Put(new)]


def _await(update: Update, new: Task, swap: Swap, memory: Memory) -> None:
    update.swaps[new.id], memory.swaps[new.id] = swap, update.service.id


def _still_wanted(store: Store, tasks: tuple[Task, ...]) -> list[Task]:
    """Those that were to run when the update began, and still are."""
    found = (store.get("task", task.id) for task in tasks if task.desired <= RUNNING)
    return [task for task in found if task and task.desired <= RUNNING]


# ── the end ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _wait_for_end(store: Store, update: Update, memory: Memory, now: int) -> list:
    """All is replaced. One more watch, then the update counts as completed."""
    config = update.config
    if update.ends == NEVER:
        update.ends = now + (config.delay + SECOND if config.delay >= config.monitor else config.monitor)
    if now < update.ends:
        return []
    del memory.updates[update.service.id]
    return _finish(store.get("service", update.service.id), now)


def _finish(service: Service, now: int) -> list:
    """A service that was changed meanwhile, to what it was, has no status that could be completed."""
    if service.update_status is None:
        return []
    state, _, started, _ = service.update_status
    word = "rollback" if state == "rollback_started" else "update"
    done = "rollback_completed" if word == "rollback" else "completed"
    return [Put(replace(service, update_status=(done, f"{word} completed", started, now)))]
