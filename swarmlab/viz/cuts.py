"""Groups after a bad day, side by side: who can still talk to whom, who has no power, who led. The answer is not drawn."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Circle

from . import ink
from .still import draw_role

ACROSS = 3  # panels in a row
PANEL, HIGH = 3.25, 1.75  # inches: a panel with the room between two
STEP, DISC = 0.56, 0.11  # inches: from manager to manager, and its ring
SIDES = "ABCDEFGH"


def draw_cuts(cuts: Sequence[Any], ax: Axes | None = None) -> Axes:
    """A panel for each (members, sides, dead, leader): a box for each side of the cut, and one for those without power."""
    rows = -(-len(cuts) // ACROSS)
    ax = ink.axes(ax, rows * HIGH + 0.1, 0.1, 0.1, 0.05, 0.05)
    wide, tall = ink.inches(ax)
    ax.set(xlim=(0, wide), ylim=(tall, 0), aspect="equal")
    ax.set_axis_off()
    for number, cut in enumerate(cuts):
        _draw_panel(ax, number, cut, number % ACROSS * PANEL, number // ACROSS * HIGH)
    return ax


def _draw_panel(ax: Axes, number: int, cut: Any, x: float, y: float) -> None:
    members, sides, dead, leader = cut[:4]
    ink.write(ax, x + 0.05, y + 0.15, f"cut {number + 1}: {members} managers", fontweight="bold")
    top = y + 0.3
    for side, names in zip(SIDES, sides, strict=False):
        _draw_side(ax, side, names, leader, True, x + 0.05, top)
        top += 0.46
    if dead:
        _draw_side(ax, "no power", dead, leader, False, x + 0.05, top)


def _draw_side(ax: Axes, title: str, names: Sequence[str], leader: str, works: bool, x: float, y: float) -> None:
    """One box: its letter, and its managers; the crown is on who led before."""
    first = 0.3 if works else 0.95
    if works:
        ink.box(ax, x, y, first + STEP * len(names) + 0.05, 0.4, facecolor="#f7f7f7", edgecolor=ink.QUIET)
    ink.write(ax, x + 0.1, y + 0.2, title, fontweight="bold" if works else "normal")
    for place, name in enumerate(names):
        left = x + first + 0.13 + place * STEP
        if works:
            draw_role(ax, "leader" if name == leader else "follower", left, y + 0.2)
        else:
            ring = {"facecolor": ink.PAPER, "edgecolor": ink.LINE, "hatch": "xxxx"}
            ax.add_patch(Circle((left, y + 0.2), DISC, **ring))
        ink.write(ax, left + 0.14, y + 0.2, name.replace("node-", ""), fontsize=9)
