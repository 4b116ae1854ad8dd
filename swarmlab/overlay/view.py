"""What one node knows, as rows for a reader: its names, its load balancers, and where it believes that addresses are."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from .mesh import Mesh
from .routes import mtu
from .services import INGRESS
from .tables import Tables


class PoolRow(NamedTuple):
    """One task behind a virtual IP or published ports, as the load balancer of this node has it."""

    network: str
    service: str
    address: str  # the virtual IP
    ports: tuple[int, ...]  # published ones that lead there
    turn: int  # how many turns this node has given
    task: str  # web.1
    backend: str  # its address
    machine: str
    weight: int  # 0: it is leaving
    active: int  # requests in progress
    inactive: int  # connections that are only kept open


class NameRow(NamedTuple):
    """What a name means on this node."""

    network: str
    name: str
    addresses: tuple[str, ...]


class PeerRow(NamedTuple):
    """Where this node sends frames for an address."""

    network: str
    address: str
    mac: str
    vtep: str
    machine: str
    task: str  # web.1, or an id whose name is not known
    active: bool  # False: another row has the same address, and this one waits for its end


class NetworkRow(NamedTuple):
    """An overlay network that exists on this node."""

    network: str
    vni: int
    subnet: str
    balancer: str  # the address of this node's load balancer there
    mtu: int  # inside
    encrypted: bool
    containers: tuple[str, ...]  # of this node


class NodeTables(NamedTuple):
    """All that one node knows of the overlay networks that it has."""

    machine: str
    vtep: str
    networks: tuple[NetworkRow, ...]
    names: tuple[NameRow, ...]
    pools: tuple[PoolRow, ...]
    peers: tuple[PeerRow, ...]

    @property
    def beliefs(self) -> dict[str, Any]:
        """Subject → what this node holds, for `draw_beliefs`: names of services, and behind which node an address is."""
        services = {row.service for row in self.pools}
        shown = [row for row in self.names if row.name.removeprefix("tasks.") in services]
        names = {f"{row.name} in {row.network}": list(row.addresses) for row in shown}
        return names | {f"{row.address} is behind": row.vtep for row in self.peers if row.active}

    def __repr__(self) -> str:
        parts = [f"{self.machine}, VTEP {self.vtep}"]
        for what, rows in (("names", self.names), ("load balancers", self.pools), ("peers", self.peers)):
            parts += [f"{what}:", *_lines(rows)]
        return "\n".join(parts)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))


def tables_of(mesh: Mesh, more: Mapping[tuple, tuple[int, int]] | None = None) -> NodeTables:
    """The tables of a node, network by network. `more` are requests and connections that its pools were not told of: by
    pool and task."""
    tables = mesh.tables
    called = {id: network.name for id, network in tables.networks.items()}
    peers = tuple(
        PeerRow(called[id], line.address, line.mac, line.vtep, line.machine, _name(tables, id, line.task), line.active)
        for id in called
        for line in sorted(tables.forwarding.lines(id), key=lambda line: _number(line.address))
    )
    return NodeTables(
        mesh.machine, tables.vtep, _networks(tables), _names(tables, called), _pools(tables, called, more or {}), peers
    )


def _networks(tables: Tables) -> tuple[NetworkRow, ...]:
    rows = []
    for id, one in tables.networks.items():
        here = tuple(tables.local[task].name for (network, _), task in tables.here.items() if network == id)
        rows.append(NetworkRow(one.name, one.vni, one.subnet, one.address, mtu(one), one.encrypted, here))
    return tuple(rows)


def _names(tables: Tables, called: dict[str, str]) -> tuple[NameRow, ...]:
    names = tables.services.names
    known = sorted((called[id], name, id) for id, name in names.records if id in called)
    return tuple(NameRow(network, name, names.addresses(name, id)) for network, name, id in known)


def _pools(tables: Tables, called: dict[str, str], more: Mapping) -> tuple[PoolRow, ...]:
    rows = []
    for key, pool in tables.services.pools.items():
        ports = tables.services.ports_of(key) if called.get(key[0]) == INGRESS else ()
        for backend in pool.backends if key[0] in called else ():
            row = tables.services.rows[key[0], backend.task]
            task, machine, weight, active, inactive, _ = backend
            untold = more.get((key, task), (0, 0))
            where = row.network_name, row.service_name, pool.address, ports, pool.turn
            rows.append(
                PoolRow(*where, row.name, row.address, machine, weight, active + untold[0], inactive + untold[1])
            )
    return tuple(rows)


def _name(tables: Tables, id: str, task: str) -> str:
    return tables.local[task].name if task in tables.local else tables.services.name(id, task)


def _number(address: str) -> tuple[int, ...]:
    return tuple(int(part) for part in address.split("."))


def _lines(rows: tuple) -> list[str]:
    """Rows in columns."""
    if not rows:
        return ["  –"]
    cells = [rows[0]._fields, *([_cell(value) for value in row] for row in rows)]
    widths = [max(len(row[n]) for row in cells) for n in range(len(cells[0]))]
    return ["  " + "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells]


def _cell(value: Any) -> str:
    return ", ".join(map(str, value)) or "–" if isinstance(value, tuple) else str(value)
