"""The way of one request through the tasks that ask each other for its sake, and where many requests wait."""

from collections.abc import Iterable, Mapping
from typing import Any

from matplotlib.axes import Axes

from ..events import ContainerCreated
from . import ink
from .callfold import Leg, Share, legs, shares
from .timeline import Timeline

__all__ = ["draw_waits", "draw_way", "tell_waits", "tell_way", "where"]

LEFT, RIGHT, ROW = 3.4, 0.5, 0.46  # inches
NAMES, ROOM = 2.3, 1.6  # inches
SMALL = 9  # points


def where(trace: Any) -> dict[str, str]:
    """On which machine each task was started last, by its name: {"web.1": "worker-2"}."""
    return {r.fact.name.rpartition(".")[0]: r.source for r in trace.of(ContainerCreated) if r.fact.task}


def draw_way(trace: Any, request: int, ax: Axes | None = None) -> Axes:
    """One request as nested bars: each task answers when the one that it asked has answered. Dark: its own time."""
    way, places = legs(trace, request), where(trace)
    zero = way[0].asked if way else 0
    ax = ink.canvas(ax, ink.WIDTH, 0.75 + ROW * len(way))
    end = max((leg.asked + leg.took - zero for leg in way), default=1) / 1000
    line = Timeline(ax, LEFT, ink.WIDTH - LEFT - RIGHT, 0, max(end, 1))
    for n, leg in enumerate(way):
        y = 0.15 + n * ROW
        _draw_leg(line, leg, zero, y, waits=[other for other in way[n + 1 :] if other.source == leg.task])
        line.name(y + 0.1, f"{_short(leg.source)} asks {_asked(leg)}", fontweight="bold")
        line.name(
            y + 0.28, f"answered by {_short(leg.task)} on {places.get(leg.task, '?')}" if leg.task else "no answer"
        )
    line.draw_ticks(0.2 + ROW * len(way))
    ink.write(
        ax,
        LEFT,
        0.62 + ROW * len(way),
        "ms  ·  dark: its own time  ·  light: it waits for whom it asked",
        fontsize=SMALL,
    )
    return ax


def _draw_leg(line: Timeline, leg: Leg, zero: int, y: float, waits: list[Leg]) -> None:
    since, until = (leg.asked - zero) / 1000, (leg.asked - zero + max(leg.took, 0)) / 1000
    ink.box(line.ax, *line.box(since, until, y, 0.3), facecolor=ink.SOLID, linewidth=1.2)
    for other in waits:
        begin = (other.asked - zero) / 1000
        ink.box(
            line.ax, *line.box(begin, begin + max(other.took, 0) / 1000, y, 0.3), facecolor="#e3e3e3", linewidth=0.8
        )
    ink.write(
        line.ax, line.x(until) + 0.06, y + 0.15, f"{leg.took / 1000:.0f} ms" if leg.took >= 0 else "✕", fontsize=SMALL
    )


def _asked(leg: Leg) -> str:
    """Whom: a name and port, or the machine and port of an address."""
    return leg.service.partition("//")[2].partition("/")[0] or leg.service


def _short(task: str) -> str:
    """A task without its stack: python-client.1."""
    return task.partition("_")[2] or task


def tell_way(trace: Any, request: int) -> str:
    """The same in words."""
    places = where(trace)
    steps = [
        f"{_short(leg.source)} asks {_asked(leg)}: {_short(leg.task) or 'nobody'} on {places.get(leg.task, '?')}"
        for leg in legs(trace, request)
    ]
    took = [leg.took for leg in legs(trace, request)][:1]
    return f"{'; '.join(steps)}. In all {took[0] / 1000:.0f} ms." if took else "There was no such request."


# ── many requests ────────────────────────────────────────────────────────────────────────────────────────────────


def draw_waits(runs: Mapping[str, Iterable[Any]], ax: Axes | None = None) -> Axes:
    """A panel per run, a bar per task: how long a request waits there, on average, before the task begins with it.

    `runs`: by title, rows of `trace.requests` and `trace.calls` together. The longest bar has a dark filling.
    """
    panels = {title: shares(rows) for title, rows in runs.items()}
    tasks = sorted({share.task for found in panels.values() for share in found})
    wide = (ink.WIDTH - NAMES - 0.1) / max(1, len(panels))
    ax = ink.canvas(ax, ink.WIDTH, 0.75 + 0.27 * len(tasks))
    for n, (title, found) in enumerate(panels.items()):
        left, by_task = NAMES + n * wide, {share.task: share for share in found}
        unit = (wide - 0.95) / max(1, *(share.queued for share in found), 1)
        ink.write(ax, left, 0.15, title, fontweight="bold")
        for row, task in enumerate(tasks):
            _draw_wait(ax, by_task.get(task), left, 0.4 + row * 0.27, unit, narrowest(found))
    for row, task in enumerate(tasks):
        ink.write(ax, NAMES - 0.1, 0.4 + row * 0.27, _short(task), ha="right", fontsize=SMALL)
    ink.write(
        ax,
        NAMES,
        0.55 + 0.27 * len(tasks),
        "how long a request waits at this task before its turn comes (mean)",
        fontsize=SMALL,
    )
    return ax


def _draw_wait(ax: Axes, share: Share | None, left: float, y: float, unit: float, most: str) -> None:
    ax.plot((left, left), (y - 0.13, y + 0.13), color=ink.INK, linewidth=0.8)
    if share is None:
        return
    dark = share.task.rpartition(".")[0] == most
    long = max(share.queued * unit, 0.01)
    ink.box(ax, left, y - 0.08, long, 0.16, facecolor=ink.SOLID if dark else "#e3e3e3", linewidth=0.8)
    ink.write(
        ax, left + long + 0.06, y, ink.span(share.queued / 1e6), fontsize=SMALL, fontweight="bold" if dark else "normal"
    )


def narrowest(found: Iterable[Share]) -> str:
    """The service of the task where requests wait longest."""
    return max(found, key=lambda share: share.queued, default=Share("", 0, 0, 0, 0)).task.rpartition(".")[0]


def tell_waits(runs: Mapping[str, Iterable[Any]]) -> str:
    """The narrowest place of each run, in words."""
    said = []
    for title, rows in runs.items():
        found = shares(rows)
        longest = max((share.queued for share in found), default=0)
        said.append(f"{title}: longest at {_short(narrowest(found)) or 'no task'}, {ink.span(longest / 1e6)}")
    return f"Mean wait before the turn comes. {'; '.join(said)}."
