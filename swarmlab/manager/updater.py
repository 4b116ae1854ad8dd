"""Rolling update: tasks of an older version are replaced, some at a time.

So many workers as `parallelism` says each take a slot, replace what is in it, rest for `delay` and take the next. What
a failing update leads to (pause, rollback) is not watched here. Source: Docker documentation, "Apply rolling updates to
a service"; swarmkit `manager/orchestrator/update/updater.go`.
"""

from collections.abc import Iterable
from typing import NamedTuple

from ..effects import NEVER, SECOND
from ..objects import READY, RUNNING, SHUTDOWN, Put, Service, Task, TaskSpec, UpdateConfig, replace
from .constraints import match, parse
from .restart import Memory, fillers, new_task, start_later
from .store import Key, Store


class Swap(NamedTuple):
    """One worker at work: the new task of a place, and the old ones that it replaces."""

    new: str
    old: tuple[str, ...]


class Update:
    """One rolling update under way; the next leader starts it anew from what is still old."""

    def __init__(self, spec_version: int) -> None:
        self.spec_version = spec_version
        self.swaps: dict[int | str, Swap] = {}  # by slot, or node
        self.taken: dict[int | str, None] = {}  # places that a worker has had: each gets one try
        self.rests: list[int] = []  # until when each resting worker rests
        self.ends = NEVER  # when the last watch is over


def plan(store: Store, changed: Iterable[Key] | None, memory: Memory, now: int) -> tuple[list, int | None]:
    """Take every service that is being updated, or has to be, one step further."""
    services = {service.id: None for service in store.changed("service", changed)}
    services |= {task.service: None for task in store.changed("task", changed) if task.service in memory.updates}
    services |= {
        id: None for id in memory.updates if changed is None or id in services or _is_due(memory.updates[id], now)
    }
    changes: list = []
    for id in services:
        service = store.get("service", id)
        if service is None or service.spec.mode.endswith("-job"):
            memory.updates.pop(id, None)
        else:
            changes += _step(store, service, memory, now)
    times = [at for update in memory.updates.values() for at in (*update.rests, update.ends)]
    return changes, min(times, default=None)


def _is_due(update: Update, now: int) -> bool:
    return min([*update.rests, update.ends]) <= now


def is_dirty(store: Store, service: Service, task: Task) -> bool:
    """Does the update have to replace this task? Replicas and service labels do not matter, all of the task does."""
    if task.spec_version == service.spec_version:
        return False
    new = service.spec.task
    if task.endpoint == service.spec.endpoint and _without_placement(task.spec) == _without_placement(new):
        node = store.get("node", task.node)
        return task.spec != new and not (node and match(parse(new.placement.constraints), node))
    return True


def _without_placement(spec: TaskSpec) -> TaskSpec:
    return replace(spec, placement=TaskSpec().placement)


# ── one service ──────────────────────────────────────────────────────────────────────────────────────────────────


def _step(store: Store, service: Service, memory: Memory, now: int) -> list:
    state = service.update_status[0] if service.update_status else ""
    update = memory.updates.get(service.id)
    if state in ("paused", "rollback_paused") or (update and update.spec_version != service.spec_version):
        memory.updates.pop(service.id, None)
        update = None
    if state in ("paused", "rollback_paused"):
        return []
    dirty = _dirty_places(store, service, memory, update)
    if update is None and not dirty:
        return _finish(service, now) if state in ("updating", "rollback_started") else []
    changes: list = []
    if update is None:
        update = memory.updates[service.id] = Update(service.spec_version)
        if not state:
            status = ("updating", "update in progress", now, 0)
            changes.append(Put(replace(service, update_status=status)))
    config = service.spec.rollback if state == "rollback_started" else service.spec.update
    changes += _watch_swaps(store, update, config, now)
    changes += _begin_swaps(store, service, update, config, dirty, memory, now)
    if not (update.swaps or update.rests):
        changes += _wait_for_end(service, update, config, memory, now)
    return changes


