"""Orchestrators, restart supervisor, updater, reaper and allocator on stores typed by hand."""

import pytest

from swarmlab.effects import SECOND
from swarmlab.manager import allocator, global_mode, reaper, replicated, restart, updater
from swarmlab.manager.store import Store, fact
from swarmlab.objects import (
    COMPLETE,
    FAILED,
    NEW,
    ORPHANED,
    PENDING,
    READY,
    REMOVE,
    RUNNING,
    SHUTDOWN,
    STARTING,
    Attachment,
    Cluster,
    ContainerSpec,
    Description,
    Drop,
    EndpointSpec,
    Network,
    NetworkSpec,
    NetworkTarget,
    Node,
    NodeSpec,
    Placement,
    PortConfig,
    Put,
    RestartPolicy,
    Service,
    ServiceSpec,
    Task,
    TaskSpec,
    UpdateConfig,
    replace,
)

DELAY = 5 * SECOND


def node(id, state="ready", availability="active", **labels):
    return Node(id, NodeSpec(labels=labels, availability=availability), description=Description(id), state=state)


def service(replicas=1, mode="replicated", image="nginx:1", version=0, restart=RestartPolicy(), **fields):  # noqa: B008
    task = TaskSpec(ContainerSpec(image), restart=restart, placement=fields.pop("placement", Placement()))
    update = fields.pop("update", UpdateConfig())
    return Service("s", ServiceSpec("web", task=task, mode=mode, replicas=replicas, update=update), version, **fields)


def task(id, slot, node="", state=RUNNING, desired=RUNNING, of=None, **fields):
    of = of or service()
    known = {"spec": of.spec.task, "spec_version": of.spec_version} | fields
    return Task(id, "s", "web", slot, node, state=state, desired=desired, **known)


class Lab:
    """A store, and one planner that is told what changed, as the leader would."""

    def __init__(self, planner, *objects, memory=None):
        self.planner, self.store, self.now = planner, Store(), 0
        self.memory = planner.Memory() if hasattr(planner, "Memory") else memory
        self.wake_at = None
        self.write(*objects)
        self.changed = None

    def write(self, *objects):
        changes = [object if isinstance(object, Drop) else Put(object) for object in objects]
        self.changed = self.store.apply(self.store.index + 1, self.now, changes)

    def plan(self, at=None):
        """Run until content; everything that was proposed, in order."""
        self.now = self.now if at is None else at
        everything = []
        while True:
            changes, self.wake_at = self.planner.plan(self.store, self.changed, self.memory, self.now)
            self.changed = self.store.apply(self.store.index + 1, self.now, changes) if changes else []
            everything += changes
            if not changes:
                return everything

    def get(self, id):
        return self.store.get("task", id)

    @property
    def tasks(self):
        return list(self.store.all("task"))


# ── store ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_entry_stamps_all_it_writes_with_its_index():
    """§1: the version index is global; two objects of one transaction share it."""
    store = Store()
    keys = store.apply(7, 100, [Put(node("n1")), Put(service())])
    store.apply(9, 200, [Put(store.get("node", "n1"))])
    assert keys == [("node", "n1"), ("service", "s")]
    stored = store.get("node", "n1")
    assert (stored.version, stored.created_at, stored.updated_at) == (9, 100, 200)
    assert store.get("service", "s").version == 7


def test_indexes_follow_the_tasks():
    store = Store()
    store.apply(1, 0, [Put(task("a", 1)), Put(task("b", 2, "n1"))])
    store.apply(2, 0, [Put(task("a", 1, "n1")), Drop("task", "b"), Drop("task", "nosuch")])
    assert [t.id for t in store.tasks_on("n1")] == [t.id for t in store.tasks_of("s")] == ["a"]
    assert store.slots("s").keys() == {1} and store.tasks_of("other") == []


