"""Requests by the thousand inside a cluster: clients → a node's tables → tunnel → the line of a container → back.

Each request goes the way of one that is asked alone (`Cluster.request`): the same tables and turns, the same links, the
same containers; blocked ports, partitions, crashed, frozen and loaded machines stop it in the same places. Only it
takes fewer steps, and leaves a line in the trace's `requests` instead of a fact at every station. The network, the
machines and their cores are handed in.

Simplifications: a node hears at once that a client has given up. What is on the last hop to a client is counted as
answered when it leaves, with the instant at which it arrives.
"""

# Simpler than in reality (docs/simplifications.md): rows, gone-clients, frozen-work, closed-loop, ended-load

from heapq import heappush
from typing import Any

from ..effects import SECOND
from ..events import ServerBack, ServerOut, TrafficEnded, TrafficStarted
from ..messages import Dropped, Waits
from ..overlay import bulk
from .calls import Calls
from .door import INTER
from .journey import CLIENT, Load, Talk, Trip, Wish
from .measures import FULL, OK, RESET, TIMED_OUT
from .workload import BREATH, Closed, address, request, service_time, think_time


class Traffic(Calls):
    """All loads of a world: their clients, and the balancer in front."""

    def __init__(self, kernel: Any, network: Any, machines: dict, trace: Any, counting: bool):
        super().__init__(kernel, network, machines, trace, counting)
        self.loads: dict[str, Load] = {}
        self.begun = 0  # loads so far

    def start(self, wish: Wish) -> None:
        """Let it come from now on."""
        dice = {what: self.kernel.stream(f"traffic/{wish.name}/{what}") for what in ("work", "think", "way")}
        load = self.loads[wish.name] = Load(wish, dice, self.begun)
        self.begun += 1
        self.trace.remark("world", TrafficStarted(wish.name, wish.url))
        for node in wish.nodes:
            self.known.setdefault(node, {})
        if isinstance(wish.workload.arrivals, Closed) and wish.given is None:
            load.thinking = wish.workload.arrivals.clients
            for client in range(load.thinking):
                self._think((load, client))
        else:
            self._await_next(load)
        for node in wish.nodes if wish.checks else ():
            self._at(self.kernel.now + load.door.offset(node), self._check, (load, node))

    def open_at(self, node: str) -> dict[tuple, tuple[int, int]]:
        """What the pools of this node are not told of: (pool, task) → (requests in progress, connections only kept open)."""
        if self.counting:
            return {}
        asked = [trip for load in self.loads.values() for _, trip in load.waiting if not trip.over]
        ways = [(trip.way, 0) for trip in asked if trip.node == node and trip.way]
        talks = [about[1] for _, _, handler, about in self.events if handler == self._ask]
        talks += [
            trip.talk for trip in asked if trip.talk and not trip.way
        ]  # the node does not know of that request yet
        ways += [(talk.way, 1) for talk in talks if talk.node == node and talk.way]
        found: dict[tuple, list[int]] = {}
        for way, kind in ways:
            found.setdefault((way.pool, way.task), [0, 0])[kind] += 1
        return {place: (active, inactive) for place, (active, inactive) in found.items()}

    def hear(self, machine: Any, message: Any) -> None:
        """What the runtime of a machine says."""
        match message:
            case Waits(key):
                if line := machine.seats["executor"].core.lines.get(key):  # else the container has just ended
                    self._arm(machine, line)
            case Dropped(_, trips, talks):
                for talk in talks:  # the container's last words: the connection is closed
                    self._hang_up(talk)
                for trip in trips:
                    trip.fate = RESET
                    self.go_back(machine.name, trip)

    def pace(self, machine: Any, line: Any, speed: float) -> None:
        """This container works at another speed from now on."""
        line.pace(speed, self.kernel.now)
        self._arm(machine, line)

    def turn(self, machine: Any, line: Any, mood: str) -> None:
        """The application of this container is well, or unwell, or hangs from now on."""
        line.turn(mood, self.kernel.now)
        self._arm(machine, line)

    # ── clients ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _await_next(self, load: Load) -> None:
        given = load.wish.given
        if given and load.next < len(given.arrived):
            self._at(given.arrived[load.next], self._come, load)
        else:
            self._end_if_over(load)

    def _come(self, load: Load) -> None:
        number, wish = load.next, load.wish
        load.next = number + 1
        load.talks += 1
        source = wish.source_name or (request(wish.workload, number).source if load.clients else address(number))
        if load.per_connection > 1:
            self._ask((load, Talk(number, source, load.per_connection)))
        else:
            load.asked += 1
            self._send(Trip(load, None, source, number, self._work_of(load, number), self.kernel.now))
        arrived = wish.given.arrived  # type: ignore[union-attr]
        if load.next < len(arrived):
            self.order += 1
            heappush(self.events, (arrived[number + 1], self.order, self._come, load))
        else:
            self._end_if_over(load)

    def _work_of(self, load: Load, number: int) -> int:
        """How much it is, µs; -1: as the image says."""
        given, law = load.wish.given, load.wish.workload.service
        if given and given.work:
            return given.work[number]
        return service_time(law, load.dice["work"]) if law else -1

    def _think(self, about: tuple[Load, int]) -> None:
        load = about[0]
        law: Any = load.wish.workload.arrivals
        time = self.kernel.now + think_time(law.think, load.dice["think"])
        if time < load.wish.until:
            self._at(time, self._think_no_more, about)
        else:
            load.thinking -= 1
            self._end_if_over(load)

    def _think_no_more(self, about: tuple[Load, int]) -> None:
        load, client = about
        number = load.talks
        load.talks += 1
        source = load.wish.source_name or address(client)
        self._ask((load, Talk(number, source, load.per_connection, client)))

    def _ask(self, about: tuple[Load, Talk]) -> None:
        load, talk = about
        number = load.asked
        load.asked += 1
        self._send(Trip(load, talk, talk.source, number, self._work_of(load, number), self.kernel.now))

    def _send(self, trip: Trip) -> None:
        now, load, talk = self.kernel.now, trip.load, trip.talk
        trip.sent = now
        load.waiting.append((now + load.patience, trip))
        if not load.watched:
            load.watched = True
            self._at(now + load.patience, self._lose_patience, load)
        node = talk.node if talk and talk.way else load.door.choose()
        trip.node = node
        if talk:
            talk.node = node
        if not node:
            self.over(trip, FULL, now)
        elif load.wish.source:
            self._at_node(trip)
        else:
            self._carry(trip, CLIENT, node, "http", self._at_node)

    def _lose_patience(self, load: Load) -> None:
        self._at(self.kernel.now, self._give_up, load)  # an answer at the same µs is in time

    def _give_up(self, load: Load) -> None:
        now, waiting = self.kernel.now, load.waiting
        while waiting and (waiting[0][1].over or waiting[0][0] <= now):
            trip = waiting.popleft()[1]
            if not trip.over:
                self._release(trip)
                self.over(trip, TIMED_OUT, now)
        load.watched = bool(waiting)
        if waiting:
            self._at(waiting[0][0], self._lose_patience, load)

    def over(self, trip: Trip, fate: int, now: int) -> None:
        """This try has ended for its client at `now`: there is another one, or the request is over."""
        load, talk = trip.load, trip.talk
        trip.over = True
        if talk is None and fate == OK:
            load.over += 1
            load.answered += 1
            load.talked += 1
            self._log(trip, OK, now)
            if load.talked == load.talks:
                self._end_if_over(load)
            return
        if talk and fate <= TIMED_OUT:
            self._hang_up(talk)
        if fate != OK and trip.tries <= load.retries:
            again = Trip(load, talk, trip.source, trip.number, trip.work, trip.arrived, trip.tries + 1)
            self._at(now + load.backoff, self._send, again)
            return
        load.over += 1
        load.answered += fate == OK
        self._log(trip, fate, now)
        if talk is None:
            load.talked += 1
            if load.talked == load.talks:
                self._end_if_over(load)
            return
        talk.left -= 1
        if talk.left:
            self._at(now + load.pause, self._ask, (load, talk))
        else:
            self._finish(load, talk, now if fate == OK else now + self._breath(load))

    def _log(self, trip: Trip, fate: int, now: int) -> None:
        way, talk = trip.way, trip.talk
        task, name, machine, _, _, seen = way[:6] if way else ("",) * 6
        # fmt: off
        self.trace.log((
            trip.load.name, trip.number, trip.source, trip.node, task, name, machine, trip.arrived, trip.started,
            trip.done, now, fate, trip.tries, seen, talk.number if talk else trip.number,
        ))
        # fmt: on

    def _breath(self, load: Load) -> int:
        """A client of a closed loop that fails at once and does not think would ask for ever at the same instant."""
        law = load.wish.workload.arrivals
        return BREATH if isinstance(law, Closed) and law.think * SECOND < BREATH else 0

    def _finish(self, load: Load, talk: Talk, now: int) -> None:
        """The connection has done all that it was opened for."""
        load.talked += 1
        self._hang_up(talk)
        if talk.client >= 0:
            self._at(now, self._think, (load, talk.client))
        elif load.talked == load.talks:
            self._end_if_over(load)

    def _hang_up(self, talk: Talk) -> None:
        """The connection is closed. Its node counts it no more; if a request is on it, `_release` sees to that."""
        machine = self.machines[talk.node] if talk.way and not talk.busy else None
        if machine and machine.running and machine.life == talk.life:
            bulk.closed(machine.seats["mesh"].core, talk.way, idle=True)  # type: ignore[arg-type]
        talk.way, talk.busy = None, False
        if talk.line:
            talk.line.talks.pop(talk, None)
            talk.line = None

    def _end_if_over(self, load: Load) -> None:
        given = load.wish.given
        come = given is None or load.next == len(given.arrived)
        if come and not load.thinking and load.talked == load.talks and load.wish.name in self.loads:
            self.trace.remark("world", TrafficEnded(load.wish.name, load.over, load.answered))
            del self.loads[load.wish.name]

    # ── the checks of a balancer in front ────────────────────────────────────────────────────────────────────────

    def _check(self, about: tuple[Load, str]) -> None:
        """A question is due; one that was not answered by now has failed."""
        load, node = about
        if load.wish.name not in self.loads:
            return
        self._at(self.kernel.now + INTER, self._check, about)
        if node in load.door.asked:
            self._checked((load, node, False, load.door.asked[node]))
        question = load.door.ask(node)
        arrives = self.network.passage(CLIENT, node, "http", load.chance())
        if arrives >= 0:
            self._at(arrives, self._at_check, (load, node, question))

    def _at_check(self, about: tuple[Load, str, int]) -> None:
        self.machines[about[1]].do(self._answer_check, about)

    def _answer_check(self, about: tuple[Load, str, int]) -> None:
        load, node, question = about
        well = bulk.listens(self.machines[node].seats["mesh"].core, load.wish.port)
        arrives = self.network.passage(node, CLIENT, "http", load.chance())
        if arrives >= 0:
            self._at(arrives, self._checked, (load, node, well, question))

    def _checked(self, about: tuple[Load, str, bool, int]) -> None:
        load, node, well, question = about
        if load.door.asked.get(node) == question and load.door.hear(node, well):
            fact = ServerBack if node in load.door.up else ServerOut
            self.trace.remark("world", fact(load.wish.name, node))
