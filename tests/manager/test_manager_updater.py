"""Failures in a rolling update, and what follows them: swarm.md §8, rule by rule."""

import pytest
from control import Control, Nodes
from test_manager_orchestrators import Group, again, changed, lab, status
from test_manager_planners import node, service, task

from swarmlab import events
from swarmlab.effects import SECOND
from swarmlab.manager import replicated, restart, updater
from swarmlab.objects import (
    COMPLETE,
    FAILED,
    REJECTED,
    RUNNING,
    SHUTDOWN,
    Drop,
    RestartPolicy,
    UpdateConfig,
    replace,
)


class Team(Group):
    """Each planner is told all that changed since it last looked, as by a leader."""

    def __init__(self):
        super().__init__(restart, replicated, updater)
        self.news = {planner: {} for planner in self.planners}

    def plan(self, store, changed, memory, now):
        for planner, news in self.news.items():
            self.news[planner] = None if None in (changed, news) else {**news, **dict.fromkeys(changed)}
        for planner in self.planners:
            changes, wake_at = planner.plan(store, self.news[planner], memory, now)
            self.news[planner] = {}
            if changes:
                return changes, None
        return [], min([*(alarm for alarm, _ in memory.alarms[:1]), *([wake_at] if wake_at else [])], default=None)


PAUSED = "update paused due to failure or early termination of task "
ROLLED_BACK = "update rolled back due to failure or early termination of task "


def begun(replicas=3, previous=True, rollback=None, state=None, **update):
    """Slots with an old task in each, and an update (or, with `state`, a rollback) that has just begun."""
    old, policy = service(replicas), UpdateConfig(**update)
    new = service(replicas, image="nginx:2", version=1, update=policy)
    if rollback is not None:
        new = replace(new, spec=replace(new.spec, rollback=UpdateConfig(**rollback)))
    if state:
        new = replace(new, update_status=(state, "", 0, 0))
    one = lab(Team(), node("n1"), old, *(task(f"t{i}", i, "n1", of=old) for i in range(1, replicas + 1)))
    again(one, replace(new, previous_spec=old.spec if previous else None))
    return one


def seen(lab):
    return lab.store.get("service", "s")


def message(lab):
    return seen(lab).update_status[1]


def newest(lab, slot):
    return [t for t in lab.tasks if t.slot == slot][-1]


def made(lab):
    """Slots with a task of the new version, in order."""
    return sorted({t.slot for t in lab.tasks if t.spec_version == 1})


def stop_old(lab, slot):
    changed(lab, f"t{slot}", state=SHUTDOWN)


def run(lab, slot):
    """The old one stops, the new one runs; its id."""
    stop_old(lab, slot)
    new = newest(lab, slot)
    changed(lab, new.id, state=RUNNING, node="n1")
    return new.id


def end(lab, id, state=FAILED, at=None):
    lab.now = lab.now if at is None else at
    changed(lab, id, state=state, status_at=lab.now)


# ── what counts ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("state", [COMPLETE, SHUTDOWN, FAILED, REJECTED])
def test_a_new_task_that_ends_before_it_ran_counts_even_with_0(state):
    one = begun()
    stop_old(one, 1)
    end(one, newest(one, 1).id, state, at=10**9)
    assert status(one) == "paused" and made(one) == [1]


@pytest.mark.parametrize(("after", "state"), [(5 * SECOND, "paused"), (5 * SECOND + 1, "updating")])
def test_a_new_task_counts_if_it_fails_within_monitor_after_it_ran(after, state):
    one = begun(delay=10 * SECOND)
    id = run(one, 1)
    end(one, id, at=one.now + after)
    assert status(one) == state


def test_a_task_that_waits_for_the_old_one_to_stop_counts_when_it_is_rejected():
    """The worker still waits for the old one; whoever hands out slots does not."""
    one = begun()
    end(one, newest(one, 1).id, REJECTED)
    assert status(one) == "paused" and one.get("t1").state == RUNNING


def test_a_task_counts_once():
    """Also if it is written again."""
    one = begun(max_failure_ratio=0.5)
    id = run(one, 1)
    end(one, id)
    changed(one, id, exit_code=1)
    assert one.memory.updates["s"].failures == 1 and status(one) == "updating"


