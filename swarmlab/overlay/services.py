"""What the endpoint tables mean on one node: names, virtual IPs, published ports, and the tasks behind each.

A service's pool is made with its first enabled task on a network and goes with its last row, enabled or not.
Source: moby `daemon/libnetwork/agent.go`, `service_common.go`, `service_linux.go`; swarm.md §17.
"""

# Simpler than in reality (docs/simplifications.md): hostname

from collections.abc import Iterable

from ..effects import Note
from ..events import BackendAdded, BackendRemoved
from ..messages import Binding, Entry, PortConfig
from .dns import Names, rank
from .ipvs import Backend, Key, Pool

INGRESS, HOST = "ingress", "host"  # how a port is published; the first is also the name of the network
FIRST_MARK = 256  # firewall marks are counted from here, node by node


class Services:
    """The rows of all tasks in all networks of a node, and what follows from them."""

    def __init__(self, persistence: int = 0) -> None:
        self.rows: dict[tuple[str, str], Binding] = {}  # (network id, task)
        self.members: dict[Key, dict[str, None]] = {}  # the tasks that have a row in a pool, by pool
        self.names = Names()
        self.pools: dict[Key, Pool] = {}
        self.virtual_ips: dict[tuple[str, str], dict[Key, None]] = {}  # (network id, address) → whose, newest last
        self.ports: dict[int, dict[Key, int]] = {}  # published port → how many rows of each service say so
        self.enabled: dict[str, int] = {}  # task → in how many networks it may be chosen
        self.persistence, self.next_mark = persistence, FIRST_MARK

    def change(self, entry: Entry) -> list:
        """A row is new, other than before, or gone: the facts."""
        place = entry.network, entry.key
        old, new = self.rows.get(place), entry.value if type(entry.value) is Binding else None
        if old == new:
            return []
        self.names.change(old, new)
        if new:
            self.rows[place] = new
        else:
            del self.rows[place]
        self._change_pool(old, new)
        return self._count(old, new)

    def _count(self, old: Binding | None, new: Binding | None) -> list:
        """A task is said to be added or removed once, however many networks it is on."""
        row = new or old
        assert row
        before = self.enabled.get(row.task, 0)
        after = before + bool(new and new.enabled) - bool(old and old.enabled)
        self.enabled[row.task] = after
        if not after:
            del self.enabled[row.task]
        if after and not before:
            return [Note(BackendAdded(row.service_name, row.task, row.machine))]
        return [Note(BackendRemoved(row.service_name, row.task, row.machine))] if before and not after else []

    # ── pools ──

    def _change_pool(self, old: Binding | None, new: Binding | None) -> None:
        if old and (new is None or _spot(old) != _spot(new)):
            self._leave(old)
        if new and new.enabled and is_balanced(new):
            self._join(new)
        elif new and pool_of(new) in self.pools:
            self.pools[pool_of(new)].weigh(rank(new), 0)

    def _join(self, row: Binding) -> None:
        key = pool_of(row)
        if key not in self.pools:
            self.pools[key] = Pool(self.next_mark, row.virtual_ip, self.persistence)
            self.next_mark += 1
            if row.virtual_ip:
                self.virtual_ips.setdefault((row.network, row.virtual_ip), {})[key] = None
        members = self.members.setdefault(key, {})
        if row.task not in members:
            members[row.task] = None
            for port in published(row.ports, INGRESS):
                holders = self.ports.setdefault(port, {})
                holders[key] = holders.get(key, 0) + 1
        self.pools[key].add(rank(row), Backend(row.task, row.machine))

    def _leave(self, row: Binding) -> None:
        key = pool_of(row)
        members = self.members.get(key, {})
        if row.task not in members:
            return
        del members[row.task]
        self.pools[key].remove(rank(row))
        for port in published(row.ports, INGRESS):
            self._close(port, key)
        if not members:
            self._free(row.network, self.pools.pop(key).address, key)
            del self.members[key]

    def _free(self, network: str, address: str, key: Key) -> None:
        holders = self.virtual_ips.get((network, address), {})
        holders.pop(key, None)
        if address and not holders:
            del self.virtual_ips[network, address]

    def _close(self, port: int, key: Key) -> None:
        holders = self.ports[port]
        holders[key] -= 1
        if not holders[key]:
            del holders[key]
        if not holders:
            del self.ports[port]

    # ── look-ups ──

    def behind_port(self, port: int) -> Key | None:
        """Which pool this published port leads to: of two, for an instant, the newer one."""
        holders = self.ports.get(port)
        return next(reversed(holders)) if holders else None

    def behind_address(self, network: str, address: str) -> Key | None:
        """Which pool has this virtual IP: of two, for an instant, the newer one."""
        holders = self.virtual_ips.get((network, address))
        return next(reversed(holders)) if holders else None

    def ports_of(self, key: Key) -> tuple[int, ...]:
        """The published ports that lead to this pool."""
        return tuple(port for port in self.ports if self.behind_port(port) == key)

    def name(self, network: str, task: str) -> str:
        """web.1, for the id of a task that has a row."""
        row = self.rows.get((network, task))
        return row.name if row else task


def pool_of(row: Binding) -> Key:
    """Whose pool this task belongs to: as long as an update changes the published ports, a service has two of them, so
    that a new port leads to the tasks that have it [moby: serviceKey]."""
    ports = tuple((port.published_port, port.target_port, port.protocol) for port in row.ports)
    return row.network, row.service, ports


def is_balanced(row: Binding) -> bool:
    """Whether a load balancer leads to this task: with dnsrr none does."""
    return bool(row.service and (row.virtual_ip or row.ports))


def published(ports: Iterable[PortConfig], mode: str) -> list[int]:
    """The TCP ports that are published in this way; requests use no others."""
    chosen = [port for port in ports if port.publish_mode == mode and port.protocol == "tcp"]
    return [port.published_port for port in chosen if port.published_port]


def _spot(row: Binding) -> tuple:
    """What decides where a row stands: another one there begins anew."""
    return row.service, row.virtual_ip, row.ports, rank(row)
