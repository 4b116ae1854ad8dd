"""What raft nodes say to each other, on the network channel `raft` (port 2377/tcp).

Every message carries the sender's term, and names both members: a machine that left and came back is another member,
and must not take what was meant for its former self. [Raft figure 2; refusals after dissertation §3.5]
"""

from typing import NamedTuple

from ..effects import Entry


class RequestVote(NamedTuple):
    """A candidate asks for a vote. Answer: `Vote` [Raft §5.2]."""

    term: int
    source: str  # member id of the sender
    target: str  # member id it is meant for
    last_index: int  # where the candidate's log ends
    last_term: int


class Vote(NamedTuple):
    """The answer to a candidate."""

    term: int
    source: str
    target: str
    granted: bool


class AppendEntries(NamedTuple):
    """The leader's log from behind `previous` on. Answer: `Appended` or `Mismatched` [Raft §5.3]."""

    term: int
    source: str
    target: str
    previous_index: int
    previous_term: int
    entries: tuple[Entry, ...]
    commit: int  # the leader's commit index


class Appended(NamedTuple):
    """The follower's log equals the leader's up to `match`, and is on disk."""

    term: int
    source: str
    target: str
    match: int


class Mismatched(NamedTuple):
    """The follower has no such `previous` entry; its log may agree up to `hint_index`, where its term is `hint_term`."""

    term: int
    source: str
    target: str
    refused: int  # the previous_index that did not match
    hint_index: int
    hint_term: int


class Heartbeat(NamedTuple):
    """A sign of life of the leader. Answer: `HeartbeatAnswer`.

    The paper sends an AppendEntries without entries; we follow etcd, which has a message of its own for it.
    """

    term: int
    source: str
    target: str
    commit: int  # never beyond what the leader knows this follower to hold


class HeartbeatAnswer(NamedTuple):
    """A sign of life of a follower; with a larger term it tells a former leader that its time is over."""

    term: int
    source: str
    target: str
