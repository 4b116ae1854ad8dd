"""What is asked, as plain data: when requests arrive, how much work each is, and how patient the clients are.

People write seconds and requests per second; instants come out in whole µs. All chance comes from dice handed in. Each
law has its mean as a field, so a load can be read off: requests per second × mean work ÷ capacity.
"""

from collections.abc import Iterator, Sequence
from itertools import cycle, islice, pairwise, takewhile
from math import cos, exp, fsum, inf, isfinite, log, pi, sin, sqrt
from numbers import Real
from typing import Any, NamedTuple

from ..effects import SECOND, Dice
from ..overlay.balancers import Request, mix

CLIENTS = 1 << 52  # keeps the lot that draws the client apart from those that draw a task

LEAST, LARGEST = 1e-9, 1e9  # of rates, times and speeds: beyond them there are only slips of the pen
BRIEFEST = 1e-6  # s: as long as a busy time, or a period, must be

BREATH = 1_000  # µs until a client that has failed and does not think asks again: else no time might pass

# ── when: arrivals, at a mean rate per second ────────────────────────────────────────────────────────────────────


class Poisson(NamedTuple):
    """Independent clients: each moment is as good as any other."""

    rate: float


class Bursts(NamedTuple):
    """Busy times and silent times in turn, each of random length; `rate` is the mean over both."""

    rate: float
    on: float = 1.0  # s, mean length of a busy time
    off: float = 4.0


class Diurnal(NamedTuple):
    """More by day, less by night: a wave around the mean, in 48 steps a period."""

    rate: float
    swing: float = 0.8  # 0: none, 1: nothing at all at night
    period: float = 86_400.0  # s


class Recorded(NamedTuple):
    """As many as were counted in each second of a real system, over and over; played faster to reach another rate."""

    counts: tuple[int, ...]  # `counted(path)` reads them
    rate: float = 0.0  # 0: as recorded


class Closed(NamedTuple):
    """So many clients; each waits for its answer, thinks, and asks again. Slow answers slow them down."""

    clients: int
    think: float = 1.0  # s, mean of an exponential law


Arrivals = Poisson | Bursts | Diurnal | Recorded | Closed

# ── how much: service times, s on a replica of speed 1 ───────────────────────────────────────────────────────────


class Exponential(NamedTuple):
    """Mostly short, some long; how long it has taken says nothing about how long it will take."""

    mean: float


class Constant(NamedTuple):
    """All the same."""

    mean: float


class Lognormal(NamedTuple):
    """Many factors multiplied: a long tail, all moments finite."""

    mean: float
    spread: float = 2.0  # standard deviation ÷ mean


class Pareto(NamedTuple):
    """A heavy tail: of twice the length there are 2^-shape as many. Up to shape 2 the variance is infinite."""

    mean: float
    shape: float = 2.2


class Measured(NamedTuple):
    """As measured on a real system: evenly spaced quantiles, from the least to the largest, scaled to the mean."""

    mean: float
    quantiles: tuple[float, ...]  # `counted(path)` reads them


Service = Exponential | Constant | Lognormal | Pareto | Measured

# ── all of it ────────────────────────────────────────────────────────────────────────────────────────────────────


class Workload(NamedTuple):
    """What is asked of a service. With more than one request a connection, arrivals are those of connections."""

    arrivals: Arrivals
    service: Service
    per_connection: int = 1  # requests, one after the other
    pause: float = 0.0  # s between an answer and the next request of its connection
    clients: int = 0  # addresses that connections come from; 0: each has its own
    timeout: float | None = None  # s until a client gives up
    retries: int = 0  # how often it asks again then
    backoff: float = 0.0  # s that it waits before


def mean_rate(law: Arrivals) -> float:
    """Arrivals per second in the long run."""
    match law:
        case Closed():
            raise ValueError("a closed loop has no rate of its own: its clients wait for answers")
        case Recorded(counts, rate):
            return rate or sum(counts) / len(counts)
    return law.rate


def load(workload: Workload, capacity: float) -> float:
    """ρ: the share of their time that replicas with this total speed must work, retries apart."""
    _positive("the capacity", capacity)
    return mean_rate(workload.arrivals) * workload.per_connection * workload.service.mean / capacity


def steady(workload: Workload, capacity: float) -> float:
    """The load, refused where the queue would grow for ever."""
    busy = load(workload, capacity)
    if busy >= 1:
        rate = mean_rate(workload.arrivals) * workload.per_connection
        raise ValueError(
            f"{rate:g} requests a second, {workload.service.mean:g} s each, are {busy:.4g} times what the replicas "
            f"can serve: the queue grows without end; below {rate / busy:g} a second it is steady"
        )
    return busy


