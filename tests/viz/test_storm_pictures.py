"""A restart storm drawn: lines of requests, late checks and ends stand under each other, replica by replica."""

import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Polygon

from swarmlab import events as e
from swarmlab.viz import ink
from swarmlab.viz.storm import draw_storm, storm_of, tell_storm

from .pretend import STEPS, Pen, machines, task

SECOND = 1_000_000


def words(drawn):
    return [text.get_text() for text in ink.figure_of(drawn).findobj(lambda a: hasattr(a, "get_text"))]


def overloaded(replicas=2):
    """Each replica runs from 1 s to 30 s; `web.1` has two late checks and is found unhealthy."""
    pen = Pen(machines(1, 1))
    pen.leader = "manager-1"
    for slot in range(1, replicas + 1):
        pen.store(0.5, task(f"t{slot}", "web", slot, "worker-1"))
        for n, state in enumerate(STEPS):
            pen.note(0.6 + 0.1 * n, "worker-1", e.TaskProgressed(f"t{slot}", "web", slot, state, ""))
    for n, at in enumerate((20, 24)):
        pen.note(at, "worker-1", e.ProbeEnded("c1", "t1", (at - 1) * SECOND, -1, n + 1))
    pen.note(22, "worker-1", e.ProbeEnded("c2", "t2", 21 * SECOND, 1, 0, False))
    pen.note(24, "worker-1", e.HealthChanged("c1", "t1", "unhealthy", 2))
    pen.note(26, "worker-1", e.TaskProgressed("t1", "web", 1, "failed", "unhealthy"))
    pen.note(30, "worker-1", e.MachineLoaded(0))
    return pen.trace


REQUESTS = [(10 + 0.1 * n, 10.5 + 0.1 * n, f"web.{n % 2 + 1}", n < 120) for n in range(160)]


def test_failed_checks_and_verdicts_belong_to_their_replica_and_seconds_begin_with_the_first_request():
    row = storm_of(overloaded(), "web", REQUESTS)
    assert row.checks == {"web.1": ((10.0, True), (14.0, True)), "web.2": ()}
    assert row.kills == {"web.1": (14.0,), "web.2": ()} and row.wanted == 2
    assert row.running[-1][1] == 0 and (16.0, 1) in row.running


def test_a_check_that_does_not_count_is_not_drawn():
    assert storm_of(overloaded(), "web", REQUESTS).checks["web.2"] == ()


def test_the_picture_counts_answers_the_longest_line_and_the_worst_moment():
    said = words(draw_storm(overloaded(), "web", requests=REQUESTS, bands=[(5, 9, "more visitors")]))
    assert {"120 answered", "✕ 40 failed", "least 1 of 2", "more visitors"} <= set(said)
    assert "✕" not in said and any(text.startswith("longest line: ") for text in said)


def test_a_replica_has_a_notch_where_it_is_found_unhealthy():
    notches = [p for p in draw_storm(overloaded(), "web", requests=REQUESTS).patches if isinstance(p, Polygon)]
    assert len(notches) == 1 and to_hex(notches[0].get_facecolor()) == to_hex(ink.PAPER)


def test_only_failed_requests_are_vermillion():
    ax = draw_storm(overloaded(), "web", requests=REQUESTS)
    assert sum(to_hex(c.get_facecolor()[0]) == ink.WRONG for c in ax.collections if len(c.get_facecolor())) == 1
    assert not [p for p in ax.patches if to_hex(p.get_facecolor()) == ink.WRONG]


def test_the_storm_in_words():
    assert tell_storm(overloaded(), "web", requests=REQUESTS) == (
        "web: 160 visits, 40 failed; 2 checks failed, 2 of them given up; 1 verdict of unhealthy, the first after "
        "14.0 s; at the worst 1 of 2 replicas ran."
    )
    with pytest.raises(ValueError, match="no task of 'db'"):
        draw_storm(overloaded(), "db", requests=REQUESTS)


def test_more_than_twelve_replicas_are_summed_up():
    assert "and 3 more replicas" in words(draw_storm(overloaded(15), "web", requests=REQUESTS))
