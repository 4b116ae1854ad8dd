"""Requests by the thousand inside a cluster: clients → a node's tables → tunnel → the line of a container → back.

Each request goes the way of one that is asked alone (`Cluster.request`): the same tables and turns, the same links, the
same containers; blocked ports, partitions, crashed, frozen and loaded machines stop it in the same places. Only it
takes fewer steps, and leaves a line in the trace's `requests` instead of a fact at every station. The network, the
machines and their cores are handed in.

Simplifications: a node hears at once that a client has given up. What is on the last hop to a client is counted as
answered when it leaves, with the instant at which it arrives.
"""

from collections import deque
from typing import Any, NamedTuple

from ..effects import NEVER, SECOND
from ..events import ServerBack, ServerOut, TrafficEnded, TrafficStarted
from ..messages import Dropped, Finished, Waits
from ..overlay import bulk
from ..overlay.balancers import Request
from .door import INTER, Door
from .measures import FULL, OK, REFUSED, RESET, TIMED_OUT, UNKNOWN
from .queueing import Requests
from .workload import Closed, Workload, address, request, service_time, think_time

CLIENT = "client"  # the machine that stands for everybody outside
TIMEOUT = 5.0  # s: a client that says nothing else gives up


class Wish(NamedTuple):
    """What one act of traffic asks for. It cannot change, so that twins share it."""

    name: str
    url: str
    host: str
    port: int
    nodes: tuple[str, ...]  # the machines that are asked, in turn
    checks: bool  # whoever shares them out looks whether they are up
    source: str  # id of the task that asks; '' for clients outside
    source_name: str  # front.1
    workload: Workload  # its service may be None: then the image says how much work a request is
    given: Requests | None  # arrivals (of connections, if they are long), and work if it is known; None: a closed loop
    until: int  # µs: a closed loop asks nothing from then on


class Load:
    """How far one act of traffic has got."""

    def __init__(self, wish: Wish, dice: dict[str, Any]):
        self.wish, self.dice, self.door = wish, dice, Door(wish.nodes, wish.checks)
        self.way = dice["way"]  # how long each hop takes
        workload = wish.workload
        self.patience = round((workload.timeout or TIMEOUT) * SECOND)
        self.retries, self.per_connection = workload.retries, workload.per_connection
        self.pause, self.backoff = round(workload.pause * SECOND), round(workload.backoff * SECOND)
        self.next = 0  # of the arrivals
        self.asked = self.over = self.answered = self.talks = self.talked = 0
        self.thinking = 0  # clients of a closed loop that may ask again
        self.waiting: deque[tuple[int, Trip]] = deque()  # (when its client gives up, request), oldest first
        self.watched = False  # somebody looks after the first of them


class Talk:
    """A connection that is good for several requests, or that its client will follow with another one."""

    __slots__ = ("client", "first", "left", "life", "line", "node", "number", "used", "way")

    def __init__(self, number: int, first: Request, left: int, client: int = -1):
        self.number, self.first, self.left, self.client = number, first, left, client
        self.way: bulk.Way | None = None  # how the node that it leads to forwards it, while it is open and idle
        self.node, self.life = "", 0  # that node, and in which of its lives
        self.used = 0  # when something last moved on it
        self.line: Any = None  # of the container at its end


class Trip:
    """One try of a request, until it is over for its client."""

    # fmt: off
    __slots__ = ("arrived", "done", "fate", "first", "load", "node", "number", "over", "sent", "started", "talk", "tries",
                 "way", "work")
    # fmt: on

    def __init__(
        self, load: Load, talk: Talk | None, first: Request, number: int, work: int, arrived: int, tries: int = 1
    ):
        self.load, self.talk, self.first, self.number, self.work = load, talk, first, number, work
        self.arrived = self.sent = arrived
        self.tries, self.node, self.started, self.done, self.fate = tries, "", -1, -1, OK
        self.way: Any = None
        self.over = False


