"""Requests by the thousand inside a cluster: clients → a node's tables → tunnel → the line of a container → back.

Each request goes the way of one that is asked alone (`Cluster.request`): the same tables and turns, the same links, the
same containers; blocked ports, partitions, crashed, frozen and loaded machines stop it in the same places. Only it
takes fewer steps, and leaves a line in the trace's `requests` instead of a fact at every station. The network, the
machines and their cores are handed in.

Simplifications: a node hears at once that a client has given up. What is on the last hop to a client is counted as
answered when it leaves, with the instant at which it arrives.
"""

from collections import deque
from heapq import heappush
from typing import Any, NamedTuple

from ..effects import NEVER, SECOND
from ..events import ServerBack, ServerOut, TrafficEnded, TrafficStarted
from ..messages import Dropped, Finished, Waits
from ..overlay import bulk
from ..overlay.balancers import Request
from .door import INTER, Door
from .drawing import Requests
from .measures import FULL, OK, REFUSED, RESET, TIMED_OUT, UNKNOWN
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
        self.name = wish.name
        self.wish, self.dice, self.door = wish, dice, Door(wish.nodes, wish.checks)
        self.chance = dice["way"].random  # says how long each hop takes
        workload = wish.workload
        self.patience = round((workload.timeout or TIMEOUT) * SECOND)
        self.clients = workload.clients
        self.retries, self.per_connection = workload.retries, workload.per_connection
        self.pause, self.backoff = round(workload.pause * SECOND), round(workload.backoff * SECOND)
        self.next = 0  # of the arrivals
        self.asked = self.over = self.answered = self.talks = self.talked = 0
        self.thinking = 0  # clients of a closed loop that may ask again
        self.waiting: deque[tuple[int, Trip]] = deque()  # (when its client gives up, request), oldest first
        self.watched = False  # somebody looks after the first of them


class Talk:
    """A connection that is good for several requests, or that its client will follow with another one."""

    __slots__ = ("client", "left", "life", "line", "node", "number", "source", "used", "way")

    def __init__(self, number: int, source: str, left: int, client: int = -1):
        self.number, self.source, self.left, self.client = number, source, left, client
        self.way: bulk.Way | None = None  # how the node that it leads to forwards it, while it is open and idle
        self.node, self.life = "", 0  # that node, and in which of its lives
        self.used = 0  # when something last moved on it
        self.line: Any = None  # of the container at its end


class Trip:
    """One try of a request, until it is over for its client."""

    node = ""  # the machine that is asked
    way: Any = None  # where its tables send it
    started = done = -1  # µs: the container begins with it, and has done it
    fate = OK  # what the answer says
    over = False

    def __init__(
        self, load: Load, talk: Talk | None, source: str, number: int, work: int, arrived: int, tries: int = 1
    ):
        self.load, self.talk, self.source, self.number, self.work = load, talk, source, number, work
        self.arrived = self.sent = arrived
        self.tries = tries