def test_every_kind_of_object_has_its_fact():
    store = Store()
    [key] = store.apply(3, 0, [Put(task("a", 1, "n1"))])
    assert fact(store, 3, key)[:6] == (3, "a", "s", "web.1", 1, "n1")
    store.apply(4, 0, [Drop("task", "a")])
    assert fact(store, 4, key) == (4, "task", "a")


# ── replicated ───────────────────────────────────────────────────────────────────────────────────────────────────


def slots(lab):
    return sorted(t.slot for t in lab.tasks if t.desired <= RUNNING)


def test_slots_are_filled_from_one():
    """§4: lowest free numbers, desired running."""
    lab = Lab(replicated, service(3), memory=restart.Memory())
    lab.plan()
    assert [(t.slot, t.state, t.desired, t.message) for t in lab.tasks] == [
        (i, NEW, RUNNING, "created") for i in (1, 2, 3)
    ]
    assert len({t.id for t in lab.tasks}) == 3 and all(len(t.id) == 25 for t in lab.tasks)


def test_scale_up_takes_the_lowest_free_slots_and_forgets_dead_ones():
    """§4: a dead slot that gets a task keeps its history; those of other dead slots are deleted."""
    objects = [
        task("a", 2),
        task("old1", 1, state=SHUTDOWN, desired=SHUTDOWN),
        task("old9", 9, state=FAILED, desired=SHUTDOWN),
    ]
    lab = Lab(replicated, service(3), *objects, memory=restart.Memory())
    lab.plan()
    assert slots(lab) == [1, 2, 3]
    assert lab.get("old1") and not lab.get("old9")


@pytest.mark.parametrize(("replicas", "gone"), [(6, [7]), (4, [5, 6, 7]), (2, [1, 3, 5, 6, 7])])
def test_scale_down(replicas, gone):
    """§20.8."""
    places = {1: "n1", 2: "n2", 3: "n2", 4: "n3", 5: "n3", 6: "n3", 7: ""}
    states = {1: STARTING, 7: NEW}
    tasks = [task(f"t{slot}", slot, node, states.get(slot, RUNNING)) for slot, node in places.items()]
    lab = Lab(replicated, service(replicas), *tasks, memory=restart.Memory())
    lab.plan()
    assert [t.slot for t in lab.tasks if t.desired == REMOVE] == gone


def test_a_slot_whose_policy_forbids_a_restart_counts_as_filled():
    """§4 case (b), trap 3; a rollback always refills."""
    never = service(2, restart=RestartPolicy("none"))
    ended = task("a", 1, state=COMPLETE, desired=SHUTDOWN, of=never)
    lab = Lab(replicated, never, ended, memory=restart.Memory())
    lab.plan()
    assert slots(lab) == [2]
    lab = Lab(replicated, replace(never, update_status=("rollback_started", "", 0, 0)), ended, memory=restart.Memory())
    lab.plan()
    assert slots(lab) == [1, 2]


# ── restart ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_failed_task_is_replaced_at_once_and_started_after_the_delay():
    """§7: the delay postpones desired running only; trap 1."""
    lab = Lab(restart, service(), node("n1"), task("a", 1, "n1"))
    lab.plan()
    lab.write(replace(lab.get("a"), state=FAILED))
    lab.plan(at=SECOND)
    new = lab.tasks[-1]
    assert lab.get("a").desired == SHUTDOWN and (new.slot, new.desired, new.node) == (1, READY, "")
    assert lab.wake_at == SECOND + DELAY
    assert lab.plan(at=SECOND + DELAY - 1) == []
    lab.plan(at=SECOND + DELAY)
    assert lab.get(new.id).desired == RUNNING and len(lab.tasks) == 2


