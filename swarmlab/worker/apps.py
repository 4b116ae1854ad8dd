"""Applications that are more than an answer after some time: what of a container asks others, or is asked by them.

Its image says which parts it has (`images.yml`): `calls` or `forwards`, `group`, `keeps`, `collects`, `measures`.
"""

# Simpler than in reality (docs/simplifications.md): calls

from typing import TYPE_CHECKING, Any, NamedTuple

from ..effects import Note, Tell
from ..events import CallAnswered, CallSent
from ..messages import Resolved, Serve, Served
from ..overlay.wire import Response
from . import asking, groups, images, keeping, measuring, proxying, shipping
from .asking import TIMED_OUT, Asked
from .box import Box
from .images import HANGS, WELL, Image

if TYPE_CHECKING:
    from .executor import Executor

OK, BAD, BUSY, LATE = 200, 502, 503, 504  # HTTP: bad gateway, service unavailable, gateway timeout
AMQP = 5672
DEEPEST = 20  # containers that ask each other in a row: more is a circle
CONFIG = "-f"  # the argument before the name of a config file


class Begun(NamedTuple):
    """A request that a container of this machine works on, or for which it waits."""

    key: str
    since: int
    port: int
    origin: int  # the request of the visitor for which it is done; 0 if there is none
    traced: bool
    depth: int = 0  # so many containers have asked each other before


class Call(NamedTuple):
    """What has to be answered once another service has answered."""

    request: int
    sender: str
    to: asking.Target


class App:
    """The parts of one application; None for those that it does not have."""

    port_of_messages, deepest = AMQP, DEEPEST

    def __init__(self, name: str, started_at: int, image: Image):
        self.name, self.started_at, self.access = name, started_at, image.access if "{ms}" in image.access else ""
        self.ports = image.listens  # it listens on no others; () for any
        self.onward: Any = None  # whom it asks before it answers
        self.member: Any = None  # of a group
        self.known: dict[str, None] = {}  # whom of it the trace says that it sees
        self.shelf: Any = None  # messages
        self.collector: Any = None  # of lines
        self.agent: Any = None  # that measures
        self.lines: list[tuple[int, int]] = []  # (status, ms) of requests that came by the thousand, to be printed

    @property
    def shut(self) -> int | None:
        """What visitors get instead of an answer: 503, or 0 where they are refused; None when it is open."""
        if self.member is None or self.member.able:
            return None
        return BUSY if self.member.rules.answers else 0

    @property
    def is_plain(self) -> bool:
        """Whether it has none of the parts."""
        return not (
            self.onward or self.member or self.shelf or self.collector or self.agent or self.access or self.ports
        )


def begin(here: "Executor", key: str, box: Box, image: Image, now: int) -> list:
    """A container has started."""
    env = dict(line.partition("=")[::2] for line in box.container.settings.env)
    app = App(shipping.task_name(box.container), now, image)
    app.onward = _onward(here, key, box, image, env)
    app.ports = app.onward.ports if app.onward and app.onward.ports else app.ports
    app.member = groups.member_of(box, image.group, env) if image.group else None
    effects: list = []
    if image.keeps:
        name = box.container.settings.hostname or app.name
        app.shelf, effects = keeping.started(here, key, name, image.keeps)
    app.collector = shipping.collector(here, key, image.collects) if image.collects else None
    app.agent = measuring.Agent(asking.target(image.measures)) if image.measures else None
    if app.is_plain:
        return effects
    here.apps[key] = app
    if isinstance(app.onward, proxying.Proxy):
        proxying.begin(here, key, app.onward, now)
    if app.member:
        here.set(now, "hello", key, (now,))
    if app.agent:
        here.set(now + measuring.EVERY, "measure", key, (now,))
    return effects


def _onward(here: "Executor", key: str, box: Box, image: Image, env: dict[str, str]) -> Any:
    """A config file makes it a balancer; or it asks one service for each request."""
    if image.forwards:
        args = box.args
        path = args[args.index(CONFIG) + 1] if CONFIG in args[:-1] else image.forwards
        text = next((one.data.decode("utf-8", "replace") for one in here.files(key) if one.path == path), "")
        found = proxying.farms(text)
        return proxying.Proxy(found) if found else None
    calls = env.get("CALLS", "") or image.calls
    return proxying.Caller(asking.target(calls, image.patience)) if calls else None


def end(here: "Executor", key: str, now: int) -> list:
    """A container has ended."""
    here.begun = {number: one for number, one in here.begun.items() if one.key != key}
    here.tallies.pop(key, None)
    app = here.apps.get(key)
    if app is None:
        return []
    effects = groups.goodbye(here, key, app.member, now) if app.member else []
    effects += shipping.lost(here, key) if app.collector else []
    del here.apps[key]
    return effects


def due(here: "Executor", what: str, key: str, about: tuple, now: int) -> list:
    """An alarm of one of these parts, if it is still the same container."""
    if what == "silent":
        return asking.silent(here, about[0], now)
    if what == "ship":
        return shipping.ship(here, about[0], now)
    app = here.apps.get(key)
    if app is None or app.started_at != about[0]:
        return []
    match what:
        case "hello":
            return groups.wake(here, key, app.member, about[0], now)
        case "check":
            return proxying.check(here, key, app.onward, about, now)
        case "keep":
            return keeping.write(here, key, now)
        case "flush":
            return shipping.flush(here, key, now)
        case "measure":
            return measuring.measure(here, key, about[0], now)
        case "again sent":
            return measuring.again(here, key, about[1], now)
    return _print_many(here, key, app, now)


