"""Who wanted something, and who got it: a row for each kind of wish on one time axis, what happened meanwhile above."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes

from . import ink

SECOND = 1_000_000  # µs
ROW, MARK, LINE = 0.55, 0.26, 0.19  # inches: a row, a mark in it, a line of text
LEFT, RIGHT, BOTTOM = 1.25, 0.3, 0.62
GOT: dict[str, Any] = {"color": ink.SOLID, "linewidth": 2.4}
MISSED: dict[str, Any] = {"color": ink.WRONG, "linewidth": 2.4}


def draw_tries(
    tries: Mapping[str, Sequence[Sequence]], happened: Mapping[str, float] | None = None, ax: Axes | None = None
) -> Axes:
    """A row per title, of (begun µs, ended µs, ok): an upright mark for what was got, a vermillion cross for what was
    not, with a line for as long as somebody waited. `happened` are words and the second to which they belong."""
    events = sorted((happened or {}).items(), key=lambda event: event[1])
    first, last = _span(tries)
    width = ink.WIDTH - LEFT - RIGHT if ax is None else ink.inches(ax)[0]
    widths = [ink.room(words) for words, _ in events]
    centres = [(second - first) / (last - first) * width for _, second in events]
    places = [max(0.0, min(centre, width - wide)) for centre, wide in zip(centres, widths, strict=True)]
    levels = ink.levels(places, widths, 0.15)
    head = LINE * (max(levels, default=-1) + 1) + 0.1
    high = ROW * len(tries)
    ax = ink.axes(ax, head + high + BOTTOM, LEFT, RIGHT, 0.02, BOTTOM)
    ax.set(xlim=(first, last), ylim=(high, -head))
    per_inch = (last - first) / width
    for (words, second), place, level in zip(events, places, levels, strict=True):
        height = -0.12 - LINE * level
        ax.plot((second, second), (high, height), color=ink.QUIET, linewidth=1, linestyle="--", zorder=1)
        ink.write(ax, first + place * per_inch + 0.04 * per_inch, height, words, path_effects=ink.HALO, zorder=5)
    for number, rows in enumerate(tries.values()):
        _draw_row(ax, rows, ROW * (number + 0.5))
    _draw_axes(ax, tries)
    return ax


def tell_tries(tries: Mapping[str, Sequence[Sequence]]) -> str:
    """The same in words: what `show` needs beside `draw_tries`."""
    return " ".join(_tell(title, rows) for title, rows in tries.items())


def _tell(title: str, rows: Sequence[Sequence]) -> str:
    """`visits: 134 of 135 got what they wanted; the others begun between 60.6 s and 60.6 s.`"""
    missed = [begun / SECOND for begun, _, ok in rows if not ok]
    text = f"{title.capitalize()}: {len(rows) - len(missed)} of {len(rows)} went well"
    if not missed:
        return f"{text}."
    when = f"at {missed[0]:.0f} s" if len(missed) == 1 else f"between {missed[0]:.0f} s and {missed[-1]:.0f} s"
    return f"{text}, {len(missed)} failed, {when}."


def _span(tries: Mapping[str, Sequence[Sequence]]) -> tuple[float, float]:
    times = [time / SECOND for rows in tries.values() for begun, ended, _ in rows for time in (begun, ended)]
    if not times:
        raise ValueError("there is nothing to draw: nobody tried anything")
    first, last = min(times), max(times)
    margin = max(last - first, 1) / 100
    return first - margin, last + margin


def _draw_row(ax: Axes, rows: Sequence[Sequence], middle: float) -> None:
    for begun, ended, ok in rows:
        since, until = begun / SECOND, ended / SECOND
        style = GOT if ok else MISSED
        if until - since > 0.05:
            ax.plot((since, until), (middle, middle), solid_capstyle="butt", zorder=2, **style | {"linewidth": 1.4})
        if ok:
            ax.plot((until, until), (middle - MARK / 2, middle + MARK / 2), zorder=3, **style)
        else:
            ax.plot([until], [middle], marker="x", markersize=7, markeredgewidth=2, color=ink.WRONG, zorder=4)


def _draw_axes(ax: Axes, tries: Mapping[str, Sequence[Sequence]]) -> None:
    ax.set_yticks([ROW * (number + 0.5) for number in range(len(tries))], list(tries), fontsize=ink.TEXT)
    ax.tick_params(axis="y", length=0)
    ax.tick_params(axis="x", labelsize=ink.TEXT)
    ax.set_xlabel("seconds of the run   ▏ got it   ✕ did not", fontsize=ink.TEXT, color=ink.INK)
    for side in ("left", "right", "top"):
        ax.spines[side].set_visible(False)
