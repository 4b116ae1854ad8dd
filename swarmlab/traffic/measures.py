"""What a run of requests says about itself: counts, queues, percentiles, errors, evenness. Plain columns in, numbers out.

All forms of a run (event by event, in batches, inside a cluster) have the same columns. A request that was not answered
is slower than any other: it stays in the percentiles, so a tail may end in NEVER. Numbers may be lists or arrays.
"""

# Simpler than in reality (docs/simplifications.md): lost-work

from collections.abc import Iterable, Mapping, Sequence
from math import ceil, fsum, inf
from typing import Any, NamedTuple

OK, FULL, TIMED_OUT, REFUSED, RESET, UNKNOWN = 200, 503, 0, -1, -2, -3
BAD, LATE = 502, 504  # a task that had asked another one, in vain
FATES = {  # how a request can end: each does in exactly one of these ways
    OK: "answered",
    FULL: "service unavailable",
    TIMED_OUT: "timed out",
    REFUSED: "connection refused",
    RESET: "connection reset",
    UNKNOWN: "could not resolve host",
    BAD: "bad gateway",
    LATE: "gateway timeout",
}
NEVER = inf
SECOND = 1_000_000  # µs


class Run(NamedTuple):
    """Requests column by column, in order of arrival. Times are whole µs, -1 for never."""

    arrived: Sequence[int]  # the visitor asked
    started: Sequence[int]  # a replica began to work on it
    ended: Sequence[int]  # it was over for the visitor, in whatever way
    task: Sequence[int]  # who served it, or refused it: a place in `tasks`, -1 for nobody
    status: Sequence[int]  # one of FATES
    tasks: tuple[str, ...]  # names
    done: Sequence[int] = ()  # the replica was done with it; () where that is `ended`

    @property
    def ok(self) -> list[bool]:
        """Whether each was answered."""
        return [status == OK for status in plain(self.status)]


def plain(column: Any) -> Sequence:
    """A column as a list of plain numbers: arrays are slow to walk through."""
    return column.tolist() if hasattr(column, "tolist") else column


def run_of(rows: Iterable[Sequence[int]], tasks: Iterable[str]) -> Run:
    """A run from rows (arrived, started, ended, task, status, done), in any order."""
    ordered = sorted((tuple(row) for row in rows), key=lambda row: row[0])
    columns = list(zip(*ordered, strict=True)) if ordered else [()] * 6
    return Run(columns[0], columns[1], columns[2], columns[3], columns[4], tuple(tasks), columns[5])


def run_in(requests: Iterable[Any], load: str = "") -> Run:
    """The run that a trace tells of (`cluster.trace.requests`), of one load or of all; tasks by name, as web.1."""
    chosen = sorted(
        (one for one in requests if load in ("", one.load)), key=lambda one: (one.arrived, one.load, one.number)
    )
    names = sorted({one.name for one in chosen if one.name}, key=lambda name: (len(name), name))
    places = {name: place for place, name in enumerate(names)}
    rows = [(one.arrived, one.started, one.ended, places.get(one.name, -1), one.status, one.done) for one in chosen]
    return run_of(rows, names)


# ── latency ──────────────────────────────────────────────────────────────────────────────────────────────────────


def latencies(run: Run) -> list:
    """µs from asking to the answer, in order of arrival; NEVER for those that were not answered."""
    columns = zip(plain(run.arrived), plain(run.ended), plain(run.status), strict=True)
    return [ended - arrived if status == OK else NEVER for arrived, ended, status in columns]


