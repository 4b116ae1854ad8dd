"""The composition root: machines, time, faults, requests, and the flight recorder that can fork and rewind a run.

A world is built from settings and moved by acts: what people did to it (commands, faults, requests) and when. Both
are plain data, so settings plus acts are the whole run; `at` replays from the nearest checkpoint, `save` writes them
to a file. Time passes only in `run_for`, `run_until` and in acts that wait for an answer.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from .effects import Disk
from .events import MachineAdded
from .manager.manager import Manager
from .messages import Call, Reply
from .objects import Description
from .overlay.gossip import Gossip
from .overlay.ipvs import round_robin
from .overlay.mesh import Mesh
from .overlay.visitor import Answer, Ask, Visitor, split_url
from .raft.core import PAPER, SWARMKIT, RaftNode, Settings, bare
from .sim.kernel import Kernel
from .sim.machine import Machine
from .sim.network import Latency, Network
from .sim.trace import Trace
from .worker.agent import Agent
from .worker.engine import Engine
from .worker.executor import Executor
from .worker.registry import Registry

PORTS = {  # what a Swarm admin opens, and which channels use it
    "raft": "2377/tcp",
    "manager": "2377/tcp",
    "engine": "2377/tcp",
    "agent": "2377/tcp",
    "gossip": "7946/udp",
    "bulksync": "7946/tcp",
    "vxlan": "4789/udp",
}
LISTENERS = {"bulksync": "gossip", "vxlan": "mesh", "http": "mesh"}  # channels that another core hears
OUTSIDE = ("client", "registry")  # machines that belong to nobody's swarm
QUIET_FROM = 51  # machines: from here on messages are not kept by default
CHECKPOINT = 2_000  # events between two checkpoints, at least


class Computer(NamedTuple):
    """A machine as it was bought."""

    name: str
    role: str = "bare"  # manager · worker · bare: what it is meant for; what it is, the swarm decides
    address: str = ""
    cpus: float = 2
    memory: int = 4 * 2**30  # bytes
    zone: str = ""
    labels: tuple = ()  # (name, value) pairs: node labels, set once it has joined
    engine_labels: tuple = ()
    os: str = "linux"
    architecture: str = "x86_64"
    bandwidth: int = 125_000_000  # bytes per second: gigabit Ethernet

    @property
    def description(self) -> Description:
        """What the engine says of the machine it runs on."""
        labels = dict(self.engine_labels)
        return Description(
            self.name, self.os, self.architecture, int(self.cpus * 10**9), self.memory, engine_labels=labels
        )


class Act(NamedTuple):
    """Something people did: what, when (µs), and how. `until` is set when it was cut short at that time."""

    time: int
    name: str
    details: dict
    until: int | None = None


class Response(NamedTuple):
    """What came of a request. `hops` are (kind, machine, detail), in order, from the port that was asked to the task."""

    ok: bool
    status: int  # 200; 0 when there was no answer
    task: str  # who answered: vote_vote.1
    task_id: str
    node: str  # on which machine
    hops: tuple
    latency: float  # seconds
    error: str  # '' · 'connection refused' · 'timed out' · 'could not resolve host: web'


class OutOfTime(Exception):
    """What somebody waited for did not come before the limit, or before the instant that was asked for."""


class World:
    """Machines in one simulated network, and a complete record of what was done to them."""

    def __init__(
        self,
        computers: Sequence[Computer] = (),
        *,
        seed: int | str = 0,
        messages: bool | None = None,
        raft: Settings = SWARMKIT,
        strategy: Callable | None = None,
        balancer: Callable | None = None,
    ):
        self.kernel = Kernel(seed)
        keep = len(computers) < QUIET_FROM if messages is None else messages
        self.trace = Trace(self.kernel, keep)
        self.network = Network(self.kernel, self.trace, PORTS)
        self.network.listeners = LISTENERS
        self.raft, self.strategy, self.balancer = raft, strategy, balancer
        self.computers: dict[str, Computer] = {}
        self.machines: dict[str, Machine] = {}
        self.begun = tuple(computers)  # the machines that were there from power-on
        self.acts: list[Act] = []
        self._answers: dict[int, Any] = {}
        self._asked = 0
        self._horizon = 1 << 62  # µs: a replay never goes beyond
        self._checkpoints: list[tuple[int, Any]] = []  # (time, Snapshot)
        self._next_checkpoint = CHECKPOINT
        for name in OUTSIDE:
            self._plug(Computer(name, "outside"))
        for computer in computers:
            self._plug(computer)
        self._checkpoint()

    # ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def now(self) -> float:
        """Seconds since power-on."""
        return self.kernel.now / 1e6

    def run_for(self, seconds: float) -> None:
        """Let time pass."""
        if seconds < 0:
            raise ValueError(f"time does not run backwards: run_for({seconds}); to look back use at(t)")
        self._pass(self.kernel.now + micros(seconds))

    def run_until(self, condition: Callable[[Any], bool], limit: float = 60) -> bool:
        """Let time pass until `condition(self)` holds, `limit` seconds at most. Says whether it holds."""
        until = self.kernel.now + micros(limit)
        while not condition(self):
            if not self.kernel.step(until):
                return bool(condition(self))
            self._checkpoint_if_due()
        self.kernel.run(self.kernel.now)  # the instant is completed: acts happen between instants
        return True

    def _pass(self, until: int) -> None:
        until = min(until, self._horizon)
        while self.kernel.now < until:
            self.kernel.run(min(until, self.kernel.now + 10_000_000))
            self._checkpoint_if_due()

    # ── faults ───────────────────────────────────────────────────────────────────────────────────────────────────

    def crash(self, machine: str) -> None:
        """Power off: what is in memory is lost, what is on disk stays."""
        self._did("crash", machine=self._running(machine).name)
        self.machines[machine].crash()

    def restart(self, machine: str) -> None:
        """Boot a machine; one that runs is rebooted."""
        self._did("restart", machine=self._machine(machine).name)
        if self.machines[machine].running:
            self.machines[machine].shut_down()
        self.machines[machine].start()

    def shutdown(self, machine: str) -> None:
        """Shut a machine down in order."""
        self._did("shutdown", machine=self._running(machine).name)
        self.machines[machine].shut_down()

    def freeze(self, machine: str, seconds: float) -> None:
        """Stop a machine for a while; it goes on unaware of the gap."""
        self._did("freeze", machine=self._running(machine).name, seconds=seconds)
        self.machines[machine].freeze(micros(seconds))

    def burden(self, machine: str, lag: float) -> None:
        """Keep a machine so busy that whatever it does happens about `lag` seconds late; 0 ends it."""
        self._did("burden", machine=self._running(machine).name, lag=lag)
        self.machines[machine].load(micros(lag))

    def add_machine(self, name: str, **properties: Any) -> None:
        """Put one more machine into the rack: `cpus`, `memory` (bytes), `zone`, `labels`, … as in `Computer`."""
        if name in self.machines:
            raise ValueError(f"there is a machine {name} already")
        unknown = sorted(set(properties) - set(Computer._fields))
        if unknown:
            raise ValueError(f"a machine has no {unknown[0]}; it has {', '.join(Computer._fields[1:])}")
        self._did("add_machine", name=name, **properties)
        address = properties.pop("address", "") or address_of(len(self.computers) - len(OUTSIDE))
        pairs: dict[str, Any] = {
            k: pairs_of(v) if k in ("labels", "engine_labels") else v for k, v in properties.items()
        }
        self._plug(Computer(name)._replace(address=address, **pairs))

    def partition(self, *groups: set[str] | Sequence[str], one_way: bool = False) -> None:
        """Cut the network between these groups; machines in none of them keep all their links. `one_way`: only what
        an earlier group sends to a later one is lost."""
        if len(groups) < 2:
            raise ValueError("a partition needs two groups of machines at least")
        cut = tuple(tuple(sorted(self._machine(name).name for name in group)) for group in groups)
        twice = [name for name in sum(cut, ()) if sum(cut, ()).count(name) > 1]
        if twice:
            raise ValueError(f"{twice[0]} cannot be on two sides of a partition")
        self._did("partition", groups=[list(group) for group in cut], one_way=one_way)
        self.network.partition(cut, one_way)

    def heal(self) -> None:
        """Mend all partitions."""
        self._did("heal")
        self.network.heal()

    def link(self, one: str, other: str, **settings: Any) -> None:
        """Change the link between two machines, both ways: `latency` and `jitter` in seconds, `loss`, `duplicate`,
        `reorder` as probabilities, `bandwidth` in bytes per second, `flapping` in seconds up and down."""
        known = ("latency", "jitter", "loss", "duplicate", "reorder", "bandwidth", "flapping")
        for name, value in settings.items():
            if name not in known:
                raise ValueError(f"a link has no {name}; it has {', '.join(known)}")
            if value < 0 or (name in ("loss", "duplicate", "reorder") and value > 1):
                raise ValueError(f"{name}={value} is impossible for a link")
        ends = self._machine(one).name, self._machine(other).name
        self._did("link", one=one, other=other, **settings)
        plain: dict[str, Any] = {name: settings[name] for name in ("loss", "duplicate", "reorder", "bandwidth") if name in settings}
        if "latency" in settings or "jitter" in settings:
            line = self.network.line(*ends)
            old = line.latency if line else self.network.latency
            floor = micros(settings["latency"]) if "latency" in settings else old.floor
            plain["latency"] = Latency(floor, micros(settings["jitter"]) if "jitter" in settings else old.spread)
        if "flapping" in settings:
            plain["flapping"] = micros(settings["flapping"])
        self.network.change(*ends, **plain)

    def block(self, machine: str, port: int | str) -> None:
        """Let a firewall on the machine drop a port: 4789 (TCP and UDP), "7946/udp", or "esp"."""
        ports = ports_of(port)
        self._did("block", machine=self._machine(machine).name, port=port)
        for name in ports:
            self.network.block(machine, name)

    def unblock(self, machine: str, port: int | str) -> None:
        """Let the port through again."""
        ports = ports_of(port)
        self._did("unblock", machine=self._machine(machine).name, port=port)
        for name in ports:
            self.network.unblock(machine, name)

    # ── people and visitors ──────────────────────────────────────────────────────────────────────────────────────

    def request(self, url: str, *, source: str = "", timeout: float = 5) -> Response:
        """Ask a machine of the swarm for a page, as a visitor from outside (or, with `source`, as the task of that
        name): `http://worker-2:5000/`. Time passes until the answer, `timeout` seconds at most."""
        host, _, _ = split_url(url)
        machine, task = self._running_task(source) if source else (self._machine(host).name, "")
        self._did("request", url=url, source=source, timeout=timeout)
        self._asked += 1
        start = self.kernel.now
        self.machines["client"].tell("mesh", "client", Ask(self._asked, url, machine, micros(timeout), task))
        try:
            answer = self._answer(self._asked, start + micros(timeout) + 1_000_000)
        except OutOfTime:  # the instant that somebody looks back to came before the answer
            answer = Answer(self._asked, False, 0, "", "", "", (), self.kernel.now - start, "timed out")
        seconds = answer.latency / 1e6
        return Response(
            answer.ok, answer.status, answer.name, answer.task, answer.node, answer.hops, seconds, answer.error
        )

    def call(self, machine: str, request: Any, until: int) -> Any:
        """Ask the engine of a machine, and wait until µs `until` for its reply. Raises OutOfTime."""
        self._asked += 1
        self.machines[machine].tell("engine", "client", Call(self._asked, request))
        return self._answer(self._asked, until)

    def _answer(self, number: int, until: int) -> Any:
        until = min(until, self._horizon)
        while number not in self._answers:
            if self.kernel.now >= until:
                self._cut_short()
                raise OutOfTime
            self.kernel.run(until)
        self.kernel.run(self.kernel.now)
        return self._answers.pop(number)

    def hear(self, machine: Machine, core: str, message: Any) -> None:
        """What a machine says to nobody on it: an answer for the person at its keyboard, else lost."""
        if core != "client":
            return
        if isinstance(message, Reply):
            self._answers[message.id] = message
        elif isinstance(message, Answer):
            self._answers[message.request] = message
        self.kernel.stop()

    # ── the flight recorder ──────────────────────────────────────────────────────────────────────────────────────

    def fork(self) -> Any:
        """An independent twin that goes on exactly as this one would, until it is treated differently."""
        return self._picture().develop()

    def _picture(self) -> Any:
        from .sim.snapshot import Snapshot

        return Snapshot(self)

    def at(self, seconds: float) -> Any:
        """A live twin whose now is `seconds`: everything up to then has happened as it did here."""
        time = micros(seconds)
        if not 0 <= time <= self.kernel.now:
            raise ValueError(f"there is no instant {seconds} s in this run: it goes from 0 to {self.now} s")
        then, picture = next((t, p) for t, p in reversed(self._checkpoints) if t <= time)
        twin = picture.develop()
        twin._checkpoints = [c for c in self._checkpoints if c[0] <= then]
        twin._replay(self.acts[len(twin.acts) :], time)
        return twin

    def _replay(self, acts: Sequence[Act], until: int) -> None:
        for act in acts:
            if act.time > until:
                break
            self._pass(act.time)
            self._horizon = until if act.until is None else min(until, act.until)
            self._redo(act)
            self._horizon = 1 << 62
        self._pass(until)

    def _redo(self, act: Act) -> None:
        details = dict(act.details)
        if act.name == "partition":
            self.partition(*details.pop("groups"), **details)
        else:
            getattr(self, act.name)(**details)

    def _did(self, name: str, /, **details: Any) -> None:
        """Write down what somebody does, just before it is done."""
        self._checkpoint_if_due()
        self.acts.append(Act(self.kernel.now, name, details))

    def _cut_short(self) -> None:
        if self.kernel.now >= self._horizon:
            self.acts[-1] = self.acts[-1]._replace(until=self.kernel.now)

    def _checkpoint_if_due(self) -> None:
        if self.kernel.scheduled >= self._next_checkpoint:
            self._checkpoint()

    def _checkpoint(self) -> None:
        pictures, self._checkpoints = self._checkpoints, []  # a picture does not contain the earlier ones
        picture = self._picture()
        self._checkpoints = [*pictures, (self.kernel.now, picture)]
        if len(self._checkpoints) > 64:
            self._checkpoints = self._checkpoints[:1] + self._checkpoints[1::2]
        self._next_checkpoint = self.kernel.scheduled + max(CHECKPOINT, len(picture) // 50)

    # ── machines ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _plug(self, computer: Computer) -> None:
        name = computer.name
        machine = Machine(name, self.kernel, self.network, self.trace, self.boot, self.hear)
        self.computers[name], self.machines[name] = computer, machine
        self.network.connect(machine, *([computer.address] if computer.address else []))
        if name == "registry" or "registry" in self.machines:
            line = self.network.line("registry", name)
            if line:
                line.bandwidth = computer.bandwidth
        row = {field: getattr(computer, field) for field in ("name", "role", "zone", "cpus", "memory")}
        self.trace.settings["machines"] += (row,)
        if computer.role != "outside":
            machine.note(MachineAdded(int(computer.cpus), computer.memory, computer.zone))
        machine.start()

    def boot(self, machine: Machine) -> dict[str, Any]:
        """The cores of a machine, built from its disk, in the order in which they start."""
        name, computer = machine.name, self.computers[machine.name]
        parts: dict[str, Callable] = {"mesh": self._visitor} if name == "client" else {"registry": self._registry}
        if name not in OUTSIDE:
            parts = {
                "executor": self._executor,
                "gossip": self._gossip,
                "mesh": self._mesh,
                "raft": self._raft_node,
                "manager": self._manager,
                "agent": self._agent,
                "engine": self._engine,
            }
        return {
            part: make(computer, machine.disk(part), self.kernel.stream(f"{part}/{name}"))
            for part, make in parts.items()
        }

    def _visitor(self, computer: Computer, disk: Disk, dice: Any) -> Visitor:
        return Visitor(computer.name, disk, dice)

    def _registry(self, computer: Computer, disk: Disk, dice: Any) -> Registry:
        return Registry(computer.name, disk, dice)

    def _executor(self, computer: Computer, disk: Disk, dice: Any) -> Executor:
        return Executor(computer.name, disk, dice)

    def _gossip(self, computer: Computer, disk: Disk, dice: Any) -> Gossip:
        return Gossip(computer.name, disk, dice)

    def _mesh(self, computer: Computer, disk: Disk, dice: Any) -> Mesh:
        return Mesh(computer.name, disk, dice, self.balancer or round_robin)

    def _raft_node(self, computer: Computer, disk: Disk, dice: Any) -> RaftNode:
        return RaftNode(computer.name, disk, dice, self.raft)

    def _manager(self, computer: Computer, disk: Disk, dice: Any) -> Manager:
        return Manager(computer.name, disk, dice, *([self.strategy] if self.strategy else []))

    def _agent(self, computer: Computer, disk: Disk, dice: Any) -> Agent:
        return Agent(computer.name, disk, dice, computer.description, computer.address)

    def _engine(self, computer: Computer, disk: Disk, dice: Any) -> Engine:
        return Engine(computer.name, disk, dice, computer.description, computer.address)

    def _machine(self, name: str) -> Machine:
        machine = self.machines.get(name)
        if machine is None:
            raise ValueError(
                f"no such machine: {name} (there are {', '.join(n for n in self.machines if n not in OUTSIDE)})"
            )
        return machine

    def _running(self, name: str) -> Machine:
        machine = self._machine(name)
        if not machine.running:
            raise ValueError(f"{name} is not running; restart({name!r}) boots it")
        return machine

    def _running_task(self, task: str) -> tuple[str, str]:
        """The machine and the id of a running task, by its name."""
        raise ValueError(f"no running task {task}")


class RaftGroup(World):
    """Raft alone: so many members, without engines, managers or containers around them.

    `RaftGroup(5)` has machines `node-1` … `node-5` and the paper's timings.
    """

    def __init__(self, members: int = 5, settings: Settings = PAPER, *, seed: int | str = 0, messages: bool = True):
        names = [f"node-{n + 1}" for n in range(members)]
        self._disks = bare((f"member-{n + 1}", name) for n, name in enumerate(names))
        computers = [Computer(name, "bare", address_of(n)) for n, name in enumerate(names)]
        super().__init__(computers, seed=seed, messages=messages, raft=settings)

    def boot(self, machine: Machine) -> dict[str, Any]:
        if machine.name in OUTSIDE:
            return {}
        disk = machine.disks.setdefault("raft", self._disks[machine.name])
        return {"raft": RaftNode(machine.name, disk, self.kernel.stream(f"raft/{machine.name}"), self.raft)}


# ── units ────────────────────────────────────────────────────────────────────────────────────────────────────────


def micros(seconds: float) -> int:
    """Seconds as whole µs."""
    return round(seconds * 1_000_000)


def address_of(number: int) -> str:
    """The address of the machine that was plugged in as number 0, 1, 2 …: 192.168.50.100 and on, as in the demo lab."""
    return f"192.168.{50 + (100 + number) // 256}.{(100 + number) % 256}"


def pairs_of(mapping: Any) -> tuple:
    """A mapping as sorted (name, value) pairs, which cannot change."""
    return tuple(sorted(dict(mapping).items()))


def ports_of(port: int | str) -> tuple[str, ...]:
    """4789 → both of 4789/tcp and 4789/udp; "7946/udp" and "esp" stand for themselves."""
    text = str(port)
    number, slash, protocol = text.partition("/")
    if text == "esp":
        return ("esp",)
    if number.isdigit() and 0 < int(number) < 65536 and (protocol in ("tcp", "udp") if slash else True):
        return (text,) if slash else (f"{text}/tcp", f"{text}/udp")
    raise ValueError(f'{port!r} is no port: write 4789, "7946/udp" or "esp"')
