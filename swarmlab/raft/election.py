"""Who leads: campaigns, votes, questions before a campaign, and when a candidate is not even heard.

[Raft §5.2, §5.4.1; dissertation §4.2.3, §9.6]
"""

from typing import TYPE_CHECKING

from ..effects import NEVER, SILENCE, Following, Note, Save, Send, Tell
from ..events import BecameCandidate, BecameLeader, BecamePreCandidate, VoteGranted, VoteRefused
from . import membership, reads, replication
from .messages import PreVote, PreVoteRequest, RequestVote, TimeoutNow, Vote
from .progress import Progress
from .quorum import joint_vote_result

if TYPE_CHECKING:
    from .core import RaftNode

# ── asking ───────────────────────────────────────────────────────────────────────────────────────────────────────


def time_out(node: "RaftNode", now: int) -> list:
    """No leader was heard for a whole time-out: campaign [§5.2]. Who has no vote in the group only stops waiting."""
    if node.member in node.configuration.electors:
        return ask_first(node, now) if node.settings.pre_vote else campaign(node, now)
    known, node.leader, node.deadline = node.leader, None, NEVER
    return [Tell("manager", Following(node.term, None))] if known else []


def ask_first(node: "RaftNode", now: int) -> list:
    """Would a majority vote for it? Until that is known nobody's term is disturbed [dissertation §9.6].

    Its leader is forgotten, or two who ask at once would refuse each other for ever [etcd pull request 8334].
    """
    node.role, node.leader, node.votes = "precandidate", None, {node.member: True}
    node.arm(now)
    effects: list = [Note(BecamePreCandidate(node.term), SILENCE), Tell("manager", Following(node.term, None))]
    effects += reads.give_up(node)
    for member in others(node):
        question = PreVoteRequest(node.term + 1, node.member, member, node.log.last_index, node.log.last_term)
        effects.append(node.send(node.members[member], question))
    return effects + go_on_if_encouraged(node, now)


def go_on_if_encouraged(node: "RaftNode", now: int) -> list:
    return campaign(node, now) if result(node) == "won" else []


def campaign(node: "RaftNode", now: int, transfer: bool = False) -> list:
    """A new term, the own vote for oneself, a request to everybody else who has a vote [§5.2]."""
    effects = node.enter_term(node.term + 1, node.member)
    node.role, node.leader, node.votes = "candidate", None, {node.member: True}
    node.arm(now)
    why = None if transfer else SILENCE
    effects += [Note(BecameCandidate(node.term), why), Tell("manager", Following(node.term, None))]
    effects += reads.give_up(node)
    effects += [request_vote(node, member, transfer) for member in others(node)]
    return effects + lead_if_elected(node, now)


def others(node: "RaftNode") -> list[str]:
    return [member for member in node.configuration.electors if member != node.member]


def request_vote(node: "RaftNode", member: str, transfer: bool) -> Send:
    log = node.log
    request = RequestVote(node.term, node.member, member, log.last_index, log.last_term, transfer)
    return node.send(node.members[member], request)


def hear_timeout_now(node: "RaftNode", message: TimeoutNow, sender: str, now: int) -> list:
    """The leader hands over: a real election at once, and one that nobody's stickiness stops [dissertation §3.10]."""
    if node.role != "follower" or node.member not in node.configuration.electors:
        return []
    return campaign(node, now, transfer=True)


# ── being asked ──────────────────────────────────────────────────────────────────────────────────────────────────


def ignores(node: "RaftNode", message: RequestVote | PreVoteRequest, now: int) -> bool:
    """True for a candidate of a larger term that must not disturb, while a leader is heard [§4.2.3].

    As in etcd, this belongs to check-quorum: only that makes sure that a leader without followers gives up.
    """
    if type(message) is RequestVote and message.transfer:
        return False
    if now < node.promised:
        return True  # though it may have forgotten by whom: lease reads rely on it
    if not node.settings.check_quorum or node.leader is None:
        return False
    return node.role == "leader" or now - node.armed < node.settings.election_low * node.settings.tick


