"""Orchestrators, restart supervisor, updater and reaper rule by rule: swarm.md §2, §4, §5, §7, §8."""

import pytest
from test_manager_planners import Lab, node, rolling, service, slots, task

from swarmlab.effects import MS, SECOND
from swarmlab.manager import global_mode, reaper, replicated, restart, updater
from swarmlab.objects import (
    ASSIGNED,
    COMPLETE,
    FAILED,
    NEW,
    ORPHANED,
    PENDING,
    READY,
    REJECTED,
    REMOVE,
    RUNNING,
    SHUTDOWN,
    STARTING,
    Cluster,
    ContainerSpec,
    Drop,
    EndpointSpec,
    LogDriver,
    Placement,
    PortConfig,
    RestartPolicy,
    UpdateConfig,
    replace,
)


class Group:
    """Some planners that share what they remember, run in turn as a leader does."""

    Memory = restart.Memory

    def __init__(self, *planners):
        self.planners = planners

    def plan(self, store, changed, memory, now):
        for planner in self.planners:
            changes, wake_at = planner.plan(store, changed, memory, now)
            if changes:
                return changes, None
        return [], min([*(alarm for alarm, _ in memory.alarms[:1]), *([wake_at] if wake_at else [])], default=None)


UPDATES = Group(restart, replicated, updater)


def lab(planner, *objects):
    lab = Lab(planner, *objects)
    if not isinstance(lab.memory, restart.Memory) and planner is not reaper:
        lab.memory = restart.Memory()
    lab.plan()
    return lab


def changed(lab, id, **fields):
    """The task as reported, or as somebody wanted it; then everybody looks."""
    lab.write(replace(lab.get(id), **fields))
    return lab.plan()


def again(lab, of):
    lab.write(of)
    return lab.plan()


def desires(lab, *ids):
    return [lab.get(id).desired for id in ids]


# ── §4 replicated ────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_a_new_task_is_made_of():
    """§4: new, `created`, desired running, spec and log driver of the service as it is now."""
    of = service(1, version=9)
    spec = replace(of.spec.task, log_driver=LogDriver("syslog"))
    of = replace(of, spec=replace(of.spec, task=spec, endpoint=EndpointSpec(ports=(PortConfig(80),))))
    [new] = lab(replicated, of).tasks
    assert (new.state, new.message, new.desired, new.spec, new.spec_version) == (NEW, "created", RUNNING, spec, 9)
    assert (new.log_driver, new.endpoint, new.node, new.job_iteration) == (LogDriver("syslog"), of.spec.endpoint, "", 0)


def test_surplus_tasks_are_to_be_removed_not_shut_down():
    """§4, trap 2: and what is already stopping stays as it was."""
    one = lab(replicated, service(1), task("a", 1, "n1"), task("b", 2, "n1"), task("c", 3, "n1", desired=SHUTDOWN))
    assert desires(one, "a", "b") == [RUNNING, REMOVE]


def test_doubled_slots_and_those_without_a_node_go_first():
    """§4: before surplus copies."""
    tasks = [task("a", 1, "n1"), task("b", 1, "n2"), task("c", 2, "", NEW), task("d", 3, "n3"), task("e", 4, "n3")]
    one = lab(replicated, service(2), *tasks)
    assert [t.id for t in one.tasks if t.desired == REMOVE] == ["a", "b", "c"]


def test_then_surplus_copies_on_the_fullest_node_then_what_does_not_run():
    """§4: a task that does not run counts last on its node."""
    tasks = [task("a", 1, "n1", STARTING), task("b", 2, "n1"), task("c", 3, "n1"), task("d", 4, "n2", STARTING)]
    gone = [[t.id for t in lab(replicated, service(n), *tasks).tasks if t.desired == REMOVE] for n in (3, 2, 1)]
    assert gone == [["a"], ["a", "c"], ["a", "c", "d"]]


