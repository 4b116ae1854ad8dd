"""Asking before campaigning, rule by rule [dissertation §9.6; etcd's testdata/prevote*.txt]."""

import pytest
from raft_harness import Group, hear, node, noted, saved, sent, told, wake
from raft_scenes import leader, now

from swarmlab.effects import MS, Following
from swarmlab.events import BecameCandidate, BecameFollower, BecamePreCandidate
from swarmlab.raft import PAPER
from swarmlab.raft.messages import AppendEntries, Heartbeat, HeartbeatAnswer, PreVote, PreVoteRequest, RequestVote, Vote

ASKING = PAPER._replace(pre_vote=True)


def asking(**how):
    """A node that has just begun to ask."""
    made = node(settings=ASKING, **how)
    wake(made)
    assert made.role == "precandidate"
    return made


# ── who asks ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_it_asks_before_it_raises_its_term():
    """§9.6: the term is incremented only when a majority would grant the vote."""
    made = node(settings=ASKING, terms=(1, 2), term=2)
    effects = wake(made)
    assert (made.role, made.term, made.vote) == ("precandidate", 2, None) and not saved(effects)
    assert sent(effects) == [PreVoteRequest(3, "a", "b", 2, 2), PreVoteRequest(3, "a", "c", 2, 2)]
    assert noted(effects) == [BecamePreCandidate(2)] and told(effects) == [Following(2, None)]


def test_with_a_majority_of_yes_the_real_election_begins():
    made = asking()
    effects = hear(made, PreVote(1, "b", "a", True))
    assert (made.role, made.term, made.vote) == ("candidate", 1, "a")
    assert noted(effects) == [BecameCandidate(1)] and len(sent(effects, RequestVote)) == 2


def test_pre_votes_are_not_votes_and_votes_are_not_pre_votes():
    """Trap 9: the election after the questions begins with the own vote alone."""
    made = asking(of="abcde")
    for voter in "bcd":
        hear(made, PreVote(1, voter, "a", True))
    assert made.role == "candidate" and made.votes == {"a": True}
    hear(made, PreVote(1, "b", "a", True))
    assert made.role == "candidate" and made.votes == {"a": True}
    other = asking(term=1)
    assert hear(other, Vote(1, "b", "a", True)) == [] and other.role == "precandidate"


def test_a_yes_counts_once_and_only_for_the_term_that_was_asked_about():
    made = asking(of="abcde", term=3)
    for _ in range(3):
        hear(made, PreVote(4, "b", "a", True))
    assert hear(made, PreVote(3, "c", "a", True)) == [] and hear(made, PreVote(5, "c", "a", True)) == []
    assert made.role == "precandidate" and made.term == 3


def test_a_no_with_a_larger_term_is_taken_over():
    made = asking()
    effects = hear(made, PreVote(7, "b", "a", False))
    assert (made.role, made.term) == ("follower", 7) and noted(effects) == [BecameFollower(7)]


def test_who_gets_no_majority_asks_again_after_its_next_time_out():
    made = asking()
    for voter in "bc":
        hear(made, PreVote(0, voter, "a", False))
    assert (made.role, made.term) == ("precandidate", 0)
    assert len(sent(wake(made), PreVoteRequest)) == 2 and made.term == 0


def test_the_voice_of_a_leader_ends_the_asking():
    made = asking(term=2)
    hear(made, AppendEntries(2, "b", "a", 0, 0, (), 0), 1)
    assert (made.role, made.leader, made.term) == ("follower", "B", 2)
    assert hear(made, PreVote(3, "c", "a", True)) == [] and made.role == "follower"


def test_who_is_alone_asks_nobody():
    made = node(of="a", settings=ASKING)
    assert (made.role, made.term) == ("leader", 1)


def test_who_asks_forgets_its_leader():
    """etcd pull request 8334: two who ask at once would refuse each other for ever."""
    made = node(settings=ASKING)
    hear(made, Heartbeat(1, "b", "a", 0), 0)
    wake(made)
    assert made.leader is None
    assert sent(hear(made, PreVoteRequest(2, "c", "a", 0, 0), made.armed)) == [PreVote(2, "a", "c", True)]


# ── who is asked ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_being_asked_changes_nothing():
    """§9.6: neither term nor vote nor time-out."""
    made = node(term=3, settings=ASKING)
    before = (made.term, made.vote, made.role, made.deadline, made.armed)
    effects = hear(made, PreVoteRequest(9, "b", "a", 5, 2), 100 * MS)
    assert (made.term, made.vote, made.role, made.deadline, made.armed) == before
    assert sent(effects) == [PreVote(9, "a", "b", True)] and len(effects) == 1


def test_several_may_get_a_yes_in_the_same_term():
    made = node(settings=ASKING)
    for asker in "bc":
        assert sent(hear(made, PreVoteRequest(1, asker, "a", 0, 0))) == [PreVote(1, "a", asker, True)]


