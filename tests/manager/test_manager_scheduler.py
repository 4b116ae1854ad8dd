"""The scheduler on stores typed by hand."""

import pytest

from swarmlab.effects import SECOND
from swarmlab.manager import scheduler
from swarmlab.manager.store import Store
from swarmlab.objects import (
    ASSIGNED,
    FAILED,
    PENDING,
    RUNNING,
    SHUTDOWN,
    ContainerSpec,
    Description,
    EndpointSpec,
    Node,
    NodeSpec,
    Placement,
    PortConfig,
    Put,
    Resources,
    Service,
    ServiceSpec,
    Task,
    TaskSpec,
    replace,
)

CORE = 10**9


def node(id, labels=(), state="ready", availability="active", cpus=2, **description):
    spec = NodeSpec(labels=dict(labels), availability=availability)
    return Node(id, spec, description=Description(id, nano_cpus=cpus * CORE, **description), state=state, machine=id)


def spec(**fields):
    return TaskSpec(ContainerSpec("nginx"), **fields)


PLAIN = spec()


def task(id, slot, node="", state=PENDING, task=PLAIN, service="s", **fields):
    return Task(id, service, "web", slot=slot, node=node, state=state, spec=task, **fields)


def store_of(*objects):
    store = Store()
    services = {object.service: object.spec for object in objects if isinstance(object, Task)}
    known = [Service(id, ServiceSpec("web", task=spec)) for id, spec in services.items()]
    store.apply(1, 0, [Put(object) for object in [*known, *objects]])
    return store


def placements(store, n, **options):
    """The decisions of one run for n pending tasks, as tasks."""
    changes, wake_at = scheduler.plan(store, None, scheduler.Memory(), 0, **options)
    assert wake_at is None
    return [change.object for change in changes]


def place(nodes, n, before=(), task_spec=PLAIN, **options):
    """How many new tasks each node gets; `before`: how many of the service it has already."""
    old = [task(f"old-{id}-{i}", 1000 + i, id, RUNNING, task_spec) for id, count in before for i in range(count)]
    new = [task(f"new-{i}", i + 1, task=task_spec) for i in range(n)]
    done = placements(store_of(*nodes, *old, *new), n, **options)
    return [sum(t.node == node.id and t.state == ASSIGNED for t in done) for node in nodes], done


@pytest.mark.parametrize(
    ("before", "n", "total"),
    [
        ((0, 0, 0, 0, 0), 18, (4, 4, 4, 3, 3)),
        ((4, 2, 0), 6, (4, 5, 3)),
        ((4, 4, 4, 4, 0), 4, (4, 4, 4, 4, 4)),
    ],
)
def test_the_group_walk(before, n, total):
    """§20.7, the first rows: each levelled node overshoots by one."""
    nodes = [node(f"n{i}") for i in range(len(before))]
    placed, _ = place(nodes, n, [(node.id, count) for node, count in zip(nodes, before, strict=True)])
    assert sorted(b + p for b, p in zip(before, placed, strict=True)) == sorted(total)
    assert tuple(b + p for b, p in zip(before, placed, strict=True)) == total


@pytest.mark.parametrize(
    ("zones", "n", "placed"),
    [("abbbb", 8, [4, 1, 1, 1, 1]), ("xxy-", 6, [1, 1, 2, 2])],
)
def test_spread_over_zones(zones, n, placed):
    """§20.7: a branch gets its share however many nodes it has; no label is a branch of its own."""
    nodes = [node(f"n{i}", {"zone": zone} if zone != "-" else {}) for i, zone in enumerate(zones)]
    wish = spec(placement=Placement(preferences=("node.labels.zone",)))
    assert place(nodes, n, task_spec=wish)[0] == placed


def test_full_nodes_and_the_texts_that_follow():
    """§20.7, last row: the first text may be incomplete, the next run shows the full one (§11)."""
    nodes = [node("n1"), node("n2"), node("n3", availability="drain")]
    wish = spec(reservations=Resources(nano_cpus=CORE))
    store = store_of(*nodes, *(task(f"t{i}", i + 1, task=wish) for i in range(6)))
    memory = scheduler.Memory()
    changes, _ = scheduler.plan(store, None, memory, 0)
    assert sum(change.object.state == ASSIGNED for change in changes) == 4
    keys = store.apply(2, 0, changes)
    changes, _ = scheduler.plan(store, keys, memory, 0)
    text = "no suitable node (insufficient resources on 2 nodes; 1 node not available for new tasks)"
    assert [change.object.err for change in changes] == [text, text]
    keys = store.apply(3, 0, changes)
    assert scheduler.plan(store, keys, memory, 0) == ([], None)  # a text is written once
    assert store.get("task", "t5").state == PENDING


@pytest.mark.parametrize(
    ("nodes", "wish", "err"),
    [
        ([], spec(), "no suitable node"),
        ([node("n1", availability="pause")], spec(), "no suitable node (1 node not available for new tasks)"),
        (
            [node("n1", state="unknown"), node("n2", state="down")],
            spec(),
            "no suitable node (2 nodes not available for new tasks)",
        ),
        (
            [node("n1")],
            spec(reservations=Resources(memory=5 << 30)),
            "no suitable node (insufficient resources on 1 node)",
        ),
        (
            [node("n1")],
            spec(reservations=Resources(generic={"gpu": 1})),
            "no suitable node (insufficient resources on 1 node)",
        ),
        (
            [node("n1"), node("n2"), node("n3", availability="drain")],
            spec(placement=Placement(("node.labels.disk==ssd",))),
            "no suitable node (scheduling constraints not satisfied on 2 nodes; 1 node not available for new tasks)",
        ),
        (
            [node("n1"), node("n2", architecture="aarch64")],
            spec(placement=Placement(platforms=(("linux", "s390x"),))),
            "no suitable node (unsupported platform on 2 nodes)",
        ),
    ],
)
def test_explanations_letter_by_letter(nodes, wish, err):
    """§11: most frequent first, equal counts in pipeline order."""
    placed, done = place(nodes, 1, task_spec=wish)
    assert placed == [0] * len(nodes)
    assert [(t.err, t.state) for t in done] == [(err, PENDING)]


