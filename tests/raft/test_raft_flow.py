"""How boldly a leader sends, rule by rule [dissertation §10.2.1; etcd's tracker, raft_flow_control_test.go and testdata]."""

import pytest
from raft_harness import Group, elect, entries, hear, node, sent, tell, told, wake
from raft_scenes import leader, now

from swarmlab.effects import AddMember, Propose, Refused
from swarmlab.group import RaftGroup
from swarmlab.raft import PAPER, Progress
from swarmlab.raft.messages import Appended, AppendEntries, Heartbeat, HeartbeatAnswer, Mismatched

NARROW = PAPER._replace(max_inflight=3)


def appends(effects, to="b"):
    return [message for message in sent(effects, AppendEntries) if message.target == to]


def propose(made, *keys):
    return [effect for key in keys for effect in tell(made, Propose(key, key), now(made))]


def answer(made, match, follower="b"):
    return hear(made, Appended(made.term, follower, "a", match), now(made))


def beat(made, follower="b"):
    return hear(made, HeartbeatAnswer(made.term, follower, "a"), now(made))


# ── probing ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_new_leader_probes_with_one_append_to_each():
    """etcd's TestMsgAppRespWaitReset: who may differ gets one at a time."""
    made = node(terms=(1, 1), term=1)
    effects = elect(made, "b")
    assert [len(appends(effects, to)) for to in "bc"] == [1, 1]
    assert appends(propose(made, 1, 2)) == []
    assert made.progress["b"].probing and made.progress["b"].paused


def test_a_heartbeats_answer_frees_one_probe():
    """etcd's TestSendAppendForProgressProbe: one append per heartbeat."""
    made = leader(settled=False)
    for _ in range(3):
        effects = beat(made)
        assert len(appends(effects)) == 1 and appends(propose(made, 1)) == []


def test_what_a_follower_proves_ends_the_probing():
    """etcd's TestMsgAppRespWaitReset: all that waited goes out at once."""
    made = leader(settled=False)
    propose(made, 1, 2, 3)
    effects = answer(made, 1)
    assert [len(m.entries) for m in appends(effects) if m.entries] == [3] and not made.progress["b"].probing


def test_a_refusal_goes_back_and_probes_again():
    made = leader()
    propose(made, 1, 2, 3)
    effects = hear(made, Mismatched(1, "b", "a", 3, 2, 1), now(made))
    assert [(m.previous_index, len(m.entries)) for m in appends(effects)] == [(2, 2)]
    assert made.progress["b"].probing and appends(propose(made, 4)) == []


def test_who_falls_silent_is_probed_when_it_comes_back():
    """etcd's TestMsgUnreachable: no use in sending ahead to who does not answer."""
    made = leader(settings=PAPER._replace(check_quorum=False))
    propose(made, 1, 2)
    for _ in range(4):
        wake(made)
    progress = made.progress["b"]
    assert (progress.reachable, progress.probing, progress.next) == (False, True, 2)
    effects = beat(made)
    assert [(m.previous_index, len(m.entries)) for m in appends(effects)] == [(1, 2)]


def test_nothing_goes_below_what_is_proven():
    """Trap 12."""
    progress = Progress("b", "B", 9)
    progress.prove(5)
    progress.probe(3)
    assert progress.next == 6
    progress.prove(4)
    assert (progress.match, progress.next) == (5, 6)


@pytest.mark.parametrize("refused, stale", [(8, False), (7, True), (9, True)])
def test_while_probing_only_the_refusal_of_that_probe_counts(refused, stale):
    """etcd's tracker.TestProgressMaybeDecr."""
    progress = Progress("b", "B", 9)
    progress.probe(9)
    assert progress.is_stale(refused) == stale


@pytest.mark.parametrize("refused, stale", [(5, True), (4, True), (6, False), (20, False)])
def test_while_sending_ahead_a_refusal_of_what_is_proven_is_late(refused, stale):
    progress = Progress("b", "B", 1)
    progress.prove(5)
    assert progress.is_stale(refused) == stale


# ── sending ahead ────────────────────────────────────────────────────────────────────────────────────────────────


def test_appends_go_out_without_waiting_until_the_window_is_full():
    """etcd's TestMsgAppFlowControlFull."""
    made = leader(settings=NARROW)
    assert [m.previous_index for m in appends(propose(made, 1, 2, 3, 4, 5))] == [1, 2, 3]
    assert list(made.progress["b"].inflight) == [2, 3, 4]


def test_an_answer_moves_the_window_forward():
    """etcd's TestMsgAppFlowControlMoveForward: it covers what came before, and late answers free nothing."""
    made = leader(settings=NARROW)
    propose(made, *range(9))
    effects = answer(made, 3)
    assert made.progress["b"].inflight[0] == 4
    assert appends(effects)[0].previous_index == 4
    full = list(made.progress["b"].inflight)
    assert appends(answer(made, 2)) == [] and list(made.progress["b"].inflight) == full


