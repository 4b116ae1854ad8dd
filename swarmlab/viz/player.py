"""The board, playable: every frame is sent to the browser once, and drawn there as a pure function of the time."""

from pathlib import Path

import anywidget
import traitlets

from .frames import frames, summary, world_at
from .words import ROUTINE

STATIC = Path(__file__).parent / "static"
KIT = (STATIC / "kit.js").read_text(encoding="utf-8")  # what every board needs; a module of its own cannot be imported
BOARD = KIT + (STATIC / "player.js").read_text(encoding="utf-8")  # `live.js` builds on it, too
LAYERS = ("tasks", "messages", "requests", "roles")  # there are also "heartbeats", "tables" and "copies"


class Player(anywidget.AnyWidget):
    """A run on the board: play, pause, step and scrub; a click on anything answers why.

    `layers` are drawn by the functions of these names in `static/player.js`; `lens` is `truth` or a machine, as which
    the board is seen; `speed` is simulated seconds per second; `height` limits the board, in pixels. The board starts
    paused at `time` (µs), by default at the end of the run. `time` comes back when the learner lets go, never per frame.
    """

    _esm = BOARD + "\nexport default renders(Player);\n"
    _css = STATIC / "player.css"

    frames = traitlets.Dict().tag(sync=True)
    time = traitlets.Int().tag(sync=True)
    lens = traitlets.Unicode("truth").tag(sync=True)
    layers = traitlets.List(traitlets.Unicode()).tag(sync=True)
    speed = traitlets.Float(1.0).tag(sync=True)
    height = traitlets.Int(0).tag(sync=True)

    def __init__(self, trace, layers=LAYERS, lens="truth", speed=1.0, height=0, time=None):
        rows = trace if isinstance(trace, dict) else frames(trace)
        names = ["truth", *(machine["name"] for machine in rows["machines"])]
        if lens not in names:
            raise ValueError(f"lens {lens!r} is none of: {', '.join(names)}")
        if "heartbeats" not in layers:  # most messages are signs of life, and only that layer draws them
            rows = {**rows, "messages": [row for row in rows["messages"] if row[5] not in ROUTINE]}
        at = rows["end"] if time is None else time
        super().__init__(frames=rows, time=at, lens=lens, layers=list(layers), speed=speed, height=height)

    def __repr__(self) -> str:
        return f"Player({summary(world_at(self.frames, self.time, self.lens))})"

    def _repr_mimebundle_(self, **options):
        """The widget, and for those who have none one line on how the run ended."""
        bundle = super()._repr_mimebundle_(**options)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        return {**(data or {}), "text/plain": repr(self)}, metadata
