"""Scenes of lesson 06: racks of machines, the deck's block, and demand with real sizes, placed without a cluster.

The mix of sizes is in `data/demand/`; `data/README.md` says where it comes from.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from random import Random
from typing import Any, NamedTuple

from ..cluster import Cluster, find
from ..manager import scheduler
from ..manager.store import Store
from ..objects import (
    ASSIGNED,
    PENDING,
    ContainerSpec,
    Description,
    Node,
    NodeSpec,
    Placement,
    Put,
    Resources,
    Service,
    ServiceSpec,
    Task,
    TaskSpec,
)
from ..rack import Computer, address_of

GIB = 2**30
CORE = 10**9
ZONES = "abc"

# The deck's slide on placement, as the file that it is part of. The names are the slide's; image and replicas are ours.
DECK = """\
version: "3.7"
services:
  web:
    image: nginx
    deploy:
      replicas: 4
      placement:
        constraints:
          - node.role == manager
          - engine.labels.operatingsystem == ubuntu 18.04
        preferences:
          - spread: node.labels.az
"""

# ── clusters ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def racks(zones: str, seed: int = 6, **options: Any) -> Cluster:
    """A drained manager and a worker for every letter: `racks("abbbb")` puts one into zone a, four into zone b.

    The zone is the node label `az`, too. Every machine has 2 processors and 4 GiB.
    """
    workers = [
        Computer(f"worker-{n}", "worker", address_of(n), zone=zone, labels=(("az", zone),))
        for n, zone in enumerate(zones, 1)
    ]
    cluster = Cluster(computers=(Computer("manager-1", "manager", address_of(0)), *workers), seed=seed, **options)
    cluster.docker("node update --availability drain manager-1")
    return cluster


def deck_lab(engine: Mapping[str, str] | None = None) -> Cluster:
    """Three managers in the zones a, b, b and two workers in a and b, as the slide wants them; `engine` labels the managers."""
    labels = tuple((engine or {}).items())
    managers = [
        Computer(f"manager-{n}", "manager", address_of(n), labels=(("az", zone),), engine_labels=labels)
        for n, zone in enumerate("abb", 1)
    ]
    workers = [
        Computer(f"worker-{n}", "worker", address_of(n + 3), labels=(("az", zone),)) for n, zone in enumerate("ab", 1)
    ]
    return Cluster(computers=(*managers, *workers), seed=6)


def deploy(cluster: Cluster, text: str, stack: str = "deck") -> str:
    """`docker stack deploy` of a text, and ten seconds; what Docker printed."""
    result = cluster.docker(f"stack deploy --detach -c {stack}.yml {stack}", files={f"{stack}.yml": text})
    cluster.run_for(10)
    return (result.stdout + result.stderr).strip()


def per_node(cluster: Cluster, service: str) -> str:
    """How many tasks of a service run on each machine: `worker-1 4, worker-2 1`."""
    held = [run.machine for run in cluster.running if run.service == service]
    return ", ".join(f"{name} {held.count(name)}" for name in sorted(set(held)))


def where(cluster: Cluster, task: str) -> str:
    """The machine of a task, by its name; '' while it waits."""
    name, _, slot = task.rpartition(".")
    return next((run.machine for run in cluster.running if (run.service, str(run.slot)) == (name, slot)), "")


def show_placement(rows: Any, step: int | None = None, more: str = "") -> None:
    """Display where every task stands after a step, with its words."""
    from ..viz.charts import draw_placement, show, tell_placement

    show(draw_placement(rows, step), more + tell_placement(rows, step))


def show_steps(rows: Any, steps: Sequence[int], titles: Sequence[str] | None = None) -> None:
    """Display several steps side by side; the words are those of the end."""
    from ..viz.charts import placement_strip, show, tell_placement

    show(placement_strip(rows, steps, titles), tell_placement(rows))


# ── demand: sizes as they were asked for on real machines ────────────────────────────────────────────────────────────


class Machine(NamedTuple):
    """A node of the demand."""

    name: str
    zone: str
    cpus: int
    gib: int


class Wanted(NamedTuple):
    """A service of the demand: each of its tasks reserves so much."""

    name: str
    replicas: int
    cpus: int
    gib: int


class Demand(NamedTuple):
    """Machines, and services in the order in which they come."""

    machines: tuple[Machine, ...]
    services: tuple[Wanted, ...]


class Placed(NamedTuple):
    """Where a task went: '' for nowhere."""

    task: str
    service: str
    node: str
    cpus: int
    gib: int


def mix(kind: str) -> list[tuple[int, int, int]]:
    """(processors, GiB, how many such) for `tasks` or `nodes`, as they were counted."""
    with open(find(f"data/demand/openb_{kind}.csv"), encoding="utf-8") as file:
        rows = file.read().split()[1:]
    return [tuple(map(int, row.split(","))) for row in rows]  # type: ignore[misc]


def draw_sizes(kind: str, dice: Random, number: int) -> list[tuple[int, int]]:
    """So many sizes, each as likely as it was frequent."""
    rows = mix(kind)
    drawn = dice.choices(rows, weights=[count for *_, count in rows], k=number)
    return [(cpus, gib) for cpus, gib, _ in drawn]


def demand(seed: int | str, machines: int = 12, zones: int = 3, load: float = 0.9) -> Demand:
    """Machines and services with real sizes; together the services ask for this share of all processors.

    The trace does not say what belongs together: that a service has one to four replicas is our own assumption.
    """
    dice = Random(f"demand {seed}")
    sizes = draw_sizes("nodes", dice, machines)
    nodes = tuple(Machine(f"node-{n + 1}", "abcdef"[n % zones], *size) for n, size in enumerate(sizes))
    room = load * sum(node.cpus for node in nodes)
    services: list[Wanted] = []
    while True:
        ((cpus, gib),) = draw_sizes("tasks", dice, 1)
        replicas = dice.randint(1, 4)
        room -= replicas * cpus
        if room < 0:
            return Demand(nodes, tuple(services))
        services.append(Wanted(f"s{len(services) + 1}", replicas, cpus, gib))


def in_order(services: Iterable[Wanted], order: str) -> tuple[Wanted, ...]:
    """The services as they come, or by size."""
    if order == "as they come":
        return tuple(services)
    return tuple(sorted(services, key=lambda service: service.gib, reverse=order == "largest first"))


def place(wanted: Demand, strategy: Callable) -> list[Placed]:
    """The scheduler of the engine with this strategy, service by service, on machines that are empty at first."""
    store, memory = Store(), scheduler.Memory()
    store.apply(1, 0, [Put(_node(machine)) for machine in wanted.machines])
    scheduler.plan(store, None, memory, 0, strategy)
    for index, service in enumerate(wanted.services, 2):
        keys = store.apply(index, 0, [Put(one) for one in _objects(service)])
        changes, _ = scheduler.plan(store, keys, memory, 0, strategy)
        keys = store.apply(index, 0, changes)
        scheduler.observe(store, keys, memory, 0)
        memory.pending.clear()  # who found no place does not wait: the next one comes
    sizes = {service.name: service for service in wanted.services}
    return [
        Placed(task.name, task.service, task.node if task.state == ASSIGNED else "", *sizes[task.service][2:])
        for task in store.all("task")
    ]


def _node(machine: Machine) -> Node:
    described = Description(machine.name, nano_cpus=machine.cpus * CORE, memory=machine.gib * GIB)
    spec = NodeSpec(labels={"zone": machine.zone})
    return Node(machine.name, spec, description=described, state="ready", machine=machine.name)


def _objects(wanted: Wanted) -> list[Any]:
    """The service and its tasks, as they are after the allocator."""
    asked = Resources(wanted.cpus * CORE, wanted.gib * GIB)
    spec = TaskSpec(ContainerSpec("nginx"), reservations=asked, placement=Placement())
    service = Service(wanted.name, ServiceSpec(wanted.name, task=spec))
    slots = range(1, wanted.replicas + 1)
    tasks = [Task(f"{wanted.name}.{n}", wanted.name, wanted.name, slot=n, state=PENDING, spec=spec) for n in slots]
    return [service, *tasks]


def rows(wanted: Demand, placed: Sequence[Placed]) -> dict:
    """The placements as the pictures want them, in processors: they are what runs out first."""
    from ..viz.placefold import placed_rows

    nodes = [(machine.name, machine.zone, machine.cpus) for machine in wanted.machines]
    return placed_rows(nodes, [(one.task, one.node, one.cpus) for one in placed], unit="cpus")


def compared(wanted: Demand, strategies: Mapping[str, Callable]) -> dict[str, dict]:
    """The same demand under each strategy, for `draw_strategies`."""
    return {name: rows(wanted, place(wanted, strategy)) for name, strategy in strategies.items()}


# ── deeper: generic resources, and very many nodes ───────────────────────────────────────────────────────────────────


def typed(nodes: Sequence[Node], replicas: int, asked: Resources, tries: int = 1) -> list[Task]:
    """So many tasks that reserve this, put on empty nodes by Docker's rule: as they are after so many tries."""
    store, spec, memory = Store(), TaskSpec(ContainerSpec("nginx"), reservations=asked), scheduler.Memory()
    tasks = [Task(f"web.{n}", "web", "web", slot=n, state=PENDING, spec=spec) for n in range(1, replicas + 1)]
    store.apply(1, 0, [Put(one) for one in (*nodes, Service("web", ServiceSpec("web", task=spec)), *tasks)])
    keys = None
    for index in range(2, tries + 2):
        changes, _ = scheduler.plan(store, keys, memory, 0)
        keys = [*store.apply(index, 0, changes), ("node", nodes[0].id)]  # a node reports: who waits is tried again
    return list(store.all("task"))


