"""Founding, entering, adding, removing, leaving."""

from raft_harness import Group, Lowest, elect, hear, node, noted, saved, sent, tell, told, wake

from swarmlab.effects import (
    NEVER,
    STARTED,
    AddMember,
    Append,
    Committed,
    Disk,
    Enter,
    Following,
    Forget,
    Found,
    Leading,
    Members,
    Propose,
    Refused,
    RemoveMember,
    Save,
)
from swarmlab.events import BecameCandidate, BecameLeader, MemberAdded, MemberRemoved
from swarmlab.raft import PAPER, RaftNode, bare, core
from swarmlab.raft.messages import Appended, AppendEntries, RequestVote, Vote


def outside(machine="A"):
    made = RaftNode(machine, Disk({}, []), Lowest(), PAPER)
    assert made.step(STARTED, 0) == []
    return made


def swarm(size, spare="", **how):
    """A group that grew from a founder, one member after the other; spare machines stay outside."""
    group = Group({machine: Disk({}, []) for machine in "ABCDEFG"[:size] + spare}, **how)
    group.tell("A", Found("a", "A"))
    for number, machine in enumerate("BCDEFG"[: size - 1]):
        group.tell(machine, Enter(machine.lower()))
        group.tell("A", AddMember(number, machine.lower(), machine))
        group.run(1)
    return group


def test_outside_of_a_group_nothing_is_due_and_nothing_heard():
    made = outside()
    assert made.role == "outside" and made.deadline == NEVER
    assert hear(made, RequestVote(1, "b", "a", 0, 0)) == []


def test_a_founder_leads_at_once():
    """As SwarmKit: bootstrapped with an entry that adds itself in term 1, leader in term 2."""
    made = outside()
    effects = tell(made, Found("a", "A"))
    assert (made.role, made.term, made.commit, made.members) == ("leader", 2, 2, {"a": "A"})
    assert [entry.kind for entry in made.log.entries] == ["add", "empty"]
    assert told(effects)[-1] == Leading(2) and Members((("a", "A", True),)) in told(effects)
    assert noted(effects, MemberAdded) == [MemberAdded("A", "a")] and noted(effects, BecameLeader) == [BecameLeader(2)]
    assert saved(effects) == {"members": (("a", "A"),), "member": "a", "term": 2, "vote": "a", "commit": 2}


def test_a_group_grows_one_by_one_and_everybody_learns_who_belongs_to_it():
    group = swarm(5)
    assert group.leader == "A"
    for made in group.nodes.values():
        assert made.members == {member: member.upper() for member in "abcde"}
        assert made.log.entries == group.nodes["A"].log.entries and made.commit == group.nodes["A"].commit
    assert [fact for _, machine, fact in group.facts if type(fact) is MemberAdded] == [
        MemberAdded(m.upper(), m) for m in "abcde"
    ]
    assert group.told["E"][-1] == Members(tuple((m, m.upper(), True) for m in "abcde"))


def test_who_entered_is_silent_until_a_leader_speaks():
    made = outside()
    effects = tell(made, Enter("a"))
    assert made.deadline == NEVER and not sent(effects) and made.role == "follower"
    hear(made, AppendEntries(3, "b", "a", 0, 0, (), 0))
    assert made.leader == "B" and made.deadline < NEVER


def test_a_change_counts_when_it_is_applied():
    """As etcd: the paper counts it from the moment it is in the log."""
    made = node()
    elect(made, "b")
    hear(made, Appended(1, "b", "a", 1), made.deadline - 1)
    tell(made, AddMember(1, "d", "D"))
    assert "d" not in made.members and "d" not in made.progress
    effects = hear(made, Appended(1, "b", "a", 2), made.deadline - 1)
    assert made.members["d"] == "D" and noted(effects, MemberAdded) == [MemberAdded("D", "d")]
    assert [m.target for m in sent(effects, AppendEntries)] == ["b", "d"]  # c is still being probed
    assert saved(effects) == {"commit": 2}


def test_one_change_at_a_time_and_none_before_an_entry_of_the_own_term():
    """Dissertation §4.1 and its correction: else two majorities need not overlap."""
    made = node()
    elect(made, "b")
    assert told(tell(made, AddMember(1, "d", "D"))) == [Refused(1, "another change is pending")]
    hear(made, Appended(1, "b", "a", 1), made.deadline - 1)
    assert told(tell(made, AddMember(2, "d", "D"))) == []
    assert told(tell(made, RemoveMember(3, "c"))) == [Refused(3, "another change is pending")]
    hear(made, Appended(1, "b", "a", 2), made.deadline - 1)
    assert told(tell(made, RemoveMember(4, "c"))) == []


def test_only_a_leader_changes_members():
    assert told(tell(node(), AddMember(1, "d", "D"))) == [Refused(1, "not leader")]
    assert told(tell(node(), RemoveMember(2, "b"))) == [Refused(2, "not leader")]


