"""Elections, rule by rule."""

from raft_harness import elect, hear, node, noted, saved, sent, tell, told, wake

from swarmlab.effects import MS, NEVER, SECOND, STARTED, WOKEN, Following, Propose, Refused, Save, Send
from swarmlab.events import BecameCandidate, BecameFollower, BecameLeader, LeaderRecognised, SteppedDown, VoteGranted
from swarmlab.raft import PAPER, SWARMKIT
from swarmlab.raft.messages import AppendEntries, Heartbeat, HeartbeatAnswer, RequestVote, Vote


class Highest:
    def random(self):
        return 0.999_999


class Counting:
    """Dice that never show the same number twice."""

    def __init__(self):
        self.draws = 0

    def random(self):
        self.draws += 1
        return self.draws / 100


def beat(term=1, source="b", target="a", commit=0):
    return Heartbeat(term, source, target, commit)


def test_a_node_boots_as_a_follower_and_asks_nobody():
    """§5.2: servers start up as followers."""
    made = node(started=False)
    effects = made.step(STARTED, 0)
    assert made.role == "follower" and noted(effects, BecameFollower) == [BecameFollower(0)] and not sent(effects)


def test_a_time_out_makes_a_candidate_that_votes_for_itself():
    """§5.2: increments its term, votes for itself, asks all others."""
    made = node(terms=(1, 1), term=1)
    effects = wake(made)
    assert (made.role, made.term, made.vote) == ("candidate", 2, "a")
    assert noted(effects) == [BecameCandidate(2)]
    assert sent(effects) == [RequestVote(2, "a", "b", 2, 1), RequestVote(2, "a", "c", 2, 1)]
    assert told(effects) == [Following(2, None)]


def test_term_and_vote_are_on_disk_before_anything_leaves():
    """§5.1, figure 2: updated on stable storage before responding."""
    for effects in (wake(node()), hear(node(), RequestVote(3, "b", "a", 0, 0))):
        kinds = [type(effect) for effect in effects]
        assert saved(effects).keys() == {"term", "vote"}
        assert max(i for i, kind in enumerate(kinds) if kind is Save) < kinds.index(Send)


def test_the_time_out_is_counted_in_whole_ticks_since_boot():
    """As etcd counts: 10 to 19 ticks of SwarmKit after the tick before the leader's last word."""
    for dice, ticks in ((None, 10), (Highest(), 19)):
        made = node(settings=SWARMKIT, dice=dice, started=False)
        made.step(STARTED, 300 * MS)
        assert made.deadline == 300 * MS + ticks * SECOND
        hear(made, beat(), 5 * SECOND + 299 * MS)  # between the 4th and the 5th tick
        assert made.deadline == 300 * MS + (4 + ticks) * SECOND
        hear(made, beat(), 5 * SECOND + 300 * MS)
        assert made.deadline == 300 * MS + (5 + ticks) * SECOND


def test_every_time_out_is_drawn_anew():
    """§5.2: randomised time-outs resolve split votes; the same one for ever would repeat them."""
    made = node(dice=Counting())
    hear(made, beat())
    waits = set()
    for _ in range(5):
        hear(made, beat())
        waits.add(made.deadline)
    assert len(waits) == 5


def test_being_woken_too_early_changes_nothing():
    made = node()
    assert made.step(WOKEN, made.deadline - 1) == [] and made.term == 0


def test_a_majority_makes_a_leader_that_begins_with_an_empty_entry():
    """§5.2, §8: a no-op at the start of its term, sent at once."""
    made = node(terms=(1,), term=1)
    effects = elect(made, "b")
    assert noted(effects, BecameLeader) == [BecameLeader(2)] and made.leader == "A"
    assert (made.log.last_index, made.log.last_term, made.log.entries[-1].kind) == (2, 2, "empty")
    assert [(m.target, m.previous_index, m.previous_term, len(m.entries)) for m in sent(effects, AppendEntries)] == [
        ("b", 1, 1, 1),
        ("c", 1, 1, 1),
    ]


