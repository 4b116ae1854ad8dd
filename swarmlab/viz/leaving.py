"""How a task leaves the tables of all nodes: stopped in order it goes before it ends, unplugged it stays for a while.

A row per node that may send requests there. Stale is a row from the moment when the task can answer no more until
the node takes it out of its tables.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes

from ..events import (
    BackendAdded,
    BackendRemoved,
    Commanded,
    ContainerExited,
    MachineCrashed,
    MachineShutDown,
    PeerFailed,
    PeerSuspected,
    RequestFailed,
    RequestForwarded,
    RequestSent,
    RequestServed,
    TaskStored,
)
from . import ink
from .chips import SMALL

__all__ = ["Leaving", "draw_leaving", "leaving", "stale", "tell_leaving"]

SECOND = 1_000_000  # µs
PAUSE = (
    2 * SECOND
)  # between a task's last row in the tables and its stop signal [moby: daemon/cluster/executor/container]
LEFT, RIGHT, HEAD, ROW, FOOT = 1.15, 0.2, 0.3, 0.3, 0.55  # inches
THICK = 0.15


class Leaving(NamedTuple):
    """One task on its way out; all times are µs, None where it never came."""

    title: str
    begun: int  # the command, or the fault
    ended: int | None  # from when on it answers nobody
    withdrawn: tuple  # (node, when its tables dropped the task)
    signal: int | None = None  # when it was told to stop
    suspected: tuple = ()  # (node, when it first had no answer from the machine)
    failed: tuple = ()  # (node, when it held the machine for dead)
    answered: int | None = None  # the last answer of the task
    lost: tuple = ()  # when requests were sent that got there and never came back
    until: int | None = None  # the end of what was watched


def leaving(trace: Any, task: str, fault: Any = None, title: str = "") -> Leaving:
    """The rows of one task (its id, or its name) from a trace. `fault` is the record of what began it, or its number;
    by default the loss of its machine, or else the last command before a table dropped it."""
    names = {r.fact.id: r.fact.name for r in trace.records if isinstance(r.fact, TaskStored)}
    added = [r for r in trace.records if isinstance(r.fact, BackendAdded)]
    known = [r for r in added if r.fact.task == task or names.get(r.fact.task) == task]
    if not known:
        raise ValueError(f"no node ever sent requests to {task!r}")
    number, home = _chosen(trace, known, fault)
    begin = _begin(trace, number, home, fault)
    since = begin.time
    removed: dict[str, int] = {}
    for r in trace.records:
        if isinstance(r.fact, BackendRemoved) and r.fact.task == number and r.time >= since:
            removed.setdefault(r.source, r.time)
    crashed = isinstance(begin.fact, MachineCrashed)
    nodes = dict.fromkeys(r.source for r in added if r.fact.task == number and r.time <= since)
    own = [r for r in trace.records if r.time >= since]
    exits = [r.time for r in own if isinstance(r.fact, ContainerExited) and r.fact.task == number]
    asked = {r.fact.request: r.time for r in trace.records if isinstance(r.fact, RequestSent)}
    sent = {r.fact.request for r in trace.records if isinstance(r.fact, RequestForwarded) and r.fact.task == number}
    served = [r.time for r in trace.records if isinstance(r.fact, RequestServed) and r.fact.task == number]
    failed = [r for r in own if isinstance(r.fact, RequestFailed) and r.fact.request in sent]
    lost = sorted(asked.get(r.fact.request, r.time) for r in failed)
    return Leaving(
        title or f"{names.get(number, number)} {'unplugged' if crashed else 'stopped in order'}",
        since,
        since if crashed else exits[0] if exits else None,
        tuple((node, removed.get(node)) for node in nodes if not (crashed and node == home)),
        _signal(removed.get(home), exits[0] if exits and not crashed else None),
        _first(own, PeerSuspected, home),
        _first(own, PeerFailed, home),
        max(served, default=None),
        tuple(lost),
        trace.now,
    )


def _signal(withdrawn: int | None, ended: int | None) -> int | None:
    """When it was told to stop: the agent takes it out of the tables first, and waits."""
    if withdrawn is None or ended is None or ended < withdrawn + PAUSE:
        return None
    return withdrawn + PAUSE


def _chosen(trace: Any, known: Sequence[Any], fault: Any) -> tuple[str, str]:
    """The id of the task and the machine it ran on: the one that left first, when a name had several tasks."""
    ids = list(dict.fromkeys(r.fact.task for r in known))
    after = -1 if fault is None else fault if isinstance(fault, int) else fault.number
    left = [r for r in trace.records if isinstance(r.fact, BackendRemoved) and r.fact.task in ids and r.number > after]
    number = left[0].fact.task if left else ids[-1]
    return number, next(r.fact.machine for r in known if r.fact.task == number)


def _begin(trace: Any, number: str, home: str, fault: Any) -> Any:
    """The record of what began it."""
    if fault is not None:
        return trace.records[fault] if isinstance(fault, int) else fault
    gone = [r for r in trace.records if isinstance(r.fact, BackendRemoved) and r.fact.task == number]
    until = gone[0].number if gone else len(trace.records)
    off = [r for r in trace.records if isinstance(r.fact, MachineCrashed | MachineShutDown) and r.source == home]
    told = [r for r in trace.records if isinstance(r.fact, Commanded)]
    earlier = [r for r in off if r.number < until] or [r for r in told if r.number < until]
    if not earlier:
        raise ValueError("nobody stopped this task in this run")
    return earlier[-1]


def _first(records: Sequence[Any], kind: Any, machine: str) -> tuple:
    """When each node first said this of the machine."""
    found: dict[str, int] = {}
    for r in records:
        if isinstance(r.fact, kind) and r.fact.machine == machine:
            found.setdefault(r.source, r.time)
    return tuple(found.items())


def stale(row: Leaving) -> dict[str, float | None]:
    """For how many seconds each node could still send requests to a task that answers no more; None: to the end."""
    if row.ended is None:
        return {node: 0.0 for node, _ in row.withdrawn}
    return {node: None if when is None else max(0, when - row.ended) / SECOND for node, when in row.withdrawn}


def tell_leaving(rows: Leaving | Sequence[Leaving]) -> str:
    """The same in words, for `show`."""
    given = [rows] if isinstance(rows, Leaving) else list(rows)
    return " ".join(_tell(row) for row in given)


def _tell(row: Leaving) -> str:
    old = stale(row)
    times = [time for time in old.values() if time is not None]
    said = []
    out = [when - row.begun for _, when in row.withdrawn if when is not None]
    if out:
        said.append(f"nodes dropped it {_between(out)} after the beginning")
    if row.signal is not None:
        said.append(f"the stop signal came after {ink.span((row.signal - row.begun) / SECOND)}")
    if row.ended is not None and row.ended > row.begun:
        said.append(f"it ended after {ink.span((row.ended - row.begun) / SECOND)}")
    late = max(times, default=0.0)
    if None in old.values():
        said.append(f"{_count(sum(time is None for time in old.values()), 'node')} never dropped it")
    said.append(f"stale for up to {ink.span(late)}" if late else "nobody was stale")
    said.append(f"{_count(len(row.lost), 'request')} lost" if row.lost else "no request lost")
    return f"{row.title}: {', '.join(said)}."


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'s' * (number != 1)}"


def _between(times: Sequence[int]) -> str:
    low, high = ink.span(min(times) / SECOND), ink.span(max(times) / SECOND)
    return low if low == high else f"{low} to {high}"


# ── drawn ────────────────────────────────────────────────────────────────────────────────────────────────────────


def draw_leaving(rows: Leaving | Sequence[Leaving], seconds: float | None = None, ax: Axes | None = None) -> Axes:
    """One or several tasks that leave, under each other on one axis that begins with the command or the fault."""
    given = [rows] if isinstance(rows, Leaving) else list(rows)
    if not given:
        raise ValueError("there is nothing to draw: nobody left")
    span = seconds or max(_span(row) for row in given)
    high = sum(HEAD + ROW * (len(row.withdrawn) + 1) + 0.2 for row in given)
    ax = ink.canvas(ax, ink.WIDTH, high + FOOT)
    scale = (ink.WIDTH - LEFT - RIGHT - 0.9) / span
    y = 0.1
    for row in given:
        y = _draw_row(ax, row, y, scale, span)
    _draw_axis(ax, y, scale, span)
    return ax


def _span(row: Leaving) -> float:
    """How many seconds must be seen."""
    times = [when for _, when in (*row.withdrawn, *row.suspected, *row.failed) if when is not None]
    times += [when for when in (row.signal, row.ended, *row.lost) if when is not None]
    span = (max(times, default=row.begun) - row.begun) / SECOND * 1.04
    if any(when is None for _, when in row.withdrawn) and row.until is not None:
        span = max(span, (row.until - row.begun) / SECOND)
    return max(span, 0.1)


def _draw_row(ax: Axes, row: Leaving, y: float, scale: float, span: float) -> float:
    """The task above, then a row per node."""
    at = lambda time: LEFT + min((time - row.begun) / SECOND, span) * scale  # noqa: E731
    right = LEFT + span * scale
    ink.write(ax, 0.1, y + 0.1, row.title, fontweight="bold")
    y += HEAD
    middle = y + ROW / 2
    ink.write(ax, 0.1, middle, "the task", fontsize=SMALL)
    stop = right if row.ended is None else at(row.ended)
    ink.box(ax, LEFT, middle - THICK / 2, stop - LEFT, THICK, facecolor=ink.SOLID, linewidth=0.8)
    _draw_moments(ax, row, middle, at, stop)
    low = y + ROW * (len(row.withdrawn) + 1)
    for time, dashes in ((row.signal, ":"), (row.ended, "-")):
        if time is not None and time > row.begun:
            ax.plot((at(time),) * 2, (middle, low), color=ink.QUIET, linewidth=0.9, linestyle=dashes, zorder=1)
    old = stale(row)
    for n, (node, when) in enumerate(row.withdrawn, 1):
        line = middle + ROW * n
        ink.write(ax, 0.1, line, node, fontsize=SMALL)
        end = right if when is None else at(when)
        good = min(end, stop)
        wide = max(good - LEFT, 0.03)
        ink.box(ax, LEFT, line - THICK / 2, wide, THICK, facecolor=ink.FAINT, edgecolor=ink.QUIET, linewidth=0.8)
        if end > stop:
            ink.box(ax, stop, line - THICK / 2, end - stop, THICK, facecolor=ink.WRONG, linewidth=0)
        for (_, time), sign in zip(_of(node, row), ("?", "✕"), strict=True):
            if time is not None:
                style: dict[str, Any] = {"ha": "center", "fontweight": "bold", "path_effects": ink.HALO, "zorder": 4}
                ink.write(ax, at(time), line, sign, fontsize=SMALL, **style)
        ink.write(
            ax, max(end, good) + 0.1, line, _note(row, when, old[node]), fontsize=SMALL, path_effects=ink.HALO, zorder=3
        )
    return low + 0.2


def _of(node: str, row: Leaving) -> list[tuple[str, int | None]]:
    """When this node began to doubt the machine, and when it gave it up."""
    return [(node, dict(row.suspected).get(node)), (node, dict(row.failed).get(node))]


def _note(row: Leaving, when: int | None, late: float | None) -> str:
    if when is None:
        return "never"
    if late:
        return f"stale {ink.span(late)}"
    return f"out after {ink.span((when - row.begun) / SECOND)}"


def _draw_moments(ax: Axes, row: Leaving, y: float, at: Any, stop: float) -> None:
    """What befell the task itself."""
    x = stop + 0.1
    words = []
    if row.ended == row.begun:
        words.append("gone at once")
    elif row.ended is not None:
        words.append(f"ended after {ink.span((row.ended - row.begun) / SECOND)}")
    if row.answered is not None and row.ended is not None and row.answered >= row.begun:
        words.append(f"last answer after {ink.span((row.answered - row.begun) / SECOND)}")
    if row.lost:
        words.append(f"{_count(len(row.lost), 'request')} lost")
        ax.plot(
            [at(time) for time in row.lost], [y - 0.12] * len(row.lost), linestyle="none", marker="x", color=ink.WRONG
        )
    if row.signal is not None:
        ax.plot([at(row.signal)], [y - 0.11], marker="v", markersize=7, color=ink.INK)
        ink.write(ax, at(row.signal) + 0.08, y - 0.16, "stop signal", fontsize=SMALL, path_effects=ink.HALO)
    text = " · ".join(words)
    room = ink.WIDTH - 0.05 - ink.room(text, SMALL) * 0.92
    ink.write(ax, min(x, room), y, text, fontsize=SMALL, path_effects=ink.HALO, zorder=5)


def _draw_axis(ax: Axes, y: float, scale: float, span: float) -> None:
    """Seconds since the command or the fault, and what the signs mean."""
    step = next(step for step in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 1e9) if span / step <= 10)
    ax.plot((LEFT, LEFT + span * scale), (y, y), color=ink.INK, linewidth=0.8)
    for n in range(int(span / step) + 1):
        x = LEFT + n * step * scale
        ax.plot((x, x), (y, y + 0.05), color=ink.INK, linewidth=0.8)
        ink.write(ax, x, y + 0.15, f"{n * step:g}", ha="center", fontsize=SMALL)
    words = "seconds since the command or the fault   ▭ in the node's tables   ? no answer   ✕ held for dead   "
    ink.write(ax, LEFT, y + 0.36, words, fontsize=SMALL)
    x = LEFT + ink.room(words, SMALL) * 0.87
    ink.box(ax, x, y + 0.3, 0.25, 0.12, facecolor=ink.WRONG, linewidth=0)
    ink.write(ax, x + 0.32, y + 0.36, "stale", fontsize=SMALL)
