"""What comes of a change, read off the trace of a twin: which tasks ended and began where, and how many ran meanwhile."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from ..effects import SECOND
from ..objects import COMPLETE, RUNNING

STEP, PATIENCE = 0.1, 60  # s: between two looks; without any news of tasks, after which nobody waits on
ENDED = ("complete", "shutdown", "failed", "rejected", "remove", "orphaned")
NEWS = ("TaskStored", "TaskProgressed", "ServiceStored")


class Move(NamedTuple):
    """What becomes of a slot: one task ends, another begins. It may be the same machine; it is never the same task.
    Machines are '' and times None where there is nothing; times are s after the command."""

    task: str  # shop_web.1; shop_agent.worker-2 for a global service
    service: str
    old: str
    new: str
    ended: float | None
    began: float | None

    @property
    def gap(self) -> float | None:
        """For how long nothing ran in the slot, s; negative when both ran at once."""
        return None if self.ended is None or self.began is None else round(self.began - self.ended, 3)


class Capacity(NamedTuple):
    """How many tasks of a service run from the command until all is settled."""

    service: str
    before: int
    least: int
    least_at: float  # s after the command, when so few ran for the first time
    after: int
    wanted: int  # how many should run in the end
    short_for: float  # s during which fewer ran than did before and should afterwards

    @property
    def dip(self) -> int:
        """How many are missing at the worst moment."""
        return max(0, min(self.before, self.wanted) - self.least)


class Happening(NamedTuple):
    """A task began to run, or ended."""

    time: float  # s after the command
    began: bool
    id: str
    service: str
    slot: int
    machine: str


def wait(cluster: Any, limit: float) -> bool:
    """Let the cluster go on until every service is as it should be. False if that does not come to pass."""
    until, seen, news = cluster.now + limit, len(cluster.trace.records), cluster.now
    settled = is_settled(cluster.store)
    while not settled:
        if cluster.now >= until or cluster.now - news > patience(cluster.store):
            return False
        cluster.run_for(STEP)
        if any(type(record.fact).__name__ in NEWS for record in cluster.trace.records[seen:]):
            settled, news = is_settled(cluster.store), cluster.now
        seen = len(cluster.trace.records)
    return True


def patience(store: Any) -> float:
    """How long to wait for news, s: an update that is under way may rest, and then watch."""
    updates = [(s.spec.update, s.spec.rollback) for s in store.all("service") if _is_updating(s)] if store else ()
    return PATIENCE + max(((2 * one.delay + one.monitor) / SECOND for pair in updates for one in pair), default=0)


def is_settled(store: Any) -> bool:
    """No update is under way, nothing is starting or stopping, and as many tasks run as are wanted."""
    if store is None:
        return True
    tasks: dict[str, list] = {}
    for task in store.all("task"):
        tasks.setdefault(task.service, []).append(task)
    services = {service.id: service for service in store.all("service")}
    left = [task for id in tasks if id not in services for task in tasks[id] if not task.spec.attachment]
    gone = any(task.state <= RUNNING for task in left)
    return not gone and all(_is_as_wanted(service, tasks.get(id, ())) for id, service in services.items())


def _is_as_wanted(service: Any, tasks: Sequence[Any]) -> bool:
    if _is_updating(service):
        return False
    if service.spec.mode.endswith("-job"):
        return not any(task.state < COMPLETE and task.desired <= COMPLETE for task in tasks)
    alive = [task for task in tasks if task.state <= RUNNING]
    if any(task.desired > RUNNING or task.state < RUNNING for task in alive):
        return False
    return service.spec.mode != "replicated" or len(alive) == service.spec.replicas


def _is_updating(service: Any) -> bool:
    return (service.update_status or ("",))[0] in ("updating", "rollback_started")


def happenings(records: Iterable[Any], since: int, ran: Iterable[Any] = ()) -> list[Happening]:
    """What the workers noted of their tasks; `ran` are those that ran at first. Of a task that is deleted while it runs
    only its container's end is noted."""
    found: list[Happening] = []
    alive = {task.id: (task.service, task.slot) for task in ran}
    for record in records:
        fact, kind = record.fact, type(record.fact).__name__
        if kind == "TaskProgressed" and (fact.state == "running" or fact.state in ENDED):
            if fact.state == "running":
                alive[fact.task] = (fact.service, fact.slot)
            elif alive.pop(fact.task, None) is None and any(one.id == fact.task for one in found):
                continue  # its container's end was noted before
            who = fact.task, fact.service, fact.slot
        elif kind == "ContainerExited" and fact.task in alive:
            who = fact.task, *alive.pop(fact.task)
        else:
            continue
        time = round((record.time - since) / SECOND, 3)
        found.append(Happening(time, kind == "TaskProgressed" and fact.state == "running", *who, record.source))
    return found


