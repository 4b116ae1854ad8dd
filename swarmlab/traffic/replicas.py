"""What serves requests outside a cluster, and what may happen to it."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from ..effects import NEVER
from ..overlay.balancers import HEAVIEST
from ..overlay.queues import Queue, Shared

MOST = 100_000  # replicas, and workers of one
SLOWEST, FASTEST = 1e-6, 1e6

# ── what people say ──────────────────────────────────────────────────────────────────────────────────────────────


class Replica(NamedTuple):
    """One task that serves."""

    name: str
    workers: int = 1
    speed: float = 1.0  # 1/3: three times slower
    room: int = NEVER  # requests that may wait; others are refused
    sharing: bool = False  # the workers share themselves among all requests, instead of one after the other
    weight: int = 1


class Add(NamedTuple):
    """From now on there is one more."""

    at: float  # s
    replica: Replica


class Leave(NamedTuple):
    """Weight 0: no new connections; those that are open go on."""

    at: float
    name: str


class Fail(NamedTuple):
    """It is gone, and what it was working on is lost: its clients hear it at once, or, if it is `silent`, never."""

    at: float
    name: str
    silent: bool = False


class Pace(NamedTuple):
    """From now on it works at this speed."""

    at: float
    name: str
    speed: float


Change = Add | Leave | Fail | Pace


# ── reading and checking ─────────────────────────────────────────────────────────────────────────────────────────


def replicas_of(replicas: int | Sequence[Replica]) -> tuple[Replica, ...]:
    """`3` is web.1, web.2, web.3, one worker each."""
    if isinstance(replicas, bool) or not isinstance(replicas, int | Sequence) or isinstance(replicas, str):
        raise ValueError(f"replicas={replicas!r}: a whole number, or a list of Replica")
    if isinstance(replicas, int):
        if replicas > MOST:
            raise ValueError(f"replicas={replicas!r}: {MOST} at the most")
        replicas = [Replica(f"web.{number + 1}") for number in range(replicas)]
    made = tuple(replicas)
    if not made:
        raise ValueError("no destination available: there are no replicas")
    for one in made:
        _check(one)
    if len({one.name for one in made}) < len(made):
        raise ValueError("two replicas have the same name")
    return made


def _check(one: Replica) -> None:
    if not isinstance(one, Replica) or not isinstance(one.name, str):
        raise ValueError(f"{one!r} is no replica, such as Replica('web.1')")
    if type(one.workers) is not int or not 1 <= one.workers <= MOST:
        raise ValueError(f"{one.name} has {one.workers!r} workers: a whole number from 1 on, {MOST} at the most")
    if type(one.room) is not int or one.room < 0 or type(one.weight) is not int or one.weight < 0:
        raise ValueError(f"{one.name}: room and weight are whole numbers from 0 on")
    if one.weight > HEAVIEST:
        raise ValueError(f"{one.name} has a weight of {one.weight}: {HEAVIEST} at the most")
    _check_speed(one.name, one.speed)


def _check_speed(name: str, speed: Any) -> None:
    if isinstance(speed, bool) or not isinstance(speed, int | float) or not SLOWEST <= speed <= FASTEST:
        raise ValueError(f"the speed of {name} must be a number above 0, {FASTEST:g} at the most, not {speed!r}")


def plan_of(made: tuple[Replica, ...], changes: Iterable[Change]) -> list[Change]:
    """The changes in order of time, or one sentence about what is wrong with them."""
    plan = list(changes) if isinstance(changes, Iterable) else [changes]
    for change in plan:
        if not isinstance(change, Change):
            raise ValueError(f"{change!r} is no change, such as Leave(10, 'web.1')")
        if isinstance(change.at, bool) or not isinstance(change.at, int | float) or not 0 <= change.at < 1e9:
            raise ValueError(f"a change at {change.at!r} s: a time of 0 or more")
    plan.sort(key=lambda change: change.at)
    _check_changes(made, plan)
    return plan


def _check_changes(made: tuple[Replica, ...], plan: Sequence[Change]) -> None:
    """Whether all replicas are there when something happens to them."""
    names = [one.name for one in made]
    for change in plan:
        if isinstance(change, Add):
            _check(change.replica)
            if change.replica.name in names:
                raise ValueError(f"there is a replica {change.replica.name} already")
            names.append(change.replica.name)
        elif change.name not in names:
            raise ValueError(f"no such replica: {change.name} (there are {', '.join(names)})")
        elif isinstance(change, Pace):
            _check_speed(change.name, change.speed)


# ── at work ──────────────────────────────────────────────────────────────────────────────────────────────────────


class Server:
    """A replica at work, and what the balancer sees of it: it has all that a `Backend` has."""

    # fmt: off
    __slots__ = ("active", "armed", "free", "inactive", "latency", "machine", "open", "place", "queue", "speed", "task",
                 "up", "weight")
    # fmt: on

    def __init__(self, place: int, one: Replica):
        self.place, self.task, self.machine, self.weight = place, one.name, "", one.weight
        self.active = self.inactive = 0
        self.latency = 0.0  # µs, smoothed
        self.speed, self.up = one.speed, True
        self.free = [0] * one.workers  # a heap: when each worker has done all that it was given
        self.queue = (Shared if one.sharing else Queue)(one.workers, one.room, one.speed)
        self.armed = NEVER  # when somebody looks after the queue
        self.open: dict[Any, None] = {}  # requests that are here and not answered yet

    def hear(self, latency: int) -> None:
        """An answer came back after so many µs."""
        self.latency = self.latency + (latency - self.latency) / 8 if self.latency else float(latency)


def nonsense(balancer: Any, chosen: Any) -> str:
    """What is said of a balancer that chose nobody."""
    return f"the balancer {getattr(balancer, '__name__', balancer)} must return one of the backends, not {chosen!r}"
