"""Runs side by side, the same arrivals and one thing changed: who got how much, the queues, the tail.

A row for each run, so that the same second and the same latency stand below each other. All is drawn in inches on one
sheet: a dozen of axes of their own would take longer than the run.
"""

from collections.abc import Callable
from math import log, log1p
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from . import ink
from .tailcurve import MEAN, decades, latency_span, tick
from .trafficfold import SHARES, Panel, panels_of, said, tell_panel

__all__ = ["draw_balancers", "tell_balancers"]

ROW, BETWEEN, HEAD, FOOT = 1.12, 0.28, 0.34, 0.6  # inches: a run, between two, titles above, the axis below
LEFT, COUNTS, QUEUES, TAILS = 0.1, (2.25, 1.75), (4.6, 2.4), (7.6, 2.15)  # inches: left edges and widths
LINE = 0.18
SMALL = 9  # points
STOPS = (0, 1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000)  # of the queue axis, which is logarithmic
QUICK: dict[str, Any] = {"colors": ink.QUIET, "linewidths": 0.8, "zorder": 2}
SLOW: dict[str, Any] = {"colors": ink.INK, "linewidths": 2, "zorder": 3}
RING: dict[str, Any] = {"markersize": 6, "markerfacecolor": ink.PAPER, "markeredgecolor": ink.INK, "zorder": 5}


class Scale(NamedTuple):
    """Axes that hold for all rows, as shares of a row or of a width."""

    share: float  # the largest share of a task
    queue: int
    latency: tuple[float, float]
    lowest: float  # the smallest share that the tail shows

    def high(self, length: int) -> float:
        """How high a queue of this length is."""
        return log1p(length) / log1p(self.queue) / 1.06

    def far(self, latency: float) -> float:
        """How far to the right this latency is."""
        least, most = self.latency
        return log(min(most, max(least, latency)) / least) / log(most / least)

    def up(self, share: float) -> float:
        """How high this share of slower requests is."""
        return 1 - log(1.25 / share) / log(1.25 / self.lowest)


def draw_balancers(runs: Any, **options: Any) -> Figure:
    """A row per run, up to six by title: share of each task, queue of each task over time, tail of the latencies.

    Slower tasks have hatched columns and thick lines. Options are those of `traffic`.
    """
    panels = panels_of(runs, **options)
    total = HEAD + len(panels) * ROW + (len(panels) - 1) * BETWEEN + FOOT
    fig = ink.sheet(height=total)
    ax = fig.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, ink.WIDTH), ylim=(total, 0))
    ax.set_axis_off()
    scale = scale_of(panels)
    for n, (title, each) in enumerate(panels.items()):
        floor = HEAD + n * (ROW + BETWEEN) + ROW
        _write_name(ax, title, each, floor - ROW)
        _draw_counts(ax, each, scale, floor)
        _draw_queues(ax, each, scale, floor)
        _draw_tail(ax, each, scale, floor)
    _write_axes(ax, list(panels.values()), scale, floor)
    return fig


def tell_balancers(runs: Any, **options: Any) -> str:
    """The same in words, for `show`."""
    panels = panels_of(runs, **options)
    told = [f"{title}{': ' * bool(title)}{tell_panel(each)}." for title, each in panels.items()]
    return f"{'The same arrivals. ' * (len(panels) > 1)}{' '.join(told)}".replace("\n", " ")


def scale_of(panels: dict[str, Panel]) -> Scale:
    """The largest share of a task, the longest queue, the span of latencies."""
    shares = [count / max(1, sum(each.counts)) for each in panels.values() for count in each.counts]
    queues = [max(queue) for each in panels.values() for queue in each.queues if queue]
    lowest = min(0.005, max(0.0008, min(1 / each.requests for each in panels.values())))
    return Scale(max([0.01, *shares]) * 1.15, max([3, *queues]), latency_span(list(panels.values())), lowest)


def _write_name(ax: Axes, title: str, each: Panel, top: float) -> None:
    """The name of the run, its percentiles, and last its mean."""
    lines = title.split("\n") if title else []
    for n, text in enumerate(lines):
        ink.write(ax, LEFT, top + 0.08 + n * LINE, text, fontweight="bold")
    y = top + 0.08 + len(lines) * LINE
    for n, name in enumerate(SHARES):
        ink.write(ax, LEFT, y + n * LINE, f"{name}  {said(each.marks[name], each.unit)}")
    failed = f"  ✕ {each.failed} failed" if each.failed else ""
    mean = f"mean  {said(each.marks['mean'], each.unit)}{failed}"
    ink.write(ax, LEFT, y + len(SHARES) * LINE, mean, fontsize=SMALL, color=ink.QUIET)


def _is_slow(each: Panel, n: int) -> bool:
    return n < len(each.slow) and bool(each.slow[n])


