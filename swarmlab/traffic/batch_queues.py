"""Queues of a whole run at once: who waits how long, first come, first served.

Where the choice does not depend on the queues, each replica is Lindley's recursion: end = max(arrival, end before)
+ work, which is a running maximum. Where it does, all runs take one step together; a single run walks alone.
Rows are runs, columns requests in order of arrival, times in seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heappop, heappush, heapreplace
from typing import Any, NamedTuple

import numpy as np

Array = Any  # a numpy array

TOGETHER = 24  # so many runs are faster in step than one after the other


class Choice(NamedTuple):
    """How replicas are chosen by their queues."""

    score: Callable | None = None  # (lengths, weights) → the least is chosen, of equals the first
    candidates: Array = None  # requests × places × runs: only these are looked at
    connection: Array = None  # of each request; the later ones go where the first went


# ── the choice does not depend on the queues ─────────────────────────────────────────────────────────────────────


def ends(arrived: Array, work: Array) -> Array:
    """When each is done, along the last axis: one queue a row [Lindley 1952]."""
    done = np.cumsum(work, axis=-1)
    late = arrived - done
    late += work  # how late each would be, had the replica worked without a pause
    np.maximum.accumulate(late, axis=-1, out=late)
    return np.add(late, done, out=done)


def in_turn(arrived: Array, work: Array, replicas: int) -> Array:
    """Ends under plain round robin: every so manieth request makes a queue."""
    runs, number = arrived.shape
    rounds = -(-number // replicas)
    done = ends(_dealt(arrived, rounds, replicas, np.inf), _dealt(work, rounds, replicas, 0.0))
    return done.transpose(0, 2, 1).reshape(runs, -1)[:, :number]


def _dealt(column: Array, rounds: int, replicas: int, filling: float) -> Array:
    """Runs × replicas × rounds."""
    runs, number = column.shape
    if number < rounds * replicas:
        column = np.concatenate((column, np.full((runs, rounds * replicas - number), filling)), axis=1)
    return np.ascontiguousarray(column.reshape(runs, rounds, replicas).transpose(0, 2, 1))


def as_sent(arrived: Array, work: Array, task: Array, replicas: int) -> Array:
    """Ends when it is known who gets what."""
    done = np.empty_like(arrived)
    for run, sent in enumerate(task):
        order = np.argsort(sent.astype(np.uint16), kind="stable")
        last = np.cumsum(np.bincount(sent, minlength=replicas))
        for begin, end in zip((0, *last[:-1]), last, strict=True):
            mine = order[begin:end]
            done[run, mine] = ends(arrived[run, mine], work[run, mine])
    return done


# ── the choice depends on the queues ─────────────────────────────────────────────────────────────────────────────


def by_length(arrived: Array, work: Array, speeds: Array, weights: Array, choice: Choice) -> tuple[Array, Array]:
    """(ends, tasks) when the replica is chosen by how many requests are there."""
    if len(arrived) >= TOGETHER:
        return _in_step(arrived, work, speeds, weights, choice)
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
    """One run, request by request: a heap of those in progress keeps the lengths right."""
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
        end = (last[place] if last[place] > now else now) + wanted / pace[place]
        last[place] = end
        lengths[place] += 1
        heappush(leaving, (end, place))
        done.append(end)
        task.append(place)
    return done, task


def _picker(choice: Choice, run: int, lengths: list, weights: Array) -> Callable[[int], int]:
    """Who gets the request of this step, by lengths that change under its hands."""
    if choice.score is not None:
        score = choice.score
        return lambda step: int(np.argmin(score(np.array(lengths), weights)))
    drawn: Sequence = choice.candidates[:, :, run].tolist()
    return lambda step: min(drawn[step], key=lengths.__getitem__)


def _in_step(arrived: Array, work: Array, speeds: Array, weights: Array, choice: Choice) -> tuple[Array, Array]:
    """All runs together, request by request."""
    runs, number = arrived.shape
    queues = Queues(runs, len(speeds))
    first: Array = np.arange(runs, dtype=np.intp) * len(speeds)
    done, lanes = np.empty((number, runs)), np.empty((number, runs), dtype=np.intp)
    candidates = None if choice.candidates is None else choice.candidates + first
    pace = np.tile(speeds, runs)
    uniform = bool((speeds == speeds[0]).all())
    sticky = None if choice.connection is None else _Sticky(choice.connection)
    for step, (now, wanted) in enumerate(zip(_columns(arrived), _columns(work), strict=True)):
        if candidates is not None:
            chosen = queues.shortest(candidates[step], now)
        else:
            chosen = choice.score(queues.lengths(now), weights).argmin(axis=1) + first  # type: ignore[misc]
        if sticky is not None:
            chosen = sticky.keep(step, chosen)
        lanes[step] = chosen
        needed = wanted / (speeds[0] if uniform else pace[chosen])
        queues.send(chosen, now, needed, done[step])
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
    """The ends of the last so many requests of each replica of each run: those to come are its queue.

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

    def send(self, lanes: Array, now: Array, needed: Array, done: Array) -> None:
        """One request more on each of these lanes, no two of them the same; writes down when it is done."""
        sent = self.sent[lanes]
        while (self.done.ravel()[(places := self._places(lanes, sent))] > now).any():
            self._double()
        np.maximum(self.last[lanes], now, out=done)
        done += needed
        self.last[lanes] = done
        self.done.ravel()[places] = done
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
