"""The composition root: machines, time, faults and requests, recorded as they happen.

Time passes only in `run_for`, `run_until` and in acts that wait for an answer.
"""

from collections.abc import Callable, Sequence
from threading import RLock
from typing import Any

from .effects import Damaged, Disk
from .events import ApiCalled, DiskDamaged, MachineAdded
from .guard import CHANNELS, Guard
from .manager.manager import Manager
from .messages import Call, Reply
from .overlay.gossip import Gossip
from .overlay.ipvs import round_robin
from .overlay.mesh import Mesh
from .overlay.visitor import Answer, Visitor
from .rack import Computer, address_of, computer, groups_of, is_number, link_settings, micros, ports_of
from .raft.core import SWARMKIT, RaftNode, Settings, impossible
from .sim.kernel import Kernel
from .sim.lull import Lull
from .sim.machine import Machine
from .sim.network import Network
from .sim.recorder import OutOfTime, Recorder
from .sim.trace import Trace
from .traffic.load import Traffic
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
    "esp": "esp",
}
LISTENERS = {"bulksync": "gossip", "vxlan": "mesh", "esp": "mesh", "http": "mesh"}  # channels that another core hears
OUTSIDE = ("client", "registry")  # machines that belong to nobody's swarm
QUIET_FROM = 51  # machines: from here on messages are not kept by default


