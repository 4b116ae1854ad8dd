"""Who has a vote, and how that changes, rule by rule [Raft §6; dissertation §4; etcd's confchange and its testdata]."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raft_harness import Group, entries, hear, node, noted, sent, tell, told, wake
from raft_scenes import leader, now

from swarmlab.effects import (
    MS,
    NEVER,
    AddMember,
    ChangeMembers,
    MemberChange,
    Members,
    Propose,
    Refused,
    RemoveMember,
)
from swarmlab.events import BecameCandidate, GroupChanged, MemberAdded, MemberRemoved, SteppedDown
from swarmlab.group import RaftGroup
from swarmlab.raft import (
    PAPER,
    Configuration,
    Progress,
    joint_committed_index,
    joint_vote_result,
    majority,
    vote_result,
)
from swarmlab.raft.configuration import Impossible, after, joint, leave, simple
from swarmlab.raft.messages import Appended, AppendEntries, Heartbeat, PreVoteRequest, RequestVote, TimeoutNow, Vote
from swarmlab.raft.progress import ROUNDS


def add(member, address=""):
    return MemberChange("add", member, address or member.upper())


def learn(member):
    return MemberChange("learner", member, member.upper())


def remove(member):
    return MemberChange("remove", member)


def plan(voters, outgoing="", learners="", staged=""):
    return Configuration(tuple(voters), tuple(outgoing), tuple(learners), tuple(staged))


# ── what a change may look like: etcd's confchange/testdata ──────────────────────────────────────────────────────


def test_one_vote_may_change_in_one_step():
    assert simple(plan("ab"), [add("c")]) == plan("abc")
    assert simple(plan("abc"), [remove("b")]) == plan("ac")
    assert simple(plan("abc"), [learn("b")]) == plan("ac", learners="b")
    assert simple(plan("ab", learners="c"), [add("c")]) == plan("abc")


def test_learners_may_come_and_go_in_any_number():
    """confchange/testdata/simple_idempotency, simple_promote_demote."""
    assert simple(plan("ab", learners="x"), [learn("c"), learn("d"), remove("x")]) == plan("ab", learners="cd")
    assert simple(plan("ab"), [add("c"), learn("d"), remove("e")]) == plan("abc", learners="d")


def test_what_is_so_already_changes_nothing():
    assert simple(plan("ab", learners="c"), [add("b"), learn("c"), remove("z")]) == plan("ab", learners="c")


@pytest.mark.parametrize("changes", [[add("c"), add("d")], [add("c"), remove("a")], [learn("a"), remove("b")]])
def test_more_than_one_vote_takes_a_joint_configuration(changes):
    """§4.1: majorities of old and new need not overlap. confchange/testdata/simple_safety."""
    with pytest.raises(Impossible, match="more than one vote"):
        simple(plan("abx"), changes)
    assert after(plan("abx"), tuple(changes), False).outgoing == ("a", "b", "x")


def test_a_group_keeps_a_voter():
    """confchange/testdata/zero."""
    for change in ([remove("a")], [learn("a")]):
        for way in (simple, joint):
            with pytest.raises(Impossible, match="without voters"):
                way(plan("a", learners="b"), change)
    with pytest.raises(Impossible, match="without voters"):
        joint(plan(""), [add("a")])


def test_joint_keeps_the_old_half_whatever_becomes_of_the_first():
    """§6: C(old,new). confchange/testdata/joint_autoleave."""
    assert joint(plan("abc"), [remove("b"), remove("c"), add("d")]) == plan("ad", "abc")
    assert joint(plan("a", learners="l"), [add("b"), learn("m")]) == plan("ab", "a", "lm")


def test_who_loses_its_vote_becomes_a_learner_only_when_the_old_half_goes():
    """§6: never voter and learner at once. confchange/testdata/joint_learners_next."""
    half = joint(plan("abc"), [learn("a"), add("d")])
    assert half == plan("bcd", "abc", staged="a") and half.everybody == tuple("bcda")
    assert leave(half) == plan("bcd", learners="a")


def test_no_joint_change_while_one_is_under_way_and_no_end_without_one():
    """confchange/testdata/joint_safety."""
    half = joint(plan("abc"), [add("d")])
    for way in (simple, joint):
        with pytest.raises(Impossible, match="under way"):
            way(half, [add("e")])
    with pytest.raises(Impossible, match="no joint change"):
        leave(plan("abc"))


def test_a_change_of_an_unknown_kind_is_named():
    with pytest.raises(Impossible, match="'promote'"):
        simple(plan("abc"), [MemberChange("promote", "b")])


# ── majorities overlap ───────────────────────────────────────────────────────────────────────────────────────────

names = st.sampled_from("abcdef")
changes = st.lists(st.builds(MemberChange, st.sampled_from(["add", "learner", "remove"]), names), max_size=5)
configurations = st.builds(
    lambda voters, learners: plan(sorted(voters), learners=sorted(learners - voters)),
    st.frozensets(names, min_size=1, max_size=5),
    st.frozensets(names, max_size=3),
)


def deciding(group):
    """The smallest sets of members that decide in a half."""
    return [set(some) for some in combinations(group, majority(len(group)))]


@given(configurations, changes)
def test_majorities_before_and_after_a_single_step_share_a_member(old, wishes):
    """§4.1."""
    try:
        new = simple(old, wishes)
    except Impossible:
        return
    assert all(one & other for one in deciding(old.voters) for other in deciding(new.voters))


@given(configurations, changes)
def test_what_a_joint_configuration_decides_shares_a_member_with_both_its_neighbours(old, wishes):
    """§6."""
    try:
        half = joint(old, wishes)
    except Impossible:
        return
    new = leave(half)
    both = [one | other for one in deciding(half.voters) for other in deciding(half.outgoing)]
    assert half.outgoing == old.voters and new.voters == half.voters
    for some in both:
        assert joint_vote_result(dict.fromkeys(some, True), half.voters, half.outgoing) == "won"
        assert all(some & other for other in deciding(old.voters) + deciding(new.voters))


@given(configurations, st.lists(changes, max_size=6), st.randoms(use_true_random=False))
def test_along_any_way_of_changes_nobody_is_two_things_at_once(start, steps, dice):
    """And each step overlaps with the one before it, joint or not."""
    here = start
    for wishes in steps:
        try:
            there = leave(here) if here.outgoing else after(here, tuple(wishes), dice.random() < 0.3)
        except Impossible:
            continue
        assert there.voters and not set(there.learners) & set(there.electors)
        assert set(there.staged) <= set(there.outgoing) - set(there.voters)
        assert len(set(there.everybody)) == len(there.everybody)
        before = [half for half in (here.voters, here.outgoing) if half]
        now = [half for half in (there.voters, there.outgoing) if half]
        assert any(all(a & b for a in deciding(x) for b in deciding(y)) for x in before for y in now)
        here = there


@given(
    st.dictionaries(names, st.booleans()),
    st.frozensets(names, min_size=1, max_size=5),
    st.frozensets(names, max_size=5),
)
def test_a_joint_vote_is_won_by_both_halves_and_lost_by_either(votes, incoming, outgoing):
    halves = [vote_result(votes, sorted(half)) for half in (incoming, outgoing) if half]
    expected = "lost" if "lost" in halves else "won" if set(halves) == {"won"} else "pending"
    assert joint_vote_result(votes, sorted(incoming), sorted(outgoing)) == expected


@given(
    st.dictionaries(names, st.integers(0, 9)),
    st.frozensets(names, min_size=1, max_size=5),
    st.frozensets(names, max_size=5),
)
def test_a_joint_index_is_the_highest_that_a_majority_of_each_half_holds(matches, incoming, outgoing):
    """etcd's quorum/testdata/joint_commit.txt: the lower of the two; an empty half asks for nothing."""
    halves = [half for half in (incoming, outgoing) if half]
    held = [
        index
        for index in range(10)
        if all(sum(matches.get(member, 0) >= index for member in half) >= majority(len(half)) for half in halves)
    ]
    assert joint_committed_index(matches, sorted(incoming), sorted(outgoing)) == max(held)


