"""What a Raft server does with whatever may happen to it: asked of a copy of the real node once, and then known.

Time stands still here. Any time-out may end at any moment; messages wait until somebody decides that they are heard.
"""

from collections import deque
from copy import deepcopy
from typing import Any, NamedTuple

from ..effects import STARTED, WOKEN, Append, Disk, Entry, Note, Propose, Received, Save, Send, Told, Trim
from ..raft import RaftNode, Settings

# What can happen to a server, besides hearing a message (an int: the bit of that message).
TIME_OUT, BEAT, PROPOSE, CRASH = "campaigns", "sends heartbeats", "takes a proposal", "restarts"

NO_MATTER = ("dice", "settings", "nod", "beat")  # what makes no difference to what a node will do
OUT_OF_BOUNDS = -1


class Server(NamedTuple):
    """One server as it may be at some moment. Nobody changes it: what happens to it happens to a copy."""

    node: RaftNode
    disk: Disk
    place: int  # its number in the group
    log: tuple[Entry, ...]


class Move(NamedTuple):
    """What becomes of a server when something happens to it."""

    after: int  # the number of the server that it then is
    sent: int  # messages, a bit each
    law: str  # that it breaks all by itself
    facts: tuple


class Servers:
    """All servers that were met, numbered, and what each does with each event."""

    def __init__(self, names: tuple[str, ...], settings: Settings, term: int, entries: int):
        self.names, self.settings, self.term, self.entries = names, settings, term, entries
        self.met: list[Server] = []
        self.moves: list[dict[int | str, Move]] = []  # of each: event → what becomes of it
        self.deaf: list[int] = []  # of each: messages that change nothing and are not answered
        self.messages: dict[int, tuple[str, str, Any]] = {}  # bit → sender, receiver, message
        self.to = [0] * len(names)  # the messages to each place
        self.older = [[0] * (term + 1) for _ in names]  # those of a term older than this one
        self.asked = 0
        self._numbers: dict[Any, int] = {}
        self._bits: dict[Any, int] = {}
        self._logs: dict[tuple, tuple] = {}

    def boot(self, name: str, disk: Disk) -> Move:
        """A server whose disk holds this, and its first words."""
        disk = deepcopy(disk)
        return self._step(RaftNode(name, disk, Still(), self.settings), disk, STARTED, None)

    def move(self, number: int, event: int | str) -> Move:
        """What becomes of this server; asked of a copy of the node the first time."""
        move = self.moves[number].get(event)
        if move is None:
            move = self.moves[number][event] = self._ask(self.met[number], event)
            if isinstance(event, int) and move[:3] == (number, 0, ""):
                self.deaf[number] |= event
        return move

    def _ask(self, server: Server, event: int | str) -> Move:
        if event == CRASH:
            return self.boot(server.node.machine, server.disk)
        node, disk = deepcopy((server.node, server.disk))
        if isinstance(event, int):
            sender, _, message = self.messages[event]
            return self._step(node, disk, Received(sender, message), server)
        if event == PROPOSE:
            return self._step(node, disk, Told("manager", Propose(0, "")), server)
        node.deadline = 0
        return self._step(node, disk, WOKEN, server)

    def _step(self, node: RaftNode, disk: Disk, event: Any, before: Server | None) -> Move:
        self.asked += 1
        try:
            effects = node.step(event, 0)
        except AssertionError as error:  # what the node itself holds to be impossible
            return Move(self._keep(node, disk), 0, str(error), ())
        for effect in effects:
            write(disk, effect)
        if node.term > self.term or node.log.last_index > self.entries:
            return Move(OUT_OF_BOUNDS, 0, "", ())
        sent = 0
        for effect in effects:
            if type(effect) is Send:
                sent |= self._post(node.machine, effect)
        facts = tuple(effect.fact for effect in effects if type(effect) is Note)
        return Move(self._keep(node, disk), sent, broken_alone(before, node) if before else "", facts)

    def _keep(self, node: RaftNode, disk: Disk) -> int:
        key = frozen((node, disk))
        number = self._numbers.setdefault(key, len(self.met))
        if number == len(self.met):
            log = node.log.slice(1, node.log.last_index)
            log = self._logs.setdefault(log, log)  # equal logs are the same object: quick to compare
            self.met.append(Server(node, disk, self.names.index(node.machine), log))
            self.moves.append({})
            self.deaf.append(0)
        return number

    def _post(self, sender: str, send: Send) -> int:
        """The bit of a message. Its type counts, too: as tuples, a yes and a match up to 1 are equal."""
        key = (sender, send.to, type(send.message), send.message)
        bit = self._bits.setdefault(key, 1 << len(self._bits))
        if bit not in self.messages:
            place = self.names.index(send.to)
            self.messages[bit] = (sender, send.to, send.message)
            self.to[place] |= bit
            for term in range(send.message.term + 1, self.term + 1):
                self.older[place][term] |= bit
        return bit

    def past(self, number: int) -> int:
        """The messages to this server whose term is over there."""
        server = self.met[number]
        return self.older[server.place][server.node.term]

    def words(self, event: int | str) -> str:
        """The event, as one says it of a server."""
        if isinstance(event, str):
            return event
        sender, _, message = self.messages[event]
        fields = message._asdict()
        fields.pop("source"), fields.pop("target")
        if "entries" in fields:
            fields["entries"] = [f"{entry.index} of term {entry.term}" for entry in fields["entries"]]
        what = ", ".join(f"{name} {value}" for name, value in fields.items())
        return f"hears {type(message).__name__} from {sender} ({what})"


class Still:
    """Dice for a world without time: which number comes does not matter."""

    def random(self) -> float:
        return 0.0

    def getrandbits(self, k: int, /) -> int:
        return 0


def write(disk: Disk, effect: Any) -> None:
    """Carry out an effect if it is one for the disk."""
    if type(effect) is Save:
        disk.values[effect.key] = effect.value
        if effect.value is None:
            del disk.values[effect.key]
    elif type(effect) is Append:
        disk.log[effect.start - 1 :] = effect.entries
    elif type(effect) is Trim:
        del disk.log[: effect.count]


def frozen(value: Any) -> Any:
    """The same hashable value for two nodes that will do the same, whatever they are made of."""
    if isinstance(value, dict):
        return frozenset((key, frozen(one)) for key, one in value.items())
    if isinstance(value, (list, tuple, deque)):
        return (type(value).__name__, *[frozen(one) for one in value])
    names = getattr(value, "__slots__", None) or getattr(value, "__dict__", None)
    if names is None:
        return value
    return (type(value).__name__, *[(name, frozen(getattr(value, name))) for name in names if name not in NO_MATTER])


def broken_alone(before: Server, node: RaftNode) -> str:
    """The law that one server has broken in one step, without a crash; '' if none."""
    old = before.node
    if node.term < old.term:
        return "terms grow"
    if node.commit < old.commit:
        return "commits grow"
    if node.term == old.term and old.vote is not None and node.vote != old.vote:
        return "one vote"
    if (node.term, node.role, old.role) == (old.term, "leader", "leader") and node.log.slice(
        1, len(before.log)
    ) != before.log:
        return "leader append-only"
    return ""
