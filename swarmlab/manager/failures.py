"""What a rolling update remembers, and what it does when tasks that it made fail: pause, roll back or go on.

A task counts once if it ends before it ran, or within `monitor` after; so does one that ended well. Old tasks and those
that the restart supervisor made count for nothing. Source: Docker documentation, "Apply rolling updates to a service";
swarmkit `manager/orchestrator/update/updater.go`.
"""

# Simpler than in reality (docs/simplifications.md): failed-rollback

from collections import deque
from typing import NamedTuple

from ..effects import NEVER, SECOND
from ..events import FailureCounted, UpdateStopped
from ..objects import Put, Service, Task, UpdateConfig, replace
from .restart import Memory
from .store import Store
from .tasks import Place

MONITOR = UpdateConfig().monitor
NO_PREVIOUS_SPEC = "cannot roll back service because no previous spec is available"


class Slot(NamedTuple):
    """What filled a place when the update began."""

    place: Place
    tasks: tuple[Task, ...]


class Swap(NamedTuple):
    """One worker at work: the tasks that go when the new one runs, and whether the new one only has to be started."""

    place: Place
    old: tuple[Task, ...] = ()
    only_start: bool = False


class Made(NamedTuple):
    """A task that the update made."""

    number: int  # the how-manieth
    ran_at: int = NEVER  # when its worker saw it run, or end


class Update:
    """One rolling update under way; the next leader starts it anew from what is still old."""

    def __init__(self, service: Service, dirty: list[Slot], state: str) -> None:
        self.service = service
        self.rolls_back = state == "rollback_started"
        self.config = _heeded(service.spec.rollback if self.rolls_back else service.spec.update)
        self.slots = len(dirty)
        self.workers = self.config.parallelism or len(dirty)
        self.waiting = deque(dirty)
        self.swaps: dict[str, Swap] = {}  # by the task that a worker waits for
        self.rests: deque[int] = deque()  # until when each resting worker rests, in order
        self.ends = NEVER  # when the last watch is over
        self.made: dict[str, Made] = {}  # what may still count as a failure, by task
        self.unread: dict[str, None] = {}  # those of them that ended, and nobody has looked at that yet
        self.number = 0  # of tasks that were made
        self.failures = 0
        self.stopped = False  # no more slots are taken; workers end what they are at
        self.stuck = False  # it was to be rolled back, and there is nothing to go back to

    @property
    def due(self) -> int:
        return min(self.rests[0] if self.rests else NEVER, self.ends)

    @property
    def last_watch(self) -> int:
        """How long it is watched after the last slot. It also is how long after its start a task may fail then."""
        delay, monitor = self.config.delay, self.config.monitor
        return delay + SECOND if delay >= monitor else monitor


def _heeded(config: UpdateConfig) -> UpdateConfig:
    """A monitor of zero counts as not said."""
    return config if config.monitor else replace(config, monitor=MONITOR)


def watch(update: Update, new: Task, memory: Memory) -> None:
    """Whatever becomes of this task may count."""
    if update.config.failure_action != "continue":
        update.number += 1
        update.made[new.id] = Made(update.number)
        memory.updating[new.id] = update.service.id


def note_running(update: Update, id: str, memory: Memory, now: int) -> None:
    """The worker need no longer wait for this task; from now on it has to last."""
    if id in update.made:
        update.made[id] = update.made[id]._replace(ran_at=now)
    else:
        memory.updating.pop(id, None)


def count(store: Store, update: Update, window: int, memory: Memory, now: int) -> list:
    """Read what ended since the last look. The time is taken now, not when it ended: who reads late counts less."""
    ended = sorted((update.made[id].number, id) for id in update.unread)
    update.unread = {}
    changes: list = []
    for _, id in ended:
        ran_at = update.made.pop(id).ran_at
        if id not in update.swaps:
            memory.updating.pop(id, None)
        if not update.stopped and (ran_at == NEVER or now - ran_at <= window):
            changes += _count_one(store, update, id, memory, now)
    return changes


def _count_one(store: Store, update: Update, task: str, memory: Memory, now: int) -> list:
    update.failures += 1
    id, limit = update.service.id, update.config.max_failure_ratio
    memory.told.append(FailureCounted(id, task, update.failures, update.slots, limit))
    return _stop(store, update, task, memory, now) if update.failures / update.slots > limit else []


def _stop(store: Store, update: Update, task: str, memory: Memory, now: int) -> list:
    """Too many have failed: no more slots are taken, and the service says why."""
    update.stopped = True
    update.waiting.clear()
    service: Service = store.get("service", update.service.id)
    # SwarmKit stops without a word if the status was cleared meanwhile, by an update that changed nothing. We pause:
    # then the previous spec is the one that fails.
    state, _, started, _ = service.update_status or ("", "", now, 0)
    back = update.config.failure_action == "rollback" and not update.rolls_back and state != ""
    message = f"{_what(update, back)} due to failure or early termination of task {task}"
    update.stuck = back and service.previous_spec is None
    memory.told.append(UpdateStopped(service.id, task, NO_PREVIOUS_SPEC if update.stuck else message))
    if update.stuck:
        return []
    if back:
        return [Put(_rolled_back(service, ("rollback_started", message, started, 0)))]
    paused = "rollback_paused" if state == "rollback_started" else "paused"
    return [Put(replace(service, update_status=(paused, message, started, 0)))]


def _what(update: Update, back: bool) -> str:
    """A rollback is never rolled back.

    SwarmKit says that it pauses one, and yet calls it completed after the last watch; here it stays paused.
    """
    if back:
        return "update rolled back"
    never_back = update.rolls_back and update.config.failure_action == "rollback"
    return "rollback paused" if never_back else "update paused"


def _rolled_back(service: Service, status: tuple) -> Service:
    """The previous spec again. What failed is not kept: this rollback cannot be rolled back."""
    return replace(
        service,
        spec=service.previous_spec,
        spec_version=service.previous_spec_version,
        previous_spec=None,
        previous_spec_version=0,
        update_status=status,
    )
