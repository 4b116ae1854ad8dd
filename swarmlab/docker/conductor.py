"""Simulated time that follows the wall clock, so that a real client in a terminal, a board and a cell share one world.

The conductor lets the time of a cluster pass in the background, `pace` simulated seconds for each real one; with pace 0 it
moves only as far as a request needs. What is asked meanwhile through a `session` is an act of the run like any other
(`World.ask`), at an instant between two events: done again with the same acts, the run is the same.
"""

# Simpler than in reality (docs/simplifications.md): served-dates, ahead

import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from ..effects import MS, SECOND
from ..objects import ApiError
from . import dates

BEAT = 0.05  # seconds of the wall clock between two looks at it
LAG = 0.25  # seconds: what it could not keep up with beyond this is forgotten
AHEAD = 50 * MS  # how far an answer may run ahead of the clock
PATIENCE = 600 * SECOND  # how long a request may take where no clock runs
DRIFT = 200 * MS  # how far dates may be off before they are set again
TOO_LATE = "rpc error: code = DeadlineExceeded desc = context deadline exceeded"
READING = ("Get", "List", "Info", "Logs", "Events", "SwarmChanges")  # requests that change nothing begin so


class Gone(Exception):
    """Nobody is there to answer (any more): the machine is off, or the clock was stopped for good."""


class Conductor:
    """Lets the time of a cluster pass. There is one for each cluster: `cluster.conductor()`."""

    def __init__(self, cluster: Any, pace: float = 1.0, clock: Callable[[], float] = time.monotonic):
        self.cluster, self.clock = cluster, clock
        self.pace = pace
        self.paused = self.stopped = False
        self.guests = 0  # servers and boards for whom alone it runs: the last of them stops it
        self.moved = threading.Condition(cluster.turn)  # the world may have changed
        self.listeners: list[Callable[[], None]] = []
        self._thread: threading.Thread | None = None
        self._alarm = threading.Event()
        self._looked = clock()
        self._owed = 0.0  # µs of simulated time that the clock is ahead; below 0: that it is behind
        self._shift: int | None = None
        self._given_up: list[tuple[int, Any, int]] = []  # number of a request, machine, and which life of it was asked

    @property
    def pace(self) -> float:
        """Simulated seconds for each real one; 0: time moves only as far as requests need."""
        return self._pace

    @pace.setter
    def pace(self, pace: float) -> None:
        if isinstance(pace, bool) or not isinstance(pace, int | float) or not 0 <= pace <= 1000:
            raise ValueError(f"a pace of {pace!r}: a number from 0 to 1000")
        self._pace = float(pace)

    # ── the clock ────────────────────────────────────────────────────────────────────────────────────────────────

    def start(self) -> "Conductor":
        """Begin to follow the wall clock."""
        if self._thread is None:
            self._looked, self.stopped = self.clock(), False
            self._alarm.clear()
            self._thread = threading.Thread(target=self._follow, name="swarmlab clock", daemon=True)
            self._thread.start()
        return self

    def stop(self) -> None:
        """Stop following it; whoever waits for an answer is told that nobody is there. Not from within a turn: the clock
        may be waiting for its own."""
        self._alarm.set()
        with self.moved:
            self.stopped = True
            self.moved.notify_all()
        if self._thread and self._thread is not threading.current_thread():
            self._thread.join()
        self._thread = None

    def join(self, began: bool) -> None:
        """Somebody uses it until they `part`; `began`: it was started for them. What a person started goes on for ever."""
        self.guests = 1 if began else self.guests + (self.guests > 0)

    def part(self) -> None:
        """One of them needs it no more; nobody else does: stop."""
        if self.guests:
            self.guests -= 1
            if not self.guests:
                self.stop()

    def pause(self) -> None:
        """Let time stand still; requests are still answered, if that takes no longer than a blink."""
        self.paused = True

    def resume(self) -> None:
        """Let time pass again."""
        self.paused = False

    def listen(self, callback: Callable[[], None]) -> None:
        """Call this after each beat in which something may have changed, up to 20 times a second, in the turn."""
        self.listeners.append(callback)

    def unlisten(self, callback: Callable[[], None]) -> None:
        """Call it no more."""
        if callback in self.listeners:
            self.listeners.remove(callback)

    def _follow(self) -> None:
        try:
            while not self._alarm.wait(BEAT):
                self.beat()
        except Exception:  # the world itself is broken: nobody shall wait for it
            traceback.print_exc(file=sys.stderr)
            with self.moved:
                self.stopped = True
                self.moved.notify_all()

    def beat(self) -> None:
        """Look at the wall clock, and let pass what is due."""
        with self.moved:
            self._let_pass()
            self.moved.notify_all()
            self._tell_listeners()

    def _let_pass(self) -> None:
        now = self.clock()
        real, self._looked = min(now - self._looked, LAG), now
        running = self.pace if not self.paused else 0
        self._owed = min(self._owed + real * running * SECOND, LAG * max(running, 1) * SECOND)
        due = int(self._owed)
        if running and due > 0:
            self._owed -= due
            self.cluster._pass(self.cluster.kernel.now + due)
        self._given_up = [one for one in self._given_up if self._may_answer(*one)]

    def _may_answer(self, number: int, machine: Any, life: int) -> bool:
        """Whether an answer that nobody waits for is still to come; one that is there is thrown away."""
        return self.cluster.answered(number) is None and machine.running and machine.life == life

    def _tell_listeners(self) -> None:
        for callback in list(self.listeners):
            try:
                callback()
            except Exception:  # somebody else's fault, and no reason for time to stop
                traceback.print_exc(file=sys.stderr)
                self.unlisten(callback)

    @property
    def shift(self) -> int:
        """µs to be added to a virtual instant for the date that makes now the now of the wall clock."""
        now = time.time_ns() // 1000 - dates.nanoseconds(self.cluster.kernel.now) // 1000
        if self._shift is None or abs(now - self._shift) > DRIFT:
            self._shift = now
        return self._shift

    # ── requests ─────────────────────────────────────────────────────────────────────────────────────────────────

    def session(self, machine: str, said: str = "") -> "Asking":
        """Somebody who asks the engine of a machine. `said` is how the trace calls what they do."""
        return Asking(self, machine, said)

    def ask(self, machine: str, request: Any, said: str, wanted: Callable[[], bool]) -> Any:
        """Hand a request to the engine of a machine, and wait for its reply as long as it is `wanted`."""
        with self.moved:
            here = self.cluster.machines[machine]
            if self.stopped or not here.running:
                raise Gone(machine)
            life = here.life
            number = self.cluster.ask(machine, request, said=said)
            reply = self._run_ahead(number)
            while reply is None:
                if self.stopped or not here.running or here.life != life or not wanted() or not self.pace:
                    self._given_up.append((number, here, life))
                    raise Gone(machine)
                self.moved.wait(2 * BEAT)
                reply = self.cluster.answered(number)
            return reply

    def _run_ahead(self, number: int) -> Any:
        """The reply, if it comes before the clock would have to be waited for."""
        begun = self.cluster.kernel.now
        reply = self.cluster.answered(number, within=AHEAD if self.pace else PATIENCE)
        self._owed -= self.cluster.kernel.now - begun if self.pace and not self.paused else 0
        return reply

    def wait(self, duration: int, wanted: Callable[[], bool]) -> None:
        """Block until so many µs have passed; where no clock runs, that is as long as they take, and makes them pass."""
        with self.moved:
            until, late = self.cluster.kernel.now + duration, self.clock() + duration / SECOND
            while self.cluster.kernel.now < until and (self.pace or self.clock() < late):
                if self.stopped or not wanted():
                    raise Gone("")
                self.moved.wait(min(BEAT, duration / SECOND))
            if self.cluster.kernel.now < until:
                self.elapse(until - self.cluster.kernel.now)

    def elapse(self, duration: int) -> None:
        """Let so many µs pass where no clock runs: somebody looks again and again, and wants to see something happen."""
        with self.moved:
            if not self.pace and not self.paused:
                self.cluster._pass(self.cluster.kernel.now + duration)
                self.moved.notify_all()


