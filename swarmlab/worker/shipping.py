"""Lines on their way: logging driver → fluentd, by the published port of its own node → Elasticsearch.

The driver `fluentd` of a machine keeps in memory what it cannot hand over, `fluentd-buffer-limit` lines at the most; so does
fluentd until a search node has taken them. What lies in a memory is lost with its machine, or its task. A line has a number of
its own, so that one which is sent twice is there once. Source: Docker documentation, "Fluentd logging driver"; Fluentd
documentation, "Buffer Section Configurations".
"""

# Simpler than in reality (docs/simplifications.md): fluentd, fluentd-ends

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from ..effects import SECOND, Note
from ..events import LinesLost, LogIndexed
from ..messages import Container
from ..objects import LogDriver
from ..overlay.wire import Response
from . import asking
from .asking import Asked, Target

if TYPE_CHECKING:
    from .executor import Executor

LIMIT = 1_048_576  # lines in the memory of the driver
MOST = 100_000  # and in that of fluentd
AT_ONCE = 10_000  # lines that are handed over together, at the most
LONGEST = 5 * SECOND  # between two tries
FLUSH = 5 * SECOND
SERVICE, TASK_NAME = "com.docker.swarm.service.name", "com.docker.swarm.task.name"
INTERVAL = re.compile(r"^\s*flush_interval\s+(\d+)s\s*$", re.MULTILINE)
HOME = ("localhost", "127.0.0.1")


class Line(NamedTuple):
    """One line that left a container."""

    time: int
    number: int  # on its node
    service: str
    task: str  # id
    name: str  # web.1
    stream: str
    text: str


class Batch(NamedTuple):
    """What a driver hands over at once."""

    node: str
    number: int
    lines: tuple[Line, ...]


class Outbox:
    """What waits in the driver for one port."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.flying = 0  # of them so many are under way
        self.batch = 0  # its number
        self.pause = SECOND
        self.waits = False  # a look at them is due


def task_name(container: Container) -> str:
    """web.1, or the name of a plain container."""
    return container.labels.get(TASK_NAME, "").rpartition(".")[0] or container.name


def put(here: "Executor", container: Container, driver: LogDriver | None, printed: Any, now: int) -> list:
    """A container has printed lines; if its driver is fluentd, and leads to this node, they go on their way."""
    if driver is None or driver.name != "fluentd" or not printed:
        return []
    host, _, port = driver.options.get("fluentd-address", "localhost:24224").rpartition("//")[2].partition(":")
    if host not in HOME:
        return []
    limit = driver.options.get("fluentd-buffer-limit", "")
    box = here.outboxes.setdefault(int(port) if port.isdigit() else 24224, Outbox())
    service, name = container.labels.get(SERVICE, ""), task_name(container)
    room = max(0, (int(limit) if limit.isdigit() else LIMIT) - len(box.lines))
    for stream, text in list(printed)[:room]:
        here.line_number = max(here.line_number + 1, now)
        box.lines.append(Line(now, here.line_number, service, container.task, name, stream, text))
    _look(here, box, SECOND, now)
    over = len(printed) - room
    return [Note(LinesLost(container.task, over, "the buffer of the driver is full"))] if over > 0 else []


def _look(here: "Executor", box: Outbox, pause: int, now: int) -> None:
    if not box.waits and not box.flying and box.lines:
        box.waits = True
        here.set(now + pause, "ship", "", (next(port for port, one in here.outboxes.items() if one is box),))


def ship(here: "Executor", port: int, now: int) -> list:
    """What waits is handed over, the oldest first: what was sent in vain goes once more."""
    box = here.outboxes[port]
    lines = tuple(box.lines[:AT_ONCE])
    box.waits, box.flying = False, len(lines)
    box.batch = lines[-1].number
    batch = Batch(here.machine, box.batch, lines)
    return asking.ask(here, "", shipped, port, Target("", port), now, "/forward", body=batch)


def shipped(here: "Executor", asked: Asked, response: Response, now: int) -> list:
    """It was taken, or it waits."""
    box = here.outboxes[asked.about]
    if response.status == 200:
        del box.lines[: box.flying]
        box.pause = SECOND
    box.flying = 0
    _look(here, box, box.pause, now)
    if response.status != 200:
        box.pause = min(2 * box.pause, LONGEST)
    return []


# ── fluentd ──────────────────────────────────────────────────────────────────────────────────────────────────────


class Collector:
    """The memory of a fluentd, from which search nodes get lines."""

    def __init__(self, to: Target, flush: int = FLUSH):
        self.to, self.flush = to, flush
        self.lines: list[tuple[str, Line]] = []  # (node, line)
        self.heard: dict[str, int] = {}  # node → the newest line that came from there
        self.waits = False


def collector(here: "Executor", key: str, image_collects: str) -> Collector:
    """As its config file says."""
    texts = (one.data.decode("utf-8", "replace") for one in here.files(key))
    found = next((match for text in texts if (match := INTERVAL.search(text))), None)
    return Collector(asking.target(image_collects), int(found[1]) * SECOND if found else FLUSH)


def take(here: "Executor", key: str, batch: Batch, now: int) -> bool:
    """Lines come in; False: there is no room. What came once already is no news."""
    box: Collector = here.apps[key].collector
    last = box.heard.get(batch.node, -1)
    news = [(batch.node, line) for line in batch.lines if line.number > last]
    if len(box.lines) + len(news) > MOST:
        return False
    box.lines += news
    box.heard[batch.node] = max(last, batch.number)
    _flush_later(here, key, box, now)
    return True


def _flush_later(here: "Executor", key: str, box: Collector, now: int) -> None:
    if not box.waits and box.lines:
        box.waits = True
        here.set(now + box.flush, "flush", key, (here.boxes[key].container.started_at,))


def flush(here: "Executor", key: str, now: int) -> list:
    """All lines so far go to a search node."""
    box: Collector = here.apps[key].collector
    return asking.ask(here, key, flushed, len(box.lines), box.to, now, "/bulk", body=len(box.lines))


def flushed(here: "Executor", asked: Asked, response: Response, now: int) -> list:
    """It has them, or they wait."""
    box: Collector = here.apps[asked.key].collector
    box.waits, effects = False, []
    if response.status == 200:
        effects = [Note(LogIndexed(line.time, node, *line[1:])) for node, line in box.lines[: asked.about]]
        del box.lines[: asked.about]
    _flush_later(here, asked.key, box, now)
    return effects


def lost(here: "Executor", key: str) -> list:
    """A fluentd ends, and with it what it had not passed on."""
    box: Collector = here.apps[key].collector
    number = len(box.lines)
    return [Note(LinesLost(here.boxes[key].container.task, number, "fluentd ended"))] if number else []
