"""The engine: the daemon of one machine, as a person at its keyboard meets it.

It answers what concerns this machine by itself (plain containers, networks, and with `membership` getting into a swarm
and out of it) and passes everything about the swarm to the manager of this machine, if there is one. Source: moby
daemon/cluster; swarm.md §3.
"""

from typing import Any, NamedTuple

from ..effects import Dice, Disk, Received, Save, Send, Started, Tell, Told, Unlock, Woken
from ..messages import (
    Call,
    CallBack,
    CalledBack,
    Connect,
    CreateExec,
    CreateObject,
    CreateVolume,
    Disconnect,
    EngineInfo,
    Events,
    Exec,
    FetchedLogs,
    FetchLogs,
    GetExec,
    GetUsage,
    Info,
    KillContainer,
    Lent,
    ListContainers,
    ListImages,
    ListNetworks,
    ListObjects,
    ListVolumes,
    Logs,
    NetworkRow,
    PullImage,
    RemoveContainer,
    RemoveImage,
    RemoveObject,
    RemoveVolume,
    RenameContainer,
    Reply,
    Run,
    StartContainer,
    StartExec,
    StopContainer,
    SwarmChanges,
    SwarmInit,
    SwarmJoin,
    SwarmLeave,
    SwarmUnlock,
    TakenBack,
    UnlockKeyIs,
    UpdateObject,
)
from ..objects import ApiError, Description, NetworkSpec, ServiceSpec
from . import networks, plain, refusals
from .addresses import Interfaces, with_port
from .containers import Containers
from .events import Recent, in_order, of_the_swarm
from .execs import Execs
from .founding import answer
from .gather import LogRequests, Relayed
from .locking import LOCKED, STAYS, Lock
from .membership import Membership

ON_CONTAINERS = (
    Run,
    RemoveContainer,
    StopContainer,
    StartContainer,
    KillContainer,
    RenameContainer,
    Connect,
    Disconnect,
)
IN_CONTAINERS = (Exec, CreateExec, StartExec)


class With(NamedTuple):
    """A request for which the containers of this machine are known, and its networks are asked for."""

    request: Any
    containers: tuple


class Both(NamedTuple):
    """What the managers know of networks, while this node is asked which of them it still has itself."""

    request: Any
    swarm: tuple


class Runs(NamedTuple):
    """A command that was started in a container."""

    id: str


class Seen(NamedTuple):
    """The events of this machine, while its manager is asked for those of the swarm."""

    events: tuple
    since: int
    until: int