def at_load(arrivals: Arrivals, service: Service, load: float, capacity: float = 1.0) -> Arrivals:
    """The same arrivals at the rate that makes this load."""
    if isinstance(arrivals, Closed):
        raise ValueError("a closed loop cannot be set to a load: choose how many clients there are")
    return arrivals._replace(rate=_positive("the load", load) * _positive("the capacity", capacity) / service.mean)


def variation(law: Service) -> float:
    """The squared coefficient of variation: variance ÷ mean². Queues grow with it where the first come are first served."""
    match law:
        case Exponential():
            return 1.0
        case Constant():
            return 0.0
        case Lognormal(_, spread):
            return spread * spread
        case Pareto(_, shape):
            return 1 / (shape * (shape - 2)) if shape > 2 else inf
        case Measured(_, quantiles):
            steps = list(pairwise(quantiles))
            return fsum(a * a + a * b + b * b for a, b in steps) / len(steps) / 3 / mean_of(quantiles) ** 2 - 1
    raise ValueError(f"{law!r} is no law of service times")


# ── drawing: event by event ──────────────────────────────────────────────────────────────────────────────────────


def arrival_times(law: Arrivals, dice: Dice, number: int | None = None, seconds: float = inf) -> list[int]:
    """The first so many instants, in µs, or all within so many seconds."""
    check_arrivals(law)
    mean_rate(law)  # a closed loop has none
    if number is None and not isfinite(seconds):
        raise ValueError("say how many arrivals, or for how many seconds")
    instants = takewhile(lambda instant: instant < seconds, _instants(law, dice))
    return [round(instant * SECOND) for instant in islice(instants, number)]


def service_time(law: Service, dice: Dice) -> int:
    """The work of one request in µs, at least 1."""
    return max(1, round(_seconds(law, dice) * SECOND))


def think_time(mean: float, dice: Dice) -> int:
    """A pause in µs, exponential."""
    return round(-log(1 - dice.random()) * mean * SECOND)


def request(workload: Workload, number: int) -> Request:
    """The connection of this number, and whose it is."""
    return Request(number, address(client_of(workload, number)) if workload.clients else "")


def client_of(workload: Workload, number: int) -> int:
    """Which of the clients makes this connection."""
    return mix(number + CLIENTS) % workload.clients


def address(client: int) -> str:
    """Clients sit in 100.64.0.0/10."""
    return f"100.{64 + (client >> 16) % 64}.{client >> 8 & 255}.{client & 255}"


def _instants(law: Arrivals, dice: Dice) -> Iterator[float]:
    """Without end, in seconds."""
    if isinstance(law, Recorded):
        yield from _replayed(law, dice)
        return
    # An exponential amount of expectation lies between two arrivals; the rate says how long it takes to collect it.
    passed, wanted = 0.0, -log(1 - dice.random())
    for length, rate in _pieces(law, dice):
        end, now = passed + length, passed
        while rate > 0 and now + wanted / rate < end:
            now += wanted / rate
            yield now
            wanted = -log(1 - dice.random())
        if rate > 0:
            wanted -= (end - now) * rate
        passed = end


def _pieces(law: Arrivals, dice: Dice) -> Iterator[tuple[float, float]]:
    """(length in s, rate), without end."""
    match law:
        case Poisson(rate):
            yield inf, rate
        case Bursts(rate, on, off):
            while True:
                yield -log(1 - dice.random()) * on, rate * (on + off) / on
                yield -log(1 - dice.random()) * off, 0.0
        case Diurnal():
            yield from cycle(day(law))


def day(law: Diurnal) -> list[tuple[float, float]]:
    """(length in s, rate) of each step of a period, beginning at the mean on the way up."""
    steps = [sin(2 * pi * (step + 0.5) / 48) for step in range(48)]
    return [(law.period / 48, law.rate * (1 + law.swing * height)) for height in steps]


def _replayed(law: Recorded, dice: Dice) -> Iterator[float]:
    second, start = sum(law.counts) / len(law.counts) / mean_rate(law), 0.0
    for count in cycle(law.counts):
        yield from sorted(start + dice.random() * second for _ in range(count))
        start += second


def _seconds(law: Service, dice: Dice) -> float:
    """One draw, by the inverse of its distribution."""
    match law:
        case Exponential(mean):
            return -log(1 - dice.random()) * mean
        case Constant(mean):
            return mean
        case Lognormal(mean, spread):
            variance = log(1 + spread * spread)
            normal = sqrt(-2 * log(1 - dice.random())) * cos(2 * pi * dice.random())  # Box and Muller
            return mean * exp(sqrt(variance) * normal - variance / 2)
        case Pareto(mean, shape):
            return mean * (shape - 1) / shape * (1 - dice.random()) ** (-1 / shape)
        case Measured(mean, quantiles):
            place = dice.random() * (len(quantiles) - 1)
            low = quantiles[int(place)]
            return (low + (quantiles[int(place) + 1] - low) * (place % 1)) * mean / mean_of(quantiles)
    raise ValueError(f"{law!r} is no law of service times")


