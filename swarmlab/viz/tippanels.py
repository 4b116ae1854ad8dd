"""Panels of a tip that stand side by side: tasks per node, hosts that are watched, and what a test of the network says."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from matplotlib.axes import Axes

from . import ink
from .chips import filled

__all__ = ["Hosts", "Path", "Placed"]

SMALL = 9  # points
BLOCK = 0.26  # inches: a task
ROW = 0.27  # inches


class Placed(NamedTuple):
    """How many tasks each node got, and why."""

    wanted: str  # the constraint
    tasks: Mapping[str, int]
    labels: Mapping[str, str]
    why: Mapping[str, str]  # what the filter found: '' where the node passes

    def high(self, wide: float) -> float:
        return (
            0.36 + BLOCK * self._most() + 0.1 + 0.2 * (2 + max(len(self._why(node, wide)) for node in self.tasks)) + 0.1
        )

    def draw(self, ax: Axes, x: float, y: float, wide: float) -> None:
        """A column for each node, a block for each task; below it its label, and why it got none."""
        ink.write(ax, x, y + 0.12, f"wanted: {self.wanted}", fontsize=SMALL)
        floor, column = y + 0.36 + BLOCK * self._most(), wide / len(self.tasks)
        for n, (node, count) in enumerate(self.tasks.items()):
            left, middle = x + n * column + 0.05, x + (n + 0.5) * column
            ok = not self.why[node]
            for k in range(count):
                ink.box(ax, left + 0.14, floor - (k + 1) * BLOCK, column - 0.38, BLOCK - 0.04, facecolor=ink.HUES[0])
            edge = (
                {"edgecolor": ink.INK, "linewidth": 1.2}
                if ok
                else {"edgecolor": ink.WRONG, "linestyle": (0, (2, 2)), "linewidth": 1.4}
            )
            ink.box(
                ax, left + 0.08, floor - BLOCK * self._most() - 0.06, column - 0.26, BLOCK * self._most() + 0.08, **edge
            )
            if not count:
                ink.write(
                    ax,
                    middle - 0.05,
                    floor - BLOCK * self._most() / 2,
                    "0",
                    ha="center",
                    fontweight="bold",
                    color=ink.INK,
                )
            ink.write(ax, middle - 0.05, floor + 0.14, node, ha="center", fontsize=SMALL)
            ink.write(
                ax, middle - 0.05, floor + 0.34, self.labels[node], ha="center", fontsize=SMALL, family="monospace"
            )
            for m, text in enumerate(self._why(node, wide)):
                sign = {"color": ink.INK, "fontweight": "normal" if ok else "bold"}
                ink.write(ax, middle - 0.05, floor + 0.54 + 0.18 * m, text, ha="center", fontsize=SMALL, **sign)

    def _most(self) -> int:
        return max(3, *self.tasks.values())

    def _why(self, node: str, wide: float) -> list[str]:
        return filled(f"✕ {self.why[node]}" if self.why[node] else "✓ passes", wide / len(self.tasks) - 0.12)

    def tell(self) -> str:
        counts = "/".join(map(str, self.tasks.values()))
        out = [f"{node} ({self.labels[node]}) gets none: {why}" for node, why in self.why.items() if why]
        return f"tasks per node {counts}{'; ' if out else ''}{'; '.join(out)}"


class Hosts(NamedTuple):
    """On which machines a watching service runs."""

    watched: Mapping[str, bool]
    why: str = ""  # why some are missing

    def high(self, wide: float) -> float:
        return 0.1 + ROW * len(self.watched) + 0.22 * bool(self.why) + 0.1

    def draw(self, ax: Axes, x: float, y: float, wide: float) -> None:
        """A cell for each machine: filled by the task that watches it, else nobody knows what is there."""
        for n, (machine, seen) in enumerate(self.watched.items()):
            middle = y + 0.1 + ROW * (n + 0.5)
            ink.write(ax, x, middle, machine, fontsize=SMALL)
            fill: dict[str, Any] = {"facecolor": ink.HUES[0], "linewidth": 1}
            empty: dict[str, Any] = {"edgecolor": ink.WRONG, "linestyle": ":", "linewidth": 1.5}
            ink.box(ax, x + 0.95, middle - 0.1, 0.42, 0.2, **(fill if seen else empty))
            ink.write(ax, x + 1.16, middle, "" if seen else "?", ha="center", fontweight="bold", fontsize=SMALL)
            words = "watched" if seen else "nobody watches it"
            ink.write(ax, x + 1.47, middle, words, fontsize=SMALL, fontweight="normal" if seen else "bold")
        if self.why:
            ink.write(ax, x, y + 0.1 + ROW * len(self.watched) + 0.12, self.why, fontsize=SMALL)

    def tell(self) -> str:
        dark = [machine for machine, seen in self.watched.items() if not seen]
        return f"{len(self.watched) - len(dark)} of {len(self.watched)} hosts are watched{', not ' * bool(dark)}{', '.join(dark)}"


WAYS = {"passes": 1.0, "lost": 0.55}  # how far it comes; all else is refused where it begins
FAST = 10.0  # Gbit/s: the whole bar


class Path(NamedTuple):
    """What a test from machine to machine says: pings that must not be cut, pages, and the goodput."""

    probes: Mapping[int, str]  # bytes → passes · lost · why it was refused
    pages: Mapping[int, str]  # bytes → '' for answered, else why not
    gbit: float  # 0: nothing large arrives

    def high(self, wide: float) -> float:
        return 0.32 + ROW * (len(self.probes) + len(self.pages)) + 0.24 + 0.42

    def draw(self, ax: Axes, x: float, y: float, wide: float) -> None:
        """A line as far as each one came, from who asks at the left to who is asked at the right."""
        since, until = x + 0.95, x + wide - 0.4
        for at, text in ((since, "here"), (until, "there")):
            ink.write(ax, at, y + 0.12, text, ha="center" if at == until else "left", fontsize=SMALL, color=ink.QUIET)
        rows = [(f"ping {size}", WAYS.get(fate, 0.0), _shortly(fate)) for size, fate in self.probes.items()]
        rows += [(f"page {_bytes(size)}", 0.55 if why else 1.0, why) for size, why in self.pages.items()]
        for n, (name, far, why) in enumerate(rows):
            middle = y + 0.36 + ROW * n + 0.08 * (n >= len(self.probes))
            self._draw_way(ax, x, middle, name, (since, until), far, why)
        floor = y + 0.36 + ROW * len(rows) + 0.14
        ink.write(ax, x, floor, "goodput", fontsize=SMALL)
        ink.box(ax, since, floor - 0.08, until - since, 0.16, edgecolor=ink.LINE, linewidth=0.9)
        ink.box(ax, since, floor - 0.08, (until - since) * self.gbit / FAST, 0.16, facecolor=ink.SOLID, linewidth=0)
        words = f"{self.gbit:.2f} of {FAST:g} Gbit/s" if self.gbit else "nothing large arrives"
        ink.write(ax, since, floor + 0.22, words, fontsize=SMALL)

    def _draw_way(
        self, ax: Axes, x: float, y: float, name: str, ends: tuple[float, float], far: float, why: str
    ) -> None:
        since, until = ends
        ink.write(ax, x, y, name, fontsize=SMALL)
        end = since + (until - since) * far
        ok = far == 1.0
        if far:
            ax.plot((since, end), (y, y), color=ink.INK, linewidth=1.5, linestyle="-" if ok else (0, (4, 2)))
        if ok:
            ink.write(ax, end + 0.12, y, "✓", color=ink.CONTROL, fontweight="bold")
        else:
            ax.plot([end + 0.05 * (not far)], [y], "x", color=ink.WRONG, markersize=7, markeredgewidth=2)
            ink.write(ax, end + 0.17, y, why, fontsize=SMALL, path_effects=ink.HALO)

    def tell(self) -> str:
        pings = ", ".join(
            f"{size} bytes {'pass' if fate == 'passes' else _shortly(fate)}" for size, fate in self.probes.items()
        )
        pages = ", ".join(f"a page of {_bytes(size)} {why or 'comes'}" for size, why in self.pages.items())
        return f"pings of {pings}; {pages}; {f'{self.gbit:.2f} Gbit/s' if self.gbit else 'nothing large arrives'}"


def _shortly(fate: str) -> str:
    return "refused" if fate.startswith("message too long") else fate


def _bytes(size: int) -> str:
    return f"{size / 1000:g} kB" if size >= 1000 else f"{size} B"
