"""Health checks on a time axis: each check a mark, the verdict as the filling of its container, and what was lost meanwhile.

A check that succeeds is a short line, one that fails a tall one with a cross, one that is given up a hatched span as long
as its timeout. An unhealthy container has a notch.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Polygon

from . import ink
from .probefold import Life, Watched, probes_of, said_of
from .timeline import Timeline

__all__ = ["draw_probes", "tell_probes"]

MOST = 6  # panels
LEFT, RIGHT, LINE = 0.95, 1.85, 0.19  # inches
BAR, CHECKS, POOL = 0.26, 0.42, 0.26  # inches: the container, its checks, the pool
SMALL = 9  # points
STATES: dict[str, dict[str, Any]] = {  # how the container is filled
    "starting": {"facecolor": ink.PAPER, "hatch": "..."},
    "healthy": {"facecolor": ink.SOLID},
    "unhealthy": {"facecolor": "#cccccc"},
    "": {"facecolor": ink.SOLID},
}
DRAWN = 0.055  # inches: the least width of a span
NOTCH = 0.14  # inches


def draw_probes(
    watched: Any, name: str = "", check: Any = None, end: float | None = None, ax: Axes | None = None, **options: Any
) -> Axes:
    """One slot, or up to six panels under each other on one axis: a trace, or title → trace or rows of `probes_of`.

    `name` is the slot (`web.1`), or title → slot; `check` the values of the health check, or title → values. `end` is a
    second on the axis. Other options are those of `probes_of`.
    """
    rows = _rows(watched, name, check, **options)
    highs = [_height(row) for row in rows]
    key = _key(rows)
    ax = ink.canvas(ax, ink.WIDTH, sum(highs) + 0.42 + LINE * len(key))
    last = max(row.end for row in rows) if end is None else end
    axis = Timeline(ax, LEFT, ink.WIDTH - LEFT - RIGHT, min(row.start for row in rows), last)
    y = 0.06
    for row, high in zip(rows, highs, strict=True):
        _draw_panel(axis, row, y)
        y += high
    axis.draw_ticks(y)
    for n, text in enumerate(key):
        ink.write(ax, 0.1, y + 0.38 + LINE * n, text, fontsize=SMALL)
    return ax


def _rows(watched: Any, name: Any, check: Any, **options: Any) -> list[Watched]:
    given = watched if isinstance(watched, Mapping) else {"": watched}
    if not 0 < len(given) <= MOST:
        raise ValueError(f"{len(given)} panels: one to {MOST} can be compared")
    found = []
    for title, one in given.items():
        if isinstance(one, Watched):
            found.append(one._replace(title=one.title or str(title)))
            continue
        slot = name[title] if isinstance(name, Mapping) else name
        values = check.get(title) if isinstance(check, Mapping) and title in check else check
        found.append(probes_of(one, slot, values, title=str(title), **options))
    return found


def _height(row: Watched) -> float:
    return LINE * (bool(row.title) + bool(row.check)) + BAR + CHECKS + POOL * (1 + bool(row.lost)) + 0.28


def _draw_panel(axis: Timeline, row: Watched, y: float) -> None:
    ax = axis.ax
    for n, text in enumerate(_summary(row)):
        ink.write(ax, LEFT + axis.wide + 0.12, y + 0.08 + 0.175 * n, text, fontsize=SMALL)
    if row.title:
        ink.write(ax, LEFT, y + 0.08, row.title, fontweight="bold")
        y += LINE
    if row.check:
        ink.write(ax, LEFT, y + 0.08, said_of(row.check), fontsize=SMALL)
        y += LINE
    y += 0.03
    bottom = y + BAR + CHECKS + POOL * (1 + bool(row.lost)) + 0.04
    for life in row.lives:
        _draw_start_period(axis, row, life, y, y + BAR + CHECKS)
    _draw_ill(axis, row, y, bottom)
    axis.name(y + BAR / 2, "container")
    for life in row.lives:
        _draw_life(axis, row, life, y)
    y += BAR
    axis.name(y + CHECKS / 2 + 0.03, "checks")
    _draw_checks(axis, row, y)
    y += CHECKS
    axis.name(y + POOL / 2, "in the pool")
    _draw_pool(axis, row, y)
    y += POOL
    if row.lost:
        axis.name(y + POOL / 2, "lost")
        ax.plot(
            [axis.x(at) for at in row.lost if axis.start <= at <= axis.end],
            [y + POOL / 2] * _inside(axis, row.lost),
            "x",
            color=ink.WRONG,
            markersize=5,
            markeredgewidth=1.3,
        )


def _inside(axis: Timeline, times: Sequence[float]) -> int:
    return sum(axis.start <= at <= axis.end for at in times)


def _draw_start_period(axis: Timeline, row: Watched, life: Life, top: float, bottom: float) -> None:
    """Shaded: failures in it do not count while the container is starting."""
    ax = axis.ax
    length = row.check.get("start_period", 0)
    if not length or life.started > axis.end:
        return
    left, right = axis.x(life.started), axis.x(min(life.started + length, life.ended or axis.end))
    ink.box(ax, left, top - 0.02, right - left, bottom - top + 0.02, facecolor="#e4eef6", linewidth=0, zorder=0)


def _draw_ill(axis: Timeline, row: Watched, top: float, bottom: float) -> None:
    """From when on the application was ill, though its process ran."""
    ax = axis.ax
    if row.ill is not None and axis.start <= row.ill <= axis.end:
        x = axis.x(row.ill)
        ax.plot((x, x), (top - 0.03, bottom), color=ink.WRONG, linewidth=1.4, zorder=6)


def _draw_life(axis: Timeline, row: Watched, life: Life, y: float) -> None:
    """The container, filled by its verdict; a notch where it is unhealthy; a cross where it was stopped."""
    ax = axis.ax
    stop = min(axis.end if life.ended is None else life.ended, axis.end)
    if life.started >= axis.end:
        return
    spans = life.verdicts or ((life.started, ""),)
    beside = 0.0
    for n, (at, status) in enumerate(spans):
        until = min(spans[n + 1][0] if n + 1 < len(spans) else stop, stop)
        left, right = axis.x(at), axis.x(until)
        if until > at:
            wide = max(right - left, DRAWN if status == "unhealthy" else 0.0)
            ink.box(ax, left, y + 0.02, wide, BAR - 0.06, linewidth=0.9, edgecolor=ink.INK, zorder=2, **_state(status))
            if status == "unhealthy":
                beside = 0.06 * (wide < NOTCH)  # no room: the notch reaches back, and the cross stands beside it
                draw_notch(ax, min(left, left + wide - NOTCH), y + 0.02, NOTCH)
            _write_state(ax, left, right, y + BAR / 2 - 0.01, status)
    if life.ended is not None and life.ended <= axis.end:
        style: dict[str, Any] = {"ha": "center", "fontsize": 12, "fontweight": "bold", "path_effects": ink.HALO}
        ink.write(ax, axis.x(life.ended) + beside, y + BAR / 2 - 0.01, "✕", zorder=7, **style)


def _state(status: str) -> dict[str, Any]:
    return STATES.get(status, STATES[""])


def draw_notch(ax: Axes, x: float, top: float, wide: float) -> None:
    """A bite out of the upper edge: it runs, and is not well."""
    corners = ((x, top), (x + wide / 2, top + 0.1), (x + wide, top))
    ax.add_patch(Polygon(corners, facecolor=ink.PAPER, edgecolor=ink.INK, linewidth=0.9, zorder=3))


def _write_state(ax: Axes, left: float, right: float, y: float, status: str) -> None:
    if status and ink.room(status, SMALL) + 0.25 < right - left:
        colour, effects = (ink.PAPER, []) if status == "healthy" else (ink.INK, ink.HALO)
        shift = 0.22 if status == "unhealthy" else 0.07
        ink.write(ax, left + shift, y, status, fontsize=SMALL, color=colour, path_effects=effects, zorder=4)


def _draw_checks(axis: Timeline, row: Watched, y: float) -> None:
    """Each check, with the count of failures in a row above those that fail."""
    ax = axis.ax
    low = y + CHECKS - 0.04
    shown = [
        probe for life in row.lives for probe in life.probes if axis.start <= probe.ended and probe.began <= axis.end
    ]
    well = [axis.x(probe.began) for probe in shown if probe.ok]
    ax.vlines(well, low - 0.14, low, color=ink.INK, linewidth=1.1, zorder=3)
    axis.line(low)
    free = LEFT - 1
    for probe in shown:
        if not probe.ok:
            x, right = axis.x(probe.began), axis.x(probe.ended)
            _draw_failure(ax, probe, x, right, low)
            text = str(probe.streak) if probe.counted else "–"
            middle = (x + right) / 2 if probe.given_up else x
            if middle - 0.05 > free:
                ink.write(
                    ax,
                    middle,
                    low - 0.32,
                    text,
                    ha="center",
                    fontsize=SMALL,
                    fontweight="bold" if probe.counted else "normal",
                    path_effects=ink.HALO,
                    zorder=5,
                )
                free = middle + 0.07 * len(text)


def _draw_failure(ax: Axes, probe: Any, x: float, right: float, low: float) -> None:
    """A tall line with a cross; a check that was given up is as long as its timeout. In the start period they are grey."""
    colour = ink.INK if probe.counted else ink.QUIET
    if probe.given_up:
        wide = max(right - x, DRAWN)
        ink.box(ax, x, low - 0.16, wide, 0.16, edgecolor=colour, hatch="/////", linewidth=0.9, zorder=3)
        x += wide
    else:
        ax.plot((x, x), (low - 0.2, low), color=colour, linewidth=1.1, zorder=3)
    weight = 1.6 if probe.counted else 0.9
    ax.plot([x], [low - 0.17], "x", color=colour, markersize=5, markeredgewidth=weight, zorder=4)


def _draw_pool(axis: Timeline, row: Watched, y: float) -> None:
    """When some node sent requests to each of the containers."""
    ax = axis.ax
    boxes = [
        (axis.x(since), y + 0.06, axis.x(axis.end if until is None else until) - axis.x(since), POOL - 0.14)
        for life in row.lives
        for since, until in life.pool
        if since < axis.end
    ]
    ink.boxes(ax, boxes, facecolor=ink.CONTROL, edgecolor=ink.INK, linewidth=0.8, zorder=2)
    axis.line(y + POOL - 0.06)


def _summary(row: Watched) -> list[str]:
    """What came of it, line by line."""
    words = []
    ill, healthy = row.ill, row.first("healthy")
    found = row.first("unhealthy") if ill is None else row.first("unhealthy", ill)
    if healthy is not None:
        words.append(f"healthy at {ink.span(healthy)}")
    if ill is not None:
        words.append(f"✕ {_mood(row, ill)} at {ink.span(ill)}")
    if found is not None:
        words.append(f"unhealthy {'after' if ill is not None else 'at'} {ink.span(found - (ill or 0))}")
        ended = [life.ended for life in row.lives if life.ended is not None and life.ended >= found]
        again = row.first("healthy", found)
        words += [f"stopped {ink.span(ended[0] - found)} later"] if ended else []
        words += [f"well again {ink.span(again - found)} later"] if again is not None else []
    elif ill is not None:
        words.append("never noticed")
    words += [f"{len(row.lives)} containers"] if len(row.lives) > 1 else []
    words += [f"✕ {len(row.lost)} lost"] if row.lost else []
    return words


def _mood(row: Watched, ill: float) -> str:
    return next((mood for life in row.lives for at, mood in life.moods if at == ill), "ill")


def _key(rows: Sequence[Watched]) -> list[str]:
    """What the signs mean, in lines."""
    words = [
        "seconds since the first container started",
        "checks:  ı well",
        "╳ failed, and how many in a row",
        "▨ given up",
    ]
    uncounted = any(not probe.counted for row in rows for life in row.lives for probe in life.probes)
    words += ["– does not count"] if uncounted else []
    words += ["shaded: start period"] if any(row.check.get("start_period") for row in rows) else []
    words += (
        ["vermillion line: from here on the application is ill"] if any(row.ill is not None for row in rows) else []
    )
    return ink.wrapped(words, ink.WIDTH * 1.1)


# ── in words ─────────────────────────────────────────────────────────────────────────────────────────────────────


def tell_probes(watched: Any, name: str = "", check: Any = None, **options: Any) -> str:
    """The same in words, for `show`."""
    return " ".join(_tell(row) for row in _rows(watched, name, check, **options))


def _tell(row: Watched) -> str:
    probes = [probe for life in row.lives for probe in life.probes]
    failed, late = sum(not probe.ok for probe in probes), sum(probe.given_up for probe in probes)
    counts = f"{len(probes)} checks, {failed} failed" + (f" ({late} of them given up)" if late else "")
    values = f" ({said_of(row.check)})" if row.check else ""
    title = " ".join(row.title.split()) or "Health checks"
    said = ", ".join(word.removeprefix("✕ ") for word in [counts, *_summary(row)])
    return f"{title[:1].upper()}{title[1:]}{values}: {said}."