@pytest.mark.parametrize(
    ("condition", "state", "replaced"),
    [
        ("none", FAILED, False),
        ("on-failure", COMPLETE, False),
        ("on-failure", FAILED, True),
        ("on-failure", ORPHANED, True),
        ("on-failure", SHUTDOWN, True),
        ("any", COMPLETE, True),
    ],
)
def test_conditions(condition, state, replaced):
    """§7."""
    of = service(restart=RestartPolicy(condition))
    lab = Lab(restart, of, node("n1"), task("a", 1, "n1", state, of=of))
    lab.plan()
    assert lab.get("a").desired == SHUTDOWN and len(lab.tasks) == 1 + replaced


def fail_again_and_again(policy, times, gap):
    of = service(restart=policy)
    lab = Lab(restart, of, node("n1"), task("a", 1, "n1", of=of))
    lab.plan()
    for _ in range(times):
        live = [t for t in lab.tasks if t.desired <= RUNNING]
        lab.now += gap
        lab.write(*(replace(t, state=FAILED, status_at=lab.now) for t in live))
        lab.plan()
        lab.plan(at=lab.now + policy.delay)
    return len(lab.tasks) - 1


def test_attempts_are_counted():
    """§7: window 0 counts all; with a window only those inside it."""
    assert fail_again_and_again(RestartPolicy(max_attempts=2, delay=SECOND), 5, SECOND) == 2
    assert fail_again_and_again(RestartPolicy(max_attempts=2, delay=0, window=100 * SECOND), 5, SECOND) == 2
    assert fail_again_and_again(RestartPolicy(max_attempts=2, delay=0, window=5 * SECOND), 5, 4 * SECOND) == 5


def test_a_new_leader_recalls_attempts_and_delays():
    """§4, leader start: history from the tasks of the newest version, what remains of the delay."""
    of = service(restart=RestartPolicy(max_attempts=1))
    old = task("a", 1, "n1", FAILED, SHUTDOWN, of=of)
    lab = Lab(restart, of, node("n1"), old)
    lab.now = 3 * SECOND
    lab.write(task("b", 1, "n1", READY, READY, of=of))
    lab.changed = None
    lab.plan(at=4 * SECOND)
    assert lab.wake_at == 8 * SECOND
    lab.plan(at=8 * SECOND)
    assert lab.get("b").desired == RUNNING
    lab.write(replace(lab.get("b"), state=FAILED))
    lab.plan()
    assert len(lab.tasks) == 2  # its one attempt is used up


@pytest.mark.parametrize(("state", "availability", "moved"), [
    ("down", "active", True), ("ready", "drain", True), ("unknown", "active", False),
    ("disconnected", "active", False), ("ready", "pause", False),
])  # fmt: skip
def test_nodes_that_lose_their_tasks(state, availability, moved):
    """§4: down, drained or deleted; unknown, disconnected and paused nodes keep theirs."""
    lab = Lab(restart, service(), node("n1"), task("a", 1, "n1"))
    lab.plan()
    lab.write(node("n1", state, availability))
    lab.plan()
    assert (lab.get("a").desired == SHUTDOWN, len(lab.tasks)) == (moved, 1 + moved)
    lab.write(node("n1"))
    lab.plan()
    assert len(lab.tasks) == 1 + moved  # nothing moves back


def test_a_drained_node_gives_no_delay_but_the_old_task_is_waited_for():
    """§7, §20.3: until it has stopped, or for a minute."""
    lab = Lab(restart, service(), node("n1"), task("a", 1, "n1"), task("b", 2, "n1"))
    lab.plan()
    lab.write(node("n1", availability="drain"))
    lab.plan(at=SECOND)
    one, two = lab.tasks[-2:]
    assert (one.desired, two.desired) == (READY, READY)
    lab.write(replace(lab.get("a"), state=SHUTDOWN))
    lab.plan(at=3 * SECOND)
    assert lab.get(one.id).desired == RUNNING and lab.get(two.id).desired == READY
    assert lab.wake_at == 61 * SECOND
    lab.plan(at=61 * SECOND)
    assert lab.get(two.id).desired == RUNNING