# ── a joint change ───────────────────────────────────────────────────────────────────────────────────────────────


def half_way(*wishes, of="abc", answers=("b",)):
    """A leader that has applied the joint configuration; its `leave` is in the log."""
    made = leader(of=of)
    tell(made, ChangeMembers(1, tuple(wishes)), now(made))
    for follower in answers:
        effects = hear(made, Appended(1, follower, "a", 2), now(made))
    assert made.configuration.outgoing == tuple(of)
    return made, effects


def test_its_leader_ends_it_by_itself_when_it_is_committed():
    """§6: then C(new) is proposed. etcd's confchange_v2_replace_leader."""
    made, effects = half_way(remove("b"), add("d"))
    assert made.configuration == plan("acd", "abc")
    assert [entry.kind for entry in made.log.entries] == ["empty", "change", "leave"]
    assert noted(effects, GroupChanged) == [GroupChanged(2, ("A", "C", "D"), ("A", "B", "C"), ())]


def test_both_halves_must_hold_what_is_committed():
    """§6: separate majorities from the old and new configurations."""
    made, _ = half_way(remove("b"), remove("c"), add("d"), add("e"))
    hear(made, Appended(1, "b", "a", 3), now(made))
    hear(made, Appended(1, "c", "a", 3), now(made))
    assert made.commit == 2
    effects = hear(made, Appended(1, "d", "a", 3), now(made))
    assert made.commit == 3 and made.configuration == plan("ade") and set(made.members) == set("ade")
    assert noted(effects, MemberRemoved) == [MemberRemoved("B", "b"), MemberRemoved("C", "c")]


