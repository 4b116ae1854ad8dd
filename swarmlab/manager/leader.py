"""What only the leader does: it answers, runs the planners, and has one proposal in flight.

Made new by each election and thrown away when leadership is lost: what stands here is what Swarm forgets at fail-over.
Source: swarmkit `manager/manager.go` (becomeLeader), `manager/state/store/memory.go` (one proposal at a time).
"""

from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from ..effects import NEVER, SILENCE, Dice, Note, Propose, Send, Tell
from ..events import HeartbeatsMissed, Planned
from ..messages import (
    AttachNetwork,
    Call,
    CalledBack,
    Certified,
    Certify,
    DetachNetwork,
    FoundSwarm,
    Heartbeat,
    Introduce,
    NotCertified,
    NotRaftJoined,
    OpenSession,
    RaftJoin,
    RebuildSwarm,
    Renew,
    Renewed,
    Reply,
    SessionInvalid,
    StatusReport,
    SwarmFounded,
)
from ..objects import ApiError, Node, Transaction
from ..trust.signing import requested_key
from ..trust.tokens import role_by_token
from . import admission, api, attachments, ca, dispatcher
from .api import LOST_LEADERSHIP, NO_VALID_TOKEN
from .callback import UNREACHABLE, Callbacks
from .dispatcher import Dispatcher, Report, Route, deliver
from .nodes import managers
from .roles import Roles, Turning, may_join, not_a_manager, turned
from .store import MAX_CHANGES, Key, Store
from .turns import Planner, Turns

# ── pieces of work that write, done in the order they came ───────────────────────────────────────────────────────


class Founding(NamedTuple):
    """The first objects of a new swarm."""

    wish: FoundSwarm


class Rebuilding(NamedTuple):
    """A swarm goes on with one manager: `docker swarm init --force-new-cluster`."""

    wish: RebuildSwarm
    node: str  # id of that manager


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


class Renewing(NamedTuple):
    """A node gets a new certificate."""

    route: Route
    wish: Renew


class Introducing(NamedTuple):
    """A node says what its certificates are by now."""

    wish: Introduce


class Attaching(NamedTuple):
    """A node wants an address for a plain container, or gives one back."""

    route: Route
    wish: AttachNetwork | DetachNetwork


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
        case Call() | AttachNetwork() | DetachNetwork():
            return deliver(route, Reply(message.id, None, reason))
        case Certify():
            return deliver(route, NotCertified(reason))
        case RaftJoin():
            return deliver(route, NotRaftJoined(reason))
        case Renew():
            return deliver(route, Renewed(message.number, "", ()))
    return deliver(route, SessionInvalid("no leader"))


class Me(NamedTuple):
    """Which manager this is."""

    machine: str = ""
    node: str = ""  # id, '' while it is none
    member: str = ""  # its name in the raft group


