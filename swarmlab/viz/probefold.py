"""Health checks as rows: for each container of a slot its checks, the verdicts, and what followed from them."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..events import (
    BackendAdded,
    BackendRemoved,
    ContainerCreated,
    ContainerExited,
    ContainerStarted,
    HealthChanged,
    ProbeEnded,
    RequestFailed,
    RequestForwarded,
    RequestSent,
    TaskStored,
)

__all__ = ["Life", "Probe", "Watched", "probes_of"]

SECOND = 1_000_000  # µs
ANSWERED = 200


class Probe(NamedTuple):
    """One health check; seconds on the panel's axis."""

    began: float
    ended: float
    code: int  # 0: well; -1: given up after its timeout
    streak: int = 0  # failures in a row after it
    counted: bool = True

    @property
    def ok(self) -> bool:
        return self.code == 0

    @property
    def given_up(self) -> bool:
        return self.code == -1


class Life(NamedTuple):
    """One container, from its start to its end."""

    name: str
    started: float
    ended: float | None
    probes: tuple[Probe, ...] = ()
    verdicts: tuple = ()  # (second, starting · healthy · unhealthy)
    pool: tuple = ()  # (from, to): some node sent requests there; to None: to the end
    moods: tuple = ()  # (second, well · unwell · hangs)
    code: int = 0  # with which it ended


class Watched(NamedTuple):
    """A slot, or a plain container, under a health check."""

    title: str
    lives: tuple[Life, ...]
    end: float
    lost: tuple = ()  # when requests were asked that this slot did not answer
    check: Mapping[str, float] = {}  # interval, timeout, start_period, retries: seconds
    start: float = 0.0

    @property
    def ill(self) -> float | None:
        """When an application first stopped being well; one that was ill from its start never was."""
        turns = (at for life in self.lives for at, mood in life.moods if mood != "well" and at > life.started)
        return min(turns, default=None)

    def first(self, status: str, after: float = float("-inf")) -> float | None:
        """When a container first got this verdict."""
        times = [at for life in self.lives for at, said in life.verdicts if said == status and at >= after]
        return min(times, default=None)


def probes_of(
    trace: Any,
    name: str,
    check: Any = None,
    since: float | None = None,
    end: float | None = None,
    title: str = "",
    requests: Any = None,
) -> Watched:
    """The rows of a slot (`web.1`) or a container (its name, or a task's id) from a trace.

    `check` says with what values: a mapping or an object with interval, timeout, start_period and retries, in seconds or
    whole µs. The axis begins at `since` (seconds of the run), by default when the first container started. `requests`
    are those of loads, by default all of the trace.
    """
    if isinstance(trace, Watched):
        return trace
    tasks = [r.fact.id for r in trace.records if isinstance(r.fact, TaskStored) and name in (r.fact.name, r.fact.id)]
    mine = dict.fromkeys(tasks)
    made = [r for r in trace.records if isinstance(r.fact, ContainerCreated)]
    boxes = {r.fact.container: r.fact for r in made if r.fact.task in mine or r.fact.name == name}
    starts = [r for r in trace.records if isinstance(r.fact, ContainerStarted) and r.fact.container in boxes]
    if not starts:
        raise ValueError(f"no container of {name!r} started in this run")
    zero = starts[0].time if since is None else round(since * SECOND)
    last = trace.now if end is None else round(end * SECOND)
    facts = [r for r in trace.records if r.time <= last]
    lives = tuple(_life(facts, start, starts, boxes, zero) for start in starts if start.time <= last)
    given = getattr(trace, "requests", ()) if requests is None else requests
    return Watched(title, lives, (last - zero) / SECOND, _lost(facts, given, mine, name, zero), _values(check))


def _life(facts: Sequence[Any], start: Any, starts: Sequence[Any], boxes: Mapping, zero: int) -> Life:
    """One start of one container, up to its end or its next start."""
    key, task = start.fact.container, start.fact.task
    again = [other.time for other in starts if other.fact.container == key and other.time > start.time]
    until = min(again, default=None)
    own = [r for r in facts if r.time >= start.time and (until is None or r.time < until)]
    about = [r for r in own if getattr(r.fact, "container", None) == key]
    ends = [r for r in about if isinstance(r.fact, ContainerExited)]
    since = lambda time: (time - zero) / SECOND  # noqa: E731
    checks = [(r.time, r.fact) for r in about if isinstance(r.fact, ProbeEnded)]
    probes = tuple(Probe(since(f.began), since(at), f.code, f.streak, f.counted) for at, f in checks)
    said = [(since(r.time), r.fact.status) for r in about if isinstance(r.fact, HealthChanged)]
    verdicts = ((since(start.time), "starting"), *said) if probes or said else ()
    moods = tuple((since(r.time), r.fact.mood) for r in about if type(r.fact).__name__ == "ApplicationTurned")
    ended = since(ends[0].time) if ends else None
    code = ends[0].fact.code if ends else 0
    return Life(boxes[key].name, since(start.time), ended, probes, verdicts, _pool(own, task, since), moods, code)


def _pool(facts: Sequence[Any], task: str, since: Any) -> tuple:
    """From when to when at least one node sent requests to it."""
    found: list[list] = []
    holders: dict[str, None] = {}
    for r in facts:
        if not task or getattr(r.fact, "task", None) != task:
            continue
        if isinstance(r.fact, BackendAdded):
            if not holders:
                found.append([since(r.time), None])
            holders[r.source] = None
        elif isinstance(r.fact, BackendRemoved) and r.source in holders:
            del holders[r.source]
            if not holders:
                found[-1][1] = since(r.time)
    return tuple(tuple(span) for span in found)


def _lost(facts: Sequence[Any], requests: Any, tasks: Mapping[str, Any], name: str, zero: int) -> tuple:
    """When requests were asked that went to this slot and were lost there; those of loads, and single ones."""
    loads = [one.arrived for one in requests if (one.task in tasks or one.name == name) and one.status != ANSWERED]
    sent = {r.fact.request for r in facts if isinstance(r.fact, RequestForwarded) and r.fact.task in tasks}
    asked = {r.fact.request: r.time for r in facts if isinstance(r.fact, RequestSent)}
    single = [r.fact.request for r in facts if isinstance(r.fact, RequestFailed) and r.fact.request in sent]
    return tuple(sorted((time - zero) / SECOND for time in [*loads, *(asked[one] for one in single if one in asked)]))


def _values(check: Any) -> dict[str, float]:
    """What the check is set to, in seconds."""
    if not check:
        return {}
    names = ("interval", "timeout", "start_period", "start_interval", "retries")
    given = check if isinstance(check, Mapping) else {key: getattr(check, key, 0) for key in names}
    is_micros = not isinstance(check, Mapping)
    return {
        key: value / SECOND if is_micros and key != "retries" else float(value)
        for key, value in given.items()
        if key in names and value
    }


def said_of(check: Mapping[str, float]) -> str:
    """The values of a check in words: `interval 1m30s · timeout 10s · retries 3 · start period 40s`."""
    times = [(key, check[key]) for key in ("interval", "timeout", "start_period", "start_interval") if key in check]
    words = [f"{key.replace('_', ' ')} {_spelled(time)}" for key, time in times]
    return " · ".join(words[:2] + ([f"retries {check['retries']:g}"] if "retries" in check else []) + words[2:])


def _spelled(seconds: float) -> str:
    """A length of time as one types it."""
    minutes, rest = divmod(seconds, 60)
    if seconds < 1:
        return f"{seconds * 1000:g}ms"
    return (f"{minutes:g}m" if minutes else "") + (f"{rest:g}s" if rest or not minutes else "")
