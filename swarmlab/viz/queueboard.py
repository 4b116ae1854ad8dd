"""Queues on the board, playable: every arrival and every end is sent once, and the browser counts them at any instant."""

from collections.abc import Mapping
from typing import Any

import anywidget
import numpy as np
import traitlets

from .player import KIT
from .queues import given_up, homes, look
from .raftboard import source_of
from .trafficfold import SECOND, Traffic, queue_at, traffic

__all__ = ["QueueBoard"]

MOST = 50_000  # requests; more would make the page slow
PLAYED = 20  # seconds in which a run is played by default
SPEEDS = (0.001, 0.01, 0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64)  # as in static/kit.js
LEAST = 8  # a queue that is worth a stop


class QueueBoard(anywidget.AnyWidget):
    """Under each task its queue, and how much it got against its fair share: play, pause, step and scrub.

    `rows` are requests, as `traffic` takes them; `nodes` says on which node each task runs (records of traffic know it); `happened` are words and the
    second to which they belong: stops of the time line. `start` and `end` (seconds) limit what is played; it begins
    paused at `time`, by default at the start. `speed` is simulated seconds per second.
    """

    _esm = KIT + source_of("queueboard.js")
    _css = source_of("player.css", "queueboard.css")

    frames = traitlets.Dict().tag(sync=True)
    time = traitlets.Int().tag(sync=True)
    speed = traitlets.Float(1.0).tag(sync=True)

    def __init__(
        self,
        rows: Any,
        nodes: Mapping[str, str] | None = None,
        happened: Mapping[str, float] | None = None,
        start: float | None = None,
        end: float | None = None,
        time: float | None = None,
        speed: float | None = None,
        **options: Any,
    ):
        given = _whole(traffic(rows, **options))
        first, last = float(given.arrived[0]), float(given.arrived[-1])
        since = first if start is None else float(start)
        until = max(last, since + 1e-3) if end is None else float(end)
        if not since < until:
            raise ValueError(f"from {since:g} s to {until:g} s: the requests come from {first:g} s to {last:g} s")
        self.given, self.nodes = given, dict(nodes or homes(rows))
        frames = _frames(given, self.nodes, happened or {}, since, until)
        at = since if time is None else min(until, max(since, float(time)))
        pace = min(SPEEDS, key=lambda one: abs(np.log(one * PLAYED / (until - since)))) if speed is None else speed
        super().__init__(frames=frames, time=round(at * SECOND), speed=float(pace))

    def __repr__(self) -> str:
        at = self.time / SECOND
        tasks = ", ".join(f"{task['task']} {task['queue']} of {task['got']}" for task in look(self.given, at))
        return f"QueueBoard(t={at:.3f} s: {tasks})"

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """The widget, and for those who have none one line on what it shows."""
        bundle = super()._repr_mimebundle_(**options)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        return {**(data or {}), "text/plain": repr(self)}, metadata


def _whole(given: Traffic) -> Traffic:
    """Times to the µs: what the browser counts with."""
    times = {name: np.rint(getattr(given, name) * SECOND) / SECOND for name in ("arrived", "ended", "done")}
    return given._replace(**times)


def _frames(
    given: Traffic, nodes: Mapping[str, str], happened: Mapping[str, float], since: float, until: float
) -> dict:
    """Arrivals and ends of each task in whole µs; what came and was over before the start is only counted."""
    if int(((given.arrived <= until) & (given.done > since)).sum()) > MOST:
        raise ValueError(f"more than {MOST:,} requests are too many for one board: give it `start` and `end`")
    tasks = [_task(given, n, nodes, since, until) for n in range(len(given.tasks))]
    marks = sorted(
        [*_growth(given, since, until), *([round(at * SECOND), "fault", text] for text, at in happened.items())]
    )
    facts = [[time, "", -1, kind, text] for time, kind, text in marks]
    longest = int(queue_at(given, np.linspace(since, until, 2000)).max(initial=0))
    return {
        "start": round(since * SECOND),
        "end": round(until * SECOND),
        "tasks": tasks,
        "longest": longest,
        "more": given_up(given),
        "marks": [[time, n, kind, text] for n, (time, kind, text) in enumerate(marks)],
        "facts": facts,
        "rules": {},
    }


def _task(given: Traffic, n: int, nodes: Mapping[str, str], since: float, until: float) -> dict:
    mine = (given.task == n) & (given.arrived <= until)
    came, went = given.arrived[mine], given.done[mine]
    live = went > since
    name = given.tasks[n]
    return {
        "name": name,
        "node": nodes.get(name, ""),
        "slow": bool(given.slow[n]) if n < len(given.slow) else False,
        "before": int((~live).sum()),
        "came": _micros(came[live]),
        "went": _micros(np.sort(went[live & (went <= until)])),
    }


def _micros(times: Any) -> list[int]:
    return [int(time) for time in np.rint(times * SECOND)]


def _growth(given: Traffic, since: float, until: float) -> list[list]:
    """When a queue becomes twice as long as any before: stops for those who step."""
    instants = np.linspace(since, until, 2000)
    lengths = queue_at(given, instants)
    marks, most = [], LEAST
    for column, instant in enumerate(instants):
        if (length := int(lengths[:, column].max(initial=0))) >= most:
            name = given.tasks[int(lengths[:, column].argmax())]
            marks.append([round(float(instant) * SECOND), "entry", f"{length} requests are at {name}"])
            most = 2 * length
    return marks
