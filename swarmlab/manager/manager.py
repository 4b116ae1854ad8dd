"""One manager: it keeps a copy of the store, and while it leads it runs the planners, one proposal in flight.

People, joining machines and agents may ask any manager. A follower passes everything on to the leader and brings the
answer back; the leader answers from its store, or proposes a change and answers once it is committed. Source: Docker
documentation, "Raft consensus in swarm mode"; swarmkit `manager/manager.go`, `manager/state/raft`.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from ..effects import (
    MS,
    NEVER,
    SECOND,
    AddMember,
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
    Propose,
    Received,
    Refused,
    Save,
    Send,
    Started,
    Tell,
    Told,
)
from ..events import Applied, HeartbeatsMissed, Planned
from ..messages import (
    BeManager,
    BeNothing,
    Call,
    Certified,
    Certify,
    Forward,
    FoundSwarm,
    Heartbeat,
    NotCertified,
    NotRaftJoined,
    OpenSession,
    RaftJoin,
    RaftJoined,
    Relay,
    Reply,
    SessionInvalid,
    StatusReport,
    SwarmFounded,
)
from ..objects import ApiError, Cluster, Network, NetworkSpec, Node, NodeSpec, Put, Transaction
from . import allocator, api, dispatcher, global_mode, reaper, replicated, restart, scheduler, updater
from .api import LOST_LEADERSHIP, NO_LEADER, NO_VALID_TOKEN, TIMED_OUT
from .dispatcher import CLIENT, Dispatcher, Report, Route, deliver
from .security import new_id, role_by_token, token
from .store import MAX_CHANGES, Key, Store, fact

PATIENCE = 10 * SECOND  # a call begun this soon after the leader was lost waits for a new one
CALL_LIMIT = 20 * SECOND  # Docker gives up a call after this time
LOOK = SECOND  # how often a waiting call looks for a leader
RETRY_JOIN = 100 * MS

CHANNELS = {OpenSession: "agent", Heartbeat: "agent", StatusReport: "agent", Certify: "engine", RaftJoin: "engine"}

# ── the planners, in the order work flows ────────────────────────────────────────────────────────────────────────


class Planner(NamedTuple):
    """`settle`: it looks when nothing has changed for this long, but `longest` after the first change at the latest."""

    name: str
    plan: Callable
    memory: str  # planners that name the same memory share it
    settle: int = 0
    longest: int = 0


PLANNERS = (
    Planner("restart", restart.plan, "restarts"),
    Planner("replicated", replicated.plan, "restarts"),
    Planner("global", global_mode.plan, "restarts"),
    Planner("updater", updater.plan, "restarts"),
    Planner("reaper", reaper.plan, "nothing", 250 * MS, 250 * MS),
    Planner("allocator", allocator.plan, "addresses"),
    Planner("scheduler", scheduler.plan, "places", 50 * MS, SECOND),
)


@dataclass
class Turn:
    """What one planner has to look at, and when."""

    changed: dict[Key, None] | None = None  # None: everything
    since: int = NEVER  # the first change that it has not looked at
    due: int = NEVER
    wake_at: int = NEVER  # the time that it asked for itself

    def see(self, planner: Planner, keys: Iterable[Key], now: int) -> None:
        """These objects changed."""
        if self.changed is not None:
            self.changed |= dict.fromkeys(keys)
        self.since = min(self.since, now)
        self.due = min(now + planner.settle, self.since + planner.longest)


# ── pieces of work that write, in the order they came ────────────────────────────────────────────────────────────


class Founding(NamedTuple):
    wish: FoundSwarm


class Awakening(NamedTuple):
    """A new leader has to find out which nodes live."""


class Asked(NamedTuple):
    route: Route
    call: Call


class Admitting(NamedTuple):
    route: Route
    wish: Certify
    role: str


class Joining(NamedTuple):
    route: Route
    wish: RaftJoin


class Registering(NamedTuple):
    route: Route
    wish: OpenSession


class Missed(NamedTuple):
    late: tuple  # what Dispatcher.overdue found


@dataclass
class Proposal:
    """The one change that is in flight, cut into transactions; nothing else is written in between."""

    key: int
    work: Any  # None when a planner asked for it
    changes: tuple
    written: int = 0  # how many of them are committed, or in flight


@dataclass
class Leadership:
    """What only a leader knows. It is made empty by each election: this is what Swarm loses at fail-over."""

    term: int
    dispatcher: Dispatcher
    works: deque = field(default_factory=deque)
    proposal: Proposal | None = None
    turns: dict[str, Turn] = field(default_factory=lambda: {planner.name: Turn() for planner in PLANNERS})
    memories: dict[str, Any] = field(default_factory=dict)
    joins: dict[str, tuple] = field(default_factory=dict)  # member → (route, machine, key, when to ask raft again)
    managers: tuple | None = None  # kept at hand for heartbeats


class Waiting(NamedTuple):
    """A call of this machine's own engine that is not answered yet."""

    call: Call
    ends: int
    look_at: int
    sent_to: str  # the leader it was put to, '' while there is none


