"""Jobs on stores typed by hand: swarm.md §6, and what the recording `15-jobs.txt` shows."""

import pytest
from test_manager_planners import Lab, node, task

from swarmlab.docker.lists import replicas
from swarmlab.effects import SECOND
from swarmlab.manager import api, jobs, restart
from swarmlab.messages import CreateObject, UpdateObject
from swarmlab.objects import (
    COMPLETE,
    FAILED,
    ORPHANED,
    PENDING,
    READY,
    REMOVE,
    RUNNING,
    SHUTDOWN,
    ContainerSpec,
    Drop,
    Placement,
    RestartPolicy,
    Service,
    ServiceSpec,
    TaskSpec,
    replace,
)


def job(total=5, at_a_time=2, mode="replicated-job", iteration=0, version=0, constraints=(), **policy):
    spec = TaskSpec(
        ContainerSpec("alpine"), restart=RestartPolicy(**policy), placement=Placement(constraints=constraints)
    )
    asked = ServiceSpec("j", task=spec, mode=mode, replicas=total, max_concurrent=at_a_time)
    return Service("s", asked, version, job_iteration=iteration)


def of(service, id, slot, node="n1", state=RUNNING, desired=COMPLETE, **fields):
    return task(id, slot, node, state, desired, of=service, job_iteration=fields.pop("iteration", 0), **fields)


class Both:
    """The restart supervisor and the jobs, sharing what they remember, as a leader runs them."""

    Memory = restart.Memory

    @staticmethod
    def plan(store, changed, memory, now):
        first, _ = restart.plan(store, changed, memory, now)
        if first:
            return first, None
        changes, _ = jobs.plan(store, changed, memory, now)
        return changes, memory.alarms[0][0] if memory.alarms else None


def lab(*objects):
    lab = Lab(Both, *objects)
    lab.plan()
    return lab


def live(lab):
    return [(t.slot, t.node, t.desired) for t in lab.tasks if t.desired <= COMPLETE and t.state < COMPLETE]


def finish(lab, *ids, state=COMPLETE):
    lab.write(*(replace(lab.get(id), state=state, status_at=lab.now) for id in ids))
    lab.plan()


def test_slots_of_a_job_begin_at_zero_and_so_many_run_at_a_time():
    """§6: desired complete."""
    assert live(lab(job())) == [(0, "", COMPLETE), (1, "", COMPLETE)]
    assert len(live(lab(job(1, 4)))) == 1


def test_a_completed_slot_is_never_used_again():
    """§6: until every slot has a completed task."""
    one = lab(job(3, 2))
    order = []
    while going := [t for t in one.tasks if t.state < COMPLETE]:
        order.append([t.slot for t in going])
        finish(one, going[0].id)
    assert order == [[0, 1], [1, 2], [2]]
    assert [(t.slot, t.state, t.desired) for t in one.tasks] == [(i, COMPLETE, COMPLETE) for i in (0, 1, 2)]


def test_a_task_in_slot_zero_is_called_after_its_node():
    """§1; recorded: `j.1`, and `j.kvfpl87utlkl7riqbsa5t1tsj` for slot 0."""
    names = [of(job(), "a", slot, "kvfpl87utlkl7riqbsa5t1tsj").name for slot in (0, 1)]
    assert names == ["web.kvfpl87utlkl7riqbsa5t1tsj", "web.1"]


@pytest.mark.parametrize("condition", ["any", "on-failure"])
def test_a_failed_task_is_replaced_in_its_slot_and_a_completed_one_is_not(condition):
    """§6, §7: `any` acts as `on-failure`; desired complete when the delay is over."""
    service = job(2, 2, condition=condition)
    one = lab(service, node("n1"), of(service, "a", 0), of(service, "b", 1))
    finish(one, "a", state=FAILED)
    finish(one, "b")
    new = one.tasks[-1]
    assert len(one.tasks) == 3 and (new.slot, new.desired, new.node, one.get("a").desired) == (0, READY, "", SHUTDOWN)
    one.plan(at=5 * SECOND)
    assert one.get(new.id).desired == COMPLETE