class Leader:
    """Serves whoever asks. Reads are answered from the store at once; writes wait for their commit."""

    def __init__(self, me: Me, store: Store, dice: Dice, strategy: Callable, members: tuple, term: int, now: int):
        """Every entry before this term is applied: look at everything."""
        self.me, self.store, self.dice, self.term = me, store, dice, term
        self.works: deque = deque([Awakening()])
        self.proposal: Proposal | None = None
        self.keys = 0
        self.dispatcher = Dispatcher(dice)
        self.dispatcher.lead(store, now)
        self.turns = Turns(strategy, now)
        self.roles = Roles(me.member, members, self.new_key)
        self.roles.lead(store)
        self.callbacks = Callbacks()
        self.authority = ca.Authority()
        self.authority.lead(store, now)
        self.known_managers: tuple | None = None  # kept at hand for heartbeats
        self.told_managers: tuple = ()  # those that every session has heard of

    def begin(self, wish: FoundSwarm | RebuildSwarm) -> None:
        """This leader is the only one because a person made it so."""
        self.works[0] = Founding(wish) if isinstance(wish, FoundSwarm) else Rebuilding(wish, self.me.node)

    def give_up(self) -> list:
        """What was asked and is not yet committed fails; the rest the next leader works out from the store."""
        works = [self.proposal.work] if self.proposal else []
        works += self.works
        self.works, self.proposal = deque(), None
        asked = [
            work for work in works if isinstance(work, Asked | Admitting | Attaching | Joining | Registering | Renewing)
        ]
        refusals = [refusal(work.route, work.wish, LOST_LEADERSHIP) for work in asked]
        return refusals + self.roles.give_up(LOST_LEADERSHIP)

    # ── whoever asks ─────────────────────────────────────────────────────────────────────────────────────────────

    def serve(self, route: Route, message: Any, now: int) -> list:
        """Answer, or put the matter into the queue of writes."""
        match message:
            case Heartbeat():
                return self.beat(route, message, now)
            case StatusReport():
                return self.dispatcher.report(self.store, route, message, now)
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
                return self.serve_join(route, message, now)
            case CalledBack(number):
                return self.hear_answer(route.to, number)
            case Renew():
                return self.serve_renewal(route, message)
            case Introduce():
                self.works.append(Introducing(message))
            case AttachNetwork() | DetachNetwork():
                self.works.append(Attaching(route, message))
        return []

    def beat(self, route: Route, beat: Heartbeat, now: int) -> list:
        """A sign of life of a node."""
        return self.dispatcher.heartbeat(self.store, route, beat, self.known_managers or self.managers(), now)

    def serve_call(self, route: Route, call: Call) -> list:
        if not isinstance(call.request, api.READS):
            self.works.append(Asked(route, call))
            return []
        try:
            value = api.read(self.store, call.request, self.roles.members, self.me.member)
        except ApiError as error:
            return [deliver(route, Reply(call.id, None, error.text))]
        return [deliver(route, Reply(call.id, value))]

    def serve_certify(self, route: Route, wish: Certify) -> list:
        """The token alone decides."""
        cluster = self.store.cluster
        role = role_by_token(cluster, wish.token)
        if role is None:
            return [deliver(route, NotCertified(NO_VALID_TOKEN))]
        if not requested_key(wish.csr):
            return [deliver(route, NotCertified(ca.BAD_REQUEST))]
        self.works.append(Admitting(route, wish, role))
        return []

    def serve_join(self, route: Route, wish: RaftJoin, now: int) -> list:
        """Who may be a manager is called back first, under the address that the others will use."""
        node: Node | None = self.store.get("node", wish.node)
        if not node or not may_join(node):
            return [deliver(route, NotRaftJoined(not_a_manager(wish.node)))]
        return self.callbacks.call(route, wish, node.address, now)

    def hear_answer(self, machine: str, number: int) -> list:
        call = self.callbacks.answered(machine, number)
        if call:
            self.works.append(Joining(call.route, call.wish))
        return []

    def serve_renewal(self, route: Route, wish: Renew) -> list:
        """The certificate says what the node is; who is about to become something else has to ask again.

        SwarmKit writes each request into the node, so that the role manager looks at it once more.
        """
        self.roles.fresh[wish.node] = None
        self.works.append(Renewing(route, wish))
        return []

    def renewed(self, wish: Renew, is_new: bool) -> Renewed:
        """The answer: what the node is, and the certificate that says so; a role of '' where it has to ask again."""
        node: Node | None = self.store.get("node", wish.node)
        cluster = self.store.cluster
        if node is None or cluster is None or not is_new:
            return Renewed(wish.number, "", self.managers())
        return Renewed(wish.number, node.role, self.managers(), node.certificate, ca.others(cluster), cluster.root)

    # ── what raft says ───────────────────────────────────────────────────────────────────────────────────────────

    def observe(self, keys: list[Key], term: int, now: int) -> list:
        """The store changed: tell planners and dispatcher, and go on with the proposal that this was."""
        self.turns.see(keys, now)
        self.dispatcher.observe(self.store, keys, now)
        self.roles.observe(self.store, keys)
        self.authority.observe(self.store, keys, now)
        if any(kind == "node" and self.concerns_managers(id) for kind, id in keys):
            self.known_managers = None
        told = self.dispatcher.tell_keys(self.store) if any(kind == "cluster" for kind, _ in keys) else []
        # Only the leader proposes, one change at a time: what is committed in its own term is what it has in flight.
        return told + (self.go_on(now) if self.proposal and term == self.term else [])

    def concerns_managers(self, id: str) -> bool:
        node = self.store.get("node", id)
        return node is None or bool(node.member)

    def know_members(self, rows: tuple) -> list:
        """Who belongs to the group, and who of them answers."""
        self.known_managers = None
        return self.roles.know_members(rows, self.managers)

    def hear_refused(self, key: int, reason: str, now: int) -> list:
        """A proposal is refused only to who leads no more; a change of members for many reasons."""
        if self.proposal and self.proposal.key == key:
            return self.give_up()
        return self.roles.hear_refused(key, reason, now)

    # ── time, and the next thing to do ───────────────────────────────────────────────────────────────────────────

    @property
    def deadline(self) -> int:
        """The earliest of all timers. While a proposal is in flight the planners wait for it, not for time."""
        return min(
            self.dispatcher.deadline,
            self.roles.deadline,
            self.callbacks.deadline,
            self.authority.tick,
            NEVER if self.waits else self.turns.deadline,
        )

    @property
    def waits(self) -> bool:
        """Whether nothing can be proposed now: a proposal is in flight, or this leader is leaving."""
        return self.proposal is not None or self.roles.is_leaving

    def work(self, now: int) -> list:
        """Whatever is due; then propose what is asked for, or what a planner misses, until a proposal is in flight."""
        effects = [*self.tell_managers(), *self.run_timers(now)]
        while not self.waits:
            planner = None if self.works else self.turns.next(now)
            if self.works:
                effects += self.begin_work(self.works.popleft(), now)
            elif planner:
                effects += self.run(planner, now)
            else:
                break
        return effects

    def tell_managers(self) -> list:
        """Where somebody became a manager, or is none any more, every session hears of it."""
        if self.managers() == self.told_managers:
            return []
        self.told_managers = self.managers()
        return self.dispatcher.tell_managers(self.told_managers)

    def run_timers(self, now: int) -> list:
        effects, turnings = self.roles.work(self.store, now)
        self.works += turnings
        words, ends = self.authority.work(self.store, self.dispatcher.sessions, now)
        effects += words
        self.works += ends
        unanswered = [call.route for call in self.callbacks.overdue(now)]
        effects += [deliver(route, NotRaftJoined(UNREACHABLE, unreachable=True)) for route in unanswered]
        late = tuple(self.dispatcher.overdue(now))
        if late:
            self.works.append(Missed(late))
            effects += self.note_missed(late)
        if self.dispatcher.commit_at <= now:
            self.works.append(self.dispatcher.take_report())
        if self.dispatcher.send_at <= now:
            effects += self.dispatcher.send(self.store, now)
        return effects

    def note_missed(self, late: tuple) -> list:
        nodes = [(self.store.get("node", id), last) for id, kind, last in late if kind != "orphan"]
        return [Note(HeartbeatsMissed(node.machine, last), SILENCE) for node, last in nodes if node]

    def run(self, planner: Planner, now: int) -> list:
        """Let a planner look at what changed since it last did."""
        changes = self.turns.run(planner, self.store, now)
        told = [Note(fact) for fact in self.turns.facts()]
        if not changes:
            return told
        return [*told, Note(Planned(planner.name, len(changes))), *self.propose(None, changes, now)]

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
                return admission.first_objects(wish, self.me.machine, self.dice, now)
            case Rebuilding(wish, node):
                return admission.rebuilt(self.store, wish, node)
            case Awakening():
                return dispatcher.unknown_nodes(self.store)
            case Asked(_, call):
                return api.write(self.store, call.request, self.dice, now, self.roles.members)
            case Admitting(route, wish, role):
                return admission.admitted(self.store, wish, route.to, role, self.dice, now)
            case Renewing(_, wish):
                return ca.renewed(self.store, wish.node, wish.csr, now)
            case Introducing(wish):
                return ca.introduced(self.store, wish.node, wish.tls)
            case ca.Finishing(root):
                return ca.finish(self.store, root, self.dice)
            case Joining(_, wish):
                return admission.joined(self.store, wish)
            case Attaching(_, wish):
                return attachments.changes(self.store, wish, self.dice)
            case Turning(node):
                return turned(self.store, node, self.roles.members)
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
            case Founding() | Rebuilding():
                assert self.store.cluster
                node = self.store.get("node", self.me.node) if isinstance(work, Founding) else None
                certificate = node.certificate if node else b""
                return [Tell("engine", SwarmFounded(self.store.cluster.worker_token, certificate))]
            case Asked(route, call):
                return [deliver(route, Reply(call.id, api.answer(self.store, call.request, changes)))]
            case Admitting(route, _, role):
                node = admission.newcomer(self.store, route.to, role)
                assert self.store.cluster and node
                papers = node.certificate, ca.others(self.store.cluster)
                return [deliver(route, Certified(node.id, role, self.managers(), *papers))]
            case Renewing(route, wish):
                return [deliver(route, self.renewed(wish, bool(changes)))]
            case Joining(route, wish):
                return self.roles.let_in(self.store, route, wish, self.managers())
            case Attaching(route, wish):
                return [deliver(route, Reply(wish.id, attachments.held(self.store, wish)))]
            case Registering(route, wish):
                return self.dispatcher.open(self.store, route, wish, self.managers(), now)
            case Report():
                return dispatcher.acknowledgements(work)
        return []

    def managers(self) -> tuple:
        """All managers as (node id, machine, address), for those who have to find one."""
        if self.known_managers is None:
            self.known_managers = managers(self.store, self.roles.members)
        return self.known_managers
