"""The engine: the daemon of one machine, as a person at its keyboard meets it.

It answers what concerns this machine by itself (getting into a swarm and out of it, plain containers, networks) and
passes everything about the swarm to the manager of this machine, if there is one. Source: moby daemon/cluster
(errors, the 20 s of a join); Docker documentation, "docker swarm init/join/leave"; swarm.md §3, §15.
"""

from typing import NamedTuple

from ..effects import MS, NEVER, SECOND, Dice, Disk, Note, Received, Save, Send, Started, Tell, Told, Woken
from ..events import SwarmJoined, SwarmLeft
from ..messages import (
    BeManager,
    BeNode,
    BeNothing,
    Broken,
    Call,
    Certified,
    Certify,
    CreateObject,
    Discard,
    EngineInfo,
    Exited,
    Expose,
    FoundSwarm,
    Info,
    InitAnswer,
    JoinGossip,
    LeaveGossip,
    ListContainers,
    ListNetworks,
    ListObjects,
    ManagersChanged,
    NetworkRow,
    NotCertified,
    NotRaftJoined,
    Prepare,
    Prepared,
    RaftJoin,
    RaftJoined,
    Registered,
    RemoveContainer,
    RemoveObject,
    Reply,
    Run,
    Running,
    Start,
    SwarmFounded,
    SwarmInit,
    SwarmJoin,
    SwarmLeave,
    UpdateObject,
    Withdraw,
)
from ..objects import ApiError, Description, NetworkSpec, ServiceSpec
from . import identity, networks, plain, refusals
from .refusals import (
    ALREADY_IN,
    BAD_TOKEN,
    FOREIGN_CA,
    JOIN_GOES_ON,
    NO_SWARM,
    NOT_IN,
    NOT_YET_A_MANAGER,
    ONLY_A_WORKER,
)

PORT = 2377
MAKE_KEYS = (
    50 * MS,
    100 * MS,
)  # at least, and up to so much more: key pairs and certificates take the processor's time
CERTIFY_AGAIN = 2 * SECOND  # while nobody answers
RAFT_JOIN_AGAIN = 3 * SECOND
JOIN_PATIENCE = 20 * SECOND  # then the person gets the prompt back, and the join goes on


class Identity(NamedTuple):
    """Who this machine is in its swarm: what the certificate on its disk says."""

    node: str
    role: str
    member: str  # its name inside raft; '' for a worker
    managers: tuple  # (node id, machine, address)
    entered: bool  # a manager: raft has let it in


class Joining(NamedTuple):
    """A join that has not come to its end."""

    token: str
    remote: str
    address: str


class PlainRun(NamedTuple):
    """A `docker run` that has not come back."""

    call: int
    name: str
    request: Run


