"""What there is in a swarm, what the managers have agreed on, and what each machine knows of the network."""

from typing import Any, NamedTuple

from .events import BrokerStarted, LogIndexed, LogShipped, Measured, MessagesCopied, MessagesKept, MessagesRestored
from .objects import RUNNING
from .rack import micros
from .visits import Visits
from .world import OUTSIDE


class RunningTask(NamedTuple):
    """A task whose process runs."""

    id: str
    service: str  # name
    slot: int
    machine: str


class ShippedLine(NamedTuple):
    """A line that a container printed and its logging driver sent away at once."""

    time: float  # seconds
    node: str  # machine
    driver: str
    options: dict
    task: str  # id, '' for a plain container
    container: str  # its name
    stream: str  # stdout · stderr
    line: str


class IndexedLine(NamedTuple):
    """A line that Elasticsearch holds."""

    time: float  # seconds: when it was printed
    node: str
    service: str
    task: str  # web.1
    stream: str
    line: str
    indexed: float  # seconds: since when it can be found


class Measurement(NamedTuple):
    """A measurement that Elasticsearch holds: of a node as a whole (then `service` and `task` are ''), or of a container."""

    time: float  # seconds
    node: str
    service: str
    task: str  # web.1
    cpu: float  # 1.0: one whole processor; of a node: all that it has
    memory: int  # bytes
    requests: int  # answered in the ten seconds before
    latency: float  # seconds that each took on average; 0 without any


class Broker(NamedTuple):
    """The messages of one broker, as the trace tells."""

    broker: str
    node: str  # where it started last
    began: int  # messages that it found on its volume then
    messages: int  # that it has now
    mirror: str  # who has a copy
    copied: int  # of how many
    lost: int  # messages that it had written before, and has no more


