"""The walk-throughs of swarm.md §20, and what must hold whatever happens, with all planners at work."""

import pytest
from control import Control, Nodes, eager
from hypothesis import given, settings
from hypothesis import strategies as st
from test_manager_planners import node, service, task

from swarmlab.effects import SECOND
from swarmlab.manager import enforcer, global_mode, jobs, reaper, replicated, restart, updater
from swarmlab.manager.store import Store
from swarmlab.objects import (
    ACCEPTED,
    COMPLETE,
    FAILED,
    NEW,
    READY,
    REMOVE,
    RUNNING,
    SHUTDOWN,
    STATES,
    ContainerSpec,
    Drop,
    NodeSpec,
    Placement,
    Put,
    RestartPolicy,
    Service,
    ServiceSpec,
    Task,
    TaskSpec,
    UpdateConfig,
    replace,
)

# ── §20 ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def seconds(at):
    return at // SECOND


def test_a_rolling_update_stop_first():
    """§20.4: three replicas, parallelism 1, delay 10 s, healthy after 4 s, stopped after 3 s."""
    nodes = Nodes(start=4 * SECOND, stop=3 * SECOND)
    control = Control(node("n1"), service(3))
    control.run_to(10 * SECOND, nodes)
    begun = control.now
    control.write(service(3, image="nginx:2", version=1, update=UpdateConfig(delay=10 * SECOND)))
    control.settle()
    made, up = {}, {}
    while control.get("service", "s").update_status[0] == "updating":
        control.run_to(control.now + SECOND // 10, nodes)
        for new in control.find(spec_version=1):
            made.setdefault(new.slot, seconds(control.now - begun))
            if new.state == RUNNING:
                up.setdefault(new.slot, seconds(control.now - begun))
        assert len(control.find(desired=RUNNING)) >= 2
    assert list(made.items()) == [(1, 0), (2, 17), (3, 34)] and up == {1: 7, 2: 24, 3: 41}
    assert seconds(control.now - begun) == 62


def test_a_rolling_update_start_first():
    """§20.4: new running first, then old desired shutdown; capacity never falls."""
    nodes = Nodes(start=4 * SECOND, stop=3 * SECOND)
    control = Control(node("n1"), service(3))
    control.run_to(10 * SECOND, nodes)
    control.write(service(3, image="nginx:2", version=1, update=UpdateConfig(order="start-first")))
    control.settle()
    while control.get("service", "s").update_status[0] == "updating":
        control.run_to(control.now + SECOND // 10, nodes)
        assert 3 <= len(control.find(state=RUNNING, desired=RUNNING)) <= 4
    assert {t.spec_version for t in control.find(desired=RUNNING)} == {1}


def test_a_worker_dies():
    """§20.2: replacements at once, ready and prepared; five seconds later they start; the dead ones stay running."""
    control = Control(*(node(f"n{i}") for i in (1, 2, 3)), service(6))
    control.run_to(5 * SECOND, eager)
    lost = control.find(node="n2")
    control.write(node("n2", "down"))
    died = control.now
    control.run_to(died + 4 * SECOND, eager)
    assert [(t.desired, t.state) for t in control.find(node="n2")] == [(SHUTDOWN, RUNNING)] * len(lost)
    assert [t.state for t in control.find(desired=READY)] == [READY] * len(lost)
    control.run_to(died + 6 * SECOND, eager)
    assert len(control.find(state=RUNNING)) == 6 + len(lost)  # `service ls` says 8/6
    before = [(t.id, t.node) for t in control.find(desired=RUNNING)]
    control.write(node("n2"))
    control.run_to(control.now + 5 * SECOND, eager)
    assert [(t.id, t.node) for t in control.find(desired=RUNNING)] == before  # nothing moves back
    assert len(control.find(state=RUNNING)) == 6


def test_a_node_is_drained():
    """§20.3: all tasks together; each replacement starts when its old task has stopped."""
    nodes = Nodes(stop=2 * SECOND)
    control = Control(node("n1"), node("n2"), service(6))
    control.run_to(5 * SECOND, nodes)
    control.write(node("n1", availability="drain"))
    control.settle()
    assert len(control.find(node="n1", desired=SHUTDOWN)) == 3 == len(control.find(desired=READY))
    control.run_to(7 * SECOND, nodes)
    assert len(control.find(desired=READY)) == 3
    control.run_to(8 * SECOND, nodes)
    assert len(control.find(node="n2", state=RUNNING)) == 6


def test_the_only_node_is_drained():
    """§20.3: replacements stay pending, and say why."""
    control = Control(node("n1"), service(1))
    control.run_to(5 * SECOND, eager)
    control.write(node("n1", availability="drain"))
    control.run_to(10 * SECOND, eager)
    [new] = control.find(desired=RUNNING)
    assert new.err == "no suitable node (1 node not available for new tasks)"


# ── whatever happens ─────────────────────────────────────────────────────────────────────────────────────────────

IDS = ("a", "b", "c")
MODES = {"a": "replicated", "b": "global", "c": "replicated-job"}
SCRIPTS = st.lists(
    st.tuples(
        st.sampled_from("scale image order remove node label fail wait wait wait".split()), *[st.integers(0, 9)] * 2
    ),
    max_size=25,
)


def asked(id, n, image=0, order="stop-first", version=0, iteration=0):
    spec = TaskSpec(ContainerSpec(f"nginx:{image}"), restart=RestartPolicy(delay=(n % 3) * SECOND))
    action, ratio = ("rollback", "pause", "continue")[n % 3], (n % 5) / 8
    update = UpdateConfig(parallelism=n % 3, order=order, delay=(n % 2) * SECOND, failure_action=action)
    update = replace(update, max_failure_ratio=ratio)
    job = {"max_concurrent": max(1, n // 2)}
    wanted = ServiceSpec(id, task=spec, mode=MODES[id], replicas=n, update=update, rollback=update, **job)
    return Service(id, wanted, version, job_iteration=iteration)


def act(control, verb, x, y):
    """One thing that a person or fate may do."""
    id, machine = IDS[x % 3], f"n{x % 3}"
    known = control.get("service", id)
    match verb:
        case "scale" | "image" | "order":
            renew(control, id, known, y if verb == "scale" else None, verb, y)
        case "remove" if known:
            control.write(Drop("service", id))
        case "node":
            state = ("ready", "ready", "down", "unknown")[y % 4]
            availability = ("active", "active", "pause", "drain")[(y // 2) % 4]
            control.write(node(machine, state, availability))
        case "label":
            old = control.get("node", machine)
            control.write(replace(old, spec=replace(old.spec, labels={"zone": str(y)})))
        case "fail":
            control.write(*eager(control, fails=(x, y, x + y)))
        case "wait":
            control.now += y * SECOND
            control.settle()
            control.write(*eager(control))


def renew(control, id, known, replicas, verb, y):
    n = known.spec.replicas if known and replicas is None else replicas or 3
    image = known.spec.task.container.image.partition(":")[2] if known else "0"
    order = "start-first" if verb == "order" and y % 2 else "stop-first"
    version, iteration = (known.version, known.job_iteration + 1) if known else (0, 0)
    new = asked(id, n, y if verb == "image" else image, order, version, iteration)
    control.write(replace(new, previous_spec=known.spec) if known else new)


def at_rest(control):
    """Nodes and people are quiet for a while, but for updates that are paused: somebody lets them go on."""
    for id in ("n0", "n1", "n2"):
        control.write(node(id))
    for _ in range(150):
        control.settle()
        updates = control.turns.memories["restarts"].updates.values()
        stopped = [control.get("service", update.service.id) for update in updates if update.stopped]
        control.write(*(replace(known, update_status=None) for known in stopped))
        control.settle()
        control.write(*eager(control))
        control.now += SECOND
    control.settle()


def begin(twins=False):
    return Control(node("n0"), node("n1"), node("n2"), asked("a", 3), asked("b", 1), asked("c", 3), twins=twins)


@settings(max_examples=60, deadline=None)
@given(SCRIPTS)
def test_at_rest_every_service_is_as_it_was_asked_for(script):
    """§4, §5, §6: one task per slot or node, up to date and running; a job is complete. States only grow on the way."""
    control = begin()
    for verb, x, y in script:
        act(control, verb, x, y)
        control.settle()
    at_rest(control)
    for known in control.store.all("service"):
        tasks = control.find(service=known.id, desired=RUNNING)
        if known.spec.mode == "replicated":
            assert len({t.slot for t in tasks}) == len(tasks) == known.spec.replicas
            live = [ts for ts in control.store.slots(known.id).values() if restart.fillers(known, ts, restart.Memory())]
            assert len(live) == known.spec.replicas
        elif known.spec.mode == "global":
            assert sorted(t.node for t in tasks) == ["n0", "n1", "n2"]
        else:
            done = control.find(service=known.id, state=COMPLETE, job_iteration=known.job_iteration)
            assert sorted(t.slot for t in done) == list(range(known.spec.replicas))
        assert {t.state for t in tasks} <= {RUNNING} and all(t.spec == known.spec.task for t in tasks)
    assert {t.service for t in control.tasks} <= {s.id for s in control.store.all("service")}


@settings(max_examples=40, deadline=None)
@given(SCRIPTS)
def test_told_that_everything_changed_a_planner_proposes_the_same(script):
    """Given the same memory; style of planners, and what a new leader relies on."""
    control = begin(twins=True)
    for verb, x, y in script:
        act(control, verb, x, y)
        control.settle()


def test_the_laws_catch_a_planted_bug(monkeypatch):
    """A planner that overlooks nodes, one that wants a task more than before, one that leaves slots empty."""

    def play(*script, twins=False):
        control = begin(twins)
        for verb, x, y in script:
            act(control, verb, x, y)
            control.settle()

    down = [("wait", 0, 1), ("wait", 0, 1), ("node", 1, 2)]
    play(*down, twins=True)
    with monkeypatch.context() as bug:
        tasks_alone = restart._touched
        keys = lambda changed: changed if changed is None else [key for key in changed if key[0] == "task"]  # noqa: E731
        bug.setattr(restart, "_touched", lambda store, changed: tasks_alone(store, keys(changed)))
        with pytest.raises(AssertionError, match="restart"):
            play(*down, twins=True)
    with monkeypatch.context() as bug:
        bug.setattr(updater, "shut_down", lambda tasks: [Put(replace(task, desired=READY)) for task in tasks])
        with pytest.raises(AssertionError):
            play(*down[:2], ("image", 0, 5))
    with monkeypatch.context() as bug:
        bug.setattr(replicated, "_free_slots", lambda live, missing: [1])
        with pytest.raises(AssertionError):
            test_at_rest_every_service_is_as_it_was_asked_for.hypothesis.inner_test([])


def made(make, *strategies):
    """What `make` builds of one value of each; `st.builds` would invent values for all other fields."""
    return st.tuples(*strategies).map(lambda values: make(*values))


def _spec(image, condition, delay, attempts, window, constraints):
    policy = RestartPolicy(condition, delay * SECOND, attempts, window * SECOND)
    return TaskSpec(ContainerSpec(image), restart=policy, placement=Placement(constraints))


def _service(id, spec, mode, replicas, at_a_time, update, version, iteration, status):
    wanted = ServiceSpec(id, task=spec, mode=mode, replicas=replicas, max_concurrent=at_a_time, update=update)
    return Service(id, wanted, version, job_iteration=iteration, update_status=(status, "", 0, 0) if status else None)


def _task(id, service, slot, node, spec, version, state, at, desired, iteration):
    where = Task(id, service, "web", slot, node, spec, version, state=state, desired=desired)
    return replace(where, status_at=at * SECOND, job_iteration=iteration)


def _node(id, state, availability, labels):
    return replace(node(id, state), spec=NodeSpec(labels, availability=availability))


SPECS = made(
    _spec,
    st.sampled_from("xy"),
    st.sampled_from(["none", "any", "on-failure"]),
    st.integers(0, 9),
    st.integers(0, 2),
    st.sampled_from([0, 5]),
    st.sampled_from([(), ("node.labels.zone==1",)]),
)
UPDATE = made(
    lambda n, delay, order: UpdateConfig(n, delay * SECOND, order=order),
    st.integers(0, 2),
    st.integers(0, 9),
    st.sampled_from(["stop-first", "start-first"]),
)
SERVICES = made(
    _service,
    st.sampled_from("abcd"),
    SPECS,
    st.sampled_from(["replicated", "global", "replicated-job", "global-job"]),
    st.integers(0, 4),
    st.integers(0, 3),
    UPDATE,
    st.integers(0, 2),
    st.integers(0, 1),
    st.sampled_from(["", "updating", "rollback_started", "paused", "completed"]),
)
TASKS = made(
    _task,
    st.integers(0, 30).map(str),
    st.sampled_from("abcde"),
    st.integers(0, 5),
    st.sampled_from(["", "n1", "n2", "gone"]),
    SPECS,
    st.integers(0, 2),
    st.sampled_from([state for state in STATES if state != REMOVE]),
    st.integers(0, 20),
    st.sampled_from([READY, RUNNING, COMPLETE, SHUTDOWN, REMOVE]),
    st.integers(0, 1),
)
MACHINES = st.tuples(
    *(
        made(
            _node,
            st.just(id),
            st.sampled_from(["ready", "down", "unknown"]),
            st.sampled_from(["active", "pause", "drain"]),
            st.sampled_from([{}, {"zone": "1"}]),
        )
        for id in ("n1", "n2")
    )
)
KEYS = st.lists(
    st.one_of(
        st.tuples(st.just("task"), st.integers(0, 32).map(str)),
        st.tuples(st.just("service"), st.sampled_from("abcdef")),
        st.tuples(st.just("node"), st.sampled_from(["n1", "n2", "gone"])),
    ),
    max_size=6,
    unique=True,
)


@settings(max_examples=120, deadline=None)
@given(
    st.lists(SERVICES, max_size=4, unique_by=lambda one: one.id),
    st.lists(TASKS, max_size=12, unique_by=lambda one: one.id),
    MACHINES,
    KEYS,
)
def test_no_store_makes_a_planner_raise_or_want_a_task_more_than_before(services, tasks, machines, keys):
    """Also one that no swarm would come to."""
    store, memory, history = Store(), restart.Memory(), reaper.Memory()
    store.apply(1, 0, [Put(one) for one in (*services, *tasks, *machines)])
    for changed in (None, keys, None, keys):
        for planner in (enforcer, restart, replicated, global_mode, jobs, updater, reaper):
            changes, _ = planner.plan(store, changed, history if planner is reaper else memory, store.index * SECOND)
            puts = [change.object for change in changes if isinstance(change, Put) and isinstance(change.object, Task)]
            assert len({one.id for one in puts}) == len(puts)
            for new in puts:
                old = store.get("task", new.id)
                assert old is None or (new.desired >= old.desired and new.state >= old.state)
            store.apply(store.index + 1, store.index * SECOND, changes)


# ── how much is looked at ────────────────────────────────────────────────────────────────────────────────────────


class Shy(Store):
    """Does not let anybody look at all tasks of a service, or at all objects of a kind."""

    def tasks_of(self, service):
        raise AssertionError("all tasks of a service")

    def all(self, kind):
        raise AssertionError(f"all of kind {kind}")


def test_what_happens_to_a_task_is_no_reason_to_look_at_all_others():
    """Work follows the change, not the size of the service."""
    store = Store()
    new = service(30, image="nginx:2", version=1, update=UpdateConfig(0))
    tasks = [task(f"t{i}", i, "n1") for i in range(1, 31)]
    store.apply(1, 0, [Put(one) for one in (node("n1"), new, *tasks)])
    memory, history = restart.Memory(), reaper.Memory()
    planners = {
        restart: memory,
        replicated: memory,
        global_mode: memory,
        jobs: memory,
        updater: memory,
        reaper: history,
    }
    for planner, its in planners.items():
        store.apply(store.index + 1, 0, planner.plan(store, None, its, 0)[0])
    store.__class__ = Shy
    mine = [one for one in store.tables["task"].values() if one.spec_version == 1]
    assert len(mine) == 30
    for at, state in enumerate((ACCEPTED, RUNNING, FAILED), 1):
        keys = store.apply(store.index + 1, 0, [Put(replace(one, state=state, desired=RUNNING)) for one in mine])
        for planner, its in planners.items():
            planner.plan(store, keys, its, at)
    assert store.get("task", mine[0].id).state == FAILED != NEW