@pytest.mark.parametrize("index, term, granted", [(1, 3, True), (2, 2, True), (1, 2, False), (9, 1, False)])
def test_no_yes_for_a_log_that_is_behind(index, term, granted):
    """§9.6 with §5.4.1; a no carries the own term, a yes the term that was asked about."""
    made = node(terms=(1, 2), term=3, settings=ASKING)
    answer = PreVote(4 if granted else 3, "a", "b", granted)
    assert sent(hear(made, PreVoteRequest(4, "b", "a", index, term))) == [answer]


def test_who_hears_a_leader_does_not_even_answer():
    """§4.2.3: for the shortest election time-out."""
    made = node(settings=ASKING)
    hear(made, Heartbeat(1, "b", "a", 0), 0)
    assert hear(made, PreVoteRequest(2, "c", "a", 0, 0), 149 * MS) == []
    assert sent(hear(made, PreVoteRequest(2, "c", "a", 0, 0), 150 * MS)) == [PreVote(2, "a", "c", True)]


def test_without_check_quorum_a_yes_is_given_though_a_leader_is_heard():
    """As etcd, which ties this to check-quorum: only that makes a leader without followers give up."""
    made = node(settings=ASKING._replace(check_quorum=False))
    hear(made, Heartbeat(1, "b", "a", 0), 0)
    assert sent(hear(made, PreVoteRequest(2, "c", "a", 0, 0), 1)) == [PreVote(2, "a", "c", True)]


def test_a_leader_does_not_answer_either():
    made = leader()
    assert hear(made, PreVoteRequest(2, "c", "a", 9, 1), now(made)) == [] and made.role == "leader"


def test_a_question_about_an_old_term_gets_a_no_with_the_own_one():
    """etcd issue 8243: left unanswered, survivors at unequal terms would wait for each other for ever."""
    made = node(term=5, settings=ASKING)
    assert sent(hear(made, PreVoteRequest(3, "b", "a", 9, 2))) == [PreVote(5, "a", "b", False)]
    hear(made, Heartbeat(5, "c", "a", 0), 0)
    assert sent(hear(made, PreVoteRequest(3, "b", "a", 9, 2), 1)) == [PreVote(5, "a", "b", False)]  # sticky or not


@pytest.mark.parametrize("vote, granted", [(None, True), ("b", True), ("c", False)])
def test_in_the_term_that_is_asked_about_the_vote_must_be_free(vote, granted):
    made = node(term=4, vote=vote, settings=ASKING)
    assert sent(hear(made, PreVoteRequest(4, "b", "a", 0, 0))) == [PreVote(4, "a", "b", granted)]


def test_who_has_no_vote_answers_all_the_same():
    """etcd's campaign_learner_must_vote: who asks may know of a promotion that was not seen here."""
    made = node(member="d", of="abc", settings=ASKING)
    assert sent(hear(made, PreVoteRequest(1, "a", "d", 0, 0))) == [PreVote(1, "d", "a", True)]


def test_who_is_ahead_tells_the_leader_its_term():
    """etcd issue 8501: it would be locked out, for nobody answers its questions while the leader is heard."""
    made = asking(term=5)
    assert sent(hear(made, Heartbeat(3, "b", "a", 0))) == [HeartbeatAnswer(5, "a", "b")]


# ── whole groups ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("settings, disturbed", [(ASKING, False), (PAPER, True)])
def test_who_was_cut_off_comes_back_without_an_election(settings, disturbed):
    """§9.6: what pre-votes are for. Without them its larger term ends a leadership that was well."""
    group = Group.of(3, seed=2, settings=settings).run(1)
    old, term = group.leader, group.nodes[group.leader].term
    group.cut(next(machine for machine in group.nodes if machine != old))
    group.run(3)
    group.cut()
    group.run(2)
    assert (group.nodes[group.leader].term > term) == disturbed
    assert len({made.term for made in group.nodes.values()}) == 1


def test_survivors_at_unequal_terms_find_a_leader():
    """etcd issue 8243: of three, one is gone, one is ahead in its term and one in its log."""
    group = Group.of(3, seed=1, settings=ASKING)
    group.crash("C")
    ahead, longer = node(term=8, settings=ASKING), node("b", terms=(1, 1), term=1, settings=ASKING)
    group.nodes.update(A=ahead, B=longer)
    group.run(3)
    assert group.leader == "B" and group.nodes["B"].term > 8


def test_a_group_that_asks_first_elects_as_well():
    for seed in range(5):
        group = Group.of(5, seed=seed, settings=ASKING, loss=0.1).run(2)
        group.crash(group.leader)
        group.run(3)
        assert group.leader and BecamePreCandidate in [type(fact) for _, _, fact in group.facts]
