"""What a plan foresaw of an update beside what then came: the sums, the plan and the run under each other on one axis."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes

from . import ink
from .timeline import Timeline
from .updatefold import Update, update_of
from .updates import STRIPS, WORDS

__all__ = ["draw_foreseen", "tell_foreseen"]

LEFT, RIGHT, ROW, LINE = 1.5, 2.35, 0.34, 0.19  # inches
SMALL = 9  # points
LANES = 4  # workers drawn one by one; more are as many lines as that
REPLACES: dict[str, Any] = {"facecolor": ink.SOLID, "linewidth": 0.8}
RESTS: dict[str, Any] = {"facecolor": ink.PAPER, "hatch": "////", "edgecolor": ink.QUIET, "linewidth": 0.8}
WATCHES: dict[str, Any] = {"facecolor": ink.PAPER, "hatch": "....", "edgecolor": ink.CONTROL, "linewidth": 0.8}


def draw_foreseen(plan: Any, trace: Any, service: str = "", guess: float | None = None, ax: Axes | None = None) -> Axes:
    """A plan's update (`cluster.plan(…).update`) above the run: a trace, or rows of `update_of`.

    The plan has `stages` (time, state), `duration`, `fewest_running`, and `forecast`: how long a replacement, a rest and
    the last watch take, and how many workers there are. `guess` is the learner's, in seconds.
    """
    row = update_of(trace, service or plan.service)
    sums = [] if plan.forecast is None or plan.forecast.duration is None else _sums(plan.forecast)
    came = _came(row)
    lanes = (min(LANES, len(sums)), min(LANES, len(came)))
    high = 0.3 + ROW * (2 + sum(lanes)) + 0.75 + 0.12 * (1 + bool(sums))
    ax = ink.canvas(ax, ink.WIDTH, high)
    ends = [span[1] for lane in (*sums, *came) for span in lane] + [
        plan.duration or 0,
        guess if _is_number(guess) else 0,
    ]
    last = max([*ends, row.done.at if row.done else row.end]) * 1.03
    line = Timeline(ax, LEFT, ink.WIDTH - LEFT - RIGHT, 0.0, last)
    y = 0.3
    if sums:
        y = _draw_lanes(line, "by the sums", sums[: lanes[0]], y)
        _beside(
            line, y - ROW * lanes[0] / 2, [f"{ink.span(plan.forecast.duration)}", *_dip(plan.forecast.fewest_running)]
        )
        y += 0.12
    y = _draw_stages(line, "the plan", [(stage.time, stage.state) for stage in plan.stages], last, y)
    _beside(line, y - ROW / 2, [_ends(plan.ends, plan.duration), *_dip(plan.fewest_running)])
    y += 0.12
    stages = [(said.at, said.state) for said in row.said if said.state]
    y = _draw_stages(line, "what came", stages, min(last, row.end), y)
    done = row.done
    _beside(line, y - ROW / 2, [_ends(done.state if done else "hangs", done.at if done else None), *_dip(_fewest(row))])
    y = _draw_lanes(line, "its workers", came[: lanes[1]], y)
    _draw_guess(line, guess, y)
    line.draw_ticks(y + 0.06)
    words = "seconds since the update was asked for   ·   filled: a slot is replaced   ·   //: its worker rests   ·   dots: last watch"
    ink.write(ax, 0.1, y + 0.46, words, fontsize=SMALL)
    return ax


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _sums(forecast: Any) -> list[list[tuple]]:
    """Worker by worker, what the sums foresee: (from, to, what)."""
    lanes: list[list[tuple]] = []
    turn = forecast.swap + forecast.delay
    for n in range(min(forecast.workers, forecast.slots)):
        turns = len(range(n, forecast.slots, forecast.workers))
        lane = []
        for k in range(turns):
            lane += [
                (k * turn, k * turn + forecast.swap, "replaces"),
                (k * turn + forecast.swap, (k + 1) * turn, "rests"),
            ]
        lanes.append(lane)
    if lanes:
        lanes[0].append((forecast.duration - forecast.watch, forecast.duration, "watches"))
    return lanes


def _came(row: Update) -> list[list[tuple]]:
    """The same of the run: whoever is free takes the next slot."""
    lanes: list[list[tuple]] = []
    over = row.done.at if row.done else row.end
    for at, place, _ in row.taken:
        rest = next(
            ((since, until) for since, until, where in row.rests if where == place and since >= at), (over, over)
        )
        spans = [(at, rest[0], "replaces"), (rest[0], min(rest[1], max(over, rest[0])), "rests")]
        lane = next((lane for lane in lanes if lane[-1][1] <= at + 0.5), None)
        if lane is None:
            lanes.append(spans)
        else:
            lane += spans
    if lanes and row.watch:
        lanes[0].append((row.watch[0], min(row.watch[1], over), "watches"))
    return lanes


def _draw_lanes(line: Timeline, name: str, lanes: Sequence[Sequence[tuple]], y: float) -> float:
    for n, lane in enumerate(lanes):
        line.name(y + ROW / 2, name if n == 0 else f"worker {n + 1}")
        for what, style in (("replaces", REPLACES), ("rests", RESTS), ("watches", WATCHES)):
            boxes = [
                line.box(since, until, y + 0.05, ROW - 0.12)
                for since, until, kind in lane
                if kind == what and until > since
            ]
            ink.boxes(line.ax, boxes, zorder=2, **style)
        for since, until, kind in lane:
            if kind != "replaces":
                texts = ("last watch", "watch") if kind == "watches" else ("rest",)
                text = next(
                    (text for text in texts if ink.room(text, SMALL) + 0.15 < line.x(until) - line.x(since)), ""
                )
                middle = (line.x(since) + line.x(until)) / 2
                ink.write(
                    line.ax, middle, y + ROW / 2, text, ha="center", fontsize=SMALL, path_effects=ink.HALO, zorder=5
                )
        y += ROW
    return y


def _draw_stages(line: Timeline, name: str, stages: Sequence[tuple[float, str]], last: float, y: float) -> float:
    """The update's status."""
    line.name(y + ROW / 2, name, fontweight="bold")
    for n, (at, state) in enumerate(stages):
        until = stages[n + 1][0] if n + 1 < len(stages) else last
        style: dict[str, Any] = {"facecolor": ink.FAINT, "edgecolor": ink.INK, "linewidth": 0.8} | STRIPS.get(state, {})
        ink.box(line.ax, *line.box(at, until, y + 0.05, ROW - 0.1), zorder=2, **style)
        colour, effects = (ink.PAPER, []) if state == "updating" else (ink.INK, ink.HALO)
        line.write(at, until, y + ROW / 2, (WORDS.get(state, state),), color=colour, path_effects=effects)
    return y + ROW


