"""Replicas that come and go under load: what was asked, how many ran, how long the queues were, the tail; who got what."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from . import ink
from .clients import draw_bands, edges_of, runs_of
from .tailcurve import ticks_inside
from .trafficfold import SECOND, Traffic, queue_at, said, traffic

__all__ = ["draw_loads", "draw_scaling", "tell_loads", "tell_scaling"]

ROW, BETWEEN, HEAD, FOOT, LEFT, RIGHT = 0.8, 0.22, 0.42, 0.5, 1.75, 1.45  # inches
LANE = 0.34  # inches: a task
SMALL = 9  # points
MOST = 30  # lanes


def draw_scaling(
    run: Any,
    replicas: Any,
    step: float | None = None,
    goal: float | None = None,
    bands: Sequence[Sequence] = (),
    **options: Any,
) -> Figure:
    """Four rows on one time axis: requests a second, replicas, requests that are there, p99 of those asked just then.

    `replicas` are (second, how many run) steps, or `ran` and `wanted` as `capacity(trace)["web"]` gives them. `goal` is a
    p99 in seconds that should hold; `step` the length of a column in seconds; `bands` are (from, to, words).
    """
    given = traffic(run, **options)
    edges = _edges(given, step)
    total = HEAD + 4 * ROW + 3 * BETWEEN + FOOT
    fig = ink.sheet(height=total)
    draws = (_draw_rate, _draw_replicas, _draw_queue, _draw_p99)
    for n, draw in enumerate(draws):
        top = HEAD + n * (ROW + BETWEEN)
        wide = ink.WIDTH - LEFT - RIGHT
        ax = fig.add_axes((LEFT / ink.WIDTH, 1 - (top + ROW) / total, wide / ink.WIDTH, ROW / total))
        ax.set_xlim(edges[0], edges[-1])
        draw_bands(ax, bands, n == 0)
        draw(ax, given, edges, _steps(replicas), goal)
        _tidy(ax, n == len(draws) - 1, f"seconds, in columns of {ink.span(float(edges[1] - edges[0]))}")
    return fig


def tell_scaling(run: Any, replicas: Any, step: float | None = None, goal: float | None = None, **options: Any) -> str:
    """The same in words, for `show`."""
    given = traffic(run, **options)
    edges, ran = _edges(given, step), _steps(replicas)["ran"]
    worst, count = _p99s(given, edges), [n for _, n in ran]
    slow = max((value for value in worst if value is not None), default=None)
    held = [value is not None and value <= goal for value in worst] if goal else []
    met = f", within {said(goal)} in {sum(held)} of {len(held)} columns" if goal else ""
    return (
        f"Replicas went from {count[0]} to {count[-1]}, {min(count)} at the least and {max(count)} at the most; "
        f"p99 was {said(worst[0])} at first, {said(slow)} at the worst and {said(worst[-1])} at the end{met}."
    )


def _edges(given: Traffic, step: float | None) -> Any:
    return edges_of(float(given.arrived[0]), float(given.arrived[-1]), step, 60)


def _steps(replicas: Any) -> dict[str, list[tuple[float, int]]]:
    """`ran` and `wanted` as (second, count)."""
    if isinstance(replicas, Mapping):
        return {key: [(at / SECOND, count) for at, count in replicas.get(key, ())] for key in ("ran", "wanted")}
    return {"ran": [(float(at), int(count)) for at, count in replicas], "wanted": []}


def _stairs(steps: Sequence[tuple[float, int]], since: float, until: float) -> tuple[list[float], list[int]]:
    """A step function from the left edge to the right one."""
    held = [count for at, count in steps if at <= since] or [0]
    inside = [(at, count) for at, count in steps if since < at < until]
    xs = [since, *(at for at, _ in inside), until]
    ys = [held[-1], *(count for _, count in inside)]
    return xs, [*ys, ys[-1]]


def _draw_rate(ax: Axes, given: Traffic, edges: Any, _steps: Any, _goal: Any) -> None:
    rate = np.histogram(given.arrived, edges)[0] / (edges[1] - edges[0])
    ax.stairs(rate, edges, fill=True, color=ink.SOLID)
    ax.set_ylim(0, max(1, rate.max()) * 1.1)
    ticks_inside(ax, "y", 3)
    _name(ax, "requests\na second", f"most {rate.max():.0f}")


def _draw_replicas(ax: Axes, _given: Traffic, edges: Any, steps: Any, _goal: Any) -> None:
    """The outline is the wish, the filling is the fact."""
    xs, ys = _stairs(steps["ran"], edges[0], edges[-1])
    ax.fill_between(xs, ys, step="post", facecolor=ink.SOLID, linewidth=0)
    wish = _stairs(steps["wanted"] or steps["ran"], edges[0], edges[-1])
    ax.plot(*wish, drawstyle="steps-post", color=ink.INK, linewidth=1.6)
    most = max([*ys, *wish[1], 1])
    ax.set_ylim(0, most * 1.15)
    ax.set_yticks([0, most])
    _name(ax, "replicas", f"{ys[0]} → {ys[-1]}")


def _draw_queue(ax: Axes, given: Traffic, edges: Any, _steps: Any, _goal: Any) -> None:
    times = np.linspace(edges[0], edges[-1], 400)
    there = queue_at(given, times).sum(axis=0)
    ax.fill_between(times, there, facecolor=ink.SOLID, linewidth=0)
    ax.set_ylim(0, max(1, there.max()) * 1.1)
    ticks_inside(ax, "y", 3)
    _name(ax, "requests\nthere", f"most {there.max()}")


def _p99s(given: Traffic, edges: Any) -> list[float | None]:
    """The 99th percentile of the requests asked in each column; None where one in a hundred was never answered."""
    latencies, place = given.latency, np.digitize(given.arrived, edges) - 1
    found: list[float | None] = []
    for n in range(len(edges) - 1):
        mine = np.sort(latencies[place == n])
        value = float(mine[int(np.ceil(0.99 * len(mine))) - 1]) if len(mine) else 0.0
        found.append(value if np.isfinite(value) else None)
    return found


def _draw_p99(ax: Axes, given: Traffic, edges: Any, _steps: Any, goal: float | None) -> None:
    worst = _p99s(given, edges)
    most = max([value for value in worst if value] + [goal or 0.0]) or 1.0
    ax.set_ylim(0, most * 1.15)
    heights = np.array([most if value is None else value for value in worst])
    missed = np.array([value is None or (goal is not None and value > goal) for value in worst])
    ax.stairs(np.where(missed, 0, heights), edges, fill=True, color=ink.SOLID)
    ax.stairs(np.where(missed, heights, 0), edges, fill=True, color=ink.WRONG if goal else ink.SOLID)
    if goal:
        ax.axhline(goal, color=ink.INK, linewidth=1.3, linestyle=(0, (4, 2)))
    _name(ax, "p99 of those\nasked then", f"goal {said(goal)}" if goal else f"most {said(most)}")
    ax.set_yticks([goal or most], [said(goal or most)], fontsize=SMALL)


def _name(ax: Axes, left: str, right: str) -> None:
    wide = ink.inches(ax)[0]
    beside: dict[str, Any] = {"transform": ax.transAxes, "clip_on": False}
    ink.write(ax, -0.6 / wide, 0.5, left, ha="right", fontweight="bold", linespacing=1.2, **beside)
    ink.write(ax, 1 + 0.12 / wide, 0.85, right, **beside)


def _tidy(ax: Axes, last: bool, label: str) -> None:
    ax.tick_params(labelsize=SMALL, labelbottom=last)
    ticks_inside(ax, "x", 8)
    for side in ("right", "top"):
        ax.spines[side].set_visible(False)
    if last:
        ax.set_xlabel(label, fontsize=ink.TEXT)


# ── who got what ─────────────────────────────────────────────────────────────────────────────────────────────────


def draw_loads(
    runs: Any,
    since: float | None = None,
    step: float | None = None,
    start: float | None = None,
    end: float | None = None,
    bands: Sequence[Sequence] = (),
    **options: Any,
) -> Figure:
    """A panel per title, a lane per task: requests that it got over time, and at the right its share after `since`.

    `since` is the second of a change (a dashed line), as when new replicas came. Tasks that got nothing stay empty.
    `start` and `end` (seconds) limit what is shown.
    """
    found = runs_of(runs, options)
    names = max((run.tasks for run in found.values()), key=len)
    if not names:
        raise ValueError("there is nothing to draw: no request found a task")
    if len(names) > MOST:
        raise ValueError(f"{len(names)} tasks: one to {MOST} lanes can be told apart")
    columns = min(2, len(found))
    lines = -(-len(found) // columns)
    high = HEAD + LANE * len(names) + 0.35
    total = lines * high + 0.3
    fig = ink.sheet(height=total)
    left = 0.25 + max(ink.room(name) for name in names)
    wide = (ink.WIDTH - columns * (left + 0.75)) / columns
    first = min(float(run.arrived[0]) for run in found.values()) if start is None else start
    last = max(float(run.arrived[-1]) for run in found.values()) if end is None else end
    edges = edges_of(first, last, step, 60)
    most = max(1, *(int(row.max(initial=0)) for run in found.values() for row in _lanes(run, edges)))
    for n, (title, run) in enumerate(found.items()):
        x, y = left + n % columns * (wide + left + 0.75), HEAD + n // columns * high
        tall = LANE * len(names)
        ax = fig.add_axes((x / ink.WIDTH, 1 - (y + tall) / total, wide / ink.WIDTH, tall / total))
        ax.set(xlim=(edges[0], edges[-1]), ylim=(len(names), 0))
        draw_bands(ax, bands, False)
        _draw_lanes(ax, run, edges, most, since)
        fig.text(
            (x - left + 0.1) / ink.WIDTH,
            1 - (y - 0.24) / total,
            title.replace("\n", " "),
            fontsize=ink.TEXT,
            fontweight="bold",
        )
    after = f" after {since:g} s" if since is not None else ""
    words = f"a lane per task: requests it got, in columns of {ink.span(float(edges[1] - edges[0]))}   ·   %: its share{after}"
    fig.text(0.1 / ink.WIDTH, 0.14 / total, words, fontsize=ink.TEXT, color=ink.INK, va="center")
    return fig


def _lanes(run: Traffic, edges: Any) -> list[Any]:
    return [np.histogram(run.arrived[run.task == n], edges)[0] for n in range(len(run.tasks))]


def _draw_lanes(ax: Axes, run: Traffic, edges: Any, most: int, since: float | None) -> None:
    wide = ink.inches(ax)[0]
    shares = _shares(run, since, float(edges[-1]))
    for n, counts in enumerate(_lanes(run, edges)):
        ax.stairs(n + 0.92 - counts / most * 0.84, edges, baseline=n + 0.92, fill=True, color=ink.SOLID)
        ax.axhline(n + 0.92, color=ink.LINE, linewidth=0.8)
        beside: dict[str, Any] = {"transform": ax.get_yaxis_transform(), "clip_on": False}
        ink.write(ax, -0.1 / wide, n + 0.55, run.tasks[n], ha="right", **beside)
        bold = "bold" if shares[n] == 0 else "normal"
        ink.write(ax, 1 + 0.08 / wide, n + 0.55, f"{shares[n]:.0%}", fontweight=bold, **beside)
    if since is not None:
        ax.axvline(since, color=ink.INK, linewidth=1.3, linestyle="--")
    ax.set_yticks([])
    ax.tick_params(labelsize=SMALL)
    ticks_inside(ax, "x", 6)
    for side in ("left", "right", "top"):
        ax.spines[side].set_visible(False)


def _shares(run: Traffic, since: float | None, until: float) -> list[float]:
    """What each task got of all that came after this second."""
    later = run.task[(run.arrived >= (-np.inf if since is None else since)) & (run.arrived <= until)]
    counts = np.bincount(later[later >= 0], minlength=len(run.tasks))
    return [float(count) / max(1, int(counts.sum())) for count in counts]


def tell_loads(runs: Any, since: float | None = None, end: float | None = None, **options: Any) -> str:
    """The same in words, for `show`."""
    told, until = [], np.inf if end is None else end
    for title, run in runs_of(runs, options).items():
        shares = ", ".join(
            f"{name} {share:.0%}" for name, share in zip(run.tasks, _shares(run, since, until), strict=True)
        )
        told.append(f"{' '.join(title.split())}{': ' * bool(title)}{shares}")
    return f"Shares of the requests{f' after {since:g} s' if since is not None else ''}. {'; '.join(told)}."
