"""Request → balancer → queue of a replica → answer, event by event: no cluster, no network, only the queues.

    run = simulate(Workload(Poisson(80), Exponential(0.1)), replicas=10, balancer=two_choices, seconds=600, seed=1)
    percentiles(run)

The balancer is asked once per connection; all requests of a connection go to the task that it chose, as with IPVS. Of
what happens at the same µs, ends come first, then what clients give up, then changes, then new requests. The same run
as a whole, in arrays, is `swarmlab.traffic.batch`; the same inside a cluster is `Cluster.traffic`.
"""

from collections.abc import Iterable, Sequence
from heapq import heappop, heappush, heapreplace
from math import ceil, inf, log
from typing import Any, NamedTuple

from ..effects import NEVER, SECOND, Dice
from ..overlay.balancers import Balancer, Request, round_robin
from ..overlay.queues import Queue, Shared
from .measures import FULL, OK, REFUSED, RESET, TIMED_OUT, Run
from .workload import (
    Arrivals,
    Closed,
    Exponential,
    Poisson,
    Service,
    Workload,
    address,
    arrival_times,
    checked,
    request,
    service_time,
    think_time,
)

# ── what people say ──────────────────────────────────────────────────────────────────────────────────────────────


class Replica(NamedTuple):
    """One task that serves."""

    name: str
    workers: int = 1
    speed: float = 1.0  # 1/3: three times slower
    room: int = NEVER  # requests that may wait; others are refused
    sharing: bool = False  # the workers share themselves among all requests, instead of one after the other
    weight: int = 1


class Add(NamedTuple):
    """From now on there is one more."""

    at: float  # s
    replica: Replica


class Leave(NamedTuple):
    """Weight 0: no new connections; those that are open go on."""

    at: float
    name: str


class Fail(NamedTuple):
    """It is gone, and what it was working on is lost: its clients hear it at once, or, if it is `silent`, never."""

    at: float
    name: str
    silent: bool = False


class Pace(NamedTuple):
    """From now on it works at this speed."""

    at: float
    name: str
    speed: float


Change = Add | Leave | Fail | Pace


class Requests(NamedTuple):
    """Instants and work in µs, given one by one: what a test or another form of the run hands in."""

    arrived: Sequence[int]
    work: Sequence[int]


def simulate(
    load: Workload | Requests,
    replicas: int | Sequence[Replica] = 10,
    balancer: Balancer = round_robin,
    *,
    seconds: float | None = None,
    number: int | None = None,
    seed: int | str = 0,
    changes: Iterable[Change] = (),
) -> Run:
    """Let so many requests (connections, if they are long) come, or for so many seconds, until all are over. The same
    seed gives the same arrivals and the same work, whatever the balancer and the replicas are."""
    made, plan = replicas_of(replicas), sorted(changes, key=lambda change: change.at)
    _check_changes(made, plan)
    _check_length(load, seconds, number)
    servers = [Server(place, one) for place, one in enumerate(made)]
    simple = not plan and not any(one.sharing or one.room < NEVER for one in made)
    if simple and isinstance(load, Requests):
        return straight(load, servers, balancer)
    if simple and isinstance(load, Workload) and _is_simple(load):
        return straight(drawn(load, seconds, number, seed), servers, balancer, load)
    return Simulation(load, servers, balancer, plan, seconds, number, seed).run()


def replicas_of(replicas: int | Sequence[Replica]) -> tuple[Replica, ...]:
    """`3` is web.1, web.2, web.3, one worker each."""
    if isinstance(replicas, int):
        replicas = [Replica(f"web.{number + 1}") for number in range(replicas)]
    made = tuple(replicas)
    if not made:
        raise ValueError("no destination available: there are no replicas")
    for one in made:
        _check(one)
    if len({one.name for one in made}) < len(made):
        raise ValueError("two replicas have the same name")
    return made


def _check(one: Replica) -> None:
    if type(one.workers) is not int or one.workers < 1:
        raise ValueError(f"{one.name} has {one.workers!r} workers: a whole number from 1 on")
    if type(one.room) is not int or one.room < 0 or type(one.weight) is not int or one.weight < 0:
        raise ValueError(f"{one.name}: room and weight are whole numbers from 0 on")
    _check_speed(one.name, one.speed)


def _check_speed(name: str, speed: Any) -> None:
    if isinstance(speed, bool) or not isinstance(speed, int | float) or not 0 < speed <= 1e6:
        raise ValueError(f"the speed of {name} must be a number above 0, not {speed!r}")