def _draw_guess(line: Timeline, guess: Any, bottom: float) -> None:
    """The learner's guess as a hollow triangle, with a thin line through all rows."""
    if not _is_number(guess) or guess < 0:
        return
    x = line.x(float(guess))
    line.ax.plot((x, x), (0.24, bottom), color=ink.QUIET, linewidth=0.9, linestyle=":", zorder=4)
    hollow: dict[str, Any] = {"markerfacecolor": ink.PAPER, "markeredgecolor": ink.INK, "markeredgewidth": 1.5}
    line.ax.plot([x], [0.2], marker="v", markersize=8, zorder=5, **hollow)
    ink.write(line.ax, x + 0.1, 0.18, f"the guess: {ink.span(float(guess))}", fontsize=SMALL)


def _beside(line: Timeline, y: float, texts: Sequence[str]) -> None:
    ink.write(line.ax, line.right + 0.12, y, " · ".join(texts), fontsize=SMALL)


def _ends(state: str, at: float | None) -> str:
    if at is None:
        return "hangs" if state == "hangs" else "not over"
    return f"{WORDS.get(state, state).split(' ', 1)[-1]} {ink.span(at)}"


def _dip(fewest: int | None) -> list[str]:
    return [] if fewest is None else [f"least {fewest} run"]


def _fewest(row: Update) -> int:
    before = [count for at, count in row.slots if at <= 0]
    return min([count for at, count in row.slots if at > 0] + before[-1:], default=0)


def tell_foreseen(plan: Any, trace: Any, service: str = "", guess: float | None = None) -> str:
    """The same in words, for `show`."""
    row = update_of(trace, service or plan.service)
    forecast, done = plan.forecast, row.done
    sums = (
        f"The sums foresee {ink.span(forecast.duration)}; "
        if forecast is not None and forecast.duration is not None
        else ""
    )
    came = _ends(done.state if done else "hangs", done.at if done else None)
    said = f"{sums}the plan: {_ends(plan.ends, plan.duration)}, least {plan.fewest_running} run; what came: {came}, least {_fewest(row)} run"
    if _is_number(guess):
        said += f"; the guess was {ink.span(float(guess or 0))}"
    return f"{said[:1].upper()}{said[1:]}."
