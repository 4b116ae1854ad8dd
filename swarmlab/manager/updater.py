"""Rolling update: tasks of an older version are replaced, some at a time.

What has to be replaced is found when the update begins. So many workers as `parallelism` says each take a slot, replace
what is in it, rest for `delay` and take the next. What follows when new tasks fail stands in `failures`.
Source: Docker documentation, "Apply rolling updates to a service"; swarmkit `manager/orchestrator/update/updater.go`.
"""

from collections.abc import Iterable
from typing import Any

from ..effects import NEVER
from ..events import LastWatchBegan, RestBegan, SlotTaken, UpdateBegun
from ..objects import READY, RUNNING, Put, Service, Task, replace
from . import failures
from .failures import Slot, Swap, Update
from .restart import Memory, fillers, start_later
from .store import Key, Store
from .tasks import Place, by_place, is_dirty, is_usable, meets_constraints, new_task, shut_down

PAUSED = ("paused", "rollback_paused")
UNDER_WAY = ("updating", "rollback_started")


def plan(store: Store, changed: Iterable[Key] | None, memory: Memory, now: int) -> tuple[list, int | None]:
    """Take every service that is being updated, or has to be, one step further."""
    changes: list = []
    for id, news in _concerned(store, changed, memory, now).items():
        changes += _step(store, id, news, memory, now)
    times = [update.due for update in memory.updates.values()]
    due = min(times, default=NEVER)
    return changes, None if due == NEVER else due


def _concerned(store: Store, changed: Iterable[Key] | None, memory: Memory, now: int) -> dict[str, dict[str, None]]:
    """The services to look at, each with the tasks that its update made or waits for and that changed."""
    if changed is None:
        changed = [("service", id) for id in (*store.tables["service"], *memory.updates)]
        changed += [("task", id) for id in memory.updating]
    found: dict[str, dict[str, None]] = {id: {} for kind, id in changed if kind == "service"}
    for kind, id in changed:
        if kind == "task" and id in memory.updating:
            found.setdefault(memory.updating[id], {})[id] = None
    for id, update in memory.updates.items():
        if update.due <= now:
            found.setdefault(id, {})
    return found


# ── one service ──────────────────────────────────────────────────────────────────────────────────────────────────


def _step(store: Store, id: str, news: Iterable[str], memory: Memory, now: int) -> list:
    service: Service | None = store.get("service", id)
    if service is None or service.is_job:
        _cancel(memory, id)
        return []
    update: Update | None = memory.updates.get(id)
    if update and update.service.spec == service.spec and not _resumes(update, service):
        return _advance(store, update, news, memory, now)
    _cancel(memory, id)
    return _begin(store, service, memory, now)


def _resumes(update: Update, service: Service) -> bool:
    """Any update or rollback of the service makes a stopped update go on, even one that changes nothing.

    SwarmKit overlooks the latter as long as the stopped workers are still busy.
    """
    state = service.update_status[0] if service.update_status else ""
    return update.stopped and (not state if update.stuck else state not in PAUSED)


def _begin(store: Store, service: Service, memory: Memory, now: int) -> list:
    """Start anew from what is dirty now: also what a new leader does with an update that it finds under way."""
    state = service.update_status[0] if service.update_status else ""
    if state in PAUSED:
        return []
    dirty = _dirty_slots(store, service, memory)
    if not dirty:
        return _finish(service, now) if state in UNDER_WAY else []
    update = memory.updates[service.id] = Update(service, dirty, state)
    places = tuple(str(slot.place) for slot in dirty)
    memory.told.append(UpdateBegun(service.id, service.spec_version, places, update.workers, update.rolls_back))
    status = [] if state else [Put(replace(service, update_status=("updating", "update in progress", now, 0)))]
    return status + _advance(store, update, (), memory, now)


def _cancel(memory: Memory, id: str) -> None:
    """The workers stop where they are; a start that they asked for still comes."""
    update = memory.updates.pop(id, None)
    for task in (*update.swaps, *update.made) if update else ():
        memory.updating.pop(task, None)


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
    """Workers whose new task has come rest, those that have rested take the next slot.

    As in SwarmKit, whoever hands out slots also counts failures: nobody does while the last slots are worked on.
    """
    changes: list = []
    while update.rests and update.rests[0] <= now:
        update.rests.popleft()
    for id in news:
        changes += _hear(store, update, id, memory, now)
    if update.waiting:
        changes += failures.count(store, update, update.config.monitor, memory, now)
    while update.waiting and len(update.swaps) + len(update.rests) < update.workers:
        changes += _take(store, update, update.waiting.popleft(), memory, now)
    if not (update.waiting or update.swaps or update.rests):
        changes += _wait_for_end(store, update, memory, now)
    return changes