def test_the_condition_none_leaves_a_slot_to_the_next_look():
    """§6: nothing is restarted; a slot whose task has gone counts as free."""
    service = job(2, 1, condition="none")
    one = lab(service, of(service, "a", 0))
    finish(one, "a", state=FAILED)
    assert [t.id for t in one.tasks] == ["a"]
    one.write(one.store.get("service", "s"))
    one.plan()
    assert live(one) == [(0, "", COMPLETE)]


def test_attempts_bound_no_job():
    """§6, recorded: a used-up slot gets a fresh task at the next look, which another task's end brings about."""
    service = job(2, 2, max_attempts=1, delay=SECOND)
    one = lab(service, of(service, "a", 0), of(service, "b", 1))
    finish(one, "a", state=FAILED)
    one.plan(at=SECOND)
    again = one.tasks[-1].id
    finish(one, again, state=FAILED)
    assert one.get(again).desired == SHUTDOWN and [slot for slot, _, _ in live(one)] == [1]  # it stays empty
    finish(one, "b", state=FAILED)
    assert live(one) == [(0, "", COMPLETE), (1, "", READY)]


def test_two_tasks_that_fail_together_are_looked_at_twice():
    """§6, recorded: slots whose attempts are used up go on even if they end in one batch of reports."""
    service = job(2, 2, max_attempts=1)
    old = [of(service, f"old{i}", i, state=FAILED, desired=SHUTDOWN) for i in (0, 1)]
    one = lab(service, *old, of(service, "a", 0), of(service, "b", 1))
    finish(one, "a", "b", state=FAILED)
    assert live(one) == [(0, "", COMPLETE), (1, "", COMPLETE)]


def test_an_update_begins_a_new_iteration():
    """§6: tasks of others are removed, those that have ended are left; scale changes the total only."""
    service = job(5, 2)
    one = lab(service, of(service, "a", 0), of(service, "b", 1, state=COMPLETE))
    one.write(job(6, 2, iteration=1, version=3))
    one.plan()
    assert [one.get(id).desired for id in "ab"] == [REMOVE, COMPLETE]
    assert [(t.slot, t.job_iteration) for t in one.tasks[-2:]] == [(0, 1), (1, 1)]


def test_too_many_running_tasks_make_swarmkit_count_below_nothing():
    """§6: above the total it does nothing at all; otherwise the other number counts."""
    service = job(2, 1)
    busy = [of(service, f"t{i}", i) for i in range(3)]
    one = lab(service, *busy, of(service, "old", 0, iteration=7))
    assert one.get("old").desired == COMPLETE and len(one.tasks) == 4
    service = job(9, 1)
    one = lab(service, *(of(service, f"t{i}", i) for i in range(2)))
    assert len(one.tasks) == 9  # 9 - 2, though only one was to run at a time


def test_tasks_of_a_replicated_job_stay_on_a_node_that_goes():
    """§6: only an orphaned one has failed."""
    service = job(1, 1)
    one = lab(service, node("n1"), of(service, "a", 0))
    one.write(node("n1", "down"))
    one.plan()
    assert one.get("a").desired == COMPLETE and len(one.tasks) == 1
    finish(one, "a", state=ORPHANED)
    assert len(one.tasks) == 2


# ── global jobs ──────────────────────────────────────────────────────────────────────────────────────────────────

NODES = [node("a"), node("b", zone="x"), node("c", "unknown"), node("d", availability="pause"), node("e", "down")]


def test_a_global_job_runs_once_on_every_node_that_takes_part():
    """§6: matching, active and ready."""
    assert live(lab(job(mode="global-job"), *NODES)) == [(0, "a", COMPLETE), (0, "b", COMPLETE)]
    assert live(lab(job(mode="global-job", constraints=("node.labels.zone==x",)), *NODES)) == [(0, "b", COMPLETE)]


def test_a_new_node_triggers_no_global_job():
    """§6: it reacts to the service and to failing tasks."""
    service = job(mode="global-job")
    one = lab(service, node("a"))
    one.write(node("b"))
    one.plan()
    assert [t.node for t in one.tasks] == ["a"]
    finish(one, one.tasks[0].id)
    assert [t.node for t in one.tasks] == ["a", "b"]


