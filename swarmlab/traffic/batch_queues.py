"""Queues of a whole run at once: who waits how long, first come, first served.

Where the choice does not depend on the queues, each replica is Lindley's recursion: end = max(arrival, end before)
+ work, which is a running maximum. Where it does, all runs take one step together; a single run walks alone.
Rows are runs, columns requests in order of arrival, times in seconds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from heapq import heappop, heappush, heapreplace
from typing import Any, NamedTuple

import numpy as np

Array = Any  # a numpy array

PIECE = 1 << 15  # requests
TOGETHER = 24  # so many runs are faster in step than one after the other
AT_ONCE = 1000  # more runs than these do not fit in the cache


class Choice(NamedTuple):
    """How replicas are chosen by their queues: the shortest, of equals the first, if nothing else is said."""

    score: Callable | None = None  # (lengths, weights) → the least is chosen instead
    candidates: Array = None  # requests × places × runs: only these are looked at
    connection: Array = None  # of each request; the later ones go where the first went
    patience: float = np.inf  # s: how long a client waits, and so how long the balancer counts its request

    def of(self, runs: slice) -> Choice:
        """For some of the runs."""
        candidates = None if self.candidates is None else self.candidates[:, :, runs]
        connection = None if self.connection is None else self.connection[runs]
        return self._replace(candidates=candidates, connection=connection)


# ── the choice does not depend on the queues ─────────────────────────────────────────────────────────────────────


def ends(arrived: Array, work: Array, free: Array | float = 0.0) -> Array:
    """When each is done, along the last axis: one queue a row, free from then on [Lindley 1952]."""
    done = np.cumsum(work, axis=-1)
    late = arrived - done
    late += work  # how late each would be, had the replica worked without a pause
    np.maximum(late[..., 0], free, out=late[..., 0])
    np.maximum.accumulate(late, axis=-1, out=late)
    return np.add(late, done, out=done)


def in_turn(arrived: Array, work: Array, replicas: int) -> Array:
    """Ends under plain round robin: every so manieth request makes a queue. By pieces that fit in the cache."""
    runs, number = arrived.shape
    done = np.empty((runs, number))
    rows, rounds = max(1, PIECE // number), max(1, PIECE // replicas)
    for first in range(0, runs, rows):
        free: Array = np.zeros((min(rows, runs - first), replicas))
        for begin in range(0, number, rounds * replicas):
            piece = (slice(first, first + rows), slice(begin, begin + rounds * replicas))
            done[piece], free = _one_piece(arrived[piece], work[piece], free)
    return done


def _one_piece(arrived: Array, work: Array, free: Array) -> tuple[Array, Array]:
    """(ends, when each replica is free)."""
    (runs, number), replicas = arrived.shape, free.shape[1]
    if missing := -number % replicas:
        arrived = np.concatenate((arrived, np.zeros((runs, missing))), axis=1)
        work = np.concatenate((work, np.zeros((runs, missing))), axis=1)
    dealt = [column.reshape(runs, -1, replicas).transpose(0, 2, 1) for column in (arrived, work)]
    done = ends(np.ascontiguousarray(dealt[0]), np.ascontiguousarray(dealt[1]), free)
    return done.transpose(0, 2, 1).reshape(runs, -1)[:, :number], done[..., -1]


def as_sent(arrived: Array, work: Array, task: Array, replicas: int) -> Array:
    """Ends when it is known who gets what."""
    done = np.empty_like(arrived)
    for run, sent in enumerate(task):
        order = np.argsort(sent.astype(np.min_scalar_type(replicas)), kind="stable")
        last = np.cumsum(np.bincount(sent, minlength=replicas))
        for mine in np.split(order, last[:-1]):
            if len(mine):
                done[run, mine] = ends(arrived[run, mine], work[run, mine])
    return done


# ── the choice depends on the queues ─────────────────────────────────────────────────────────────────────────────


def by_length(arrived: Array, work: Array, speeds: Array, weights: Array, choice: Choice) -> tuple[Array, Array]:
    """(ends, tasks) when the replica is chosen by how many requests are there."""
    if len(arrived) >= TOGETHER:
        pieces = [slice(begin, begin + AT_ONCE) for begin in range(0, len(arrived), AT_ONCE)]
        parts = [_in_step(arrived[p], work[p], speeds, weights, choice.of(p)) for p in pieces]
        return parts[0] if len(parts) == 1 else (np.vstack([p[0] for p in parts]), np.vstack([p[1] for p in parts]))
    found = [_alone(arrived, work, speeds, weights, choice, run) for run in range(len(arrived))]
    return np.array([done for done, _ in found]), np.array([task for _, task in found], dtype=np.intp)


def one_queue(arrived: Array, work: Array, speeds: Array) -> tuple[Array, Array]:
    """(ends, tasks) when all wait in one queue, and whoever is free takes the next [Kiefer and Wolfowitz 1955]."""
    runs, number = arrived.shape
    if runs < TOGETHER:
        found = [_one_queue_alone(*pair, speeds) for pair in zip(arrived.tolist(), work.tolist(), strict=True)]
        return np.array([done for done, _ in found]), np.array([task for _, task in found], dtype=np.intp)
    free, rows = np.zeros((runs, len(speeds))), np.arange(runs)
    done, task = np.empty((number, runs)), np.empty((number, runs), dtype=np.intp)
    for step, (now, wanted) in enumerate(zip(_columns(arrived), _columns(work), strict=True)):
        chosen = free.argmin(axis=1, out=task[step])
        np.maximum(free[rows, chosen], now, out=done[step])
        done[step] += wanted / speeds[chosen]
        free[rows, chosen] = done[step]
    return _columns(done), _columns(task)


def _one_queue_alone(arrived: list, work: list, speeds: Array) -> tuple[list, list]:
    speeds, done, task = speeds.tolist(), [], []
    free = [(0.0, place) for place in range(len(speeds))]
    for now, wanted in zip(arrived, work, strict=True):
        instant, place = free[0]
        end = (instant if instant > now else now) + wanted / speeds[place]
        heapreplace(free, (end, place))
        done.append(end)
        task.append(place)
    return done, task


def _alone(arrived: Array, work: Array, speeds: Array, weights: Array, choice: Choice, run: int) -> tuple[list, list]:
    """One run, request by request."""
    if choice.candidates is not None and choice.connection is None and choice.patience == np.inf:
        drawn = choice.candidates[:, :, run].tolist()
        return _shortest_alone(arrived[run].tolist(), work[run].tolist(), drawn, speeds.tolist())
    lengths, last, leaving = [0] * len(speeds), [0.0] * len(speeds), [(np.inf, 0)]
    pick = _picker(choice, run, lengths, weights)
    sticky = None if choice.connection is None else choice.connection[run].tolist()
    homes: dict[int, int] = {}
    pace, done, task = speeds.tolist(), [], []
    for step, (now, wanted) in enumerate(zip(arrived[run].tolist(), work[run].tolist(), strict=True)):
        while leaving[0][0] <= now:
            lengths[heappop(leaving)[1]] -= 1
        place = pick(step) if sticky is None or sticky[step] not in homes else homes[sticky[step]]
        if sticky is not None:
            homes[sticky[step]] = place
        last[place] = end = max(last[place], now) + wanted / pace[place]
        lengths[place] += 1
        heappush(leaving, (min(end, now + choice.patience), place))
        done.append(end)
        task.append(place)
    return done, task


def _shortest_alone(arrived: list, work: list, drawn: list, pace: list) -> tuple[list, list]:
    """The same where only a few are looked at: only their queues must be brought up to date."""
    queues: list[deque] = [deque() for _ in pace]  # ends, the first in front
    done, task = [], []
    for now, wanted, places in zip(arrived, work, drawn, strict=True):
        best, least = -1, len(arrived)
        for place in places:
            queue = queues[place]
            while queue and queue[0] <= now:
                queue.popleft()
            if len(queue) < least:
                best, least = place, len(queue)
        queue = queues[best]
        end = (queue[-1] if queue else now) + wanted / pace[best]
        queue.append(end)
        done.append(end)
        task.append(best)
    return done, task


def _picker(choice: Choice, run: int, lengths: list, weights: Array) -> Callable[[int], int]:
    """Who gets the request of this step, by lengths that change under its hands."""
    if choice.candidates is not None:
        drawn: Sequence = choice.candidates[:, :, run].tolist()
        return lambda step: min(drawn[step], key=lengths.__getitem__)
    if choice.score is not None:
        score = choice.score
        return lambda step: int(np.argmin(score(np.array(lengths), weights)))
    return lambda step: lengths.index(min(lengths))


def _in_step(arrived: Array, work: Array, speeds: Array, weights: Array, choice: Choice) -> tuple[Array, Array]:
    """All runs together, request by request."""
    runs, number = arrived.shape
    queues = Queues(runs, len(speeds))
    first: Array = np.arange(runs, dtype=np.intp) * len(speeds)
    done, lanes = np.empty((number, runs)), np.empty((number, runs), dtype=np.intp)
    pace = np.tile(speeds, runs)
    uniform = bool((speeds == speeds[0]).all())
    sticky = None if choice.connection is None else _Sticky(choice.connection)
    for step, (now, wanted) in enumerate(zip(_columns(arrived), _columns(work), strict=True)):
        if choice.candidates is not None:
            chosen = queues.shortest(choice.candidates[step] + first, now)
        else:
            lengths = queues.lengths(now)
            chosen = (choice.score(lengths, weights) if choice.score else lengths).argmin(axis=1) + first
        if sticky is not None:
            chosen = sticky.keep(step, chosen)
        lanes[step] = chosen
        needed = wanted / (speeds[0] if uniform else pace[chosen])
        queues.send(chosen, now, needed, done[step], choice.patience)
    return _columns(done), _columns(lanes - first)


class _Sticky:
    """Where each connection of each run went first."""

    def __init__(self, connection: Array):
        self.connection, self.rows = _columns(connection), np.arange(len(connection))
        self.homes = np.full((len(connection), connection.max() + 1), -1, dtype=np.intp)

    def keep(self, step: int, chosen: Array) -> Array:
        """The same again, for those that were there before."""
        mine = self.connection[step]
        home = self.homes[self.rows, mine]
        chosen = np.where(home < 0, chosen, home)
        self.homes[self.rows, mine] = chosen
        return chosen


class Queues:
    """When the last so many requests of each replica of each run are over: those to come are its queue.

    A lane is one replica of one run. Its requests go round in so many slots, a power of 2; when one that is not done
    would be written over, there are twice as many from then on.
    """

    def __init__(self, runs: int, replicas: int, slots: int = 8):
        self.replicas, self.slots = replicas, slots
        self.done = np.full((slots, runs * replicas), -np.inf)
        self.last = np.zeros(runs * replicas)
        self.sent: Array = np.zeros(runs * replicas, dtype=np.intp)
        self.seen: Array = np.empty(0)  # room to work in, and the next: to make it anew takes longer
        self.waiting: Array = np.empty(0, dtype=bool)

    def lengths(self, now: Array) -> Array:
        """Runs × replicas."""
        return self._later(self.done, np.repeat(now, self.replicas)).reshape(len(now), -1)

    def shortest(self, lanes: Array, now: Array) -> Array:
        """Of several lanes for each run the one with the fewest, of equals the first."""
        if self.seen.shape != (self.slots, *lanes.shape):
            self.seen = np.empty((self.slots, *lanes.shape))
        lengths = self._later(self.done.take(lanes, axis=1, out=self.seen, mode="clip"), now)
        best, least = lanes[0], lengths[0]
        for lane, length in zip(lanes[1:], lengths[1:], strict=True):
            best = np.where(length < least, lane, best)
            least = np.minimum(length, least)
        return best

    def send(self, lanes: Array, now: Array, needed: Array, done: Array, patience: float = np.inf) -> None:
        """One request more on each of these lanes, no two of them the same; writes down when it is done."""
        sent = self.sent[lanes]
        while (self.done.ravel()[(places := self._places(lanes, sent))] > now).any():
            self._double()
        np.maximum(self.last[lanes], now, out=done)
        done += needed
        self.last[lanes] = done
        self.done.ravel()[places] = done if patience == np.inf else np.minimum(done, now + patience)
        self.sent[lanes] = sent + 1

    def _later(self, done: Array, now: Array) -> Array:
        """How many of the slots end after now."""
        if self.waiting.shape != done.shape:
            self.waiting = np.empty(done.shape, dtype=bool)
        np.greater(done, now, out=self.waiting)
        return np.add.reduce(self.waiting.view(np.uint8), axis=0, dtype=np.uint8 if self.slots < 256 else np.uint32)

    def _places(self, lanes: Array, sent: Array) -> Array:
        return (sent & (self.slots - 1)) * self.done.shape[1] + lanes

    def _double(self) -> None:
        lanes, wider = np.arange(len(self.sent)), np.full((2 * self.slots, len(self.sent)), -np.inf)
        for back in range(1, self.slots + 1):
            was = self.sent - back
            wider[was & (2 * self.slots - 1), lanes] = self.done[was & (self.slots - 1), lanes]
        self.done, self.slots = wider, 2 * self.slots


def _columns(rows: Array) -> Array:
    """Runs × requests as requests × runs, and back."""
    return np.ascontiguousarray(rows.T)
