"""A history of operations, a row per client: what each asked for and was told, when, and an order that explains it."""

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from matplotlib.axes import Axes

from . import ink

BAR, TEXT, GAP = 0.22, 0.18, 0.12  # inches: a bar, a line of text, between lines
UNITS = ((2_000, 1, "µs"), (2_000_000, 1_000, "ms"), (float("inf"), 1_000_000, "s"))  # up to how many µs, one, its name
BESIDE = 0.04  # inches from the beginning of a bar to its words
PALE = "#fbe3d6"  # vermillion on paper, behind everything
LOOKS = ("get",)  # white; what may write is grey
LONG = 16  # characters of a value


class Bar(NamedTuple):
    """An operation and its place in the picture; times in µs."""

    client: str
    says: str
    begin: int
    end: int | None  # None: no answer
    looks: bool  # and writes nothing
    at: int | None  # when it may have taken effect
    turn: int  # its number in the order, 0 without a place
    stuck: bool  # has no place in any order
    line: int = 0  # of its client


class Line(NamedTuple):
    """Bars side by side, and the height of their words above them."""

    bars: list[Bar]
    levels: list[int]
    top: float  # inches from the top of the picture to the bars


def draw_history(history: Iterable[Sequence], verdict: Sequence | None = None, ax: Axes | None = None) -> Axes:
    """What clients did, as bars from call to answer; a bar that ends nowhere was never answered.

    A row of `history` is (client, kind, key, value, output, invoked µs, returned µs or None), as in
    `check.linearizability`; `verdict` is what `judge` said: it adds the instants at which each operation may have taken
    effect, numbered, and rims what has no place in any order.
    """
    found = bars(history, verdict)
    since, until = _limits(found)
    unit, word = next((size, name) for most, size, name in UNITS if until - since <= most)
    left = 0.3 + max((ink.room(bar.client) for bar in found), default=0.5)
    wide = ink.WIDTH - left - 0.25 if ax is None else ink.inches(ax)[0]
    lines = _lines(found, since, wide / (until - since), wide)
    shaded = verdict is not None and verdict[4] is not None
    bottom, top = (lines[-1].top + BAR + TEXT + GAP / 2 if lines else 1.0), 0.1 + 0.2 * shaded
    ax = ink.axes(ax, bottom + top + 0.9, left, 0.25, top, 0.9)
    ax.set(xlim=(since / unit, until / unit), ylim=(bottom, 0))
    if verdict is not None and shaded:
        _draw_window(ax, verdict[4], unit)
    for line in lines:
        _draw_line(ax, line, unit)
    _draw_axes(ax, lines, _reading(found, word))
    return ax


def tell_history(history: Iterable[Sequence], verdict: Sequence | None = None) -> str:
    """The picture in words: what `show` needs beside `draw_history`."""
    found = bars(history, verdict)
    clients = len({bar.client for bar in found})
    said = f"{len(found)} operation{'s' * (len(found) != 1)} of {clients} client{'s' * (clients != 1)}"
    lost = sum(bar.end is None for bar in found)
    said += f", {lost} without an answer." if lost else "."
    for bar in found:
        if bar.stuck and bar.end is not None:
            when = f"between {ink.span(bar.begin / 1e6)} and {ink.span(bar.end / 1e6)}"
            said += f" No order has a place for {bar.client}'s {bar.says} {when}."
    if verdict is not None and verdict[0]:
        order = sorted((bar for bar in found if bar.turn), key=lambda bar: bar.turn)
        said += f" An order that explains all answers: {', '.join(f'{bar.client} {bar.says}' for bar in order)}."
    return said


