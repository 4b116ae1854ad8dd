"""What the nodes of the data plane say to each other, and what a visitor says to them.

`gossip` is 7946/udp, `bulksync` 7946/tcp (both are heard by the core `gossip`), `vxlan` 4789/udp; `http` stands for
whatever port the visitor connects to, and is heard by the core `mesh`, or by the `visitor` on the way back.
"""

# Simpler than in reality (docs/simplifications.md): no-handshake

from typing import Any, NamedTuple

from ..messages import Binding, Peer

# ── gossip ───────────────────────────────────────────────────────────────────────────────────────────────────────


class Member(NamedTuple):
    """A rumour about a node. Only the node itself raises its incarnation."""

    machine: str
    incarnation: int
    state: str  # alive · suspect · failed · left
    by: str = ""  # who says so, where it is an accusation


class Attachment(NamedTuple):
    """A rumour about which node carries the tables of a network."""

    network: str  # id
    machine: str
    time: int  # Lamport time: the higher one is the newer one
    here: bool  # False: it has quit


class Record(NamedTuple):
    """A rumour about a row of a table: what it says now, or `None` once it is deleted."""

    key: tuple[str, str, str]  # network id, table, key in the table
    owner: str  # the machine that runs the task, and the only one that speaks for it
    time: int  # Lamport time: the higher one is the newer one
    value: Peer | Binding | None


class Ping(NamedTuple):
    """Are you there? `channel` is the way the answer shall take."""

    number: int
    news: tuple  # of Member and Attachment
    channel: str


class Ack(NamedTuple):
    """I am here, or so is the one about whom you asked me."""

    number: int
    news: tuple


class PingRequest(NamedTuple):
    """I get no answer from that one: please try."""

    number: int
    target: str
    news: tuple


class Nack(NamedTuple):
    """I get no answer from it either."""

    number: int
    news: tuple


class Rumours(NamedTuple):
    """Have you heard? Of members and attachments, told to anybody; or of records, told on their network."""

    news: tuple


class PushPull(NamedTuple):
    """All nodes that I know of, and who is on which network. Whoever gets a question answers the same in turn."""

    members: tuple[Member, ...]
    attachments: tuple[Attachment, ...]
    answer: bool
    number: int = 0  # of the question, which the answer repeats


class BulkSync(NamedTuple):
    """All records of these networks that I carry. Whoever gets a question answers the same in turn."""

    networks: tuple[str, ...]
    records: tuple[tuple[Record, ...], ...]  # network by network
    left: tuple[tuple[tuple[str, str, str], int], ...]  # of those that will be dropped: in how many µs
    answer: bool
    number: int = 0


# ── requests ─────────────────────────────────────────────────────────────────────────────────────────────────────

CLIENT = "198.51.100.7"  # the address of the visitor from outside
SMALL = 300  # bytes of a request, and of an answer that nobody wanted larger


class Visit(NamedTuple):
    """A connection to `port` with one request: from outside, or, with a `source`, made by that task to `host`."""

    request: int
    port: int
    path: str
    host: str = ""
    source: str = ""  # task id
    connection: int = 0  # several requests may share one; 0: it has one of its own
    opens: bool = True  # whether it is the first of its connection
    size: int = SMALL  # bytes of the answer
    traced: bool = False  # every stop is noted
    address: str = CLIENT  # where it comes from, as the machine that is asked sees it
    outside: str = ""  # what servers outside say of `host`, '' if they do not know it
    ping: bool = False  # only an echo of `size` bytes, headers included, that must not be cut in pieces
    origin: int = 0  # the request of a visitor for which a container asks this; 0 if there is none
    body: Any = None  # what applications say to each other: plain data
    over: str = ""  # only in networks whose names end so, if the container has one
    depth: int = 0  # so many containers have asked each other before


class Frame(NamedTuple):
    """What crosses the wire inside a tunnel: from one address of an overlay network to another, with what is said."""

    vni: int
    source: str
    target: str
    visit: Visit
    port: int = 0  # at the target, or, on the way back, at the source
    answer: "Response | None" = None  # on the way back
    vtep: str = ""  # the address that the node which sends it advertises
    balanced: bool = False  # its source is that node's load balancer, which is answered there
    key: int = 0  # the tag of the key with which it is encrypted; 0: it is not
    hops: tuple[tuple[str, str, str], ...] = ()  # (kind, machine, detail)

    @property
    def brief(self) -> tuple:
        """What captures need of it: request, its connection, VNI, both addresses, port, bytes, key, is it an answer?"""
        visit, size = self.visit, self.visit.size if self.answer else SMALL
        number = visit.connection or visit.request
        return visit.request, number, self.vni, self.source, self.target, self.port, size, self.key, bool(self.answer)

    @property
    def traced(self) -> bool:
        """Whether the network notes it, too, when it is lost."""
        return self.visit.traced

    @property
    def request(self) -> int:
        """Which request it belongs to."""
        return self.visit.request


class Response(NamedTuple):
    """What comes back: a status, or status 0 and an error."""

    request: int
    status: int
    task: str = ""
    name: str = ""
    machine: str = ""
    hops: tuple[tuple[str, str, str], ...] = ()
    error: str = ""
    body: Any = None
