"""Queues on the board: under each task its requests as a stack of dots, below them how many it got against its fair share."""

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from . import ink
from .trafficfold import Traffic, counts, queue_at, traffic

__all__ = ["draw_queues", "look", "per_dot", "tell_queues"]

MOST = 6  # panels
DEEP, WIDE = 12, 5  # dots below each other and side by side in the highest stack
CELL, DOT, SHARE = 0.22, 0.085, 0.5  # inches: a task, a dot, the highest column of what tasks got
TITLE, NAME, BETWEEN, LINE = 0.3, 0.24, 0.3, 0.18
SMALL = 9  # points
ROUND = (1, 2, 5)


def look(rows: Any, at: float | None = None, **options: Any) -> list[dict]:
    """Each task at an instant in seconds, by default the last arrival: its name, how many are there, how many it got."""
    given = traffic(rows, **options)
    instant = float(given.arrived[-1]) if at is None else float(at)
    there, got = queue_at(given, [instant])[:, 0], counts(given, instant)
    slow = [*given.slow, *[False] * len(given.tasks)]
    return [
        {"task": name, "queue": int(there[n]), "got": got[n], "slow": bool(slow[n])}
        for n, name in enumerate(given.tasks)
    ]


def homes(rows: Any) -> dict[str, str]:
    """On which node each task runs, if the rows are records of a trace."""
    if isinstance(rows, Sequence) and len(rows) and hasattr(rows[0], "machine"):
        return {row.name: row.machine for row in rows if row.name}
    return {}


def per_dot(longest: int, room: int = DEEP * WIDE) -> int:
    """A round number of requests for each dot, so that the longest queue finds room."""
    power = 1
    while True:
        for step in ROUND:
            if longest <= step * power * room:
                return step * power
        power *= 10