class Traffic:
    """All loads of a world. What waits in the kernel's queue are its methods and these objects."""

    def __init__(self, kernel: Any, network: Any, machines: dict, trace: Any, counting: bool):
        self.counting = counting  # the nodes' balancer looks at how much is in progress
        self.kernel, self.network, self.machines, self.trace = kernel, network, machines, trace
        self.loads: dict[str, Load] = {}
        self.known: dict[str, dict] = {}  # node → what its tables have said so far
        self.events: list[tuple] = []  # a heap of (time, order, handler, argument): what is under way
        self.order, self.armed = 0, NEVER  # of the latest of them; when the kernel will look at the first

    def start(self, wish: Wish) -> None:
        """Let it come from now on."""
        dice = {what: self.kernel.stream(f"traffic/{wish.name}/{what}") for what in ("work", "think", "way")}
        load = self.loads[wish.name] = Load(wish, dice)
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

    # ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────
    # What is under way has a queue of its own, of which the kernel only sees the first. At one and the same µs all that
    # is in it comes before what the kernel has not begun yet.

    def _at(self, time: int, handler: Any, argument: Any) -> None:
        self.order += 1
        heappush(self.events, (time, self.order, handler, argument))
        if time < self.armed:
            self.armed = time
            self.kernel.at(time, self._pump, time)

    def _pump(self, time: int) -> None:
        """Let happen what is due before anything else in the world is."""
        if time != self.armed:
            return  # something came in between, and has been looked at since
        self.armed = 0  # nobody needs to arm it meanwhile
        self.kernel.weave(self.events)
        self.armed = NEVER
        if self.events:
            self.armed = self.events[0][0]
            self.kernel.at(self.armed, self._pump, self.armed)

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
            self._over(trip, FULL, now)
        elif load.wish.source:
            self._at_node(trip)
        else:
            self._carry(trip, CLIENT, node, "http", self._at_node)

    def _carry(self, trip: Trip, sender: str, to: str, channel: str, handler: Any) -> None:
        """Over one link; what is lost there is heard of no more."""
        link = self.network.steady.get((sender, to))
        if link and link[0].running:  # the same as `passage`, only faster
            arrives = self.kernel.now + link[1] + int(trip.load.chance() * link[2])
        else:
            arrives = self.network.passage(sender, to, channel, trip.load.chance())
        if arrives >= self.armed:
            self.order += 1
            heappush(self.events, (arrives, self.order, handler, trip))
        elif arrives >= 0:
            self._at(arrives, handler, trip)

    def _lose_patience(self, load: Load) -> None:
        now, waiting = self.kernel.now, load.waiting
        while waiting and (waiting[0][1].over or waiting[0][0] <= now):
            trip = waiting.popleft()[1]
            if not trip.over:
                self._release(trip)
                self._over(trip, TIMED_OUT, now)
        load.watched = bool(waiting)
        if waiting:
            self._at(waiting[0][0], self._lose_patience, load)

    def _over(self, trip: Trip, fate: int, now: int) -> None:
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
            self._finish(load, talk, now)

    def _log(self, trip: Trip, fate: int, now: int) -> None:
        way, talk = trip.way, trip.talk
        task, name, machine, _, _, seen = way[:6] if way else ("",) * 6
        # fmt: off
        self.trace.log((
            trip.load.name, trip.number, trip.source, trip.node, task, name, machine, trip.arrived, trip.started,
            trip.done, now, fate, trip.tries, seen, talk.number if talk else trip.number,
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
            self._at(now, self._think, (load, talk.client))
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

    def _at_node(self, trip: Trip, late: bool = False) -> None:
        """The node's tables say where it goes."""
        node, talk, wish, now = trip.node, trip.talk, trip.load.wish, self.kernel.now
        machine = self.machines[node]
        if machine.hindered and not late:
            machine.do(self._late_at_node, trip)
            return
        mesh = machine.seats["mesh"].core
        if talk is not None and talk.way is not None:
            # it has been booted since, and knows nothing of the connection
            way = bulk.again(mesh, talk.way, talk.used, now) if machine.life == talk.life else bulk.LOST
        elif wish.source:
            way = bulk.route(
                mesh, wish.port, wish.host, wish.source, Request(talk.number if talk else trip.number, trip.source), now
            )
        else:
            number = talk.number if talk else trip.number
            way = bulk.quick(mesh, self.known[node], wish.port, number, trip.source, now)
        if way.__class__ is bulk.Way:
            trip.way = way
            if way.machine == node:
                self._at_task(trip, late)
            else:
                self._carry(trip, node, way.machine, way.channel, self._at_task)
        elif way != bulk.LOST:
            trip.fate = UNKNOWN if way == bulk.NO_NAME else REFUSED
            self._to_client(trip)

    def _back_at_node(self, trip: Trip, late: bool = False) -> None:
        """The answer is back at the node that was asked."""
        machine, talk = self.machines[trip.node], trip.talk
        if machine.hindered and not late:
            machine.do(self._late_back_at_node, trip)
            return
        if trip.over:
            return  # its client has given up, and closed the connection
        stays = talk is not None and trip.fate == OK and talk.left > 1
        if self.counting:
            bulk.answered(machine.seats["mesh"].core, trip.way, self.kernel.now - trip.sent, stays)
        if talk:
            talk.way = trip.way if stays else None
            talk.life, talk.used = machine.life, self.kernel.now
        self._to_client(trip)

    def _to_client(self, trip: Trip) -> None:
        load = trip.load
        if load.wish.source:
            arrives = self.kernel.now
        else:
            link = self.network.steady.get((trip.node, CLIENT))
            if link and link[0].running:
                arrives = self.kernel.now + link[1] + int(load.chance() * link[2])
            else:
                arrives = self.network.passage(trip.node, CLIENT, "http", load.chance())
        if 0 <= arrives <= trip.sent + load.patience and not trip.over:
            self._over(trip, trip.fate, arrives)

    def _release(self, trip: Trip) -> None:
        """Its client closes the connection: the node that it asked counts it no more."""
        machine = self.machines.get(trip.node)
        if machine and machine.running and trip.way:
            bulk.closed(machine.seats["mesh"].core, trip.way, idle=False)

    # ── the node of the task ─────────────────────────────────────────────────────────────────────────────────────

    def _at_task(self, trip: Trip, late: bool = False) -> None:
        """It joins the line of its container."""
        machine = self.machines[trip.way.machine]
        if machine.hindered and not late:
            machine.do(self._late_at_task, trip)
            return
        executor = machine.seats["executor"].core
        way = trip.way
        task = machine.seats["mesh"].core.tables.here.get(way.place) if way.network else way.task
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
            self._at(due, self._at_line, (machine, line))

    def _at_line(self, place: tuple, late: bool = False) -> None:
        """Somebody in the line is done."""
        machine, line = place
        if machine.hindered and not late:
            machine.do(self._late_at_line, place)
            return
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
                self.kernel.cause = -1  # what others ask is not due to it
        due = queue.due
        if due < NEVER:
            line.armed = due
            self._at(due, self._at_line, place)

    def _go_back(self, machine: str, trip: Trip) -> None:
        if trip.node == machine:
            self._back_at_node(trip)
        else:
            self._carry(trip, machine, trip.node, trip.way.channel, self._back_at_node)

    # ── what a machine does late: it was frozen, or has much to do ───────────────────────────────────────────────

    def _late_at_node(self, trip: Trip) -> None:
        self._at_node(trip, True)

    def _late_at_task(self, trip: Trip) -> None:
        self._at_task(trip, True)

    def _late_at_line(self, place: tuple) -> None:
        self._at_line(place, True)

    def _late_back_at_node(self, trip: Trip) -> None:
        self._back_at_node(trip, True)

    # ── the checks of a balancer in front ────────────────────────────────────────────────────────────────────────

    def _check(self, about: tuple[Load, str]) -> None:
        """A question is due; one that was not answered by now has failed."""
        load, node = about
        if load.wish.name not in self.loads:
            return
        self._at(self.kernel.now + INTER, self._check, about)
        if node in load.door.asked:
            self._checked((load, node, False))
        load.door.asked[node] = None
        arrives = self.network.passage(CLIENT, node, "http", load.chance())
        if arrives >= 0:
            self._at(arrives, self._at_check, about)

    def _at_check(self, about: tuple[Load, str]) -> None:
        self.machines[about[1]].do(self._answer_check, about)

    def _answer_check(self, about: tuple[Load, str]) -> None:
        load, node = about
        well = bulk.listens(self.machines[node].seats["mesh"].core, load.wish.port)
        arrives = self.network.passage(node, CLIENT, "http", load.chance())
        if arrives >= 0:
            self._at(arrives, self._checked, (load, node, well))

    def _checked(self, about: tuple[Load, str, bool]) -> None:
        load, node, well = about
        if load.door.hear(node, well):
            fact = ServerBack if node in load.door.up else ServerOut
            self.trace.remark("world", fact(load.wish.name, node))