def test_restarted_successors_do_not_count():
    one = begun(max_failure_ratio=0.5, delay=60 * SECOND)
    end(one, run(one, 1))
    one.plan(at=6 * SECOND)
    for _ in range(3):
        successor = newest(one, 1)
        changed(one, successor.id, state=RUNNING, node="n1", desired=RUNNING)
        end(one, successor.id, at=one.now + SECOND)
        one.plan(at=one.now + 6 * SECOND)
    assert one.memory.updates["s"].failures == 1 and status(one) == "updating"


def test_old_tasks_do_not_count():
    one = begun()
    end(one, "t3")
    end(one, "t1")
    assert status(one) == "updating"


def test_a_task_that_was_up_to_date_already_does_not_count():
    """It is kept, not made by the updater."""
    new = service(2, version=1, image="nginx:2", update=UpdateConfig(delay=SECOND))
    tasks = [task("clean", 1, "n1", of=new), task("twin", 1, "n1"), task("old", 2, "n1")]
    one = lab(Team(), node("n1"), new, *tasks)
    end(one, "clean")
    assert status(one) == "updating"


def test_nothing_is_watched_with_continue():
    one = begun(failure_action="continue")
    for slot in (1, 2, 3):
        end(one, run(one, slot))
    one.plan(at=one.wake_at)
    one.plan(at=10 * SECOND)
    assert status(one) == "completed"
    assert not [fact for fact in one.memory.told if isinstance(fact, events.FailureCounted)]


# ── when it is read ──────────────────────────────────────────────────────────────────────────────────────────────


def test_nobody_reads_while_the_last_slots_are_worked_on():
    """The failure is read when the last watch begins; the time that counts is then."""
    one = begun(2, parallelism=2)
    first, second = newest(one, 1).id, newest(one, 2).id
    stop_old(one, 1)
    stop_old(one, 2)
    changed(one, first, state=RUNNING)
    end(one, first, at=SECOND)
    assert status(one) == "updating" and one.memory.updates["s"].failures == 0
    one.now = 4 * SECOND
    changed(one, second, state=RUNNING)
    assert status(one) == "paused" and message(one) == PAUSED + first


def test_a_failure_that_is_read_too_late_does_not_count():
    """It failed one second after its start, and is looked at six seconds after it."""
    one = begun(2, parallelism=2)
    first, second = newest(one, 1).id, newest(one, 2).id
    stop_old(one, 1)
    stop_old(one, 2)
    changed(one, first, state=RUNNING)
    end(one, first, at=SECOND)
    one.now = 6 * SECOND
    changed(one, second, state=RUNNING)
    one.plan(at=11 * SECOND)
    assert status(one) == "completed"


@pytest.mark.parametrize(
    ("delay", "fails", "state"),
    [(0, 5, "paused"), (3, 6, "completed"), (5, 6, "paused"), (10, 11, "paused"), (10, 12, "completed")],
)
def test_the_window_of_the_last_watch_is_the_delay_and_a_second_if_the_delay_is_not_shorter(delay, fails, state):
    """monitor 5 s; the failure is read at the time at which it is reported, or when the last rest is over."""
    one = begun(1, delay=delay * SECOND)
    id = run(one, 1)
    if delay:
        one.plan(at=one.now + delay * SECOND)
    end(one, id, at=fails * SECOND)
    one.plan(at=60 * SECOND)
    assert status(one) == state


@pytest.mark.parametrize(("delay", "ends"), [(0, 5), (4, 9), (5, 11), (10, 21)])
def test_the_last_watch_lasts_monitor_or_delay_and_a_second(delay, ends):
    """After the rest of the last worker."""
    one = begun(1, delay=delay * SECOND)
    run(one, 1)
    while status(one) == "updating":
        one.plan(at=one.wake_at)
    assert one.now == ends * SECOND


@pytest.mark.parametrize("state", [None, "rollback_started"])
def test_a_monitor_of_zero_is_the_usual_one(state):
    """moby leaves it out of what SwarmKit gets to see, which then takes 5 s; in both blocks."""
    one = begun(1, state=state, monitor=0, rollback={"monitor": 0})
    end(one, run(one, 1), at=5 * SECOND)
    assert "paused" in status(one)


