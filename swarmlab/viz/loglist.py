"""Lines of a log in one place: how many came when, and the last of them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes

from . import ink
from .timeline import Timeline

__all__ = ["chosen", "draw_lines", "tell_lines"]

LEFT, BARS, ROW = 0.5, 0.9, 0.2  # inches
SHOWN = 10  # lines
BINS = 60
SMALL = 9  # points
LONGEST = 70  # letters of a line


def chosen(lines: Iterable[Any], service: str = "", node: str = "", contains: str = "") -> list[Any]:
    """The lines of a service, of a node, with this text in them; '' for all."""
    return [
        line
        for line in lines
        if service in ("", line.service) and node in ("", line.node) and contains.lower() in line.line.lower()
    ]


def draw_lines(lines: Sequence[Any], start: float = 0, end: float | None = None, ax: Axes | None = None) -> Axes:
    """How many lines came when, and below it the last ten, with the machine and the task that printed them."""
    last = list(lines)[-SHOWN:]
    ax = ink.canvas(ax, ink.WIDTH, BARS + 0.5 + ROW * len(last))
    until = end if end is not None else max((line.time for line in lines), default=start + 1)
    axis = Timeline(ax, LEFT, ink.WIDTH - LEFT - 0.4, start, max(until, start + 1))
    _draw_counts(axis, lines)
    axis.draw_ticks(BARS)
    for n, line in enumerate(last):
        y = BARS + 0.55 + n * ROW
        for x, text in zip((LEFT, LEFT + 0.9, LEFT + 1.8, LEFT + 3.6), _cells(line), strict=True):
            ink.write(ax, x, y, text, fontsize=SMALL, family="monospace" if x > 3 else "sans-serif")
    return ax


def _draw_counts(axis: Timeline, lines: Sequence[Any]) -> None:
    width = (axis.end - axis.start) / BINS
    counts = [0] * BINS
    for line in lines:
        if axis.has(line.time):
            counts[min(BINS - 1, int((line.time - axis.start) / width))] += 1
    unit = (BARS - 0.3) / max(1, *counts)
    places = [
        (axis.x(axis.start + n * width), BARS - count * unit, axis.wide / BINS, count * unit)
        for n, count in enumerate(counts)
        if count
    ]
    ink.boxes(axis.ax, places, facecolor=ink.SOLID, edgecolor=ink.PAPER, linewidth=0.4)
    most = f"at most {max(counts)} in {ink.span(width)}" if lines else "none with all that"
    ink.write(
        axis.ax,
        LEFT,
        0.14,
        f"{len(lines)} line{'s' * (len(lines) != 1)}  ·  {most}  ·  time in seconds",
        fontsize=SMALL,
    )


def _cells(line: Any) -> tuple[str, str, str, str]:
    text = line.line if len(line.line) <= LONGEST else line.line[: LONGEST - 1] + "…"
    return f"{line.time:.2f} s", line.node, line.task.partition("_")[2] or line.task, text


def tell_lines(lines: Sequence[Any], words: Mapping[str, str] | None = None) -> str:
    """How many, of whom, and the last of them."""
    asked = ", ".join(f"{name} {value!r}" for name, value in (words or {}).items() if value)
    tasks = len({line.task for line in lines})
    last = f"; the last: {lines[-1].line}" if lines else ""
    return f"{len(lines)} line{'s' * (len(lines) != 1)}{f' with {asked}' * bool(asked)}, of {tasks} task{'s' * (tasks != 1)}{last}."
