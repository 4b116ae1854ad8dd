"""What the nodes of the data plane say to each other, and what a visitor says to them.

`gossip` is 7946/udp, `bulksync` 7946/tcp (both are heard by the core `gossip`), `vxlan` 4789/udp; `http` stands for
whatever port the visitor connects to, and is heard by the core `mesh`, or by the `visitor` on the way back.
"""

from typing import NamedTuple

from ..messages import Binding, Peer

# ── gossip ───────────────────────────────────────────────────────────────────────────────────────────────────────


class Member(NamedTuple):
    """A rumour about a node. Only the node itself raises its incarnation."""

    machine: str
    incarnation: int
    state: str  # alive · suspect · failed · left


class Record(NamedTuple):
    """A rumour about a row of a table: what it says now, or `None` once it is deleted."""

    key: tuple[str, str, str]  # network id, table, key in the table
    owner: str  # the machine that runs the task, and the only one that speaks for it
    time: int  # Lamport time: the higher one is the newer one
    value: Peer | Binding | None


class Ping(NamedTuple):
    """Are you there? `channel` is the way the answer shall take."""

    number: int
    news: tuple  # of Member and Record
    channel: str


class Ack(NamedTuple):
    """I am here."""

    number: int
    news: tuple


class Rumours(NamedTuple):
    """Have you heard?"""

    news: tuple


class State(NamedTuple):
    """Everything I know (a push-pull, or bulk sync). Whoever gets a question answers with all it knows in turn."""

    members: tuple[Member, ...]
    records: tuple[Record, ...]
    answer: bool
    number: int = 0  # of the question, which the answer repeats


# ── requests ─────────────────────────────────────────────────────────────────────────────────────────────────────


class Visit(NamedTuple):
    """A connection to `port` with one request: from outside, or, with a `source`, made by that task to `host`."""

    request: int
    port: int
    path: str
    host: str = ""
    source: str = ""  # task id


class Frame(NamedTuple):
    """A request on its way to the task that was chosen."""

    request: int
    task: str  # id; for a plain container its own id
    name: str
    hops: tuple[tuple[str, str, str], ...]  # (kind, machine, detail)


class Response(NamedTuple):
    """What comes back: a status, or status 0 and an error."""

    request: int
    status: int
    task: str = ""
    name: str = ""
    machine: str = ""
    hops: tuple[tuple[str, str, str], ...] = ()
    error: str = ""