class Asking:
    """A session (`docker.session.Session`) whose time is that of the conductor."""

    env: Mapping[str, str] = {}

    def __init__(self, conductor: Conductor, machine: str, said: str = ""):
        self.conductor, self.machine, self.said = conductor, machine, said
        self.left = False  # the client has gone: nobody waits for an answer any more
        self.is_gone: Callable[[], bool] = lambda: False  # has it, where nobody is told?

    @property
    def now(self) -> int:
        """µs of virtual time."""
        return self.conductor.cluster.kernel.now

    @property
    def shift(self) -> int:
        """µs between virtual dates and those that a client expects."""
        return self.conductor.shift

    @property
    def is_on_demand(self) -> bool:
        """Whether time moves by requests alone."""
        return not self.conductor.pace and not self.conductor.paused

    def call(self, request: Any) -> Any:
        """The engine's reply. Raises ApiError with Docker's words, `Gone` when nobody answers any more."""
        said = "" if type(request).__name__.startswith(READING) else self.said
        reply = self.conductor.ask(self.machine, request, said, self._is_wanted)
        if reply.error is not None:
            raise ApiError(reply.error)
        return reply.value

    def within(self, request: Any, duration: int) -> Any:
        """The engine's reply to what is only looked at, if it comes in so many µs. Raises `ApiError` otherwise, too."""
        until = self.now + duration
        try:
            reply = self.conductor.ask(self.machine, request, "", lambda: self._is_wanted() and self.now < until)
        except Gone:
            if not self._is_wanted() or self.now < until:
                raise
            raise ApiError(TOO_LATE) from None
        if reply.error is not None:
            raise ApiError(reply.error)
        return reply.value

    def wait(self, duration: int) -> None:
        """Let so many µs pass. Raises `Gone` when nobody waits any more."""
        self.conductor.wait(duration, self._is_wanted)

    def elapse(self, duration: int) -> None:
        """Let so many µs pass, if the clock stands still."""
        self.conductor.elapse(duration)

    def read(self, path: str) -> bytes:
        """A client reads its files itself."""
        raise FileNotFoundError(path)

    def leave(self) -> None:
        """The client has gone."""
        self.left = True

    def _is_wanted(self) -> bool:
        return not self.left and not self.is_gone()
