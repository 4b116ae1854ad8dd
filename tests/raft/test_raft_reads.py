"""Reads without a place in the log, rule by rule [dissertation §6.4; etcd's TestReadOnly*]."""

import pytest
from raft_harness import hear, node, sent, tell, told, wake
from raft_scenes import leader, now

from swarmlab.check.linearizability import Operation, judge
from swarmlab.effects import (
    MS,
    ChangeMembers,
    Following,
    MemberChange,
    Propose,
    Read,
    ReadReady,
    Refused,
    RemoveMember,
    Transfer,
)
from swarmlab.group import RaftGroup
from swarmlab.raft import PAPER
from swarmlab.raft.core import impossible
from swarmlab.raft.messages import (
    Appended,
    AppendEntries,
    Heartbeat,
    HeartbeatAnswer,
    ReadAnswer,
    ReadRequest,
    RequestVote,
    Vote,
)

LEASE = PAPER._replace(lease_reads=True, drift=1.3)


def ready(effects):
    return told(effects, ReadReady)


def answer(made, follower, round):
    return hear(made, HeartbeatAnswer(made.term, follower, "a", round), now(made))


# ── asking a majority ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_read_takes_a_round_of_heartbeats_and_no_place_in_the_log():
    """§6.4, steps 2 and 3: the commit index at the time of the question, when a majority has answered since."""
    made = leader()
    last = made.log.last_index
    assert [(m.target, m.round) for m in sent(tell(made, Read(7), now(made)), Heartbeat)] == [("b", 1), ("c", 1)]
    assert ready(answer(made, "b", 1)) == [ReadReady(7, 1)] and made.log.last_index == last


def test_what_is_committed_meanwhile_does_not_delay_it():
    made = leader()
    tell(made, Read(7), now(made))
    tell(made, Propose(1, "x"), now(made))
    hear(made, Appended(1, "b", "a", 2), now(made))
    assert made.commit == 2 and ready(answer(made, "c", 1)) == [ReadReady(7, 1)]


def test_a_heartbeat_from_before_the_question_proves_nothing():
    """Trap 14: another may have been elected between that heartbeat and the question."""
    made = leader()
    tell(made, Read(7), now(made))
    assert ready(answer(made, "b", 0)) == [] and ready(answer(made, "c", 0)) == []
    tell(made, Read(8), now(made))
    assert ready(answer(made, "b", 1)) == [ReadReady(7, 1)]
    assert ready(answer(made, "b", 2)) == [ReadReady(8, 1)]


def test_one_round_is_enough_for_all_that_came_before_it():
    """§6.4: several reads may share it."""
    made = leader()
    for key in (7, 8, 9):
        tell(made, Read(key), now(made))
    assert ready(answer(made, "b", 3)) == [ReadReady(7, 1), ReadReady(8, 1), ReadReady(9, 1)]


def test_every_heartbeat_repeats_the_question():
    """The ones that went out at once may have been lost."""
    made = leader()
    tell(made, Read(7), now(made))
    assert [m.round for m in sent(wake(made), Heartbeat)] == [1, 1]
    assert ready(answer(made, "c", 1)) == [ReadReady(7, 1)]


def test_a_majority_of_the_members_must_answer():
    made = leader(of="abcde")
    tell(made, Read(7), now(made))
    assert ready(answer(made, "b", 1)) == [] and ready(answer(made, "b", 1)) == []
    assert ready(answer(made, "d", 1)) == [ReadReady(7, 1)]


def test_learners_are_not_asked_what_they_cannot_decide():
    """Their answers do not count."""
    made = leader()
    tell(made, ChangeMembers(1, (MemberChange("learner", "d", "D"),)), now(made))
    hear(made, Appended(1, "b", "a", 2), now(made))
    tell(made, Read(7), now(made))
    assert ready(answer(made, "d", 1)) == [] and ready(answer(made, "c", 1)) == [ReadReady(7, 2)]


def test_in_a_joint_configuration_both_halves_must_answer():
    """§6 of the paper: separate majorities of both."""
    made = leader(of="abc")
    change = (MemberChange("remove", "b"), MemberChange("remove", "c"), MemberChange("add", "d", "D"))
    tell(made, ChangeMembers(1, (*change, MemberChange("add", "e", "E"))), now(made))
    hear(made, Appended(1, "b", "a", 2), now(made))
    assert (made.configuration.voters, made.configuration.outgoing) == (("a", "d", "e"), ("a", "b", "c"))
    tell(made, Read(7), now(made))
    assert ready(answer(made, "b", 1)) == [] and ready(answer(made, "c", 1)) == []
    assert ready(answer(made, "d", 1)) == [ReadReady(7, 2)]


