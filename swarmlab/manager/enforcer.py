"""Tasks that no longer belong where they are: their node changed, and does not fit them any more.

They are rejected, not stopped: what follows is left to the orchestrators, so they may be restarted elsewhere. Platform,
plugins and the most replicas per node are not looked at again. Source: Docker documentation, "Control service
placement"; swarmkit `manager/orchestrator/constraintenforcer/constraint_enforcer.go`.
"""

from collections.abc import Iterable
from typing import Any

from ..objects import ASSIGNED, COMPLETE, REJECTED, Description, Node, Put, Service, Task, replace
from .constraints import Constraint, match, parse
from .store import Key, Store

MESSAGE = "task rejected by constraint enforcer"
REASON = "assigned node no longer meets constraints"


def plan(store: Store, changed: Iterable[Key] | None, memory: None, now: int) -> tuple[list, int | None]:
    """Reject the tasks of changed nodes that these do not fit any more."""
    nodes = [node for node in store.changed("node", changed) if node.spec.availability == "active"]
    return [Put(_rejected(task, now)) for node in nodes for task in misfits(store, node)], None


def misfits(store: Store, node: Node) -> list[Task]:
    """The tasks on a node whose constraints it does not meet, or for which it is too small; older tasks may stay."""
    tasks = [task for task in store.tasks_on(node.id) if ASSIGNED <= task.desired <= COMPLETE and task.state < COMPLETE]
    left, constraints = Left(node.description), Constraints(store)
    found: list[Task] = []
    for task in tasks:
        if not match(constraints.of(task), node) or not left.take_sizes(task):
            found.append(task)
        elif not left.take_generic(task):
            return [*found, task]  # SwarmKit looks no further
    return found


def _rejected(task: Task, now: int) -> Task:
    return replace(task, state=REJECTED, message=MESSAGE, err=REASON, status_at=now)


class Constraints:
    """What each task's service asks for now: the task's own copy may be older, as an update can leave it in place."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.parsed: dict[str, tuple[Constraint, ...]] = {}

    def of(self, task: Task) -> tuple[Constraint, ...]:
        service: Service | None = self.store.get("service", task.service)
        if service is None:
            return parse(task.spec.placement.constraints)
        if service.id not in self.parsed:
            self.parsed[service.id] = parse(service.spec.task.placement.constraints)
        return self.parsed[service.id]


class Left:
    """What a node still has for the tasks that were not counted yet."""

    def __init__(self, has: Description | None) -> None:
        self.nano_cpus, self.memory = (has.nano_cpus, has.memory) if has else (0, 0)
        self.generic = dict(has.generic) if has else {}

    def take_sizes(self, task: Task) -> bool:
        asked = task.spec.reservations
        if asked.memory > self.memory or asked.nano_cpus > self.nano_cpus:
            return False
        self.memory, self.nano_cpus = self.memory - asked.memory, self.nano_cpus - asked.nano_cpus
        return True

    def take_generic(self, task: Task) -> bool:
        """Numbers are counted, names have to be there: what is called one must still be called so."""
        if not all(_contains(self.generic.get(kind, 0), taken) for kind, taken in task.assigned_generic.items()):
            return False
        for kind, taken in task.assigned_generic.items():
            self.generic[kind] = _without(self.generic[kind], taken)
        return True


def _contains(has: int | tuple, taken: int | tuple) -> bool:
    if isinstance(has, tuple) and isinstance(taken, tuple):
        return all(name in has for name in taken)
    return isinstance(has, int) and isinstance(taken, int) and has >= taken


def _without(has: Any, taken: Any) -> Any:
    return has - taken if isinstance(has, int) else tuple(name for name in has if name not in taken)