def test_a_down_node_is_not_waited_for():
    """§20.2: five seconds, then the replacement starts."""
    lab = Lab(restart, service(), node("n1"), task("a", 1, "n1"))
    lab.plan()
    lab.write(node("n1", "down"))
    lab.plan(at=SECOND)
    lab.plan(at=SECOND + DELAY)
    assert lab.tasks[-1].desired == RUNNING


def test_tasks_of_a_removed_service():
    """§4: all desired remove; those a new leader finds are deleted."""
    lab = Lab(restart, service(), task("a", 1), task("b", 2, desired=SHUTDOWN))
    lab.plan()
    lab.write(Drop("service", "s"))
    lab.plan()
    assert [t.desired for t in lab.tasks] == [REMOVE, REMOVE]
    lab.memory, lab.changed = restart.Memory(), None
    lab.plan()
    assert lab.tasks == []


def test_restart_gives_the_same_answer_when_everything_changed():
    """style.md §3."""

    def begin():
        lab = Lab(restart, service(3), node("n1", "down"), *(task(f"t{i}", i, "n1") for i in (1, 2, 3)))
        lab.memory.begun = True
        return lab

    one, other = begin(), begin()
    other.changed = [("node", "n1")]
    assert one.plan() == other.plan()


# ── global ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_global_service_has_a_task_on_every_matching_node():
    """§5: not on drained or down ones; unknown ones are inside; paused ones are left alone."""
    nodes = [
        node("a"),
        node("b", "down"),
        node("c", "unknown"),
        node("d", availability="pause"),
        node("e", availability="drain"),
    ]
    lab = Lab(global_mode, service(mode="global"), *nodes, node("f", zone="x"), memory=restart.Memory())
    lab.plan()
    assert [(t.node, t.slot, t.name) for t in lab.tasks] == [(n, 0, f"web.{n}") for n in "acf"]
    lab.write(service(mode="global", placement=Placement(("node.labels.zone!=x",)), version=1))
    lab.plan()
    assert [t.node for t in lab.tasks if t.desired == SHUTDOWN] == ["f"]


def test_global_tasks_of_a_lost_node_are_not_replaced():
    """§5; transcript 06: a new one only when the node is back."""
    lab = Lab(global_mode, service(mode="global"), node("a"), memory=restart.Memory())
    lab.plan()
    lab.write(node("a", "down"))
    lab.plan()
    assert [t.desired for t in lab.tasks] == [SHUTDOWN]
    lab.write(node("a"))
    lab.plan()
    assert [t.desired for t in lab.tasks] == [SHUTDOWN, RUNNING]
    lab.write(Drop("node", "a"))
    lab.plan()
    assert lab.tasks == []


def test_a_failed_global_task_is_restarted_on_its_node():
    of = service(mode="global")
    lab = Lab(restart, of, node("a"), task("t", 0, "a", FAILED, of=of))
    lab.plan()
    assert [(t.node, t.desired) for t in lab.tasks] == [("a", SHUTDOWN), ("a", READY)]


# ── updater ──────────────────────────────────────────────────────────────────────────────────────────────────────


def rolling(order="stop-first", **update):
    old, new = service(3), service(3, image="nginx:2", version=1, update=UpdateConfig(order=order, **update))
    tasks = [task(f"t{i}", i, "n1", of=old) for i in (1, 2, 3)]
    lab = Lab(updater, node("n1"), new, *tasks, memory=None)
    lab.memory = restart.Memory()
    return lab


def replaced(lab):
    return [t for t in lab.tasks if t.spec_version == 1]


def test_one_slot_at_a_time_and_a_rest_after_each():
    """§8, §20.4: parallelism 1, delay 10 s."""
    lab = rolling(delay=10 * SECOND)
    lab.plan()
    assert lab.store.get("service", "s").update_status[:2] == ("updating", "update in progress")
    [new] = replaced(lab)
    assert (new.slot, new.desired, lab.get("t1").desired, lab.get("t2").desired) == (1, READY, SHUTDOWN, RUNNING)
    assert lab.memory.starts[new.id].old == "t1"  # the restart supervisor starts it when the old one has stopped
    lab.write(replace(new, state=RUNNING, desired=RUNNING))
    assert lab.plan(at=7 * SECOND) == [] and lab.wake_at == 17 * SECOND
    lab.plan(at=17 * SECOND)
    assert [t.slot for t in replaced(lab)] == [1, 2]


