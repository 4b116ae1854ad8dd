"""Latencies as a tail curve: the share of the requests that take longer, both axes logarithmic. Never a mean alone."""

from collections.abc import Sequence
from math import floor, log10
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from . import ink
from .trafficfold import SHARES, Panel, panels_of, said, tell_panel

__all__ = ["draw_tail", "tell_tail"]

HIGH, LEFT, RIGHT, BOTTOM = 3.2, 1.35, 3.3, 0.6  # inches
BADGES, MEANS = 0.32, 0.32  # inches below the curves: for the letters of the curves, for triangles and theirs
LINE, STEP = 0.19, 0.68  # inches: a line of text, from one run's numbers to the next
LETTERS = "ABCDEF"
DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1)), (0, (6, 1.5, 1.5, 1.5)), (0, (3, 3)), (0, (8, 1.5, 1.5, 1.5, 1.5, 1.5)))
SHADES = (ink.INK, ink.INK, ink.INK, ink.INK, ink.QUIET, ink.QUIET)
MARK: dict[str, Any] = {"marker": "o", "markersize": 6, "markerfacecolor": ink.PAPER, "markeredgecolor": ink.INK}
BADGE: dict[str, Any] = {"boxstyle": "circle,pad=0.15", "facecolor": ink.PAPER, "edgecolor": ink.INK, "linewidth": 0.9}
MEAN: dict[str, Any] = {"marker": "^", "markersize": 7, "markeredgewidth": 0, "linestyle": "none", "clip_on": False}
SMALL = 9  # points


def draw_tail(runs: Any, ax: Axes | None = None, guess: Any = None, goal: float | None = None, **options: Any) -> Axes:
    """A curve per run, up to six by title; rings at p50, p95 and p99, a small triangle on the axis for the mean.

    `guess` is the learner's p99 (a hollow triangle), `goal` a p99 that should hold (a dashed line), in the unit of the
    latencies. Other options are those of `traffic`.
    """
    panels = panels_of(runs, **options)
    ax = ink.axes(ax, max(HIGH, STEP * len(panels)) + BOTTOM + 0.15, LEFT, RIGHT, 0.15, BOTTOM)
    guessed = _number(guess)
    least, most = latency_span(list(panels.values()), [each for each in (guessed, goal) if each])
    lowest = min((share for each in panels.values() for _, share in each.tail if share > 0), default=1.0)
    ax.set(xscale="log", yscale="log", xlim=(least, most), ylim=(_floor(ax, min(lowest, 0.005), len(panels)), 1.15))
    unit = next(iter(panels.values())).unit
    _draw_axes(ax, unit)
    ax.set_xlabel(
        f"latency, on a logarithmic axis   ○ p50 p95 p99   ▲ mean{'   ▽ the guess' * bool(guessed)}", fontsize=ink.TEXT
    )
    for n, each in enumerate(panels.values()):
        _draw_curve(ax, each, DASHES[n], SHADES[n])
    if len(panels) > 1:
        _draw_letters(ax, list(panels.values()))
        _write_means(ax, list(panels.values()))
    _write_table(ax, panels)
    if goal:
        ax.plot((goal, goal), ax.get_ylim(), color=ink.INK, linestyle=":", linewidth=1.3)
        ink.write(ax, goal, 1.0, f" goal {said(goal, unit)}", va="bottom", path_effects=ink.HALO, zorder=6)
    if guessed:
        ax.plot([guessed], [SHARES["p99"]], marker="v", markersize=10, markerfacecolor="none", markeredgecolor=ink.INK)
    return ax


def tell_tail(runs: Any, **options: Any) -> str:
    """The same in words, for `show`."""
    panels = panels_of(runs, **options)
    return "Latencies. " + " ".join(f"{title}{': ' * bool(title)}{tell_panel(each)}." for title, each in panels.items())


