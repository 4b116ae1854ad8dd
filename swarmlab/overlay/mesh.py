"""The data plane of one node: requests that come in, go out through tunnels, and the answers on their way back.

Every node opens every port that is published through the routing mesh, and has its own tables and its own turn. What it
knows of others comes by gossip, so it may be out of date: then frames go where nobody takes them.
Source: Docker documentation, "Use swarm mode routing mesh"; moby `daemon/libnetwork`; networking.md §1.
"""

# Simpler than in reality (docs/simplifications.md): balancer-address, told-at-once, unplugged

from typing import NamedTuple

from ..effects import NEVER, Dice, Disk, Note, Received, Send, Tell, Told
from ..events import FrameDropped, RequestForwarded, RequestServed
from ..messages import OverlayNetwork, Plug, Resolve, Resolved, Serve, Served
from . import ipvs, path, vxlan
from .dns import Names, Network, Reply, has_resolver, is_address
from .ipvs import IDLE, Balancer
from .routes import Lost, Outward, Refusal, Routes, Way, mtu, target_port
from .rows import mac
from .services import INGRESS
from .tables import Tables
from .wire import SMALL, Frame, Response, Visit

HEADERS = vxlan.IPV4 + vxlan.TCP  # bytes before the data in each packet


class Waiting(NamedTuple):
    """A request that this node has sent on, until the answer comes by."""

    visitor: str
    visit: Visit
    way: Way
    since: int


class Serving(NamedTuple):
    """A request that a container of this node works on."""

    task: str
    visit: Visit
    frame: Frame | None  # None: it was asked on this very node
    way: Way | None  # then this is how it came
    hops: tuple
    since: int


def _answered(visitor: str, response: Response) -> Send | Tell:
    """An answer to whoever asked: a machine, or the runtime of this one, whose requests have numbers below 0: they belong
    to health checks, which leave a fact of their own."""
    return Tell(visitor, response) if response.request < 0 else Send(visitor, "http", response)


