"""Placements, playable: columns that fill task by task, with the ranks of each choice. All rows are sent once."""

from collections.abc import Sequence
from typing import Any

import anywidget
import traitlets

from . import ink
from .placefold import placement
from .placement import tell_placement
from .player import KIT
from .raftboard import source_of
from .still import initials

SECOND = 1_000_000  # a step, in the time of the controls


class PlaceBoard(anywidget.AnyWidget):
    """Where tasks are put, one choice after the other: play, step and scrub; a click on a node says what stands there.

    `rows` are those of `placement` or `placed_rows`, or a trace. It begins paused at `step`; `speed` is steps per
    second. `services`, up to four, get a colour; without names all do, if they are four at most.
    """

    _esm = KIT + source_of("placeboard.js")
    _css = source_of("player.css", "placeboard.css")

    frames = traitlets.Dict().tag(sync=True)
    time = traitlets.Int().tag(sync=True)
    speed = traitlets.Float(1.0).tag(sync=True)

    def __init__(self, rows: Any, step: int = 0, speed: float = 1.0, services: Sequence[str] = ()):
        given = rows if isinstance(rows, dict) and "steps" in rows else placement(rows)
        last = len(given["steps"]) - 1
        if not 0 <= step <= last:
            raise ValueError(f"step {step}: there are steps 0 to {last}")
        super().__init__(frames=_frames(given, services), time=step * SECOND, speed=speed)

    @property
    def step(self) -> int:
        """The step that is shown."""
        return self.time // SECOND

    def __repr__(self) -> str:
        return f"PlaceBoard({tell_placement(self.frames, self.step)})"

    def _repr_mimebundle_(self, **options):
        """The widget, and for those who have none one line on what it shows."""
        bundle = super()._repr_mimebundle_(**options)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        return {**(data or {}), "text/plain": repr(self)}, metadata


def _frames(rows: dict, services: Sequence[str]) -> dict:
    """The rows with what the controls need: a step lasts a second, and each is a stop of the time line."""
    names = list(dict.fromkeys(task["service"] for task in rows["tasks"].values()))
    colours = dict(zip(services, ink.HUES, strict=False)) if services else ink.hues(names)
    marks = [[n * SECOND, n, _kind(step), step["said"]] for n, step in enumerate(rows["steps"])]
    facts = [[n * SECOND, "", -1, _kind(step), step["said"]] for n, step in enumerate(rows["steps"])]
    shared = {"start": 0, "end": (len(marks) - 1) * SECOND, "marks": marks[1:], "facts": facts, "rules": RULES}
    return rows | shared | {"colours": colours, "letters": initials(names)}


RULES = {
    "decided": "Filters first; then the node with the fewest tasks of the service, then the fewest in all, as long as "
    "nothing keeps failing there.",
    "entry": "A task without a node waits, and is looked at again when something changes.",
    "down": "A node that takes no tasks, or whose labels changed: nothing moves by itself unless it must.",
}


def _kind(step: dict) -> str:
    """What kind of stop a step is on the time line."""
    return "decided" if step["task"] else "down" if step["nodes"] else "entry"