@pytest.mark.parametrize("replicas", [1, 2])
def test_tasks_of_dead_slots_are_deleted(replicas):
    """§4: with as many slots as asked for, or too many."""
    dead = task("dead", 7, "n1", FAILED, SHUTDOWN)
    one = lab(replicated, service(replicas), task("a", 1, "n1"), task("b", 2, "n1"), dead)
    assert one.get("dead") is None


def test_a_slot_whose_attempts_are_used_up_stays_filled_until_the_service_changes():
    """§4 (b), §7, trap 3."""
    of = service(1, restart=RestartPolicy(max_attempts=1, delay=0))
    one = lab(Group(restart, replicated), of, node("n1"), task("a", 1, "n1", of=of))
    changed(one, "a", state=FAILED)
    new = one.tasks[-1].id
    changed(one, new, state=FAILED)
    again(one, one.store.get("service", "s"))
    assert [t.id for t in one.tasks] == ["a", new] and desires(one, "a", new) == [SHUTDOWN, SHUTDOWN]


def test_a_new_version_of_the_service_may_try_again():
    """§7: attempts are counted per spec version."""
    of = service(1, restart=RestartPolicy(max_attempts=1, delay=0))
    one = lab(restart, of, node("n1"), task("a", 1, "n1", of=of))
    changed(one, "a", state=FAILED)
    one.write(replace(of, spec_version=5))
    changed(one, one.tasks[-1].id, state=FAILED)  # of the old version: used up
    assert len(one.tasks) == 2
    one.write(task("c", 1, "n1", of=replace(of, spec_version=5)))
    changed(one, "c", state=FAILED)
    assert len(one.tasks) == 4


def test_a_live_task_that_is_deleted_comes_back_in_its_slot():
    """§4; one that was to go does not."""
    one = lab(replicated, service(2), task("a", 1, "n1"), task("b", 2, "n1"))
    again(one, Drop("task", "a"))
    assert slots(one) == [1, 2]
    changed(one, "b", desired=SHUTDOWN)
    again(one, Drop("task", "b"))
    assert slots(one) == [1]


def test_nothing_moves_to_a_node_that_comes_back():
    """§4, trap 4: no rebalancing, ever."""
    one = lab(UPDATES, service(4), *(task(f"t{i}", i, "n1") for i in (1, 2, 3, 4)), node("n1"), node("n2", "down"))
    assert again(one, node("n2")) == []


# ── §4 dirty tasks ───────────────────────────────────────────────────────────────────────────────────────────────


def of_version(spec_version, **parts):
    """The service with parts of its task, or of itself, changed."""
    of = service(3, version=spec_version)
    endpoint = parts.pop("endpoint", of.spec.endpoint)
    whole = {key: parts.pop(key) for key in ("labels", "replicas", "update", "rollback") if key in parts}
    return replace(of, spec=replace(of.spec, task=replace(of.spec.task, **parts), endpoint=endpoint, **whole))


@pytest.mark.parametrize(
    ("parts", "dirty"),
    [
        ({}, False),
        ({"replicas": 9, "labels": {"a": "b"}, "update": UpdateConfig(0), "rollback": UpdateConfig(0)}, False),
        ({"container": ContainerSpec("nginx:1", labels={"a": "b"})}, True),
        ({"container": ContainerSpec("nginx:1", env=("A=1",))}, True),
        ({"restart": RestartPolicy("none")}, True),
        ({"force_update": 1}, True),
        ({"endpoint": EndpointSpec(ports=(PortConfig(80),))}, True),
        ({"placement": Placement(("node.role==worker",))}, False),
        ({"placement": Placement(("node.role==manager",))}, True),
        ({"placement": Placement(preferences=("node.labels.zone",))}, False),
        ({"placement": Placement(("node.role==worker",)), "force_update": 1}, True),
    ],
)
def test_what_makes_a_task_dirty(parts, dirty):
    """§4: the task and its ports do; replicas, labels of the service and the update blocks do not."""
    one = lab(updater, node("n1"), task("a", 1, "n1"))
    assert updater.is_dirty(one.store, of_version(1, **parts), one.get("a")) == dirty
    assert not updater.is_dirty(one.store, of_version(0, **parts), one.get("a"))  # the same version


