"""When each of several alarms rang, on a time axis under the outage bar, and what was merely written down meanwhile."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from matplotlib.axes import Axes

from . import ink
from .outagebar import STYLES, parts
from .timeline import Timeline

__all__ = ["draw_alerts", "ringing", "tell_alerts"]

SECOND = 1_000_000  # µs
RIGHT, BAR, LANE, HEAD = 1.45, 0.26, 0.3, 0.3  # inches: words at the right, the bar, an alarm, a headline
SMALL = 9  # points


def ringing(seconds: Sequence[int], step: int = 1) -> list[tuple[int, int]]:
    """The spans over which an alarm rings, from the seconds at which it did.

    >>> ringing([5, 6, 7, 20])
    [(5, 7), (20, 20)]
    """
    spans = groupby(enumerate(seconds), lambda each: each[1] - each[0] * step)
    return [(found[0], found[-1]) for _, each in spans if (found := [second for _, second in each])]


def draw_alerts(
    row: Mapping[str, Any] | None,
    rung: Mapping[str, Sequence[int]],
    signs: Mapping[str, Sequence[float]] | None = None,
    end: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """A tick where each alarm began to ring. `row` is the outage (None for a quiet day: then all ringing is wrong), `rung`
    names the seconds of the run at which each rang, `signs` what the swarm wrote down, `end` when visitors come."""
    signs = signs or {}
    left = 0.25 + max(ink.room(name, SMALL) for name in (*rung, *signs, "the outage"))
    high = HEAD + BAR + 0.2 + (HEAD + 0.22 * len(signs)) * bool(signs) + HEAD + LANE * len(rung) + 0.75
    ax = ink.canvas(ax, ink.WIDTH, high)
    last = end if end is not None else max([1.0, *(second for each in rung.values() for second in each)])
    line = Timeline(ax, left, ink.WIDTH - left - RIGHT, 0, last)
    fault = None if row is None else row["fault"] / SECOND
    y = _draw_bar(line, row, HEAD)
    y = _draw_signs(line, signs, y) if signs else y
    ink.write(ax, 0.12, y + 0.12, "which alarm would ring", fontsize=SMALL, fontweight="bold")
    y += HEAD - 0.02
    for name, seconds in rung.items():
        _draw_lane(line, name, ringing(seconds), fault, y)
        y += LANE
    if fault is not None:
        ax.plot((line.x(fault),) * 2, (HEAD - 0.08, y), color=ink.WRONG, linewidth=1.4, linestyle=(0, (3, 2)), zorder=5)
        ink.write(ax, line.x(fault), HEAD - 0.18, "fault", ha="center", fontsize=SMALL)
    if end is not None:
        ax.plot((line.right,) * 2, (HEAD - 0.08, y), color=ink.INK, linewidth=1.4)
        ink.write(ax, line.right, HEAD - 0.18, "visitors come", ha="center", fontsize=SMALL)
    line.draw_ticks(y + 0.04)
    ink.write(
        ax,
        line.left,
        y + 0.5,
        "seconds of the run   ·   thick: it begins to ring   ·   pale: it goes on",
        fontsize=SMALL,
    )
    return ax


def _draw_bar(line: Timeline, row: Mapping[str, Any] | None, y: float) -> float:
    """The outage on the same axis, with what is waited for where there is room."""
    line.name(y + BAR / 2, "the outage")
    if row is None:
        ink.write(line.ax, line.left + 0.07, y + BAR / 2, "none: a quiet day", fontsize=SMALL)
        return y + BAR + 0.2
    for part in parts(dict(row)):
        since = row["fault"] / SECOND + part["from"]
        until = line.end if part["to"] is None else row["fault"] / SECOND + part["to"]
        look: dict[str, Any] = STYLES[part["until"]] | {"linewidth": 0.8}
        ink.box(line.ax, *line.box(since, until, y, BAR), **look)
        dark = part["until"] != "noticed"
        style: dict[str, Any] = {"color": ink.PAPER} if dark else {"path_effects": ink.HALO}
        line.write(since, until, y + BAR / 2, (part["waiting"],), **style)
    return y + BAR + 0.2


def _draw_signs(line: Timeline, signs: Mapping[str, Sequence[float]], y: float) -> float:
    """What is written down, whether anybody looks or not."""
    ink.write(line.ax, 0.12, y + 0.1, "what is written down", fontsize=SMALL, fontweight="bold")
    y += HEAD - 0.04
    for name, seconds in signs.items():
        line.name(y + 0.1, name)
        line.line(y + 0.19)
        places = [line.x(second) for second in seconds]
        line.ax.plot(places, [y + 0.1] * len(places), "|", color=ink.QUIET, markersize=9, markeredgewidth=1.3)
        y += 0.22
    return y + 0.04


def _draw_lane(line: Timeline, name: str, spans: Sequence[tuple[int, int]], fault: float | None, y: float) -> None:
    line.name(y + 0.13, name)
    line.line(y + LANE - 0.04)
    for since, until in spans:
        early = fault is None or since < fault
        colour = ink.WRONG if early else ink.INK
        pale: dict[str, Any] = {"facecolor": "#f6d9c4" if early else "#d4d4d4", "linewidth": 0}
        ink.box(line.ax, *line.box(since, until, y + 0.05, 0.16), **pale)
        line.ax.plot((line.x(since),) * 2, (y + 0.01, y + 0.25), color=colour, linewidth=3.2, zorder=6)
    ink.write(line.ax, line.right + 0.12, y + 0.13, _first(spans, fault), fontsize=SMALL, fontweight="bold")


def _first(spans: Sequence[tuple[int, int]], fault: float | None) -> str:
    """How soon it rang after the fault."""
    if not spans:
        return "silent"
    if fault is None or spans[0][0] < fault:
        return f"for nothing, {spans[0][0]} s"
    return f"after {spans[0][0] - fault:.0f} s"


def tell_alerts(
    row: Mapping[str, Any] | None,
    rung: Mapping[str, Sequence[int]],
    signs: Mapping[str, Sequence[float]] | None = None,
    end: float | None = None,
) -> str:
    """The same in words, for `show`."""
    fault = None if row is None else row["fault"] / SECOND
    what = "A quiet day" if row is None else f"{row['title'][:1].upper()}{row['title'][1:]} at {fault:.0f} s"
    visits = f", visitors come at {end:g} s" if end is not None else ""
    said = [f"{name}: {_first(ringing(seconds), fault)}" for name, seconds in rung.items()]
    written = [f"{name} {len(seconds)}" for name, seconds in (signs or {}).items()]
    signed = f" Written down: {', '.join(written)}." if written else ""
    return f"{what}{visits}.{signed} Alarms: {'; '.join(said)}."
