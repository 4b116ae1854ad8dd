"""Reads that are fresh without a place in the log: by asking a majority, or by a lease on time [dissertation §6.4].

A read is answered from the state after some index. Fresh is every index that was committed when the read was asked
for; so the leader tells its commit index, once it is certain that it still leads. It is certain after a round of
heartbeats that began later than the read, or, with a lease, for as long as nobody else can have been elected: that
trusts in clocks which never differ by more than `Settings.drift`.
"""

from typing import TYPE_CHECKING, NamedTuple

from ..effects import ReadReady, Refused, Tell
from . import replication
from .messages import ReadAnswer, ReadRequest
from .quorum import joint_committed_index

if TYPE_CHECKING:
    from .core import RaftNode


class Pending(NamedTuple):
    """A read that waits for its round of heartbeats; with round 0, for the leader's first own commit."""

    key: int
    member: str  # who asked; '' for the leader's own machine
    machine: str
    index: int
    round: int
    boot: int = 0  # of who asked


def ask(node: "RaftNode", key: int, now: int) -> list:
    """A read of this machine's own. Who does not lead asks the leader."""
    if node.role == "leader":
        return begin(node, Pending(key, "", "", 0, 0), now)
    leader = next((member for member, machine in node.members.items() if machine == node.leader), None)
    if leader is None:
        return [Tell("manager", Refused(key, "not leader"))]
    node.asked[key] = 0
    return [node.send(node.members[leader], ReadRequest(node.term, node.member, leader, key, node.phase))]


def hear_request(node: "RaftNode", message: ReadRequest, sender: str, now: int) -> list:
    if node.role != "leader":
        return []
    return begin(node, Pending(message.key, message.source, sender, 0, 0, message.boot), now)


def begin(node: "RaftNode", read: Pending, now: int) -> list:
    """Before an entry of its own term is committed a leader does not know what is [§6.4, step 1]."""
    if not node.usable:
        node.reads.append(read)
        return []
    read = read._replace(index=node.commit)
    if holds_lease(node, now):
        return answer(node, read)
    node.round += 1
    node.reads.append(read._replace(round=node.round))
    if confirmed(node) >= node.round:  # alone in its group
        return settle(node)
    return [replication.heartbeat(node, progress) for progress in node.progress.values()]


def begin_waiting(node: "RaftNode", now: int) -> list:
    """The leader's first own entry is committed: reads that came before begin now."""
    waiting, node.reads = node.reads, []
    return [effect for read in waiting for effect in begin(node, read, now)]


def holds_lease(node: "RaftNode", now: int) -> bool:
    return node.settings.lease_reads and node.transfer is None and not node.called and now < node.lease


def confirmed(node: "RaftNode") -> int:
    """The newest round of heartbeats that a majority has answered."""
    rounds = {member: progress.round for member, progress in node.progress.items()}
    rounds[node.member] = node.round
    return joint_committed_index(rounds, node.configuration.voters, node.configuration.outgoing)


def hear_round(node: "RaftNode", now: int) -> list:
    """A follower answered a newer round: reads may be certain now, and the lease runs from when that round began."""
    newest = confirmed(node)
    if node.settings.lease_reads:
        started = [began for number, began in node.rounds.items() if number <= newest]
        node.rounds = {number: began for number, began in node.rounds.items() if number > newest}
        if started:
            node.lease = max(node.lease, max(started) + lease_of(node))
    return settle(node) if node.reads else []


def lease_of(node: "RaftNode") -> int:
    """How long after a round began nobody can be elected, µs. Voters count whole ticks, so theirs may begin one early."""
    settings = node.settings
    return int((settings.election_low - 1) * settings.tick / settings.drift)


def settle(node: "RaftNode") -> list:
    newest, effects, waiting = confirmed(node), [], []
    for read in node.reads:
        if read.round <= newest and read.round:
            effects += answer(node, read)
        else:
            waiting.append(read)
    node.reads = waiting
    return effects


def answer(node: "RaftNode", read: Pending) -> list:
    if read.member:
        answer = ReadAnswer(node.term, node.member, read.member, read.key, read.index, read.boot)
        return [node.send(read.machine, answer)]
    return [Tell("manager", ReadReady(read.key, read.index))]


def hear_answer(node: "RaftNode", message: ReadAnswer, sender: str, now: int) -> list:
    """The leader has told from which index on; wait until that much is applied here [§6.4, step 4]."""
    if message.key not in node.asked or message.boot != node.phase:
        return []
    node.asked[message.key] = message.index
    return ready(node)


def ready(node: "RaftNode") -> list:
    """Reads of this follower's own for which enough is applied."""
    effects: list = []
    for key, index in list(node.asked.items()):
        if 0 < index <= node.commit:
            del node.asked[key]
            effects.append(Tell("manager", ReadReady(key, index)))
    return effects


def give_up(node: "RaftNode") -> list:
    """Another term or leader: the one that was asked may not answer any more. A read does no harm when asked again."""
    keys, node.asked = list(node.asked), {}
    return [Tell("manager", Refused(key, "lost leadership")) for key in keys]