def test_who_goes_hears_that_it_went():
    """It is told of the commit, so that it stops campaigning."""
    made, _ = half_way(remove("b"), add("d"))
    hear(made, Appended(1, "b", "a", 3), now(made))
    effects = hear(made, Appended(1, "d", "a", 3), now(made))
    assert made.commit == 3 and "b" in [m.target for m in sent(effects, AppendEntries) if m.commit == 3]
    assert "b" not in made.progress and made.removed == ("b",)


def test_both_halves_must_vote():
    """§6. etcd's TestVoteResult for joint groups."""
    made = node(of="abc", terms=(1,), term=1)
    change = entries(1, first=2)[0]._replace(
        kind="change", data=((remove("b"), remove("c"), add("d"), add("e")), False)
    )
    hear(made, AppendEntries(1, "b", "a", 1, 1, (change,), 2))
    assert [m.target for m in sent(wake(made), RequestVote)] == ["d", "e", "b", "c"]
    for voter in "bc":
        hear(made, Vote(2, voter, "a", True))
        assert made.role == "candidate"
    hear(made, Vote(2, "d", "a", True))
    assert made.role == "leader"


def test_no_other_change_until_it_has_ended():
    made, _ = half_way(remove("b"), add("d"))
    assert told(tell(made, AddMember(5, "x", "X"), now(made))) == [Refused(5, "another change is pending")]
    assert told(tell(made, ChangeMembers(6, (remove("d"),)), now(made))) == [Refused(6, "another change is pending")]


def test_what_cannot_be_done_is_refused_with_the_reason():
    made = leader(of="a")
    assert told(tell(made, RemoveMember(5, "a"))) == [Refused(5, "this would leave a group without voters")]
    assert made.log.last_index == 1


def test_a_single_vote_goes_the_long_way_only_if_asked_to():
    made = leader()
    tell(made, ChangeMembers(1, (add("d"),), joint=True), now(made))
    hear(made, Appended(1, "b", "a", 2), now(made))
    assert made.configuration == plan("abcd", "abc")
    made = leader()
    tell(made, ChangeMembers(1, (add("d"),)), now(made))
    hear(made, Appended(1, "b", "a", 2), now(made))
    assert made.configuration == plan("abcd") and made.log.entries[-1].kind == "add"


