"""The requests before the containers of one machine: each container has a line of its own.

A container serves any number of requests at once unless its image has a number of workers, or its environment names one:
`WEB_CONCURRENCY=4`, as gunicorn and others read it. Then the requests queue.
"""

from typing import Any

from ..effects import NEVER
from ..overlay.queues import Queue
from .box import Box
from .images import Image

CROWD = 1 << 30  # so many workers that nobody waits


class Line:
    """The requests that one container works on, and those that wait."""

    # fmt: off
    __slots__ = ("armed", "image", "key", "life", "limited", "open", "queue", "talks")
    # fmt: on

    def __init__(self, key: str, workers: int, image: Image):
        self.key, self.image, self.limited = key, image, workers < CROWD
        self.queue = Queue(workers)
        self.open = True  # the container runs
        self.armed = NEVER  # when somebody looks after it next
        self.life = 0  # in which life of the machine
        self.talks: dict[Any, None] = {}  # connections that clients keep open to it


class Single:
    """A request that came alone, as the machine's mesh asked for it."""

    __slots__ = ("request", "sender")

    def __init__(self, request: int, sender: str):
        self.request, self.sender = request, sender


def workers_of(box: Box, image: Image) -> int:
    """How many requests this container works on at once."""
    settings = dict(line.partition("=")[::2] for line in box.container.settings.env)
    asked = settings.get("WEB_CONCURRENCY", "")
    return int(asked) if asked.isascii() and asked.isdigit() and 0 < int(asked) < CROWD else image.workers or CROWD
