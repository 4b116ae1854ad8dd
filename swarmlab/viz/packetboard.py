"""One packet, playable: it travels from stop to stop, and what is written on it stands below. All is sent once."""

from collections.abc import Mapping
from typing import Any

import anywidget
import traitlets

from . import ink
from .chips import chip_width, kind_of, measured
from .packetfold import LAYERS, LINE, RUNG, Hop, Stop, changes, hops_of, plan, rung_width, tell_packet, way_of
from .player import KIT
from .raftboard import source_of

SECOND = 1_000_000  # a stop, in the time of the controls
WIRE, FOOT = 0.36, 0.46  # inches: below the machines

RULES = {  # what each layer does, for whoever clicks on a stop
    "client": "From outside any node will do: all of them open the published port.",
    "container": "A container knows its own interfaces, and the network behind them.",
    "sandbox": "Each node balances for itself: IPVS picks a task, each in its turn. No machine owns a virtual IP.",
    "gwbridge": "docker_gwbridge leads from a host to its own containers, and never to another host.",
    "bridge": "The bridge of the overlay looks up behind which node the MAC of the target is.",
    "vtep": "The end of the tunnel: the frame goes into a UDP packet from host to host (VXLAN), or comes out of it.",
    "host": "Hosts know only the addresses of hosts: what is inside does not concern them.",
}


class PacketBoard(anywidget.AnyWidget):
    """The way of a packet, stop by stop: play, step and scrub; a click on a stop says what is done there.

    `rows` are hops as `draw_packet` takes them, `kinds` says of addresses what they are. It begins paused at `stop`,
    counted from 1; `speed` is stops per second.
    """

    _esm = KIT + source_of("packetboard.js")
    _css = source_of("player.css", "packetboard.css")

    frames = traitlets.Dict().tag(sync=True)
    time = traitlets.Int().tag(sync=True)
    speed = traitlets.Float(1.0).tag(sync=True)

    def __init__(self, rows: Any, stop: int = 1, speed: float = 1.0, kinds: Mapping[str, str] | None = None):
        self.hops, self.kinds = hops_of(rows), kinds
        if not 1 <= stop <= len(self.hops):
            raise ValueError(f"stop {stop}: there are stops 1 to {len(self.hops)}")
        super().__init__(frames=packet_frames(self.hops, kinds), time=(stop - 1) * SECOND, speed=speed)

    @property
    def stop(self) -> int:
        """The stop that is shown."""
        return self.time // SECOND + 1

    def __repr__(self) -> str:
        return f"PacketBoard({tell_packet(self.hops, self.stop, self.kinds)})"

    def _repr_mimebundle_(self, **options):
        """The widget, and for those who have none one line on what it shows."""
        bundle = super()._repr_mimebundle_(**options)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        return {**(data or {}), "text/plain": repr(self)}, metadata


def packet_frames(rows: Any, kinds: Mapping[str, str] | None = None) -> dict:
    """Everything that is drawn, in inches, stop by stop; and what the controls need: a stop lasts a second."""
    hops = hops_of(rows)
    placed = plan(hops, kinds)
    bottom = placed.rows[-1][2]
    stops = []
    for n, stop in enumerate(placed.stops):
        way = way_of(placed.stops[n - 1], stop, bottom + 0.2) if n else []
        stops.append(_stop(hops, n, stop, way, kinds))
    marks = [[n * SECOND, n, _kind(hops, n), f"{hop.machine}: {hop.said}"] for n, hop in enumerate(hops)]
    return {
        "start": 0,
        "end": (len(hops) - 1) * SECOND,
        "marks": marks[1:],
        "facts": [[n * SECOND, hop.machine, -1, hop.layer, hop.said] for n, hop in enumerate(hops)],
        "rules": RULES,
        "width": ink.WIDTH,
        "height": bottom + WIRE + FOOT,
        "wire": bottom + 0.2 if len(placed.columns) > 1 else 0,
        "bottom": bottom,
        "columns": [list(column) for column in placed.columns],
        "layers": [[LAYERS[layer].split("\n"), top] for layer, top, _ in placed.rows],
        "stops": stops,
    }


def _stop(hops: list[Hop], n: int, stop: Stop, way: list, kinds: Mapping[str, str] | None) -> dict:
    """One stop: where it stands, its words, its lines of addresses, the way to it, and the packet when it leaves."""
    pairs = [hops[n].outer, (hops[n].source, hops[n].target)] if hops[n].outer else [(hops[n].source, hops[n].target)]
    return {
        "machine": stop.hop.machine,
        "layer": stop.hop.layer,
        "at": [stop.x, stop.y],
        "lines": stop.lines,
        "size": [
            0.32 + max([0.2, *map(measured, stop.lines), *map(rung_width, stop.rungs)]),
            stop.bottom - stop.y + 0.12,
        ],
        "rungs": [[_chip(*item) for item in rung] for rung in stop.rungs],
        "first": max(len(stop.lines), 1) * LINE + 0.045,
        "line": LINE,
        "rung": RUNG,
        "way": way,
        "tunnel": bool(n and hops[n - 1].outer),
        "lost": stop.hop.lost,
        "packet": [[_chip("", address, kind_of(address, kinds), False) for address in pair] for pair in pairs],
        "said": tell_packet(hops, n + 1, kinds),
    }


def _chip(word: str, address: str, kind: str, gone: bool) -> dict:
    wide = chip_width(address, kind, gone) if address else measured(word)
    return {"word": word, "address": address, "kind": kind, "gone": gone, "wide": wide}


def _kind(hops: list[Hop], n: int) -> str:
    """What kind of mark a stop has on the time line: where addresses change, or where the packet dies."""
    return "lost" if hops[n].lost else "decided" if changes(hops, n) else "entry"
