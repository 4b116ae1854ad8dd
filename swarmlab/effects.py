"""The shape of a core: what it is told, what it may ask for.

A core is sans-IO. It has no clock, no dice and no network: `step(event, now)` tells it one thing and returns what
it asks for, as a list of effects, and `deadline` says when it wants to be woken. The machine carries the effects
out in order, so what follows a `Save` or an `Append` in the list may rely on it being on disk.
"""

from typing import Any, NamedTuple, Protocol

NEVER = 1 << 62  # a deadline that does not come, in µs
SECOND = 1_000_000  # µs
MS = 1_000  # µs


# ── what a core is told ──────────────────────────────────────────────────────────────────────────────────────────


class Started(NamedTuple):
    """The machine has booted; the core was built from what its disk holds. The first event of every core."""


class Received(NamedTuple):
    """A message came in over the network."""

    sender: str  # the machine it came from
    message: Any


class Told(NamedTuple):
    """Another core of the same machine, or a person at its keyboard (`client`), says something."""

    sender: str  # the name of that core
    message: Any


class Woken(NamedTuple):
    """The deadline that the core set has come."""


STARTED, WOKEN = Started(), Woken()


# ── what a core may ask for ──────────────────────────────────────────────────────────────────────────────────────


class Send(NamedTuple):
    """Send a message to the core that listens on `channel` of the machine `to`; it may be late, or lost."""

    to: str
    channel: str
    message: Any
    size: int = 0  # bytes; only where bandwidth matters
    coin: int = 0  # a datagram with a number of its own: it says how long it takes, so that no other message is shifted
    packet: int = 0  # bytes of its largest packet, where that is a datagram; only where the MTU matters


class Tell(NamedTuple):
    """Say something to another core of this machine, or answer the person (`client`). Heard at once, in order."""

    core: str
    message: Any


class Note(NamedTuple):
    """Put a fact into the trace.

    Where many things are told in one batch, `of` says which one this fact is about, as (task, state): it is due to the
    last fact that said the same, not to whatever came first in the batch. `of=SILENCE` says that it is due to what did
    *not* happen: nobody was heard.
    """

    fact: Any
    of: tuple[str, str] | None = None


SILENCE = ("", "")


class Save(NamedTuple):
    """Keep a value on this machine's disk under a key of this core; `None` removes it."""

    key: str
    value: Any
    vital: bool = True  # later messages rely on it; they wait until a slow disk has it


class Append(NamedTuple):
    """Write entries to this core's log on disk at `start` (the first position is 1) and cut what stood from there."""

    start: int
    entries: tuple


class Trim(NamedTuple):
    """Remove so many entries from the beginning of this core's log on disk."""

    count: int


class Core(Protocol):
    """What a machine runs: state that only `step` changes."""

    deadline: int  # µs of virtual time at which it wants to be woken; NEVER for not at all

    def step(self, event: Any, now: int) -> list: ...


class Dice(Protocol):
    """Where chance comes from: a named random stream of the world, handed in. Cores never import a generator."""

    def random(self) -> float: ...  # uniform in [0, 1)

    def getrandbits(self, k: int, /) -> int: ...


class Disk:
    """What a core finds on disk when its machine boots: the values it saved, the log it wrote. Handed in by the machine."""

    def __init__(self, values: dict | None = None, log: list | None = None):
        self.values = {} if values is None else values
        self.log = [] if log is None else log


class Damaged(NamedTuple):
    """What a core reads from disk in place of an entry whose checksum does not fit."""

    index: int

    def __str__(self) -> str:
        return f"the checksum of entry {self.index} does not fit"


# ── the replicated log, as its user sees it ──────────────────────────────────────────────────────────────────────
# The manager and raft are two cores of one machine. They never import each other: these are the words between them.


class Propose(NamedTuple):
    """To raft: put `data` into the log. The answer is one `Committed` that contains it, or one `Refused(key)`."""

    key: int
    data: Any


class Found(NamedTuple):
    """To raft: start a new group with this one member."""

    member: str
    address: str


class Enter(NamedTuple):
    """To raft: be `member` of a group that exists, say nothing until its leader speaks."""

    member: str


class Forget(NamedTuple):
    """To raft: leave for good; erase log, term and vote."""


class Unlock(NamedTuple):
    """To the manager, and from it to raft: somebody has given the key, so the disk can be read; until then they know
    nothing. Back the same way: it has been read."""


class AddMember(NamedTuple):
    """To raft: let one more member in. One change at a time; refused while another is not yet applied."""

    key: int
    member: str
    address: str


class RemoveMember(NamedTuple):
    """To raft: take a member out."""

    key: int
    member: str


class MemberChange(NamedTuple):
    """One step of a change of members: `add` (with a vote), `learner` (without one) or `remove`."""

    how: str
    member: str
    address: str = ""


class ChangeMembers(NamedTuple):
    """To raft: make these changes. More than one change of votes at once goes through joint consensus by itself."""

    key: int
    changes: tuple[MemberChange, ...]
    joint: bool = False  # use joint consensus even where a single step would do


class Transfer(NamedTuple):
    """To raft: hand leadership over to this member. Ends in `Following`, or in `Refused` when it did not work."""

    key: int
    member: str


class Rebuild(NamedTuple):
    """To raft: forget all other members, whatever they think of it: `docker swarm init --force-new-cluster`."""


class Written(NamedTuple):
    """From raft to itself, behind an `Append` in a list of effects: so heard when the entries up to `index` are on disk.
    Only where the disk is slow enough to matter."""

    index: int
    term: int  # of the entry there
    during: int  # the term in which it was written


class Read(NamedTuple):
    """To raft: from which index on is an answer fresh? Ends in `ReadReady`, or in `Refused`."""

    key: int


class ReadReady(NamedTuple):
    """From raft: the log is applied up to `index`, which holds all that was agreed on when the read was asked for."""

    key: int
    index: int


class Summarise(NamedTuple):
    """From raft: the log has grown long. Answer with `Summary` at once, of the state after the entry at `index`."""

    index: int


class Summary(NamedTuple):
    """To raft: the state after the entry at `index`, as a value that nobody changes any more."""

    index: int
    state: Any


class Restored(NamedTuple):
    """From raft: throw your state away, this is the state after the entry at `index`. `Committed` goes on from there."""

    index: int
    state: Any


class Entry(NamedTuple):
    """One position of the replicated log. `kind` is `data`, `empty` (what a new leader begins with), `add` or `remove`
    (one member), `change` (a tuple of `MemberChange`) or `leave` (the end of a joint configuration)."""

    index: int
    term: int
    kind: str
    data: Any


class Committed(NamedTuple):
    """From raft: these entries are agreed on; apply them in order. Told once per entry and boot."""

    entries: tuple


class Refused(NamedTuple):
    """From raft: the proposal did not enter the log, or leadership was lost before it was known to be agreed on."""

    key: int
    reason: str  # 'not leader' · 'lost leadership' · 'another change is pending' · and others, see `raft`


class Leading(NamedTuple):
    """From raft: this member leads in `term`, and every entry before its term has been told as `Committed`."""

    term: int


class Following(NamedTuple):
    """From raft: this member does not lead. `leader` is the leader's machine, or None while nobody is known to lead."""

    term: int
    leader: str | None


class Members(NamedTuple):
    """From raft: who belongs to the group, as (member, machine, reachable) in the order of joining."""

    rows: tuple
