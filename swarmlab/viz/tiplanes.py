"""Panels of a tip that have a time axis, under each other: what a follower hears of its leader, and which lines remain."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from matplotlib.axes import Axes

from . import ink
from .timeline import Timeline

__all__ = ["Heard", "Lines"]

LEFT, RIGHT = 1.25, 0.3  # inches: room for names, and behind the axis
SAW, LANE, FOOT = 0.95, 0.24, 0.42  # inches: the sawtooth, a lane below it, the ticks
SMALL = 9  # points


class Heard(NamedTuple):
    """What one follower heard of the leader after a heavy task began; times in seconds since then."""

    busy: str  # the machine with the task
    follower: str
    heard: tuple[float, ...]  # when it heard from who led
    led: tuple[tuple[float, str], ...]  # from when who led, the first at 0
    down: tuple[tuple[float, str], ...]  # from when a node was called down, though it ran
    end: float
    patience: tuple[float, float] = (10, 19)  # seconds of silence until it stands for election

    def high(self) -> float:
        return 0.12 + SAW + LANE * (1 + max(1, len(self.down))) + FOOT

    def draw(self, ax: Axes, y: float) -> None:
        """The sawtooth above, who leads and who is called down below."""
        line = Timeline(ax, LEFT, ink.WIDTH - LEFT - RIGHT, 0, self.end)
        top = max(self.patience[1], *(age for _, age in self.ages())) * 1.05
        floor = y + 0.12 + SAW
        unit = SAW / top
        _draw_patience(line, self.patience, floor, unit)
        points = self.ages()
        ax.plot(
            [line.x(at) for at, _ in points], [floor - age * unit for _, age in points], color=ink.INK, linewidth=1.4
        )
        line.line(floor)
        line.name(floor - SAW * 0.66, "s since the")
        line.name(floor - SAW * 0.66 + 0.17, "leader was")
        line.name(floor - SAW * 0.66 + 0.34, f"heard by {ink.short(self.follower)}")
        for n, age in enumerate((0, 10)):
            ink.write(ax, line.right + 0.06, floor - age * unit - 0.03 * (n == 0), str(age), fontsize=SMALL)
        _draw_leaders(line, self.led, self.end, floor + 0.06)
        _draw_down(line, self.down, floor + 0.06 + LANE)
        line.draw_ticks(floor + 0.1 + LANE * (1 + max(1, len(self.down))))

    def ages(self) -> list[tuple[float, float]]:
        """The corners of the sawtooth: (second, how long it has heard nothing)."""
        corners = [(0.0, 0.0)]
        for before, at in pairwise((0.0, *self.heard, self.end)):
            corners += [(at, at - before), (at, 0.0)]
        return corners[:-1]

    def silence(self) -> float:
        """The longest wait for a word of the leader."""
        return max(age for _, age in self.ages())

    def tell(self) -> str:
        elections = [f"{who} leads from {at:.1f} s on" for at, who in self.led[1:]]
        downs = [f"{who} is called down at {at:.1f} s though it runs" for at, who in self.down]
        said = [
            f"the heavy task is on {self.busy}",
            f"{self.follower} hears nothing of its leader for {self.silence():.1f} s at most",
        ]
        return ", ".join([*said, *(elections or ["no election"]), *(downs or ["no node is called down"])])


def _draw_patience(line: Timeline, patience: tuple[float, float], floor: float, unit: float) -> None:
    """The silences after which a follower stands for election."""
    low, high = patience
    ink.box(line.ax, line.left, floor - high * unit, line.wide, (high - low) * unit, facecolor=ink.FAINT, linewidth=0)
    words = f"after {low:g}–{high:g} s of silence it stands for election"
    ink.write(line.ax, line.right - 0.08, floor - (low + high) / 2 * unit, words, ha="right", fontsize=SMALL)


def _draw_leaders(line: Timeline, led: Sequence[tuple[float, str]], end: float, y: float) -> None:
    """Who leads, from when on; an election is a thick mark."""
    line.name(y + 0.1, "leader")
    for (since, who), until in zip(led, [*(at for at, _ in led[1:]), end], strict=True):
        ink.box(line.ax, *line.box(since, until, y, 0.18), facecolor=ink.CONTROL, linewidth=0.8)
        line.write(since, until, y + 0.09, (who, ink.short(who)), color=ink.PAPER)
    for at, _ in led[1:]:
        line.ax.plot([line.x(at)] * 2, (y - 0.05, y + 0.22), color=ink.INK, linewidth=2.6, zorder=7)


def _draw_down(line: Timeline, down: Sequence[tuple[float, str]], y: float) -> None:
    """Whose node is called down though its machine runs."""
    line.name(y + 0.1, "called down")
    if not down:
        ink.write(line.ax, line.left + 0.07, y + 0.1, "nobody", fontsize=SMALL)
    for n, (at, who) in enumerate(down):
        ink.box(
            line.ax,
            *line.box(at, line.end, y + n * LANE, 0.18),
            facecolor=ink.PAPER,
            edgecolor=ink.WRONG,
            hatch="xx",
            linewidth=1,
        )
        fits = line.x(at) - line.left > ink.room(who, SMALL) + 0.2
        style: dict[str, Any] = {"ha": "right"} if fits else {"path_effects": ink.HALO}
        ink.write(line.ax, line.x(at) + (-0.08 if fits else 0.08), y + n * LANE + 0.1, who, fontsize=SMALL, **style)


class Lines(NamedTuple):
    """The lines that containers printed on some machines, one of which burnt; times in seconds."""

    machines: tuple[str, ...]
    lines: tuple[tuple[float, str, bool], ...]  # when it was printed, where, whether it can be read after the fault
    fault: tuple[float, str]  # when which machine burnt
    end: float
    how: str = ""  # with which command the lines were read

    def high(self) -> float:
        return 0.12 + 0.34 * len(self.machines) + FOOT

    def draw(self, ax: Axes, y: float) -> None:
        """A lane for each machine: a full tick for a line that can be read, a cross for one that is lost."""
        line = Timeline(ax, LEFT, ink.WIDTH - LEFT - RIGHT, 0, self.end)
        bottom = y + 0.1 + 0.34 * len(self.machines)
        for n, machine in enumerate(self.machines):
            middle = y + 0.27 + 0.34 * n
            if machine == self.fault[1]:
                gone = line.box(self.fault[0], self.end, middle - 0.14, 0.28)
                ink.box(ax, *gone, facecolor=ink.FAINT, edgecolor=ink.LINE, hatch="xx", linewidth=0)
                line.write(self.fault[0], self.end, middle, (f"{machine} has burnt", "burnt"), path_effects=ink.HALO)
            line.name(middle, machine)
            line.line(middle + 0.15)
            for readable, marker, colour in ((True, "|", ink.INK), (False, "x", ink.WRONG)):
                places = [line.x(at) for at, where, found in self.lines if where == machine and found == readable]
                size = 11 if readable else 6.5
                ax.plot(places, [middle] * len(places), marker, markersize=size, markeredgewidth=1.7, color=colour)
        line.draw_ticks(bottom + 0.02)

    def lost(self) -> int:
        return sum(not readable for *_, readable in self.lines)

    def tell(self) -> str:
        at, machine = self.fault
        before = sum(where == machine for _, where, _ in self.lines)
        return f"{machine} burns at {at:.0f} s: {self.lost()} of its {before} lines are lost, {len(self.lines) - self.lost()} of {len(self.lines)} can be read"
