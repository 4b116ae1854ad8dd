"""The requests before the containers of one machine: each container has a line of its own.

A container serves any number of requests at once unless its image has a number of workers, or its environment names one:
`WEB_CONCURRENCY=4`, as gunicorn and others read it. Then the requests queue. With `UVICORN_LIMIT_CONCURRENCY=20` it lets no
more than so many in, and turns the others away with 503.

An application has moods: when it is unwell it answers 503 to whoever comes, and when it hangs it answers nobody, though its
process runs.
"""

# Simpler than in reality (docs/simplifications.md): one-line, frozen-container

from typing import Any

from ..effects import NEVER
from ..overlay.queues import Queue
from .box import Box
from .images import HANGS, UNWELL, WELL, Image

CROWD = 1 << 30  # so many workers that nobody waits
HUNG = 1e-9  # the speed of one that hangs: nothing that is in work ever ends


class Line:
    """The requests that one container works on, and those that wait."""

    # fmt: off
    __slots__ = (
        "app", "armed", "image", "key", "life", "limited", "mood", "open", "queue", "room", "speed", "talks", "tally",
        "workers",
    )
    # fmt: on

    def __init__(self, key: str, workers: int, image: Image, room: int = NEVER):
        self.key, self.image, self.limited = key, image, workers < CROWD
        self.workers, self.room = workers, room
        self.queue = Queue(workers, room)
        self.mood, self.speed = WELL, 1.0
        self.open = True  # the container runs
        self.armed = NEVER  # when somebody looks after it next
        self.life = 0  # in which life of the machine
        self.talks: dict[Any, None] = {}  # connections that clients keep open to it
        self.app: Any = None  # what it does besides, see `apps`; None for nothing
        self.tally: Any = None  # what the container has done so far, see `measuring`

    @property
    def matters(self) -> bool:
        """Whether it makes a difference that there is a line: else each request is worked on by itself."""
        return self.limited or self.mood != WELL or self.speed != 1

    def pace(self, speed: float, now: int) -> None:
        """Work faster or slower from now on."""
        self.speed = speed
        self._settle(now)

    def turn(self, mood: str, now: int) -> None:
        """The application falls ill, or gets well. What it has begun it ends, unless it hangs."""
        self.mood = mood
        self._settle(now)

    def ask(self, question: "Question", work: int, now: int) -> None:
        """A health check joins the line, however long that is: an application that turns visitors away answers it."""
        queue = self.queue
        room, queue.room = queue.room, NEVER
        queue.take(question, work, now)
        queue.room = room

    def _settle(self, now: int) -> None:
        queue = self.queue
        queue.workers, queue.room = (0, 0) if self.mood == UNWELL else (self.workers, self.room)
        queue.pace(HUNG if self.mood == HANGS else self.speed, now)
        self.armed = NEVER  # whatever was due is due at another time


class Single:
    """A request that came alone, as the machine's mesh asked for it."""

    __slots__ = ("request", "sender")

    def __init__(self, request: int, sender: str):
        self.request, self.sender = request, sender


class Question:
    """The request of a health check."""

    __slots__ = ("request",)
    sender = "probe"

    def __init__(self, request: int):
        self.request = request


def workers_of(box: Box, image: Image) -> int:
    """How many requests this container works on at once."""
    return _asked(box, "WEB_CONCURRENCY") or image.workers or CROWD


def room_of(box: Box, image: Image) -> int:
    """How many more may wait there; NEVER for any number."""
    limit = _asked(box, "UVICORN_LIMIT_CONCURRENCY") or image.limit
    return max(0, limit - workers_of(box, image)) if limit else NEVER


def needs_of(box: Box, image: Image) -> str:
    """The service without which its health checks fail, '' for none."""
    return _setting(box, "NEEDS") or image.needs


def _asked(box: Box, name: str) -> int:
    text = _setting(box, name)
    return int(text) if text.isascii() and text.isdigit() and 0 < int(text) < CROWD else 0


def _setting(box: Box, name: str) -> str:
    begin = f"{name}="
    return next((line[len(begin) :] for line in reversed(box.container.settings.env) if line.startswith(begin)), "")
