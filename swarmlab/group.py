"""Raft alone: so many members with a key-value store on each, without engines, managers or containers around them."""

from collections.abc import Iterable
from typing import Any

from .effects import ChangeMembers, Disk, MemberChange, Transfer
from .rack import Computer, address_of, micros
from .raft.configuration import Impossible, after
from .raft.core import PAPER, RaftNode, Settings
from .raft.keyvalue import Answer, Clients, Command, KeyValue, Operation
from .sim.machine import Machine
from .sim.recorder import OutOfTime
from .world import OUTSIDE, World

CHANNELS = {"keyvalue": "manager", "answer": "clients"}  # channels that another core hears


class RaftGroup(World):
    """A bare group of raft members. `RaftGroup(5)` has machines `node-1` … `node-5` and the paper's timings.

    `spare` machines are there, but belong to the group only once `change(add=…)` lets them in. `clients` put and get
    values all the time, every `pause` seconds on average; `history()` is what they did. `read` says how a get is
    answered: through the `log`, or by `index` (with `Settings.lease_reads`, without asking the others). `alarms` keeps
    the election time-outs in the trace, for pictures.
    """

    ACTS: tuple[str, ...] = (*World.ACTS, "write", "time_out", "align", "transfer", "change")

    def __init__(
        self,
        members: int = 5,
        settings: Settings = PAPER,
        *,
        seed: int | str = 0,
        messages: bool = True,
        alarms: bool = False,
        spare: int = 0,
        clients: int = 0,
        pause: float = 0.1,
        read: str = "log",
    ):
        if type(members) is not int or members < 1:
            raise ValueError(f"a group of {members!r} members: at least 1")
        if read not in ("log", "index"):
            raise ValueError(f"read={read!r} is neither log nor index")
        names = [f"node-{n + 1}" for n in range(members + spare)]
        member = {name: name.replace("node", "member") for name in names}
        self._first = tuple((member[name], name) for name in names[:members])
        self._disks = {name: Disk({"member": member[name], "members": self._first}, []) for name in names}
        self.members, self.read = tuple(names), read
        self.clients, self.pause = clients, micros(pause, "a pause")
        computers = [Computer(name, "bare", address_of(n)) for n, name in enumerate(names)]
        super().__init__(computers, seed=seed, messages=messages, raft=settings, alarms=alarms)
        self.network.listeners = {**self.network.listeners, **CHANNELS}

    def boot(self, machine: Machine) -> dict[str, Any]:
        name, disks = machine.name, machine.disks
        if name == "client" and self.clients:
            dice = self.kernel.stream("clients")
            core = Clients(name, machine.disk("clients"), dice, self.members, self.clients, self.pause)
            return {"clients": core}
        if name in OUTSIDE:
            return {}
        disk = disks.setdefault("raft", self._disks[name])
        return {
            "raft": RaftNode(name, disk, self.kernel.stream(f"raft/{name}"), self.raft),
            "manager": KeyValue(name, machine.disk("manager"), self.kernel.stream(f"keyvalue/{name}"), self.read),
        }

    # ── what people do ───────────────────────────────────────────────────────────────────────────────────────────

    def write(self, key: str, value: Any, to: str | None = None, wait: float = 0) -> str:
        """Ask the leader, or the machine `to`, to put a value under a key, and wait so many seconds for the answer.

        Says what came of it: '' if it is done, 'not leader' if it did not happen, 'unknown' if nobody can tell.
        """
        machine = self._running(to or self.leader or self.members[0])
        self._did("write", key=key, value=value, to=machine.name, wait=wait)
        return self._ask(machine, Command("", 0, "put", key, value), wait).error

    def propose(self, value: Any, to: str | None = None) -> None:
        """Put a value into the log, as the next one under the key `x`, without waiting."""
        self.write("x", value, to)

    def get(self, key: str, at: str | None = None, wait: float = 1) -> Answer:
        """What a member, or the leader, answers to who reads this key."""
        machine = self._running(at or self.leader or self.members[0])
        return self._ask(machine, Command("", 0, "get", key), wait)

    def _ask(self, machine: Machine, command: Command, wait: float) -> Answer:
        patience = micros(wait, "a wait")
        self._asked += 1
        machine.tell("manager", "client", command._replace(client=str(self._asked) if patience else ""))
        self.kernel.run(self.kernel.now)
        try:
            return self._answer(self._asked, self.kernel.now + patience)
        except OutOfTime:
            return Answer("", 0, None, "unknown")

    def hear(self, machine: Machine, core: str, message: Any) -> None:
        if core == "client" and isinstance(message, Answer):
            self._answers[int(message.client)] = message
            self.kernel.stop()

    def time_out(self, *machines: str) -> None:
        """Let the election time-outs of these machines end now."""
        targets = [self._running(name) for name in machines]
        self._did("time_out", groups=list(machines))
        for machine in targets:
            self._end_time_out(machine, machine.local_now())

    def align(self) -> None:
        """Let all election time-outs that run end at the same instant, that of the first."""
        followers = [m for m in map(self.machines.get, self.members) if m and m.running and self._waits(m)]
        self._did("align")
        wait = min((m.seats["raft"].core.deadline - m.local_now() for m in followers), default=0)
        for machine in followers:
            self._end_time_out(machine, machine.local_now() + wait)

    def _waits(self, machine: Machine) -> bool:
        return machine.seats["raft"].core.role not in ("leader", "outside", "broken")

    def _end_time_out(self, machine: Machine, time: int) -> None:
        if self._waits(machine):
            machine.seats["raft"].core.deadline = time
            machine.look_again("raft")

    def transfer(self, machine: str) -> None:
        """Ask the leader to hand over to this machine."""
        target, leader = self._machine(machine), self._leading()
        if self.member_on(machine) not in self.nodes[leader.name].configuration.electors:
            raise ValueError(f"{machine} has no vote in this group, and cannot lead it")
        self._did("transfer", machine=target.name)
        leader.tell("raft", "client", Transfer(0, self.member_on(machine)))

    def change(
        self,
        add: Iterable[str] = (),
        remove: Iterable[str] = (),
        learners: Iterable[str] = (),
        joint: bool = False,
    ) -> None:
        """Ask the leader to change who belongs to the group. More than one vote at once takes joint consensus. A machine
        that was taken out comes back with an empty disk, as a new member."""
        wishes = [("add", tuple(add)), ("learner", tuple(learners)), ("remove", tuple(remove))]
        leader = self._leading()
        removed = self.nodes[leader.name].removed
        back = [n for _, names in wishes[:2] for n in names if self.member_on(self._machine(n).name) in removed]
        name = {n: f"{self.member_on(n)}+" if n in back else self.member_on(n) for _, names in wishes for n in names}
        changes = [MemberChange(how, name[n], n) for how, names in wishes for n in names]
        if not changes:
            raise ValueError("a change of nobody is no change: change(add=[…], remove=[…], learners=[…])")
        plain = tuple(c._replace(address="") if c.how == "remove" else c for c in changes)
        self._could(leader, plain, joint)
        details = {"add": list(wishes[0][1]), "learners": list(wishes[1][1]), "remove": list(wishes[2][1])}
        self._did("change", **details, joint=joint)
        for machine in map(self.machines.__getitem__, dict.fromkeys(back)):
            self._renew(machine, name[machine.name])
        leader.tell("raft", "client", ChangeMembers(0, plain, joint))

    def _renew(self, machine: Machine, member: str) -> None:
        """Boot it with an empty disk."""
        if machine.running:
            machine.shut_down()
        machine.disks.clear()
        machine.disks["raft"] = Disk({"member": member, "members": self._first}, [])
        machine.start()

    def _could(self, leader: Machine, changes: tuple[MemberChange, ...], joint: bool) -> None:
        """Whether such a change is possible at all; whether it is its turn, the leader says."""
        now = self.nodes[leader.name].configuration
        try:
            after(now._replace(outgoing=()), changes, joint)
        except Impossible as impossible:
            raise ValueError(str(impossible)) from None

    def _leading(self) -> Machine:
        if self.leader is None:
            raise ValueError("nobody leads at the moment")
        return self.machines[self.leader]

    # ── what there is ────────────────────────────────────────────────────────────────────────────────────────────

    def member_on(self, machine: str) -> str:
        """The member that lives on a machine."""
        return self._machine(machine).disk("raft").values["member"]

    @property
    def nodes(self) -> dict[str, RaftNode]:
        """The raft node of every machine that runs."""
        return {name: self.machines[name].seats["raft"].core for name in self.members if self.machines[name].running}

    @property
    def leader(self) -> str | None:
        """The running machine that leads in the highest term, or None."""
        return max(((n.term, m) for m, n in self.nodes.items() if n.role == "leader"), default=(0, None))[1]

    def logs(self) -> dict[str, tuple[tuple[int, int], ...]]:
        """What each machine has on disk, as (index, term)."""
        return {name: tuple(e[:2] for e in self.machines[name].disk("raft").log) for name in self.members}

    def commits(self) -> dict[str, int]:
        """How far each running machine knows the log to be agreed on."""
        return {name: node.commit for name, node in self.nodes.items()}

    def history(self) -> tuple[Operation, ...]:
        """What the clients did so far, and what they got."""
        seat = self.machines["client"].seats.get("clients")
        return seat.core.told() if seat else ()

    def __repr__(self) -> str:
        return f"<RaftGroup at {self.now:.3f} s: {len(self.nodes)} of {len(self.members)} run, leader {self.leader}>"
