"""A task's walk on its node, as a table [SwarmKit design/task_model.md; swarm.md §2, §13]."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worker_rig import task

from swarmlab.effects import NEVER, SECOND
from swarmlab.messages import Broken, Exited, Prepare, Prepared, Running, Start, Stop
from swarmlab.objects import (
    ACCEPTED,
    ASSIGNED,
    COMPLETE,
    FAILED,
    MOVES,
    PREPARING,
    READY,
    REJECTED,
    REMOVE,
    RUNNING,
    SHUTDOWN,
    STARTING,
    STATES,
    replace,
)
from swarmlab.worker.controller import BEGIN, FINISH, Work, hear, next_step, resume


@pytest.mark.parametrize(
    ("state", "desired", "then", "message", "asks"),
    [
        (ASSIGNED, READY, ACCEPTED, "accepted", None),
        (ASSIGNED, RUNNING, ACCEPTED, "accepted", None),
        (ACCEPTED, READY, PREPARING, "preparing", Prepare),
        (PREPARING, RUNNING, PREPARING, "", None),  # waits for the runtime
        (READY, READY, READY, "", None),  # restart delay and stop-first order live here
        (READY, RUNNING, STARTING, "starting", Start),
        (STARTING, RUNNING, STARTING, "", None),
        (RUNNING, RUNNING, RUNNING, "", None),
        (RUNNING, COMPLETE, RUNNING, "", None),  # a job runs to its end
        (ASSIGNED, SHUTDOWN, SHUTDOWN, "shutdown", None),
        (PREPARING, SHUTDOWN, SHUTDOWN, "shutdown", None),
        (READY, REMOVE, SHUTDOWN, "shutdown", None),
        (STARTING, SHUTDOWN, STARTING, "", Stop),
        (RUNNING, SHUTDOWN, RUNNING, "", Stop),
        (RUNNING, REMOVE, RUNNING, "", Stop),
        (COMPLETE, SHUTDOWN, COMPLETE, "", None),
        (FAILED, SHUTDOWN, FAILED, "", None),  # a terminal state stays
        (REJECTED, REMOVE, REJECTED, "", None),
    ],
)
def test_the_step_that_follows_from_a_state_and_what_is_desired(state, desired, then, message, asks):
    work, requests = next_step(Work(task(desired=desired), state), attached=False, now=7)
    assert (work.state, work.message) == (then, message)
    assert [type(request) for request in requests] == ([asks] if asks else [])
    assert work.at == (7 if then != state else 0)


@pytest.mark.parametrize(
    ("state", "answer", "desired", "then", "message", "err"),
    [
        (PREPARING, Prepared("t1", "c"), RUNNING, READY, "prepared", ""),
        (STARTING, Running("t1"), RUNNING, RUNNING, "started", ""),
        (RUNNING, Exited("t1", 0), RUNNING, COMPLETE, "finished", ""),
        (RUNNING, Exited("t1", 3), RUNNING, FAILED, "before", "task: non-zero exit (3)"),
        (RUNNING, Exited("t1", 137), SHUTDOWN, SHUTDOWN, "shutdown", ""),
        (PREPARING, Broken("t1", "No such image: x:1"), RUNNING, REJECTED, "before", "No such image: x:1"),
        (STARTING, Broken("t1", "no"), RUNNING, FAILED, "before", "no"),
        (SHUTDOWN, Prepared("t1", "c"), SHUTDOWN, SHUTDOWN, "before", ""),  # too late
        (COMPLETE, Exited("t1", 1), RUNNING, COMPLETE, "before", ""),
        (READY, Running("t1"), RUNNING, READY, "before", ""),
    ],
)
def test_what_an_answer_of_the_runtime_means(state, answer, desired, then, message, err):
    work = hear(Work(task(desired=desired), state, "before"), answer, 9)
    assert (work.state, work.message, work.err) == (then, message, err)


def test_a_task_on_a_swarm_network_leaves_the_balancers_two_seconds_before_the_stop_signal():
    work, requests = next_step(Work(task(desired=SHUTDOWN), RUNNING), True, 0)
    assert (requests, work.is_serving, work.wake) == ([], False, 2 * SECOND)
    assert next_step(work, True, 2 * SECOND - 1) == (work, [])
    work, requests = next_step(work, True, 2 * SECOND)
    assert requests == [Stop("t1", 10 * SECOND)] and work.wake == NEVER
    assert next_step(work, True, 3 * SECOND) == (work, [])  # the signal is sent once


@pytest.mark.parametrize(
    ("state", "then", "asks"),
    [(PREPARING, PREPARING, Prepare), (STARTING, STARTING, Start), (READY, READY, None), (RUNNING, FAILED, None)],
)
def test_after_a_boot_what_was_begun_is_asked_for_again_and_what_ran_is_dead(state, then, asks):
    work, requests = resume(Work(task(), state, "m"), 5)
    assert work.state == then and [type(request) for request in requests] == ([asks] if asks else [])
    assert work.err == ("task: non-zero exit (137)" if then == FAILED else "")


def test_what_was_being_stopped_when_the_power_went_is_shut_down():
    assert resume(Work(task(desired=SHUTDOWN), RUNNING, leaving="withdrawn", wake=9), 5)[0].state == SHUTDOWN


def test_the_walk_is_the_one_of_the_rule_table():
    steps = [(state, BEGIN[state][0]) for state in BEGIN] + [(state, FINISH[state, kind][0]) for state, kind in FINISH]
    assert sorted(steps) == sorted(move for move, who in MOVES.items() if who == "agent" and move[1] != COMPLETE)


ANSWERS = [Prepared("t1", "c"), Running("t1"), Exited("t1", 0), Exited("t1", 1), Broken("t1", "no")]


@given(st.lists(st.one_of(st.sampled_from(ANSWERS), st.sampled_from([READY, RUNNING, SHUTDOWN, REMOVE, "boot"]))))
def test_a_state_never_goes_back_and_the_end_is_final(events):
    work, now = Work(task(desired=READY)), 0
    for event in events:
        before, now = work, now + SECOND
        if event == "boot":
            work, _ = resume(work, now) if work.state < COMPLETE else (work, [])
        elif isinstance(event, int):
            work = work._replace(task=replace(work.task, desired=max(event, work.task.desired)))
        else:
            work = hear(work, event, now)
        while (after := next_step(work, True, now)[0]) != work:
            assert after.state >= work.state
            work = after
        assert work.state in STATES and work.state >= before.state
        assert before.state < COMPLETE or work.state == before.state


@pytest.mark.parametrize("state", [ASSIGNED, PREPARING, READY])
def test_a_task_on_a_swarm_network_waits_the_two_seconds_even_if_nothing_of_it_runs_yet(state):
    """§13: the shutdown sequence is the same in every state; moby sleeps before it looks for the container."""
    work, requests = next_step(Work(task(desired=SHUTDOWN), state), True, 0)
    assert (work.state, requests, work.wake) == (state, [], 2 * SECOND)
    assert hear(work, Prepared("t1", "c"), SECOND).state == state  # what ends meanwhile changes nothing
    assert next_step(work, True, 2 * SECOND)[0].state == SHUTDOWN
