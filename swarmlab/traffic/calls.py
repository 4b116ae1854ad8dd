"""What containers ask each other before they answer requests that come by the thousand: client → balancer → broker.

A container that asks another one works on other requests meanwhile. The parts of its application (`line.app`) say whom it asks;
they are the same for requests that come alone. Each such call leaves a row in the trace's `calls`.
"""

# Simpler than in reality (docs/simplifications.md): calls-rows

from typing import Any

from ..messages import Stirred
from ..overlay import bulk
from .journey import Journeys, Trip
from .measures import BAD, FULL, LATE, OK, RESET, TIMED_OUT

PASSED_ON = (OK, FULL, BAD, LATE)


class Call(Trip):
    """A request of a container, for the sake of one that it was asked."""

    def __init__(self, trip: Trip, machine: Any, line: Any, target: Any, now: int):
        super().__init__(trip.load, None, line.app.name, trip.number, -1, now)
        self.parent, self.machine, self.line, self.target = trip, machine, line, target
        self.node, self.life, self.depth = machine.name, machine.life, trip.depth + 1
        self.asks = (target.host, target.port, line.key)


class Calls(Journeys):
    """Requests that lead to others."""

    def worked(self, machine: Any, line: Any, trip: Trip) -> None:
        """A container has done its own work on a request."""
        app = line.app
        if app.shelf is not None and self._port(machine, line, trip) == app.port_of_messages:
            self._keep(machine, line)
        if app.onward and trip.depth == app.deepest:
            trip.fate = BAD
            self._answer(machine, line, trip)
            return
        target = app.onward.choose(self._port(machine, line, trip)) if app.onward else None
        if target is None or not target.port:
            trip.fate = FULL if app.onward and target is None else OK
            self._answer(machine, line, trip)
            return
        now = self.kernel.now
        call = Call(trip, machine, line, target, now)
        self._at(now + target.patience, self._call_late, call)
        self._at_node(call, True)

    def _port(self, machine: Any, line: Any, trip: Trip) -> int:
        """Which port of the container was asked."""
        if trip.asks:
            return trip.asks[1]
        wish = trip.load.wish
        if wish.source or not trip.way.network:
            return wish.port
        return bulk.port_inside(machine.seats["mesh"].core, line.key, wish.port)

    def _keep(self, machine: Any, line: Any) -> None:
        shelf = line.app.shelf
        shelf.own += 1
        if not shelf.fresh:
            shelf.fresh = True
            machine.tell("executor", "traffic", Stirred(line.key, "keep"))
            self.kernel.cause = -1

    def call_over(self, call: Call) -> None:
        """The container has an answer to what it asked, or knows that there is none."""
        if call.over:
            return
        call.over = True
        line, machine, trip = call.line, call.machine, call.parent
        self._write_down(call)
        line.app.onward.end(call.target)
        if machine.life != call.life or not machine.running:
            return  # nobody is there any more who could answer
        trip.fate = call.fate if call.fate in PASSED_ON else LATE if call.fate == TIMED_OUT else BAD
        if line.open:
            self._answer(machine, line, trip)
        else:
            trip.fate = RESET  # the container has ended meanwhile
            self.go_back(machine.name, trip)

    def _call_late(self, call: Call) -> None:
        if not call.over:
            self._release(call)
            call.fate = TIMED_OUT
            self.call_over(call)

    def _answer(self, machine: Any, line: Any, trip: Trip) -> None:
        tally, app, took = line.tally, line.app, self.kernel.now - trip.came
        tally.requests += 1
        tally.took += took
        if app.access:
            if not app.lines:
                machine.tell("executor", "traffic", Stirred(line.key, "print"))
                self.kernel.cause = -1
            app.lines.append((trip.fate, took))
        self.go_back(machine.name, trip)

    def _write_down(self, call: Call) -> None:
        way = call.way
        task, name, machine, _, _, seen = way[:6] if way else ("",) * 6
        # fmt: off
        self.trace.log_call((
            call.load.name, call.number, call.source, call.node, task, name, machine, call.arrived, call.started,
            call.done, self.kernel.now, call.fate, 1, seen, call.number,
        ))
        # fmt: on