def hear_request(node: "RaftNode", message: RequestVote, sender: str, now: int) -> list:
    """One vote per term, for a log that holds at least what the own one does [§5.2, §5.4.1].

    Who asks need not be in the own configuration: the candidate may know of a change not seen here yet, and a new
    member's or a learner's vote may be the one that is needed. It is the candidate's configuration that counts [§6].
    """
    reason = why_not(node, message, now)
    if reason:
        refusal = node.send(sender, Vote(node.term, node.member, message.source, False))
        return [Note(VoteRefused(node.term, sender, reason)), refusal]
    free = node.vote is None
    node.vote = message.source
    node.arm(now)  # only for a vote that was given: a hopeless candidate must not hold back a good one
    given = [Save("vote", message.source), Note(VoteGranted(node.term, sender))] if free else []
    return [*given, node.send(sender, Vote(node.term, node.member, message.source, True))]


def why_not(node: "RaftNode", message: RequestVote, now: int) -> str:
    """'' if it gets the vote."""
    if now < node.promised and not message.transfer:
        return "a leader may count on it"
    if not may_vote(node, message.source):
        return "voted already"
    return "" if is_up_to_date(node, message) else "log is behind"


def may_vote(node: "RaftNode", candidate: str) -> bool:
    """The vote of this term is free, or was given to the same candidate, whose request came twice [§5.2]."""
    return node.vote is None or node.vote == candidate


def is_up_to_date(node: "RaftNode", message: RequestVote | PreVoteRequest) -> bool:
    """The later last term wins; with equal last terms, the longer log [§5.4.1]."""
    return (message.last_term, message.last_index) >= (node.log.last_term, node.log.last_index)


def hear_pre_request(node: "RaftNode", message: PreVoteRequest, sender: str, now: int) -> list:
    """Say what the vote would be; nothing changes here. A no carries the own term, and is never left out for a term
    that is behind, or survivors at unequal terms would wait for each other for ever [etcd issue 8243]."""
    if message.term > node.term and ignores(node, message, now):
        return []
    free = node.leader is None and node.vote is None
    fair = message.term > node.term or (message.term == node.term and (free or node.vote == message.source))
    if fair and is_up_to_date(node, message):
        return [node.send(sender, PreVote(message.term, node.member, message.source, True))]
    return [node.send(sender, PreVote(node.term, node.member, message.source, False))]


# ── counting ─────────────────────────────────────────────────────────────────────────────────────────────────────


def hear_pre_vote(node: "RaftNode", message: PreVote, sender: str, now: int) -> list:
    if node.role != "precandidate" or (message.granted and message.term != node.term + 1):
        return []
    node.votes.setdefault(message.source, message.granted)
    return go_on_if_encouraged(node, now)


def hear_vote(node: "RaftNode", message: Vote, sender: str, now: int) -> list:
    """Count each member once, and only while still asking."""
    if node.role != "candidate":
        return []
    node.votes.setdefault(message.source, message.granted)
    return lead_if_elected(node, now)


def result(node: "RaftNode") -> str:
    """Only the votes of those who have one count; in a joint configuration, of both halves [§6]."""
    return joint_vote_result(node.votes, node.configuration.voters, node.configuration.outgoing)


def lead_if_elected(node: "RaftNode", now: int) -> list:
    """A majority of the members makes a leader; who has lost waits for the next time-out [§5.2]."""
    return lead(node, now) if result(node) == "won" else []


def lead(node: "RaftNode", now: int) -> list:
    """Begin with an empty entry of the own term: it commits whatever earlier leaders left open [§5.4.2, §8]."""
    node.role, node.leader, node.usable, node.change = "leader", node.machine, False, 0
    node.called = False
    inherited = node.log.slice(node.commit + 1, node.log.last_index)
    node.closing = any(entry.kind in membership.KINDS for entry in inherited)
    everybody = [member for member in node.configuration.everybody if member != node.member]
    node.progress = {one: Progress(one, node.members[one], node.log.last_index + 1) for one in everybody}
    node.deadline = replication.next_beat(node, now)
    return [Note(BecameLeader(node.term)), node.tell_members(), *replication.append(node, "empty", None, now)]