def resolved(here: "Executor", found: Resolved, now: int) -> list:
    """The addresses behind a name, for a member of a group."""
    app = here.apps.get(found.key)
    return groups.resolved(here, found.key, app.member, found, now) if app and app.member and found.own else []


# ── what comes in ────────────────────────────────────────────────────────────────────────────────────────────────


def take(here: "Executor", sender: str, wish: Serve, now: int) -> list | None:
    """A request that is not simply worked on: what comes of it at once. None for any other."""
    if wish.path.startswith("/check/"):
        return _checked(here, sender, wish, now)
    app = here.apps.get(wish.key)
    if app is None:
        return None
    if app.ports and wish.port and wish.port not in app.ports:
        return [Tell(sender, Served(wish.request, wish.key, 0))]
    told = _word(here, app, wish, now) if wish.body is not None else None
    if told is not None:
        return [Tell(sender, Served(wish.request, wish.key, OK, body=told[0])), *told[1]]
    if app.shut is not None:
        return [Tell(sender, Served(wish.request, wish.key, app.shut))]
    if wish.path == "/forward" and app.collector:
        status = OK if shipping.take(here, wish.key, wish.body, now) else BUSY
        return [Tell(sender, Served(wish.request, wish.key, status))]
    return None


def _word(here: "Executor", app: App, wish: Serve, now: int) -> tuple[Any, list] | None:
    """What members of a group say to each other."""
    if app.member and wish.path == "/hello":
        return groups.greeted(here, wish.key, wish.body), []
    if app.member and wish.path == "/bye":
        return "", groups.parted(here, wish.key, app.member, wish.body, now)
    if app.shelf and wish.path == "/copy":
        keeping.take(here, wish.key, wish.body, now)
        return "", []
    return None


def _checked(here: "Executor", sender: str, wish: Serve, now: int) -> list:
    """A balancer looks after a server: whether it takes a connection, or answers a page."""
    app, line = here.apps.get(wish.key), here.lines.get(wish.key)
    container = here.boxes[wish.key].container
    mood = line.mood if line else images.mood(here.image(container.image), now - container.started_at)
    if app and (app.shut == 0 or (app.ports and wish.port not in app.ports)):
        return [Tell(sender, Served(wish.request, wish.key, 0))]
    if wish.path == "/check/http" and mood == HANGS:
        return []
    bad = wish.path == "/check/http" and (mood != WELL or (app and app.shut))
    return [Tell(sender, Served(wish.request, wish.key, BUSY if bad else OK))]


# ── what goes on ─────────────────────────────────────────────────────────────────────────────────────────────────


def worked(here: "Executor", key: str, app: App, request: int, sender: str, now: int) -> list:
    """The application has done its own work on a request that came alone."""
    begun = here.begun[request]
    if app.shut is not None:
        del here.begun[request]
        return [Tell(sender, Served(request, key, app.shut))]
    if app.shelf and begun.port in (AMQP, 0):
        app.shelf.own += 1
        app.shelf.stir(here, key, now)
    if app.onward and begun.depth == DEEPEST:
        return finish(here, key, request, sender, BAD, (), now)
    to = app.onward.choose(begun.port) if app.onward else proxying.OWN
    if to is None or to is proxying.OWN:
        return finish(here, key, request, sender, BUSY if to is None else OK, (), now)
    task = here.boxes[key].container.task
    call = Call(request, sender, to)
    more: dict[str, Any] = {"origin": begun.origin, "traced": begun.traced, "depth": begun.depth + 1}
    asks = asking.ask(here, key, back, call, to, now, **more)
    fact = CallSent(begun.origin, task, to.host, to.port, to.name, next(reversed(here.asked)))
    return [Note(fact), *asks] if begun.origin else asks


def back(here: "Executor", asked: Asked, response: Response, now: int) -> list:
    """The service has answered, or not: so can whoever asked it."""
    call: Call = asked.about
    app = here.apps[asked.key]
    app.onward.end(call.to)
    begun = here.begun.get(call.request)
    if begun is None:
        return []
    status = status_of(response)
    task = here.boxes[asked.key].container.task
    fact = CallAnswered(begun.origin, task, call.to.host, status, response.task, now - asked.since, asked.number)
    told = [Note(fact)] if begun.origin else []
    return [*told, *finish(here, asked.key, call.request, call.sender, status, response.hops, now)]


def status_of(response: Response) -> int:
    """What a visitor gets for what the service behind has said."""
    if 200 <= response.status < 400:
        return OK
    if response.status in (BAD, BUSY, LATE):
        return response.status
    return LATE if response.error == TIMED_OUT else BAD


def finish(here: "Executor", key: str, request: int, sender: str, status: int, hops: tuple, now: int) -> list:
    """The answer, and the line about it."""
    begun = here.begun.pop(request)
    tally = here.tally(key)
    tally.requests, tally.took = tally.requests + 1, tally.took + now - begun.since
    effects: list = [Tell(sender, Served(request, key, status, hops=hops))]
    access = here.image(here.boxes[key].container.image).access
    if access and not (request < 0 and begun.origin == 0):
        effects += here.print(key, (("stdout", said(access, status, now - begun.since)),), now)
    return effects


def said(access: str, status: int, took: int) -> str:
    """The line about a request.

    >>> said("GET / {status} {ms}ms", 200, 12_300)
    'GET / 200 12ms'
    """
    return access.replace("{status}", str(status)).replace("{ms}", str(took // 1000))


def _print_many(here: "Executor", key: str, app: App, now: int) -> list:
    """The lines about requests that came by the thousand, once a second."""
    lines, app.lines = app.lines, []
    texts = tuple(("stdout", said(app.access, status, took)) for status, took in lines)
    return here.print(key, texts, now) if texts and here.is_running(key) else []
