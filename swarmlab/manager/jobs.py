"""Jobs → tasks: work that is done when so many tasks have completed, or one on every node.

Each change of a job begins a new iteration; tasks of earlier ones no longer count. There is no rolling update, and a
node that comes later gets no task of a global job until something happens to the job. Source: Docker documentation,
"Running as a job"; swarmkit `manager/orchestrator/jobs`.
"""

from collections.abc import Iterable

from ..objects import COMPLETE, REMOVE, RUNNING, Node, Put, Service, Task, replace
from .restart import Memory, restart
from .store import Key, Store
from .tasks import is_usable, meets_constraints, new_task, shut_down

UNSIGNED = 1 << 64  # SwarmKit counts in unsigned numbers, and less than nothing is very much


def plan(store: Store, changed: Iterable[Key] | None, memory: Memory, now: int) -> tuple[list, int | None]:
    """Look at every job that changed, or one of whose tasks has ended."""
    changes: list = []
    for service in _concerned(store, changed, memory):
        if service.spec.mode == "replicated-job":
            changes += _reconcile_replicated(store, service, memory, now)
        elif service.spec.mode == "global-job":
            changes += _reconcile_global(store, service, memory, now)
    return changes, None


def _concerned(store: Store, changed: Iterable[Key] | None, memory: Memory) -> list[Service]:
    """SwarmKit looks once for each task that ended: for two that do so together, it looks at what its first look did."""
    if changed is None:
        return list(store.all("service"))
    looks = dict.fromkeys((id for kind, id in changed if kind == "service"), 1) | memory.again
    for task in store.changed("task", changed):
        if task.state > RUNNING and task.desired <= COMPLETE:
            looks[task.service] = looks.get(task.service, 0) + 1
    memory.again = {id: 1 for id, times in looks.items() if times > 1}
    return store.changed("service", [("service", id) for id in looks])


def _iteration(store: Store, service: Service) -> tuple[list[Task], list[Task]]:
    """The tasks that belong to this run of the job, and all others."""
    tasks = store.tasks_of(service.id)
    mine = [task for task in tasks if task.job_iteration == service.job_iteration]
    return mine, [task for task in tasks if task.job_iteration != service.job_iteration]


def _restart(store: Store, tasks: Iterable[Task], memory: Memory, now: int) -> list:
    """Tasks that failed are replaced as their policy says; one that is itself a late start has to begin first."""
    changes: list = []
    for task in tasks:
        if task.state > COMPLETE and task.id not in memory.starts:
            changes += restart(store, task, memory, now)
    return changes


# ── so many completions ──────────────────────────────────────────────────────────────────────────────────────────


def _reconcile_replicated(store: Store, service: Service, memory: Memory, now: int) -> list:
    """As many tasks at a time as allowed, in slots from 0, until each slot has a completed one."""
    mine, others = _iteration(store, service)
    done = [task for task in mine if task.state == COMPLETE]
    going = [task for task in mine if task.state != COMPLETE and task.desired <= COMPLETE]  # failed ones included
    missing = _missing(service, len(done), len(going))
    if missing > service.spec.replicas:
        return []  # SwarmKit: "uint64 underflow, we're not going to create … tasks"
    taken = dict.fromkeys(task.slot for task in (*done, *going))
    free = [slot for slot in range(service.spec.replicas) if slot not in taken]
    changes: list = [Put(new_task(store, service, slot, "", COMPLETE, now)) for slot in free[:missing]]
    changes += _restart(store, going, memory, now)
    return changes + _remove([task for task in others if task.state <= RUNNING])


def _missing(service: Service, done: int, going: int) -> int:
    """How many tasks to make: as many as may run at a time, and as are still to be completed."""
    possible = (service.spec.max_concurrent - going) % UNSIGNED
    allowed = (service.spec.replicas - done - going) % UNSIGNED
    return min(possible, allowed)


def _remove(tasks: Iterable[Task]) -> list:
    return [Put(replace(task, desired=REMOVE)) for task in tasks if task.desired < REMOVE]


# ── one on every node ────────────────────────────────────────────────────────────────────────────────────────────


def _reconcile_global(store: Store, service: Service, memory: Memory, now: int) -> list:
    """A task on every node that takes part and has had none in this iteration."""
    mine, others = _iteration(store, service)
    wanted = [task for task in mine if task.desired <= COMPLETE]
    taken = {task.node: task for task in wanted}
    nodes = [node for node in store.all("node") if meets_constraints(service, node)]
    lost = [taken[node.id] for node in nodes if not is_usable(node) and node.id in taken]
    free = [node.id for node in nodes if _takes_part(node) and node.id not in taken]
    changes: list = [Put(new_task(store, service, 0, node, COMPLETE, now)) for node in free]
    changes += _restart(store, wanted, memory, now)
    return changes + _remove(others) + shut_down([task for task in lost if task.state <= RUNNING])


def _takes_part(node: Node) -> bool:
    return node.state == "ready" and node.spec.availability == "active"
