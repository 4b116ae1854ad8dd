"""Somebody outside the swarm who asks for web pages, and does not wait for ever."""

from heapq import heappop, heappush
from typing import NamedTuple

from ..effects import NEVER, SECOND, Dice, Disk, Note, Received, Send, Tell, Told, Woken
from ..events import RequestAnswered, RequestFailed, RequestSent
from .wire import CLIENT, SMALL, Response, Visit

DEFAULT_PORTS = {"http": 80, "https": 443}


class Ask(NamedTuple):
    """To the visitor: get this address from the machine `to`. With a `source`, that task asks, on that machine."""

    request: int  # a number that no other request has
    url: str
    to: str
    timeout: int = 5 * SECOND
    source: str = ""  # task id
    connection: int = 0  # several requests may share one; 0: it has one of its own
    opens: bool = True  # whether it is the first of its connection
    size: int = SMALL  # bytes of the answer
    traced: bool = False  # every stop is noted
    outside: str = ""  # the address that servers outside know for the host
    ping: bool = False  # `url` is only a host; the answer is an echo of `size` bytes
    address: str = CLIENT  # of the visitor


class Answer(NamedTuple):
    """From the visitor: what came of it. `latency` is µs from asking; `hops` are (kind, machine, detail)."""

    request: int
    ok: bool
    status: int  # 0 when there was no answer
    task: str  # id
    name: str  # web.1
    node: str  # machine
    hops: tuple
    latency: int
    error: str  # '' · 'connection refused' · 'timed out' · 'could not resolve host: web'


def split_url(url: str) -> tuple[str, int, str]:
    """Host, port and path of an address; ValueError with a sentence if it is none."""
    if not isinstance(url, str):
        raise ValueError(f"not an address like http://worker-1:5000/: {url!r}")
    scheme, separator, rest = url.partition("://")
    if not separator:
        scheme, rest = "http", url
    place, _, path = rest.partition("/")
    host, colon, digits = place.partition(":")
    port = digits if colon else str(DEFAULT_PORTS.get(scheme, ""))
    if not host or not (port.isascii() and port.isdigit()) or not 0 < int(port) < 65536:
        raise ValueError(f"not an address like http://worker-1:5000/: {url!r}")
    return host, int(port), f"/{path}"


class Visitor:
    """A browser on a machine that is not part of the swarm."""

    # There is no TCP below: a message that is lost is not sent again, and the request times out.

    def __init__(self, machine: str, disk: Disk, dice: Dice):
        self.machine, self.deadline = machine, NEVER
        self.open: dict[int, int] = {}  # request → when it was sent
        self.patience: list[tuple[int, int]] = []  # a heap of (when it ends, request)

    def step(self, event, now: int) -> list:
        """Hear one thing; see `swarmlab.effects`."""
        effects: list = []
        match event:
            case Told(_, Ask() as ask):
                effects = self._ask(ask, now)
            case Received(_, Response() as response):
                effects = self._receive(response, now)
            case Woken():
                effects = self._give_up(now)
        while self.patience and self.patience[0][1] not in self.open:
            heappop(self.patience)
        self.deadline = self.patience[0][0] if self.patience else NEVER
        return effects

    def _ask(self, ask: Ask, now: int) -> list:
        host, port, path = (ask.url, 0, "") if ask.ping else split_url(ask.url)
        self.open[ask.request] = now
        heappush(self.patience, (now + ask.timeout, ask.request))
        sent = Note(RequestSent(ask.request, ask.url, ask.to))
        visit = Visit(
            ask.request, port, path, host, ask.source, ask.connection, ask.opens, ask.size, ask.traced, ask.address,
            outside=ask.outside, ping=ask.ping,
        )  # fmt: skip
        return [sent, Send(ask.to, "http", visit)]

    def _receive(self, response: Response, now: int) -> list:
        request, status, task, name, machine, hops, error = response[:7]
        if request not in self.open:  # too late
            return []
        latency = now - self.open.pop(request)
        fact = RequestFailed(request, error) if error else RequestAnswered(request, status, task, latency)
        answer = Answer(request, 200 <= status < 400, status, task, name, machine, hops, latency, error)
        return [Note(fact), Tell("client", answer)]

    def _give_up(self, now: int) -> list:
        effects: list = []
        while self.patience and self.patience[0][0] <= now:
            _, request = heappop(self.patience)
            if request in self.open:
                latency = now - self.open.pop(request)
                answer = Answer(request, False, 0, "", "", "", (), latency, "timed out")
                effects += [Note(RequestFailed(request, answer.error)), Tell("client", answer)]
        return effects
