"""A rolling update as a plan tells it: what is renewed, how long it lasts, how few tasks run meanwhile, what would stop it.

A twin carries the update out, and its trace says what came of it. Beside that stand the sums of `forecast`, made before.
Source: swarm.md §8.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ..effects import SECOND
from ..manager.tasks import by_place, is_dirty
from ..objects import Service, Task, UpdateConfig
from .forecast import Forecast, Place, Shelf, forecast, watch_of
from .outlook import Happening, patience

FINAL = ("completed", "paused", "rollback_completed", "rollback_paused")


class Stage(NamedTuple):
    """The update has another state from now on."""

    time: float  # s after the command
    state: str  # updating · paused · completed · rollback_started · rollback_paused · rollback_completed
    message: str


class Rollout(NamedTuple):
    """What becomes of the update, or the rollback, of one service."""

    service: str
    rollback: bool  # somebody asks for one
    order: str  # stop-first · start-first
    parallelism: int  # as many slots as are renewed at once: 0 in the spec means all
    delay: float  # s
    watch: float  # s, after the last slot
    replaced: int  # slots whose task is out of date
    kept: int  # slots whose task may stay
    stages: tuple[Stage, ...]
    ends: str  # its last state; hangs: it waits for a task that does not come to run; or the time was too short
    duration: float | None  # s until then; None: it has no end
    fewest_running: int  # slots with a running task, at the worst moment
    fewest_at: float  # s after the command, when so few had one for the first time
    most_running: int  # tasks that run at once, those included that are being stopped
    most_at: float
    on_failure: str  # pause · rollback · continue
    fails_at: int | None  # so many failed tasks lead to that; None: however many fail, it goes on
    forecast: Forecast | None  # the sums; None where the new tasks would not run

    why: str = ""  # it hangs, as it was to be stopped and could not: the reason

    @property
    def message(self) -> str:
        """What the service says of its update in the end."""
        return self.stages[-1].message if self.stages else ""


# ── what is to be renewed ────────────────────────────────────────────────────────────────────────────────────────


class Begun(NamedTuple):
    """A service that the command has changed, and what there was of it."""

    service: Service
    rollback: bool
    places: dict[Any, list[Task]]  # slot or node → the tasks there that should run
    dirty: tuple[Any, ...]  # the places to renew, in order
    under_way: bool  # an update of it was not yet over

    @property
    def config(self) -> UpdateConfig:
        return self.service.spec.rollback if self.rollback else self.service.spec.update


def begun(before: Any, after: Any, new: Service) -> Begun:
    """What an update to this version of the service finds."""
    old = before.objects["service", new.id]
    places = by_place(new, [task for task in before.tasks if task.service == new.id])
    dirty = [
        place for place, tasks in places.items() if len(tasks) > 1 or any(is_dirty(after, new, task) for task in tasks)
    ]
    was = (old.update_status or ("",))[0]
    rollback = (new.update_status or ("",))[0].startswith("rollback")
    return Begun(new, rollback, places, tuple(sorted(dirty)), was in ("updating", "rollback_started"))


def longest(start: Begun) -> float:
    """For how long an update that does not hang may last, s: half a minute for each turn of its workers."""
    config = start.config
    turns = -(-len(start.dirty) // (config.parallelism or max(1, len(start.dirty))))
    return (turns * (30 * SECOND + config.delay) + watch_of(config)) / SECOND


# ── what came of it ──────────────────────────────────────────────────────────────────────────────────────────────


def rollout(
    start: Begun,
    records: Sequence[Any],
    since: int,
    ran: Iterable[Any],
    story: Iterable[Happening],
    shelves: Mapping[str, Shelf],
    twin: Any,
) -> Rollout | None:
    """The update of this service as the twin carried it out; None where it has no status, as there is nothing to renew."""
    service, config = start.service, start.config
    kept = _staying(start, records)
    dirty = [place for place in start.dirty if place in kept]
    stages = _stages(service.id, records, since)
    if not stages:
        return None
    levels = _levels(
        [task for task in ran if task.service == service.name], [one for one in story if one.service == service.name]
    )
    fewest, most = min(levels, key=lambda level: level[0]), max(levels, key=lambda level: level[1])
    ends, machines = _end(stages, records, service, twin), _machines(start, records, twin)
    places = [Place(_oldest(kept[place]), machines.get(place, "")) for place in dirty]
    return Rollout(
        service.name,
        start.rollback,
        config.order,
        min(config.parallelism or len(dirty), len(dirty)),
        config.delay / SECOND,
        watch_of(config) / SECOND,
        len(dirty),
        len(kept) - len(dirty),
        stages,
        ends,
        stages[-1].time if ends in FINAL else None,
        fewest[0],
        fewest[2],
        most[1],
        most[2],
        config.failure_action,
        fails_at(config, len(dirty)),
        None if start.under_way else forecast(service, config, places, levels[0][0], shelves),
        _reason(service, records) if ends == "hangs" else "",
    )


def _end(stages: Sequence[Stage], records: Iterable[Any], service: Service, twin: Any) -> str:
    """Its last state. One that is not over hangs, unless something happened to the service not long ago."""
    if stages[-1].state in FINAL:
        return stages[-1].state
    news = [record.time for record in records if getattr(record.fact, "service", "") in (service.id, service.name)]
    quiet = (twin.kernel.now - news[-1]) / SECOND if news else 0
    return "hangs" if quiet > patience(twin.store) else stages[-1].state


def _reason(service: Service, records: Iterable[Any]) -> str:
    """Why it has stopped without a state that says so: there is nothing to roll back to."""
    stops = (record.fact for record in records if type(record.fact).__name__ == "UpdateStopped")
    return next((fact.reason for fact in stops if fact.service == service.id), "")


def _staying(start: Begun, records: Iterable[Any]) -> dict[Any, list[Task]]:
    """The places that the service still has when it is also made smaller."""
    stored = (record.fact for record in records if type(record.fact).__name__ == "TaskStored")
    removed = {fact.id for fact in stored if fact.desired == "remove"}
    return {place: tasks for place, tasks in start.places.items() if any(task.id not in removed for task in tasks)}


def fails_at(config: UpdateConfig, slots: int) -> int | None:
    """How many failed tasks it takes until the failure action follows: their share must exceed the ratio."""
    counts = range(1, slots + 1) if config.failure_action != "continue" else ()
    return next((failed for failed in counts if failed / slots > config.max_failure_ratio), None)


def _stages(service: str, records: Iterable[Any], since: int) -> tuple[Stage, ...]:
    found: list[Stage] = []
    for record in records:
        fact = record.fact
        if type(fact).__name__ == "ServiceStored" and fact.id == service and fact.update:
            if not found or fact.update != found[-1][1:]:
                found.append(Stage(round((record.time - since) / SECOND, 3), *fact.update))
    return tuple(found)


def _levels(ran: Iterable[Any], story: Iterable[Happening]) -> list[tuple[int, int, float]]:
    """At each change: how many slots have a running task, how many tasks run, and when. Those of a global service have no
    slots, but a node each."""
    running = {task.id: task.slot or task.machine for task in ran}
    found = [(len(set(running.values())), len(running), 0.0)]
    for each in story:
        if each.began:
            running[each.id] = each.slot or each.machine
        else:
            running.pop(each.id, None)
        found.append((len(set(running.values())), len(running), each.time))
    return found


def _oldest(tasks: Sequence[Task]) -> Task:
    return min(tasks, key=lambda task: task.created_at)


def _machines(start: Begun, records: Iterable[Any], twin: Any) -> dict[Any, str]:
    """Where the first new task of each place came to."""
    names = {node.id: node.machine for node in twin.nodes}
    old = {task.id for tasks in start.places.values() for task in tasks}
    found: dict[Any, str] = {}
    for record in records:
        fact = record.fact
        if (
            type(fact).__name__ == "TaskStored"
            and fact.service == start.service.id
            and fact.node
            and fact.id not in old
        ):
            found.setdefault(fact.slot or fact.node, names.get(fact.node, ""))
    return found
