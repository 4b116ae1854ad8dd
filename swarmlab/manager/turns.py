"""The planners in the order work flows, and what each of them has to look at.

A planner is told what changed since it last looked, and waits a moment so that it looks once at a burst of changes.
Source: swarmkit `manager/manager.go` (becomeLeader), `manager/scheduler/scheduler.go` (the 50 ms).
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ..effects import MS, NEVER, SECOND
from ..objects import KINDS
from . import allocator, enforcer, global_mode, jobs, keys, reaper, replicated, restart, scheduler, updater
from .store import Key, Store


class Planner(NamedTuple):
    """`settle`: it looks when nothing has changed for this long, but `longest` after the first change at the latest."""

    name: str
    plan: Callable
    memory: str  # planners that name the same memory share it
    watches: tuple[str, ...] = tuple(KINDS.values())  # kinds of objects that concern it
    settle: int = 0
    longest: int = 0


PLANNERS = (
    Planner("enforcer", enforcer.plan, "nothing", ("node",)),
    Planner("restart", restart.plan, "restarts", ("service", "node", "task")),
    Planner("replicated", replicated.plan, "restarts", ("service", "task")),
    Planner("global", global_mode.plan, "restarts", ("service", "node")),
    Planner("jobs", jobs.plan, "restarts", ("service", "task")),
    Planner("updater", updater.plan, "restarts", ("service", "task")),
    Planner("reaper", reaper.plan, "history", ("task",)),
    Planner("allocator", allocator.plan, "addresses"),
    Planner("scheduler", scheduler.plan, "places", settle=50 * MS, longest=SECOND),
    Planner("keys", keys.plan, "keys", ("cluster",)),
)


class Turn:
    """What one planner has to look at, and when."""

    def __init__(self, changed: dict[Key, None] | None = None, wake_at: int = NEVER) -> None:
        self.changed = changed  # None: everything
        self.since = NEVER  # the first change that it has not looked at
        self.due = NEVER
        self.wake_at = wake_at  # the time that it asked for itself

    def see(self, planner: Planner, keys: Iterable[Key], now: int) -> None:
        """These objects changed."""
        if self.changed is not None:
            self.changed |= dict.fromkeys(keys)
        self.since = min(self.since, now)
        self.due = min(now + planner.settle, self.since + planner.longest)


class Turns:
    """All planners, with what a leader remembers for them: exactly what Swarm forgets at fail-over."""

    def __init__(self, strategy: Callable, now: int) -> None:
        self.strategy = strategy
        self.turns = {planner.name: Turn() for planner in PLANNERS}
        self.memories: dict[str, Any] = {
            "restarts": restart.Memory(),
            "addresses": allocator.Memory(),
            "places": scheduler.Memory(),
            "history": reaper.Memory(),
            "keys": keys.Memory(),
            "nothing": None,
        }
        for planner in PLANNERS:  # at first everything is news
            self.turns[planner.name].see(planner, (), now)

    def see(self, keys: Iterable[Key], now: int) -> None:
        """These objects changed."""
        kinds: dict[str, list[Key]] = {}
        for key in keys:
            kinds.setdefault(key[0], []).append(key)
        for planner in PLANNERS:
            news = [key for kind in planner.watches if kind in kinds for key in kinds[kind]]
            if news:
                self.turns[planner.name].see(planner, news, now)

    @property
    def deadline(self) -> int:
        return min(min(turn.due, turn.wake_at) for turn in self.turns.values())

    def next(self, now: int) -> Planner | None:
        """The first in the order of the flow that has something to look at."""
        for planner in PLANNERS:
            turn = self.turns[planner.name]
            if turn.due <= now or turn.wake_at <= now:
                return planner
        return None

    def run(self, planner: Planner, store: Store, now: int) -> Any:
        """The changes that it asks for, after a look at what changed since it last did."""
        extra = (self.strategy,) if planner.name == "scheduler" else ()
        memory = self.memories[planner.memory]
        changes, wake_at = planner.plan(store, self.turns[planner.name].changed, memory, now, *extra)
        self.turns[planner.name] = Turn({}, wake_at=NEVER if wake_at is None else wake_at)
        return changes

    def facts(self) -> list:
        """What scheduler and updater have to tell since this was last asked."""
        places, restarts = self.memories["places"], self.memories["restarts"]
        facts = [*places.attempts, *restarts.told]
        places.attempts, restarts.told = [], []
        return facts