def latency_span(panels: Sequence[Panel], others: Sequence[float] = ()) -> tuple[float, float]:
    """A latency axis for all: from below what half of them take to the slowest."""
    halves = [each.marks["p50"] or 0.01 for each in panels]
    lasts = [each.tail[-1][0] for each in panels if each.tail] or [1.0]
    least, most = min([*halves, *others]) / 2.5, max([*lasts, *others])
    least = max(least, most / 1e5, 1e-6)
    return least, max(most * 1.3, least * 10)


def _draw_axes(ax: Axes, unit: str) -> None:
    """Lines where one request in two, in twenty, in a hundred is slower; latencies as people say them."""
    beside = {"transform": ax.get_yaxis_transform(), "ha": "right"}
    for name, share in SHARES.items():
        ax.axhline(share, color=ink.LINE, linewidth=0.8, zorder=1)
        text = f"1 in {round(1 / share)} is slower\n{name}"
        ink.write(ax, -0.06 / ink.inches(ax)[0], share, text, linespacing=1.2, **beside)
    ax.yaxis.set_major_locator(NullLocator())
    ax.yaxis.set_minor_locator(NullLocator())
    ticks = decades(*ax.get_xlim())
    ax.xaxis.set_major_locator(FixedLocator(ticks))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xticklabels([tick(value, unit) for value in ticks], fontsize=ink.TEXT)
    for side in ("left", "right", "top"):
        ax.spines[side].set_visible(False)


