"""The engine: the daemon of one machine, as a person at its keyboard meets it.

It answers what concerns this machine by itself (plain containers, networks, and with `membership` getting into a swarm
and out of it) and passes everything about the swarm to the manager of this machine, if there is one. Source: moby
daemon/cluster; swarm.md §3.
"""

from typing import NamedTuple

from ..effects import Dice, Disk, Received, Save, Send, Started, Tell, Told, Woken
from ..messages import (
    Broken,
    Call,
    CallBack,
    CalledBack,
    CreateObject,
    CreateVolume,
    Discard,
    EngineInfo,
    Exited,
    Expose,
    FetchedLogs,
    FetchLogs,
    Info,
    ListContainers,
    ListImages,
    ListNetworks,
    ListObjects,
    ListVolumes,
    Logs,
    NetworkRow,
    Prepare,
    Prepared,
    PullImage,
    RemoveContainer,
    RemoveImage,
    RemoveObject,
    RemoveVolume,
    Reply,
    Run,
    Running,
    Start,
    SwarmInit,
    SwarmJoin,
    SwarmLeave,
    UpdateObject,
    Withdraw,
)
from ..objects import ApiError, Description, NetworkSpec, ServiceSpec
from . import identity, networks, plain, refusals
from .addresses import Interfaces, with_port
from .founding import answer
from .gather import LogRequests, Relayed
from .membership import Membership


class PlainRun(NamedTuple):
    """A `docker run` that has not come back."""

    call: int
    name: str
    request: Run


class Engine:
    """Answers every `Call` of `client` with one `Reply`."""

    def __init__(
        self, machine: str, disk: Disk, dice: Dice, description: Description, address: str, interfaces: Interfaces = ()
    ):
        self.machine, self.dice = machine, dice
        self.swarm = Membership(machine, disk, dice, description, interfaces or (("eth0", address),))
        self.networks: tuple[NetworkRow, ...] = disk.values.get("networks", ())
        self.asked: dict[int, Call] = {}  # our own calls to the other cores, and whose call each is for
        self.calls = 0
        self.logs = LogRequests(machine, self._ask_core)
        self.runs: dict[str, PlainRun] = {}  # container id → who waits for it
        self.exposed: dict[str, str] = {}  # ids of plain containers that the mesh knows, and their names

    @property
    def deadline(self) -> int:
        return min(self.swarm.deadline, self.logs.deadline)

    def step(self, event, now: int) -> list:
        match event:
            case Told(_, Call(id) as call):
                return self._or_refuse(id, self._obey, call, now)
            case Told(_, Reply(number) as reply) if number in self.asked:
                call = self.asked.pop(number)
                return self._or_refuse(call.id, self._go_on, call, reply, now)
            case Received(sender, CallBack(number)):
                return [Send(sender, "manager", CalledBack(number))]
            case Received(sender, FetchLogs() as fetch):
                return self.logs.serve(sender, fetch)
            case Received(sender, FetchedLogs() as answer):
                return self.logs.fetched(sender, answer)
            case Received(_, message):
                return self.swarm.hear(message, now)
            case Told("executor", message):
                return self._runtime_says(message)
            case Told(_, message):
                return self.swarm.told(message, now)
            case Woken():
                return [*self.logs.wake(now), *self.swarm.wake(now)]
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
                return self.swarm.init(call.id, request, now)
            case SwarmJoin() as request:
                return self.swarm.join(call.id, request, now)
            case SwarmLeave(force):
                return self._leave(call, force)
            case Info():
                return answer(call.id, self._info())
            case Run() | RemoveContainer():
                return self._ask_core("executor", call, ListContainers(all=True))
            case ListContainers() | ListImages() | PullImage() | RemoveImage():
                return self._ask_core("executor", call, call.request)
            case ListVolumes() | CreateVolume() | RemoveVolume():
                return self._ask_core("executor", call, call.request)
            case Logs(kind):
                if kind != "container":
                    self.swarm.check_manager()
                return self.logs.begin(call)
            case ListNetworks() | CreateObject(NetworkSpec(scope="local")):
                return self._ask_networks(call)
            case RemoveObject("network", ref) if own := networks.find(ref, self.networks):
                return self._remove_network(call.id, own)
            case RemoveObject("network", ref) if not self._has_manager():
                raise ApiError(f"network {ref} not found")
            case request:
                self.swarm.check_manager()
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
        match call.request:
            case Logs() | Relayed():
                return self.logs.hear(call, reply, now)
            case Run() as request:
                return self._run(call.id, request, reply.value)
            case RemoveContainer(ref, force):
                return self._remove(call.id, ref, force, reply.value)
            case ListNetworks() | CreateObject(NetworkSpec(scope="local")):
                return self._with_networks(call, reply.value or ())
            case SwarmLeave():
                raise ApiError(refusals.why_stay(() if reply.error else reply.value))
        return [Tell("client", reply._replace(id=call.id))]

    def _has_manager(self):
        return self.swarm.identity is not None and self.swarm.identity.role == "manager"

    def _info(self):
        me, joining = self.swarm.identity, self.swarm.joining
        known = me.managers if me else (("", "", joining.remote),) if joining else ()
        return EngineInfo(
            machine=self.machine,
            swarm=self.swarm.state,
            node=me.node if me else "",
            manager=self.swarm.is_manager,
            address=self.swarm.address,
            managers=tuple((node, with_port(address)) for node, _, address in known),
            error=self.swarm.error,
            description=self.swarm.description,
        )

    def _runtime_says(self, message):
        match message:
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
        made = [] if self.networks else self._keep_networks(networks.predefined(self.dice))
        return [*made, *self.swarm.boot(now)]

    def _leave(self, call, force):
        """A manager goes only by force: without it, it says what its leaving would mean."""
        if self.swarm.check_leave(force):
            return self._ask_core("manager", call, ListObjects("node"))
        return self.swarm.leave(call.id)

    # ── networks ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _ask_networks(self, call):
        if self.swarm.identity is None:
            return self._with_networks(call, ())
        if self.swarm.is_manager:
            return self._ask_core("manager", call, ListObjects("network"))
        return self._ask_core("agent", call, ListNetworks())  # those that its tasks use

    def _with_networks(self, call, swarm):
        known = networks.listed(self.networks, swarm, in_swarm=self.swarm.identity is not None)
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
