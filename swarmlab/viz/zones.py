"""Quorums: how many managers there are, how many of them must agree, and by zone what is left when some are lost.

Outline is the wish, filling is the fact: every member is a ring, one that works is filled. Squares are the votes it takes.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.patches import Circle, PathPatch, Rectangle
from matplotlib.path import Path

from . import ink

__all__ = ["Side", "draw_quorum", "draw_zones", "sides", "tell_quorum", "tell_zones"]

DISC, STEP = 0.15, 0.46  # inches: a manager, from one to the next
PLACE, PITCH = 0.15, 0.19  # inches: a place for a vote, from one to the next
ROW, GAP, EDGE = 0.5, 0.42, 0.16  # inches: from row to row, between zones, round the managers of one
TICK = ((0.18, 0.5), (0.42, 0.22), (0.85, 0.85))


class Side(NamedTuple):
    """What the managers of one zone can do."""

    zone: str
    alive: int
    members: int
    reached: int  # managers that work and that this zone reaches, its own included
    needed: int  # the majority of all members
    can_lead: bool
    through: str  # a zone that can lead and that it reaches, '' for none: then it cannot write


def sides(layout: Mapping[str, Sequence[str]], dead: Any = (), cut: Any = ()) -> list[Side]:
    """Who can still write, zone by zone. `dead` names managers or whole zones; `cut` names zones that are cut off from
    all others, or pairs of zones that cannot talk, or is "all"."""
    lost, gaps = _lost(layout, dead), _gaps(layout, cut)
    alive = {zone: sum(name not in lost for name in names) for zone, names in layout.items()}
    needed = sum(map(len, layout.values())) // 2 + 1
    linked = {zone: [other for other in layout if frozenset((zone, other)) not in gaps] for zone in layout}
    reached = {zone: sum(alive[other] for other in linked[zone]) if alive[zone] else 0 for zone in layout}
    leads = {zone: reached[zone] >= needed for zone in layout}
    found = []
    for zone, names in layout.items():
        paths = [other for other in (zone, *linked[zone]) if leads[other]] if alive[zone] else []
        found.append(Side(zone, alive[zone], len(names), reached[zone], needed, leads[zone], next(iter(paths), "")))
    return found


def _lost(layout: Mapping[str, Sequence[str]], dead: Any) -> set[str]:
    """The names of all dead managers."""
    found: set[str] = set()
    for name in [dead] if isinstance(dead, str) else dead:
        mates = layout.get(name, (name,))
        known = [manager for names in layout.values() for manager in names]
        if not set(mates) <= set(known):
            raise ValueError(f"{name!r} is neither a zone nor a manager of: {', '.join([*layout, *known])}")
        found |= set(mates)
    return found


def _gaps(layout: Mapping[str, Sequence[str]], cut: Any) -> set[frozenset[str]]:
    """The pairs of zones that cannot talk."""
    zones = list(layout)
    if cut == "all":
        return {frozenset((one, other)) for one in zones for other in zones if one != other}
    found: set[frozenset[str]] = set()
    for item in [cut] if isinstance(cut, str) else cut:
        ends = (item,) if isinstance(item, str) else tuple(item)
        for zone in ends:
            if zone not in layout:
                raise ValueError(f"{zone!r} is no zone of: {', '.join(zones)}")
        pairs = [(ends[0], other) for other in zones] if len(ends) == 1 else [ends]
        found |= {frozenset(pair) for pair in pairs if len(set(pair)) == 2}
    return found


# ── zones ────────────────────────────────────────────────────────────────────────────────────────────────────────


def draw_zones(layout: Mapping[str, Sequence[str]], dead: Any = (), cut: Any = (), ax: Axes | None = None) -> Axes:
    """Managers by zone, what each zone still reaches, and whether it can write: `draw_zones({"a": ["m1", "m2"], …})`.

    `dead` names managers or whole zones; `cut` names zones cut off from all others, or pairs of zones, or is "all".
    """
    found, lost, gaps = sides(layout, dead, cut), _lost(layout, dead), _gaps(layout, cut)
    lines = max(-(-len(names) // 3) for names in layout.values())
    high = 0.34 + EDGE + lines * 0.62
    arcs = _arcs(list(layout), gaps)
    total = high + 1.0 + 0.3 * bool(arcs)
    widths = [max(1.62, min(3, len(names)) * STEP + 2 * EDGE) for names in layout.values()]
    width = sum(widths) + GAP * (len(widths) - 1) + 0.3
    if ax is None:
        fig = ink.sheet(width=min(ink.WIDTH, max(width, 4.2)), height=total)
        ax = fig.add_axes((0.0, 0.0, 1.0, 1.0))
    wide, tall = ink.inches(ax)
    ax.set(xlim=(0, max(wide, width)), ylim=(max(tall, total), 0), aspect="equal")
    ax.set_axis_off()
    x = (max(wide, width) - width) / 2 + 0.15
    lefts = []
    for (zone, names), side, across in zip(layout.items(), found, widths, strict=True):
        lefts.append(x)
        _draw_zone(ax, zone, names, lost, (x, 0.12, across, high))
        _draw_side(ax, side, x + across / 2, high + 0.34)
        x += across + GAP
    middles = {zone: left + across / 2 for zone, left, across in zip(layout, lefts, widths, strict=True)}
    for one, other, left, across in zip(layout, list(layout)[1:], lefts, widths, strict=False):
        if frozenset((one, other)) in gaps:
            middle = left + across + GAP / 2
            ax.plot((middle, middle), (0.12, high + 0.12), color=ink.LINE, linewidth=5, linestyle=(0, (2, 1)))
    for one, other in arcs:
        _draw_arc(ax, middles[one], middles[other], high + 0.98, frozenset((one, other)) in gaps)
    return ax


def _draw_zone(ax: Axes, zone: str, names: Sequence[str], lost: set[str], box: tuple) -> None:
    """A bracket with the zone's own count, and its managers as rings."""
    x, y, wide, _ = box
    ink.box(ax, *box, facecolor="#f7f7f7", edgecolor=ink.QUIET, linewidth=1)
    alive = sum(name not in lost for name in names)
    ink.write(ax, x + 0.1, y + 0.18, zone, fontweight="bold")
    ink.write(ax, x + wide - 0.1, y + 0.18, f"{alive} of {len(names)}", ha="right")
    for n, name in enumerate(names):
        across = min(3, len(names))
        left = x + wide / 2 + (n % 3 - (across - 1) / 2) * STEP
        low = y + 0.34 + EDGE + n // 3 * 0.62
        _draw_manager(ax, left, low, name not in lost)
        ink.write(ax, left, low + 0.27, ink.short(name), fontsize=9, ha="center")