def test_a_majority_of_the_members_is_needed_not_of_the_answers():
    """§5.2: votes from a majority of the servers in the full cluster."""
    made = node(of="abcd")
    wake(made)
    hear(made, Vote(1, "b", "a", True))
    assert made.role == "candidate"
    hear(made, Vote(1, "c", "a", True))
    assert made.role == "leader"


def test_a_vote_counts_once():
    made = node(of="abcde")
    wake(made)
    for _ in range(3):
        hear(made, Vote(1, "b", "a", True))
    assert made.role == "candidate"


def test_a_vote_of_an_older_term_does_not_count():
    """§5.1: answers of an older term are ignored."""
    made = node()
    wake(made)
    wake(made)
    assert made.term == 2 and hear(made, Vote(1, "b", "a", True)) == [] and made.role == "candidate"


def test_one_vote_per_term_first_come_first_served():
    """§5.2: at most one candidate in a given term."""
    made = node()
    assert sent(hear(made, RequestVote(1, "b", "a", 0, 0))) == [Vote(1, "a", "b", True)]
    assert sent(hear(made, RequestVote(1, "c", "a", 9, 1))) == [Vote(1, "a", "c", False)]
    again = hear(made, RequestVote(1, "b", "a", 0, 0))
    assert sent(again) == [Vote(1, "a", "b", True)] and not noted(again, VoteGranted)


def test_the_vote_survives_a_crash():
    """Figure 2: votedFor is persistent."""
    made = node(term=4, vote="b")
    assert sent(hear(made, RequestVote(4, "c", "a", 0, 0))) == [Vote(4, "a", "c", False)]
    assert sent(hear(made, RequestVote(4, "b", "a", 0, 0))) == [Vote(4, "a", "b", True)]


def test_the_vote_is_not_free_again_in_the_same_term():
    """§5.2: a candidate that hears the leader of its term has still voted."""
    made = node()
    wake(made)
    hear(made, beat(1))
    assert (made.role, made.vote, made.leader) == ("follower", "a", "B")


def test_no_vote_for_a_log_that_is_behind():
    """§5.4.1: the later last term wins, then the longer log."""
    for index, term, granted in ((1, 3, True), (2, 2, True), (3, 2, True), (1, 2, False), (9, 1, False)):
        made = node(terms=(1, 2), term=3)
        assert sent(hear(made, RequestVote(4, "b", "a", index, term)), Vote) == [Vote(4, "a", "b", granted)]


def test_only_a_vote_that_was_given_puts_off_the_own_campaign():
    """§5.2: a hopeless candidate must not hold back a good one."""
    made = node(terms=(1, 2), term=2)
    before = made.deadline
    hear(made, RequestVote(3, "b", "a", 1, 1), 100 * MS)
    assert made.deadline == before and made.term == 3
    hear(made, RequestVote(3, "c", "a", 2, 2), 100 * MS)
    assert made.deadline == before + 100 * MS


def test_a_request_of_an_older_term_is_answered_with_the_newer_one():
    """§5.1: stale requests are rejected; the answer brings who is behind up to date."""
    made = node(term=5)
    assert sent(hear(made, RequestVote(4, "b", "a", 9, 4))) == [Vote(5, "a", "b", False)]
    assert sent(hear(made, beat(4))) == [HeartbeatAnswer(5, "a", "b")]
    assert sent(hear(made, AppendEntries(4, "b", "a", 0, 0, (), 0))) == [HeartbeatAnswer(5, "a", "b")]


def test_a_leader_that_meets_a_larger_term_follows_and_owes_its_clients_an_answer():
    """§5.1, and reference §4: what was proposed may still be agreed on, so it is `lost`, not failed."""
    made = node()
    elect(made, "b")
    tell(made, Propose(7, "x"))
    effects = hear(made, HeartbeatAnswer(4, "c", "a"), made.deadline - 1)
    assert (made.role, made.term, made.vote, made.leader) == ("follower", 4, None, None)
    assert told(effects)[:2] == [Following(4, None), Refused(7, "lost leadership")]
    assert saved(effects) == {"term": 4, "vote": None}


