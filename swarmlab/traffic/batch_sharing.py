"""Replicas that share: each works on all its requests at once, and each request gets its part of the speed.

That is how processors serve requests, and a long one then holds up nobody. Between two events all requests of a
replica get the same, so they leave in order of the work they had left when they came: one number a replica, how much
each of its requests has got so far, says who is next [processor sharing: Kleinrock 1967].
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Any

import numpy as np

from .batch_queues import Choice, _picker

Array = Any  # a numpy array


def shared(arrived: Array, work: Array, speeds: Array, weights: Array, choice: Choice | None, task: Array | None):
    """(ends, tasks): chosen by queues if there is a choice, else as assigned, else whoever has the fewest."""
    if choice is None and task is None:
        choice = Choice()  # one queue: where there is most room
    done = np.empty_like(arrived)
    chosen = np.empty(arrived.shape, dtype=np.intp)
    for run in range(len(arrived)):
        given = None if task is None else task[run].tolist()
        done[run], chosen[run] = _alone(arrived, work, speeds, weights, choice, given, run)
    return done, chosen


class Shared:
    """One replica."""

    def __init__(self, speed: float):
        self.speed, self.got, self.since = speed, 0.0, 0.0
        self.staying: list[tuple[float, int]] = []  # (what it must have got, request)

    def leave(self, now: float, done: list) -> None:
        """Go on until now; those that leave are written down."""
        while self.staying:
            needs = (self.staying[0][0] - self.got) * len(self.staying) / self.speed
            if self.since + needs > now:
                break
            self.since += needs
            self.got, request = heappop(self.staying)
            done[request] = self.since
        if self.staying:
            self.got += (now - self.since) * self.speed / len(self.staying)
        self.since = now

    def known(self, since: float, came: list) -> int:
        """How many of its requests a balancer still counts: their clients came after `since`, and have not given up."""
        return sum(came[request] > since for _, request in self.staying)

    def enter(self, request: int, work: float) -> None:
        """One request more."""
        heappush(self.staying, (self.got + work, request))


def _alone(arrived: Array, work: Array, speeds: Array, weights: Array, choice: Choice | None, given, run: int):
    replicas = [Shared(speed) for speed in speeds.tolist()]
    lengths = [0] * len(replicas)
    pick = given.__getitem__ if choice is None else _picker(choice, run, lengths, weights)
    sticky = None if choice is None or choice.connection is None else choice.connection[run].tolist()
    homes: dict[int, int] = {}
    patient, came = choice is None or choice.patience == np.inf, arrived[run].tolist()
    done, task = [0.0] * arrived.shape[1], []
    for step, (now, wanted) in enumerate(zip(came, work[run].tolist(), strict=True)):
        if choice is not None:
            for place, replica in enumerate(replicas):
                replica.leave(now, done)
                lengths[place] = len(replica.staying) if patient else replica.known(now - choice.patience, came)
        place = pick(step) if sticky is None or sticky[step] not in homes else homes[sticky[step]]
        if sticky is not None:
            homes[sticky[step]] = place
        replicas[place].leave(now, done)
        replicas[place].enter(step, wanted)
        task.append(place)
    for replica in replicas:
        replica.leave(np.inf, done)
    return done, task