# ── §5 global ────────────────────────────────────────────────────────────────────────────────────────────────────

GLOBAL = service(mode="global")


def everywhere(*objects, planner=global_mode):
    return lab(planner, GLOBAL, *objects)


def test_global_tasks_beside_the_matching_nodes_are_shut_down():
    """§5, on a service event: mismatching, drained, down or gone nodes."""
    nodes = [node("a"), node("b", availability="drain"), node("c", "down"), node("d", zone="x")]
    tasks = [task(f"t{n}", 0, n, of=GLOBAL) for n in "abcde"]
    one = Lab(global_mode, *nodes, *tasks)
    one.memory = restart.Memory()
    again(one, service(mode="global", placement=Placement(("node.labels.zone!=x",))))
    assert desires(one, *(f"t{n}" for n in "abcde")) == [RUNNING] + [SHUTDOWN] * 4


def test_a_paused_node_is_left_alone():
    """§5, trap 5: its task is neither stopped nor updated, and none is added."""
    one = everywhere(node("a", availability="pause"), task("t", 0, "a", of=GLOBAL), planner=Group(global_mode, updater))
    again(one, service(mode="global", image="nginx:2", version=1))
    assert [(t.id, t.desired) for t in one.tasks] == [("t", RUNNING)]


@pytest.mark.parametrize("availability", ["active", "pause", "drain"])
def test_global_tasks_end_with_their_node(availability):
    """§5: a node that is down loses them and gets none instead, also when it is paused."""
    one = everywhere(node("a", availability=availability), task("t", 0, "a", of=GLOBAL))
    again(one, node("a", "down", availability=availability))
    assert desires(one, "t") == [SHUTDOWN] and len(one.tasks) == 1


def test_a_node_that_becomes_active_gets_what_changed_meanwhile_at_once():
    """§5: added, or replaced without the rolling parameters and without a status."""
    one = everywhere(node("a", availability="pause"), task("t", 0, "a", of=GLOBAL), planner=Group(global_mode, updater))
    again(one, service(mode="global", image="nginx:2", version=1, update=UpdateConfig(delay=SECOND)))
    again(one, node("a"))
    assert [(t.desired, t.spec.container.image) for t in one.tasks] == [(SHUTDOWN, "nginx:1"), (RUNNING, "nginx:2")]
    assert one.store.get("service", "s").update_status is None


def test_a_label_that_goes_is_the_enforcers_business():
    """§5."""
    of = service(mode="global", placement=Placement(("node.labels.zone==x",)))
    one = lab(global_mode, of, node("a", zone="x"), task("t", 0, "a", of=of))
    assert again(one, node("a")) == []


@pytest.mark.parametrize("field", [{"availability": "pause"}, {"zone": "y"}])
def test_a_failed_global_task_on_a_paused_or_mismatching_node_is_not_restarted(field):
    """§5: desired shutdown."""
    of = service(mode="global", placement=Placement(("node.labels.zone!=y",)))
    one = lab(restart, of, node("a", **field), task("t", 0, "a", of=of))
    changed(one, "t", state=FAILED)
    assert [(t.id, t.desired) for t in one.tasks] == [("t", SHUTDOWN)]


def test_with_condition_none_the_dead_task_fills_the_node():
    """§5: after down and ready no new one appears, until the spec changes."""
    of = service(mode="global", restart=RestartPolicy("none"))
    one = lab(Group(restart, global_mode, updater), of, node("a"), task("t", 0, "a", of=of))
    changed(one, "t", state=COMPLETE)
    again(one, node("a", "down"))
    again(one, node("a"))
    assert [(t.id, t.desired) for t in one.tasks] == [("t", SHUTDOWN)]
    again(one, service(mode="global", restart=RestartPolicy("none"), image="nginx:2", version=1))
    assert len(one.tasks) == 2 and one.tasks[-1].node == "a"


