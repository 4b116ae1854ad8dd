"""A raft group, playable: ring, ladder of logs and space–time diagram share one cursor. All rows are sent once."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from typing import Any

import anywidget
import traitlets

from .player import KIT, STATIC
from .raftframes import raft_at, rows_of, summary

SECOND = 1_000_000  # µs
VIEWS = ("both", "ring", "ladder")
SPEEDS = (0.001, 0.01, 0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64)  # as in static/kit.js
UNHURRIED = 3  # seconds that the longest time-out takes by default


def source_of(*names: str) -> str:
    """These files of `static` as one."""
    return "".join((STATIC / name).read_text(encoding="utf-8") for name in names)


class RaftBoard(anywidget.AnyWidget):
    """A raft group at any instant: play, pause, step and scrub; a click on a server, entry or message answers why.

    `view` is `both`, `ring` or `ladder`; `start` and `end` (seconds) limit what is played; it begins paused at `time`,
    by default at the start. `speed` is simulated seconds per second, by default such that a time-out can be watched.
    `told` is what the client heard of entries: index → text, or (seconds, index, text) rows.
    """

    _esm = KIT + source_of("raftboard.js")
    _css = source_of("player.css", "raftboard.css")

    frames = traitlets.Dict().tag(sync=True)
    time = traitlets.Int().tag(sync=True)
    speed = traitlets.Float(1.0).tag(sync=True)
    view = traitlets.Unicode("both").tag(sync=True)
    told = traitlets.List().tag(sync=True)

    def __init__(
        self,
        trace: Any,
        view: str = "both",
        start: float | None = None,
        end: float | None = None,
        speed: float | None = None,
        time: float | None = None,
        told: Any = None,
    ):
        if view not in VIEWS:
            raise ValueError(f"view {view!r} is none of: {', '.join(VIEWS)}")
        rows = rows_of(trace)
        since = rows["start"] if start is None else round(start * SECOND)
        until = rows["end"] if end is None else min(round(end * SECOND), rows["end"])
        if not 0 <= since <= until:
            raise ValueError(
                f"from {since / SECOND:g} s to {until / SECOND:g} s: the run goes from 0 to {rows['end'] / SECOND:g} s"
            )
        at = since if time is None else max(since, min(until, round(time * SECOND)))
        pace = _pace(rows["longest"]) if speed is None else speed
        rows = _between(rows, since, until)
        side_by_side = {"flex": "1 1 0%", "min_width": "0"}  # in a box with others it takes its share
        super().__init__(frames=rows, time=at, speed=pace, view=view, told=_told(told), layout=side_by_side)

    def __repr__(self) -> str:
        return f"RaftBoard({summary(raft_at(self.frames, self.time))})"

    def _repr_mimebundle_(self, **options):
        """The widget, and for those who have none one line on what it shows."""
        bundle = super()._repr_mimebundle_(**options)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        return {**(data or {}), "text/plain": repr(self)}, metadata


def _pace(longest: int) -> float:
    """The speed at which the longest time-out takes a few seconds."""
    return min(
        SPEEDS, key=lambda speed: max(speed / (longest / SECOND / UNHURRIED), longest / SECOND / UNHURRIED / speed)
    )


def _told(told: Any) -> list[list]:
    """What the client heard, as [µs, index, text]; without a time it has always been known."""
    if isinstance(told, Mapping):
        return [[0, index, text] for index, text in told.items()]
    return [[round(seconds * SECOND), index, text] for seconds, index, text in told or ()]


def _between(rows: dict, since: int, until: int) -> dict:
    """The rows that a board of this stretch needs. Facts before it stay, since they may be causes."""
    facts = rows["facts"][: bisect_right(rows["facts"], until, key=lambda fact: fact[0])]
    sent = [message[0] for message in rows["messages"]]
    messages = rows["messages"][bisect_left(sent, since - 2 * rows["slowest"]) : bisect_right(sent, until)]
    return rows | {
        "start": since,
        "end": until,
        "facts": facts,
        "messages": messages,
        "tracks": {
            name: {key: _stretch(track, since, until) for key, track in keys.items()}
            for name, keys in rows["tracks"].items()
        },
        "spans": {
            name: [span for span in spans if span[1] > since and span[0] <= until]
            for name, spans in rows["spans"].items()
        },
        "marks": [mark for mark in rows["marks"] if since <= mark[0] <= until],
        "entries": [entry for entry in rows["entries"] if entry[0] < len(facts)],
    }


def _stretch(track: list[list], since: int, until: int) -> list[list]:
    """A track from the value that it begins with."""
    first, last = max(0, bisect_right(track[0], since) - 1), bisect_right(track[0], until)
    return [values[first:last] for values in track]