def draw_queues(
    runs: Any,
    at: Any = None,
    titles: Sequence[str] | None = None,
    nodes: Mapping[str, str] | None = None,
    **options: Any,
) -> Figure:
    """One run at up to six instants (`at=[5, 20, 60]`, seconds), or several runs by title at the same one.

    `nodes` says on which node each task runs; records of traffic know it. Options are those of `traffic`.
    """
    panels, nodes = _panels(runs, at, titles, options), nodes or homes(runs)
    columns = min(3, len(panels)) if len(panels) != 4 else 2
    lines = -(-len(panels) // columns)
    wide = (ink.WIDTH - 0.3 - BETWEEN * (columns - 1)) / columns
    longest = max((task["queue"] for _, tasks in panels for task in tasks), default=0)
    across = max(1, min(WIDE, int(wide / max(1, len(panels[0][1])) / DOT) - 1))
    each = per_dot(longest, DEEP * across)
    deep = max(2, ceil(longest / each / across))
    high = TITLE + (NAME if nodes else 0) + NAME + CELL + 0.1 + deep * DOT + 0.25 + SHARE + 0.5
    total = lines * high + 0.3 + LINE
    fig = ink.sheet(height=total)
    most = max((task["got"] / _fair(tasks) for _, tasks in panels for task in tasks if _fair(tasks)), default=1)
    for n, (title, tasks) in enumerate(panels):
        x, y = 0.2 + n % columns * (wide + BETWEEN), n // columns * high
        ax = fig.add_axes((x / ink.WIDTH, 1 - (y + high) / total, wide / ink.WIDTH, high / total))
        ax.set(xlim=(0, wide), ylim=(high, 0))
        ax.set_axis_off()
        ink.write(ax, 0, 0.14, title, fontweight="bold")
        _draw_panel(ax, tasks, nodes or {}, across, deep, each, max(1.0, most))
    for line, text in enumerate(
        ("columns: requests so far; dashed: fair share", _key(each, given_up(runs, **options)))
    ):
        place = (0.2 / ink.WIDTH, (0.14 + line * LINE) / total)
        fig.text(*place, text, fontsize=ink.TEXT, color=ink.INK, va="center")
    return fig


def _key(each: int, more: str) -> str:
    dot = "a dot is one request" if each == 1 else f"a dot is {each} requests, a hollow one fewer"
    return f"below each task: {dot}, waiting or in work{more and f', {more}'}"


def given_up(runs: Any, **options: Any) -> str:
    """Whether requests stay in a queue when their visitors have gone, in words; nothing where all were answered."""
    many = isinstance(runs, Mapping) and "arrived" not in runs
    found = [traffic(run, **options) for run in (runs.values() if many else [runs])]
    lost = [~run.ok & (run.task >= 0) for run in found]
    if not any(left.any() for left in lost):
        return ""
    stays = any(
        (left & ((run.done > run.ended) | np.isinf(run.done))).any() for run, left in zip(found, lost, strict=True)
    )
    return f"{'also' if stays else 'not'} those whose visitors have given up"


def _panels(
    runs: Any, at: Any, titles: Sequence[str] | None, options: Mapping[str, Any]
) -> list[tuple[str, list[dict]]]:
    """(title, tasks) for each panel."""
    if isinstance(runs, Mapping) and "arrived" not in runs:
        if isinstance(at, list | tuple):
            raise ValueError("several runs are compared at one instant: at=60")
        found = [(str(title).replace("\n", " "), look(run, at, **options)) for title, run in runs.items()]
    else:
        given = traffic(runs, **options)
        instants = [None] if at is None else list(at) if isinstance(at, list | tuple) else [at]
        found = [(f"{_instant(given, time):.1f} s", look(given, time)) for time in instants]
    if not 0 < len(found) <= MOST:
        raise ValueError(f"{len(found)} panels: one to {MOST} can be compared")
    named = list(titles) if titles is not None else [title for title, _ in found]
    return [(title, tasks) for title, (_, tasks) in zip(named, found, strict=True)]


def _instant(given: Traffic, at: float | None) -> float:
    return float(given.arrived[-1]) if at is None else float(at)


def _fair(tasks: list[dict]) -> float:
    return sum(task["got"] for task in tasks) / max(1, len(tasks))


def _draw_panel(
    ax: Axes, tasks: list[dict], nodes: Mapping[str, str], across: int, deep: int, each: int, most: float
) -> None:
    pitch = ax.get_xlim()[1] / max(1, len(tasks))
    head = TITLE + (NAME if nodes else 0)
    floor = head + NAME + CELL + 0.1 + deep * DOT + 0.25 + SHARE
    fair = _fair(tasks)
    for n, task in enumerate(tasks):
        middle = (n + 0.5) * pitch
        _draw_task(ax, task, middle, head, pitch)
        _draw_dots(ax, task["queue"], middle, head + NAME + CELL + 0.1, across, each)
        share = task["got"] / fair / most * SHARE if fair else 0
        style: dict[str, Any] = {"hatch": "////", "facecolor": ink.PAPER} if task["slow"] else {"facecolor": ink.SOLID}
        ink.box(
            ax,
            middle - pitch * 0.32,
            floor - share,
            pitch * 0.64,
            share,
            linewidth=0.9 if pitch > 0.2 else 0.4,
            zorder=2,
            **style,
        )
        ink.write(ax, middle, floor + 0.13, _short(task["got"], pitch), ha="center", fontsize=SMALL)
    line = floor - SHARE / most if fair else floor
    ax.plot((0, ax.get_xlim()[1]), (line, line), color=ink.INK, linewidth=1.3, linestyle=(0, (4, 2)), zorder=3)
    _write_nodes(ax, tasks, nodes, pitch)


def _short(count: int, pitch: float) -> str:
    """A count that fits, or none."""
    texts = (str(count), f"{count / 1000:.0f}k" if count >= 1000 else "", "")
    return next(text for text in texts if not text or ink.room(text, SMALL) < pitch)


def _fitting(name: str, pitch: float) -> str:
    """A name, its last part, or nothing."""
    texts = (name, name.rpartition(".")[2][-3:], "")
    return next(text for text in texts if not text or ink.room(text, SMALL) < pitch)


def _draw_task(ax: Axes, task: dict, middle: float, top: float, pitch: float) -> None:
    """Its name, its cell, and how many are there."""
    ink.write(ax, middle, top + 0.1, _fitting(task["task"], pitch), ha="center", fontsize=SMALL)
    style: dict[str, Any] = {"facecolor": ink.PAPER, "hatch": "////"} if task["slow"] else {"facecolor": ink.SOLID}
    wide = min(CELL, pitch * 0.8)
    ink.box(ax, middle - wide / 2, top + NAME, wide, CELL, linewidth=1.3 if wide == CELL else 0.6, zorder=2, **style)
    if pitch > 0.5:
        ink.write(ax, middle + CELL / 2 + 0.04, top + NAME + CELL / 2, str(task["queue"]), fontsize=SMALL)


def _draw_dots(ax: Axes, queue: int, middle: float, top: float, across: int, each: int) -> None:
    """The stack below a task, row by row; the last dot is hollow if it stands for fewer."""
    full, rest = divmod(queue, each)
    left = middle - across * DOT / 2
    spots = [(left + (n % across + 0.5) * DOT, top + (n // across + 0.5) * DOT) for n in range(full + bool(rest))]
    dots = [Circle(spot, DOT * 0.4) for spot in spots[:full]]
    ax.add_collection(PatchCollection(dots, facecolor=ink.INK, linewidth=0, zorder=3))
    if rest:
        ax.add_patch(Circle(spots[-1], DOT * 0.36, facecolor=ink.PAPER, edgecolor=ink.INK, linewidth=0.9, zorder=3))


def _write_nodes(ax: Axes, tasks: list[dict], nodes: Mapping[str, str], pitch: float) -> None:
    """The node above its tasks, where neighbours share one."""
    first = 0
    for n in range(1, len(tasks) + 1):
        node = nodes.get(tasks[first]["task"], "")
        if n < len(tasks) and nodes.get(tasks[n]["task"], "") == node:
            continue
        if node:
            wide = (n - first) * pitch
            name = node if ink.room(node, SMALL) < wide else ink.short(node)
            ax.plot((first * pitch + 0.04, n * pitch - 0.04), (TITLE + 0.22,) * 2, color=ink.QUIET, linewidth=1)
            ink.write(ax, (first + n) / 2 * pitch, TITLE + 0.11, name, ha="center", fontsize=SMALL)
        first = n


def tell_queues(runs: Any, at: Any = None, titles: Sequence[str] | None = None, **options: Any) -> str:
    """The same in words, for `show`."""
    panels = _panels(runs, at, titles, options)
    more = given_up(runs, **options)
    told = " ".join(f"{title}: {_told(tasks)}." for title, tasks in panels)
    return f"Requests at each task{more and f', {more}'}. {told}"


def _told(tasks: list[dict]) -> str:
    if len(tasks) > 6:
        longest = max(tasks, key=lambda task: task["queue"])
        middle = int(np.median([task["queue"] for task in tasks]))
        return f"most at {longest['task']}, {longest['queue']}; half of the tasks have {middle} or fewer"
    return ", ".join(f"{task['task']} has {task['queue']} and got {task['got']}" for task in tasks)