class Engine:
    """Answers every `Call` of `client` with one `Reply`."""

    def __init__(self, machine: str, disk: Disk, dice: Dice, description: Description, address: str):
        self.machine, self.dice, self.description, self.address = machine, dice, description, address
        self.identity: Identity | None = disk.values.get("identity")
        self.joining: Joining | None = disk.values.get("joining")
        self.networks: tuple[NetworkRow, ...] = disk.values.get("networks", ())
        self.error = ""  # of the last join
        self.founding: tuple | None = None  # (call, identity, order to the manager) of a swarm init under way
        self.join_call: int | None = None  # who waits for the join
        self.registered = False  # the agent has opened a session since we are a node
        self.ask_at = self.give_up_at = self.found_at = NEVER
        self.asked: dict[int, Call] = {}  # our own calls to the other cores, and whose call each is for
        self.calls = 0
        self.runs: dict[str, PlainRun] = {}  # container id → who waits for it
        self.exposed: dict[str, str] = {}  # ids of plain containers that the mesh knows, and their names

    @property
    def deadline(self) -> int:
        return min(self.ask_at, self.give_up_at, self.found_at)

    def step(self, event, now: int) -> list:
        match event:
            case Told(_, Call(id) as call):
                return self._or_refuse(id, self._obey, call, now)
            case Told(_, Reply(number) as reply) if number in self.asked:
                call = self.asked.pop(number)
                return self._or_refuse(call.id, self._go_on, call, reply)
            case Received(sender, message):
                return self._hear(sender, message, now)
            case Told(_, message):
                return self._told(message)
            case Woken():
                return [*self._give_up(now), *self._found(now), *(self._ask(now) if self.ask_at <= now else [])]
            case Started():
                return self._boot(now)
        return []

    def _or_refuse(self, id, act, *arguments):
        try:
            return act(*arguments)
        except ApiError as refusal:
            return answer(id, error=refusal.text)

    def _obey(self, call, now):
        match call.request:
            case SwarmInit() as request:
                return self._init(call.id, request, now)
            case SwarmJoin() as request:
                return self._join(call.id, request, now)
            case SwarmLeave(force):
                return self._leave(call, force)
            case Info():
                return answer(call.id, self._info())
            case Run() | RemoveContainer():
                return self._ask_core("executor", call, ListContainers(all=True))
            case ListContainers() as request:
                return self._ask_core("executor", call, request)
            case ListNetworks() | CreateObject(NetworkSpec(scope="local")):
                return self._ask_networks(call)
            case RemoveObject("network", ref) if own := networks.find(ref, self.networks):
                return self._remove_network(call.id, own)
            case RemoveObject("network", ref) if not (self.identity and self.identity.role == "manager"):
                raise ApiError(f"network {ref} not found")
            case request:
                self._check_manager()
                return self._ask_core("manager", call, self._for_the_swarm(request))

    def _for_the_swarm(self, request):
        """What the engine itself says to a wish for the swarm before SwarmKit sees it."""
        match request:
            case CreateObject(ServiceSpec() as spec) | UpdateObject("service", spec=spec):
                networks.check_service(spec, self.networks)
                name = spec.name or plain.random_name(self.dice, ())
                return request._replace(spec=spec._replace(name=name))
        return request

    def _ask_core(self, core, call, request):
        """Ask another core of this machine something that is needed to answer `call`."""
        self.calls += 1
        self.asked[self.calls] = call
        return [Tell(core, Call(self.calls, request))]

    def _go_on(self, call, reply):
        match call.request:
            case Run() as request:
                return self._run(call.id, request, reply.value)
            case RemoveContainer(ref, force):
                return self._remove(call.id, ref, force, reply.value)
            case ListNetworks() | CreateObject(NetworkSpec(scope="local")):
                return self._with_networks(call, reply.value or ())
            case SwarmLeave():
                raise ApiError(refusals.why_stay(None if reply.error else reply.value))
        return [Tell("client", reply._replace(id=call.id))]

    def _check_manager(self):
        if self.identity is None and self.joining is None:
            raise ApiError(NO_SWARM)
        if self.identity is None or self.identity.role != "manager":
            raise ApiError(ONLY_A_WORKER)
        if not self.identity.entered:
            raise ApiError(NOT_YET_A_MANAGER)

    def _info(self):
        me = self.identity
        known = me.managers if me else (("", "", self.joining.remote),) if self.joining else ()
        return EngineInfo(
            machine=self.machine,
            swarm="pending" if self.joining else "active" if me else "inactive",
            node=me.node if me else "",
            manager=bool(me and me.role == "manager" and me.entered),
            address=self.address,
            managers=tuple((node, with_port(address)) for node, _, address in known),
            error=self.error,
        )

    # ── what others say ──────────────────────────────────────────────────────────────────────────────────────────

    def _hear(self, sender, message, now):
        match message:
            case Certified() if self.joining and not self.identity:
                return self._certified(message, now)
            case NotCertified(reason, ca_digest) if self.joining and not self.identity:
                foreign = ca_digest and ca_digest != identity.digest_in(self.joining.token)
                return self._join_failed(self._foreign() if foreign else reason)
            case RaftJoined(managers) if self.identity and not self.identity.entered:
                self.ask_at, self.error = NEVER, ""
                return [*self._become(self.identity._replace(entered=True, managers=managers)), *self._maybe_joined()]
            case NotRaftJoined(reason):
                self.error = reason  # we go on asking: what stands in the way now may be gone in a moment
        return []

    def _told(self, message):
        match message:
            case SwarmFounded(worker_token) if self.founding:
                return self._founded(worker_token)
            case Registered():
                self.registered = True
                return self._maybe_joined()
            case ManagersChanged(managers) if self.identity:
                return self._become(self.identity._replace(managers=managers))
            case Prepared(key) if key in self.runs:
                return [Tell("executor", Start(key))]
            case Running(key) if key in self.runs:
                return self._running(key)
            case Broken(key, reason) if key in self.runs:
                return answer(self.runs.pop(key).call, error=reason)
            case Exited(key):
                return self._hide(key)
        return []

    def _boot(self, now):
        effects = []
        if not self.networks:
            effects += self._keep_networks(networks.predefined(self.dice))
        if self.identity:
            return [*effects, *self._take_up(now)]
        return [*effects, *self._ask(now)]  # a join that a crash interrupted goes on

    def _become(self, who):
        self.identity = who
        return [Save("identity", who)]

    def _take_up(self, now):
        """Be the node that we are: wake the cores that work for the swarm."""
        me = self.identity
        peers = tuple(machine for _, machine, _ in me.managers if machine != self.machine)
        # A manager that raft has let in knows from its own disk what it is.
        manager = [Tell("manager", BeManager(me.node, me.member))] if me.role == "manager" and not me.entered else []
        return [
            *manager,
            *self._ask(now),
            Tell("agent", BeNode(me.node, me.managers)),
            Tell("gossip", JoinGossip(peers)),
        ]

    # ── docker swarm init ────────────────────────────────────────────────────────────────────────────────────────

    def _init(self, id, request, now):
        if self.identity or self.joining or self.founding:
            raise ApiError(ALREADY_IN)
        node, member = identity.node_id(self.dice), identity.member_id(self.dice)
        address = without_port(request.advertise_address) or self.address
        me = Identity(node, "manager", member, ((node, self.machine, address),), entered=True)
        found = FoundSwarm(
            node=node,
            member=member,
            description=self.description,
            address=address,
            worker_secret=identity.secret(self.dice),
            manager_secret=identity.secret(self.dice),
            ca_digest=identity.ca_digest(self.dice),
            options=request.options,
        )
        self.founding, self.found_at = (id, me, found), now + self._key_time()
        return []

    def _found(self, now):
        """The keys of the new swarm are made."""
        if self.found_at > now:
            return []
        self.found_at = NEVER
        return [Tell("manager", self.founding[2])]

    def _key_time(self):
        return MAKE_KEYS[0] + int(self.dice.random() * MAKE_KEYS[1])

    def _founded(self, worker_token):
        (id, me, _), self.founding = self.founding, None
        _, _, address = me.managers[0]
        return [
            *self._become(me),
            Note(SwarmJoined(me.node, me.role)),
            Tell("agent", BeNode(me.node, me.managers)),
            Tell("gossip", JoinGossip(())),
            *answer(id, InitAnswer(me.node, worker_token, with_port(address))),
        ]

    # ── docker swarm join ────────────────────────────────────────────────────────────────────────────────────────

    def _join(self, id, request, now):
        if self.identity or self.joining or self.founding:
            raise ApiError(ALREADY_IN)
        if identity.digest_in(request.token) is None:
            raise ApiError(BAD_TOKEN)
        self.joining = Joining(request.token, request.remote, without_port(request.advertise_address) or self.address)
        self.join_call, self.give_up_at = id, now + JOIN_PATIENCE
        self.registered, self.error = False, ""
        self.ask_at = now + self._key_time()
        return [Save("joining", self.joining)]

    def _ask(self, now):
        """The next question of a join, again and again until it is answered.

        An answer that is lost leaves a node behind that nobody is: asked again, the manager makes another one. The
        real client has one connection for the whole exchange and leaves none.
        """
        if self.joining is None or (self.identity and self.identity.entered):
            self.ask_at = NEVER
            return []
        remote, token = without_port(self.joining.remote), self.joining.token
        if self.identity is None:
            self.ask_at = now + CERTIFY_AGAIN
            return [Send(remote, "manager", Certify(token, self.description, self.joining.address))]
        self.ask_at = now + RAFT_JOIN_AGAIN
        return [Send(remote, "manager", RaftJoin(self.identity.node, self.identity.member))]

    def _certified(self, message, now):
        if message.ca_digest != identity.digest_in(self.joining.token):
            return self._join_failed(self._foreign())
        is_manager = message.role == "manager"
        member = identity.member_id(self.dice) if is_manager else ""
        me = Identity(message.node, message.role, member, message.managers, entered=not is_manager)
        return [*self._become(me), *self._take_up(now)]

    def _foreign(self):
        return FOREIGN_CA.format(identity.fingerprint(identity.digest_in(self.joining.token)))

    def _maybe_joined(self):
        """A worker is in when its agent has a session, a manager when raft has let it in as well."""
        if not (self.joining and self.identity and self.identity.entered and self.registered):
            return []
        joined = Note(SwarmJoined(self.identity.node, self.identity.role))
        return [*self._stop_joining(), joined, *self._answer_join(self.identity.role)]

    def _join_failed(self, reason):
        self.error = reason
        return [*self._stop_joining(), *self._answer_join(error=reason)]

    def _stop_joining(self):
        self.joining, self.ask_at = None, NEVER
        return [Save("joining", None)]

    def _give_up(self, now):
        return self._answer_join(error=JOIN_GOES_ON) if self.give_up_at <= now else []

    def _answer_join(self, value=None, error=None):
        id, self.join_call, self.give_up_at = self.join_call, None, NEVER
        return answer(id, value, error) if id is not None else []

    # ── docker swarm leave ───────────────────────────────────────────────────────────────────────────────────────

    def _leave(self, call, force):
        if not self.identity and not self.joining:
            raise ApiError(NOT_IN)
        me = self.identity
        if me and me.role == "manager" and me.entered and not force:
            return self._ask_core("manager", call, ListObjects("node"))
        self.identity, self.registered = None, False
        effects = [*self._answer_join(error=NOT_IN), *self._stop_joining()]
        if me:
            effects += [Save("identity", None), Note(SwarmLeft(me.node)), Tell("agent", BeNothing())]
            effects += [Tell("manager", BeNothing())] if me.role == "manager" else []
            effects += [Tell("gossip", LeaveGossip())]
        return [*effects, *answer(call.id)]

    # ── networks ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _ask_networks(self, call):
        if self.identity is None:
            return self._with_networks(call, ())
        if self.identity.role == "manager" and self.identity.entered:
            return self._ask_core("manager", call, ListObjects("network"))
        return self._ask_core("agent", call, ListNetworks())  # those that its tasks use

    def _with_networks(self, call, swarm):
        known = networks.listed(self.networks, swarm, in_swarm=self.identity is not None)
        if isinstance(call.request, ListNetworks):
            return answer(call.id, known)
        made = networks.new(call.request.spec, known, self.dice)
        return [*self._keep_networks((*self.networks, made)), *answer(call.id, made.id)]

    def _remove_network(self, call, own):
        networks.check_removal(own)
        return [*self._keep_networks(tuple(row for row in self.networks if row != own)), *answer(call)]

    def _keep_networks(self, rows):
        self.networks = rows
        return [Save("networks", rows)]

    # ── docker run, docker rm ────────────────────────────────────────────────────────────────────────────────────

    def _run(self, call, request, containers):
        plain.check_name(request.name, containers)
        name = request.name or plain.random_name(self.dice, containers)
        key = identity.container_id(self.dice)
        self.runs[key] = PlainRun(call, name, request)
        return [Tell("executor", Prepare(key, request.image, name, request.args, {}, request.ports))]

    def _running(self, key):
        run = self.runs.pop(key)
        done = answer(run.call, key)
        if not run.request.ports:
            return done
        self.exposed[key] = run.name
        return [Tell("mesh", Expose(plain.endpoint(key, run.name, run.request.ports, self.machine))), *done]

    def _remove(self, call, ref, force, containers):
        container = plain.find(ref, containers)
        plain.check_removal(container, force)
        key = container.task or container.id
        return [*self._hide(key), Tell("executor", Discard(key)), *answer(call)]

    def _hide(self, key):
        return [Tell("mesh", Withdraw(key))] if self.exposed.pop(key, None) else []


def answer(call: int, value=None, error: str | None = None) -> list:
    """The one reply to a call."""
    return [Tell("client", Reply(call, value, error))]


def with_port(address: str) -> str:
    return address if ":" in address else f"{address}:{PORT}"


def without_port(address: str) -> str:
    return address.partition(":")[0]