def bars(history: Iterable[Sequence], verdict: Sequence | None = None) -> list[Bar]:
    """One bar per operation, client by client, in time; what is never answered has a line of its own if its client goes on."""
    places = {tuple(row): (at, turn) for turn, (row, at) in enumerate(verdict[1] if verdict else (), 1)}
    stuck = tuple(verdict[3]) if verdict and verdict[3] else None
    found = []
    for row in map(tuple, history):
        client, kind, _, _, _, begin, end = row
        at, turn = places.get(row, (None, 0))
        found.append(Bar(str(client), says(row), begin, end, kind in LOOKS, at, turn, row == stuck))
    found.sort(key=lambda bar: bar.begin)
    found = [bar._replace(line=_line_of(bar, found)) for bar in found]
    return sorted(found, key=lambda bar: (_natural(bar.client), bar.line, bar.begin))


def says(row: Sequence) -> str:
    """An operation in few words: put x=3, get x → 1."""
    _, kind, key, value, output, _, returned = row
    answer = " → ?" if returned is None else ""
    if kind == "get":
        return f"get {key}{answer or f' → {_shown(output)}'}"
    if kind == "cas":
        swapped = {True: " ✓", False: " ✕"}.get(output, "")
        return f"cas {key}: {_shown(value[0])}→{_shown(value[1])}{answer or swapped}"
    sign = " " if value is None else "+=" if kind == "append" else "="
    return f"{kind} {key}{sign}{_shown(value, '')}".rstrip() + answer


def _shown(value: Any, nothing: str = "nothing") -> str:
    """A value, cut where it would fill the page; of a long text the end, where it grows."""
    text = nothing if value is None else str(value).strip()
    return text if len(text) <= LONG else f"…{text[1 - LONG :]}"