def test_before_an_entry_of_its_own_term_is_committed_a_leader_makes_readers_wait():
    """§6.4, step 1, trap 13: until then it does not know what is committed. etcd's TestReadOnlyForNewLeader."""
    made = leader(settled=False, terms=(1, 1), term=1)
    assert sent(tell(made, Read(7), now(made))) == []
    assert ready(answer(made, "b", 0)) == []
    effects = hear(made, Appended(2, "b", "a", 3), now(made))
    assert [m.round for m in sent(effects, Heartbeat)] == [1, 1] and ready(effects) == []
    assert ready(answer(made, "c", 1)) == [ReadReady(7, 3)]


def test_who_is_alone_answers_at_once():
    made = node(of="a")
    assert ready(tell(made, Read(7), now(made))) == [ReadReady(7, 1)]


def test_reads_that_wait_when_leadership_is_lost_are_refused():
    """Reference §4: nobody can tell any more whether they would have been fresh."""
    for settled in (True, False):
        made = leader(settled=settled)
        tell(made, Read(7), now(made))
        effects = hear(made, RequestVote(9, "b", "a", 9, 8, True), now(made))
        assert Refused(7, "lost leadership") in told(effects) and made.reads == []
    made = leader()
    tell(made, Read(7), now(made))
    effects = [effect for _ in range(3) for effect in wake(made)]
    assert made.role == "follower" and Refused(7, "lost leadership") in told(effects)


def test_answers_of_an_earlier_time_in_office_confirm_nothing():
    made = leader()
    tell(made, Read(7), now(made))
    hear(made, RequestVote(2, "b", "a", 9, 8, True), now(made))
    wake(made)
    hear(made, RequestVote(2, "b", "a", 9, 8, True), now(made))
    assert made.role == "candidate"
    hear(made, Vote(3, "c", "a", True), now(made))
    hear(made, Appended(3, "c", "a", 2), now(made))
    tell(made, Read(8), now(made))
    assert ready(hear(made, HeartbeatAnswer(1, "b", "a", 99), now(made))) == []
    assert ready(answer(made, "b", made.round)) == [ReadReady(8, 2)]


# ── asking the leader ────────────────────────────────────────────────────────────────────────────────────────────


def following():
    made = node(terms=(1, 1), term=1)
    hear(made, Heartbeat(1, "b", "a", 0))
    return made


def test_a_follower_asks_the_leader_and_waits_until_it_has_applied_as_much():
    """§6.4: followers can help with reads."""
    made = following()
    assert sent(tell(made, Read(7))) == [ReadRequest(1, "a", "b", 7)]
    assert ready(hear(made, ReadAnswer(1, "b", "a", 7, 2))) == []
    assert ready(hear(made, Heartbeat(1, "b", "a", 1))) == []
    effects = hear(made, Heartbeat(1, "b", "a", 2))
    assert ready(effects) == [ReadReady(7, 2)] and not made.asked


def test_a_follower_that_is_further_answers_at_once():
    made = following()
    hear(made, Heartbeat(1, "b", "a", 2))
    tell(made, Read(7))
    assert ready(hear(made, ReadAnswer(1, "b", "a", 7, 1))) == [ReadReady(7, 1)]


def test_a_leader_answers_who_asked_when_it_is_certain():
    made = leader()
    assert sent(hear(made, ReadRequest(1, "b", "a", 7), now(made)), ReadAnswer) == []
    assert sent(answer(made, "c", 1), ReadAnswer) == [ReadAnswer(1, "a", "b", 7, 1)]


def test_who_knows_no_leader_refuses():
    assert told(tell(node(), Read(7))) == [Refused(7, "not leader")]


def test_who_does_not_lead_gives_no_answer_to_others():
    assert hear(node(term=1), ReadRequest(1, "b", "a", 7)) == []


@pytest.mark.parametrize("voice", [Heartbeat(2, "c", "a", 0), RequestVote(2, "c", "a", 9, 1, True)])
def test_another_term_ends_what_a_follower_waits_for(voice):
    """Whoever was asked may not answer any more."""
    made = following()
    tell(made, Read(7))
    assert Refused(7, "lost leadership") in told(hear(made, voice)) and not made.asked
    assert hear(made, ReadAnswer(2, "b", "a", 7, 2)) == []


# ── leases ───────────────────────────────────────────────────────────────────────────────────────────────────────


def leasing(settings=LEASE):
    """A leader whose first heartbeat has been answered. Says when that began, too."""
    made = leader(settings=settings)
    began = made.deadline
    wake(made)
    answer(made, "b", made.round)
    return made, began


def test_a_lease_answers_without_asking():
    """§6.4.1; etcd's TestReadOnlyWithLease."""
    made, _ = leasing()
    effects = tell(made, Read(7), now(made))
    assert ready(effects) == [ReadReady(7, 1)] and not sent(effects)


def test_it_lasts_from_the_beginning_of_the_round_for_the_shortest_time_out_by_the_slowest_clock():
    """§6.4.1: start + election time-out / clock drift bound; one tick less, for voters count whole ones."""
    made, began = leasing()
    end = began + int(149 * MS / 1.3)
    assert made.lease == end
    assert ready(tell(made, Read(7), end - 1)) and not ready(tell(made, Read(8), end))