class Looks(Visits):
    """A world that can be looked at; none of this changes anything."""

    # ── what there is ────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def leader(self) -> str | None:
        """The running machine that leads in the highest term, or None."""
        rafts = {name: self._core(name, "raft") for name, m in self.machines.items() if m.running and "raft" in m.seats}
        leaders = [(core.term, name) for name, core in rafts.items() if core.role == "leader"]
        return max(leaders)[1] if leaders else None

    @property
    def store(self) -> Any:
        """The newest committed store that a running manager holds, or None."""
        cores = [m.seats["manager"].core for m in self.machines.values() if m.running and "manager" in m.seats]
        stores = [core.store for core in cores if core.node]
        return max(stores, key=lambda store: store.index, default=None)

    @property
    def nodes(self) -> tuple:
        """The nodes, as the newest committed store has them, oldest first."""
        return self._objects("node")

    @property
    def services(self) -> tuple:
        """The services, as the newest committed store has them, oldest first."""
        return self._objects("service")

    @property
    def tasks(self) -> tuple:
        """The tasks, as the newest committed store has them, oldest first. What truly runs is in the trace.

        Those that only hold an address for a plain container are not among them, as in Docker.
        """
        return tuple(task for task in self._objects("task") if not task.spec.attachment)

    @property
    def networks(self) -> tuple:
        """The swarm's networks, as the newest committed store has them, oldest first."""
        return self._objects("network")

    def _objects(self, kind: str) -> tuple:
        store = self.store
        return tuple(store.all(kind)) if store else ()

    def resolve(self, name: str, task: str) -> tuple[str, ...]:
        """The addresses that a name has for this task (`vote_vote.1`) or plain container, in the networks it is on."""
        if not isinstance(name, str):
            raise ValueError(f"{name!r} is no name: write a text such as 'web' or 'tasks.web'")
        found = self._running_task(task)
        return self._core(found[0], "mesh").resolve(name, found[1])

    def addresses(self, network: str) -> list:
        """Who has which address of a network of the swarm (name or id), lowest first: its gateway, virtual IPs, tasks, and
        one for each node that runs such a task."""
        from .overlay.addresses import used

        found = next((one for one in self.networks if network in (one.spec.name, one.id)), None)
        if found is None:
            raise ValueError(f"network {network} not found")
        return used(found, self.services, self.tasks, self.nodes)

    def conflicts(self, lan: str) -> list:
        """What of this swarm shares addresses with a local network, as `10.0.0.0/24` or one address, and what that does."""
        from .overlay.addresses import conflicts

        bridges: dict[str, str] = {}
        for name, machine in self.machines.items():
            if machine.running and name not in OUTSIDE:
                bridges |= {row.name: row.subnet for row in self._core(name, "engine").networks if row.subnet}
        clusters = self._objects("cluster")
        return conflicts(lan, self.networks, bridges, clusters[0].address_pool.split(",") if clusters else ())

    def tables(self, machine: str) -> Any:
        """What this node knows of the overlay networks that it has, whether true or stale: `names`, `pools` of its load
        balancers, `peers` (address, MAC, VTEP), `networks`. It prints as tables; `beliefs` is for pictures."""
        from .overlay.view import tables_of

        return tables_of(self._core(self._running(machine).name, "mesh"), self.loads.open_at(machine))

    def papers(self, machine: str) -> Any:
        """What a machine shows to others on port 2377, and the root certificate that it trusts: `trust.papers.Papers`, with
        `rows()` for reading; None while it is no node."""
        return self._machine(machine).disk("engine").values.get("papers")

    def capture(self, machine: str, since: float = 0, until: float | None = None) -> bytes:
        """The tunnels that crossed a machine's wire between two instants, as the bytes of a pcap file for Wireshark.
        The messages of the run must have been kept."""
        from random import Random

        from .overlay.capture import capture
        from .overlay.keyring import SUBSYSTEM

        if not self.trace.with_messages:
            raise ValueError("this run keeps no messages: make the cluster with messages=True")
        begin, end = micros(since, "an instant"), self.kernel.now if until is None else micros(until, "an instant")
        rows = [row for row in self.trace.messages if begin <= row.sent <= end]
        addresses = {name: one.address for name, one in self.computers.items()}
        clusters = self._objects("cluster")
        keys = (
            {one.time: one.value for one in clusters[0].network_keys if one.subsystem == SUBSYSTEM} if clusters else {}
        )
        return capture(rows, self._machine(machine).name, addresses, keys, Random)

    def where_is(self, file: Any) -> Any:
        """Every copy of a secret or config (name, id, or the object itself) in the cluster at this instant: where, on
        disk or in memory, sealed or in the clear. It prints as a table."""
        from .copies import copies

        wanted = getattr(file, "id", file)
        if not isinstance(wanted, str) or not wanted:
            raise ValueError(f"{file!r} is no secret or config: give its name")
        found = copies([m for name, m in self.machines.items() if name not in OUTSIDE], wanted)
        if not found:
            raise ValueError(f"no secret or config {wanted}, and no copy of one that was")
        return found

    def steal(self, machine: str) -> Any:
        """A copy of a machine's disk as it is at this instant, byte for byte: its `files`, and `read(unlock_key)` for
        what a thief can read of it. The machine itself goes on."""
        from .theft import StolenDisk, files_of

        return StolenDisk(machine, self.now, files_of(self._machine(machine).disks))

    @property
    def running(self) -> tuple:
        """What truly runs at this instant, whatever anybody believes: (task id, service, slot, machine), sorted.

        The managers do not know this; it is the filling of the board, where `tasks` and `services` are the outline.
        """
        found = []
        for name, machine in self.machines.items():
            if machine.running and "agent" in machine.seats:
                works = machine.seats["agent"].core.works.values()
                found += [(w.task.service_name, w.task.slot, w.task.id, name) for w in works if w.state == RUNNING]
        return tuple(RunningTask(id, service, slot, machine) for service, slot, id, machine in sorted(found))

    def files(self, task: str) -> tuple:
        """The secrets and configs that a running task (`web.1`) has as files: each with its `path`, its content (`data`),
        owner and `mode`, and whether it lies in `memory` or on the disk of its container."""
        machine, key = self._running_task(task)
        return self._core(machine, "executor").files(key)

    @property
    def shipped(self) -> tuple:
        """The lines that logging drivers such as `fluentd` and `gelf` have sent away, oldest first, wherever they were
        printed: they are not lost with their node."""
        facts = [(record.time / 1e6, record.source, record.fact) for record in self.trace.of(LogShipped)]
        return tuple(ShippedLine(time, node, fact.driver, dict(fact.options), *fact[2:]) for time, node, fact in facts)

    def logs(self, since: float = 0) -> tuple:
        """The lines that Elasticsearch holds, in the order in which they were printed, for `pandas.DataFrame`. A line that
        was sent twice is there once."""
        found: dict[tuple[str, int], IndexedLine] = {}
        for record in self.trace.of(LogIndexed):
            time, node, number, service, _, task, stream, text = record.fact
            line = IndexedLine(time / 1e6, node, service, task, stream, text, record.time / 1e6)
            found.setdefault((node, number), line)
        return tuple(sorted((one for one in found.values() if one.time >= since), key=lambda one: one[:4]))

    def measured(self, since: float = 0) -> tuple:
        """What Metricbeat has measured and Elasticsearch holds, oldest first, for `pandas.DataFrame`: where a node, its agent
        or Elasticsearch was not there, there is a gap."""
        facts = ((record.source, record.fact) for record in self.trace.of(Measured))
        rows = (
            Measurement(m.time / 1e6, node, m.service, m.name, m.cpu / 1000, m.memory, m.requests, m.latency / 1e6)
            for node, m in facts
        )
        return tuple(sorted((row for row in rows if row.time >= since), key=lambda row: row[:4]))

    def messages(self) -> tuple:
        """What has become of the messages of each broker, by name."""
        found: dict[str, Broker] = {}
        for record in self.trace.of(BrokerStarted, MessagesKept, MessagesCopied, MessagesRestored):
            fact = record.fact
            one = found.get(fact.broker, Broker(fact.broker, "", 0, 0, "", 0, 0))
            found[fact.broker] = _counted(one, fact, record.source)
        return tuple(found[name] for name in sorted(found))

    def _network(self, network: str) -> Any:
        found = next((one for one in self.networks if network in (one.spec.name, one.id)), None)
        return found or super()._network(network)

    def _running_task(self, task: str) -> tuple[str, str]:
        if not isinstance(task, str):
            raise ValueError(f"{task!r} is no task: write its name, as in 'web.1', or its id")
        by_id = {node.id: node.machine for node in self.nodes}
        for found in self.tasks:
            if task in (found.name, found.id) and by_id.get(found.node) and self.machines[by_id[found.node]].running:
                if found.state == RUNNING:
                    return by_id[found.node], found.id
        return self._running_container(task)

    def _running_container(self, ref: str) -> tuple[str, str]:
        """The machine and the id of a plain container: `db`, or `db@node-2` where several machines have one."""
        name, _, machine = ref.partition("@")
        names = [n for n in self.machines if n not in OUTSIDE and self.machines[n].running and machine in ("", n)]
        found = [(n, key) for n in names for key in self._core(n, "engine").containers.running(name)]
        if len(found) > 1:
            raise ValueError(f"several containers are called {name}: say which, as in {name}@{found[0][0]}")
        if not found:
            raise ValueError(f"no running task {ref}, and no running container of this name")
        return found[0]

    def _core(self, machine: str, name: str) -> Any:
        return self.machines[machine].seats[name].core


def _counted(one: Broker, fact: Any, node: str) -> Broker:
    """The messages of a broker after one more fact."""
    match fact:
        case BrokerStarted(messages=messages):
            had = one.messages + one.lost if one.node else messages
            return one._replace(node=node, began=messages, messages=messages, lost=max(0, had - messages))
        case MessagesRestored(messages=messages):
            return one._replace(messages=messages, lost=max(0, one.lost - (messages - one.messages)))
        case MessagesKept(messages=messages):
            return one._replace(messages=messages)
    return one._replace(mirror=fact.mirror, copied=fact.messages)
