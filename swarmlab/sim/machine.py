"""One computer: it feeds its cores what they hear, carries out what they ask for, and can fail.

All cores are pure, so this is the only place where an effect becomes real. What `Save` and `Append` wrote stays over
a crash; everything else, timers included, is gone.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

from ..effects import NEVER, SILENCE, STARTED, WOKEN, Append, Disk, Note, Received, Save, Send, Tell, Told
from ..events import MachineCrashed, MachineFrozen, MachineLoaded, MachineShutDown, MachineStarted, MachineThawed
from .trace import AlarmRecord


class Seat:
    """A core, when its machine will look after it again, and what its deadline is due to."""

    __slots__ = ("armed", "cause", "core", "deadline", "name")

    def __init__(self, name: str, core: Any):
        self.name, self.core, self.armed = name, core, NEVER
        self.deadline, self.cause = NEVER, -1


class Machine:
    """Runs cores. `boot(machine)` builds them, in the order in which they start; `outside(machine, core, message)`
    hears what is told to nobody on this machine."""

    def __init__(self, name: str, kernel, network, trace, boot: Callable, outside: Callable):
        self.name, self.kernel, self.network, self.trace = name, kernel, network, trace
        self.boot, self.outside = boot, outside
        self.disks: dict[str, Disk] = {}  # what survives a crash
        self.seats: dict[str, Seat] = {}
        self.running = False
        self.frozen = False
        self.lag = 0  # µs of work that its own load makes of each thing it does, on average
        self.hindered = True  # not running, frozen or loaded: events take the slow way
        self._epoch = 0  # counts boots, so that alarms of an earlier life are known
        self._frozen_until = 0
        self._backlog: list = []  # what came in while frozen: (handler, argument, cause)
        self._free_at = 0  # when a loaded machine has done what it heard so far
        self._told: deque = deque()

    # ── life ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def start(self) -> None:
        """Boot: every core is built from its disk and hears `Started`."""
        self.running, self._epoch = True, self._epoch + 1
        self.lag = self._free_at = self._frozen_until = 0
        self._set_hindered()
        cause = self.kernel.cause
        self.trace.note(self.name, MachineStarted(), cause)
        started = self.kernel.cause
        cores = self.boot(self)
        self.seats = {name: Seat(name, core) for name, core in cores.items()}
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
        self.frozen = True
        self._set_hindered()
        until = self._frozen_until = max(self._frozen_until, self.kernel.now + duration)
        self.note(MachineFrozen(until))
        self.kernel.at(until, self._thaw, self._epoch)

    def load(self, lag: int) -> None:
        """Be so busy that each thing takes about `lag` µs, one after the other; 0 is idle again. A reboot ends it."""
        self.lag = lag
        self._set_hindered()
        self.note(MachineLoaded(lag))

    def disk(self, core: str) -> Disk:
        """What this core has on disk."""
        disk = self.disks.get(core)
        if disk is None:
            disk = self.disks[core] = Disk()
        return disk

    def note(self, fact: Any) -> None:
        """Put a fact about this machine into the trace."""
        self.trace.remark(self.name, fact)

    def _end(self, fact: Any) -> None:
        self.running = self.frozen = False
        self._set_hindered()
        for seat in self.seats.values():
            seat.armed = -1  # its alarms never fire
        self.seats, self._backlog = {}, []
        self.note(fact)

    def _thaw(self, epoch: int) -> None:
        if epoch != self._epoch or not self.frozen or self.kernel.now < self._frozen_until:
            return
        self.frozen = False
        self._set_hindered()
        self.note(MachineThawed())
        backlog, self._backlog = self._backlog, []
        for handler, argument, self.kernel.cause in backlog:
            handler(argument)

    def _set_hindered(self) -> None:
        behind = self._free_at > self.kernel.now  # it still works off what it heard under load
        self.hindered = not self.running or self.frozen or self.lag > 0 or behind

    # ── what comes in ────────────────────────────────────────────────────────────────────────────────────────────

    def arrive(self, packet: tuple[str, Received]) -> None:
        """A message has come over the network: (core, what it hears)."""
        if self.hindered:
            self._hinder(self._hear, packet)
        else:
            self._hear(packet)

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
        if self.hindered:
            self._hinder(self._look_after, seat)
        else:
            self._look_after(seat)

    def _look_after(self, seat: Seat) -> None:
        seat.armed = NEVER
        if seat.core.deadline <= self.kernel.now:
            self.kernel.cause = seat.cause
            self._step(seat, WOKEN)
            assert seat.core.deadline > self.kernel.now, (
                f"core {seat.name!r} was woken and left its deadline in the past"
            )
        elif seat.core.deadline < NEVER:
            self._arm(seat)

    def _hinder(self, handler: Callable, argument: Any) -> None:
        """The slow way: lost when it is off, kept when it is frozen, late when it is loaded."""
        if not self.running:
            return
        if self.frozen:
            self._backlog.append((handler, argument, self.kernel.cause))
            return
        work = int(2 * self.lag * self.kernel.stream(f"load/{self.name}").random())
        self._free_at = max(self._free_at, self.kernel.now) + work
        self.kernel.at(self._free_at, self._do_late, (handler, argument, self._epoch))

    def _do_late(self, work: tuple) -> None:
        handler, argument, epoch = work
        if epoch != self._epoch or not self.running:
            return
        if self.frozen:
            self._backlog.append((handler, argument, self.kernel.cause))
        else:
            handler(argument)
            self._set_hindered()

    # ── what its cores ask for ───────────────────────────────────────────────────────────────────────────────────

    def _step(self, seat: Seat, event: Any) -> None:
        """One core hears one thing; then the others hear what that led to, until all are quiet."""
        core = seat.core
        effects = core.step(event, self.kernel.now)
        if effects:
            self._carry_out(seat, effects, event is WOKEN)
        deadline = core.deadline
        if deadline != seat.deadline:
            seat.deadline, seat.cause = deadline, self.kernel.cause
            if self.trace.with_alarms:
                self.trace.alarms.append(AlarmRecord(self.kernel.now, self.name, seat.name, deadline))
            if deadline < seat.armed:
                self._arm(seat)

    def _carry_out(self, seat: Seat, effects: list, woken: bool) -> None:
        cause = self.kernel.cause  # facts of one step are siblings: they share its cause
        told, busy = self._told, bool(self._told)
        for effect in effects:
            kind = type(effect)
            if kind is Send:
                self.network.send(self, effect)
            elif kind is Note:
                self.trace.note(self.name, effect.fact, self._due_to(effect, woken, cause))
            elif kind is Tell:
                told.append((effect.core, seat.name, effect.message, self.kernel.cause))
            elif kind is Save:
                self._save(seat.name, effect)
            elif kind is Append:
                log = self.disk(seat.name).log
                del log[effect.start - 1 :]
                log.extend(effect.entries)
            else:
                raise AssertionError(f"core {seat.name!r} asks for {effect!r}, which no machine can do")
        if told and not busy:
            self._pass_on()

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
            told.popleft()

    def _save(self, core: str, effect: Save) -> None:
        values = self.disk(core).values
        if effect.value is None:
            values.pop(effect.key, None)
        else:
            values[effect.key] = effect.value

    def _arm(self, seat: Seat) -> None:
        seat.armed = time = max(seat.core.deadline, self.kernel.now)
        self.kernel.at(time, self._wake, (seat, time))
