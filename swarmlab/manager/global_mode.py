"""Global services → tasks: one on every node that takes part and meets the constraints.

Only constraints are looked at here; whether the task fits is the scheduler's business. Source: Docker documentation,
"How services work: replicated and global services"; swarmkit `manager/orchestrator/global`.
"""

from collections.abc import Iterable

from ..objects import RUNNING, SHUTDOWN, Drop, Node, Put, Service, Task, replace
from .constraints import match, parse
from .restart import Memory, fillers, is_usable, new_task
from .store import Key, Store


def plan(store: Store, changed: Iterable[Key] | None, memory: Memory, now: int) -> tuple[list, int | None]:
    """Give every changed service a task on each node, and every changed node a task of each service."""
    services = [service for service in store.all("service") if service.spec.mode == "global"]
    keys = None if changed is None else dict.fromkeys(changed)
    changes: list = []
    for service in services:
        if keys is None or ("service", service.id) in keys:
            changes += _reconcile(store, service, list(store.all("node")), memory, now)
        elif nodes := store.changed("node", keys):
            changes += _reconcile(store, service, nodes, memory, now)
    return changes + _of_removed_nodes(store, services, keys), None


def _reconcile(store: Store, service: Service, nodes: list[Node], memory: Memory, now: int) -> list:
    constraints = parse(service.spec.task.placement.constraints)
    changes: list = []
    for node in nodes:
        tasks = [task for task in store.tasks_on(node.id) if task.service == service.id]
        if not is_usable(node) or not match(constraints, node):
            changes += _shut_down(tasks)
        elif node.spec.availability == "active" and not _is_filled(service, tasks, memory):
            changes.append(Put(new_task(store, service, 0, node.id, now=now)))
    return changes


def _is_filled(service: Service, tasks: list[Task], memory: Memory) -> bool:
    """An ended task that its policy forbids to restart fills the node until the service changes."""
    kept = fillers(service, tasks, memory) if tasks else []
    return any(task.desired <= RUNNING or task.spec_version == service.spec_version for task in kept)


def _shut_down(tasks: list[Task]) -> list:
    return [Put(replace(task, desired=SHUTDOWN)) for task in tasks if task.desired <= RUNNING]


def _of_removed_nodes(store: Store, services: list[Service], keys: Iterable[Key] | None) -> list:
    gone = [id for kind, id in keys or () if kind == "node" and store.get("node", id) is None]
    mine = {service.id: None for service in services}
    return [Drop("task", task.id) for id in gone for task in store.tasks_on(id) if task.service in mine]
