"""One packet, hop by hop: machines as columns, layers as rows, its addresses printed wherever they change.

Where the packet is inside another one, its way is drawn as a tunnel.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from textwrap import wrap
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from . import ink
from .chips import SMALL, chip_width, draw_chip, kind_of, measured
from .packetfold import LAYERS, LEFT, LINE, RUNG, Hop, Stop, changes, hops_of, lanes_of, plan, tell_packet, way_of

__all__ = ["Hop", "draw_packet", "packet_strip", "tell_packet"]

WIRE, FOOT = 0.36, 0.42  # inches: below the machines
DOT = 0.105  # inches, the radius of a number's circle
TUNNEL = "#c3d6e3"
FLOOR = 0.76  # inches: where the map of a frame begins
SHORT = {"sandbox": "load balancer", "gwbridge": "docker_gwbridge", "bridge": "br0", "vtep": "VTEP"}


def draw_packet(
    rows: Any, upto: int | None = None, kinds: Mapping[str, str] | None = None, ax: Axes | None = None
) -> Axes:
    """The way of one packet; `upto` shows so many stops and no more, for a stepper.

    `kinds` says of addresses what they are (task · vip · node · host · gateway · outside); others are told by their range.
    """
    hops = hops_of(rows)
    placed = plan(hops, kinds)
    bottom = placed.rows[-1][2]
    count = len(hops) if upto is None else max(1, min(upto, len(hops)))
    ax = ink.canvas(ax, ink.WIDTH, bottom + WIRE + FOOT)
    for machine, left, right in placed.columns:
        ink.box(ax, left + 0.03, 0.04, right - left - 0.06, bottom - 0.04, facecolor="#f7f7f7", edgecolor=ink.LINE)
        ink.write(ax, left + 0.12, 0.19, machine, fontweight="bold")
    for layer, top, _ in placed.rows:
        ax.plot((0.1, ink.WIDTH - 0.03), (top, top), color=ink.LINE, linewidth=0.7, linestyle=":", zorder=1)
        for n, line in enumerate(LAYERS[layer].split("\n")):
            ink.write(ax, 0.1, top + 0.16 + n * LINE, line, fontsize=SMALL)
    if len(placed.columns) > 1:
        ax.plot((LEFT, ink.WIDTH - 0.03), (bottom + 0.2,) * 2, color=ink.LINE, linewidth=5, zorder=0)
        ink.write(ax, 0.1, bottom + 0.2, "the wire", fontsize=SMALL)
    for before, stop in pairwise(placed.stops[:count]):
        _draw_way(ax, before, stop, bottom + 0.2)
    for n, stop in enumerate(placed.stops[:count]):
        _draw_stop(ax, stop, n + 1, n == count - 1 and upto is not None)
    _draw_envelope(ax, 0.1, bottom + WIRE + 0.2, hops[count - 1], kinds)
    return ax


def _draw_way(ax: Axes, before: Stop, stop: Stop, wire: float) -> None:
    xs, ys = zip(*way_of(before, stop, wire), strict=True)
    if before.hop.outer:
        ax.plot(xs, ys, color=TUNNEL, linewidth=8, solid_joinstyle="round", zorder=1.5)
    ax.plot(xs, ys, color=ink.INK, linewidth=1.6, solid_joinstyle="round", zorder=2)


def _draw_stop(ax: Axes, stop: Stop, number: int, current: bool) -> None:
    face = ink.INK if current else ink.PAPER
    ax.add_patch(Circle((stop.x, stop.y), DOT, facecolor=face, edgecolor=ink.INK, linewidth=1.3, zorder=4))
    style: dict[str, Any] = {"ha": "center", "fontsize": SMALL, "fontweight": "bold", "zorder": 5}
    if not stop.hop.lost:
        ink.write(ax, stop.x, stop.y + 0.005, str(number), color=ink.PAPER if current else ink.INK, **style)
    x, y = stop.x + 0.2, stop.y
    for line in stop.lines:
        ink.write(ax, x, y, line, fontsize=SMALL, zorder=3)
        y += LINE
    y = max(y, stop.y + LINE) + 0.04
    for rung in stop.rungs:
        _draw_rung(ax, x, y, rung)
        y += RUNG
    if stop.hop.lost:
        ink.write(ax, stop.x, stop.y, "✕", ha="center", fontsize=17, fontweight="bold", color=ink.WRONG, zorder=6)


def _draw_rung(ax: Axes, x: float, y: float, items: Sequence[tuple]) -> None:
    for word, address, kind, gone in items:
        if address:
            x += draw_chip(ax, x, y, address, kind, gone) + 0.07
        else:
            ink.write(ax, x, y, word, fontsize=SMALL, color=ink.QUIET, zorder=3)
            x += measured(word) + 0.07


def _draw_envelope(ax: Axes, x: float, y: float, hop: Hop, kinds: Mapping[str, str] | None) -> None:
    """The packet as it is now: what is written on it, and on the one round it."""
    ink.write(ax, x, y, "the packet now" if not hop.lost else "lost here", fontsize=SMALL)
    x += LEFT
    start = x
    if hop.outer:
        x = _draw_pair(ax, x, y, hop.outer, kinds) + 0.16
    end = _draw_pair(ax, x, y, (hop.source, hop.target), kinds)
    ink.box(ax, x - 0.07, y - 0.14, end - x + 0.12, 0.28, edgecolor=ink.INK, linewidth=1)
    if hop.outer:
        ink.box(ax, start - 0.07, y - 0.175, end - start + 0.19, 0.35, edgecolor=ink.QUIET, facecolor=TUNNEL, zorder=0)


def _draw_pair(ax: Axes, x: float, y: float, pair: Sequence[str], kinds: Mapping[str, str] | None) -> float:
    """Source → target; where the drawing ends."""
    x += draw_chip(ax, x, y, pair[0], kind_of(pair[0], kinds)) + 0.05
    ink.write(ax, x, y, "→", fontsize=SMALL)
    x += 0.2
    return x + draw_chip(ax, x, y, pair[1], kind_of(pair[1], kinds))


# ── the filmstrip ────────────────────────────────────────────────────────────────────────────────────────────────


def packet_strip(rows: Any, stops: Sequence[int] | None = None, kinds: Mapping[str, str] | None = None) -> Figure:
    """The packet at a few stops (counted from 1), at most six: where it is, and what is written on it.

    By default the stops at which its addresses change.
    """
    hops = hops_of(rows)
    told = [n + 1 for n in range(len(hops)) if n in (0, len(hops) - 1) or changes(hops, n)]
    chosen = list(stops) if stops is not None else told[:5] + told[5:][-1:]
    chosen = [min(max(n, 1), len(hops)) for n in chosen]
    columns = 3 if len(chosen) > 2 else len(chosen)
    wide = ink.WIDTH / columns
    pairs = [pair for n in chosen for pair in _pairs(hops[n - 1])]
    stacked = any(sum(chip_width(a, kind_of(a, kinds)) for a in pair) + 0.6 > wide for pair in pairs)
    base = FLOOR + 0.19 * len({hop.layer for hop in hops} - {"client"}) + 0.62 + (RUNG if stacked else 0)
    rows_of = [chosen[n : n + columns] for n in range(0, len(chosen), columns)]
    more = 0.38 + (RUNG if stacked else 0)  # where one of a row is wrapped
    heights = [base + more * any(hops[n - 1].outer for n in row) for row in rows_of]
    fig, top = ink.sheet(height=sum(heights)), 0.0
    for row, high in zip(rows_of, heights, strict=True):
        for across, stop in enumerate(row):
            place = (across / columns, 1 - (top + high) / sum(heights), 1 / columns, high / sum(heights))
            _draw_frame(ink.canvas(fig.add_axes(place), wide, high), hops, stop, wide, stacked, kinds)
        top += high
    return fig


def _pairs(hop: Hop) -> list[tuple]:
    """The addresses on the packet, those on the outside first."""
    return [hop.outer, (hop.source, hop.target)] if hop.outer else [(hop.source, hop.target)]


def _draw_frame(
    ax: Axes, hops: Sequence[Hop], stop: int, wide: float, stacked: bool, kinds: Mapping[str, str] | None
) -> None:
    """A small map with the way so far, and the packet below it."""
    hop = hops[stop - 1]
    title = f"{stop} {hop.machine}, {SHORT.get(hop.layer, hop.layer)}: {hop.said}"
    for n, line in enumerate(wrap(title, int((wide - 0.2) / ink.room("m", SMALL)), max_lines=2, placeholder=" …")):
        ink.write(ax, 0.1, 0.13 + n * LINE, line, fontsize=SMALL, fontweight="bold")
    floor = _draw_map(ax, hops, stop, wide)
    y, step = floor + 0.34, 0.27
    high = step if stacked else 0.0
    if hop.outer:
        ink.box(ax, 0.08, y - 0.14, wide - 0.16, 0.66 + 2 * high, facecolor=TUNNEL, edgecolor=ink.QUIET, zorder=0)
    for pair in _pairs(hop):
        if pair is not hop.outer:
            ink.box(ax, 0.12, y - 0.14, wide - 0.24, 0.28 + high, facecolor=ink.PAPER, edgecolor=ink.INK, zorder=1)
        if stacked:
            for n, (word, address) in enumerate(zip(("from", "to"), pair, strict=True)):
                _draw_rung(
                    ax, 0.17, y + n * step, [(word, "", "", False), ("", address, kind_of(address, kinds), False)]
                )
        else:
            _draw_pair(ax, 0.17, y, pair, kinds)
        y += 0.36 + high


def _draw_map(ax: Axes, hops: Sequence[Hop], stop: int, wide: float) -> float:
    """Machines, the stops as small rings, the way up to this one; where the map ends."""
    machines = list(dict.fromkeys(hop.machine for hop in hops))
    layers = [layer for layer in LAYERS if any(hop.layer == layer for hop in hops) and layer != "client"] or ["client"]
    where = {layer: FLOOR + 0.19 * n for n, layer in enumerate(layers)} | {"client": FLOOR + 0.19 * (len(layers) - 1)}
    floor = FLOOR + 0.19 * (len(layers) - 1) + 0.14
    lanes = lanes_of(hops)
    order = sorted(set(lanes), key=lambda lane: (machines.index(hops[lanes.index(lane)].machine), lane))
    pitch = (wide - 0.3) / len(order)
    xs = [0.15 + pitch * (order.index(lane) + 0.5) for lane in lanes]
    ys = [where[hop.layer] for hop in hops]
    for machine in machines:
        own = [x for x, other in zip(xs, hops, strict=True) if other.machine == machine]
        left, right = min(own) - pitch / 2, max(own) + pitch / 2
        ink.box(ax, left + 0.03, 0.45, right - left - 0.06, floor - 0.45, facecolor="#f7f7f7", edgecolor=ink.LINE)
        name = machine if ink.room(machine, SMALL) < right - left else ink.short(machine)
        ink.write(ax, left + 0.08, 0.55, name, fontsize=SMALL)
    for n in range(1, stop):
        way = [(xs[n - 1], ys[n - 1]), (xs[n], ys[n])]
        if hops[n].machine != hops[n - 1].machine:
            way[1:1] = [(xs[n - 1], floor + 0.1), (xs[n], floor + 0.1)]
        if hops[n - 1].outer:
            ax.plot(*zip(*way, strict=True), color=TUNNEL, linewidth=6, zorder=1)
        ax.plot(*zip(*way, strict=True), color=ink.INK, linewidth=1.3, zorder=2)
    ring: dict[str, Any] = {"linestyle": "none", "marker": "o", "markeredgecolor": ink.LINE}
    ax.plot(xs, ys, markersize=4, markerfacecolor=ink.PAPER, zorder=2.5, **ring)
    ax.plot(xs[stop - 1 : stop], ys[stop - 1 : stop], marker="o", markersize=8, color=ink.INK, zorder=3)
    if hops[stop - 1].lost:
        style: dict[str, Any] = {"fontsize": 15, "fontweight": "bold", "color": ink.WRONG, "zorder": 4}
        ink.write(ax, xs[stop - 1], ys[stop - 1], "✕", ha="center", **style)
    return floor
