"""The way of a request: published port or name → load balancer → tunnel → task, as one node knows it.

Every node opens every port that is published through the routing mesh, and has its own tables and its own turn.
Source: Docker documentation, "Use swarm mode routing mesh"; moby `daemon/libnetwork/service_linux.go`.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ..effects import NEVER, SECOND, Dice, Disk, Note, Received, Send, Tell, Told
from ..events import BackendAdded, BackendRemoved, RequestForwarded, RequestServed
from ..messages import (
    ENDPOINTS,
    PEERS,
    Attach,
    Binding,
    Detach,
    Endpoint,
    EnterNetwork,
    Entry,
    Expose,
    NetworksHere,
    OverlayNetwork,
    Peer,
    PortConfig,
    Publish,
    QuitNetwork,
    Serve,
    Served,
    TablesChanged,
    Withdraw,
)
from . import ipvs
from .dns import Names, Network, Reply, has_resolver, is_address, rank, shuffled
from .ipvs import Backend, Balancer, Pool
from .rows import bindings_of, peers_of
from .wire import Frame, Response, Visit

INGRESS, HOST = "ingress", "host"  # how a port is published; the first is also the name of the network
IDLE = 900 * SECOND  # a connection on which nothing moves is forgotten [IPVS: TCP time-out]

Front = tuple[str, str | int]  # where a request is balanced: (network id, virtual IP), or (INGRESS, published port)
Hop = tuple[str, str, str]  # (kind, machine, detail)


class Way(NamedTuple):
    """Where a request goes from here, and how that was decided."""

    task: str
    machine: str
    name: str
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
        self.machine, self.balancer, self.dice, self.deadline = machine, balancer, dice, NEVER
        self.networks: dict[str, OverlayNetwork] = {}  # by id: those of the swarm that are used on this node
        self.local: dict[str, Endpoint] = {}  # by task or plain container: those of this machine
        self.exposed: dict[str, None] = {}  # which of them may be sent requests
        self.bindings: dict[tuple[str, str], Binding] = {}  # (network id, task)
        self.peers: dict[tuple[str, str], Peer] = {}  # (network id, task)
        self.pools: dict[Front, Pool] = {}
        self.names = Names()
        self.addresses: dict[tuple[str, str], dict[str, Peer]] = {}  # (network id, address) → by task
        self.backends: dict[str, int] = {}  # task → on how many networks it may be chosen
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
        if is_address(name):
            return (name,)
        return self.names.resolve(name, self.networks_of(task))

    def ask(self, name: str, kind: str, task: str) -> Reply | None:
        """What the resolver of this task says; None where somebody outside must be asked. Takes a turn of the dice."""
        networks = self.networks_of(task)
        return self.names.reply(name, kind, networks, self.dice) if has_resolver(networks) else None

    def networks_of(self, task: str) -> tuple[Network, ...]:
        """The networks in which a task or a plain container of this machine has an address."""
        asker = self.local.get(task)
        return tuple((network, called) for network, called, _ in asker.addresses) if asker else ()

    # ── what this node's containers are, and which of them may be sent requests ──

    def _obey(self, message) -> list:
        match message:
            case TablesChanged(entries):
                return self._change(entries)
            case NetworksHere(networks):
                return self._know(networks)
            case Attach(endpoint):
                return self._attach(endpoint)
            case Expose(endpoint):
                return [*self._attach(endpoint), *self._expose(endpoint)]
            case Withdraw(task) if task in self.exposed:
                return self._withdraw(task)
            case Detach(task) if task in self.local:
                return self._detach(task)
        return []

    def _know(self, networks: tuple[OverlayNetwork, ...]) -> list:
        old, self.networks = self.networks, {network.id: network for network in networks}
        left = [Tell("gossip", QuitNetwork(id)) for id in old if id not in self.networks]
        return [*left, *(Tell("gossip", EnterNetwork(id)) for id in self.networks if id not in old)]

    def _attach(self, endpoint: Endpoint) -> list:
        task, old = endpoint.task, self.local.get(endpoint.task)
        if old == endpoint:
            return []
        gone = self._detach(task) if old else []
        self.local[task] = endpoint
        return [*gone, *self._say(PEERS, {peer[0]: peer[1] for peer in peers_of(endpoint)}, task)]

    def _expose(self, endpoint: Endpoint) -> list:
        task = endpoint.task
        if task in self.exposed:
            return []
        self.exposed[task] = None
        for port in _published(endpoint.ports, HOST):
            self.host_ports[port] = task
        return self._say(ENDPOINTS, {binding.network: binding for binding in bindings_of(endpoint)}, task)

    def _withdraw(self, task: str) -> list:
        """Docker sets the weight to 0, and deletes the row when the container is gone."""
        del self.exposed[task]
        for port in [port for port, holder in self.host_ports.items() if holder == task]:
            del self.host_ports[port]
        silent = {binding.network: binding._replace(enabled=False) for binding in bindings_of(self.local[task])}
        return self._say(ENDPOINTS, silent, task)

    def _detach(self, task: str) -> list:
        effects = self._withdraw(task) if task in self.exposed else []
        networks = {network: None for network, _, _ in self.local.pop(task).addresses}
        return [*effects, *self._say(ENDPOINTS, networks, task), *self._say(PEERS, networks, task)]

    def _say(self, table: str, rows: Mapping[str, Any], task: str) -> list:
        """Rows of this node: known here at once, and told to the others where the network spans machines."""
        facts = self._change(tuple(Entry(network, table, task, self.machine, row) for network, row in rows.items()))
        shared = [(network, row) for network, row in rows.items() if network in self.networks]
        return [*facts, *(Tell("gossip", Publish(network, table, task, row)) for network, row in shared)]

    # ── tables ──

    def _change(self, entries: tuple[Entry, ...]) -> list:
        effects: list = []
        for entry in entries:
            if entry.table == PEERS:
                self._change_peer(entry)
            else:
                effects += self._change_binding(entry)
        return effects

    def _change_peer(self, entry: Entry) -> None:
        place = (entry.network, entry.key)
        old = self.peers.pop(place, None)
        if old:
            here = self.addresses[entry.network, old.address]
            del here[entry.key]
            if not here:
                del self.addresses[entry.network, old.address]
        if isinstance(entry.value, Peer):
            self.peers[place] = entry.value
            self.addresses.setdefault((entry.network, entry.value.address), {})[entry.key] = entry.value

    def _change_binding(self, entry: Entry) -> list:
        place = (entry.network, entry.key)
        old, new = self.bindings.get(place), entry.value if isinstance(entry.value, Binding) else None
        if old == new:
            return []
        facts = []
        self.names.change(old, new)
        if old:
            del self.bindings[place]
            facts += self._remove(old) if old.enabled else []
        if new:
            self.bindings[place] = new
            facts += self._add(new) if new.enabled else []
        if old and new and old.enabled and new.enabled:
            return []  # it only says something else of itself
        return facts

    def _add(self, binding: Binding) -> list:
        task, machine = binding.task, binding.machine
        for front in _fronts(binding):
            self.pools.setdefault(front, Pool()).add(rank(binding), Backend(task, machine))
        self.backends[task] = self.backends.get(task, 0) + 1
        first = self.backends[task] == 1
        return [Note(BackendAdded(binding.service_name, task, machine))] if first else []

    def _remove(self, binding: Binding) -> list:
        task = binding.task
        for front in _fronts(binding):
            self.pools[front].remove(rank(binding))
            if not self.pools[front].backends:
                del self.pools[front]  # the port closes, the virtual IP falls silent
        self.backends[task] -= 1
        if self.backends[task]:
            return []
        del self.backends[task]
        return [Note(BackendRemoved(binding.service_name, task, binding.machine))]

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
            holder = self.local[self.host_ports[visit.port]]
            return Way(holder.task, self.machine, holder.name, (port,))
        return Refusal("connection refused")

    def _from_task(self, visit: Visit) -> Way | Refusal:
        """East–west: a task asks for a name, and connects to the first address."""
        addresses = shuffled(self.resolve(visit.host, visit.source), self.dice)
        if not addresses:
            return Refusal(f"could not resolve host: {visit.host}")
        name = ("name", self.machine, f"{visit.host} is {addresses[0]}")
        for network, _, _ in self.local[visit.source].addresses:
            if (network, addresses[0]) in self.pools:
                return self._balance(visit.request, (network, addresses[0]), name, "virtual IP load balancer")
            found = self.addresses.get((network, addresses[0]))
            if found:
                task, peer = next(reversed(found.items()))
                return Way(task, peer.machine, self._name(network, task), (name,))
        return Refusal("no route to host")

    def _balance(self, request: int, front: Front, door: Hop, kind: str) -> Way:
        # IPVS has one turn per service and network, so all ports of a service share it; here each port has its own.
        pool = self.pools[front]
        task, machine = pool.choose(self.balancer, request)[:2]
        binding = self.bindings[self._network(front), task]
        pool.count(rank(binding), +1)
        method = getattr(self.balancer, "__name__", "balancer").replace("_", " ")
        choice = (kind, self.machine, f"{method}, turn {pool.turn}, {len(pool.backends)} backends")
        return Way(task, machine, binding.name, (door, choice), front)

    def _network(self, front: Front) -> str:
        """The id of the network in which such a choice leads to a task."""
        if front[0] != INGRESS:
            return front[0]
        return next(id for id, network in self.networks.items() if network.ingress)

    def _name(self, network: str, task: str) -> str:
        binding = self.bindings.get((network, task))
        local = self.local.get(task)
        return binding.name if binding else local.name if local else task

    def _forward(self, request: int, way: Way, now: int) -> list:
        frame, machine = Frame(request, way.task, way.name, way.hops), way.machine
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
        if waiting and waiting.front in self.pools:
            binding = self.bindings.get((self._network(waiting.front), waiting.task))
            if binding:
                self.pools[waiting.front].count(rank(binding), -1)
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
        if job is None or (served.status == 0 and served.key not in self.local):
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


def _fronts(binding: Binding) -> list[Front]:
    """Where this task may be chosen: behind its service's virtual IP and the ports published through the mesh."""
    fronts: list[Front] = [(binding.network, binding.virtual_ip)] if binding.virtual_ip else []
    return fronts + [(INGRESS, port) for port in _published(binding.ports, INGRESS)]


def _published(ports: Iterable[PortConfig], mode: str) -> list[int]:
    """The TCP ports that are published in this way; requests use no others."""
    chosen = [port for port in ports if port.publish_mode == mode and port.protocol == "tcp"]
    return [port.published_port for port in chosen if port.published_port]