def cards() -> list[str]:
    """Four tasks that want a graphics card each, on nodes that have two named ones, one counted one, and none.

    The last line is what the one that waits says after a second try.
    """
    nodes = [
        Node(name, description=Description(name, generic=generic), state="ready", machine=name)
        for name, generic in (("node-1", {"gpu": ("GPU-a", "GPU-b")}), ("node-2", {"gpu": 1}), ("node-3", {}))
    ]
    first, second = (typed(nodes, 4, Resources(generic={"gpu": 1}), tries) for tries in (1, 2))
    return [*map(_carded, first), f"tried again: {_carded(second[-1])}"]


def _carded(task: Task) -> str:
    return f"{task.name} → {task.node}, gpu {_got(task)}" if task.node else f"{task.name} waits: {task.err}"


def _got(task: Task) -> str:
    got = task.assigned_generic["gpu"]
    return str(got) if isinstance(got, int) else " ".join(got)


def large(nodes: int, tasks: int) -> str:
    """Tasks on so many empty nodes."""
    machines = [Node(f"n{n}", description=Description(f"n{n}"), state="ready", machine=f"n{n}") for n in range(nodes)]
    used: dict[str, int] = {}
    for task in typed(machines, tasks, Resources(memory=GIB // 2)):
        used[task.node] = used.get(task.node, 0) + 1
    return f"{nodes} nodes, {tasks} tasks: {len(used)} nodes got {min(used.values())} to {max(used.values())} each"