def _draw_counts(ax: Axes, each: Panel, scale: Scale, floor: float) -> None:
    """A column per task, and a line at the fair share."""
    left, wide = COUNTS
    count, whole = max(1, len(each.tasks)), max(1, sum(each.counts))
    pitch = wide / count
    for n, got in enumerate(each.counts):
        style: dict[str, Any] = {"facecolor": ink.SOLID}
        if _is_slow(each, n):
            style = {"hatch": "////", "facecolor": ink.PAPER}
        high = got / whole / scale.share * ROW
        ink.box(
            ax,
            left + (n + 0.1) * pitch,
            floor - high,
            pitch * 0.8,
            high,
            linewidth=0.9 if count <= 30 else 0.3,
            zorder=2,
            **style,
        )
        if count <= 12:
            name = each.tasks[n].rpartition(".")[2].rpartition(" ")[2][-3:]
            ink.write(ax, left + (n + 0.5) * pitch, floor + 0.12, name, ha="center", fontsize=SMALL)
    if count > 12:
        ink.write(ax, left + wide / 2, floor + 0.12, f"{count} tasks", ha="center", fontsize=SMALL)
    fair = floor - ROW / count / scale.share
    ax.plot((left, left + wide), (fair, fair), color=ink.INK, linewidth=1.3, linestyle=(0, (4, 2)), zorder=3)
    text = f"{1 / count:.0%} fair" if count <= 10 else f"{1 / count:.1%} fair"
    ink.write(ax, left - 0.06, fair, text, ha="right", fontsize=SMALL)
    ax.plot((left, left + wide), (floor, floor), color=ink.INK, linewidth=1, zorder=3)


def _draw_queues(ax: Axes, each: Panel, scale: Scale, floor: float) -> None:
    """A line per task; the axis is logarithmic, so that short queues and long ones are seen."""
    left, wide = QUEUES
    lines: dict[bool, list] = {True: [], False: []}
    for n, queue in enumerate(each.queues):
        step = wide / max(1, len(queue) - 1)
        lines[_is_slow(each, n)].append([(left + k * step, floor - scale.high(q) * ROW) for k, q in enumerate(queue)])
    for is_slow, style in ((False, QUICK), (True, SLOW)):
        ax.add_collection(LineCollection(lines[is_slow], **style), autolim=False)
    stops = [stop for stop in STOPS if stop <= scale.queue][-5:]
    _grid(ax, left, wide, [(floor - scale.high(stop) * ROW, str(stop)) for stop in stops], ink.FAINT)
    ax.plot((left, left + wide), (floor, floor), color=ink.INK, linewidth=1, zorder=3)


def _grid(ax: Axes, left: float, wide: float, lines: list[tuple[float, str]], colour: str) -> None:
    """Lines across, with words at their left end."""
    segments = [[(left, y), (left + wide, y)] for y, _ in lines]
    ax.add_collection(LineCollection(segments, colors=colour, linewidths=0.8, zorder=1), autolim=False)
    for y, text in lines:
        ink.write(ax, left - 0.06, y, text, ha="right", fontsize=SMALL)


def _draw_tail(ax: Axes, each: Panel, scale: Scale, floor: float) -> None:
    """The curve with its rings, and the mean as a triangle on the axis."""
    left, wide = TAILS
    spots = [
        (left + scale.far(latency) * wide, floor - scale.up(share) * ROW)
        for latency, share in each.tail
        if share >= scale.lowest and latency >= scale.latency[0]
    ]
    if each.failed and spots:  # the rest never came back
        spots.append((left + wide, spots[-1][1]))
    ax.plot([x for x, _ in spots], [y for _, y in spots], color=ink.INK, linewidth=1.8, zorder=3)
    rings = [
        (left + scale.far(each.marks[m] or 0) * wide, floor - scale.up(s) * ROW)
        for m, s in SHARES.items()
        if each.marks[m]
    ]
    ax.plot([x for x, _ in rings], [y for _, y in rings], "o", linestyle="none", **RING)
    if each.marks["mean"]:
        x = left + scale.far(each.marks["mean"]) * wide
        ax.plot([x], [floor - 0.055], color=ink.INK, zorder=4, **MEAN)
    _grid(ax, left, wide, [(floor - scale.up(share) * ROW, name) for name, share in SHARES.items()], ink.LINE)
    ax.plot((left, left + wide), (floor, floor), color=ink.INK, linewidth=1, zorder=3)


def _write_axes(ax: Axes, panels: list[Panel], scale: Scale, floor: float) -> None:
    """Titles above all, numbers and words below the last row."""
    titles = {
        COUNTS[0]: "share of the requests",
        QUEUES[0]: "queue of each task, logarithmic",
        TAILS[0]: "tail: so many are slower",
    }
    for x, text in titles.items():
        ink.write(ax, x, 0.14, text, fontweight="bold")
    unit, (since, until) = panels[0].unit, panels[0].span
    times = [time for time in MaxNLocator(4, steps=[1, 2, 5, 10]).tick_values(since, until) if since <= time <= until]
    _ticks(
        ax, QUEUES, floor, [(time, f"{time:g}") for time in times], lambda time: (time - since) / (until - since or 1)
    )
    ticks = decades(scale.latency[0], scale.latency[1], 4)
    _ticks(ax, TAILS, floor, [(value, tick(value, unit)) for value in ticks], scale.far)
    below = floor + 0.38
    if any(any(each.slow) for each in panels):
        ink.write(ax, COUNTS[0], below, "hatched, thick: slower task", fontsize=SMALL)
    words = "time, s" if unit == "s" else "time, in mean services"
    ink.write(ax, QUEUES[0] + QUEUES[1] / 2, below, words, ha="center", fontsize=SMALL)
    ink.write(ax, TAILS[0] + TAILS[1] / 2, below, "latency   ○ p50 p95 p99   ▲ mean", ha="center", fontsize=SMALL)


def _ticks(ax: Axes, place: tuple, floor: float, marks: list[tuple[float, str]], far: Callable[[float], float]) -> None:
    """Ticks below an axis."""
    left, wide = place
    for value, text in marks:
        x = left + far(value) * wide
        ax.plot((x, x), (floor, floor + 0.04), color=ink.INK, linewidth=1)
        ink.write(ax, x, floor + 0.15, text, ha="center", fontsize=SMALL)