def test_a_late_answer_does_not_make_it_longer():
    """It was sent when the round had begun; more is not known."""
    made, began = leasing()
    before = made.lease
    round = made.round
    wake(made)
    answer(made, "c", round)
    assert made.lease == before and made.lease < began + 150 * MS


def test_without_a_majority_there_is_none():
    made = leader(of="abcde", settings=LEASE)
    wake(made)
    answer(made, "b", made.round)
    assert made.lease == 0 and not ready(tell(made, Read(7), now(made)))


def test_a_new_leader_has_none_before_an_entry_of_its_own_is_committed():
    made = leader(settled=False, settings=LEASE)
    wake(made)
    answer(made, "b", made.round)
    assert made.lease and not ready(tell(made, Read(7), now(made)))


def test_it_is_dropped_while_leadership_is_handed_over():
    """§6.4.1: the other one may be elected at once."""
    made, _ = leasing()
    tell(made, Transfer(9, "b"), now(made))
    assert not ready(tell(made, Read(7), now(made)))


def test_it_is_dropped_with_the_leadership():
    made, _ = leasing()
    hear(made, RequestVote(2, "b", "a", 9, 1, True), now(made))
    assert made.lease == 0 and told(tell(made, Read(7))) == [Refused(7, "not leader")]


def test_leases_need_check_quorum():
    """etcd refuses the combination, too: voters that do not ignore candidates promise nothing."""
    assert "check_quorum" in impossible(LEASE._replace(check_quorum=False))
    assert impossible(LEASE) == "" and "drift" in impossible(LEASE._replace(drift=0.9))


def test_a_leader_that_takes_itself_out_answers_nothing_afterwards():
    made, _ = leasing()
    tell(made, RemoveMember(1, "a"), now(made))
    effects = hear(made, Appended(1, "b", "a", 2), now(made))
    assert Following(1, None) in told(effects) and made.lease == 0
    assert told(tell(made, Read(7), now(made))) == [Refused(7, "not leader")]


def reads_behind_a_partition(leaders, others, seed):
    """Clocks begin to run at these rates, and the leader is cut off. It is asked for a value at once, and again when the
    others have a leader and a new value. What people saw, as a history."""
    group = RaftGroup(3, LEASE._replace(heartbeat=50), seed=seed, read="index", messages=False)
    group.run_for(1)
    old = group.leader
    rest = [name for name in group.members if name != old]
    history = [put(group, "old", old)]
    for name in group.members:
        group.drift(name, leaders if name == old else others)
    group.run_for(0.06)
    group.partition({old}, rest)
    history.append(get(group, old))
    assert history[-1].output == "old"  # without asking anybody
    group.run_until(lambda group: group.leader not in (old, None), 1)
    history += [put(group, "new", group.leader), get(group, old)]
    return [one for one in history if one]


def put(group, value, to):
    asked = group.kernel.now
    assert group.write("x", value, to=to, wait=0.1) == ""
    return Operation("writer", "put", "x", value, None, asked, group.kernel.now)


def get(group, at):
    group.run_for(0.001)  # clearly after what came before
    asked = group.kernel.now
    seen = group.get("x", at=at, wait=0.01)
    return None if seen.error else Operation("reader", "get", "x", None, seen.output, asked, group.kernel.now)


def test_clocks_within_the_bound_never_show_an_old_value():
    """§6.4.1: 1.1 to 0.9 is less than the 1.3 that the lease allows for."""
    for seed in range(12):
        assert judge(reads_behind_a_partition(0.9, 1.1, seed)).ok


def test_clocks_beyond_the_bound_do():
    """§6.4.1: leases rely on clocks, and nothing notices when they must not."""
    verdicts = [judge(reads_behind_a_partition(0.5, 1.5, seed)) for seed in range(4)]
    assert any(not verdict.ok for verdict in verdicts)
    assert all(verdict.stuck.output == "old" for verdict in verdicts if not verdict.ok)


def test_whatever_the_clocks_are_asking_a_majority_shows_the_newest():
    for seed in range(4):
        group = RaftGroup(3, PAPER._replace(heartbeat=50), seed=seed, read="index", messages=False)
        group.run_for(1)
        old = group.leader
        group.drift(old, 0.2)
        group.write("x", "old", wait=1)
        rest = {name for name in group.members if name != old}
        group.partition({old}, rest)
        group.run_until(lambda group, old=old: group.leader not in (old, None), 2)
        assert group.write("x", "new", to=group.leader, wait=0.1) == ""
        assert group.get("x", at=old, wait=0.1).output is None and group.get("x").output == "new"


def test_heartbeats_of_other_reads_and_appends_count_as_signs_of_life_only():
    """An answer to an append says that the follower lives, not when the leader's word reached it."""
    made = leader()
    tell(made, Read(7), now(made))
    tell(made, Propose(1, "x"), now(made))
    assert ready(hear(made, Appended(1, "b", "a", 2), now(made))) == []
    assert AppendEntries not in [type(m) for m in sent(tell(made, Read(8), now(made)))]