class Mesh:
    """DNS, load balancers and tunnels of one node."""

    def __init__(
        self,
        machine: str,
        disk: Disk,
        dice: Dice,
        balancer: Balancer = ipvs.round_robin,
        persistence: int = 0,
        address: str = "",
    ):
        self.machine, self.dice, self.deadline = machine, dice, NEVER
        self.tables = Tables(machine, address, persistence)
        self.routes = Routes(self.tables, balancer, dice)
        self.waiting: dict[int, Waiting] = {}  # by request, oldest first
        self.outside: dict[int, str] = {}  # request of a container that went out by the machine → who waits for it
        self.serving: dict[int, Serving] = {}  # by request, oldest first
        self.talks: dict[int, str] = {}  # connection → the container of this machine with which it was opened
        self.unplugged: dict[str, None] = {}  # networks whose frames this machine neither sends nor takes

    def step(self, event, now: int) -> list:
        """Hear one thing; see `swarmlab.effects`."""
        match event:
            case Received(sender, Visit() as visit):
                return self._admit(sender, visit, now)
            case Received(_, Frame() as frame):
                return self._arrive(frame, now)
            case Received(_, Response() as response):
                return self._come_home(response)
            case Told(_, Served() as served):
                return self._answer(served, now)
            case Told(asker, Visit() as visit):
                return self._admit(asker, visit, now)
            case Told(asker, Resolve(number, name, task)):
                own = (
                    tuple(address for _, _, address in self.tables.local[task].addresses)
                    if task in self.tables.local
                    else ()
                )
                return [Tell(asker, Resolved(number, task, self.resolve(name, task), own))]
            case Told(_, Plug(network, there)):
                self.unplugged.pop(network, None) if there else self.unplugged.update({network: None})
            case Told(_, message):
                return self.tables.obey(message)
        return []

    # ── names ──

    @property
    def names(self) -> Names:
        """The names in the networks of this machine."""
        return self.tables.services.names

    def resolve(self, name: str, task: str) -> tuple[str, ...]:
        """What a name means to this task: addresses, or () when no network of the task knows it."""
        if is_address(name):
            return (name,)
        return self.names.resolve(name, self.networks_of(task))

    def ask(self, name: str, kind: str, task: str) -> Reply | None:
        """What the resolver of this task says; None where somebody outside must be asked. Takes a turn of the dice."""
        networks = self.networks_of(task)
        known = has_resolver(networks)
        return self.names.reply(name, kind, networks, self.dice) if known else None

    def networks_of(self, task: str) -> tuple[Network, ...]:
        """The networks in which a task or a plain container of this machine has an address."""
        asker = self.tables.local.get(task)
        return tuple((network, called) for network, called, _ in asker.addresses) if asker else ()

    # ── the node that is asked ──

    def _admit(self, visitor: str, visit: Visit, now: int) -> list:
        """Find a way for the request, or refuse it at once."""
        if visit.request in self.waiting or (visit.source and visit.request in self.outside):
            return []  # the network delivered it twice
        self._forget_idle(now)
        way = self.routes.way(visit, now)
        match way:
            case Way():
                return self._send_on(visitor, visit, way, now)
            case Outward():
                return self._send_out(visitor, visit, way)
            case Lost(reason):
                return self._lose(visit, reason)
            case Refusal(error):
                return self._refuse(visitor, visit, error)
        return [_answered(visitor, Response(visit.request, 200, machine=self.machine))]  # the echo of a ping

    def _send_on(self, visitor: str, visit: Visit, way: Way, now: int) -> list:
        told = way.pool and visit.request > 0
        chosen = [Note(RequestForwarded(visit.request, way.task, way.machine))] if told else []
        task = self.tables.here.get((way.network, way.target)) if way.network else way.task
        peer = self.tables.forwarding.route(way.network, way.target)
        network = self.tables.networks.get(way.network)
        if (task not in self.tables.local) if task else (peer is None or network is None):
            return [*way.stops, *self._refuse(visitor, visit, "no route to host")]
        self.routes.begin(way)
        self.waiting[visit.request] = Waiting(visitor, visit, way, now)
        if task is not None:
            return [*way.stops, *chosen, *self._take(visit, task, None, way, way.hops, now)]
        assert peer and network
        own, balanced = self.tables.vtep, way.pool is not None
        frame = Frame(network.vni, way.source, way.target, visit, way.port, None, own, balanced, hops=way.hops)
        data = visit.size - HEADERS if visit.ping else SMALL
        return [*way.stops, *chosen, *self._send(frame, peer.machine, peer.mac, peer.vtep, data)]

    def _send_out(self, visitor: str, visit: Visit, way: Outward) -> list:
        self.outside[visit.request] = visitor
        own = visit._replace(host=way.address, source="", address=self.tables.vtep)
        return [*way.stops, Send(way.address, "http", own)]

    def _refuse(self, visitor: str, visit: Visit, error: str) -> list:
        return [*self._tell_end(visit, error), _answered(visitor, Response(visit.request, 0, error=error))]

    def _lose(self, visit: Visit, reason: str) -> list:
        """Nobody is told: who asked waits in vain."""
        return [*self._tell_end(visit, reason), Note(FrameDropped(visit.request, reason))]

    def _tell_end(self, visit: Visit, reason: str) -> list:
        if not visit.traced:
            return []
        asker = self.tables.local.get(visit.source)
        own = "" if asker is None else asker.addresses[0][2] if asker.addresses else self.tables.outlet(asker)
        return path.ended(visit, own, self.tables.vtep, reason)

    def _come_home(self, response: Response) -> list:
        """The answer is back at the machine of a container that had asked outside."""
        visitor = self.outside.pop(response.request, None)
        return [_answered(visitor, response)] if visitor else []

    def _return(self, response: Response, now: int) -> list:
        """The answer is back at the node that was asked: hand it to the visitor."""
        waiting = self.waiting.pop(response.request, None)
        if waiting is None:
            return []
        took = now - waiting.since if response.status else None
        self.routes.end(waiting.visit, waiting.way, took, now)
        strays = self.routes.strays(waiting.visit, waiting.way)
        if strays:
            stops = path.astray(waiting.visit, waiting.way, strays) if waiting.visit.traced else []
            return [*stops, Note(FrameDropped(waiting.visit.request, strays))]
        stops = path.back(waiting.visit, waiting.way, self.tables.vtep) if waiting.visit.traced else []
        return [*stops, _answered(waiting.visitor, response)]

    # ── tunnels ──

    def _send(self, frame: Frame, machine: str, mac: str, vtep: str, data: int) -> list:
        """Wrap a frame. Of much data the packets are as large as the network inside allows."""
        network = self.tables.networks[self.tables.numbers[frame.vni]]
        if network.id in self.unplugged:
            return self._drop_unplugged(frame, network.name)
        if network.encrypted:
            frame = frame._replace(key=self.tables.key)
            if not frame.key:
                return self._drop(frame, "vtep", "this node has no keys for encrypted networks")
        inside = min(mtu(network), HEADERS + data)
        packets = -(-data // (inside - HEADERS)) if data > 0 else 1
        size = vxlan.outer_size(inside, network.encrypted)
        stops = path.into_tunnel(frame, self.tables, mac, vtep) if frame.visit.traced else []
        channel, how = ("esp", "IP protocol 50") if frame.key else ("vxlan", "port 4789")
        if frame.answer is None:
            frame = frame._replace(hops=(*frame.hops, (channel, machine, f"from {self.machine}, {how}")))
        return [*stops, Send(vtep, channel, frame, packets * size, packet=size)]

    def _arrive(self, frame: Frame, now: int) -> list:
        """A frame has come in by VXLAN: for one of our containers, or for nobody."""
        network = self.tables.networks.get(self.tables.numbers.get(frame.vni, ""))
        if network is None:
            return self._drop(frame, "vtep", f"VXLAN {frame.vni}: no container of this node is on that network")
        if network.id in self.unplugged:
            return self._drop_unplugged(frame, network.name)
        if network.encrypted and not frame.key:
            return self._drop(frame, "host", "it is not encrypted, and this network is")
        if frame.key and frame.key not in self.tables.keys:
            return self._drop(frame, "host", f"no key {frame.key} is known here")
        stops = path.out_of_tunnel(frame, self.tables) if frame.visit.traced else []
        task = self.tables.here.get((network.id, frame.target))
        if frame.answer and (task is not None or frame.target == network.address):
            return [*stops, *self._return(frame.answer, now)]
        if task is None:
            return [*stops, *self._drop(frame, "bridge", f"nobody here has {frame.target}: a stale route led here")]
        return [*stops, *self._take(frame.visit, task, frame, None, frame.hops, now)]

    def _drop_unplugged(self, frame: Frame, network: str) -> list:
        told = frame.request > 0 or frame.visit.origin  # members of a group say hello again and again
        return self._drop(frame, "vtep", f"{network} is unplugged here") if told else []

    def _drop(self, frame: Frame, layer: str, reason: str) -> list:
        stops = path.lost(frame, layer, reason) if frame.visit.traced else []
        return [*stops, Note(FrameDropped(frame.request, reason))]

    # ── the node of the task ──

    def _take(self, visit: Visit, task: str, frame: Frame | None, way: Way | None, hops: tuple, now: int) -> list:
        """The packet is in the container."""
        if visit.request in self.serving:
            return []
        own = self.tables.local[task]
        port = frame.port if frame else way.port if way else visit.port
        network = self._network_of(frame, way)
        inside, closed = port, False
        if network and network.ingress:
            inside = target_port(own, port, INGRESS)
            closed = not (inside or visit.ping)
        stops = path.into_container(visit, own, frame, way, inside, closed) if visit.traced else []
        if closed:
            reason = f"{own.name} does not publish port {port}: its ingress interface drops it"
            return [*stops, Note(FrameDropped(visit.request, reason))]
        self.serving[visit.request] = Serving(task, visit, frame, way, hops, now)
        if visit.ping:
            return [*stops, *self._answer(Served(visit.request, task, 200), now)]
        if self._is_strange(visit, task):
            return [*stops, *self._answer(Served(visit.request, task, 0), now)]
        path_in = visit.path if visit.request < 0 else ""  # what a visitor asks for makes no difference
        origin = visit.request if visit.request > 0 else visit.origin
        wish = Serve(visit.request, task, path_in, inside, origin, visit.body, visit.traced, visit.depth)
        return [*stops, Tell("executor", wish)]

    def _is_strange(self, visit: Visit, task: str) -> bool:
        """Whether this container knows nothing of the connection: it has got the address of another one."""
        if visit.connection and visit.opens:
            self.talks[visit.connection] = task
        return bool(visit.connection) and self.talks.get(visit.connection) != task

    def _network_of(self, frame: Frame | None, way: Way | None) -> OverlayNetwork | None:
        id = self.tables.numbers.get(frame.vni, "") if frame else way.network if way else ""
        return self.tables.networks.get(id)

    def _answer(self, served: Served, now: int) -> list:
        """The container has answered, or is no more; then nobody answers, and the visitor waits in vain."""
        job = self.serving.pop(served.request, None)
        if job is None:
            return []
        own = self.tables.local.get(served.key)
        if own is None and not served.status:
            reason = "the container has ended meanwhile"
            return self._drop(job.frame, "container", reason) if job.frame else self._lose(job.visit, reason)
        told = served.status and not job.visit.ping and served.request > 0
        facts: list = [Note(RequestServed(served.request, served.key))] if told else []
        name = own.name if own else served.key
        response = self._response(job, served, name)
        stops = path.out_of_container(job.visit, name, served.status, job.frame, job.way) if job.visit.traced else []
        if job.frame is None:
            return [*facts, *stops, *self._return(response, now)]
        return [*facts, *stops, *self._send_back(job.frame, response)]

    def _response(self, job: Serving, served: Served, name: str) -> Response:
        known = job.visit.connection and not job.visit.opens
        refused = "connection reset by peer" if known else "connection refused"  # it runs, but nothing in it listens
        error = "" if served.status else refused
        hops = (*job.hops, ("task", self.machine, name), *served.hops)
        return Response(served.request, served.status, job.task, name, self.machine, hops, error, served.body)

    def _send_back(self, frame: Frame, response: Response) -> list:
        """To where the tables say that the other address is; a load balancer says itself where its node is."""
        # Docker gossips the addresses of load balancers, too: a thousand nodes would tell each other a thousand rows.
        id = self.tables.numbers.get(frame.vni, "")
        peer = self.tables.forwarding.route(id, frame.source)
        vtep = frame.vtep if frame.balanced else peer.vtep if peer else ""
        back = Frame(frame.vni, frame.target, frame.source, frame.visit, frame.port, response, self.tables.vtep)
        if id not in self.tables.networks or not vtep:
            return self._drop(back, "bridge", f"nobody knows where {frame.source} is: no way back")
        data = frame.visit.size - HEADERS if frame.visit.ping else frame.visit.size if response.status else 0
        return self._send(back, "", mac(frame.source) if frame.traced else "", vtep, data)

    def _forget_idle(self, now: int) -> None:
        """Requests that were never answered: the node they went to has died."""
        while self.waiting and next(iter(self.waiting.values())).since + IDLE <= now:
            lost = self.waiting.pop(next(iter(self.waiting)))
            self.routes.end(lost.visit, lost.way, None, now)
        while self.serving and next(iter(self.serving.values())).since + IDLE <= now:
            del self.serving[next(iter(self.serving))]
        self.routes.forget(now)