def _hear(store: Store, update: Update, id: str, memory: Memory, now: int) -> list:
    """A new task that runs, or has ended, sets its worker free; with start-first only now the old ones go."""
    new: Task | None = store.get("task", id)
    if new and new.state > RUNNING and id in update.made:
        update.unread[id] = None
    swap = update.swaps.get(id)
    if swap is None or (new and new.desired < RUNNING):
        return []  # it is of an update that was given up, or still waits for its start
    if new and new.state < RUNNING and not swap.only_start:
        return []  # there is no timeout: the update waits for a task that stays pending
    del update.swaps[id]
    failures.note_running(update, id, memory, now)
    _rest(update, swap.place, memory, now)
    return shut_down(_still_wanted(store, swap.old)) if new and new.state == RUNNING else []


def _rest(update: Update, place: Place, memory: Memory, now: int) -> None:
    """The worker is done with this slot; it rests also after its last one."""
    if update.config.delay:
        update.rests.append(now + update.config.delay)
    memory.told.append(RestBegan(update.service.id, str(place), now + update.config.delay))


def _take(store: Store, update: Update, slot: Slot, memory: Memory, now: int) -> list:
    """A task that is up to date stays and the others go; else a new one is made, before or after the old ones stop."""
    clean = [task for task in slot.tasks if not is_dirty(store, update.service, task)]
    running = [task for task in clean if task.desired == RUNNING]
    ready = [task for task in clean if task.desired < RUNNING]
    if running or ready:
        return _keep(store, update, slot, running[0] if running else ready[-1], memory, now)
    return _renew(store, update, slot, memory, now)


def _keep(store: Store, update: Update, slot: Slot, kept: Task, memory: Memory, now: int) -> list:
    """One that still waits for its start begins when the others have stopped, unless all of that was overtaken."""
    others = tuple(task for task in slot.tasks if task != kept)
    old, current = _still_wanted(store, others), store.get("task", kept.id)
    _tell_taken(update, slot.place, kept, memory)
    if current is None or current.desired >= RUNNING or _overtaken(others, old):
        _rest(update, slot.place, memory, now)
    else:
        _await(update, kept, Swap(slot.place, only_start=True), memory)
        start_later(store, kept, old[-1] if old else None, 0, memory, now)
    return shut_down(old)


def _renew(store: Store, update: Update, slot: Slot, memory: Memory, now: int) -> list:
    place = slot.place
    number, node = (place, "") if isinstance(place, int) else (0, place)
    if update.config.order == "start-first":
        new = new_task(store, update.service, number, node, RUNNING, now)
        _await(update, new, Swap(place, slot.tasks), memory)
        failures.watch(update, new, memory)
        _tell_taken(update, place, new, memory)
        return [Put(new)]
    old = _still_wanted(store, slot.tasks)
    if _overtaken(slot.tasks, old):
        _rest(update, place, memory, now)  # it ended meanwhile, and what replaced it is of the new version
        return []
    new = new_task(store, update.service, number, node, READY, now)
    _await(update, new, Swap(place), memory)
    failures.watch(update, new, memory)
    _tell_taken(update, place, new, memory)
    start_later(store, new, old[-1] if old else None, 0, memory, now)
    return [*shut_down(old), Put(new)]


def _await(update: Update, new: Task, swap: Swap, memory: Memory) -> None:
    update.swaps[new.id], memory.updating[new.id] = swap, update.service.id


def _tell_taken(update: Update, place: Place, task: Task, memory: Memory) -> None:
    memory.told.append(SlotTaken(update.service.id, str(place), task.id))


def _overtaken(tasks: tuple[Task, ...], left: list[Task]) -> bool:
    """Some were to go, and whoever restarts tasks has told all of them to end before the worker came."""
    return not left and any(task.desired <= RUNNING for task in tasks)


def _still_wanted(store: Store, tasks: tuple[Task, ...]) -> list[Task]:
    """Those that were to run when the update began, and still are."""
    found = (store.get("task", task.id) for task in tasks if task.desired <= RUNNING)
    return [task for task in found if task and task.desired <= RUNNING]


# ── the end ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _wait_for_end(store: Store, update: Update, memory: Memory, now: int) -> list:
    """All is replaced. One more watch, then the update counts as completed."""
    if update.stopped:
        return []  # until the service is changed; its workers have brought to an end what they were at
    id = update.service.id
    if update.ends == NEVER:
        update.ends = now + update.last_watch
        memory.told.append(LastWatchBegan(id, update.ends))
    changes = failures.count(store, update, update.last_watch, memory, now)
    if update.stopped:
        update.ends = NEVER
    if update.stopped or now < update.ends:
        return changes
    _cancel(memory, id)
    return _finish(store.get("service", id), now)


def _finish(service: Service, now: int) -> list:
    """A service that was changed meanwhile, to what it was, has no status that could be completed."""
    if service.update_status is None:
        return []
    state, _, started, _ = service.update_status
    word = "rollback" if state == "rollback_started" else "update"
    done = "rollback_completed" if word == "rollback" else "completed"
    return [Put(replace(service, update_status=(done, f"{word} completed", started, now)))]
