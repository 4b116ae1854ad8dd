"""The way of a request: published port or name → load balancer → tunnel → task, as one node knows it.

Every node opens every port that is published through the routing mesh, and has its own tables and its own turn.
Source: Docker documentation, "Use swarm mode routing mesh"; moby `daemon/libnetwork/service_linux.go`.
"""

from typing import NamedTuple

from ..effects import NEVER, SECOND, Dice, Disk, Note, Received, Send, Tell, Told
from ..events import BackendAdded, BackendRemoved, RequestForwarded, RequestServed
from ..messages import Endpoint, Expose, Serve, Served, TablesChanged, Withdraw
from . import ipvs
from .dns import names, rank, readings, resolve
from .ipvs import Backend, Balancer, Pool
from .wire import Frame, Response, Visit

INGRESS, HOST = "ingress", "host"  # how a port is published; the first is also the name of the network
IDLE = 900 * SECOND  # a connection on which nothing moves is forgotten [IPVS: TCP time-out]

Front = tuple[str, str | int]  # where a request is balanced: (network id, virtual IP), or (INGRESS, published port)
Hop = tuple[str, str, str]  # (kind, machine, detail)


class Way(NamedTuple):
    """Where a request goes from here, and how that was decided."""

    task: str
    hops: tuple[Hop, ...]
    front: Front | None = None  # whose turn it took, if any


class Refusal(NamedTuple):
    """There is no way from here."""

    error: str


class Waiting(NamedTuple):
    """A request that this node has sent on, until the answer comes by."""

    visitor: str
    task: str
    front: Front | None
    since: int


class Serving(NamedTuple):
    """A request that a container of this node works on."""

    sender: str  # the machine whose load balancer sent it
    frame: Frame
    since: int


