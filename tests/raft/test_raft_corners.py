"""Corners that a close reading found: power cuts, leases, late answers, rebuilding. Each was wrong once."""

import pytest
from raft_harness import Lowest, entries, hear, node, sent, tell, told, wake
from raft_scenes import Lone, leader, now

from swarmlab.effects import (
    STARTED,
    AddMember,
    Append,
    ChangeMembers,
    Damaged,
    Disk,
    Found,
    MemberChange,
    Propose,
    Read,
    ReadReady,
    Rebuild,
    Refused,
    Summary,
)
from swarmlab.group import RaftGroup
from swarmlab.raft import PAPER, Configuration, RaftNode
from swarmlab.raft.messages import (
    Appended,
    AppendEntries,
    Heartbeat,
    HeartbeatAnswer,
    InstallSnapshot,
    ReadAnswer,
    RequestVote,
    Vote,
)

LEASE = PAPER._replace(heartbeat=50, lease_reads=True)


def change(index, kind, member, address=""):
    return entries(1, first=index)[0]._replace(kind=kind, data=(member, address))


def test_a_second_change_in_the_log_proves_the_first_committed_also_after_a_power_cut():
    made = Lone()
    made.hear(AppendEntries(1, "b", "a", 0, 0, entries(1), 1))
    two = (change(2, "add", "d", "D"), change(3, "add", "e", "E"))
    message = AppendEntries(1, "b", "a", 1, 1, two, 2)
    effects = RaftNode("A", Disk(dict(made.disk.values), list(made.disk.log)), Lowest(), PAPER)
    effects.step(STARTED, 0)
    cut = [type(e) is Append for e in hear(effects, message)].index(True) + 1
    made.hear(message, until=cut)
    made.wake()
    made.hear(Vote(2, "c", "a", True))  # two of a, b, c; but d has a vote since index 2, and e may have one
    assert made.node.configuration.voters == tuple("abcd") and made.node.role == "candidate"


def lease_group():
    group = RaftGroup(3, LEASE, seed=1, read="index")
    group.time_out("node-1")
    group.run_for(0.2)
    group.write("x", "old", wait=1)
    group.run_for(0.2)
    assert group.leader == "node-1"
    return group


def no_stale_read(group, other):
    if group.run_until(lambda group: group.nodes[other].role == "leader", 0.05):
        assert group.write("x", "new", to=other, wait=0.05) == ""
        assert group.get("x", at="node-1", wait=0.01).output != "old"


def test_a_voter_that_reboots_keeps_what_it_promised_to_a_lease():
    group = lease_group()
    group.partition({"node-3"}, {"node-1", "node-2"})
    group.run_until(lambda group: group.nodes["node-3"].role == "candidate", 1)
    group.heal()
    group.partition({"node-1"}, {"node-3"})
    group.run_for((group.nodes["node-3"].deadline - group.kernel.now - 2_000) / 1e6)
    group.restart("node-2")
    group.partition({"node-1"}, {"node-2", "node-3"})
    no_stale_read(group, "node-3")


def test_a_call_to_take_over_may_come_after_the_transfer_was_given_up():
    group = lease_group()
    group.transfer("node-2")
    group.freeze("node-2", 0.3)
    group.run_for(0.295)
    group.partition({"node-1"}, {"node-2", "node-3"})
    assert group.nodes["node-1"].transfer is None
    no_stale_read(group, "node-2")


def test_a_late_refusal_does_not_end_what_a_voter_promised_to_a_lease():
    made = node(settings=LEASE)
    hear(made, Heartbeat(1, "b", "a", 0), 1000)
    hear(made, Vote(5, "c", "a", False), 1001)  # of a campaign before b was elected
    assert sent(hear(made, RequestVote(6, "c", "a", 9, 1), 1002), Vote) in ([], [Vote(6, "a", "c", False)])


def test_a_rebuild_in_a_joint_configuration_survives_a_reboot():
    made = Lone()
    made.wake()
    made.hear(Vote(1, "b", "a", True))
    made.hear(Appended(1, "b", "a", 1))
    made.tell(ChangeMembers(1, (MemberChange("remove", "b"), MemberChange("add", "d", "D"))))
    made.hear(Appended(1, "b", "a", 2))
    assert made.node.configuration.outgoing
    made.tell(Rebuild())
    made.boot()
    assert made.node.configuration == Configuration(("a",)) and made.node.role == "leader"


def test_a_read_that_a_follower_asked_for_is_refused_when_it_campaigns():
    for settings in (PAPER, PAPER._replace(pre_vote=True)):
        made = node(settings=settings)
        hear(made, Heartbeat(1, "b", "a", 0))
        tell(made, Read(7))
        assert Refused(7, "lost leadership") in told(wake(made)) and not made.asked