def test_a_node_that_has_had_its_task_gets_no_other():
    """§6."""
    service = job(mode="global-job")
    one = lab(service, node("a"), of(service, "t", 0, "a", COMPLETE))
    one.write(one.store.get("service", "s"))
    one.plan()
    assert [t.id for t in one.tasks] == ["t"]


def test_a_failing_global_job_is_restarted_for_ever():
    """§6: the count is looked up without the node, and never found."""
    service = job(mode="global-job", max_attempts=1, delay=0)
    one = lab(service, node("a"))
    for _ in range(4):
        finish(one, one.tasks[-1].id, state=FAILED)
        one.plan()
    assert len(one.tasks) == 5 and {t.node for t in one.tasks} == {"a"}


def test_every_older_task_of_a_global_job_goes():
    """§6, recorded: `service ps` shows the new iteration alone."""
    service = job(mode="global-job")
    one = lab(service, node("a"), of(service, "t", 0, "a", COMPLETE))
    one.write(job(mode="global-job", iteration=1, version=2))
    one.plan()
    assert [(t.desired, t.job_iteration) for t in one.tasks] == [(REMOVE, 0), (COMPLETE, 1)]


@pytest.mark.parametrize("state", [RUNNING, COMPLETE])
def test_global_jobs_on_a_node_that_goes(state):
    """§6: what still runs is shut down at the next look, a new leader shuts down all."""
    service = job(mode="global-job")
    one = lab(service, node("a"), node("b"), of(service, "t", 0, "a", state), of(service, "u", 0, "b"))
    one.write(node("a", availability="drain"))
    one.plan()
    assert one.get("t").desired == COMPLETE
    finish(one, "u", state=FAILED)
    assert one.get("t").desired == (SHUTDOWN if state == RUNNING else COMPLETE)
    one.memory, one.changed = restart.Memory(), None
    one.plan()
    assert one.get("t").desired == SHUTDOWN


# ── around them ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_removed_job_takes_its_tasks_along():
    one = lab(job())
    one.write(Drop("service", "s"))
    one.plan()
    assert {t.desired for t in one.tasks} == {REMOVE}


def test_a_task_that_fails_while_it_waits_for_its_start_is_restarted_after_it():
    """§7: the delay comes first, so that nothing restarts in a tight loop."""
    service = job(1, 1)
    one = lab(service, node("n1"), of(service, "a", 0))
    finish(one, "a", state=FAILED)
    new = one.tasks[-1].id
    finish(one, new, state=FAILED)
    assert len(one.tasks) == 2 and one.get(new).desired == READY
    one.plan(at=5 * SECOND)
    assert len(one.tasks) == 3 and one.get(new).desired == SHUTDOWN and one.tasks[-1].desired == READY


def test_a_job_knows_when_it_was_last_executed():
    """§1: job status; every update and rollback runs it again."""
    store = lab().store
    spec = job().spec
    [put] = api.write(store, CreateObject(spec), _Dice(), 7)
    assert (put.object.last_execution, put.object.job_iteration) == (7, 0)
    store.apply(5, 7, [put])
    id, version = put.object.id, 5
    for now, request in (
        (8, UpdateObject("service", id, version, spec)),
        (9, UpdateObject("service", id, 6, None, True)),
    ):
        [put] = api.write(store, request, _Dice(), now)
        assert (put.object.last_execution, put.object.job_iteration) == (now, now - 7)
        store.apply(store.index + 1, now, [put])


class _Dice:
    def getrandbits(self, k):
        return 1 << k - 1

    def random(self):
        return 0.5


def test_how_a_job_is_listed():
    """Recorded: `1/2 (0/2 completed)`, `0/0 (5/5 completed)`."""
    service = job(5, 2)
    tasks = [of(service, "a", 0, state=COMPLETE), of(service, "b", 1), of(service, "c", 2, state=PENDING)]
    assert replicas(service, tasks) == "1/2 (1/5 completed)"
    assert replicas(job(mode="global-job"), tasks) == "1/2 (1/3 completed)"
