"""What raft nodes say to each other, on the network channel `raft` (port 2377/tcp).

Every message carries the sender's term, and names both members: a machine that left and came back is another member,
and must not take what was meant for its former self. `brief` is the little of a message that pictures show.
[Raft figure 2; refusals after dissertation §3.5; pre-votes §9.6; transfer §3.10; reads §6.4]
"""

from typing import Any, NamedTuple

from ..effects import Entry
from .configuration import Configuration


class Snapshot(NamedTuple):
    """The state after the entry at `index`, in place of the log up to there [Raft §7]."""

    index: int
    term: int
    configuration: Configuration  # who belonged to the group there
    members: tuple  # (member, machine) pairs
    removed: tuple  # members that were taken out
    state: Any


class RequestVote(NamedTuple):
    """A candidate asks for a vote. Answer: `Vote` [Raft §5.2]."""

    term: int
    source: str  # member id of the sender
    target: str  # member id it is meant for
    last_index: int  # where the candidate's log ends
    last_term: int
    transfer: bool = False  # the old leader itself asked for this election: nobody ignores it

    @property
    def brief(self) -> tuple:
        return self.last_index, self.last_term


class Vote(NamedTuple):
    """The answer to a candidate."""

    term: int
    source: str
    target: str
    granted: bool

    @property
    def brief(self) -> tuple:
        return (self.granted,)


class PreVoteRequest(NamedTuple):
    """Would you vote for me in this term? Nothing changes by being asked. Answer: `PreVote` [dissertation §9.6]."""

    term: int  # the next term, in which nobody is yet
    source: str
    target: str
    last_index: int
    last_term: int

    @property
    def brief(self) -> tuple:
        return self.last_index, self.last_term


class PreVote(NamedTuple):
    """The answer: a yes carries the term that was asked about, a no the answerer's own."""

    term: int
    source: str
    target: str
    granted: bool

    @property
    def brief(self) -> tuple:
        return (self.granted,)


class TimeoutNow(NamedTuple):
    """The leader hands over: campaign at once, without asking first [dissertation §3.10]."""

    term: int
    source: str
    target: str


class AppendEntries(NamedTuple):
    """The leader's log from behind `previous` on. Answer: `Appended` or `Mismatched` [Raft §5.3]."""

    term: int
    source: str
    target: str
    previous_index: int
    previous_term: int
    entries: tuple[Entry, ...]
    commit: int  # the leader's commit index

    @property
    def brief(self) -> tuple:
        return self.previous_index, len(self.entries), self.commit


class Appended(NamedTuple):
    """The follower's log equals the leader's up to `match`, and is on disk."""

    term: int
    source: str
    target: str
    match: int

    @property
    def brief(self) -> tuple:
        return (self.match,)


class Mismatched(NamedTuple):
    """The follower has no such `previous` entry; its log may agree up to `hint_index`, where its term is `hint_term`."""

    term: int
    source: str
    target: str
    refused: int  # the previous_index that did not match
    hint_index: int
    hint_term: int

    @property
    def brief(self) -> tuple:
        return self.refused, self.hint_index


class InstallSnapshot(NamedTuple):
    """The log that the follower needs is not there any more: here is what it led to. Answer: `Appended` [Raft §7].

    The paper sends it in pieces; ours is one message.
    """

    term: int
    source: str
    target: str
    snapshot: Snapshot

    @property
    def brief(self) -> tuple:
        return (self.snapshot.index,)


class Heartbeat(NamedTuple):
    """A sign of life of the leader. Answer: `HeartbeatAnswer`.

    The paper sends an AppendEntries without entries; we follow etcd, which has a message of its own for it.
    """

    term: int
    source: str
    target: str
    commit: int  # never beyond what the leader knows this follower to hold
    round: int = 0  # counts what waits for the answers of a majority: reads [dissertation §6.4]

    @property
    def brief(self) -> tuple:
        return (self.commit,)


class HeartbeatAnswer(NamedTuple):
    """A sign of life of a follower; with a larger term it tells a former leader that its time is over."""

    term: int
    source: str
    target: str
    round: int = 0  # the one of the heartbeat that it answers; 0 for a refusal


class ReadRequest(NamedTuple):
    """A follower asks the leader from which index on a read is fresh. Answer: `ReadAnswer` [dissertation §6.4]."""

    term: int
    source: str
    target: str
    key: int  # the follower's name for it
    boot: int = 0  # when the follower booted: an answer that comes after its next boot is none


class ReadAnswer(NamedTuple):
    """Fresh is who has applied the log up to `index`."""

    term: int
    source: str
    target: str
    key: int
    index: int
    boot: int = 0
