"""Arrivals and work drawn one after the other, each from a stream of chance of its own."""

from collections.abc import Sequence
from math import inf, log
from typing import NamedTuple

from ..effects import SECOND, Dice
from .workload import (
    Arrivals,
    Exponential,
    Poisson,
    Service,
    Workload,
    arrival_times,
    check_arrivals,
    mean_rate,
    service_time,
)

MOST = 20_000_000  # requests of one run: more do not fit into memory


class Requests(NamedTuple):
    """Instants and work in µs, given one by one: what a test or another form of the run hands in."""

    arrived: Sequence[int]
    work: Sequence[int]


def dice_for(seed: int | str, what: str) -> Dice:
    """A stream of chance of its own: nobody shifts what others draw. Only `random()` may be used."""
    from random import Random  # at first use: `import swarmlab` stays light

    return Random(f"{seed}/{what}")


def drawn(load: Workload, seconds: float | None, number: int | None, seed: int | str) -> Requests:
    """All arrivals, and all work."""
    arrived = instants(load.arrivals, dice_for(seed, "arrivals"), number, seconds)
    return Requests(arrived, works(load.service, dice_for(seed, "work"), len(arrived)))


def instants(law: Arrivals, dice: Dice, number: int | None, seconds: float | None) -> list[int]:
    """When they arrive, µs."""
    limit = inf if seconds is None else seconds
    check_arrivals(law)
    expected = min(inf if number is None else number, mean_rate(law) * limit)
    if MOST < expected < inf:
        raise ValueError(f"{expected:.3g} requests are too many: {MOST} at the most")
    if not isinstance(law, Poisson) or number is None:
        return arrival_times(law, dice, number, limit)
    now, found, rate, chance = 0.0, [], law.rate, dice.random  # the same, only faster
    for _ in range(number):
        now -= log(1 - chance()) / rate
        if now >= limit:
            break
        found.append(round(now * SECOND))
    return found


def works(law: Service, dice: Dice, number: int) -> list[int]:
    """So many draws of `service_time`."""
    if isinstance(law, Exponential):  # the same, only faster
        mean, chance = law.mean, dice.random
        return [max(1, round(-log(1 - chance()) * mean * SECOND)) for _ in range(number)]
    return [service_time(law, dice) for _ in range(number)]


def check_requests(requests: Requests) -> None:
    """Refuse what cannot be: lists of whole µs are meant."""
    if not isinstance(requests.arrived, Sequence) or not isinstance(requests.work, Sequence):
        raise ValueError("requests need two lists: instants, and works")
    arrived, work = list(requests.arrived), list(requests.work)
    whole = all(type(value) is int and value >= 0 for value in (*arrived, *work))
    if not whole or arrived != sorted(arrived) or (work and len(work) != len(arrived)):
        raise ValueError("requests need instants in order and as many works, whole µs of 0 and more")