class Mesh:
    """DNS, load balancer and tunnels of one node."""

    def __init__(self, machine: str, disk: Disk, dice: Dice, balancer: Balancer = ipvs.round_robin):
        self.machine, self.balancer, self.deadline = machine, balancer, NEVER
        self.endpoints: dict[str, Endpoint] = {}  # by task
        self.pools: dict[Front, Pool] = {}
        self.names: dict[str, dict[str, Endpoint]] = {}  # name → by task
        self.addresses: dict[tuple[str, str], str] = {}  # (network id, address) → task
        self.host_ports: dict[int, str] = {}  # port → task or plain container of this machine
        self.waiting: dict[int, Waiting] = {}  # by request, oldest first
        self.serving: dict[int, Serving] = {}  # by request, oldest first

    def step(self, event, now: int) -> list:
        """Hear one thing; see `swarmlab.effects`."""
        match event:
            case Received(sender, Visit() as visit):
                return self._admit(sender, visit, now)
            case Received(sender, Frame() as frame):
                return self._deliver(sender, frame, now)
            case Received(_, Response() as response):
                return self._return(response)
            case Told(_, Served() as served):
                return self._answer(served)
            case Told(_, message):
                return self._obey(message)
        return []

    def resolve(self, name: str, task: str) -> tuple[str, ...]:
        """What a name means to this task: addresses, or () when no network of the task knows it."""
        asker = self.endpoints.get(task)
        if asker is None:
            return ()
        # User networks are asked before ingress [moby: sandbox.go].
        networks = [network for network, _, _ in sorted(asker.addresses, key=lambda address: address[1] == INGRESS)]
        known = {task: endpoint for asked, _ in readings(name) for task, endpoint in self.names.get(asked, {}).items()}
        return resolve(name, networks, known.values())

    # ── tables ──

    def _obey(self, message) -> list:
        match message:
            case TablesChanged(added, removed):
                return self._change(added, removed)
            case Expose(endpoint) if (
                not endpoint.addresses
            ):  # on no network of the swarm: known on its own machine only
                return self._change((endpoint,), ())
            case Expose(endpoint):
                return [*self._change((endpoint,), ()), Tell("gossip", message)]
            case Withdraw(task):
                # Docker first sets the weight to 0 and deletes the entry when the task is gone. For new requests that
                # is the same, and those in progress go on here as there.
                return [*self._change((), (task,)), Tell("gossip", message)]
        return []

    def _change(self, added: tuple[Endpoint, ...], removed: tuple[str, ...]) -> list:
        changed = [endpoint for endpoint in added if self.endpoints.get(endpoint.task) != endpoint]
        gone = dict.fromkeys((*removed, *(endpoint.task for endpoint in changed)))
        left = [self.endpoints.pop(task) for task in gone if task in self.endpoints]
        for endpoint in left:
            self._remove(endpoint)
        for endpoint in changed:
            self._add(endpoint)
        facts: list = [BackendRemoved(old.service_name, old.task, old.machine) for old in left if old.addresses]
        facts += [BackendAdded(new.service_name, new.task, new.machine) for new in changed if new.addresses]
        return [Note(fact) for fact in facts]

    def _add(self, endpoint: Endpoint) -> None:
        task, machine = endpoint.task, endpoint.machine
        self.endpoints[task] = endpoint
        for front in _fronts(endpoint):
            self.pools.setdefault(front, Pool()).add(rank(endpoint), Backend(task, machine))
        for name in names(endpoint):
            self.names.setdefault(name, {})[task] = endpoint
        for network, _, address in endpoint.addresses:
            self.addresses[network, address] = task
        for port in _published(endpoint, HOST) if machine == self.machine else ():
            self.host_ports[port] = task

    def _remove(self, endpoint: Endpoint) -> None:
        task = endpoint.task
        for front in _fronts(endpoint):
            self.pools[front].remove(rank(endpoint))
            if not self.pools[front].backends:
                del self.pools[front]  # the port closes, the virtual IP falls silent
        for name in names(endpoint):
            del self.names[name][task]
            if not self.names[name]:
                del self.names[name]
        for network, _, address in endpoint.addresses:
            if self.addresses.get((network, address)) == task:
                del self.addresses[network, address]
        for port in _published(endpoint, HOST):
            if self.host_ports.get(port) == task:
                del self.host_ports[port]

    # ── the node that is asked ──

    def _admit(self, visitor: str, visit: Visit, now: int) -> list:
        """Find a way for the request, or refuse it at once."""
        if visit.request in self.waiting:  # the network delivered it twice
            return []
        self._forget_idle(now)
        way = self._from_task(visit) if visit.source else self._from_outside(visit)
        if isinstance(way, Refusal):
            return [Send(visitor, "http", Response(visit.request, 0, error=way.error))]
        self.waiting[visit.request] = Waiting(visitor, way.task, way.front, now)
        return self._forward(visit.request, way, now)

    def _from_outside(self, visit: Visit) -> Way | Refusal:
        port = ("published port", self.machine, f"*:{visit.port}")
        if (INGRESS, visit.port) in self.pools:
            return self._balance(visit.request, (INGRESS, visit.port), port, "ingress load balancer")
        if visit.port in self.host_ports:
            return Way(self.host_ports[visit.port], (port,))
        return Refusal("connection refused")

    def _from_task(self, visit: Visit) -> Way | Refusal:
        """East–west: a task asks for a name, and connects to the first address."""
        addresses = self.resolve(visit.host, visit.source)
        if not addresses:
            return Refusal(f"could not resolve host: {visit.host}")
        name = ("name", self.machine, f"{visit.host} is {addresses[0]}")
        for network, _, _ in self.endpoints[visit.source].addresses:
            if (network, addresses[0]) in self.pools:
                return self._balance(visit.request, (network, addresses[0]), name, "virtual IP load balancer")
            if (network, addresses[0]) in self.addresses:
                return Way(self.addresses[network, addresses[0]], (name,))
        return Refusal("no route to host")

    def _balance(self, request: int, front: Front, door: Hop, kind: str) -> Way:
        # IPVS has one turn per service and network, so all ports of a service share it; here each port has its own.
        pool = self.pools[front]
        task = pool.choose(self.balancer, request).task
        pool.count(rank(self.endpoints[task]), +1)
        method = getattr(self.balancer, "__name__", "balancer").replace("_", " ")
        choice = (kind, self.machine, f"{method}, turn {pool.turn}, {len(pool.backends)} backends")
        return Way(task, (door, choice), front)

    def _forward(self, request: int, way: Way, now: int) -> list:
        endpoint = self.endpoints[way.task]
        frame, machine = Frame(request, way.task, endpoint.name, way.hops), endpoint.machine
        chosen = [Note(RequestForwarded(request, way.task, machine))] if way.front else []
        if machine == self.machine:
            return chosen + self._deliver(machine, frame, now)
        tunnel = ("vxlan", machine, f"from {self.machine}, port 4789")
        return [*chosen, Send(machine, "vxlan", frame._replace(hops=(*way.hops, tunnel)))]

    def _return(self, response: Response) -> list:
        """The answer is back at the node that was asked: hand it to the visitor."""
        waiting = self._finish(response.request)
        return [Send(waiting.visitor, "http", response)] if waiting else []

    def _finish(self, request: int) -> Waiting | None:
        waiting = self.waiting.pop(request, None)
        if waiting and waiting.front in self.pools and waiting.task in self.endpoints:
            self.pools[waiting.front].count(rank(self.endpoints[waiting.task]), -1)
        return waiting

    # ── the node of the task ──

    def _deliver(self, sender: str, frame: Frame, now: int) -> list:
        if frame.request in self.serving:
            return []
        self.serving[frame.request] = Serving(sender, frame, now)
        return [Tell("executor", Serve(frame.request, frame.task))]

    def _answer(self, served: Served) -> list:
        """The container has answered, or is no more; then nobody answers, and the visitor waits in vain."""
        job = self.serving.pop(served.request, None)
        if job is None or (served.status == 0 and served.key not in self.endpoints):
            return []
        response = self._response(job.frame, served)
        facts = [Note(RequestServed(served.request, served.key))] if served.status else []
        if job.sender == self.machine:
            return facts + self._return(response)
        return [*facts, Send(job.sender, "vxlan", response)]

    def _response(self, frame: Frame, served: Served) -> Response:
        error = "" if served.status else "connection refused"  # the container runs, but nothing in it listens
        hops = (*frame.hops, ("task", self.machine, frame.name))
        return Response(frame.request, served.status, frame.task, frame.name, self.machine, hops, error)

    def _forget_idle(self, now: int) -> None:
        """Requests that were never answered: the node they went to has died."""
        while self.waiting and next(iter(self.waiting.values())).since + IDLE <= now:
            self._finish(next(iter(self.waiting)))
        while self.serving and next(iter(self.serving.values())).since + IDLE <= now:
            del self.serving[next(iter(self.serving))]


def _fronts(endpoint: Endpoint) -> list[Front]:
    """Where this task may be chosen: behind its service's virtual IPs and the ports published through the mesh."""
    fronts: list[Front] = [(network, address) for network, _, address in endpoint.virtual_ips]
    return fronts + [(INGRESS, port) for port in _published(endpoint, INGRESS)]


def _published(endpoint: Endpoint, mode: str) -> list[int]:
    """Its TCP ports that are published in this way; requests use no others."""
    ports = [port for port in endpoint.ports if port.publish_mode == mode and port.protocol == "tcp"]
    return [port.published_port for port in ports if port.published_port]