def test_the_leader_is_recognised_once_per_term():
    made = node()
    effects = hear(made, beat(2))
    assert noted(effects) == [BecameFollower(2), LeaderRecognised(2, "B")]
    assert told(effects) == [Following(2, "B")] and sent(effects) == [HeartbeatAnswer(2, "a", "b")]
    assert hear(made, beat(2)) == [Send("B", "raft", HeartbeatAnswer(2, "a", "b"))]


def test_whoever_hears_a_leader_ignores_candidates():
    """Dissertation §4.2.3: within the minimum election time-out, no term is adopted and no vote given."""
    made = node()
    hear(made, beat(1), 0)
    assert hear(made, RequestVote(2, "c", "a", 9, 1), 149 * MS) == [] and made.term == 1
    hear(made, RequestVote(2, "c", "a", 9, 1), 150 * MS)
    assert made.term == 2 and made.vote == "c"


def test_stickiness_belongs_to_check_quorum():
    made = node(settings=PAPER._replace(check_quorum=False))
    hear(made, beat(1), 0)
    assert sent(hear(made, RequestVote(2, "c", "a", 9, 1), 1)) == [Vote(2, "a", "c", True)]


def test_a_leader_with_a_majority_ignores_candidates_too():
    made = node()
    elect(made, "b")
    assert hear(made, RequestVote(9, "c", "a", 9, 8), made.deadline - 1) == [] and made.role == "leader"


def test_a_leader_without_a_majority_steps_down_in_its_term():
    """Dissertation §6.2: else it would stall its clients for ever."""
    made = node(of="abcde")
    elect(made, "b", "c")
    effects = []
    for _ in range(3):
        hear(made, HeartbeatAnswer(1, "b", "a"), made.deadline - 1)
        effects = wake(made)
    assert noted(effects, SteppedDown) == [SteppedDown(1)]
    assert (made.role, made.term, made.vote, made.leader) == ("follower", 1, "a", None)
    assert Following(1, None) in told(effects) and not sent(effects)


def test_half_of_the_others_makes_a_majority_with_oneself():
    made = node(of="abcde")
    elect(made, "b", "c")
    for _ in range(9):
        for follower in "bc":
            hear(made, HeartbeatAnswer(1, follower, "a"), made.deadline - 1)
        wake(made)
    assert made.role == "leader"


def test_without_check_quorum_a_leader_stays():
    made = node(settings=PAPER._replace(check_quorum=False))
    elect(made, "b")
    for _ in range(20):
        wake(made)
    assert made.role == "leader"


def test_a_leader_beats_every_heartbeat_interval():
    made = node(settings=SWARMKIT)
    elect(made, "b")
    assert made.deadline == 11 * SECOND
    assert [m.target for m in sent(wake(made), Heartbeat)] == ["b", "c"] and made.deadline == 12 * SECOND


def test_a_member_alone_leads_at_once_after_a_restart():
    """SwarmKit: the only member campaigns as soon as it has loaded its log."""
    made = node(of="a", terms=(1,), term=1, commit=1, started=False)
    made.step(STARTED, 5)
    assert (made.role, made.term, made.commit) == ("leader", 2, 2)


def test_a_message_for_a_former_self_is_not_heard():
    made = node(member="d", of="abcd")
    assert hear(made, beat(3, target="x")) == [] and made.term == 0


def test_who_does_not_know_the_group_votes_but_never_campaigns():
    """§6: the candidate may know of a change that the voter has not seen."""
    made = node(member="d", of="abc")
    assert wake(made) == [] and made.deadline == NEVER
    assert sent(hear(made, RequestVote(1, "a", "d", 0, 0))) == [Vote(1, "d", "a", True)]