class World(Recorder):
    """Machines in one simulated network, and a complete record of what was done to them."""

    # fmt: off
    ACTS: tuple[str, ...] = (
        "crash", "restart", "shutdown", "freeze", "burden", "drift", "slow_disk", "damage", "add_machine",
        "partition", "heal", "link", "block", "unblock", "ask",
    )
    # fmt: on

    OWN: tuple[str, ...] = ("turn",)  # what no twin shares

    def __init__(
        self,
        computers: Sequence[Computer] = (),
        *,
        seed: int | str = 0,
        messages: bool | None = None,
        raft: Settings = SWARMKIT,
        strategy: Callable | None = None,
        balancer: Callable | None = None,
        persistence: float = 0,
        alarms: bool = False,
    ):
        if not isinstance(seed, int | str):
            raise ValueError(f"seed {seed!r}: a whole number or a text")
        for name, policy in (("strategy", strategy), ("balancer", balancer)):
            if policy is not None and not hasattr(policy, "__name__"):
                raise ValueError(f"{name} {policy!r}: a plain function, made with def")
        if problem := impossible(raft):
            raise ValueError(problem)
        self.persistence = micros(
            persistence, "a persistence"
        )  # of the load balancers: a client keeps its task so long
        super().__init__(Kernel(seed))
        self.turn = RLock()  # whoever lets time pass, or looks, holds it: see swarmlab.turn
        keep = len(computers) < QUIET_FROM if messages is None else messages
        self.trace = Trace(self.kernel, keep)
        self.trace.with_alarms = alarms
        self.network = Network(self.kernel, self.trace, PORTS)
        self.network.listeners = LISTENERS
        if len(computers) >= QUIET_FROM and not keep and not alarms:
            self.network.lull = Lull(self.kernel, self.network, "gossip")
        self.raft, self.strategy, self.balancer = raft, strategy, balancer
        self.computers: dict[str, Computer] = {}
        self.machines: dict[str, Machine] = {}
        self.guard = Guard(self.machines, self.trace)
        self.network.guard_by(self.guard, CHANNELS)
        self.begun = tuple(computers)  # the machines that were there from power-on
        self.loads = Traffic(self.kernel, self.network, self.machines, self.trace, balancer not in (None, round_robin))
        self._answers: dict[int, Any] = {}
        self._asked = 0
        self._awaited = 0  # the answer for which time is passing, 0: none
        self._talks: dict[tuple, int] = {}  # connections that visitors keep open: (name, from where, to where) → number
        for name in OUTSIDE:
            self._plug(Computer(name, "outside"))
        for one in computers:
            if one.name in self.machines or one.address in self.network.machines:
                raise ValueError(f"two machines are called {one.name}, or have the address {one.address}")
            self._plug(one)
        self._checkpoint()

    # ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def now(self) -> float:
        """Seconds since power-on."""
        return self.kernel.now / 1e6

    def run_for(self, seconds: float) -> None:
        """Let time pass."""
        if seconds.__class__ in (int, float) and seconds < 0:
            raise ValueError(f"time does not run backwards: run_for({seconds}); to look back use at(t)")
        self._pass(self.kernel.now + micros(seconds))

    def run_until(self, condition: Callable[[Any], bool], limit: float = 60) -> bool:
        """Let time pass until `condition(self)` holds, `limit` seconds at most. Says whether it holds."""
        if not callable(condition):
            raise ValueError(f"{condition!r} is no condition: give a function of the cluster")
        until = self.kernel.now + micros(limit, "a limit")
        while not condition(self) and not self.kernel.told:
            if not self.kernel.step(until):
                return bool(condition(self))
            self._checkpoint_if_due()
        self.kernel.run(self.kernel.now)  # the instant is completed: acts happen between instants
        return True

    def at(self, seconds: float) -> Any:
        """A live twin whose now is `seconds`: everything up to then has happened as it did here."""
        time = micros(seconds, "an instant")
        if time > self.kernel.now:
            raise ValueError(f"there is no instant {seconds} s in this run: it goes from 0 to {self.now} s")
        return self.past(time)

    # ── faults ───────────────────────────────────────────────────────────────────────────────────────────────────

    def crash(self, machine: str, midway: int | None = None) -> None:
        """Power off: what is in memory is lost, what is on disk stays. With `midway` not at once, but in the middle of
        what the machine does next: when it has carried out so many of the effects that one event has."""
        target = self._running(machine)
        if midway is not None and (type(midway) is not int or midway < 0):
            raise ValueError(f"midway={midway!r}: a number of effects, 0 or more")
        self._did("crash", machine=machine, **({} if midway is None else {"midway": midway}))
        if midway is None:
            target.crash()
        else:
            target.tear_down(midway)

    def restart(self, machine: str) -> None:
        """Boot a machine; one that runs is rebooted."""
        target = self._machine(machine)
        self._did("restart", machine=machine)
        if target.running:
            target.shut_down()
        target.start()

    def shutdown(self, machine: str) -> None:
        """Shut a machine down in order."""
        target = self._running(machine)
        self._did("shutdown", machine=machine)
        target.shut_down()

    def freeze(self, machine: str, seconds: float) -> None:
        """Stop a machine for a while; it goes on unaware of the gap."""
        target, duration = self._running(machine), micros(seconds, "a freeze")
        self._did("freeze", machine=machine, seconds=seconds)
        target.freeze(duration)

    def burden(self, machine: str, lag: float) -> None:
        """Keep a machine so busy that each thing it does takes it about `lag` seconds, one after the other; 0 ends it."""
        target, work = self._running(machine), micros(lag, "a burden")
        self._did("burden", machine=machine, lag=lag)
        target.load(work)

    def drift(self, machine: str, rate: float) -> None:
        """Let the machine's clock run fast (1.1) or slow (0.9) from now on."""
        target = self._machine(machine)
        if not is_number(rate) or not 0.01 <= rate <= 100:
            raise ValueError(f"a clock that runs at {rate!r}: 1 is right, 0.01 to 100 possible")
        self._did("drift", machine=machine, rate=rate)
        target.drift(float(rate))
        self.guard.passes.clear()  # it sees other times in certificates

    def slow_disk(self, machine: str, lag: float) -> None:
        """From now on each write of the machine takes `lag` seconds, and what depends on it waits; 0 ends it."""
        target, wait = self._machine(machine), micros(lag, "a write")
        if wait and not self.raft.slow_disk:
            raise ValueError("these managers count on fast disks: make the world with Settings(…, slow_disk=True)")
        self._did("slow_disk", machine=machine, lag=lag)
        target.slow_disk(wait)

    def damage(self, machine: str, index: int, how: str = "flip") -> None:
        """Spoil the raft log on a machine's disk: `flip` a bit of the entry at `index`, or `cut` the log behind it.
        The disk has checksums, so that the next boot can tell; nobody can tell before."""
        disk = self._machine(machine).disk("raft")
        place = next((n for n, entry in enumerate(disk.log) if getattr(entry, "index", 0) == index), None)
        if place is None or how not in ("flip", "cut"):
            raise ValueError(f"there is no entry {index!r} on the disk of {machine} that could be damaged by {how!r}")
        self._did("damage", machine=machine, index=index, how=how)
        disk.log[place:] = [Damaged(index), *disk.log[place + 1 :]] if how == "flip" else [disk.log[place]]
        self.machines[machine].note(DiskDamaged("raft", f"{how} at entry {index}"))

    def add_machine(self, name: str, **properties: Any) -> None:
        """Put one more machine into the rack: `cpus`, `memory` (bytes), `zone`, `labels`, … as in `Computer`."""
        made = computer(name, properties)
        if name in self.machines:
            raise ValueError(f"there is a machine {name} already")
        made = made._replace(address=made.address or self._free_address())
        if made.address in self.network.machines:
            raise ValueError(f"{made.address} is the address of {self.network.machines[made.address].name}")
        self._did("add_machine", name=name, **properties)
        self._plug(made)

    def partition(self, *groups: set[str] | Sequence[str], one_way: bool = False) -> None:
        """Cut the network between these groups; machines in none of them keep all their links. `one_way`: only what
        an earlier group sends to a later one is lost."""
        sides = groups_of(groups)
        for name in sum(sides, ()):
            self._machine(name)
        self._did("partition", groups=[list(side) for side in sides], one_way=bool(one_way))
        self.network.partition(sides, bool(one_way))

    def heal(self) -> None:
        """Mend all partitions."""
        self._did("heal")
        self.network.heal()

    def link(self, one: str, other: str, **settings: Any) -> None:
        """Change the link between two machines, both ways: `latency` and `jitter` in seconds, `loss`, `duplicate`,
        `reorder` as probabilities, `bandwidth` in bytes per second, `flapping` in seconds up and down (all flapping
        links go up and down together)."""
        ends = self._machine(one, outside=True).name, self._machine(other, outside=True).name
        if one == other:
            raise ValueError(f"there is no link from {one} to itself")
        line = self.network.line(*ends)
        plain = link_settings(settings, line.latency if line else self.network.latency)
        self._did("link", one=one, other=other, **settings)
        self.network.change(*ends, **plain)

    def block(self, machine: str, port: int | str) -> None:
        """Let a firewall on the machine drop one of Docker's ports: 4789 (TCP and UDP), "7946/udp", or "esp"."""
        for name in self._firewall("block", machine, port):
            self.network.block(machine, name)

    def unblock(self, machine: str, port: int | str) -> None:
        """Let the port through again."""
        for name in self._firewall("unblock", machine, port):
            self.network.unblock(machine, name)

    def _firewall(self, act: str, machine: str, port: int | str) -> tuple[str, ...]:
        ports = ports_of(port)
        self._machine(machine)
        if not set(ports) & set(PORTS.values()):
            raise ValueError(f"nothing in this simulation uses port {port}: there are 2377, 7946, 4789 and esp")
        self._did(act, machine=machine, port=port)
        return ports

    # ── people and visitors ──────────────────────────────────────────────────────────────────────────────────────

    def call(self, machine: str, request: Any, until: int) -> Any:
        """Ask the engine of a machine, and wait until µs `until` for its reply. Raises OutOfTime."""
        self._asked += 1
        self.machines[machine].tell("engine", "client", Call(self._asked, request))
        return self._answer(self._asked, until)

    def ask(self, machine: str, request: Any, said: str = "") -> int:
        """Hand a request to the engine of a machine, and wait for nothing: `answered` of this number is the reply.
        `said` is how the trace calls it, as `POST /services/create`."""
        target = self._running(machine)
        self._did("ask", machine=machine, request=request, **({"said": said} if said else {}))
        self._asked += 1
        if said:
            self.kernel.cause = self.trace.remark(machine, ApiCalled(said))
        target.tell("engine", "client", Call(self._asked, request))
        self.kernel.cause = -1
        return self._asked

    def answered(self, number: int, within: int = 0) -> Any:
        """The reply to what was asked under this number, once; None if there is none even when `within` µs have passed."""
        begun = self.kernel.now
        if within:
            self._pass_for(number, begun + within)
        if within and self.kernel.now == begun:
            self.kernel.run(begun + 1)  # the next act comes later than what followed from this one
        return self._answers.pop(number, None)

    def _answer(self, number: int, until: int) -> Any:
        if not self._pass_for(number, until):
            self._cut_short(until)
            raise OutOfTime
        return self._answers.pop(number)

    def _pass_for(self, number: int, until: int) -> bool:
        """Let time pass until this answer is there. Says whether it is."""
        self._awaited = number
        while number not in self._answers and self.kernel.now < min(until, self._horizon):
            self._run(until)
        self._awaited = 0
        self.kernel.run(self.kernel.now)  # the instant is completed: acts happen between instants
        return number in self._answers

    def hear(self, machine: Machine, core: str, message: Any) -> None:
        """What a machine says to nobody on it: an answer for the person at its keyboard, else lost."""
        if core == "traffic":
            self.loads.hear(machine, message)
        elif core == "guard":
            self.guard.hear(machine.name, message)
        if core != "client":
            return
        if isinstance(message, Reply):
            self._answers[message.id] = message
        elif isinstance(message, Answer):
            self._answers[message.request] = message
        if self._awaited in self._answers:
            self.kernel.stop()

    # ── machines ─────────────────────────────────────────────────────────────────────────────────────────────────

    def __getstate__(self) -> dict[str, Any]:
        """A twin has a turn of its own."""
        return {name: value for name, value in self.__dict__.items() if name not in self.OWN}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, turn=RLock())

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
        self.guard.forget(name)
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
        return Executor(computer.name, disk, dice, computer.cpus)

    def _gossip(self, computer: Computer, disk: Disk, dice: Any) -> Gossip:
        return Gossip(computer.name, disk, dice, self._is_sealed(computer.name))

    def _mesh(self, computer: Computer, disk: Disk, dice: Any) -> Mesh:
        return Mesh(computer.name, disk, dice, self.balancer or round_robin, self.persistence, computer.address)

    def _raft_node(self, computer: Computer, disk: Disk, dice: Any) -> RaftNode:
        return RaftNode(computer.name, disk, dice, self.raft, self._is_sealed(computer.name))

    def _manager(self, computer: Computer, disk: Disk, dice: Any) -> Manager:
        strategy = {"strategy": self.strategy} if self.strategy else {}
        return Manager(computer.name, disk, dice, sealed=self._is_sealed(computer.name), **strategy)

    def _agent(self, computer: Computer, disk: Disk, dice: Any) -> Agent:
        return Agent(computer.name, disk, dice, computer.description, computer.address)

    def _engine(self, computer: Computer, disk: Disk, dice: Any) -> Engine:
        keys = self.kernel.stream(f"trust/{computer.name}")
        return Engine(computer.name, disk, dice, computer.description, computer.address, computer.interfaces, keys)

    def _is_sealed(self, name: str) -> bool:
        """Whether this machine boots with a key file that nobody can read without the unlock key."""
        file = self.machines[name].disk("engine").values.get("keyfile")
        return file is not None and file.sealed

    def _machine(self, name: str, outside: bool = False) -> Machine:
        """The machine of this name; `client` and `registry` only where they can be meant."""
        machine = self.machines.get(name) if isinstance(name, str) and (outside or name not in OUTSIDE) else None
        if machine is None:
            raise ValueError(
                f"no such machine: {name} (there are {', '.join(n for n in self.machines if n not in OUTSIDE)})"
            )
        return machine

    def _free_address(self) -> str:
        numbers = range(len(self.computers) + 1)
        return next(a for a in map(address_of, numbers) if a not in self.network.machines)

    def _running(self, name: str) -> Machine:
        machine = self._machine(name)
        if not machine.running:
            raise ValueError(f"{name} is not running; restart({name!r}) boots it")
        return machine

    def _running_task(self, task: str) -> tuple[str, str]:
        """The machine and the id of a running task, by its name."""
        raise ValueError(f"no running task {task}")
