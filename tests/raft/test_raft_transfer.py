"""Handing over leadership, rule by rule [dissertation §3.10; etcd's TestLeaderTransfer*]."""

import pytest
from raft_harness import Group, hear, node, noted, sent, tell, told, wake
from raft_scenes import leader, now, snapshot

from swarmlab.effects import MS, AddMember, ChangeMembers, Following, MemberChange, Propose, Refused, RemoveMember
from swarmlab.effects import Transfer as Wish
from swarmlab.events import BecameLeader, TransferBegun, TransferEnded
from swarmlab.raft import PAPER
from swarmlab.raft.messages import (
    Appended,
    AppendEntries,
    Heartbeat,
    HeartbeatAnswer,
    InstallSnapshot,
    RequestVote,
    TimeoutNow,
    Vote,
)


def transferring(to="b", **how):
    """A leader with an entry that nobody else holds yet, which is asked to hand over."""
    made = leader(**how)
    tell(made, Propose(1, "x"), now(made))
    return made, tell(made, Wish(9, to), now(made))


def keep_heard(made, *followers):
    for follower in followers:
        hear(made, HeartbeatAnswer(made.term, follower, "a"), now(made))


# ── the old leader ───────────────────────────────────────────────────────────────────────────────────────────────


def test_who_holds_the_whole_log_is_told_at_once():
    """etcd's TestLeaderTransferToUpToDateNode."""
    made = leader()
    effects = tell(made, Wish(9, "b"), now(made))
    assert sent(effects, TimeoutNow) == [TimeoutNow(1, "a", "b")] and noted(effects) == [TransferBegun("B")]


def test_who_lags_gets_the_log_first():
    """§3.10: the leader brings the target's log up to its own. etcd's TestLeaderTransferToSlowFollower."""
    made, effects = transferring()
    assert not sent(effects, TimeoutNow)
    assert not sent(hear(made, Appended(1, "b", "a", 1), now(made)), TimeoutNow)
    assert sent(hear(made, Appended(1, "b", "a", 2), now(made)), TimeoutNow) == [TimeoutNow(1, "a", "b")]


def test_who_needs_a_snapshot_gets_it_first():
    """etcd's TestLeaderTransferAfterSnapshot."""
    made = leader()
    made.log.compact(1)
    made.snapshot = snapshot(1)
    made.progress["b"].match = 0
    made.progress["b"].probe(1)
    effects = tell(made, Wish(9, "b"), now(made))
    assert len(sent(effects, InstallSnapshot)) == 1 and not sent(effects, TimeoutNow)
    assert sent(hear(made, Appended(1, "b", "a", 1), now(made)), TimeoutNow) == [TimeoutNow(1, "a", "b")]


def test_no_proposals_are_taken_meanwhile():
    """§3.10; etcd's TestLeaderTransferIgnoreProposal. A refused one did not happen."""
    made, _ = transferring()
    last = made.log.last_index
    assert told(tell(made, Propose(2, "y"))) == [Refused(2, "leadership is handed over")]
    assert told(tell(made, AddMember(3, "d", "D"))) == [Refused(3, "leadership is handed over")]
    assert made.log.last_index == last


def test_it_is_given_up_after_an_election_time_out_and_the_leader_goes_on():
    """§3.10; etcd's TestLeaderTransferTimeout."""
    made, _ = transferring()
    until = made.transfer.until
    for _ in range(3):
        if made.transfer:
            keep_heard(made, "b", "c")
            at, effects = made.deadline, wake(made)
    assert until <= at < until + 75 * MS  # it looks at its heartbeats
    assert noted(effects) == [TransferEnded("B")] and told(effects) == [Refused(9, "transfer aborted")]
    assert told(tell(made, Propose(2, "y"), now(made))) == [] and made.role == "leader"


def test_it_is_given_up_when_the_other_leaves_the_group():
    """etcd's TestLeaderTransferRemoveNode."""
    made = leader()
    tell(made, RemoveMember(1, "b"), now(made))
    tell(made, Wish(9, "b"), now(made))
    hear(made, Appended(1, "c", "a", 2), now(made))
    assert "b" not in made.members
    effects = wake(made)
    assert noted(effects, TransferEnded) == [TransferEnded("b")] and made.transfer is None


def test_a_second_wish_takes_the_place_of_the_first():
    """etcd's TestLeaderTransferSecondTransferToAnotherNode."""
    made, _ = transferring()
    effects = tell(made, Wish(10, "c"), now(made))
    assert told(effects) == [Refused(9, "transfer aborted")]
    assert noted(effects) == [TransferEnded("B"), TransferBegun("C")]
    assert not sent(hear(made, Appended(1, "b", "a", 2), now(made)), TimeoutNow)
    assert sent(hear(made, Appended(1, "c", "a", 2), now(made)), TimeoutNow) == [TimeoutNow(1, "a", "c")]


def test_the_other_is_told_once():
    made = leader()
    tell(made, Wish(9, "b"), now(made))
    assert not sent(hear(made, Appended(1, "b", "a", 1), now(made)), TimeoutNow)


def test_to_itself_means_nothing():
    """etcd's TestLeaderTransferToSelf."""
    made = leader()
    assert tell(made, Wish(9, "a")) == [] and made.transfer is None
    assert told(tell(made, Propose(1, "x"))) == []