def test_a_deleted_global_task_comes_back_with_the_next_event():
    """§5."""
    one = everywhere(node("a"))
    assert again(one, Drop("task", one.tasks[0].id)) == []
    again(one, node("a"))
    assert len(one.tasks) == 1


def test_of_two_tasks_on_a_node_one_that_is_up_to_date_stays():
    """§5, on a node event."""
    one = everywhere(node("a", availability="pause"), task("t", 0, "a", of=GLOBAL), task("u", 0, "a", of=GLOBAL))
    again(one, node("a"))
    assert desires(one, "t", "u") == [RUNNING, SHUTDOWN]


# ── §7 restart ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_restart_uses_the_spec_of_the_service_as_it_is_now():
    """§7, §8: also while an update is paused."""
    one = lab(restart, service(version=4, image="nginx:2"), node("n1"), task("a", 1, "n1"))
    changed(one, "a", state=FAILED)
    assert (one.tasks[-1].spec.container.image, one.tasks[-1].spec_version) == ("nginx:2", 4)


def test_a_task_that_ends_in_its_own_delay_is_restarted_after_it():
    """§7: so that a missing image does not make a tight loop."""
    one = lab(restart, service(), node("n1"), task("a", 1, "n1"))
    changed(one, "a", state=FAILED)
    new = one.tasks[-1].id
    assert changed(one, new, state=REJECTED, node="n1") == [] and one.get(new).desired == READY
    one.plan(at=5 * SECOND)
    assert one.get(new).desired == SHUTDOWN and len(one.tasks) == 3


def test_delay_and_wait_run_in_sequence_and_the_minute_counts_from_the_beginning():
    """§7: the old task still stops when the delay is over."""
    one = lab(restart, service(), node("n1"), task("a", 1, "n1"), task("new", 1, "", READY, READY))
    one.memory.starts.clear()  # as if it had just been made, instead of found
    restart.start_later(one.store, one.get("new"), one.get("a"), 20 * SECOND, one.memory, 0)
    one.plan(at=20 * SECOND)
    assert one.get("new").desired == READY and one.wake_at == 60 * SECOND
    one.plan(at=60 * SECOND)
    assert one.get("new").desired == RUNNING


@pytest.mark.parametrize("event", ["stops", "node down", "node gone", "task gone"])
def test_what_ends_the_wait_for_the_old_task(event):
    """§7, §20.3."""
    one = lab(restart, service(), node("n1"), task("a", 1, "n1"))
    again(one, node("n1", availability="drain"))
    new = one.tasks[-1].id
    assert one.plan(at=30 * SECOND) == []
    stopped = replace(one.get("a"), state=SHUTDOWN)
    gone = {"node down": node("n1", "down"), "node gone": Drop("node", "n1"), "task gone": Drop("task", "a")}
    again(one, gone.get(event, stopped))
    assert one.get(new).desired == RUNNING


def test_a_task_that_never_got_a_node_is_waited_for_too():
    """§7: until the scheduler has seen that it is wanted no more."""
    one = lab(UPDATES, service(1), task("a", 1, "", PENDING))
    again(one, service(1, image="nginx:2", version=1))
    new = one.tasks[-1]
    assert (new.desired, one.get("a").desired) == (READY, SHUTDOWN)
    changed(one, "a", state=SHUTDOWN)
    assert one.get(new.id).desired == RUNNING


def test_without_a_delay_the_replacement_starts_as_soon_as_it_is_written():
    """§7."""
    of = service(restart=RestartPolicy(delay=0))
    one = lab(restart, of, node("n1"), task("a", 1, "n1", of=of))
    changed(one, "a", state=FAILED)
    assert [t.desired for t in one.tasks] == [SHUTDOWN, RUNNING]


def test_a_start_comes_to_nothing_if_the_task_is_wanted_no_more():
    """§7: desired has moved beyond meanwhile."""
    one = lab(restart, service(), node("n1"), task("a", 1, "n1"))
    changed(one, "a", state=FAILED)
    new = one.tasks[-1].id
    changed(one, new, desired=REMOVE)
    assert one.plan(at=5 * SECOND) == [] and one.get(new).desired == REMOVE