def moves(before: Iterable[Any], after: Iterable[Any], story: Iterable[Happening]) -> tuple[Move, ...]:
    """Slot by slot, what ran and runs no more, and what runs in its place."""
    old, new = _by_slot(before), _by_slot(after)
    begins = {each.id: each.time for each in story if each.began}
    ends = {each.id: each.time for each in story if not each.began}
    found = []
    for slot in sorted({**old, **new}):
        one, other = old.get(slot), new.get(slot)
        if (one and one.id) != (other and other.id):
            found.append(
                Move(
                    f"{slot[0]}.{slot[1] or slot[2]}",
                    slot[0],
                    one.machine if one else "",
                    other.machine if other else "",
                    ends.get(one.id) if one else None,
                    begins.get(other.id) if other else None,
                )
            )
    return tuple(found)


def _by_slot(running: Iterable[Any]) -> dict[tuple[str, int, str], Any]:
    """By service and slot; by service and machine where there are no slots."""
    return {(task.service, task.slot, "" if task.slot else task.machine): task for task in running}


def capacity(service: str, before: Iterable[Any], story: Iterable[Happening], wanted: int) -> Capacity:
    """The number of running tasks over time, as its worst moment and how long it lay too low."""
    running = {task.id for task in before if task.service == service}
    steps = [(0.0, len(running))]
    for each in story:
        if each.service == service:
            running = running | {each.id} if each.began else running - {each.id}
            steps.append((each.time, len(running)))
    first, last = steps[0][1], steps[-1][1]
    least = min(number for _, number in steps)
    at = next(time for time, number in steps if number == least)
    spans = [(later - time, number) for (time, number), (later, _) in pairwise(steps)]
    short = sum(span for span, number in spans if number < min(first, wanted))
    return Capacity(service, first, least, at, last, wanted, round(short, 3))


def wanted(store: Any) -> dict[str, int]:
    """How many tasks of each service should run."""
    going: dict[str, int] = {}
    for task in store.all("task") if store else ():
        going[task.service] = going.get(task.service, 0) + (task.desired <= RUNNING)
    services = store.all("service") if store else ()
    return {s.name: s.spec.replicas if s.spec.mode == "replicated" else going.get(s.id, 0) for s in services}


def waiting(store: Any) -> tuple[tuple[str, str], ...]:
    """Tasks that should run and do not, and why: what the newest attempt of their slot met with."""
    errors: dict[tuple[str, Any], str] = {}
    idle: dict[tuple[str, Any], str] = {}
    for task in sorted(store.all("task"), key=lambda task: task.created_at) if store else ():
        slot = task.service, task.slot or task.node
        if task.err:
            errors[slot] = task.err
        if task.desired <= RUNNING and task.state == RUNNING:
            idle.pop(slot, None)
        elif task.desired <= RUNNING:
            idle[slot] = task.name  # though an older one may still run there
    return tuple(sorted((name, errors[slot]) for slot, name in idle.items() if slot in errors))
