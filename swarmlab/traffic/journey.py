"""The way of a request inside a cluster, hop by hop: node, tunnel, line of the container, and back.

What is under way is held here; who asks, and what follows from an answer, is in `load`.
"""

from collections import deque
from heapq import heappush
from typing import Any, NamedTuple

from ..effects import NEVER, SECOND
from ..messages import Finished
from ..overlay import bulk
from ..overlay.balancers import Request
from .door import Door
from .drawing import Requests
from .measures import FULL, OK, REFUSED, UNKNOWN
from .workload import Workload

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

    def __init__(self, wish: Wish, dice: dict[str, Any], before: int = 0):
        self.salt = before << 32  # so many loads came before: no two connections have the same number
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

    __slots__ = ("busy", "client", "left", "life", "line", "node", "number", "source", "used", "way")

    def __init__(self, number: int, source: str, left: int, client: int = -1):
        self.number, self.source, self.left, self.client = number, source, left, client
        self.way: bulk.Way | None = None  # how the node that it leads to forwards it, while it is open and idle
        self.node, self.life = "", 0  # that node, and in which of its lives
        self.used = 0  # when something last moved on it
        self.busy = False  # that node has heard of a request on it, and waits for the answer
        self.line: Any = None  # of the container at its end


class Trip:
    """One try of a request, until it is over for its client."""

    node = ""  # the machine that is asked
    life = 0  # in which life of that machine
    way: Any = None  # where its tables send it
    back = False  # the answer is back there
    started = done = -1  # µs: the container begins with it, and has done it
    fate = OK  # what the answer says
    over = False
    came = 0  # to its task
    depth = 0  # so many containers have asked each other before
    asks: tuple[str, int, str] | None = None  # (host, port, task) of a call: a container asks, and nobody outside

    def __init__(
        self, load: Load, talk: Talk | None, source: str, number: int, work: int, arrived: int, tries: int = 1
    ):
        self.load, self.talk, self.source, self.number, self.work = load, talk, source, number, work
        self.arrived = self.sent = arrived
        self.tries = tries