def test_proposals_are_taken_on_the_way():
    """§6: the cluster continues to service client requests throughout the change."""
    made, _ = half_way(remove("b"), add("d"))
    assert told(tell(made, Propose(7, "x"), now(made))) == []


def test_a_new_leader_ends_what_an_old_one_began():
    """camunda issue 60086: first an entry of its own term is committed, by both halves."""
    made = node(of="abc", terms=(1,), term=1)
    change = entries(1, first=2)[0]._replace(kind="change", data=((remove("b"), add("d")), False))
    hear(made, AppendEntries(1, "b", "a", 1, 1, (change,), 2))
    wake(made)
    for voter in "bc":
        hear(made, Vote(2, voter, "a", True))
    assert made.role == "leader" and made.log.entries[-1].kind == "empty"
    hear(made, Appended(2, "c", "a", 3), now(made))
    assert made.commit == 3 and made.log.entries[-1].kind == "leave"


def test_a_joint_entry_that_is_inherited_uncommitted_is_committed_by_those_who_decided_when_it_came():
    """Variant of etcd: it counts from when it is applied, so the old group commits it, and then both halves decide."""
    change = entries(1, first=2)[0]._replace(kind="change", data=((remove("b"), add("d")), False))
    made = node(of="abc", terms=(1,), term=1)
    hear(made, AppendEntries(1, "b", "a", 1, 1, (change,), 1))
    assert made.configuration == plan("abc")
    wake(made)
    hear(made, Vote(2, "c", "a", True))
    assert told(tell(made, Propose(1, "x"))) == [
        Refused(1, "leadership is handed over")
    ]  # it may lose its vote by that
    hear(made, Appended(2, "c", "a", 3), now(made))
    assert made.configuration == plan("acd", "abc") and made.log.entries[-1].kind == "leave"


def test_an_uncommitted_change_that_is_cut_never_counts():
    """Trap 17."""
    made = node(terms=(1,), term=1)
    hear(made, AppendEntries(1, "b", "a", 1, 1, (entries(1, first=2)[0]._replace(kind="add", data=("x", "X")),), 1))
    hear(made, AppendEntries(2, "c", "a", 1, 1, entries(2, first=2), 2))
    assert made.configuration == plan("abc") and "x" not in made.members


def test_a_group_replaces_all_its_members_at_once():
    """§6, figure 11, with a crash of the leader on the way."""
    for crash in (False, True):
        group = RaftGroup(3, seed=4, spare=3, messages=False)
        group.run_for(1)
        group.propose("kept")
        group.run_for(0.1)
        old, first = group.members[:3], group.leader
        group.change(add=group.members[3:], remove=old)
        group.run_for(0.0015)
        if crash:
            assert group.nodes[first].configuration.outgoing
            group.crash(first)
        group.run_for(3)
        assert group.leader in group.members[3:]
        assert set(group.nodes[group.leader].configuration.voters) == {"member-4", "member-5", "member-6"}
        for machine in old:
            if machine in group.nodes:
                group.crash(machine)
        group.run_for(2)
        assert group.get("x").output == "kept"


# ── learners ─────────────────────────────────────────────────────────────────────────────────────────────────────


def with_learner(of="abc", **how):
    made = leader(of=of, **how)
    tell(made, ChangeMembers(1, (learn("d"),)), now(made))
    effects = hear(made, Appended(1, "b", "a", 2), now(made))
    for follower in of[2:]:
        hear(made, Appended(1, follower, "a", 2), now(made))
    assert made.configuration.learners == ("d",)
    return made, effects