def _draw_manager(ax: Axes, x: float, y: float, works: bool) -> None:
    """Filled when it works; an empty, cross-hatched ring when not."""
    face = ink.CONTROL if works else ink.PAPER
    ax.add_patch(
        Circle((x, y), DISC, facecolor=face, edgecolor=ink.INK if works else ink.QUIET, linewidth=1.2, zorder=3)
    )
    if not works:
        ax.add_patch(Circle((x, y), DISC, facecolor="none", edgecolor=ink.LINE, linewidth=0, hatch="xxxx", zorder=3))


def _draw_side(ax: Axes, side: Side, x: float, y: float) -> None:
    """The places of the votes that are needed, filled by those that this zone reaches; what follows in words."""
    _draw_places(ax, x, y, side.needed, side.reached)
    ink.write(ax, x, y + 0.25, f"reaches {side.reached}, needs {side.needed}", ha="center")
    sign, colour = ("✓", ink.CONTROL) if side.through else ("✕", ink.WRONG)
    text = _write(side)
    half = ink.room(text) / 2
    ink.write(ax, x - half - 0.1, y + 0.45, sign, ha="center", color=colour, fontweight="bold")
    ink.write(ax, x + 0.02, y + 0.45, text, ha="center", fontweight="bold")


def _write(side: Side) -> str:
    """Whether it can write; who cannot lead itself can through another zone."""
    if not side.through:
        return "cannot write"
    return "can write" if side.can_lead else f"can write through {side.through}"


def _draw_places(ax: Axes, x: float, y: float, needed: int, votes: int) -> None:
    """A row of places round `x`: as many as votes are needed, ticked as far as there are votes."""
    left = x - (needed * PITCH - (PITCH - PLACE)) / 2
    for n in range(needed):
        at = left + n * PITCH
        ax.add_patch(
            Rectangle((at, y - PLACE / 2), PLACE, PLACE, facecolor=ink.PAPER, edgecolor=ink.INK, linewidth=1.0)
        )
        if n < votes:
            xs, ys = zip(*((at + PLACE * a, y + PLACE / 2 - PLACE * b) for a, b in TICK), strict=True)
            ax.plot(xs, ys, color=ink.CONTROL, linewidth=2.2)


