"""Health checks drawn: what failed, what was given up and what counts are told apart, and what followed is told."""

import pytest
from matplotlib.patches import Polygon

from swarmlab import events as e
from swarmlab.viz import ink
from swarmlab.viz.frames import outage
from swarmlab.viz.probefold import Life, Probe, Watched, probes_of, said_of
from swarmlab.viz.probes import draw_probes, tell_probes

from .pretend import Pen, machines

SECOND = 1_000_000
CHECK = {"interval": 90, "timeout": 10, "retries": 3, "start_period": 40}


def words(drawn):
    return [text.get_text() for text in ink.figure_of(drawn).findobj(lambda a: hasattr(a, "get_text"))]


def stored(id, desired="running"):
    return e.TaskStored(0, id, "s-web", "web.1", 1, "id-worker-1", desired, "running", "", "", "web:1")


def probe(pen, at, code, streak, container="c1", task="t1", took=0.1, counted=True):
    begun = round((at - took) * SECOND)
    pen.note(at, "worker-1", e.ProbeEnded(container, task, begun, code, streak, counted))


def hung():
    """A container that is well from 5 s on, hangs at 30 s, is found out at 50 s and replaced; three requests are lost."""
    pen = Pen(machines(1, 2))
    pen.leader = "manager-1"
    pen.store(10, stored("t1"))
    pen.note(10, "worker-1", e.ContainerCreated("c1", "web.1.t1", "web:1", "t1"))
    pen.note(10, "worker-1", e.ContainerStarted("c1", "t1"))
    probe(pen, 12, 1, 0, counted=False)
    probe(pen, 15, 0, 0)
    pen.note(15, "worker-1", e.HealthChanged("c1", "t1", "healthy", 0))
    pen.note(15, "worker-1", e.ApplicationTurned("c1", "t1", "well"))
    for node in ("worker-1", "worker-2"):
        pen.note(15.2, node, e.BackendAdded("web", "t1", "worker-1"))
    pen.note(40, "worker-1", e.ApplicationTurned("c1", "t1", "hangs"))
    for n, at in enumerate((41, 44, 47)):
        pen.note(at, "client", e.RequestSent(n, "http://worker-2/", "worker-2"))
        pen.note(at, "worker-2", e.RequestForwarded(n, "t1", "worker-1"))
        pen.note(at + 2, "client", e.RequestFailed(n, "timeout"))
    probe(pen, 52, -1, 1, took=5)
    probe(pen, 60, -1, 2, took=5)
    pen.note(60, "worker-1", e.HealthChanged("c1", "t1", "unhealthy", 2))
    pen.note(60.1, "worker-1", e.BackendRemoved("web", "t1", "worker-1"))
    pen.note(60.4, "worker-2", e.BackendRemoved("web", "t1", "worker-1"))
    pen.note(62, "worker-1", e.ContainerExited("c1", "t1", 0))
    pen.store(62, stored("t2"))
    pen.note(66, "worker-1", e.ContainerCreated("c2", "web.1.t2", "web:1", "t2"))
    pen.note(67, "worker-1", e.ContainerStarted("c2", "t2"))
    probe(pen, 70, 0, 0, "c2", "t2")
    pen.note(70, "worker-1", e.HealthChanged("c2", "t2", "healthy", 0))
    pen.note(90, "worker-1", e.MachineLoaded(0))
    return pen.trace


def test_the_containers_of_a_slot_follow_each_other_on_one_axis():
    row = probes_of(hung(), "web.1", CHECK)
    first, second = row.lives
    assert (first.started, first.ended, second.started, row.end) == (0.0, 52.0, 57.0, 80.0)
    assert first.verdicts == ((0.0, "starting"), (5.0, "healthy"), (50.0, "unhealthy"))
    assert [(p.ok, p.given_up, p.counted) for p in first.probes][:2] == [(False, False, False), (True, False, True)]
    assert row.ill == 30.0 and row.first("unhealthy") == 50.0


def test_it_is_in_the_pool_while_any_node_sends_requests_to_it():
    assert probes_of(hung(), "web.1").lives[0].pool == ((5.2, pytest.approx(50.4)),)


