"""What the orchestrators do when something happens to some tasks of a large service: their work follows the change."""

from copy import deepcopy
from typing import Any

from swarmlab.effects import SECOND
from swarmlab.manager import reaper, replicated, restart, updater
from swarmlab.manager.store import Store
from swarmlab.objects import (
    FAILED,
    RUNNING,
    ContainerSpec,
    Description,
    Node,
    Put,
    Service,
    ServiceSpec,
    Task,
    TaskSpec,
    UpdateConfig,
    replace,
)

from .measure import Figure, seconds

TASKS, NODES, CHANGED = 10_000, 1_000, 200
SPEC = TaskSpec(ContainerSpec("nginx"))


def large() -> Store:
    """One service of 10 000 running tasks on 1 000 nodes."""
    store = Store()
    nodes = [Node(f"n{i}", description=Description(f"n{i}"), state="ready") for i in range(NODES)]
    service = Service("s", ServiceSpec("web", task=SPEC, replicas=TASKS))
    tasks = [Task(f"t{i}", "s", "web", i + 1, f"n{i % NODES}", SPEC, state=RUNNING) for i in range(TASKS)]
    store.apply(1, 0, [Put(one) for one in (*nodes, service, *tasks)])
    return store


def failing() -> tuple[Store, Any, list]:
    """200 of them have failed."""
    store, memory = large(), restart.Memory()
    restart.plan(store, None, memory, 0)
    failed = [Put(replace(store.get("task", f"t{i}"), state=FAILED)) for i in range(CHANGED)]
    return store, memory, store.apply(2, SECOND, failed)


def updating() -> tuple[Store, Any, list]:
    """All are being replaced at once, and 200 new ones have come up."""
    store, memory = large(), restart.Memory()
    restart.plan(store, None, memory, 0)
    old = store.get("service", "s")
    spec = replace(old.spec, task=replace(SPEC, force_update=1), update=UpdateConfig(parallelism=0))
    store.apply(2, 0, [Put(replace(old, spec=spec, spec_version=1))])
    store.apply(3, 0, updater.plan(store, [("service", "s")], memory, 0)[0])
    restart.plan(store, [], memory, 0)  # all of them begin to wait for the old ones
    new = [task for task in store.all("task") if task.spec_version][:CHANGED]
    return store, memory, store.apply(4, SECOND, [Put(replace(task, state=RUNNING, desired=RUNNING)) for task in new])


def each(name: str, planner: Any, scene: tuple[Store, Any, list]) -> Figure:
    """Milliseconds that one planner takes for the 200."""
    store, memory, keys = scene
    copies = [deepcopy(memory) for _ in range(7)]  # each run finds what the first one found
    took = seconds(lambda: planner.plan(store, keys, copies.pop(), SECOND), 7) * 1000
    return Figure(f"{name}, 200 of 10 000 tasks", took, "ms", 4, 2, False, "")


def remembered() -> tuple[Store, Any, list]:
    """What the reaper knows of them."""
    store, _, keys = updating()
    memory = reaper.Memory()
    reaper.plan(store, None, memory, 0)
    return store, memory, keys


def figures() -> list[Figure]:
    update = updating()
    return [
        each("restart: failed", restart, failing()),
        each("restart: replaced", restart, update),
        each("updater: replaced", updater, update),
        each("replicated: replaced", replicated, update),
        each("reaper: replaced", reaper, remembered()),
    ]
