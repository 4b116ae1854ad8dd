"""What the formulas say as lines, what we counted as dots with their error: below, how many errors lie between them."""

from collections.abc import Mapping, Sequence
from math import log10
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from . import ink
from .tailcurve import DASHES, decades

__all__ = ["draw_theory", "tell_theory"]

HIGH, APART, LEFT, RIGHT, TOP, BOTTOM, GAP = 3.0, 0.85, 1.05, 2.6, 0.15, 0.55, 0.2  # inches
SHAPES = "osD^vP"
SURE = 3  # standard errors: farther away is one in 370 by chance
Line = Sequence[tuple[float, float]]


def draw_theory(
    lines: Mapping[str, Line],
    dots: Mapping[str, Sequence[tuple[float, float, float]]] | None = None,
    x: str = "load ρ",
    y: str = "mean time, × mean service",
    log: bool = True,
) -> Figure:
    """A line per title of (x, y), and dots of (x, mean, standard error) that belong to the line of the same title.

    Bars at the dots are two standard errors either way; the strip below shows the distance in standard errors.
    """
    found = dict(dots or {})
    titles = list(dict.fromkeys([*lines, *found]))
    if not 0 < len(titles) <= len(SHAPES):
        raise ValueError(f"{len(titles)} curves: one to {len(SHAPES)} can be told apart")
    both = {title: (lines[title], found[title]) for title in titles if title in lines and found.get(title)}
    total = TOP + HIGH + (GAP + APART) * bool(both) + BOTTOM
    fig = ink.sheet(height=total)
    wide = ink.WIDTH - LEFT - RIGHT
    ax = fig.add_axes((LEFT / ink.WIDTH, 1 - (TOP + HIGH) / total, wide / ink.WIDTH, HIGH / total))
    _set_scale(ax, lines, found, log)
    for n, title in enumerate(titles):
        _draw_line(ax, lines.get(title, ()), n)
        _draw_dots(ax, found.get(title, ()), n)
    _write_names(ax, titles, lines, found, log)
    ax.set_ylabel(y, fontsize=ink.TEXT)
    if both:
        place = (LEFT / ink.WIDTH, BOTTOM / total, wide / ink.WIDTH, APART / total)
        _draw_apart(fig.add_axes(place, sharex=ax), both, titles)
        ax.tick_params(labelbottom=False)
    fig.axes[-1].set_xlabel(f"{x}   ·   lines: formula{'   ·   marks: counted' * bool(found)}", fontsize=ink.TEXT)
    return fig


def tell_theory(
    lines: Mapping[str, Line],
    dots: Mapping[str, Sequence[tuple[float, float, float]]] | None = None,
    at: float | None = None,
) -> str:
    """The same in words, for `show`: at `at`, or where the last dots are, and how far the farthest dot is from its line."""
    said, worst = [], 0.0
    for title, marks in (dots or {}).items():
        place, mean, error = min(marks, key=lambda mark: abs(mark[0] - at)) if at is not None else marks[-1]
        formula = f", by the formula {_on(lines[title], place):.4g}" if title in lines else ""
        said.append(f"{' '.join(title.split())} at {place:g}: {mean:.4g} ± {2 * error:.2g}{formula}")
        if title in lines:
            worst = max([worst, *(abs(far) for _, far in apart(lines[title], marks))])
    if not said:
        return (
            "By the formulas: " + "; ".join(f"{title} ends at {line[-1][1]:.4g}" for title, line in lines.items()) + "."
        )
    far = f" No dot is farther than {worst:.1f} standard errors from its line." if worst else ""
    return f"Counted against the formulas: {'; '.join(said)}.{far}"


def apart(line: Line, marks: Sequence[tuple[float, float, float]]) -> list[tuple[float, float]]:
    """(x, how many standard errors a dot lies above the line)."""
    return [(x, (mean - _on(line, x)) / error) for x, mean, error in marks if error > 0]


def _on(line: Line, x: float) -> float:
    """The height of a line, between its points too."""
    xs, ys = zip(*sorted(line), strict=True)
    return float(np.interp(x, xs, ys))


def _set_scale(ax: Axes, lines: Mapping[str, Line], dots: Mapping[str, Any], log: bool) -> None:
    heights = [y for line in lines.values() for _, y in line] + [mark[1] for marks in dots.values() for mark in marks]
    places = [x for line in lines.values() for x, _ in line] + [mark[0] for marks in dots.values() for mark in marks]
    room = (max(places) - min(places) or 1) * 0.02
    ax.set_xlim(min(places) - room, max(places) + room)
    if log:
        least, most = min(y for y in heights if y > 0) / 1.15, max(heights) * 1.2
        ax.set(yscale="log", ylim=(least, most))
        ticks = decades(least, most, 9)
        ax.yaxis.set_major_locator(FixedLocator(ticks))
        ax.yaxis.set_minor_locator(NullLocator())
        ax.set_yticklabels([f"{tick:g}" for tick in ticks])
    else:
        ax.set_ylim(min(0, *heights), max(heights) * 1.08)
    ax.tick_params(labelsize=ink.TEXT)
    ax.grid(axis="y", color=ink.FAINT, linewidth=0.8)
    for side in ("right", "top"):
        ax.spines[side].set_visible(False)


