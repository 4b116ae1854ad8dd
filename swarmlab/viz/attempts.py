"""A crash loop: each attempt to fill a slot, the delay before it, and where the restart policy allows no more.

The outline is the slot that somebody wants filled; the filling is what truly ran in it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes

from . import ink
from .lanes import lanes
from .timeline import Timeline

__all__ = ["Attempt", "Loop", "attempts_of", "draw_attempts", "tell_attempts"]

SECOND = 1_000_000  # µs
MOST = 6  # panels
LEFT, RIGHT, LINE = 0.95, 1.95, 0.19  # inches
LANE, DELAY, WINDOW = 0.34, 0.26, 0.26  # inches
SMALL = 9  # points
OVER = ("failed", "rejected", "complete", "orphaned")
GLYPHS = {"failed": "✕", "rejected": "⊘", "gone": "✕", "complete": "✓", "orphaned": "?", "shutdown": "□", "remove": "□"}


class Attempt(NamedTuple):
    """One task of the slot; seconds after the first one was made."""

    made: float
    begun: float | None  # it was to run from here on: its delay, and the wait for the one before it, were over
    phases: tuple  # (from, to, state)
    ended: str
    ended_at: float | None
    err: str = ""
    given_up: bool = True  # nobody wants this task any more


class Loop(NamedTuple):
    """All attempts at one slot under one restart policy."""

    title: str
    slot: str
    attempts: tuple[Attempt, ...]
    end: float
    policy: Mapping[str, Any] = {}  # condition, delay, max_attempts, window (seconds)
    wanted: float | None = None  # until when the slot was wanted; None: to the end

    @property
    def used_up(self) -> float | None:
        """When the last attempt failed, if nothing follows although the slot is wanted."""
        last = self.attempts[-1]
        return last.ended_at if last.ended and last.given_up and self.wanted is None else None


def attempts_of(
    trace: Any, slot: str, policy: Mapping[str, Any] | None = None, end: float | None = None, title: str = ""
) -> Loop:
    """The rows of a slot (`web.1`). `policy` says under which rules: condition, delay, max_attempts, window in seconds."""
    if isinstance(trace, Loop):
        return trace
    rows = ink.rows_of(trace)
    bars = [bar for bar in lanes(rows) if bar["lane"] == slot]
    if not bars:
        raise ValueError(f"there was no task in slot {slot!r} in this run")
    zero, last = bars[0]["wished"], rows["end"] if end is None else bars[0]["wished"] + round(end * SECOND)
    gone = [row[0] for row in rows["log"] if row[3] == "service" and row[5] is None and row[0] > zero]
    found = tuple(_attempt(rows, bar, zero) for bar in bars if bar["wished"] <= last)
    return Loop(
        title, slot, found, (last - zero) / SECOND, dict(policy or {}), (gone[0] - zero) / SECOND if gone else None
    )


def _attempt(rows: dict, bar: Mapping[str, Any], zero: int) -> Attempt:
    """One task of the slot; one that never had a container ended as the managers heard it."""
    stored = [(row[0], row[5]) for row in rows["log"] if row[3] == "task" and row[4] == bar["task"] and row[5]]
    begun = next((time for time, task in stored if task["desired"] == "running"), None)
    over = next(((time, task["state"]) for time, task in stored if task["state"] in OVER), (None, ""))
    ended_at, ended = (over[0], over[1]) if bar["ended_at"] is None else (bar["ended_at"], bar["ended"])
    since = lambda time: (time - zero) / SECOND  # noqa: E731
    return Attempt(
        since(bar["wished"]),
        None if begun is None else since(begun),
        tuple((since(begin), since(until), state) for begin, until, state in bar["phases"]),
        ended,
        None if ended_at is None else since(ended_at),
        next((task["err"] for _, task in reversed(stored) if task["err"]), ""),
        bar["unwished"] is not None,
    )


# ── drawn ────────────────────────────────────────────────────────────────────────────────────────────────────────


def draw_attempts(
    loops: Any,
    slot: str = "",
    policy: Any = None,
    end: float | None = None,
    ax: Axes | None = None,
    **options: Any,
) -> Axes:
    """One slot, or up to six panels under each other on one axis: a trace, or title → trace or rows of `attempts_of`.

    `policy` holds for all, or is title → policy: condition, delay, max_attempts, window, in seconds. `end` is a second
    on the axis.
    """
    rows = _rows(loops, slot, policy, **options)
    last = max(row.end for row in rows) if end is None else end
    highs = [_height(row) for row in rows]
    ax = ink.canvas(ax, ink.WIDTH, sum(highs) + 0.62)
    line = Timeline(ax, LEFT, ink.WIDTH - LEFT - RIGHT, 0.0, last)
    y = 0.06
    for row, high in zip(rows, highs, strict=True):
        _draw_loop(line, row, y)
        y += high
    line.draw_ticks(y)
    words = [
        "seconds since the first attempt was made",
        "outline: wanted, filled: ran, light: made ready",
        "dotted: the delay before an attempt",
    ]
    ink.write(ax, 0.1, y + 0.4, "  ·  ".join(words), fontsize=SMALL)
    return ax


def _rows(loops: Any, slot: Any, policy: Any, **options: Any) -> list[Loop]:
    given = loops if isinstance(loops, Mapping) and "log" not in loops else {"": loops}
    if not 0 < len(given) <= MOST:
        raise ValueError(f"{len(given)} panels: one to {MOST} can be compared")
    found = []
    for title, one in given.items():
        if isinstance(one, Loop):
            found.append(one._replace(title=one.title or str(title)))
            continue
        each = isinstance(policy, Mapping) and any(isinstance(value, Mapping) for value in policy.values())
        rules = policy.get(title) if each else policy
        where = slot[title] if isinstance(slot, Mapping) else slot
        found.append(attempts_of(one, where, rules, title=str(title), **options))
    return found


def _height(row: Loop) -> float:
    return LINE * (bool(row.title) + bool(row.policy)) + LANE + DELAY + WINDOW * bool(row.policy.get("window")) + 0.22


def _draw_loop(line: Timeline, row: Loop, y: float) -> None:
    for n, text in enumerate(_summary(row)):
        ink.write(line.ax, line.right + 0.12, y + 0.08 + 0.175 * n, text, fontsize=SMALL)
    if row.title:
        ink.write(line.ax, line.left, y + 0.08, row.title, fontweight="bold")
        y += LINE
    if row.policy:
        ink.write(line.ax, line.left, y + 0.08, _rules(row.policy), fontsize=SMALL)
        y += LINE
    y += 0.04
    _draw_slot(line, row, y)
    _draw_delays(line, row, y + LANE)
    if row.policy.get("window"):
        _draw_window(line, row, y + LANE + DELAY)


def _rules(policy: Mapping[str, Any]) -> str:
    """A restart policy in words."""
    words = [str(policy["condition"])] if "condition" in policy else []
    words += [f"delay {ink.span(policy['delay'])}"] if "delay" in policy else []
    if policy.get("condition") != "none":
        words.append(
            f"at most {policy['max_attempts']} restarts" if policy.get("max_attempts") else "any number of restarts"
        )
    words += [f"within {ink.span(policy['window'])}"] if policy.get("window") else []
    return "restart: " + " · ".join(words)


def _draw_slot(line: Timeline, row: Loop, y: float) -> None:
    """The slot as an outline, the attempts as fillings, a cross and a number for each that ended."""
    line.name(y + LANE / 2, row.slot)
    until = row.end if row.wanted is None else row.wanted
    boxes: dict[str, list] = {ink.SOLID: [], ink.LINE: []}
    for attempt in row.attempts:
        for since, to, state in attempt.phases:
            if to > since and since < line.end:
                high = (LANE - 0.1) * ink.FILLING[state]
                boxes[ink.SOLID if state in ("starting", "running") else ink.LINE].append(
                    line.box(since, to, y + LANE - 0.06 - high, high)
                )
    for colour, places in boxes.items():
        ink.boxes(line.ax, places, facecolor=colour, linewidth=0, zorder=2)
    used = row.used_up
    if line.has(used):
        box = line.box(used or 0.0, min(until, line.end), y + 0.02, LANE - 0.06)
        ink.box(line.ax, *box, edgecolor=ink.WRONG, facecolor=ink.PAPER, linewidth=2.2, zorder=4)
        line.write(used or 0.0, until, y + LANE / 2 - 0.01, ("nothing more is tried", "used up"), 0.16)
    ink.box(line.ax, *line.box(0, min(until, line.end), y + 0.02, LANE - 0.06), linewidth=1.3, zorder=3)
    for attempt in row.attempts:
        if attempt.ended in GLYPHS and line.has(attempt.ended_at):
            style: dict[str, Any] = {"ha": "center", "fontweight": "bold", "path_effects": ink.HALO, "zorder": 6}
            ink.write(line.ax, line.x(attempt.ended_at or 0.0), y + LANE / 2 - 0.01, GLYPHS[attempt.ended], **style)


def _draw_delays(line: Timeline, row: Loop, y: float) -> None:
    """Below it each attempt's number, and dotted how long it had to wait until it might start."""
    line.name(y + DELAY / 2 - 0.02, "attempt")
    free = line.left
    for n, attempt in enumerate(row.attempts):
        if attempt.made > line.end:
            continue
        after = row.attempts[n + 1].made if n + 1 < len(row.attempts) else line.end
        until = after if attempt.begun is None else attempt.begun
        xs = line.x(attempt.made), line.x(until)
        if n:
            line.ax.plot(xs, (y + 0.02,) * 2, color=ink.CONTROL, linewidth=2.4, linestyle=(0, (0.7, 0.9)), zorder=3)
        begun = line.x(attempt.begun if attempt.begun is not None else attempt.made)
        text = str(n + 1)
        if begun >= free:
            ink.write(line.ax, begun + 0.02, y + 0.13, text, fontsize=SMALL, fontweight="bold", zorder=5)
            free = begun + ink.room(text, SMALL) + 0.06
        wait = f"{ink.span(until - attempt.made)}"
        if n and attempt.begun is not None and ink.room(wait, SMALL) + 0.1 < xs[1] - xs[0]:
            ink.write(line.ax, (xs[0] + xs[1]) / 2, y + 0.13, wait, ha="center", fontsize=SMALL)