class Journeys:
    """All requests that are under way in a world. What waits are its methods and these objects."""

    def __init__(self, kernel: Any, network: Any, machines: dict, trace: Any, counting: bool):
        self.counting = counting  # the nodes' balancer looks at how much is in progress
        self.kernel, self.network, self.machines, self.trace = kernel, network, machines, trace
        self.known: dict[str, dict] = {}  # node → what its tables have said so far
        self.events: list[tuple] = []  # a heap of (time, order, handler, argument): what is under way
        self.order, self.armed = 0, NEVER  # of the latest of them; when the kernel will look at the first

    def over(self, trip: Trip, fate: int, now: int) -> None:
        """It has ended for its client at `now`."""
        raise AssertionError("whoever starts requests says what their end leads to: `Traffic` does")

    def worked(self, machine: Any, line: Any, trip: Trip) -> None:
        """A container that asks others has done its own work on it."""
        raise AssertionError("`Calls` says what follows")

    def call_over(self, call: Any) -> None:
        """A container has its answer."""
        raise AssertionError("`Calls` says what follows")

    # ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────
    # What is under way has a queue of its own, of which the kernel only sees the first. At one and the same µs all that
    # is in it comes before what the kernel has not begun yet.

    def _at(self, time: int, handler: Any, argument: Any) -> None:
        self.order += 1
        heappush(self.events, (time, self.order, handler, argument))
        if time < self.armed:
            self.armed = time
            self.kernel.first(time, self._pump, time)

    def _pump(self, time: int) -> None:
        """Let happen what is due before anything else in the world is."""
        if time != self.armed:
            return  # something came in between, and has been looked at since
        self.armed = 0  # nobody needs to arm it meanwhile
        try:
            self.kernel.weave(self.events)
        finally:  # a balancer of somebody's own may be wrong: what is under way goes on all the same
            self.armed = self.events[0][0] if self.events else NEVER
            if self.events:
                self.kernel.first(self.armed, self._pump, self.armed)

    # ── links ────────────────────────────────────────────────────────────────────────────────────────────────────

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

    # ── the node that is asked ───────────────────────────────────────────────────────────────────────────────────

    def _at_node(self, trip: Trip, late: bool = False) -> None:
        """The node's tables say where it goes."""
        node, talk, wish, now = trip.node, trip.talk, trip.load.wish, self.kernel.now
        machine = self.machines[node]
        if machine.hindered and not late:
            machine.do(self._late_at_node, trip)
            return
        if trip.over:
            return  # its client has given up, and closed the connection
        mesh, trip.life, salt = machine.seats["mesh"].core, machine.life, trip.load.salt
        if talk is not None and talk.way is not None:
            # it has been booted since, and knows nothing of the connection
            way = bulk.again(mesh, talk.way, talk.used, now) if machine.life == talk.life else bulk.LOST
        elif trip.asks:
            host, port, source = trip.asks
            way = bulk.route(mesh, port, host, source, Request(trip.number + salt, trip.source), now)
        elif wish.source:
            number = (talk.number if talk else trip.number) + salt
            way = bulk.route(mesh, wish.port, wish.host, wish.source, Request(number, trip.source), now)
        else:
            number = (talk.number if talk else trip.number) + salt
            way = bulk.quick(mesh, self.known[node], wish.port, number, trip.source, now)
        if way.__class__ is bulk.Way:
            trip.way = way
            if talk is not None:
                talk.busy = True
            if way.machine == node:
                self._at_task(trip, late)
            elif mesh.unplugged and way.network in mesh.unplugged:
                return
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
        if trip.over or trip.life != machine.life:
            return  # its client has given up and closed the connection, or it was lost when the machine was booted
        trip.back, stays = True, talk is not None and trip.fate == OK and talk.left > 1
        if self.counting:
            latency = self.kernel.now - trip.sent if trip.fate == OK else None
            bulk.answered(machine.seats["mesh"].core, trip.way, latency, stays)
        if talk:
            talk.way, talk.busy = trip.way if stays else None, False
            talk.life, talk.used = machine.life, self.kernel.now
        self._to_client(trip)

    def _to_client(self, trip: Trip) -> None:
        load = trip.load
        if trip.asks:
            self.call_over(trip)
            return
        if load.wish.source:
            arrives = self.kernel.now
        else:
            link = self.network.steady.get((trip.node, CLIENT))
            if link and link[0].running:
                arrives = self.kernel.now + link[1] + int(load.chance() * link[2])
            else:
                arrives = self.network.passage(trip.node, CLIENT, "http", load.chance())
        if 0 <= arrives <= trip.sent + load.patience and not trip.over:
            self.over(trip, trip.fate, arrives)

    def _release(self, trip: Trip) -> None:
        """Its client closes the connection: the node that it asked counts it no more."""
        machine = self.machines.get(trip.node)
        if machine and machine.running and machine.life == trip.life and trip.way and not trip.back:
            bulk.closed(machine.seats["mesh"].core, trip.way, idle=False)

    # ── the node of the task ─────────────────────────────────────────────────────────────────────────────────────

    def _at_task(self, trip: Trip, late: bool = False) -> None:
        """It joins the line of its container."""
        machine = self.machines[trip.way.machine]
        if machine.hindered and not late:
            machine.do(self._late_at_task, trip)
            return
        executor = machine.seats["executor"].core
        way, mesh = trip.way, machine.seats["mesh"].core
        if mesh.unplugged and way.network in mesh.unplugged and trip.node != machine.name:
            return
        task = mesh.tables.here.get(way.place) if way.network else way.task
        if task is None:
            return  # a stale table led here
        line = executor.lines.get(task) or executor.line(task, self.kernel.now)
        if line is None:  # it has its address, but nothing in it listens
            trip.fate = REFUSED
            self.go_back(machine.name, trip)
            return
        if line.app is not None and line.app.shut is not None:
            trip.fate = line.app.shut or REFUSED
            self.go_back(machine.name, trip)
            return
        trip.came = self.kernel.now
        work = trip.work if trip.work >= 0 else executor.work(line.image)
        queue, talk = line.queue, trip.talk
        if not queue.take(trip, work, self.kernel.now):
            trip.fate = FULL
            self.go_back(machine.name, trip)
            return
        if talk and talk.left > 1 and talk.line is not line and not trip.over:
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
            if isinstance(trip, Trip):
                trip.started, trip.done = started, done
                line.tally.busy += done - started
                if line.app is None:
                    line.tally.requests += 1
                    line.tally.took += done - trip.came
                    self.go_back(machine.name, trip)
                else:
                    self.worked(machine, line, trip)
            else:
                machine.tell("executor", "traffic", Finished(trip.request, line.key, trip.sender))
                self.kernel.cause = -1  # what others ask is not due to it
        due = queue.due
        if due < NEVER:
            line.armed = due
            self._at(due, self._at_line, place)

    def go_back(self, machine: str, trip: Trip) -> None:
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