def mean_of(quantiles: Sequence[float]) -> float:
    """Of a law whose density is flat between quantiles."""
    return (fsum(quantiles) - (quantiles[0] + quantiles[-1]) / 2) / (len(quantiles) - 1)


# ── reading and checking ─────────────────────────────────────────────────────────────────────────────────────────


def counted(path: str) -> tuple[int, ...]:
    """A column of numbers under a heading, as in `data/arrivals/`."""
    with open(path, encoding="utf-8") as file:
        return tuple(int(line) for line in file.read().split()[1:])


def checked(workload: Workload) -> Workload:
    """The same, or one sentence about what is wrong with it."""
    if not isinstance(workload, Workload):
        raise ValueError(f"{workload!r} is no workload, such as Workload(Poisson(80), Exponential(0.1))")
    check_arrivals(workload.arrivals)
    check_service(workload.service)
    _whole("requests per connection", workload.per_connection, 1)
    _whole("clients", workload.clients, 0)
    _whole("retries", workload.retries, 0)
    _not_negative("the pause", workload.pause)
    _not_negative("the wait before a retry", workload.backoff)
    if workload.timeout is not None:
        _positive("the time-out", workload.timeout)
    return workload


def check_arrivals(law: Arrivals) -> None:
    """Refuse what cannot be drawn."""
    match law:
        case Recorded(counts, rate):
            if not _is_list(counts) or any(type(one) is not int or one < 0 for one in counts) or not any(counts):
                raise ValueError("recorded arrivals need counts of 0 and more, and one above 0")
            if rate != 0 or isinstance(rate, bool):
                _positive("the rate of arrivals", rate)
        case Closed(clients, think):
            _whole("clients", clients, 1)
            _not_negative("the time to think", think)
        case Poisson(rate) | Bursts(rate) | Diurnal(rate):
            _positive("the rate of arrivals", rate)
        case _:
            raise ValueError(f"{law!r} is no law of arrivals, such as Poisson(rate=80)")
    if isinstance(law, Bursts):
        _lasting("the length of busy times", law.on)
        _not_negative("the length of silent times", law.off)
    if isinstance(law, Diurnal):
        _lasting("the period", law.period)
        _not_negative("the swing", law.swing)
        if law.swing > 1:
            raise ValueError(f"the swing must be from 0 to 1, not {law.swing!r}")


def check_service(law: Service) -> None:
    """Refuse what cannot be drawn."""
    if not isinstance(law, Service):
        raise ValueError(f"{law!r} is no law of service times, such as Exponential(mean=0.1)")
    _positive("the mean service time", law.mean)
    if isinstance(law, Lognormal):
        _not_negative("the spread", law.spread)
    if isinstance(law, Pareto) and not _positive("the shape of a Pareto law", law.shape) > 1:
        raise ValueError(f"the shape of a Pareto law must be above 1, else it has no mean, not {law.shape!r}")
    if isinstance(law, Measured):
        steps = law.quantiles
        known = _is_list(steps) and len(steps) > 1 and all(_is_number(step) for step in steps)
        if not known or list(steps) != sorted(steps) or steps[0] < 0 or not 0 < steps[-1] <= LARGEST:
            raise ValueError("quantiles must be two or more numbers of 0 and more, in order, the last above 0")


def _positive(what: str, value: float) -> float:
    if not _is_number(value) or not 0 < value < inf:
        raise ValueError(f"{what} must be a number above 0, not {value!r}")
    if not LEAST <= value <= LARGEST:
        raise ValueError(f"{what} must be from {LEAST:g} to {LARGEST:g}, not {value!r}")
    return value


def _lasting(what: str, value: float) -> None:
    if _positive(what, value) < BRIEFEST:
        raise ValueError(f"{what} must be a microsecond at least, not {value!r} s")


def _not_negative(what: str, value: float) -> None:
    if not _is_number(value) or not 0 <= value < inf:
        raise ValueError(f"{what} must be a number of 0 or more, not {value!r}")
    if value > LARGEST:
        raise ValueError(f"{what} must be {LARGEST:g} at the most, not {value!r}")


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_list(values: Any) -> bool:
    return isinstance(values, Sequence) and not isinstance(values, str)


def _whole(what: str, value: int, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{what} must be a whole number from {least} on, not {value!r}")
