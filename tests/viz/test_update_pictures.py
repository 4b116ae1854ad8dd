"""A rolling update drawn: outlines are the spec, fillings what ran; what was said and counted stands where it happened."""

import pytest
from matplotlib.colors import to_hex

from swarmlab import events as e
from swarmlab.viz import ink
from swarmlab.viz.frames import frames
from swarmlab.viz.updatefold import update_of, update_outage
from swarmlab.viz.updates import draw_update, labels_of, tell_update

from .pretend import STEPS, Pen, machines, node

SECOND = 1_000_000
TOO_MANY = "update paused due to failure or early termination of task n2"


def words(drawn):
    return [text.get_text() for text in ink.figure_of(drawn).findobj(lambda a: hasattr(a, "get_text"))]


def task(id, slot, version, desired="running", state="new"):
    return e.TaskStored(
        0,
        id,
        "s-web",
        f"web.{slot}",
        slot,
        "id-worker-1",
        desired,
        state,
        "",
        "",
        f"web:{version}",
        spec_version=version,
    )


def spec(version, update=(), previous=(), replicas=2):
    return e.ServiceStored(
        0, "s-web", "web", "replicated", replicas, f"web:{version}", (), "", version, update, previous
    )


def runs(pen, at, id, slot, until=None, end="shutdown"):
    """A task comes up within 0.4 s, and ends."""
    for n, state in enumerate(STEPS):
        pen.note(at + 0.1 * n, "worker-1", e.TaskProgressed(id, "web", slot, state, ""))
    return [(until, id, slot, end)] if until else []


def updated(fails=False, order="stop-first"):
    """Two slots, the second of them fails if asked to; begun at 10 s."""
    pen = Pen(machines(1, 1))
    pen.leader = "manager-1"
    pen.store(0.1, node("worker-1"))
    pen.store(1, spec(1))
    for slot in (1, 2):
        pen.store(1, task(f"o{slot}", slot, 1))
        runs(pen, 2, f"o{slot}", slot)
    pen.store(10, spec(2, (), (1, "web:1")))
    pen.store(10, spec(2, ("updating", "update in progress"), (1, "web:1")))
    pen.note(10, "manager-1", e.UpdateBegun("s-web", 2, ("1", "2"), 1, False))
    swap(pen, 10, 1, order)
    swap(pen, 25, 2, order, fails)
    if fails:
        pen.note(28.5, "manager-1", e.FailureCounted("s-web", "n2", 1, 2, 0.0))
        pen.store(28.5, spec(2, ("paused", TOO_MANY), (1, "web:1")))
    else:
        pen.note(38, "manager-1", e.LastWatchBegan("s-web", 49 * SECOND))
        pen.store(49, spec(2, ("completed", "update completed"), (1, "web:1")))
    pen.note(60, "manager-1", e.Applied(pen.index))
    return pen.trace


def swap(pen, at, slot, order, fails=False):
    """One slot is renewed: with start-first the old task goes when the new one runs."""
    old, new = f"o{slot}", f"n{slot}"
    pen.note(at, "manager-1", e.SlotTaken("s-web", str(slot), new))
    pen.store(at, task(new, slot, 2, "ready"))
    if order == "stop-first":
        pen.store(at, task(old, slot, 1, "shutdown"))
        pen.note(at + 2, "worker-1", e.TaskProgressed(old, "web", slot, "shutdown", ""))
    runs(pen, at + 2, new, slot)
    if fails:
        pen.note(at + 3, "worker-1", e.TaskProgressed(new, "web", slot, "failed", "task: non-zero exit (1)"))
    if order == "start-first":
        pen.store(at + 3, task(old, slot, 1, "shutdown"))
        pen.note(at + 5, "worker-1", e.TaskProgressed(old, "web", slot, "shutdown", ""))
    pen.note(at + 3, "manager-1", e.RestBegan("s-web", str(slot), round((at + 13) * SECOND)))


def test_an_update_is_told_from_its_beginning_slot_by_slot():
    row = update_of(updated())
    assert (row.service, row.places, row.parallelism) == ("web", ["web.1", "web.2"], 1)
    assert [(said.at, said.state) for said in row.said] == [(-9.0, ""), (0.0, "updating"), (39.0, "completed")]
    assert row.taken == ((0.0, "web.1", "n1"), (15.0, "web.2", "n2"))
    assert row.rests == ((3.0, 13.0, "web.1"), (18.0, 28.0, "web.2")) and row.watch == (28.0, 39.0)
    assert labels_of(row) == {1: "1", 2: "2"}