def _natural(name: str) -> list:
    """A key that puts c2 before c10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def _line_of(bar: Bar, found: list[Bar]) -> int:
    """Answered: the first line. Not answered: the first too, unless its client did something after it."""
    own = [other for other in found if other.client == bar.client]
    if bar.end is not None or bar is own[-1]:
        return 0
    return 1 + [other for other in own if other.end is None].index(bar)


def _limits(found: list[Bar]) -> tuple[float, float]:
    """The first and last instant, with some room at both ends."""
    begin = min((bar.begin for bar in found), default=0)
    end = max((bar.begin if bar.end is None else bar.end for bar in found), default=1_000_000)
    margin = max(end - begin, 1) / 40
    open_end = any(bar.end is None for bar in found)
    return begin - margin, end + margin * (4 if open_end else 1)


def _lines(found: list[Bar], since: float, scale: float, wide: float) -> list[Line]:
    """The bars of each line, with room for their words, from top to bottom; `scale` is inches per µs."""
    lines: list[Line] = []
    below = 0.0
    for client, number in dict.fromkeys((bar.client, bar.line) for bar in found):
        some = [bar for bar in found if (bar.client, bar.line) == (client, number)]
        widths = [_width(bar) for bar in some]
        begins = [(bar.begin - since) * scale + BESIDE for bar in some]
        places = [min(begin, wide - width) for begin, width in zip(begins, widths, strict=True)]
        levels = ink.levels(places, widths, 0.1)
        top = below + GAP + TEXT * (max(levels) + 1)
        lines.append(Line(some, levels, top))
        below = top + BAR + TEXT
    return lines


def _width(bar: Bar) -> float:
    """About how many inches its words take."""
    return ink.room(bar.says) * (1.12 if bar.stuck else 1)


def _draw_window(ax: Axes, window: Sequence[int], unit: int) -> None:
    """The time in which what is stuck must have taken effect, and cannot have."""
    since, until = (time / unit for time in window)
    ax.axvspan(since, until, facecolor=PALE, edgecolor="none", zorder=0)
    left, right = ax.get_xlim()
    middle = min(max((since + until) / 2, left + (right - left) * 0.1), right - (right - left) * 0.1)
    ax.annotate(
        "no place in this window",
        (middle, 1),
        (0, 3),
        xycoords=ax.get_xaxis_transform(),
        textcoords="offset points",
        fontsize=ink.TEXT,
        color=ink.INK,
        ha="center",
    )


def _draw_line(ax: Axes, line: Line, unit: int) -> None:
    right = ax.get_xlim()[1]
    per_inch = (right - ax.get_xlim()[0]) / ink.inches(ax)[0]
    for bar, level in zip(line.bars, line.levels, strict=True):
        begin, end = bar.begin / unit, right if bar.end is None else bar.end / unit
        _draw_bar(ax, bar, begin, end, line.top)
        height = line.top - 0.02 - TEXT * level
        ax.plot((begin, begin), (line.top, height - TEXT * 0.7), color=ink.LINE, linewidth=0.8, zorder=1)
        place = min(begin + BESIDE * per_inch, right - _width(bar) * per_inch)
        weight = "bold" if bar.stuck else "normal"
        ink.write(ax, place, height, bar.says, va="bottom", fontweight=weight, path_effects=ink.HALO, zorder=5)
    _draw_points(ax, line, unit, per_inch)


def _draw_bar(ax: Axes, bar: Bar, begin: float, end: float, top: float) -> None:
    """From call to answer; without an answer only what is above and below it is drawn, dashed."""
    filling = ink.PAPER if bar.looks else ink.LINE
    rim: dict[str, Any] = {"edgecolor": ink.WRONG, "linewidth": 2.4} if bar.stuck else {"linewidth": 1}
    if bar.end is not None:
        ink.box(ax, begin, top, end - begin, BAR, facecolor=filling, zorder=3, **rim)
        return
    ink.box(ax, begin, top, end - begin, BAR, facecolor=filling, linewidth=0, zorder=2)
    ax.hlines((top, top + BAR), begin, end, color=ink.INK, linewidth=1, linestyle="--", zorder=3)
    ax.vlines(begin, top, top + BAR, color=ink.INK, linewidth=1, zorder=3)


def _draw_points(ax: Axes, line: Line, unit: int, per_inch: float) -> None:
    """Ticks where operations may have taken effect, with their numbers below."""
    placed = [(bar.at / unit, str(bar.turn)) for bar in line.bars if bar.at is not None]
    left, right = ax.get_xlim()
    centres = ink.spread(
        [(at - left) / per_inch for at, _ in placed],
        [ink.room(number) for _, number in placed],
        (right - left) / per_inch,
        0.04,
    )
    for (at, number), centre in zip(placed, centres, strict=True):
        ax.vlines(at, line.top - 0.03, line.top + BAR + 0.03, color=ink.INK, linewidth=3, zorder=4)
        ink.write(ax, left + centre * per_inch, line.top + BAR + 0.06, number, ha="center", va="top", zorder=5)


def _reading(found: list[Bar], word: str) -> str:
    """What the signs mean that this picture has, in two lines."""
    is_stuck = any(bar.stuck for bar in found)
    signs = [
        (f"simulated time, {word}", True),
        ("white: reads", any(bar.looks for bar in found)),
        ("grey: may write", any(not bar.looks for bar in found)),
        ("open end: no answer", any(bar.end is None for bar in found)),
    ]
    order = [
        (f"ticks: an order that explains all answers{' before' * is_stuck}", any(bar.turn for bar in found)),
        ("rim: fits into no order", is_stuck),
    ]
    return "\n".join("  ·  ".join(sign for sign, is_seen in line if is_seen) for line in (signs, order))


def _draw_axes(ax: Axes, lines: list[Line], reading: str) -> None:
    firsts = {line.bars[0].client: line.top + BAR / 2 for line in lines if line.bars[0].line == 0}
    for before, line in pairwise(lines):
        if line.bars[0].line == 0:
            ax.axhline(before.top + BAR + TEXT + GAP / 2, color=ink.FAINT, linewidth=1, zorder=0.5)
    ax.set_yticks(list(firsts.values()), list(firsts), fontsize=ink.TEXT)
    ax.tick_params(axis="y", length=0)
    ax.tick_params(axis="x", labelsize=ink.TEXT)
    ax.set_xlabel(reading, fontsize=ink.TEXT, color=ink.INK, linespacing=1.7)
    for side in ("left", "right", "top"):
        ax.spines[side].set_visible(False)
