"""A raft node whose disk is sealed knows nothing until somebody unlocks it [swarm.md §14]."""

from raft_harness import Lowest

from swarmlab.effects import NEVER, STARTED, Append, Disk, Entry, Forget, Received, Save, Send, Tell, Told, Unlock
from swarmlab.raft.core import PAPER, RaftNode
from swarmlab.raft.messages import RequestVote

GROUP = (("a", "A"), ("b", "B"), ("c", "C"))


def sealed() -> RaftNode:
    disk = Disk({"member": "a", "members": GROUP, "term": 3, "vote": "b"}, [Entry(1, 3, "empty", None)])
    return RaftNode("A", disk, Lowest(), PAPER, sealed=True)


def test_it_neither_votes_nor_campaigns() -> None:
    node = sealed()
    assert node.step(STARTED, 0) == []
    assert node.deadline == NEVER
    assert node.step(Received("C", RequestVote(4, "c", "a", 1, 3)), 10) == []


def test_unlocked_it_is_what_its_disk_tells() -> None:
    node = sealed()
    node.step(STARTED, 0)
    effects = node.step(Told("manager", Unlock()), 1000)
    assert (node.member, node.term, node.vote, node.log.last_index) == ("a", 3, "b", 1)
    assert effects[-1] == Tell("manager", Unlock()) and node.deadline < NEVER
    assert not [one for one in effects if isinstance(one, Send)]
    assert node.step(Told("manager", Unlock()), 2000) == [], "once is enough"


def test_who_leaves_locked_leaves_an_empty_disk() -> None:
    node = sealed()
    effects = node.step(Told("manager", Forget()), 1000)
    assert Save("member", None) in effects and Append(1, ()) in effects
    assert node.step(Told("manager", Unlock()), 2000) == []