def mean_latency(run: Run) -> float:
    """µs, of those that were answered."""
    answered = [latency for latency in latencies(run) if latency < NEVER]
    return fsum(answered) / len(answered) if answered else NEVER


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest value that so large a share (0.99) of all does not exceed: the nearest rank."""
    if not 0 < share <= 1:
        raise ValueError(f"a percentile of {share!r}: a share above 0, and 1 at the most, as 0.99")
    ordered = sorted(values)
    if not ordered:
        raise ValueError("there are no requests to take a percentile of")
    return ordered[ceil(share * len(ordered) - 1e-9) - 1]


def percentiles(run: Run, shares: Sequence[float] = (0.5, 0.95, 0.99)) -> dict[float, float]:
    """Latencies in µs by share: the median, and the tail."""
    ordered = sorted(latencies(run))
    return {share: percentile(ordered, share) for share in shares}


# ── who did the work ─────────────────────────────────────────────────────────────────────────────────────────────


def counts(run: Run) -> dict[str, int]:
    """How many requests each task answered."""
    found = dict.fromkeys(run.tasks, 0)
    for task, status in zip(plain(run.task), plain(run.status), strict=True):
        if status == OK and task >= 0:
            found[run.tasks[task]] += 1
    return found


def busy(run: Run) -> dict[str, int]:
    """µs for which each task worked, in all its workers together."""
    found = dict.fromkeys(run.tasks, 0)
    done = run.done if len(run.done) else run.ended
    for task, started, finished in zip(plain(run.task), plain(run.started), plain(done), strict=True):
        if task >= 0 and 0 <= started <= finished:
            found[run.tasks[task]] += finished - started
    return found


def utilisation(run: Run, workers: int = 1) -> dict[str, float]:
    """The share of the time, from the first arrival to the last end, for which the workers of each task were busy."""
    if not workers > 0:
        raise ValueError(f"workers={workers!r}: a number above 0")
    length = span(run)
    return {task: time / length / workers if length else 0.0 for task, time in busy(run).items()}


def span(run: Run) -> int:
    """µs from the first arrival to the last end."""
    return max(plain(run.ended)) - min(plain(run.arrived)) if len(run.arrived) else 0


def jain(values: Iterable[float]) -> float:
    """How even they are: 1 when all are equal, 1/n when one has everything [Jain, Chiu, Hawe 1984]."""
    found = list(values)
    squares = fsum(value * value for value in found)
    return fsum(found) ** 2 / (len(found) * squares) if squares else 1.0


def remapped(before: Mapping[Any, Any], after: Mapping[Any, Any]) -> float:
    """The share of the keys in both (clients, connections) that have another task than before."""
    both = [key for key in before if key in after]
    return sum(before[key] != after[key] for key in both) / len(both) if both else 0.0


# ── queues ───────────────────────────────────────────────────────────────────────────────────────────────────────


def queue_steps(run: Run, task: str) -> list[tuple[int, int]]:
    """How many requests were at the task, waiting or in work: (time, number from then on)."""
    place = run.tasks.index(task)
    done = run.done if len(run.done) else run.ended
    moves: dict[int, int] = {}
    for one, came, left in zip(plain(run.task), plain(run.arrived), plain(done), strict=True):
        if one == place and left >= 0:
            moves[came] = moves.get(came, 0) + 1
            moves[left] = moves.get(left, 0) - 1
    steps, number = [], 0
    for time in sorted(moves):
        number += moves[time]
        steps.append((time, number))
    return steps


def queue_lengths(run: Run) -> dict[str, float]:
    """How many requests were at each task on average over time [Little's law: the sum of their stays over the time]."""
    stays = dict.fromkeys(run.tasks, 0)
    done = run.done if len(run.done) else run.ended
    for task, came, left in zip(plain(run.task), plain(run.arrived), plain(done), strict=True):
        if task >= 0 and left >= 0:
            stays[run.tasks[task]] += left - came
    length = span(run)
    return {task: stay / length if length else 0.0 for task, stay in stays.items()}


# ── failures ─────────────────────────────────────────────────────────────────────────────────────────────────────


def fates(run: Run) -> dict[str, int]:
    """How many ended in each way; ways in which none did are left out."""
    numbers = dict.fromkeys(FATES, 0)
    for status in plain(run.status):
        numbers[status] += 1
    return {FATES[status]: number for status, number in numbers.items() if number}


def error_rate(run: Run) -> float:
    """The share of the requests that were not answered."""
    return 1 - sum(run.ok) / len(run.status) if len(run.status) else 0.0


def per_second(run: Run, step: int = SECOND) -> list[tuple[int, int, int]]:
    """(time, answered, failed) for each `step` µs in which requests were over."""
    if not step > 0:
        raise ValueError(f"step={step!r}: µs, a number above 0")
    found: dict[int, list[int]] = {}
    for ended, status in zip(plain(run.ended), plain(run.status), strict=True):
        found.setdefault(ended // step, [0, 0])[status != OK] += 1
    return [(place * step, *found.get(place, (0, 0))) for place in range(min(found), max(found) + 1)] if found else []
