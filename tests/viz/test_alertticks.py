"""Alarms under the outage bar: when each rang, and what was merely written down (course.md lesson 15)."""

import pytest
from test_raft_pictures import covered, outside, words

from swarmlab.lessons import alerts15
from swarmlab.viz import alertticks, charts

S = 1_000_000
ROW = {"title": "it hangs", "machine": "", "of": "task", "fault": 20 * S}
ROW |= {"noticed": 30 * S, "decided": None, "healed": None}


def ticks(ax):
    """(seconds, colour) of each beginning."""
    return [(line.get_xdata()[0], line.get_color()) for line in ax.lines if line.get_linewidth() == 3.2]


def night(what):
    cluster = alerts15.night(what)
    return alerts15.bar(what), alerts15.rings(cluster), alerts15.signs(cluster), alerts15.MORNING


@pytest.mark.parametrize("what", ["", *alerts15.FAULTS])
def test_every_night_can_be_drawn_and_no_two_labels_cover_each_other(what):
    ax = charts.draw_alerts(*night(what))
    assert covered(ax) == [] and outside(ax) == []
    assert set(alerts15.ALERTS) <= set(words(ax))


def test_ringing_that_stops_and_comes_again_has_two_ticks():
    assert alertticks.ringing([5, 6, 7, 20, 21]) == [(5, 7), (20, 21)] and alertticks.ringing([]) == []
    assert len(ticks(charts.draw_alerts(ROW, {"bell": [25, 26, 40]}, end=60))) == 2


def test_ringing_before_the_fault_or_on_a_quiet_day_is_drawn_as_wrong():
    from swarmlab.viz.ink import INK, WRONG

    early, late = ticks(charts.draw_alerts(ROW, {"hasty": [10, 11], "right": [30]}, end=60))
    assert early[1] == WRONG and late[1] == INK
    assert [colour for _, colour in ticks(charts.draw_alerts(None, {"bell": [30]}, end=60))] == [WRONG]


def test_what_is_written_down_wakes_nobody_by_itself():
    """An update that pauses: six failed tasks and a stopped update stand in the store, and the alarm for nodes is silent."""
    row, rung, signs, _ = night("an update pauses midway")
    assert rung["a node is down"] == [] and len(signs["failed checks"]) > 5 and row["healed"] is None
    assert rung["an update has paused"][0] < alerts15.MORNING
    said = charts.tell_alerts(*night("an update pauses midway"))
    assert "a node is down: silent; an update has paused: after 18 s" in said


def test_an_alarm_for_every_task_that_ends_rings_on_a_quiet_day_and_the_others_do_not():
    rung = alerts15.rings(alerts15.night())
    assert [name for name, seconds in rung.items() if seconds] == ["any task has ended"]
    assert "any task has ended: for nothing" in charts.tell_alerts(*night(""))


def test_no_alarm_rings_before_its_sign_is_written_down():
    first = {
        "a node is down": "nodes down",
        "an update has paused": "updates stopped",
        "any task has ended": "ended tasks",
    }
    for what in alerts15.FAULTS:
        _, rung, signs, _ = night(what)
        for alarm, sign in first.items():
            assert not rung[alarm] or rung[alarm][0] >= signs[sign][0]


def test_a_night_of_a_lost_worker_heals_by_itself_and_its_alarm_goes_on():
    row, rung, _, morning = night("a worker is lost")
    assert row["healed"] is not None and rung["a node is down"][-1] == morning