def test_platforms_are_normalised():
    """§11: x86_64 is amd64."""
    wish = spec(placement=Placement(platforms=(("linux", "amd64"),)))
    assert place([node("n1", architecture="aarch64"), node("n2", architecture="x86_64")], 1, task_spec=wish)[0] == [
        0,
        1,
    ]


def test_max_replicas_per_node():
    """§11: spelled as in SwarmKit."""
    wish = spec(placement=Placement(max_replicas=1))
    placed, done = place([node("n1"), node("n2")], 3, task_spec=wish)
    assert placed == [1, 1]
    assert done[-1].err == "no suitable node (max replicas per node limit exceed)"


def test_host_ports():
    """Transcript 14: seven tasks with one host port on five nodes."""
    nodes = [node(f"n{i}") for i in range(5)]
    ports = EndpointSpec(ports=(PortConfig(443, 7443, publish_mode="host"),))
    store = store_of(*nodes, *(task(f"t{i}", i + 1, endpoint=ports) for i in range(7)))
    memory = scheduler.Memory()
    keys = store.apply(2, 0, scheduler.plan(store, None, memory, 0)[0])
    store.apply(3, 0, scheduler.plan(store, keys, memory, 0)[0])
    errors = [t.err for t in store.all("task") if t.state == PENDING]
    assert errors == ["no suitable node (host-mode port already in use on 5 nodes)"] * 2


def test_fewest_tasks_of_the_service_then_fewest_in_all():
    """§11, node order; transcript 02."""
    nodes = [node("n1"), node("n2"), node("n3")]
    others = [task(f"o{i}", i, "n1", RUNNING, service="other") for i in range(3)]
    mine = [task("m", 9, "n2", RUNNING)]
    done = placements(store_of(*nodes, *others, *mine, task("t1", 1), task("t2", 2)), 2)
    assert [t.node for t in done] == ["n3", "n1"]


def test_five_failures_in_five_minutes_and_a_node_is_avoided():
    """§11; forgotten with the leader."""
    nodes = [node("n1"), node("n2")]
    store = store_of(*nodes, task("busy", 99, "n2", RUNNING), task("busy2", 98, "n2", RUNNING))
    memory = scheduler.Memory()
    scheduler.plan(store, None, memory, 0)
    for i in range(5):
        keys = store.apply(i + 2, 0, [Put(task(f"t{i}", 1))])
        [change] = scheduler.plan(store, keys, memory, i)[0]
        assert change.object.node == "n1"
        scheduler.plan(store, store.apply(i + 2, 0, [change]), memory, i)
        scheduler.plan(store, store.apply(i + 2, 0, [Put(replace(change.object, state=FAILED))]), memory, i)
    keys = store.apply(20, 0, [Put(task("next", 1))])
    assert scheduler.plan(store, None, scheduler.Memory(), 6)[0][0].object.node == "n1"
    assert scheduler.plan(store, keys, memory, 6)[0][0].object.node == "n2"
    keys = store.apply(21, 0, [Put(task("later", 1))])
    assert scheduler.plan(store, keys, memory, 400 * SECOND)[0][-1].object.node == "n1"


def test_a_stopping_task_holds_its_reservation_but_does_not_count():
    """§11, trap 7."""
    wish = spec(reservations=Resources(nano_cpus=2 * CORE))
    stopping = task("old", 1, "n1", RUNNING, wish, desired=SHUTDOWN)
    assert place([node("n1")], 1, task_spec=wish)[0] == [1]
    done = placements(store_of(node("n1"), stopping, task("new", 1, task=wish)), 1)
    assert done[0].err == "no suitable node (insufficient resources on 1 node)"


def test_a_preassigned_task_is_only_confirmed():
    """§11: the bare text without `no suitable node`; trap 15."""
    store = store_of(node("n1"), task("t", 0, "n1"))
    [done] = placements(store, 1)
    assert done.message == "scheduler confirmed task can run on preassigned node"
    store = store_of(node("n1", availability="pause"), task("t", 0, "n1"))
    assert placements(store, 1)[0].err == "1 node not available for new tasks"


def test_a_learner_may_pass_another_strategy():
    """style.md §4: pass another function."""
    nodes = [node("n1", memory=8 << 30), node("n2", memory=2 << 30)]
    assert place(nodes, 2, strategy=scheduler.binpack)[0] == [0, 2]


def test_the_same_answer_when_told_that_everything_changed():
    """style.md §3: given the same memory."""
    store = store_of(node("n1"), node("n2"), *(task(f"t{i}", i + 1) for i in range(5)))
    keys = [("node", "n1"), ("node", "n2"), *(("task", f"t{i}") for i in range(5))]
    assert scheduler.plan(store, keys, scheduler.Memory(), 0) == scheduler.plan(store, None, scheduler.Memory(), 0)