def _check_length(load: Workload | Requests, seconds: float | None, number: int | None) -> None:
    if isinstance(load, Requests):
        if len(load.arrived) != len(load.work) or list(load.arrived) != sorted(load.arrived):
            raise ValueError("requests need as many instants as works, and instants in order")
        return
    if not isinstance(load, Workload):
        raise ValueError(f"{load!r} is no workload, such as Workload(Poisson(80), Exponential(0.1))")
    checked(load)
    if seconds is None and (number is None or isinstance(load.arrivals, Closed)):
        raise ValueError("say for how long: seconds=600")
    if seconds is not None and not 0 < seconds < 1e9:
        raise ValueError(f"seconds={seconds!r}: a number above 0")


def _check_changes(made: tuple[Replica, ...], plan: Sequence[Change]) -> None:
    names = [one.name for one in made]
    for change in plan:
        if not 0 <= change.at < 1e9:
            raise ValueError(f"a change at {change.at!r} s: a time of 0 or more")
        if isinstance(change, Add):
            _check(change.replica)
            if change.replica.name in names:
                raise ValueError(f"there is a replica {change.replica.name} already")
            names.append(change.replica.name)
        elif change.name not in names:
            raise ValueError(f"no such replica: {change.name} (there are {', '.join(names)})")
        elif isinstance(change, Pace):
            _check_speed(change.name, change.speed)


# ── drawing ──────────────────────────────────────────────────────────────────────────────────────────────────────


def dice_for(seed: int | str, what: str) -> Dice:
    """A stream of chance of its own: nobody shifts what others draw. Only `random()` may be used."""
    from random import Random  # at first use: `import swarmlab` stays light

    return Random(f"{seed}/{what}")


def drawn(load: Workload, seconds: float | None, number: int | None, seed: int | str) -> Requests:
    """All arrivals, and all work."""
    arrived = instants(load.arrivals, dice_for(seed, "arrivals"), number, seconds)
    return Requests(arrived, works(load.service, dice_for(seed, "work"), len(arrived)))


def instants(law: Arrivals, dice: Dice, number: int | None, seconds: float | None) -> list[int]:
    """When they arrive, µs."""
    limit = inf if seconds is None else seconds
    if not isinstance(law, Poisson) or number is None:
        return arrival_times(law, dice, number, limit)
    now, found, rate, chance = 0.0, [], law.rate, dice.random  # the same, only faster
    for _ in range(number):
        now -= log(1 - chance()) / rate
        if now >= limit:
            break
        found.append(round(now * SECOND))
    return found


def works(law: Service, dice: Dice, number: int) -> list[int]:
    """So many draws of `service_time`."""
    if isinstance(law, Exponential):  # the same, only faster
        mean, chance = law.mean, dice.random
        return [max(1, round(-log(1 - chance()) * mean * SECOND)) for _ in range(number)]
    return [service_time(law, dice) for _ in range(number)]


def _is_simple(load: Workload) -> bool:
    """Whether all requests can be drawn before any is answered, and each is its own connection."""
    return not isinstance(load.arrivals, Closed) and load.per_connection == 1 and not load.retries


class Server:
    """A replica at work, and what the balancer sees of it: it has all that a `Backend` has."""

    # fmt: off
    __slots__ = ("active", "armed", "free", "inactive", "latency", "machine", "open", "place", "queue", "speed", "task",
                 "up", "weight")
    # fmt: on

    def __init__(self, place: int, one: Replica):
        self.place, self.task, self.machine, self.weight = place, one.name, "", one.weight
        self.active = self.inactive = 0
        self.latency = 0.0  # µs, smoothed
        self.speed, self.up = one.speed, True
        self.free = [0] * one.workers  # a heap: when each worker has done all that it was given
        self.queue = (Shared if one.sharing else Queue)(one.workers, one.room, one.speed)
        self.armed = NEVER  # when somebody looks after the queue
        self.open: dict[Asked, None] = {}  # requests that are here and not answered yet

    def hear(self, latency: int) -> None:
        """An answer came back after so many µs."""
        self.latency = self.latency + (latency - self.latency) / 8 if self.latency else float(latency)


# ── where nothing goes wrong ─────────────────────────────────────────────────────────────────────────────────────


