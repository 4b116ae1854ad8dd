"""A whole run at once: what became of a million requests, or of a thousand runs, in array form.

    batch = simulate(Workload(Poisson(80), Exponential(0.1)), two_choices, replicas=10, requests=2_000, runs=500)

The rules and lots are those of the event form, so both agree request by request. Left to that form is what feeds back
on arrivals: closed loops and retries. Its requests of one connection do not wait for answers, as on HTTP/2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..effects import SECOND
from ..overlay import balancers as b
from ..overlay import hashing as h
from ..overlay.balancers import HEAVIEST, Backend, Request
from . import batch_draws as draws
from . import batch_queues as queues
from . import measures
from .batch_queues import Choice
from .batch_sharing import shared
from .workload import LARGEST, Closed, Workload, address, checked

Array = Any  # a numpy array

ONE_QUEUE = "one queue"  # no balancer: all wait together, and the replica that is free first takes the next

IN_TURN = (b.round_robin, b.weighted_round_robin, b.smooth_round_robin)
HASHED = (h.source_hash, h.modulo, h.maglev, h.ring_hash, h.rendezvous)
SCORES: dict[Callable, Callable | None] = {  # (requests in progress, weights) → the least is chosen
    b.least_connections: None,
    b.weighted_least_connections: lambda lengths, weights: lengths / weights,
    b.shortest_expected_delay: lambda lengths, weights: (lengths + 1.0) / weights,
    b.never_queue: lambda lengths, weights: np.where(lengths == 0, 0.0, (lengths + 1.0) / weights),
}
KNOWN = (b.at_random, b.two_choices, *IN_TURN, *HASHED, *SCORES)


class Batch(NamedTuple):
    """Runs × requests, in order of arrival; times in seconds."""

    arrived: Array
    latency: Array  # from asking to the answer
    work: Array  # what its replica needed for it
    task: Array  # which replica: 0, 1, …
    replicas: int
    timeout: float | None = None  # a later answer is an error; the work is done all the same

    @property
    def ended(self) -> Array:
        """When the replica was done with each."""
        return self.arrived + self.latency


def simulate(
    workload: Workload,
    balancer: Callable | str = b.round_robin,
    replicas: int = 10,
    requests: int = 10_000,
    runs: int = 1,
    seed: int | str = 0,
    *,
    speeds: Sequence[float] | None = None,
    weights: Sequence[int] | None = None,
    sharing: bool = False,
    choices: int = 2,
    distinct: bool = True,
) -> Batch:
    """So many requests to so many replicas, several times over.

    `speeds`: a replica of speed 1/3 takes three times as long. `sharing`: a replica works on all its requests at
    once, as processors do, instead of one after the other. `choices` and `distinct` are for `two_choices`.
    """
    pace, heavy = _checked(workload, balancer, replicas, requests, runs, choices, speeds, weights)
    able = np.flatnonzero(heavy)  # the others get nothing
    pace, heavy = pace[able], heavy[able]
    arrived, connection = _arrivals(workload, seed, runs, requests)
    work = draws.works(workload.service, seed, runs, requests)
    task, choice = None, None
    if balancer == b.two_choices:
        choice = Choice(candidates=_candidates(connection, (runs, requests), len(able), choices, distinct))
    elif balancer in SCORES:
        choice = Choice(score=SCORES[balancer])
    elif balancer != ONE_QUEUE:
        task = _assigned(workload, balancer, connection, (runs, requests), able, heavy)  # type: ignore[arg-type]
    if choice:
        choice = choice._replace(connection=connection, patience=workload.timeout or np.inf)
    in_turn = balancer == b.round_robin and connection is None
    ended, task = _served(arrived, work, pace, heavy, task, choice, sharing, in_turn)
    needed = _needed(work, pace, task)
    return Batch(arrived, ended - arrived, needed, able[task], replicas, workload.timeout)


def _served(arrived, work, pace, weights, task, choice, sharing, in_turn) -> tuple[Array, Array]:
    """(ends, tasks), by the quickest way there is."""
    if sharing:
        return shared(arrived, work, pace, weights, choice, task)
    if choice:
        return queues.by_length(arrived, work, pace, weights, choice)
    if task is None:
        return queues.one_queue(arrived, work, pace)
    needed = _needed(work, pace, task)
    if in_turn:
        return queues.in_turn(arrived, needed, len(pace)), task
    return queues.as_sent(arrived, needed, task, len(pace)), task


def _checked(workload, balancer, replicas, requests, runs, choices, speeds, weights) -> tuple[Array, Array]:
    """Speeds and weights of the replicas, or one sentence about what is wrong."""
    checked(workload)
    counts = {"replicas": replicas, "requests": requests, "runs": runs, "choices": choices}
    for what, value in counts.items():
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
            raise ValueError(f"{what} must be a whole number from 1 on, not {value!r}")
    if isinstance(workload.arrivals, Closed) or workload.retries:
        raise ValueError("closed loops and retries depend on the answers: run them event by event")
    if balancer != ONE_QUEUE and balancer not in KNOWN:
        name = getattr(balancer, "__name__", repr(balancer))
        raise ValueError(f"the batch form does not know the balancer {name}: run it event by event")
    pace, heavy = [1.0] * replicas if speeds is None else speeds, [1] * replicas if weights is None else weights
    if len(pace) != replicas or len(heavy) != replicas:
        raise ValueError(f"there are {replicas} replicas: give as many speeds and weights")
    if not all(isinstance(speed, int | float | np.number) and 0 < speed <= LARGEST for speed in pace):
        raise ValueError("speeds must be above 0")
    if not all(isinstance(weight, int | np.integer) and 0 <= weight <= HEAVIEST for weight in heavy) or not any(heavy):
        raise ValueError(
            f"no destination available: weights must be 0 or more, {HEAVIEST} at the most, and one above 0"
        )
    return np.array(pace, dtype=float), np.array(heavy, dtype=int)


def _arrivals(workload: Workload, seed: int | str, runs: int, requests: int) -> tuple[Array, Array]:
    """(instants, which connection each belongs to)."""
    each = workload.per_connection
    connections = -(-requests // each)
    opened = draws.instants(workload.arrivals, seed, runs, connections)
    if each == 1:
        return opened, None
    instants = (opened[:, :, None] + np.arange(each) * workload.pause).reshape(runs, -1)
    order = np.argsort(instants, axis=1, kind="stable")[:, :requests]
    return np.take_along_axis(instants, order, axis=1), order // each


def _needed(work: Array, pace: Array, task: Array) -> Array:
    """The time that its replica takes for each."""
    return work if (pace == 1).all() else work / pace[task]


# ── who gets what, where the queues do not matter ────────────────────────────────────────────────────────────────


def _assigned(workload: Workload, balancer: Callable, connection, shape: tuple, able: Array, weights: Array) -> Array:
    """The task of each request: chosen for its connection, by turn, by lot or by client."""
    runs, connections = shape if connection is None else (shape[0], int(connection.max()) + 1)
    backends = [Backend(f"task-{task}", str(place), int(weights[place])) for place, task in enumerate(able)]
    if balancer in IN_TURN:
        turns = range(int(weights.sum()) * len(able))
        round_ = np.array([int(balancer(backends, Request(0), turn).machine) for turn in turns], dtype=np.intp)
        chosen = np.broadcast_to(np.resize(round_, connections), (runs, connections))
    elif balancer in HASHED:
        chosen = _hashed(workload, balancer, backends, draws.numbers(runs, connections))
    else:
        stirred = draws.mixed(draws.numbers(runs, connections))
        chosen = draws.lots(stirred, len(able)).astype(np.intp)
    return chosen if connection is None else np.take_along_axis(chosen, connection, axis=1)


def _hashed(workload: Workload, balancer: Callable, backends: list[Backend], number: Array) -> Array:
    """Each client is asked about once."""
    if not workload.clients:
        homes = [int(balancer(backends, Request(one), 0).machine) for one in number.ravel().tolist()]
        return np.array(homes, dtype=np.intp).reshape(number.shape)
    asked = (Request(0, address(client)) for client in range(workload.clients))
    return np.array([int(balancer(backends, one, 0).machine) for one in asked])[draws.clients(workload, number)]


def _candidates(connection, shape: tuple, replicas: int, choices: int, distinct: bool) -> Array:
    """Which replicas are looked at, requests × places × runs: drawn for each connection, as `two_choices` does."""
    (runs, requests), choices = shape, min(choices, replicas) if distinct else choices  # of one there is no choice
    found: Array = np.empty((requests, choices, runs), dtype=np.intp)
    number = None if connection is None else draws.numbers(runs, int(connection.max()) + 1)
    rows = max(1, draws.PIECE // runs)
    for begin in range(0, requests, rows):
        piece = found[begin : begin + rows]
        if number is None:
            mine = draws.numbers(runs, len(piece), begin, across=True)
        else:
            mine = np.take_along_axis(number, connection[:, begin : begin + rows], axis=1).T
        _look(piece, draws.mixed(mine), replicas, distinct)
    return found


def _look(found: Array, stirred: Array, replicas: int, distinct: bool) -> None:
    """Fill in the places that some requests look at."""
    found[:, 0] = draws.lots(stirred, replicas)
    for draw in range(1, found.shape[1]):
        if not distinct:
            found[:, draw] = draws.lots(stirred, replicas, draw)
            continue
        # So far on from the first, past those that are taken. With two that is how `two_choices` has it.
        step = draws.lots(stirred, replicas - draw, draw).astype(np.intp) + 1
        for taken in np.sort((found[:, 1:draw] - found[:, :1]) % replicas, axis=1).transpose(1, 0, 2):
            step += step >= taken
        step += found[:, 0]
        found[:, draw] = np.where(step >= replicas, step - replicas, step)


# ── measures: the later ones leave the first requests of each run out, as long as the queues fill ────────────────


def one_run(batch: Batch, run: int = 0) -> measures.Run:
    """One of the runs in whole µs, for `swarmlab.traffic.measures` and what draws from it."""
    arrived, ended = (np.rint(column[run] * SECOND).astype(int) for column in (batch.arrived, batch.ended))
    started = np.maximum(arrived, np.rint((batch.ended[run] - batch.work[run]) * SECOND).astype(int))
    late = _late(batch)[run]
    status = np.where(late, measures.TIMED_OUT, measures.OK)
    left = np.where(late, arrived + round((batch.timeout or 0) * SECOND), ended)
    names = tuple(f"task-{place}" for place in range(batch.replicas))
    asked, begun, over, task, how = (column.tolist() for column in (arrived, started, left, batch.task[run], status))
    return measures.Run(asked, begun, over, task, how, names, ended.tolist())


def mean_latency(batch: Batch, skip: int = 0) -> tuple[float, float]:
    """(seconds, standard error): the error from the differences between runs, 0 of a single run."""
    each = batch.latency[:, skip:].mean(axis=1)
    return float(each.mean()), float(each.std(ddof=1) / len(each) ** 0.5) if len(each) > 1 else 0.0


def percentiles(batch: Batch, shares: Sequence[float] = (0.5, 0.95, 0.99), skip: int = 0) -> dict[float, float]:
    """Latencies in seconds, over all runs: the nearest rank."""
    found = np.quantile(batch.latency[:, skip:], shares, method="inverted_cdf")
    return dict(zip(shares, found.tolist(), strict=True))


def tail(batch: Batch, points: int = 200, skip: int = 0) -> tuple[Array, Array]:
    """(latency, share that takes longer), for a curve: points closer to each other towards the end."""
    ordered = np.sort(batch.latency[:, skip:], axis=None)
    left = np.unique(np.geomspace(len(ordered), 1, points).astype(int))[::-1]  # how many take at least as long
    return ordered[len(ordered) - left], left / len(ordered)


def counts(batch: Batch) -> Array:
    """Runs × replicas: how many requests each got."""
    runs = len(batch.task)
    lanes = batch.task + (np.arange(runs) * batch.replicas)[:, None]
    return np.bincount(lanes.ravel(), minlength=runs * batch.replicas).reshape(runs, -1)


def utilisation(batch: Batch) -> Array:
    """Runs × replicas: the share of the time, from the first arrival to the last end, in which each worked."""
    runs = len(batch.task)
    lanes = batch.task + (np.arange(runs) * batch.replicas)[:, None]
    worked = np.bincount(lanes.ravel(), batch.work.ravel(), minlength=runs * batch.replicas).reshape(runs, -1)
    return worked / (batch.ended.max(axis=1) - batch.arrived[:, 0])[:, None]


def queue_lengths(batch: Batch, instants: Sequence[float], run: int = 0) -> Array:
    """Replicas × instants: how many requests were there, waiting or in work."""
    found: Array = np.empty((batch.replicas, len(instants)), dtype=int)
    ended = batch.ended[run]
    for place in range(batch.replicas):
        mine = batch.task[run] == place
        came = np.searchsorted(batch.arrived[run, mine], instants, side="right")
        found[place] = came - np.searchsorted(np.sort(ended[mine]), instants, side="right")
    return found


def error_rate(batch: Batch, skip: int = 0) -> float:
    """The share that was answered too late."""
    return float(_late(batch)[:, skip:].mean())


def _late(batch: Batch) -> Array:
    """Which answers came after the time-out: at the last microsecond they are in time, as in the event form."""
    return batch.latency > (np.inf if batch.timeout is None else batch.timeout + 0.5 / SECOND)


def evenness(values: Array) -> Array:
    """Jain's index along the last axis: 1 when all are equal, 1/n when one has everything."""
    squares = (values * 1.0 * values).sum(axis=-1) * values.shape[-1]
    return np.where(squares > 0, values.sum(axis=-1) ** 2.0 / np.maximum(squares, 1e-300), 1.0)