def test_only_a_voter_can_take_over():
    """etcd's TestLeaderTransferToNonExistingNode and ToLearner."""
    made = leader()
    assert told(tell(made, Wish(9, "z"))) == [Refused(9, "no such member")]
    tell(made, ChangeMembers(1, (MemberChange("learner", "d", "D"),)), now(made))
    hear(made, Appended(1, "b", "a", 2), now(made))
    assert made.configuration.learners == ("d",)
    assert told(tell(made, Wish(9, "d"), now(made))) == [Refused(9, "no such member")] and made.transfer is None


def test_only_a_leader_hands_over():
    assert told(tell(node(), Wish(9, "b"))) == [Refused(9, "not leader")]


def test_a_larger_term_ends_it_and_nothing_of_it_is_left():
    """A leader that comes back to office takes proposals again."""
    made, _ = transferring()
    effects = hear(made, RequestVote(2, "b", "a", 2, 1, True), now(made))
    assert (made.role, made.transfer) == ("follower", None) and sent(effects, Vote) == [Vote(2, "a", "b", True)]
    assert Refused(1, "lost leadership") in told(effects)  # what it proposed itself before may still be agreed on
    wake(made)
    hear(made, Vote(3, "c", "a", True), now(made))
    assert made.role == "leader" and told(tell(made, Propose(2, "y"), now(made))) == []


# ── the new one ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("pre_vote", [False, True])
def test_who_is_told_campaigns_at_once_without_asking_first(pre_vote):
    """§3.10; canonical/raft issue 203: pre-votes would be refused, for the leader is well."""
    made = node(settings=PAPER._replace(pre_vote=pre_vote))
    hear(made, Heartbeat(1, "b", "a", 0), 5)
    effects = hear(made, TimeoutNow(1, "b", "a"), 6)
    assert (made.role, made.term) == ("candidate", 2)
    assert sent(effects) == [RequestVote(2, "a", "b", 0, 0, True), RequestVote(2, "a", "c", 0, 0, True)]
    assert told(effects) == [Following(2, None)]


def test_nobody_ignores_a_candidate_that_was_asked_to_campaign():
    """§4.2.3: the request says that the leader itself wants it. Its log must be as good as ever."""
    for index, granted in ((1, True), (0, False)):
        made = node(terms=(1,), term=1)
        hear(made, Heartbeat(1, "b", "a", 0), 5)
        assert hear(made, RequestVote(2, "c", "a", index, min(index, 1)), 6) == []
        asked = RequestVote(2, "c", "a", index, min(index, 1), True)
        assert sent(hear(made, asked, 6), Vote) == [Vote(2, "a", "c", granted)]


def test_who_is_told_too_late_does_nothing():
    """A call of an older term, or to who campaigns already."""
    made = node(term=3)
    assert hear(made, TimeoutNow(2, "b", "a")) == [] and made.term == 3
    wake(made)
    assert hear(made, TimeoutNow(4, "b", "a")) == [] and (made.role, made.term) == ("candidate", 4)


def test_who_has_no_vote_does_not_campaign():
    made = node(member="d", of="abc")
    assert hear(made, TimeoutNow(0, "a", "d")) == [] and made.role == "follower"


# ── whole groups ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("settings", [PAPER, PAPER._replace(pre_vote=True), PAPER._replace(check_quorum=False)])
def test_whoever_is_named_leads_next_and_nothing_is_lost(settings):
    for seed in range(3):
        group = Group.of(5, seed=seed, settings=settings).run(1)
        heir = next(machine for machine in "EDCBA" if machine != group.leader)
        for key in range(9):
            group.tell(group.leader, Propose(key, key))
        group.tell(group.leader, Wish(9, heir.lower()))
        seen = len(group.facts)
        group.run(0.14)
        assert group.leader == heir
        assert [m for _, m, fact in group.facts[seen:] if type(fact) is BecameLeader] == [heir]
        assert [e.data for e in group.nodes[heir].log.entries if e.kind == "data"] == list(range(9))


def test_a_target_that_is_gone_costs_one_election_time_out_without_proposals():
    group = Group.of(3, seed=3).run(1)
    old = group.leader
    gone = next(machine for machine in group.nodes if machine != old)
    group.crash(gone)
    group.tell(old, Wish(9, gone.lower()))
    group.run(0.3)
    assert group.leader == old and Refused(9, "transfer aborted") in group.told[old]
    group.tell(old, Propose(1, "x"))
    group.run(0.1)
    assert group.nodes[old].log.entries[-1].data == "x" and group.nodes[old].commit == group.nodes[old].log.last_index


def test_during_a_transfer_appends_go_on():
    """The leader still leads: who else lags is served."""
    made, _ = transferring(of="abcde")
    assert sent(hear(made, Appended(1, "c", "a", 1), now(made)), AppendEntries) == []
    assert sent(hear(made, Appended(1, "b", "a", 2), now(made)), TimeoutNow)
    effects = hear(made, Appended(1, "c", "a", 2), now(made))
    assert made.commit == 2 and {m.target for m in sent(effects, AppendEntries)} == {"b", "c", "d", "e"}