def _dirty_places(store: Store, service: Service, memory: Memory, update: Update | None) -> dict[int | str, list[Task]]:
    """What fills each place, where that is not just one task of the new version; slots in order."""
    places: dict[int | str, list[Task]] = {}
    for task in store.tasks_of(service.id):
        places.setdefault(task.slot or task.node, []).append(task)
    live = {place: fillers(service, tasks, memory) for place, tasks in sorted(places.items(), key=_order)}
    taken = update.taken if update else {}
    return {
        place: tasks
        for place, tasks in live.items()
        if place not in taken and (len(tasks) > 1 or any(is_dirty(store, service, task) for task in tasks))
    }


def _order(item: tuple) -> tuple:
    place = item[0]
    return (place, "") if isinstance(place, int) else (0, place)


def _watch_swaps(store: Store, update: Update, config: UpdateConfig, now: int) -> list:
    """A new task that runs, or has ended, sets its worker free; with start-first only now the old ones go."""
    update.rests = [until for until in update.rests if until > now]
    changes: list = []
    for place, swap in list(update.swaps.items()):
        new = store.get("task", swap.new)
        if new is not None and new.state < RUNNING and new.desired <= RUNNING:
            continue
        if config.order == "start-first" and new is not None and new.state == RUNNING:
            old = (store.get("task", id) for id in swap.old)
            changes += [Put(replace(task, desired=SHUTDOWN)) for task in old if task and task.desired <= RUNNING]
        del update.swaps[place]
        if config.delay:
            update.rests.append(now + config.delay)
    return changes


def _begin_swaps(
    store: Store, service: Service, update: Update, config: UpdateConfig, dirty: dict, memory: Memory, now: int
) -> list:
    workers = (config.parallelism or len(dirty) + len(update.swaps)) - len(update.swaps) - len(update.rests)
    changes: list = []
    for place in list(dirty)[: max(0, workers)]:
        update.taken[place] = None
        changes += _replace(store, service, place, dirty[place], update, config, memory, now)
    if changes:
        update.ends = NEVER
    return changes


def _replace(
    store: Store,
    service: Service,
    place: int | str,
    tasks: list[Task],
    update: Update,
    config: UpdateConfig,
    memory: Memory,
    now: int,
) -> list:
    """A clean task stays and the others go; else a new one is made, before or after the old ones stop."""
    clean = [task for task in tasks if task.desired <= RUNNING and not is_dirty(store, service, task)]
    old = [task for task in tasks if task.desired <= RUNNING and task not in clean[:1]]
    shut = [Put(replace(task, desired=SHUTDOWN)) for task in old]
    if clean:
        return shut
    slot, node = (place, "") if isinstance(place, int) else (0, place)
    first = config.order == "start-first"
    new = new_task(store, service, slot, node, RUNNING if first else READY, now)
    update.swaps[place] = Swap(new.id, tuple(task.id for task in old))
    if first:
        return [Put(new)]
    start_later(store, new, next((task for task in old if task.state <= RUNNING), None), 0, memory, now)
    return [*shut, Put(new)]


def _wait_for_end(service: Service, update: Update, config: UpdateConfig, memory: Memory, now: int) -> list:
    """All is replaced. One more watch, then the update counts as completed."""
    if update.ends == NEVER:
        update.ends = now + (config.delay + SECOND if config.delay >= config.monitor else config.monitor)
    if now < update.ends:
        return []
    del memory.updates[service.id]
    return _finish(service, now)


def _finish(service: Service, now: int) -> list:
    state, _, started, _ = service.update_status or ("updating", "", now, 0)
    word = "rollback" if state == "rollback_started" else "update"
    done = "rollback_completed" if word == "rollback" else "completed"
    return [Put(replace(service, update_status=(done, f"{word} completed", started, now)))]