def test_requests_that_it_did_not_answer_are_lost_with_it():
    assert probes_of(hung(), "web.1").lost == (31.0, 34.0, 37.0)
    assert "✕ 3 lost" in words(draw_probes(hung(), "web.1"))


def test_the_count_stands_at_failures_that_count_and_a_dash_at_the_others():
    said = words(draw_probes(hung(), "web.1", CHECK))
    assert {"1", "2", "–"} <= set(said) and any("shaded: start period" in text for text in said)
    assert any("– does not count" in text for text in said)


@pytest.mark.parametrize("end", [80, 800])
def test_a_notch_is_seen_however_short_the_container_was_unhealthy(end):
    ax = draw_probes(hung(), "web.1", CHECK, end=end)
    (notch,) = [patch for patch in ax.patches if isinstance(patch, Polygon)]
    cross = next(text for text in ax.texts if text.get_text() == "✕")
    assert cross.get_position()[0] > max(x for x, _ in notch.get_xy())


def test_what_is_told_begins_with_the_values_and_ends_with_what_was_lost():
    assert tell_probes({"slide": hung()}, "web.1", CHECK) == (
        "Slide (interval 1m30s · timeout 10s · retries 3 · start period 40s): 5 checks, 3 failed (2 of them given up), "
        "healthy at 5.00 s, hangs at 30.0 s, unhealthy after 20.0 s, stopped 2.00 s later, well again 10.0 s later, "
        "2 containers, 3 lost."
    )


def test_values_of_a_check_are_seconds_or_the_engines_microseconds():
    class Config:
        interval, timeout, start_period, retries = 90 * SECOND, 10 * SECOND, 0, 3

    assert said_of(probes_of(hung(), "web.1", Config()).check) == "interval 1m30s · timeout 10s · retries 3"
    assert said_of({"interval": 0.5, "timeout": 60}) == "interval 500ms · timeout 1m"


def test_rows_by_hand_need_no_trace_and_six_panels_are_the_most():
    row = Watched("by hand", (Life("web.1", 0, None, (Probe(5, 5.1, 1, 1),), ((0, "starting"),)),), 20)
    assert "by hand" in words(draw_probes({"": row}))
    assert tell_probes(row).startswith("By hand: 1 checks, 1 failed")
    with pytest.raises(ValueError, match="7 panels: one to 6"):
        draw_probes({str(n): row for n in range(7)})


def test_a_slot_without_a_container_is_told_in_a_sentence():
    with pytest.raises(ValueError, match="no container of 'db"):
        draw_probes(hung(), "db.1")


def test_an_application_falls_ill_though_nobody_had_said_that_it_was_well():
    well = Life("web.1", 0.0, None, moods=((20.0, "hangs"),))
    from_the_start = Life("web.1", 0.0, None, moods=((0.0, "hangs"), (8.0, "well")))
    assert Watched("", (well,), 60.0).ill == 20.0 and Watched("", (from_the_start,), 60.0).ill is None


def test_the_outage_of_an_application_that_hangs_is_that_of_its_task():
    """Not of another task of the machine that ends earlier."""
    trace = hung()
    pen = Pen(machines(1, 2))
    pen.trace, pen.leader, pen.index = trace, "manager-1", 60
    for id, at in (("t1", 91), ("t2", 95)):
        pen.note(at, "worker-1", e.TaskProgressed(id, "web", 1, "running", ""))
    begin = pen.note(100, "worker-1", e.ApplicationTurned("c2", "t2", "hangs"))
    pen.note(101, "worker-1", e.TaskProgressed("t1", "web", 1, "shutdown", ""))
    pen.store(120, stored("t2", "shutdown")._replace(state="failed"))
    pen.store(121, stored("t3")._replace(state="new"))
    pen.note(125, "worker-1", e.TaskProgressed("t3", "web", 1, "running", ""))
    row = outage(trace, begin)
    assert [row[name] // SECOND for name in ("fault", "noticed", "decided", "healed")] == [100, 120, 121, 125]
