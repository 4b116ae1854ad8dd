"""When requests come: how many in each second, how often so many, and how long the gaps are, against chance alone."""

from collections.abc import Mapping, Sequence
from math import exp, lgamma, log
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from . import ink
from .tailcurve import ticks_inside
from .trafficfold import SECOND

__all__ = ["draw_arrivals", "tell_arrivals"]

MOST = 6
ROW, BETWEEN, HEAD, FOOT = 1.15, 0.42, 0.34, 0.55  # inches
NAMES, LINES, COUNTS, GAPS = (0.08, 1.45), (1.95, 3.4), (5.75, 1.6), (8.25, 1.45)  # inches: left edge, width
SMALL = 9  # points


def draw_arrivals(
    instants: Mapping[str, Any] | None = None, per_second: Mapping[str, Sequence[int]] | None = None
) -> Figure:
    """A row per title: requests in each second, how often there were so many, and the gaps between them.

    `instants` are times of arrival (whole µs, or seconds); `per_second` are counts, where only these are known: then
    there are no gaps. Dashed is what independent arrivals of the same mean rate would do.
    """
    found = _rows(instants, per_second)
    total = HEAD + len(found) * ROW + (len(found) - 1) * BETWEEN + FOOT
    fig = ink.sheet(height=total)
    lasting = max((n for n, (_, gaps) in enumerate(found.values()) if gaps is not None), default=-1)  # row with gaps
    for n, (title, (counts, gaps)) in enumerate(found.items()):
        top = HEAD + n * (ROW + BETWEEN)
        spots = [
            (x / ink.WIDTH, 1 - (top + ROW) / total, wide / ink.WIDTH, ROW / total)
            for x, wide in (NAMES, LINES, COUNTS, GAPS)
        ]
        last = n == len(found) - 1
        _write_name(fig.add_axes(spots[0]), title, counts)
        _draw_line(fig.add_axes(spots[1]), counts, last)
        _draw_counts(fig.add_axes(spots[2]), counts, last)
        if gaps is not None:
            _draw_gaps(fig.add_axes(spots[3]), gaps, n == lasting)
    heads = {
        LINES[0]: "requests in each second",
        COUNTS[0]: "seconds with so many",
        GAPS[0]: "gaps longer than" * (lasting >= 0),
    }
    for x, text in heads.items():
        fig.text(x / ink.WIDTH, 1 - 0.14 / total, text, fontsize=ink.TEXT, fontweight="bold", va="center")
    return fig


def tell_arrivals(
    instants: Mapping[str, Any] | None = None, per_second: Mapping[str, Sequence[int]] | None = None
) -> str:
    """The same in words, for `show`."""
    said = []
    for title, (counts, _) in _rows(instants, per_second).items():
        said.append(
            f"{' '.join(title.split())}: {counts.mean():.1f} requests a second in the mean, {int(counts.max())} in the busiest of "
            f"{len(counts)} seconds, variance {_burst(counts):.1f} times that of independent arrivals"
        )
    return f"{'; '.join(said)}."


def _rows(instants: Mapping[str, Any] | None, per_second: Mapping[str, Sequence[int]] | None) -> dict[str, tuple]:
    """title → (requests in each second, gaps in seconds or None)."""
    found: dict[str, tuple] = {}
    for title, times in (instants or {}).items():
        given = np.asarray(times)
        seconds = np.sort(given / SECOND if given.dtype.kind in "iu" else given.astype(float))
        gaps = np.diff(seconds)
        counts = np.bincount(seconds.astype(int)) if len(seconds) else seconds
        found[title] = (counts, gaps if gaps.any() else None)
    for title, counts in (per_second or {}).items():
        found[title] = (np.asarray(counts), None)
    if not 0 < len(found) <= MOST:
        raise ValueError(f"{len(found)} rows: one to {MOST} can be compared")
    if not all(len(counts) for counts, _ in found.values()):
        raise ValueError("there is nothing to draw: no requests")
    return found


def _burst(counts: Any) -> float:
    """Variance over mean: 1 for independent arrivals."""
    return float(counts.var() / counts.mean()) if counts.mean() else 0.0


