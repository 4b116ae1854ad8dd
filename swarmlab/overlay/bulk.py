"""Where a node's tables send those who ask by the thousand: the same pools, turns and tables, no story, no facts.

What is asked alone goes the same way by `routes`, with all its hops told. With `round_robin`, which does not look, the
pool is not told how many requests are in progress. Source: networking.md §1.4, §1.5.
"""

from typing import Any, NamedTuple

from ..effects import SECOND
from .balancers import Request, round_robin
from .dns import is_address, rank
from .ipvs import Key
from .routes import target_port
from .services import INGRESS

IDLE = 900 * SECOND  # a connection on which nothing moves for so long is forgotten [IPVS: TCP time-out]
REFUSED, NO_NAME, LOST = "connection refused", "could not resolve host", "lost"


class Way(NamedTuple):
    """Where a connection goes from this node."""

    task: str  # id, as far as it is known here
    name: str  # web.1
    machine: str  # on which it is, as far as this node knows
    network: str  # id; '' for a port of the machine itself
    target: str  # address in that network
    seen: str  # the address from which the task thinks that it comes
    channel: str  # vxlan, or esp where the network is encrypted
    pool: Any = None  # whose turn it took
    rank: tuple = ()  # of the task there
    place: tuple[str, str] = ("", "")  # network and target: whose it is there, the tables of that machine say


class Known:
    """What a node's tables said of a published port, and in which version of them. After a boot the tables are others."""

    __slots__ = ("pool", "tables", "version", "ways")

    def __init__(self, tables: Any, pool: Any):
        self.tables, self.version, self.pool = tables, tables.version, pool
        self.ways: dict[str, Way] = {}  # by task


def quick(mesh: Any, known: dict, port: int, number: int, source: str, now: int) -> Way | str:
    """The same as `route` for those who ask from outside, only faster: while the tables stay as they are, it remembers
    what they said."""
    tables, found = mesh.tables, known.get(port)
    if found is None or found.version != tables.version or found.tables is not tables:
        key = tables.services.behind_port(port)
        if key is None:
            return route(mesh, port, "", "", Request(number, source), now)
        found = known[port] = Known(tables, tables.services.pools[key])
    pool, balancer = found.pool, mesh.routes.balancer
    if not pool.able:
        return REFUSED
    if balancer is round_robin and not pool.persistence:
        task = pool.next().task
    else:
        task = pool.choose(balancer, Request(number, source), now).task
    way = found.ways.get(task)
    if way is None:
        key = mesh.tables.services.behind_port(port)
        made = _translated(mesh.tables, key, mesh.tables.services.rows[key[0], task])
        if made.__class__ is not Way:
            return made
        way = found.ways[task] = made
    if balancer is not round_robin:
        pool.count(way.rank, +1)
    return way


def route(mesh: Any, port: int, host: str, source: str, request: Request, now: int) -> Way | str:
    """The way of a new connection to a published port, or, with a `source`, of that task to `host`. Else why not."""
    tables = mesh.tables
    if source:
        return _from_task(mesh, host, source, request, now)
    key = tables.services.behind_port(port)
    if key is not None:
        return _balanced(mesh, key, request, now)
    holder = tables.local.get(tables.host_ports.get(port, ""))
    if holder is None:
        return REFUSED
    return Way(holder.task, holder.name, holder.machine, "", "", request.source, "vxlan")


def _from_task(mesh: Any, host: str, source: str, request: Request, now: int) -> Way | str:
    tables = mesh.tables
    if source not in tables.local:
        return REFUSED
    addresses = (host,) if is_address(host) else mesh.routes.look_up(host, tables.local[source], now)
    if not addresses:
        return NO_NAME
    for network, _, own in tables.local[source].addresses:
        key = tables.services.behind_address(network, addresses[0])
        if key is not None:
            return _balanced(mesh, key, request, now)
        peer = tables.forwarding.route(network, addresses[0])
        if peer is not None:
            task = next(iter(tables.forwarding.addresses[network, addresses[0]]))
            name = tables.services.name(network, task)
            place = network, addresses[0]
            return Way(task, name, peer.machine, *place, own, _channel(tables, network), place=place)
    return REFUSED


def _balanced(mesh: Any, key: Key, request: Request, now: int) -> Way | str:
    services, balancer = mesh.tables.services, mesh.routes.balancer
    pool = services.pools[key]
    if not pool.able:
        return REFUSED
    task = pool.choose(balancer, request, now).task
    way = _translated(mesh.tables, key, services.rows[key[0], task])
    if balancer is not round_robin and isinstance(way, Way):
        pool.count(way.rank, +1)
    return way


def _translated(tables: Any, key: Key, row: Any) -> Way | str:
    """IPVS rewrites the source to the node's own load balancer address in that network: the client's is lost."""
    network = tables.networks.get(key[0])
    here = tables.here.get((key[0], row.address))
    peer = tables.forwarding.route(key[0], row.address)
    if network is None or not network.address or (here is None and peer is None):
        return REFUSED
    machine = tables.machine if here is not None else peer.machine
    channel = _channel(tables, key[0])
    return Way(
        row.task,
        row.name,
        machine,
        key[0],
        row.address,
        network.address,
        channel,
        key,
        rank(row),
        (key[0], row.address),
    )


def _channel(tables: Any, network: str) -> str:
    known = tables.networks.get(network)
    return "esp" if known and known.encrypted else "vxlan"


def again(mesh: Any, way: Way, used: int, now: int) -> Way | str:
    """The next request of a connection that is open, on which something moved last at `used`. One that was idle for too
    long is forgotten, and one to a task that has been taken out of the pool: their packets vanish."""
    if way.pool is None:
        return way
    pool = mesh.tables.services.pools.get(way.pool)
    if now - used >= IDLE or pool is None or pool.place(way.rank) is None:
        return LOST
    if mesh.routes.balancer is not round_robin:
        pool.count(way.rank, +1, open=-1)
    return way


def answered(mesh: Any, way: Way, latency: int | None, stays: bool) -> None:
    """An answer has come by after so many µs (None: an error, which may be quick); the connection stays open, or not."""
    if mesh.routes.balancer is not round_robin:
        pool = mesh.tables.services.pools.get(way.pool)
        if pool is not None:
            pool.count(way.rank, -1, open=+1 if stays else 0)
            if latency is not None:
                pool.time(way.rank, latency)


def closed(mesh: Any, way: Way, idle: bool) -> None:
    """The client has closed the connection: while it waited for an answer, or when it was idle."""
    if mesh.routes.balancer is not round_robin:
        pool = mesh.tables.services.pools.get(way.pool)
        if pool is not None:
            pool.count(way.rank, 0 if idle else -1, open=-1 if idle else 0)


def port_inside(mesh: Any, task: str, port: int) -> int:
    """Which port of a container is behind one that is published in the routing mesh."""
    own = mesh.tables.local.get(task)
    return target_port(own, port, INGRESS) if own else 0


def listens(mesh: Any, port: int) -> bool:
    """Whether somebody who connects to this port of the node gets through."""
    services = mesh.tables.services
    key = services.behind_port(port)
    return services.pools[key].able > 0 if key is not None else port in mesh.tables.host_ports
