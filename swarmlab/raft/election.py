"""Who leads: campaigns, votes, and when a request for a vote is not even heard [Raft §5.2, §5.4.1; dissertation §4.2.3]."""

from typing import TYPE_CHECKING

from ..effects import NEVER, SILENCE, Following, Note, Save, Send, Tell
from ..events import BecameCandidate, BecameLeader, VoteGranted
from . import replication
from .messages import RequestVote, Vote
from .progress import Progress
from .quorum import vote_result

if TYPE_CHECKING:
    from .core import RaftNode


def time_out(node: "RaftNode", now: int) -> list:
    """No leader was heard for a whole time-out: campaign [§5.2]. Who does not belong to the group only stops waiting."""
    if node.member in node.members:
        return campaign(node, now)
    known, node.leader, node.deadline = node.leader, None, NEVER
    return [Tell("manager", Following(node.term, None))] if known else []


def campaign(node: "RaftNode", now: int) -> list:
    """A new term, the own vote for oneself, a request to everybody else [§5.2]."""
    effects = node.enter_term(node.term + 1, node.member)
    node.role, node.leader, node.votes = "candidate", None, {node.member: True}
    node.arm(now)
    effects += [Note(BecameCandidate(node.term), SILENCE), Tell("manager", Following(node.term, None))]
    effects += [request_vote(node, member) for member in node.members if member != node.member]
    return effects + lead_if_elected(node, now)


def request_vote(node: "RaftNode", member: str) -> Send:
    log = node.log
    return node.send(node.members[member], RequestVote(node.term, node.member, member, log.last_index, log.last_term))


def ignores(node: "RaftNode", message: RequestVote, now: int) -> bool:
    """True for a candidate of a larger term that must not disturb: who was removed, or while a leader is heard [§4.2.3].

    As in etcd, the second belongs to check-quorum: only that makes sure that a leader without followers gives up.
    """
    if message.source in node.removed:
        return True
    if not node.settings.check_quorum or node.leader is None:
        return False
    return node.role == "leader" or now - node.armed < node.settings.election_low * node.settings.tick


def hear_request(node: "RaftNode", message: RequestVote, sender: str, now: int) -> list:
    """One vote per term, for a log that holds at least what the own one does [§5.2, §5.4.1].

    Who asks need not be in the own configuration: the candidate may know of a change not seen here yet, and a new
    member's vote may be the one that is needed. It is the candidate's configuration that counts [§6].
    """
    free = node.vote is None
    if not may_vote(node, message.source) or not is_up_to_date(node, message):
        return [node.send(sender, Vote(node.term, node.member, message.source, False))]
    node.vote = message.source
    node.arm(now)  # only for a vote that was given: a hopeless candidate must not hold back a good one
    given = [Save("vote", message.source), Note(VoteGranted(node.term, sender))] if free else []
    return [*given, node.send(sender, Vote(node.term, node.member, message.source, True))]


def may_vote(node: "RaftNode", candidate: str) -> bool:
    """The vote of this term is free, or was given to the same candidate, whose request came twice [§5.2]."""
    return node.vote is None or node.vote == candidate


def is_up_to_date(node: "RaftNode", message: RequestVote) -> bool:
    """The later last term wins; with equal last terms, the longer log [§5.4.1]."""
    return (message.last_term, message.last_index) >= (node.log.last_term, node.log.last_index)


def hear_vote(node: "RaftNode", message: Vote, sender: str, now: int) -> list:
    """Count each member once, and only while still asking."""
    if node.role != "candidate":
        return []
    node.votes.setdefault(message.source, message.granted)
    return lead_if_elected(node, now)


def lead_if_elected(node: "RaftNode", now: int) -> list:
    """A majority of the members makes a leader; who has lost waits for the next time-out [§5.2]."""
    return lead(node, now) if vote_result(node.votes, node.members) == "won" else []


def lead(node: "RaftNode", now: int) -> list:
    """Begin with an empty entry of the own term: it commits whatever earlier leaders left open [§5.4.2, §8]."""
    node.role, node.leader, node.usable, node.change = "leader", node.machine, False, 0
    others = [(member, machine) for member, machine in node.members.items() if member != node.member]
    node.progress = {member: Progress(member, machine, node.log.last_index + 1) for member, machine in others}
    node.deadline = replication.next_beat(node, now)
    return [Note(BecameLeader(node.term)), node.tell_members(), *replication.append(node, "empty", None, now)]
