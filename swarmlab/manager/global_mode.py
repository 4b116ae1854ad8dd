"""Global services → tasks: one on every node that takes part and meets the constraints.

Only constraints are looked at here; whether the task fits is the scheduler's business. Source: Docker documentation,
"How services work: replicated and global services"; swarmkit `manager/orchestrator/global`.
"""

from collections.abc import Iterable

from ..objects import Drop, Node, Put, Service, Task
from .constraints import match, parse
from .restart import Memory, fillers
from .store import Key, Store
from .tasks import by_place, is_dirty, is_usable, meets_constraints, new_task, shut_down


def plan(store: Store, changed: Iterable[Key] | None, memory: Memory, now: int) -> tuple[list, int | None]:
    """Give every changed service a task on each node, and every changed node a task of each service."""
    changes: list = []
    services = {service.id: service for service in store.changed("service", changed) if service.spec.mode == "global"}
    for service in services.values():
        changes += _reconcile_service(store, service, memory, now)
    nodes = dict.fromkeys(id for kind, id in changed or () if kind == "node")
    others = (
        [one for one in store.all("service") if one.spec.mode == "global" and one.id not in services] if nodes else []
    )
    for id in nodes:
        changes += _reconcile_node(store, id, others, memory, now)
        changes += _forget_gone(store, id)
    return changes, None


# ── one service, all nodes ───────────────────────────────────────────────────────────────────────────────────────


def _reconcile_service(store: Store, service: Service, memory: Memory, now: int) -> list:
    """A task on every node that lacks one; what is out of date is left to the updater."""
    places = by_place(service, store.tasks_of(service.id))
    constraints = parse(service.spec.task.placement.constraints)
    changes: list = []
    for node in store.all("node"):
        if not is_usable(node):
            continue
        tasks = places.pop(node.id, [])
        if not match(constraints, node):
            changes += shut_down(tasks)
        elif node.spec.availability != "pause" and not fillers(service, tasks, memory):
            changes.append(Put(new_task(store, service, 0, node.id, now=now)))
    for tasks in places.values():  # on nodes that are down, drained or gone
        changes += shut_down(tasks)
    return changes


# ── one node, all services ───────────────────────────────────────────────────────────────────────────────────────


def _reconcile_node(store: Store, id: str, services: list[Service], memory: Memory, now: int) -> list:
    """A node that is of use gets what it lacks, unless it is paused; one that is not loses its tasks for good."""
    node: Node | None = store.get("node", id)
    if node is None or (node.spec.availability == "pause" and node.state != "down"):
        return []
    tasks: dict[str, list[Task]] = {}
    for task in store.tasks_on(id):
        tasks.setdefault(task.service, []).append(task)
    changes: list = []
    for service in services:
        mine = tasks.get(service.id, [])
        if not is_usable(node):
            changes += shut_down(mine)
        elif meets_constraints(service, node):  # if not, the enforcer rejects its tasks
            changes += _refresh(store, service, node, fillers(service, mine, memory), now)
    return changes


def _refresh(store: Store, service: Service, node: Node, tasks: list[Task], now: int) -> list:
    """One task that is up to date, at once: this is no rolling update, as the service has not changed."""
    clean = [task for task in tasks if not is_dirty(store, service, task)]
    added = [] if clean else [Put(new_task(store, service, 0, node.id, now=now))]
    return [*added, *shut_down([task for task in tasks if task not in clean[:1]])]


def _forget_gone(store: Store, id: str) -> list:
    """The global tasks of a node that was removed are deleted with it."""
    if store.get("node", id):
        return []
    services = ((task, store.get("service", task.service)) for task in store.tasks_on(id))
    return [Drop("task", task.id) for task, service in services if service and service.spec.mode == "global"]
