"""The hops of one packet as rows: what each changes, the same in words, and where each stop stands in the picture."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from . import ink
from .chips import chip_width, filled, kind_of, measured

__all__ = [
    "LAYERS",
    "Hop",
    "Plan",
    "Stop",
    "changes",
    "hops_of",
    "lanes_of",
    "plan",
    "rung_width",
    "tell_packet",
    "way_of",
]

LAYERS = {  # from the top; those that do not occur are left out
    "client": "client",
    "container": "container",
    "sandbox": "load balancer's\nnamespace",
    "gwbridge": "docker_gwbridge",
    "bridge": "bridge of the\noverlay, br0",
    "vtep": "VTEP, the end\nof the tunnel",
    "host": "host",
}
LEFT, NARROW = 1.15, 2.32  # inches: the names of layers, a column in which only the client stands
TOP = 0.34
LINE, RUNG, PAD = 0.158, 0.24, 0.13  # inches: a line of words, one of addresses, below a stop
OUTER, UNWRAPPED = "in a packet from", "unwrapped"
EPHEMERAL = 32768  # the first port that Linux gives to whoever asks for any


class Hop(NamedTuple):
    """A stop of a packet, with the addresses it has when it leaves; `outer` are those of the packet round it."""

    machine: str
    layer: str  # client · container · sandbox · gwbridge · bridge · vtep · host
    said: str  # what happens here
    source: str
    target: str
    outer: tuple = ()  # (source, target)
    lost: bool = False


def hops_of(rows: Any) -> list[Hop]:
    """Hops from rows that begin with the same fields, checked; of a packet with its answer, the way there.

    Ports that an asking kernel made up are left out, and those of the tunnel: they say nothing about the way.
    """
    hops = [Hop(*tuple(row)[: len(Hop._fields)]) for row in getattr(rows, "there", rows)]
    if not hops:
        raise ValueError("there is nothing to draw: the packet went nowhere")
    for hop in hops:
        if hop.layer not in LAYERS:
            raise ValueError(f"layer {hop.layer!r} is none of: {', '.join(LAYERS)}")
    return [
        hop._replace(
            source=_told(hop.source), target=_told(hop.target), outer=tuple(a.partition(":")[0] for a in hop.outer)
        )
        for hop in hops
    ]


def _told(address: str) -> str:
    """An address with its port, if somebody chose that port."""
    plain, _, port = address.partition(":")
    return plain if port.isdigit() and int(port) >= EPHEMERAL else address


def changes(hops: Sequence[Hop], n: int) -> list[tuple[str, str, str]]:
    """What is new at a stop: (from · to · in a packet from · to · unwrapped, the old address, the new one)."""
    hop, before = hops[n], hops[n - 1] if n else None
    found = []
    for word, new, old in (
        ("from", hop.source, before.source if before else ""),
        ("to", hop.target, before.target if before else ""),
    ):
        if new != old:
            found.append((word, old, new))
    if hop.outer and hop.outer != (before.outer if before else ()):
        found += [(OUTER, "", hop.outer[0]), ("to", "", hop.outer[1])]
    if before and before.outer and not hop.outer:
        found.append((UNWRAPPED, "", ""))
    return found


def tell_packet(rows: Any, upto: int | None = None, kinds: Mapping[str, str] | None = None) -> str:
    """The same in words, for `show`; `upto` stops, by default all."""
    hops = hops_of(rows)
    count = len(hops) if upto is None else max(1, min(upto, len(hops)))
    said = [_tell_stop(hops, n, kinds) for n in (range(count) if upto is None else [count - 1])]
    if upto is None:
        return f"A packet in {count} stops: {'; '.join(said)}."
    return f"Stop {count} of {len(hops)}: {said[0]}."


def _tell_stop(hops: Sequence[Hop], n: int, kinds: Mapping[str, str] | None) -> str:
    hop = hops[n]
    words = []
    for word, old, new in changes(hops, n):
        named = f" {kind_of(new, kinds)} {new}" if new else ""
        words.append(f"{word}{named}{f' instead of {old}' if old else ''}")
    lost = ", and there it is lost" if hop.lost else ""
    changed = f" ({', '.join(words)})" if words else ""
    return f"{n + 1} {hop.machine}, {hop.layer}: {hop.said}{changed}{lost}"


# ── where everything stands ──────────────────────────────────────────────────────────────────────────────────────


class Stop(NamedTuple):
    """A hop with its place: the middle of its circle, and what stands beside it."""

    hop: Hop
    lane: int
    lines: list[str]
    rungs: list[list[tuple]]  # lines of (words or "", address, kind, gone)
    x: float
    y: float
    bottom: float
    upward: bool  # whether the packet came from below


class Plan(NamedTuple):
    stops: list[Stop]
    columns: list[tuple[str, float, float]]  # machine, left, right
    rows: list[tuple[str, float, float]]  # layer, top, bottom


def lanes_of(hops: Sequence[Hop]) -> list[int]:
    """A lane for each hop: a new one wherever the packet comes to another machine or turns round."""
    order = list(LAYERS)
    lanes, way = [0], 0
    for before, hop in pairwise(hops):
        step = order.index(hop.layer) - order.index(before.layer)
        turned = step and way and (step > 0) != (way > 0)
        if hop.machine != before.machine or turned:
            lanes.append(lanes[-1] + 1)
            way = 0
        else:
            lanes.append(lanes[-1])
            way = step or way
    return lanes


def plan(hops: Sequence[Hop], kinds: Mapping[str, str] | None) -> Plan:
    lanes = lanes_of(hops)
    machines = list(dict.fromkeys(hop.machine for hop in hops))
    of = {lane: hop.machine for lane, hop in zip(lanes, hops, strict=True)}
    order = sorted(of, key=lambda lane: (machines.index(of[lane]), lane))  # a machine's lanes stand together
    alone = {
        lane for lane in of if all(hop.layer == "client" for hop, own in zip(hops, lanes, strict=True) if own == lane)
    }
    wide = (ink.WIDTH - LEFT - NARROW * len(alone)) / max(1, len(of) - len(alone))
    lefts, x = {}, LEFT
    for lane in order:
        lefts[lane] = x
        x += NARROW if lane in alone else wide
    room = {lane: (NARROW if lane in alone else wide) - 0.5 for lane in of}
    columns = []
    for machine in machines:
        own = [lane for lane in order if of[lane] == machine]
        right = lefts[own[-1]] + room[own[-1]] + 0.5
        columns.append((machine, lefts[own[0]], right))
    stops, rows = _placed(hops, lanes, lefts, room, kinds)
    return Plan(stops, columns, rows)


def _placed(
    hops: Sequence[Hop], lanes: Sequence[int], lefts: dict, room: dict, kinds: Mapping[str, str] | None
) -> tuple[list[Stop], list[tuple[str, float, float]]]:
    """Every stop at its place; a layer is as high as its highest cell. Stops in one cell stand under each other."""
    words = [filled(hop.said, room[lane]) for hop, lane in zip(hops, lanes, strict=True)]
    rungs = [_rungs(changes(hops, n), room[lanes[n]], kinds) for n in range(len(hops))]
    high = [max(0.2, LINE * len(w)) + RUNG * len(r) + PAD for w, r in zip(words, rungs, strict=True)]
    cells: dict[tuple, list[int]] = {}
    for n, hop in enumerate(hops):
        cells.setdefault((hop.layer, lanes[n]), []).append(n)
    used = [layer for layer in LAYERS if any(hop.layer == layer for hop in hops)]
    used = [layer for layer in used if layer != "client" or "host" not in used]
    rows, stops, y = [], {}, TOP
    for layer in used:
        here = {key: own for key, own in cells.items() if key[0] == layer or (layer == "host" and key[0] == "client")}
        tall = max(0.42, *(sum(high[n] for n in own) for own in here.values()))
        rows.append((layer, y, y + tall + 0.06))
        for (_, lane), own in here.items():
            upward = _comes_from_below(hops, lanes, own[0])
            top = y + 0.06
            for n in reversed(own) if upward else own:
                stops[n] = Stop(
                    hops[n], lane, words[n], rungs[n], lefts[lane] + 0.24, top + 0.1, top + high[n] - PAD, upward
                )
                top += high[n]
        y += tall + 0.06
    return [stops[n] for n in range(len(hops))], rows


def _comes_from_below(hops: Sequence[Hop], lanes: Sequence[int], n: int) -> bool:
    """Does this lane lead up through this stop?"""
    order = list(LAYERS)
    own = [order.index(hop.layer) for hop, lane in zip(hops, lanes, strict=True) if lane == lanes[n]]
    if own[0] != own[-1]:
        return own[-1] < own[0]
    return lanes[n] > 0 and hops[lanes.index(lanes[n]) - 1].machine != hops[n].machine


def _rungs(found: list[tuple[str, str, str]], room: float, kinds: Mapping[str, str] | None) -> list[list[tuple]]:
    """What changes, in lines: the old address and the new one side by side where there is room."""
    lines: list[list[tuple]] = []
    for word, old, new in found:
        if word == UNWRAPPED:  # the end of the tunnel says so
            continue
        items: list[tuple] = [(word, "", "", False)]
        if old:
            items += [("", old, kind_of(old, kinds), True), ("→", "", "", False)]
        if new:
            items.append(("", new, kind_of(new, kinds), False))
        if rung_width(items) > room and old:
            lines += [items[:2], items[2:]]
        elif rung_width(items) > room and new:
            lines += [[("in", "", "", False), items[1]]] if word == OUTER else [items[:1], items[1:]]
        else:
            lines.append(items)
    return lines


def rung_width(items: Sequence[tuple]) -> float:
    """How many inches such a line takes."""
    widths = [chip_width(address, kind, gone) if address else measured(word) for word, address, kind, gone in items]
    return sum(widths) + 0.07 * (len(items) - 1)


def way_of(before: Stop, stop: Stop, wire: float) -> list[tuple[float, float]]:
    """From stop to stop, straight in a lane; over the wire between machines; a corner where the packet turns round."""
    if before.lane == stop.lane:
        return [(before.x, before.y), (stop.x, stop.y)]
    if before.hop.machine != stop.hop.machine:
        return [(before.x, before.y), (before.x, wire), (stop.x, wire), (stop.x, stop.y)]
    turn = before.y - 0.15 if before.upward else before.bottom + 0.05
    side = stop.x - 0.15
    return [(before.x, before.y), (before.x, turn), (side, turn), (side, stop.y), (stop.x, stop.y)]
