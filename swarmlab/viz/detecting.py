"""Failure detectors side by side: how fast each notices a crash, against how often it cries for nothing.

Left is fast, low is quiet: the lower left corner would be best, and nobody is there for nothing. A dot is the median
over many runs, its whiskers hold nine runs of ten.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator

from . import ink

__all__ = ["draw_detectors", "tell_detectors"]

SMALL = 9  # points
LEFT, RIGHT, TOP, BOTTOM, HIGH = 1.05, 0.35, 0.3, 0.75, 4.6  # inches
DODGE = 1.9
LEAST = 0.1  # seconds; what is faster stands at the edge
SECONDS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


def draw_detectors(
    table: Any, rows: Sequence[Any] = (), mark: str = "", bands: Sequence[Sequence] = (), ax: Axes | None = None
) -> Axes:
    """A dot per detector: median time until a crash is noticed, false alarms in an hour; both axes logarithmic.

    `table` are rows with `detector`, `p5`, `median`, `p95`, `per_hour` (`check.detectors.summaries`), or title → such rows: what
    one knob does, joined by a line. `rows` are single runs (`detector`, `time`), drawn as a cloud. `mark` is the detector in
    question. `bands` are (from, to, words): what a real engine takes, in seconds.
    """
    lines = table if isinstance(table, Mapping) else {"": list(table)}
    every = [row for line in lines.values() for row in line]
    if not every:
        raise ValueError("there is nothing to draw: no detector")
    ax = ink.axes(ax, HIGH, LEFT, RIGHT, TOP, BOTTOM)
    rates = [row.per_hour for row in every if row.per_hour > 0] or [1.0]
    quiet = [row.detector for row in every if row.per_hour <= 0]
    floor = min(rates) / 4
    heights = {row.detector: row.per_hour or floor for row in every}
    heights |= {
        name: floor / DODGE**n for n, name in enumerate(quiet)
    }  # beside each other: there is nothing to compare
    low = min(heights.values()) / 1.6 if quiet else min(rates) / 2
    last = max([*(row.p95 for row in every), *(until for _, until, _ in bands)]) * 1.6
    first = max(LEAST, min(max(row.p5, LEAST) for row in every) / 1.3)
    ax.set(xscale="log", yscale="log", xlim=(first, last), ylim=(low, max(rates) * 2.5))
    _draw_bands(ax, bands)
    _draw_cloud(ax, rows, heights)
    for title, line in lines.items():
        xs, ys = [max(row.median, LEAST) for row in line], [heights[row.detector] for row in line]
        if title:
            ax.plot(xs, ys, color=ink.QUIET, linewidth=1.2, zorder=2)
        for row, x, y in zip(line, xs, ys, strict=True):
            _draw_one(ax, row, x, y, row.detector == mark)
    _write_names(ax, every, heights)
    _draw_axes(ax, floor, len(quiet))
    return ax


def _draw_bands(ax: Axes, bands: Sequence[Sequence]) -> None:
    for since, until, words in bands:
        ax.axvspan(since, until, facecolor=ink.FAINT, linewidth=0, zorder=0)
        wide = ink.inches(ax)[0]
        place = ax.transAxes.inverted().transform(ax.transData.transform((since, ax.get_ylim()[0])))[0]
        left = min(max(float(place), 0), 1 - ink.room(words, SMALL) / wide)
        ink.write(ax, left, 1 + 0.12 / ink.inches(ax)[1], words, fontsize=SMALL, transform=ax.transAxes)


def _draw_cloud(ax: Axes, rows: Sequence[Any], heights: Mapping[str, float]) -> None:
    """Single runs, a little above and below their detector."""
    counts: dict[str, int] = {}
    xs, ys = [], []
    for row in rows:
        if row.detector in heights and row.time is not None:
            n = counts[row.detector] = counts.get(row.detector, 0) + 1
            xs.append(max(row.time, LEAST))
            ys.append(heights[row.detector] * 1.16 ** ((n * 0.618) % 1 - 0.5))  # spread evenly, the same every time
    ax.plot(xs, ys, ".", color=ink.LINE, markersize=3, markeredgewidth=0, zorder=1, clip_on=True)


def _draw_one(ax: Axes, row: Any, x: float, y: float, marked: bool) -> None:
    """The whiskers and the median; who cries for nothing never is hollow."""
    ax.plot((max(row.p5, LEAST), row.p95), (y, y), color=ink.INK, linewidth=1.4, marker="|", markersize=8, zorder=3)
    face = ink.CONTROL if marked else ink.PAPER if row.per_hour <= 0 else ink.SOLID
    dot: dict[str, Any] = {"markerfacecolor": face, "markeredgecolor": ink.INK, "markersize": 9}
    ax.plot([x], [y], marker="s" if marked else "o", zorder=4, **dot)


def _write_names(ax: Axes, every: Sequence[Any], heights: Mapping[str, float]) -> None:
    """Names above or below their dots, where there is room; a thin line leads to those that stand apart."""
    wide, high = ink.inches(ax)
    to_inches = ax.transData + ax.transAxes.inverted()
    spots = {
        row.detector: to_inches.transform((max(row.median, LEAST), heights[row.detector])) * (wide, high)
        for row in every
    }
    taken = [(x - 0.1, x + 0.1, float(y)) for x, y in spots.values()]  # left, right, height of what is there
    for row in sorted(every, key=lambda row: -heights[row.detector]):
        (x, y), text = spots[row.detector], f"{row.detector} {ink.span(row.median)}"
        room = ink.room(text, SMALL)
        left = min(max(x - room / 2, 0.02), wide - room)
        steps = (0.2, -0.2, 0.38, -0.38, 0.56, -0.56)
        place = next((y + step for step in steps if _is_free(taken, left, left + room, y + step)), y + 0.2)
        taken.append((left, left + room, place))
        style: dict[str, Any] = {"fontsize": SMALL, "path_effects": ink.HALO, "zorder": 6, "transform": ax.transAxes}
        ink.write(ax, left / wide, place / high, text, **style)
        if abs(place - y) > 0.25:
            end = place - 0.08 * (1 if place > y else -1)
            ax.plot(
                (x / wide, x / wide),
                (y / high, end / high),
                color=ink.QUIET,
                linewidth=0.8,
                zorder=2,
                transform=ax.transAxes,
            )


def _is_free(taken: Sequence[tuple], left: float, right: float, y: float) -> bool:
    return all(right < other or left > last or abs(y - at) > 0.16 for other, last, at in taken)


def _draw_axes(ax: Axes, floor: float, quiet: int) -> None:
    ax.xaxis.set_major_locator(
        FixedLocator([value for value in SECONDS if ax.get_xlim()[0] <= value <= ax.get_xlim()[1]])
    )
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:g} s")
    low, high = ax.get_ylim()
    middle = floor / DODGE ** ((quiet - 1) / 2)
    if quiet:
        ax.axhspan(low, floor * 2, facecolor="#f6f6f6", linewidth=0, zorder=0)
    fine = [step * 10.0**n for n in range(-4, 7) for step in (1, 2, 5)]
    there = [rate for rate in fine if low <= rate <= high and (not quiet or rate > floor * 2)]
    tens = [rate for rate in there if rate in fine[::3]]
    rates = tens if len(tens) > 1 else there  # one label alone says nothing of a log axis
    ax.yaxis.set_major_locator(FixedLocator(([middle] if quiet else []) + rates))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(lambda value, _: "none" if quiet and value <= floor * 1.01 else f"{value:g}")
    ax.tick_params(labelsize=ink.TEXT)
    ax.grid(color=ink.FAINT, linewidth=0.8)
    ax.set_axisbelow(True)
    for side in ("right", "top"):
        ax.spines[side].set_visible(False)
    ax.set_xlabel(
        "time until a crash is noticed: median, and nine runs of ten between the whiskers\nleft: fast  ·  low: quiet",
        fontsize=ink.TEXT,
        linespacing=1.5,
    )
    ax.set_ylabel("false alarms in an hour", fontsize=ink.TEXT)


def tell_detectors(table: Any, **_options: Any) -> str:
    """The same in words, for `show`."""
    lines = table if isinstance(table, Mapping) else {"": table}
    told = [
        f"{row.detector} {ink.span(row.median)} ({ink.span(row.p5)} to {ink.span(row.p95)}), {_often(row.per_hour)}{_missed(row)}"
        for line in lines.values()
        for row in line
    ]
    return f"Median time to notice a crash, nine runs of ten between, and false alarms: {'; '.join(told)}."


def _often(rate: float) -> str:
    return (
        "no false alarm"
        if rate <= 0
        else f"{rate:,.0f} false alarms in an hour"
        if rate >= 10
        else f"{rate:.2g} false alarms in an hour"
    )


def _missed(row: Any) -> str:
    missed = getattr(row, "missed", 0)
    return f", {missed:.0%} of the crashes not noticed" if missed else ""
