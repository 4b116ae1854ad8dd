"""A load balancer in a container: it takes its backends from its config file, looks after them, and passes requests on.

Of HAProxy's language it knows `bind`, `mode`, `default_backend`, `server` and `default-server` with `inter`, `rise`, `fall`,
`option httpchk`, `timeout connect` and `stats enable`; a connection goes to the server with the fewest. A server counts as up
at first, and is out after one failure; from then on it takes `rise` successes in a row to come in and `fall` failures to
go out. Source: HAProxy 1.8 configuration manual, 4.2 `balance`, 5.2 `inter`, `rise`, `fall`; src/checks.c.
"""

# Simpler than in reality (docs/simplifications.md): haproxy

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from ..effects import SECOND, Note
from ..events import ServerJudged
from ..overlay.wire import Response
from . import asking
from .asking import Asked, Target

if TYPE_CHECKING:
    from .executor import Executor

UNITS = {"us": 1, "ms": 1_000, "s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND}
CONNECT = 5 * SECOND
OWN = Target("", 0, name="statistics")  # it answers itself


class Server(NamedTuple):
    """A line `server` of the config file."""

    name: str
    host: str
    port: int
    checked: bool = False
    inter: int = 2 * SECOND
    rise: int = 2
    fall: int = 3


class Farm(NamedTuple):
    """What listens on some ports, and the servers behind it."""

    name: str
    ports: tuple[int, ...]
    servers: tuple[Server, ...] = ()
    http: bool = False  # it is asked for a page, rather than whether it takes a connection
    stats: bool = False
    connect: int = CONNECT
    check: int = (
        0  # how long a check may take once it is connected; 0: a whole check may take until the next one is due
    )


def time(text: str) -> int:
    """Of HAProxy, in µs: 5s, 200ms; a bare number is ms.

    >>> time("5s"), time("200")
    (5000000, 200000)
    """
    digits = text.rstrip("uhms")
    return int(digits) * UNITS[text[len(digits) :] or "ms"] if digits.isascii() and digits.isdigit() else 0


def farms(text: str) -> tuple[Farm, ...]:
    """What a config file says."""
    sections = [_section(title, lines) for title, lines in _split(text)]
    common: dict = next((one for one in sections if one["kind"] == "defaults"), _section(["defaults"], []))
    backends = {one["name"]: one for one in sections if one["kind"] == "backend"}
    found = []
    for one in sections:
        if one["kind"] in ("listen", "frontend") and one["ports"]:
            behind = backends.get(one["behind"], one)
            options = [*common["options"], *behind["options"]]
            servers = tuple(_server(words, options) for words in behind["servers"])
            connect = behind["connect"] or common["connect"] or CONNECT
            check = behind["check"] or common["check"]
            found.append(Farm(one["name"], tuple(one["ports"]), servers, behind["http"], one["stats"], connect, check))
    return tuple(found)


def _split(text: str) -> list[tuple[list[str], list[list[str]]]]:
    found: list[tuple[list[str], list[list[str]]]] = []
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if words and words[0] in ("global", "defaults", "listen", "frontend", "backend", "resolvers"):
            found.append((words, []))
        elif words and found:
            found[-1][1].append(words)
    return found


def _section(title: list[str], lines: list[list[str]]) -> dict:
    found: dict = {"kind": title[0], "name": title[1] if title[1:] else "", "ports": [], "servers": [], "options": []}
    found |= {"behind": "", "http": False, "stats": False, "connect": 0, "check": 0}
    for words in lines:
        match words:
            case ["bind", place, *_] if place.rpartition(":")[2].isdigit():
                found["ports"].append(int(place.rpartition(":")[2]))
            case ["default_backend", name]:
                found["behind"] = name
            case ["option", "httpchk", *_]:
                found["http"] = True
            case ["stats", "enable"]:
                found["stats"] = True
            case ["timeout", "connect" | "check" as what, much]:
                found[what] = time(much)
            case ["default-server", *options]:
                found["options"] += options
            case ["server", _, _, *_]:
                found["servers"].append(words[1:])
    return found


def _server(words: list[str], common: list[str]) -> Server:
    name, place, *own = words
    options = [*common, *own]
    host, _, port = place.rpartition(":")
    numbers = dict(pairwise(options))
    inter = time(numbers.get("inter", "")) or 2 * SECOND
    rise, fall = (
        int(numbers[what]) if numbers.get(what, "").isdigit() else n for what, n in (("rise", 2), ("fall", 3))
    )
    return Server(name, host or place, int(port) if port.isdigit() else 80, "check" in options, inter, rise, fall)


# ── who gets the next connection ─────────────────────────────────────────────────────────────────────────────────


class State:
    """What the balancer knows of one server."""

    def __init__(self, server: Server):
        self.server, self.up = server, True
        self.health = server.rise  # one failure more than none, and it is out
        self.active = self.used = 0

    def hear(self, well: bool) -> bool:
        """A check has ended. Says whether the server goes out, or comes in, because of it."""
        rise, top, was = self.server.rise, self.server.rise + self.server.fall - 1, self.up
        if well:
            self.health = self.health + 1 if self.health + 1 < rise else top
        else:
            self.health = self.health - 1 if self.health > rise else 0
        self.up = self.health >= rise
        return self.up != was


class Proxy:
    """Chooses servers for requests, by the port that was asked."""

    def __init__(self, found: tuple[Farm, ...]):
        self.farms = {port: farm for farm in found for port in farm.ports}
        self.states = {farm.name: [State(server) for server in farm.servers] for farm in found}
        self.turn = 0

    @property
    def ports(self) -> tuple[int, ...]:
        """Where it listens."""
        return tuple(self.farms)

    def choose(self, port: int) -> Target | None:
        """The server with the fewest connections, the longest unused of them; None when all are out."""
        farm = self.farms.get(port)
        if farm is None or farm.stats:
            return OWN if farm else None
        able = [state for state in self.states[farm.name] if state.up]
        if not able:
            return None
        state = min(able, key=lambda one: (one.active, one.used))
        self.turn += 1
        state.active, state.used = state.active + 1, self.turn
        server = state.server
        return Target(server.host, server.port, name=f"{farm.name} {server.name}", patience=farm.connect)

    def end(self, target: Target) -> None:
        """A request that went there is over."""
        farm, _, name = target.name.rpartition(" ")
        for state in self.states.get(farm, ()):
            if state.server.name == name:
                state.active -= 1


class Caller:
    """Asks one and the same service for every request."""

    ports = ()

    def __init__(self, target: Target):
        self.target = target

    def choose(self, port: int) -> Target:
        """Whom to ask."""
        return self.target

    def end(self, target: Target) -> None:
        """The service has answered, or not."""


# ── checks ───────────────────────────────────────────────────────────────────────────────────────────────────────


def begin(here: "Executor", key: str, proxy: Proxy, now: int) -> None:
    """The checks of the servers of one section are spread over the time between two."""
    for name, states in proxy.states.items():
        checked = [state.server for state in states if state.server.checked]
        for n, server in enumerate(checked):
            here.set(now + n * server.inter // len(checked), "check", key, (now, name, server.name))


def check(here: "Executor", key: str, proxy: Proxy, about: tuple[int, str, str], now: int) -> list:
    """A check of a server is due."""
    _, name, server = about
    farm = next(farm for farm in proxy.farms.values() if farm.name == name)
    one = next(state.server for state in proxy.states[name] if state.server.name == server)
    here.set(now + one.inter, "check", key, about)
    most = min(farm.connect, one.inter) + (farm.check if farm.http else 0) if farm.check else one.inter
    to = Target(one.host, one.port, patience=min(most, one.inter) - 1)
    return asking.ask(here, key, checked, (name, server), to, now, "/check/http" if farm.http else "/check/tcp")


def checked(here: "Executor", asked: Asked, response: Response, now: int) -> list:
    """A server has answered, or not."""
    name, server = asked.about
    proxy = here.apps[asked.key].onward
    state = next(one for one in proxy.states[name] if one.server.name == server)
    if not state.hear(200 <= response.status < 400):
        return []
    why = "" if state.up else response.error or f"status {response.status}"
    return [Note(ServerJudged(here.boxes[asked.key].container.task, name, server, state.up, why))]
