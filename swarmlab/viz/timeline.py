"""A time axis on a sheet in inches: where each second lies, its ticks, and names at its left."""

from collections.abc import Sequence
from math import ceil
from typing import Any, NamedTuple

from matplotlib.axes import Axes

from . import ink

__all__ = ["Timeline", "counts_at", "stairs"]

SMALL = 9  # points
STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 3600, 7200, 36000, 86400)


class Timeline(NamedTuple):
    """Where a panel's time axis lies, in inches, and what it spans, in seconds. What lies outside is at its ends."""

    ax: Axes
    left: float
    wide: float
    start: float
    end: float

    def x(self, time: float) -> float:
        inside = min(max(time, self.start), self.end)
        return self.left + (inside - self.start) / max(self.end - self.start, 1e-9) * self.wide

    @property
    def right(self) -> float:
        return self.left + self.wide

    def has(self, time: float | None) -> bool:
        return time is not None and self.start <= time <= self.end

    def box(self, since: float, until: float, y: float, high: float) -> tuple[float, float, float, float]:
        """x, y, width and height of a span."""
        return self.x(since), y, self.x(until) - self.x(since), high

    def name(self, y: float, text: str, **style: Any) -> None:
        """What a row is, at its left."""
        ink.write(self.ax, self.left - 0.1, y, text, ha="right", fontsize=SMALL, **style)

    def line(self, y: float, **style: Any) -> None:
        """The floor of a row."""
        look: dict[str, Any] = {"color": ink.LINE, "linewidth": 0.8, "zorder": 1} | style
        self.ax.plot((self.left, self.right), (y, y), **look)

    def write(
        self, since: float, until: float, y: float, texts: Sequence[str], indent: float = 0.07, **style: Any
    ) -> None:
        """The first of these texts that has room between two instants."""
        wide = self.x(until) - self.x(since)
        text = next((text for text in texts if text and ink.room(text, SMALL) + indent + 0.05 < wide), "")
        if text:
            ink.write(self.ax, self.x(since) + indent, y, text, fontsize=SMALL, clip_on=True, **{"zorder": 6} | style)

    def draw_ticks(self, y: float) -> None:
        span = self.end - self.start
        step = next((step for step in STEPS if span / step <= self.wide * 1.35), STEPS[-1])
        self.line(y, color=ink.INK)
        for n in range(ceil(self.start / step - 1e-9), int(self.end / step + 1e-9) + 1):
            x = self.x(n * step)
            self.ax.plot((x, x), (y, y + 0.05), color=ink.INK, linewidth=0.8)
            ink.write(self.ax, x, y + 0.15, f"{n * step:g}", ha="center", fontsize=SMALL)


def counts_at(counts: Sequence[tuple[float, float]], time: float) -> float:
    """What held at this instant; nothing before the first."""
    return next((count for at, count in reversed(counts) if at <= time), 0)


def stairs(
    line: Timeline, counts: Sequence[tuple[float, float]], floor: float, unit: float, until: float | None = None
) -> tuple[list[float], list[float]]:
    """A count that holds until the next as a curve in inches, `unit` inches for one, to `until`."""
    last = line.end if until is None else min(until, line.end)
    xs, ys = [line.left], [floor - counts_at(counts, line.start) * unit]
    for at, count in counts:
        if line.start < at < last:
            xs += [line.x(at)] * 2
            ys += [ys[-1], floor - count * unit]
    return [*xs, line.x(last)], [*ys, ys[-1]]
