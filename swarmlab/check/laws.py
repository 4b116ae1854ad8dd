"""Invariants that hold after every step of every run, checked as it runs.

Each law looks only at what is new in the trace, and at the machine where it happened, so checking costs little. They
are those of the Raft paper (figure 3) and of SwarmKit's task model (`design/task_model.md`).
"""

from collections.abc import Callable
from typing import Any

from ..events import (
    Applied,
    BecameCandidate,
    BecameFollower,
    BecameLeader,
    CommitAdvanced,
    EntriesAppended,
    EntriesCut,
    MachineStarted,
    TaskStored,
    VoteGranted,
)
from ..objects import RUNNING, STATES
from ..sim.trace import Record
from ..world import World

KEPT = 64  # indexes whose copies are compared
ORDER = {name: number for number, name in STATES.items()}


class LawBroken(AssertionError):
    """A law does not hold. The message says which, where and when; `record` is the fact at which it was seen."""

    def __init__(self, law: str, record: Record, because: str):
        super().__init__(f"{law}: {because}\n  {record}")
        self.law, self.record = law, record


class Laws:
    """Watches one world from now on: whatever makes time pass there, the laws are checked after every event."""

    def __init__(self, world: World):
        self.world = world
        self._seen = 0
        self._live = False  # whether what is looked at has just happened
        self._leaders: dict[int, str] = {}  # term → machine
        self._votes: dict[tuple[str, int], str] = {}  # (machine, term) → candidate
        self._terms: dict[str, int] = {}
        self._commits: dict[str, int] = {}  # since the last boot
        self._committed: list = []  # the one log that everybody agrees on
        self._leads: dict[str, int] = {}  # machine → term in which it leads
        self._tasks: dict[str, tuple[int, int]] = {}  # task → highest (observed, desired) state
        self._written = 0  # the newest index whose tasks were checked
        self._copies: dict[int, dict] = {}  # index → the objects that the first manager there had
        self._newest = 0
        self._virtual_ips: dict[tuple[str, str], str] = {}  # (service, network) → address, at the newest index
        self.look()  # what happened before is only taken note of
        self._committed = self._known_commits()
        self._live = True
        world.kernel.observer = self.look

    def _known_commits(self) -> list:
        seats = [machine.seats.get("raft") for machine in self.world.machines.values()]
        cores = [seat.core for seat in seats if seat]
        newest = max(cores, key=lambda core: core.commit, default=None)
        return self._log(newest.machine)[: newest.commit] if newest else []

    def look(self) -> None:
        """Check what has happened since the last look. Raises LawBroken."""
        records = self.world.trace.records
        while self._seen < len(records):
            record = records[self._seen]
            self._seen += 1
            for law in LAWS.get(type(record.fact), ()):
                law(self, record)

    # ── raft ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def election_safety(self, record: Record) -> None:
        """At most one leader per term."""
        term = record.fact.term
        first = self._leaders.setdefault(term, record.source)
        self._leads[record.source] = term
        if first != record.source:
            raise LawBroken("election safety", record, f"{first} and {record.source} both lead in term {term}")

    def one_vote(self, record: Record) -> None:
        """At most one vote per member and term, the one for oneself and reboots included."""
        voter, term = record.source, record.fact.term
        candidate = voter if isinstance(record.fact, BecameCandidate) else record.fact.candidate
        first = self._votes.setdefault((voter, term), candidate)
        if first != candidate:
            raise LawBroken("one vote", record, f"{voter} voted for {first} and for {candidate} in term {term}")

    def leader_completeness(self, record: Record) -> None:
        """Whoever is elected has every entry that was ever agreed on: nothing acknowledged is lost."""
        if not self._live:
            return
        log = self._log(record.source)
        for number, entry in enumerate(self._committed):
            if number >= len(log) or log[number] != entry:
                raise LawBroken(
                    "leader completeness", record, f"{record.source} leads without committed entry {number + 1}"
                )

    def terms_grow(self, record: Record) -> None:
        """The term of a member never goes back, reboots included."""
        term, before = record.fact.term, self._terms.get(record.source, 0)
        if term < before:
            raise LawBroken("terms grow", record, f"{record.source} went from term {before} back to {term}")
        self._terms[record.source] = term

    def commits_grow(self, record: Record) -> None:
        """The commit index of a member never goes back while it runs."""
        index, before = record.fact.index, self._commits.get(record.source, 0)
        if index < before:
            raise LawBroken("commits grow", record, f"{record.source} went from commit {before} back to {index}")
        self._commits[record.source] = index

    def state_machine_safety(self, record: Record) -> None:
        """What one member holds for agreed on is what all others hold for agreed on, index by index."""
        if not self._live:
            return
        log, known = self._log(record.source), self._committed
        index = record.fact.index
        if len(log) < index:
            raise LawBroken(
                "state machine safety", record, f"{record.source} commits {index} but has {len(log)} entries"
            )
        low = min(index, len(known))
        for number in range(max(0, low - 64), low):  # older ones were compared when they were new
            if log[number] != known[number]:
                raise LawBroken("state machine safety", record, f"{record.source} disagrees about entry {number + 1}")
        known.extend(log[len(known) : index])

    def leader_append_only(self, record: Record) -> None:
        """A leader never removes an entry of its log."""
        if record.source in self._leads:
            raise LawBroken("leader append-only", record, f"{record.source} cuts its log while it leads")

    def log_matching(self, record: Record) -> None:
        """An entry follows the one before it: indexes have no gaps, terms never fall."""
        if not self._live:
            return
        log = self._log(record.source)
        for number in range(max(0, record.fact.first - 2), min(record.fact.last, len(log))):
            entry = log[number]
            if entry.index != number + 1 or (number and entry.term < log[number - 1].term):
                raise LawBroken(
                    "log matching", record, f"{record.source} has {entry.index}/{entry.term} at {number + 1}"
                )

    def forget_role(self, record: Record) -> None:
        """(bookkeeping) Who boots, follows or campaigns does not lead."""
        self._leads.pop(record.source, None)
        if isinstance(record.fact, MachineStarted):
            self._commits.pop(record.source, None)

    def _log(self, machine: str) -> list:
        return self.world.machines[machine].disk("raft").log

    # ── tasks ────────────────────────────────────────────────────────────────────────────────────────────────────

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
        if not self._live:
            return None
        store = self.world.machines[record.source].seats["manager"].core.store
        return store if store.index == record.fact.index else None


def _owners(store: Any) -> list[tuple[str, tuple]]:
    """Who has addresses: every service, every node, every task that has not ended."""
    services = [(f"service {s.id}", s.virtual_ips) for s in store.all("service")]
    nodes = [(f"node {n.id}", n.attachments) for n in store.all("node")]
    tasks = [(f"task {t.id}", t.networks) for t in store.all("task") if t.state <= RUNNING]
    return services + nodes + tasks


LAWS: dict[type, tuple[Callable, ...]] = {
    BecameLeader: (Laws.terms_grow, Laws.election_safety, Laws.leader_completeness),
    BecameFollower: (Laws.terms_grow, Laws.forget_role),
    BecameCandidate: (Laws.terms_grow, Laws.one_vote, Laws.forget_role),
    MachineStarted: (Laws.forget_role,),
    VoteGranted: (Laws.one_vote,),
    CommitAdvanced: (Laws.commits_grow, Laws.state_machine_safety),
    EntriesCut: (Laws.leader_append_only,),
    EntriesAppended: (Laws.log_matching,),
    TaskStored: (Laws.states_only_grow,),
    Applied: (Laws.no_address_twice, Laws.equal_copies, Laws.virtual_ips_stay, Laws.one_service_per_port),
}