def straight(given: Requests, servers: list[Server], balancer: Balancer, load: Workload | None = None) -> Run:
    """Each request is a connection of its own, each worker takes what comes first, and nothing changes: then the end of a
    request is known as soon as it comes. The same as `Simulation`, only faster."""
    patience = round(load.timeout * SECOND) if load and load.timeout else NEVER
    several, in_turn = load is not None and load.clients > 0, balancer is round_robin
    able: Any = [server for server in servers if server.weight]
    if not able:
        raise ValueError("no destination available: no replica has a weight above 0")
    arrived, works_ = given.arrived, given.work
    started: list[int] = []
    done: list[int] = []
    task: list[int] = []
    ending: list[tuple[int, int, Server]] = []  # a heap: (when it is over for the client, request, its server)
    for number, now in enumerate(arrived):
        while ending and ending[0][0] <= now:
            end, over, server = heappop(ending)
            server.active -= 1
            if done[over] == end:
                latency = server.latency  # as in `hear`
                server.latency = (
                    latency + (end - arrived[over] - latency) / 8 if latency else float(end - arrived[over])
                )
        if in_turn:
            server = able[number % len(able)]  # what `round_robin` says
        else:
            asked = request(load, number) if several and load else Request(number)
            server = balancer(able, asked, number)  # type: ignore[assignment]
        try:
            free = server.free
        except AttributeError:
            raise ValueError(nonsense(balancer, server)) from None
        start = free[0] if free[0] > now else now
        work = works_[number]
        end = start + (work if server.speed == 1 else ceil(work / server.speed))
        heapreplace(free, end)
        server.active += 1
        heappush(ending, (end if end - now <= patience else now + patience, number, server))
        started.append(start)
        done.append(end)
        task.append(server.place)
    names = tuple(server.task for server in servers)
    if patience == NEVER:
        return Run(arrived, started, done, task, [OK] * len(done), names, done)
    ended = [min(end, came + patience) for end, came in zip(done, arrived, strict=True)]
    status = [OK if end == over else TIMED_OUT for end, over in zip(done, ended, strict=True)]
    return Run(arrived, started, ended, task, status, names, done)


def nonsense(balancer: Any, chosen: Any) -> str:
    """What is said of a balancer that chose nobody."""
    return f"the balancer {getattr(balancer, '__name__', balancer)} must return one of the backends, not {chosen!r}"


# ── where anything may go wrong ──────────────────────────────────────────────────────────────────────────────────


class Talk:
    """A connection, and how many requests it is still good for."""

    __slots__ = ("client", "first", "left", "server")

    def __init__(self, first: Request, left: int, client: int = -1):
        self.first, self.left, self.client = first, left, client
        self.server: Server | None = None  # where it leads, as long as it is open


class Asked:
    """A request, until it is over for its client."""

    __slots__ = ("number", "over", "sent", "server", "talk", "tries", "work")

    def __init__(self, number: int, talk: Talk, work: int):
        self.number, self.talk, self.work = number, talk, work
        self.tries, self.sent, self.over = 0, 0, False
        self.server: Server | None = None


END, PATIENCE, CHANGE, ASK = range(4)  # what happens first of what happens at the same µs


