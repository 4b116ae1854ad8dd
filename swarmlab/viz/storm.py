"""A restart storm on one time axis: what visitors met, the line before each replica, its failing checks, its end.

Load makes checks late, late checks end replicas, and fewer replicas make more load for the rest.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes

from ..events import HealthChanged, ProbeEnded
from . import ink
from .clients import rounded
from .lanes import lanes
from .probes import draw_notch
from .timeline import Timeline, stairs
from .trafficfold import Traffic, queue_at, traffic

__all__ = ["Storm", "draw_storm", "storm_of", "tell_storm"]

SECOND = 1_000_000  # µs
MOST = 12  # replicas with a lane of their own
LEFT, RIGHT, ROW, LANE, LINE = 1.05, 1.6, 0.7, 0.42, 0.19  # inches
NOTCH = 0.18  # inches
SMALL = 9  # points
POINTS = 500  # at which the lines are looked at


class Storm(NamedTuple):
    """A service under load; seconds since the first request."""

    service: str
    asked: Traffic
    runs: dict[str, tuple]  # slot → (from, to) of each task that ran in it
    checks: dict[str, tuple]  # slot → (second, given up?) of each failed check
    kills: dict[str, tuple]  # slot → seconds at which a task of it was found unhealthy
    running: tuple  # (second, tasks that run)
    wanted: int
    start: float
    end: float
    bands: tuple = ()  # (from, to, words)


def storm_of(
    trace: Any,
    service: str,
    requests: Any = None,
    start: float | None = None,
    end: float | None = None,
    bands: Sequence[Sequence] = (),
) -> Storm:
    """The rows of a service: its requests (by default all of the trace), runs, failed checks and verdicts.

    `start`, `end` and `bands` (from, to, words: what somebody did) are seconds since the first request.
    """
    if isinstance(trace, Storm):
        return trace
    given = traffic(trace.requests if requests is None else requests)
    zero = round(float(given.arrived[0]) * SECOND)
    shift = zero / SECOND
    asked = given._replace(arrived=given.arrived - shift, ended=given.ended - shift, done=given.done - shift)
    since = lambda time: (time - zero) / SECOND  # noqa: E731
    bars = lanes(ink.rows_of(trace), [service])
    if not bars:
        raise ValueError(f"there was no task of {service!r} in this run")
    slots = {bar["task"]: bar["lane"] for bar in bars}
    runs: dict[str, list] = {lane: [] for lane in slots.values()}
    for bar in bars:
        runs[bar["lane"]] += [(since(a), since(b)) for a, b, state in bar["phases"] if state == "running" and b > a]
    checks: dict[str, list] = {lane: [] for lane in runs}
    kills: dict[str, list] = {lane: [] for lane in runs}
    for r in trace.records:
        slot = slots.get(getattr(r.fact, "task", ""), "")
        if slot and isinstance(r.fact, ProbeEnded) and r.fact.code and r.fact.counted:
            checks[slot].append((since(r.time), r.fact.code == -1))
        elif slot and isinstance(r.fact, HealthChanged) and r.fact.status == "unhealthy":
            kills[slot].append(since(r.time))
    return Storm(
        service,
        asked,
        {slot: tuple(spans) for slot, spans in runs.items()},
        {slot: tuple(found) for slot, found in checks.items()},
        {slot: tuple(found) for slot, found in kills.items()},
        _running(runs),
        len(runs),
        -2.0 if start is None else start,
        since(trace.now) if end is None else end,
        tuple(tuple(band) for band in bands),
    )


def _running(runs: dict[str, list]) -> tuple:
    """How many tasks ran, change by change."""
    turns = [(at, step) for spans in runs.values() for begin, until in spans for at, step in ((begin, 1), (until, -1))]
    found: dict[float, int] = {}
    count = 0
    for at, step in sorted(turns):
        count += step
        found[at] = count
    return tuple(found.items())


# ── drawn ────────────────────────────────────────────────────────────────────────────────────────────────────────


def draw_storm(trace: Any, service: str = "", ax: Axes | None = None, **options: Any) -> Axes:
    """Visitors, replicas that run, and a lane per replica: its line of requests, its failed checks, its ends.

    `trace` may be rows of `storm_of`; options are those of `storm_of`.
    """
    row = storm_of(trace, service, **options)
    shown = list(row.runs)[:MOST]
    high = 0.3 + 2 * ROW + LANE * len(shown) + 0.72 + LINE * (len(row.runs) > MOST)
    ax = ink.canvas(ax, ink.WIDTH, high)
    line = Timeline(ax, LEFT, ink.WIDTH - LEFT - RIGHT, row.start, row.end)
    _draw_bands(line, row, 0.28, high - 0.72)
    y = _draw_visitors(line, row, 0.3)
    y = _draw_running(line, row, y)
    times = np.linspace(row.start, row.end, POINTS)
    queues = dict(zip(row.asked.tasks, queue_at(row.asked, times), strict=True))
    longest = max(1, *(int(queues[slot].max()) for slot in shown if slot in queues), 1)
    for slot in shown:
        _draw_replica(line, row, slot, (times, queues.get(slot)), longest, y)
        y += LANE
    ink.write(ax, line.right + 0.1, y - LANE * len(shown) + 0.12, f"longest line: {longest}", fontsize=SMALL)
    if len(row.runs) > MOST:
        ink.write(ax, line.left, y + 0.08, f"and {len(row.runs) - MOST} more replicas", fontsize=SMALL)
    line.draw_ticks(high - 0.66)
    words = [
        "seconds since the first visit",
        "lane: its line of requests",
        "grey: it runs",
        "above it: × a check failed, ▼ was given up",
        "notch: found unhealthy",
    ]
    ink.write(ax, 0.1, high - 0.26, "  ·  ".join(words), fontsize=SMALL)
    return ax


def _draw_bands(line: Timeline, row: Storm, top: float, bottom: float) -> None:
    for since, until, words in row.bands:
        x, _, wide, _ = line.box(since, line.end if until is None else until, 0, 0)
        ink.box(line.ax, x, top - 0.04, wide, bottom - top + 0.04, facecolor=ink.FAINT, linewidth=0, zorder=0)
        line.ax.plot((x, x), (top - 0.04, bottom), color=ink.QUIET, linewidth=1, linestyle="--", zorder=1)
        ink.write(line.ax, min(x, line.right - ink.room(words, SMALL)), top - 0.14, words, fontsize=SMALL)


def _draw_visitors(line: Timeline, row: Storm, y: float) -> float:
    """Requests by when they were asked: answered upwards, failed downwards."""
    middle, half = y + ROW / 2, ROW / 2 - 0.06
    width = rounded((line.end - line.start) / 80)
    edges = np.arange(line.start, line.end + width / 2, width)
    good, bad = (np.histogram(row.asked.arrived[which], edges)[0] for which in (row.asked.ok, ~row.asked.ok))
    unit = half / max(1, int(good.max()), int(bad.max()))
    for counts, sign, colour in ((good, -1, ink.SOLID), (bad, 1, ink.WRONG)):
        boxes = [
            (line.x(edge), middle + min(0, sign) * count * unit, line.x(edge + width) - line.x(edge), count * unit)
            for edge, count in zip(edges.tolist(), counts.tolist(), strict=False)
            if count
        ]
        ink.boxes(line.ax, boxes, facecolor=colour, edgecolor=ink.PAPER, linewidth=0.4, zorder=2)
    line.line(middle, color=ink.INK, zorder=3)
    line.name(middle - 0.09, "visits")
    failed = int((~row.asked.ok).sum())
    said = [f"{len(row.asked.arrived) - failed} answered", f"{'✕ ' * (failed > 0)}{failed or 'none'} failed"]
    for n, text in enumerate(said):
        ink.write(
            line.ax,
            line.right + 0.1,
            middle + (n - 0.5) * 0.19,
            text,
            fontsize=SMALL,
            fontweight="bold" if n and failed else "normal",
        )
    return y + ROW


def _draw_running(line: Timeline, row: Storm, y: float) -> float:
    """Replicas that run; the outline is how many should."""
    floor, unit = y + ROW - 0.14, (ROW - 0.24) / max(1, row.wanted)
    xs, ys = stairs(line, row.running, floor, unit)
    line.ax.fill_between(xs, ys, floor, facecolor=ink.SOLID, linewidth=0, zorder=2)
    wish = floor - row.wanted * unit
    line.ax.plot((line.left, line.right), (wish, wish), color=ink.INK, linewidth=1.5, zorder=3)
    line.line(floor)
    line.name(floor - 0.22, "replicas")
    counts = [count for at, count in row.running if 0 < at < row.end] or [row.wanted]
    ink.write(line.ax, line.right + 0.1, floor - 0.22, f"least {min(counts)} of {row.wanted}", fontsize=SMALL)
    return y + ROW


def _draw_replica(line: Timeline, row: Storm, slot: str, queue: tuple, longest: int, y: float) -> None:
    """When it ran as light grey, the line before it as a filling, its failed checks above, a notch where it was found unhealthy."""
    floor, unit = y + LANE - 0.05, (LANE - 0.14) / longest
    line.name(y + LANE / 2, slot)
    boxes = [line.box(since, until, y + 0.09, LANE - 0.14) for since, until in row.runs[slot] if until > line.start]
    ink.boxes(line.ax, boxes, facecolor="#e3e3e3", edgecolor=ink.QUIET, linewidth=0.6, zorder=1)
    times, counts = queue
    if counts is not None:
        heights = floor - np.asarray(counts, float) * unit
        xs = line.left + (times - line.start) / (line.end - line.start) * line.wide
        line.ax.fill_between(xs, heights, floor, facecolor=ink.SOLID, linewidth=0, zorder=2)
    style: dict[str, Any] = {"color": ink.INK, "linestyle": "none", "zorder": 4}
    for late, sign in ((True, "v"), (False, "x")):
        at = [line.x(time) for time, given_up in row.checks[slot] if given_up == late and line.has(time)]
        line.ax.plot(at, [y + 0.07] * len(at), sign, markersize=4.5, markeredgewidth=1.1, **style)
    for time in row.kills[slot]:
        if line.has(time):
            draw_notch(line.ax, min(line.x(time), line.right - NOTCH), y + 0.09, NOTCH)
    line.line(floor)


# ── in words ─────────────────────────────────────────────────────────────────────────────────────────────────────


def tell_storm(trace: Any, service: str = "", **options: Any) -> str:
    """The same in words, for `show`."""
    row = storm_of(trace, service, **options)
    failed, checks = int((~row.asked.ok).sum()), [check for found in row.checks.values() for check in found]
    kills = sorted(time for found in row.kills.values() for time in found)
    counts = [count for at, count in row.running if 0 < at < row.end] or [row.wanted]
    late = sum(given_up for _, given_up in checks)
    words = f"{len(checks)} checks failed, {late} of them given up" if checks else "no check failed"
    ends = (
        f"{len(kills)} verdict{'s' * (len(kills) != 1)} of unhealthy, the first after {ink.span(kills[0])}"
        if kills
        else "no replica was found unhealthy"
    )
    return (
        f"{row.service}: {len(row.asked.arrived)} visits, {failed} failed; {words}; {ends}; "
        f"at the worst {min(counts)} of {row.wanted} replicas ran."
    )