def _with(memory, times):
    memory.history["s"] = {1: (0, times)}
    return memory


@pytest.mark.parametrize(
    ("times", "at", "allowed"),
    [([], 20, True), ([11, 12], 20, False), ([10, 12], 20, True), ([12, 20], 20, True), ([12, 21], 20, True)],
)
def test_the_edges_of_the_window(times, at, allowed):
    """§7: restarts at or before T - window are dropped, only those before T count. T is the manager's time."""
    of = service(restart=RestartPolicy(max_attempts=2, window=10 * SECOND))
    memory = _with(restart.Memory(), [time * SECOND for time in times])
    assert restart.may_restart(of, task("a", 1, state=FAILED, of=of, heard_at=at * SECOND), memory) == allowed


def test_the_delay_is_that_of_the_task_that_ended():
    """§7: not that of the version that takes its place. A paused node is no drained one."""
    old, new = (service(1, restart=RestartPolicy(delay=n * SECOND), version=n) for n in (3, 9))
    one = lab(restart, new, node("n1", availability="pause"), task("a", 1, "n1", of=old))
    changed(one, "a", state=FAILED)
    assert one.memory.starts[one.tasks[-1].id].due == 3 * SECOND


def test_the_clock_of_the_node_does_not_matter_for_the_window():
    """§7: T is when the manager heard of the failure, and the slot's history goes by it too."""
    of = service(restart=RestartPolicy(max_attempts=1, window=10 * SECOND))
    one = lab(restart, of, node("n1"), task("a", 1, "n1", of=of))
    one.now = 5 * SECOND
    changed(one, "a", state=FAILED, status_at=900 * SECOND)
    second = one.tasks[-1].id
    one.now = 7 * SECOND
    changed(one, second, state=FAILED, status_at=950 * SECOND)
    assert len(one.tasks) == 2


def test_no_limit_keeps_no_history():
    """§7: max_attempts 0."""
    one = lab(restart, service(), node("n1"), task("a", 1, "n1"))
    changed(one, "a", state=FAILED)
    assert one.memory.history == {}


# ── §4 a new leader ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_new_leader_restarts_what_ended_and_what_lost_its_node():
    """§4."""
    tasks = [task("a", 1, "n1", FAILED), task("b", 2, "n2"), task("c", 3, "n3"), task("d", 4, "n4")]
    one = lab(restart, service(4), *tasks, node("n1"), node("n2", "down"), node("n3", "unknown"))
    assert desires(one, "a", "b", "c", "d") == [SHUTDOWN, SHUTDOWN, RUNNING, SHUTDOWN]


def test_a_new_leader_starts_at_once_what_has_waited_long_enough():
    """§4: counted from when the managers wrote the state down, and never longer than the delay."""
    ages = {"old": -9 * SECOND, "young": -2 * SECOND, "ahead": 100 * SECOND}
    one = Lab(restart, service(3))
    for slot, (id, at) in enumerate(ages.items()):
        one.now = at
        one.write(task(id, slot, "", READY, READY))
    one.changed = None
    one.plan(at=0)
    assert desires(one, "old", "young", "ahead") == [RUNNING, READY, READY]
    assert sorted(start.due for start in one.memory.starts.values()) == [3 * SECOND, 5 * SECOND]


def test_history_is_recalled_from_the_newest_version_in_each_slot():
    """§4: all but the first of that version, by creation."""
    of = service(restart=RestartPolicy(max_attempts=9), version=1)
    one = Lab(restart, of)
    for at, (version, slot) in enumerate([(0, 1), (0, 1), (1, 1), (1, 1), (1, 1), (0, 2), (0, 2)]):
        one.now = at
        one.write(task(f"t{at}", slot, "n1", FAILED, SHUTDOWN, of=replace(of, spec_version=version)))
    one.changed = None
    one.plan()
    assert one.memory.history == {"s": {1: (1, [3, 4]), 2: (0, [6])}}


# ── §8 updater ───────────────────────────────────────────────────────────────────────────────────────────────────


