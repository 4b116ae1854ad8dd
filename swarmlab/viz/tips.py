"""A tip as small multiples: the same run without it and with it, each panel under its name, on the same axes."""

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes

from . import ink
from .tiplanes import Heard, Lines
from .tippanels import Hosts, Path, Placed

__all__ = ["Heard", "Hosts", "Lines", "Path", "Placed", "draw_tip", "tell_tip"]

HEAD, GAP, EDGE = 0.34, 0.35, 0.15  # inches: a panel's name, between two panels, at the edge
MOST = 6  # panels
NOTES = {Heard: "seconds since the heavy task began", Lines: "seconds   ·   | can be read   ·   ✕ lost"}
NOTES_SIDE = {
    Placed: "a block is a task",
    Path: "pings are refused that are larger than the network's MTU, and may not be cut   ·   goodput: by the headers, without the CPU's work",
}


def draw_tip(tip: Mapping[str, Any], ax: Axes | None = None) -> Axes:
    """The panels of {title: panel}: those with a time axis under each other, the others side by side."""
    panels = list(tip.values())
    if not 1 <= len(panels) <= MOST or len({type(panel) for panel in panels}) > 1:
        raise ValueError(f"a tip has one to {MOST} panels of one kind, these are {len(panels)}")
    return _under_each_other(tip, ax) if isinstance(panels[0], Heard | Lines) else _side_by_side(tip, ax)


def _under_each_other(tip: Mapping[str, Any], ax: Axes | None) -> Axes:
    note = NOTES[type(next(iter(tip.values())))]
    ax = ink.canvas(ax, ink.WIDTH, sum(HEAD + panel.high() for panel in tip.values()) + 0.3)
    y = 0.0
    for title, panel in tip.items():
        ink.write(ax, EDGE, y + 0.2, title, fontweight="bold")
        panel.draw(ax, y + HEAD)
        y += HEAD + panel.high()
    ink.write(ax, EDGE + 1.1, y + 0.1, note, fontsize=9)
    return ax


def _side_by_side(tip: Mapping[str, Any], ax: Axes | None) -> Axes:
    wide = (ink.WIDTH - 2 * EDGE - GAP * (len(tip) - 1)) / len(tip)
    note = NOTES_SIDE.get(type(next(iter(tip.values()))), "")
    high = HEAD + max(panel.high(wide) for panel in tip.values())
    ax = ink.canvas(ax, ink.WIDTH, high + 0.3 * bool(note))
    for n, (title, panel) in enumerate(tip.items()):
        x = EDGE + n * (wide + GAP)
        ink.write(ax, x, 0.2, title, fontweight="bold")
        panel.draw(ax, x, HEAD, wide)
        if n:
            ax.plot((x - GAP / 2,) * 2, (0.1, high - 0.05), color=ink.LINE, linewidth=0.8)
    ink.write(ax, EDGE, high + 0.1, note, fontsize=9)
    return ax


def tell_tip(tip: Mapping[str, Any]) -> str:
    """The same in words, for `show`."""
    said = [f"{title}: {panel.tell()}." for title, panel in tip.items()]
    return " ".join(text[:1].upper() + text[1:] for text in said)