def test_a_learner_gets_the_log_from_when_the_change_is_applied():
    """§4.2.1. etcd's TestLearnerLogReplication."""
    made, effects = with_learner()
    assert "d" in [m.target for m in sent(effects, AppendEntries)]
    assert noted(effects, MemberAdded) == [MemberAdded("D", "d")]
    assert "d" in [m.target for m in sent(wake(made), Heartbeat)]


def test_what_a_learner_holds_is_not_counted():
    """§4.2.1: non-voting."""
    made, _ = with_learner()
    tell(made, Propose(2, "x"), now(made))
    hear(made, Appended(1, "d", "a", 3), now(made))
    assert made.commit == 2
    hear(made, Appended(1, "b", "a", 3), now(made))
    assert made.commit == 3


def test_a_learners_signs_of_life_do_not_keep_a_leader_in_office():
    made, _ = with_learner()
    effects = []
    for _ in range(4):
        hear(made, Appended(1, "d", "a", 2), now(made))
        effects += wake(made)
    assert noted(effects, SteppedDown) == [SteppedDown(1)]


def learner():
    """Member d, as a learner that knows what it is."""
    made = node("d", of="abc")
    change = entries(1)[0]._replace(kind="change", data=((learn("d"),), False))
    hear(made, AppendEntries(1, "a", "d", 0, 0, (change,), 1))
    assert made.configuration == plan("abc", learners="d")
    return made


def test_a_learner_never_campaigns():
    """etcd's TestLearnerElectionTimeout; told to take over, it does not either (TestLearnerCampaign)."""
    made = learner()
    assert hear(made, TimeoutNow(1, "a", "d")) == []
    wake(made)
    assert (made.role, made.term, made.deadline, made.leader) == ("follower", 1, NEVER, None)


def test_a_learner_votes():
    """etcd's campaign_learner_must_vote: the candidate may know of a promotion that the learner has not seen."""
    made = learner()
    assert sent(hear(made, RequestVote(2, "b", "d", 1, 1), 150 * MS), Vote) == [Vote(2, "d", "b", True)]


def test_a_promoted_learner_campaigns():
    """etcd's TestLearnerPromotion."""
    made = learner()
    hear(made, AppendEntries(1, "a", "d", 1, 1, (entries(1, first=2)[0]._replace(kind="add", data=("d", "D")),), 2))
    wake(made)
    assert made.role == "candidate"


def test_who_is_a_learner_in_the_voters_eyes_may_win_by_its_own():
    """§6: it is the caller's configuration that counts."""
    group = RaftGroup(3, seed=2, spare=1, messages=False)
    group.run_for(1)
    group.change(learners=["node-4"])
    group.run_for(0.3)
    group.change(add=["node-4"])
    group.run_for(0.3)
    group.transfer("node-4")
    group.run_for(0.1)
    assert group.leader == "node-4"


def test_a_learner_is_promoted_only_when_it_has_caught_up():
    """§4.2.1."""
    made, _ = with_learner()
    for key in range(9):
        tell(made, Propose(key, key), now(made))
    assert told(tell(made, ChangeMembers(9, (add("d"),)), now(made))) == [Refused(9, "the learner has not caught up")]
    hear(made, Appended(1, "b", "a", 11), now(made))
    hear(made, Appended(1, "d", "a", 11), now(made))
    assert told(tell(made, ChangeMembers(9, (add("d"),)), now(made))) == []


def test_a_round_ends_when_the_learner_holds_what_there_was_at_its_beginning():
    """§4.2.1: and the last one must have taken less than an election time-out."""
    progress = Progress("d", "D", 1)
    progress.catch_up(100, 150, 0)
    assert not progress.swift
    progress.match = 100
    progress.catch_up(180, 150, 1000)  # the first 100 took 1000
    assert not progress.swift
    progress.match = 150
    progress.catch_up(190, 150, 1050)
    progress.match = 180
    progress.catch_up(200, 150, 1100)  # the next 80 took 100
    assert progress.swift