def decades(least: float, most: float, count: int = 8) -> list[float]:
    """Round values on a logarithmic axis, so many at most."""
    exponents = range(floor(log10(least)) - 1, floor(log10(most)) + 2)
    for steps in ((1, 2, 5), (1, 3), (1,)):
        found = [step * 10.0**exponent for exponent in exponents for step in steps]
        found = [value for value in found if least <= value <= most]
        if len(found) <= count:
            return found
    return found[:: -(-len(found) // count)]


def ticks_inside(ax: Axes, which: str, count: int) -> None:
    """About so many round ticks on this axis (`x` or `y`), all of them inside what is shown."""
    low, high = sorted(ax.get_xlim() if which == "x" else ax.get_ylim())
    found = [value for value in MaxNLocator(count, steps=[1, 2, 5, 10]).tick_values(low, high) if low <= value <= high]
    (ax.set_xticks if which == "x" else ax.set_yticks)(found, [f"{value:g}" for value in found])


def tick(value: float, unit: str) -> str:
    """A round latency, short."""
    if unit != "s":
        return f"{value:g}×"
    if value < 1:
        return f"{value * 1000:g} ms"
    return f"{value:g} s"


def _draw_curve(ax: Axes, each: Panel, dash: Any, shade: str) -> None:
    """One curve with its rings, and the mean as a triangle on the axis."""
    points = _points(ax, each)
    ax.plot([x for x, _ in points], [y for _, y in points], linestyle=dash, color=shade, linewidth=1.8, zorder=3)
    rings = [(each.marks[name], share) for name, share in SHARES.items() if each.marks[name]]
    ax.plot([x for x, _ in rings], [y for _, y in rings], linestyle="none", zorder=4, **MARK)
    if each.marks["mean"]:
        low = {"transform": ax.get_xaxis_transform(), "color": shade, "zorder": 5}
        ax.plot([_inside(ax, each.marks["mean"])], [0.055 / ink.inches(ax)[1]], **MEAN | low)


def _floor(ax: Axes, lowest: float, count: int) -> float:
    """Where the share axis ends, so that triangles and letters find room below the lowest curve."""
    high = ink.inches(ax)[1]
    below = MEANS + BADGES if count > 1 else MEANS / 2
    return lowest / 10 ** (log10(1.15 / lowest) * below / (high - below))


def _points(ax: Axes, each: Panel) -> list[tuple[float, float]]:
    """The curve; where some failed it goes on to the edge, for the rest never came back."""
    points = [(latency, share) for latency, share in each.tail if share > 0 and latency > 0]
    if each.failed and points:
        points.append((ax.get_xlim()[1], points[-1][1]))
    return points


def _inside(ax: Axes, latency: float) -> float:
    least, most = ax.get_xlim()
    return min(most, max(least, latency))


def _spot(ax: Axes, latency: float, share: float) -> tuple[float, float]:
    """Inches from the left lower corner."""
    least, most = ax.get_xlim()
    floor, top = ax.get_ylim()
    wide, high = ink.inches(ax)
    return log10(latency / least) / log10(most / least) * wide, log10(share / floor) / log10(top / floor) * high


def _draw_letters(ax: Axes, panels: list[Panel]) -> None:
    """A letter at the end of each curve: below it, or at the edge where the rest never came back."""
    wide, high = ink.inches(ax)
    ends = {n: _spot(ax, *points[-1]) for n, each in enumerate(panels) if (points := _points(ax, each))}
    failed = sorted((n for n in ends if panels[n].failed), key=lambda n: ends[n][1])
    others = sorted((n for n in ends if not panels[n].failed), key=lambda n: ends[n][0])
    heights = ink.spread([ends[n][1] for n in failed], [0.2] * len(failed), high, 0.03)
    places = ink.spread([ends[n][0] for n in others], [0.2] * len(others), wide - 0.15 * bool(failed), 0.03)
    spots = [(n, wide, y) for n, y in zip(failed, heights, strict=True)]
    spots += [(n, x, ends[n][1] - BADGES / 2 - 0.02) for n, x in zip(others, places, strict=True)]
    for n, x, y in spots:
        line: dict[str, Any] = {
            "color": SHADES[n],
            "linewidth": 0.9,
            "transform": ax.transAxes,
            "clip_on": False,
            "zorder": 3,
        }
        ax.plot((ends[n][0] / wide, x / wide), (ends[n][1] / high, y / high), **line)
        ink.write(ax, x / wide, y / high, LETTERS[n], ha="center", bbox=BADGE, zorder=7, transform=ax.transAxes)


def _write_means(ax: Axes, panels: list[Panel]) -> None:
    """The letters above the triangles, side by side."""
    wide, high = ink.inches(ax)
    means = sorted((_inside(ax, each.marks["mean"]), n) for n, each in enumerate(panels) if each.marks["mean"])
    spots = [_spot(ax, mean, 1)[0] for mean, _ in means]
    for (_, n), x in zip(means, ink.spread(spots, [0.11] * len(means), wide, 0.01), strict=True):
        style: dict[str, Any] = {"ha": "center", "fontsize": SMALL, "transform": ax.transAxes}
        ink.write(ax, x / wide, 0.19 / high, LETTERS[n], **style)


def _write_table(ax: Axes, panels: dict[str, Panel]) -> None:
    """Titles with their numbers, at the right."""
    wide, high = ink.inches(ax)
    x, y = 1 + 0.2 / wide, 1 - 0.08 / high
    beside: dict[str, Any] = {"transform": ax.transAxes, "clip_on": False}
    for n, (title, each) in enumerate(panels.items()):
        if title:
            ink.write(ax, x + 0.06 / wide, y, LETTERS[n], ha="center", bbox=BADGE, **beside)
            style: dict[str, Any] = {"color": SHADES[n], "linewidth": 1.8, "linestyle": DASHES[n]} | beside
            ax.plot((x + 0.22 / wide, x + 0.6 / wide), (y, y), **style)
            ink.write(ax, x + 0.68 / wide, y, title.replace("\n", " "), fontweight="bold", **beside)
        for line, text in enumerate(_numbers(each), start=bool(title)):
            ink.write(ax, x, y - line * LINE / high, text, **beside)
        y -= STEP / high


def _numbers(each: Panel) -> list[str]:
    """The percentiles, then the mean and what failed."""
    marks = "  ".join(f"{name} {said(each.marks[name], each.unit)}" for name in SHARES)
    failed = f"   ✕ {each.failed} of {each.requests} failed" if each.failed else ""
    return [marks, f"▲ mean {said(each.marks['mean'], each.unit)}{failed}"]


def _number(guess: Any) -> float | None:
    """What a learner wrote as a guess; anything else is no guess."""
    try:
        return float(guess) if 0 < float(guess) < float("inf") else None
    except (TypeError, ValueError):
        return None