def status(lab):
    return (lab.store.get("service", "s").update_status or ("none",))[0]


def run_new(lab, at=None):
    """Old tasks stop, new ones run; how many came up."""
    lab.now = lab.now if at is None else at
    stopping = [t for t in lab.tasks if t.desired == SHUTDOWN and t.state <= RUNNING]
    lab.write(*(replace(t, state=SHUTDOWN) for t in stopping))
    lab.plan()
    coming = [t for t in lab.tasks if t.desired == RUNNING and t.state < RUNNING]
    lab.write(*(replace(t, state=RUNNING, node="n1") for t in coming))
    lab.plan()
    return len(coming)


def test_parallelism_zero_takes_all_at_once():
    """§8."""
    one = rolling(parallelism=0)
    one.plan()
    assert len([t for t in one.tasks if t.spec_version == 1]) == 3


def test_workers_are_independent():
    """§8: no lockstep; each goes on when its own task is up and its own rest is over."""
    one = rolling(parallelism=2, delay=10 * SECOND)
    one.plan()
    first, second = (t for t in one.tasks if t.spec_version == 1)
    changed(one, first.id, state=RUNNING, desired=RUNNING)
    one.plan(at=10 * SECOND)
    assert [t.slot for t in one.tasks if t.spec_version == 1] == [1, 2, 3]
    assert one.get(second.id).state == NEW


def test_the_slots_are_found_when_the_update_begins():
    """§8: a slot that the restart supervisor renewed meanwhile is left as it is, after the rest."""
    one = lab(UPDATES, node("n1"), service(2), *(task(f"t{i}", i, "n1") for i in (1, 2)))
    again(one, service(2, image="nginx:2", version=1, update=UpdateConfig(delay=SECOND)))
    changed(one, "t2", state=FAILED)
    while one.wake_at is not None:
        run_new(one)
        one.plan(at=one.wake_at)
    assert status(one) == "completed"
    assert [t.slot for t in one.tasks if t.spec_version == 1] == [1, 2]


def test_the_update_waits_for_a_task_that_stays_pending():
    """§8: there is no timeout."""
    one = lab(UPDATES, node("n1"), service(2), *(task(f"t{i}", i, "n1") for i in (1, 2)))
    again(one, service(2, image="nginx:2", version=1))
    changed(one, "t1", state=SHUTDOWN)
    one.plan(at=10**12)
    assert status(one) == "updating" and [t.slot for t in one.tasks if t.spec_version == 1] == [1]


def test_a_new_task_that_fails_sets_its_worker_free_too():
    """§8: with `continue` failures are not watched."""
    one = rolling(parallelism=1, failure_action="continue")
    one.plan()
    changed(one, one.tasks[-1].id, state=FAILED, desired=SHUTDOWN)
    assert [t.slot for t in one.tasks if t.spec_version == 1] == [1, 2]


def test_a_slot_with_two_tasks_is_dirty_and_a_clean_one_stays():
    """§8: one that shall run rather than one that waits."""
    new = service(1, version=1, image="nginx:2")
    tasks = [task("ready", 1, "n1", READY, READY, of=new), task("run", 1, "n1", of=new), task("old", 1, "n1")]
    one = lab(updater, node("n1"), new, *tasks)
    assert desires(one, "ready", "run", "old") == [SHUTDOWN, RUNNING, SHUTDOWN] and len(one.tasks) == 3
    assert status(one) == "updating"


def test_a_clean_task_that_waits_is_started_when_the_old_one_has_stopped():
    """§8: its own restart delay is given up."""
    new = service(1, version=1, image="nginx:2")
    one = lab(UPDATES, node("n1"), new, task("old", 1, "n1"), task("new", 1, "n1", READY, READY, of=new))
    assert desires(one, "old", "new") == [SHUTDOWN, READY]
    changed(one, "old", state=SHUTDOWN)
    assert desires(one, "new") == [RUNNING] and len(one.tasks) == 2
    one.plan(at=5 * SECOND)
    assert status(one) == "completed"