def test_who_never_catches_up_in_so_many_rounds_is_given_up():
    """§4.2.1: a server that is too slow, or unavailable, must not be let in."""
    progress, time = Progress("d", "D", 1), 0
    for number in range(1, ROUNDS + 2):
        progress.match = progress.goal
        progress.catch_up(100 * number, 150, time)
        time += 1000
    progress.match = progress.goal
    progress.catch_up(9999, 150, time - 999)  # this one would have been swift
    assert not progress.swift


def test_a_learner_that_waits_for_something_to_do_stays_caught_up():
    """A round without entries lasts as long as nobody writes; that says nothing about the learner."""
    made, _ = with_learner()
    hear(made, Appended(1, "d", "a", 2), now(made))
    for minute in range(1, 20):
        time = minute * 60_000 * MS
        tell(made, Propose(minute, minute), time)
        for follower in "bd":
            hear(made, Appended(1, follower, "a", made.log.last_index), time)
    assert made.progress["d"].swift
    assert told(tell(made, ChangeMembers(99, (add("d"),)), time)) == []


def test_a_voter_may_become_a_learner_and_come_back():
    group = RaftGroup(3, seed=5, messages=False)
    group.run_for(1)
    other = next(name for name in group.members if name != group.leader)
    group.change(learners=[other])
    group.run_for(0.3)
    member = group.member_on(other)
    assert group.nodes[other].configuration.learners == (member,) and group.nodes[other].role == "follower"
    group.propose("x")
    group.run_for(0.3)
    group.change(add=[other])
    group.run_for(0.3)
    assert member in group.nodes[group.leader].configuration.voters


# ── who goes ─────────────────────────────────────────────────────────────────────────────────────────────────────


def leaving():
    """A leader that is asked to take itself out."""
    made = leader()
    return made, tell(made, RemoveMember(1, "a"), now(made))


def test_a_leader_that_goes_manages_its_going_without_counting_itself():
    """§6, §4.2.2: until the entry is committed. Here it counts from when it is applied, so the leader still counts
    for the entry itself, and for nothing behind it."""
    made, effects = leaving()
    assert made.role == "leader" and len(sent(effects, AppendEntries)) == 2
    effects = hear(made, Appended(1, "b", "a", 2), now(made))
    assert (made.role, made.commit, made.leader) == ("follower", 2, None) and made.removed == ("a",)
    assert Members((("b", "B", True), ("c", "C", True))) in told(effects)


def test_it_takes_nothing_behind_the_entry_that_ends_its_vote():
    """Figure 4.6: its log must not be longer than that of those whose votes it leaves behind."""
    made, _ = leaving()
    assert told(tell(made, Propose(2, "x"), now(made))) == [Refused(2, "leadership is handed over")]
    assert told(tell(made, AddMember(3, "d", "D"), now(made))) == [Refused(3, "leadership is handed over")]


def test_it_asks_who_holds_its_whole_log_to_go_on():
    """§4.2.2: the group need not wait for a time-out. etcd's confchange_v1_remove_leader waits."""
    made, _ = leaving()
    effects = hear(made, Appended(1, "b", "a", 2), now(made))
    assert sent(effects, TimeoutNow) == [TimeoutNow(1, "a", "b")]
    commits = [m.commit for m in sent(effects, AppendEntries) if m.target == "b"]
    assert commits == [2]  # b knows of the change before it campaigns


def test_who_took_itself_out_does_not_campaign_and_gives_its_vote_still():
    """Figure 4.6: of two members, the other may need it."""
    made, _ = leaving()
    hear(made, Appended(1, "b", "a", 2), now(made))
    wake(made)
    assert (made.role, made.deadline) == ("follower", NEVER)
    assert sent(hear(made, RequestVote(2, "c", "a", 2, 1), now(made)), Vote) == [Vote(2, "a", "c", True)]