def test_when_the_window_is_full_a_heartbeats_answer_frees_one():
    """etcd's TestMsgAppFlowControlRecvHeartbeat and testdata/replicate_pause: answers may have been lost."""
    made = leader(settings=NARROW)
    propose(made, *range(9))
    for _ in range(3):
        effects = beat(made)
        assert len(appends(effects)) == 1 and len(made.progress["b"].inflight) == 3
        assert appends(propose(made, 99)) == []


def test_a_full_window_does_not_hold_back_the_others():
    made = leader(settings=NARROW)
    propose(made, 1, 2, 3)
    answer(made, 4, "c")
    effects = propose(made, 4)
    assert appends(effects) == [] and len(appends(effects, "c")) == 1


def test_appends_without_entries_take_no_place_in_the_window():
    """They only tell how far is agreed on."""
    made = leader(settings=NARROW)
    propose(made, 1)
    answer(made, 2)
    assert not made.progress["b"].inflight
    for _ in range(5):
        propose(made, 2)
        answer(made, made.log.last_index, "b")
    assert not made.progress["b"].inflight


def test_with_a_window_of_one_everything_arrives_one_after_the_other():
    group = Group.of(3, seed=1, settings=PAPER._replace(max_inflight=1, max_entries=1)).run(1)
    for key in range(20):
        group.tell(group.leader, Propose(key, key))
    group.run(2)
    logs = [[entry.data for entry in made.log.entries if entry.kind == "data"] for made in group.nodes.values()]
    assert logs == [list(range(20))] * 3


def test_everything_arrives_though_a_third_is_lost():
    """No answer is waited for in vain, whatever the window."""
    for inflight in (1, 2, 256):
        settings = PAPER._replace(max_inflight=inflight, max_entries=2, heartbeat=20)
        group = Group.of(3, seed=inflight, settings=settings).run(1)
        group.loss = 0.3
        for key in range(20):
            group.tell(group.leader, Propose(key, key))
        group.run(5)
        group.loss = 0
        group.run(2)
        assert {made.commit for made in group.nodes.values()} == {group.nodes[group.leader].log.last_index}
        assert [e.data for e in group.nodes["A"].log.entries if e.kind == "data"] == list(range(20))


# ── how much at once ─────────────────────────────────────────────────────────────────────────────────────────────


def test_who_lags_gets_as_much_as_an_append_may_carry_and_as_the_window_lets_through():
    """etcd's TestRaftFlowControl and testdata/probe_and_replicate."""
    made = leader(settled=False, settings=PAPER._replace(max_entries=4, max_inflight=2))
    propose(made, *range(20))
    sizes = []
    effects = answer(made, 1)
    while appends(effects):
        sizes.append([len(m.entries) for m in appends(effects) if m.entries])
        effects = answer(made, made.progress["b"].inflight[0]) if made.progress["b"].inflight else []
    assert [size for batch in sizes for size in batch] == [4, 4, 4, 4, 4] and len(sizes[0]) == 2


def test_a_leader_without_a_majority_takes_only_so_many_proposals():
    """etcd's TestUncommittedEntryLimit: what is refused did not happen; when some is agreed on, more may come."""
    made = leader(settings=PAPER._replace(max_uncommitted=3))
    assert told(propose(made, 1, 2, 3)) == []
    assert told(propose(made, 4)) == [Refused(4, "too much is uncommitted")] and made.log.last_index == 4
    answer(made, 3)
    assert told(propose(made, 5, 6)) == [] and told(propose(made, 7)) == [Refused(7, "too much is uncommitted")]


def test_changes_of_members_and_a_leaders_first_entry_are_not_held_back():
    """They may be what brings the majority back."""
    made = leader(settings=PAPER._replace(max_uncommitted=1))
    propose(made, 1)
    assert told(tell(made, AddMember(2, "d", "D"), now(made))) == []
    other = node(terms=(1, 1, 1, 1), term=1, settings=PAPER._replace(max_uncommitted=1))
    elect(other, "b")
    assert other.log.last_index == 5


# ── how far is agreed on ─────────────────────────────────────────────────────────────────────────────────────────


def test_who_lags_learns_late_how_far_is_agreed_on():
    """etcd's testdata/lagging_commit: a heartbeat tells no more than the follower is proven to hold."""
    made = leader()
    propose(made, 1, 2)
    answer(made, 3, "c")
    assert made.commit == 3
    assert [(m.target, m.commit) for m in sent(wake(made), Heartbeat)] == [("b", 1), ("c", 3)]
    answer(made, 3)
    assert [(m.target, m.commit) for m in sent(wake(made), Heartbeat)] == [("b", 3), ("c", 3)]


def test_an_append_may_tell_more_for_it_proves_what_it_carries():
    made = leader()
    propose(made, 1)
    answer(made, 2, "c")
    assert [m.commit for m in appends(propose(made, 2))] == [2]
    other = node()
    hear(other, AppendEntries(1, "b", "a", 0, 0, entries(1), 9))
    assert other.commit == 1


def test_a_new_commit_index_reaches_who_waits_in_a_full_window_with_the_next_heartbeat():
    group = RaftGroup(3, PAPER._replace(max_inflight=1, heartbeat=50), seed=1, messages=False)
    group.run_for(1)
    for number in range(5):
        group.propose(number)
    group.run_for(0.2)
    assert len(set(group.commits().values())) == 1