def test_start_first_keeps_the_old_task_until_the_new_one_runs():
    """§8."""
    lab = rolling("start-first", parallelism=0)
    lab.plan()
    new = replaced(lab)
    assert [t.desired for t in new] == [RUNNING] * 3 and lab.get("t1").desired == RUNNING
    lab.write(replace(new[0], state=RUNNING), replace(new[1], state=FAILED))
    lab.plan()
    assert [lab.get(id).desired for id in ("t1", "t2", "t3")] == [SHUTDOWN, RUNNING, RUNNING]


def test_the_end_of_an_update():
    """§8: a last watch of `monitor`, or of delay + 1 s where the delay is longer."""
    for delay, watch in ((0, 5 * SECOND), (10 * SECOND, 21 * SECOND)):
        lab = rolling(delay=delay, parallelism=0)
        lab.plan()
        lab.write(*(replace(t, state=RUNNING, desired=RUNNING) for t in replaced(lab)))
        lab.plan()
        while lab.wake_at is not None:
            lab.plan(at=lab.wake_at)
        assert lab.now == watch
        assert lab.store.get("service", "s").update_status == ("completed", "update completed", 0, watch)


def test_a_scale_is_no_update():
    """§8: no dirty slot, no status; service labels and replicas do not count."""
    lab = Lab(updater, replace(service(5, version=3), spec=replace(service(5).spec, labels={"a": "b"})), memory=None)
    lab.write(*(task(f"t{i}", i) for i in (1, 2)))
    lab.memory, lab.changed = restart.Memory(), None
    assert lab.plan() == []


def test_a_node_that_meets_the_new_constraints_keeps_its_task():
    """§4, dirty task."""
    new = service(version=1, placement=Placement(("node.labels.zone==x",)))
    store = Lab(updater, node("n1", zone="x"), node("n2")).store
    assert not updater.is_dirty(store, new, task("a", 1, "n1"))
    assert updater.is_dirty(store, new, task("a", 1, "n2"))


# ── reaper ───────────────────────────────────────────────────────────────────────────────────────────────────────


def history(ended, limit=5, **policy):
    of = service(restart=RestartPolicy(**policy))
    old = [task(f"old{i}", 1, "n1", FAILED, SHUTDOWN, of=of, status_at=i) for i in range(ended)]
    lab = Lab(reaper, Cluster("c", task_history_limit=limit), of, *old)
    lab.plan()
    lab.write(task("live", 1, "n1", of=of, status_at=ended))
    lab.plan()
    assert lab.wake_at == SECOND // 4
    lab.plan(at=lab.wake_at)
    return [t.id for t in lab.tasks]


def test_the_history_limit_counts_the_live_task():
    """§2: one live and four old by default; the oldest go."""
    assert history(7) == ["old3", "old4", "old5", "old6", "live"]
    assert history(7, limit=0) == ["live"] and len(history(7, limit=-1)) == 8


def test_attempts_widen_or_narrow_the_history():
    """§2: max_attempts + 1, whatever the cluster says."""
    assert history(7, max_attempts=2) == ["old5", "old6", "live"]


def test_what_was_to_be_removed_goes_when_it_has_stopped():
    """§2."""
    states = {"a": PENDING, "b": RUNNING, "c": SHUTDOWN, "d": FAILED}
    lab = Lab(
        reaper,
        service(9),
        *(task(id, i, state=state, desired=REMOVE) for i, (id, state) in enumerate(states.items(), 1)),
    )
    lab.plan()
    assert [t.id for t in lab.tasks] == ["b"]


