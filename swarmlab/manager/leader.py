"""What only the leader does: it answers, runs the planners, and has one proposal in flight.

Made new by each election and thrown away when leadership is lost: what stands here is what Swarm forgets at fail-over.
Source: swarmkit `manager/manager.go` (becomeLeader), `manager/state/store/memory.go` (one proposal at a time).
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ..effects import MS, NEVER, SECOND, SILENCE, AddMember, Dice, Note, Propose, Send, Tell
from ..events import HeartbeatsMissed, Planned
from ..messages import (
    Call,
    Certified,
    Certify,
    FoundSwarm,
    Heartbeat,
    NotCertified,
    NotRaftJoined,
    OpenSession,
    RaftJoin,
    RaftJoined,
    Reply,
    SessionInvalid,
    StatusReport,
    SwarmFounded,
)
from ..objects import ApiError, Cluster, Network, NetworkSpec, Node, NodeSpec, Put, Transaction, replace
from . import allocator, api, dispatcher, global_mode, reaper, replicated, restart, scheduler, updater
from .api import LOST_LEADERSHIP, NO_VALID_TOKEN
from .dispatcher import Dispatcher, Report, Route, deliver
from .security import new_id, role_by_token, token
from .store import MAX_CHANGES, Key, Store

RETRY_JOIN = 100 * MS

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


class Turn:
    """What one planner has to look at, and when."""

    def __init__(self, changed: dict[Key, None] | None = None, wake_at: int = NEVER) -> None:
        self.changed = changed  # None: everything
        self.since = NEVER  # the first change that it has not looked at
        self.due = NEVER
        self.wake_at = wake_at  # the time that it asked for itself

    def see(self, planner: Planner, keys: Iterable[Key], now: int) -> None:
        """These objects changed."""
        if self.changed is not None:
            self.changed |= dict.fromkeys(keys)
        self.since = min(self.since, now)
        self.due = min(now + planner.settle, self.since + planner.longest)


# ── pieces of work that write, done in the order they came ───────────────────────────────────────────────────────


class Founding(NamedTuple):
    """The first objects of a new swarm."""

    wish: FoundSwarm


class Awakening(NamedTuple):
    """A new leader has to find out which nodes live."""


class Asked(NamedTuple):
    """A person wants something changed."""

    route: Route
    wish: Call


class Admitting(NamedTuple):
    """A machine with a valid token becomes a node."""

    route: Route
    wish: Certify
    role: str


class Joining(NamedTuple):
    """A new manager becomes a member of the raft group."""

    route: Route
    wish: RaftJoin


class Registering(NamedTuple):
    """A node opens a session."""

    route: Route
    wish: OpenSession


class Missed(NamedTuple):
    """Nodes whose time is up: (node, what was waited for, last sign of life)."""

    late: tuple


class Proposal:
    """The one change that is in flight, cut into transactions; nothing else is written in between."""

    def __init__(self, work: Any, changes: tuple) -> None:
        self.work = work  # None when a planner asked for it
        self.changes = changes
        self.key = 0  # of the transaction that raft has now
        self.written = 0  # how many of the changes are committed, or in flight


def refusal(route: Route, message: Any, reason: str) -> Send:
    """Nobody leads here: said in the words of whoever asked."""
    match message:
        case Call():
            return deliver(route, Reply(message.id, None, reason))
        case Certify():
            return deliver(route, NotCertified(reason))
        case RaftJoin():
            return deliver(route, NotRaftJoined(reason))
    return deliver(route, SessionInvalid("no leader"))


class Leader:
    """Serves whoever asks. Reads are answered from the store at once; writes wait for their commit."""

    def __init__(self, machine: str, store: Store, dice: Dice, strategy: Callable, members: tuple, term: int):
        self.machine, self.store, self.dice, self.strategy = machine, store, dice, strategy
        self.members, self.term = members, term
        self.dispatcher = Dispatcher(dice)
        self.works: deque = deque()
        self.proposal: Proposal | None = None
        self.keys = 0
        self.joins: dict[str, tuple] = {}  # member → (route, machine, key, when to ask raft again)
        self.turns = {planner.name: Turn() for planner in PLANNERS}
        self.memories = {
            "restarts": restart.Memory(),
            "addresses": allocator.Memory(),
            "places": scheduler.Memory(),
            "nothing": None,
        }
        self.known_managers: tuple | None = None  # kept at hand for heartbeats

    def begin(self, founding: FoundSwarm | None, now: int) -> None:
        """Every entry before this term is applied: look at everything."""
        for planner in PLANNERS:
            self.turns[planner.name].see(planner, (), now)
        self.dispatcher.lead(self.store, now)
        self.works.append(Founding(founding) if founding else Awakening())

    def give_up(self) -> list:
        """What was asked and is not yet committed fails; the rest the next leader works out from the store."""
        works = [self.proposal.work] if self.proposal else []
        works += self.works
        self.works, self.proposal = deque(), None
        asked = [work for work in works if isinstance(work, Asked | Admitting | Joining | Registering)]
        failed = [deliver(route, NotRaftJoined(LOST_LEADERSHIP)) for route, *_ in self.joins.values()]
        return [refusal(work.route, work.wish, LOST_LEADERSHIP) for work in asked] + failed

    # ── whoever asks ─────────────────────────────────────────────────────────────────────────────────────────────

    def serve(self, route: Route, message: Any, now: int) -> list:
        """Answer, or put the matter into the queue of writes."""
        match message:
            case Heartbeat():
                return self.dispatcher.heartbeat(self.store, route, message, self.managers(), now)
            case StatusReport():
                return self.dispatcher.report(route, message, now)
            case OpenSession():
                reason = self.dispatcher.may_register(self.store, message.node, now)
                if reason:
                    return [deliver(route, SessionInvalid(reason))]
                self.works.append(Registering(route, message))
            case Call():
                return self.serve_call(route, message)
            case Certify():
                return self.serve_certify(route, message)
            case RaftJoin():
                return self.serve_join(route, message)
        return []

    def serve_call(self, route: Route, call: Call) -> list:
        if not isinstance(call.request, api.READS):
            self.works.append(Asked(route, call))
            return []
        try:
            value = api.read(self.store, call.request, self.members, self.machine)
        except ApiError as error:
            return [deliver(route, Reply(call.id, None, error.text))]
        return [deliver(route, Reply(call.id, value))]

    def serve_certify(self, route: Route, wish: Certify) -> list:
        """The token alone decides. Who holds a token of another swarm is told by the digest of this one's CA."""
        cluster = self.store.cluster
        role = role_by_token(cluster, wish.token)
        if role is None:
            return [deliver(route, NotCertified(NO_VALID_TOKEN, cluster.ca_digest if cluster else ""))]
        self.works.append(Admitting(route, wish, role))
        return []

    def serve_join(self, route: Route, wish: RaftJoin) -> list:
        node = self.store.get("node", wish.node)
        if node is None or node.role != "manager":
            return [deliver(route, NotRaftJoined(f"node {wish.node} is not a manager"))]
        self.works.append(Joining(route, wish))
        return []

    # ── what raft says ───────────────────────────────────────────────────────────────────────────────────────────

    def observe(self, keys: list[Key], term: int, now: int) -> list:
        """The store changed: tell planners and dispatcher, and go on with the proposal that this was."""
        for planner in PLANNERS:
            self.turns[planner.name].see(planner, keys, now)
        self.dispatcher.observe(self.store, keys, now)
        if any(kind == "node" and self.concerns_managers(id) for kind, id in keys):
            self.known_managers = None
        # Only the leader proposes, one change at a time: what is committed in its own term is what it has in flight.
        return self.go_on(now) if self.proposal and term == self.term else []

    def concerns_managers(self, id: str) -> bool:
        node = self.store.get("node", id)
        return node is None or bool(node.member)

    def know_members(self, rows: tuple) -> list:
        """Who belongs to the group; a machine that waited to be let in gets to hear that it is."""
        self.members, self.known_managers = rows, None
        inside = [member for member, _, _ in rows if member in self.joins]
        return [deliver(self.joins.pop(member)[0], RaftJoined(self.managers())) for member in inside]

    def hear_refused(self, key: int, reason: str, now: int) -> list:
        """Raft takes one change of members at a time: try again. All else means that it leads no more."""
        if self.proposal and self.proposal.key == key:
            return self.give_up()
        for member, (route, machine, its_key, _) in list(self.joins.items()):
            if its_key == key and reason == "another change is pending":
                self.joins[member] = (route, machine, key, now + RETRY_JOIN)
            elif its_key == key:
                del self.joins[member]
                return [deliver(route, NotRaftJoined(reason))]
        return []

    # ── time, and the next thing to do ───────────────────────────────────────────────────────────────────────────

    @property
    def deadline(self) -> int:
        """The earliest of all timers. While a proposal is in flight the planners wait for it, not for time."""
        times = [self.dispatcher.deadline, *(retry_at for *_, retry_at in self.joins.values())]
        if self.proposal is None:
            times += [min(turn.due, turn.wake_at) for turn in self.turns.values()]
        return min(times)

    def work(self, now: int) -> list:
        """Whatever is due; then propose what is asked for, or what a planner misses, until a proposal is in flight."""
        effects = self.run_timers(now)
        while self.proposal is None:
            planner = None if self.works else self.next_planner(now)
            if self.works:
                effects += self.begin_work(self.works.popleft(), now)
            elif planner:
                effects += self.run(planner, now)
            else:
                break
        return effects

    def run_timers(self, now: int) -> list:
        effects = self.retry_joins(now)
        late = tuple(self.dispatcher.overdue(now))
        if late:
            self.works.append(Missed(late))
            effects += self.note_missed(late)
        if self.dispatcher.commit_at <= now:
            self.works.append(self.dispatcher.take_report())
        if self.dispatcher.send_at <= now:
            effects += self.dispatcher.send(self.store)
        return effects

    def note_missed(self, late: tuple) -> list:
        nodes = [(self.store.get("node", id), last) for id, kind, last in late if kind != "orphan"]
        return [Note(HeartbeatsMissed(node.machine, last), SILENCE) for node, last in nodes if node]

    def retry_joins(self, now: int) -> list:
        effects: list = []
        for member, (route, machine, key, retry_at) in list(self.joins.items()):
            if retry_at <= now:
                self.joins[member] = (route, machine, key, NEVER)
                effects.append(Tell("raft", AddMember(key, member, machine)))
        return effects

    def next_planner(self, now: int) -> Planner | None:
        """The first in the order of the flow that has something to look at."""
        for planner in PLANNERS:
            turn = self.turns[planner.name]
            if turn.due <= now or turn.wake_at <= now:
                return planner
        return None

    def run(self, planner: Planner, now: int) -> list:
        """Let a planner look at what changed since it last did."""
        extra = (self.strategy,) if planner.name == "scheduler" else ()
        memory = self.memories[planner.memory]
        changes, wake_at = planner.plan(self.store, self.turns[planner.name].changed, memory, now, *extra)
        self.turns[planner.name] = Turn({}, wake_at=NEVER if wake_at is None else wake_at)
        if not changes:
            return []
        return [Note(Planned(planner.name, len(changes))), *self.propose(None, changes, now)]

    def begin_work(self, work: Any, now: int) -> list:
        """Turn a piece of work into changes, looking at the store as it is now."""
        try:
            changes = self.changes_for(work, now)
        except ApiError as error:
            return [deliver(work.route, Reply(work.wish.id, None, error.text))]
        return self.propose(work, changes, now) if changes else self.finish(work, (), now)

    def propose(self, work: Any, changes: list, now: int) -> list:
        self.proposal = Proposal(work, tuple(changes))
        return self.send_next(self.proposal, now)

    def send_next(self, proposal: Proposal, now: int) -> list:
        """The next transaction of it: SwarmKit allows 200 changes in each."""
        part = proposal.changes[proposal.written : proposal.written + MAX_CHANGES]
        proposal.key, proposal.written = self.new_key(), proposal.written + len(part)
        return [Tell("raft", Propose(proposal.key, Transaction(now, part)))]

    def new_key(self) -> int:
        """Keys carry the term, so that a late refusal of an earlier leadership means nothing to this one."""
        self.keys += 1
        return self.term << 32 | self.keys

    def go_on(self, now: int) -> list:
        """A transaction is committed: the next one, or all is done."""
        assert self.proposal
        proposal = self.proposal
        if proposal.written < len(proposal.changes):
            return self.send_next(proposal, now)
        self.proposal = None
        return self.finish(proposal.work, proposal.changes, now)

    # ── each kind of work: what it changes, and what follows the commit ──────────────────────────────────────────

    def changes_for(self, work: Any, now: int) -> list:
        """What has to be written for it; none if the store says so already. Raises ApiError for what people asked."""
        match work:
            case Founding(wish):
                return self.first_objects(wish)
            case Awakening():
                return dispatcher.unknown_nodes(self.store)
            case Asked(_, call):
                return api.write(self.store, call.request, self.dice, now)
            case Admitting():
                return [] if self.newcomer(work) else [Put(self.new_node(work))]
            case Joining(_, wish):
                node = self.store.get("node", wish.node)
                return [Put(replace(node, member=wish.member))] if node and node.member != wish.member else []
            case Registering(_, wish):
                return dispatcher.registration(self.store, wish)
            case Report(statuses):
                return dispatcher.statuses(self.store, statuses)
            case Missed(late):
                return self.dispatcher.lost(self.store, late, now)
        return []

    def finish(self, work: Any, changes: tuple, now: int) -> list:
        """It is committed, or needed no change: answer whoever asked."""
        match work:
            case Founding():
                assert self.store.cluster
                return [Tell("engine", SwarmFounded(self.store.cluster.worker_token))]
            case Asked(route, call):
                return [deliver(route, Reply(call.id, api.answer(self.store, call.request, changes)))]
            case Admitting(route, _, role):
                node = self.newcomer(work)
                assert self.store.cluster and node
                return [deliver(route, Certified(node.id, role, self.store.cluster.ca_digest, self.managers()))]
            case Joining(route, wish):
                return self.let_in(route, wish)
            case Registering(route, wish):
                return self.dispatcher.open(self.store, route, wish, self.managers(), now)
            case Report():
                return dispatcher.acknowledgements(work)
        return []

    def first_objects(self, wish: FoundSwarm) -> list:
        """What a new swarm begins with. Addresses are the allocator's business, as for everything later."""
        tokens = (token(wish.ca_digest, wish.worker_secret), token(wish.ca_digest, wish.manager_secret))
        cluster = Cluster(new_id(self.dice), worker_token=tokens[0], manager_token=tokens[1], ca_digest=wish.ca_digest)
        known = {name: value for name, value in wish.options if name in Cluster._fields}
        node = Node(wish.node, NodeSpec(role="manager"), "manager", wish.description, member=wish.member)
        node = replace(node, machine=self.machine, address=wish.address)
        ingress = Network(new_id(self.dice), NetworkSpec(name="ingress", ingress=True))
        specs = [NetworkSpec(name=name, driver=name, scope="local") for name in ("bridge", "host")]
        local = [Network(new_id(self.dice), spec, predefined=True) for spec in specs]
        return [Put(object) for object in (replace(cluster, **known), node, ingress, *local)]

    def newcomer(self, work: Admitting) -> Node | None:
        """The node that this machine was made and that never registered: it asked again, or its answer got lost."""
        machine, role = work.route.to, work.role
        nodes = [node for node in self.store.all("node") if node.machine == machine and node.role == role]
        return next((node for node in nodes if node.state == "unknown" and not node.message), None)

    def new_node(self, work: Admitting) -> Node:
        node = Node(new_id(self.dice), NodeSpec(role=work.role), work.role, work.wish.description)
        return replace(node, machine=work.route.to, address=work.wish.address)

    def let_in(self, route: Route, wish: RaftJoin) -> list:
        """It is a member already, or raft is asked to make it one."""
        if any(member == wish.member for member, _, _ in self.members):
            return [deliver(route, RaftJoined(self.managers()))]
        machine, key = self.store.get("node", wish.node).machine, self.new_key()
        self.joins[wish.member] = (route, machine, key, NEVER)
        return [Tell("raft", AddMember(key, wish.member, machine))]

    def managers(self) -> tuple:
        """All managers as (node id, machine, address), for those who have to find one."""
        if self.known_managers is None:
            members = {member: None for member, _, _ in self.members}
            nodes = [node for node in self.store.all("node") if node.member in members]
            self.known_managers = tuple((node.id, node.machine, node.address) for node in nodes)
        return self.known_managers
