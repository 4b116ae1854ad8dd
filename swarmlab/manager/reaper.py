"""History kept: how many ended tasks of a slot stay visible in `docker service ps`.

Source: Docker documentation, `docker swarm update --task-history-limit`; swarmkit
`manager/orchestrator/taskreaper/task_reaper.go`.
"""

from collections.abc import Iterable

from ..objects import ASSIGNED, COMPLETE, REMOVE, RUNNING, Drop, Service, Task
from .store import Key, Store


def plan(store: Store, changed: Iterable[Key] | None, memory: None, now: int) -> tuple[list, int | None]:
    """Delete tasks that were to be removed and have stopped, and the oldest of slots with too many."""
    touched = store.changed("task", changed)
    gone = {task.id: None for task in touched if _is_removed(task)}
    # SwarmKit looks when a task is created in a slot; the count only grows then, so after any change is as good.
    services = {task.service: None for task in touched}
    slots = {(task.service, task.slot, "" if task.slot else task.node): None for task in touched}
    groups = {id: _by_place(store.tasks_of(id)) for id in services}
    for place in slots:
        service = store.get("service", place[0])
        if service and service.spec.mode in ("replicated", "global"):
            gone |= dict.fromkeys(_surplus(groups[place[0]][place], _limit(store, service)))
    return [Drop("task", id) for id in gone], None


def _is_removed(task: Task) -> bool:
    return task.desired == REMOVE and (task.state < ASSIGNED or task.state >= COMPLETE)


def _by_place(tasks: list[Task]) -> dict[tuple[str, int, str], list[Task]]:
    places: dict[tuple[str, int, str], list[Task]] = {}
    for task in tasks:
        places.setdefault((task.service, task.slot, "" if task.slot else task.node), []).append(task)
    return places


def _limit(store: Store, service: Service) -> int:
    """Tasks kept per slot, the live one included."""
    attempts = service.spec.task.restart.max_attempts
    return attempts + 1 if attempts else store.cluster.task_history_limit if store.cluster else 5


def _surplus(tasks: list[Task], limit: int) -> list[str]:
    """The oldest ended tasks of a slot that exceed the limit; a negative limit keeps all."""
    excess = len(tasks) - limit
    if limit < 0 or excess <= 0:
        return []
    oldest_first = sorted(tasks, key=lambda task: task.status_at)
    return [task.id for task in oldest_first if _is_deletable(task)][:excess]


def _is_deletable(task: Task) -> bool:
    return task.state > RUNNING or (task.state < ASSIGNED and task.desired > RUNNING)
