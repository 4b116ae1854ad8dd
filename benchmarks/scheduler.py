"""Choosing nodes for tasks, and giving out addresses: the cost follows what is placed and what changed."""

import gc
from statistics import median
from time import process_time

from swarmlab.manager import allocator, levels, scheduler
from swarmlab.manager.places import Board
from swarmlab.manager.store import Store
from swarmlab.objects import (
    ASSIGNED,
    NEW,
    PENDING,
    RUNNING,
    SHUTDOWN,
    ContainerSpec,
    Description,
    Network,
    NetworkSpec,
    NetworkTarget,
    Node,
    Put,
    Service,
    ServiceSpec,
    Task,
    TaskSpec,
    replace,
)

from .measure import Figure

PLAIN = TaskSpec(ContainerSpec("nginx"))


def nodes(n: int) -> list[Node]:
    """So many nodes that are ready."""
    return [Node(f"n{i}", description=Description(f"n{i}"), state="ready") for i in range(n)]


def chosen(n: int, services: int, tasks: int) -> float:
    """Placements per CPU second: Docker's own order, every task counted on its node, no task objects."""
    board = Board()
    for node in nodes(n):
        board.see_node(node)
    start = process_time()
    for i in range(services):
        levels.choose(board, f"s{i}", tasks)
    return services * tasks / (process_time() - start)


def placed(n: int, services: int, tasks: int) -> float:
    """Tasks per CPU second from pending to assigned, in the store, and seen there by the scheduler.

    What was there before is frozen: Python's garbage collector has to look at new objects only.
    """
    store, memory = Store(), scheduler.Memory()
    store.apply(1, 0, [Put(node) for node in nodes(n)])
    scheduler.plan(store, None, memory, 0)
    store.apply(2, 0, [Put(Service(f"s{i}", ServiceSpec(f"s{i}", task=PLAIN))) for i in range(services)])
    pending = (
        Task(f"t{i}-{j}", f"s{i}", slot=j, spec=PLAIN, state=PENDING) for i in range(services) for j in range(tasks)
    )
    keys = store.apply(3, 0, [Put(task) for task in pending])
    gc.collect()
    gc.freeze()
    start = process_time()
    changes, _ = scheduler.plan(store, keys, memory, 0)
    again, _ = scheduler.plan(store, store.apply(4, 0, changes), memory, 0)
    took = process_time() - start
    gc.unfreeze()
    assert len(changes) == services * tasks and not again
    return services * tasks / took


def awake(reporting: int = 200) -> float:
    """CPU ms of a look at so many running tasks that reported again, 10 000 nodes and 10 000 tasks."""
    store, memory = Store(), scheduler.Memory()
    tasks = [Task(f"t{i}", "s", node=f"n{i}", spec=PLAIN, state=RUNNING) for i in range(10_000)]
    store.apply(1, 0, [Put(one) for one in [*nodes(10_000), Service("s"), *tasks]])
    scheduler.plan(store, None, memory, 0)
    keys = [("task", task.id) for task in tasks[:reporting]]
    start = process_time()
    for _ in range(20):
        scheduler.plan(store, keys, memory, 0)
    return (process_time() - start) / 20 * 1000


def allocated() -> dict[str, float]:
    """CPU ms of one look of the allocator at 200 changed tasks of a service of 10 000 on one overlay, by change."""
    store, memory = Store(), allocator.Memory()
    spec = TaskSpec(ContainerSpec("nginx"), networks=(NetworkTarget("net"),))
    subnets = {"ing": "10.0.0.0/16", "net": "10.1.0.0/16"}
    made = [
        Network(id, NetworkSpec(id, subnets=((cidr, "", ""),), ingress=id == "ing")) for id, cidr in subnets.items()
    ]
    store.apply(1, 0, [Put(one) for one in [*made, *nodes(1000), Service("s", ServiceSpec("web", task=spec))]])
    _rest(store, memory, None)
    new = [Task(f"t{i}", "s", slot=i + 1, spec=spec, state=NEW) for i in range(10_000)]
    moves = {
        "new": lambda i: new[i],
        "assigned": lambda i: replace(store.get("task", f"t{i}"), state=ASSIGNED, node=f"n{i % 1000}"),
        "running": lambda i: replace(store.get("task", f"t{i}"), state=RUNNING),
        "ended": lambda i: replace(store.get("task", f"t{i}"), state=SHUTDOWN),
    }
    return {name: _look(store, memory, move) for name, move in moves.items()}


def _look(store: Store, memory: allocator.Memory, move) -> float:
    times = []
    for first in range(0, 10_000, 200):
        keys = store.apply(store.index + 1, 0, [Put(move(i)) for i in range(first, first + 200)])
        start = process_time()
        changes, _ = allocator.plan(store, keys, memory, 0)
        times.append(process_time() - start)
        _rest(store, memory, store.apply(store.index + 1, 0, changes))
    return median(times) * 1000


def _rest(store: Store, memory: allocator.Memory, keys) -> None:
    while keys is None or keys:
        changes, _ = allocator.plan(store, keys, memory, 0)
        keys = store.apply(store.index + 1, 0, changes)


def figures() -> list[Figure]:
    rows = [
        ("choosing, 10 000 nodes: 100 × 1 000 tasks", chosen, (10_000, 100, 1000), 0.9, 9, "SwarmKit's Go core: 0.091"),
        (
            "choosing, 10 000 nodes: 1 000 × 100 tasks",
            chosen,
            (10_000, 1000, 100),
            0.22,
            5,
            "SwarmKit's Go core: 0.027",
        ),
        ("choosing, 1 000 nodes: one-off tasks", chosen, (1000, 100_000, 1), 0.5, 0.6, "SwarmKit's Go core: 0.0074"),
        (
            "placing in the store: 100 × 1 000 tasks",
            placed,
            (10_000, 100, 1000),
            0.12,
            0.15,
            "SwarmKit's whole path: 0.012",
        ),
        (
            "placing in the store: 1 000 × 100 tasks",
            placed,
            (10_000, 1000, 100),
            0.12,
            0.15,
            "SwarmKit's whole path: 0.012",
        ),
    ]
    found = []
    for name, work, size, floor, goal, peer in rows:
        value = median(work(*size) for _ in range(5)) / 10**6
        found.append(Figure(name, value, "M / CPU s", floor, goal, True, peer))
    found.append(Figure("scheduler told of 200 running tasks", awake(), "ms", 1, 0.5, False, "10 000 nodes"))
    for name, value in allocated().items():
        found.append(
            Figure(f"allocator told of 200 tasks: {name}", value, "ms", 3, 2, False, "service of 10 000 tasks")
        )
    return found