# ── allocator ────────────────────────────────────────────────────────────────────────────────────────────────────

INGRESS = Network("ing", NetworkSpec("ingress", ingress=True))


def networked(id="s", ports=(), networks=("net",), mode="vip"):
    spec = TaskSpec(ContainerSpec("nginx"), networks=tuple(NetworkTarget(network) for network in networks))
    return Service(id, ServiceSpec(f"web-{id}", task=spec, endpoint=EndpointSpec(mode, tuple(ports))))


def fresh(id, of, slot=1, **fields):
    return Task(id, of.id, "web", slot, spec=of.spec.task, **fields)


def test_ingress_first_then_the_lowest_free_subnet():
    """§9: 10.0.0.0/24 is ingress's whatever came first; freed subnets are reused at once, VNIs are not."""
    lab = Lab(allocator, Network("a", NetworkSpec("a")), INGRESS, Network("b", NetworkSpec("b")))
    lab.plan()
    known = {n.id: (n.subnet, n.gateway, n.vni) for n in lab.store.all("network")}
    assert known == {
        "ing": ("10.0.0.0/24", "10.0.0.1", 4096),
        "a": ("10.0.1.0/24", "10.0.1.1", 4097),
        "b": ("10.0.2.0/24", "10.0.2.1", 4098),
    }
    lab.write(Drop("network", "a"), Network("c", NetworkSpec("c")))
    lab.plan()
    c = lab.store.get("network", "c")
    assert (c.subnet, c.vni) == ("10.0.1.0/24", 4099)


def test_a_subnet_that_overlaps_stays_unallocated_until_it_is_free():
    """§9; transcript 14: an id comes back all the same."""
    clash = Network("clash", NetworkSpec("clash", subnets=(("10.0.0.0/16", "", ""),)))
    lab = Lab(allocator, INGRESS)
    lab.plan()
    lab.write(clash)
    assert lab.plan() == [] and lab.wake_at == 300 * SECOND
    lab.write(Drop("network", "ing"))
    lab.plan()
    assert lab.store.get("network", "clash").subnet == "10.0.0.0/16"


def test_a_typical_first_service():
    """§9: virtual IP .2, tasks .3 and .4, then the nodes .5 and .6."""
    of = networked()
    lab = Lab(
        allocator,
        INGRESS,
        Network("net", NetworkSpec("net")),
        node("n1"),
        node("n2"),
        of,
        fresh("a", of),
        fresh("b", of, 2),
    )
    lab.plan()
    assert lab.store.get("service", "s").virtual_ips == (Attachment("net", "10.0.1.2/24"),)
    assert [t.networks for t in lab.tasks] == [(Attachment("net", f"10.0.1.{i}/24"),) for i in (3, 4)]
    assert {(t.state, t.message) for t in lab.tasks} == {(PENDING, "pending task scheduling")}
    lab.write(*(replace(t, node=n, state=192) for t, n in zip(lab.tasks, ("n1", "n2"), strict=True)))
    lab.plan()
    addresses = [[a.address for a in n.attachments] for n in lab.store.all("node")]
    assert addresses == [["10.0.0.2/24", "10.0.1.5/24"], ["10.0.0.3/24", "10.0.1.6/24"]]
    lab.write(replace(lab.get("a"), state=FAILED))
    lab.plan()
    assert [a.address for a in lab.store.get("node", "n1").attachments] == ["10.0.0.2/24"]


def test_addresses_are_serial():
    """§9, trap 10: freed ones are not reused before the wrap."""
    of = networked()
    lab = Lab(allocator, Network("net", NetworkSpec("net")), of, fresh("a", of))
    lab.plan()
    lab.write(replace(lab.get("a"), state=FAILED), fresh("b", of))
    lab.plan()
    assert lab.get("b").networks[0].address == "10.0.1.4/24".replace("10.0.1", "10.0.0")


