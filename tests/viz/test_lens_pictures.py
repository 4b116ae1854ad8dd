"""A machine that is cut off: gossip and the dispatcher drop it at their own pace, and its tasks run on."""

import pytest
from matplotlib.colors import to_hex

from swarmlab import events as e
from swarmlab.viz import ink
from swarmlab.viz.lenses import draw_lenses, lenses, tell_lenses, twice

from .pretend import STEPS, Pen, machines, node, task


def runs(pen, at, id, machine):
    pen.store(at, task(id, "web", 1, machine, state="assigned"))
    for n, state in enumerate(STEPS):
        pen.note(at + 0.1 * n, machine, e.TaskProgressed(id, "web", 1, state, ""))


def cut(mended=True):
    """`worker-1` is cut off at 10 s and comes back at 50 s; gossip gives it up at 15 s, the dispatcher at 22 s."""
    pen = Pen(machines(1, 3))
    pen.leader = "manager-1"
    for name in ("worker-1", "worker-2", "worker-3"):
        pen.store(0.1, node(name))
    runs(pen, 1, "t1", "worker-1")
    for name in ("worker-1", "worker-2", "worker-3"):
        pen.note(2, name, e.BackendAdded("web", "t1", "worker-1"))
    pen.note(10, "world", e.Partitioned((("worker-1",), ("manager-1", "worker-2", "worker-3"))))
    pen.note(12, "worker-2", e.PeerSuspected("worker-1"))
    pen.note(15, "worker-2", e.PeerFailed("worker-1"))
    for name in ("worker-2", "worker-3"):
        pen.note(15, name, e.BackendRemoved("web", "t1", "worker-1"))
    pen.note(22, "manager-1", e.HeartbeatsMissed("worker-1", 0))
    pen.store(22, node("worker-1", state="down"))
    pen.store(22, task("t1", "web", 1, "worker-1", "shutdown", "running"))
    runs(pen, 23, "t2", "worker-2")
    if mended:
        pen.note(50, "world", e.Healed())
        pen.store(52, node("worker-1"))
        pen.note(53, "worker-1", e.TaskProgressed("t1", "web", 1, "shutdown", ""))
    pen.note(60, "manager-1", e.MachineLoaded(0))
    return pen.trace


def test_both_lenses_and_the_truth_share_an_axis_that_begins_with_the_fault():
    row = lenses(cut(), "worker-1")
    assert (row.suspected, row.dropped, row.missed, row.back, row.end) == (2.0, 5.0, 12.0, 40.0, 50.0)
    assert row.pool[-1] == (5.0, 0) and row.others == 2, "its own pool does not count"
    assert [state for _, state in row.states] == ["ready", "down", "ready"]


def test_two_copies_run_until_the_old_one_hears_that_it_shall_stop():
    assert twice(lenses(cut(), "worker-1")) == [("web.1", pytest.approx(13.4), 43.0)]
    assert twice(lenses(cut(False), "worker-1")) == [("web.1", pytest.approx(13.4), 50.0)]


def test_what_is_told_names_each_step_and_how_long_it_lasts():
    assert tell_lenses(cut(), "worker-1") == (
        "worker-1 is cut off: gossip suspects it after 2.00 s, holds it for dead after 5.00 s, no other node sends requests "
        "there after 5.00 s, the managers count it as down after 12.0 s, of 1 slot two copies run from 13.4 s to 43.0 s."
    )


def test_what_is_believed_against_the_truth_and_what_runs_twice_has_a_vermillion_rim():
    ax = draw_lenses(cut(), "worker-1")
    rims = [p for p in ax.patches if to_hex(p.get_edgecolor()) == ink.WRONG]
    assert len(rims) == 3, "the dispatcher's down, and both copies"


def test_without_a_fault_there_is_nothing_to_look_at():
    with pytest.raises(ValueError, match="nothing cut 'worker-1' off"):
        draw_lenses(Pen(machines(1, 1)).trace, "worker-1")
