"""One computer: it feeds its cores what they hear, carries out what they ask for, and can fail.

All cores are pure, so this is the only place where an effect becomes real. What `Save`, `Append` and `Trim` wrote stays
over a crash; everything else, timers included, is gone. A machine's clock may run fast or slow, and its disk may take
its time: then all that a core asks for behind a write waits until the write is done, and so does what it asks for
later, but for messages that rely on nothing that is still to be written.
"""

# Simpler than in reality (docs/simplifications.md): virtual-time, disk, clock, boot, midway, frozen-order

from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from ..effects import NEVER, SILENCE, STARTED, WOKEN, Append, Disk, Note, Received, Save, Send, Tell, Told, Trim
from ..events import (
    ClockChanged,
    DiskChanged,
    MachineCrashed,
    MachineFrozen,
    MachineLoaded,
    MachineShutDown,
    MachineStarted,
    MachineThawed,
)
from .trace import AlarmRecord


class Seat:
    """A core, when its machine will look after it again, what its deadline is due to, and whether it may rest."""

    __slots__ = ("armed", "cause", "core", "deadline", "lull", "name")

    def __init__(self, name: str, core: Any, lull: Any = None):
        self.name, self.core, self.armed, self.lull = name, core, NEVER, lull
        self.deadline, self.cause = NEVER, -1


WRITES = (Save, Append, Trim)


class Clock(NamedTuple):
    """A clock that does not run as it should: `rate` of its seconds pass in one true second."""

    rate: float
    since: int  # true µs from which on it has run at this rate
    showed: int  # what it showed then, µs

    def read(self, now: int) -> int:
        return self.showed + int((now - self.since) * self.rate)

    def when(self, time: int) -> int:
        """The true time at which it will show at least `time`."""
        wait = time - self.showed
        return NEVER if time >= NEVER else self.since + int(wait / self.rate) + 1 if wait > 0 else self.since