def test_a_dead_task_that_fills_its_slot_is_replaced_when_it_is_out_of_date():
    """§4 (b), §8."""
    never = RestartPolicy("none")
    dead = task("dead", 1, "n1", COMPLETE, SHUTDOWN, of=service(1, restart=never))
    one = lab(UPDATES, node("n1"), service(1, restart=never), dead)
    assert len(one.tasks) == 1
    again(one, service(1, restart=never, image="nginx:2", version=1))
    assert [(t.slot, t.desired) for t in one.tasks] == [(1, SHUTDOWN), (1, RUNNING)]


@pytest.mark.parametrize("state", ["paused", "rollback_paused"])
def test_a_paused_update_does_nothing(state):
    """§8; scaling goes on."""
    paused = service(3, image="nginx:2", version=1, update_status=(state, "", 0, 0))
    one = lab(UPDATES, node("n1"), paused, task("a", 1, "n1"), task("b", 2, "n1"))
    assert desires(one, "a", "b") == [RUNNING, RUNNING] and slots(one) == [1, 2, 3]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("none", "none"),
        ("updating", "completed"),
        ("rollback_started", "rollback_completed"),
        ("completed", "completed"),
    ],
)
def test_without_a_dirty_slot(before, after):
    """§8: an update under way is completed at once, else no status is set."""
    given = None if before == "none" else (before, "", 1, 0)
    one = lab(updater, node("n1"), service(1, update_status=given), task("a", 1, "n1"))
    assert status(one) == after
    if before != after:
        assert one.store.get("service", "s").update_status[2:] == (1, 0)


def test_an_equal_spec_leaves_the_update_alone_and_another_one_starts_it_anew():
    """§8: tasks of the version between are dirty again."""
    one = rolling(delay=10 * SECOND)
    one.plan()
    running = one.memory.updates["s"]
    now = one.store.get("service", "s")
    again(one, replace(now, update_status=None, spec_version=7))
    assert one.memory.updates["s"] is running and status(one) == "none"
    third = replace(now.spec, task=replace(now.spec.task, force_update=1))
    again(one, replace(now, spec=third, spec_version=8, update_status=None))
    assert one.memory.updates["s"] is not running and status(one) == "updating"
    assert [t.spec_version for t in one.tasks if t.slot == 1] == [0, 1, 8]


def test_a_rollback_uses_the_rollback_block():
    """§8."""
    of = of_version(1, force_update=1, update=UpdateConfig(1), rollback=UpdateConfig(0))
    one = lab(updater, node("n1"), *(task(f"t{i}", i, "n1") for i in (1, 2, 3)))
    again(one, replace(of, update_status=("rollback_started", "manually requested rollback", 0, 0)))
    assert len([t for t in one.tasks if t.spec_version == 1]) == 3
    run = [replace(t, state=RUNNING, desired=RUNNING) for t in one.tasks if t.spec_version == 1]
    one.write(*run)
    one.plan()
    one.plan(at=one.wake_at)
    assert status(one) == "rollback_completed"


def test_start_first_keeps_the_old_task_if_the_new_one_fails():
    """§8."""
    one = lab(UPDATES, node("n1"), service(1), task("a", 1, "n1"))
    again(one, service(1, image="nginx:2", version=1, update=UpdateConfig(order="start-first")))
    changed(one, one.tasks[-1].id, state=FAILED, node="n1")
    assert one.get("a").desired == RUNNING


def test_jobs_have_no_updater():
    """§6, §8."""
    jobs = service(1, mode="replicated-job", image="nginx:2", version=1)
    one = lab(updater, node("n1"), jobs, task("a", 0, "n1"))
    assert one.get("a").desired == RUNNING and status(one) == "none"


def test_a_removed_service_ends_its_update():
    one = rolling()
    one.plan()
    again(one, Drop("service", "s"))
    assert one.memory.updates == {} == one.memory.updating and one.wake_at is None


# ── §2 reaper ────────────────────────────────────────────────────────────────────────────────────────────────────


