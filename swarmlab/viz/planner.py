"""Layouts of managers over zones, and how many hours a year each has no quorum: the closed form beside years counted.

Outline is what the sum says, filling what was counted. Circles are the quorum of the managers, squares the service.
"""

from collections.abc import Sequence
from math import floor, log10
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.patches import Circle

from . import ink

__all__ = ["Planned", "draw_planner", "in_words", "tell_planner"]

YEAR = 8766.0  # hours
LEAST, MOST = 1 / 3600, YEAR  # hours: the ends of the axis, a second and a year
TICKS = {1 / 3600: "1 s", 10 / 3600: "10 s", 1 / 60: "1 min", 1 / 6: "10 min", 1: "1 h", 10: "10 h", 100: "100 h"}
TICKS |= {1000: "1000 h"}
ZONE, DISC, STEP = 0.2, 0.065, 0.15  # inches: a zone's width, a manager's radius, from one manager to the next
NAME, AXIS, WORDS = 1.45, 2.75, 7.35  # inches: where the names, the axis and the words beside it begin
HEAD, FOOT, LANE = 0.78, 0.62, 0.2
SMALL = 9  # points
NEARLY = 0.9999999  # of the time; three seconds a year are left
YOURS = "#e3eff7"
LANES = {"control": ("o", "no quorum", ink.CONTROL), "service": ("s", "service down", ink.SOLID)}


class Planned(NamedTuple):
    """A layout and its shares of the time, `control` and `service`: by the closed form, and counted if they were."""

    layout: tuple[int, ...]  # managers per zone
    service: tuple[int, ...]  # machines per zone on which the service can run
    form: Any
    counted: Any = None  # `shares`, `within`, `years`
    yours: bool = False


def draw_planner(rows: Sequence[Planned], goal: float | None = None, ax: Axes | None = None) -> Axes:
    """A row per layout: its managers as columns by zone, and its hours a year without a quorum and without the service, on
    a logarithmic axis. `goal` is a share of the time, drawn as a line."""
    heights = [max(0.62, STEP * max(row.layout) + 0.24) for row in rows]
    ax = ink.canvas(ax, ink.WIDTH, HEAD + sum(heights) + FOOT)
    bottom = HEAD + sum(heights)
    _draw_head(ax, rows)
    _draw_axis(ax, bottom)
    if goal is not None:
        _draw_goal(ax, goal, bottom)
    y = HEAD
    for row, high in zip(rows, heights, strict=True):
        _draw_row(ax, row, y, high)
        y += high
    return ax


def hours(share: float) -> float:
    """Hours of a year that are not in this share of the time."""
    return max(0.0, (1 - share) * YEAR)


def lost(share: float) -> str:
    """The same in words: `8 h 8 min`, `115 days`."""
    left = hours(share)
    return ink.span(left * 3600) if left < 99 else f"{left / 24:.0f} days"


def in_words(share: float) -> str:
    """A share of the time with two digits of what it lacks; of more than seven nines only that.

    >>> in_words(0.9936), in_words(0.99988), in_words(0.9999999999)
    ('99.36 %', '99.988 %', '> 99.99999 %')
    """
    if share >= 1:
        return "100 %"
    if share > NEARLY:
        return f"> {NEARLY * 100:.5f} %"
    return f"{share * 100:.{max(1, floor(-log10(1 - share)))}f} %"


def _x(at: float) -> float:
    """Where so many hours a year lie."""
    inside = min(max(at, LEAST), MOST)
    return AXIS + log10(inside / LEAST) / log10(MOST / LEAST) * (WORDS - AXIS - 0.3)


def _draw_head(ax: Axes, rows: Sequence[Planned]) -> None:
    """What each sign means, and the names of the columns."""
    years = next((row.counted.years for row in rows if row.counted), None)
    x = AXIS
    for marker, words, colour in LANES.values():
        _draw_mark(ax, x + 0.08, 0.18, marker, colour, 1.0)
        ink.write(ax, x + 0.25, 0.18, words, fontsize=SMALL)
        x += 0.45 + ink.room(words, SMALL)
    told = ["outline: closed form"] + [f"filled, whiskers 99 %: counted over {years or 0:g} years"] * bool(years)
    ink.write(ax, x + 0.05, 0.18, "  ·  ".join(told), fontsize=SMALL)
    for place, words in ((0.12, "managers by zone"), (WORDS, "quorum"), (WORDS + 1.35, "service")):
        ink.write(ax, place, HEAD - 0.2, words, fontweight="bold", fontsize=SMALL)


def _draw_axis(ax: Axes, bottom: float) -> None:
    for at, words in TICKS.items():
        ax.plot((_x(at),) * 2, (HEAD, bottom), color=ink.FAINT, linewidth=0.8, zorder=0.6)
        ink.write(ax, _x(at), bottom + 0.14, words, ha="center", fontsize=SMALL)
    ax.plot((_x(LEAST), _x(MOST)), (bottom, bottom), color=ink.INK, linewidth=1)
    middle = (_x(LEAST) + _x(MOST)) / 2
    ink.write(ax, middle, bottom + 0.4, "time a year without, on a logarithmic axis", ha="center", fontsize=SMALL)


