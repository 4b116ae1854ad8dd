"""Requests, balancer and queues where anything may go wrong: one queue of events. `queueing.simulate` starts it."""

from collections.abc import Sequence
from heapq import heappop, heappush
from typing import Any

from ..effects import NEVER, SECOND
from ..overlay.balancers import Balancer, Request
from .drawing import Requests, dice_for, instants
from .measures import FULL, OK, REFUSED, RESET, TIMED_OUT, Run
from .replicas import Add, Change, Fail, Leave, Pace, Server, nonsense
from .workload import BREATH, Closed, Workload, address, request, service_time, think_time


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

    def _think(self, client: int, breath: int = 0) -> None:
        assert self.load and isinstance(self.load.arrivals, Closed)
        law = self.load.arrivals
        time = self.now + think_time(law.think, self.thinking) + (breath if law.think * SECOND < BREATH else 0)
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
        if not asked.over and asked.tries == tries and asked.server:  # else it waits to ask again
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
        self._go_on(talk, 0 if status == OK else BREATH)

    def _go_on(self, talk: Talk, breath: int) -> None:
        talk.left -= 1
        if talk.left:
            assert self.load
            if talk.server:
                talk.server.inactive += 1
            self._at(self.now + round(self.load.pause * SECOND), ASK, self._ask, talk)
        elif talk.client >= 0:
            self._think(talk.client, breath)

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