def ended(n, slot=1):
    return [task(f"old{i}", slot, "n1", FAILED, SHUTDOWN, status_at=i) for i in range(n)]


def test_a_lower_limit_counts_when_the_next_task_is_made():
    """§2: a slot is examined after a task was created in it, recorded in 09-restart-health.txt."""
    one = lab(reaper, Cluster("c"), service(), *ended(4), task("live", 1, "n1"))
    again(one, Cluster("c", task_history_limit=2))
    changed(one, "live", state=FAILED, desired=SHUTDOWN, status_at=5)
    one.plan(at=SECOND)
    assert len(one.tasks) == 5
    again(one, task("new", 1, "", NEW, READY, status_at=6))
    one.plan(at=2 * SECOND)
    assert [t.id for t in one.tasks] == ["live", "new"]


def test_a_quarter_of_a_second_after_the_first_event_or_at_once_if_there_are_many():
    """§2."""
    one = lab(reaper, service(), *(task(f"t{i}", i, "n1") for i in range(1002)))
    one.now = SECOND
    changed(one, "t1", state=SHUTDOWN, desired=REMOVE)
    one.now += 100 * MS
    changed(one, "t2", state=SHUTDOWN, desired=REMOVE)
    assert one.wake_at == SECOND + 250 * MS and len(one.tasks) == 1002
    one.plan(at=one.wake_at)
    assert len(one.tasks) == 1000 and one.wake_at is None
    one.write(*(replace(t, state=SHUTDOWN, desired=REMOVE) for t in one.tasks))
    one.plan()
    assert len(one.tasks) == 1000  # not more than 1000
    one.write(task("one more", 2000, desired=REMOVE, state=NEW))
    one.plan()
    assert one.tasks == []


def test_a_new_leader_deletes_what_was_to_be_removed_at_once():
    """§2: and leaves full slots as they are."""
    gone = task("gone", 2, "n1", SHUTDOWN, REMOVE)
    one = lab(reaper, Cluster("c"), service(), *ended(9), gone)
    assert len(one.tasks) == 9 and one.get("gone") is None


def test_a_slot_with_two_live_tasks_is_looked_at_again():
    """§2: the old one of two may end later."""
    one = lab(reaper, Cluster("c", task_history_limit=1), service(), task("a", 1, "n1", desired=SHUTDOWN))
    again(one, task("b", 1, "n1"))
    one.plan(at=SECOND)
    assert len(one.tasks) == 2 and one.wake_at is None  # it does not look again by itself
    changed(one, "a", state=SHUTDOWN)
    one.plan(at=2 * SECOND)
    assert [t.id for t in one.tasks] == ["b"]


@pytest.mark.parametrize(
    ("state", "desired", "goes"),
    [(FAILED, SHUTDOWN, True), (PENDING, SHUTDOWN, True), (ASSIGNED, SHUTDOWN, False), (RUNNING, SHUTDOWN, False)],
)
def test_what_history_may_be_deleted(state, desired, goes):
    """§2: observed > running, or observed < assigned with desired > running."""
    one = lab(reaper, Cluster("c", task_history_limit=1), service(), task("a", 1, "n1", state, desired))
    again(one, task("b", 1, "n1", status_at=1))
    one.plan(at=SECOND)
    assert (one.get("a") is None) == goes


@pytest.mark.parametrize("mode", ["replicated-job", "global-job"])
def test_the_history_of_jobs_is_not_limited(mode):
    """§2."""
    one = lab(reaper, Cluster("c", task_history_limit=1), service(mode=mode), *ended(5, slot=0))
    again(one, task("b", 0, "n1", status_at=9))
    one.plan(at=SECOND)
    assert len(one.tasks) == 6


def test_orphans_without_a_service_go():
    """§2."""
    one = lab(reaper, service(), replace(task("a", 0, "n1"), service=""), task("b", 1, "n1", ORPHANED, SHUTDOWN))
    changed(one, "a", state=ORPHANED)
    one.plan(at=SECOND)
    assert [t.id for t in one.tasks] == ["b"]