def test_a_task_that_never_ran_is_no_exception():
    """As in SwarmKit, which notes when its worker was done with it: at 1 s, and nobody reads before 7 s."""
    one = begun(2, parallelism=2)
    first, second = newest(one, 1).id, newest(one, 2).id
    stop_old(one, 1)
    stop_old(one, 2)
    end(one, first, REJECTED, at=SECOND)
    one.now = 7 * SECOND
    changed(one, second, state=RUNNING)
    one.plan(at=12 * SECOND)
    assert status(one) == "completed"


def test_a_worker_waits_for_the_start_of_a_task_that_has_already_been_rejected():
    """The next slot is taken when the old task has stopped."""
    one = begun(failure_action="continue")
    end(one, newest(one, 1).id, REJECTED)
    assert made(one) == [1]
    stop_old(one, 1)
    assert made(one) == [1, 2]


# ── how many are too many ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("ratio", "slots", "failures"), [(0, 4, 1), (0.25, 4, 2), (0.26, 4, 2), (0.5, 4, 3), (1, 4, None)]
)
def test_the_ratio_is_strict_and_of_dirty_slots(ratio, slots, failures):
    """Failures / slots > ratio. With 1 nothing is too much."""
    one = begun(slots, max_failure_ratio=ratio, delay=SECOND)
    for slot in range(1, slots + 1):
        end(one, run(one, slot))
        if status(one) != "updating":
            break
        one.plan(at=one.now + SECOND)
    one.plan(at=one.now + 5 * SECOND)
    assert (slot, status(one)) == ((failures, "paused") if failures else (4, "completed"))


def test_slots_that_are_up_to_date_do_not_soften_the_ratio():
    """Two of four are dirty: one failure is a half."""
    new = service(4, version=1, image="nginx:2", update=UpdateConfig(delay=SECOND, max_failure_ratio=0.4))
    clean = [task(f"c{i}", i, "n1", of=new) for i in (1, 2)]
    one = lab(Team(), node("n1"), new, *clean, task("t3", 3, "n1"), task("t4", 4, "n1"))
    end(one, run(one, 3))
    assert status(one) == "paused"


# ── pause ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_pause_names_the_task_and_keeps_when_it_started():
    one = begun(delay=SECOND)
    id = run(one, 1)
    end(one, id)
    assert seen(one).update_status == ("paused", PAUSED + id, 0, 0)
    assert made(one) == [1] and seen(one).spec.task.container.image == "nginx:2"


def test_of_several_failures_at_once_the_one_that_was_made_first_is_named():
    """SwarmKit takes them as they come."""
    one = begun(3, parallelism=2)
    first, second = newest(one, 1), newest(one, 2)
    one.write(*(replace(new, state=REJECTED) for new in (second, first)))
    one.plan()
    assert message(one) == PAUSED + first.id


def test_workers_bring_to_an_end_what_they_are_at_when_it_is_paused():
    """With start-first the old task still goes when the new one runs; no other slot is taken."""
    one = begun(3, order="start-first", parallelism=2)
    first, second = newest(one, 1).id, newest(one, 2).id
    end(one, first)
    assert status(one) == "paused" and one.get("t2").desired == RUNNING
    changed(one, second, state=RUNNING, node="n1")
    one.plan(at=60 * SECOND)
    assert one.get("t2").desired == SHUTDOWN and made(one) == [1, 2] and status(one) == "paused"


def test_while_paused_whatever_fails_is_restarted_with_the_new_spec():
    one = begun(delay=SECOND)
    end(one, run(one, 1))
    end(one, "t3")
    assert newest(one, 3).spec_version == 1 and status(one) == "paused"


@pytest.mark.parametrize("what", ["nothing", "a label", "the image"])
def test_any_service_update_clears_the_status_and_resumes(what):
    """What the workers are at does not matter. A new leader finds the same."""
    one = begun(delay=SECOND)
    end(one, run(one, 1))
    known = seen(one)
    spec = known.spec
    if what == "a label":
        spec = replace(spec, labels={"a": "b"})
    if what == "the image":
        container = replace(spec.task.container, image="nginx:3")
        spec = replace(spec, task=replace(spec.task, container=container))
    again(one, replace(known, spec=spec, spec_version=5, update_status=None))
    dirty = 1 if what == "the image" else 2  # of the version between nothing is up to date
    assert status(one) == "updating" and newest(one, dirty).spec_version == 5


