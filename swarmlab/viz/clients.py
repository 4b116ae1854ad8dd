"""What clients met, second by second: answered upwards, failed downwards and vermillion; faults as grey bands."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from . import ink
from .tailcurve import ticks_inside
from .trafficfold import Traffic, said, took, traffic

__all__ = ["draw_clients", "tell_clients"]

MOST = 6  # rows
ROW, BETWEEN, HEAD, FOOT, LEFT, RIGHT = 0.95, 0.22, 0.42, 0.55, 2.0, 1.75  # inches
LINE = 0.19
SMALL = 9  # points
Band = Sequence  # (from, to, words) in seconds; `to` None: until the end


def draw_clients(
    runs: Any,
    bands: Sequence[Band] = (),
    step: float | None = None,
    start: float | None = None,
    end: float | None = None,
    **options: Any,
) -> Figure:
    """A row per title: requests by the instant at which they were asked, in columns of `step` seconds.

    `bands` are (from, to, words) of what went wrong, in seconds. Options are those of `traffic`.
    """
    found = runs_of(runs, options)
    since = min(float(run.arrived[0]) for run in found.values()) if start is None else start
    until = max(float(run.arrived[-1]) for run in found.values()) if end is None else end
    edges = edges_of(since, until, step, 90)
    width = float(edges[1] - edges[0])
    columns = {title: _columns(run, edges) for title, run in found.items()}
    most = max(
        1,
        *(int(good.max(initial=0)) for good, _ in columns.values()),
        *(int(bad.max(initial=0)) for _, bad in columns.values()),
    )
    total = HEAD + len(found) * ROW + (len(found) - 1) * BETWEEN + FOOT
    fig = ink.sheet(height=total)
    wide = ink.WIDTH - LEFT - RIGHT
    for n, (title, run) in enumerate(found.items()):
        top = HEAD + n * (ROW + BETWEEN)
        ax = fig.add_axes((LEFT / ink.WIDTH, 1 - (top + ROW) / total, wide / ink.WIDTH, ROW / total))
        ax.set(xlim=(edges[0], edges[-1]), ylim=(-most * 1.05, most * 1.05))
        draw_bands(ax, bands, n == 0)
        _draw_columns(ax, columns[title], edges, width, most)
        _write_row(ax, title, run, n == len(found) - 1, width)
    return fig


def tell_clients(runs: Any, bands: Sequence[Band] = (), **options: Any) -> str:
    """The same in words, for `show`."""
    told = []
    for title, run in runs_of(runs, options).items():
        bad = run.arrived[~run.ok]
        text = f"{len(run.arrived)} requests, {len(bad)} failed"
        if len(bad):
            text += f", the first asked at {bad[0]:.1f} s and the last at {bad[-1]:.1f} s"
        told.append(f"{title}{': ' * bool(title)}{text}".replace("\n", " "))
    faults = "; ".join(f"{words} {_when(since, until)}" for since, until, words in bands)
    return f"{'. '.join(told)}.{f' Grey: {faults}.' if faults else ''}"


def _when(since: float, until: float | None) -> str:
    return f"from {since:g} s on" if until is None else f"from {since:g} s to {until:g} s"


def runs_of(runs: Any, options: Mapping[str, Any]) -> dict[str, Traffic]:
    is_many = isinstance(runs, Mapping) and not {"arrived", "task"} <= set(runs)
    found = {str(title): traffic(run, **options) for title, run in (runs if is_many else {"": runs}).items()}
    if not 0 < len(found) <= MOST:
        raise ValueError(f"{len(found)} rows: one to {MOST} can be compared")
    if not all(len(run.arrived) for run in found.values()):
        raise ValueError("there is nothing to draw: no requests")
    return found


def edges_of(since: float, until: float, step: float | None, columns: int) -> Any:
    """Columns of this length, or about so many of a round length; a round instant begins one."""
    width = step or rounded((until - since) / columns or 1.0)
    first = np.floor(since / width + 1e-9) * width
    return first + width * np.arange(max(2, int(np.ceil((until - first) / width + 1e-9)) + 1))


def rounded(seconds: float) -> float:
    """A round length near this one."""
    power = 10.0 ** np.floor(np.log10(max(seconds, 1e-6)))
    return float(next(step for step in (power, 2 * power, 5 * power, 10 * power) if step >= seconds * 0.75))


def _columns(run: Traffic, edges: Any) -> tuple[Any, Any]:
    """How many were answered and how many failed, by when they were asked."""
    return np.histogram(run.arrived[run.ok], edges)[0], np.histogram(run.arrived[~run.ok], edges)[0]


def draw_bands(ax: Axes, bands: Sequence[Band], first: bool) -> None:
    low, high = ax.get_xlim()
    for since, until, words in bands:
        ax.axvspan(since, high if until is None else until, facecolor=ink.FAINT, linewidth=0, zorder=0)
        ax.axvline(since, color=ink.QUIET, linewidth=1, linestyle="--", zorder=1)
        if first:
            left = min(max((since - low) / (high - low), 0), 1 - ink.room(words) / ink.inches(ax)[0])
            ink.write(ax, left, 1 + 0.16 / ROW, words, transform=ax.transAxes)


def _draw_columns(ax: Axes, columns: tuple[Any, Any], edges: Any, width: float, most: int) -> None:
    good, bad = columns
    ax.bar(
        edges[:-1], good, width=width, align="edge", facecolor=ink.SOLID, edgecolor=ink.PAPER, linewidth=0.4, zorder=2
    )
    style: dict[str, Any] = {"facecolor": ink.WRONG, "edgecolor": ink.PAPER, "linewidth": 0.4}
    ax.bar(edges[:-1], -bad, width=width, align="edge", zorder=2, **style)
    ax.axhline(0, color=ink.INK, linewidth=1, zorder=3)


def _write_row(ax: Axes, title: str, run: Traffic, last: bool, width: float) -> None:
    wide, high = ink.inches(ax)
    beside: dict[str, Any] = {"transform": ax.transAxes, "clip_on": False}
    lines = title.split("\n") if title else []
    for n, text in enumerate(lines):
        y = 0.5 + (len(lines) / 2 - n - 0.5) * LINE / high
        ink.write(ax, -0.15 / wide, y, text, ha="right", fontweight="bold", **beside)
    x, failed = 1 + 0.12 / wide, int((~run.ok).sum())
    ink.write(ax, x, 0.85, f"{len(run.arrived) - failed} answered", **beside)
    ink.write(ax, x, 0.85 - LINE / high, f"p99 {said(took(run.latency, 0.01), run.unit)}", fontsize=SMALL, **beside)
    words = f"✕ {failed} failed" if failed else "none failed"
    ink.write(ax, x, 0.2, words, fontweight="bold" if failed else "normal", **beside)
    ax.set_yticks([])
    ticks_inside(ax, "x", 8)
    ax.tick_params(axis="x", labelsize=ink.TEXT, labelbottom=last)
    for side in ("left", "right", "top"):
        ax.spines[side].set_visible(False)
    if last:
        ax.set_xlabel(
            f"asked at, s, in columns of {ink.span(width)}   ·   up: answered, down: failed", fontsize=ink.TEXT
        )
