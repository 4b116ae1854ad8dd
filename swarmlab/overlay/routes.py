"""Where a request goes from one node, by that node's tables, and who gets the turn.

A turn is given to a connection: what comes later on the same connection goes where its first request went.
Source: networking.md §1.4, §1.5; Linux `net/netfilter/ipvs`.
"""

from typing import NamedTuple

from ..effects import Dice, Note
from ..messages import Endpoint, OverlayNetwork
from . import path, vxlan
from .addresses import is_covered
from .caching import Answers
from .dns import is_address, rank, shuffled
from .ipam import number, subnet
from .ipvs import IDLE, Balancer, Key, Request
from .services import HOST
from .tables import Tables
from .wire import Visit

Hop = tuple[str, str, str]  # (kind, machine, detail)
GATEWAYS = "172.18.0.0/16"  # docker_gwbridge


class Way(NamedTuple):
    """Where a request goes from here, and how that was decided."""

    network: str  # id; '' for a container that is reached by a port of its machine
    source: str  # addresses in that network
    target: str
    port: int
    task: str  # as far as it is known here
    machine: str
    hops: tuple[Hop, ...]
    pool: Key | None = None  # whose turn it took, if any
    rank: tuple = ()  # of the task in the pool
    front: tuple = ()  # (who asks, what it asks): the addresses before they are translated
    stops: tuple[Note, ...] = ()  # of a request that is traced


class Outward(NamedTuple):
    """It leaves all networks of the container, by way of its machine."""

    address: str
    stops: tuple[Note, ...] = ()


class Refusal(NamedTuple):
    """There is no way from here, and who asks is told."""

    error: str


class Lost(NamedTuple):
    """There is no way from here, and nobody is told."""

    reason: str


class Echo(NamedTuple):
    """This node itself answers: only a ping."""


class Connection(NamedTuple):
    """What a load balancer remembers of a connection."""

    way: Way
    used: int  # when something last moved on it