def test_an_answer_to_a_read_of_an_earlier_life_is_not_an_answer_to_this_one():
    disk = {"member": "a", "members": (("a", "A"), ("b", "B"), ("c", "C")), "term": 1, "commit": 1}

    def life(at):
        made = RaftNode("A", Disk(dict(disk), list(entries(1))), Lowest(), PAPER)
        made.step(STARTED, at)
        hear(made, Heartbeat(1, "b", "a", 1), at)
        return made, sent(tell(made, Read(1 << 32 | 1), at))[0]

    _, first = life(0)
    asked = leader()
    hear(asked, first._replace(source="b", target="a"), now(asked))
    late = sent(hear(asked, HeartbeatAnswer(1, "c", "a", 1), now(asked)), ReadAnswer)[0]
    made, _ = life(5_000)
    assert told(hear(made, late._replace(source="b", target="a"), 5_000), ReadReady) == []


def test_a_damaged_node_cannot_be_rebuilt_from_nothing():
    made = RaftNode("A", Disk({"member": "a", "members": (("a", "A"),)}, [Damaged(1)]), Lowest(), PAPER)
    made.step(STARTED, 0)
    assert tell(made, Rebuild()) == [] and made.role == "broken"


@pytest.mark.parametrize("leftover", [{}, {"term": 3}])
def test_founding_is_all_or_nothing(leftover):
    number = 0
    while True:
        made = Lone(of="", **leftover)
        effects = made.tell(Found("a", "A"), until=number)
        if made.node.role == "outside":
            made.tell(Found("a", "A"))
        assert made.node.role == "leader" and made.node.log.entries[0].kind == "add", effects[:number]
        if number > len(effects):
            return
        number += 1


def test_a_new_member_without_an_address_is_refused():
    made = leader()
    assert told(tell(made, ChangeMembers(1, (MemberChange("add", "z"),)), now(made))) != []


def test_who_has_installed_a_snapshot_that_is_old_by_now_gets_the_next_at_once():
    made = leader(settings=PAPER._replace(snapshot_every=4, keep=0))
    made.progress["c"].match = 0
    made.progress["c"].probe(1)

    def grow(count):
        for key in range(count):
            tell(made, Propose(key, key), now(made))
            hear(made, Appended(1, "b", "a", made.log.last_index), now(made))
        tell(made, Summary(made.summarising[0], "state"), now(made))

    grow(4)
    assert sent(hear(made, HeartbeatAnswer(1, "c", "a"), now(made)), InstallSnapshot)
    grow(4)
    assert sent(hear(made, Appended(1, "c", "a", 5), now(made)), InstallSnapshot)


def test_in_a_whole_group_two_leaders_would_commit_different_entries():
    from raft_harness import Group

    from swarmlab.raft import bare

    disks = bare((letter, letter.upper()) for letter in "abc") | {
        letter.upper(): Disk({"member": letter, "members": (("a", "A"), ("b", "B"), ("c", "C"))}, []) for letter in "de"
    }
    group = Group(disks, settings=PAPER._replace(check_quorum=False), delay=(1_000, 1_001))
    group.nodes["A"].deadline = group.now
    group.run(0.1)
    assert group.leader == "A"
    group.cut("B")
    group.tell("A", AddMember(1, "d", "D"))
    group.run(0.01)
    group.tell("A", AddMember(2, "e", "E"))
    assert group.nodes["A"].commit == 2
    group.cut()
    made, honest = group.nodes["B"], group.nodes["B"].step

    def torn(event, now):  # B hears both changes in one append; its power goes off right behind the write
        effects = honest(event, now)
        written = [number for number, effect in enumerate(effects) if type(effect) is Append]
        if written and not made.torn:
            made.torn = True
            return effects[: written[0] + 1]
        return [] if made.torn else effects

    made.torn, made.step = False, torn
    while not made.torn:
        group.run(0.001)
    assert [entry.kind for entry in group.disks["B"].log] == ["empty", "add", "add"]
    group.crash("B")
    group.restart("B")
    group.cut("B", "C")
    group.run(0.02)
    group.tell("A", Propose(3, "of the right group"))
    group.nodes["C"].deadline = 10**9
    group.nodes["B"].deadline = group.now
    group.run(1)  # the laws look on


def test_a_leader_on_a_slow_disk_does_not_fall_silent_while_it_writes_its_own_snapshot():
    settings = PAPER._replace(heartbeat=50, slow_disk=True, snapshot_every=8, keep=3)
    group = RaftGroup(3, settings, seed=1, messages=False)
    group.run_for(1)
    old, term = group.leader, group.nodes[group.leader].term
    group.slow_disk(old, 0.3)
    for number in range(20):
        group.propose(number, to=old)
        group.run_for(0.05)
    group.run_for(1)
    assert (group.leader, group.nodes[old].term) == (old, term) and group.nodes[old].snapshot