class Traffic:
    """All loads of a world. What waits in the kernel's queue are its methods and these objects."""

    def __init__(self, kernel: Any, network: Any, machines: dict, trace: Any):
        self.kernel, self.network, self.machines, self.trace = kernel, network, machines, trace
        self.loads: dict[str, Load] = {}
        self.ways: dict[str, dict] = {}  # node → what its tables have said so far

    def start(self, wish: Wish) -> None:
        """Let it come from now on."""
        dice = {what: self.kernel.stream(f"traffic/{wish.name}/{what}") for what in ("work", "think", "way")}
        load = self.loads[wish.name] = Load(wish, dice)
        self.trace.remark("world", TrafficStarted(wish.name, wish.url))
        for node in wish.nodes:
            self.ways.setdefault(node, {})
        if isinstance(wish.workload.arrivals, Closed) and wish.given is None:
            load.thinking = wish.workload.arrivals.clients
            for client in range(load.thinking):
                self._think((load, client))
        else:
            self._await_next(load)
        for node in wish.nodes if wish.checks else ():
            self.kernel.after(load.door.offset(node), self._check, (load, node))

    def hear(self, machine: Any, message: Any) -> None:
        """What the runtime of a machine says."""
        match message:
            case Waits(key):
                self._arm(machine, machine.seats["executor"].core.lines[key])
            case Dropped(_, trips, talks):
                for talk in talks:  # the container's last words: the connection is closed
                    self._hang_up(talk)
                for trip in trips:
                    trip.fate = RESET
                    self._go_back(machine.name, trip)

    def pace(self, machine: Any, line: Any, speed: float) -> None:
        """This container works at another speed from now on."""
        line.queue.pace(speed, self.kernel.now)
        line.armed = NEVER  # whatever was due is due at another time
        self._arm(machine, line)

    # ── clients ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _await_next(self, load: Load) -> None:
        given = load.wish.given
        if given and load.next < len(given.arrived):
            self.kernel.at(given.arrived[load.next], self._come, load)
        else:
            self._end_if_over(load)

    def _come(self, load: Load) -> None:
        number, wish = load.next, load.wish
        load.next = number + 1
        first = request(wish.workload, number) if wish.workload.clients else Request(number, address(number))
        if wish.source:
            first = Request(number, wish.source_name)
        load.talks += 1
        if load.per_connection > 1:
            self._ask((load, Talk(number, first, load.per_connection)))
        else:
            load.asked += 1
            self._send(Trip(load, None, first, number, self._work_of(load, number), self.kernel.now))
        given = wish.given
        if given and load.next < len(given.arrived):
            self.kernel.at(given.arrived[load.next], self._come, load)
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
            self.kernel.at(time, self._think_no_more, about)
        else:
            load.thinking -= 1
            self._end_if_over(load)

    def _think_no_more(self, about: tuple[Load, int]) -> None:
        load, client = about
        number = load.talks
        load.talks += 1
        first = Request(number, load.wish.source_name or address(client))
        self._ask((load, Talk(number, first, load.per_connection, client)))

    def _ask(self, about: tuple[Load, Talk]) -> None:
        load, talk = about
        number = load.asked
        load.asked += 1
        self._send(Trip(load, talk, talk.first, number, self._work_of(load, number), self.kernel.now))

    def _send(self, trip: Trip) -> None:
        now, load, talk = self.kernel.now, trip.load, trip.talk
        trip.sent = now
        load.waiting.append((now + load.patience, trip))
        if not load.watched:
            load.watched = True
            self.kernel.at(now + load.patience, self._lose_patience, load)
        node = talk.node if talk and talk.way else load.door.choose()
        trip.node = node
        if talk:
            talk.node = node
        if not node:
            self._over(trip, FULL, now)
        elif load.wish.source:
            self.machines[node].do(self._route, trip)
        else:
            self._carry(trip, CLIENT, node, "http", self._at_node)

    def _carry(self, trip: Trip, sender: str, to: str, channel: str, handler: Any) -> None:
        """Over one link; what is lost there is heard of no more."""
        arrives = self.network.passage(sender, to, channel, trip.load.way.random())
        if arrives >= 0:
            self.kernel.at(arrives, handler, trip)

    def _lose_patience(self, load: Load) -> None:
        now, waiting = self.kernel.now, load.waiting
        while waiting and (waiting[0][1].over or waiting[0][0] <= now):
            trip = waiting.popleft()[1]
            if not trip.over:
                self._release(trip)
                self._over(trip, TIMED_OUT, now)
        load.watched = bool(waiting)
        if waiting:
            self.kernel.at(waiting[0][0], self._lose_patience, load)

    def _over(self, trip: Trip, fate: int, now: int) -> None:
        """This try has ended for its client at `now`: there is another one, or the request is over."""
        load, talk = trip.load, trip.talk
        trip.over = True
        if talk and fate <= TIMED_OUT:
            self._hang_up(talk)
        if fate != OK and trip.tries <= load.retries:
            again = Trip(load, talk, trip.first, trip.number, trip.work, trip.arrived, trip.tries + 1)
            self.kernel.at(now + load.backoff, self._send, again)
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
            self.kernel.at(now + load.pause, self._ask, (load, talk))
        else:
            self._finish(load, talk, now)

    def _log(self, trip: Trip, fate: int, now: int) -> None:
        way, first, talk = trip.way, trip.first, trip.talk
        task, name, machine, seen = (way.task, way.name, way.machine, way.seen) if way else ("", "", "", "")
        # fmt: off
        self.trace.log((
            trip.load.wish.name, trip.number, first.source, trip.node, task, name, machine, trip.arrived, trip.started,
            trip.done, now, fate, trip.tries, seen, talk.number if talk else first.number,
        ))
        # fmt: on

    def _finish(self, load: Load, talk: Talk, now: int) -> None:
        """The connection has done all that it was opened for."""
        load.talked += 1
        machine = self.machines[talk.node] if talk.way else None
        if machine and machine.running and machine.life == talk.life:
            bulk.closed(machine.seats["mesh"].core, talk.way, idle=True)  # type: ignore[arg-type]
        self._hang_up(talk)
        if talk.client >= 0:
            self.kernel.at(now, self._think, (load, talk.client))
        elif load.talked == load.talks:
            self._end_if_over(load)

    def _hang_up(self, talk: Talk) -> None:
        talk.way = None
        if talk.line:
            talk.line.talks.pop(talk, None)
            talk.line = None

    def _end_if_over(self, load: Load) -> None:
        given = load.wish.given
        come = given is None or load.next == len(given.arrived)
        if come and not load.thinking and load.talked == load.talks and load.wish.name in self.loads:
            self.trace.remark("world", TrafficEnded(load.wish.name, load.over, load.answered))
            del self.loads[load.wish.name]

    # ── the node that is asked ───────────────────────────────────────────────────────────────────────────────────

    def _at_node(self, trip: Trip) -> None:
        machine = self.machines[trip.node]
        if machine.hindered:
            machine.do(self._route, trip)
        else:
            self._route(trip)

    def _route(self, trip: Trip) -> None:
        """The node's tables say where it goes."""
        node, talk, wish, now = trip.node, trip.talk, trip.load.wish, self.kernel.now
        machine = self.machines[node]
        mesh = machine.seats["mesh"].core
        if talk is None or talk.way is None:
            way = bulk.route(mesh, self.ways[node], wish.port, wish.host, wish.source, trip.first, now)
        elif machine.life == talk.life:
            way = bulk.again(mesh, talk.way, talk.used, now)
        else:
            way = bulk.LOST  # it has been booted since, and knows nothing of the connection
        if way.__class__ is bulk.Way:
            trip.way = way
            if way.machine == node:
                self._serve(trip)
            else:
                self._carry(trip, node, way.machine, way.channel, self._at_task)
        elif way != bulk.LOST:
            trip.fate = UNKNOWN if way == bulk.NO_NAME else REFUSED
            self._to_client(trip)

    def _hand_over(self, trip: Trip) -> None:
        """The answer is back at the node that was asked."""
        if trip.over:
            return  # its client has given up, and closed the connection
        talk, now, machine = trip.talk, self.kernel.now, self.machines[trip.node]
        stays = talk is not None and trip.fate == OK and talk.left > 1
        bulk.answered(machine.seats["mesh"].core, trip.way, now - trip.sent, stays)
        if talk and stays:
            talk.way, talk.life, talk.used = trip.way, machine.life, now
        self._to_client(trip)

    def _to_client(self, trip: Trip) -> None:
        load = trip.load
        if load.wish.source:
            arrives = self.kernel.now
        else:
            arrives = self.network.passage(trip.node, CLIENT, "http", load.way.random())
        if 0 <= arrives <= trip.sent + load.patience and not trip.over:
            self._over(trip, trip.fate, arrives)

    def _release(self, trip: Trip) -> None:
        """Its client closes the connection: the node that it asked counts it no more."""
        machine = self.machines.get(trip.node)
        if machine and machine.running and trip.way:
            bulk.closed(machine.seats["mesh"].core, trip.way, idle=False)

    # ── the node of the task ─────────────────────────────────────────────────────────────────────────────────────

    def _at_task(self, trip: Trip) -> None:
        machine = self.machines[trip.way.machine]
        if machine.hindered:
            machine.do(self._serve, trip)
        else:
            self._serve(trip)

    def _serve(self, trip: Trip) -> None:
        """It joins the line of its container."""
        machine = self.machines[trip.way.machine]
        executor = machine.seats["executor"].core
        task = bulk.taker(machine.seats["mesh"].core, trip.way)
        if task is None:
            return  # a stale table led here
        line = executor.lines.get(task) or executor.line(task)
        if line is None:  # it has its address, but nothing in it listens
            trip.fate = REFUSED
            self._go_back(machine.name, trip)
            return
        work = trip.work if trip.work >= 0 else executor.work(line.image)
        queue, talk = line.queue, trip.talk
        if not queue.take(trip, work, self.kernel.now):
            trip.fate = FULL
            self._go_back(machine.name, trip)
            return
        if talk and talk.left > 1 and talk.line is not line:
            talk.line = line
            line.talks[talk] = None
        if queue.due < line.armed:
            self._arm(machine, line)

    def _arm(self, machine: Any, line: Any) -> None:
        due = line.queue.due
        if due < line.armed:
            line.armed, line.life = due, machine.life
            self.kernel.at(due, self._at_line, (machine, line))

    def _at_line(self, place: tuple) -> None:
        if place[0].hindered:
            place[0].do(self._work, place)
        else:
            self._work(place)

    def _work(self, place: tuple) -> None:
        """Somebody in the line is done."""
        machine, line = place
        now, queue = self.kernel.now, line.queue
        if not line.open or line.life != machine.life or line.armed > now:
            return  # it is over, or somebody else was done before and has looked
        line.armed = NEVER
        while queue.due <= now:
            trip, started, done = queue.pop()
            if trip.__class__ is Trip:
                trip.started, trip.done = started, done
                self._go_back(machine.name, trip)
            else:
                machine.tell("executor", "traffic", Finished(trip.request, line.key, trip.sender))
        due = queue.due
        if due < NEVER:
            line.armed = due
            self.kernel.at(due, self._at_line, place)

    def _go_back(self, machine: str, trip: Trip) -> None:
        if trip.node == machine:
            self._hand_over(trip)
        else:
            self._carry(trip, machine, trip.node, trip.way.channel, self._back_at_node)

    def _back_at_node(self, trip: Trip) -> None:
        machine = self.machines[trip.node]
        if machine.hindered:
            machine.do(self._hand_over, trip)
        else:
            self._hand_over(trip)

    # ── the checks of a balancer in front ────────────────────────────────────────────────────────────────────────

    def _check(self, about: tuple[Load, str]) -> None:
        """A question is due; one that was not answered by now has failed."""
        load, node = about
        if load.wish.name not in self.loads:
            return
        self.kernel.after(INTER, self._check, about)
        if node in load.door.asked:
            self._checked((load, node, False))
        load.door.asked[node] = None
        arrives = self.network.passage(CLIENT, node, "http", load.way.random())
        if arrives >= 0:
            self.kernel.at(arrives, self._at_check, about)

    def _at_check(self, about: tuple[Load, str]) -> None:
        self.machines[about[1]].do(self._answer_check, about)

    def _answer_check(self, about: tuple[Load, str]) -> None:
        load, node = about
        well = bulk.listens(self.machines[node].seats["mesh"].core, load.wish.port)
        arrives = self.network.passage(node, CLIENT, "http", load.way.random())
        if arrives >= 0:
            self.kernel.at(arrives, self._checked, (load, node, well))

    def _checked(self, about: tuple[Load, str, bool]) -> None:
        load, node, well = about
        if load.door.hear(node, well):
            fact = ServerBack if node in load.door.up else ServerOut
            self.trace.remark("world", fact(load.wish.name, node))