def test_ingress_comes_first_and_dnsrr_has_no_virtual_ip():
    """§9."""
    published, rr = networked(ports=(PortConfig(80, 8080),)), networked("rr", mode="dnsrr")
    lab = Lab(
        allocator, INGRESS, Network("net", NetworkSpec("net")), published, rr, fresh("a", published), fresh("b", rr)
    )
    lab.plan()
    assert [v.network for v in lab.store.get("service", "s").virtual_ips] == ["ing", "net"]
    assert lab.store.get("service", "rr").virtual_ips == ()
    assert [a.network for a in lab.get("a").networks] == ["ing", "net"]
    assert [a.network for a in lab.get("b").networks] == ["net"]


def test_published_ports():
    """§9; transcript 14: dynamic ones from 30000, sticky; host-mode ones are not given out here."""
    one = networked("c", (PortConfig(80),), ())
    two = networked("d", (PortConfig(443, publish_mode="host"), PortConfig(81, 30001), PortConfig(80)), ())
    lab = Lab(allocator, INGRESS, one, two)
    lab.plan()
    ports = {s.id: [p.published_port for p in s.ports] for s in lab.store.all("service")}
    assert ports == {"c": [30000], "d": [0, 30001, 30002]}
    c = lab.store.get("service", "c")
    lab.write(replace(c, spec=replace(c.spec, labels={"x": "y"})))
    lab.plan()
    assert lab.store.get("service", "c").ports == c.ports


def test_a_port_conflict_keeps_tasks_new_until_the_port_is_free():
    """§9: no error text in the task."""
    first, second = networked("a", (PortConfig(80, 8080),), ()), networked("b", (PortConfig(80, 8080),), ())
    lab = Lab(allocator, INGRESS, first, second, fresh("t", second))
    lab.plan()
    assert not lab.store.get("service", "b").allocated and (lab.get("t").state, lab.get("t").err) == (NEW, "")
    lab.write(Drop("service", "a"))
    lab.plan()
    assert lab.store.get("service", "b").allocated and lab.get("t").state == PENDING


def test_a_full_network_lets_tasks_wait():
    """§9: a /29 has five addresses to give; one more when one is freed."""
    small = Network("net", NetworkSpec("net", subnets=(("10.9.0.0/29", "", ""),)))
    of = networked()
    lab = Lab(allocator, small, of, *(fresh(f"t{i}", of, i) for i in range(6)))
    lab.plan()
    assert [t.state for t in lab.tasks] == [PENDING] * 4 + [NEW] * 2
    lab.write(replace(lab.get("t0"), state=FAILED))
    lab.plan()
    assert [lab.get("t4").state, lab.get("t5").state] == [PENDING, NEW]
    assert lab.get("t4").networks == lab.get("t0").networks


def test_a_new_leader_gives_nothing_out_twice():
    """§9: restored from the objects; a service that has all it needs is left alone."""
    of = networked(ports=(PortConfig(80),))
    lab = Lab(allocator, INGRESS, Network("net", NetworkSpec("net")), node("n1"), of, fresh("a", of))
    lab.plan()
    lab.memory, lab.changed = allocator.Memory(), None
    assert lab.plan() == []
    lab.write(fresh("b", of, 2), networked("other", (PortConfig(80),)))
    lab.plan()
    given = [a.address for t in lab.tasks for a in t.networks]
    given += [v.address for s in lab.store.all("service") for v in s.virtual_ips]
    assert len(given) == len(set(given))
    assert [p.published_port for s in lab.store.all("service") for p in s.ports] == [30000, 30001]


def test_predefined_networks_give_no_addresses():
    bridge = Network("bri", NetworkSpec("bridge", driver="bridge", scope="local"), predefined=True)
    of = networked(networks=("bri",))
    lab = Lab(allocator, bridge, of, fresh("a", of))
    lab.plan()
    assert (lab.get("a").state, lab.get("a").networks, lab.store.get("network", "bri").subnet) == (PENDING, (), "")
