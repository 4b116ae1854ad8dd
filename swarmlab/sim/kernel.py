"""One queue, one clock, one seed.

Time is a whole number of µs. Of two events at the same instant the one scheduled first happens first, so a run is a
function of its seed. What sits in the queue is data and bound methods, never a closure: the whole world can be
pickled, and so forked. Every event carries the number of the fact that caused it.
"""

# Simpler than in reality (docs/simplifications.md): virtual-time

import gc
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

Alarm = tuple[int, int]  # a ticket for something scheduled, good for cancelling it: its time and its order


_LAST = 1 << 62  # an order after all others


class Halt(Exception):
    """Leaves `run`; never seen outside of it."""


class Unswept:
    """While this lasts Python looks for no garbage: what makes a world makes none that needs collecting, and looking for
    it among all facts is expensive."""

    def __enter__(self) -> None:
        self.collecting = gc.isenabled()
        gc.disable()

    def __exit__(self, *_: Any) -> None:
        if self.collecting:
            gc.enable()


class Kernel:
    """Runs what was scheduled, in order of time and then of scheduling."""

    def __init__(self, seed: int | str = 0):
        self.seed = seed
        self.now = 0  # µs
        self.cause = -1  # the fact that led to what is happening; -1: nothing before it
        self._queue: list = []  # (time, order, handler, argument, cause)
        self._order = 0
        self._current = 0  # order of the event that is happening
        self._single = False  # one event at a time: somebody looks after each
        self._run = 0  # counts the calls of `run`
        self.told = False  # somebody wants it to end: time stands still after this instant, see `turn`
        self.watched: Any = None  # a list of facts; `_observer` is called when it has grown, see `watch`
        self._observer: Any = None
        self._seen = 0
        self._cancelled: set = set()
        self._streams: dict = {}

    def at(self, time: int, handler: Callable[[Any], Any], argument: Any = None) -> Alarm:
        """Call `handler(argument)` at `time` (now, if that is past). The cause is handed on."""
        if time < self.now:
            time = self.now
        self._order = order = self._order + 1
        heappush(self._queue, (time, order, handler, argument, self.cause))
        return time, order

    def after(self, delay: int, handler: Callable[[Any], Any], argument: Any = None) -> Alarm:
        """Call `handler(argument)` when `delay` µs have passed."""
        assert delay >= 0, f"nothing can be scheduled {-delay} µs ago"
        time = self.now + delay
        self._order = order = self._order + 1
        heappush(self._queue, (time, order, handler, argument, self.cause))
        return time, order

    def first(self, time: int, handler: Callable[[Any], Any], argument: Any = None) -> None:
        """Call `handler(argument)` at `time`, before all else of that µs that has not begun. It is due to nothing."""
        heappush(self._queue, (time, 0, handler, argument, -1))

    def weave(self, events: list) -> None:
        """Let what is in the queue of somebody else, (time, order, handler, argument), happen until something in this
        one is due. Small steps: four of them count as one event. Whoever has more asks to be `first` with it, so that
        where a run is cut makes no difference."""
        queue, steps, self._current = self._queue, 0, 0
        while True:
            self.now, _, handler, argument = heappop(events)
            self.cause = -1
            handler(argument)
            steps += 1
            if not events or (queue and queue[0][0] < events[0][0]) or self._single:
                self._order += steps // 4
                return

    def cancel(self, alarm: Alarm) -> None:
        """Forget what was scheduled; nothing happens if it is over already."""
        if alarm > (self.now, self._current):
            self._cancelled.add(alarm[1])

    def run(self, until: int) -> None:
        """Let time pass until `until` (inclusive), or until something that happens calls `stop`."""
        queue, cancelled, watched = self._queue, self._cancelled, self.watched
        self._run += 1
        self._single = False
        heappush(queue, (self.now if self.told else until, _LAST, self._halt, self._run, -1))
        collecting = gc.isenabled()
        gc.disable()  # a run makes no garbage that needs collecting, and looking for it among all facts is expensive
        try:
            while True:
                self.now, self._current, handler, argument, self.cause = heappop(queue)
                if cancelled and self._current in cancelled:
                    cancelled.discard(self._current)
                else:
                    handler(argument)
                    if self.told:
                        heappush(queue, (self.now, _LAST, self._halt, self._run, -1))
                    if watched is not None and len(watched) > self._seen:
                        self._look()
        except Halt:
            self.cause, self._current = -1, self._order
        finally:
            if collecting:
                gc.enable()

    def step(self, until: int) -> bool:
        """Let one event happen, if one is due by `until`; else time passes until then. Says whether one happened."""
        queue = self._queue
        while queue and queue[0][0] <= until:
            self.now, self._current, handler, argument, self.cause = heappop(queue)
            if self._current in self._cancelled:
                self._cancelled.discard(self._current)
            elif handler != self._halt:
                self._single = True
                handler(argument)
                self._single = False
                self.cause = -1
                if self.watched is not None and len(self.watched) > self._seen:
                    self._look()
                return True
        self.now = max(self.now, until)
        return False

    def watch(self, facts: list, observer: Callable[[], Any]) -> None:
        """Call `observer` after every event that made the list of facts longer: how laws are checked."""
        self.watched, self._observer, self._seen = facts, observer, len(facts)

    def __getstate__(self) -> dict:
        """Who watches one world, or wants it to end, does not watch its twins."""
        return {**self.__dict__, "watched": None, "_observer": None, "_seen": 0, "told": False}

    def _look(self) -> None:
        self._observer()
        self._seen = len(self.watched)

    def stop(self) -> None:
        """Return from `run` after the event that is happening."""
        heappush(self._queue, (self.now, -1, self._halt, self._run, -1))

    def _halt(self, run: int) -> None:
        if run == self._run:  # the mark of a run that was stopped before it stays in the queue, and means nothing
            raise Halt

    @property
    def scheduled(self) -> int:
        """How many events were ever scheduled: how much work the run has been so far."""
        return self._order

    def stream(self, name: str):
        """The random stream of this name. A new name never shifts the draws of an old one.

        Only `random()` and `getrandbits()` may be used: they are the same on every Python version.
        """
        stream = self._streams.get(name)
        if stream is None:
            from hashlib import sha256  # here and below: loaded when the first world is made, not on import
            from random import Random

            digest = sha256(f"{self.seed}/{name}".encode()).digest()
            stream = self._streams[name] = Random(int.from_bytes(digest[:16], "big"))
        return stream