def test_capacity_counts_slots_with_a_running_task_and_tasks_beyond_them():
    stop, start = update_of(updated()), update_of(updated(order="start-first"))
    assert min(count for at, count in stop.slots if at > 0) == 1
    assert min(count for at, count in start.slots if at > 0) == 2
    assert max(count for at, count in start.tasks if at > 0) == 3
    assert start.parallelism is None, "start-first has no line below the replicas"


def test_the_picture_says_status_spec_and_messages():
    said = words(draw_update(updated()))
    for text in ("updating", "✓ completed", "2, previous: 1", "web.1", "slots that run:\nleast 1 of 2", "last watch"):
        assert text in said
    assert any("39.0 s: update completed" in text for text in said)


def test_what_is_told_ends_with_what_runs():
    assert tell_update(updated()) == "Update of web: completed after 39.0 s, at least 1 of 2 slots ran, 2 slots run 2."


def test_a_counted_failure_stands_at_its_cross_and_the_message_names_the_slot():
    trace = updated(fails=True)
    said = words(draw_update(trace))
    assert "✕" in said and "1/2" in said and "❚❚ paused" in said
    assert any("early termination of task web.2 (n2)" in text for text in said)
    assert "1 of 2 new tasks counted as failed (allowed: a share of 0), 1 slot runs 2" in tell_update(trace)


def test_a_rollback_leads_to_the_previous_spec_and_leaves_none_before_it():
    trace = updated(fails=True)
    pen = Pen(machines(1, 1))
    pen.trace, pen.leader, pen.index = trace, "manager-1", 60
    pen.store(62, spec(1, ("rollback_started", "update rolled back")))
    pen.store(70, spec(1, ("rollback_completed", "rollback completed")))
    pen.note(80, "manager-1", e.Applied(pen.index))
    said = words(draw_update(trace))
    assert "✓ rolled back" in said and "1, previous: none" in said


def test_the_new_spec_is_a_thick_outline_so_that_colour_is_not_needed():
    ax = draw_update(updated())
    thick = [p for p in ax.patches if p.get_linewidth() > 3 and to_hex(p.get_edgecolor()) == ink.INK]
    assert len(thick) == 3, "the spec strip and two slots"


def test_visitors_that_lost_their_request_are_drawn_and_told():
    requests = [(9 + 0.1 * n, 9.05 + 0.1 * n, "web.1", not 0 < 9 + 0.1 * n - 20 < 1) for n in range(300)]
    assert "visits lost:" in words(draw_update(updated(), requests=requests))
    assert "9 of 300 visits failed" in tell_update(updated(), requests=requests)


def test_up_to_six_updates_stand_beside_each_other_on_one_axis():
    many = {name: updated(order=name) for name in ("stop-first", "start-first")}
    said = words(draw_update(many))
    assert said.count("status") == 2 and "start-first" in said
    with pytest.raises(ValueError, match="7 updates: one to 6"):
        draw_update({str(n): updated() for n in range(7)})


def test_a_service_that_is_not_there_and_a_run_without_update_are_told_in_a_sentence():
    with pytest.raises(ValueError, match="there is no service 'nix'"):
        draw_update(updated(), "nix")
    pen = Pen(machines(1, 1))
    with pytest.raises(ValueError, match="no service was updated"):
        draw_update(pen.trace)


def test_rows_of_frames_are_enough_for_lanes_and_status():
    row = update_of(frames(updated()))
    assert row.places == ["web.1", "web.2"] and row.taken == ()


def test_the_outage_of_an_update_ends_when_every_slot_runs_again_for_good():
    trace = updated(fails=True)
    pen = Pen(machines(1, 1))
    pen.trace, pen.leader, pen.index = trace, "manager-1", 60
    pen.store(62, task("m2", 2, 1))
    runs(pen, 62, "m2", 2)
    pen.note(80, "manager-1", e.Applied(pen.index))
    row = update_outage(update_of(trace))
    assert [row[name] for name in ("fault", "noticed", "decided", "healed")] == [0, 18_500_000, 18_500_000, 52_400_000]


def test_an_update_that_completes_has_no_outage_to_heal():
    row = update_outage(update_of(updated()))
    assert (row["noticed"], row["decided"], row["healed"]) == (None, None, None)


def test_the_line_of_a_worker_whose_leader_is_gone_ends_when_the_next_one_looks():
    row = update_of(updated())._replace(rests=(), begun=(0.0, 8.0), watch=())
    ax = draw_update(row)
    lines = [line.get_xdata() for line in ax.lines if line.get_color() == ink.CONTROL and len(line.get_xdata()) == 2]
    first, other = (max(xs) - min(xs) for xs in lines[:2])
    assert first == pytest.approx(other * 8 / 24), "8 s of the first slot beside 24 s of the second"
