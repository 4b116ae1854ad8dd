"""A rolling update as rows: what each slot held and should hold, what the updater's workers did, what ran, what was said."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..events import FailureCounted, LastWatchBegan, RestBegan, SlotTaken, UpdateBegun
from . import ink
from .lanes import lanes

__all__ = ["Fill", "Said", "Update", "update_of", "update_outage"]

SECOND = 1_000_000  # µs
LEAD = 3.0  # seconds seen before the update was asked for
BUSY = ("updating", "rollback_started")


class Fill(NamedTuple):
    """One task in its slot; times in seconds after the update was asked for."""

    place: str  # the slot, or the node of a global service
    line: int  # 0, or more where tasks of one slot overlap
    task: str
    version: int
    phases: tuple  # (from, to, state): what it truly was
    wished: float
    unwished: float | None
    ended: str
    ended_at: float | None


class Said(NamedTuple):
    """From when on the service had this status, and this spec."""

    at: float
    state: str
    message: str
    version: int
    previous: tuple  # (version, image) to which a rollback leads


class Update(NamedTuple):
    """All that is drawn of one update."""

    title: str
    service: str
    start: float
    end: float
    images: dict[int, str]  # version → image
    fills: tuple[Fill, ...]
    said: tuple[Said, ...]
    wanted: tuple  # (second, replicas)
    slots: tuple  # (second, slots with a running task)
    tasks: tuple  # (second, running tasks)
    taken: tuple = ()  # (second, place, task)
    rests: tuple = ()  # (from, to, place)
    counted: tuple = ()  # (second, place, task, failures, slots, ratio)
    watch: tuple = ()  # (from, to)
    asked: Any = None  # requests, a `Traffic` in the same seconds
    parallelism: int | None = None
    begun: tuple = ()  # seconds at which a leader looked what there is to replace

    @property
    def versions(self) -> list[int]:
        """In the order in which they came."""
        return list(self.images)

    @property
    def places(self) -> list[str]:
        return list(dict.fromkeys(fill.place for fill in self.fills))

    @property
    def done(self) -> Said | None:
        """How it ended: the last status, unless it still goes on."""
        last = self.said[-1] if self.said else None
        return last if last and last.state and last.state not in BUSY else None


def update_of(
    trace: Any,
    service: str = "",
    asked_at: float | None = None,
    end: float | None = None,
    requests: Any = None,
    parallelism: int | None = None,
    title: str = "",
    lead: float = LEAD,
) -> Update:
    """The rows of an update from a trace. By default the service that was updated last, from its first update on.

    `asked_at` and `end` are seconds of the run; `requests` (what `viz.trafficfold.traffic` takes) are those of its
    visitors, by default all of the trace; `parallelism` gives the line that stop-first never goes below, by default as
    many as the update had workers.
    """
    if isinstance(trace, Update):
        return trace
    rows = ink.rows_of(trace)
    stored = [row for row in rows["log"] if row[3] == "service" and row[5]]
    name = service or _updated(stored)
    mine = [row for row in stored if row[5]["name"] == name]
    if not mine:
        raise ValueError(f"there is no service {name!r} in this run" if name else "no service was updated in this run")
    zero = _asked_at(mine) if asked_at is None else round(asked_at * SECOND)
    last = rows["end"] if end is None else round(end * SECOND)
    since = lambda time: (time - zero) / SECOND  # noqa: E731
    fills = _fills(rows, name, since)
    places = {fill.task: fill.place for fill in fills}
    keys = {row[4] for row in mine}
    facts = [r for r in getattr(trace, "records", ()) if getattr(r.fact, "service", None) in keys and r.time >= zero]
    slots, tasks = _ran(fills, since(last))
    taken = [(since(r.time), places.get(r.fact.task, ""), r.fact.task) for r in facts if isinstance(r.fact, SlotTaken)]
    workers = next((r.fact.workers for r in facts if isinstance(r.fact, UpdateBegun)), None)
    return Update(
        title,
        name,
        -lead,
        since(last),
        _images(mine, rows, name),
        fills,
        _said(mine, since),
        tuple((since(row[0]), row[5]["replicas"]) for row in mine if row[5]["mode"].startswith("replicated")),
        slots,
        tasks,
        tuple(taken),
        tuple(_rest(r, mine, rows, since) for r in facts if isinstance(r.fact, RestBegan)),
        tuple(_counted(r, places, since) for r in facts if isinstance(r.fact, FailureCounted)),
        next(((since(r.time), since(r.fact.until)) for r in facts[::-1] if isinstance(r.fact, LastWatchBegan)), ()),
        _requests(trace, requests, zero),
        workers if parallelism is None and _stops_first(fills, taken) else parallelism,
        tuple(since(r.time) for r in facts if isinstance(r.fact, UpdateBegun)),
    )


def _stops_first(fills: Sequence[Fill], taken: Sequence[tuple]) -> bool:
    """Whether the old task of the first slot was told to stop in the moment in which the new one was made."""
    for _, place, task in taken[:1]:
        made = next((fill.wished for fill in fills if fill.task == task), None)
        return any(fill.unwished == made for fill in fills if fill.place == place and fill.task != task)
    return False


def _updated(stored: Sequence[list]) -> str:
    """The service that had an update status last."""
    return next((row[5]["name"] for row in reversed(stored) if row[5].get("update")), "")


def _asked_at(mine: Sequence[list]) -> int:
    """When the spec was changed that the first update is about; without an update, the last change of the spec."""
    first = next((n for n, row in enumerate(mine) if row[5].get("update")), len(mine) - 1)
    version = mine[first][5]["spec_version"]
    return next(row[0] for row in mine if row[5]["spec_version"] == version)


def _images(mine: Sequence[list], rows: dict, name: str) -> dict[int, str]:
    """version → image, oldest first; a new service's first versions are one."""
    found = {row[5]["spec_version"]: row[5]["image"] for row in mine}
    used = {row[5]["spec_version"] for row in rows["log"] if row[3] == "task" and row[5] and _is_of(row[5], name)}
    return {version: image for version, image in found.items() if version in used or version == list(found)[-1]}