def test_a_removed_follower_hears_of_it_and_stays_quiet():
    group = swarm(3)
    group.tell("A", RemoveMember(9, "c"))
    group.run(3)
    assert all("c" not in made.members for made in group.nodes.values())
    assert group.nodes["C"].deadline == NEVER and group.nodes["A"].role == "leader"
    assert MemberRemoved("C", "c") in [fact for _, _, fact in group.facts]
    assert group.told["C"][-1] == Following(2, None)


def test_a_removed_node_that_was_not_told_does_no_harm():
    """Dissertation §4.2.3: stickiness, and nobody heeds a candidate known to be removed."""
    group = swarm(3)
    group.cut("C")
    group.tell("A", RemoveMember(9, "c"))
    group.run(1)
    group.cut()
    group.run(5)
    assert group.nodes["C"].role == "candidate" and group.leader == "A" and group.nodes["A"].term == 2
    group.crash("A")
    group.run(5)
    assert group.nodes["B"].term < group.nodes["C"].term  # B needs A's vote, and C's campaigns did not move its term


def test_a_leader_that_is_removed_tells_the_others_and_steps_down():
    """§6: it manages the change until it is committed."""
    group = swarm(3)
    group.tell("A", RemoveMember(9, "a"))
    group.run(3)
    assert group.nodes["A"].role == "follower" and group.nodes["A"].deadline == NEVER
    assert group.leader in ("B", "C") and set(group.nodes["B"].members) == {"b", "c"}


def test_removing_a_member_may_complete_a_majority():
    made = node(of="abcd")
    elect(made, "b", "c")
    for follower in "bc":
        hear(made, Appended(1, follower, "a", 1), made.deadline - 1)
    tell(made, RemoveMember(1, "d"))
    tell(made, Propose(2, "x"))
    hear(made, Appended(1, "b", "a", 3), made.deadline - 1)
    assert made.commit == 1
    hear(made, Appended(1, "c", "a", 2), made.deadline - 1)
    assert made.commit == 3  # two of the three that are left hold `x`


def test_a_new_members_vote_counts_though_the_others_have_not_heard_of_it():
    """§6: requests are processed whoever asks; refusing strangers would leave two of three without a leader."""
    group = swarm(2, spare="C")
    group.tell("C", Enter("c"))
    group.run(1)
    group.tell("A", AddMember(5, "c", "C"))
    index = group.nodes["A"].log.last_index
    while group.nodes["B"].log.last_index < index:
        group.run(0.001)
    group.cut("B")  # its answer is on the way to A and completes the majority
    group.run(0.3)
    assert "c" in group.nodes["C"].members and "c" not in group.nodes["B"].members
    group.crash("A")
    group.cut()
    group.run(5)
    assert group.leader == "C"


def test_who_joins_a_group_whose_beginning_is_in_no_entry_never_campaigns():
    """It would know only those who came later, and take itself for a majority."""
    disks = bare([("a", "A"), ("b", "B"), ("c", "C")]) | {"D": Disk({}, [])}
    group = Group(disks).run(2)
    group.tell("D", Enter("d"))
    group.tell(group.leader, AddMember(1, "d", "D"))
    group.run(2)
    assert group.nodes["D"].members == {} and group.nodes["D"].commit == group.nodes[group.leader].commit
    group.cut("D")
    group.run(2)
    assert group.nodes["D"].role == "follower" and BecameCandidate not in [
        type(f) for _, m, f in group.facts if m == "D"
    ]


def test_members_survive_a_restart():
    group = swarm(3)
    for machine in "ABC":
        group.crash(machine)
    for machine in "ABC":
        group.restart(machine)
    group.run(3)
    assert group.leader and all(list(made.members) == ["a", "b", "c"] for made in group.nodes.values())


def test_forgetting_leaves_nothing():
    made = node(terms=(1, 1), term=1, commit=1)
    effects = tell(made, Forget())
    assert saved(effects) == dict.fromkeys(core.PERSISTENT) and Append(1, ()) in effects
    assert effects[0] == Save("member", None)  # first: a crash behind it leaves nobody who has forgotten its vote
    assert (made.role, made.term, made.members, made.log.entries, made.deadline) == ("outside", 0, {}, [], NEVER)
    assert tell(made, Enter("z"))[0] == Save("member", "z")


def test_a_vote_of_a_stranger_is_given_but_not_counted():
    made = node(of="abcde")
    assert sent(wake(made), RequestVote)
    for stranger in "xyz":
        hear(made, Vote(1, stranger, "a", True))
    assert made.role == "candidate"


def test_committed_tells_changes_too_so_that_indexes_have_no_gaps():
    group = swarm(2)
    indexes = [entry.index for message in group.told["B"] if type(message) is Committed for entry in message.entries]
    assert indexes == list(range(1, group.nodes["A"].commit + 1))