def _draw_window(line: Timeline, row: Loop, y: float) -> None:
    """The window before the last failure: the attempts made in it are those that count."""
    ends = [attempt.ended_at for attempt in row.attempts if attempt.ended_at is not None and attempt.ended]
    if not ends:
        return
    last, length = ends[-1], float(row.policy["window"])
    line.name(y + WINDOW / 2 - 0.02, "window")
    x, _, wide, _ = line.box(max(0.0, last - length), last, y, 0)
    ink.box(
        line.ax, x, y + 0.04, wide, 0.14, facecolor=ink.FAINT, edgecolor=ink.QUIET, hatch="//", linewidth=0.8, zorder=2
    )
    made = [attempt.made for attempt in row.attempts[1:] if last - length < attempt.made < last]
    line.ax.plot([line.x(at) for at in made], [y + 0.11] * len(made), "D", color=ink.INK, markersize=4.5, zorder=4)
    text = f"{len(made)} restart{'s' * (len(made) != 1)} within {ink.span(length)} of the last failure"
    before = x > line.left + ink.room(text, SMALL)
    place, side = (x - 0.1, "right") if before else (x + wide + 0.1, "left")
    ink.write(line.ax, place, y + 0.11, text, ha=side, fontsize=SMALL)


def _summary(row: Loop) -> list[str]:
    """What came of it, line by line."""
    failed = sum(attempt.ended in ("failed", "rejected") for attempt in row.attempts)
    words = [f"{len(row.attempts)} attempt{'s' * (len(row.attempts) != 1)}, {failed} failed"]
    errs = [attempt.err for attempt in row.attempts if attempt.err]
    words += [errs[-1] if len(errs[-1]) < 28 else f"{errs[-1][:26]}…"] if errs else []
    if row.used_up is not None:
        words.append(f"✕ empty from {ink.span(row.used_up)} on")
    return words


# ── in words ─────────────────────────────────────────────────────────────────────────────────────────────────────


def tell_attempts(loops: Any, slot: str = "", policy: Any = None, **options: Any) -> str:
    """The same in words, for `show`."""
    return " ".join(_tell(row) for row in _rows(loops, slot, policy, **options))


def _tell(row: Loop) -> str:
    title = " ".join(row.title.split()) or f"Slot {row.slot}"
    rules = f" ({_rules(row.policy)})" if row.policy else ""
    waits = [attempt.begun - attempt.made for attempt in row.attempts[1:] if attempt.begun is not None]
    said = [word.removeprefix("✕ ") for word in _summary(row)]
    said += [f"{_range(waits)} between a failure and the next start"] if waits else []
    return f"{title[:1].upper()}{title[1:]}{rules}: {', '.join(said)}."


def _range(times: Sequence[float]) -> str:
    low, high = ink.span(min(times)), ink.span(max(times))
    return low if low == high else f"{low} to {high}"
