"""The scheduler's finer rules (swarm.md §11), what wakes it, other strategies, and `why`."""

import pytest
from test_manager_scheduler import CORE, PLAIN, node, place, spec, store_of, task

from swarmlab.effects import SECOND
from swarmlab.events import Scheduled
from swarmlab.manager import scheduler
from swarmlab.manager.scheduler import binpack, random_choice
from swarmlab.manager.why import Cell, Rank, Share, why
from swarmlab.objects import (
    ASSIGNED,
    FAILED,
    PENDING,
    RUNNING,
    SHUTDOWN,
    ContainerSpec,
    Drop,
    EndpointSpec,
    LogDriver,
    Mount,
    Network,
    NetworkSpec,
    NetworkTarget,
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


class Desk:
    """A store and a scheduler that is told what changed, as the leader would."""

    def __init__(self, *objects, strategy=scheduler.spread):
        self.store, self.memory, self.strategy, self.now = store_of(*objects), scheduler.Memory(), strategy, 0
        self.keys = None

    def write(self, *objects):
        changes = [one if isinstance(one, Drop) else Put(one) for one in objects]
        self.keys = (self.keys or []) + self.store.apply(self.store.index + 1, self.now, changes)

    def plan(self):
        """One look; what it proposes is written."""
        changes, _ = scheduler.plan(self.store, self.keys, self.memory, self.now, self.strategy)
        self.keys = []
        self.write(*(change.object for change in changes))
        return [change.object for change in changes]

    def settle(self):
        while self.plan():
            pass

    def get(self, id):
        return self.store.get("task", id)


# ── filters ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def refused(nodes, wish, **fields):
    """The text of a task that fits nowhere, or '' if it was placed."""
    desk = Desk(*nodes, *fields.pop("others", ()), task("t", 1, task=wish, **fields))
    desk.settle()
    return desk.get("t").err


def container(**fields):
    return TaskSpec(ContainerSpec("nginx", **fields))


def test_the_pipeline_stands_in_swarmkits_order():
    from swarmlab.manager.filters import PIPELINE

    order = ["ready", "resource", "plugin", "constraint", "platform", "host port", "max replicas", "volumes"]
    assert [filter.name for filter in PIPELINE] == order


def test_the_plugin_filter():
    """§11, 3: volume drivers, network drivers, log drivers."""
    missing = "no suitable node (missing plugin on 1 node)"
    rex = container(mounts=(Mount(source="v", target="/v", options={"driver": "rexray"}),))
    assert refused([node("n1")], rex) == missing
    assert refused([node("n1", volume_drivers=("local", "rexray:latest"))], rex) == ""  # x also means x:latest
    assert refused([node("n1")], container(mounts=(Mount(source="v", target="/v", options={"driver": "local"}),))) == ""
    assert refused([node("n1")], spec(log_driver=LogDriver("loki"))) == missing
    assert refused([node("n1")], spec(log_driver=LogDriver("none"))) == ""
    assert refused([node("n1", log_drivers=())], spec(log_driver=LogDriver("loki"))) == ""  # an old daemon
    assert refused([Node("n1", NodeSpec(), state="ready")], rex) == ""  # no engine, no plugins to speak of
    networks = spec(networks=(NetworkTarget("net"),))
    front = Network("net", NetworkSpec("front"))
    assert refused([node("n1", network_drivers=("bridge",))], networks, others=[front]) == missing
    assert refused([node("n1")], networks, others=[front]) == ""


def test_cluster_volumes_are_not_simulated():
    """§11, 8: so no node has one."""
    text = "no suitable node (cannot fulfill requested CSI volume mounts on 2 nodes)"
    assert refused([node("n1"), node("n2")], container(mounts=(Mount("cluster", "v", "/v"),))) == text


@pytest.mark.parametrize(("platform", "fits"), [(("", "arm64"), True), (("linux", ""), True), (("windows", ""), False)])
def test_an_empty_part_of_a_platform_matches_any(platform, fits):
    """§11; aarch64 is arm64."""
    err = refused([node("n1", architecture="aarch64")], spec(placement=Placement(platforms=(platform,))))
    assert err == ("" if fits else "no suitable node (unsupported platform on 1 node)")


def test_a_node_without_a_description():
    """It meets != constraints, has no resources and no platform."""
    bare = Node("n1", NodeSpec(), state="ready")
    assert refused([bare], spec(placement=Placement(("node.platform.os!=windows",)))) == ""
    assert "insufficient resources" in refused([bare], spec(reservations=Resources(1)))
    assert "unsupported platform" in refused([bare], spec(placement=Placement(platforms=(("linux", ""),))))


def test_named_generic_resources_are_picked_in_the_nodes_order():
    """§11, last line: tasks ask for numbers; what they got is in the task, and free again when it has ended."""
    wish = spec(reservations=Resources(generic={"gpu": 2, "ssd": 1}))
    desk = Desk(
        node("n1", generic={"gpu": ("A", "B", "C", "D", "E"), "ssd": 3}),
        *(task(f"t{i}", i, task=wish) for i in range(3)),
    )
    desk.settle()
    got = [desk.get(f"t{i}").assigned_generic for i in range(3)]
    assert got == [{"gpu": ("A", "B"), "ssd": 1}, {"gpu": ("C", "D"), "ssd": 1}, {}]
    assert desk.get("t2").err == "no suitable node (insufficient resources on 1 node)"
    desk.write(replace(desk.get("t0"), state=FAILED))
    desk.settle()
    assert desk.get("t2").assigned_generic == {"gpu": ("A", "B"), "ssd": 1}


def test_a_new_leader_knows_which_names_are_taken():
    wish = spec(reservations=Resources(generic={"gpu": 1}))
    old = task("old", 1, "n1", RUNNING, wish, assigned_generic={"gpu": ("A",)})
    desk = Desk(node("n1", generic={"gpu": ("A", "B")}), old, task("new", 2, task=wish))
    desk.settle()
    assert desk.get("new").assigned_generic == {"gpu": ("B",)}


def test_equal_counts_stand_in_the_order_of_the_pipeline():
    """§11: sorted by count, then as filters stand."""
    nodes = [node("n1", cpus=0), node("n2", availability="drain"), node("n3", {"a": "b"})]
    wish = spec(reservations=Resources(CORE), placement=Placement(("node.labels.a==c",)))
    texts = "1 node not available for new tasks; insufficient resources on 1 node"
    assert refused(nodes, wish) == f"no suitable node ({texts}; scheduling constraints not satisfied on 1 node)"


# ── preferences ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("before", "n", "after"), [((10, 0, 0), 4, [10, 4, 0]), ((1, 0, 0), 5, [2, 2, 2])])
def test_a_branch_far_above_the_share_distorts_it(before, n, after):
    """§11: the empty branch that is visited first takes all."""
    nodes = [node(f"n{i}", {"zone": str(i)}) for i in range(3)]
    wish = spec(placement=Placement(preferences=("node.labels.zone",)))
    placed, _ = place(nodes, n, [(one.id, count) for one, count in zip(nodes, before, strict=True)], task_spec=wish)
    assert [old + new for old, new in zip(before, placed, strict=True)] == after


def test_tasks_on_nodes_that_do_not_fit_count_for_their_branch():
    """§11: each branch knows its tasks, also those on drained nodes."""
    nodes = [node("n1", {"zone": "a"}, availability="drain"), node("n2", {"zone": "a"}), node("n3", {"zone": "b"})]
    wish = spec(placement=Placement(preferences=("node.labels.zone",)))
    assert place(nodes, 2, [("n1", 2)], task_spec=wish)[0] == [0, 0, 2]


def test_preferences_make_a_tree():
    """§11: zones first, racks inside; a full branch leaves the calculation."""
    labels = [("a", "1"), ("a", "1"), ("a", "2"), ("b", "1"), ("b", "")]
    nodes = [node(f"n{i}", {"zone": zone, **({"rack": rack} if rack else {})}) for i, (zone, rack) in enumerate(labels)]
    levels = ("node.labels.zone", "NODE.LABELS.rack", "node.hostname", "node.labels.")  # the last two are ignored
    assert place(nodes, 8, task_spec=spec(placement=Placement(preferences=levels)))[0] == [1, 1, 2, 2, 2]
    wish = spec(placement=Placement(preferences=levels, max_replicas=1))
    assert place(nodes, 5, task_spec=wish)[0] == [1, 1, 1, 1, 1]


def test_engine_labels_can_be_preferred():
    nodes = [node(f"n{i}", engine_labels={"storage": kind}) for i, kind in enumerate("xxy")]
    wish = spec(placement=Placement(preferences=("engine.labels.storage",)))
    assert place(nodes, 4, task_spec=wish)[0] == [1, 1, 2]


# ── what wakes it, and what is left alone ────────────────────────────────────────────────────────────────────────────


def test_a_waiting_task_is_tried_again_when_something_changes():
    """§11: a task ended, a node changed or came; not because a task went on."""
    wish = spec(reservations=Resources(2 * CORE))
    busy, wait = task("busy", 1, "n1", ASSIGNED, wish), task("wait", 2, task=wish)
    desk = Desk(node("n1"), busy, wait)
    desk.settle()
    tries = len(desk.memory.attempts)
    desk.write(replace(busy, state=RUNNING))
    assert desk.plan() == [] and len(desk.memory.attempts) == tries
    desk.write(replace(busy, state=SHUTDOWN, desired=SHUTDOWN))
    assert [done.node for done in desk.plan()] == ["n1"]
    desk.write(task("more", 3, task=wish))
    desk.settle()
    desk.write(node("n2"))
    assert [done.node for done in desk.plan()] == ["n2"]


def test_each_attempt_is_counted():
    """The trace gets what came of it, with the nodes that each filter turned down."""
    wish = spec(reservations=Resources(CORE))
    desk = Desk(node("n1", cpus=1), node("n2", availability="pause"), *(task(f"t{i}", i, task=wish) for i in range(2)))
    desk.settle()
    first, last = desk.memory.attempts
    assert (first.placed, first.left) == (1, 1)
    assert last == Scheduled("s", 0, 0, 1, (("ready", 1), ("resource", 1)))


def test_tasks_of_an_older_version_get_no_message():
    """§11: and are set to shutdown if that is what they are wanted for."""
    desk = Desk(node("n1", availability="drain"), task("a", 1), task("b", 2))
    desk.store.apply(2, 0, [Put(replace(desk.store.get("service", "s"), spec_version=7))])
    desk.write(task("a", 1), task("b", 2, desired=SHUTDOWN, err="no suitable node"))
    desk.settle()
    assert [(t.state, t.err) for t in map(desk.get, "ab")] == [(PENDING, ""), (SHUTDOWN, "")]


def test_tasks_whose_service_is_gone_are_dropped():
    desk = Desk(node("n1", availability="drain"), task("a", 1))
    desk.store.apply(2, 0, [Drop("service", "s")])
    assert desk.plan() == [] and desk.memory.pending == {}


def test_preassigned_tasks_come_first():
    """§11: a task of a global service takes its room before the free ones look for theirs."""
    wish = spec(reservations=Resources(2 * CORE))
    desk = Desk(node("n1"), node("n2"), task("free", 1, task=wish), task("fixed", 0, "n1", task=wish, service="g"))
    desk.settle()
    assert (desk.get("free").node, desk.get("fixed").state) == ("n2", ASSIGNED)


def fail(desk, id, slot, of, at="n1"):
    """A task that waited for its node, or came with it, fails there."""
    desk.write(task(id, slot, at if slot == 0 else "", service=of))
    desk.settle()
    desk.write(replace(desk.get(id), state=FAILED))
    desk.settle()


def test_only_failures_of_tasks_that_the_scheduler_placed_count():
    """§11: five failures of a global service say nothing of the node."""
    desk = Desk(node("n1"), task("x", 9, service="r"), task("y", 0, "n1", service="g"))
    desk.settle()
    for i in range(5):
        fail(desk, f"r{i}", 1, "r")
        fail(desk, f"g{i}", 0, "g")
    board = desk.memory.board
    assert board.failures_of(task("any", 1, service="r"), desk.now) == {"n1": 5}
    assert board.failures_of(task("any", 1, service="g"), desk.now) == {}
    assert board.failures_of(task("any", 1, service="r", spec_version=1), desk.now) == {}  # per version
    assert board.failures_of(task("any", 1, service="r"), 300 * SECOND) == {"n1": 5}  # five minutes, to the end
    assert board.failures_of(task("any", 1, service="r"), 300 * SECOND + 1) == {}


def test_a_plan_looks_only_at_what_changed():
    """Running tasks that report again do not make the scheduler look at nodes."""
    running = [task(f"t{i}", i, "n1", RUNNING) for i in range(20)]
    desk = Desk(node("n1"), *running)
    desk.settle()
    desk.memory.board.places = None  # would be looked at
    desk.keys = [("task", f"t{i}") for i in range(20)]
    assert desk.plan() == []


# ── strategies ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_other_strategies_are_asked_anew_for_every_task():
    """Each task goes to the best node for it now; Docker's walk belongs to Docker's order."""
    nodes = [node(f"n{i}") for i in range(3)]
    before = [("n0", 4), ("n1", 2)]
    assert place(nodes, 6, before, strategy=lambda one: one.service_tasks)[0] == [0, 2, 4]


def test_binpack_fills_a_node_before_the_next():
    wish = spec(reservations=Resources(CORE, 1 << 30))
    nodes = [node("n1", cpus=4, memory=8 << 30), node("n2", cpus=4, memory=4 << 30)]
    assert place(nodes, 6, task_spec=wish, strategy=binpack)[0] == [2, 4]


def test_random_choice_uses_all_nodes_and_is_the_same_every_time():
    nodes = [node(f"n{i}") for i in range(4)]
    placed, done = place(nodes, 400, strategy=random_choice)
    assert sum(placed) == 400 and min(placed) > 70
    assert place(nodes, 400, strategy=random_choice)[1] == done


def test_a_strategy_knows_the_task():
    """So that it may weigh what the task asks for against what is left."""
    seen = []
    place([node("n1")], 1, strategy=lambda one: seen.append((one.task.id, one.nano_cpus)) or 0)
    assert seen == [("new-0", 2 * CORE)]


def test_strategies_keep_to_filters_and_preferences():
    wish = spec(placement=Placement(("node.labels.disk==ssd",), ("node.labels.zone",), 1))
    nodes = [
        node(f"n{i}", {"zone": zone, "disk": disk}) for i, (zone, disk) in enumerate(zip("aab", "sss", strict=True))
    ]
    nodes = [replace(one, spec=replace(one.spec, labels=one.spec.labels | {"disk": "ssd"})) for one in nodes]
    for strategy in (binpack, random_choice, scheduler.spread):
        placed, done = place([*nodes, node("n3", {"zone": "b"})], 4, task_spec=wish, strategy=strategy)
        assert placed == [1, 1, 1, 0]
        assert done[-1].err.startswith("no suitable node (")


# ── why ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def ask(desk, id):
    return why(desk.store, desk.memory, desk.get(id), desk.now)


def test_why_a_task_waits():
    """Per node the first filter that it does not pass, with the value that decided."""
    nodes = [
        node("n1", {"disk": "hdd"}),
        node("n2", availability="drain"),
        node("n3", {"disk": "ssd"}, cpus=1),
        node("n4"),
    ]
    wish = spec(reservations=Resources(2 * CORE, 1 << 30), placement=Placement(("node.labels.disk==ssd",)))
    desk = Desk(*nodes, task("t", 1, task=wish))
    desk.settle()
    answer = ask(desk, "t")
    assert answer.filters == ("ready", "resource", "constraint")
    assert answer.explanation == desk.get("t").err
    assert [row.cells[-1] for row in answer.rows] == [
        Cell("constraint", False, "node.labels.disk==ssd", "hdd"),
        Cell("ready", False, "ready, active", "ready, drain"),
        Cell("resource", False, "2 CPU", "1 CPU left"),
        Cell("constraint", False, "node.labels.disk==ssd", "(none)"),
    ]
    assert answer.rows[0].cells[1] == Cell("resource", True, "2 CPU, 1024 MiB", "2 CPU, 4096 MiB left")
    assert answer.ranks == () and answer.shares == ()


def test_why_says_for_every_filter_what_decided():
    wish = TaskSpec(
        ContainerSpec("nginx", mounts=(Mount("cluster", "vol", "/v"),)),
        reservations=Resources(generic={"gpu": 1}),
        placement=Placement(("node.colour==red",), (), 1, (("windows", "x86_64"),)),
        log_driver=LogDriver("loki"),
    )
    ports = EndpointSpec(ports=(PortConfig(80, 8080, publish_mode="host"),))
    old = task("old", 1, "n1", RUNNING, PLAIN, endpoint=ports)
    desk = Desk(node("n1", generic={"gpu": ("A",)}), old, task("t", 2, task=wish, endpoint=ports))
    desk.plan()
    from swarmlab.manager import filters
    from swarmlab.manager.filters import wish_for

    place_ = desk.memory.board.places["n1"]
    asked = wish_for(desk.get("t"), desk.store, desk.memory.board.counts_of("s"))
    looks = {one.name: one.look(asked, place_) for one in filters.PIPELINE}
    assert looks == {
        "ready": ("ready, active", "ready, active"),
        "resource": ("1 gpu", "1 gpu left"),
        "plugin": ("log driver loki", "missing"),
        "constraint": ("node.colour==red", "no such key"),
        "platform": ("windows/amd64", "linux/amd64"),
        "host port": ("8080/tcp", "in use"),
        "max replicas": ("at most 1", "1 there"),
        "volumes": ("vol", "missing"),
    }


def test_why_a_task_runs_where_it_does():
    """Branches of the preferences, then the ranks; the task itself is left out of account."""
    wish = spec(placement=Placement(preferences=("node.labels.zone",)))
    nodes = [node("n1", {"zone": "a"}), node("n2", {"zone": "a"}, state="down"), node("n3", {"zone": "b"})]
    others = [task("o1", 1, "n3", RUNNING, wish), task("o2", 2, "n2", RUNNING, wish)]
    desk = Desk(*nodes, *others, task("t", 3, task=wish))
    desk.settle()
    assert desk.get("t").node == "n1"
    answer = ask(desk, "t")
    assert answer.shares == (Share(("a",), 1, 1), Share(("b",), 1, 1))
    assert answer.ranks == (Rank("n1", "n1", 0, 0, 0), Rank("n3", "n3", 0, 1, 1))
    assert answer.explanation == ""
    assert desk.memory.board.places["n1"].tasks == 1  # asking changes nothing


def test_why_a_task_of_a_global_service_waits():
    """§11: only its own node is judged, and the text is bare."""
    desk = Desk(node("n1"), node("n2", availability="pause"), task("t", 0, "n2"))
    desk.settle()
    answer = ask(desk, "t")
    assert [row.node for row in answer.rows] == ["n2"]
    assert answer.explanation == desk.get("t").err == "1 node not available for new tasks"


def test_services_by_name_are_not_needed():
    """A task of a service that is gone can still be asked for."""
    desk = Desk(node("n1"), Service("x", ServiceSpec("x")), Task("t", "gone", "gone", 1, state=PENDING))
    desk.write(Drop("service", "gone"))
    desk.settle()
    assert ask(desk, "t").ranks == (Rank("n1", "n1", 0, 0, 0),)