class Simulation:
    """One queue of events. All that `simulate` can be asked for."""

    def __init__(
        self,
        load: Workload | Requests,
        servers: list[Server],
        balancer: Balancer,
        plan: Sequence[Change] = (),
        seconds: float | None = None,
        number: int | None = None,
        seed: int | str = 0,
    ):
        self.load = load if isinstance(load, Workload) else None
        self.given = load if isinstance(load, Requests) else None
        self.servers, self.balancer, self.plan = servers, balancer, plan
        self.until = round(seconds * SECOND) if seconds else NEVER
        self.dice, self.thinking = dice_for(seed, "work"), dice_for(seed, "think")
        self.patience = round(self.load.timeout * SECOND) if self.load and self.load.timeout else NEVER
        self.retries = self.load.retries if self.load else 0
        self.arrivals = iter(self._instants(seconds, number, seed))
        self.events: list[tuple] = []  # a heap of (time, kind, order, handler, argument)
        self.now = self.order = self.turn = self.talks = 0
        self.columns: list[list[int]] = [[], [], [], [], [], []]  # arrived, started, ended, task, status, done

    def run(self) -> Run:
        """Until nothing is to come."""
        for change in self.plan:
            self._at(round(change.at * SECOND), CHANGE, self._change, change)
        if self.load and isinstance(self.load.arrivals, Closed):
            for client in range(self.load.arrivals.clients):
                self._think(client)
        else:
            self._await_next()
        while self.events:
            self.now, _, _, handler, argument = heappop(self.events)
            handler(argument)
        arrived, started, ended, task, status, done = self.columns
        return Run(arrived, started, ended, task, status, tuple(server.task for server in self.servers), done)

    def _instants(self, seconds: float | None, number: int | None, seed: int | str) -> Sequence[int]:
        if self.given:
            return self.given.arrived
        assert self.load
        law = self.load.arrivals
        return () if isinstance(law, Closed) else instants(law, dice_for(seed, "arrivals"), number, seconds)

    def _at(self, time: int, kind: int, handler: Any, argument: Any) -> None:
        self.order += 1
        heappush(self.events, (time, kind, self.order, handler, argument))

    # ── clients ──

    def _await_next(self) -> None:
        time = next(self.arrivals, None)
        if time is not None:
            self._at(time, ASK, self._come, None)

    def _come(self, _: None) -> None:
        self._await_next()
        number = self.talks
        self.talks += 1
        first = request(self.load, number) if self.load and self.load.clients else Request(number)
        self._ask(Talk(first, self.load.per_connection if self.load else 1))

    def _think(self, client: int) -> None:
        assert self.load and isinstance(self.load.arrivals, Closed)
        time = self.now + think_time(self.load.arrivals.think, self.thinking)
        if time < self.until:
            self._at(time, ASK, self._think_no_more, client)

    def _think_no_more(self, client: int) -> None:
        assert self.load
        first = Request(self.talks, address(client))
        self.talks += 1
        self._ask(Talk(first, self.load.per_connection, client))

    def _ask(self, talk: Talk) -> None:
        number = len(self.columns[0])
        for column, value in zip(self.columns, (self.now, -1, -1, -1, TIMED_OUT, -1), strict=True):
            column.append(value)
        if self.given:
            work = self.given.work[number]
        else:
            assert self.load
            work = service_time(self.load.service, self.dice)
        self._send(Asked(number, talk, work))

    def _send(self, asked: Asked) -> None:
        asked.tries, asked.sent = asked.tries + 1, self.now
        server = asked.talk.server
        if server:
            server.inactive -= 1
        if server is None or not (server.up or server.weight):  # a connection to who is known to be gone is closed
            server = asked.talk.server = self._choose(asked.talk.first)
        asked.server = server
        if server is None:
            self._over(asked, REFUSED)
            return
        server.active += 1
        self.columns[3][asked.number] = server.place
        server.open[asked] = None
        if server.up and not server.queue.take((asked, asked.tries), asked.work, self.now):
            self._over(asked, FULL)
            return
        self._arm(server)
        if self.patience < NEVER:
            self._at(self.now + self.patience, PATIENCE, self._give_up, (asked, asked.tries))

    def _choose(self, first: Request) -> Server | None:
        able: Any = [server for server in self.servers if server.weight]
        if not able:
            return None
        turn, self.turn = self.turn, self.turn + 1
        chosen: Any = self.balancer(able, first, turn)
        if chosen.__class__ is not Server:
            raise ValueError(nonsense(self.balancer, chosen))
        return chosen

    def _give_up(self, about: tuple[Asked, int]) -> None:
        asked, tries = about
        if not asked.over and asked.tries == tries:
            self._over(asked, TIMED_OUT)

    def _over(self, asked: Asked, status: int) -> None:
        """This try has ended: there is another one, or the request is over."""
        server, talk = asked.server, asked.talk
        if server:
            server.active -= 1
            del server.open[asked]
            if status == OK:
                server.hear(self.now - asked.sent)
        if status in (TIMED_OUT, REFUSED, RESET):
            talk.server = None  # the client closes the connection
        if status != OK and asked.tries <= self.retries:
            if talk.server:
                talk.server.inactive += 1
            assert self.load
            asked.server = None
            self._at(self.now + round(self.load.backoff * SECOND), ASK, self._send, asked)
            return
        asked.over = True
        self.columns[2][asked.number], self.columns[4][asked.number] = self.now, status
        self._go_on(talk)

    def _go_on(self, talk: Talk) -> None:
        talk.left -= 1
        if talk.left:
            assert self.load
            if talk.server:
                talk.server.inactive += 1
            self._at(self.now + round(self.load.pause * SECOND), ASK, self._ask, talk)
        elif talk.client >= 0:
            self._think(talk.client)

    # ── replicas ──

    def _arm(self, server: Server) -> None:
        if server.queue.due < server.armed:
            server.armed = server.queue.due
            self._at(server.armed, END, self._look_after, server)

    def _look_after(self, server: Server) -> None:
        if self.now != server.armed:
            return  # somebody else was done before, and will look
        server.armed = NEVER
        while server.queue.due <= self.now:
            (asked, tries), started, ended = server.queue.pop()
            if asked.tries == tries and asked.server is server:
                self.columns[1][asked.number], self.columns[5][asked.number] = started, ended
                if not asked.over:
                    self._over(asked, OK)
        self._arm(server)

    def _change(self, change: Change) -> None:
        if isinstance(change, Add):
            self.servers.append(Server(len(self.servers), change.replica))
            return
        server = next(server for server in self.servers if server.task == change.name)
        match change:
            case Leave():
                server.weight = 0
            case Pace(_, _, speed):
                server.queue.pace(speed, self.now)
                self._arm(server)
            case Fail(_, _, silent):
                self._fail(server, silent)

    def _fail(self, server: Server, silent: bool) -> None:
        """What it was working on is lost. A silent one stays in the balancer's list until it is told to leave."""
        server.up = False
        server.queue.drop()
        if not silent:
            server.weight = 0
            for asked in list(server.open):
                self._over(asked, RESET)