def _write_name(ax: Axes, title: str, counts: Any) -> None:
    ax.set(xlim=(0, NAMES[1]), ylim=(ROW, 0))
    ax.set_axis_off()
    lines = title.split("\n")
    for n, text in enumerate(lines):
        ink.write(ax, 0, 0.1 + n * 0.19, text, fontweight="bold")
    texts = (f"{counts.mean():.1f} a second", f"busiest {int(counts.max())}", f"variance {_burst(counts):.1f}×")
    for n, text in enumerate(texts):
        ink.write(ax, 0, 0.1 + (len(lines) + n) * 0.19, text, fontsize=SMALL)


def _draw_line(ax: Axes, counts: Any, last: bool) -> None:
    """At most as many columns as can be seen; each is the mean of its seconds, and lightly the most and the least."""
    pieces = np.array_split(counts, min(len(counts), 240))
    at = np.cumsum([len(piece) for piece in pieces])
    low, high = [piece.min() for piece in pieces], [piece.max() for piece in pieces]
    ax.fill_between(at, low, high, facecolor=ink.LINE, linewidth=0, step="pre")
    ax.plot(at, [piece.mean() for piece in pieces], color=ink.INK, linewidth=1.2)
    ax.axhline(counts.mean(), color=ink.INK, linewidth=1.2, linestyle=(0, (4, 2)))
    ax.set(xlim=(0, len(counts)), ylim=(0, max(1, counts.max()) * 1.05))
    ticks_inside(ax, "y", 3)
    _tidy(ax, "seconds" if last else "")


def _draw_counts(ax: Axes, counts: Any, last: bool) -> None:
    """How many of the seconds had so many requests; dashed: independent arrivals (Poisson)."""
    mean, most = float(counts.mean()), int(counts.max())
    step = max(1, -(-most // 40))
    edges = np.arange(0, most + 2 * step, step)
    shares = np.histogram(counts, edges)[0] / len(counts)
    ax.bar(edges[:-1], shares, width=step, align="edge", facecolor=ink.SOLID, edgecolor=ink.PAPER, linewidth=0.3)
    chance = [sum(_poisson(mean, k) for k in range(int(edge), int(edge) + step)) for edge in edges[:-1]]
    ax.step([*edges[:-1], edges[-1]], [*chance, 0], where="post", color=ink.INK, linewidth=1.2, linestyle=(0, (4, 2)))
    ax.set(xlim=(0, edges[-1]), ylim=(0, max(*shares, *chance) * 1.1))
    ax.set_yticks([])
    _tidy(ax, "requests in a second" if last else "")


def _poisson(mean: float, k: int) -> float:
    return exp(k * log(mean) - mean - lgamma(k + 1)) if mean > 0 else float(k == 0)


def _draw_gaps(ax: Axes, gaps: Any, last: bool) -> None:
    """The share of the gaps that are longer; dashed: independent arrivals of the same rate (a straight line)."""
    ranked, mean = np.sort(gaps), float(gaps.mean())
    picked = np.unique(np.linspace(0, len(ranked) - 1, 400).astype(int))
    shares = 1 - picked / len(ranked)
    far = max(6 * mean, float(ranked[int(0.999 * (len(ranked) - 1))]))
    ax.plot(ranked[picked], shares, color=ink.INK, linewidth=1.6)
    line = np.linspace(0, min(far, 9 * mean), 40)
    ax.plot(line, np.exp(-line / mean), color=ink.INK, linewidth=1.2, linestyle=(0, (4, 2)))
    ax.set(yscale="log", ylim=(0.0008, 1.3), xlim=(0, far))
    ax.set_yticks([1, 0.1, 0.01, 0.001], ["all", "1 in 10", "1 in 100", "1 in 1000"], fontsize=SMALL, minor=False)
    ax.yaxis.minorticks_off()
    _tidy(ax, "gap, s" if last else "")


def _tidy(ax: Axes, label: str) -> None:
    ticks_inside(ax, "x", 4)
    ax.tick_params(labelsize=SMALL)
    for side in ("right", "top"):
        ax.spines[side].set_visible(False)
    if label:
        ax.set_xlabel(label, fontsize=SMALL)
