"""Slots in which an update and restarts meet: what was found when the update began may be gone when a worker comes."""

import pytest
from test_manager_orchestrators import changed, lab, status
from test_manager_planners import node, service, task
from test_manager_updater import Team, end, newest, run

from swarmlab.effects import SECOND
from swarmlab.manager import restart
from swarmlab.manager.store import Store
from swarmlab.objects import COMPLETE, FAILED, READY, RUNNING, SHUTDOWN, Put, RestartPolicy, UpdateConfig, replace


def doubled():
    """Slot 1 has an old task, slot 2 an old one and beside it one of the new version that waits for its start."""
    new = service(2, version=1, image="nginx:2", update=UpdateConfig())
    clean = task("clean", 2, "n1", of=new, state=READY, desired=READY)
    return lab(Team(), node("n1"), new, task("t1", 1, "n1"), task("t2", 2, "n1"), clean)


def test_the_new_task_of_a_doubled_slot_starts_when_the_old_one_has_stopped():
    """§8: the clean task stays. Its restart delay does not matter any more."""
    one = doubled()
    run(one, 1)
    assert (one.get("t2").desired, one.get("clean").desired) == (SHUTDOWN, READY)
    changed(one, "t2", state=SHUTDOWN)
    assert one.get("clean").desired == RUNNING


def test_an_update_does_not_wait_for_a_task_that_was_replaced_before_its_worker_came():
    """It was found ready when the update began, failed, and has a successor since."""
    one = doubled()
    end(one, "clean")
    one.plan(at=5 * SECOND)
    assert one.get("clean").desired == SHUTDOWN and newest(one, 2).desired == READY
    run(one, 1)
    assert one.get("t2").desired == SHUTDOWN
    one.plan(at=60 * SECOND)
    assert status(one) == "completed"


def test_a_task_keeps_its_restart_delay_if_nothing_beside_it_is_left_to_stop():
    """The old one had failed and was replaced before the worker came: SwarmKit calls that failed, and goes on."""
    one = doubled()
    end(one, "t2", at=SECOND)
    run(one, 1)
    one.plan(at=2 * SECOND)
    assert one.get("clean").desired == READY
    one.plan(at=5 * SECOND)
    assert one.get("clean").desired == RUNNING


def test_the_window_of_a_new_version_forgets_no_restart_of_the_old_one():
    """§7: attempts are counted per version. With start-first both share a slot."""
    once, always = RestartPolicy(max_attempts=1), RestartPolicy(window=SECOND)
    old, new = service(1, restart=once), service(1, restart=always, version=1)
    store, memory = Store(), restart.Memory()
    store.apply(1, 0, [Put(one) for one in (node("n1"), new, task("t", 1, "n1", of=old), task("u", 1, "n1", of=new))])
    memory.history = {"s": {1: (0, [1])}}
    restart.restart(store, replace(store.get("task", "u"), state=FAILED, heard_at=9 * SECOND), memory, 9 * SECOND)
    assert not restart.may_restart(new, replace(store.get("task", "t"), state=FAILED), memory)


def test_the_clock_of_a_node_does_not_say_which_task_of_a_slot_is_the_newest():
    """§4, §13: the managers' time counts. The one that completed came last; its node's clock is behind."""
    of = service(1, restart=RestartPolicy("on-failure"))
    failed = task("a", 1, "n1", of=of, state=FAILED, desired=SHUTDOWN, status_at=99 * SECOND, heard_at=SECOND)
    done = task("b", 1, "n2", of=of, state=COMPLETE, desired=SHUTDOWN, status_at=0, heard_at=2 * SECOND)
    assert restart.fillers(of, [failed, done], restart.Memory()) == [done]


@pytest.mark.parametrize("clock", [0, 3 * SECOND, 60 * SECOND])
def test_the_clock_of_a_node_does_not_matter_for_what_is_left_of_a_delay(clock):
    """§4: a new leader starts after what remains of it, since the managers heard of the state at 3 s."""
    one = lab(Team(), node("n1"), service(1), task("t", 1, "n1", state=READY, desired=READY))
    one.now = 3 * SECOND
    one.write(replace(one.get("t"), status_at=clock + 1))
    one.memory, one.changed = restart.Memory(), None
    one.plan(at=4 * SECOND)
    assert one.memory.starts["t"].due == 8 * SECOND
