"""Links between machines: latency, bandwidth, loss, partitions, blocked ports.

A link is directed and keeps the order of what travels on it, as a stream does, unless it is told to reorder. Latency
is drawn per message from a stream per channel, so that a new channel never shifts the draws of an old one; a datagram
with a coin of its own (`Send.coin`) shifts nothing at all, and may overtake. Two machines whose link nobody has touched
need no `Line`: of a thousand machines most pairs only ever exchange a few words.
Simplification: a lost message is lost. TCP would send it again; here the protocols above do.
"""

# Simpler than in reality (docs/simplifications.md): flapping, loss, under-way, latency, block, by-name

from typing import Any, NamedTuple
from zlib import crc32

from ..effects import Received
from ..events import Healed, LinkChanged, PacketLost, Partitioned, PortBlocked, PortUnblocked
from .trace import MessageRecord

LOOPBACK = 20  # µs from a machine to itself
MTU = 1500  # bytes: the largest packet on a link that nobody has touched


class Latency(NamedTuple):
    """How long a message is under way: `floor`, plus a part that varies: uniform up to `spread`, or exponential of
    mean `spread` where `tail` is set. All µs."""

    floor: int
    spread: int
    tail: bool = False

    def draw(self, chance: float) -> int:
        if self.tail:
            from math import log

            return self.floor - int(self.spread * log(1.0 - chance))
        return self.floor + int(chance * self.spread)


LAN = Latency(200, 600)


class Line:
    """One direction of the link between two machines."""

    # fmt: off
    __slots__ = (
        "bandwidth", "busy_until", "cut", "duplicate", "flapping", "last", "latency", "loss", "mtu", "plain", "receiver",
        "reorder", "sender",
    )
    # fmt: on

    def __init__(self, sender: str, receiver: Any, latency: Latency):
        self.sender, self.receiver = sender, receiver
        self.latency = latency
        self.bandwidth = 0  # bytes per second; 0: so much that it does not matter
        self.loss = self.duplicate = self.reorder = 0.0  # probabilities per message
        self.flapping = 0  # µs: up that long, then down that long; 0: steady
        self.mtu = MTU  # bytes: a datagram that is larger is lost
        self.cut = False  # by a partition
        self.last = -1  # when the latest message arrives: nothing overtakes it
        self.busy_until = 0  # when the wire has carried what was put on it so far
        self.plain = True  # nothing unusual: the fast way