class Manager:
    """Dormant until this machine's engine says that it is a manager, or its disk does."""

    def __init__(self, machine: str, disk: Disk, dice: Dice, strategy: scheduler.Strategy = scheduler.spread):
        self.machine, self.dice, self.strategy = machine, dice, strategy
        self.deadline = NEVER
        self.keys = 0  # of proposals
        self.be(disk.values.get("node", ""), disk.values.get("applied", 0))

    def be(self, node: str, noted: int = 0) -> None:
        """Begin as this node's manager, '' for none, with an empty store that raft will fill."""
        self.node, self.noted = node, noted  # facts up to this index are in the trace
        self.store = Store()
        self.members: tuple = ()
        self.leader: str | None = None  # machine
        self.leader_lost = 0
        self.lead: Leadership | None = None
        self.calls: dict[int, Waiting] = {}
        self.founding: FoundSwarm | None = None

    def step(self, event: Any, now: int) -> list:
        """Hear one event, and say what shall be done about it."""
        if type(event) is Received and type(event.message) is Heartbeat and self.lead:
            return self.serve(
                Route(event.sender, "agent"), event.message, now
            )  # by far the most frequent: no timer moves
        effects = self.hear(event, now)
        effects += self.run_timers(now)
        effects += self.advance(now)
        self.deadline = self.next_deadline()
        return effects

    def hear(self, event: Any, now: int) -> list:
        match event:
            case Started():
                self.leader_lost = now
            case Received(sender, message):
                return self.hear_network(sender, message, now)
            case Told("raft", word):
                return self.hear_raft(word, now)
            case Told(_, word):
                return self.hear_engine(word, now)
        return []

    # ── its own engine: what this machine is, and what people ask ────────────────────────────────────────────────

    def hear_engine(self, word: Any, now: int) -> list:
        match word:
            case FoundSwarm():
                self.be(word.node)
                self.founding = word
                return [Save("node", word.node), Tell("raft", Found(word.member, self.machine))]
            case BeManager():
                self.be(word.node)
                self.leader_lost = now
                return [Save("node", word.node), Tell("raft", Enter(word.member))]
            case BeNothing():
                self.be("")
                return [Save("node", None), Save("applied", None), Tell("raft", Forget())]
            case Call():
                return self.take_call(word, now)
        return []

    def take_call(self, call: Call, now: int) -> list:
        """A call begun soon after the leader was lost waits for the next one; a later one is refused at once."""
        if self.leader is None and now - self.leader_lost >= PATIENCE:
            return [Tell("engine", Reply(call.id, None, NO_LEADER))]
        self.calls[call.id] = Waiting(call, now + CALL_LIMIT, now, "")
        return self.look_for_leader(call.id, now)

    def look_for_leader(self, id: int, now: int) -> list:
        """Put a waiting call to the leader, once to each that comes.

        SwarmKit does so too when the connection to the old leader broke: a call may then be carried out twice.
        """
        waiting = self.calls[id]
        if now >= waiting.ends:
            del self.calls[id]
            return [Tell("engine", Reply(id, None, TIMED_OUT))]
        leader = self.leader or ""
        self.calls[id] = waiting._replace(look_at=waiting.look_at + LOOK, sent_to=leader)
        if leader in ("", waiting.sent_to):
            return []
        if self.lead:
            return self.serve(Route(self.machine, CLIENT), waiting.call, now)
        return [Send(leader, "manager", Forward(self.machine, CLIENT, waiting.call))]

    def answer_call(self, reply: Reply) -> list:
        """An answer has come. If it was put to a manager that leads no more, the call goes on waiting."""
        waiting = self.calls.pop(reply.id, None)
        if waiting and reply.error == NO_LEADER:
            self.calls[reply.id] = waiting._replace(sent_to="")
            return []
        return [Tell("engine", reply)] if waiting else []

    def reply(self, route: Route, reply: Reply) -> list:
        is_own = route.channel == CLIENT and not route.via
        return self.answer_call(reply) if is_own else [deliver(route, reply)]

    # ── the network: agents, joining machines, other managers ────────────────────────────────────────────────────

    def hear_network(self, sender: str, message: Any, now: int) -> list:
        if not self.node:
            return []
        if isinstance(message, Relay):
            return self.pass_back(message)
        if isinstance(message, Forward):
            route, message = Route(message.origin, message.channel, sender), message.message
            return self.serve(route, message, now) if self.lead else self.refuse(route, message, NO_LEADER)
        channel = CHANNELS[type(message)]
        if self.lead:
            return self.serve(Route(sender, channel), message, now)
        if self.leader:
            return [Send(self.leader, "manager", Forward(sender, channel, message))]
        return self.refuse(Route(sender, channel), message, NO_LEADER)

    def pass_back(self, relay: Relay) -> list:
        if relay.channel == CLIENT:
            return self.answer_call(relay.message)
        return [Send(relay.to, relay.channel, relay.message)]

    def refuse(self, route: Route, message: Any, reason: str) -> list:
        """Nobody leads here: say so in the words of whoever asked."""
        match message:
            case Call():
                return self.reply(route, Reply(message.id, None, reason))
            case Certify():
                return [deliver(route, NotCertified(reason))]
            case RaftJoin():
                return [deliver(route, NotRaftJoined(reason))]
        return [deliver(route, SessionInvalid("no leader"))]

    def serve(self, route: Route, message: Any, now: int) -> list:
        """The leader answers, or puts the matter into its queue of writes."""
        assert self.lead, "only a leader serves"
        sessions = self.lead.dispatcher
        match message:
            case Heartbeat():
                return sessions.heartbeat(self.store, route, message.node, message.session, self.managers(), now)
            case StatusReport():
                return sessions.report(route, message, now)
            case OpenSession():
                reason = sessions.may_register(self.store, message.node, now)
                if reason:
                    return [deliver(route, SessionInvalid(reason))]
                self.lead.works.append(Registering(route, message))
            case Call():
                return self.serve_call(route, message)
            case Certify():
                return self.serve_certify(route, message)
            case RaftJoin():
                return self.serve_join(route, message)
        return []

    def serve_call(self, route: Route, call: Call) -> list:
        assert self.lead
        if not isinstance(call.request, api.READS):
            self.lead.works.append(Asked(route, call))
            return []
        try:
            value = api.read(self.store, call.request, self.members, self.machine)
        except ApiError as error:
            return self.reply(route, Reply(call.id, None, error.text))
        return self.reply(route, Reply(call.id, value))

    def serve_certify(self, route: Route, wish: Certify) -> list:
        """The token alone decides."""
        assert self.lead
        role = role_by_token(self.store.cluster, wish.token)
        if role is None:
            return [deliver(route, NotCertified(NO_VALID_TOKEN))]
        self.lead.works.append(Admitting(route, wish, role))
        return []

    def serve_join(self, route: Route, wish: RaftJoin) -> list:
        assert self.lead
        node = self.store.get("node", wish.node)
        if node is None or node.role != "manager":
            return [deliver(route, NotRaftJoined(f"node {wish.node} is not a manager"))]
        self.lead.works.append(Joining(route, wish))
        return []

    # ── raft: what was agreed on, and who leads ──────────────────────────────────────────────────────────────────

    def hear_raft(self, word: Any, now: int) -> list:
        match word:
            case Committed(entries):
                return self.apply(entries, now)
            case Leading(term):
                return self.begin_to_lead(term, now)
            case Following(_, leader):
                if leader is None and self.leader is not None:
                    self.leader_lost = now
                effects = self.stop_leading()
                self.leader = leader
                return effects
            case Members(rows):
                return self.know_members(rows)
            case Refused(key, reason):
                return self.hear_refused(key, reason, now)
        return []

    def apply(self, entries: tuple, now: int) -> list:
        """Bring the store up to date. Who leads, or is about to, puts what changed into the trace."""
        speaks = self.lead is not None or self.leader is None
        effects: list = []
        for entry in entries:
            self.store.index = entry.index
            if entry.kind == "data":
                keys = self.store.apply(entry.index, entry.data.at, entry.data.changes)
                if speaks and entry.index > self.noted:
                    effects += [Note(fact(self.store, entry.index, key)) for key in dict.fromkeys(keys)]
                if self.lead:
                    effects += self.observe(keys, entry.term, now)
        last = entries[-1].index
        effects.append(Note(Applied(last)))
        if last > self.noted:
            self.noted = last
            effects.append(Save("applied", last))
        return effects

    def observe(self, keys: list[Key], term: int, now: int) -> list:
        """Tell planners and dispatcher what changed, and go on with the proposal that this was."""
        assert self.lead
        for planner in PLANNERS:
            self.lead.turns[planner.name].see(planner, keys, now)
        self.lead.dispatcher.observe(self.store, keys, now)
        if any(kind == "node" and ((node := self.store.get(kind, id)) is None or node.member) for kind, id in keys):
            self.lead.managers = None
        # Only the leader proposes, one change at a time: what is committed in its own term is what it has in flight.
        return self.continue_proposal(now) if self.lead.proposal and term == self.lead.term else []

    def begin_to_lead(self, term: int, now: int) -> list:
        """Every entry before this term is applied. Forget nothing, as nothing is known; look at everything."""
        self.leader, self.lead = self.machine, Leadership(term, Dispatcher(self.dice))
        self.lead.memories = {
            "restarts": restart.Memory(),
            "addresses": allocator.Memory(),
            "places": scheduler.Memory(),
            "nothing": None,
        }
        for planner in PLANNERS:
            self.lead.turns[planner.name].see(planner, (), now)
        self.lead.dispatcher.lead(self.store, now)
        self.lead.works.append(Founding(self.founding) if self.founding else Awakening())
        self.founding = None
        return []

    def stop_leading(self) -> list:
        """What was asked and not yet committed fails; the rest a new leader works out from the store."""
        lead, self.lead = self.lead, None
        if lead is None:
            return []
        unfinished = [lead.proposal.work] if lead.proposal else []
        effects: list = []
        for work in [*unfinished, *lead.works]:
            if isinstance(work, Asked):
                effects += self.reply(work.route, Reply(work.call.id, None, LOST_LEADERSHIP))
            elif isinstance(work, Admitting | Joining | Registering):
                effects += self.refuse(work.route, work.wish, LOST_LEADERSHIP)
        for route, *_ in lead.joins.values():
            effects.append(deliver(route, NotRaftJoined(LOST_LEADERSHIP)))
        return effects

    def know_members(self, rows: tuple) -> list:
        """Who belongs to the group; a machine that waited to be let in gets to hear that it is."""
        self.members = rows
        if self.lead is None:
            return []
        self.lead.managers = None
        inside = [member for member, _, _ in rows if member in self.lead.joins]
        return [deliver(self.lead.joins.pop(member)[0], RaftJoined(self.managers())) for member in inside]

    def hear_refused(self, key: int, reason: str, now: int) -> list:
        if self.lead is None:
            return []
        if self.lead.proposal and self.lead.proposal.key == key:
            return self.stop_leading()  # raft leads no more
        for member, (route, machine, its_key, _) in list(self.lead.joins.items()):
            if its_key == key and reason == "another change is pending":
                self.lead.joins[member] = (route, machine, key, now + RETRY_JOIN)
            elif its_key == key:
                del self.lead.joins[member]
                return [deliver(route, NotRaftJoined(reason))]
        return []

    # ── leading: one proposal in flight, writes before planners ──────────────────────────────────────────────────

    def advance(self, now: int) -> list:
        """Propose the next thing that is asked for, or that a planner misses, until a proposal is in flight."""
        effects: list = []
        while self.lead and self.lead.proposal is None:
            if self.lead.works:
                effects += self.begin(self.lead.works.popleft(), now)
            else:
                planner = self.next_planner(now)
                if planner is None:
                    break
                effects += self.run(planner, now)
        return effects

    def next_planner(self, now: int) -> Planner | None:
        """The first in the order of the flow that has something to look at."""
        assert self.lead
        for planner in PLANNERS:
            turn = self.lead.turns[planner.name]
            if turn.due <= now or turn.wake_at <= now:
                return planner
        return None

    def run(self, planner: Planner, now: int) -> list:
        assert self.lead
        changed = self.lead.turns[planner.name].changed
        memory = self.lead.memories[planner.memory]
        extra = (self.strategy,) if planner.name == "scheduler" else ()
        changes, wake_at = planner.plan(self.store, changed, memory, now, *extra)
        self.lead.turns[planner.name] = Turn({}, wake_at=NEVER if wake_at is None else wake_at)
        if not changes:
            return []
        return [Note(Planned(planner.name, len(changes))), *self.propose(None, changes, now)]

    def begin(self, work: Any, now: int) -> list:
        """Turn a piece of work into changes, looking at the store as it is now."""
        try:
            changes = self.changes_for(work, now)
        except ApiError as error:
            return self.reply(work.route, Reply(work.call.id, None, error.text))
        return self.propose(work, changes, now) if changes else self.finish(work, (), now)

    def propose(self, work: Any, changes: list, now: int) -> list:
        assert self.lead
        self.lead.proposal = Proposal(0, work, tuple(changes))
        return self.send_proposal(self.lead.proposal, now)

    def send_proposal(self, proposal: Proposal, now: int) -> list:
        """The next transaction of it: SwarmKit allows 200 changes in each."""
        self.keys += 1
        part = proposal.changes[proposal.written : proposal.written + MAX_CHANGES]
        proposal.key, proposal.written = self.keys, proposal.written + len(part)
        return [Tell("raft", Propose(self.keys, Transaction(now, part)))]

    def continue_proposal(self, now: int) -> list:
        assert self.lead and self.lead.proposal
        proposal = self.lead.proposal
        if proposal.written < len(proposal.changes):
            return self.send_proposal(proposal, now)
        self.lead.proposal = None
        return self.finish(proposal.work, proposal.changes, now)

    # ── each kind of work: what it changes, and what follows the commit ──────────────────────────────────────────

    def changes_for(self, work: Any, now: int) -> list:
        """What has to be written for it; none if the store says so already. Raises ApiError for what people asked."""
        assert self.lead
        match work:
            case Founding(wish):
                return self.first_objects(wish)
            case Awakening():
                return dispatcher.unknown_nodes(self.store)
            case Asked(_, call):
                return api.write(self.store, call.request, self.dice, now)
            case Admitting():
                return self.new_node(work)
            case Joining(_, wish):
                node = self.store.get("node", wish.node)
                return [Put(replace(node, member=wish.member))] if node and node.member != wish.member else []
            case Registering(_, wish):
                return dispatcher.registration(self.store, wish)
            case Report(statuses):
                return dispatcher.statuses(self.store, statuses)
            case Missed(late):
                return self.lead.dispatcher.lost(self.store, late, now)
        return []

    def finish(self, work: Any, changes: tuple, now: int) -> list:
        """It is committed, or needed no change: answer whoever asked."""
        assert self.lead
        match work:
            case Founding():
                assert self.store.cluster
                return [Tell("engine", SwarmFounded(self.store.cluster.worker_token))]
            case Asked(route, call):
                return self.reply(route, Reply(call.id, api.answer(self.store, call.request, changes)))
            case Admitting(route, _, role):
                node = self.newcomer(work)
                assert self.store.cluster and node
                digest = self.store.cluster.ca_digest
                return [deliver(route, Certified(node.id, role, digest, self.managers()))]
            case Joining(route, wish):
                return self.let_in(route, wish)
            case Registering(route, wish):
                return self.lead.dispatcher.open(self.store, route, wish, self.managers(), now)
            case Report():
                return dispatcher.acknowledgements(work)
        return []

    def first_objects(self, wish: FoundSwarm) -> list:
        """What a new swarm begins with. Addresses are the allocator's business, as for everything later."""
        known = {name: value for name, value in wish.options if name in Cluster.__dataclass_fields__}
        cluster = Cluster(
            id=new_id(self.dice),
            worker_token=token(wish.ca_digest, wish.worker_secret),
            manager_token=token(wish.ca_digest, wish.manager_secret),
            ca_digest=wish.ca_digest,
        )
        node = Node(
            id=wish.node,
            spec=NodeSpec(role="manager"),
            role="manager",
            description=wish.description,
            machine=self.machine,
            address=wish.address,
            member=wish.member,
        )
        ingress = Network(new_id(self.dice), NetworkSpec(name="ingress", ingress=True))
        local = [
            Network(new_id(self.dice), NetworkSpec(name=name, driver=name, scope="local"), predefined=True)
            for name in ("bridge", "host")
        ]
        return [Put(object) for object in (replace(cluster, **known), node, ingress, *local)]

    def newcomer(self, work: Admitting) -> Node | None:
        """The node that this machine was made and that never registered: it asked again, or its answer got lost."""
        return next((node for node in self.store.all("node") if _is_newcomer(node, work.route.to, work.role)), None)

    def new_node(self, work: Admitting) -> list:
        if self.newcomer(work):
            return []
        wish, role = work.wish, work.role
        node = Node(new_id(self.dice), NodeSpec(role=role), role, wish.description)
        return [Put(replace(node, machine=work.route.to, address=wish.address))]

    def let_in(self, route: Route, wish: RaftJoin) -> list:
        """Raft takes one new member at a time."""
        assert self.lead
        if any(member == wish.member for member, _, _ in self.members):
            return [deliver(route, RaftJoined(self.managers()))]
        node = self.store.get("node", wish.node)
        self.keys += 1
        self.lead.joins[wish.member] = (route, node.machine, self.keys, NEVER)
        return [Tell("raft", AddMember(self.keys, wish.member, node.machine))]

    def managers(self) -> tuple:
        """All managers as (node id, machine, address), for those who have to find one."""
        assert self.lead
        if self.lead.managers is None:
            members = {member: None for member, _, _ in self.members}
            nodes = [node for node in self.store.all("node") if node.member in members]
            self.lead.managers = tuple((node.id, node.machine, node.address) for node in nodes)
        return self.lead.managers

    # ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def run_timers(self, now: int) -> list:
        """Whatever was to happen by now."""
        effects: list = []
        for id, waiting in list(self.calls.items()):
            if min(waiting.look_at, waiting.ends) <= now:
                effects += self.look_for_leader(id, now)
        if self.lead is None:
            return effects
        sessions = self.lead.dispatcher
        late = tuple(sessions.overdue(now))
        if late:
            self.lead.works.append(Missed(late))
            effects += self.note_missed(late)
        if sessions.commit_at <= now:
            self.lead.works.append(sessions.take_report())
        if sessions.send_at <= now:
            effects += sessions.send(self.store)
        return effects + self.retry_joins(now)

    def note_missed(self, late: tuple) -> list:
        nodes = [(self.store.get("node", id), last) for id, kind, last in late if kind != "orphan"]
        return [Note(HeartbeatsMissed(node.machine, last)) for node, last in nodes if node]

    def retry_joins(self, now: int) -> list:
        assert self.lead
        effects: list = []
        for member, (route, machine, key, retry_at) in list(self.lead.joins.items()):
            if retry_at <= now:
                self.lead.joins[member] = (route, machine, key, NEVER)
                effects.append(Tell("raft", AddMember(key, member, machine)))
        return effects

    def next_deadline(self) -> int:
        """The earliest of all timers. While a proposal is in flight the planners wait for it, not for time."""
        times = [min(waiting.look_at, waiting.ends) for waiting in self.calls.values()]
        if self.lead:
            times.append(self.lead.dispatcher.deadline)
            times += [retry_at for *_, retry_at in self.lead.joins.values()]
            if self.lead.proposal is None:
                times += [min(turn.due, turn.wake_at) for turn in self.lead.turns.values()]
        return min(times, default=NEVER)


def _is_newcomer(node: Node, machine: str, role: str) -> bool:
    return node.machine == machine and node.role == role and node.state == "unknown" and not node.message