def _draw_line(ax: Axes, line: Line, n: int) -> None:
    ax.plot([x for x, _ in line], [y for _, y in line], color=ink.CONTROL, linewidth=1.6, linestyle=DASHES[n], zorder=2)


def _draw_dots(ax: Axes, marks: Sequence[tuple[float, float, float]], n: int) -> None:
    if not marks:
        return
    xs, ys, errors = (list(column) for column in zip(*marks, strict=True))
    style: dict[str, Any] = {"markerfacecolor": ink.PAPER, "markeredgecolor": ink.INK, "markeredgewidth": 1.3}
    bars: dict[str, Any] = {"ecolor": ink.INK, "elinewidth": 1.3, "capsize": 3}
    ax.errorbar(xs, ys, yerr=[2 * e for e in errors], fmt=SHAPES[n], markersize=6, zorder=3, **style, **bars)


def _write_names(ax: Axes, titles: list[str], lines: Mapping[str, Line], dots: Mapping[str, Any], log: bool) -> None:
    """Each name at the end of its curve, moved apart where they would meet."""
    high, wide = ink.inches(ax)[1], ink.inches(ax)[0]
    low, top = ax.get_ylim()
    ends = {title: (lines.get(title) or [(mark[0], mark[1]) for mark in dots[title]])[-1] for title in titles}

    def place(y: float) -> float:
        return (log10(y / low) / log10(top / low) if log else (y - low) / (top - low)) * high

    order = sorted(titles, key=lambda title: ends[title][1])
    heights = [place(ends[title][1]) for title in order]
    spread = ink.spread(heights, [0.2 * (title.count("\n") + 1) for title in order], high + 0.1, 0.02)
    for title, begin, y in zip(order, heights, spread, strict=True):
        right = (ends[title][0] - ax.get_xlim()[0]) / (ax.get_xlim()[1] - ax.get_xlim()[0])
        path = (right + 0.05 / wide, 1 + 0.12 / wide), (begin / high, y / high)
        ax.plot(*path, color=ink.LINE, linewidth=0.8, transform=ax.transAxes, clip_on=False, zorder=1)
        mark = titles.index(title)
        style: dict[str, Any] = {"markerfacecolor": ink.PAPER, "markeredgecolor": ink.INK, "clip_on": False}
        if dots.get(title):
            ax.plot([1 + 0.22 / wide], [y / high], SHAPES[mark], markersize=6, transform=ax.transAxes, **style)
        ink.write(ax, 1 + 0.34 / wide, y / high, title, transform=ax.transAxes, linespacing=1.1)


def _draw_apart(ax: Axes, both: Mapping[str, tuple], titles: list[str]) -> None:
    """How many standard errors lie between dot and line; the band is where all but one of 370 fall by chance."""
    ax.axhspan(-SURE, SURE, facecolor=ink.FAINT, linewidth=0)
    ax.axhline(0, color=ink.CONTROL, linewidth=1.3)
    most = float(SURE)
    for title, (line, marks) in both.items():
        found = apart(line, marks)
        most = max([most, *(abs(far) for _, far in found)])
        style: dict[str, Any] = {"markerfacecolor": ink.PAPER, "markeredgecolor": ink.INK, "markersize": 5.5}
        inside = [(x, far) for x, far in found if abs(far) <= SURE]
        outside = [(x, far) for x, far in found if abs(far) > SURE]
        ax.plot(
            [x for x, _ in inside], [far for _, far in inside], SHAPES[titles.index(title)], linestyle="none", **style
        )
        wrong = style | {"markeredgecolor": ink.WRONG, "markeredgewidth": 1.8}
        ax.plot(
            [x for x, _ in outside], [far for _, far in outside], SHAPES[titles.index(title)], linestyle="none", **wrong
        )
    ax.set_ylim(-most * 1.25, most * 1.25)
    ax.set_yticks([-SURE, 0, SURE], [f"−{SURE} errors", "line", f"+{SURE}"], fontsize=9)
    ax.tick_params(labelsize=ink.TEXT, axis="x")
    for side in ("right", "top"):
        ax.spines[side].set_visible(False)