class Routes:
    """The decisions of one node: its turns, and the connections that it remembers."""

    def __init__(self, tables: Tables, balancer: Balancer, dice: Dice):
        self.tables, self.balancer, self.dice = tables, balancer, dice
        self.connections: dict[int, Connection] = {}  # those through a load balancer, the longest unused first
        self.direct: dict[int, Way | Outward] = {}  # and those that go straight to a container, or out
        self.memories: dict[str, Answers] = {}  # by task: what the client in it remembers of names

    def way(self, visit: Visit, now: int) -> Way | Outward | Refusal | Lost | Echo:
        """Find a way for a request."""
        if visit.connection and not visit.opens:
            return self._again(visit, now)
        way = self._from_task(visit, now) if visit.source else self._from_outside(visit, now)
        if visit.connection and isinstance(way, Way | Outward):
            self._remember(visit.connection, way, now)
        return way

    # ── from outside ──

    def _from_outside(self, visit: Visit, now: int) -> Way | Refusal | Echo:
        tables = self.tables
        if visit.ping:
            return Echo()
        door = ("published port", tables.machine, f"*:{visit.port}")
        key = tables.services.behind_port(visit.port)
        if key:
            return self._balance(visit, key, visit.address, (door,), now)
        holder = tables.local.get(tables.host_ports.get(visit.port, ""))
        if holder:
            return self._to_host_port(visit, holder, door)
        return Refusal("connection refused")

    def _to_host_port(self, visit: Visit, holder: Endpoint, door: Hop) -> Way:
        tables = self.tables
        address = tables.outlet(holder)
        target = target_port(holder, visit.port, HOST)
        stops = path.into_host_port(visit, address, target) if visit.traced else []
        return Way(
            "", visit.address, address, target, holder.task, holder.machine, (door,), front=(visit.address, tables.vtep),
            stops=tuple(stops),
        )  # fmt: skip

    # ── from a container: east–west ──

    def _from_task(self, visit: Visit, now: int) -> Way | Outward | Refusal | Echo:
        asker = self.tables.local.get(visit.source)
        if asker is None:
            return Refusal("no route to host")  # it has just ended
        known = (visit.outside,) if visit.outside else ()
        if over := [one for one in asker.addresses if visit.over and one[1].endswith(visit.over)]:
            asker = asker._replace(addresses=tuple(over))
        addresses = (visit.host,) if is_address(visit.host) else self.look_up(visit.host, asker, now) or known
        if not addresses:
            return Refusal(f"could not resolve host: {visit.host}")
        address = addresses[0]  # the first of a shuffled answer
        name = ("name", self.tables.machine, f"{visit.host} is {address}")
        for network, _, own in asker.addresses:
            way = self._in_network(visit, network, own, address, name, now)
            if way is not None:
                return way
        return self._out(visit, asker, address)

    def look_up(self, host: str, asker: Endpoint, now: int) -> tuple[str, ...]:
        """The addresses behind a name as this container has them: asked for now, or remembered where it keeps answers."""
        if not asker.cache:
            return self._ask(host, asker)
        if len(self.memories) > len(self.tables.local):
            self.memories = {task: known for task, known in self.memories.items() if task in self.tables.local}
        memory = self.memories.setdefault(asker.task, Answers(asker.cache))
        found = memory.recall(host, now)
        if not found:
            found = self._ask(host, asker)
            memory.keep(host, found, now)
        return found

    def _ask(self, host: str, asker: Endpoint) -> tuple[str, ...]:
        networks = tuple((network, called) for network, called, _ in asker.addresses)
        return shuffled(self.tables.services.names.resolve(host, networks), self.dice)

    def _in_network(
        self, visit: Visit, network: str, own: str, address: str, name: Hop, now: int
    ) -> Way | Refusal | Echo | None:
        tables = self.tables
        known, key = tables.networks.get(network), tables.services.behind_address(network, address)
        peer = tables.forwarding.route(network, address)
        if visit.ping and known and (key or peer) and visit.size > mtu(known):
            return Refusal(f"message too long, mtu={mtu(known)}")
        if key:
            return Echo() if visit.ping else self._balance(visit, key, own, (name,), now)
        if peer:
            stops = tuple(path.to_address(visit, own, address)) if visit.traced else ()
            return Way(network, own, address, visit.port, "", peer.machine, (name,), stops=stops)
        if known and is_address(address) and subnet(known.subnet).holds(number(address)):
            return Refusal("no route to host")  # nobody answers when it asks whose address that is
        return None

    def _out(self, visit: Visit, asker: Endpoint, address: str) -> Outward | Refusal:
        """By the bridge of the machine: docker_gwbridge for tasks, its own for a plain container."""
        bridges = [own for network, _, own in asker.addresses if network not in self.tables.networks]
        if asker.way_out == "none" or any(own.split(".")[:2] == address.split(".")[:2] for own in bridges):
            return Refusal("no route to host")
        own, node = self.tables.outlet(asker), self.tables.vtep
        stops = path.out_by_gateway(visit, own, address, node) if visit.traced else ()
        return Outward(address, tuple(stops))

    # ── turns and connections ──

    def _balance(self, visit: Visit, key: Key, source: str, hops: tuple[Hop, ...], now: int) -> Way | Refusal:
        tables, pool = self.tables, self.tables.services.pools[key]
        network = tables.networks.get(key[0])
        if network is None or not network.address:
            return Refusal("connection refused" if not visit.source else "no route to host")
        if not pool.able:
            return Refusal("connection refused")
        chosen = pool.choose(self.balancer, Request(visit.request, source), now)
        row = tables.services.rows.get((key[0], chosen.task))
        assert row, f"the balancer chose {chosen!r}, which is none of the backends"
        kind = "virtual IP load balancer" if visit.source else "ingress load balancer"
        method = getattr(self.balancer, "__name__", "balancer").replace("_", " ")
        number = len(pool.backends)
        choice = (kind, tables.machine, f"{method}, turn {pool.turn}, {number} backend{'s' if number > 1 else ''}")
        if not visit.traced:
            stops = []
        elif visit.source:
            stops = path.into_virtual_ip(visit, source, network, pool, pool.address, row.address)
        else:
            stops = path.into_ingress(visit, tables.vtep, network, pool, row.address)
        return Way(
            key[0], network.address, row.address, visit.port, chosen.task, chosen.machine, (*hops, choice), key, rank(row),
            (source, pool.address if visit.source else tables.vtep), tuple(stops),
        )  # fmt: skip

    def _remember(self, number: int, way: Way | Outward, now: int) -> None:
        if isinstance(way, Way) and way.pool:
            self.connections[number] = Connection(way, now)
        else:
            self.direct[number] = way

    def _again(self, visit: Visit, now: int) -> Way | Outward | Lost:
        """One more request on a connection: no turn is taken. A load balancer knows it only as long as it is used."""
        if visit.connection in self.direct:
            return self.direct[visit.connection]
        known = self.connections.pop(visit.connection, None)
        if known is None:
            return Lost("the load balancer knows of no such connection")
        pool = self.tables.services.pools.get(known.way.pool) if known.way.pool else None
        if pool is None or pool.place(known.way.rank) is None:
            return Lost("the task of this connection has gone, and the load balancer has forgotten both")
        if known.used + IDLE <= now:
            pool.count(known.way.rank, 0, open=-1)
            return Lost("the load balancer has forgotten this connection: nothing moved on it for 900 s")
        pool.count(known.way.rank, 0, open=-1)
        self.connections[visit.connection] = known._replace(used=now)
        hop = ("open connection", self.tables.machine, "no turn is taken")
        return known.way._replace(hops=(known.way.hops[0], hop), stops=())

    def begin(self, way: Way) -> None:
        """A request goes this way."""
        pool = self.tables.services.pools.get(way.pool) if way.pool else None
        if pool:
            pool.count(way.rank, +1)

    def end(self, visit: Visit, way: Way, latency: int | None, now: int) -> None:
        """It has been answered, after so many µs; `None`: it never was."""
        pool = self.tables.services.pools.get(way.pool) if way.pool else None
        kept = self.connections.pop(visit.connection, None) if visit.connection and way.pool else None
        if kept and latency is not None:
            self.connections[visit.connection] = kept._replace(used=now)
        if pool:
            pool.count(way.rank, -1, open=1 if kept and latency is not None else 0)
            if latency is not None:
                pool.time(way.rank, latency)

    def strays(self, visit: Visit, way: Way) -> str:
        """Why the answer does not find a client outside: somebody nearer has that range of addresses. '' if it does."""
        network = self.tables.networks.get(way.network)
        near = {network.name: network.subnet} if network and way.pool else {}
        for name, range in ({} if visit.source else near | {"docker_gwbridge": GATEWAYS}).items():
            if is_covered(visit.address, range):
                return f"the answer to {visit.address} stays in {name}, which has {range}"
        return ""

    def forget(self, now: int) -> None:
        """Connections through a load balancer on which nothing has moved for long."""
        while self.connections:
            number, known = next(iter(self.connections.items()))
            if known.used + IDLE > now:
                return
            del self.connections[number]
            pool = self.tables.services.pools.get(known.way.pool) if known.way.pool else None
            if pool:
                pool.count(known.way.rank, 0, open=-1)


def mtu(network: OverlayNetwork) -> int:
    """The largest packet that fits inside, as Docker reckons it from what the driver was told."""
    return vxlan.mtu_inside(network.mtu, network.encrypted)


def target_port(endpoint: Endpoint, port: int, mode: str) -> int:
    """Where the container listens for what is published under this port; 0 for what is not."""
    for config in endpoint.ports:
        if config.publish_mode == mode and config.protocol == "tcp" and config.published_port == port:
            return config.target_port
    return 0
