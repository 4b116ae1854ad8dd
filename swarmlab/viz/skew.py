"""Who carries the load when clients keep an answer of the DNS: requests per replica against the fair share.

A panel per client TTL, all on one scale.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from . import ink
from .chips import SMALL

__all__ = ["busiest", "draw_skew", "tell_skew"]

MOST = 6  # panels
LEFT, HIGH, LINE, BOTTOM, GAP = 0.62, 2.1, 0.2, 0.62, 0.22  # inches


def busiest(counts: Mapping[str, int] | Sequence[int]) -> float:
    """How many times the fair share the busiest replica carries."""
    values = _values(counts)
    total = sum(values)
    return max(values) * len(values) / total if total else 0.0


def _values(counts: Any) -> list[int]:
    return list(counts.values()) if isinstance(counts, Mapping) else list(counts)


def _names(counts: Any) -> list[str]:
    return list(counts) if isinstance(counts, Mapping) else [str(n + 1) for n in range(len(counts))]


def tell_skew(panels: Mapping[str, Any]) -> str:
    """The same in words, for `show`."""
    said = []
    for title, counts in panels.items():
        idle = sum(value == 0 for value in _values(counts))
        more = f", {idle} idle" if idle else ""
        said.append(f"{title.replace(chr(10), ' ')}: the busiest carries {busiest(counts):.2f} times its share{more}")
    return f"Requests per replica. {'; '.join(said)}."


def draw_skew(panels: Mapping[str, Any], colour: str = "") -> Figure:
    """{title: {replica: requests}}, at most six panels side by side; the dashed line is the fair share."""
    if not panels:
        raise ValueError("there is nothing to draw: no panels")
    if len(panels) > MOST:
        raise ValueError(f"{len(panels)} panels: at most {MOST} can be compared")
    top = 0.36 + LINE * max(len(title.split("\n")) for title in panels)
    height = top + HIGH + BOTTOM
    fig = ink.sheet(height=height)
    wide = (ink.WIDTH - LEFT - 0.15 - GAP * (len(panels) - 1)) / len(panels)
    most = max(max(_values(counts), default=0) for counts in panels.values()) * 1.12 or 1
    for n, (title, counts) in enumerate(panels.items()):
        left = LEFT + n * (wide + GAP)
        ax = fig.add_axes((left / ink.WIDTH, BOTTOM / height, wide / ink.WIDTH, HIGH / height))
        _draw_panel(ax, title, counts, most, n == 0, wide, colour or ink.SOLID)
    return fig


def _draw_panel(ax: Axes, title: str, counts: Any, most: float, first: bool, wide: float, colour: str) -> None:
    values, names = _values(counts), _names(counts)
    fair = sum(values) / len(values) if values else 0
    ax.bar(range(len(values)), values, width=0.7, color=colour, edgecolor=ink.INK, linewidth=0.8, zorder=2)
    ax.axhline(fair, color=ink.INK, linewidth=1.2, linestyle="--", zorder=3)
    roomy = wide / max(1, len(values)) > 0.38
    for n, value in enumerate(values):
        if value == 0:
            ink.write(ax, n, most * 0.04, "idle", ha="center", fontsize=SMALL, rotation=0 if roomy else 90, va="bottom")
        elif roomy:
            inside = value > most * 0.14
            y = most * 0.05 if inside else value + most * 0.05
            look = {"color": ink.PAPER if inside and colour == ink.SOLID else ink.INK}
            ink.write(ax, n, y, f"{value:,}", ha="center", fontsize=SMALL, zorder=4, **look)
    ax.set(xlim=(-0.6, len(values) - 0.4), ylim=(0, most))
    share = f"busiest: {busiest(counts):.2f} × its share"
    share = share if ink.room(share) * 0.9 < wide + GAP else f"busiest: {busiest(counts):.2f} ×"
    ax.set_title(f"{title}\n{share}", fontsize=ink.TEXT, color=ink.INK, loc="left")
    labels = names if max(ink.room(name, SMALL) for name in names) < wide / max(1, len(names)) else [""] * len(names)
    ax.set_xticks(range(len(values)), labels, fontsize=SMALL)
    ax.tick_params(axis="x", length=0)
    ax.tick_params(axis="y", labelsize=SMALL, labelleft=first)
    if first:
        ax.set_ylabel("requests", fontsize=ink.TEXT)
    ax.set_xlabel(f"dashed: the fair share, {fair:,.0f}" if first else "replicas", fontsize=SMALL)
    for side in ("right", "top"):
        ax.spines[side].set_visible(False)