def _arcs(zones: list[str], gaps: set[frozenset[str]]) -> list[tuple[str, str]]:
    """Pairs of zones that are no neighbours and of which the lines between neighbours say the wrong thing."""
    found = []
    for n, one in enumerate(zones):
        for m in range(n + 2, len(zones)):
            apart = any(frozenset(pair) in gaps for pair in zip(zones[n:m], zones[n + 1 : m + 1], strict=True))
            if apart != (frozenset((one, zones[m])) in gaps):
                found.append((one, zones[m]))
    return found


def _draw_arc(ax: Axes, x0: float, x1: float, y: float, is_cut: bool) -> None:
    """A link between zones that are no neighbours: whole, or cut in the middle."""
    path = Path(
        [(x0, y), (x0, y + 0.22), (x1, y + 0.22), (x1, y)], [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4]
    )
    style: dict[str, Any] = {"linestyle": (0, (2, 1))} if is_cut else {}
    ax.add_patch(
        PathPatch(
            path, facecolor="none", edgecolor=ink.LINE if is_cut else ink.QUIET, linewidth=4 if is_cut else 1.5, **style
        )
    )
    white = {"facecolor": ink.PAPER, "edgecolor": "none", "pad": 0.6}
    ink.write(ax, (x0 + x1) / 2, y + 0.165, "cut" if is_cut else "linked", ha="center", fontsize=9, bbox=white)


def tell_zones(layout: Mapping[str, Sequence[str]], dead: Any = (), cut: Any = ()) -> str:
    """The same in words, for `show`."""
    found = sides(layout, dead, cut)
    said = []
    for side in found:
        said.append(f"{side.zone}: {side.alive} of {side.members} work, reaches {side.reached}, {_write(side)}")
    return f"{sum(side.members for side in found)} managers in {len(found)} zones, {found[0].needed} must agree; {'; '.join(said)}."


# ── one row per number of managers ───────────────────────────────────────────────────────────────────────────────


def draw_quorum(managers: int | Iterable[int] = range(1, 8), dead: int = 0, ax: Axes | None = None) -> Axes:
    """How many votes so many managers need, and what is left when `dead` of them are lost; a row for each number."""
    numbers = [managers] if isinstance(managers, int) else list(managers)
    most = max(numbers)
    places = 1.4 + most * 0.38 + 0.35  # inches: where the places begin, behind names and managers
    words = places + (most // 2 + 1) * PITCH + 0.25
    width, height = words + 3.3, 0.15 + len(numbers) * ROW
    if ax is None:
        fig = ink.sheet(width=min(ink.WIDTH, width), height=height)
        ax = fig.add_axes((0.0, 0.0, 1.0, 1.0))
    ax.set(xlim=(0, max(width, ink.inches(ax)[0])), ylim=(max(height, ink.inches(ax)[1]), 0), aspect="equal")
    ax.set_axis_off()
    for n, number in enumerate(numbers):
        y, alive, needed = 0.32 + n * ROW, max(0, number - dead), number // 2 + 1
        ink.write(ax, 0.1, y, f"{number} manager{'s' * (number > 1)}", fontweight="bold")
        for manager in range(number):
            _draw_manager(ax, 1.4 + manager * 0.38, y, manager < alive)
        _draw_places(ax, places + (needed * PITCH) / 2, y, needed, alive)
        sign, text = _verdict(number, alive)
        ink.write(ax, words, y, sign, color=ink.CONTROL if sign == "✓" else ink.WRONG, fontweight="bold")
        ink.write(ax, words + 0.22, y, text)
    return ax


def _verdict(number: int, alive: int) -> tuple[str, str]:
    needed = number // 2 + 1
    more = alive - needed
    if more < 0:
        return "✕", f"{needed} must agree, {alive} left: no quorum"
    return "✓", f"{needed} must agree: {more or 'no'} more may be lost"


def tell_quorum(managers: int | Iterable[int] = range(1, 8), dead: int = 0) -> str:
    """The same in words, for `show`."""
    numbers = [managers] if isinstance(managers, int) else list(managers)
    said = [f"of {number} managers {_verdict(number, max(0, number - dead))[1]}" for number in numbers]
    return f"Quorums with {dead} lost: {'; '.join(said)}."