class Engine:
    """Answers every `Call` of `client` with one `Reply`."""

    def __init__(
        self,
        machine: str,
        disk: Disk,
        dice: Dice,
        description: Description,
        address: str,
        interfaces: Interfaces = (),
        keys: Dice | None = None,
    ):
        self.machine, self.dice = machine, dice
        self.lock = Lock(disk, keys or dice)  # keys are drawn from dice of their own
        self.swarm = Membership(machine, disk, dice, description, interfaces or (("eth0", address),), keys)
        self.networks: tuple[NetworkRow, ...] = disk.values.get("networks", ())
        self.asked: dict[int, Call] = {}  # our own calls to the other cores, and whose call each is for
        self.calls = 0
        self.logs = LogRequests(machine, self._ask_core)
        self.recent = Recent()
        self.containers = Containers(machine, disk, dice, self.recent)
        self.execs = Execs(dice)

    @property
    def deadline(self) -> int:
        return min(self.swarm.deadline, self.logs.deadline, self.containers.attaching.deadline)

    def step(self, event, now: int) -> list:
        effects = self._hear(event, now)
        me, papers = self.swarm.identity, self.swarm.papers
        return effects + self.lock.follow(me.role if me else "", papers.key if papers else 0)

    def _hear(self, event, now):
        match event:
            case Told(_, Call(id) as call):
                return [*self._gateway(), *self._or_refuse(id, self._obey, call, now)]
            case Told(_, Reply(number) as reply) if number in self.asked:
                call = self.asked.pop(number)
                return self._or_refuse(call.id, self._go_on, call, reply, now)
            case Started():
                return self._boot(now)
            case Told("executor", message):
                return self.containers.hear(message, self.networks, now)
            case _ if self.lock.locked:
                return []
            case Received(sender, CallBack(number)):
                return [Send(sender, "manager", CalledBack(number))]
            case Received(sender, FetchLogs() as fetch):
                return self.logs.serve(sender, fetch)
            case Received(sender, FetchedLogs() as answer):
                return self.logs.fetched(sender, answer)
            case Received(_, Reply() as reply):
                return self.containers.answered(reply, now)
            case Told("agent", (Lent() | TakenBack()) as word):
                return self.containers.lent(word, now)
            case Received(_, message):
                return self.swarm.hear(message, now)
            case Told(_, Unlock()):
                return self.swarm.boot(now)
            case Told(_, UnlockKeyIs(key, version)):
                return self._hear_unlock_key(key, version, now)
            case Told(_, message):
                return [*self.swarm.told(message, now), *self._say_unlocked()]
            case Woken():
                return [*self.logs.wake(now), *self.swarm.wake(now), *self._attach_again(now)]
        return []

    def _attach_again(self, now):
        if self.swarm.identity is None and self.containers.attaching.deadline <= now:
            return [*self.containers.wake(now), *self.containers.attaching.outside()]
        return self.containers.wake(now)

    def _or_refuse(self, id, act, *arguments):
        try:
            return act(*arguments)
        except ApiError as refusal:
            return answer(id, error=refusal.text)

    def _obey(self, call, now):
        if isinstance(call.request, CreateObject) and isinstance(call.request.spec, NetworkSpec):
            in_swarm, is_manager = self.swarm.identity is not None, self._is_manager
            networks.check_wish(call.request.spec, self.networks, in_swarm, is_manager)
        match call.request:
            case SwarmInit() as request:
                if request.force_new_cluster:
                    self.lock.check()
                return self.swarm.init(call.id, request, now)
            case SwarmJoin() as request:
                return self.swarm.join(call.id, request, now)
            case SwarmLeave(force):
                return self._leave(call, force)
            case SwarmUnlock(key):
                return self._unlock(call.id, key, now)
            case Info():
                return answer(call.id, self._info())
            case request if isinstance(request, (*ON_CONTAINERS, *IN_CONTAINERS)):
                return self._ask_core("executor", call, ListContainers(all=True))
            case GetExec(id):
                return answer(call.id, self.execs.find(id))
            case ListContainers() | ListImages() | PullImage() | RemoveImage():
                return self._ask_core("executor", call, call.request)
            case ListVolumes() | CreateVolume() | RemoveVolume() | GetUsage():
                return self._ask_core("executor", call, call.request)
            case Events(since, until):
                return self._ask_core("executor", call, Events(since, until))
            case Logs(kind):
                if kind in ("service", "task"):
                    self._check_manager()
                return self.logs.begin(call)
            case ListNetworks() | CreateObject(NetworkSpec(scope="local")):
                return self._ask_networks(call, now)
            case RemoveObject("network", ref) if own := networks.named(ref, self.networks):
                return self._remove_network(call.id, own, now)
            case RemoveObject("network", ref) if not self._has_manager():
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

    def _go_on(self, call, reply, now):
        self.containers.in_swarm = self.swarm.identity is not None and not self.lock.locked
        match call.request:
            case Logs() | Relayed():
                return self.logs.hear(call, reply, now)
            case Events(since, until):
                own = Seen((*reply.value, *self.recent.between(since, until)), since, until)
                if self._is_manager:
                    return self._ask_core("manager", Call(call.id, own), SwarmChanges())
                return answer(call.id, in_order(own.events))
            case Seen(own, since, until):
                return answer(call.id, in_order((*own, *of_the_swarm(reply.value, since, until))))
            case ListContainers() if not reply.error:
                return answer(call.id, self.containers.with_networks(reply.value, self.networks))
            case Exec() as wish:
                inside = plain.exec_in(wish, reply.value)
                return self._ask_core("executor", Call(call.id, inside), inside)
            case CreateExec() as request:
                return answer(call.id, self.execs.create(request, reply.value))
            case StartExec(id):
                return self._ask_core("executor", Call(call.id, Runs(id)), self.execs.start(id, reply.value))
            case Runs(id):
                self.execs.ended(id, reply.value)
            case Run() | Connect() if not self._knows_networks(call.request):
                return self._ask_networks(Call(call.id, With(call.request, reply.value)), now)
            case With(request, containers):
                return self.containers.obey(call.id, request, containers, self._all_networks(reply.value or ()), now)
            case request if isinstance(request, ON_CONTAINERS):
                return self.containers.obey(call.id, request, reply.value, self.networks, now)
            case ListNetworks() if self._is_manager:
                return self._ask_core("agent", Call(call.id, Both(call.request, reply.value or ())), ListNetworks())
            case Both(request, swarm):  # one that was removed lingers here until the last task on it has ended
                known = {network.id for network in swarm}
                lingering = [row for row in reply.value or () if row.id not in known]
                return self._with_networks(Call(call.id, request), (*swarm, *lingering), now)
            case ListNetworks() | CreateObject(NetworkSpec(scope="local")):
                return self._with_networks(call, reply.value or (), now)
            case SwarmLeave():
                raise ApiError(refusals.why_stay(() if reply.error else reply.value))
        return [Tell("client", reply._replace(id=call.id))]

    def _has_manager(self):
        return self.swarm.identity is not None and self.swarm.identity.role == "manager"

    @property
    def _is_manager(self):
        return self.swarm.is_manager and not self.lock.locked

    def _check_manager(self):
        self.lock.check()
        self.swarm.check_manager()

    def _info(self):
        locked = self.lock.locked
        me, joining = (None, None) if locked else (self.swarm.identity, self.swarm.joining)
        known = me.managers if me else (("", "", joining.remote),) if joining else ()
        return EngineInfo(
            machine=self.machine,
            swarm="locked" if locked else self.swarm.state,
            node=me.node if me else "",
            manager=self._is_manager,
            address=self.swarm.address,
            managers=tuple((node, with_port(address)) for node, _, address in known),
            error=LOCKED if locked else self.swarm.error,
            description=self.swarm.description,
        )

    def _boot(self, now):
        made = [] if self.networks else self._keep_networks(networks.predefined(self.dice))
        made += self.containers.boot(now)
        return [*made, *(self.lock.boot() if self.lock.locked else self.swarm.boot(now))]

    def _unlock(self, call, key, now):
        """The person waits until the node works again: until its agent has a session."""
        if not self.lock.locked:
            self.swarm.check_manager()
        effects = self.lock.unlock(key)
        self.lock.call, self.swarm.registered = call, False
        return effects

    def _hear_unlock_key(self, key, version, now):
        """Where there was none before, the private key of the node lay on the disk in the clear: it gets a new one."""
        had_one = bool(self.lock.unlock_key)
        effects = self.lock.hear_key(key, version)
        if self.lock.unlock_key and not had_one:
            self.swarm.renew_soon("autolock", now)
        return effects

    def _say_unlocked(self):
        if self.lock.call is None or not self.swarm.registered:
            return []
        call, self.lock.call = self.lock.call, None
        return answer(call)

    def _leave(self, call, force):
        """A manager goes only by force: without it, it says what its leaving would mean."""
        if self.lock.locked and not force:
            raise ApiError(STAYS)
        if self.swarm.check_leave(force):
            return self._ask_core("manager", call, ListObjects("node"))
        return self.swarm.leave(call.id)

    # ── networks ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _ask_networks(self, call, now):
        if self.swarm.identity is None:
            return self._go_on(call, Reply(0, ()), now)
        if self.lock.locked:
            return self._go_on(call, Reply(0, ()), now)
        if self.swarm.is_manager:
            return self._ask_core("manager", call, ListObjects("network"))
        return self._ask_core("agent", call, ListNetworks())  # those that its tasks use

    def _gateway(self):
        """In a swarm there is one more bridge, on the first addresses that were free when it was needed."""
        rows = networks.in_a_swarm(self.networks) if self.swarm.identity else self.networks
        return self._keep_networks(rows) if rows != self.networks else []

    def _knows_networks(self, request):
        refs = [request.network] if isinstance(request, Connect) else [one.target for one in request.networks]
        return all(networks.named(ref, self.networks) for ref in refs)

    def _all_networks(self, swarm):
        """Those of this machine, which has one more in a swarm, and those of the swarm."""
        rows = networks.listed(self.networks, swarm, in_swarm=self.swarm.identity is not None)
        return tuple(row._replace(containers=self.containers.on_network(row)) for row in rows)

    def _with_networks(self, call, swarm, now):
        known = self._all_networks(swarm)
        if isinstance(call.request, ListNetworks):
            return answer(call.id, known)
        made = networks.new(call.request.spec, known, self.dice, now)
        self.recent.note(now, "network", "create", made.id, ("name", made.name), ("type", made.driver))
        return [*self._keep_networks((*self.networks, made)), *answer(call.id, made.id)]

    def _remove_network(self, call, own, now):
        networks.check_removal(own, self.containers.on_network(own))
        self.recent.note(now, "network", "destroy", own.id, ("name", own.name), ("type", own.driver))
        return [*self._keep_networks(tuple(row for row in self.networks if row != own)), *answer(call)]

    def _keep_networks(self, rows):
        self.networks = rows
        return [Save("networks", rows)]
