"""The line of requests before one container: so many workers that take them in order, or one that shares itself.

A queue has no clock: it is told `now`, and says in `due` when the next request will be done. Times are whole µs.
"""

from collections import deque
from heapq import heapify, heappop, heappush
from math import ceil
from typing import Any

from ..effects import NEVER


class Queue:
    """First come, first served, by `workers` at once; no more than `room` may wait."""

    def __init__(self, workers: int = 1, room: int = NEVER, speed: float = 1.0):
        self.workers, self.room, self.speed = workers, room, speed
        self.working: list[tuple[int, int, Any, int]] = []  # a heap of (end, order, request, start)
        self.waiting: deque[tuple[Any, int, int]] = deque()  # (request, work, when it came)
        self.order = 0
        self.due = NEVER  # when the next request will be done

    def __len__(self) -> int:
        return len(self.working) + len(self.waiting)

    def take(self, request: Any, work: int, now: int) -> bool:
        """One more request, which is `work` µs for a worker of speed 1. False: the queue is full."""
        working = self.working
        if len(working) < self.workers:
            self.order = order = self.order + 1
            heappush(working, (now + (work if self.speed == 1 else ceil(work / self.speed)), order, request, now))
            self.due = working[0][0]
        elif len(self.waiting) < self.room:
            self.waiting.append((request, work, now))
        else:
            return False
        return True

    def pop(self) -> tuple[Any, int, int]:
        """The request that is done next, when work on it began, and when it ended; the next in line begins then."""
        working = self.working
        end, _, request, start = heappop(working)
        if self.waiting:
            after, work, begin = self.waiting.popleft()
            begin = max(begin, end)  # it may have come later, to a machine that did not look after its queues
            self.order = order = self.order + 1
            heappush(working, (begin + (work if self.speed == 1 else ceil(work / self.speed)), order, after, begin))
        self.due = working[0][0] if working else NEVER
        return request, start, end

    def drop(self) -> list:
        """All requests that are here, in the order in which they came to work or to wait; nobody is here any more."""
        left = [request for _, _, request, _ in sorted(self.working, key=lambda one: one[1])]
        left += [request for request, _, _ in self.waiting]
        self.working, self.waiting, self.due = [], deque(), NEVER
        return left

    def pace(self, speed: float, now: int) -> None:
        """Work faster or slower from now on."""
        change = self.speed / speed
        self.working = [(now + ceil((end - now) * change), *rest) for end, *rest in self.working]
        heapify(self.working)
        self.speed, self.due = speed, self.working[0][0] if self.working else NEVER


class Shared:
    """Processor sharing: all requests at once, each with an equal share of `workers` processors, and one at the most."""

    # Virtual time: how much work each request has got since the beginning. It passes more slowly the more there are.

    def __init__(self, workers: int = 1, room: int = NEVER, speed: float = 1.0):
        self.workers, self.room, self.speed = workers, room, speed
        self.working: list[
            tuple[float, int, Any, int]
        ] = []  # a heap of (virtual time of its end, order, request, start)
        self.order, self.given, self.since = 0, 0.0, 0  # `given` is the virtual time that it was at `since`

    @property
    def rate(self) -> float:
        """How much work each gets in one µs."""
        return self.speed * min(1.0, self.workers / len(self.working))

    @property
    def due(self) -> int:
        """When the next request will be done; NEVER while there is none."""
        return self.since + max(0, ceil((self.working[0][0] - self.given) / self.rate)) if self.working else NEVER

    def __len__(self) -> int:
        return len(self.working)

    def take(self, request: Any, work: int, now: int) -> bool:
        """One more request, which is `work` µs for a processor of speed 1. False: there are too many already."""
        if len(self.working) >= self.workers + self.room:
            return False
        self._pass(now)
        self.order += 1
        heappush(self.working, (self.given + work, self.order, request, now))
        return True

    def pop(self) -> tuple[Any, int, int]:
        """The request that is done next, when work on it began, and when it ended."""
        self._pass(self.due)
        _, _, request, start = heappop(self.working)
        return request, start, self.since

    def drop(self) -> list:
        """All requests that are here, in the order in which they came; nobody is here any more."""
        left = [request for _, _, request, _ in sorted(self.working, key=lambda one: one[1])]
        self.working = []
        return left

    def pace(self, speed: float, now: int) -> None:
        """Work faster or slower from now on."""
        self._pass(now)
        self.speed = speed

    def _pass(self, now: int) -> None:
        self.given = self.given + (now - self.since) * self.rate if self.working else 0.0
        self.since = now
