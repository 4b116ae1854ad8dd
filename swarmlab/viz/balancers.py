"""Runs side by side, the same arrivals and one thing changed: who got how much, the queues, the tail.

A row for each run, so that the same second and the same latency stand below each other.
"""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from . import ink
from .tailcurve import latency_span, tail_axes, tail_curve, ticks_inside
from .trafficfold import SHARES, Panel, panels_of, said, tell_panel

__all__ = ["draw_balancers", "tell_balancers"]

ROW, BETWEEN, HEAD, FOOT = 1.12, 0.26, 0.34, 0.62  # inches: a run, between two, titles above, the axis below
NAMES, COUNTS, QUEUES, TAILS = (0.08, 1.72), (2.15, 1.85), (4.5, 2.45), (7.6, 2.1)  # inches: left edge, width
LINE = 0.18
SMALL = 9  # points
STOPS = (0, 1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000)  # of the queue axis, which is logarithmic


def draw_balancers(runs: Any, **options: Any) -> Figure:
    """A row per run, up to six by title: share of each task, queue of each task over time, tail of the latencies.

    Slower tasks have hatched columns and thick lines. Options are those of `traffic`.
    """
    panels = panels_of(runs, **options)
    total = HEAD + len(panels) * ROW + (len(panels) - 1) * BETWEEN + FOOT
    fig = ink.sheet(height=total)
    scale = scales(panels)
    for n, (title, each) in enumerate(panels.items()):
        top = HEAD + n * (ROW + BETWEEN)
        places = [
            fig.add_axes((x / ink.WIDTH, 1 - (top + ROW) / total, wide / ink.WIDTH, ROW / total))
            for x, wide in (NAMES, COUNTS, QUEUES, TAILS)
        ]
        _write_name(places[0], title, each)
        _draw_counts(places[1], each, scale["share"])
        _draw_queues(places[2], each, scale["queue"], n == len(panels) - 1)
        _draw_tail(places[3], each, scale["latency"], n == len(panels) - 1)
    for x, text in (
        (COUNTS[0], "share of the requests"),
        (QUEUES[0], "queue of each task, logarithmic"),
        (TAILS[0], "tail: so many are slower"),
    ):
        fig.text(
            x / ink.WIDTH, 1 - 0.14 / total, text, fontsize=ink.TEXT, color=ink.INK, va="center", fontweight="bold"
        )
    if any(True in each.slow for each in panels.values()):
        words = "hatched, thick: slower task"
        fig.text(COUNTS[0] / ink.WIDTH, 0.16 / total, words, fontsize=SMALL, color=ink.INK, va="center")
    return fig


def scales(panels: dict[str, Panel]) -> dict[str, Any]:
    """Axes that hold for all: the largest share of a task, the longest queue, the span of latencies."""
    shares = [count / max(1, sum(each.counts)) for each in panels.values() for count in each.counts]
    queues = [length for each in panels.values() for queue in each.queues for length in queue]
    return {
        "share": max([0.01, *shares]),
        "queue": max([3, *queues]),
        "latency": latency_span(list(panels.values())),
    }


def _write_name(ax: Axes, title: str, each: Panel) -> None:
    """The name of the run, its percentiles, and last its mean."""
    ax.set(xlim=(0, NAMES[1]), ylim=(ROW, 0))
    ax.set_axis_off()
    lines = title.split("\n") if title else []
    for n, text in enumerate(lines):
        ink.write(ax, 0, 0.08 + n * LINE, text, fontweight="bold")
    y = 0.08 + len(lines) * LINE
    for name in SHARES:
        ink.write(ax, 0, y, f"{name}  {said(each.marks[name], each.unit)}")
        y += LINE
    failed = f"  ✕ {each.failed} failed" if each.failed else ""
    ink.write(ax, 0, y, f"mean  {said(each.marks['mean'], each.unit)}{failed}", fontsize=SMALL, color=ink.QUIET)