def _draw_goal(ax: Axes, goal: float, bottom: float) -> None:
    """All that is left of the line is good enough."""
    x, words = _x(hours(goal)), f"goal {goal * 100:g} %: {lost(goal)}"
    ax.plot((x, x), (HEAD - 0.08, bottom), color=ink.INK, linewidth=1.3, linestyle=(0, (4, 2)), zorder=2)
    half = ink.room(words, SMALL) / 2
    middle = min(max(x, AXIS - 0.2 + half), WORDS - 0.1 - half)
    ink.write(ax, middle, HEAD - 0.2, words, ha="center", fontsize=SMALL)


def _draw_row(ax: Axes, row: Planned, y: float, high: float) -> None:
    if row.yours:
        ink.box(ax, 0.04, y + 0.03, ink.WIDTH - 0.08, high - 0.06, facecolor=YOURS, linewidth=0, zorder=0.5)
    ax.plot((0.04, ink.WIDTH - 0.04), (y + high,) * 2, color=ink.FAINT, linewidth=0.8, zorder=0.4)
    _draw_columns(ax, row.layout, y + high - 0.09, high - 0.18)
    zones, managers = len(row.layout), sum(row.layout)
    lines = [f"{managers} in {zones} zone{'s' * (zones != 1)}", " + ".join(map(str, row.layout))]
    lines = [*(["yours:"] if row.yours else []), *(lines if zones > 1 else lines[:1])]
    for n, line in enumerate(lines):
        at = y + high / 2 + (n - (len(lines) - 1) / 2) * 0.18
        ink.write(ax, NAME, at, line, fontsize=SMALL, fontweight="bold" if row.yours else "normal")
    for n, (name, (marker, _, colour)) in enumerate(LANES.items()):
        at = y + high / 2 + (n - 0.5) * LANE
        _draw_lane(ax, row, name, marker, colour, at)
        share = getattr(row.form, name)
        place = WORDS + 1.35 * n
        ink.write(ax, place, y + high / 2 - 0.09, in_words(share), fontsize=SMALL, fontweight="bold")
        ink.write(ax, place, y + high / 2 + 0.09, f"{lost(share)} a year", fontsize=SMALL)


def _draw_columns(ax: Axes, layout: Sequence[int], floor: float, high: float) -> None:
    """A bracket for each zone, its managers from the floor up."""
    for zone, managers in enumerate(layout):
        x = 0.14 + zone * (ZONE + 0.04)
        ink.box(ax, x, floor - high, ZONE, high, facecolor="#f7f7f7", edgecolor=ink.LINE, linewidth=0.8, zorder=1)
        for n in range(managers):
            place = (x + ZONE / 2, floor - 0.06 - STEP * n - DISC / 2)
            ax.add_patch(Circle(place, DISC, facecolor=ink.CONTROL, edgecolor=ink.INK, linewidth=0.7, zorder=2))


def _draw_lane(ax: Axes, row: Planned, name: str, marker: str, colour: str, y: float) -> None:
    """The outline where the closed form is; the filling where the counted years are, with what they leave open."""
    if row.counted is not None:
        share, within = getattr(row.counted.shares, name), getattr(row.counted.within, name)
        ends = _x(hours(share) - within * YEAR), _x(hours(share) + within * YEAR)
        ax.plot(ends, (y, y), "|-", color=colour, linewidth=1.4, markersize=7, markeredgewidth=1.4, zorder=3)
        style: dict[str, Any] = {"markersize": 5, "markerfacecolor": colour, "markeredgewidth": 0}
        ax.plot([_x(hours(share))], [y], marker, zorder=5, **style)
    _draw_mark(ax, _x(hours(getattr(row.form, name))), y, marker, colour)


def _draw_mark(ax: Axes, x: float, y: float, marker: str, colour: str, zorder: float = 4) -> None:
    """The outline of a sign."""
    hollow: dict[str, Any] = {"markerfacecolor": "none", "markeredgecolor": colour, "markeredgewidth": 1.6}
    ax.plot([x], [y], marker, markersize=10, zorder=zorder, **hollow)


def tell_planner(rows: Sequence[Planned], goal: float | None = None) -> str:
    """The same in words, for `show`."""
    said = []
    for row in rows:
        found = [f"{lost(row.form.control)} a year without a quorum"]
        if row.counted is not None:
            found.append(f"counted {lost(row.counted.shares.control)}")
        found.append(f"the service down for {lost(row.form.service)}")
        whose = " (yours)" if row.yours else ""
        said.append(f"{' + '.join(map(str, row.layout))}{whose}: {', '.join(found)}")
    reached = [" + ".join(map(str, row.layout)) for row in rows if goal is not None and row.form.control >= goal]
    goals = f" Good enough for {goal * 100:g} %: {', '.join(reached) or 'none'}." if goal is not None else ""
    return f"Managers by zone. {'; '.join(said)}.{goals}"
