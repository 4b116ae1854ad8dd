"""A crash loop drawn: the outline stays while somebody wants the slot, and what is used up is seen."""

import pytest
from matplotlib.colors import to_hex

from swarmlab import events as e
from swarmlab.viz import ink
from swarmlab.viz.attempts import attempts_of, draw_attempts, tell_attempts

from .pretend import STEPS, Pen, machines, node, service, task

POLICY = {"condition": "any", "delay": 5, "max_attempts": 2, "window": 20}
ERR = "task: non-zero exit (3)"


def words(drawn):
    return [text.get_text() for text in ink.figure_of(drawn).findobj(lambda a: hasattr(a, "get_text"))]


def loop(times=3):
    """A task that fails after a second, made again with a delay of five seconds; the last one is not replaced."""
    pen = Pen(machines(1, 1))
    pen.leader = "manager-1"
    pen.store(0.1, node("worker-1"))
    pen.store(1, service("web", 1))
    pen.store(1, task("t0", "web", 1, "worker-1"))
    for n in range(times):
        at = 1.0 + 7 * n
        if n:
            pen.store(at + 5, task(f"t{n}", "web", 1, "worker-1"))
        begin = at + 5 if n else at
        for k, state in enumerate(STEPS):
            pen.note(begin + 0.1 * k, "worker-1", e.TaskProgressed(f"t{n}", "web", 1, state, ""))
        pen.note(begin + 2, "worker-1", e.TaskProgressed(f"t{n}", "web", 1, "failed", ERR))
        pen.store(begin + 2, task(f"t{n}", "web", 1, "worker-1", "shutdown", "failed", ERR))
        if n < times - 1:
            pen.store(at + 7, task(f"t{n + 1}", "web", 1, "worker-1", "ready"))
    pen.note(60, "worker-1", e.MachineLoaded(0))
    return pen.trace


def test_every_task_of_the_slot_is_an_attempt_with_its_delay_and_its_end():
    row = attempts_of(loop(), "web.1")
    assert [attempt.ended for attempt in row.attempts] == ["failed"] * 3
    assert [attempt.begun - attempt.made for attempt in row.attempts[1:]] == pytest.approx([5.0, 5.0])
    assert row.used_up == row.attempts[-1].ended_at == pytest.approx(21.0)


def test_an_empty_slot_that_is_wanted_has_a_vermillion_rim():
    rims = [p for p in draw_attempts(loop(), "web.1").patches if to_hex(p.get_edgecolor()) == ink.WRONG]
    assert len(rims) == 1


def test_a_slot_whose_service_is_gone_is_not_missed():
    trace = loop()
    pen = Pen(machines(1, 1))
    pen.trace, pen.leader, pen.index = trace, "manager-1", 99
    pen.store(70, e.ObjectRemoved(0, "service", "s-web"))
    assert attempts_of(trace, "web.1").used_up is None


def test_a_failed_task_that_is_still_wanted_will_have_a_successor():
    trace = loop(1)
    pen = Pen(machines(1, 1))
    pen.trace, pen.leader, pen.index = trace, "manager-1", 99
    pen.store(70, task("t9", "web", 1, "worker-1", "ready", "rejected", "No such image"))
    assert attempts_of(trace, "web.1").used_up is None


def test_the_policy_and_its_window_are_said():
    said = words(draw_attempts(loop(), "web.1", POLICY))
    assert "restart: any · delay 5.00 s · at most 2 restarts · within 20.0 s" in said
    assert "2 restarts within 20.0 s of the last failure" in said and "5.00 s" in said


def test_what_is_told_says_how_many_failed_and_from_when_on_it_is_empty():
    assert tell_attempts({"a": loop()}, "web.1", {"a": {"condition": "any"}}) == (
        f"A (restart: any · any number of restarts): 3 attempts, 3 failed, {ERR}, empty from 21.0 s on, "
        "5.00 s between a failure and the next start."
    )
    with pytest.raises(ValueError, match="no task in slot 'db"):
        tell_attempts(loop(), "db.1")