@pytest.mark.parametrize("members", [2, 3, 5])
def test_a_group_goes_on_without_the_leader_that_left_and_loses_nothing(members):
    for seed in range(3):
        group = RaftGroup(members, seed=seed, messages=False)
        group.run_for(1)
        old = group.leader
        assert group.write("x", "kept", wait=1) == ""
        group.change(remove=[old])
        group.run_for(1)
        assert group.leader not in (old, None) and group.get("x").output == "kept"
        assert group.write("x", "new", wait=1) == "" and group.nodes[old].role == "follower"


def removed(settings=PAPER):
    """Member c was taken out while it was cut off, and is back now."""
    group = Group.of(3, seed=1, settings=settings).run(1)
    gone = next(machine for machine in group.nodes if machine != group.leader)
    group.cut(gone)
    group.tell(group.leader, RemoveMember(1, gone.lower()))
    group.run(2)
    group.cut()
    return group, gone


@pytest.mark.parametrize("settings", [PAPER, PAPER._replace(pre_vote=True), PAPER._replace(check_quorum=False)])
def test_who_was_taken_out_and_does_not_know_disturbs_nobody(settings):
    """§4.2.3: pre-votes alone do not help, stickiness alone ends with the leader; nobody hears it, as in SwarmKit."""
    group, gone = removed(settings)
    leader, term = group.leader, group.nodes[group.leader].term
    assert leader != gone
    seen = len(group.facts)
    group.run(5)
    assert {fact for _, machine, fact in group.facts[seen:] if machine != gone} == set()
    assert group.leader == leader and group.nodes[leader].term == term


@pytest.mark.parametrize(
    "message",
    [
        RequestVote(9, "c", "a", 9, 8),
        RequestVote(9, "c", "a", 9, 8, True),
        PreVoteRequest(9, "c", "a", 9, 8),
        Heartbeat(9, "c", "a", 0),
        Appended(9, "c", "a", 5),
        Vote(9, "c", "a", False),
    ],
)
def test_nothing_that_a_removed_member_says_is_heard(message):
    made = leader()
    tell(made, RemoveMember(1, "c"), now(made))
    hear(made, Appended(1, "b", "a", 2), now(made))
    assert made.removed == ("c",)
    assert hear(made, message, now(made)) == [] and (made.role, made.term) == ("leader", 1)


def test_but_for_its_farewell():
    """Its last word as a leader may come when its removal is known already."""
    made = node(terms=(1,), term=1)
    change = entries(1, first=2)[0]._replace(kind="remove", data=("b", ""))
    hear(made, AppendEntries(1, "b", "a", 1, 1, (change,), 2))
    assert made.removed == ("b",)
    hear(made, TimeoutNow(1, "b", "a"))
    assert made.role == "candidate"


def test_who_was_removed_comes_back_as_somebody_new_only():
    made = leader()
    tell(made, RemoveMember(1, "c"), now(made))
    hear(made, Appended(1, "b", "a", 2), now(made))
    for wish in (AddMember(2, "c", "C"), ChangeMembers(2, (learn("c"),))):
        assert told(tell(made, wish, now(made))) == [Refused(2, "who was removed comes back as a new member only")]
    assert told(tell(made, AddMember(3, "c2", "C"), now(made))) == []


def test_a_member_that_moves_is_found_at_its_new_machine():
    made = leader()
    tell(made, ChangeMembers(1, (add("c", "Z"),)), now(made))
    effects = hear(made, Appended(1, "b", "a", 2), now(made))
    assert made.members["c"] == "Z" and made.configuration == plan("abc")
    assert [e.to for e in effects if getattr(e, "channel", "") == "raft"].count("Z") == 1


def test_nobody_campaigns_who_knows_that_it_was_taken_out():
    group = Group.of(3, seed=1).run(1)
    gone = next(machine for machine in group.nodes if machine != group.leader)
    group.tell(group.leader, RemoveMember(1, gone.lower()))
    group.run(0.2)
    seen = len(group.facts)
    group.run(3)
    assert BecameCandidate not in [type(fact) for _, machine, fact in group.facts[seen:] if machine == gone]