def _is_of(task: Mapping[str, Any], name: str) -> bool:
    return task["name"].rpartition(".")[0] == name


def _fills(rows: dict, name: str, since: Any) -> tuple[Fill, ...]:
    """The tasks of the service, slot by slot."""
    versions = {row[4]: row[5]["spec_version"] for row in rows["log"] if row[3] == "task" and row[5]}
    found = []
    for bar in lanes(rows, [name]):
        phases = tuple((since(begin), since(until), state) for begin, until, state in bar["phases"])
        unwished, ended_at = (None if bar[key] is None else since(bar[key]) for key in ("unwished", "ended_at"))
        key = bar["task"]
        found.append(
            Fill(
                bar["lane"],
                bar["line"],
                key,
                versions[key],
                phases,
                since(bar["wished"]),
                unwished,
                bar["ended"],
                ended_at,
            )
        )
    return tuple(found)


def _said(mine: Sequence[list], since: Any) -> tuple[Said, ...]:
    found: list[Said] = []
    for time, _, _, _, _, fields in mine:
        state, message = fields.get("update") or ("", "")
        said = Said(since(time), state, message, fields["spec_version"], tuple(fields.get("previous") or ()))
        if found and found[-1].at == said.at and not found[-1].state:
            found.pop()
        if not found or found[-1][1:] != said[1:]:
            found.append(said)
    return tuple(found)


def _ran(fills: Sequence[Fill], last: float) -> tuple[tuple, tuple]:
    """How many slots had a running task, and how many tasks ran, change by change."""
    runs = [(fill.place, begin, until) for fill in fills for begin, until, state in fill.phases if state == "running"]
    turns = [(begin, place, 1) for place, begin, _ in runs] + [(until, place, -1) for place, _, until in runs]
    now: dict[str, int] = {}
    slots: dict[float, int] = {}
    tasks: dict[float, int] = {}
    filled = running = 0
    for time, place, step in sorted(turn for turn in turns if turn[0] < last):
        before, after = now.get(place, 0), now.get(place, 0) + step
        filled += (after > 0) - (before > 0)
        now[place], running = after, running + step
        slots[time], tasks[time] = filled, running
    return tuple(slots.items()), tuple(tasks.items())


def _rest(record: Any, mine: Sequence[list], rows: dict, since: Any) -> tuple:
    place = record.fact.place
    lane = (
        f"{mine[0][5]['name']}.{place}"
        if place.isdigit()
        else f"{mine[0][5]['name']} on {rows['nodes'].get(place, '')}"
    )
    return since(record.time), since(record.fact.until), lane


def _counted(record: Any, places: Mapping[str, str], since: Any) -> tuple:
    fact = record.fact
    return since(record.time), places.get(fact.task, ""), fact.task, fact.failures, fact.slots, fact.ratio


def _requests(trace: Any, requests: Any, zero: int) -> Any:
    """The visitors' requests, in the same seconds."""
    given = getattr(trace, "requests", None) if requests is None else requests
    if not given:
        return None
    from .trafficfold import traffic

    found, shift = traffic(given), zero / SECOND
    return found._replace(arrived=found.arrived - shift, ended=found.ended - shift, done=found.done - shift)


def update_outage(row: Update) -> dict:
    """The row of the outage bar for an update that goes wrong: fault is the command, noticed the first failure that counts.

    Decided is when the update pauses or begins to roll back, healed when every slot has a running task again, for good.
    """
    wanted = row.wanted[-1][1] if row.wanted else len(row.places)
    stopped = next((said.at for said in row.said if said.state in ("paused", "rollback_started")), None)
    low = max((at for at, count in row.slots if at >= 0 and count < wanted), default=None)
    whole = next((at for at, count in row.slots if low is not None and at > low), None)
    counted = row.counted[0][0] if row.counted else stopped
    found = {"machine": row.service, "of": "update", "title": row.title or f"update of {row.service}", "fault": 0}
    times = {"noticed": counted, "decided": stopped, "healed": None if low is None or stopped is None else whole}
    if row.asked is not None:
        until = row.end if times["healed"] is None else times["healed"]
        bad = row.asked.arrived[~row.asked.ok & (row.asked.arrived >= 0) & (row.asked.arrived <= until)]
        found["lost"] = [round(float(at) * SECOND) for at in bad]
    return found | {name: None if at is None else round(at * SECOND) for name, at in times.items()}
