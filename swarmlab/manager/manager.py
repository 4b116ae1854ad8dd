"""One manager: a copy of the store, kept up to date by raft, and the way to whoever leads.

People, joining machines and agents may ask any manager. A follower passes everything on and brings the answer back;
what a leader does with it stands in `leader`. Source: Docker documentation, "Raft consensus in swarm mode"; swarmkit
`manager/manager.go`, `protobuf/plugin/raftproxy`.
"""

# Simpler than in reality (docs/simplifications.md): removed-manager

from typing import Any, NamedTuple

from ..effects import (
    NEVER,
    SECOND,
    Committed,
    Dice,
    Disk,
    Enter,
    Following,
    Forget,
    Found,
    Leading,
    Members,
    Note,
    Rebuild,
    Received,
    Refused,
    Restored,
    Save,
    Send,
    Started,
    Summarise,
    Summary,
    Tell,
    Told,
    Unlock,
)
from ..events import Applied
from ..messages import (
    AskRoot,
    AttachNetwork,
    BeManager,
    BeNothing,
    Call,
    CalledBack,
    Certify,
    DetachNetwork,
    Expelled,
    Fellows,
    Forward,
    FoundSwarm,
    Heartbeat,
    Introduce,
    OpenSession,
    RaftJoin,
    RebuildSwarm,
    RefuseNodes,
    Relay,
    Renew,
    Reply,
    RootCertificate,
    StatusReport,
    SwarmChanges,
    UnlockKeyIs,
)
from ..objects import ASSIGNED
from . import scheduler
from .api import CLOSING, NO_LEADER, TIMED_OUT
from .dispatcher import Route
from .leader import Leader, Me, refusal
from .nodes import managers
from .store import Key, Picture, Store, fact

PATIENCE = 10 * SECOND  # a call begun this soon after the leader was lost waits for a new one
CALL_LIMIT = 20 * SECOND  # Docker gives up a call after this time
LOOK = SECOND  # how often a waiting call looks for a leader

CLIENT = "client-call"  # the channel of a person's question: its answer is told to the machine's own engine
CHANNELS: dict[type, str] = dict.fromkeys((OpenSession, Heartbeat, StatusReport), "agent")
CHANNELS |= dict.fromkeys((CalledBack, Certify, Introduce, RaftJoin, Renew), "engine")
CHANNELS |= dict.fromkeys((AttachNetwork, DetachNetwork), "engine")
CONNECTING = (Call, OpenSession)  # what a manager that was removed is not heard for; a session that is open goes on


class Waiting(NamedTuple):
    """A call of this machine's own engine that is not answered yet."""

    call: Call
    ends: int
    look_at: int
    sent_to: str  # the leader it was put to, '' while there is none


