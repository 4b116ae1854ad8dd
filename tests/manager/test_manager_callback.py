"""Before a machine is let into the raft group, the leader calls it under the address that it advertises."""

from swarmlab.effects import SECOND
from swarmlab.manager.callback import PATIENCE, UNREACHABLE, Callbacks
from swarmlab.manager.dispatcher import Route
from swarmlab.messages import CallBack, RaftJoin

ROUTE, WISH = Route("w2", "engine"), RaftJoin("n2", "member-2")


def test_the_leader_rings_once_and_waits_for_the_machine_that_asked():
    calls = Callbacks()
    [effect] = calls.call(ROUTE, WISH, "10.9.0.2", now=0)
    assert (effect.to, effect.message) == ("10.9.0.2", CallBack(1))
    assert calls.call(ROUTE, WISH, "10.9.0.2", now=3 * SECOND) == []
    assert calls.answered("w3", 1) is None, "somebody else has that address"
    assert calls.answered("w2", 1).wish == WISH
    assert calls.answered("w2", 1) is None


def test_after_five_seconds_nobody_will_answer_any_more():
    calls = Callbacks()
    calls.call(ROUTE, WISH, "10.0.2.15", now=0)
    assert calls.deadline == PATIENCE
    assert calls.overdue(PATIENCE - 1) == []
    assert [call.route for call in calls.overdue(PATIENCE)] == [ROUTE]
    assert calls.answered("w2", 1) is None
    assert "advertised address" in UNREACHABLE
