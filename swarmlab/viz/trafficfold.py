"""Requests → what is drawn of them: how many each task got, how long its queue was, and the tail of the latencies.

A request that was never answered is slower than any other: it stays in the percentiles, so a tail may end in "never".
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from . import ink

__all__ = ["Panel", "Traffic", "panel", "panels_of", "queue_at", "tail", "took", "traffic"]

SECOND = 1_000_000  # µs
SHARES = {"p50": 0.5, "p95": 0.05, "p99": 0.01}  # so large a share of the requests is slower
ROW = ("arrived", "ended", "task", "ok")  # what a tuple is
COLUMNS = (*ROW, "status", "done", "latency", "tasks", "slow", "unit")
ANSWERED = 200


class Traffic(NamedTuple):
    """The requests of one run, column by column, in the order in which they came. Times are seconds."""

    tasks: tuple[str, ...]
    arrived: Any
    ended: Any  # it was over for who asked; infinite where that never was
    task: Any  # its place in `tasks`, -1 where none was found
    ok: Any
    done: Any  # the task was done with it
    slow: tuple[bool, ...] = ()  # which of the tasks are slower than the others
    unit: str = "s"  # or "×", when the mean service takes 1

    @property
    def latency(self) -> Any:
        """How long each took; infinite for those that failed."""
        return np.where(self.ok, self.ended - self.arrived, np.inf)


class Panel(NamedTuple):
    """One run in few numbers, ready for JSON: what a small multiple needs."""

    tasks: list[str]
    slow: list[bool]
    counts: list[int]
    queues: list[list[int]]  # per task, at `steps` instants from `span[0]` to `span[1]`
    span: list[float]
    tail: list[list[float]]  # (latency, share of the requests that take longer)
    marks: dict[str, float | None]  # p50, p95, p99, mean; None for never
    requests: int
    failed: int
    unit: str


def traffic(rows: Any, tasks: Sequence[str] = (), slow: Iterable[Any] = (), unit: str = "s") -> Traffic:
    """Requests as columns, from columns (a run or a batch of `swarmlab.traffic`, or a mapping) or from rows.

    Columns are `arrived`, `ended` (or `latency`), `task` (a name or a place in `tasks`) and, if some failed, `ok` or
    `status`; a row is a tuple (arrived, ended, task, ok), or a record of `trace.requests`. Of a batch it is the first
    run. Whole numbers are µs, others are seconds, never is None or -1. `slow` are names or places of tasks.
    """
    if isinstance(rows, Traffic):
        return rows
    given = _columns(rows)
    arrived = _seconds(given["arrived"])
    ended = _seconds(given["ended"]) if "ended" in given else arrived + _seconds(given["latency"])
    done = _seconds(given["done"]) if len(given.get("done", ())) else ended
    done = np.where(np.isfinite(done), done, ended)  # what was lost with its task is there no more
    place, names = _places(given["task"], [str(name) for name in (tasks or given.get("tasks") or ())])
    lagging = [*slow] or [*given.get("slow", ())]
    flags = tuple(n in lagging or name in lagging for n, name in enumerate(names))
    order = np.argsort(arrived, kind="stable")
    whole = {"arrived": arrived, "ended": ended, "task": place, "ok": _answered(given, ended), "done": done}
    return Traffic(
        tuple(names),
        **{name: column[order] for name, column in whole.items()},
        slow=flags,
        unit=str(given.get("unit", unit)),
    )


def _columns(rows: Any) -> dict[str, Any]:
    """The columns by name, those that there are."""
    if isinstance(rows, Mapping):
        return {key: value for key, value in rows.items() if value is not None}
    if hasattr(rows, "replicas"):
        return _of_batch(rows)
    if hasattr(rows, "arrived"):
        known = "ok" if not hasattr(rows, "status") else "status"  # a run works out `ok` from `status`, one by one
        found = {key: getattr(rows, key, None) for key in COLUMNS if key != "ok" or known == "ok"}
        return {key: value for key, value in found.items() if value is not None}
    listed = list(rows)
    if not listed:
        raise ValueError("there is nothing to draw: no requests")
    if hasattr(listed[0], "arrived"):  # records of a trace; their `task` is an id
        names = {"arrived": "arrived", "ended": "ended", "task": "name", "status": "status", "done": "done"}
        return {key: [getattr(row, name) for row in listed] for key, name in names.items()}
    return dict(zip(ROW, zip(*map(tuple, listed), strict=True), strict=False))


def _of_batch(batch: Any) -> dict[str, Any]:
    """The first of the runs of a batch: late answers are failures, and the work is done all the same."""
    arrived, latency, task = (np.atleast_2d(column)[0] for column in (batch.arrived, batch.latency, batch.task))
    patience = np.inf if batch.timeout is None else batch.timeout
    names = [f"web.{n + 1}" for n in range(batch.replicas)]
    over = {"ended": arrived + np.minimum(latency, patience), "done": arrived + latency, "ok": latency <= patience}
    return {"arrived": arrived, "task": task, "tasks": names} | over


def _answered(given: Mapping[str, Any], ended: Any) -> Any:
    """Whether each was answered."""
    finite = np.isfinite(ended)
    if "status" in given:
        return finite & (np.asarray(given["status"]) == ANSWERED)
    return finite & np.asarray(given["ok"], bool) if "ok" in given else finite


def _seconds(column: Any) -> Any:
    """Times in seconds: None is never, whole numbers are µs."""
    if isinstance(column, list | tuple):
        whole = all(isinstance(t, int) or t is None for t in column)
        never = np.inf
        return np.array([never if t is None or t < 0 else t / SECOND if whole else t for t in column], float)
    found = np.asarray(column)
    return np.where(found < 0, np.inf, found / SECOND) if found.dtype.kind in "iu" else found.astype(float)


def _places(column: Any, names: list[str]) -> tuple[Any, list[str]]:
    """For each request the place of its task, and the names; who is not named is called by its number."""
    found = np.asarray(column)
    if found.dtype.kind in "iu":
        last = int(found.max(initial=-1))
        return found.astype(int), names + [f"task {n + 1}" for n in range(len(names), last + 1)]
    others = sorted({str(name) for name in found if name} - {*names}, key=_in_order)
    known = {name: n for n, name in enumerate([*names, *others])}
    return np.array([known[str(name)] if name else -1 for name in found], int), list(known)


def _in_order(name: str) -> tuple[str, int, str]:
    """web.2 before web.10."""
    service, _, slot = name.rpartition(".")
    return service, int(slot) if slot.isdecimal() else 0, slot


# ── what is drawn ────────────────────────────────────────────────────────────────────────────────────────────────


def counts(given: Traffic, until: float = np.inf) -> list[int]:
    """How many requests each task got, up to an instant."""
    got = given.task[(given.arrived <= until) & (given.task >= 0)]
    return [int(count) for count in np.bincount(got, minlength=len(given.tasks))]


def queue_at(given: Traffic, instants: Any) -> Any:
    """How many requests are with each task, waiting or in service: a row per task, a column per instant (seconds)."""
    rows = []
    for n in range(len(given.tasks)):
        mine = given.task == n
        came, went = given.arrived[mine], np.sort(given.done[mine])
        rows.append(np.searchsorted(came, instants, "right") - np.searchsorted(went, instants, "right"))
    return np.array(rows, int).reshape(len(given.tasks), len(np.atleast_1d(instants)))


def took(latencies: Any, share: float) -> float | None:
    """The latency that this share of the requests exceeds; None if those were never answered."""
    ranked = np.sort(latencies)
    value = float(ranked[_rank(len(ranked), share)])
    return value if np.isfinite(value) else None


def _rank(count: int, share: float) -> int:
    return int(min(count - 1, max(0, np.ceil((1 - share) * count - 1e-9) - 1)))


def tail(latencies: Any, points: int = 100) -> list[list[float]]:
    """(latency, share of the requests that take longer), evenly on a logarithmic axis, from all down to the last one."""
    ranked = np.sort(latencies)
    shares = np.logspace(0, -np.log10(len(ranked)), points)
    ranks = sorted({*(_rank(len(ranked), share) for share in shares), len(ranked) - 1})
    return [
        [float(ranked[rank]), (len(ranked) - 1 - rank) / len(ranked)] for rank in ranks if np.isfinite(ranked[rank])
    ]


def panel(rows: Any, steps: int = 120, span: tuple[float, float] | None = None, **options: Any) -> Panel:
    """One run as a small multiple shows it: `steps` instants of its queues, about a hundred points of its tail."""
    given = traffic(rows, **options)
    if not len(given.arrived):
        raise ValueError("there is nothing to draw: no requests")
    since, until = span or (float(given.arrived[0]), float(given.arrived[-1]))
    latencies = np.sort(given.latency)
    answered = latencies[np.isfinite(latencies)]
    marks: dict[str, float | None] = {name: took(latencies, share) for name, share in SHARES.items()}
    marks["mean"] = float(answered.mean()) if len(answered) else None
    return Panel(
        list(given.tasks),
        list(given.slow),
        counts(given),
        queue_at(given, np.linspace(since, until, steps)).tolist(),
        [since, until],
        tail(latencies),
        marks,
        len(given.arrived),
        int((~given.ok).sum()),
        given.unit,
    )


def panels_of(runs: Any, most: int = 6, **options: Any) -> dict[str, Panel]:
    """Small multiples by title; a single run has none. All queues are shown over the same time."""
    found = dict(runs) if _is_many(runs) else {"": runs}
    if not 0 < len(found) <= most:
        raise ValueError(f"{len(found)} panels: one to {most} can be compared")
    if all(isinstance(run, Panel) for run in found.values()):
        return {str(title): run for title, run in found.items()}
    columns = {str(title): traffic(run, **options) for title, run in found.items()}
    empty = [title for title, run in columns.items() if not len(run.arrived)]
    if empty:
        raise ValueError(f"there is nothing to draw: no requests {empty[0]}".rstrip())
    span = (
        min(float(run.arrived[0]) for run in columns.values()),
        max(float(run.arrived[-1]) for run in columns.values()),
    )
    return {title: panel(run, span=span) for title, run in columns.items()}


def _is_many(runs: Any) -> bool:
    """A mapping of runs by title, rather than one run's columns by name."""
    return isinstance(runs, Mapping) and not {"arrived", "task"} <= set(runs)


# ── words ────────────────────────────────────────────────────────────────────────────────────────────────────────


def said(latency: float | None, unit: str = "s") -> str:
    """A latency as people say it: 12 ms, 2.16×; None is never."""
    if latency is None:
        return "never"
    return ink.span(latency) if unit == "s" else f"{latency:.3g}×"


def tell_panel(given: Panel) -> str:
    """One run in words: percentiles, the share of the busiest, what failed."""
    marks = ", ".join(f"{name} {said(given.marks[name], given.unit)}" for name in SHARES)
    whole = max(1, sum(given.counts))
    most, least = max(given.counts, default=0) / whole, min(given.counts, default=0) / whole
    shares = (
        f"each task got {least:.0%}" if round(most, 2) == round(least, 2) else f"tasks got {least:.0%} to {most:.0%}"
    )
    longest = max((max(queue) for queue in given.queues if queue), default=0)
    failed = f", {given.failed} failed" if given.failed else ""
    return f"{marks}; {shares} of {given.requests} requests{failed}, longest queue {longest}"