class Network:
    """Carries messages between machines. `ports` maps a channel to the port it uses, `2377/tcp`."""

    def __init__(self, kernel, trace, ports: dict[str, str], latency: Latency = LAN):
        self.kernel, self.trace, self.ports, self.latency = kernel, trace, ports, latency
        self.listeners: dict[str, str] = {}  # channels whose messages another core of that name hears
        self.machines: dict[str, Any] = {}  # by name, and by every address
        self.lines: dict[str, dict[str, Line]] = {}  # sender → receiver (name or address) → line
        self.salts: dict[str, int] = {}  # by name: what makes the coins of one machine fall unlike those of another
        self.lull: Any = None  # what may be left out while nothing is wrong, see `lull`
        self.guard: Any = None  # who says what is refused at the door, on the channels that have one
        self.guarded: frozenset[str] = frozenset()
        self.passes: dict[tuple[str, str, str], int] = {}  # (sender, to, channel) → nothing is refused until then
        self.blocked: dict[str, tuple] = {}  # machine → ports
        self.groups: tuple = ()  # partitions in force: (groups, one way)
        self.steady: dict[tuple[str, str], tuple] = {}  # links that are as they should be: (receiver, floor, spread)
        self.sound = True  # no partition, no firewall: a link that nobody has touched is as it should be

    # ── machines and links ───────────────────────────────────────────────────────────────────────────────────────

    def connect(self, machine, *addresses: str) -> None:
        """Plug a machine in, under its name and its addresses."""
        for name in (machine.name, *addresses):
            self.machines[name] = machine
        self.lines[machine.name] = {}
        self.salts[machine.name] = crc32(f"{self.kernel.seed}/{machine.name}".encode())
        machine.lull = self.lull
        self.disturb()

    def line(self, sender: str, to: str) -> Line | None:
        """The line between two machines, or None when nobody has that name or address."""
        lines = self.lines[sender]
        line = lines.get(to)
        if line is None:
            receiver = self.machines.get(to)
            if receiver is None:
                return None
            line = lines.get(receiver.name)
            if line is None:
                here = sender == receiver.name
                line = lines[receiver.name] = Line(sender, receiver, Latency(LOOPBACK, 0) if here else self.latency)
                line.last = self.machines[sender].latest.get(receiver.name, -1)
                self._judge(line)
            lines[to] = line
        return line

    def change(self, one: str, other: str, **settings: Any) -> None:
        """Make a link better or worse, both ways. Settings: `latency` (a Latency), `bandwidth` (bytes per second),
        `loss`, `duplicate`, `reorder` (probabilities), `flapping` (µs up, then µs down), `mtu` (bytes)."""
        self.disturb()
        for line in filter(None, (self.line(one, other), self.line(other, one))):
            for name, value in settings.items():
                setattr(line, name, value)
            self._judge(line)
        plain = tuple((name, tuple(v) if isinstance(v, tuple) else v) for name, v in sorted(settings.items()))
        self.trace.remark("world", LinkChanged(one, other, plain))

    def partition(self, groups: tuple[tuple[str, ...], ...], one_way: bool = False) -> None:
        """Cut the links between these groups (one way: only from earlier groups to later ones)."""
        self.groups += ((groups, one_way),)
        self._judge_all()
        self.trace.remark("world", Partitioned(groups, one_way))

    def heal(self) -> None:
        """Mend all cuts."""
        self.groups = ()
        self._judge_all()
        self.trace.remark("world", Healed())

    def block(self, machine: str, port: str) -> None:
        """Drop what goes to or comes from this port (`4789/udp`) of the machine."""
        self.blocked[machine] = (*self.blocked.get(machine, ()), port)
        self._judge_all()
        self.trace.remark(machine, PortBlocked(port))

    def unblock(self, machine: str, port: str) -> None:
        """Let the port through again."""
        self.blocked[machine] = tuple(p for p in self.blocked.get(machine, ()) if p != port)
        self._judge_all()
        self.trace.remark(machine, PortUnblocked(port))

    def is_cut(self, sender: str, to: str) -> bool:
        """Whether a partition lies between the two."""
        for groups, one_way in self.groups:
            here = next((n for n, group in enumerate(groups) if sender in group), None)
            there = next((n for n, group in enumerate(groups) if to in group), None)
            if here is not None and there is not None and (here < there if one_way else here != there):
                return True
        return False

    def is_blocked(self, sender: str, to: str, channel: str) -> bool:
        """Whether a firewall at either end drops this channel."""
        port = self.ports.get(channel, "")
        return port in self.blocked.get(sender, ()) or port in self.blocked.get(to, ())

    # ── messages ─────────────────────────────────────────────────────────────────────────────────────────────────

    def send(self, sender, effect) -> None:
        """Carry one message. It arrives later, or never."""
        to, channel, message, size, coin, packet = effect
        if channel in self.guarded and self.kernel.now > self.passes.get((sender.name, to, channel), -1):
            if self._is_refused(sender, to, channel, message):
                return
        line = self.line(sender.name, to) if packet > MTU else self.lines[sender.name].get(to)
        if line is None:
            receiver = self.machines.get(to)
            if receiver is not None and not receiver.running:
                self._record(sender.name, receiver.name, channel, message, -1, "down")
                return
            touched = receiver is None or receiver.name in self.lines[sender.name]  # `to` may be an address
            if receiver is not None and not touched and self.sound and receiver is not sender:
                self._send_plainly(sender, receiver, channel, message, coin)
                return
            line = self.line(sender.name, to)
        if line is None:
            self._record(sender.name, to, channel, message, -1, "down")
        elif not line.receiver.running:
            self._record(sender.name, line.receiver.name, channel, message, -1, "down")
        elif line.plain and not (size and line.bandwidth) and packet <= MTU:
            kernel, latency = self.kernel, line.latency
            if coin:
                arrives = kernel.now + self.delay(sender.name, line.receiver.name, coin)
            else:
                arrives = kernel.now + latency.floor + int(kernel.stream(channel).random() * latency.spread)
                if arrives <= line.last:
                    arrives = line.last + 1
                line.last = arrives
            if self.trace.with_messages:
                self._record(sender.name, line.receiver.name, channel, message, arrives, "")
            kernel.at(
                arrives, line.receiver.arrive, (self.listeners.get(channel, channel), Received(sender.name, message))
            )
        else:
            self._send_with_care(line, channel, message, size, packet)

    def guard_by(self, guard: Any, channels: tuple[str, ...]) -> None:
        """Ask this guard about what is sent on these channels: `refuses(sender, receiver, channel, message)`. It keeps
        `passes`, so that it is not asked again and again."""
        self.guard, self.guarded, self.passes = guard, frozenset(channels), guard.passes

    def _is_refused(self, sender, to: str, channel: str, message: Any) -> bool:
        """Whether somebody at the door refuses it. Who is off, or cannot be reached, refuses nothing."""
        receiver = self.machines.get(to)
        if receiver is None or not receiver.running:
            return False
        here, there = sender.name, receiver.name
        if self.is_cut(here, there) or self.is_blocked(here, there, channel):
            return False
        if self.guard.refuses(here, there, channel, message):
            self._record(here, there, channel, message, -1, "refused")
            return True
        if to != there and (here, there, channel) in self.passes:
            self.passes[here, to, channel] = self.passes[here, there, channel]
        return False

    def _send_plainly(self, sender, receiver, channel: str, message: Any, coin: int) -> None:
        """Between two machines whose link nobody has touched."""
        kernel = self.kernel
        now = kernel.now
        if coin:
            arrives = now + self.delay(sender.name, receiver.name, coin)
        else:
            chance, (floor, spread, tail) = kernel.stream(channel).random(), self.latency
            arrives = now + (self.latency.draw(chance) if tail else floor + int(chance * spread))
            latest = sender.latest
            if sender.newest < now:
                if latest:
                    latest.clear()  # all of it has arrived
            elif receiver.name in latest:
                arrives = max(arrives, latest[receiver.name] + 1)
            latest[receiver.name] = arrives
            if arrives > sender.newest:
                sender.newest = arrives
        core = self.listeners.get(channel, channel)
        if self.lull and core == self.lull.core and self.lull.is_idle_talk(sender, receiver, message):
            return
        if self.trace.with_messages:
            self._record(sender.name, receiver.name, channel, message, arrives, "")
        kernel.at(arrives, receiver.arrive, (core, Received(sender.name, message)))

    def passage(self, sender: str, to: str, channel: str, chance: float) -> int:
        """When something that is sent now arrives, µs; -1 if it is lost. For those who count their messages by the
        thousand, and keep no record of each: connections do not wait for each other, `chance` says how long it takes."""
        receiver, latency = self.machines.get(to), self.latency
        if receiver is None or not receiver.running:
            return -1
        if receiver.name in self.lines[sender] or not self.sound or receiver.name == sender:
            line = self.line(sender, to)
            assert line
            if not line.plain and self._fate(line, channel):
                return -1
            latency = line.latency
            if not line.plain:
                return self.kernel.now + latency.draw(chance)
        if not latency.tail:
            self.steady[sender, to] = receiver, latency.floor, latency.spread
        now = self.kernel.now
        return now + (latency.draw(chance) if latency.tail else latency.floor + int(chance * latency.spread))

    def delay(self, sender: str, receiver: str, coin: int) -> int:
        """How long a datagram with this coin takes over a plain link: the same coin, the same time."""
        mixed = (3 * self.salts[sender] + 5 * self.salts[receiver] + coin) * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF
        line = self.lines[sender].get(receiver)
        latency = line.latency if line else self.latency
        return latency.floor + (mixed >> 32) * latency.spread // 2**32

    def is_swift(self, most: int) -> bool:
        """Whether every link is as it should be, and takes no longer than that."""
        lines = [line for lines in self.lines.values() for line in lines.values()]
        swift = not self.latency.tail and self.sound
        return swift and all(line.plain and line.latency.floor + line.latency.spread <= most for line in lines)

    def disturb(self) -> None:
        """Something is not as it was: whoever was at rest goes on."""
        self.steady.clear()
        if self.lull:
            self.lull.disturb()

    def _send_with_care(self, line: Line, channel: str, message: Any, size: int, packet: int) -> None:
        fate = self._fate(line, channel, packet)
        if fate:
            self._record(line.sender, line.receiver.name, channel, message, -1, fate)
            return
        dice = self.kernel.stream(channel).random
        self._deliver(line, channel, message, size, "")
        if line.duplicate and dice() < line.duplicate:
            self._deliver(line, channel, message, size, "duplicate")

    def _fate(self, line: Line, channel: str, packet: int = 0) -> str:
        if line.sender == line.receiver.name:
            return ""  # no cable, no firewall
        if line.cut:
            return "cut"
        if self.is_blocked(line.sender, line.receiver.name, channel):
            return "blocked"
        if packet > line.mtu:
            return "too big"  # it was to go in one piece, and nobody tells the sender
        if line.flapping and (self.kernel.now // line.flapping) % 2:
            return "lost"
        if line.loss and self.kernel.stream(channel).random() < line.loss:
            return "lost"
        return ""

    def _deliver(self, line: Line, channel: str, message: Any, size: int, fate: str) -> None:
        kernel = self.kernel
        dice = kernel.stream(channel).random
        leaves = kernel.now
        if size and line.bandwidth:
            leaves = max(leaves, line.busy_until) + size * 1_000_000 // line.bandwidth
            line.busy_until = leaves
        arrives = leaves + Latency.draw(line.latency, dice())
        straggles = bool(line.reorder) and dice() < line.reorder
        if straggles:
            arrives += line.latency.floor + line.latency.spread  # late, and others may pass it
        else:
            arrives = max(arrives, line.last + 1)
            line.last = arrives
        self._record(line.sender, line.receiver.name, channel, message, arrives, fate)
        kernel.at(arrives, line.receiver.arrive, (self.listeners.get(channel, channel), Received(line.sender, message)))

    # ── bookkeeping ──────────────────────────────────────────────────────────────────────────────────────────────

    def _judge(self, line: Line) -> None:
        here, there = line.sender, line.receiver.name
        line.cut = here != there and self.is_cut(here, there)
        faults = line.loss or line.duplicate or line.reorder or line.flapping or line.cut
        line.plain = not (
            faults or line.mtu < MTU or line.latency.tail or self.blocked.get(here) or self.blocked.get(there)
        )

    def _judge_all(self) -> None:
        self.sound = not (self.groups or any(self.blocked.values()))
        self.disturb()
        for lines in self.lines.values():
            for line in lines.values():
                self._judge(line)

    def _record(self, sender: str, to: str, channel: str, message: Any, arrives: int, fate: str) -> None:
        trace = self.trace
        if arrives < 0 and getattr(message, "traced", False):
            trace.remark(sender, PacketLost(message.request, to, channel, fate))
        if trace.with_messages:
            kernel = self.kernel
            name = type(message).__name__
            brief = getattr(message, "brief", ())
            row = MessageRecord(
                kernel.now, arrives, sender, to, channel, name, fate, kernel.cause, len(trace.records), brief
            )
            trace.messages.append(row)
