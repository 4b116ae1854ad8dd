"""How long a rolling update takes, by sums: what one replacement needs, and so many workers doing one after the other.

    3 slots, one at a time, 3 s for each and a delay of 10 s: 3 × (3 + 10) + 11 s = 50 s

The last 11 s are one more watch: the monitor, or the delay and a second where the delay is no shorter. All figures come
from the spec, the image and the managers' own batches; a twin that carries the update out is the check.
Source: swarm.md §8, §12, §13, §20.4.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import heappop, heappush
from itertools import accumulate
from typing import NamedTuple

from ..effects import MS, SECOND
from ..messages import Probed
from ..objects import RUNNING, STARTING, HealthConfig, Service, Task, UpdateConfig
from ..worker import health, images
from ..worker.controller import LEAVE_TIME
from ..worker.executor import CREATE_TIME

SCHEDULE, TELL, REPORT = (
    50 * MS,
    100 * MS,
    100 * MS,
)  # the scheduler's pause, and a dispatcher's batch in each direction


class Step(NamedTuple):
    """A part of one replacement."""

    what: str
    seconds: float


class Forecast(NamedTuple):
    """What the sums say of an update of healthy tasks. Times in s."""

    slots: int
    workers: int  # how many slots are replaced at once
    swap: float  # one replacement, on average
    delay: float
    watch: float  # after the last one
    duration: float  # from the command until `completed`
    fewest_running: int  # slots that have a running task, at the worst moment
    most_running: int  # tasks that run at once, those included that are being stopped
    steps: tuple[Step, ...]  # of one replacement on a node that has the image

    @property
    def turns(self) -> int:
        """How often each worker takes a slot; the last time not all of them may."""
        return -(-self.slots // self.workers) if self.slots else 0

    @property
    def sum(self) -> str:
        """As one would write it down."""
        each = f"({_short(self.swap)} + {_short(self.delay)})" if self.delay else _short(self.swap)
        return f"{self.turns} × {each} + {_short(self.watch)}"


def _short(seconds: float) -> str:
    return f"{seconds:.1f}".removesuffix(".0") + " s"


class Shelf(NamedTuple):
    """What a machine has, and how fast it gets more."""

    images: tuple[str, ...]
    bandwidth: int  # bytes per second


class Place(NamedTuple):
    """One slot that an update has to renew."""

    old: Task | None  # None: nothing is there that has to stop
    machine: str  # where the new task comes to run


class Swap(NamedTuple):
    """When, in µs after the command, the old container of a place ends and the new one counts as running."""

    was_running: bool
    stops: int
    runs: int


def forecast(
    service: Service, config: UpdateConfig, places: Sequence[Place], running: int, shelves: Mapping[str, Shelf]
) -> Forecast | None:
    """The sums for these places, where `running` slots have a running task now. None if the new tasks would not run for
    good, and None if there is nothing to renew."""
    wait = until_well(service)
    if wait is None or not places:
        return None
    workers = min(config.parallelism or len(places), len(places))
    swaps, free = [], [0] * workers
    pulls: dict[str, int] = {}  # machine → when it has the image
    for place in places:
        begin = heappop(free)
        swaps.append(_swap(service, config.order, place, wait, begin, shelves, pulls))
        heappush(free, swaps[-1].runs + REPORT + config.delay)
    end, turns = max(free), -(-len(places) // workers)
    return Forecast(
        len(places),
        workers,
        (end / turns - config.delay) / SECOND,
        config.delay / SECOND,
        watch_of(config) / SECOND,
        (end + watch_of(config)) / SECOND,
        running + min(_levels(swaps, slots=True)),
        running + max(_levels(swaps, slots=False)),
        tuple(Step(what, time / SECOND) for what, time in _steps(service, config.order, places[-1].old, wait) if time),
    )


def watch_of(config: UpdateConfig) -> int:
    """How long an update is watched after its last task runs, µs."""
    monitor = config.monitor or UpdateConfig().monitor  # zero counts as not said
    return config.delay + SECOND if config.delay >= monitor else monitor


# ── one replacement ──────────────────────────────────────────────────────────────────────────────────────────────


def _swap(
    service: Service, order: str, place: Place, wait: int, begin: int, shelves: Mapping, pulls: dict[str, int]
) -> Swap:
    told = begin + SCHEDULE + TELL  # when the node hears of the new task
    ready = max(told, _pulled(service, place.machine, told, shelves, pulls)) + CREATE_TIME
    was_running, ends = place.old is not None and place.old.state == RUNNING, _ends(place.old)
    if order == "start-first":
        runs = ready + wait
        return Swap(was_running, runs + REPORT + ends, runs)
    may_start = begin + ends + REPORT + TELL if ends else told
    return Swap(was_running, begin + ends, max(ready, may_start) + wait)


def _pulled(service: Service, machine: str, now: int, shelves: Mapping[str, Shelf], pulls: dict[str, int]) -> int:
    """When the machine has the image: it is asked for by the first task that comes there."""
    reference, shelf = images.full(service.spec.task.container.image), shelves.get(machine)
    image = images.find(reference)
    if image is None or shelf is None or reference in shelf.images:
        return now
    return pulls.setdefault(machine, now + image.size * SECOND // shelf.bandwidth)


def _ends(old: Task | None) -> int:
    """How long it takes until the container of the old task has stopped, from the wish, µs; 0 if nothing has to stop."""
    if old is None or old.state > RUNNING:
        return 0
    if old.state < STARTING:
        return TELL
    return TELL + (LEAVE_TIME if old.networks else 0) + _stopping(old)


def _stopping(task: Task) -> int:
    """From the stop signal to the exit: as the image has it, until the grace period is over."""
    spec = task.spec.container
    image = images.find(images.full(spec.image))
    ends = images.stopping(image, (*spec.command, *spec.args)) if image else None
    return min(ends[0], spec.stop_grace_period) if ends else spec.stop_grace_period


def until_well(service: Service) -> int | None:
    """From the start of a container until its task counts as running, µs; None if it will not run, or not for good."""
    spec = service.spec.task.container
    image = images.find(images.full(spec.image))
    if image is None or images.lifetime(image, (*spec.command, *spec.args)):
        return None
    check, known = health.complete(spec.healthcheck, image.check), health.begun()
    if check is None:
        return image.start
    age = 0
    while known.status == health.STARTING:
        age += health.pause(check, known, age)
        result = _checked(image, check, age)
        known, age = health.judged(check, known, 0, result), result.end
    return image.start + age if known.status == health.HEALTHY else None


def _checked(image: images.Image, check: HealthConfig, age: int) -> Probed:
    """A check that begins so long after the start: what it runs ends by itself, or it asks the application."""
    command = images.lifetime(image, check.test[1:]) if check.test[1:] else None
    took, code = (image.probe + command[0], command[1]) if command else (image.probe, int(age < image.well))
    return health.ended(age, age + took, code) if took < check.timeout else health.timed_out(check, age)


def _steps(service: Service, order: str, old: Task | None, wait: int) -> list[tuple[str, int]]:
    """The parts of one replacement, where the image is there and its process has stopped after it was made."""
    image = images.find(images.full(service.spec.task.container.image))
    start = image.start if image else 0
    begun = [("starting", start), ("until healthy", wait - start), ("its node reports", REPORT)]
    if order == "start-first" or not _ends(old):
        return [("scheduling", SCHEDULE), ("its node is told", TELL), ("making the container", CREATE_TIME), *begun]
    leaving = LEAVE_TIME if old and old.networks and old.state >= STARTING else 0
    stop = [("leaving load balancers", leaving), ("stopping", _ends(old) - TELL - leaving)]
    return [
        ("the old one's node is told", TELL),
        *stop,
        ("it reports", REPORT),
        ("the new one's node is told", TELL),
        *begun,
    ]


# ── all of them ──────────────────────────────────────────────────────────────────────────────────────────────────


def _levels(swaps: Iterable[Swap], slots: bool) -> Iterator[int]:
    """By how many the slots with a running task, or the running tasks, differ from now: at each change."""
    changes = [(0, 0)]
    for swap in swaps:
        stays = slots and swap.was_running and swap.stops >= swap.runs  # the slot is never empty
        if swap.was_running and not stays:
            changes.append((swap.stops, -1))
        if not stays:
            changes.append((swap.runs, 1))
    return accumulate(change for _, change in sorted(changes))