def _draw_counts(ax: Axes, each: Panel, most: float) -> None:
    """A column per task, and a line at the fair share."""
    count, whole = len(each.tasks), max(1, sum(each.counts))
    ax.set(xlim=(-0.6, count - 0.4), ylim=(0, most * 1.18))
    for n, got in enumerate(each.counts):
        slow = bool(each.slow[n]) if n < len(each.slow) else False
        style: dict[str, Any] = {"hatch": "////", "facecolor": ink.PAPER} if slow else {"facecolor": ink.SOLID}
        ax.bar([n], [got / whole], width=0.8, edgecolor=ink.INK, linewidth=0.9, zorder=2, **style)
        if not got:
            ink.write(ax, n, most * 0.07, "0", ha="center", zorder=4)
    fair = 1 / max(1, count)
    ax.axhline(fair, color=ink.INK, linewidth=1.3, linestyle=(0, (4, 2)), zorder=3)
    ax.set_yticks([0, fair], ["0", f"{fair:.0%} fair" if fair >= 0.1 else f"{fair:.1%} fair"], fontsize=SMALL)
    few = count <= 12
    ax.set_xticks(range(count) if few else [], [_number(task) for task in each.tasks] if few else [], fontsize=SMALL)
    if not few:
        ax.set_xlabel(f"{count} tasks", fontsize=SMALL)
    _bare(ax)


def _number(task: str) -> str:
    """`web.3` where there is little room."""
    return task.rpartition(".")[2].rpartition(" ")[2][-3:]


def _draw_queues(ax: Axes, each: Panel, most: int, last: bool) -> None:
    """A line per task; the axis is logarithmic, so that short queues and long ones are seen."""
    times = np.linspace(each.span[0], each.span[1], max(2, len(each.queues[0]) if each.queues else 2))
    for n, queue in enumerate(each.queues):
        slow = bool(each.slow[n]) if n < len(each.slow) else False
        style: dict[str, Any] = {"color": ink.INK, "linewidth": 2} if slow else {"color": ink.QUIET, "linewidth": 0.8}
        ax.plot(times, np.log1p(queue), zorder=3 if slow else 2, **style)
    top = float(np.log1p(most)) * 1.08
    ax.set(xlim=(times[0], times[-1]), ylim=(0, top))
    stops = [stop for stop in STOPS if np.log1p(stop) <= top][-5:]
    ax.set_yticks([float(np.log1p(stop)) for stop in stops], [f"{stop}" for stop in stops], fontsize=SMALL)
    ax.grid(axis="y", color=ink.FAINT, linewidth=0.8)
    ticks_inside(ax, "x", 4)
    ax.tick_params(axis="x", labelsize=SMALL, labelbottom=last)
    if last:
        ax.set_xlabel("time, s" if each.unit == "s" else "time, × mean service", fontsize=SMALL)
    _bare(ax)


def _draw_tail(ax: Axes, each: Panel, span: tuple[float, float], last: bool) -> None:
    lowest = min([0.005, *(share for _, share in each.tail if share > 0)])
    ax.set(xscale="log", yscale="log", xlim=span, ylim=(max(lowest, 0.0008) / 1.3, 1.3))
    tail_axes(ax, each.unit, few=True)
    tail_curve(ax, each)
    ax.tick_params(axis="x", labelsize=SMALL, labelbottom=last)
    if last:
        ax.set_xlabel("latency   ○ p50 p95 p99   ╷ mean", fontsize=SMALL)


def _bare(ax: Axes) -> None:
    ax.tick_params(length=0, axis="y")
    for side in ("left", "right", "top"):
        ax.spines[side].set_visible(False)


def tell_balancers(runs: Any, **options: Any) -> str:
    """The same in words, for `show`."""
    panels = panels_of(runs, **options)
    said_of = [f"{title}{': ' * bool(title)}{tell_panel(each)}." for title, each in panels.items()]
    return f"{'The same arrivals. ' * (len(panels) > 1)}{' '.join(said_of)}".replace("\n", " ")
