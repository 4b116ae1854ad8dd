"""From a name to addresses, as the resolver that each container has at 127.0.0.11 answers.

A service's name is its virtual IP, or, with the endpoint mode dnsrr, the tasks themselves. What no network of the asker
knows is asked outside. Source: moby `daemon/libnetwork/resolver.go`, `sandbox.go`, `service_common.go`; Docker
documentation, "Networking with overlay networks"; networking.md §1.5, swarm.md §17.
"""

# Simpler than in reality (docs/simplifications.md): outside

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from ..effects import MS, SECOND, Dice
from ..messages import Binding
from .ipam import number
from .rows import INGRESS

RESOLVER = "127.0.0.11"
TTL = 600  # seconds
MOST_SERVERS, PATIENCE = 3, 4 * SECOND  # outside: how many are asked, one after the other, and how long for each
REVERSE = ".in-addr.arpa"
NOERROR, NXDOMAIN, SERVFAIL = "NOERROR", "NXDOMAIN", "SERVFAIL"

Network = tuple[str, str]  # id, name


class Record(NamedTuple):
    """One line of an answer."""

    name: str
    ttl: int  # seconds
    kind: str  # A · PTR
    data: str


class Reply(NamedTuple):
    """What a resolver says to one question."""

    name: str  # as it was asked
    kind: str  # A · AAAA · PTR
    status: str  # NOERROR · NXDOMAIN · SERVFAIL
    records: tuple[Record, ...] = ()
    server: str = RESOLVER
    took: int = 0  # µs
    available: bool = True  # the flag RA; not set where nobody outside has answered


class Outside(NamedTuple):
    """What is known of the rest of the world."""

    servers: tuple[str, ...]  # that a machine asks
    takes: int  # µs for an answer
    ttl: int  # seconds
    addresses: dict[str, tuple[str, ...]]  # by name


class Names:
    """The names in the networks of one machine: of services, of tasks, of plain containers."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], dict[str, tuple[tuple, str]]] = {}  # (network id, name) → task → (rank, to)
        self.pointers: dict[tuple[str, str], dict[str, str]] = {}  # (network id, address) → task → its name there
        self.answers: dict[tuple[str, str], tuple[str, ...]] = {}  # (network id, name) → addresses, once asked for

    def change(self, old: Binding | None, new: Binding | None) -> None:
        """A row was `old` and is `new`.

        The name of a virtual IP is made with the first task that is enabled, and goes with the last row: a task that
        is about to stop takes only its own names away. On ingress nobody has a name: it is there for published ports
        alone [moby: network.go, addSvcRecords].
        """
        if is_routing_only(old or new):
            return
        kept = self._kept(new)
        if old:
            self._forget(old, kept)
        if new and new.enabled:
            self._learn(new)

    def _kept(self, new: Binding | None) -> tuple[str, ...]:
        if new is None or new.enabled or not new.virtual_ip:
            return ()
        return service_names(new)

    def _learn(self, row: Binding) -> None:
        task, (places, called) = row.task, meaning(row)
        for place, found in places:
            self.answers.pop(place, None)
            tasks = self.records.get(place)
            if tasks is None:
                tasks = self.records[place] = {}
            tasks[task] = found
        if called:
            self.pointers.setdefault((row.network, row.address), {})[task] = called

    def _forget(self, row: Binding, kept: tuple[str, ...]) -> None:
        for name in names(row):
            if name not in kept:
                self.answers.pop((row.network, name), None)
                _take(self.records, (row.network, name), row.task)
        _take(self.pointers, (row.network, row.address), row.task)

    def addresses(self, name: str, network: str) -> tuple[str, ...]:
        """What a name means in one network, in the order of the tasks; () if nothing."""
        known = self.answers.get((network, name))
        if known is None:
            found = self.records.get((network, name))
            if found is None:
                return ()
            known = tuple(dict.fromkeys(address for _, address in sorted(found.values())))
            self.answers[network, name] = known
        return known

    def resolve(self, name: str, networks: Iterable[Network]) -> tuple[str, ...]:
        """The first of these networks that knows the name answers alone. The order is always the same: see `shuffled`."""
        networks = tuple(networks)
        for asked, called in readings(name):
            for id, network in networks:
                if called in ("", network.lower()) and (found := self.addresses(asked, id)):
                    return found
        return ()

    def pointer(self, address: str, networks: Iterable[Network]) -> str:
        """The name of the container that has this address, '' for none. A virtual IP is nobody's."""
        for id, _ in networks:
            if found := self.pointers.get((id, address)):
                return next(reversed(found.values()))
        return ""

    def reply(self, name: str, kind: str, networks: Iterable[Network], dice: Dice) -> Reply | None:
        """The answer to one question, its addresses in random order; None where somebody outside must be asked."""
        networks = tuple(networks)
        if kind == "PTR":
            target = self.pointer(reversed_address(name), networks)
            if target and why_illegal(target):  # no packet can carry it [moby: resolver.go, serveDNS]
                return Reply(name, kind, SERVFAIL, available=False)
            return _said(name, kind, (f"{target}.",)) if target else None
        found = self.resolve(name, networks)
        if not found:
            return None
        return _said(name, kind, shuffled(found, dice) if kind == "A" else ())  # all our addresses are IPv4


# ── outside ──────────────────────────────────────────────────────────────────────────────────────────────────────