def test_a_new_leader_leaves_a_paused_update_alone():
    one = begun(delay=SECOND)
    end(one, run(one, 1))
    one.memory, one.changed = restart.Memory(), None
    one.plan(at=60 * SECOND)
    assert status(one) == "paused" and made(one) == [1]


@pytest.mark.parametrize("action", ["pause", "rollback"])
def test_an_update_whose_status_was_cleared_by_one_that_changes_nothing_is_paused_all_the_same(action):
    """SwarmKit would stop it without a word. What would be rolled back to is what fails."""
    one = begun(delay=SECOND, failure_action=action)
    again(one, replace(seen(one), previous_spec=seen(one).spec, update_status=None))
    one.now = SECOND
    id = run(one, 1)
    end(one, id)
    assert seen(one).update_status == ("paused", PAUSED + id, SECOND, 0)


@pytest.mark.parametrize("state", [None, "rollback_started"])
def test_a_rollback_to_the_same_spec_resumes_a_paused_one_too(state):
    """§3: spec and previous spec were equal. Whatever was paused, a rollback goes on with its own block."""
    one = begun(delay=SECOND, state=state, rollback={"delay": SECOND})
    end(one, run(one, 1))
    assert "paused" in status(one)
    again(one, replace(seen(one), update_status=("rollback_started", "manually requested rollback", 0, 0)))
    update = one.memory.updates["s"]
    assert (update.rolls_back, update.slots, update.stopped) == (True, 2, False) and made(one) == [1, 2]


# ── rollback ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_automatic_rollback_uses_up_the_previous_spec():
    one = begun(failure_action="rollback")
    id = run(one, 1)
    one.now = SECOND
    end(one, id)
    now = seen(one)
    assert now.update_status == ("rollback_started", ROLLED_BACK + id, 0, 0)
    assert (now.spec.task.container.image, now.spec_version) == ("nginx:1", 0)
    assert (now.previous_spec, now.previous_spec_version) == (None, 0)
    assert newest(one, 1).spec_version == 0  # what failed is replaced at once, without the restart's delay


def test_a_rollback_uses_its_own_block():
    """Parallelism 2 and a monitor of 1 s, in place of the update's 1 and 5 s."""
    rollback = {"parallelism": 2, "monitor": SECOND}
    one = begun(3, state="rollback_started", rollback=rollback, parallelism=1)
    assert made(one) == [1, 2]
    id = run(one, 1)
    end(one, id, at=one.now + SECOND + 1)
    assert status(one) == "rollback_started"


def test_a_rollback_that_fails_pauses_in_the_words_of_an_update():
    one = begun(3, state="rollback_started")
    id = run(one, 1)
    end(one, id)
    assert (status(one), message(one)) == ("rollback_paused", PAUSED + id)


def test_a_rollback_is_never_rolled_back():
    """Action rollback in a rollback is a pause with words of its own; it lasts."""
    one = begun(3, state="rollback_started", rollback={"failure_action": "rollback"})
    id = run(one, 1)
    end(one, id)
    words = f"rollback paused due to failure or early termination of task {id}"
    assert (status(one), message(one)) == ("rollback_paused", words)
    one.plan(at=60 * SECOND)
    assert status(one) == "rollback_paused" and seen(one).spec.task.container.image == "nginx:2"


def test_without_a_previous_spec_nothing_is_stored():
    one = begun(previous=False, failure_action="rollback", delay=SECOND)
    before = seen(one).version
    end(one, run(one, 1))
    one.plan(at=60 * SECOND)
    assert seen(one).version == before and status(one) == "updating" and made(one) == [1]
    [told] = [fact for fact in one.memory.told if isinstance(fact, events.UpdateStopped)]
    assert told.reason == "cannot roll back service because no previous spec is available"


def test_a_rollback_fills_also_slots_whose_attempts_are_used_up():
    """§4: case (b) of live slots does not apply then."""
    never, policy = RestartPolicy("none"), UpdateConfig(delay=SECOND, failure_action="rollback")
    old = service(2, restart=never)
    new = service(2, image="nginx:2", version=1, restart=never, update=policy)
    one = lab(Team(), node("n1"), old, task("t1", 1, "n1", of=old), task("t2", 2, "n1", of=old))
    again(one, replace(new, previous_spec=old.spec))
    end(one, run(one, 1))
    assert newest(one, 1).spec == old.spec.task and newest(one, 1).desired <= RUNNING