class Machine:
    """Runs cores. `boot(machine)` builds them, in the order in which they start; `outside(machine, core, message)`
    hears what is told to nobody on this machine."""

    def __init__(self, name: str, kernel, network, trace, boot: Callable, outside: Callable):
        self.name, self.kernel, self.network, self.trace = name, kernel, network, trace
        self.boot, self.outside = boot, outside
        self.lull: Any = None  # what its cores may leave out while nothing is wrong, see `lull`; set by the network
        self.disks: dict[str, Disk] = {}  # what survives a crash
        self.seats: dict[str, Seat] = {}
        self.latest: dict[str, int] = {}  # other machine → when the latest message to it arrives, kept by the network
        self.newest = -1  # the last of these arrivals
        self.running = False
        self.frozen = False
        self.lag = 0  # µs of work that its own load makes of each thing it does, on average
        self.clock: Clock | None = None  # None: it shows the true time
        self.disk_lag = 0  # µs that a write takes
        self.tear = -1  # power goes off after so many more effects; -1: it does not
        self.ailing = False  # one of these three is not as it should be: steps take the slow way
        self.hindered = True  # not running, frozen or loaded: events take the slow way
        self.life = 0  # counts boots, so that alarms of an earlier life are known
        self._frozen_until = 0
        self._backlog: list = []  # what came in while frozen: (handler, argument, cause)
        self._free_at = 0  # when a loaded machine has done what it heard so far
        self._told: deque = deque()
        self._writing: dict[str, deque] = {}  # core → effects that wait for its disk

    # ── life ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def start(self) -> None:
        """Boot: every core is built from its disk and hears `Started`."""
        self.disturb()
        self.running, self.life = True, self.life + 1
        self.lag = self._free_at = self._frozen_until = 0
        self._set_hindered()
        cause = self.kernel.cause
        self.trace.note(self.name, MachineStarted(), cause)
        started = self.kernel.cause
        cores, lull = self.boot(self), self.lull
        self.seats = {
            name: Seat(name, core, lull if lull and name == lull.core else None) for name, core in cores.items()
        }
        for seat in self.seats.values():
            self.kernel.cause = started
            self._step(seat, STARTED)
        self.kernel.cause = cause

    def crash(self) -> None:
        """Power off: memory and timers are lost, the disk stays."""
        self._end(MachineCrashed())

    def shut_down(self) -> None:
        """Stop in order. The disk stays."""
        self._end(MachineShutDown())

    def freeze(self, duration: int) -> None:
        """Stop for a while and go on unaware; what comes in meanwhile waits."""
        self.disturb()
        self.frozen = True
        self._set_hindered()
        until = self._frozen_until = max(self._frozen_until, self.kernel.now + duration)
        self.note(MachineFrozen(until))
        self.kernel.at(until, self._thaw, self.life)

    def load(self, lag: int) -> None:
        """Be so busy that each thing takes about `lag` µs, one after the other; 0 is idle again. A reboot ends it."""
        self.disturb()
        self.lag = lag
        self._set_hindered()
        self.note(MachineLoaded(lag))

    def look_again(self, core: str) -> None:
        """Somebody changed the deadline of a core by hand."""
        seat = self.seats[core]
        seat.deadline = seat.core.deadline
        if self.trace.with_alarms:
            self.trace.alarms.append(AlarmRecord(self.kernel.now, self.name, core, seat.deadline))
        self.arm(seat)

    def drift(self, rate: float) -> None:
        """Let the clock run at this rate from now on; 1 is right, though what it shows by now may stay wrong."""
        self.disturb()
        showed = self.local_now()
        self.clock = None if rate == 1 and showed == self.kernel.now else Clock(rate, self.kernel.now, showed)
        self._set_ailing()
        self.note(ClockChanged(rate))
        for seat in self.seats.values():
            if seat.core.deadline < NEVER:
                self.arm(seat)

    def slow_disk(self, lag: int) -> None:
        """From now on each write takes `lag` µs; 0 is at once again, behind what is under way."""
        self.disturb()
        self.disk_lag = lag
        self._set_ailing()
        self.note(DiskChanged(lag))

    def tear_down(self, after: int) -> None:
        """Power off in the middle of what a core asks for next, when so many effects of it are done."""
        self.disturb()
        self.tear = after
        self._set_ailing()

    def local_now(self) -> int:
        """The time that this machine's own clock shows, µs."""
        return self.kernel.now if self.clock is None else self.clock.read(self.kernel.now)

    def disk(self, core: str) -> Disk:
        """What this core has on disk."""
        disk = self.disks.get(core)
        if disk is None:
            disk = self.disks[core] = Disk()
        return disk

    def disturb(self) -> None:
        """Something about it is going to change: whoever is at rest goes on."""
        if self.lull:
            self.lull.disturb()

    def note(self, fact: Any) -> None:
        """Put a fact about this machine into the trace."""
        self.trace.remark(self.name, fact)

    def _end(self, fact: Any) -> None:
        self.disturb()
        self.running = self.frozen = False
        self._set_hindered()
        for seat in self.seats.values():
            seat.armed = -1  # its alarms never fire
        self.seats, self._backlog = {}, []
        self._writing, self.tear = {}, -1
        self._set_ailing()
        if self.lull:
            self.lull.forget(self)
        self._told.clear()
        self.note(fact)

    def _thaw(self, epoch: int) -> None:
        if epoch != self.life or not self.frozen or self.kernel.now < self._frozen_until:
            return
        self.frozen = False
        self._set_hindered()
        self.note(MachineThawed())
        backlog, self._backlog = self._backlog, []
        for handler, argument, self.kernel.cause in backlog:
            if self.running:
                handler(argument)

    def _set_hindered(self) -> None:
        behind = self._free_at > self.kernel.now  # it still works off what it heard under load
        self.hindered = not self.running or self.frozen or self.lag > 0 or behind

    def _set_ailing(self) -> None:
        self.ailing = self.clock is not None or self.disk_lag > 0 or self.tear >= 0 or bool(self._writing)

    # ── what comes in ────────────────────────────────────────────────────────────────────────────────────────────

    def arrive(self, packet: tuple[str, Received]) -> None:
        """A message has come over the network: (core, what it hears)."""
        if self.hindered:
            self._hinder(self._hear, packet)
        else:
            seat = self.seats.get(packet[0])
            if seat is not None:
                self._step(seat, packet[1])

    def do(self, handler: Callable, argument: Any) -> None:
        """Something comes in that is no message to a core: done at once, or late, or never, as the machine is."""
        if self.hindered:
            self._hinder(handler, argument)
        else:
            handler(argument)

    def tell(self, core: str, sender: str, message: Any) -> None:
        """Somebody at this machine speaks to one of its cores."""
        self.arrive((core, Told(sender, message)))  # type: ignore[arg-type]

    def _hear(self, packet: tuple[str, Any]) -> None:
        seat = self.seats.get(packet[0])
        if seat is not None:
            self._step(seat, packet[1])

    def _wake(self, alarm: tuple[Seat, int]) -> None:
        seat, time = alarm
        if time != seat.armed:
            return  # an earlier deadline has taken its place, or the machine has rebooted
        if self.hindered and seat.core.deadline <= self.local_now():  # an alarm that is too early is no work
            seat.armed = -1  # it has gone off
            self._hinder(self._look_after, seat)
        else:
            self._look_after(seat)

    def _look_after(self, seat: Seat) -> None:
        core, seat.armed = seat.core, NEVER
        if seat.lull and seat.lull.on:
            seat.lull.before(seat)
        now = self.kernel.now if self.clock is None else self.local_now()
        if core.deadline <= now:
            self.kernel.cause = seat.cause
            self._step(seat, WOKEN)
            assert core.deadline > now, f"core {seat.name!r} was woken and left its deadline in the past"
        elif core.deadline < NEVER:
            self.arm(seat)

    def _hinder(self, handler: Callable, argument: Any) -> None:
        """The slow way: lost when it is off, kept when it is frozen, late when it is loaded."""
        if not self.running:
            return
        if self.frozen:
            self._backlog.append((handler, argument, self.kernel.cause))
            return
        work = int(2 * self.lag * self.kernel.stream(f"load/{self.name}").random())
        self._free_at = max(self._free_at, self.kernel.now) + work
        self.kernel.at(self._free_at, self._do_late, (handler, argument, self.life))

    def _do_late(self, work: tuple) -> None:
        handler, argument, epoch = work
        if epoch != self.life or not self.running:
            return
        if self.frozen:
            self._backlog.append((handler, argument, self.kernel.cause))
        else:
            handler(argument)
            self._set_hindered()

    # ── what its cores ask for ───────────────────────────────────────────────────────────────────────────────────

    def _step(self, seat: Seat, event: Any) -> None:
        """One core hears one thing; then the others hear what that led to, until all are quiet."""
        core, lull = seat.core, seat.lull
        if lull and lull.on:
            lull.before(seat)
        if self.ailing:
            self._step_badly(seat, event)
            if not self.running:
                return
        else:
            effects = core.step(event, self.kernel.now)
            if effects:
                self._carry_out(seat, effects, event is WOKEN)
        deadline = core.deadline
        if deadline != seat.deadline:
            seat.deadline, seat.cause = deadline, self.kernel.cause
            if self.trace.with_alarms:
                self.trace.alarms.append(AlarmRecord(self.kernel.now, self.name, seat.name, deadline))
            if deadline < seat.armed or self.clock is not None:
                self.arm(seat)
        if lull:
            lull.after(self, seat)

    def _step_badly(self, seat: Seat, event: Any) -> None:
        """The same, with a wrong clock, a slow disk, or a power cut on the way."""
        effects = seat.core.step(event, self.local_now())
        if effects:
            self._carry_out(seat, self._held_up(seat, effects), event is WOKEN)
            if self.tear == 0:
                self.crash()

    def _carry_out(self, seat: Seat, effects: list, woken: bool) -> None:
        if len(effects) == 1 and type(effects[0]) is Send:
            self.network.send(self, effects[0])
            return
        cause = self.kernel.cause  # facts of one step are siblings: they share its cause
        told, busy = self._told, bool(self._told)
        for effect in effects:
            kind = type(effect)
            if kind is Send:
                self.network.send(self, effect)
            elif kind is Note:
                due = self._due_to(effect, woken, cause) if woken or effect.of else cause
                self.trace.note(self.name, effect.fact, due)
            elif kind is Tell:
                told.append((effect.core, seat.name, effect.message, self.kernel.cause))
            elif kind is Save:
                self._save(seat.name, effect)
            elif kind is Append:
                log = self.disk(seat.name).log
                del log[effect.start - 1 :]
                log.extend(effect.entries)
            elif kind is Trim:
                del self.disk(seat.name).log[: effect.count]
            else:
                raise AssertionError(f"core {seat.name!r} asks for {effect!r}, which no machine can do")
        if told and not busy:
            self._pass_on()

    def _held_up(self, seat: Seat, effects: list) -> list:
        """What of it can be done now: all that comes before the power goes off, and before a write on a slow disk."""
        if self.tear >= 0:
            effects = effects[: self.tear]
            self.tear -= len(effects)
        line = self._writing.get(seat.name)
        if line is None and not self.disk_lag:
            return effects
        first = next((n for n, effect in enumerate(effects) if type(effect) in WRITES), len(effects))
        now, later = effects[:first], effects[first:]
        if line:
            vital = any(type(e) is Save and e.vital for group in line for list_, _ in group for e in list_)
            now = [] if vital else [effect for effect in now if type(effect) is Send]
            later = effects if vital else [e for e in effects[:first] if type(e) is not Send] + later
        if later:
            if line is None:
                line = self._writing[seat.name] = deque([[]])
                self.kernel.after(self.disk_lag, self._write, (seat, self.life))
            elif len(line) == 1:
                line.append([])
            line[-1].append((later, self.kernel.cause))
        return now

    def _write(self, work: tuple[Seat, int]) -> None:
        """A slow disk has done a write, with all that lay behind it; what came meanwhile is the next one."""
        seat, epoch = work
        if epoch != self.life or not self.running:
            return
        line = self._writing[seat.name]
        for effects, self.kernel.cause in line[0]:
            if self.running:
                self._carry_out(seat, effects, False)
        line.popleft()
        if line and self.running:
            self.kernel.after(self.disk_lag, self._write, work)
        elif not line:
            self._writing.pop(seat.name, None)
            self._set_ailing()

    def _due_to(self, note: Note, woken: bool, cause: int) -> int:
        """A core waits for many things at once, and tells many things at once. What it notes when time is up goes on
        with the story of its subject; what it notes of a batch, with what the batch said of it."""
        if note.of == SILENCE:
            return -1
        story = self.trace.told(note.of) if note.of else self.trace.story(self.name, note.fact) if woken else None
        return cause if story is None else story

    def _pass_on(self) -> None:
        told = self._told
        while told:
            core, sender, message, self.kernel.cause = told[0]  # stays in the queue while it is heard: keeps the order
            seat = self.seats.get(core)
            if seat is not None:
                self._step(seat, Told(sender, message))
            else:
                self.outside(self, core, message)
            if told:  # else the power went off meanwhile
                told.popleft()

    def _save(self, core: str, effect: Save) -> None:
        values = self.disk(core).values
        if effect.value is None:
            values.pop(effect.key, None)
        else:
            values[effect.key] = effect.value

    def arm(self, seat: Seat) -> None:
        """Look after this core when it next wants it."""
        core = seat.core
        time = core.rest_deadline if seat.lull and seat.lull.on else core.deadline
        if self.clock is not None:
            time = self.clock.when(time)
        if time < NEVER:
            if time < self.kernel.now:
                time = self.kernel.now
            seat.armed = time
            self.kernel.at(time, self._wake, (seat, time))