def forwarded(name: str, kind: str, outside: Outside, way_out: bool, gateway: bool = True) -> Reply:
    """What the servers outside say. Without a way out each of them is waited for in vain; without even a gateway, as
    on internal networks, nothing can be sent [moby: resolver.go, dialExtDNS].

    A name without a dot is asked there, too: `ndots:0` stands in each container's resolv.conf.
    """
    servers = outside.servers[:MOST_SERVERS] if gateway else ()
    if not way_out or not servers:
        return Reply(name, kind, SERVFAIL, took=PATIENCE * len(servers), available=False)
    found = outside.addresses.get(name.lower().rstrip("."))
    if found is None:
        return Reply(name, kind, NXDOMAIN, took=outside.takes)
    return _said(name, kind, found if kind == "A" else (), outside.ttl)._replace(took=outside.takes)


def has_resolver(networks: Iterable[Network]) -> bool:
    """On the bridge called `bridge`, and on the machine's own network, a container asks the servers of its machine."""
    return any(name not in ("bridge", "host", "none") for _, name in networks)


def outside() -> Outside:
    """The table of `data/outside.yml`."""
    from importlib.resources import files

    import yaml  # at first use: `import swarmlab` stays light

    rows = yaml.safe_load((files("swarmlab") / "data" / "outside.yml").read_text(encoding="utf-8"))
    addresses = {name: tuple(found.split()) for name, found in rows["names"].items()}
    return Outside(tuple(rows["servers"]), round(rows["takes"] * MS), rows["ttl"], addresses)


# ── names ────────────────────────────────────────────────────────────────────────────────────────────────────────


def readings(name: str) -> Iterator[tuple[str, str]]:
    """`web.front` is the name `web.front` anywhere, or else `web` in the network `front`."""
    name = name.lower().rstrip(".")
    yield name, ""
    cut = name.rfind(".")
    while cut > 0:
        yield name[:cut], name[cut + 1 :]
        cut = name.rfind(".", 0, cut)


def why_illegal(name: str) -> str:
    """Why this is not the name of anything [RFC 1035 §2.3.4], as `dig` puts it; '' if it may be."""
    name = name.removesuffix(".")
    labels = name.split(".")
    why = "empty label" if not all(labels) else "label too long" if max(map(len, labels)) > 63 else ""
    return why or ("name too long" if len(name) > 253 else "" if name.isascii() else "not ASCII")


@lru_cache(maxsize=8192)
def meaning(row: Binding) -> tuple[tuple[tuple[tuple[str, str], tuple[tuple, str]], ...], str]:
    """Where it is written in the tables, with the rank of its task and the address, and what its address is called.
    Found once for all the nodes that hear of the row."""
    order, called = rank(row), canonical(row)
    places = [
        ((row.network, name), (order, row.virtual_ip if is_shared(name, row) else row.address)) for name in names(row)
    ]
    return tuple(places), f"{called}.{row.network_name}" if called else ""


def names(row: Binding) -> tuple[str, ...]:
    """Every name that leads to this row's task, or plain container, in its network."""
    found = [canonical(row), row.container] if row.service else []
    for name in service_names(row):
        found += [name, f"tasks.{name}"] if row.service else [name]
    return tuple(dict.fromkeys(filter(None, found)))


def canonical(row: Binding) -> str:
    """The name of the container: web.1.<task id>, or what a plain one is called; '' where that is not known."""
    if row.service:
        return f"{row.name}.{row.task}".lower()
    return row.name.lower() if row.aliases else ""


def service_names(row: Binding) -> tuple[str, ...]:
    """The name of the task's service and its aliases in this network."""
    return tuple(name.lower() for name in (row.service_name, *row.aliases) if name)


def is_shared(name: str, row: Binding) -> bool:
    """Whether this name means the virtual IP, which all tasks of the service have together."""
    return bool(row.virtual_ip) and row.mode == "vip" and name in service_names(row)


def rank(row: Binding) -> tuple:
    """The order of tasks that all nodes agree on: web.2 comes before web.10."""
    return len(row.name), row.name, row.task


def is_routing_only(row: Binding | None) -> bool:
    """A row in the network that carries requests from published ports to tasks."""
    return row is not None and bool(row.service) and row.network_name == INGRESS


# ── addresses ────────────────────────────────────────────────────────────────────────────────────────────────────


def is_address(name: str) -> bool:
    """Whether it is an address already, and stands for itself."""
    try:
        return number(name) >= 0
    except (AttributeError, TypeError, ValueError):
        return False


def reverse_name(address: str) -> str:
    """Under which name the name of an address is asked for.

    >>> reverse_name("10.0.1.3")
    '3.1.0.10.in-addr.arpa'
    """
    return ".".join(reversed(address.split("."))) + REVERSE


def reversed_address(name: str) -> str:
    """The address that is meant by such a name."""
    return ".".join(reversed(name.lower().rstrip(".").removesuffix(REVERSE).split(".")))


def shuffled(addresses: tuple[str, ...], dice: Dice) -> tuple[str, ...]:
    """In a random order, anew for each question."""
    left = list(addresses)
    drawn = [left.pop(int(dice.random() * len(left))) for _ in addresses[1:]]
    return (*drawn, *left)


def _said(name: str, kind: str, found: tuple[str, ...], ttl: int = TTL) -> Reply:
    return Reply(name, kind, NOERROR, tuple(Record(name, ttl, kind, one) for one in found))


def _take(table: dict, place: tuple[str, str], task: str) -> None:
    """Take the task out of the row of a table, and the row with its last task."""
    row = table.get(place)
    if row is not None:
        row.pop(task, None)
        if not row:
            del table[place]