class Manager:
    """Dormant until this machine's engine says that it is a manager, or its disk does."""

    def __init__(
        self,
        machine: str,
        disk: Disk,
        dice: Dice,
        strategy: scheduler.Strategy = scheduler.spread,
        sealed: bool = False,
    ):
        self.machine, self.dice, self.strategy = machine, dice, strategy
        self.deadline = NEVER
        self.sealed = disk if sealed else None  # what cannot be read before somebody gives the key
        if sealed:
            self.be("")
        else:
            self.be_again(disk)

    def be_again(self, disk: Disk) -> None:
        """Be the manager that the disk tells of."""
        values = disk.values
        self.be(values.get("node", ""), values.get("member", ""), values.get("applied", 0))

    def be(self, node: str, member: str = "", noted: int = 0) -> None:
        """Begin as this node's manager, '' for none, with an empty store that raft will fill."""
        self.node, self.member = node, member
        self.noted = noted  # facts up to this index are in the trace
        self.store = Store()
        self.awake = False  # raft has said something: it belongs to a group
        self.inside = False  # that group counts this member
        self.members: tuple = ()
        self.leader: str | None = None  # machine
        self.leader_lost = 0  # when nobody was known to lead any more
        self.lead: Leader | None = None  # while it leads
        self.wish: FoundSwarm | RebuildSwarm | None = None  # what it is to do first when it leads
        self.calls: dict[int, Waiting] = {}
        self.named = False  # its engine has heard of other managers
        self.removed: tuple = ()  # nodes whose certificates it refuses
        self.unlock_key: str | None = ""  # as its own engine knows it, None: it has to be told

    def step(self, event: Any, now: int) -> list:
        """Hear one event, and say what shall be done about it."""
        if self.lead and type(event) is Received and type(event.message) is Heartbeat:
            return self.lead.beat(Route(event.sender, "agent"), event.message, now)  # the most frequent: moves no timer
        effects = self.hear(event, now)
        effects += self.name_fellows() if len(self.members) > 1 and not self.named else []
        effects += self.look_around(now)
        effects += self.lead.work(now) if self.lead else []
        times = [min(waiting.look_at, waiting.ends) for waiting in self.calls.values()]
        self.deadline = min([*times, self.lead.deadline] if self.lead else times, default=NEVER)
        return effects

    def hear(self, event: Any, now: int) -> list:
        match event:
            case Started():
                self.leader_lost = now
            case Received(sender, message) if self.node:
                return self.hear_network(sender, message, now)
            case Told("raft", Unlock()):
                return [Tell("engine", Unlock())]
            case Told("raft", word):
                return self.hear_raft(word, now)
            case Told(_, word):
                return self.hear_engine(word, now)
        return []

    # ── its own engine: what this machine is ─────────────────────────────────────────────────────────────────────

    def hear_engine(self, word: Any, now: int) -> list:
        match word:
            case FoundSwarm():
                effects = self.begin_as(word.node, word.member, now)
                self.wish = word
                return [*effects, Tell("raft", Found(word.member, self.machine))]
            case BeManager() if (word.node, word.member) != (self.node, self.member):
                leave = [Tell("raft", Forget())] if self.awake else []  # a crash came before it could forget
                return [*leave, *self.begin_as(word.node, word.member, now), Tell("raft", Enter(word.member))]
            case BeManager() if not self.awake:  # a crash came before it could enter
                return [Tell("raft", Enter(word.member))]
            case Unlock() if self.sealed:
                self.be_again(self.sealed)
                self.leader_lost, self.sealed, self.unlock_key = now, None, None
                return [Tell("raft", Unlock())]
            case BeNothing() if self.node or self.awake or self.sealed:
                self.sealed = None
                self.be("")
                return [*(Save(key, None) for key in ("node", "member", "applied")), Tell("raft", Forget())]
            case RebuildSwarm():
                self.wish = word
                return [Tell("raft", Rebuild())]
            case Call(id, SwarmChanges()):  # what this manager has seen, which may be less than the leader has
                return [Tell("engine", Reply(id, tuple(self.store.recent)))]
            case Call():
                return self.take_call(word, now)
        return []

    def begin_as(self, node: str, member: str, now: int) -> list:
        """Be this node's manager from now on."""
        self.be(node, member)
        self.leader_lost = now
        return [Save("node", node), Save("member", member)]

    # ── what people ask: calls find their leader, or wait for one ────────────────────────────────────────────────

    def take_call(self, call: Call, now: int) -> list:
        """A call begun soon after the leader was lost waits for the next one; a later one is refused at once."""
        if self.leader is None and now - self.leader_lost >= PATIENCE:
            return [Tell("engine", Reply(call.id, None, NO_LEADER))]
        self.calls[call.id] = Waiting(call, now + CALL_LIMIT, now, "")
        return []

    def look_around(self, now: int) -> list:
        """Waiting calls look for a leader every second, until their time is up."""
        effects: list = []
        for id, waiting in list(self.calls.items()):
            if now >= waiting.ends:
                del self.calls[id]
                effects.append(Tell("engine", Reply(id, None, TIMED_OUT)))
            elif now >= waiting.look_at:
                effects += self.put_to_leader(id, waiting, now)
        return effects

    def put_to_leader(self, id: int, waiting: Waiting, now: int) -> list:
        """Send it once to each leader that comes, be it this manager itself.

        SwarmKit does so too when its connection to the old leader broke: a call may then be carried out twice.
        """
        leader = self.leader or ""
        self.calls[id] = waiting._replace(look_at=now + LOOK, sent_to=leader)
        if leader in ("", waiting.sent_to):
            return []
        return [Send(leader, "manager", Forward(self.machine, CLIENT, waiting.call))]

    def answer_call(self, reply: Reply) -> list:
        """An answer has come. If it was put to a manager that leads no more, the call goes on waiting."""
        waiting = self.calls.pop(reply.id, None)
        if waiting and reply.error == NO_LEADER:
            self.calls[reply.id] = waiting._replace(sent_to="")
            return []
        return [Tell("engine", reply)] if waiting else []

    # ── the network: agents, joining machines, other managers ────────────────────────────────────────────────────

    def hear_network(self, sender: str, message: Any, now: int) -> list:
        """The leader serves, a follower passes on; what was passed on is not passed on again."""
        if isinstance(message, Relay):
            return self.pass_back(message)
        if isinstance(message, AskRoot):  # every manager has it, whoever leads
            cluster = self.store.cluster
            return [Send(sender, "engine", RootCertificate(cluster.root))] if cluster else []
        if isinstance(message, Forward):
            route, message = Route(message.origin, message.channel, sender), message.message
        else:
            route = Route(sender, CHANNELS[type(message)])
        if self.lead:
            if type(message) in CONNECTING and route.via and not self.is_member(sender):
                return [refusal(route, message, CLOSING)]  # SwarmKit cuts the line to who was removed from the group
            return self.lead.serve(route, message, now)
        if self.leader and not route.via:
            return [Send(self.leader, "manager", Forward(sender, route.channel, message))]
        return [refusal(route, message, NO_LEADER)]

    def is_member(self, machine: str) -> bool:
        return any(member == machine for _, member, _ in self.members)

    def pass_back(self, relay: Relay) -> list:
        if relay.channel == CLIENT:
            return self.answer_call(relay.message)
        return [Send(relay.to, relay.channel, relay.message)]

    # ── raft: what was agreed on, and who leads ──────────────────────────────────────────────────────────────────

    def hear_raft(self, word: Any, now: int) -> list:
        self.awake = True
        match word:
            case Committed(entries):
                return self.apply(entries, now)
            case Leading(term):
                return self.begin_to_lead(term, now)
            case Following(_, leader):
                return self.follow(leader, now)
            case Members(rows):
                return self.know_members(rows)
            case Refused(key, reason) if self.lead:
                return self.lead.hear_refused(key, reason, now)
            case Summarise(index):
                return [Tell("raft", Summary(index, self.store.picture()))]
            case Restored(index, picture):
                return self.restore(index, picture)
        return []

    def begin_to_lead(self, term: int, now: int) -> list:
        me = Me(self.machine, self.node, self.member)
        self.leader, wish, self.wish = self.machine, self.wish, None
        self.lead = Leader(me, self.store, self.dice, self.strategy, self.members, term, now)
        if wish:
            self.lead.begin(wish)
        return []

    def know_members(self, rows: tuple) -> list:
        """Who belongs to the group. Who belongs to it no more is no manager any more, whatever its certificate says."""
        was_inside, self.members = self.inside, rows
        self.named = self.named and len(rows) > 1
        self.inside = any(member == self.member for member, _, _ in rows)
        effects = self.lead.know_members(rows) if self.lead else []
        if was_inside and not self.inside:
            effects.append(Tell("engine", Expelled(managers(self.store, rows))))
        return effects

    def name_fellows(self) -> list:
        """Its own log tells of other managers also where a crash came before their names reached this machine's engine."""
        others = [one for one in managers(self.store, self.members) if one[1] != self.machine]
        self.named = bool(others)
        return [Tell("engine", Fellows(managers(self.store, self.members)))] if others else []

    def follow(self, leader: str | None, now: int) -> list:
        """Another one leads, or nobody. Whatever this one remembered as a leader is gone."""
        if leader is None and self.leader is not None:
            self.leader_lost = now
        self.leader, lead, self.lead = leader, self.lead, None
        return lead.give_up() if lead else []

    def apply(self, entries: tuple, now: int) -> list:
        """Bring the store up to date. Who leads, or is about to, puts what changed into the trace."""
        speaks = self.lead is not None or self.leader is None
        effects: list = []
        for entry in entries:
            self.store.index = entry.index
            if entry.kind == "data":
                keys = self.store.apply(entry.index, entry.data.at, entry.data.changes)
                if speaks and entry.index > self.noted:
                    effects += [self.note(entry.index, key) for key in dict.fromkeys(keys)]
                if self.lead:
                    effects += self.lead.observe(keys, entry.term, now)
        return effects + self.tell_unlock_key() + self.tell_removed() + self.applied(entries[-1].index)

    def applied(self, index: int) -> list:
        effects: list = [Note(Applied(index))]
        if index > self.noted:
            self.noted = index
            effects.append(Save("applied", index))
        return effects

    def restore(self, index: int, picture: Picture) -> list:
        """Take over what raft kept in place of a log, at a boot or because this manager lags far behind."""
        assert self.lead is None, "a leader has applied everything"
        speaks, changed = self.leader is None, self.store.restore(picture)
        news = [key for key in changed if speaks and self.is_news(key)]
        return [
            *(self.note(index, key) for key in news),
            *self.tell_unlock_key(),
            *self.tell_removed(),
            *self.applied(index),
        ]

    def tell_unlock_key(self) -> list:
        """Every manager seals its own key file with the key that is agreed on."""
        cluster = self.store.cluster
        if cluster is None or cluster.unlock_key == self.unlock_key:
            return []
        self.unlock_key = cluster.unlock_key
        return [Tell("engine", UnlockKeyIs(cluster.unlock_key, cluster.version))]

    def tell_removed(self) -> list:
        """Every manager refuses the certificates of nodes that were removed."""
        cluster = self.store.cluster
        if cluster is None or cluster.removed == self.removed:
            return []
        self.removed = cluster.removed
        return [Tell("guard", RefuseNodes(cluster.removed))]

    def is_news(self, key: Key) -> bool:
        """Whether it was written, or removed, behind the last entry of which the trace tells."""
        object = self.store.get(*key)
        return object is None or object.version > self.noted

    def note(self, index: int, key: Key) -> Note:
        """What was written, as a fact. The states that agents report come many at a time: each names its own source."""
        told = fact(self.store, index, key)
        task = self.store.get(*key) if key[0] == "task" else None
        return Note(told, (task.id, told.state) if task and task.state > ASSIGNED else None)
