"""The judge of `alert(trace)` tells a good alarm from a deaf, a nervous and a half one (course.md lesson 15, Build)."""

import pytest

from swarmlab import events
from swarmlab.lessons import alerts15


def test_an_alarm_that_goes_by_the_signs_sees_five_faults_and_sleeps_on_a_quiet_day():
    verdict = alerts15.judge(alerts15.watchful)
    assert verdict.correct, verdict.text


def alert_by_failures(trace):
    """What was unhealthy and stopped in order counts as complete, which this one does not see."""
    nodes = {r.fact.machine: r.fact.state for r in trace.of(events.NodeStored)}
    failed = {r.fact.id for r in trace.of(events.TaskStored) if r.fact.state == "failed"}
    return "down" in nodes.values() or len(failed) > 1


@pytest.mark.parametrize(
    ("alert", "said"),
    [
        (lambda trace: False, "a manager is lost at 20 s, and it is silent"),
        (lambda trace: True, "on a quiet day it rings at 5 s"),
        (lambda trace: trace.of(events.MachineCrashed), "a manager is lost at 20 s, and it is silent"),
        (lambda trace: any(r.fact.state == "down" for r in trace.of(events.NodeStored)), "a service gives up starting"),
        (lambda trace: any(r.fact.state == "failed" for r in trace.of(events.TaskStored)), "on a quiet day it rings"),
        (alert_by_failures, "health checks fail again and again"),
        ("ring", "write a function"),
    ],
)
def test_a_wrong_alarm_is_told_where_it_fails(alert, said):
    verdict = alerts15.judge(alert)
    assert not verdict.correct and verdict.text.startswith(said)


def test_an_alarm_sees_nothing_that_comes_later():
    seen = []
    alerts15.first_alert(lambda trace: seen.append(trace.now * 1e6 >= trace.records[-1].time), alerts15.night())
    assert all(seen) and len(seen) == alerts15.MORNING - 4
