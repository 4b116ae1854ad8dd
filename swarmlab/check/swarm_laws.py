"""Laws of a whole swarm, after SwarmKit's task model (`design/task_model.md`): tasks, addresses, ports, copies."""

from collections.abc import Callable
from typing import Any

from ..events import Applied, TaskProgressed, TaskStored
from ..objects import RUNNING, STATES
from ..sim.trace import Record
from ..world import World
from .broken import LawBroken

KEPT = 64  # indexes whose copies are compared
ORDER = {name: number for number, name in STATES.items()}


class SwarmLaws:
    """What is remembered of one world's managers, to see whether what comes next is right."""

    def __init__(self, world: World):
        self.world = world
        self.live = False  # whether what is looked at has just happened
        self._tasks: dict[str, tuple[int, int]] = {}  # task → highest (observed, desired) state
        self._progress: dict[tuple[str, str], int] = {}  # (machine, task) → state
        self._written = 0  # the newest index whose tasks were checked
        self._copies: dict[int, dict] = {}  # index → the objects that the first manager there had
        self._newest = 0
        self._virtual_ips: dict[tuple[str, str], str] = {}  # (service, network) → address, at the newest index

    def states_only_grow(self, record: Record) -> None:
        """Neither the observed nor the desired state of a task goes back."""
        fact = record.fact
        if fact.index < self._written:
            return  # written down once more by a new leader
        self._written = fact.index
        state, desired = ORDER[fact.state], ORDER[fact.desired]
        seen, wished = self._tasks.get(fact.id, (0, 0))
        if state < seen or desired < wished:
            before = f"{STATES[seen]}, desired {STATES[wished]}"
            raise LawBroken("states only grow", record, f"{fact.name} was {before}")
        self._tasks[fact.id] = state, desired

    def progress_only_grows(self, record: Record) -> None:
        """On its node, too, a task only goes on, even if power is lost meanwhile."""
        key, state = (record.source, record.fact.task), ORDER[record.fact.state]
        if state < self._progress.get(key, 0):
            raise LawBroken("progress only grows", record, f"{record.fact.service} was {STATES[self._progress[key]]}")
        self._progress[key] = state

    def no_address_twice(self, record: Record) -> None:
        """An address of a network belongs to one task, service or node at a time."""
        store = self._store(record)
        taken: dict[tuple[str, str], str] = {}
        for who, attachments in _owners(store) if store else ():
            for one in attachments:
                other = taken.setdefault((one.network, one.address.partition("/")[0]), who)
                if other != who:
                    raise LawBroken("no address twice", record, f"{other} and {who} both have {one.address}")

    def equal_copies(self, record: Record) -> None:
        """All managers that have applied the same entries hold the same objects."""
        store = self._store(record)
        if store is None:
            return
        copy = {kind: dict(table) for kind, table in store.tables.items()}
        first = self._copies.setdefault(store.index, copy)
        for kind, table in first.items():
            if table != copy[kind]:
                raise LawBroken(
                    "equal copies", record, f"{record.source} holds another {kind} after entry {store.index}"
                )
        while len(self._copies) > KEPT:
            del self._copies[next(iter(self._copies))]

    def virtual_ips_stay(self, record: Record) -> None:
        """A service keeps its virtual IP on a network as long as it is on it."""
        store = self._store(record)
        if store is None or store.index < self._newest:
            return
        self._newest = store.index
        now = {(s.id, vip.network): vip.address for s in store.all("service") for vip in s.virtual_ips}
        for (service, network), address in now.items():
            before = self._virtual_ips.get((service, network), address)
            if before != address:
                raise LawBroken("virtual IPs stay", record, f"service {service} had {before} and has {address}")
        self._virtual_ips = now

    def one_service_per_port(self, record: Record) -> None:
        """A port that is published through the routing mesh belongs to one service."""
        store = self._store(record)
        taken: dict[tuple[int, str], str] = {}
        for service in store.all("service") if store else ():
            for port in service.ports:
                if port.publish_mode == "ingress" and port.published_port:
                    other = taken.setdefault((port.published_port, port.protocol), service.id)
                    if other != service.id:
                        name = f"{port.published_port}/{port.protocol}"
                        raise LawBroken("one service per port", record, f"{other} and {service.id} both publish {name}")

    def _store(self, record: Record) -> Any:
        """The store of the manager, if it stands where the record says: of several entries in one step the last tells."""
        if not self.live:
            return None
        seat = self.world.machines[record.source].seats.get("manager")
        return seat.core.store if seat and seat.core.store.index == record.fact.index else None


def _owners(store: Any) -> list[tuple[str, tuple]]:
    """Who has addresses: every service, every node, every task that has not ended."""
    services = [(f"service {s.id}", s.virtual_ips) for s in store.all("service")]
    nodes = [(f"node {n.id}", n.attachments) for n in store.all("node")]
    tasks = [(f"task {t.id}", t.networks) for t in store.all("task") if t.state <= RUNNING]
    return services + nodes + tasks


LAWS: dict[type, tuple[Callable, ...]] = {
    TaskStored: (SwarmLaws.states_only_grow,),
    TaskProgressed: (SwarmLaws.progress_only_grows,),
    Applied: (
        SwarmLaws.no_address_twice,
        SwarmLaws.equal_copies,
        SwarmLaws.virtual_ips_stay,
        SwarmLaws.one_service_per_port,
    ),
}