# ── global services ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_global_service_counts_in_the_same_way():
    """Its places are nodes: two of two are dirty, and the first new task that fails is a half."""
    policy = UpdateConfig(delay=SECOND, max_failure_ratio=0.4)
    old, new = (service(mode="global", image=f"nginx:{n}", version=n - 1, update=policy) for n in (1, 2))
    tasks = [task("a", 0, "n1", of=old), task("b", 0, "n2", of=old)]
    one = lab(Team(), node("n1"), node("n2"), old, *tasks)
    again(one, new)
    changed(one, "a", state=SHUTDOWN)
    first = one.tasks[-1]
    assert (first.node, first.spec_version) == ("n1", 1)
    changed(one, first.id, state=RUNNING)
    end(one, first.id)
    assert message(one) == PAUSED + first.id and one.get("b").desired == RUNNING


# ── a new leader in the middle ───────────────────────────────────────────────────────────────────────────────────


def lead_anew(lab):
    lab.memory, lab.changed = restart.Memory(), None
    lab.plan()


def test_a_new_leader_forgets_failures_and_takes_what_is_still_dirty():
    """§20.5. The ratio is then of what is left."""
    one = begun(4, max_failure_ratio=0.3, delay=SECOND)
    end(one, run(one, 1))
    one.plan(at=SECOND)
    run(one, 2)
    lead_anew(one)
    update = one.memory.updates["s"]
    assert (status(one), update.failures, update.slots) == ("updating", 0, 2) and made(one) == [1, 2, 3]


def test_what_the_last_leader_made_is_watched_no_more():
    """Its slot is up to date: whatever becomes of that task counts for nothing."""
    one = begun(3, delay=SECOND)
    id = run(one, 1)
    lead_anew(one)
    end(one, id)
    assert status(one) == "updating"


def test_the_monitor_time_is_over_with_the_leader_if_nothing_is_dirty_any_more():
    one = begun(1)
    run(one, 1)
    assert status(one) == "updating"
    lead_anew(one)
    assert status(one) == "completed"


def test_a_new_leader_goes_on_with_a_rollback_by_its_own_block():
    one = begun(4, state="rollback_started", rollback={"parallelism": 1})
    run(one, 1)
    one.write(replace(seen(one), spec=replace(seen(one).spec, rollback=UpdateConfig(parallelism=0))))
    lead_anew(one)
    assert made(one) == [1, 2, 3, 4] and status(one) == "rollback_started"


# ── what is told ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_trace_is_told_the_story_of_an_update():
    one = begun(2, delay=SECOND, max_failure_ratio=0.5)
    first = run(one, 1)
    end(one, first)
    one.plan(at=SECOND)
    second = run(one, 2)
    one.plan(at=2 * SECOND)
    end(one, second)
    assert one.memory.told == [
        events.UpdateBegun("s", 1, ("1", "2"), 1, False),
        events.SlotTaken("s", "1", first),
        events.RestBegan("s", "1", SECOND),
        events.FailureCounted("s", first, 1, 2, 0.5),
        events.SlotTaken("s", "2", second),
        events.RestBegan("s", "2", 2 * SECOND),
        events.LastWatchBegan("s", 7 * SECOND),
        events.FailureCounted("s", second, 2, 2, 0.5),
        events.UpdateStopped("s", second, PAUSED + second),
    ]


def test_a_service_that_goes_takes_its_update_along():
    one = begun()
    run(one, 1)
    again(one, Drop("service", "s"))
    assert one.memory.updates == {} == one.memory.updating


# ── §20.4 ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_example_three_slots_of_three_seconds_and_a_delay_of_ten():
    """§8: 3 · (3 + 10) + 11 = 50 s."""
    control = Control(node("n1"), service(3))
    nodes = Nodes(start=2 * SECOND, stop=SECOND)
    control.run_to(10 * SECOND, nodes)
    begun = control.now
    control.write(service(3, image="nginx:2", version=1, update=UpdateConfig(delay=10 * SECOND)))
    control.settle()
    while control.get("service", "s").update_status[0] == "updating":
        control.run_to(control.now + SECOND // 10, nodes)
    assert (control.now - begun) // SECOND == 50
